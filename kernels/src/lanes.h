/* A vector register as a type: LANES floats on which one operation works. Sums that are kept in
   lanes have an order of their own, which no compiler option changes. */

#ifndef LANES_H
#define LANES_H

#include <float.h>
#include <math.h>
#include <string.h>

#if defined(__GNUC__) && defined(__AVX__)
#include <immintrin.h>
#endif

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
typedef float four __attribute__((vector_size(16)));
typedef int places __attribute__((vector_size(16)));
#endif

#if defined(__GNUC__)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 16")
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep") /* no turn of the loop reads what another has written */
#endif
#else
#define ALWAYS_INLINE static inline
#define UNROLLED
#define INDEPENDENT
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

/* The first n of the lanes, at least one; n may be more than there are. The others are 0. */
#if LANES == 16
ALWAYS_INLINE __mmask16 some_lanes(long n) { return (__mmask16)(n >= LANES ? -1 : (1 << n) - 1); }
ALWAYS_INLINE lanes load_some(const float *from, long n)
{
    return _mm512_maskz_loadu_ps(some_lanes(n), from);
}
ALWAYS_INLINE void store_some(float *to, lanes x, long n)
{
    _mm512_mask_storeu_ps(to, some_lanes(n), x);
}
#elif LANES == 8 && defined(__AVX2__)
ALWAYS_INLINE __m256i some_lanes(long n)
{
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < LANES ? (int)n : LANES), numbers);
}
ALWAYS_INLINE lanes load_some(const float *from, long n)
{
    return _mm256_maskload_ps(from, some_lanes(n));
}
ALWAYS_INLINE void store_some(float *to, lanes x, long n)
{
    if (n >= LANES) /* a masked store is slow on some processors */
        store(to, x);
    else
        _mm256_maskstore_ps(to, some_lanes(n), x);
}
#else
ALWAYS_INLINE lanes load_some(const float *from, long n)
{
    float each[LANES] = {0};
    if (n >= LANES)
        return load(from);
    UNROLLED for (int i = 0; i < LANES - 1; i++)
        if (i < n)
            each[i] = from[i];
    return load(each);
}
ALWAYS_INLINE void store_some(float *to, lanes x, long n)
{
    float each[LANES];
    if (n >= LANES) {
        store(to, x);
        return;
    }
    store(each, x);
    UNROLLED for (int i = 0; i < LANES - 1; i++)
        if (i < n)
            to[i] = each[i];
}
#endif

/* The first n of the lanes of x, which may be none or all of them; in the others, `otherwise`. */
ALWAYS_INLINE lanes first_lanes(lanes x, long n, float otherwise)
{
#if LANES == 16
    return _mm512_mask_mov_ps(all_lanes(otherwise), some_lanes(n < 0 ? 0 : n), x);
#elif LANES == 8 && defined(__AVX2__)
    return _mm256_blendv_ps(all_lanes(otherwise), x, _mm256_castsi256_ps(some_lanes(n)));
#else
    float each[LANES];
    memcpy(each, &x, sizeof x);
    for (int i = 0; i < LANES; i++)
        each[i] = i < n ? each[i] : otherwise;
    memcpy(&x, each, sizeof x);
    return x;
#endif
}

/* Yes or no for each lane: combined by &, | and ~. */
#if LANES == 16
typedef __mmask16 flags;
ALWAYS_INLINE flags equal(lanes a, lanes b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
ALWAYS_INLINE lanes ones_where(flags yes) { return _mm512_maskz_mov_ps(yes, all_lanes(1)); }
ALWAYS_INLINE lanes chosen(flags yes, lanes a, lanes b) { return _mm512_mask_mov_ps(b, yes, a); }
ALWAYS_INLINE flags above_or_nan(lanes a, lanes b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) | _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}
#elif LANES == 1
typedef int flags;
ALWAYS_INLINE flags equal(lanes a, lanes b) { return a == b; }
ALWAYS_INLINE lanes ones_where(flags yes) { return (float)(yes & 1); }
ALWAYS_INLINE lanes chosen(flags yes, lanes a, lanes b) { return yes & 1 ? a : b; }
ALWAYS_INLINE flags above_or_nan(lanes a, lanes b) { return a > b || a != a; }
#else
typedef int flags __attribute__((vector_size(4 * LANES)));
ALWAYS_INLINE flags equal(lanes a, lanes b) { return a == b; }
ALWAYS_INLINE lanes ones_where(flags yes) { return (lanes)(yes & (flags)all_lanes(1)); }
ALWAYS_INLINE lanes chosen(flags yes, lanes a, lanes b)
{
    return (lanes)((yes & (flags)a) | (~yes & (flags)b));
}
ALWAYS_INLINE flags above_or_nan(lanes a, lanes b) { return (a > b) | (a != a); }
#endif

/* The root of x >= 0, and a / b for b >= 0, where AVX-512 takes b within the normal numbers: exact to
   one unit in the last place. Its instructions for them take three times as long as an estimate of
   14 bits and a step of Newton's method. */
#if LANES == 16
ALWAYS_INLINE lanes root_of(lanes x)
{
    const lanes estimate = _mm512_rsqrt14_ps(x), root = x * estimate;
    const flags finite = _mm512_cmp_ps_mask(x, all_lanes(FLT_MAX), _CMP_LE_OQ);
    const flags positive = _mm512_cmp_ps_mask(x, all_lanes(0), _CMP_GT_OQ);
    return chosen(finite & positive, root + (x - root * root) * (estimate * 0.5f), x);
}
ALWAYS_INLINE lanes quotient_of(lanes a, lanes b)
{
    b = _mm512_min_ps(all_lanes(FLT_MAX), b); /* these are b where that is NaN */
    b = _mm512_max_ps(all_lanes(FLT_MIN), b);
    const lanes estimate = _mm512_rcp14_ps(b), quotient = a * estimate;
    return quotient + (a - quotient * b) * estimate;
}
#else
ALWAYS_INLINE lanes root_of(lanes x)
{
#if LANES == 8
    return _mm256_sqrt_ps(x);
#else
    float each[LANES];
    memcpy(each, &x, sizeof x);
    for (int i = 0; i < LANES; i++)
        each[i] = sqrtf(each[i]);
    memcpy(&x, each, sizeof x);
    return x;
#endif
}
ALWAYS_INLINE lanes quotient_of(lanes a, lanes b) { return a / b; }
#endif

/* As NumPy's maximum: NaN where either is. */
ALWAYS_INLINE lanes larger_or_nan(lanes a, lanes b) { return chosen(above_or_nan(a, b), a, b); }

/* Likewise, but where x is NaN, y. */
ALWAYS_INLINE lanes larger_number(lanes x, lanes y)
{
#if LANES == 16
    return _mm512_max_ps(x, y);
#elif LANES == 8
    return _mm256_max_ps(x, y);
#else
    float of_x[LANES], of_y[LANES];
    memcpy(of_x, &x, sizeof x);
    memcpy(of_y, &y, sizeof y);
    for (int i = 0; i < LANES; i++)
        of_y[i] = of_x[i] > of_y[i] ? of_x[i] : of_y[i];
    memcpy(&y, of_y, sizeof y);
    return y;
#endif
}

static inline float largest_of_lanes(lanes x)
{
#if LANES == 16
    return _mm512_reduce_max_ps(x);
#else
    float each[LANES];
    memcpy(each, &x, sizeof x);
    for (int i = 1; i < LANES; i++)
        each[0] = each[i] > each[0] ? each[i] : each[0];
    return each[0];
#endif
}

#if defined(__GNUC__)
/* The sum of the lanes in four parts. */
ALWAYS_INLINE four four_of_lanes(lanes x)
{
    four part[LANES / 4];
    memcpy(part, &x, sizeof x);
    UNROLLED for (int n = LANES / 8; n; n /= 2)
        UNROLLED for (int i = 0; i < n; i++)
            part[i] += part[i + n];
    return part[0];
}

/* Four of the eight numbers of two vectors, by their places. */
#if defined(__clang__)
#define mixed(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else /* gcc has the other function from version 12 on */
#define mixed(a, b, ...) __builtin_shuffle(a, b, (places){__VA_ARGS__})
#endif
#endif

/* In halves, so that the order is fixed. */
ALWAYS_INLINE float sum_of_lanes(lanes x)
{
#if LANES == 1
    return x;
#else
    const four part = four_of_lanes(x);
    return (part[0] + part[2]) + (part[1] + part[3]);
#endif
}

#define TOGETHER 4 /* rows side by side, where each step of one waits for the step before */
#define SHORT 64   /* numbers of a row up to which that pays; longer rows are fetched ahead one by one */

/* The sums of `rows` registers, each as `sum_of_lanes` has it. */
ALWAYS_INLINE void sums_of_lanes(int rows, const lanes *x, float *sums)
{
#if LANES > 1
    if (rows == TOGETHER) {
        four part[TOGETHER];
        UNROLLED for (int i = 0; i < TOGETHER; i++)
            part[i] = four_of_lanes(x[i]);
        UNROLLED for (int i = 0; i < TOGETHER; i += 2)
            part[i] = mixed(part[i], part[i + 1], 0, 4, 1, 5)
                      + mixed(part[i], part[i + 1], 2, 6, 3, 7);
        part[0] = mixed(part[0], part[2], 0, 1, 4, 5) + mixed(part[0], part[2], 2, 3, 6, 7);
        memcpy(sums, part, TOGETHER * sizeof *sums);
        return;
    }
#endif
    for (int i = 0; i < rows; i++)
        sums[i] = sum_of_lanes(x[i]);
}

/* Four by four numbers turned around: what is a row becomes a column. */
static inline void turn_four(const float *from, long step, float *to, long to_step)
{
#if defined(__GNUC__)
    four row[4], pairs[4];
    UNROLLED for (int i = 0; i < 4; i++)
        memcpy(&row[i], from + i * step, sizeof row[i]);
    pairs[0] = mixed(row[0], row[1], 0, 4, 1, 5);
    pairs[1] = mixed(row[0], row[1], 2, 6, 3, 7);
    pairs[2] = mixed(row[2], row[3], 0, 4, 1, 5);
    pairs[3] = mixed(row[2], row[3], 2, 6, 3, 7);
    row[0] = mixed(pairs[0], pairs[2], 0, 1, 4, 5);
    row[1] = mixed(pairs[0], pairs[2], 2, 3, 6, 7);
    row[2] = mixed(pairs[1], pairs[3], 0, 1, 4, 5);
    row[3] = mixed(pairs[1], pairs[3], 2, 3, 6, 7);
    UNROLLED for (int i = 0; i < 4; i++)
        memcpy(to + i * to_step, &row[i], sizeof row[i]);
#else
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            to[j * to_step + i] = from[i * step + j];
#endif
}

/* n rounded up to whole registers. */
static inline long padded(long n) { return (n + LANES - 1) / LANES * LANES; }

#endif
