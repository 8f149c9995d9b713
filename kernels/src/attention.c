/* Attention: the heads of a group, which share keys and values, of one example after the other. */

#define QUERIES 64 /* P is written up to the keys that the last of so many queries may see */
#define FEW 16     /* queries that are computed with the same keys */
#define KEYS 64    /* of the gradients of the scores, so many columns at a time, */
#define STEP 80    /* and from row to row a distance that is no power of two */

/* The first keys that the query may see, of T queries and S keys. */
static inline long keys_of(long query, long T, long S, int causal)
{
    const long seen = causal ? S - T + query + 1 : S;
    return seen > 0 ? seen : 0;
}

static inline long least(long a, long b) { return a < b ? a : b; }

/* A row of a matrix of keys or values turned around, not as long as a power of two. */
static inline long row_of(long S) { return padded(S) + LANES; }

/* n vectors of d numbers, which are `step` and then `to_step` apart. */
static void copy_vectors(long n, long d, const float *from, long step, long to_step, float *to)
{
    for (long i = 0; i < n; i++)
        for (long j = 0; j < d; j += LANES)
            store_some(to + i * to_step + j, load_some(from + i * step + j, d - j), d - j);
}

/* The vectors times `scale`, each padded with zeros to whole registers. What lay there before could be
   denormal, and products with it a hundred times as slow. */
static void pad_vectors(long n, long d, const float *from, long step, float scale, float *to)
{
    for (long i = 0; i < n; i++, from += step)
        for (long j = 0; j < d; j += LANES, to += LANES)
            store(to, load_some(from + j, d - j) * scale);
}

/* The same as d rows, each with a number of every vector. */
static void turn_vectors(long n, long d, const float *from, long step, float *to)
{
    const long row = row_of(n);
    for (long j = 0; j < d && n % LANES; j++)
        store(to + j * row + n / LANES * LANES, all_lanes(0));
    for (long i = 0; i < n; i += 4) {
        long j = 0;
        for (; i + 4 <= n && j + 4 <= d; j += 4)
            turn_four(from + i * step + j, step, to + j * row + i, row);
        for (; j < d; j++)
            for (long k = i; k < least(i + 4, n); k++)
                to[j * row + k] = from[k * step + j];
    }
}

static float dot(long n, const float *a, const float *b)
{
    lanes sums = all_lanes(0);
    for (long j = 0; j < n; j += LANES)
        sums += load_some(a + j, n - j) * load_some(b + j, n - j);
    return sum_of_lanes(sums);
}

/* Of n scores of each row, the first seen[i] become their softmax; the others, up to whole registers,
   0. All rows see the first `always`. `hidden` has 0 or minus infinity for each key; if all are
   hidden, none gets any weight. */
ALWAYS_INLINE void softmax_of_rows(int rows, const long *seen, long always, long n,
                                   const float *hidden, float *S, long row)
{
    const long whole = padded(n);
    lanes highest[TOGETHER], sums[TOGETHER];
    float top[TOGETHER], total[TOGETHER];
    UNROLLED for (int i = 0; i < rows; i++) {
        highest[i] = all_lanes(-FLT_MAX);
        sums[i] = all_lanes(0);
    }
    for (long j = 0; j < whole; j += LANES)
        UNROLLED for (int i = 0; i < rows; i++) {
            lanes x = load(S + i * row + j);
            if (hidden)
                x += load(hidden + j);
            if (j + LANES > always)
                x = first_lanes(x, seen[i] - j, -INFINITY);
            store(S + i * row + j, x);
            highest[i] = larger_number(x, highest[i]);
        }
    UNROLLED for (int i = 0; i < rows; i++)
        top[i] = largest_of_lanes(highest[i]);
    for (long j = 0; j < whole; j += LANES)
        UNROLLED for (int i = 0; i < rows; i++) {
            float *s = S + i * row + j;
            for (int k = 0; k < LANES; k++)
                s[k] = exp_(s[k] - top[i]);
            sums[i] += load(s);
        }
    sums_of_lanes(rows, sums, total);
    UNROLLED for (int i = 0; i < rows; i++)
        total[i] = 1 / at_least(total[i], 1);
    for (long j = 0; j < whole; j += LANES)
        UNROLLED for (int i = 0; i < rows; i++)
            store(S + i * row + j, load(S + i * row + j) * total[i]);
}

/* The first n weights, and zeros up to `written`. */
static void write_weights(long n, long written, const float *weights, float *P)
{
    for (long j = 0; j < written; j += LANES)
        store_some(P + j, j < n ? load(weights + j) : all_lanes(0), written - j);
}

/* --- forward ------------------------------------------------------------------------------------ */

static int fits_heads(shapes *shapes_)
{
    dim('n') = dim('m') * dim('g');
    shapes_->parts = least(shapes_->parts, dim('n'));
    return dim('h') % dim('g') == 0;
}

static int fits_attend(shapes *shapes_, const value *values)
{
    const long row = row_of(dim('s'));
    shapes_->scratch_size = row * (dim('d') + 1 + FEW) + dim('s') * padded(dim('d'));
    return fits_heads(shapes_);
}

/* O = P V, P = softmax(Q K') */
STAGE(attend, Q, K, V, mask, causal, rate, rng, O, P, M, work)
{
    const long T = dim('t'), S = dim('s'), heads = dim('h'), groups = dim('g'), d = dim('d');
    const long row = row_of(S), width = padded(d), step = heads * d;
    const int cut = causal.number != 0;
    float *K_turned = sums, *V_copied = K_turned + d * row, *hidden = V_copied + S * width;
    float *scores = hidden + row;
    long seen[FEW];
    for (long unit = first; unit < last; unit++) {
        const long example = unit / groups, group = unit % groups;
        turn_vectors(S, d, K.f + example * dim('a') + group * d, dim('b'), K_turned);
        pad_vectors(S, d, V.f + example * dim('c') + group * d, dim('e'), 1, V_copied);
        for (long j = 0; mask.b && j < S; j++)
            hidden[j] = mask.b[example * S + j] ? 0 : -INFINITY;
        for (long head = group * heads / groups; head < (group + 1) * heads / groups; head++)
            for (long t = 0; t < T; t += FEW) {
                const long n = least(FEW, T - t), at = ((example * T + t) * heads + head) * d;
                const long always = keys_of(t, T, S, cut), keys = keys_of(t + n - 1, T, S, cut);
                const long end = least((t / QUERIES + 1) * QUERIES, T);
                const long written = keys_of(end - 1, T, S, cut);
                product(n, keys, d, Q.f + at, step, 1, K_turned, row, scores, row, 0, 0);
                for (long i = 0; i < n; i++)
                    seen[i] = keys_of(t + i, T, S, cut);
                long i = 0;
                for (; i + TOGETHER <= n; i += TOGETHER)
                    softmax_of_rows(TOGETHER, seen + i, always, keys, mask.b ? hidden : 0,
                                    scores + i * row, row);
                for (; i < n; i++)
                    softmax_of_rows(1, seen + i, always, keys, mask.b ? hidden : 0,
                                    scores + i * row, row);
                for (i = 0; P.f && i < n; i++)
                    write_weights(keys, written, scores + i * row,
                                  P.f + ((example * heads + head) * T + t + i) * S);
                product(n, d, keys, scores, row, 1, V_copied, width, O.f + at, step, 0, 0);
            }
    }
}
KERNEL_WHERE(fits_attend, attend,
             "mthd, m/a s/b gd, m/c s/e gd, b:ms?, #, _, _, mthd^, mhts>?, -, _", 0,
             (Q, K, V, mask, causal, rate, rng, O, P, M, work), {stage_attend, 'n'})

/* --- backward ----------------------------------------------------------------------------------- */

static int fits_attend_backward(shapes *shapes_, const value *values)
{
    const long S = dim('s'), d = dim('d'), width = padded(d);
    shapes_->scratch_size = row_of(S) * d + 3 * S * width + 3 * QUERIES * width + QUERIES
                            + 2 * QUERIES * STEP;
    return fits_heads(shapes_);
}

/* dS = P (dP - D) of one query, for the keys that are seen; of the others in the block, zeros. */
static void gradients_of_scores(long seen, long n, const float *P, float D, float *weights,
                                float *dS)
{
    for (long j = 0; j < n; j += LANES) {
        const lanes p = j < seen ? load_some(P + j, seen - j) : all_lanes(0);
        store(weights + j, p);
        store(dS + j, first_lanes(p * (load(dS + j) - D), seen - j, 0));
    }
}

/* dV = P' dO, dS = P (dO V' - D) with D = rowsum(dO O), dQ = dS K / sqrt(d), dK = dS' Q */
STAGE(attend_backward, dO, Q, K, V, mask, causal, rate, O, P, M, dQ, dK, dV, work)
{
    const long T = dim('t'), S = dim('s'), heads = dim('h'), groups = dim('g'), d = dim('d');
    const long row = row_of(S), width = padded(d), step = heads * d;
    const int cut = causal.number != 0;
    float *V_turned = sums, *K_scaled = V_turned + d * row;
    float *sum_dK = K_scaled + S * width, *sum_dV = sum_dK + S * width;
    float *some_Q = sum_dV + S * width, *some_dO = some_Q + QUERIES * width;
    float *some_dQ = some_dO + QUERIES * width, *D = some_dQ + QUERIES * width;
    float *weights = D + QUERIES, *dS = weights + QUERIES * STEP;
    for (long unit = first; unit < last; unit++) {
        const long example = unit / groups, group = unit % groups;
        turn_vectors(S, d, V.f + example * dim('c') + group * d, dim('e'), V_turned);
        pad_vectors(S, d, K.f + example * dim('a') + group * d, dim('b'),
                    (float)(1 / sqrt((double)d)), K_scaled);
        memset(sum_dK, 0, 2 * S * width * sizeof(float));
        for (long head = group * heads / groups; head < (group + 1) * heads / groups; head++)
            for (long t = 0; t < T; t += QUERIES) {
                const long n = least(QUERIES, T - t), at = ((example * T + t) * heads + head) * d;
                const long all_keys = keys_of(t + n - 1, T, S, cut);
                pad_vectors(n, d, Q.f + at, step, 1, some_Q);
                pad_vectors(n, d, dO.f + at, step, 1, some_dO);
                for (long i = 0; i < n; i++)
                    D[i] = dot(d, dO.f + at + i * step, O.f + at + i * step);
                memset(some_dQ, 0, n * width * sizeof(float));
                for (long k = 0; k < all_keys; k += KEYS) {
                    const long n_keys = least(KEYS, all_keys - k);
                    for (long i = 0; i < n; i += FEW) {
                        const long few = least(FEW, n - i);
                        const long ahead = keys_of(t + i + few - 1, T, S, cut) - k;
                        const long seen = ahead < 0 ? 0 : least(ahead, n_keys);
                        const float *P_i = P.f + ((example * heads + head) * T + t + i) * S + k;
                        product(few, seen, d, some_dO + i * width, width, 1, V_turned + k, row,
                                dS + i * STEP, STEP, 0, 0);
                        for (long j = 0; j < few; j++)
                            gradients_of_scores(seen, n_keys, P_i + j * S, D[i + j],
                                                weights + (i + j) * STEP, dS + (i + j) * STEP);
                        product(few, d, seen, dS + i * STEP, STEP, 1, K_scaled + k * width, width,
                                some_dQ + i * width, width, 0, 1);
                    }
                    for (long j = 0; j < n_keys; j += FEW) {
                        const long few = least(FEW, n_keys - j), before = k + j - (S - T) - t;
                        const long from = cut && before > 0 ? before / FEW * FEW : 0;
                        product(few, d, n - from, weights + from * STEP + j, 1, STEP,
                                some_dO + from * width, width, sum_dV + (k + j) * width, width, 0,
                                1);
                        product(few, d, n - from, dS + from * STEP + j, 1, STEP,
                                some_Q + from * width, width, sum_dK + (k + j) * width, width, 0,
                                1);
                    }
                }
                copy_vectors(n, d, some_dQ, width, dim('j'),
                             dQ.f + example * dim('i') + t * dim('j') + head * d);
            }
        copy_vectors(S, d, sum_dK, width, dim('l'), dK.f + example * dim('k') + group * d);
        copy_vectors(S, d, sum_dV, width, dim('q'), dV.f + example * dim('p') + group * d);
    }
}
KERNEL_WHERE(fits_attend_backward, attend_backward,
             "mthd, mthd, m/a s/b gd, m/c s/e gd, _, #, _, mthd, mhts, -, m/i t/j hd>, "
             "m/k s/l gd>, m/p s/q gd>, _",
             0, (dO, Q, K, V, mask, causal, rate, O, P, M, dQ, dK, dV, work),
             {stage_attend_backward, 'n'})

#define ATTENTION &kernel_attend, &kernel_attend_backward
