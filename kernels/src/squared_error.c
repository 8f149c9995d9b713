/* The mean of squared differences, and its gradient at once. */

/* D = Z - y, losses_i = mean_j D_ij^2, and dL = 2 D / k, the gradient of their sum. */
STAGE(squared_error, Z, y, losses, D, dL)
{
    const long k = dim('k');
    const float slope = 2.0f / (float)k;
    for (long i = first; i < last; i++) {
        lanes sums = all_lanes(0);
        float total = 0;
        long j = i * k;
        for (; j + LANES <= (i + 1) * k; j += LANES) {
            const lanes d = load(Z.f + j) - load(y.f + j);
            store(D.f + j, d);
            store(dL.f + j, d * slope);
            sums += d * d;
        }
        for (; j < (i + 1) * k; j++) {
            const float d = Z.f[j] - y.f[j];
            D.f[j] = d;
            dL.f[j] = d * slope;
            total += d * d;
        }
        if (k >= LANES)
            total += sum_of_lanes(sums);
        losses.f[i] = total / (float)k;
    }
}
KERNEL(squared_error, "mk, mk, m^, mk>, mk>", 'm', (Z, y, losses, D, dL))

#define SQUARED_ERROR &kernel_squared_error
