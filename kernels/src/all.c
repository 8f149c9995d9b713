/* All kernels for one instruction set: this file is compiled once for each. */

#include "kernel.h"
#include "feature_lines.h"
#include "gated.h"
#include "lanes.h"
#include "numbers.h"
#include "products.h"
#include "sliding.h"
#include "sums.h"

#include "activations.c"
#include "adam.c"
#include "attention.c"
#include "batch_norm.c"
#include "cross_entropy.c"
#include "dense_stack.c"
#include "depthwise.c"
#include "correlation.c"
#include "embedding.c"
#include "group_norm.c"
#include "gru.c"
#include "layer_norm.c"
#include "lstm.c"
#include "pooling.c"
#include "rnn.c"
#include "scaling.c"
#include "softmax.c"
#include "squared_error.c"
#include "transposed.c"

#define JOINED(a, b) a##b
#define TABLE(instructions) JOINED(kernels_, instructions)

const kernel *const TABLE(INSTRUCTIONS)[] = {
    ACTIVATIONS, ADAM, ATTENTION, BATCH_NORM, CROSS_ENTROPY, DENSE_STACK, DEPTHWISE, CORRELATION,
    EMBEDDING, GROUP_NORM, GRU, LAYER_NORM, LSTM, POOLING, RNN, SCALING, SOFTMAX,
    SQUARED_ERROR, TRANSPOSED, 0,
};
