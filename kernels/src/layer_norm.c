/* Normalization of each row by itself, with its mean and without. */

/* A_hat = (A - mean) inverse_std, Y = gamma A_hat + beta */
STAGE(layer_norm, A, gamma, beta, epsilon, Y, A_hat, mean, variance, inverse_std)
{
    const long n = dim('n');
    for (long i = first; i < last; i++) {
        const float *a = A.f + i * n;
        float *a_hat = A_hat.f + i * n, *y = Y.f + i * n;
        const float mu = sum_of(a, n) / (float)n, sigma2 = sum_of_squares(a, mu, n) / (float)n;
        const float s = inverse_sqrt(sigma2, (float)epsilon.number);
        mean.f[i] = mu;
        variance.f[i] = sigma2;
        inverse_std.f[i] = s;
        for (long j = 0; j < n; j += LANES) {
            const long some = n - j;
            const lanes each = (load_some(a + j, some) - mu) * s;
            if (a_hat != y)
                store_some(a_hat + j, each, some);
            store_some(y + j, load_some(gamma.f + j, some) * each + load_some(beta.f + j, some),
                       some);
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

/* for_gamma += dY A_hat and for_beta += dY over the rows, where for_beta may be NULL. */
static void add_gradients(const float *dY, const float *A_hat, long rows, long n, float *for_gamma,
                          float *for_beta)
{
    for (long i = 0; i < rows; i++)
        for (long j = 0; j < n; j += LANES) {
            const long some = n - j;
            const lanes d = load_some(dY + i * n + j, some);
            const lanes product = d * load_some(A_hat + i * n + j, some);
            store_some(for_gamma + j, load_some(for_gamma + j, some) + product, some);
            if (for_beta)
                store_some(for_beta + j, load_some(for_beta + j, some) + d, some);
        }
}

/* dA = inverse_std (dA_hat - mean(dA_hat) - A_hat mean(dA_hat A_hat)), and the sums of dY and of
   dY A_hat over the rows. */
STAGE(layer_norm_backward, dY, gamma, A_hat, inverse_std, dgamma, dbeta, dA, product, means, part)
{
    const long n = dim('n');
    float *for_gamma = sums, *for_beta = sums + n;
    for (long i = first; i < last; i++) {
        const float *dy = dY.f + i * n, *a_hat = A_hat.f + i * n;
        float mean, mean_product;
        add_gradients(dy, a_hat, 1, n, for_gamma, for_beta);
        if (!dA.f)
            continue;
        means_of_gradient(dy, gamma.f, a_hat, n, &mean, &mean_product);
        for (long j = 0; j < n; j += LANES) {
            const long some = n - j;
            const lanes d = load_some(dy + j, some) * load_some(gamma.f + j, some);
            const lanes through_std = load_some(a_hat + j, some) * mean_product;
            store_some(dA.f + i * n + j, (d - through_std - mean) * inverse_std.f[i], some);
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
    for (long i = first; i < last; i++) {
        const float *a = A.f + i * n;
        float *a_hat = A_hat.f + i * n, *y = Y.f + i * n;
        const float q = sum_of_squares(a, 0, n) / (float)n;
        const float s = inverse_sqrt(q, (float)epsilon.number);
        mean_square.f[i] = q;
        inverse_rms.f[i] = s;
        for (long j = 0; j < n; j += LANES) {
            const long some = n - j;
            const lanes each = load_some(a + j, some) * s;
            if (a_hat != y)
                store_some(a_hat + j, each, some);
            store_some(y + j, load_some(gamma.f + j, some) * each, some);
        }
    }
}
KERNEL(rms_norm, "mn, n, #, mn^, mn>, m>, m>", 'm',
       (A, gamma, epsilon, Y, A_hat, mean_square, inverse_rms))

/* dA = inverse_rms (dA_hat - A_hat mean(dA_hat A_hat)), and the sum of dY A_hat over the rows. */
STAGE(rms_norm_backward, dY, gamma, A_hat, inverse_rms, dgamma, dA, product, means, part)
{
    const long n = dim('n');
    for (long i = first; i < last; i++) {
        const float *dy = dY.f + i * n, *a_hat = A_hat.f + i * n;
        float mean, mean_product;
        add_gradients(dy, a_hat, 1, n, sums, 0);
        if (!dA.f)
            continue;
        means_of_gradient(dy, gamma.f, a_hat, n, &mean, &mean_product);
        for (long j = 0; j < n; j += LANES) {
            const long some = n - j;
            const lanes d = load_some(dy + j, some) * load_some(gamma.f + j, some);
            const lanes through_rms = load_some(a_hat + j, some) * mean_product;
            store_some(dA.f + i * n + j, (d - through_rms) * inverse_rms.f[i], some);
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
