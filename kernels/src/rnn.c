/* Elman's recurrence: all steps of a sequence in one call. */

/* One step of an example; Y holds the products H U'. */
static void rnn_cell(long units, const float *Z, const float *H, int rectified, int padded, float *Y)
{
    if (rectified)
        INDEPENDENT for (long j = 0; j < units; j++) {
            const float pre = Y[j] + Z[j];
            Y[j] = padded ? H[j] : at_least(pre, 0);
        }
    else
        INDEPENDENT for (long j = 0; j < units; j++) {
            const float y = tanh_(Y[j] + Z[j]);
            Y[j] = padded ? H[j] : y;
        }
}

static int fits_rnn(shapes *shapes_, const value *values)
{
    shapes_->common_size = packed_size(dim('u'), dim('u'));
    divide_examples(shapes_, dim('m'));
    return dim('q') == dim('u') && dim('p') == dim('t') + 1 && dim('o') <= 1
           && worth_packing(dim('u'), dim('t'), dim('m'));
}

STAGE(pack_rnn, Z, U, rectified, padded, H, pre)
{
    pack(dim('u'), dim('u'), U.f, dim('u'), 1, shapes_->common);
}

/* h' = tanh(Z + H U') or max(Z + H U', 0) */
STAGE(rnn_steps, Z, U, rectified, padded, H, pre)
{
    const long time = dim('t'), m = dim('m'), units = dim('u');
    for (long start = first; start < last; start += EXAMPLES_AT_ONCE)
        for (long t = 0; t < time; t++) {
            const long n = examples_at_once(start, last);
            const float *H_t = H.f + t * m * units;
            float *H_next = H.f + (t + 1) * m * units;
            packed_product(n, units, units, H_t + start * units, units, shapes_->common,
                           H_next + start * units, units, 0);
            for (long i = start; i < start + n; i++)
                rnn_cell(units, Z.f + (t * m + i) * units, H_t + i * units, rectified.number != 0,
                         padded.b && padded.b[t * m + i], H_next + i * units);
        }
}
KERNEL_WHERE(fits_rnn, rnn, "tmu, t:qu, #, b:tmo?, pmu^, _", 0, (Z, U, rectified, padded, H, pre),
             {stage_pack_rnn, 0}, {stage_rnn_steps, 'm'})

/* The gradients in one step of an example. dH becomes what reaches the state before the step beside
   the product: nothing, unless the step is padded. */
static void rnn_cell_backward(long units, const float *dY, const float *Y, int rectified, int padded,
                              float *dZ, float *dH)
{
    INDEPENDENT for (long j = 0; j < units; j++) {
        const float dy = dY ? dH[j] + dY[j] : dH[j];
        const float slope = rectified ? (Y[j] > 0 ? 1.0f : 0.0f) : 1 - Y[j] * Y[j];
        dZ[j] = padded ? 0 : dy * slope;
        dH[j] = padded ? dy : 0;
    }
}

STAGE(pack_rnn_backward, dY, H, U, rectified, padded, dZ, dh, slope, kept)
{
    pack(dim('u'), dim('u'), U.f, 1, dim('u'), shapes_->common);
}

/* dZ = dh (1 - h'^2) or dh [h' > 0], dh = dZ U */
STAGE(rnn_steps_backward, dY, H, U, rectified, padded, dZ, dh, slope, kept)
{
    const long time = dim('t'), m = dim('m'), units = dim('u');
    for (long start = first; start < last; start += EXAMPLES_AT_ONCE)
        for (long t = time - 1; t >= 0; t--) {
            const long n = examples_at_once(start, last);
            float *dZ_t = dZ.f + t * m * units;
            for (long i = start; i < start + n; i++)
                rnn_cell_backward(units, dY.f ? dY.f + t * dim('a') + i * dim('b') : 0,
                                  H.f + ((t + 1) * m + i) * units, rectified.number != 0,
                                  padded.b && padded.b[t * m + i], dZ_t + i * units,
                                  dh.f + i * units);
            packed_product(n, units, units, dZ_t + start * units, units, shapes_->common,
                           dh.f + start * units, units, 1);
        }
}
KERNEL_WHERE(fits_rnn, rnn_backward, "t/a m/b u?, pmu, t:qu, #, b:tmo?, tmu>, mu^, _, _", 0,
             (dY, H, U, rectified, padded, dZ, dh, slope, kept), {stage_pack_rnn_backward, 0},
             {stage_rnn_steps_backward, 'm'})

#define RNN &kernel_rnn, &kernel_rnn_backward
