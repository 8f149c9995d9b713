/* A vector register as a type: LANES floats on which one operation works. Sums that are kept in
   lanes have an order of their own, which no compiler option changes. */

#ifndef LANES_H
#define LANES_H

#include <string.h>

#if !defined(__GNUC__) /* one lane: plain C */
#define LANES 1
typedef float lanes;
#else
#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
typedef float lanes __attribute__((vector_size(4 * LANES)));
#endif

#if defined(__GNUC__)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 16")
#else
#define ALWAYS_INLINE static inline
#define UNROLLED
#endif

ALWAYS_INLINE lanes load(const float *from)
{
    lanes x;
    memcpy(&x, from, sizeof x);
    return x;
}

ALWAYS_INLINE void store(float *to, lanes x) { memcpy(to, &x, sizeof x); }

ALWAYS_INLINE lanes all_lanes(float x)
{
#if LANES == 1
    return x;
#else
    return x - (lanes){0};
#endif
}

/* The first n of the lanes; n may be more than there are. */
static inline void store_some(float *to, lanes x, long n)
{
    if (n >= LANES)
        store(to, x);
    else
        memcpy(to, &x, n * sizeof(float));
}

/* In halves, so that the order is fixed. */
static inline float sum_of_lanes(lanes x)
{
    float each[LANES];
    memcpy(each, &x, sizeof x);
    for (int n = LANES / 2; n; n /= 2)
        for (int i = 0; i < n; i++)
            each[i] += each[i + n];
    return each[0];
}

/* n rounded up to whole registers. */
static inline long padded(long n) { return (n + LANES - 1) / LANES * LANES; }

#endif
