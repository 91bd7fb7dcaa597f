/* From a layer to the packing of its kernel. */
#include "weights/weights.h"

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
