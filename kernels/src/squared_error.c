/* The mean of squared differences, and its gradient at once. */

/* D = Z - y, losses_i = mean_j D_ij^2 and dL = scale (2 D / k) for some rows. */
ALWAYS_INLINE void squared_rows(int rows, long k, const float *Z, const float *y, float scale,
                                float *losses, float *D, float *dL)
{
    const float slope = 2.0f / (float)k;
    lanes sums[TOGETHER];
    float total[TOGETHER];
    UNROLLED for (int i = 0; i < rows; i++)
        sums[i] = all_lanes(0);
    for (long j = 0; j < k; j += LANES)
        UNROLLED for (int i = 0; i < rows; i++) {
            const long at = i * k + j, some = k - j;
            const lanes d = load_some(Z + at, some) - load_some(y + at, some);
            sums[i] += d * d;
            if (D != dL)
                store_some(D + at, d, some);
            store_some(dL + at, d * slope * scale, some);
        }
    sums_of_lanes(rows, sums, total);
    UNROLLED for (int i = 0; i < rows; i++)
        losses[i] = total[i] / (float)k;
}

/* As above; dL is the gradient of scale times the sum of the losses. */
STAGE(squared_error, Z, y, scale, losses, D, dL)
{
    const long k = dim('k');
    const float share = (float)scale.number;
    long i = first;
    for (; k == 1 && i < last; i++) {
        const float d = Z.f[i] - y.f[i];
        losses.f[i] = d * d;
        D.f[i] = d;
        dL.f[i] = d * 2 * share;
    }
#define SQUARED_ROWS(rows)                                                                         \
    squared_rows(rows, k, Z.f + i * k, y.f + i * k, share, losses.f + i, D.f + i * k,              \
                 dL.f + i * k)
    for (; k <= SHORT && i + TOGETHER <= last; i += TOGETHER)
        SQUARED_ROWS(TOGETHER);
    for (; i < last; i++)
        SQUARED_ROWS(1);
#undef SQUARED_ROWS
}
KERNEL(squared_error, "mk, mk, #, m^, mk>, mk>", 'm', (Z, y, scale, losses, D, dL))

#define SQUARED_ERROR &kernel_squared_error
