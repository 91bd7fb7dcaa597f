/* Fully connected with few weights, at the same inputs in every four outputs, any core. */
#include "weights/weights_block.h"

uint32_t wick_fc_s8_block_weights_words(const wick_layer *layer) {
    return wick_block_words(layer);
}

void wick_fc_s8_block_weights_pack(const wick_layer *layer, uint32_t *dst) {
    wick_block_pack(layer, dst);
}
