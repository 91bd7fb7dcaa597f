/* Depthwise weights by channel, then kernel row, each row as words for SXTB16; the layouts stand at
   the top of runtime/kernels/dwconv2d_s8_dsp.c. */
#include <wick/dwconv_dsp.h>

#include "weights/weights.h"

/* Weight kx of a row; 0 outside, so that a pair of columns may hang over the end. */
static uint32_t weight(const wick_layer *layer, uint32_t c, uint32_t ky, int32_t kx) {
    if (kx < 0 || kx >= layer->k_w)
        return 0;
    return (uint8_t)layer->weights[(ky * layer->k_w + (uint32_t)kx) * layer->out_c + c];
}

uint32_t wick_dwconv2d_s8_dsp_weights_words(const wick_layer *layer) {
    return wick_dwconv_dsp_row_words(layer) * layer->k_h * layer->out_c;
}

void wick_dwconv2d_s8_dsp_weights_pack(const wick_layer *layer, uint32_t *dst) {
    int32_t words = (int32_t)wick_dwconv_dsp_row_words(layer);
    int32_t odd = wick_dwconv_dsp_3x3(layer) ? 1 : -1; /* first tap of the odd pair */
    for (uint32_t c = 0; c < layer->out_c; c++)
        for (uint32_t ky = 0; ky < layer->k_h; ky++)
            for (int32_t kx = 0; kx < 2 * words; kx += 2)
                *dst++ =
                    weight(layer, c, ky, kx) | weight(layer, c, ky, kx + odd) << 8 |
                    weight(layer, c, ky, kx + 1) << 16 | weight(layer, c, ky, kx + odd + 1) << 24;
}
