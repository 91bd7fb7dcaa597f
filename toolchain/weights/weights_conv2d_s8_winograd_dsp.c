/* G g G^T as pairs of input channels; the order stands at the top of
   runtime/kernels/conv2d_s8_winograd_dsp.c. */
#include "weights/weights_winograd.h"

enum { OUTS = 8, POINTS = 16 };

static uint32_t pairs_of(const wick_layer *layer) {
    return (layer->in_c + 3u) / 4 * 2;
}

uint32_t wick_conv2d_s8_winograd_dsp_weights_words(const wick_layer *layer) {
    return (layer->out_c + 3u) / 4 * 4 * POINTS * pairs_of(layer);
}

void wick_conv2d_s8_winograd_dsp_weights_pack(const wick_layer *layer, uint32_t *dst) {
    uint32_t all = (layer->out_c + 3u) / 4 * 4, pairs = pairs_of(layer);
    for (uint32_t c = 0; c < all; c += OUTS) {
        uint32_t n = all - c < OUTS ? all - c : OUTS;
        for (uint32_t point = 0; point < POINTS; point++)
            for (uint32_t pair = 0; pair < pairs; pair++)
                for (uint32_t k = c; k < c + n; k++) {
                    uint32_t i = pair / 2 * 4 + pair % 2;
                    uint32_t low = (uint16_t)wick_weights_winograd(layer, k, i, point);
                    uint32_t high = (uint16_t)wick_weights_winograd(layer, k, i + 2, point);
                    *dst++ = low | high << 16;
                }
    }
}
