/* Sums of the numbers of a row, in lanes: in an order that no compiler option changes. */

#ifndef SUMS_H
#define SUMS_H

#include "kernel.h"
#include "lanes.h"

#define AT_A_TIME 4 /* registers for a sum, since each addition waits for the one before */

static inline float sum_of_four(const lanes *sums)
{
    return sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

static inline float sum_of(const float *a, long n)
{
    lanes sums[AT_A_TIME] = {0};
    long j = 0;
    for (; j + AT_A_TIME * LANES <= n; j += AT_A_TIME * LANES)
        UNROLLED for (int k = 0; k < AT_A_TIME; k++)
            sums[k] += load(a + j + k * LANES);
    for (; j < n; j += LANES)
        sums[0] += load_some(a + j, n - j);
    return sum_of_four(sums);
}

/* The sum of (a_j - center)^2. */
static inline float sum_of_squares(const float *a, float center, long n)
{
    lanes sums[AT_A_TIME] = {0}, d;
    long j = 0;
    for (; j + AT_A_TIME * LANES <= n; j += AT_A_TIME * LANES)
        UNROLLED for (int k = 0; k < AT_A_TIME; k++) {
            d = load(a + j + k * LANES) - center;
            sums[k] += d * d;
        }
    for (; j < n; j += LANES) {
        d = first_lanes(load_some(a + j, n - j) - center, n - j, 0);
        sums[0] += d * d;
    }
    return sum_of_four(sums);
}

/* The sum of a_j b_j. */
static inline float sum_of_products(const float *a, const float *b, long n)
{
    lanes sums[AT_A_TIME] = {0};
    long j = 0;
    for (; j + AT_A_TIME * LANES <= n; j += AT_A_TIME * LANES)
        UNROLLED for (int k = 0; k < AT_A_TIME; k++)
            sums[k] += load(a + j + k * LANES) * load(b + j + k * LANES);
    for (; j < n; j += LANES)
        sums[0] += load_some(a + j, n - j) * load_some(b + j, n - j);
    return sum_of_four(sums);
}

/* The largest of a_j, NaN if one is NaN. */
static inline float largest_of(const float *a, long n)
{
    float each[LANES], top = a[0];
    long j = 0;
    if (n >= LANES) {
        lanes tops = load(a);
        for (j = LANES; j + LANES <= n; j += LANES)
            tops = larger_number(load(a + j), tops);
        store(each, tops);
        for (int k = 0; k < LANES; k++)
            top = each[k] > top || each[k] != each[k] ? each[k] : top;
    }
    for (; j < n; j++)
        top = a[j] > top || a[j] != a[j] ? a[j] : top;
    return top;
}

/* total_j = the sum over all parts of what lies at this place of their sums. */
static void add_parts(const shapes *shapes, long place, long n, float *restrict total)
{
    const float *restrict part = shapes->sums + place;
    memcpy(total, part, n * sizeof(float));
    for (long k = 1; k < shapes->parts; k++)
        for (long j = 0; j < n; j++)
            total[j] += part[k * shapes->sums_size + j];
}

#endif
