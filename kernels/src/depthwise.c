/* A kernel for each channel that slides over images: a line of outputs at a time, whose sums stay in
   registers. */

/* What one cell of the kernel reads on a line, for the places from `first` to before `stop`. */
typedef struct {
    const float *weights; /* (C,), in whole registers */
    long at; /* where place 0 finds its pixel, which may lie outside */
    long first, stop;
} tap;

#define MOST_CELLS 128
#define PLACES_AT_ONCE 4

typedef struct {
    const tap *taps;
    long n;
    const float *from;
    long at;             /* is added to the taps' */
    long step;           /* numbers from what a place reads to what the next one reads */
    const float *start;  /* to which is added, or NULL for zeros */
    long start_step;     /* from place to place */
    float *to;
    long to_step;
} line;

/* Some places, from x on; with `checked`, not all cells meet a pixel. */
ALWAYS_INLINE void filter_places(int places, int checked, const line *l, long x, long c, long left)
{
    lanes sums[PLACES_AT_ONCE];
    UNROLLED for (int p = 0; p < places; p++)
        sums[p] = l->start ? load_some(l->start + (x + p) * l->start_step + c, left)
                           : all_lanes(0);
    for (long t = 0; t < l->n; t++) {
        const tap *tap = l->taps + t;
        if (checked && (x < tap->first || x >= tap->stop))
            continue;
        const lanes w = load(tap->weights + c);
        UNROLLED for (int p = 0; p < places; p++)
            sums[p] += load_some(l->from + l->at + tap->at + (x + p) * l->step + c, left) * w;
    }
    UNROLLED for (int p = 0; p < places; p++)
        store_some(l->to + (x + p) * l->to_step + c, sums[p], left);
}

ALWAYS_INLINE void filter_channels(const line *l, long count, long lo, long hi, long c, long left)
{
    long x = 0;
    for (; x < lo; x++)
        filter_places(1, 1, l, x, c, left);
    for (; x + PLACES_AT_ONCE <= hi; x += PLACES_AT_ONCE)
        filter_places(PLACES_AT_ONCE, 0, l, x, c, left);
    for (; x < hi; x++)
        filter_places(1, 0, l, x, c, left);
    for (; x < count; x++)
        filter_places(1, 1, l, x, c, left);
}

/* to_xc = start_xc + sum_t weights_tc from_(x step)c, for `count` places. */
static void filter_line(const line *l, long count, long C)
{
    long lo = 0, hi = count, c = 0; /* the places at which all cells meet a pixel */
    for (long t = 0; t < l->n; t++) {
        lo = l->taps[t].first > lo ? l->taps[t].first : lo;
        hi = l->taps[t].stop < hi ? l->taps[t].stop : hi;
    }
    if (lo >= hi)
        lo = hi = 0;
    for (; c + LANES <= C; c += LANES)
        filter_channels(l, count, lo, hi, c, LANES);
    if (c < C)
        filter_channels(l, count, lo, hi, c, C - c);
}

/* The cells of all kernel lines; `at` counts from the start of the line that the first one meets. */
static void make_taps(const sliding *s, long C, const float *weights, tap *taps)
{
    for (long i = 0; i < s->kernel.down; i++)
        for (long j = 0; j < s->kernel.across; j++) {
            tap *tap = &taps[i * s->kernel.across + j];
            const long offset = j * s->dilation.across - s->before.across;
            overlap(offset, s->stride.across, s->inputs.across, s->places.across, &tap->first,
                    &tap->stop);
            tap->weights = weights + (i * s->kernel.across + j) * padded(C);
            tap->at = (i * s->dilation.down * s->inputs.across + offset) * C;
        }
}

/* The lines of places from `first` to before `last`, of all images. */
static void filter_lines(const float *A, const sliding *s, long C, const float *weights,
                         const float *bias, long bias_step, float *Z, long first, long last)
{
    tap taps[MOST_CELLS];
    make_taps(s, C, weights, taps);
    for (long place = first; place < last; place++) {
        const long image = place / s->places.down, y = place % s->places.down;
        const long top = y * s->stride.down - s->before.down;
        long i, stop;
        overlap(top, s->dilation.down, s->inputs.down, s->kernel.down, &i, &stop);
        const line l = {
            .taps = taps + i * s->kernel.across, .n = (stop - i) * s->kernel.across, .from = A,
            .at = (image * s->inputs.down + top) * s->inputs.across * C,
            .step = s->stride.across * C,
            .start = bias, .start_step = bias_step,
            .to = Z + place * s->places.across * C, .to_step = C,
        };
        filter_line(&l, s->places.across, C);
    }
}

/* --- the gradient of the weights ---------------------------------------------------------------- */

#define CELLS_AT_ONCE 9

/* Of a line of places, the sums of dZ times what some cells meet, added to to_tc. */
ALWAYS_INLINE void sum_cells(int cells, const tap *taps, const float *dZ, long count, const float *A,
                             long at, long step, long C, long c, long left, float *to)
{
    lanes sums[CELLS_AT_ONCE];
    long lo = 0, hi = count;
    UNROLLED for (int t = 0; t < cells; t++) {
        sums[t] = all_lanes(0);
        lo = taps[t].first > lo ? taps[t].first : lo;
        hi = taps[t].stop < hi ? taps[t].stop : hi;
    }
    for (long x = lo; x < hi; x++) {
        const lanes dz = load_some(dZ + x * C + c, left);
        UNROLLED for (int t = 0; t < cells; t++)
            sums[t] += dz * load_some(A + at + taps[t].at + x * step + c, left);
    }
    if (hi < lo)
        hi = lo;
    UNROLLED for (int t = 0; t < cells; t++) { /* where not all of them meet a pixel */
        for (long x = taps[t].first; x < (lo < taps[t].stop ? lo : taps[t].stop); x++)
            sums[t] += load_some(dZ + x * C + c, left)
                       * load_some(A + at + taps[t].at + x * step + c, left);
        for (long x = hi > taps[t].first ? hi : taps[t].first; x < taps[t].stop; x++)
            sums[t] += load_some(dZ + x * C + c, left)
                       * load_some(A + at + taps[t].at + x * step + c, left);
        float *total = to + t * padded(C) + c;
        store(total, load(total) + sums[t]);
    }
}

/* to_tc += sum_x dZ_xc A_(x step)c */
static void sum_line(const tap *taps, long n, const float *dZ, long count, const float *A, long at,
                     long step, long C, float *to)
{
    for (long c = 0; c < C; c += LANES) {
        long t = 0;
#define SUM_CELLS(cells)                                                                           \
    for (; t + cells <= n; t += cells)                                                             \
        sum_cells(cells, taps + t, dZ, count, A, at, step, C, c, C - c, to + t * padded(C));
        SUM_CELLS(CELLS_AT_ONCE)
        SUM_CELLS(3)
        SUM_CELLS(1)
#undef SUM_CELLS
    }
}

/* The sums over the lines of places from `first` to before `last`, added to those at `to`. */
static void sum_lines(const float *dZ, const float *A, const sliding *s, long C, float *to,
                      long first, long last)
{
    tap taps[MOST_CELLS];
    make_taps(s, C, 0, taps);
    for (long place = first; place < last; place++) {
        const long image = place / s->places.down, y = place % s->places.down;
        const long top = y * s->stride.down - s->before.down, across = s->kernel.across;
        long i, stop;
        overlap(top, s->dilation.down, s->inputs.down, s->kernel.down, &i, &stop);
        sum_line(taps + i * across, (stop - i) * across, dZ + place * s->places.across * C,
                 s->places.across, A, (image * s->inputs.down + top) * s->inputs.across * C,
                 s->stride.across * C, C, to + i * across * padded(C));
    }
}

/* --- the gradient of the inputs ----------------------------------------------------------------- */

/* What places hold for the pixels that their cells meet: dZ, or the product with each cell's weights. */
typedef struct {
    const float *from;
    const float *weights; /* by cell, and `weights_step` numbers from one to the next */
    long weights_step;
    long cell_step;  /* numbers in `from` from cell to cell */
    long place_step; /* from place to place */
    long line_step;  /* from line to line */
    long n_lines;    /* that `from` holds: line y is y % n_lines */
} spread;

/* dA_(y+i)(x+j)c = start_(y+i)(x+j)c + sum_ij W_cij dZ_yxc on line r. Pixels a stride apart meet the
   same cells. */
static void spread_line(const spread *held, const sliding *s, long r, long C, const float *start,
                        long start_step, float *dA)
{
    tap taps[MOST_CELLS];
    const long width = s->inputs.across, stride = s->stride.across;
    for (long phase = 0; phase < stride && phase < width; phase++) {
        const long count = (width - phase - 1) / stride + 1;
        line l = {
            .taps = taps, .from = held->from, .step = held->place_step,
            .start = start ? start + phase * start_step : 0, .start_step = stride * start_step,
            .to = dA + phase * C, .to_step = stride * C,
        };
        for (long i = 0; i < s->kernel.down; i++) {
            const long below = r + s->before.down - i * s->dilation.down;
            const long y = below / s->stride.down;
            if (below < 0 || below % s->stride.down || y >= s->places.down)
                continue;
            for (long j = 0; j < s->kernel.across; j++) {
                const long cell = i * s->kernel.across + j;
                const long right = phase + s->before.across - j * s->dilation.across;
                if (right % stride)
                    continue;
                tap *tap = &taps[l.n++];
                overlap(right / stride, 1, s->places.across, count, &tap->first, &tap->stop);
                tap->weights = held->weights + cell * held->weights_step;
                tap->at = y % held->n_lines * held->line_step + right / stride * held->place_step
                          + cell * held->cell_step;
            }
        }
        filter_line(&l, count, C);
    }
}

/* The lines of dA from `first` to before `last`, of all images; `start` may be dA. */
static void spread_lines(const float *dZ, const sliding *s, long C, const float *weights,
                         const float *start, float *dA, long first, long last)
{
    const long line_step = s->places.across * C;
    spread held = {0, weights, padded(C), 0, C, line_step, s->places.down};
    for (long r = first; r < last; r++) {
        const long image = r / s->inputs.down, to = r * s->inputs.across * C;
        held.from = dZ + image * s->places.down * line_step;
        spread_line(&held, s, r % s->inputs.down, C, start ? start + to : 0, C, dA + to);
    }
}

/* --- the kernels -------------------------------------------------------------------------------- */

/* The weights, or their gradient, by cell and in whole registers. */
static long by_cell_size(const shapes *shapes_) { return dim('i') * dim('j') * padded(dim('c')); }

static int fits_depthwise(long kernel_down, long kernel_across, const long *window)
{
    return kernel_down * kernel_across <= MOST_CELLS && kernel_down == window[0]
           && kernel_across == window[1];
}

static int fits_images(shapes *shapes_, const value *values)
{
    shapes_->common_size = by_cell_size(shapes_);
    return dim('o') == 1 && dim('n') % dim('m') == 0
           && fits_depthwise(dim('i'), dim('j'), shapes_->window);
}

STAGE(weights_by_cell, A, W, bias, window, Z, work)
{
    pad_transposed(dim('c'), dim('i') * dim('j'), W.f, shapes_->common);
}

/* Z_yxc = bias_xc + sum_ij W_cij A_(y+i)(x+j)c */
STAGE(depthwise, A, W, bias, window, Z, work)
{
    const sliding s = sliding_of(window, dim('h'), dim('w'), dim('n') / dim('m'), dim('x'));
    filter_lines(A.f, &s, dim('c'), shapes_->common, bias.f, dim('c'), Z.f, first, last);
}
KERNEL_WHERE(fits_images, depthwise, "mhwc, cijo, xc?, W, nxc^, _", 0,
             (A, W, bias, window, Z, work), {stage_weights_by_cell, 0}, {stage_depthwise, 'n'})

/* dW_cij = sum_yx dZ_yxc A_(y+i)(x+j)c */
STAGE(depthwise_weight_gradient, dZ, A, window, dW, work)
{
    const sliding s = sliding_of(window, dim('h'), dim('w'), dim('n') / dim('m'), dim('x'));
    sum_lines(dZ.f, A.f, &s, dim('c'), sums, first, last);
}

/* The first n numbers of each part's sums are added up in those of part 0. */
static void add_to_first_part(const shapes *shapes_, long n)
{
    for (long part = 1; part < shapes_->parts; part++)
        for (long k = 0; k < n; k++)
            shapes_->sums[k] += shapes_->sums[part * shapes_->sums_size + k];
}

/* The gradient of F filters, which is held with its filters last, in whole registers. */
static void turn_gradient(const float *held, long numbers, long F, float *dW)
{
    for (long f = 0; f < F; f++)
        for (long k = 0; k < numbers; k++)
            dW[f * numbers + k] = held[k * padded(F) + f];
}

STAGE(add_weight_gradients, dZ, A, window, dW, work)
{
    const long cells = dim('i') * dim('j');
    add_to_first_part(shapes_, cells * padded(dim('c')));
    turn_gradient(sums, cells, dim('c'), dW.f);
}
KERNEL_WHERE(fits_images, depthwise_weight_gradient, "nxc, mhwc, W, cijo^, _", by_cell_size,
             (dZ, A, window, dW, work), {stage_depthwise_weight_gradient, 'n'},
             {stage_add_weight_gradients, 0})

STAGE(spread_by_cell, dZ, W, window, dA, work)
{
    pad_transposed(dim('c'), dim('i') * dim('j'), W.f, shapes_->common);
}

/* dA_(y+i)(x+j)c += sum_ij W_cij dZ_yxc */
STAGE(depthwise_input_gradient, dZ, W, window, dA, work)
{
    const sliding s = sliding_of(window, dim('n') / dim('m'), dim('w'), dim('y'), dim('x'));
    spread_lines(dZ.f, &s, dim('c'), shapes_->common, dA.f, dA.f, first, last);
}
KERNEL_WHERE(fits_images, depthwise_input_gradient, "myxc, cijo, W, nwc^, _", 0,
             (dZ, W, window, dA, work), {stage_spread_by_cell, 0},
             {stage_depthwise_input_gradient, 'n'})

#define DEPTHWISE &kernel_depthwise, &kernel_depthwise_weight_gradient, \
    &kernel_depthwise_input_gradient
