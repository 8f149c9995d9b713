/* Softmax over the last axis. */

#define BLOCK 1024 /* numbers that stay in the nearest cache; one row may be more */

/* A_j = exp(Z_j - max_k Z_k) / sum_k exp(Z_k - max_k Z_k), finite at any Z. */
STAGE(softmax, Z, A, per_row)
{
    const long K = dim('k'), at_once = K < BLOCK ? BLOCK / K : 1;
    for (long i = first; i < last; i += at_once) {
        const long rows = last - i < at_once ? last - i : at_once;
        const float *z = Z.f + i * K;
        float *a = A.f + i * K;
        for (long r = 0; r < rows; r++) {
            const float top = largest_of(z + r * K, K);
            for (long j = r * K; j < (r + 1) * K; j++)
                a[j] = z[j] - top;
        }
        for (long j = 0; j < rows * K; j++)
            a[j] = exp_(a[j]);
        for (long r = 0; r < rows; r++) {
            const float inverse = 1.0f / sum_of(a + r * K, K);
            for (long j = r * K; j < (r + 1) * K; j++)
                a[j] *= inverse;
        }
    }
}
KERNEL(softmax, "mk, mk^, _", 'm', (Z, A, per_row))

/* dZ_j = A_j (dA_j - sum_k dA_k A_k) */
STAGE(softmax_backward, dA, A, dZ, product, per_row)
{
    const long K = dim('k');
    for (long i = first; i < last; i++) {
        const float *da = dA.f + i * K, *a = A.f + i * K;
        float *dz = dZ.f + i * K;
        const float sum = sum_of_products(da, a, K);
        for (long j = 0; j < K; j++)
            dz[j] = a[j] * (da[j] - sum);
    }
}
KERNEL(softmax_backward, "mk, mk, mk^, _, _", 'm', (dA, A, dZ, product, per_row))

#define SOFTMAX &kernel_softmax, &kernel_softmax_backward
