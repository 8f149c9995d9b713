/* The gradient of vectors that ids have taken from a matrix. */

#define MOST_REGISTERS 4
#define RUN 32 /* rows after which a sum is added to dE, so that it stays short */

/* The numbers of the rows in the order of their ids; `ends` has where each id's end. */
static inline int32_t *ends_of(const shapes *shapes_) { return (int32_t *)shapes_->common; }
static inline int32_t *order_of(const shapes *shapes_) { return ends_of(shapes_) + dim('k') + 1; }

static int fits_add_to_rows(shapes *shapes_, const value *values)
{
    const int anew = values[3].number != 0;
    shapes_->common_size = dim('k') + 1 + dim('m');
    shapes_->cost = (dim('m') + (anew ? dim('k') : 0)) * dim('n');
    return dim('k') < INT32_MAX && dim('m') < INT32_MAX;
}

static inline intptr_t clipped(intptr_t id, long K) { return id < 0 ? 0 : id < K ? id : K - 1; }

STAGE(sort_ids, dY, ids, dE, anew, index, work)
{
    const long m = dim('m'), K = dim('k');
    int32_t *ends = ends_of(shapes_), *order = order_of(shapes_);
    memset(ends, 0, (K + 1) * sizeof *ends);
    for (long i = 0; i < m; i++)
        ends[clipped(ids.i[i], K) + 1]++;
    for (long k = 0; k < K; k++)
        ends[k + 1] += ends[k];
    for (long i = 0; i < m; i++)
        order[ends[clipped(ids.i[i], K)]++] = (int32_t)i;
}

#define ROW(i) load_some(dY + rows[i] * n + j * LANES, width - j * LANES)

/* to_j += sum_i dY_ij over some rows, for `width` columns, which fill as many registers. */
ALWAYS_INLINE void add_run(const float *dY, long n, const int32_t *rows, long n_rows, long width,
                           int registers, float *to)
{
    for (; n_rows > 0; rows += RUN, n_rows -= RUN) {
        lanes sums[MOST_REGISTERS];
        UNROLLED for (int j = 0; j < registers; j++)
            sums[j] = all_lanes(0);
        long i = 0;
        for (; i + 4 <= n_rows && i < RUN; i += 4)
            UNROLLED for (int j = 0; j < registers; j++)
                sums[j] += (ROW(i) + ROW(i + 1)) + (ROW(i + 2) + ROW(i + 3));
        for (; i < n_rows && i < RUN; i++)
            UNROLLED for (int j = 0; j < registers; j++)
                sums[j] += ROW(i);
        UNROLLED for (int j = 0; j < registers; j++) {
            const long left = width - j * LANES;
            store_some(to + j * LANES, load_some(to + j * LANES, left) + sums[j], left);
        }
    }
}

/* dE_k += sum dY_i over all i whose id is k, for some k */
STAGE(add_runs, dY, ids, dE, anew, index, work)
{
    const long n = dim('n'), whole = MOST_REGISTERS * LANES;
    const int32_t *ends = ends_of(shapes_), *order = order_of(shapes_);
    if (anew.number != 0)
        memset(dE.f + first * n, 0, (last - first) * n * sizeof(float));
    for (long k = first, begin = first ? ends[first - 1] : 0; k < last; begin = ends[k++])
        for (long j = 0; begin < ends[k] && j < n; j += whole) {
            const int32_t *rows = order + begin;
            const long n_rows = ends[k] - begin, width = n - j;
            float *to = dE.f + k * n + j;
            if (width >= whole)
                add_run(dY.f + j, n, rows, n_rows, whole, MOST_REGISTERS, to);
            else
                for (long r = 0; r < width; r += LANES)
                    add_run(dY.f + j + r, n, rows, n_rows, least(width - r, LANES), 1, to + r);
        }
}
KERNEL_WHERE(fits_add_to_rows, add_to_rows, "mn, i:m, kn>, #, _, _", 0,
             (dY, ids, dE, anew, index, work),
             {stage_sort_ids, 0}, {stage_add_runs, 'k'})

#define EMBEDDING &kernel_add_to_rows
