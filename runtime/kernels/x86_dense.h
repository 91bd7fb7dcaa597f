/* SPDX-License-Identifier: 0BSD */
/* Dense layers on x86-64, shared by conv2d and fc with AVX2 and with VNNI: a matrix product.

   The windows of a few output pixels are gathered into scratch, one behind the other, with the
   operand's zero point where they leave the input; so the innermost loop knows no borders, strides
   or row ends. A fully connected layer is one pixel whose window is the whole input.

   A window's bytes are taken in groups of four, which is what vpdpbusd multiplies at once, and the
   output channels in blocks of 16. Packed weights, for output channel o and byte i of a window:
       block o / 16, group i / 4, channel o % 16, byte i % 4        one int8 each
   zeros behind the last channel and the last byte; then one int32 for each channel of the blocks:
   -128 * sum of its weights, which corrects windows that are stored as q + 128. */
#ifndef WICK_X86_DENSE_H
#define WICK_X86_DENSE_H

#include "x86.h"

#if WICK_X86

enum {
    DENSE_BLOCK = 16, /* output channels */
    DENSE_PIXELS = 8, /* most windows at a time */
    DENSE_SLACK = 64, /* bytes behind the last window that a copy may overwrite */
    DENSE_MAX_WINDOW = 1 << 24
};

/* Accumulators of `pixels` windows and `channels` output channels from the first of a block on,
   1 <= channels <= 32: acc[block][pixel][channel of the block].
   windows  pitch bytes apart; groups * 4 values of each are used
   weights  of the first block; the next lies groups * 64 bytes behind it */
typedef void (*dense_tile)(const void *windows, size_t pitch, size_t pixels, size_t groups,
                           const int8_t *weights, size_t channels,
                           int32_t acc[2][DENSE_PIXELS][DENSE_BLOCK]);

/* A layer as a matrix product; lengths in values. */
typedef struct dense {
    const wick_layer *layer;
    const int8_t *src; /* row row0 of the input */
    ptrdiff_t row0, in_h, in_w, k_h, k_w;
    size_t pixel, row, run; /* values of an input pixel, an input row, a window's row */
    size_t window, groups;  /* of a whole window */
} dense;

static inline size_t dense_window(const wick_layer *layer) {
    if (layer->kind == WICK_LAYER_FC)
        return (size_t)layer->in_h * layer->in_w * layer->in_c;
    return (size_t)layer->k_h * layer->k_w * layer->in_c;
}

static inline dense dense_of(const wick_layer *layer, const int8_t *src, uint16_t row0) {
    dense d;
    int fc = layer->kind == WICK_LAYER_FC;
    d.layer = layer;
    d.src = src;
    d.row0 = row0;
    d.window = dense_window(layer);
    d.groups = (d.window + 3) / 4;
    d.in_h = fc ? 1 : layer->in_h;
    d.in_w = fc ? 1 : layer->in_w;
    d.k_h = fc ? 1 : layer->k_h;
    d.k_w = fc ? 1 : layer->k_w;
    d.pixel = fc ? d.window : layer->in_c;
    d.row = (size_t)d.in_w * d.pixel;
    d.run = (size_t)d.k_w * d.pixel;
    return d;
}

/* Windows in scratch: bytes q + 128, or `wide` int16 q. */
static inline uint32_t dense_scratch_bytes(const wick_layer *layer, size_t pixels, size_t wide) {
    size_t pitch = (dense_window(layer) + 3) / 4 * 4 * wide;
    size_t one = layer->kind == WICK_LAYER_FC;
    return (uint32_t)((one ? 1 : pixels) * pitch + DENSE_SLACK);
}

/* dst[i] = src[i] + 128 for n bytes, of `room` that may be read; may write up to 31 more. */
WICK_TARGET_AVX2 WICK_INLINE void dense_copy_bytes(const int8_t *src, size_t n, size_t room,
                                                   uint8_t *dst) {
    const __m256i top = _mm256_set1_epi8(-128);
    const __m128i top16 = _mm256_castsi256_si128(top);
    size_t i = 0;
    for (; i + 32 <= room && i + 16 < n; i += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(src + i));
        _mm256_storeu_si256((__m256i *)(void *)(dst + i), _mm256_xor_si256(bytes, top));
    }
    for (; i < n; i += 16) {
        __m128i bytes = i + 16 <= room ? _mm_loadu_si128((const __m128i *)(const void *)(src + i))
                                       : wick_x86_load_part(src + i, n - i < 16 ? n - i : 16);
        _mm_storeu_si128((__m128i *)(void *)(dst + i), _mm_xor_si128(bytes, top16));
    }
}

/* dst[i] = src[i] for n values, of `room` that may be read; may write up to 15 more. */
WICK_TARGET_AVX2 WICK_INLINE void dense_copy_wide(const int8_t *src, size_t n, size_t room,
                                                  int16_t *dst) {
    for (size_t i = 0; i < n; i += 16) {
        __m128i bytes = i + 16 <= room ? _mm_loadu_si128((const __m128i *)(const void *)(src + i))
                                       : wick_x86_load_part(src + i, n - i < 16 ? n - i : 16);
        _mm256_storeu_si256((__m256i *)(void *)(dst + i), _mm256_cvtepi8_epi16(bytes));
    }
}

/* Input values of a window at dst[at]. */
WICK_TARGET_AVX2 WICK_INLINE void dense_inside(const int8_t *src, size_t n, size_t room, int wide,
                                               void *dst, size_t at) {
    if (wide)
        dense_copy_wide(src, n, room, (int16_t *)dst + at);
    else
        dense_copy_bytes(src, n, room, (uint8_t *)dst + at);
}

/* Zero points of a window at dst[at]. */
static inline void dense_outside(int8_t zero_point, size_t n, int wide, void *dst, size_t at) {
    if (!wide && n)
        memset((uint8_t *)dst + at, (uint8_t)zero_point ^ 0x80, n);
    for (size_t i = 0; wide && i < n; i++)
        ((int16_t *)dst)[at + i] = zero_point;
}

/* The window whose first tap is input pixel (y, x), at the border. */
WICK_TARGET_AVX2 static void dense_gather_cut(const dense *d, ptrdiff_t y, ptrdiff_t x, int wide,
                                              void *dst) {
    int8_t zero = d->layer->operands[0].zero_point;
    ptrdiff_t x0 = x < 0 ? 0 : x, x1 = x + d->k_w < d->in_w ? x + d->k_w : d->in_w;
    ptrdiff_t end = y + d->k_h < d->in_h ? y + d->k_h : d->in_h, before = x0 - x;
    size_t left = (size_t)(before < d->k_w ? before : d->k_w) * d->pixel;
    size_t inside = x1 > x0 ? (size_t)(x1 - x0) * d->pixel : 0, right = d->run - left - inside;
    ptrdiff_t row = (ptrdiff_t)d->row, first = x0 * (ptrdiff_t)d->pixel;
    for (ptrdiff_t iy = y; iy < y + d->k_h; iy++) {
        size_t at = (size_t)(iy - y) * d->run;
        if (iy < 0 || iy >= end || !inside) {
            dense_outside(zero, d->run, wide, dst, at);
            continue;
        }
        const int8_t *src = d->src + (iy - d->row0) * row + first;
        dense_outside(zero, left, wide, dst, at);
        dense_inside(src, inside, (size_t)((end - iy) * row - first), wide, dst, at + left);
        dense_outside(zero, right, wide, dst, at + left + inside);
    }
}

/* The same anywhere. */
WICK_TARGET_AVX2 WICK_INLINE void dense_gather(const dense *d, ptrdiff_t y, ptrdiff_t x, int wide,
                                               void *dst) {
    ptrdiff_t k_h = d->k_h;
    if (y < 0 || y + k_h > d->in_h || x < 0 || x + d->k_w > d->in_w) {
        dense_gather_cut(d, y, x, wide, dst);
        return;
    }
    size_t run = d->run, row = d->row, before = (size_t)x * d->pixel, at = 0;
    size_t room = (size_t)k_h * row - before;
    const int8_t *src = d->src + (size_t)(y - d->row0) * row + before;
    for (; k_h; k_h--, src += row, room -= row, at += run)
        dense_inside(src, run, room, wide, dst, at);
}

/* The outputs of one block, channels [c, end) of it, for `pixels` pixels; dst: channel c of the
   first, whose next lies out_c behind it. */
WICK_TARGET_AVX2 WICK_INLINE void dense_finish(const wick_layer *layer, const int32_t *correction,
                                               int32_t acc[DENSE_PIXELS][DENSE_BLOCK],
                                               size_t pixels, size_t c, size_t end, int8_t *dst) {
    size_t begin = c / DENSE_BLOCK * DENSE_BLOCK, left = layer->out_c - begin;
    wick_x86_channels channels =
        wick_x86_channels_at(layer, begin, left < DENSE_BLOCK ? left : DENSE_BLOCK);
    wick_x86_range range = wick_x86_range_of(layer);
    for (size_t i = 0; correction && i < 2; i++) {
        const __m256i *more = (const __m256i *)(const void *)(correction + begin + 8 * i);
        channels.bias[i] = _mm256_add_epi32(channels.bias[i], _mm256_loadu_si256(more));
    }
    for (size_t p = 0; p < pixels; p++, dst += layer->out_c) {
        __m256i sum[2];
        for (size_t i = 0; i < 2; i++) {
            sum[i] = _mm256_loadu_si256((const __m256i *)(const void *)(acc[p] + 8 * i));
            sum[i] = wick_x86_requantize(_mm256_add_epi32(sum[i], channels.bias[i]),
                                         channels.mult[i], channels.shift[i]);
        }
        __m128i bytes = wick_x86_outputs(sum[0], sum[1], range);
        if (c == begin) {
            wick_x86_store_part(bytes, end - c, dst);
        } else {
            int8_t all[DENSE_BLOCK];
            _mm_storeu_si128((__m128i *)(void *)all, bytes);
            memcpy(dst, all + (c - begin), end - c);
        }
    }
}

/* Channels [c, end) of `pixels` gathered windows to dst; c = 0 and end = out_c unless it is one. */
WICK_TARGET_AVX2 WICK_INLINE void dense_multiply(const dense *d, const void *windows, size_t pixels,
                                                 size_t c, size_t end, int corrected,
                                                 dense_tile tile, int8_t *dst) {
    __attribute__((aligned(64))) int32_t acc[2][DENSE_PIXELS][DENSE_BLOCK];
    size_t out_c = d->layer->out_c, blocks = (out_c + DENSE_BLOCK - 1) / DENSE_BLOCK;
    const int8_t *weights = (const int8_t *)d->layer->packed;
    const int32_t *correction = NULL;
    if (corrected)
        correction = (const int32_t *)d->layer->packed + blocks * d->groups * DENSE_BLOCK;
    for (size_t b = c / DENSE_BLOCK; b * DENSE_BLOCK < end; b += 2) {
        size_t left = end - b * DENSE_BLOCK;
        tile(windows, d->groups * 4, pixels, d->groups, weights + b * d->groups * DENSE_BLOCK * 4,
             left < 2 * DENSE_BLOCK ? left : 2 * DENSE_BLOCK, acc);
        for (size_t i = 0; i < 2 && c < end; i++) {
            size_t next = (b + i + 1) * DENSE_BLOCK;
            next = next < end ? next : end;
            dense_finish(d->layer, correction, acc[i], pixels, c, next, dst);
            dst += next - c;
            c = next;
        }
    }
}

/* The kernel: `most` pixels at a time, gathered as bytes or `wide`. */
WICK_TARGET_AVX2 WICK_INLINE void dense_run(const dense *d, uint32_t first, uint32_t count,
                                            size_t most, int wide, dense_tile tile, int8_t *dst,
                                            void *scratch) {
    const wick_layer *layer = d->layer;
    size_t out_c = layer->out_c, pixel = first / out_c, c = first % out_c, pitch = d->groups * 4;
    ptrdiff_t oy = (ptrdiff_t)(pixel / layer->out_w), ox = (ptrdiff_t)(pixel % layer->out_w);
    while (count) {
        size_t pixels = 1, end = out_c - c < count ? out_c : c + count;
        if (c == 0 && count >= out_c)
            pixels = count / out_c < most ? count / out_c : most;
        for (size_t p = 0; p < pixels; p++) {
            size_t at = wide ? p * pitch * sizeof(int16_t) : p * pitch;
            dense_gather(d, oy * layer->stride_h - layer->pad_top,
                         ox * layer->stride_w - layer->pad_left, wide, (uint8_t *)scratch + at);
            if (++ox == layer->out_w) {
                ox = 0;
                oy++;
            }
        }
        dense_multiply(d, scratch, pixels, c, end, !wide, tile, dst);
        dst += pixels * (end - c);
        count -= (uint32_t)(pixels * (end - c));
        c = 0;
    }
}

#endif /* WICK_X86 */
#endif
