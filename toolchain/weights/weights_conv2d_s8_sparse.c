/* Dense convolution with sparse weights of 8 bits, any core. */
#include "weights/weights_few.h"

uint32_t wick_conv2d_s8_sparse_weights_words(const wick_layer *layer) {
    return wick_few_words(layer, WICK_FEW_SPARSE);
}

void wick_conv2d_s8_sparse_weights_pack(const wick_layer *layer, uint32_t *dst) {
    wick_few_pack(layer, WICK_FEW_SPARSE, dst);
}
