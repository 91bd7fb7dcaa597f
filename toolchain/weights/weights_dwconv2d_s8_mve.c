/* The layout is described in runtime/kernels/dwconv2d_s8_mve.c. */
#include <string.h>

#include "weights/weights.h"

static uint32_t windows(const wick_layer *layer) {
    return (layer->k_h + 3u) / 4 * ((layer->k_w + 3u) / 4);
}

uint32_t wick_dwconv2d_s8_mve_weights_words(const wick_layer *layer) {
    return (layer->out_c + 3u) / 4 * windows(layer) * 16 + 12;
}

void wick_dwconv2d_s8_mve_weights_pack(const wick_layer *layer, uint32_t *dst) {
    memset(dst, 0, 4 * (size_t)wick_dwconv2d_s8_mve_weights_words(layer));
    for (uint32_t c = 0; c < layer->out_c; c++)
        for (uint32_t ky = 0; ky < layer->k_h; ky++)
            for (uint32_t kx = 0; kx < layer->k_w; kx++) {
                uint32_t window = ky / 4 * ((layer->k_w + 3u) / 4) + kx / 4;
                uint32_t at = (c / 4 * windows(layer) + window) * 16 + c % 4 * 4 + kx % 4;
                uint32_t weight =
                    (uint8_t)layer->weights[(ky * layer->k_w + kx) * layer->out_c + c];
                dst[at] |= weight << 8 * (ky % 4);
            }
}
