/* SPDX-License-Identifier: 0BSD */
/* Sum of two tensors with AVX2, 16 elements at a time; arithmetic as add_s8.c. */
#include "x86.h"

#if WICK_X86

/* Sums of eight neighbouring elements, requantized. */
WICK_TARGET_AVX2 WICK_INLINE __m256i eight(__m128i a, __m128i b, const __m256i factors[2],
                                           __m256i start, __m256i mult, __m256i shift) {
    __m256i acc = _mm256_add_epi32(start, _mm256_mullo_epi32(_mm256_cvtepi8_epi32(a), factors[0]));
    acc = _mm256_add_epi32(acc, _mm256_mullo_epi32(_mm256_cvtepi8_epi32(b), factors[1]));
    return wick_x86_requantize(acc, mult, shift);
}

WICK_TARGET_AVX2 static void run(const wick_layer *layer, const int8_t *p, const int8_t *q,
                                 size_t count, int8_t *dst) {
    const wick_operand *a = &layer->operands[0], *b = &layer->operands[1];
    wick_x86_range range = wick_x86_range_of(layer);
    const __m256i factors[2] = {_mm256_set1_epi32(a->mult), _mm256_set1_epi32(b->mult)};
    __m256i start = _mm256_set1_epi32(-a->zero_point * a->mult - b->zero_point * b->mult);
    __m256i mult = _mm256_set1_epi32(layer->mult[0]), shift = _mm256_set1_epi32(layer->shift[0]);
    for (size_t i = 0; i < count; i += 16) {
        size_t n = count - i < 16 ? count - i : 16;
        __m128i x = wick_x86_load_part(p + i, n), y = wick_x86_load_part(q + i, n);
        __m256i low = eight(x, y, factors, start, mult, shift);
        __m256i high =
            eight(_mm_srli_si128(x, 8), _mm_srli_si128(y, 8), factors, start, mult, shift);
        wick_x86_store_part(wick_x86_outputs(low, high, range), n, dst + i);
    }
}

void wick_add_s8_avx2(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                      uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    size_t skipped = (size_t)row0 * layer->in_w * layer->in_c;
    run(layer, src[0] + (first - skipped), src[1] + (first - skipped), count, dst);
}

int wick_add_s8_avx2_fits(const wick_layer *layer) {
    (void)layer;
    return wick_x86_has_avx2();
}

uint32_t wick_add_s8_avx2_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

#else
WICK_X86_ABSENT(add_s8_avx2, add_s8)
#endif
