/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution, multiplier 1. Channels are contiguous in both the input and the weights,
   so four neighbouring channels run together. Taps outside the input are worth the operand's zero
   point (the bias holds -zero_point * sum of all weights). */
#include <wick/kernels.h>

/* An output pixel's window in the input. */
typedef struct window {
    const int8_t *src; /* row0 of the tensor */
    int32_t offset;    /* of tap (0, 0) from src; may point outside */
    int32_t y, x;      /* input position of tap (0, 0) */
    uint8_t cut;       /* some taps are outside */
} window;

/* Sums of four neighbouring channels. */
typedef struct lanes {
    int32_t a, b, c, d;
} lanes;

static inline lanes multiply(lanes s, const int8_t *x, const int8_t *w) {
    s.a += x[0] * w[0];
    s.b += x[1] * w[1];
    s.c += x[2] * w[2];
    s.d += x[3] * w[3];
    return s;
}

static inline int inside(const wick_layer *layer, int32_t y, int32_t x) {
    return y >= 0 && y < layer->in_h && x >= 0 && x < layer->in_w;
}

static inline int8_t finish(const wick_layer *layer, int32_t acc, uint32_t c) {
    int32_t y = layer->out_zp + wick_requantize(acc, layer->mult[c], layer->shift[c]);
    return wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
}

/* Channels [c, c + 4) of a window that is all inside. */
static inline lanes whole_window(const wick_layer *layer, const window *w, uint32_t c, lanes s) {
    uint32_t pitch = layer->in_c, k_w = layer->k_w;
    uint32_t skip = (layer->in_w - k_w) * pitch; /* to the next row's first tap */
    const int8_t *src = w->src + w->offset + c, *weights = layer->weights + c;
    for (uint32_t ky = layer->k_h; ky; ky--, src += skip)
        for (uint32_t kx = k_w; kx; kx--, src += pitch, weights += pitch)
            s = multiply(s, src, weights);
    return s;
}

/* The same at the border: taps outside read the zero point. */
static lanes cut_window(const wick_layer *layer, const window *w, uint32_t c, lanes s) {
    int8_t zero = layer->operands[0].zero_point;
    const int8_t zeros[4] = {zero, zero, zero, zero}, *weights = layer->weights + c;
    int32_t pitch = layer->in_c, row = w->offset + (int32_t)c;
    for (int32_t ky = 0; ky < layer->k_h; ky++, row += layer->in_w * pitch) {
        int32_t at = row;
        for (int32_t kx = 0; kx < layer->k_w; kx++, at += pitch, weights += pitch)
            s = multiply(s, inside(layer, w->y + ky, w->x + kx) ? w->src + at : zeros, weights);
    }
    return s;
}

static void four_channels(const wick_layer *layer, const window *w, uint32_t c, int8_t *dst) {
    const int32_t *bias = layer->bias;
    lanes s = {0, 0, 0, 0};
    if (bias) {
        lanes start = {bias[c], bias[c + 1], bias[c + 2], bias[c + 3]};
        s = start;
    }
    s = w->cut ? cut_window(layer, w, c, s) : whole_window(layer, w, c, s);
    /* All results before the first store, which might alias *layer for all the compiler knows. */
    int8_t y0 = finish(layer, s.a, c), y1 = finish(layer, s.b, c + 1);
    int8_t y2 = finish(layer, s.c, c + 2), y3 = finish(layer, s.d, c + 3);
    dst[0] = y0;
    dst[1] = y1;
    dst[2] = y2;
    dst[3] = y3;
}

static void one_channel(const wick_layer *layer, const window *w, uint32_t c, int8_t *dst) {
    int32_t sum = layer->bias ? layer->bias[c] : 0, zero = layer->operands[0].zero_point;
    const int8_t *weights = layer->weights + c;
    int32_t pitch = layer->in_c, row = w->offset + (int32_t)c;
    for (int32_t ky = 0; ky < layer->k_h; ky++, row += layer->in_w * pitch) {
        int32_t at = row;
        for (int32_t kx = 0; kx < layer->k_w; kx++, at += pitch, weights += pitch)
            sum += *weights * (inside(layer, w->y + ky, w->x + kx) ? w->src[at] : zero);
    }
    *dst = finish(layer, sum, c);
}

void wick_dwconv2d_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                      uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    window w;
    w.src = src[0];
    while (count) {
        uint32_t n = layer->out_c - c < count ? layer->out_c - c : count;
        w.y = (int32_t)(pixel / layer->out_w * layer->stride_h) - layer->pad_top;
        w.x = (int32_t)(pixel % layer->out_w * layer->stride_w) - layer->pad_left;
        w.offset = ((w.y - row0) * layer->in_w + w.x) * layer->in_c;
        w.cut =
            !inside(layer, w.y, w.x) || !inside(layer, w.y + layer->k_h - 1, w.x + layer->k_w - 1);
        count -= n;
        for (; n >= 4; n -= 4, c += 4, dst += 4)
            four_channels(layer, &w, c, dst);
        for (; n; n--, c++, dst++)
            one_channel(layer, &w, c, dst);
        c = 0;
        pixel++;
    }
}
