/* SPDX-License-Identifier: 0BSD */
/* Fully connected with VNNI: the convolution of one pixel whose window is the whole input, which
   conv2d_s8_vnni.c takes as such. Weights as x86_dense.h packs them. */
#include <wick/kernels.h>

void wick_fc_s8_vnni(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    wick_conv2d_s8_vnni(layer, src, row0, first, count, dst, scratch);
}

int wick_fc_s8_vnni_fits(const wick_layer *layer) {
    return wick_conv2d_s8_vnni_fits(layer);
}

uint32_t wick_fc_s8_vnni_scratch_bytes(const wick_layer *layer) {
    return wick_conv2d_s8_vnni_scratch_bytes(layer);
}
