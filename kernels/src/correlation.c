/* A kernel that slides over images. Of few channels, a line of places is multiplied as it lies: the
   numbers under the kernel are never copied side by side. */

/* --- sums over two axes ------------------------------------------------------------------------- */

#if LANES == 16
#define MOST_ROWS 14
#define ROWS_OF_TWO 14
#else
#define MOST_ROWS 12
#define ROWS_OF_TWO 6
#endif

/* C_rn = bias_n + sum_ok A_rok B_okn: the distances in memory along each axis. */
typedef struct {
    long outer, inner; /* lengths of o and k */
    long a_outer, a_inner, a_row;
    long b_outer, b_inner, b_panel; /* from one pair of registers of a row to the next */
    long c_row;
    int padded; /* whether B's rows are whole registers */
    int adds;   /* to what is there */
} nested;

/* `rows` x `columns` registers of C, constants after inlining; n numbers of a row remain. */
ALWAYS_INLINE void nested_tile(int rows, int columns, const nested *s, const float *a,
                               const float *b, const float *bias, float *c, long n)
{
    lanes sums[MOST_ROWS][TILE_COLUMNS];
    const long readable = s->padded ? TILE_COLUMNS * LANES : n;
    UNROLLED for (int i = 0; i < rows; i++)
        UNROLLED for (int j = 0; j < columns; j++)
            sums[i][j] = bias ? load_some(bias + j * LANES, n - j * LANES) : all_lanes(0);
    for (long o = 0; o < s->outer; o++)
        for (long k = 0; k < s->inner; k++) {
            const float *of_a = a + o * s->a_outer + k * s->a_inner;
            const float *of_b = b + o * s->b_outer + k * s->b_inner;
            lanes right[TILE_COLUMNS];
            UNROLLED for (int j = 0; j < columns; j++)
                right[j] = load_some(of_b + j * LANES, readable - j * LANES);
            UNROLLED for (int i = 0; i < rows; i++)
                UNROLLED for (int j = 0; j < columns; j++)
                    sums[i][j] += all_lanes(of_a[i * s->a_row]) * right[j];
        }
    UNROLLED for (int i = 0; i < rows; i++)
        UNROLLED for (int j = 0; j < columns; j++) {
            float *to = c + i * s->c_row + j * LANES;
            if (s->adds)
                sums[i][j] += load_some(to, n - j * LANES);
            store_some(to, sums[i][j], n - j * LANES);
        }
}

static void tile_of_one(long rows, const nested *s, const float *a, const float *b,
                        const float *bias, float *c, long n)
{
#define ROWS(r) case r: nested_tile(r, 1, s, a, b, bias, c, n); break;
    switch (rows) {
        ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11)
        ROWS(12)
#if MOST_ROWS == 14
        ROWS(13) ROWS(14)
#endif
    }
#undef ROWS
}

static void tile_of_two(long rows, const nested *s, const float *a, const float *b,
                        const float *bias, float *c, long n)
{
#define ROWS(r) case r: nested_tile(r, 2, s, a, b, bias, c, n); break;
    switch (rows) {
        ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6)
#if ROWS_OF_TWO == 14
        ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) ROWS(13) ROWS(14)
#endif
    }
#undef ROWS
}

/* The rows in tiles of nearly equal sizes, since the smallest are slow. */
static void nested_sums(const nested *s, long rows, long n, const float *a, const float *b,
                        const float *bias, float *c)
{
    for (long j = 0; j < n;) { /* a pair of registers; the last may be alone */
        const int two = n - j > LANES;
        const long most = two ? ROWS_OF_TWO : MOST_ROWS, tiles = (rows + most - 1) / most;
        for (long t = 0; t < tiles; t++) {
            const long i = rows * t / tiles, count = rows * (t + 1) / tiles - i;
            (two ? tile_of_two : tile_of_one)(count, s, a + i * s->a_row, b, bias ? bias + j : 0,
                                              c + i * s->c_row + j, n - j);
        }
        j += TILE_COLUMNS * LANES;
        b += s->b_panel;
    }
}

/* Weights are kept in panels of so many filters, so that a tile reads its own in one piece. */
static inline long panel(long F) { return F > LANES ? TILE_COLUMNS * LANES : LANES; }
static inline long in_panels(long F) { return (F + panel(F) - 1) / panel(F) * panel(F); }

/* Where the weight of filter f for the given one of `numbers` is kept. */
static inline long in_panel(long f, long number, long numbers, long F)
{
    return (f / panel(F) * numbers + number) * panel(F) + f % panel(F);
}

/* --- lines with zeros around -------------------------------------------------------------------- */

#define COPIED (1 << 14) /* floats, of a part */

static inline long span_down(const sliding *s)
{
    return (s->kernel.down - 1) * s->dilation.down + 1;
}

/* The columns that a line of places reaches. */
static inline long reach_across(const sliding *s)
{
    return (s->places.across - 1) * s->stride.across
           + (s->kernel.across - 1) * s->dilation.across + 1;
}

/* How many lines of places, at most n, are served by a copy of what they reach; 0 if there is no
   room for one. */
static inline long lines_at_once(const sliding *s, long C, long n)
{
    const long lines = COPIED / (reach_across(s) * C) - span_down(s);
    if (lines < 0)
        return 0;
    return lines / s->stride.down + 1 < n ? lines / s->stride.down + 1 : n;
}

/* What n lines of places reach of an image, from line y on. */
static void copy_lines(const float *A, const sliding *s, long C, long y, long n, float *to)
{
    const long wide = reach_across(s), top = y * s->stride.down - s->before.down;
    const long below = top + (n - 1) * s->stride.down + span_down(s);
    long begin, end;
    overlap(-s->before.across, 1, s->inputs.across, wide, &begin, &end);
    for (long r = top; r < below; r++, to += wide * C) {
        if (r < 0 || r >= s->inputs.down || begin == end) {
            memset(to, 0, wide * C * sizeof(float));
            continue;
        }
        memset(to, 0, begin * C * sizeof(float));
        memcpy(to + begin * C, A + (r * s->inputs.across + begin - s->before.across) * C,
               (end - begin) * C * sizeof(float));
        memset(to + end * C, 0, (wide - end) * C * sizeof(float));
    }
}

/* --- forward ------------------------------------------------------------------------------------ */

/* With more weights, BLAS is faster even though its operands are copied first. The limit is lower where
   registers are narrow, or where lines of places are too short to fill them. */
#define MOST_WEIGHTS(line) (LANES < 16 || (line) < MOST_ROWS ? 1 << 17 : 1 << 19)

static int is_depthwise(const shapes *shapes_, value groups)
{
    return dim('k') == 1 && groups.number == dim('f') && dim('f') == dim('c');
}

static sliding sliding_in(const shapes *shapes_)
{
    const value window = {.window = shapes_->window};
    return sliding_of(window, dim('h'), dim('w'), dim('n') / dim('m'), dim('x'));
}

/* Whether images have one column, as sequences do. */
static inline int is_column(const sliding *s)
{
    return s->inputs.across == 1 && s->places.across == 1 && s->kernel.across == 1;
}

static int takes_filters(const shapes *shapes_, const value *values)
{
    const long *window = shapes_->window, cells = dim('i') * dim('j');
    if (dim('n') % dim('m') || dim('i') != window[0] || dim('j') != window[1] || cells > MOST_CELLS)
        return 0;
    if (is_depthwise(shapes_, values[4]))
        return 1;
    const sliding s = sliding_in(shapes_);
    const long line = is_column(&s) ? s.places.down : s.places.across;
    return values[4].number == 1 && dim('k') == dim('c') && cells > 1
           && cells * dim('c') * dim('f') <= MOST_WEIGHTS(line) && lines_at_once(&s, dim('c'), 1);
}

/* Products, as many at a time as an instruction computes. */
static long cost_of_products(const shapes *shapes_)
{
    return dim('n') * dim('x') * dim('f') * dim('i') * dim('j') * dim('k') / 16;
}

/* A line of places, from a copy of what it reaches. */
static void correlate_line(const float *copy, const sliding *s, long C, const float *weights,
                           long F, const float *b, float *Z)
{
    const long kw = s->kernel.across, dilation = s->dilation.across, wide = reach_across(s);
    const long runs = dilation == 1 ? 1 : kw, run = kw / runs * C; /* numbers that lie together */
    nested sums = {
        .outer = s->kernel.down, .a_outer = s->dilation.down * wide * C,
        .b_outer = kw * C * panel(F), .b_panel = s->kernel.down * kw * C * panel(F),
        .inner = run, .a_inner = 1, .b_inner = panel(F),
        .a_row = s->stride.across * C, .c_row = F, .padded = 1,
    };
    for (long j = 0; j < runs; j++) {
        sums.adds = j > 0;
        nested_sums(&sums, s->places.across, F, copy + j * dilation * C,
                    weights + j * run * panel(F), j ? 0 : b, Z);
    }
}

/* Such an image turned into one of one line: n places from y on. */
static inline sliding as_line(const sliding *s, long y, long n)
{
    return (sliding){
        .kernel = {1, s->kernel.down}, .stride = {1, s->stride.down},
        .dilation = {1, s->dilation.down}, .inputs = {1, s->inputs.down}, .places = {1, n},
        .before = {0, s->before.down - y * s->stride.down},
    };
}

/* Z_yxf = b_f + sum_ijc W_fijc A_(y+i)(x+j)c for the lines of places from `first` to before `last`;
   the weights are in panels. */
static void correlate_lines(const float *A, const sliding *s, long C, const float *weights, long F,
                            const float *b, float *Z, long first, long last)
{
    float copy[COPIED];
    const long most = lines_at_once(s, C, s->places.down);
    const long line = s->stride.down * reach_across(s) * C;
    for (long place = first, n; place < last; place += n) {
        const long y = place % s->places.down;
        const float *image = A + place / s->places.down * s->inputs.down * s->inputs.across * C;
        float *z = Z + place * s->places.across * F;
        n = s->places.down - y < last - place ? s->places.down - y : last - place;
        n = n < most ? n : most;
        if (is_column(s)) {
            const sliding turned = as_line(s, y, n);
            copy_lines(image, &turned, C, 0, 1, copy);
            correlate_line(copy, &turned, C, weights, F, b, z);
            continue;
        }
        copy_lines(image, s, C, y, n, copy);
        for (long l = 0; l < n; l++)
            correlate_line(copy + l * line, s, C, weights, F, b, z + l * s->places.across * F);
    }
}

static long weights_size(const shapes *shapes_)
{
    return dim('i') * dim('j') * dim('k') * in_panels(dim('f'));
}

static int fits_filters(shapes *shapes_, const value *values)
{
    shapes_->common_size = weights_size(shapes_);
    shapes_->cost += cost_of_products(shapes_);
    return takes_filters(shapes_, values);
}

/* The weights in panels of filters, whose last is filled up with zeros. */
static void arrange_filters(const shapes *shapes_, const float *W, float *weights)
{
    const long numbers = dim('i') * dim('j') * dim('k'), F = dim('f');
    memset(weights, 0, weights_size(shapes_) * sizeof(float));
    for (long f = 0; f < F; f++)
        for (long k = 0; k < numbers; k++)
            weights[in_panel(f, k, numbers, F)] = W[f * numbers + k];
}

STAGE(arrange_weights, A, W, b, window, groups, Z, work)
{
    if (is_depthwise(shapes_, groups))
        pad_transposed(dim('f'), dim('i') * dim('j'), W.f, shapes_->common);
    else
        arrange_filters(shapes_, W.f, shapes_->common);
}

/* Z_yxf = b_f + sum_ijc W_fijc A_(y+i)(x+j)c */
STAGE(correlate, A, W, b, window, groups, Z, work)
{
    const sliding s = sliding_in(shapes_);
    const float *weights = shapes_->common;
    if (is_depthwise(shapes_, groups))
        filter_lines(A.f, &s, dim('c'), weights, b.f, 0, Z.f, first, last);
    else
        correlate_lines(A.f, &s, dim('c'), weights, dim('f'), b.f, Z.f, first, last);
}
KERNEL_WHERE(fits_filters, correlate, "mhwc, fijk, f?, W, #, nxf^, _", 0,
             (A, W, b, window, groups, Z, work), {stage_arrange_weights, 0}, {stage_correlate, 'n'})

/* --- backward ----------------------------------------------------------------------------------- */

/* to_f += sum_r A_rf */
static void add_rows(const float *A, long rows, long n, float *to)
{
    for (long j = 0; j < n; j += LANES) {
        lanes sums[4] = {all_lanes(0), all_lanes(0), all_lanes(0), all_lanes(0)};
        long r = 0;
        for (; r + 4 <= rows; r += 4)
            UNROLLED for (int i = 0; i < 4; i++)
                sums[i] += load_some(A + (r + i) * n + j, n - j);
        for (; r < rows; r++)
            sums[0] += load_some(A + r * n + j, n - j);
        store(to + j, load(to + j) + ((sums[0] + sums[1]) + (sums[2] + sums[3])));
    }
}

#define TERMS 256 /* added up one by one before they join a larger sum, which is more exact */

/* dW_ijcf += sum_yx dZ_yxf A_(y+i)(x+j)c of an image, the filters last, in whole registers. */
static void correlate_weights(const float *dZ, const float *A, const sliding *s, long C, long F,
                              float *dW)
{
    float copy[COPIED];
    const long wide = reach_across(s), kw = s->kernel.across, dilation = s->dilation.across;
    const long runs = dilation == 1 ? 1 : kw, run = kw / runs * C;
    const long few = s->places.across < TERMS ? TERMS / s->places.across : 1;
    const long most = lines_at_once(s, C, few < s->places.down ? few : s->places.down);
    nested sums = {
        .a_outer = s->stride.down * wide * C, .b_outer = s->places.across * F,
        .inner = s->places.across, .a_inner = s->stride.across * C, .b_inner = F,
        .b_panel = TILE_COLUMNS * LANES,
        .a_row = 1, .c_row = padded(F), .adds = 1,
    };
    for (long y = 0; y < s->places.down; y += most) {
        sums.outer = most < s->places.down - y ? most : s->places.down - y;
        copy_lines(A, s, C, y, sums.outer, copy);
        for (long i = 0; i < s->kernel.down; i++)
            for (long j = 0; j < runs; j++)
                nested_sums(&sums, run, F, copy + (i * s->dilation.down * wide + j * dilation) * C,
                            dZ + y * sums.b_outer, 0, dW + (i * kw * C + j * run) * padded(F));
    }
}

#define SPREAD (1 << 15) /* floats, of a part */

/* How many lines of places a line of pixels may meet. */
static inline long lines_met(const sliding *s)
{
    return (s->kernel.down - 1) * s->dilation.down / s->stride.down + 1;
}

/* dA_(y+i)(x+j)c = b_c + sum_ijf W_fijc dZ_yxf of an image; W has each filter in whole registers. Lines
   of places are multiplied with W when a pixel first meets them, and kept until the last one has. */
static void correlate_inputs(const float *dZ, const sliding *s, long C, const float *W, long F,
                             const float *ones, const float *b, float *dA)
{
    float products[SPREAD];
    const long numbers = s->kernel.down * s->kernel.across * C, row = padded(numbers);
    const long across = s->places.across;
    const spread held = {products, ones, 0, C, row, across * row, lines_met(s)};
    const nested sums = {.outer = 1, .inner = F, .a_inner = 1, .b_inner = row, .a_row = F,
                         .b_panel = TILE_COLUMNS * LANES, .c_row = row, .padded = 1};
    long made = 0;
    for (long r = 0; r < s->inputs.down; r++) {
        const long reached = (r + s->before.down) / s->stride.down;
        for (; made <= reached && made < s->places.down; made++)
            nested_sums(&sums, across, numbers, dZ + made * across * F, W, 0,
                        products + made % held.n_lines * held.line_step);
        spread_line(&held, s, r, C, b, 0, dA + r * s->inputs.across * C);
    }
}

/* How the turned kernel slides over dZ, without a stride. */
static inline sliding turned(sliding s)
{
    const pair inputs = s.inputs;
    s.before.down = span_down(&s) - 1 - s.before.down;
    s.before.across = (s.kernel.across - 1) * s.dilation.across - s.before.across;
    s.inputs = s.places;
    s.places = inputs;
    return s;
}

/* Whether dA is dZ correlated with the turned kernel, which is no more work unless many of its cells
   meet no place, or few channels leave registers empty. */
static int correlates_back(const sliding *s, long C, long F)
{
    const sliding back = turned(*s);
    const long cells = s->kernel.down * s->kernel.across;
    return s->stride.down == 1 && s->stride.across == 1 && lines_at_once(&back, F, 1)
           && 4 * s->inputs.down * s->inputs.across * cells * padded(C)
                  <= 5 * s->places.down * s->places.across * padded(cells * C);
}

static long gradient_size(const shapes *shapes_)
{
    return dim('i') * dim('j') * dim('k') * padded(dim('f'));
}

/* dW, with the filters last in whole registers, and db. */
static long gradients_size(const shapes *shapes_)
{
    return gradient_size(shapes_) + padded(dim('f'));
}

/* Ones, and the weights. */
static long spread_size(const shapes *shapes_)
{
    return padded(dim('c')) + dim('i') * dim('j') * in_panels(dim('c')) * padded(dim('f'));
}

static int spreads(const shapes *shapes_, const sliding *s)
{
    return correlates_back(s, dim('c'), dim('f'))
           || lines_met(s) * dim('x') * padded(dim('i') * dim('j') * dim('c')) <= SPREAD;
}

static int fits_gradients(shapes *shapes_, const value *values)
{
    shapes_->common_size = spread_size(shapes_);
    shapes_->cost += 2 * cost_of_products(shapes_);
    if (!takes_filters(shapes_, values))
        return 0;
    if (is_depthwise(shapes_, values[4]) || !values[7].f)
        return 1;
    const sliding s = sliding_in(shapes_);
    return spreads(shapes_, &s);
}

/* Ones, and behind them the weights as `spread_image` needs them. */
static void arrange_spread(const shapes *shapes_, value groups, const float *W, float *ones)
{
    const long cells = dim('i') * dim('j'), C = dim('c'), F = dim('f');
    const sliding s = sliding_in(shapes_);
    float *weights = ones + padded(C);
    memset(ones, 0, spread_size(shapes_) * sizeof(float));
    for (long c = 0; c < padded(C); c++)
        ones[c] = 1;
    if (is_depthwise(shapes_, groups))
        pad_transposed(F, cells, W, weights);
    else if (correlates_back(&s, C, F))
        for (long f = 0; f < F; f++)
            for (long cell = 0; cell < cells; cell++)
                for (long c = 0; c < C; c++)
                    weights[in_panel(c, (cells - 1 - cell) * F + f, cells * F, C)]
                        = W[(f * cells + cell) * C + c];
    else
        pad_rows(F, cells * C, W, weights);
}

/* dA_(y+i)(x+j)c = b_c + sum_ijf W_fijc dZ_yxf of an image, all of whose filters see all channels. */
static void spread_image(const shapes *shapes_, const sliding *s, const float *dz, const float *b,
                         float *dA, long image)
{
    const long h = s->inputs.down, C = dim('c'), F = dim('f');
    const float *ones = shapes_->common, *weights = ones + padded(C);
    if (correlates_back(s, C, F)) {
        const sliding back = turned(*s);
        correlate_lines(dz - image * s->places.down * s->places.across * F, &back, F, weights, C, b,
                        dA, image * h, (image + 1) * h);
    } else
        correlate_inputs(dz, s, C, weights, F, ones, b, dA + image * h * s->inputs.across * C);
}

STAGE(arrange_to_spread, dZ, A, W, window, groups, dW, db, dA, work)
{
    arrange_spread(shapes_, groups, W.f, shapes_->common);
}

/* dW_fijc = sum_yx dZ_yxf A_(y+i)(x+j)c, db_f = sum_yx dZ_yxf,
   dA_(y+i)(x+j)c = sum_ijf W_fijc dZ_yxf */
STAGE(correlate_backward, dZ, A, W, window, groups, dW, db, dA, work)
{
    const long h = dim('h'), C = dim('c'), F = dim('f');
    const sliding s = sliding_in(shapes_);
    const long pixels = h * dim('w') * C, places = s.places.down * dim('x') * F;
    const int depthwise = is_depthwise(shapes_, groups);
    for (long image = first; image < last; image++) {
        const float *dz = dZ.f + image * places;
        if (depthwise)
            sum_lines(dZ.f, A.f, &s, C, sums, image * s.places.down, (image + 1) * s.places.down);
        else
            correlate_weights(dz, A.f + image * pixels, &s, C, F, sums);
        if (db.f)
            add_rows(dz, places / F, F, sums + gradient_size(shapes_));
        if (!dA.f)
            continue;
        if (depthwise)
            spread_lines(dZ.f, &s, C, shapes_->common + padded(C), 0, dA.f, image * h,
                         (image + 1) * h);
        else
            spread_image(shapes_, &s, dz, 0, dA.f, image);
    }
}

STAGE(add_gradients, dZ, A, W, window, groups, dW, db, dA, work)
{
    const long F = dim('f');
    add_to_first_part(shapes_, gradient_size(shapes_) + padded(F));
    turn_gradient(sums, dim('i') * dim('j') * dim('k'), F, dW.f);
    if (db.f)
        memcpy(db.f, sums + gradient_size(shapes_), F * sizeof(float));
}
KERNEL_WHERE(fits_gradients, correlate_backward, "nxf, mhwc, fijk, W, #, fijk>, f>?, mhwc>?, _",
             gradients_size, (dZ, A, W, window, groups, dW, db, dA, work),
             {stage_arrange_to_spread, 0}, {stage_correlate_backward, 'm'}, {stage_add_gradients, 0})

#define CORRELATION &kernel_correlate, &kernel_correlate_backward
