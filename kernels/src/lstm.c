/* Long short-term memory: all steps of a sequence in one call. */

/* One step of an example. S holds the products H U' of the gates, which are `gate` apart. */
static void lstm_cell(long units, const float *Z, const float *H, int padded, float *S, long gate,
                      float *E, float *C_next, float *Y)
{
    float *i = S, *f = i + gate, *o = f + gate, *g = o + gate, *c = g + gate, *tanh_c = c + gate;
    INDEPENDENT for (long j = 0; j < units; j++) {
        const float in = padded ? 0 : sigmoid_(i[j] + Z[j]);
        const float forget = padded ? 1 : sigmoid_(f[j] + Z[units + j]);
        const float out = sigmoid_(o[j] + Z[2 * units + j]);
        const float new = tanh_(g[j] + Z[3 * units + j]);
        const float ig = in * new, fc = forget * c[j], tanh_next = tanh_(ig + fc);
        i[j] = in;
        f[j] = forget;
        o[j] = out;
        g[j] = new;
        tanh_c[j] = tanh_next;
        E[j] = ig;
        E[gate + j] = fc;
        C_next[j] = ig + fc;
        E[2 * gate + j] = Y[j] = padded ? H[j] : out * tanh_next;
    }
}

static int fits_lstm(shapes *shapes_, const value *values)
{
    const long units = dim('u');
    shapes_->common_size = 4 * packed_size(units, units);
    divide_examples(shapes_, dim('m'));
    return dim('q') == 4 * units && dim('p') == dim('t') + 1 && dim('x') == 6 && dim('y') == 3
           && dim('o') <= 1 && worth_packing(units, dim('t'), dim('m'));
}

STAGE(pack_lstm, Z, U, padded, H, S, E)
{
    const long units = dim('u');
    for (int gate = 0; gate < 4; gate++)
        pack(units, units, U.f + gate * units, 4 * units, 1,
             shapes_->common + gate * packed_size(units, units));
}

/* c' = f c + i g, h' = o tanh(c'), where i, f, o, g come from Z + H U' */
STAGE(lstm_steps, Z, U, padded, H, S, E)
{
    const long time = dim('t'), m = dim('m'), units = dim('u'), gate = m * units;
    const float *U_packed = shapes_->common;
    for (long start = first; start < last; start += EXAMPLES_AT_ONCE)
        for (long t = 0; t < time; t++) {
            const long n = examples_at_once(start, last);
            const float *H_t = H.f + t * gate;
            float *S_t = S.f + t * 6 * gate, *S_next = S_t + 6 * gate;
            for (int k = 0; k < 4; k++)
                packed_product(n, units, units, H_t + start * units, units,
                               U_packed + k * packed_size(units, units),
                               S_t + k * gate + start * units, units, 0);
            for (long i = start; i < start + n; i++) {
                const long at = i * units;
                lstm_cell(units, Z.f + (t * m + i) * 4 * units, H_t + at,
                          padded.b && padded.b[t * m + i], S_t + at, gate, E.f + t * 3 * gate + at,
                          S_next + 4 * gate + at, H.f + (t + 1) * gate + at);
            }
        }
}
KERNEL_WHERE(fits_lstm, lstm, "tmq, t:qu, b:tmo?, pmu^, pxmu>, tymu>", 0, (Z, U, padded, H, S, E),
             {stage_pack_lstm, 0}, {stage_lstm_steps, 'm'})

/* The gradients in one step of an example. dH becomes what reaches the state before the step beside
   the gates: nothing, unless the step is padded. */
static void lstm_cell_backward(long units, const float *dY, int padded, const float *S, long gate,
                               float *dZ, float *dC, float *dH)
{
    const float *i = S, *f = i + gate, *o = f + gate, *g = o + gate, *c = g + gate;
    const float *tanh_c = c + gate;
    INDEPENDENT for (long j = 0; j < units; j++) {
        const float dy = dY ? dH[j] + dY[j] : dH[j];
        const float slope = padded ? 0 : o[j] * (1 - tanh_c[j] * tanh_c[j]);
        const float ds = dC[j] + dy * slope;
        dZ[j] = padded ? 0 : ds * g[j] * i[j] * (1 - i[j]);
        dZ[units + j] = padded ? 0 : ds * c[j] * f[j] * (1 - f[j]);
        dZ[2 * units + j] = padded ? 0 : dy * tanh_c[j] * o[j] * (1 - o[j]);
        dZ[3 * units + j] = padded ? 0 : ds * i[j] * (1 - g[j] * g[j]);
        dC[j] = ds * f[j];
        dH[j] = padded ? dy : 0;
    }
}

static int fits_lstm_backward(shapes *shapes_, const value *values)
{
    shapes_->common_size = packed_size(4 * dim('u'), dim('u'));
    divide_examples(shapes_, dim('m'));
    return dim('q') == 4 * dim('u') && dim('p') == dim('t') + 1 && dim('x') == 6 && dim('o') <= 1
           && worth_packing(dim('u'), dim('t'), dim('m'));
}

STAGE(pack_lstm_backward, dY, U, padded, S, E, dZ, dc, dh, slopes, part, kept)
{
    pack(4 * dim('u'), dim('u'), U.f, 1, 4 * dim('u'), shapes_->common);
}

/* dc = ds f with ds = dc' + dy o (1 - tanh(c')^2), dh = dZ U */
STAGE(lstm_steps_backward, dY, U, padded, S, E, dZ, dc, dh, slopes, part, kept)
{
    const long time = dim('t'), m = dim('m'), units = dim('u'), gate = m * units, depth = 4 * units;
    for (long start = first; start < last; start += EXAMPLES_AT_ONCE)
        for (long t = time - 1; t >= 0; t--) {
            const long n = examples_at_once(start, last);
            float *dZ_t = dZ.f + t * m * depth;
            for (long i = start; i < start + n; i++)
                lstm_cell_backward(units, dY.f ? dY.f + t * dim('a') + i * dim('b') : 0,
                                   padded.b && padded.b[t * m + i],
                                   S.f + t * 6 * gate + i * units, gate, dZ_t + i * depth,
                                   dc.f + i * units, dh.f + i * units);
            packed_product(n, units, depth, dZ_t + start * depth, depth, shapes_->common,
                           dh.f + start * units, units, 1);
        }
}
KERNEL_WHERE(fits_lstm_backward, lstm_backward,
             "t/a m/b u?, t:qu, b:tmo?, pxmu, _, tmq>, mu>, mu^, _, _, _", 0,
             (dY, U, padded, S, E, dZ, dc, dh, slopes, part, kept), {stage_pack_lstm_backward, 0},
             {stage_lstm_steps_backward, 'm'})

#define LSTM &kernel_lstm, &kernel_lstm_backward
