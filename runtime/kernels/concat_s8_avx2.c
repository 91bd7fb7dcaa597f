/* SPDX-License-Identifier: 0BSD */
/* Operands side by side along channels with AVX2, 16 channels at a time; arithmetic as
   concat_s8.c. */
#include "x86.h"

#if WICK_X86

/* n channels of one pixel of one operand. */
WICK_TARGET_AVX2 WICK_INLINE void part(const wick_operand *operand, wick_x86_range range,
                                       const int8_t *src, size_t n, int8_t *dst) {
    __m256i mult = _mm256_set1_epi32(operand->mult), shift = _mm256_set1_epi32(operand->shift);
    __m256i zero_point = _mm256_set1_epi32(operand->zero_point);
    for (size_t i = 0; i < n; i += 16) {
        size_t few = n - i < 16 ? n - i : 16;
        __m128i bytes = wick_x86_load_part(src + i, few);
        __m256i low = _mm256_cvtepi8_epi32(bytes);
        __m256i high = _mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8));
        low = wick_x86_requantize(_mm256_sub_epi32(low, zero_point), mult, shift);
        high = wick_x86_requantize(_mm256_sub_epi32(high, zero_point), mult, shift);
        wick_x86_store_part(wick_x86_outputs(low, high, range), few, dst + i);
    }
}

WICK_TARGET_AVX2 static void run(const wick_layer *layer, const int8_t *const *src, size_t row0,
                                 size_t first, size_t count, int8_t *dst) {
    size_t pixel = first / layer->out_c - row0 * layer->in_w, c = first % layer->out_c;
    wick_x86_range range = wick_x86_range_of(layer);
    for (; count; c = 0, pixel++) {
        size_t end = layer->out_c - c < count ? layer->out_c : c + count;
        size_t begin = 0; /* the operand's first output channel */
        count -= end - c;
        for (size_t i = 0; c < end; i++) {
            const wick_operand *operand = &layer->operands[i];
            size_t next = begin + operand->channels;
            if (c < next) {
                size_t n = (next < end ? next : end) - c;
                part(operand, range, src[i] + pixel * operand->channels + (c - begin), n, dst);
                dst += n;
                c += n;
            }
            begin = next;
        }
    }
}

void wick_concat_s8_avx2(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                         uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    run(layer, src, row0, first, count, dst);
}

int wick_concat_s8_avx2_fits(const wick_layer *layer) {
    return !layer->weights && wick_x86_has_avx2();
}

uint32_t wick_concat_s8_avx2_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

#else
WICK_X86_ABSENT(concat_s8_avx2, concat_s8)
#endif
