/* The operators in the plainest C: one output at a time. Only to compare with. */
#ifndef NAIVE_LAYER_H
#define NAIVE_LAYER_H

#include <wick/kernels.h>

/* Computes the first `rows` rows of the output from whole tensors. bias[c]: the bias before the
   input's zero point is folded into it; unused for kinds without weights. */
void naive_layer_run(const wick_layer *layer, const int8_t *const *src, const int32_t *bias,
                     int rows, int8_t *dst);

#endif
