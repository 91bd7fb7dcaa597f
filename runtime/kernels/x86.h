/* SPDX-License-Identifier: 0BSD */
/* What the kernels for x86-64 share: which instructions the processor has, loads and stores of a
   few bytes, the end of a layer in vectors of 16 outputs. They serve the PC's own runs; no device
   gets them, so this header stays beside them. Functions for AVX2 are compiled as such whatever the
   compiler's flags are, and run only where a kernel's _fits() has found the instructions. */
#ifndef WICK_X86_H
#define WICK_X86_H

#include <stddef.h>
#include <string.h>

#include <wick/kernels.h>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define WICK_X86 1
#else
#define WICK_X86 0
#endif

#if WICK_X86
#include <immintrin.h>

#define WICK_TARGET_AVX2 __attribute__((target("avx2")))
#define WICK_INLINE static inline __attribute__((always_inline))

/* Asks for the operating system's consent too. */
static inline int wick_x86_has_avx2(void) {
    return __builtin_cpu_supports("avx2") != 0;
}

/* The first n bytes from src, 0 <= n <= 16, the others 0. Reads no byte more. */
WICK_TARGET_AVX2 WICK_INLINE __m128i wick_x86_load_part(const int8_t *src, size_t n) {
    uint64_t low = 0, high = 0;
    if (n == 16)
        return _mm_loadu_si128((const __m128i *)(const void *)src);
    if (n >= 8) {
        memcpy(&low, src, 8);
        if (n > 8) {
            memcpy(&high, src + n - 8, 8);
            high >>= 8 * (16 - n);
        }
    } else if (n >= 4) {
        uint32_t begin, end;
        memcpy(&begin, src, 4);
        memcpy(&end, src + n - 4, 4);
        low = begin | (uint64_t)end << (8 * (n - 4));
    } else {
        for (size_t i = 0; i < n; i++)
            low |= (uint64_t)(uint8_t)src[i] << (8 * i);
    }
    return _mm_set_epi64x((long long)high, (long long)low);
}

/* The first n bytes of `bytes`, 0 <= n <= 16. */
WICK_TARGET_AVX2 WICK_INLINE void wick_x86_store_part(__m128i bytes, size_t n, int8_t *dst) {
    if (n == 16) {
        _mm_storeu_si128((__m128i *)(void *)dst, bytes);
        return;
    }
    if (n & 8) {
        _mm_storel_epi64((__m128i *)(void *)dst, bytes);
        bytes = _mm_srli_si128(bytes, 8);
        dst += 8;
    }
    uint64_t rest = (uint64_t)_mm_cvtsi128_si64(bytes);
    if (n & 4) {
        memcpy(dst, &rest, 4);
        rest >>= 32;
        dst += 4;
    }
    for (n &= 3; n; n--, rest >>= 8)
        *dst++ = (int8_t)(uint8_t)rest;
}

/* The rounding rule for eight accumulators: products of the even and of the odd lanes, 64 bits. */
WICK_TARGET_AVX2 WICK_INLINE __m256i wick_x86_requantize(__m256i acc, __m256i mult, __m256i shift) {
    const __m256i half = _mm256_set1_epi64x(INT64_C(1) << 31);
    acc = _mm256_sllv_epi32(acc, shift);
    __m256i even = _mm256_mul_epi32(acc, mult);
    __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(acc, 32), _mm256_srli_epi64(mult, 32));
    even = _mm256_srli_epi64(_mm256_add_epi64(even, half), 32);
    return _mm256_blend_epi32(even, _mm256_add_epi64(odd, half), 0xaa);
}

/* The rest of a layer's outputs: zero point and clamps. */
typedef struct wick_x86_range {
    __m256i zero_point; /* int16 */
    __m128i low, high;  /* int8 */
} wick_x86_range;

WICK_TARGET_AVX2 WICK_INLINE wick_x86_range wick_x86_range_of(const wick_layer *layer) {
    wick_x86_range range;
    range.zero_point = _mm256_set1_epi16(layer->out_zp);
    range.low = _mm_set1_epi8((char)layer->clamp_min);
    range.high = _mm_set1_epi8((char)layer->clamp_max);
    return range;
}

/* Sixteen requantized accumulators to outputs. Saturation to 16 and to 8 bits moves no value across
   a clamp, which lies within int8. */
WICK_TARGET_AVX2 WICK_INLINE __m128i wick_x86_outputs(__m256i first, __m256i second,
                                                      wick_x86_range range) {
    __m256i y = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xd8);
    y = _mm256_adds_epi16(y, range.zero_point);
    __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    return _mm_min_epi8(_mm_max_epi8(bytes, range.low), range.high);
}

/* Bias, multiplier and shift of 16 neighbouring output channels; 0 behind the last channel. */
typedef struct wick_x86_channels {
    __m256i bias[2], mult[2], shift[2];
} wick_x86_channels;

/* Of channels [c, c + n), n <= 16. */
WICK_TARGET_AVX2 WICK_INLINE wick_x86_channels wick_x86_channels_at(const wick_layer *layer,
                                                                    size_t c, size_t n) {
    wick_x86_channels channels;
    int32_t few_bias[16] = {0}, few_mult[16] = {0};
    uint8_t few_shift[16] = {0};
    const int32_t *bias = few_bias, *mult = few_mult;
    const uint8_t *shift = few_shift;
    if (n == 16) {
        bias = layer->bias ? layer->bias + c : bias;
        mult = layer->mult + c;
        shift = layer->shift + c;
    } else {
        if (layer->bias)
            memcpy(few_bias, layer->bias + c, n * sizeof *few_bias);
        memcpy(few_mult, layer->mult + c, n * sizeof *few_mult);
        memcpy(few_shift, layer->shift + c, n);
    }
    for (size_t i = 0; i < 2; i++) {
        channels.bias[i] = _mm256_loadu_si256((const __m256i *)(const void *)(bias + 8 * i));
        channels.mult[i] = _mm256_loadu_si256((const __m256i *)(const void *)(mult + 8 * i));
        channels.shift[i] =
            _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(shift + 8 * i)));
    }
    return channels;
}

#else

/* A kernel where the processor or the compiler is another one: it fits nothing, so it is never
   chosen; if called all the same, it does what it can. */
#define WICK_X86_ABSENT(name, portable)                                                            \
    void wick_##name(const wick_layer *layer, const int8_t *const *src, uint16_t row0,             \
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {                 \
        wick_##portable(layer, src, row0, first, count, dst, scratch);                             \
    }                                                                                              \
    int wick_##name##_fits(const wick_layer *layer) {                                              \
        (void)layer;                                                                               \
        return 0;                                                                                  \
    }                                                                                              \
    uint32_t wick_##name##_scratch_bytes(const wick_layer *layer) {                                \
        (void)layer;                                                                               \
        return 0;                                                                                  \
    }

#endif /* WICK_X86 */
#endif
