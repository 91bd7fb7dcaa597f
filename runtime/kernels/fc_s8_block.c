/* SPDX-License-Identifier: 0BSD */
/* Fully connected with weights of 8 bits that are few at the same inputs in every four outputs, any
   core. Method and weights: block.h. */
#include <wick/block.h>

int wick_fc_s8_block_fits(const wick_layer *layer) {
    return wick_few_countable(layer);
}

uint32_t wick_fc_s8_block_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

void wick_fc_s8_block(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                      uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)row0; /* all rows are needed, so it is 0 */
    (void)scratch;
    wick_block_channels(layer, src[0], 1, first, count, dst);
}
