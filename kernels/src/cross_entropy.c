/* The cross-entropy of a softmax, with all digits where a probability rounds to 1. */

#define AT_ONCE 64 /* rows, so that what is kept of each stays in registers and the nearest cache */

/* Of n rows of Z, z_row apart: the losses, and the gradient transposed, E's rows being e_row apart. */
static void cross_entropy_rows(const float *Z, long z_row, const intptr_t *y, long n, long K,
                               float *losses, float *E, long e_row, float *p)
{
    const float limit = 88.0f - logf((float)K), tiny = 64 * 1.17549435e-38f;
    float top[AT_ONCE], shift[AT_ONCE], e[AT_ONCE], R[AT_ONCE], total[AT_ONCE], z[AT_ONCE];
    int32_t class[AT_ONCE];

    for (long i = 0; i < n; i++) {
        class[i] = (int32_t)y[i];
        top[i] = Z[i * z_row];
        e[i] = R[i] = z[i] = 0;
    }
    for (long k = 0; k < K; k++)
        for (long i = 0; i < n; i++) {
            const float each = Z[i * z_row + k];
            E[k * e_row + i] = each;
            top[i] = each > top[i] ? each : top[i];
        }
    /* A whole number, 0 where no exponential overflows and the largest does not vanish. */
    for (long i = 0; i < n; i++) {
        const float near = top[i] > 4 * limit ? 0 : at_most(at_least(top[i], 0), limit - 2);
        shift[i] = top[i] > -0.5f * limit && top[i] < limit - 2 ? 0 : truncf(top[i] - near);
    }
    for (long k = 0; k < K; k++)
        for (long i = 0; i < n; i++) {
            const float s = E[k * e_row + i] - shift[i], each = exp_(s);
            const int is_own = class[i] == k;
            E[k * e_row + i] = each;
            z[i] = is_own ? s : z[i];
            e[i] = is_own ? each : e[i];
            R[i] += is_own ? 0 : each;
        }
    for (long i = 0; i < n; i++) {
        const int far = e[i] <= tiny * R[i]; /* R / e may overflow, or both sides are 0 */
        total[i] = e[i] + R[i];
        losses[i] = far ? log_(total[i]) - z[i] : log1p_(R[i] / (far ? 1.0f : e[i]));
    }
    if (p)
        for (long i = 0; i < n; i++)
            p[i] = e[i] / total[i];
    for (long k = 0; k < K; k++)
        for (long i = 0; i < n; i++)
            E[k * e_row + i] = (class[i] == k ? -R[i] : E[k * e_row + i]) / total[i];
}

STAGE(cross_entropy, Z, y, losses, dL, p, index, rows, far)
{
    const long m = dim('m'), K = dim('k');
    for (long i = first; i < last; i += AT_ONCE) {
        const long n = last - i < AT_ONCE ? last - i : AT_ONCE;
        cross_entropy_rows(Z.f + i * K, K, y.i + i, n, K, losses.f + i, dL.f + i, m,
                           p.f ? p.f + i : 0);
    }
}
KERNEL(cross_entropy, "mk, i:m, m^, t:mk>, m>?, _, _, _", 'm',
       (Z, y, losses, dL, p, index, rows, far))

#define CROSS_ENTROPY &kernel_cross_entropy
