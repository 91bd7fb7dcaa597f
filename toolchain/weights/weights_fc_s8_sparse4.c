/* Fully connected with sparse weights of 4 bits, any core. */
#include "weights/weights_few.h"

uint32_t wick_fc_s8_sparse4_weights_words(const wick_layer *layer) {
    return wick_few_words(layer, WICK_FEW_SPARSE4);
}

void wick_fc_s8_sparse4_weights_pack(const wick_layer *layer, uint32_t *dst) {
    wick_few_pack(layer, WICK_FEW_SPARSE4, dst);
}
