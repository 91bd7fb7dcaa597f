/* In the order of the window: [k_h][k_w]. */
#include "weights/weights_squares.h"

static uint32_t taps_of(const wick_layer *layer) {
    return (uint32_t)layer->k_h * layer->k_w;
}

static int8_t weight(const wick_layer *layer, uint32_t c, uint32_t t) {
    return layer->weights[t * layer->out_c + c];
}

/* Records of two channels; an odd last one goes with the one before. */
uint32_t wick_dwconv2d_s8_w16_weights_words(const wick_layer *layer) {
    return wick_squares_words(layer->out_c + layer->out_c % 2u, taps_of(layer), 16);
}

void wick_dwconv2d_s8_w16_weights_pack(const wick_layer *layer, uint32_t *dst) {
    uint32_t n = layer->out_c, taps = taps_of(layer);
    for (uint32_t c = 0; c < n; c += 2)
        wick_squares_pack_record(layer, taps, 16, weight, c + 1 < n ? c : n - 2, 2,
                                 dst + wick_squares_words(c, taps, 16));
}
