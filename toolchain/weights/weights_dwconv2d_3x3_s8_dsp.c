/* 3x3 depthwise weights by channel, then kernel row, each row one word for SXTB16: bytes w0, w1,
   w1, w2. */
#include "weights/weights.h"

uint32_t wick_dwconv2d_3x3_s8_dsp_weights_words(const wick_layer *layer) {
    return 3u * layer->out_c;
}

void wick_dwconv2d_3x3_s8_dsp_weights_pack(const wick_layer *layer, uint32_t *dst) {
    uint32_t channels = layer->out_c;
    for (uint32_t c = 0; c < channels; c++)
        for (uint32_t ky = 0; ky < 3; ky++) {
            const int8_t *row = layer->weights + 3 * ky * channels + c;
            uint32_t w0 = (uint8_t)row[0], w1 = (uint8_t)row[channels],
                     w2 = (uint8_t)row[2 * channels];
            *dst++ = w0 | w1 << 8 | w1 << 16 | w2 << 24;
        }
}
