/* Normalization of each feature over all rows. */

static long a_line(const shapes *shapes_) { return line_length(dim('m'), dim('n')); }
static long three_lines(const shapes *shapes_) { return 3 * a_line(shapes_); }

/* The mean of all A_i, and that of all (A_i - mean)^2. */
STAGE(batch_statistics_sum, A, mean, variance, lines, square, part)
{
    const long n = dim('n'), size = (last - first) * n;
    sum_features(A.f + first * n, size, n, a_line(shapes_), sums);
}
STAGE(batch_statistics_mean, A, mean, variance, lines, square, part)
{
    add_parts(shapes_, 0, dim('n'), mean.f);
    for (long j = 0; j < dim('n'); j++)
        mean.f[j] /= (float)dim('m');
}
STAGE(batch_statistics_squares, A, mean, variance, lines, square, part)
{
    const long n = dim('n'), size = (last - first) * n, length = a_line(shapes_);
    float line[LINE];
    sum_feature_squares(A.f + first * n, along(line, mean.f, n, length), size, n, length, sums);
}
STAGE(batch_statistics_variance, A, mean, variance, lines, square, part)
{
    add_parts(shapes_, 0, dim('n'), variance.f);
    for (long j = 0; j < dim('n'); j++)
        variance.f[j] /= (float)dim('m');
}
KERNEL_OF_STAGES(batch_statistics, "mn, n>, n>, _, _, _", a_line,
                 (A, mean, variance, lines, square, part),
                 {stage_batch_statistics_sum, 'm'}, {stage_batch_statistics_mean, 0},
                 {stage_batch_statistics_squares, 'm'}, {stage_batch_statistics_variance, 0})

/* A_hat = (A - mean) inverse_std, Y = gamma A_hat + beta */
STAGE(batch_norm_inverse_std, A, mean, variance, gamma, beta, epsilon, Y, A_hat, inverse_std, lines)
{
    for (long j = 0; j < dim('n'); j++)
        inverse_std.f[j] = inverse_sqrt(variance.f[j], (float)epsilon.number);
}
STAGE(batch_norm, A, mean, variance, gamma, beta, epsilon, Y, A_hat, inverse_std, lines)
{
    const long n = dim('n'), length = a_line(shapes_), start = first * n;
    float work[4][LINE];
    normalize(A.f + start, last * n - start, length, along(work[0], mean.f, n, length),
              along(work[1], inverse_std.f, n, length), along(work[2], gamma.f, n, length),
              along(work[3], beta.f, n, length), A_hat.f + start, Y.f + start);
}
KERNEL_OF_STAGES(batch_norm, "mn, n, n, n, n, #, mn^, mn>, n>, _", 0,
                 (A, mean, variance, gamma, beta, epsilon, Y, A_hat, inverse_std, lines),
                 {stage_batch_norm_inverse_std, 0}, {stage_batch_norm, 'm'})

/* dgamma = sum_i dY_i A_hat_i, dbeta = sum_i dY_i; for m rows,
   dA_i = gamma inverse_std (dY_i - dbeta / m - A_hat_i dgamma / m), without the last two terms if
   the statistics do not depend on A. */
STAGE(batch_norm_backward_sums, dY, gamma, A_hat, inverse_std, of_batch, dgamma, dbeta, dA, lines,
      product, part)
{
    const long n = dim('n'), length = a_line(shapes_), start = first * n;
    sum_feature_products(dY.f + start, A_hat.f + start, last * n - start, n, length, sums,
                         sums + length);
}
STAGE(batch_norm_backward_lines, dY, gamma, A_hat, inverse_std, of_batch, dgamma, dbeta, dA, lines,
      product, part)
{
    const long n = dim('n'), m = dim('m'), length = a_line(shapes_);
    float *slope = sums, *through_mean = sums + length, *through_std = sums + 2 * length;
    add_parts(shapes_, 0, n, dbeta.f);
    add_parts(shapes_, length, n, dgamma.f);
    for (long j = 0; j < n; j++) {
        slope[j] = gamma.f[j] * inverse_std.f[j];
        through_mean[j] = slope[j] * dbeta.f[j] / (float)m;
        through_std[j] = slope[j] * dgamma.f[j] / (float)m;
    }
    for (int k = 0; k < 3; k++)
        repeat(sums + k * length, n, length);
}
STAGE(batch_norm_backward, dY, gamma, A_hat, inverse_std, of_batch, dgamma, dbeta, dA, lines,
      product, part)
{
    const long n = dim('n'), length = a_line(shapes_), start = first * n;
    const float *slope = shapes_->sums, *through_mean = slope + length;
    const float *through_std = through_mean + length;
    if (!dA.f)
        return;
    if (of_batch.number)
        normalize_back(dY.f + start, A_hat.f + start, last * n - start, length, slope,
                       through_mean, through_std, dA.f + start);
    else
        scale(dY.f + start, last * n - start, length, slope, dA.f + start);
}
KERNEL_OF_STAGES(batch_norm_backward, "mn, n, mn, n, #, n>, n>, mn>?, _, _, _", three_lines,
                 (dY, gamma, A_hat, inverse_std, of_batch, dgamma, dbeta, dA, lines, product, part),
                 {stage_batch_norm_backward_sums, 'm'}, {stage_batch_norm_backward_lines, 0},
                 {stage_batch_norm_backward, 'm'})

#define BATCH_NORM &kernel_batch_statistics, &kernel_batch_norm, &kernel_batch_norm_backward
