/* The five layers by which int8 kernels are compared (SAME padding, stride 1), and those of the
   families when family_layers.c has written them. */
#include "bench_layers.h"

const bench_layer bench_layers[] = {
    {"L1", WICK_LAYER_CONV2D, 16, 16, 32, 16, 16, 32, 3, 3, 1, 1, 1, 1, 1, {32}, 16},
    {"L2", WICK_LAYER_CONV2D, 16, 16, 64, 16, 16, 128, 1, 1, 1, 1, 0, 0, 1, {64}, 16},
    {"L3", WICK_LAYER_DWCONV2D, 16, 16, 64, 16, 16, 64, 3, 3, 1, 1, 1, 1, 1, {64}, 16},
    {"L4", WICK_LAYER_FC, 1, 1, 1024, 1, 1, 64, 1, 1, 1, 1, 0, 0, 1, {1024}, 1},
    {"L5", WICK_LAYER_CONV2D, 32, 32, 3, 32, 32, 16, 3, 3, 1, 1, 1, 1, 1, {3}, 32},
    {"add-16x16x32", WICK_LAYER_ADD, 16, 16, 32, 16, 16, 32, 1, 1, 1, 1, 0, 0, 2, {32, 32}, 16},
    {"concat-16x16x32",
     WICK_LAYER_CONCAT,
     16,
     16,
     16,
     16,
     16,
     32,
     1,
     1,
     1,
     1,
     0,
     0,
     2,
     {16, 16},
     16},
    {"move-16x16x32", WICK_LAYER_MOVE, 16, 16, 32, 32, 32, 32, 1, 1, 1, 1, 0, 0, 1, {32}, 32},
    {"move-32x32x3", WICK_LAYER_MOVE, 32, 32, 3, 32, 32, 3, 1, 1, 1, 1, 0, 0, 1, {3}, 32},
    {"mul-16x16x32", WICK_LAYER_MUL, 16, 16, 32, 16, 16, 32, 1, 1, 1, 1, 0, 0, 2, {32, 32}, 16},
    {"softmax-8x8x64", WICK_LAYER_SOFTMAX, 8, 8, 64, 8, 8, 64, 1, 1, 1, 1, 0, 0, 1, {64}, 8},
    {"softmax-10", WICK_LAYER_SOFTMAX, 1, 1, 10, 1, 1, 10, 1, 1, 1, 1, 0, 0, 1, {10}, 1},
#ifdef FAMILY_LAYERS
#include FAMILY_LAYERS
#endif
};
const int bench_layer_count = sizeof bench_layers / sizeof *bench_layers;
