/* The layout is described in runtime/include/wick/mve.h. */
#include <string.h>

#include <wick/mve.h>

#include "weights/weights.h"

static uint32_t inputs(const wick_layer *layer) {
    return (uint32_t)layer->in_h * layer->in_w * layer->in_c;
}

uint32_t wick_fc_s8_mve_weights_words(const wick_layer *layer) {
    return (layer->out_c + 3u) / 4 * wick_mve_group_words(inputs(layer));
}

void wick_fc_s8_mve_weights_pack(const wick_layer *layer, uint32_t *dst) {
    uint32_t n = inputs(layer);
    memset(dst, 0, 4 * (size_t)wick_fc_s8_mve_weights_words(layer));
    for (uint32_t c = 0; c < layer->out_c; c++)
        for (uint32_t i = 0; i < n; i++) {
            uint32_t byte = wick_mve_weight_byte(n, c, i);
            uint32_t weight = (uint8_t)layer->weights[c * n + i];
            dst[byte / 4] |= weight << 8 * (byte % 4);
        }
}
