/* SPDX-License-Identifier: 0BSD */
/* The kernels that have no weights, or read them as they are: nothing to pack. */
#include "weights/weights.h"

#define WEIGHTS_NONE_TABLE(X)                                                                      \
    X(ADD_S8_AVX2, add_s8_avx2, ADD)                                                               \
    X(ADD_S8_DSP, add_s8_dsp, ADD)                                                                 \
    X(ADD_S8_MVE, add_s8_mve, ADD)                                                                 \
    X(AVGPOOL_S8_AVX2, avgpool_s8_avx2, AVGPOOL)                                                   \
    X(AVGPOOL_S8_DSP, avgpool_s8_dsp, AVGPOOL)                                                     \
    X(AVGPOOL_S8_MVE, avgpool_s8_mve, AVGPOOL)                                                     \
    X(CONCAT_S8_AVX2, concat_s8_avx2, CONCAT)                                                      \
    X(CONCAT_S8_MVE, concat_s8_mve, CONCAT)                                                        \
    X(MAXPOOL_S8_AVX2, maxpool_s8_avx2, MAXPOOL)                                                   \
    X(MAXPOOL_S8_DSP, maxpool_s8_dsp, MAXPOOL)                                                     \
    X(MAXPOOL_S8_MVE, maxpool_s8_mve, MAXPOOL)                                                     \
    X(CONV2D_S8_QUAD, conv2d_s8_quad, CONV2D)                                                      \
    X(DWCONV2D_S8_AVX2, dwconv2d_s8_avx2, DWCONV2D)                                                \
    X(DWCONV2D_S8_STRIP, dwconv2d_s8_strip, DWCONV2D)                                              \
    WICK_WIDE_KERNEL_TABLE(X)

#define X(NAME, name, KIND)                                                                        \
    uint32_t wick_##name##_weights_words(const wick_layer *layer) {                                \
        (void)layer;                                                                               \
        return 0;                                                                                  \
    }                                                                                              \
    void wick_##name##_weights_pack(const wick_layer *layer, uint32_t *dst) {                      \
        (void)layer;                                                                               \
        (void)dst;                                                                                 \
    }
WEIGHTS_NONE_TABLE(X)
#undef X
