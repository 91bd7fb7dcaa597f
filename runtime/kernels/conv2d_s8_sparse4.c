/* SPDX-License-Identifier: 0BSD */
/* Dense convolution with sparse weights of 4 bits, any core.
   Method and weights: few.h. */
#include <wick/few.h>

int wick_conv2d_s8_sparse4_fits(const wick_layer *layer) {
    return wick_few_countable(layer);
}

uint32_t wick_conv2d_s8_sparse4_scratch_bytes(const wick_layer *layer) {
    return wick_few_scratch_bytes(layer);
}

void wick_conv2d_s8_sparse4(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                            uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    wick_few_conv(layer, WICK_FEW_SPARSE4, src[0], row0, first, count, dst, scratch);
}
