/* SPDX-License-Identifier: 0BSD */
/* Dense convolution with VNNI, AVX-512's or AVX's: x86_dense.h's matrix product. vpdpbusd adds four
   products of unsigned and signed bytes to each 32-bit lane without saturation, so the windows are
   stored as q + 128 and the packed corrections take 128 * sum of weights away again. */
#include "x86_dense.h"

/* Only gcc can be asked for AVX-VNNI (processors without AVX-512). */
#if WICK_X86 && !defined(__clang__) && __GNUC__ >= 11
#define HAVE_AVX_VNNI 1
#else
#define HAVE_AVX_VNNI 0
#endif

#if WICK_X86

#define WICK_TARGET_AVX512 __attribute__((target("avx512f,avx512vl,avx512vnni")))

static int has_avx512_vnni(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
}

static int has_avx_vnni(void) {
#if HAVE_AVX_VNNI
    return __builtin_cpu_supports("avxvnni") != 0;
#else
    return 0;
#endif
}

/* Four bytes of a window for every lane. */
static inline int32_t four(const uint8_t *window) {
    int32_t bytes;
    memcpy(&bytes, window, sizeof bytes);
    return bytes;
}

#define EIGHT(name) eight_avx512_##name
#define EIGHT_TARGET WICK_TARGET_AVX512
#define EIGHT_DPBUSD _mm256_dpbusd_epi32
#include "x86_vnni_eight.h"

#if HAVE_AVX_VNNI
#define EIGHT(name) eight_avx_##name
#define EIGHT_TARGET __attribute__((target("avx2,avxvnni")))
#define EIGHT_DPBUSD _mm256_dpbusd_avx_epi32
#include "x86_vnni_eight.h"
#endif

/* `blocks` * 16 output channels of `pixels` windows, which must be constants. */
WICK_TARGET_AVX512 WICK_INLINE void sixteens(const uint8_t *windows, size_t pitch, size_t pixels,
                                             size_t blocks, size_t groups, const int8_t *weights,
                                             int32_t acc[2][DENSE_PIXELS][DENSE_BLOCK], size_t at) {
    __m512i sum[DENSE_PIXELS][2];
    size_t next = groups * 4 * DENSE_BLOCK;
    for (size_t p = 0; p < pixels; p++)
        for (size_t b = 0; b < blocks; b++)
            sum[p][b] = _mm512_setzero_si512();
    for (size_t g = 0; g < groups; g++, weights += 4 * DENSE_BLOCK, windows += 4) {
        __m512i w[2];
        for (size_t b = 0; b < blocks; b++)
            w[b] = _mm512_loadu_si512(weights + b * next);
        for (size_t p = 0; p < pixels; p++) {
            __m512i x = _mm512_set1_epi32(four(windows + p * pitch));
            for (size_t b = 0; b < blocks; b++)
                sum[p][b] = _mm512_dpbusd_epi32(sum[p][b], x, w[b]);
        }
    }
    for (size_t p = 0; p < pixels; p++)
        for (size_t b = 0; b < blocks; b++)
            _mm512_storeu_si512(acc[b][at + p], sum[p][b]);
}

/* 16 output channels of one window: four sums that do not wait for each other. */
WICK_TARGET_AVX512 static void one_window(const uint8_t *window, size_t groups,
                                          const int8_t *weights, int32_t *acc) {
    __m512i sum[4];
    for (size_t i = 0; i < 4; i++)
        sum[i] = _mm512_setzero_si512();
    size_t g = 0;
    for (; g + 4 <= groups; g += 4)
        for (size_t i = 0; i < 4; i++)
            sum[i] = _mm512_dpbusd_epi32(sum[i], _mm512_set1_epi32(four(window + 4 * (g + i))),
                                         _mm512_loadu_si512(weights + (g + i) * 4 * DENSE_BLOCK));
    for (; g < groups; g++)
        sum[0] = _mm512_dpbusd_epi32(sum[0], _mm512_set1_epi32(four(window + 4 * g)),
                                     _mm512_loadu_si512(weights + g * 4 * DENSE_BLOCK));
    sum[0] = _mm512_add_epi32(sum[0], sum[1]);
    sum[2] = _mm512_add_epi32(sum[2], sum[3]);
    _mm512_storeu_si512(acc, _mm512_add_epi32(sum[0], sum[2]));
}

WICK_TARGET_AVX512 static void tile_avx512(const void *windows, size_t pitch, size_t pixels,
                                           size_t groups, const int8_t *weights, size_t channels,
                                           int32_t acc[2][DENSE_PIXELS][DENSE_BLOCK]) {
    if (channels <= DENSE_BLOCK / 2) {
        eight_avx512_tile(windows, pitch, pixels, groups, weights, channels, acc);
        return;
    }
    const uint8_t *x = windows;
    size_t p = 0, blocks = channels > DENSE_BLOCK ? 2 : 1;
#define PIXELS(n)                                                                                  \
    for (; p + (n) <= pixels; p += (n))                                                            \
        if (blocks == 2)                                                                           \
            sixteens(x + p * pitch, pitch, n, 2, groups, weights, acc, p);                         \
        else                                                                                       \
            sixteens(x + p * pitch, pitch, n, 1, groups, weights, acc, p);
    PIXELS(8)
    PIXELS(4)
    PIXELS(2)
#undef PIXELS
    for (; p < pixels; p++)
        for (size_t b = 0; b < blocks; b++)
            one_window(x + p * pitch, groups, weights + b * groups * 4 * DENSE_BLOCK, acc[b][p]);
}

static dense_tile choose(void) {
#if HAVE_AVX_VNNI
    if (!has_avx512_vnni())
        return eight_avx_tile;
#endif
    return tile_avx512;
}

WICK_TARGET_AVX2 static void run(const wick_layer *layer, const int8_t *src, uint16_t row0,
                                 uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    dense d = dense_of(layer, src, row0);
    dense_run(&d, first, count, DENSE_PIXELS, 0, choose(), dst, scratch);
}

void wick_conv2d_s8_vnni(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                         uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    run(layer, src[0], row0, first, count, dst, scratch);
}

int wick_conv2d_s8_vnni_fits(const wick_layer *layer) {
    return wick_x86_has_avx2() && (has_avx512_vnni() || has_avx_vnni()) &&
           dense_window(layer) <= DENSE_MAX_WINDOW;
}

uint32_t wick_conv2d_s8_vnni_scratch_bytes(const wick_layer *layer) {
    return dense_scratch_bytes(layer, DENSE_PIXELS, 1);
}

#else
WICK_X86_ABSENT(conv2d_s8_vnni, conv2d_s8)
#endif
