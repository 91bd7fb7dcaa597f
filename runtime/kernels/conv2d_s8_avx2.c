/* SPDX-License-Identifier: 0BSD */
/* Dense convolution with AVX2: x86_dense.h's matrix product. Windows and weights are widened to 16
   bits, since the 8-bit multiplication saturates; vpmaddwd then gives exact 32-bit sums of two
   products: two lanes for each output channel, which are added at the end. */
#include "x86_dense.h"

#if WICK_X86

enum { TILE_PIXELS = 4 };

/* Eight output channels of `pixels` windows, which must be a constant. */
WICK_TARGET_AVX2 WICK_INLINE void eight(const int16_t *windows, size_t pitch, size_t pixels,
                                        size_t groups, const int8_t *weights,
                                        int32_t acc[DENSE_PIXELS][DENSE_BLOCK], size_t c) {
    __m256i sum[TILE_PIXELS][2];
    for (size_t p = 0; p < pixels; p++)
        sum[p][0] = sum[p][1] = _mm256_setzero_si256();
    for (size_t g = 0; g < groups; g++, weights += 4 * DENSE_BLOCK, windows += 4) {
        const __m128i *bytes = (const __m128i *)(const void *)weights;
        __m256i w0 = _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes));
        __m256i w1 = _mm256_cvtepi8_epi16(_mm_loadu_si128(bytes + 1));
        for (size_t p = 0; p < pixels; p++) {
            int64_t four;
            memcpy(&four, windows + p * pitch, sizeof four);
            __m256i x = _mm256_set1_epi64x(four);
            sum[p][0] = _mm256_add_epi32(sum[p][0], _mm256_madd_epi16(x, w0));
            sum[p][1] = _mm256_add_epi32(sum[p][1], _mm256_madd_epi16(x, w1));
        }
    }
    for (size_t p = 0; p < pixels; p++) {
        __m256i both = _mm256_hadd_epi32(sum[p][0], sum[p][1]);
        both = _mm256_permute4x64_epi64(both, 0xd8);
        _mm256_storeu_si256((__m256i *)(void *)(acc[p] + c), both);
    }
}

WICK_TARGET_AVX2 static void tile(const void *windows, size_t pitch, size_t pixels, size_t groups,
                                  const int8_t *weights, size_t channels,
                                  int32_t acc[2][DENSE_PIXELS][DENSE_BLOCK]) {
    for (size_t c = 0; c < channels; c += 8) {
        const int8_t *w = weights + c / DENSE_BLOCK * groups * 4 * DENSE_BLOCK;
        w += c % DENSE_BLOCK * 4;
        int32_t(*block)[DENSE_BLOCK] = acc[c / DENSE_BLOCK];
        const int16_t *x = windows;
        size_t p = 0;
        for (; p + 4 <= pixels; p += 4)
            eight(x + p * pitch, pitch, 4, groups, w, block + p, c % DENSE_BLOCK);
        for (; p + 2 <= pixels; p += 2)
            eight(x + p * pitch, pitch, 2, groups, w, block + p, c % DENSE_BLOCK);
        if (p < pixels)
            eight(x + p * pitch, pitch, 1, groups, w, block + p, c % DENSE_BLOCK);
    }
}

WICK_TARGET_AVX2 static void run(const wick_layer *layer, const int8_t *src, uint16_t row0,
                                 uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    dense d = dense_of(layer, src, row0);
    dense_run(&d, first, count, TILE_PIXELS, 1, tile, dst, scratch);
}

void wick_conv2d_s8_avx2(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                         uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    run(layer, src[0], row0, first, count, dst, scratch);
}

int wick_conv2d_s8_avx2_fits(const wick_layer *layer) {
    return wick_x86_has_avx2() && dense_window(layer) <= DENSE_MAX_WINDOW;
}

uint32_t wick_conv2d_s8_avx2_scratch_bytes(const wick_layer *layer) {
    return dense_scratch_bytes(layer, TILE_PIXELS, sizeof(int16_t));
}

#else
WICK_X86_ABSENT(conv2d_s8_avx2, conv2d_s8)
#endif
