/* From a layer to the packing of its kernel. */
#include "weights/weights_block.h"
#include "weights/weights_few.h"

uint32_t wick_weights_words(const wick_layer *layer) {
    switch ((wick_kernel)layer->kernel) {
#define X(NAME, name, KIND)                                                                        \
    case WICK_KERNEL_##NAME:                                                                       \
        return wick_##name##_weights_words(layer);
        WICK_KERNEL_TABLE(X)
#undef X
    case WICK_KERNEL_PORTABLE:
    case WICK_KERNELS:
        break;
    }
    return 0;
}

void wick_weights_pack(const wick_layer *layer, uint32_t *dst) {
    (void)dst;
    switch ((wick_kernel)layer->kernel) {
#define X(NAME, name, KIND)                                                                        \
    case WICK_KERNEL_##NAME:                                                                       \
        wick_##name##_weights_pack(layer, dst);                                                    \
        break;
        WICK_KERNEL_TABLE(X)
#undef X
    case WICK_KERNEL_PORTABLE:
    case WICK_KERNELS:
        break;
    }
}

static int has_room(uint8_t kernel) {
    switch ((wick_kernel)kernel) {
    case WICK_KERNEL_FC_S8_DSP:
    case WICK_KERNEL_FC_S8_PAIR:
    case WICK_KERNEL_CONV2D_S8_QUAD:
    case WICK_KERNEL_CONV2D_S8_W16:
    case WICK_KERNEL_CONV2D_S8_W8:
    case WICK_KERNEL_DWCONV2D_S8_W16:
    case WICK_KERNEL_FC_S8_W16:
    case WICK_KERNEL_FC_S8_W8:
        return 0;
    default:
        return 1;
    }
}

static int wants_nibbles(uint8_t kernel) {
    return kernel == WICK_KERNEL_CONV2D_S8_SPARSE4 || kernel == WICK_KERNEL_CONV2D_S8_NIBBLE ||
           kernel == WICK_KERNEL_FC_S8_SPARSE4 || kernel == WICK_KERNEL_FC_S8_NIBBLE;
}

int wick_weights_fit(const wick_layer *layer) {
    if (wants_nibbles(layer->kernel))
        return wick_few_is_nibbles(layer);
    uint32_t n = (uint32_t)layer->k_h * layer->k_w * layer->out_c; /* a depthwise layer's */
    if (layer->kind == WICK_LAYER_CONV2D)
        n *= layer->in_c;
    else if (layer->kind == WICK_LAYER_FC)
        n = (uint32_t)layer->in_h * layer->in_w * layer->in_c * layer->out_c;
    if (has_room(layer->kernel))
        return 1;
    for (uint32_t i = 0; i < n; i++)
        if (layer->weights[i] == -128)
            return 0;
    return 1;
}

uint32_t wick_weights_left(const wick_layer *layer) {
    switch ((wick_kernel)layer->kernel) {
    case WICK_KERNEL_CONV2D_S8_SPARSE:
    case WICK_KERNEL_FC_S8_SPARSE:
        return wick_few_entries(layer, WICK_FEW_SPARSE);
    case WICK_KERNEL_CONV2D_S8_SPARSE4:
    case WICK_KERNEL_FC_S8_SPARSE4:
        return wick_few_entries(layer, WICK_FEW_SPARSE4);
    case WICK_KERNEL_CONV2D_S8_BLOCK:
    case WICK_KERNEL_FC_S8_BLOCK:
        return wick_block_pairs(layer);
    default:
        return 0;
    }
}

double wick_weights_products(const wick_layer *layer) {
    switch ((wick_kernel)layer->kernel) {
    case WICK_KERNEL_CONV2D_S8_SPARSE:
    case WICK_KERNEL_FC_S8_SPARSE:
    case WICK_KERNEL_CONV2D_S8_SPARSE4:
    case WICK_KERNEL_FC_S8_SPARSE4:
        return (double)wick_weights_left(layer) / layer->out_c;
    case WICK_KERNEL_CONV2D_S8_BLOCK:
    case WICK_KERNEL_FC_S8_BLOCK:
        return 8.0 * wick_weights_left(layer) / layer->out_c;
    default:
        return -1;
    }
}

const char *wick_kernel_name(uint8_t kind, uint8_t kernel) {
    static const char *const portable[] = {
#define X(upper, lower) #lower "_s8",
        WICK_LAYER_TABLE(X)
#undef X
    };
    switch ((wick_kernel)kernel) {
    case WICK_KERNEL_PORTABLE:
        return portable[kind];
#define X(NAME, name, KIND)                                                                        \
    case WICK_KERNEL_##NAME:                                                                       \
        return #name;
        WICK_KERNEL_TABLE(X)
#undef X
    case WICK_KERNELS:
        break;
    }
    return "?";
}
