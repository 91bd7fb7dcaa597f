/* SPDX-License-Identifier: 0BSD */
/* Fully connected, for 16-bit cores without a fast multiplier: a table of squares instead of
   products, weights as bytes. Method and weights: squares.h,
   squares_fc.h. */
#include <wick/squares_fc.h>

int wick_fc_s8_w8_fits(const wick_layer *layer) {
    return wick_fc_fits(layer);
}

uint32_t wick_fc_s8_w8_scratch_bytes(const wick_layer *layer) {
    return wick_fc_bytes(layer);
}

void wick_fc_s8_w8(const wick_layer *layer, const int8_t *const *src, uint16_t row0, uint32_t first,
                   uint32_t count, int8_t *dst, void *scratch) {
    (void)row0; /* all rows are needed, so it is 0 */
    wick_squares_fc(layer, src[0], (unsigned)first, (unsigned)count, dst, scratch, 0);
}
