/* The layout is described in runtime/kernels/dwconv2d_s8_mve.c. */
#include <string.h>

#include "weights/weights.h"

uint32_t wick_dwconv2d_s8_mve_weights_words(const wick_layer *layer) {
    return layer->out_c * ((layer->k_h + 3u) / 4) * ((layer->k_w + 3u) / 4) * 4;
}

void wick_dwconv2d_s8_mve_weights_pack(const wick_layer *layer, uint32_t *dst) {
    memset(dst, 0, 4 * (size_t)wick_dwconv2d_s8_mve_weights_words(layer));
    for (uint32_t c = 0; c < layer->out_c; c++)
        for (uint32_t y = 0; y < layer->k_h; y += 4)
            for (uint32_t kx = 0; kx < (layer->k_w + 3u) / 4 * 4; kx++, dst++)
                for (uint32_t ky = y; ky < y + 4 && ky < layer->k_h && kx < layer->k_w; ky++) {
                    uint32_t at = (ky * layer->k_w + kx) * layer->out_c + c;
                    *dst |= (uint32_t)(uint8_t)layer->weights[at] << 8 * (ky - y);
                }
}
