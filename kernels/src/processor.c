#include "processor.h"

extern const kernel *const kernels_baseline[];
#ifdef HAS_AVX
extern const kernel *const kernels_avx2[];
extern const kernel *const kernels_avx512[];
#endif

#ifdef HAS_AVX
#if defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>

/* The registers' contents survive only if the operating system saves them, which XCR0 tells. */
static int has(const char *instructions)
{
    int leaf1[4], leaf7[4];
    __cpuidex(leaf1, 1, 0);
    __cpuidex(leaf7, 7, 0);
    if (!(leaf1[2] & 1 << 27)) /* OSXSAVE */
        return 0;
    unsigned long long saved = _xgetbv(0);
    int avx2 = (saved & 6) == 6 && leaf1[2] & 1 << 12 && leaf7[1] & 1 << 5;
    int wanted = 1 << 16 | 1 << 17 | 1 << 28 | 1 << 30 | 1 << 31; /* F, DQ, CD, BW, VL */
    if (!strcmp(instructions, "avx512"))
        return avx2 && (saved & 0xe6) == 0xe6 && (leaf7[1] & wanted) == wanted;
    return avx2;
}
#else
static int has(const char *instructions)
{
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
               && __builtin_cpu_supports("bmi2");
    if (!strcmp(instructions, "avx512"))
        return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
               && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512bw")
               && __builtin_cpu_supports("avx512vl");
    return avx2;
}
#endif
#endif

const char *best_instructions(const char *demanded)
{
#ifdef HAS_AVX
    static const char *const sets[] = {"avx512", "avx2"};
    int from = demanded && !strcmp(demanded, "avx2") ? 1 : 0;
    if (demanded && !strcmp(demanded, "baseline"))
        return "baseline";
    for (int i = from; i < 2; i++)
        if (has(sets[i]))
            return sets[i];
#endif
    return "baseline";
}

const kernel *const *kernels_of(const char *instructions)
{
#ifdef HAS_AVX
    if (!strcmp(instructions, "avx512"))
        return kernels_avx512;
    if (!strcmp(instructions, "avx2"))
        return kernels_avx2;
#endif
    return kernels_baseline;
}
