/* SPDX-License-Identifier: 0BSD */
/* Fully connected with AVX2: the convolution of one pixel whose window is the whole input, which
   conv2d_s8_avx2.c takes as such. Weights as x86_dense.h packs them. */
#include <wick/kernels.h>

void wick_fc_s8_avx2(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    wick_conv2d_s8_avx2(layer, src, row0, first, count, dst, scratch);
}

int wick_fc_s8_avx2_fits(const wick_layer *layer) {
    return wick_conv2d_s8_avx2_fits(layer);
}

uint32_t wick_fc_s8_avx2_scratch_bytes(const wick_layer *layer) {
    return wick_conv2d_s8_avx2_scratch_bytes(layer);
}
