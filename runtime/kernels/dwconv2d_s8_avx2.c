/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution with AVX2, 16 channels at a time; weights as they are. Two taps are
   interleaved channel by channel and widened to 16 bits, so that vpmaddwd adds both products to
   each channel's 32-bit sum. Where there are few taps, their weights stay in registers for a whole
   row of pixels.

   A window is a list of offsets, one a tap. A window that leaves the input is copied to scratch,
   the zero point in its holes. The last 16 channels may overlap those before them. With fewer than
   16 channels, loads bring bytes of the next pixel along, whose sums are dropped: weights are
   spread to 16 a tap in scratch, and a window with no such bytes behind it is copied too. */
#include "x86.h"

#if WICK_X86

enum { LANES = 16, FEW_TAPS = 9 };

/* What does not depend on the pixel. */
typedef struct depthwise {
    const wick_layer *layer;
    const int8_t *src, *end; /* row row0; behind the last row that is there */
    ptrdiff_t row0;
    const int8_t *weights;
    size_t taps, pitch; /* pitch: from tap to tap of weights and patch */
    uint32_t *offsets;  /* [2][taps]: of the taps in the input, in the patch */
    int8_t *patch;      /* a copied window */
} depthwise;

static size_t taps_of(const wick_layer *layer) {
    return (size_t)layer->k_h * layer->k_w;
}

static size_t pitch_of(const wick_layer *layer) {
    return layer->in_c < LANES ? LANES : layer->in_c;
}

/* Two taps' bytes, channel by channel, as int16: channels 0 to 7, 8 to 15. */
WICK_TARGET_AVX2 WICK_INLINE void interleave(__m128i a, __m128i b, __m256i pairs[2]) {
    pairs[0] = _mm256_cvtepi8_epi16(_mm_unpacklo_epi8(a, b));
    pairs[1] = _mm256_cvtepi8_epi16(_mm_unpackhi_epi8(a, b));
}

/* Weights of taps t and t + 1; behind the last tap 0. */
WICK_TARGET_AVX2 WICK_INLINE void weights_at(const int8_t *weights, size_t pitch, size_t t,
                                             size_t taps, __m256i pairs[2]) {
    __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(weights + t * pitch));
    __m128i b = _mm_setzero_si128();
    if (t + 1 < taps)
        b = _mm_loadu_si128((const __m128i *)(const void *)(weights + (t + 1) * pitch));
    interleave(a, b, pairs);
}

/* What to compute of some windows: channels [c, c + 16), of which [c + skip, c + skip + n) are
   outputs that are wanted. */
typedef struct lanes {
    size_t c, skip, n;
} lanes;

/* `pixels` windows, `step` bytes apart. taps: a constant, at most FEW_TAPS, where `few`. dst: the
   first wanted output; those of the next pixel lie out_c behind. */
WICK_TARGET_AVX2 WICK_INLINE void sixteen(const depthwise *d, const int8_t *windows,
                                          const uint32_t *offsets, size_t taps, int few,
                                          size_t pixels, size_t step, lanes at, int8_t *dst) {
    const wick_layer *layer = d->layer;
    size_t pitch = d->pitch, out_c = layer->out_c;
    wick_x86_channels channels = wick_x86_channels_at(layer, at.c, out_c < LANES ? out_c : LANES);
    wick_x86_range range = wick_x86_range_of(layer);
    const int8_t *weights = d->weights + at.c;
    __m256i kept[(FEW_TAPS + 1) / 2][2];
    for (size_t t = 0; few && t < taps; t += 2)
        weights_at(weights, pitch, t, taps, kept[t / 2]);
    for (windows += at.c; pixels; pixels--, windows += step, dst += out_c) {
        __m256i sum[2] = {channels.bias[0], channels.bias[1]};
        for (size_t t = 0; t < taps; t += 2) {
            const int8_t *p = windows + offsets[t];
            const int8_t *q = t + 1 < taps ? windows + offsets[t + 1] : p;
            __m256i x[2], w[2];
            interleave(_mm_loadu_si128((const __m128i *)(const void *)p),
                       _mm_loadu_si128((const __m128i *)(const void *)q), x);
            if (!few)
                weights_at(weights, pitch, t, taps, w);
            for (size_t i = 0; i < 2; i++)
                sum[i] =
                    _mm256_add_epi32(sum[i], _mm256_madd_epi16(x[i], few ? kept[t / 2][i] : w[i]));
        }
        for (size_t i = 0; i < 2; i++)
            sum[i] = wick_x86_requantize(sum[i], channels.mult[i], channels.shift[i]);
        __m128i bytes = wick_x86_outputs(sum[0], sum[1], range);
        if (at.skip) {
            int8_t all[LANES];
            _mm_storeu_si128((__m128i *)(void *)all, bytes);
            memcpy(dst, all + at.skip, at.n);
        } else {
            wick_x86_store_part(bytes, at.n, dst);
        }
    }
}

/* Channels [c, end) of `pixels` neighbouring windows. */
WICK_TARGET_AVX2 static void all_channels(const depthwise *d, const int8_t *windows,
                                          const uint32_t *offsets, size_t pixels, size_t c,
                                          size_t end, int8_t *dst) {
    size_t channels = d->layer->out_c, step = (size_t)d->layer->stride_w * d->layer->in_c;
    while (c < end) {
        lanes at = {.c = channels < LANES ? 0 : c < channels - LANES ? c : channels - LANES};
        size_t left = at.c + LANES - c;
        at.skip = c - at.c;
        at.n = end - c < left ? end - c : left;
        if (d->taps == FEW_TAPS)
            sixteen(d, windows, offsets, FEW_TAPS, 1, pixels, step, at, dst);
        else
            sixteen(d, windows, offsets, d->taps, 0, pixels, step, at, dst);
        c += at.n;
        dst += at.n;
    }
}

/* Whether the window at input pixel (y, x) can be read where it is. */
static int readable(const depthwise *d, ptrdiff_t y, ptrdiff_t x) {
    const wick_layer *layer = d->layer;
    if (y < 0 || y + layer->k_h > layer->in_h || x < 0 || x + layer->k_w > layer->in_w)
        return 0;
    if (layer->in_c >= LANES)
        return 1;
    ptrdiff_t last = (y + layer->k_h - 1 - d->row0) * layer->in_w + x + layer->k_w - 1;
    return d->end - d->src >= last * layer->in_c + LANES;
}

/* Copies the window at input pixel (y, x) to the patch. */
WICK_TARGET_AVX2 static void copy_window(const depthwise *d, ptrdiff_t y, ptrdiff_t x) {
    const wick_layer *layer = d->layer;
    int8_t *dst = d->patch;
    size_t channels = layer->in_c;
    for (ptrdiff_t iy = y; iy < y + layer->k_h; iy++)
        for (ptrdiff_t ix = x; ix < x + layer->k_w; ix++, dst += d->pitch) {
            if (iy < 0 || iy >= layer->in_h || ix < 0 || ix >= layer->in_w) {
                memset(dst, layer->operands[0].zero_point, d->pitch);
                continue;
            }
            const int8_t *src = d->src + ((iy - d->row0) * layer->in_w + ix) * layer->in_c;
            if (channels < LANES)
                _mm_storeu_si128((__m128i *)(void *)dst, wick_x86_load_part(src, channels));
            else
                memcpy(dst, src, channels);
        }
}

/* Scratch: offsets in the input, offsets in the patch, the patch, spread weights. */
static void prepare(depthwise *d, void *scratch) {
    const wick_layer *layer = d->layer;
    d->taps = taps_of(layer);
    d->pitch = pitch_of(layer);
    d->weights = layer->weights;
    d->offsets = scratch;
    d->patch = (int8_t *)(d->offsets + 2 * d->taps);
    for (size_t t = 0; t < d->taps; t++) {
        size_t pixel = t / layer->k_w * layer->in_w + t % layer->k_w;
        d->offsets[t] = (uint32_t)(pixel * layer->in_c);
        d->offsets[d->taps + t] = (uint32_t)(t * d->pitch);
    }
    if (layer->in_c < LANES) {
        int8_t *spread = d->patch + d->taps * d->pitch;
        memset(spread, 0, d->taps * LANES);
        for (size_t t = 0; t < d->taps; t++)
            memcpy(spread + t * LANES, layer->weights + t * layer->in_c, layer->in_c);
        d->weights = spread;
    }
}

WICK_TARGET_AVX2 static void run(const depthwise *d, uint32_t first, uint32_t count, int8_t *dst) {
    const wick_layer *layer = d->layer;
    size_t out_c = layer->out_c, c = first % out_c;
    ptrdiff_t oy = (ptrdiff_t)(first / out_c / layer->out_w);
    ptrdiff_t ox = (ptrdiff_t)(first / out_c % layer->out_w);
    while (count) {
        size_t end = out_c - c < count ? out_c : c + count, pixels = 0, most = 1;
        ptrdiff_t y = oy * layer->stride_h - layer->pad_top;
        ptrdiff_t x = ox * layer->stride_w - layer->pad_left;
        if (c == 0 && end == out_c) {
            size_t left = (size_t)(layer->out_w - ox);
            most = count / out_c < left ? count / out_c : left;
        }
        while (pixels < most && readable(d, y, x + (ptrdiff_t)pixels * layer->stride_w))
            pixels++;
        if (pixels) {
            const int8_t *windows = d->src + ((y - d->row0) * layer->in_w + x) * layer->in_c;
            all_channels(d, windows, d->offsets, pixels, c, end, dst);
        } else {
            pixels = 1;
            copy_window(d, y, x);
            all_channels(d, d->patch, d->offsets + d->taps, 1, c, end, dst);
        }
        dst += pixels * (end - c);
        count -= (uint32_t)(pixels * (end - c));
        c = 0;
        ox += (ptrdiff_t)pixels;
        if (ox == layer->out_w) {
            ox = 0;
            oy++;
        }
    }
}

void wick_dwconv2d_s8_avx2(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                           uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    wick_rows rows = wick_layer_input_rows(layer, first, count);
    size_t there = (size_t)(rows.row0 + rows.rows - row0);
    depthwise d = {.layer = layer, .src = src[0], .row0 = row0};
    d.end = d.src + there * layer->in_w * layer->in_c;
    prepare(&d, scratch);
    run(&d, first, count, dst);
}

int wick_dwconv2d_s8_avx2_fits(const wick_layer *layer) {
    uint64_t window = (uint64_t)layer->k_h * layer->in_w * pitch_of(layer);
    return wick_x86_has_avx2() && window < UINT64_C(1) << 31 &&
           taps_of(layer) * pitch_of(layer) <= (size_t)1 << 24;
}

uint32_t wick_dwconv2d_s8_avx2_scratch_bytes(const wick_layer *layer) {
    size_t spread = layer->in_c < LANES ? LANES : 0;
    size_t bytes = taps_of(layer) * (2 * sizeof(uint32_t) + pitch_of(layer) + spread);
    return (uint32_t)(bytes + 3) & ~(uint32_t)3;
}

#else
WICK_X86_ABSENT(dwconv2d_s8_avx2, dwconv2d_s8)
#endif
