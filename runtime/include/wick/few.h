/* SPDX-License-Identifier: 0BSD */
/* Weights that are few, of four bits, or both; for the kernels *_sparse, *_sparse4 and *_nibble
   only. A channel's weights are a stream of bytes, one channel's behind the other's, in the order
   of the layer's own weights (model.h): taps [k_h][k_w][in_c], of a fully connected layer the
   inputs.
   - sparse: two bytes for each weight that is not 0: how many taps it skips (0..255), its value
   - sparse4: one byte: taps skipped (0..15) + 16 * value (-8..7)
   - nibble: one byte for two taps, also of value 0: first + 16 * second; a last odd one alone
   A gap that is too long has entries of value 0 on its way. Before the streams of the sparse
   formats stand a word, the number of all entries, and for each channel that of its entries, 16
   bits each, filled up to a word. Offsets are sums of 32 bits. A convolution gathers the taps of
   four pixels, padding included, in scratch memory, [taps][4], so that each weight is decoded once
   for four products; of a large window those of one pixel. */
#ifndef WICK_FEW_H
#define WICK_FEW_H

#include <string.h>

#include <wick/kernels.h>

typedef enum wick_few { WICK_FEW_SPARSE, WICK_FEW_SPARSE4, WICK_FEW_NIBBLE } wick_few;

enum { WICK_FEW_PIXELS = 4, WICK_FEW_WHOLE = 1024 /* taps of which four pixels are gathered */ };

static inline uint32_t wick_few_taps(const wick_layer *layer) {
    if (layer->kind == WICK_LAYER_FC)
        return (uint32_t)layer->in_h * layer->in_w * layer->in_c;
    return (uint32_t)layer->k_h * layer->k_w * layer->in_c;
}

static inline uint32_t wick_few_pixels(const wick_layer *layer) {
    return wick_few_taps(layer) <= WICK_FEW_WHOLE ? WICK_FEW_PIXELS : 1;
}

/* What a convolution gathers; a multiple of 4. */
static inline uint32_t wick_few_scratch_bytes(const wick_layer *layer) {
    return (wick_few_pixels(layer) * wick_few_taps(layer) + 3u) & ~(uint32_t)3;
}

/* Counts of entries have 16 bits. */
static inline int wick_few_countable(const wick_layer *layer) {
    return wick_few_taps(layer) <= UINT16_MAX;
}

WICK_INLINE const uint16_t *wick_few_counts(const wick_layer *layer) {
    return (const uint16_t *)(const void *)(layer->packed + 1);
}

/* Where the stream of channel c begins. */
WICK_INLINE const uint8_t *wick_few_stream(const wick_layer *layer, wick_few format, uint32_t c) {
    const uint8_t *stream = (const uint8_t *)layer->packed;
    uint32_t before = 0;
    if (format == WICK_FEW_NIBBLE)
        return stream + c * ((wick_few_taps(layer) + 1) / 2);
    stream += 4 * (1 + (layer->out_c + UINT32_C(1)) / 2);
    for (uint32_t i = 0; i < c; i++)
        before += wick_few_counts(layer)[i];
    return stream + (format == WICK_FEW_SPARSE ? 2 * before : before);
}

/* Adds w times the tap of each of `pixels` pixels. */
WICK_INLINE void wick_few_add(int w, const int8_t *x, uint32_t pixels, int32_t *acc) {
    acc[0] += w * x[0];
    if (pixels == 1)
        return;
    acc[1] += w * x[1];
    acc[2] += w * x[2];
    acc[3] += w * x[3];
}

/* One channel of the pixels whose taps are x [taps][pixels]; returns the next channel's stream. */
WICK_INLINE const uint8_t *wick_few_dot(wick_few format, const uint8_t *stream, uint32_t entries,
                                        const int8_t *x, uint32_t pixels, int32_t *acc) {
    if (format == WICK_FEW_NIBBLE) {
        for (; entries >= 2; entries -= 2, x += 2 * pixels) {
            int both = (int8_t)*stream++;
            wick_few_add((int8_t)(uint8_t)((unsigned)both << 4) >> 4, x, pixels, acc);
            wick_few_add(both >> 4, x + pixels, pixels, acc);
        }
        if (entries)
            wick_few_add((int8_t)(uint8_t)((unsigned)*stream++ << 4) >> 4, x, pixels, acc);
        return stream;
    }
    for (; entries; entries--, x += pixels) {
        unsigned byte = *stream++;
        int w = (int8_t)byte >> 4;
        if (format == WICK_FEW_SPARSE)
            w = (int8_t)*stream++;
        else
            byte &= 15u;
        x += byte * pixels;
        wick_few_add(w, x, pixels, acc);
    }
    return stream;
}

/* Channels [c, c + n) of the first `stored` of `pixels` gathered pixels. */
WICK_INLINE void wick_few_channels(const wick_layer *layer, wick_few format, const int8_t *x,
                                   uint32_t pixels, uint32_t stored, uint32_t c, uint32_t n,
                                   int8_t *dst) {
    const uint8_t *stream = wick_few_stream(layer, format, c);
    for (uint32_t end = c + n; c < end; c++, dst++) {
        uint32_t entries =
            format == WICK_FEW_NIBBLE ? wick_few_taps(layer) : wick_few_counts(layer)[c];
        int32_t acc[WICK_FEW_PIXELS];
        for (uint32_t i = 0; i < pixels; i++)
            acc[i] = layer->bias ? layer->bias[c] : 0;
        stream = wick_few_dot(format, stream, entries, x, pixels, acc);
        int32_t mult = layer->mult[c];
        uint8_t shift = layer->shift[c];
        int8_t *at = dst;
        for (uint32_t i = 0; i < stored; i++, at += layer->out_c)
            *at = wick_clamp_s8(layer->out_zp + wick_requantize(acc[i], mult, shift),
                                layer->clamp_min, layer->clamp_max);
    }
}

/* One pixel's taps, `step` bytes apart. */
WICK_APART void wick_few_gather(const wick_layer *layer, const int8_t *src, uint16_t row0,
                                uint32_t pixel, int8_t *x, uint32_t step) {
    int32_t row = (int32_t)layer->k_w * layer->in_c, width = (int32_t)layer->in_w * layer->in_c;
    int32_t y = (int32_t)(pixel / layer->out_w * layer->stride_h) - layer->pad_top;
    int32_t left = (int32_t)(pixel % layer->out_w * layer->stride_w) - layer->pad_left;
    int8_t zero = layer->operands[0].zero_point;
    left *= layer->in_c;
    for (int32_t ky = 0; ky < layer->k_h; ky++, y++) {
        int32_t begin = left < 0 ? -left : 0, end = width - left < row ? width - left : row;
        if (y < 0 || y >= layer->in_h || begin > end)
            begin = end = row;
        int32_t at = (y - row0) * width + left, t = 0;
        for (; t < begin; t++, x += step)
            *x = zero;
        for (; t < end; t++, x += step)
            *x = src[at + t];
        for (; t < row; t++, x += step)
            *x = zero;
    }
}

WICK_INLINE void wick_few_conv(const wick_layer *layer, wick_few format, const int8_t *src,
                               uint16_t row0, uint32_t first, uint32_t count, int8_t *dst,
                               int8_t *x) {
    uint32_t out_c = layer->out_c, pixel = first / out_c, c = first % out_c;
    while (count) {
        uint32_t n = out_c - c < count ? out_c - c : count, whole = 1;
        if (wick_few_pixels(layer) > 1 && c == 0 && count >= 2 * out_c)
            whole = count / out_c < WICK_FEW_PIXELS ? count / out_c : WICK_FEW_PIXELS;
        if (whole > 1) { /* places that are left over take the last pixel, and are not stored */
            for (uint32_t i = 0; i < WICK_FEW_PIXELS; i++)
                wick_few_gather(layer, src, row0, pixel + (i < whole ? i : whole - 1), x + i,
                                WICK_FEW_PIXELS);
            wick_few_channels(layer, format, x, WICK_FEW_PIXELS, whole, 0, out_c, dst);
        } else {
            wick_few_gather(layer, src, row0, pixel, x, 1);
            wick_few_channels(layer, format, x, 1, 1, c, n, dst);
        }
        pixel += whole;
        dst += whole * n;
        count -= whole * n;
        c = 0;
    }
}

#endif
