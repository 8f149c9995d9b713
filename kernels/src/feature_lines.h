/* Numbers of n features, the last axis, in many rows. Where features are few, a loop over them
   would end before it is at its speed: so several rows are one line, along which the values of the
   features are repeated. A function takes `size` numbers, in lines; the last may end early. */

#ifndef FEATURE_LINES_H
#define FEATURE_LINES_H

#include <math.h>

#include "lanes.h"

#define LINE 128 /* numbers after which a loop is at its speed */

static inline float inverse_sqrt(float variance, float epsilon)
{
    return 1.0f / sqrtf(variance + epsilon);
}

/* The numbers of a line: as many of the rows as make one long enough, and at least one. */
static long line_length(long rows, long n)
{
    const long fitting = LINE / n < rows ? LINE / n : rows;
    return fitting > 1 ? fitting * n : n;
}

/* Repeats the first n numbers of the line. */
static void repeat(float *line, long n, long length)
{
    for (long done = n; done < length; done *= 2)
        memcpy(line + done, line, (2 * done < length ? done : length - done) * sizeof(float));
}

/* A line of the n values, which are one themselves if a row is. */
static const float *along(float *line, const float *values, long n, long length)
{
    if (n == length)
        return values;
    memcpy(line, values, n * sizeof(float));
    repeat(line, n, length);
    return line;
}

static inline long shorter(long size, long length) { return size < length ? size : length; }

/* --- sums of each feature, in the first n numbers of a line ----------------------------------- */

/* From sums along a line. */
static void fold(float *sums, long n, long length)
{
    for (long i = n; i < length; i += n)
        for (long j = 0; j < n; j++)
            sums[j] += sums[i + j];
}

/* Of a_i. */
static void sum_features(const float *restrict a, long size, long n, long length,
                         float *restrict sums)
{
    memset(sums, 0, length * sizeof(float));
    for (; size >= 4 * length; size -= 4 * length, a += 4 * length)
        for (long j = 0; j < length; j++)
            sums[j] += (a[j] + a[j + length]) + (a[j + 2 * length] + a[j + 3 * length]);
    for (; size > 0; size -= length, a += length)
        for (long j = 0; j < shorter(size, length); j++)
            sums[j] += a[j];
    fold(sums, n, length);
}

/* Of (a_i - center)^2, with the center along a line. */
static void sum_feature_squares(const float *restrict a, const float *restrict center, long size,
                                long n, long length, float *restrict sums)
{
    memset(sums, 0, length * sizeof(float));
    for (; size > 0; size -= length, a += length)
        for (long j = 0; j < shorter(size, length); j++) {
            const float d = a[j] - center[j];
            sums[j] += d * d;
        }
    fold(sums, n, length);
}

/* Of a_i, and of a_i b_i. */
static void sum_feature_products(const float *restrict a, const float *restrict b, long size,
                                 long n, long length, float *restrict sums,
                                 float *restrict products)
{
    memset(sums, 0, length * sizeof(float));
    memset(products, 0, length * sizeof(float));
    for (; size >= 2 * length; size -= 2 * length, a += 2 * length, b += 2 * length)
        for (long j = 0; j < length; j++) {
            sums[j] += a[j] + a[j + length];
            products[j] += a[j] * b[j] + a[j + length] * b[j + length];
        }
    for (; size > 0; size -= length, a += length, b += length)
        for (long j = 0; j < shorter(size, length); j++) {
            sums[j] += a[j];
            products[j] += a[j] * b[j];
        }
    fold(sums, n, length);
    fold(products, n, length);
}

/* --- normalization, with each feature's values along a line ----------------------------------- */

/* A_hat = (A - mean) inverse_std, Y = gamma A_hat + beta. A_hat may be Y: then that alone is
   written. */
static void normalize(const float *a, long size, long length, const float *restrict mean,
                      const float *restrict inverse_std, const float *restrict gamma,
                      const float *restrict beta, float *a_hat, float *y)
{
    if (a_hat == y) {
        for (; size > 0; size -= length, a += length, y += length)
            INDEPENDENT for (long j = 0; j < shorter(size, length); j++)
                y[j] = gamma[j] * ((a[j] - mean[j]) * inverse_std[j]) + beta[j];
        return;
    }
    for (; size > 0; size -= length, a += length, a_hat += length, y += length)
        INDEPENDENT for (long j = 0; j < shorter(size, length); j++) {
            const float each = (a[j] - mean[j]) * inverse_std[j];
            a_hat[j] = each;
            y[j] = gamma[j] * each + beta[j];
        }
}

/* dA = slope dY - through_mean - A_hat through_std */
static void normalize_back(const float *dy, const float *restrict a_hat, long size, long length,
                           const float *restrict slope, const float *restrict through_mean,
                           const float *restrict through_std, float *da)
{
    for (; size > 0; size -= length, dy += length, a_hat += length, da += length)
        INDEPENDENT for (long j = 0; j < shorter(size, length); j++)
            da[j] = slope[j] * dy[j] - through_mean[j] - a_hat[j] * through_std[j];
}

/* dA = slope dY */
static void scale(const float *dy, long size, long length, const float *restrict slope, float *da)
{
    for (; size > 0; size -= length, dy += length, da += length)
        INDEPENDENT for (long j = 0; j < shorter(size, length); j++)
            da[j] = slope[j] * dy[j];
}

#endif
