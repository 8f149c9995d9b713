/* A factor for all numbers. */

STAGE(times, A, factor, Y)
{
    const float f = (float)factor.number;
    INDEPENDENT for (long i = first; i < last; i++)
        Y.f[i] = f * A.f[i];
}
KERNEL(times, "n, #, n^", 'n', (A, factor, Y))

#define SCALING &kernel_times
