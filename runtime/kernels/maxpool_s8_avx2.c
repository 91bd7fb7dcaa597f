/* SPDX-License-Identifier: 0BSD */
/* Maximum with AVX2, 32 or 16 channels at a time, over the part of the window that lies inside the
   input: padding never wins. */
#include "x86.h"

#if WICK_X86

/* The part of a window inside the input. */
typedef struct window {
    const int8_t *src; /* its first tap */
    ptrdiff_t rows, columns;
} window;

static window window_at(const wick_layer *layer, const int8_t *src, ptrdiff_t row0, ptrdiff_t oy,
                        ptrdiff_t ox) {
    ptrdiff_t y0 = oy * layer->stride_h - layer->pad_top, y1 = y0 + layer->k_h;
    ptrdiff_t x0 = ox * layer->stride_w - layer->pad_left, x1 = x0 + layer->k_w;
    y0 = y0 < 0 ? 0 : y0;
    x0 = x0 < 0 ? 0 : x0;
    y1 = y1 > layer->in_h ? layer->in_h : y1;
    x1 = x1 > layer->in_w ? layer->in_w : x1;
    window w = {src, y1 - y0, x1 - x0};
    if (w.rows > 0 && w.columns > 0)
        w.src += ((y0 - row0) * layer->in_w + x0) * layer->in_c;
    return w;
}

/* n <= 16 neighbouring channels of one pixel, from channel c on. */
WICK_TARGET_AVX2 WICK_INLINE void sixteen(const wick_layer *layer, const window *w, size_t c,
                                          size_t n, wick_x86_range range, int8_t *dst) {
    ptrdiff_t row = (ptrdiff_t)layer->in_w * layer->in_c;
    const int8_t *src = w->src + c;
    __m128i most = _mm_set1_epi8(-128);
    for (ptrdiff_t y = 0; y < w->rows; y++, src += row) {
        const int8_t *tap = src;
        for (ptrdiff_t x = 0; x < w->columns; x++, tap += layer->in_c)
            most = _mm_max_epi8(most, wick_x86_load_part(tap, n));
    }
    most = _mm_min_epi8(_mm_max_epi8(most, range.low), range.high);
    wick_x86_store_part(most, n, dst);
}

/* The same for 32 channels. */
WICK_TARGET_AVX2 WICK_INLINE void thirty_two(const wick_layer *layer, const window *w, size_t c,
                                             wick_x86_range range, int8_t *dst) {
    ptrdiff_t row = (ptrdiff_t)layer->in_w * layer->in_c;
    const int8_t *src = w->src + c;
    __m256i most = _mm256_set1_epi8(-128);
    for (ptrdiff_t y = 0; y < w->rows; y++, src += row) {
        const int8_t *tap = src;
        for (ptrdiff_t x = 0; x < w->columns; x++, tap += layer->in_c)
            most = _mm256_max_epi8(most, _mm256_loadu_si256((const __m256i *)(const void *)tap));
    }
    most = _mm256_max_epi8(most, _mm256_broadcastsi128_si256(range.low));
    most = _mm256_min_epi8(most, _mm256_broadcastsi128_si256(range.high));
    _mm256_storeu_si256((__m256i *)(void *)dst, most);
}

WICK_TARGET_AVX2 static void run(const wick_layer *layer, const int8_t *src, ptrdiff_t row0,
                                 size_t first, size_t count, int8_t *dst) {
    size_t pixel = first / layer->out_c, c = first % layer->out_c;
    wick_x86_range range = wick_x86_range_of(layer);
    for (; count; c = 0, pixel++) {
        window w = window_at(layer, src, row0, (ptrdiff_t)(pixel / layer->out_w),
                             (ptrdiff_t)(pixel % layer->out_w));
        size_t n = layer->out_c - c < count ? layer->out_c - c : count;
        size_t i = 0;
        for (; i + 32 <= n; i += 32)
            thirty_two(layer, &w, c + i, range, dst + i);
        for (; i + 16 <= n; i += 16)
            sixteen(layer, &w, c + i, 16, range, dst + i);
        if (i < n)
            sixteen(layer, &w, c + i, n - i, range, dst + i);
        dst += n;
        count -= n;
    }
}

void wick_maxpool_s8_avx2(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                          uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    run(layer, src[0], row0, first, count, dst);
}

int wick_maxpool_s8_avx2_fits(const wick_layer *layer) {
    (void)layer;
    return wick_x86_has_avx2();
}

uint32_t wick_maxpool_s8_avx2_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

#else
WICK_X86_ABSENT(maxpool_s8_avx2, maxpool_s8)
#endif
