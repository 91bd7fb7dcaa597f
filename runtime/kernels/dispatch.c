/* SPDX-License-Identifier: 0BSD */
/* From a layer's kind to its kernel. A switch of direct calls, so that the linker drops nothing
   that is needed and the stack bound can be computed from the call graph. */
#include <wick/kernels.h>

void wick_layer_run(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                    uint32_t first, uint32_t count, int8_t *dst) {
    switch ((wick_layer_kind)layer->kind) {
#define X(upper, lower)                                                                            \
    case WICK_LAYER_##upper:                                                                       \
        wick_##lower##_s8(layer, src, row0, first, count, dst);                                    \
        break;
        WICK_LAYER_TABLE(X)
#undef X
    case WICK_LAYER_KINDS:
        break;
    }
}
