/* SPDX-License-Identifier: 0BSD */
/* Dense convolution with 16-bit tensors: dot products over the rows of a pixel's window, four
   output channels at once. Taps outside an int8 input are worth its zero point (the bias holds
   -zero_point * sum of all weights), so they cost a sum of weights; outside an int16 input they are
   0. */
#include <wick/wide.h>

/* The part of an output pixel's window that lies inside the input. */
typedef struct window {
    uint32_t at;       /* element of the first tap inside */
    uint16_t ky0, ky1; /* kernel rows inside: [ky0, ky1) */
    uint16_t kx0, kx1; /* kernel columns inside */
} window;

static uint16_t clip(int32_t value, uint16_t high) {
    return value < 0 ? 0 : value > high ? high : (uint16_t)value;
}

static window window_at(const wick_layer *layer, uint16_t row0, uint32_t pixel) {
    window w = {0, 0, 0, 0, 0};
    int32_t y = (int32_t)(pixel / layer->out_w * layer->stride_h) - layer->pad_top;
    int32_t x = (int32_t)(pixel % layer->out_w * layer->stride_w) - layer->pad_left;
    w.ky0 = clip(-y, layer->k_h);
    w.ky1 = clip(layer->in_h - y, layer->k_h);
    w.kx0 = clip(-x, layer->k_w);
    w.kx1 = clip(layer->in_w - x, layer->k_w);
    if (w.ky0 >= w.ky1 || w.kx0 >= w.kx1) { /* all padding */
        w.ky1 = w.ky0;
        w.kx1 = w.kx0;
        return w;
    }
    w.at = ((uint32_t)(y + w.ky0 - row0) * layer->in_w + (uint32_t)(x + w.kx0)) * layer->in_c;
    return w;
}

/* What the taps outside the input add to output channel c. */
static int64_t outside(const wick_layer *layer, const window *w, uint32_t c) {
    uint32_t row = (uint32_t)layer->k_w * layer->in_c;
    uint32_t left = (uint32_t)w->kx0 * layer->in_c, right = (uint32_t)w->kx1 * layer->in_c;
    const int8_t *weights = layer->weights + c * layer->k_h * row;
    int32_t sum = 0;
    if (layer->operands[0].zero_point == 0)
        return 0;
    for (uint32_t ky = 0; ky < layer->k_h; ky++, weights += row) {
        if (ky < w->ky0 || ky >= w->ky1) {
            sum += wick_sum_s8(weights, row);
        } else {
            sum += wick_sum_s8(weights, left);
            sum += wick_sum_s8(weights + right, row - right);
        }
    }
    return (int64_t)layer->operands[0].zero_point * sum;
}

/* Output channels [c, c + n) of one pixel, n = 1 or 4, known where it is called. */
WICK_INLINE void channels(const wick_layer *layer, const int8_t *src, const window *w, uint32_t c,
                          uint32_t n, int8_t *dst, uint32_t to) {
    uint32_t row = (uint32_t)layer->k_w * layer->in_c, stride = layer->k_h * row;
    uint32_t run = (uint32_t)(w->kx1 - w->kx0) * layer->in_c, at = w->at;
    const int8_t *weights =
        layer->weights + c * stride + w->ky0 * row + (uint32_t)w->kx0 * layer->in_c;
    int64_t acc[4] = {0, 0, 0, 0};
    for (uint32_t i = 0; i < n; i++)
        acc[i] = (layer->bias ? layer->bias[c + i] : 0) + outside(layer, w, c + i);
    for (uint32_t ky = w->ky0; ky < w->ky1; ky++) {
        wick_wide_dot(&layer->operands[0], src, at, weights, stride, run, n, acc);
        weights += row;
        at += (uint32_t)layer->in_w * layer->in_c;
    }
    for (uint32_t i = 0; i < n; i++)
        wick_wide_finish(layer, dst, to + i, acc[i], c + i);
}

void wick_conv2d_s16(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c, to = 0;
    while (to < count) {
        window w = window_at(layer, row0, pixel++);
        while (c < layer->out_c && to < count) {
            uint32_t n = layer->out_c - c >= 4 && count - to >= 4 ? 4 : 1;
            if (n == 4)
                channels(layer, src[0], &w, c, 4, dst, to);
            else
                channels(layer, src[0], &w, c, 1, dst, to);
            c += n;
            to += n;
        }
        c = 0;
    }
}

int wick_conv2d_s16_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_conv2d_s16_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}
