/* The gated recurrent unit: all steps of a sequence in one call. */

/* r and k of one example, which are `gate` apart in S and hold H U' at first. With b_reset,
   V = H U_n' + b_reset, and n holds r V; otherwise V = r H. */
static void gru_gates(long units, const float *Z, const float *b_reset, const float *H, float *S,
                      long gate, float *V)
{
    float *r = S, *k = r + gate, *n = k + gate;
    INDEPENDENT for (long j = 0; j < units; j++) {
        r[j] = sigmoid_(r[j] + Z[j]);
        k[j] = sigmoid_(k[j] + Z[units + j]);
        if (b_reset) {
            V[j] += b_reset[j];
            n[j] = r[j] * V[j];
        } else {
            V[j] = r[j] * H[j];
        }
    }
}

/* n of one example, without Z's part and before tanh at first, and the state after the step. */
static void gru_state(long units, const float *Z, const float *H, int padded, float *S, long gate,
                      float *Y)
{
    float *k = S + gate, *n = k + gate;
    INDEPENDENT for (long j = 0; j < units; j++) {
        const float new = tanh_(n[j] + Z[2 * units + j]);
        n[j] = new;
        Y[j] = padded ? H[j] : new + k[j] * (H[j] - new);
    }
}

static int fits_gru(shapes *shapes_, const value *values)
{
    shapes_->common_size = 3 * packed_size(dim('u'), dim('u'));
    divide_examples(shapes_, dim('m'));
    return dim('q') == 3 * dim('u') && dim('p') == dim('t') + 1 && dim('x') == 3 && dim('o') <= 1
           && worth_packing(dim('u'), dim('t'), dim('m'));
}

STAGE(pack_gru, Z, U, b_reset, padded, H, S, V, Q)
{
    const long units = dim('u');
    for (int gate = 0; gate < 3; gate++)
        pack(units, units, U.f + gate * units, 3 * units, 1,
             shapes_->common + gate * packed_size(units, units));
}

/* h' = n + k (h - n), where r, k and n come from Z + H U', n's part of H U' with the factor r, or
   from (r H) U_n' */
STAGE(gru_steps, Z, U, b_reset, padded, H, S, V, Q)
{
    const long time = dim('t'), m = dim('m'), units = dim('u'), gate = m * units;
    const float *U_r = shapes_->common, *U_k = U_r + packed_size(units, units);
    const float *U_n = U_k + packed_size(units, units);
    for (long start = first; start < last; start += EXAMPLES_AT_ONCE)
        for (long t = 0; t < time; t++) {
            const long n = examples_at_once(start, last), from = start * units;
            const float *Z_t = Z.f + t * m * 3 * units, *H_t = H.f + t * gate;
            float *S_t = S.f + t * 3 * gate, *V_t = V.f + t * gate;
            packed_product(n, units, units, H_t + from, units, U_r, S_t + from, units, 0);
            packed_product(n, units, units, H_t + from, units, U_k, S_t + gate + from, units, 0);
            if (b_reset.f)
                packed_product(n, units, units, H_t + from, units, U_n, V_t + from, units, 0);
            for (long i = start; i < start + n; i++)
                gru_gates(units, Z_t + i * 3 * units, b_reset.f, H_t + i * units, S_t + i * units,
                          gate, V_t + i * units);
            if (!b_reset.f)
                packed_product(n, units, units, V_t + from, units, U_n, S_t + 2 * gate + from,
                               units, 0);
            for (long i = start; i < start + n; i++)
                gru_state(units, Z_t + i * 3 * units, H_t + i * units,
                          padded.b && padded.b[t * m + i], S_t + i * units, gate,
                          H.f + (t + 1) * gate + i * units);
        }
}
KERNEL_WHERE(fits_gru, gru, "tmq, t:qu, u?, b:tmo?, pmu^, txmu>, tmu>, _", 0,
             (Z, U, b_reset, padded, H, S, V, Q), {stage_pack_gru, 0}, {stage_gru_steps, 'm'})

/* dZ_n and dZ_k of one example. dH becomes what reaches the state before the step directly. */
static void gru_state_backward(long units, const float *dY, const float *H, int padded,
                               const float *S, long gate, float *dZ, float *dH)
{
    const float *k = S + gate, *n = k + gate;
    INDEPENDENT for (long j = 0; j < units; j++) {
        const float dy = dY ? dH[j] + dY[j] : dH[j];
        dZ[units + j] = padded ? 0 : dy * (H[j] - n[j]) * k[j] * (1 - k[j]);
        dZ[2 * units + j] = padded ? 0 : dy * (1 - k[j]) * (1 - n[j] * n[j]);
        dH[j] = padded ? dy : dy * k[j];
    }
}

/* dZ_r of one example, and dQ. With `after`, dV = dZ_n r; otherwise dV comes in dZ_r's place, and
   dH grows by dV r. */
static void gru_reset_backward(long units, const float *H, int padded, const float *r,
                               const float *V, int after, float *dZ, float *dQ, float *dH)
{
    INDEPENDENT for (long j = 0; j < units; j++) {
        const float dn = dZ[2 * units + j], slope = padded ? 0 : r[j] * (1 - r[j]);
        if (after) {
            dZ[j] = dn * V[j] * slope;
            dQ[2 * units + j] = dn * r[j];
        } else {
            const float dv = dZ[j];
            dZ[j] = dv * H[j] * slope;
            dH[j] += dv * r[j];
        }
        dQ[j] = dZ[j];
        dQ[units + j] = dZ[units + j];
    }
}

static int fits_gru_backward(shapes *shapes_, const value *values)
{
    const long units = dim('u');
    shapes_->common_size = packed_size(dim('z'), units) + packed_size(units, units);
    divide_examples(shapes_, dim('m'));
    return dim('q') == 3 * units && (dim('z') == 3 * units || dim('z') == 2 * units)
           && dim('p') == dim('t') + 1 && dim('x') == 3 && dim('o') <= 1
           && worth_packing(units, dim('t'), dim('m'));
}

STAGE(pack_gru_backward, dY, H, U, reset, padded, S, V, dZ, dQ, dh, slopes, dV, kept, change)
{
    const long units = dim('u'), depth = dim('z');
    pack(depth, units, U.f, 1, 3 * units, shapes_->common);
    pack(units, units, U.f + 2 * units, 1, 3 * units, shapes_->common + packed_size(depth, units));
}

/* dh = dy k + dQ U; with the reset before the product, + dV r, and dQ and U lack n's part */
STAGE(gru_steps_backward, dY, H, U, reset, padded, S, V, dZ, dQ, dh, slopes, dV, kept, change)
{
    const long time = dim('t'), m = dim('m'), units = dim('u'), gate = m * units, depth = dim('z');
    const float *U_n = shapes_->common + packed_size(depth, units);
    const int after = depth == 3 * units;
    for (long start = first; start < last; start += EXAMPLES_AT_ONCE)
        for (long t = time - 1; t >= 0; t--) {
            const long n = examples_at_once(start, last);
            const float *H_t = H.f + t * gate, *S_t = S.f + t * 3 * gate, *V_t = V.f + t * gate;
            float *dZ_t = dZ.f + t * m * 3 * units, *dQ_t = dQ.f + t * m * depth;
            for (long i = start; i < start + n; i++)
                gru_state_backward(units, dY.f ? dY.f + t * dim('a') + i * dim('b') : 0,
                                   H_t + i * units, padded.b && padded.b[t * m + i],
                                   S_t + i * units, gate, dZ_t + i * 3 * units, dh.f + i * units);
            if (!after)
                packed_product(n, units, units, dZ_t + start * 3 * units + 2 * units, 3 * units,
                               U_n, dZ_t + start * 3 * units, 3 * units, 0);
            for (long i = start; i < start + n; i++)
                gru_reset_backward(units, H_t + i * units, padded.b && padded.b[t * m + i],
                                   S_t + i * units, V_t + i * units, after, dZ_t + i * 3 * units,
                                   dQ_t + i * depth, dh.f + i * units);
            packed_product(n, units, depth, dQ_t + start * depth, depth, shapes_->common,
                           dh.f + start * units, units, 1);
        }
}
KERNEL_WHERE(fits_gru_backward, gru_backward,
             "t/a m/b u?, pmu, t:qu, _, b:tmo?, txmu, tmu, tmq>, tmz>, mu^, _, _, _, _", 0,
             (dY, H, U, reset, padded, S, V, dZ, dQ, dh, slopes, dV, kept, change),
             {stage_pack_gru_backward, 0}, {stage_gru_steps_backward, 'm'})

#define GRU &kernel_gru, &kernel_gru_backward
