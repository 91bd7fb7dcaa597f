/* As conv2d_s8_vnni's. */
#include "weights/weights.h"

uint32_t wick_fc_s8_avx2_weights_words(const wick_layer *layer) {
    return wick_conv2d_s8_vnni_weights_words(layer);
}

void wick_fc_s8_avx2_weights_pack(const wick_layer *layer, uint32_t *dst) {
    wick_conv2d_s8_vnni_weights_pack(layer, dst);
}
