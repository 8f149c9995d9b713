/* The update of Adam. */

STAGE(adam, p, g, M, V, V_max, settings, work)
{
    const float beta1 = settings.f[0], beta2 = settings.f[1];
    const float epsilon = settings.f[2], rate = settings.f[3];
    for (long i = first; i < last; i++) {
        const float m = M.f[i] * beta1 + g.f[i];
        float v = V.f[i] * beta2 + g.f[i] * g.f[i];
        M.f[i] = m;
        V.f[i] = v;
        if (V_max.f)
            v = V_max.f[i] = at_least(v, V_max.f[i]);
        p.f[i] -= m / (sqrtf(v) + epsilon) * rate;
    }
}
KERNEL(adam, "n>, n, n>, n>, n>?, s, _", 'n', (p, g, M, V, V_max, settings, work))

#define ADAM &kernel_adam
