/* The kernels of each instruction set that was compiled, and which of them the processor has. */

#ifndef PROCESSOR_H
#define PROCESSOR_H

#include "kernel.h"

/* The name of the best set, or of the demanded one if the processor has it. */
const char *best_instructions(const char *demanded);

/* All kernels of that set, ending with NULL. */
const kernel *const *kernels_of(const char *instructions);

#endif
