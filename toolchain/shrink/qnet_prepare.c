/* The integer network as this processor runs it best: a kernel chosen for each layer, its weights
   packed once. */
#include "shrink/lower.h"

#include "weights/weights.h"

/* Best first. Kernels whose instructions are not there fit nothing, and none fits 16-bit tensors,
   so that portable C remains. */
static const uint8_t preferred[] = {
    WICK_KERNEL_CONV2D_S8_VNNI,  WICK_KERNEL_CONV2D_S8_AVX2, WICK_KERNEL_DWCONV2D_S8_AVX2,
    WICK_KERNEL_FC_S8_VNNI,      WICK_KERNEL_FC_S8_AVX2,     WICK_KERNEL_MAXPOOL_S8_AVX2,
    WICK_KERNEL_AVGPOOL_S8_AVX2, WICK_KERNEL_ADD_S8_AVX2,    WICK_KERNEL_CONCAT_S8_AVX2,
};

static uint8_t choose(const wick_layer *layer) {
    for (size_t i = 0; i < WICK_LEN(preferred); i++)
        if (wick_kernel_fits(layer, preferred[i]))
            return preferred[i];
    return layer->kernel;
}

void wick_qnet_prepare(wick_qnet *net) {
    wick_layer *layers = wick_new(net->arena, wick_layer, net->n_layers);
    net->scratch_bytes = 0;
    for (int l = 0; l < net->n_layers; l++) {
        wick_layer *layer = &layers[l];
        *layer = net->layers[l];
        layer->kernel = choose(layer);
        uint32_t words = wick_weights_words(layer), scratch = wick_layer_scratch_bytes(layer);
        if (words) {
            uint32_t *packed = wick_new(net->arena, uint32_t, words);
            wick_weights_pack(layer, packed);
            layer->packed = packed;
            layer->weights = NULL;
        }
        if (scratch > net->scratch_bytes)
            net->scratch_bytes = scratch;
    }
    net->prepared = layers;
}
