/* SPDX-License-Identifier: 0BSD */
/* Dense convolution. A kernel row of the window is contiguous in [H,W,C], so the work is dot
   products of k_w*in_c bytes. Taps outside the input are worth the operand's zero point (the bias
   holds -zero_point * sum of all weights), so they cost a sum of weights instead of a copy of the
   window. Neighbouring pixels whose windows are cut alike go in pairs. */
#include <wick/dot.h>
#include <wick/kernels.h>

/* The part of an output pixel's window that lies inside the input. */
typedef struct window {
    const int8_t *src; /* first tap inside */
    uint16_t ky0, ky1; /* kernel rows inside: [ky0, ky1) */
    uint16_t kx0, kx1; /* kernel columns inside */
    uint8_t cut;       /* some taps are outside and worth something */
} window;

static uint16_t clip(int32_t value, uint16_t high) {
    return value < 0 ? 0 : value > high ? high : (uint16_t)value;
}

static window window_at(const wick_layer *layer, const int8_t *src, uint16_t row0, uint32_t oy,
                        uint32_t ox) {
    window w;
    int32_t y = (int32_t)(oy * layer->stride_h) - layer->pad_top;
    int32_t x = (int32_t)(ox * layer->stride_w) - layer->pad_left;
    w.ky0 = clip(-y, layer->k_h);
    w.ky1 = clip(layer->in_h - y, layer->k_h);
    w.kx0 = clip(-x, layer->k_w);
    w.kx1 = clip(layer->in_w - x, layer->k_w);
    w.cut = layer->operands[0].zero_point != 0 &&
            (w.ky1 - w.ky0 != layer->k_h || w.kx1 - w.kx0 != layer->k_w);
    if (w.ky0 >= w.ky1 || w.kx0 >= w.kx1) { /* all padding */
        w.src = src;
        w.ky1 = w.ky0;
        w.kx1 = w.kx0;
        return w;
    }
    uint32_t row = (uint32_t)(y + w.ky0 - row0), column = (uint32_t)(x + w.kx0);
    w.src = src + (row * layer->in_w + column) * layer->in_c;
    return w;
}

/* What the taps outside the input add to output channel c. */
static int32_t outside(const wick_layer *layer, const window *w, uint32_t c) {
    uint32_t row = (uint32_t)layer->k_w * layer->in_c;
    uint32_t left = (uint32_t)w->kx0 * layer->in_c, right = (uint32_t)w->kx1 * layer->in_c;
    const int8_t *weights = layer->weights + c * layer->k_h * row;
    int32_t sum = 0;
    for (uint32_t ky = 0; ky < layer->k_h; ky++, weights += row) {
        if (ky < w->ky0 || ky >= w->ky1) {
            sum += wick_sum_s8(weights, row);
        } else {
            sum += wick_sum_s8(weights, left);
            sum += wick_sum_s8(weights + right, row - right);
        }
    }
    return layer->operands[0].zero_point * sum;
}

static inline int32_t start(const wick_layer *layer, const window *w, uint32_t c) {
    int32_t acc = layer->bias ? layer->bias[c] : 0;
    return w->cut ? acc + outside(layer, w, c) : acc;
}

static inline int8_t finish(const wick_layer *layer, int32_t acc, uint32_t c) {
    int32_t y = layer->out_zp + wick_requantize(acc, layer->mult[c], layer->shift[c]);
    return wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
}

/* Output channels [c, c + n) of one pixel. */
static void one_pixel(const wick_layer *layer, const window *w, uint32_t c, uint32_t n,
                      int8_t *dst) {
    uint32_t row = (uint32_t)layer->k_w * layer->in_c, stride = layer->k_h * row;
    uint32_t src_row = (uint32_t)layer->in_w * layer->in_c;
    uint32_t run = (uint32_t)(w->kx1 - w->kx0) * layer->in_c, rows = (uint32_t)w->ky1 - w->ky0;
    const int8_t *first = layer->weights + w->ky0 * row + (uint32_t)w->kx0 * layer->in_c;
    while (n) {
        const int8_t *weights = first + c * stride, *src = w->src;
        uint32_t take = n < 4 ? 1 : 4;
        int32_t acc[4];
        for (uint32_t i = 0; i < take; i++)
            acc[i] = start(layer, w, c + i);
        for (uint32_t y = 0; y < rows; y++, weights += row, src += src_row) {
            if (take == 4)
                wick_dot_1x4_s8(src, weights, stride, run, acc);
            else
                acc[0] += wick_dot_s8(src, weights, run);
        }
        /* All results before the first store, which might alias *layer for all the compiler knows.
         */
        if (take == 4) {
            int8_t y0 = finish(layer, acc[0], c), y1 = finish(layer, acc[1], c + 1);
            int8_t y2 = finish(layer, acc[2], c + 2), y3 = finish(layer, acc[3], c + 3);
            dst[0] = y0;
            dst[1] = y1;
            dst[2] = y2;
            dst[3] = y3;
        } else {
            dst[0] = finish(layer, acc[0], c);
        }
        dst += take;
        c += take;
        n -= take;
    }
}

/* All output channels of two neighbouring pixels with equally cut windows; out_c is even. */
static void two_pixels(const wick_layer *layer, const window *w, int8_t *dst) {
    uint32_t row = (uint32_t)layer->k_w * layer->in_c, stride = layer->k_h * row;
    uint32_t src_row = (uint32_t)layer->in_w * layer->in_c;
    uint32_t next = (uint32_t)layer->stride_w * layer->in_c;
    uint32_t run = (uint32_t)(w->kx1 - w->kx0) * layer->in_c, rows = (uint32_t)w->ky1 - w->ky0;
    const int8_t *first = layer->weights + w->ky0 * row + (uint32_t)w->kx0 * layer->in_c;
    for (uint32_t c = 0; c < layer->out_c; c += 2, first += 2 * stride, dst += 2) {
        const int8_t *weights = first, *src = w->src;
        int32_t acc[4];
        acc[0] = acc[2] = start(layer, w, c);
        acc[1] = acc[3] = start(layer, w, c + 1);
        for (uint32_t y = 0; y < rows; y++, weights += row, src += src_row)
            wick_dot_2x2_s8(src, src + next, weights, stride, run, acc);
        int8_t y0 = finish(layer, acc[0], c), y1 = finish(layer, acc[1], c + 1);
        int8_t y2 = finish(layer, acc[2], c), y3 = finish(layer, acc[3], c + 1);
        int8_t *second = dst + layer->out_c;
        dst[0] = y0;
        dst[1] = y1;
        second[0] = y2;
        second[1] = y3;
    }
}

void wick_conv2d_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                    uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
    while (count) {
        window w = window_at(layer, src[0], row0, oy, ox);
        uint32_t n = layer->out_c - c;
        int pair = 0;
        if (c == 0 && count >= 2 * n && n % 2 == 0 && ox + 1 < layer->out_w) {
            window next = window_at(layer, src[0], row0, oy, ox + 1);
            pair = next.kx0 == w.kx0 && next.kx1 == w.kx1 && w.kx0 < w.kx1;
        }
        if (pair) {
            two_pixels(layer, &w, dst);
            n *= 2;
            ox++;
        } else {
            n = n < count ? n : count;
            one_pixel(layer, &w, c, n, dst);
            c = 0;
        }
        dst += n;
        count -= n;
        if (++ox == layer->out_w) {
            ox = 0;
            oy++;
        }
    }
}
