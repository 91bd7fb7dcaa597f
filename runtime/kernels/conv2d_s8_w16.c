/* SPDX-License-Identifier: 0BSD */
/* Dense convolution for 16-bit cores without a fast multiplier: a table of squares instead of
   products, weights as 16-bit codes. Method and weights: squares.h,
   squares_conv.h. */
#include <wick/squares_conv.h>

int wick_conv2d_s8_w16_fits(const wick_layer *layer) {
    return wick_columns_fit(layer);
}

uint32_t wick_conv2d_s8_w16_scratch_bytes(const wick_layer *layer) {
    return wick_columns_bytes(layer);
}

void wick_conv2d_s8_w16(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                        uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    wick_squares_conv(layer, src[0], row0, (unsigned)first, (unsigned)count, dst, scratch, 1);
}
