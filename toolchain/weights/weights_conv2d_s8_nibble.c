/* Dense convolution with weights of 4 bits, any core. */
#include "weights/weights_few.h"

uint32_t wick_conv2d_s8_nibble_weights_words(const wick_layer *layer) {
    return wick_few_words(layer, WICK_FEW_NIBBLE);
}

void wick_conv2d_s8_nibble_weights_pack(const wick_layer *layer, uint32_t *dst) {
    wick_few_pack(layer, WICK_FEW_NIBBLE, dst);
}
