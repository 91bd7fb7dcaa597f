/* Weights of two outputs for one input share 16 bits as 256 a + b; the order stands at the top of
   runtime/kernels/fc_s8_dsp.c. */
#include <wick/fc_dsp.h>

#include "weights/weights.h"

static int32_t weight(const wick_layer *layer, uint32_t output, uint32_t input) {
    uint32_t n = wick_fc_dsp_inputs(layer);
    return output < layer->out_c && input < n ? layer->weights[output * n + input] : 0;
}

/* Outputs `output` and the next. */
static uint32_t half(const wick_layer *layer, uint32_t output, uint32_t input) {
    return (uint16_t)(256 * weight(layer, output, input) + weight(layer, output + 1, input));
}

uint32_t wick_fc_s8_dsp_weights_words(const wick_layer *layer) {
    return (layer->out_c + 3u) / 4u * (4u * wick_fc_dsp_groups(layer));
}

void wick_fc_s8_dsp_weights_pack(const wick_layer *layer, uint32_t *dst) {
    uint32_t n = wick_fc_dsp_inputs(layer);
    for (uint32_t block = 0; block < layer->out_c; block += 4)
        for (uint32_t i = 0; i < n; i += 4)
            for (uint32_t word = 0; word < 4; word++) {
                uint32_t output = block + word / 2 * 2, input = i + word % 2;
                *dst++ = half(layer, output, input) | half(layer, output, input + 2) << 16;
            }
}
