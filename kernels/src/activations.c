/* Functions of one number, applied to every element, each with its derivative directly below. */

STAGE(relu, Z, A)
{
    for (long i = first; i < last; i++)
        A.f[i] = at_least(Z.f[i], 0);
}
KERNEL(relu, "n, n^", 'n', (Z, A))

STAGE(relu_backward, dA, A, dZ, positive)
{
    for (long i = first; i < last; i++)
        dZ.f[i] = dA.f[i] * (A.f[i] > 0 ? 1.0f : 0.0f);
}
KERNEL(relu_backward, "n, n, n^, _", 'n', (dA, A, dZ, positive))

STAGE(leaky_relu, Z, slope, A)
{
    const float s = (float)slope.number;
    for (long i = first; i < last; i++)
        A.f[i] = at_least(Z.f[i], s * Z.f[i]);
}
KERNEL(leaky_relu, "n, #, n^", 'n', (Z, slope, A))

STAGE(leaky_relu_backward, dA, Z, slope, dZ, below, positive, negative)
{
    const float s = (float)slope.number;
    for (long i = first; i < last; i++)
        dZ.f[i] = dA.f[i] * (Z.f[i] > 0 ? 1.0f : s);
}
KERNEL(leaky_relu_backward, "n, n, #, n^, _, _, _", 'n',
       (dA, Z, slope, dZ, below, positive, negative))

STAGE(elu, Z, alpha, scale, A, above)
{
    const float a = (float)alpha.number, s = (float)scale.number;
    for (long i = first; i < last; i++) {
        const float z = Z.f[i];
        A.f[i] = s * (at_least(z, 0) + a * expm1_(at_most(z, 0)));
    }
}
KERNEL(elu, "n, #, #, n^, _", 'n', (Z, alpha, scale, A, above))

STAGE(elu_backward, dA, Z, alpha, scale, dZ, slope, below, positive, negative)
{
    const float a = (float)alpha.number, s = (float)scale.number;
    for (long i = first; i < last; i++) {
        const float z = Z.f[i], e = a * exp_(at_most(z, 0));
        dZ.f[i] = s * dA.f[i] * (z > 0 ? 1.0f : e);
    }
}
KERNEL(elu_backward, "n, n, #, #, n^, _, _, _, _", 'n',
       (dA, Z, alpha, scale, dZ, slope, below, positive, negative))

/* A = Z phi(Z), and phi(Z) unless that would lie in A: it is wanted by the derivative alone. */
#define TIMES(phi, Z, Phi, A)                                                                      \
    if (Phi == A)                                                                                  \
        for (long i = first; i < last; i++)                                                        \
            A[i] = Z[i] * phi(Z[i]);                                                               \
    else                                                                                           \
        for (long i = first; i < last; i++)                                                        \
            A[i] = Z[i] * (Phi[i] = phi(Z[i]));

STAGE(gelu, Z, Phi, A, work)
{
    TIMES(normal_cdf_, Z.f, Phi.f, A.f)
}
KERNEL(gelu, "n, n>, n^, _", 'n', (Z, Phi, A, work))

STAGE(gelu_backward, dA, Z, Phi, dZ, slope)
{
    for (long i = first; i < last; i++)
        dZ.f[i] = dA.f[i] * (Phi.f[i] + Z.f[i] * normal_pdf_(Z.f[i]));
}
KERNEL(gelu_backward, "n, n, n, n^, _", 'n', (dA, Z, Phi, dZ, slope))

#define GELU_SCALE 0.797884561f /* sqrt(2 / pi) */
#define GELU_CUBIC 0.044715f

static inline float near_normal_cdf(float z)
{
    return 0.5f * (1.0f + tanh_((1.0f + z * z * GELU_CUBIC) * z * GELU_SCALE));
}

STAGE(gelu_tanh, Z, Phi, A)
{
    TIMES(near_normal_cdf, Z.f, Phi.f, A.f)
}
KERNEL(gelu_tanh, "n, n>, n^", 'n', (Z, Phi, A))

STAGE(gelu_tanh_backward, dA, Z, Phi, dZ, slope, rest)
{
    for (long i = first; i < last; i++) {
        const float z = Z.f[i], phi = Phi.f[i];
        const float du = (1.0f + z * z * (3.0f * GELU_CUBIC)) * (2.0f * GELU_SCALE);
        dZ.f[i] = dA.f[i] * (phi + z * du * phi * (1.0f - phi));
    }
}
KERNEL(gelu_tanh_backward, "n, n, n, n^, _, _", 'n', (dA, Z, Phi, dZ, slope, rest))

STAGE(silu, Z, sigma, A)
{
    TIMES(sigmoid_, Z.f, sigma.f, A.f)
}
KERNEL(silu, "n, n>, n^", 'n', (Z, sigma, A))

STAGE(silu_backward, dA, Z, sigma, dZ, slope)
{
    for (long i = first; i < last; i++) {
        const float s = sigma.f[i];
        dZ.f[i] = dA.f[i] * s * (1.0f + Z.f[i] * (1.0f - s));
    }
}
KERNEL(silu_backward, "n, n, n, n^, _", 'n', (dA, Z, sigma, dZ, slope))

STAGE(mish, Z, e, T, A)
{
    for (long i = first; i < last; i++) {
        const float z = Z.f[i], exp_z = exp_(at_most(z, 20)); /* T is 1 above */
        const float n = exp_z * (exp_z + 2.0f), t = n / (n + 2.0f);
        e.f[i] = exp_z;
        T.f[i] = t;
        A.f[i] = z * t;
    }
}
KERNEL(mish, "n, n>, n>, n^", 'n', (Z, e, T, A))

STAGE(mish_backward, dA, Z, e, T, dZ, sigma, slope)
{
    for (long i = first; i < last; i++) {
        const float t = T.f[i], s = e.f[i] / (1.0f + e.f[i]);
        dZ.f[i] = dA.f[i] * (t + Z.f[i] * (1.0f - t * t) * s);
    }
}
KERNEL(mish_backward, "n, n, n, n, n^, _, _", 'n', (dA, Z, e, T, dZ, sigma, slope))

STAGE(sigmoid, Z, A)
{
    for (long i = first; i < last; i++)
        A.f[i] = sigmoid_(Z.f[i]);
}
KERNEL(sigmoid, "n, n^", 'n', (Z, A))

STAGE(sigmoid_backward, dA, A, dZ, slope)
{
    for (long i = first; i < last; i++)
        dZ.f[i] = dA.f[i] * A.f[i] * (1.0f - A.f[i]);
}
KERNEL(sigmoid_backward, "n, n, n^, _", 'n', (dA, A, dZ, slope))

STAGE(tanh, Z, A)
{
    for (long i = first; i < last; i++)
        A.f[i] = tanh_(Z.f[i]);
}
KERNEL(tanh, "n, n^", 'n', (Z, A))

STAGE(tanh_backward, dA, A, dZ, slope)
{
    for (long i = first; i < last; i++)
        dZ.f[i] = dA.f[i] * (1.0f - A.f[i] * A.f[i]);
}
KERNEL(tanh_backward, "n, n, n^, _", 'n', (dA, A, dZ, slope))

STAGE(softplus, Z, A, above)
{
    for (long i = first; i < last; i++)
        A.f[i] = log1p_(exp_(-fabsf(Z.f[i]))) + at_least(Z.f[i], 0);
}
KERNEL(softplus, "n, n^, _", 'n', (Z, A, above))

STAGE(softplus_backward, dA, Z, dZ, slope)
{
    for (long i = first; i < last; i++)
        dZ.f[i] = dA.f[i] * sigmoid_(Z.f[i]);
}
KERNEL(softplus_backward, "n, n, n^, _", 'n', (dA, Z, dZ, slope))

#define ACTIVATIONS &kernel_relu, &kernel_relu_backward, &kernel_leaky_relu, \
    &kernel_leaky_relu_backward, &kernel_elu, &kernel_elu_backward, &kernel_gelu, \
    &kernel_gelu_backward, &kernel_gelu_tanh, &kernel_gelu_tanh_backward, &kernel_silu, \
    &kernel_silu_backward, &kernel_mish, &kernel_mish_backward, &kernel_sigmoid, \
    &kernel_sigmoid_backward, &kernel_tanh, &kernel_tanh_backward, &kernel_softplus, \
    &kernel_softplus_backward
