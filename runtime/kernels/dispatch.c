/* SPDX-License-Identifier: 0BSD */
/* From a layer to its kernel. Switches of direct calls, so that the linker drops nothing that is
   needed and the stack bound can be computed from the call graph. Emitted firmware has a dispatcher
   of its own that knows only the kernels it uses. */
#include <wick/kernels.h>

static void run_portable(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                         uint32_t first, uint32_t count, int8_t *dst) {
    switch ((wick_layer_kind)layer->kind) {
#define X(upper, lower)                                                                            \
    case WICK_LAYER_##upper:                                                                       \
        wick_##lower##_s8(layer, src, row0, first, count, dst, NULL);                              \
        break;
        WICK_LAYER_TABLE(X)
#undef X
    case WICK_LAYER_KINDS:
        break;
    }
}

void wick_layer_run(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                    uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    switch ((wick_kernel)layer->kernel) {
    case WICK_KERNEL_PORTABLE:
        run_portable(layer, src, row0, first, count, dst);
        break;
#define X(NAME, name, KIND)                                                                        \
    case WICK_KERNEL_##NAME:                                                                       \
        wick_##name(layer, src, row0, first, count, dst, scratch);                                 \
        break;
        WICK_KERNEL_TABLE(X)
#undef X
    case WICK_KERNELS:
        break;
    }
}

int wick_kernel_fits(const wick_layer *layer, uint8_t kernel) {
    if (wick_is_wide(layer) != (kernel >= WICK_KERNEL_CONV2D_S16)) /* the first of the wide ones */
        return 0;
    switch ((wick_kernel)kernel) {
    case WICK_KERNEL_PORTABLE:
        return 1;
#define X(NAME, name, KIND)                                                                        \
    case WICK_KERNEL_##NAME:                                                                       \
        return layer->kind == WICK_LAYER_##KIND && wick_##name##_fits(layer);
        WICK_KERNEL_TABLE(X)
#undef X
    case WICK_KERNELS:
        break;
    }
    return 0;
}

uint32_t wick_layer_scratch_bytes(const wick_layer *layer) {
    switch ((wick_kernel)layer->kernel) {
    case WICK_KERNEL_PORTABLE:
        return 0;
#define X(NAME, name, KIND)                                                                        \
    case WICK_KERNEL_##NAME:                                                                       \
        return wick_##name##_scratch_bytes(layer);
        WICK_KERNEL_TABLE(X)
#undef X
    case WICK_KERNELS:
        break;
    }
    return 0;
}
