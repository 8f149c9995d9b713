/* Normalization of each row by itself, with its mean and without. */

/* A_hat = (A - mean) inverse_std, Y = gamma A_hat + beta */
STAGE(layer_norm, A, gamma, beta, epsilon, Y, A_hat, mean, variance, inverse_std)
{
    const long n = dim('n');
    const float *restrict g = gamma.f, *restrict b = beta.f;
    for (long i = first; i < last; i++) {
        const float *a = A.f + i * n;
        float *restrict a_hat = A_hat.f + i * n, *y = Y.f + i * n;
        const float mu = sum_of(a, n) / (float)n, sigma2 = sum_of_squares(a, mu, n) / (float)n;
        const float s = inverse_sqrt(sigma2, (float)epsilon.number);
        mean.f[i] = mu;
        variance.f[i] = sigma2;
        inverse_std.f[i] = s;
        for (long j = 0; j < n; j++) {
            const float each = (a[j] - mu) * s;
            a_hat[j] = each;
            y[j] = g[j] * each + b[j];
        }
    }
}
KERNEL(layer_norm, "mn, n, n, #, mn^, mn>, m>, m>, m>", 'm',
       (A, gamma, beta, epsilon, Y, A_hat, mean, variance, inverse_std))

/* The means of dA_hat_j and of dA_hat_j A_hat_j over a row, where dA_hat = gamma dY. */
static inline void means_of_gradient(const float *dy, const float *gamma, const float *a_hat,
                                     long n, float *mean, float *mean_product)
{
    lanes sums[2] = {0}, products[2] = {0}, d;
    long j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES)
        UNROLLED for (int k = 0; k < 2; k++) {
            d = load(dy + j + k * LANES) * load(gamma + j + k * LANES);
            sums[k] += d;
            products[k] += d * load(a_hat + j + k * LANES);
        }
    for (; j < n; j += LANES) {
        d = load_some(dy + j, n - j) * load_some(gamma + j, n - j);
        sums[0] += d;
        products[0] += d * load_some(a_hat + j, n - j);
    }
    *mean = sum_of_lanes(sums[0] + sums[1]) / (float)n;
    *mean_product = sum_of_lanes(products[0] + products[1]) / (float)n;
}

/* dA = inverse_std (dA_hat - mean(dA_hat) - A_hat mean(dA_hat A_hat)), and the sums of dY and of
   dY A_hat over the rows. */
STAGE(layer_norm_backward, dY, gamma, A_hat, inverse_std, dgamma, dbeta, dA, product, means, part)
{
    const long n = dim('n');
    const float *restrict g = gamma.f;
    float *restrict for_gamma = sums, *restrict for_beta = sums + n;
    for (long i = first; i < last; i++) {
        const float *dy = dY.f + i * n, *restrict a_hat = A_hat.f + i * n;
        if (dA.f) {
            float *da = dA.f + i * n, mean, mean_product;
            const float s = inverse_std.f[i];
            means_of_gradient(dy, g, a_hat, n, &mean, &mean_product);
            for (long j = 0; j < n; j++) {
                const float d = dy[j];
                for_beta[j] += d;
                for_gamma[j] += d * a_hat[j];
                da[j] = (g[j] * d - a_hat[j] * mean_product - mean) * s;
            }
        } else {
            for (long j = 0; j < n; j++) {
                for_beta[j] += dy[j];
                for_gamma[j] += dy[j] * a_hat[j];
            }
        }
    }
}
STAGE(layer_norm_backward_sums, dY, gamma, A_hat, inverse_std, dgamma, dbeta, dA, product, means,
      part)
{
    const long n = dim('n');
    add_parts(shapes_, 0, n, dgamma.f);
    add_parts(shapes_, n, n, dbeta.f);
}
static long sums_of_layer_norm(const shapes *shapes_) { return 2 * dim('n'); }
KERNEL_OF_STAGES(layer_norm_backward, "mn, n, mn, m, n>, n>, mn>?, _, _, _", sums_of_layer_norm,
                 (dY, gamma, A_hat, inverse_std, dgamma, dbeta, dA, product, means, part),
                 {stage_layer_norm_backward, 'm'}, {stage_layer_norm_backward_sums, 0})

/* A_hat = A inverse_rms, Y = gamma A_hat */
STAGE(rms_norm, A, gamma, epsilon, Y, A_hat, mean_square, inverse_rms)
{
    const long n = dim('n');
    const float *restrict g = gamma.f;
    for (long i = first; i < last; i++) {
        const float *a = A.f + i * n;
        float *restrict a_hat = A_hat.f + i * n, *y = Y.f + i * n;
        const float q = sum_of_squares(a, 0, n) / (float)n;
        const float s = inverse_sqrt(q, (float)epsilon.number);
        mean_square.f[i] = q;
        inverse_rms.f[i] = s;
        for (long j = 0; j < n; j++) {
            const float each = a[j] * s;
            a_hat[j] = each;
            y[j] = g[j] * each;
        }
    }
}
KERNEL(rms_norm, "mn, n, #, mn^, mn>, m>, m>", 'm',
       (A, gamma, epsilon, Y, A_hat, mean_square, inverse_rms))

/* dA = inverse_rms (dA_hat - A_hat mean(dA_hat A_hat)), and the sum of dY A_hat over the rows. */
STAGE(rms_norm_backward, dY, gamma, A_hat, inverse_rms, dgamma, dA, product, means, part)
{
    const long n = dim('n');
    const float *restrict g = gamma.f;
    float *restrict for_gamma = sums;
    for (long i = first; i < last; i++) {
        const float *dy = dY.f + i * n, *restrict a_hat = A_hat.f + i * n;
        if (dA.f) {
            float *da = dA.f + i * n, mean, mean_product;
            const float s = inverse_rms.f[i];
            means_of_gradient(dy, g, a_hat, n, &mean, &mean_product);
            for (long j = 0; j < n; j++) {
                const float d = dy[j];
                for_gamma[j] += d * a_hat[j];
                da[j] = (g[j] * d - a_hat[j] * mean_product) * s;
            }
        } else {
            for (long j = 0; j < n; j++)
                for_gamma[j] += dy[j] * a_hat[j];
        }
    }
}
STAGE(rms_norm_backward_sums, dY, gamma, A_hat, inverse_rms, dgamma, dA, product, means, part)
{
    add_parts(shapes_, 0, dim('n'), dgamma.f);
}
static long sums_of_rms_norm(const shapes *shapes_) { return dim('n'); }
KERNEL_OF_STAGES(rms_norm_backward, "mn, n, mn, m, n>, mn>?, _, _, _", sums_of_rms_norm,
                 (dY, gamma, A_hat, inverse_rms, dgamma, dA, product, means, part),
                 {stage_rms_norm_backward, 'm'}, {stage_rms_norm_backward_sums, 0})

#define LAYER_NORM &kernel_layer_norm, &kernel_layer_norm_backward, &kernel_rms_norm, \
    &kernel_rms_norm_backward
