/* Functions of one number, written so that a loop over them becomes vector instructions: without
   branches, calls or tables.

   Their errors, in units in the last place, as tests/kernels/test_compiled_numbers.py measures them
   over all orders of magnitude: exp and expm1 1, softplus 2, sigmoid and tanh 2.5, the normal
   distribution function 18 for |x| < 5. */

#ifndef NUMBERS_H
#define NUMBERS_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float from_bits(int32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline int32_t bits_of(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* As NumPy's minimum and maximum: NaN where x is NaN. */
static inline float at_least(float x, float low) { return x < low ? low : x; }
static inline float at_most(float x, float high) { return x > high ? high : x; }

/* x = k log 2 + r with |r| <= log(2) / 2: returns r, and k in *k. Adding 1.5 2^23 rounds to an
   integer; log 2 is the sum of two floats, of which the first has trailing zeros, so that its
   product with k is exact. */
static inline float reduced(float x, int32_t *k)
{
    const float rounder = 12582912.0f;
    const float shifted = x * 1.44269504f + rounder;
    const float n = shifted - rounder;
    *k = bits_of(shifted) - bits_of(rounder);
    return (x - n * 0.693359375f) + n * 2.12194440e-4f;
}

/* 2^k for k from -126 to 127, and 0 for -127. Unsigned, since the k of a NaN is any number. */
static inline float power_of_two(int32_t k)
{
    return from_bits((int32_t)((uint32_t)(k + 127) << 23));
}

/* (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2. */
static inline float exp_tail(float r)
{
    float p = 1.98993925e-4f;
    p = p * r + 1.39337332e-3f;
    p = p * r + 8.33329834e-3f;
    p = p * r + 4.16664642e-2f;
    p = p * r + 1.66666667e-1f;
    return p * r + 0.5f;
}

/* exp(x) for x <= 88; 0 where it would be denormal. */
static inline float exp_(float x)
{
    int32_t k;
    const float r = reduced(at_least(x, -88.0f), &k);
    return (exp_tail(r) * r * r + r + 1.0f) * power_of_two(k);
}

/* exp(x) - 1 with all its digits, for x <= 88. */
static inline float expm1_(float x)
{
    int32_t k;
    const float r = reduced(at_least(x, -87.0f), &k);
    const float p = exp_tail(r) * r * r + r, scale = power_of_two(k);
    return p * scale + (scale - 1.0f);
}

/* log(x) for a normal number: x = 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), and
   log(1 + f) = 2 atanh(s) with s = f / (2 + f), by the coefficients of FreeBSD's e_logf.c. */
static inline float log_(float x)
{
    const int32_t root_half = 0x3f3504f3, above = bits_of(x) - root_half;
    const float k = (float)(above >> 23);
    const float f = from_bits((above & 0x007fffff) + root_half) - 1.0f;
    const float s = f / (2.0f + f), t = s * s, half = 0.5f * f * f;
    float p = 0.24279078841f;
    p = p * t + 0.28498786688f;
    p = p * t + 0.40000972152f;
    p = p * t + 0.66666662693f;
    return s * (half + p * t) + k * 9.0580006145e-6f - half + f + k * 0.69313812256f;
}

/* log(1 + x) for x >= 0, with what 1 + x leaves out. */
static inline float log1p_(float x)
{
    const float u = 1.0f + x;
    return log_(u) + (x - (u - 1.0f)) / u;
}

/* tanh(x) = e / (e + 2) with e = exp(2 x) - 1, which is exact beside 0. */
static inline float tanh_(float x)
{
    const float e = expm1_(at_most(at_least(2.0f * x, -20.0f), 20.0f));
    return e / (e + 2.0f);
}

static inline float sigmoid_(float x) { return 1.0f / (1.0f + exp_(at_most(-x, 88.0f))); }

/* The density and the distribution function of the standard normal distribution, in the form and
   with the coefficients of plainnet.kernels.normal. */
static inline float normal_pdf_(float x) { return exp_(-0.5f * x * x) * 0.398942280f; }

static inline float normal_cdf_(float x)
{
    const float t = 2.0f / (2.0f + fabsf(x) * 0.707106781f), s = 2.0f * t - 1.0f;
    float p = 8.000738161697865e-06f;
    p = p * s + 0.00033373589390861395f;
    p = p * s - 0.00022791096599906395f;
    p = p * s - 0.0020487347604965724f;
    p = p * s + 0.0017940662497394014f;
    p = p * s + 0.008703812035218805f;
    p = p * s - 0.009880019324020219f;
    p = p * s - 0.046874888178861346f;
    p = p * s + 0.047343887612987114f;
    p = p * s + 0.6726422171554879f;
    p = p * s - 0.6717940916807759f;
    const float tail = 0.5f * t * exp_(p - 0.5f * x * x);
    return x > 0 ? 1.0f - tail : tail;
}

#endif
