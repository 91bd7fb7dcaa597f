/* What one writes first: loops in the order of the definition, taps outside the image left out, the
   input's zero point subtracted from each value, one accumulator. Sizes are in local variables and
   a window's borders are found once, which costs no thought; nothing else is optimised. */
#include "naive_layer.h"

#include <stddef.h>

static int larger(int a, int b) {
    return a > b ? a : b;
}

static int smaller(int a, int b) {
    return a < b ? a : b;
}

static int8_t requantized(const wick_layer *l, int32_t acc, int32_t mult, int shift) {
    int64_t product = (int64_t)(acc * (1 << shift)) * mult;
    int32_t y = l->out_zp + (int32_t)((product + INT64_C(0x80000000)) >> 32);
    return wick_clamp_s8(y, l->clamp_min, l->clamp_max);
}

/* The part of a window that lies inside the image. */
typedef struct window {
    int ky0, ky1, kx0, kx1;
    const int8_t *src; /* at its first tap */
} window;

static window window_at(const wick_layer *l, const int8_t *src, int oy, int ox) {
    int y = oy * l->stride_h - l->pad_top, x = ox * l->stride_w - l->pad_left;
    window w = {larger(0, -y), smaller(l->k_h, l->in_h - y), larger(0, -x),
                smaller(l->k_w, l->in_w - x), NULL};
    w.src = src + ((y + w.ky0) * l->in_w + x + w.kx0) * l->in_c;
    return w;
}

static int32_t conv2d(const wick_layer *l, const window *w, int c) {
    const int zero = l->operands[0].zero_point, run = (w->kx1 - w->kx0) * l->in_c;
    int32_t acc = 0;
    for (int ky = w->ky0; ky < w->ky1; ky++) { /* a row's taps lie side by side */
        const int8_t *taps = w->src + (ky - w->ky0) * l->in_w * l->in_c;
        const int8_t *weights = l->weights + ((c * l->k_h + ky) * l->k_w + w->kx0) * l->in_c;
        for (int i = 0; i < run; i++)
            acc += (taps[i] - zero) * weights[i];
    }
    return acc;
}

static int32_t dwconv2d(const wick_layer *l, const window *w, int c) {
    const int in_c = l->in_c, zero = l->operands[0].zero_point;
    int32_t acc = 0;
    for (int ky = w->ky0; ky < w->ky1; ky++) {
        const int8_t *taps = w->src + (ky - w->ky0) * l->in_w * in_c + c;
        const int8_t *weights = l->weights + (ky * l->k_w + w->kx0) * in_c + c;
        for (int kx = w->kx0; kx < w->kx1; kx++, taps += in_c, weights += in_c)
            acc += (*taps - zero) * *weights;
    }
    return acc;
}

static int8_t pool(const wick_layer *l, const window *w, int c) {
    const int in_c = l->in_c, zero = l->operands[0].zero_point;
    int32_t most = -128, sum = 0;
    for (int ky = w->ky0; ky < w->ky1; ky++) {
        const int8_t *taps = w->src + (ky - w->ky0) * l->in_w * in_c + c;
        for (int kx = w->kx0; kx < w->kx1; kx++, taps += in_c) {
            most = larger(most, *taps);
            sum += *taps - zero;
        }
    }
    if (l->kind == WICK_LAYER_AVGPOOL)
        return requantized(l, sum, l->mult[0], l->shift[0]);
    return wick_clamp_s8(most, l->clamp_min, l->clamp_max);
}

static void windows(const wick_layer *l, const int8_t *src, const int32_t *bias, int rows,
                    int8_t *dst) {
    for (int oy = 0; oy < rows; oy++)
        for (int ox = 0; ox < l->out_w; ox++) {
            window w = window_at(l, src, oy, ox);
            for (int c = 0; c < l->out_c; c++) {
                if (l->kind == WICK_LAYER_CONV2D)
                    *dst++ = requantized(l, bias[c] + conv2d(l, &w, c), l->mult[c], l->shift[c]);
                else if (l->kind == WICK_LAYER_DWCONV2D)
                    *dst++ = requantized(l, bias[c] + dwconv2d(l, &w, c), l->mult[c], l->shift[c]);
                else
                    *dst++ = pool(l, &w, c);
            }
        }
}

static void fc(const wick_layer *l, const int8_t *src, const int32_t *bias, int8_t *dst) {
    const int n = l->in_h * l->in_w * l->in_c, out_c = l->out_c, zero = l->operands[0].zero_point;
    for (int c = 0; c < out_c; c++) {
        const int8_t *weights = l->weights + c * n;
        int32_t acc = bias[c];
        for (int i = 0; i < n; i++)
            acc += (src[i] - zero) * weights[i];
        *dst++ = requantized(l, acc, l->mult[c], l->shift[c]);
    }
}

static void add(const wick_layer *l, const int8_t *const *src, uint32_t count, int8_t *dst) {
    for (uint32_t i = 0; i < count; i++) {
        int32_t acc = 0;
        for (int k = 0; k < l->n_operands; k++)
            acc += (src[k][i] - l->operands[k].zero_point) * l->operands[k].mult;
        dst[i] = requantized(l, acc, l->mult[0], l->shift[0]);
    }
}

static void concat(const wick_layer *l, const int8_t *const *src, int rows, int8_t *dst) {
    int pixels = rows * l->out_w;
    for (int p = 0; p < pixels; p++)
        for (int k = 0; k < l->n_operands; k++) {
            const wick_operand *o = &l->operands[k];
            for (int c = 0; c < o->channels; c++)
                *dst++ =
                    requantized(l, src[k][p * o->channels + c] - o->zero_point, o->mult, o->shift);
        }
}

static void move(const wick_layer *l, const int8_t *src, int rows, int8_t *dst) {
    const int32_t *columns = l->bias + l->out_h, *channels = columns + l->out_w;
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < l->out_w; x++)
            for (int c = 0; c < l->out_c; c++) {
                int32_t at = l->bias[y] + columns[x] + channels[c];
                *dst++ = at < 0 ? l->out_zp : src[at];
            }
}

static void mul(const wick_layer *l, const int8_t *const *src, uint32_t count, int8_t *dst) {
    for (uint32_t i = 0; i < count; i++)
        dst[i] = requantized(
            l, (src[0][i] - l->operands[0].zero_point) * (src[1][i] - l->operands[1].zero_point),
            l->mult[0], l->shift[0]);
}

static void softmax(const wick_layer *l, const int8_t *x, int pixels, int8_t *dst) {
    for (int p = 0; p < pixels; p++, x += l->out_c) {
        int largest = -128;
        uint32_t sum = 0;
        for (int c = 0; c < l->out_c; c++)
            largest = x[c] > largest ? x[c] : largest;
        for (int c = 0; c < l->out_c; c++)
            sum += (uint32_t)l->bias[largest - x[c]];
        for (int c = 0; c < l->out_c; c++) {
            uint32_t share = (((uint32_t)l->bias[largest - x[c]] << 16) + sum / 2) / sum;
            *dst++ = requantized(l, (int32_t)share, l->mult[0], l->shift[0]);
        }
    }
}

void naive_layer_run(const wick_layer *l, const int8_t *const *src, const int32_t *bias, int rows,
                     int8_t *dst) {
    switch (l->kind) {
    case WICK_LAYER_FC:
        fc(l, src[0], bias, dst);
        break;
    case WICK_LAYER_ADD:
        add(l, src, (uint32_t)rows * l->out_w * l->out_c, dst);
        break;
    case WICK_LAYER_CONCAT:
        concat(l, src, rows, dst);
        break;
    case WICK_LAYER_MOVE:
        move(l, src[0], rows, dst);
        break;
    case WICK_LAYER_MUL:
        mul(l, src, (uint32_t)rows * l->out_w * l->out_c, dst);
        break;
    case WICK_LAYER_SOFTMAX:
        softmax(l, src[0], rows * l->out_w, dst);
        break;
    default:
        windows(l, src[0], bias, rows, dst);
        break;
    }
}
