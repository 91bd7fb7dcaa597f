/* Columns of the window first: [k_w][k_h][in_c]. */
#include "weights/weights_squares.h"

static uint32_t taps_of(const wick_layer *layer) {
    return (uint32_t)layer->k_w * layer->k_h * layer->in_c;
}

static int8_t weight(const wick_layer *layer, uint32_t c, uint32_t t) {
    uint32_t i = t % layer->in_c, ky = t / layer->in_c % layer->k_h;
    uint32_t kx = t / layer->in_c / layer->k_h;
    return layer->weights[((c * layer->k_h + ky) * layer->k_w + kx) * layer->in_c + i];
}

uint32_t wick_conv2d_s8_w16_weights_words(const wick_layer *layer) {
    return wick_squares_words(layer->out_c, taps_of(layer), 16);
}

void wick_conv2d_s8_w16_weights_pack(const wick_layer *layer, uint32_t *dst) {
    wick_squares_pack(layer, taps_of(layer), 16, weight, dst);
}
