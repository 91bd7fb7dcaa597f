/* conv2d_s8_dsp: two channels a word, 256*b + a in each half. */
#include "weights/weights.h"

#include <wick/dsp_window.h>

uint32_t wick_conv2d_s8_dsp_weights_words(const wick_layer *layer) {
    wick_window w;
    wick_window_divide(&w, layer);
    return 1 + (layer->out_c + 3u) / 4 * w.block_steps * 2;
}

/* Whether 256*b + a fits 16 bits for all pairs of channels. */
static int fits(const wick_layer *layer) {
    uint32_t taps = (uint32_t)layer->k_h * layer->k_w * layer->in_c;
    for (uint32_t c = 0; c + 1 < layer->out_c; c += 2)
        for (uint32_t k = 0; k < taps; k++)
            if (layer->weights[c * taps + k] < 0 && layer->weights[(c + 1) * taps + k] == -128)
                return 0;
    return 1;
}

void wick_conv2d_s8_dsp_weights_pack(const wick_layer *layer, uint32_t *dst) {
    wick_window w;
    int carry = fits(layer);
    *dst++ = !carry;
    for (uint32_t c = 0; c < layer->out_c; c += 4) {
        wick_window_divide(&w, layer);
        do {
            for (uint32_t step = 0; step < w.steps; step++)
                for (uint32_t i = 0; i < 4; i += 2) {
                    uint32_t word = 0;
                    for (uint32_t half = 0; half < 2; half++) {
                        int32_t a = wick_window_weight(&w, c + i, step, half);
                        int32_t b = wick_window_weight(&w, c + i + 1, step, half);
                        int32_t both = 256 * b + (carry ? a : a & 0xFF);
                        word |= ((uint32_t)both & 0xFFFFu) << 16 * half;
                    }
                    *dst++ = word;
                }
        } while (wick_window_next_part(&w));
    }
}
