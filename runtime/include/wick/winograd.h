/* SPDX-License-Identifier: 0BSD */
/* Dense 3x3 convolution with stride 1 after Winograd, F(2x2, 3x3), exact in integers: 16 products
   give 2x2 pixels that otherwise take 36; for these kernels only. With
             | 1  0 -1  0 |        | 2  0  0 |        | 1  1  1  0 |
       B^T = | 0  1  1  0 |    G = | 1  1  1 |  A^T = | 0  1 -1 -1 |
             | 0 -1  1  0 |        | 1 -1  1 |
             | 0  1  0 -1 |        | 0  0  2 |
   a tile d of 4x4 inputs becomes B^T d B, at most 512, and a channel's weights g became G g G^T on
   the PC, at most 9 * 128: both fit 16 bits. Their products, point by point, are summed over the
   input channels, and A^T (sums) A is four times the 2x2 results: the usual G is half of this one,
   twice.

   A kernel defines WICK_WINOGRAD_OUTS, how many output channels it computes together, before it
   includes this, and behind it the functions declared below. */
#ifndef WICK_WINOGRAD_H
#define WICK_WINOGRAD_H

#include <wick/kernels.h>

enum { WICK_WINOGRAD_POINTS = 16 };

/* Four times the sum of the products must fit 32 bits: 4 * 9 * in_c * 128 * 128 < 2^31. */
static inline int wick_winograd_fits(const wick_layer *layer) {
    return layer->k_h == 3 && layer->k_w == 3 && layer->stride_h == 1 && layer->stride_w == 1 &&
           layer->in_c <= 3600;
}

#ifdef WICK_WINOGRAD_OUTS
/* B^T d B of every input channel into scratch. The tile's corner is (y, x); what lies outside, or
   from row `bottom` on, is worth the zero point. */
static void wick_winograd_transform(const wick_layer *layer, const int8_t *src, int32_t row0,
                                    int32_t bottom, int32_t y, int32_t x, void *scratch);
/* Sums over the input channels for output channels [c, c + n), n <= WICK_WINOGRAD_OUTS: returns
   those of the first point, side by side; the next point's are wick_winograd_pitch() words on. */
static const int32_t *wick_winograd_sums(const wick_layer *layer, uint32_t c, uint32_t n,
                                         void *scratch);
static inline uint32_t wick_winograd_pitch(const wick_layer *layer);

/* The outputs that are wanted. */
typedef struct wick_winograd_range {
    uint32_t first, end;
    int8_t *dst;    /* of the first */
    int32_t bottom; /* input rows that they need end here; there may be no more */
} wick_winograd_range;

/* Row `sign` 1 or -1 of A^T times a column of points. */
WICK_INLINE int32_t wick_winograd_column(const int32_t *m, uint32_t pitch, int32_t sign) {
    return m[0] + sign * m[4 * pitch] + sign * m[8 * pitch];
}

/* A^T m A, where the points are pitch words apart, and the outputs: channels [c, c + n) of the
 * tile's pixels, to those out that are there.
 */
WICK_APART void wick_winograd_finish(const wick_layer *layer, const int32_t *m, uint32_t pitch,
                                     uint32_t c, uint32_t n, int8_t *const out[4]) {
    int32_t zero = layer->out_zp, low = layer->clamp_min, high = layer->clamp_max;
    for (uint32_t i = 0; i < n; i++, c++, m++) {
        int32_t bias = layer->bias ? layer->bias[c] : 0, mult = layer->mult[c];
        uint8_t shift = layer->shift[c];
        int32_t s0 = wick_winograd_column(m, pitch, 1),
                s1 = wick_winograd_column(m + pitch, pitch, 1),
                s2 = wick_winograd_column(m + 2 * pitch, pitch, 1);
        int32_t s3 = wick_winograd_column(m + 3 * pitch, pitch, 1), left = s0 + s1 + s2,
                right = s1 - s2 - s3;
        int32_t y = wick_requantize((left >> 2) + bias, mult, shift);
        if (out[0])
            out[0][i] = wick_clamp_s8(zero + y, low, high);
        y = wick_requantize((right >> 2) + bias, mult, shift);
        if (out[1])
            out[1][i] = wick_clamp_s8(zero + y, low, high);
        WICK_STEP();
        const int32_t *below = m + 4 * pitch;
        s0 = wick_winograd_column(below, pitch, -1),
        s1 = wick_winograd_column(below + pitch, pitch, -1),
        s2 = wick_winograd_column(below + 2 * pitch, pitch, -1);
        s3 = wick_winograd_column(below + 3 * pitch, pitch, -1), left = s0 + s1 + s2,
        right = s1 - s2 - s3;
        y = wick_requantize((left >> 2) + bias, mult, shift);
        if (out[2])
            out[2][i] = wick_clamp_s8(zero + y, low, high);
        y = wick_requantize((right >> 2) + bias, mult, shift);
        if (out[3])
            out[3][i] = wick_clamp_s8(zero + y, low, high);
    }
}

/* Where channels [c, c + n) of the pixel whose first output is `base` go; NULL if not all of them
   are wanted. */
static int8_t *wick_winograd_place(const wick_winograd_range *r, uint32_t base, uint32_t c,
                                   uint32_t n) {
    return base + c >= r->first && base + c + n <= r->end ? r->dst + (base + c - r->first) : NULL;
}

/* The tile's pixels start with outputs base[0 .. 4); r->end for one outside the image. */
static void wick_winograd_tile(const wick_layer *layer, const uint32_t base[4],
                               const wick_winograd_range *r, void *scratch) {
    uint32_t out_c = layer->out_c;
    for (uint32_t c = 0; c < out_c; c += WICK_WINOGRAD_OUTS) {
        uint32_t n = out_c - c < WICK_WINOGRAD_OUTS ? out_c - c : WICK_WINOGRAD_OUTS;
        uint32_t touched = 0, cut = 0, pitch = wick_winograd_pitch(layer);
        int8_t *out[4];
        for (uint32_t k = 0; k < 4; k++) {
            out[k] = wick_winograd_place(r, base[k], c, n);
            int some = base[k] + c < r->end && base[k] + c + n > r->first;
            touched |= (uint32_t)some;
            cut |= (uint32_t)(some && !out[k]);
        }
        if (!touched)
            continue;
        const int32_t *m = wick_winograd_sums(layer, c, n, scratch);
        if (!cut) {
            wick_winograd_finish(layer, m, pitch, c, n, out);
            continue;
        }
        for (uint32_t i = 0; i < n; i++) { /* the range begins or ends among these channels */
            for (uint32_t k = 0; k < 4; k++)
                out[k] = wick_winograd_place(r, base[k], c + i, 1);
            wick_winograd_finish(layer, m + i, pitch, c + i, 1, out);
        }
    }
}

/* The kernel. */
static inline void wick_winograd_conv2d(const wick_layer *layer, const int8_t *src, uint16_t row0,
                                        uint32_t first, uint32_t count, int8_t *dst,
                                        void *scratch) {
    uint32_t out_w = layer->out_w, out_c = layer->out_c, row = out_w * out_c;
    wick_winograd_range r = {first, first + count, dst, 0};
    if (count == 0)
        return;
    r.bottom = (int32_t)((r.end - 1) / row) - layer->pad_top + 3;
    r.bottom = r.bottom < layer->in_h ? r.bottom : layer->in_h;
    for (uint32_t oy = first / row; oy * row < r.end; oy += 2)
        for (uint32_t ox = 0; ox < out_w; ox += 2) {
            uint32_t base[4], wanted = 0;
            for (uint32_t k = 0; k < 4; k++) {
                uint32_t y = oy + k / 2, x = ox + k % 2;
                base[k] = y < layer->out_h && x < out_w ? y * row + x * out_c : r.end;
                wanted |= base[k] < r.end && base[k] + out_c > first;
            }
            if (!wanted)
                continue;
            wick_winograd_transform(layer, src, row0, r.bottom, (int32_t)oy - layer->pad_top,
                                    (int32_t)ox - layer->pad_left, scratch);
            wick_winograd_tile(layer, base, &r, scratch);
        }
}
#endif
#endif
