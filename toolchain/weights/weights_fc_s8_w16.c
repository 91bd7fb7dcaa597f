/* In the order of the inputs. */
#include "weights/weights_squares.h"

static uint32_t taps_of(const wick_layer *layer) {
    return (uint32_t)layer->in_h * layer->in_w * layer->in_c;
}

static int8_t weight(const wick_layer *layer, uint32_t c, uint32_t t) {
    return layer->weights[c * taps_of(layer) + t];
}

uint32_t wick_fc_s8_w16_weights_words(const wick_layer *layer) {
    return wick_squares_words(layer->out_c, taps_of(layer), 16);
}

void wick_fc_s8_w16_weights_pack(const wick_layer *layer, uint32_t *dst) {
    wick_squares_pack(layer, taps_of(layer), 16, weight, dst);
}
