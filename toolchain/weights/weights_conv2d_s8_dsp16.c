/* conv2d_s8_dsp16: two taps of a channel a word. */
#include "weights/weights.h"

#include <wick/dsp_window.h>

uint32_t wick_conv2d_s8_dsp16_weights_words(const wick_layer *layer) {
    wick_window w;
    wick_window_divide(&w, layer);
    return (layer->out_c + 3u) / 4 * w.block_steps * 4;
}

void wick_conv2d_s8_dsp16_weights_pack(const wick_layer *layer, uint32_t *dst) {
    wick_window w;
    for (uint32_t c = 0; c < layer->out_c; c += 4) {
        wick_window_divide(&w, layer);
        do {
            for (uint32_t step = 0; step < w.steps; step++)
                for (uint32_t i = 0; i < 4; i++)
                    *dst++ = wick_window_pair(wick_window_weight(&w, c + i, step, 0),
                                              wick_window_weight(&w, c + i, step, 1));
        } while (wick_window_next_part(&w));
    }
}
