/* The update of Adam. */

/* Of the parameters from `start` to before `stop`. */
static void adam_update(float *p, const float *g, float *M, float *V, float *V_max,
                        const float *settings, long start, long stop)
{
    const float beta1 = settings[0], beta2 = settings[1], epsilon = settings[2], rate = settings[3];
    const float decay = settings[4], shrink = settings[5];
    for (long i = start; i < stop; i += LANES) {
        const long some = stop - i;
        const lanes kept = load_some(p + i, some) * shrink;
        const lanes gradient = load_some(g + i, some) + kept * decay;
        const lanes m = load_some(M + i, some) * beta1 + gradient;
        lanes v = load_some(V + i, some) * beta2 + gradient * gradient;
        store_some(M + i, m, some);
        store_some(V + i, v, some);
        if (V_max) {
            v = larger_or_nan(v, load_some(V_max + i, some));
            store_some(V_max + i, v, some);
        }
        store_some(p + i, kept - quotient_of(m, root_of(v) + epsilon) * rate, some);
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
