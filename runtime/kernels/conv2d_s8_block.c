/* SPDX-License-Identifier: 0BSD */
/* Dense convolution with weights of 8 bits that are few at the same taps in every four channels,
   any core. Method and weights: block.h. */
#include <wick/block.h>

int wick_conv2d_s8_block_fits(const wick_layer *layer) {
    return wick_few_countable(layer);
}

uint32_t wick_conv2d_s8_block_scratch_bytes(const wick_layer *layer) {
    return wick_block_scratch_bytes(layer);
}

void wick_conv2d_s8_block(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                          uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    wick_block_conv(layer, src[0], row0, first, count, dst, scratch);
}
