/* What the cells with gates share. Examples do not depend on each other: a few of them go through
   all steps together, so that the weights are read once for all of these. */

#ifndef GATED_H
#define GATED_H

#define EXAMPLES_AT_ONCE 64 /* so that what is computed of them stays in the nearer caches */
#define FEWEST_EXAMPLES 8

/* The examples are the units of such a kernel, divided into no smaller parts than pay. */
static void divide_examples(shapes *shapes, long m)
{
    const long most = m / FEWEST_EXAMPLES > 1 ? m / FEWEST_EXAMPLES : 1;
    shapes->parts = shapes->parts < most ? shapes->parts : most;
}

/* Whether packing the weights of so many units pays: they are read once for each step of an example, or
   of a few examples, and NumPy's form of a step takes as long as packing a few thousand numbers. */
static inline int worth_packing(long units, long steps, long m)
{
    return units <= 64 || steps * m >= 16;
}

/* The next examples from `start` on. */
static inline long examples_at_once(long start, long last)
{
    return last - start < EXAMPLES_AT_ONCE ? last - start : EXAMPLES_AT_ONCE;
}

#endif
