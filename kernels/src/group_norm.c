/* Normalization of groups of channels, each over all positions of an example. */

static long per_group(double groups, long C)
{
    return groups >= 1 && groups <= C ? C / (long)groups : C;
}

/* From each channel's sums over all positions to the means of the channel's group. */
static void over_group(float *sums, long C, long channels, long positions)
{
    for (long start = 0; start + channels <= C; start += channels) {
        const float mean = sum_of(sums + start, channels) / (float)(channels * positions);
        for (long c = start; c < start + channels; c++)
            sums[c] = mean;
    }
}

/* A_hat = (A - mean) inverse_std, Y = gamma A_hat + beta */
STAGE(group_norm, A, gamma, beta, groups, epsilon, Y, A_hat, mean, variance, inverse_std, lines,
      repeats, group_means, square)
{
    const long C = dim('c'), positions = dim('p') / dim('m'), size = positions * C;
    const long channels = per_group(groups.number, C), length = line_length(positions, C);
    float *means = sums, *inverse_stds = sums + length, *more = sums + 2 * length;
    const float *gammas = along(more, gamma.f, C, length);
    const float *betas = along(more + length, beta.f, C, length);
    for (long i = first; i < last; i++) {
        const float *a = A.f + i * size;
        float *mu = mean.f + i * C, *sigma2 = variance.f + i * C, *s = inverse_std.f + i * C;
        sum_features(a, size, C, length, means);
        over_group(means, C, channels, positions);
        repeat(means, C, length);
        sum_feature_squares(a, means, size, C, length, inverse_stds);
        over_group(inverse_stds, C, channels, positions);
        for (long c = 0; c < C; c++) {
            mu[c] = means[c];
            sigma2[c] = inverse_stds[c];
            s[c] = inverse_stds[c] = inverse_sqrt(sigma2[c], (float)epsilon.number);
        }
        repeat(inverse_stds, C, length);
        normalize(a, size, length, means, inverse_stds, gammas, betas, A_hat.f + i * size,
                  Y.f + i * size);
    }
}
static long lines_of_group_norm(const shapes *shapes_)
{
    return 4 * line_length(dim('p') / dim('m'), dim('c'));
}
KERNEL_OF_STAGES(group_norm, "pc, c, c, #, #, pc^, pc>, mc>, mc>, mc>, _, _, _, _",
                 lines_of_group_norm,
                 (A, gamma, beta, groups, epsilon, Y, A_hat, mean, variance, inverse_std, lines,
                  repeats, group_means, square),
                 {stage_group_norm, 'm'})

/* dgamma = sum_ip dY_ip A_hat_ip, dbeta = sum_ip dY_ip; with dA_hat = gamma dY and means over each
   group, dA = inverse_std (dA_hat - mean(dA_hat) - A_hat mean(dA_hat A_hat)). */
STAGE(group_norm_backward, dY, gamma, A_hat, inverse_std, groups, dgamma, dbeta, dA, product, lines,
      repeats, channel_sums, group_means, part)
{
    const long C = dim('c'), positions = dim('p') / dim('m'), size = positions * C;
    const long channels = per_group(groups.number, C), length = line_length(positions, C);
    float *for_beta = sums, *for_gamma = sums + C, *slope = sums + 2 * C;
    float *through_mean = slope + length, *through_std = through_mean + length;
    for (long i = first; i < last; i++) {
        const float *dy = dY.f + i * size, *a_hat = A_hat.f + i * size;
        sum_feature_products(dy, a_hat, size, C, length, through_mean, through_std);
        for (long c = 0; c < C; c++) {
            for_beta[c] += through_mean[c];
            for_gamma[c] += through_std[c];
        }
        if (!dA.f)
            continue;
        /* gamma is the same at all positions, so the means of dA_hat follow from these sums. */
        for (long c = 0; c < C; c++) {
            through_mean[c] *= gamma.f[c];
            through_std[c] *= gamma.f[c];
        }
        over_group(through_mean, C, channels, positions);
        over_group(through_std, C, channels, positions);
        for (long c = 0; c < C; c++) {
            const float s = inverse_std.f[i * C + c];
            slope[c] = s * gamma.f[c];
            through_mean[c] *= s;
            through_std[c] *= s;
        }
        for (int k = 0; k < 3; k++)
            repeat(slope + k * length, C, length);
        normalize_back(dy, a_hat, size, length, slope, through_mean, through_std,
                       dA.f + i * size);
    }
}
STAGE(group_norm_backward_sums, dY, gamma, A_hat, inverse_std, groups, dgamma, dbeta, dA, product,
      lines, repeats, channel_sums, group_means, part)
{
    add_parts(shapes_, 0, dim('c'), dbeta.f);
    add_parts(shapes_, dim('c'), dim('c'), dgamma.f);
}
static long lines_of_group_norm_backward(const shapes *shapes_)
{
    return 2 * dim('c') + 3 * line_length(dim('p') / dim('m'), dim('c'));
}
KERNEL_OF_STAGES(group_norm_backward, "pc, c, pc, mc, #, c>, c>, pc>?, _, _, _, _, _, _",
                 lines_of_group_norm_backward,
                 (dY, gamma, A_hat, inverse_std, groups, dgamma, dbeta, dA, product, lines,
                  repeats, channel_sums, group_means, part),
                 {stage_group_norm_backward, 'm'}, {stage_group_norm_backward_sums, 0})

#define GROUP_NORM &kernel_group_norm, &kernel_group_norm_backward
