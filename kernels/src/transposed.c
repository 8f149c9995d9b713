/* The transpose of a correlation: what the gradient of its inputs is there is the output here. Where
   each channel has a kernel of its own, NumPy's form calls the kernels for that. */

static int fits_transposed(shapes *shapes_, const value *values)
{
    const sliding s = sliding_in(shapes_);
    shapes_->common_size = spread_size(shapes_);
    shapes_->cost += cost_of_products(shapes_);
    return takes_filters(shapes_, values) && !is_depthwise(shapes_, values[4])
           && spreads(shapes_, &s);
}

STAGE(arrange_transposed, A, W, b, window, groups, Z, work)
{
    arrange_spread(shapes_, groups, W.f, shapes_->common);
}

/* Z_(y+i)(x+j)c = b_c + sum_ijf W_fijc A_yxf */
STAGE(transposed_correlate, A, W, b, window, groups, Z, work)
{
    const sliding s = sliding_in(shapes_);
    const long places = s.places.down * dim('x') * dim('f');
    for (long image = first; image < last; image++)
        spread_image(shapes_, &s, A.f + image * places, b.f, Z.f, image);
}
KERNEL_WHERE(fits_transposed, transposed_correlate, "nxf, fijk, c?, W, #, mhwc^, _", 0,
             (A, W, b, window, groups, Z, work), {stage_arrange_transposed, 0},
             {stage_transposed_correlate, 'm'})

/* --- backward ----------------------------------------------------------------------------------- */

static long transposed_gradients_size(const shapes *shapes_)
{
    return gradient_size(shapes_) + padded(dim('c'));
}

static int fits_transposed_gradients(shapes *shapes_, const value *values)
{
    shapes_->common_size = weights_size(shapes_);
    shapes_->cost += 2 * cost_of_products(shapes_);
    return takes_filters(shapes_, values) && !is_depthwise(shapes_, values[4]);
}

STAGE(arrange_transposed_back, dZ, A, W, window, groups, dW, db, dA, work)
{
    arrange_filters(shapes_, W.f, shapes_->common);
}

/* dW_fijc = sum_yx A_yxf dZ_(y+i)(x+j)c, db_c = sum_yx dZ_yxc, dA_yxf = sum_ijc W_fijc dZ_(y+i)(x+j)c */
STAGE(transposed_correlate_backward, dZ, A, W, window, groups, dW, db, dA, work)
{
    const long C = dim('c'), F = dim('f');
    const sliding s = sliding_in(shapes_);
    const long pixels = dim('h') * dim('w'), places = s.places.down * dim('x') * F;
    for (long image = first; image < last; image++) {
        const float *dz = dZ.f + image * pixels * C;
        correlate_weights(A.f + image * places, dz, &s, C, F, sums);
        if (db.f)
            add_rows(dz, pixels, C, sums + gradient_size(shapes_));
        if (dA.f)
            correlate_lines(dZ.f, &s, C, shapes_->common, F, 0, dA.f, image * s.places.down,
                            (image + 1) * s.places.down);
    }
}

STAGE(add_transposed_gradients, dZ, A, W, window, groups, dW, db, dA, work)
{
    const long C = dim('c');
    add_to_first_part(shapes_, gradient_size(shapes_) + padded(C));
    turn_gradient(sums, dim('i') * dim('j') * C, dim('f'), dW.f);
    if (db.f)
        memcpy(db.f, sums + gradient_size(shapes_), C * sizeof(float));
}
KERNEL_WHERE(fits_transposed_gradients, transposed_correlate_backward,
             "mhwc, nxf, fijk, W, #, fijk>, c>?, nxf>?, _", transposed_gradients_size,
             (dZ, A, W, window, groups, dW, db, dA, work), {stage_arrange_transposed_back, 0},
             {stage_transposed_correlate_backward, 'm'}, {stage_add_transposed_gradients, 0})

#define TRANSPOSED &kernel_transposed_correlate, &kernel_transposed_correlate_backward
