/* SPDX-License-Identifier: 0BSD */
/* Average pooling with AVX2, 16 channels at a time; arithmetic as avgpool_s8.c. */
#include "x86.h"

#if WICK_X86

/* n <= 16 neighbouring channels of one pixel; src: the window's first tap. */
WICK_TARGET_AVX2 WICK_INLINE void sixteen(const wick_layer *layer, const int8_t *src, size_t n,
                                          int8_t *dst) {
    size_t row = (size_t)layer->in_w * layer->in_c;
    int32_t start = -(int32_t)layer->operands[0].zero_point * layer->k_h * layer->k_w;
    __m256i low = _mm256_set1_epi32(start), high = low;
    for (size_t y = 0; y < layer->k_h; y++, src += row) {
        const int8_t *tap = src;
        for (size_t x = 0; x < layer->k_w; x++, tap += layer->in_c) {
            __m128i bytes = wick_x86_load_part(tap, n);
            low = _mm256_add_epi32(low, _mm256_cvtepi8_epi32(bytes));
            high = _mm256_add_epi32(high, _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)));
        }
    }
    __m256i mult = _mm256_set1_epi32(layer->mult[0]), shift = _mm256_set1_epi32(layer->shift[0]);
    low = wick_x86_requantize(low, mult, shift);
    high = wick_x86_requantize(high, mult, shift);
    wick_x86_store_part(wick_x86_outputs(low, high, wick_x86_range_of(layer)), n, dst);
}

WICK_TARGET_AVX2 static void run(const wick_layer *layer, const int8_t *src, size_t row0,
                                 size_t first, size_t count, int8_t *dst) {
    size_t pixel = first / layer->out_c, c = first % layer->out_c;
    size_t row = (size_t)layer->in_w * layer->in_c;
    for (; count; c = 0, pixel++) {
        size_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
        size_t n = layer->out_c - c < count ? layer->out_c - c : count;
        const int8_t *corner =
            src + (oy * layer->stride_h - row0) * row + ox * layer->stride_w * layer->in_c + c;
        size_t i = 0;
        for (; i + 16 <= n; i += 16)
            sixteen(layer, corner + i, 16, dst + i);
        if (i < n)
            sixteen(layer, corner + i, n - i, dst + i);
        dst += n;
        count -= n;
    }
}

void wick_avgpool_s8_avx2(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                          uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    run(layer, src[0], row0, first, count, dst);
}

int wick_avgpool_s8_avx2_fits(const wick_layer *layer) {
    (void)layer;
    return wick_x86_has_avx2();
}

uint32_t wick_avgpool_s8_avx2_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

#else
WICK_X86_ABSENT(avgpool_s8_avx2, avgpool_s8)
#endif
