/* Normalization of each row by itself, with its mean and without. */

/* The sum of (A_ij - center_i)^2 over each of some short rows, or of A_ij itself. */
ALWAYS_INLINE void sums_of_rows(int rows, long n, const float *A, const float *center, float *to)
{
    lanes sums[TOGETHER];
    UNROLLED for (int i = 0; i < rows; i++)
        sums[i] = all_lanes(0);
    for (long j = 0; j < n; j += LANES)
        UNROLLED for (int i = 0; i < rows; i++) {
            const lanes a = load_some(A + i * n + j, n - j);
            if (center) {
                const lanes d = first_lanes(a - center[i], n - j, 0);
                sums[i] += d * d;
            } else
                sums[i] += a;
        }
    sums_of_lanes(rows, sums, to);
}

/* A_hat = (A - mean) inverse_std, Y = gamma A_hat + beta of some rows; without `beta`, the mean is
   taken to be 0. */
ALWAYS_INLINE void normalize_rows(int rows, int is_short, long n, const float *A, const float *gamma,
                                  const float *beta, float epsilon, float *Y, float *A_hat,
                                  float *mean, float *variance, float *inverse_std)
{
    float mu[TOGETHER] = {0}, sigma2[TOGETHER], s[TOGETHER];
    if (beta) {
        if (is_short)
            sums_of_rows(rows, n, A, 0, mu);
        else
            mu[0] = sum_of(A, n);
        UNROLLED for (int i = 0; i < rows; i++)
            mu[i] /= (float)n;
        memcpy(mean, mu, rows * sizeof *mu);
    }
    if (is_short)
        sums_of_rows(rows, n, A, mu, sigma2);
    else
        sigma2[0] = sum_of_squares(A, mu[0], n);
    UNROLLED for (int i = 0; i < rows; i++)
        sigma2[i] /= (float)n;
    UNROLLED for (int i = 0; i < rows; i++)
        s[i] = inverse_sqrt(sigma2[i], epsilon);
    memcpy(variance, sigma2, rows * sizeof *sigma2);
    memcpy(inverse_std, s, rows * sizeof *s);
    for (long j = 0; j < n; j += LANES) {
        const long some = n - j;
        const lanes of_gamma = load_some(gamma + j, some);
        const lanes of_beta = beta ? load_some(beta + j, some) : all_lanes(0);
        UNROLLED for (int i = 0; i < rows; i++) {
            const lanes a_hat = (load_some(A + i * n + j, some) - mu[i]) * s[i];
            if (A_hat != Y)
                store_some(A_hat + i * n + j, a_hat, some);
            store_some(Y + i * n + j, of_gamma * a_hat + of_beta, some);
        }
    }
}

#define NORMALIZE(beta, mean, variance, inverse_std)                                               \
    const long n = dim('n');                                                                       \
    long i = first;                                                                                \
    for (; n <= SHORT && i + TOGETHER <= last; i += TOGETHER)                                      \
        NORMALIZE_ROWS(TOGETHER, 1, beta, mean, variance, inverse_std);                            \
    for (; n <= SHORT && i < last; i++)                                                            \
        NORMALIZE_ROWS(1, 1, beta, mean, variance, inverse_std);                                   \
    for (; i < last; i++)                                                                          \
        NORMALIZE_ROWS(1, 0, beta, mean, variance, inverse_std);
#define NORMALIZE_ROWS(rows, is_short, beta, mean, variance, inverse_std)                          \
    normalize_rows(rows, is_short, n, A.f + i * n, gamma.f, beta, (float)epsilon.number,           \
                   Y.f + i * n, A_hat.f + i * n, mean, variance.f + i, inverse_std.f + i)

STAGE(layer_norm, A, gamma, beta, epsilon, Y, A_hat, mean, variance, inverse_std)
{
    NORMALIZE(beta.f, mean.f + i, variance, inverse_std)
}
KERNEL(layer_norm, "mn, n, n, #, mn^, mn>, m>, m>, m>", 'm',
       (A, gamma, beta, epsilon, Y, A_hat, mean, variance, inverse_std))

STAGE(rms_norm, A, gamma, epsilon, Y, A_hat, mean_square, inverse_rms)
{
    NORMALIZE(0, 0, mean_square, inverse_rms)
}
KERNEL(rms_norm, "mn, n, #, mn^, mn>, m>, m>", 'm',
       (A, gamma, epsilon, Y, A_hat, mean_square, inverse_rms))

/* dA = inverse_std (dA_hat - mean(dA_hat) - A_hat mean(dA_hat A_hat)) of some rows, where dA_hat is
   gamma dY; without `for_beta`, without the first mean. for_gamma += dY A_hat and for_beta += dY
   over these rows. */
ALWAYS_INLINE void normalize_rows_backward(int rows, long n, const float *dY, const float *gamma,
                                           const float *A_hat, const float *inverse_std,
                                           float *for_gamma, float *for_beta, float *dA)
{
    lanes sums[TOGETHER], products[TOGETHER];
    float mean[TOGETHER] = {0}, mean_product[TOGETHER];
    UNROLLED for (int i = 0; i < rows; i++)
        sums[i] = products[i] = all_lanes(0);
    for (long j = 0; j < n; j += LANES) {
        const long some = n - j;
        const lanes of_gamma = load_some(gamma + j, some);
        lanes dgamma = load_some(for_gamma + j, some);
        lanes dbeta = for_beta ? load_some(for_beta + j, some) : all_lanes(0);
        UNROLLED for (int i = 0; i < rows; i++) {
            const lanes dy = load_some(dY + i * n + j, some);
            const lanes a_hat = load_some(A_hat + i * n + j, some), d = dy * of_gamma;
            dgamma += dy * a_hat;
            dbeta += dy;
            sums[i] += d;
            products[i] += d * a_hat;
        }
        store_some(for_gamma + j, dgamma, some);
        if (for_beta)
            store_some(for_beta + j, dbeta, some);
    }
    if (!dA)
        return;
    if (for_beta)
        sums_of_lanes(rows, sums, mean);
    sums_of_lanes(rows, products, mean_product);
    UNROLLED for (int i = 0; i < rows; i++) {
        mean[i] /= (float)n;
        mean_product[i] /= (float)n;
    }
    for (long j = 0; j < n; j += LANES) {
        const long some = n - j;
        const lanes of_gamma = load_some(gamma + j, some);
        UNROLLED for (int i = 0; i < rows; i++) {
            const lanes d = load_some(dY + i * n + j, some) * of_gamma;
            const lanes through_std = load_some(A_hat + i * n + j, some) * mean_product[i];
            store_some(dA + i * n + j, (d - through_std - mean[i]) * inverse_std[i], some);
        }
    }
}

#define NORMALIZE_BACKWARD(inverse_std, for_beta)                                                  \
    const long n = dim('n');                                                                       \
    long i = first;                                                                                \
    for (; n <= SHORT && i + TOGETHER <= last; i += TOGETHER)                                      \
        NORMALIZE_ROWS_BACKWARD(TOGETHER, inverse_std, for_beta);                                  \
    for (; i < last; i++)                                                                          \
        NORMALIZE_ROWS_BACKWARD(1, inverse_std, for_beta);
#define NORMALIZE_ROWS_BACKWARD(rows, inverse_std, for_beta)                                       \
    normalize_rows_backward(rows, n, dY.f + i * n, gamma.f, A_hat.f + i * n, inverse_std.f + i,    \
                            sums, for_beta, dA.f ? dA.f + i * n : 0)

STAGE(layer_norm_backward, dY, gamma, A_hat, inverse_std, dgamma, dbeta, dA, product, means, part)
{
    NORMALIZE_BACKWARD(inverse_std, sums + n)
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

STAGE(rms_norm_backward, dY, gamma, A_hat, inverse_rms, dgamma, dA, product, means, part)
{
    NORMALIZE_BACKWARD(inverse_rms, 0)
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
