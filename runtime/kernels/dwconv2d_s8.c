/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution, multiplier 1. Channels are contiguous in both the input and the weights,
   so four neighbouring channels run together. Taps outside the input are worth the operand's zero
   point (the bias holds -zero_point * sum of all weights). */
#include <wick/kernels.h>

enum { LANES = 4 };

/* One output pixel's window and where its input begins. */
typedef struct window {
    const int8_t *src;   /* row0 of the tensor */
    int32_t y, x;        /* input position of tap (0, 0), counted from src */
    int32_t top, bottom; /* input rows that exist: [top, bottom), counted from src */
} window;

/* `lanes` channels from c on: 4, or 1 for what is left over. */
static inline void channels(const wick_layer *layer, const window *w, uint32_t c, uint32_t lanes,
                            int8_t *dst) {
    int32_t zero_point = layer->operands[0].zero_point;
    uint32_t pitch = layer->in_c;
    const int8_t *weights = layer->weights + c;
    int32_t acc[LANES];
    for (uint32_t i = 0; i < lanes; i++)
        acc[i] = layer->bias ? layer->bias[c + i] : 0;
    for (int32_t ky = 0; ky < layer->k_h; ky++) {
        int32_t y = w->y + ky;
        int inside_y = y >= w->top && y < w->bottom;
        const int8_t *src = w->src + c;
        if (inside_y)
            src += (y * layer->in_w + w->x) * (int32_t)pitch;
        for (int32_t x = w->x; x < w->x + layer->k_w; x++, weights += pitch) {
            if (inside_y && x >= 0 && x < layer->in_w)
                for (uint32_t i = 0; i < lanes; i++)
                    acc[i] += src[i] * weights[i];
            else
                for (uint32_t i = 0; i < lanes; i++)
                    acc[i] += zero_point * weights[i];
            src += pitch;
        }
    }
    for (uint32_t i = 0; i < lanes; i++) {
        int32_t y =
            layer->out_zp + wick_requantize(acc[i], layer->mult[c + i], layer->shift[c + i]);
        dst[i] = wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
    }
}

void wick_dwconv2d_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                      uint32_t first, uint32_t count, int8_t *dst) {
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    window w;
    w.src = src[0];
    w.top = -(int32_t)row0;
    w.bottom = (int32_t)layer->in_h - row0;
    while (count) {
        uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
        uint32_t n = layer->out_c - c < count ? layer->out_c - c : count;
        w.y = (int32_t)(oy * layer->stride_h) - layer->pad_top - row0;
        w.x = (int32_t)(ox * layer->stride_w) - layer->pad_left;
        count -= n;
        for (; n >= LANES; n -= LANES, c += LANES, dst += LANES)
            channels(layer, &w, c, LANES, dst);
        for (; n; n--, c++, dst++)
            channels(layer, &w, c, 1, dst);
        c = 0;
        pixel++;
    }
}
