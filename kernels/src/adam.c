/* The update of Adam. */

/* Of the parameters from `start` to before `stop`. */
static void adam_update(float *p, const float *g, float *M, float *V, float *V_max,
                        const float *settings, long start, long stop)
{
    const float beta1 = settings[0], beta2 = settings[1], epsilon = settings[2], rate = settings[3];
    const float decay = settings[4], shrink = settings[5];
    for (long i = start; i < stop; i++) {
        const float kept = p[i] * shrink, gradient = g[i] + decay * kept;
        const float m = M[i] * beta1 + gradient;
        float v = V[i] * beta2 + gradient * gradient;
        M[i] = m;
        V[i] = v;
        if (V_max)
            v = V_max[i] = at_least(v, V_max[i]);
        p[i] = kept - m / (sqrtf(v) + epsilon) * rate;
    }
}

STAGE(adam, p, g, M, V, V_max, settings, work)
{
    if (V_max.f)
        adam_update(p.f, g.f, M.f, V.f, V_max.f, settings.f, first, last);
    else
        adam_update(p.f, g.f, M.f, V.f, 0, settings.f, first, last);
}
KERNEL(adam, "n>, n, n>, n>, n>?, s, _", 'n', (p, g, M, V, V_max, settings, work))

#define ADAM &kernel_adam
