/* Depthwise weights in blocks of four channels, as int16: for each block and tap the words
   (w0, w2) and (w1, w3), 0 for channels that are not there. */
#include "weights/weights.h"

uint32_t wick_dwconv2d_s8_dsp_weights_words(const wick_layer *layer) {
    return (layer->out_c + 3u) / 4u * (2u * layer->k_h * layer->k_w);
}

void wick_dwconv2d_s8_dsp_weights_pack(const wick_layer *layer, uint32_t *dst) {
    uint32_t channels = layer->out_c, taps = (uint32_t)layer->k_h * layer->k_w;
    for (uint32_t block = 0; block < channels; block += 4)
        for (uint32_t tap = 0; tap < taps; tap++)
            for (uint32_t c = block; c < block + 2; c++) {
                const int8_t *w = layer->weights + tap * channels + c;
                uint32_t low = c < channels ? (uint16_t)w[0] : 0;
                uint32_t high = c + 2 < channels ? (uint16_t)w[2] : 0;
                *dst++ = low | high << 16;
            }
}
