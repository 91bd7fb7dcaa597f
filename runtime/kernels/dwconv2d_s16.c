/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution with 16-bit tensors, multiplier 1. Four neighbouring channels of an int16
   input run together where the window lies inside; a kernel of at most WICK_WIDE_CHUNK taps is
   summed in 32 bits (wide.h). Elsewhere a row of the kernel is: it has at most 255 taps. Taps
   outside the input are worth the operand's zero point (the bias holds -zero_point * sum of all
   weights), which is 0 for int16. */
#include <wick/wide.h>

/* Taps of one row: `n` elements of the operand from `at` on, `pitch` apart, with weights likewise.
 */
static int32_t row_sum(const wick_operand *operand, const int8_t *src, uint32_t at,
                       const int8_t *weights, uint32_t pitch, uint32_t n) {
    const int16_t *wide = (const int16_t *)(const void *)src;
    int32_t sum = 0;
    if (operand->wide)
        for (; n; n--, at += pitch, weights += pitch)
            sum += (int32_t)wide[at] * *weights;
    else
        for (; n; n--, at += pitch, weights += pitch)
            sum += src[at] * *weights;
    return sum;
}

static int32_t weight_sum(const int8_t *weights, uint32_t pitch, uint32_t n) {
    int32_t sum = 0;
    for (; n; n--, weights += pitch)
        sum += *weights;
    return sum;
}

static uint32_t clip(int32_t value, uint32_t high) {
    return value < 0 ? 0 : (uint32_t)value > high ? high : (uint32_t)value;
}

/* Channel c of the window whose tap (0, 0) is pixel (y, x) of the input. */
static int64_t sum_of(const wick_layer *layer, const int8_t *src, int32_t y, int32_t x,
                      uint16_t row0, uint32_t c) {
    uint32_t pitch = layer->in_c, k_w = layer->k_w;
    uint32_t kx0 = clip(-x, k_w), kx1 = clip(layer->in_w - x, k_w);
    int32_t zero = layer->operands[0].zero_point;
    const int8_t *weights = layer->weights + c;
    int64_t acc = layer->bias ? layer->bias[c] : 0;
    for (int32_t ky = 0; ky < layer->k_h; ky++, weights += k_w * pitch) {
        int32_t outside = 0;
        if (y + ky < 0 || y + ky >= layer->in_h || kx0 >= kx1) {
            outside = zero ? weight_sum(weights, pitch, k_w) : 0;
        } else {
            uint32_t row = (uint32_t)(y + ky - row0), column = (uint32_t)(x + (int32_t)kx0);
            acc += row_sum(&layer->operands[0], src, (row * layer->in_w + column) * pitch + c,
                           weights + kx0 * pitch, pitch, kx1 - kx0);
            if (zero)
                outside = weight_sum(weights, pitch, kx0) +
                          weight_sum(weights + kx1 * pitch, pitch, k_w - kx1);
        }
        acc += zero * outside;
    }
    return acc;
}

static int inside(const wick_layer *layer, int32_t y, int32_t x) {
    return y >= 0 && y + layer->k_h <= layer->in_h && x >= 0 && x + layer->k_w <= layer->in_w;
}

/* Channels [c, c + 4) of a window that is all inside, from `taps` of an int16 input on. */
static void four_channels(const wick_layer *layer, const int16_t *taps, uint32_t c, int8_t *dst,
                          uint32_t to) {
    uint32_t pitch = layer->in_c, k_w = layer->k_w, skip = (layer->in_w - k_w) * pitch;
    const int8_t *weights = layer->weights + c;
    int32_t s[4] = {0, 0, 0, 0};
    taps += c;
    for (uint32_t ky = layer->k_h; ky; ky--, taps += skip)
        for (uint32_t kx = k_w; kx; kx--, taps += pitch, weights += pitch)
            for (uint32_t i = 0; i < 4; i++)
                s[i] += (int32_t)taps[i] * weights[i];
    for (uint32_t i = 0; i < 4; i++) {
        int64_t acc = layer->bias ? layer->bias[c + i] : 0;
        wick_wide_finish(layer, dst, to + i, acc + s[i], c + i);
    }
}

void wick_dwconv2d_s16(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                       uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    const int16_t *wide = (const int16_t *)(const void *)src[0];
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c, to = 0;
    int together = layer->operands[0].wide && layer->k_h * layer->k_w <= WICK_WIDE_CHUNK;
    while (to < count) {
        int32_t y = (int32_t)(pixel / layer->out_w * layer->stride_h) - layer->pad_top;
        int32_t x = (int32_t)(pixel % layer->out_w * layer->stride_w) - layer->pad_left;
        if (together && inside(layer, y, x)) {
            uint32_t at = ((uint32_t)(y - row0) * layer->in_w + (uint32_t)x) * layer->in_c;
            for (; layer->out_c - c >= 4 && count - to >= 4; c += 4, to += 4)
                four_channels(layer, wide + at, c, dst, to);
        }
        for (; c < layer->out_c && to < count; c++, to++)
            wick_wide_finish(layer, dst, to, sum_of(layer, src[0], y, x, row0, c), c);
        c = 0;
        pixel++;
    }
}

int wick_dwconv2d_s16_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_dwconv2d_s16_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}
