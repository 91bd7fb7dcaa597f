/* Weights of the dense layers on x86-64: layout in runtime/kernels/x86_dense.h. */
#include "weights/weights.h"

#include <string.h>

enum { BLOCK = 16, GROUP = 4 };

/* Weights of one output channel. */
static uint32_t window_of(const wick_layer *layer) {
    if (layer->kind == WICK_LAYER_FC)
        return (uint32_t)layer->in_h * layer->in_w * layer->in_c;
    return (uint32_t)layer->k_h * layer->k_w * layer->in_c;
}

static uint32_t channels_of(const wick_layer *layer) {
    return (layer->out_c + BLOCK - 1u) / BLOCK * BLOCK;
}

static uint32_t groups_of(const wick_layer *layer) {
    return (window_of(layer) + GROUP - 1) / GROUP;
}

uint32_t wick_conv2d_s8_vnni_weights_words(const wick_layer *layer) {
    return channels_of(layer) * (groups_of(layer) + 1);
}

void wick_conv2d_s8_vnni_weights_pack(const wick_layer *layer, uint32_t *dst) {
    uint32_t window = window_of(layer), groups = groups_of(layer), channels = channels_of(layer);
    memset(dst, 0, (size_t)channels * (groups + 1) * sizeof *dst);
    int8_t *bytes = (int8_t *)dst;
    for (uint32_t o = 0; o < layer->out_c; o++) {
        const int8_t *weights = layer->weights + (size_t)o * window;
        int32_t sum = 0;
        for (uint32_t i = 0; i < window; i++) {
            size_t group = (size_t)o / BLOCK * groups + i / GROUP;
            bytes[(group * BLOCK + o % BLOCK) * GROUP + i % GROUP] = weights[i];
            sum += weights[i];
        }
        dst[(size_t)channels * groups + o] = (uint32_t)(-128 * sum);
    }
}
