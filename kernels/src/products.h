/* Products of small matrices. BLAS packs its operands first, which pays for large ones only; these
   keep a tile of the result in registers and read the operands as they lie. */

#ifndef PRODUCTS_H
#define PRODUCTS_H

#include "lanes.h"

#define TILE_ROWS 8 /* 8 x 2 registers for sums; AVX2 and baseline have 16 in all */
#if LANES != 16
#undef TILE_ROWS
#define TILE_ROWS 6
#endif
#define TILE_COLUMNS 2
#define PANEL (TILE_COLUMNS * LANES)

/* A tile of C = bias + A B: `rows` x `columns` registers, constants after inlining. a_row and a_step
   are the distances from row to row of A and along a row, so that A may be transposed. */
ALWAYS_INLINE void tile(int rows, int columns, long depth, const float *a, long a_row, long a_step,
                        const float *b, long b_step, float *c, long c_row, long c_columns,
                        const float *bias, int adds)
{
    lanes sums[TILE_ROWS][TILE_COLUMNS];
    UNROLLED for (int i = 0; i < rows; i++)
        UNROLLED for (int j = 0; j < columns; j++)
            sums[i][j] = bias ? load(bias + j * LANES) : all_lanes(0);
    for (long k = 0; k < depth; k++) {
        lanes of_b[TILE_COLUMNS];
        UNROLLED for (int j = 0; j < columns; j++)
            of_b[j] = load(b + k * b_step + j * LANES);
        UNROLLED for (int i = 0; i < rows; i++) {
            const lanes of_a = all_lanes(a[i * a_row + k * a_step]);
            UNROLLED for (int j = 0; j < columns; j++)
                sums[i][j] += of_a * of_b[j];
        }
    }
    UNROLLED for (int i = 0; i < rows; i++)
        UNROLLED for (int j = 0; j < columns; j++) {
            float *to = c + i * c_row + j * LANES;
            if (adds)
                sums[i][j] += load_some(to, c_columns - j * LANES);
            store_some(to, sums[i][j], c_columns - j * LANES);
        }
}

ALWAYS_INLINE void tiles_down(int columns, long m, long depth, const float *a, long a_row,
                              long a_step, const float *b, long b_step, float *c, long c_row,
                              long c_columns, const float *bias, int adds)
{
    long i = 0;
#define TILE(rows)                                                                                 \
    tile(rows, columns, depth, a + i * a_row, a_row, a_step, b, b_step, c + i * c_row, c_row,      \
         c_columns, bias, adds)
    for (; i + TILE_ROWS <= m; i += TILE_ROWS)
        TILE(TILE_ROWS);
    for (; i + 4 <= m; i += 4)
        TILE(4);
    for (; i < m; i++)
        TILE(1);
#undef TILE
}

/* C = bias + A B, or with `adds` C += A B; A is (m, depth), B (depth, n), C (m, n).

   B's rows, and the bias, are readable up to whole registers: b_step >= padded(n), or B ends well
   before its memory does. Of C, n columns are written. */
static void product(long m, long n, long depth, const float *a, long a_row, long a_step,
                    const float *b, long b_step, float *c, long c_row, const float *bias, int adds)
{
    long j = 0;
    for (; n - j > LANES; j += TILE_COLUMNS * LANES)
        tiles_down(TILE_COLUMNS, m, depth, a, a_row, a_step, b + j, b_step, c + j, c_row, n - j,
                   bias ? bias + j : 0, adds);
    if (j < n)
        tiles_down(1, m, depth, a, a_row, a_step, b + j, b_step, c + j, c_row, n - j,
                   bias ? bias + j : 0, adds);
}

/* B, (depth, n), is packed as panels of PANEL columns, one behind the other: that pays where B is
   large and multiplied several times. b_row and b_step are the distances from row to row and along
   a row. */
static inline long packed_size(long depth, long n)
{
    return (n + PANEL - 1) / PANEL * PANEL * depth;
}

static void pack(long depth, long n, const float *b, long b_row, long b_step, float *to)
{
    for (long j = 0; j < n; j += PANEL, to += depth * PANEL) {
        const long width = n - j < PANEL ? n - j : PANEL;
        for (long some = 0; some < depth; some += 16) /* a line of the cache, if b_row is 1 */
            for (long i = 0; i < PANEL; i++)
                for (long k = some; k < depth && k < some + 16; k++)
                    to[k * PANEL + i] = i < width ? b[k * b_row + (j + i) * b_step] : 0;
    }
}

/* C = A B, or with `adds` C += A B, where B is packed. */
static void packed_product(long m, long n, long depth, const float *a, long a_row,
                           const float *packed, float *c, long c_row, int adds)
{
    for (long j = 0; j < n; j += PANEL)
        product(m, n - j < PANEL ? n - j : PANEL, depth, a, a_row, 1, packed + j * depth, PANEL,
                c + j, c_row, 0, adds);
}

/* A copy of B, (depth, n), whose rows are whole registers. */
static void pad_rows(long depth, long n, const float *b, float *to)
{
    const long row = padded(n);
    for (long k = 0; k < depth; k++) {
        memcpy(to + k * row, b + k * n, n * sizeof(float));
        for (long j = n; j < row; j++)
            to[k * row + j] = 0;
    }
}

/* A copy of the transpose of B, (depth, n), whose rows are whole registers. */
static void pad_transposed(long depth, long n, const float *b, float *to)
{
    const long row = padded(depth);
    for (long j = 0; j < n; j++) {
        for (long k = 0; k < depth; k++)
            to[j * row + k] = b[k * n + j];
        for (long k = depth; k < row; k++)
            to[j * row + k] = 0;
    }
}

#endif
