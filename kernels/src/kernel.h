/* How a kernel is written.

   A kernel has the name and the parameters of its twin in plainnet.kernels, in the same order:

       STAGE(relu, Z, A)
       {
           for (long i = first; i < last; i++)
               A.f[i] = fmaxf_(Z.f[i], 0);
       }
       KERNEL(relu, "n, n>", 'n', (Z, A))

   The text gives the shape of each argument: a letter for each axis, where the first letter stands
   for all axes before the others. The same letter is the same number, which a stage reads as
   dim('n'). "#" is a number; "d:", "i:" and "b:" before the letters mean doubles, integers and
   booleans, "t:" a matrix whose transpose is contiguous, "W" the numbers of a Window. "?" behind
   the letters allows None, "-" demands it, "_" is scratch memory of the NumPy form, which is not
   looked at. ">" marks what is written, "^" what is written and returned. "m/a n" is a matrix whose
   rows need not be contiguous: dim('a') is the distance from one to the next. Anything else than
   such arguments, contiguous and float32, is left to NumPy.

   A stage works on the units `first` to `last` of its axis, each independent of the others, so that
   the units may be divided among threads. A sum over units needs SUMS: the units are then divided
   into parts that depend on the shapes alone, each with `sums` of its own, and a second stage adds
   those up in order. So the result has the same bits for any number of threads.

   `fits` of a KERNEL_WHERE looks at the lengths before anything runs. It returns 0 where the call
   is left to NumPy. It may give further letters a length, lower the number of parts, say another
   `cost` than the size of the arguments, and ask for memory: `common_size` floats that all stages
   and parts share, and `scratch_size` for each range of units, which a stage without SUMS gets as
   `sums`. */

#ifndef KERNEL_H
#define KERNEL_H

#include <stdint.h>
#include <string.h>

#define MOST_ARGUMENTS 20
#define MOST_STAGES 4
#define MOST_PARTS 64

typedef union {
    float *f; /* NULL for None */
    double *d;
    intptr_t *i;
    unsigned char *b;
    const long *window;
    double number;
} value;

typedef struct {
    long dims[26];
    long parts;
    float *sums; /* of part 0; the others follow */
    long sums_size;
    const long *window; /* the numbers of a Window among the arguments */
    float *common, *scratch;
    long common_size, scratch_size;
    long cost; /* how many numbers a sum of two would read and write in the same time */
} shapes;

typedef void (*stage_function)(const value *arguments, const shapes *, long first, long last,
                               float *sums);

typedef struct {
    stage_function run;
    char axis; /* whose units may be divided, or 0: the stage runs once, for all */
} stage;

typedef struct {
    const char *name;
    const char *arguments; /* "(Z, A)" */
    const char *shapes;
    long (*sums)(const shapes *); /* how many floats each part adds up, or NULL */
    /* NULL, or whether the twin is written for these; it may prepare what the parts share */
    int (*fits)(shapes *, const value *);
    stage stages[MOST_STAGES];
} kernel;

#define dim(letter) (shapes_->dims[(letter) - 'a'])

/* STAGE(f, A, B) { ... } defines a function of these values, and stage_f, which takes them from an
   array. */
#define STAGE(name, ...)                                                                           \
    static void body_##name(EACH(AS_VALUE, __VA_ARGS__) const shapes *shapes_, long first,         \
                            long last, float *sums);                                               \
    static void stage_##name(const value *values_, const shapes *shapes_, long first, long last,   \
                             float *sums)                                                          \
    {                                                                                              \
        EACH(FROM_ARRAY, __VA_ARGS__)                                                              \
        body_##name(EACH(AS_ARGUMENT, __VA_ARGS__) shapes_, first, last, sums);                    \
    }                                                                                              \
    static void body_##name(EACH(AS_VALUE, __VA_ARGS__) const shapes *shapes_, long first,         \
                            long last, float *sums)
#define AS_VALUE(name) const value name,
#define AS_ARGUMENT(name) name,
#define FROM_ARRAY(name) const value name = *values_++;

/* A kernel of one stage, which has its name; one of several stages: {stage_f, 'n'}, {stage_g, 0}; and
   one that leaves some calls to NumPy. */
#define KERNEL(name, shapes, axis, arguments)                                                      \
    KERNEL_WHERE(0, name, shapes, 0, arguments, {stage_##name, axis})
#define KERNEL_OF_STAGES(name, shapes, sums, arguments, ...)                                       \
    KERNEL_WHERE(0, name, shapes, sums, arguments, __VA_ARGS__)
#define KERNEL_WHERE(fits, name, shapes, sums, arguments, ...)                                     \
    static const kernel kernel_##name = {#name, #arguments, shapes, sums, fits, {__VA_ARGS__}};

#define EACH(f, ...) EACH_N(__VA_ARGS__, E20, E19, E18, E17, E16, E15, E14, E13, E12, E11, E10,    \
                            E9, E8, E7, E6, E5, E4, E3, E2, E1)(f, __VA_ARGS__)
#define EACH_N(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18,    \
               a19, a20, chosen, ...) chosen
#define E1(f, a) f(a)
#define E2(f, a, ...) f(a) E1(f, __VA_ARGS__)
#define E3(f, a, ...) f(a) E2(f, __VA_ARGS__)
#define E4(f, a, ...) f(a) E3(f, __VA_ARGS__)
#define E5(f, a, ...) f(a) E4(f, __VA_ARGS__)
#define E6(f, a, ...) f(a) E5(f, __VA_ARGS__)
#define E7(f, a, ...) f(a) E6(f, __VA_ARGS__)
#define E8(f, a, ...) f(a) E7(f, __VA_ARGS__)
#define E9(f, a, ...) f(a) E8(f, __VA_ARGS__)
#define E10(f, a, ...) f(a) E9(f, __VA_ARGS__)
#define E11(f, a, ...) f(a) E10(f, __VA_ARGS__)
#define E12(f, a, ...) f(a) E11(f, __VA_ARGS__)
#define E13(f, a, ...) f(a) E12(f, __VA_ARGS__)
#define E14(f, a, ...) f(a) E13(f, __VA_ARGS__)
#define E15(f, a, ...) f(a) E14(f, __VA_ARGS__)
#define E16(f, a, ...) f(a) E15(f, __VA_ARGS__)
#define E17(f, a, ...) f(a) E16(f, __VA_ARGS__)
#define E18(f, a, ...) f(a) E17(f, __VA_ARGS__)
#define E19(f, a, ...) f(a) E18(f, __VA_ARGS__)
#define E20(f, a, ...) f(a) E19(f, __VA_ARGS__)

#endif
