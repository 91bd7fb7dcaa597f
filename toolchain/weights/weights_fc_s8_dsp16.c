/* Weights as pairs of int16; the order stands at the top of runtime/kernels/fc_s8_dsp16.c. */
#include <wick/fc_dsp.h>

#include "weights/weights.h"

static uint32_t half(const wick_layer *layer, uint32_t output, uint32_t input) {
    uint32_t n = wick_fc_dsp_inputs(layer);
    return output < layer->out_c && input < n ? (uint16_t)layer->weights[output * n + input] : 0;
}

uint32_t wick_fc_s8_dsp16_weights_words(const wick_layer *layer) {
    return (layer->out_c + 3u) / 4u * (8u * wick_fc_dsp_groups(layer));
}

void wick_fc_s8_dsp16_weights_pack(const wick_layer *layer, uint32_t *dst) {
    uint32_t n = wick_fc_dsp_inputs(layer);
    for (uint32_t block = 0; block < layer->out_c; block += 4)
        for (uint32_t i = 0; i < n; i += 4)
            for (uint32_t word = 0; word < 8; word++) {
                uint32_t output = block + word % 4, input = i + word / 4;
                *dst++ = half(layer, output, input) | half(layer, output, input + 2) << 16;
            }
}
