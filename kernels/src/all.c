/* All kernels for one instruction set: this file is compiled once for each. */

#include "kernel.h"
#include "numbers.h"
#include "products.h"

#include "activations.c"
#include "adam.c"
#include "cross_entropy.c"
#include "dense_stack.c"


#define JOINED(a, b) a##b
#define TABLE(instructions) JOINED(kernels_, instructions)

const kernel *const TABLE(INSTRUCTIONS)[] = {
    ACTIVATIONS, ADAM, CROSS_ENTROPY, DENSE_STACK,
    0,
};
