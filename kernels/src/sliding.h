/* Where a kernel that slides over images comes to lie, as in plainnet.kernels.sliding. */

#ifndef SLIDING_H
#define SLIDING_H

typedef struct {
    long down, across;
} pair;

typedef struct {
    pair kernel, stride, dilation, before; /* in the order of a Window's numbers */
    pair inputs, places;
} sliding;

static inline sliding sliding_of(value window, long height, long width, long down, long across)
{
    const long *w = window.window;
    return (sliding){{w[0], w[1]}, {w[2], w[3]}, {w[4], w[5]}, {w[6], w[7]},
                     {height, width}, {down, across}};
}

/* The outputs y for which there is an input y * stride + offset: from *first to before *stop. */
static inline void overlap(long offset, long stride, long n_in, long n_out, long *first, long *stop)
{
    *first = offset >= 0 ? 0 : (stride - 1 - offset) / stride;
    *stop = offset >= n_in ? 0 : (n_in - offset + stride - 1) / stride;
    if (*stop > n_out)
        *stop = n_out;
    if (*first >= *stop)
        *first = *stop = 0;
}

#endif
