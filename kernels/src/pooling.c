/* The maximum or the mean of what lies under a window, in each channel. */

/* The cells of the window that meet a pixel at place y, x: lines i to before i_stop, and columns. */
typedef struct {
    long i, i_stop, j, j_stop;
    long at; /* the pixel that cell 0, 0 meets, which may lie outside of the images */
} cells;

static inline cells cells_of_line(const sliding *s, long place)
{
    const long image = place / s->places.down, y = place % s->places.down;
    const long top = y * s->stride.down - s->before.down;
    cells found = {.at = (image * s->inputs.down + top) * s->inputs.across};
    overlap(top, s->dilation.down, s->inputs.down, s->kernel.down, &found.i, &found.i_stop);
    return found;
}

static inline cells cells_at(const sliding *s, cells line, long x)
{
    const long left = x * s->stride.across - s->before.across;
    line.at += left;
    if (left >= 0 && left + (s->kernel.across - 1) * s->dilation.across < s->inputs.across)
        line.j_stop = s->kernel.across; /* without a division */
    else
        overlap(left, s->dilation.across, s->inputs.across, s->kernel.across, &line.j,
                &line.j_stop);
    return line;
}

/* What each cell of `met` meets. */
#define EACH_PIXEL(met, s, pixel)                                                                  \
    for (long i_ = met.i; i_ < met.i_stop; i_++)                                                   \
        for (long j_ = met.j,                                                                      \
                  pixel = met.at + i_ * s.dilation.down * s.inputs.across + j_ * s.dilation.across;\
             j_ < met.j_stop; j_++, pixel += s.dilation.across)

/* Y_yxc = max A_rsc over all r, s under the window at y, x */
STAGE(max_pool, A, window, inside, Y)
{
    const long across = dim('x'), C = dim('c');
    const sliding s = sliding_of(window, dim('h'), dim('w'), dim('n') / dim('m'), across);
    for (long place = first; place < last; place++) {
        const cells line = cells_of_line(&s, place);
        for (long x = 0; x < across; x++) {
            const cells met = cells_at(&s, line, x);
            for (long c = 0; c < C; c += LANES) {
                lanes largest = all_lanes(-INFINITY);
                EACH_PIXEL(met, s, pixel)
                    largest = larger_or_nan(load_some(A.f + pixel * C + c, C - c), largest);
                store_some(Y.f + (place * across + x) * C + c, largest, C - c);
            }
        }
    }
}

/* Whether the lines of all images' places are the first axis. */
static int fits_pool(shapes *shapes_, const value *values)
{
    return dim('n') % dim('m') == 0;
}
KERNEL_WHERE(fits_pool, max_pool, "mhwc, W, #, nxc^", 0, (A, window, inside, Y),
             {stage_max_pool, 'n'})

/* The lines of an image's gradient that the window at y reaches first are set to 0. */
static void clear_lines(const sliding *s, long y, long C, float *dA, long *cleared)
{
    long until = s->inputs.down;
    if (y < s->places.down)
        until = y * s->stride.down - s->before.down + (s->kernel.down - 1) * s->dilation.down + 1;
    if (until > s->inputs.down)
        until = s->inputs.down;
    if (until > *cleared) {
        const long line = s->inputs.across * C;
        memset(dA + *cleared * line, 0, (until - *cleared) * line * sizeof(float));
        *cleared = until;
    }
}

/* dA_rsc = sum dY_yxc over all y, x whose first maximum is A_rsc */
STAGE(max_pool_backward, dY, A, Y, window, tiles, dA, free, firsts, term)
{
    const long h = dim('h'), w = dim('w'), down = dim('n') / dim('m'), across = dim('x');
    const long C = dim('c');
    const sliding s = sliding_of(window, h, w, down, across);
    for (long image = first; image < last; image++) {
        long cleared = tiles.number ? h : 0;
        for (long y = 0; y < down; y++) {
            const cells line = cells_of_line(&s, image * down + y);
            clear_lines(&s, y, C, dA.f + image * h * w * C, &cleared);
            for (long x = 0; x < across; x++) {
                const cells met = cells_at(&s, line, x);
                const long to = ((image * down + y) * across + x) * C;
                for (long c = 0; c < C; c += LANES) {
                    const lanes largest = load_some(Y.f + to + c, C - c);
                    const lanes dlargest = load_some(dY.f + to + c, C - c);
                    flags found = equal(all_lanes(0), all_lanes(1));
                    EACH_PIXEL(met, s, pixel) {
                        float *da = dA.f + pixel * C + c;
                        const lanes a = load_some(A.f + pixel * C + c, C - c);
                        const flags is_first = equal(a, largest) & ~found;
                        lanes part = dlargest * ones_where(is_first);
                        if (!tiles.number)
                            part += load_some(da, C - c);
                        store_some(da, part, C - c);
                        found |= is_first;
                    }
                }
            }
        }
        clear_lines(&s, down, C, dA.f + image * h * w * C, &cleared);
    }
}
KERNEL_WHERE(fits_pool, max_pool_backward, "nxc, mhwc, nxc, W, #, mhwc^, _, _, _", 0,
             (dY, A, Y, window, tiles, dA, free, firsts, term), {stage_max_pool_backward, 'm'})

/* Y_yxc = share_yx sum A_rsc over all r, s under the window at y, x */
STAGE(average_pool, A, window, share, Y)
{
    const long down = dim('y'), across = dim('x'), C = dim('c');
    const sliding s = sliding_of(window, dim('h'), dim('w'), down, across);
    for (long place = first; place < last; place++) {
        const cells line = cells_of_line(&s, place);
        for (long x = 0; x < across; x++) {
            const cells met = cells_at(&s, line, x);
            const lanes each = all_lanes(share.f[place % down * across + x]);
            for (long c = 0; c < C; c += LANES) {
                lanes sum = all_lanes(0);
                EACH_PIXEL(met, s, pixel)
                    sum += load_some(A.f + pixel * C + c, C - c);
                store_some(Y.f + (place * across + x) * C + c, sum * each, C - c);
            }
        }
    }
}

static int fits_shares(shapes *shapes_, const value *values)
{
    return dim('o') == 1 && dim('n') == dim('m') * dim('y');
}
KERNEL_WHERE(fits_shares, average_pool, "mhwc, W, yxo, nxc^", 0, (A, window, share, Y),
             {stage_average_pool, 'n'})

/* dA_rsc = sum share_yx dY_yxc over all y, x where r, s is under the window */
STAGE(average_pool_backward, dY, window, share, tiles, dA, part)
{
    const long h = dim('h'), w = dim('w'), down = dim('y'), across = dim('x'), C = dim('c');
    const sliding s = sliding_of(window, h, w, down, across);
    for (long image = first; image < last; image++) {
        long cleared = tiles.number ? h : 0;
        for (long y = 0; y < down; y++) {
            const cells line = cells_of_line(&s, image * down + y);
            clear_lines(&s, y, C, dA.f + image * h * w * C, &cleared);
            for (long x = 0; x < across; x++) {
                const cells met = cells_at(&s, line, x);
                const float *dy = dY.f + ((image * down + y) * across + x) * C;
                for (long c = 0; c < C; c += LANES) {
                    const lanes p = load_some(dy + c, C - c) * all_lanes(share.f[y * across + x]);
                    EACH_PIXEL(met, s, pixel) {
                        float *da = dA.f + pixel * C + c;
                        store_some(da, tiles.number ? p : p + load_some(da, C - c), C - c);
                    }
                }
            }
        }
        clear_lines(&s, down, C, dA.f + image * h * w * C, &cleared);
    }
}
KERNEL_WHERE(fits_shares, average_pool_backward, "nxc, W, yxo, #, mhwc^, _", 0,
             (dY, window, share, tiles, dA, part), {stage_average_pool_backward, 'm'})

#define POOLING &kernel_max_pool, &kernel_max_pool_backward, &kernel_average_pool, \
    &kernel_average_pool_backward
