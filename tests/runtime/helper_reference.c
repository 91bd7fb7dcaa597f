#include "helper_reference.h"

#include <assert.h>
#include <string.h>

uint32_t random_u32(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)((*state * UINT64_C(2685821657736338717)) >> 32);
}

int32_t random_in(uint64_t *state, int32_t low, int32_t high) {
    return low + (int32_t)(random_u32(state) % (uint32_t)(high - low + 1));
}

int64_t reference_requantize(int64_t acc, int64_t mult, int shift) {
    __extension__ typedef __int128 wide;
    wide product = (wide)acc * ((wide)1 << shift) * (wide)mult;
    wide twice = 2 * product + ((wide)1 << 32), unit = (wide)1 << 33;
    wide quotient = twice / unit;
    if (twice % unit < 0)
        quotient--;
    return (int64_t)quotient;
}

/* Value of operand 0 at a position that may lie outside. */
static int64_t tap(const wick_layer *l, const int8_t *src, int y, int x, int c, int64_t outside) {
    if (y < 0 || y >= l->in_h || x < 0 || x >= l->in_w)
        return outside;
    return src[(y * l->in_w + x) * l->in_c + c];
}

static int64_t weight(const wick_layer *l, int c, int ky, int kx, int i) {
    if (l->kind == WICK_LAYER_DWCONV2D)
        return l->weights[(ky * l->k_w + kx) * l->out_c + c];
    return l->weights[((c * l->k_h + ky) * l->k_w + kx) * l->in_c + i];
}

static int64_t convolve(const wick_layer *l, const int8_t *src, int oy, int ox, int c) {
    int64_t acc = l->bias[c];
    int first = l->kind == WICK_LAYER_DWCONV2D ? c : 0;
    int last = l->kind == WICK_LAYER_DWCONV2D ? c + 1 : l->in_c;
    for (int ky = 0; ky < l->k_h; ky++)
        for (int kx = 0; kx < l->k_w; kx++)
            for (int i = first; i < last; i++)
                acc += weight(l, c, ky, kx, i) * tap(l, src, oy * l->stride_h - l->pad_top + ky,
                                                     ox * l->stride_w - l->pad_left + kx, i,
                                                     l->operands[0].zero_point);
    return acc;
}

static int64_t pool(const wick_layer *l, const int8_t *src, int oy, int ox, int c) {
    int64_t most = -1000, sum = 0;
    for (int ky = 0; ky < l->k_h; ky++)
        for (int kx = 0; kx < l->k_w; kx++) {
            int64_t q = tap(l, src, oy * l->stride_h - l->pad_top + ky,
                            ox * l->stride_w - l->pad_left + kx, c, -1000);
            most = q > most ? q : most;
            sum += q - l->operands[0].zero_point;
        }
    return l->kind == WICK_LAYER_MAXPOOL ? most : sum;
}

int8_t reference_element(const wick_layer *l, const int8_t *const *src, uint32_t index) {
    int c = (int)(index % l->out_c), ox = (int)(index / l->out_c % l->out_w);
    int oy = (int)(index / l->out_c / l->out_w);
    int64_t y = 0;
    switch (l->kind) {
    case WICK_LAYER_CONV2D:
    case WICK_LAYER_DWCONV2D:
        y = l->out_zp +
            reference_requantize(convolve(l, src[0], oy, ox, c), l->mult[c], l->shift[c]);
        break;
    case WICK_LAYER_FC: {
        int64_t acc = l->bias[c];
        int n = l->in_h * l->in_w * l->in_c;
        for (int i = 0; i < n; i++)
            acc += (int64_t)src[0][i] * l->weights[c * n + i];
        y = l->out_zp + reference_requantize(acc, l->mult[c], l->shift[c]);
        break;
    }
    case WICK_LAYER_MAXPOOL:
        y = pool(l, src[0], oy, ox, c);
        break;
    case WICK_LAYER_AVGPOOL:
        y = l->out_zp + reference_requantize(pool(l, src[0], oy, ox, c), l->mult[0], l->shift[0]);
        break;
    case WICK_LAYER_ADD: {
        int64_t acc = 0;
        for (int i = 0; i < l->n_operands; i++)
            acc += (int64_t)(src[i][index] - l->operands[i].zero_point) * l->operands[i].mult;
        y = l->out_zp + reference_requantize(acc, l->mult[0], l->shift[0]);
        break;
    }
    case WICK_LAYER_CONCAT: {
        int i = 0;
        for (; c >= l->operands[i].channels; i++)
            c -= l->operands[i].channels;
        int64_t q = src[i][(oy * l->out_w + ox) * l->operands[i].channels + c];
        if (l->weights) /* a table */
            return l->weights[q + 128];
        y = l->out_zp + reference_requantize(q - l->operands[i].zero_point, l->operands[i].mult,
                                             l->operands[i].shift);
        break;
    }
    case WICK_LAYER_MOVE: {
        int64_t at =
            (int64_t)l->bias[oy] + l->bias[l->out_h + ox] + l->bias[l->out_h + l->out_w + c];
        return at < 0 ? l->out_zp : src[0][at];
    }
    case WICK_LAYER_MUL: {
        int64_t acc = (int64_t)(src[0][index] - l->operands[0].zero_point) *
                      (src[1][index] - l->operands[1].zero_point);
        y = l->out_zp + reference_requantize(acc, l->mult[0], l->shift[0]);
        break;
    }
    case WICK_LAYER_SOFTMAX: {
        const int8_t *x = src[0] + index - c;
        int64_t sum = 0, largest = -128;
        for (int i = 0; i < l->out_c; i++)
            largest = x[i] > largest ? x[i] : largest;
        for (int i = 0; i < l->out_c; i++)
            sum += l->bias[largest - x[i]];
        int64_t acc = (((int64_t)l->bias[largest - x[c]] << 17) + sum) / (2 * sum);
        y = l->out_zp + reference_requantize(acc, l->mult[0], l->shift[0]);
        break;
    }
    }
    return (int8_t)(y < l->clamp_min ? l->clamp_min : y > l->clamp_max ? l->clamp_max : y);
}

uint32_t layer_outputs(const wick_layer *layer) {
    return (uint32_t)layer->out_h * layer->out_w * layer->out_c;
}

static int8_t random_s8(uint64_t *state, int extreme) {
    if (!extreme)
        return (int8_t)random_in(state, -128, 127);
    return random_u32(state) % 16 ? -128 : 127;
}

/* Largest shift that keeps |acc| << shift inside 32 bits. */
static uint8_t room(int64_t acc) {
    uint8_t shift = 0;
    while (shift < 31 && (acc << (shift + 1)) <= INT32_MAX)
        shift++;
    return shift;
}

static void geometry(wick_layer *l, wick_layer_kind kind, uint64_t *s) {
    int windowed = kind == WICK_LAYER_CONV2D || kind == WICK_LAYER_DWCONV2D ||
                   kind == WICK_LAYER_MAXPOOL || kind == WICK_LAYER_AVGPOOL;
    l->in_h = (uint16_t)random_in(s, 1, 9);
    l->in_w = (uint16_t)random_in(s, 1, 9);
    l->in_c = (uint16_t)random_in(s, 1, random_in(s, 0, 3) ? 9 : 40);
    l->out_h = l->in_h;
    l->out_w = l->in_w;
    l->out_c = l->in_c;
    l->k_h = l->k_w = l->stride_h = l->stride_w = 1;
    if (kind == WICK_LAYER_FC) {
        l->out_h = l->out_w = 1;
        l->out_c = (uint16_t)random_in(s, 1, 9);
    }
    if (!windowed)
        return;
    if (kind == WICK_LAYER_CONV2D)
        l->out_c = (uint16_t)random_in(s, 1, 11);
    int pads = kind != WICK_LAYER_AVGPOOL;
    l->k_h = (uint8_t)random_in(s, 1, pads ? 5 : l->in_h);
    l->k_w = (uint8_t)random_in(s, 1, pads ? 5 : l->in_w);
    l->stride_h = (uint8_t)random_in(s, 1, 3);
    l->stride_w = (uint8_t)random_in(s, 1, 3);
    int bottom = 0, right = 0;
    if (pads) {
        /* At most k - 1, so that every window holds an input pixel; SAME needs no more. */
        l->pad_top = (uint8_t)random_in(s, 0, l->k_h - 1);
        l->pad_left = (uint8_t)random_in(s, 0, l->k_w - 1);
        bottom = random_in(s, 0, l->k_h - 1);
        right = random_in(s, 0, l->k_w - 1);
        if (l->in_h + l->pad_top + bottom < l->k_h)
            bottom = l->k_h - l->in_h - l->pad_top;
        if (l->in_w + l->pad_left + right < l->k_w)
            right = l->k_w - l->in_w - l->pad_left;
    }
    l->out_h = (uint16_t)((l->in_h + l->pad_top + bottom - l->k_h) / l->stride_h + 1);
    l->out_w = (uint16_t)((l->in_w + l->pad_left + right - l->k_w) / l->stride_w + 1);
}

static void operands(random_layer *r, uint64_t *s, int extreme) {
    wick_layer *l = &r->layer;
    l->n_operands = 1;
    if (l->kind == WICK_LAYER_ADD || l->kind == WICK_LAYER_MUL)
        l->n_operands = 2;
    if (l->kind == WICK_LAYER_CONCAT)
        l->n_operands = (uint8_t)random_in(s, 1, 4);
    uint16_t channels = 0;
    for (int i = 0; i < l->n_operands; i++) {
        wick_operand *o = &r->operands[i];
        *o = (wick_operand){.tensor = (uint16_t)i, .channels = l->in_c};
        if (l->kind == WICK_LAYER_CONCAT) {
            o->channels = (uint16_t)random_in(s, 1, 9);
            o->mult = random_in(s, 1 << 20, INT32_MAX);
            o->shift = (uint8_t)random_in(s, 0, 22);
            if (random_in(s, 0, 1)) { /* a factor of exactly 1 */
                o->shift = (uint8_t)random_in(s, 2, 10);
                o->mult = (int32_t)(INT64_C(1) << (32 - o->shift));
            }
            if (!random_in(s, 0, 5)) /* zeros, whatever the operand holds */
                o->mult = 0;
        }
        if (l->kind == WICK_LAYER_ADD)
            o->mult = (random_in(s, 0, 3) ? random_in(s, 0, 1 << 20) : 1 << 20) *
                      (random_in(s, 0, 3) ? 1 : -1);
        o->zero_point = random_in(s, 0, 3) ? random_s8(s, extreme) : 0;
        channels = (uint16_t)(channels + o->channels);
        assert(l->in_h * l->in_w * o->channels <= MAX_TENSOR);
        for (int k = 0; k < l->in_h * l->in_w * o->channels; k++)
            r->src[i][k] = random_s8(s, extreme);
    }
    if (l->kind == WICK_LAYER_CONCAT)
        l->out_c = l->in_c = channels;
    l->operands = r->operands;
}

/* A move: of whole rows, or any that stays inside; some rows, columns and channels from nowhere. */
static void offsets(random_layer *r, uint64_t *s) {
    wick_layer *l = &r->layer;
    int32_t row = l->in_w * l->in_c, *bias = r->bias;
    l->k_h = (uint8_t)random_in(s, 0, 1);
    l->out_h = (uint16_t)random_in(s, 1, 12);
    l->out_w = (uint16_t)random_in(s, 1, 12);
    l->out_c = (uint16_t)random_in(s, 1, 12);
    int32_t most = l->k_h ? row : row * l->in_h, across = random_in(s, 0, most - 1);
    int32_t along = random_in(s, 0, most - 1 - across);
    for (int i = 0; i < l->out_h + l->out_w + l->out_c; i++) {
        int32_t left = most - 1 - across - along;
        if (i < l->out_h)
            bias[i] = l->k_h ? random_in(s, 0, l->in_h - 1) * row + random_in(s, 0, left)
                             : random_in(s, 0, left);
        else
            bias[i] = random_in(s, 0, i < l->out_h + l->out_w ? across : along);
        if (!random_in(s, 0, 7))
            bias[i] = WICK_NOWHERE;
    }
    l->clamp_min = -128;
    l->clamp_max = 127;
    l->bias = bias;
}

static void exponentials(random_layer *r, uint64_t *s) {
    int32_t fade = random_in(s, 0, 40);
    r->bias[0] = 32768;
    for (int d = 1; d < 256; d++)
        r->bias[d] = (int32_t)((int64_t)r->bias[d - 1] * (1000 - fade) / 1000);
    r->layer.bias = r->bias;
}

void random_layer_make(random_layer *r, wick_layer_kind kind, uint64_t *s, int extreme) {
    wick_layer *l = &r->layer;
    memset(l, 0, sizeof *l);
    l->kind = (uint8_t)kind;
    geometry(l, kind, s);
    operands(r, s, extreme);
    l->out_zp = random_s8(s, extreme);
    for (int i = 0; i < l->n_operands; i++)
        if (random_in(s, 0, 1))
            r->operands[i].zero_point = l->out_zp;
    l->clamp_min = random_in(s, 0, 2) ? -128 : l->out_zp;
    l->clamp_max = random_in(s, 0, 3) ? 127 : (int8_t)random_in(s, l->clamp_min, 127);
    int64_t taps = 0, fan = 1;
    if (kind == WICK_LAYER_CONV2D)
        fan = (int64_t)l->k_h * l->k_w * l->in_c;
    if (kind == WICK_LAYER_DWCONV2D)
        fan = (int64_t)l->k_h * l->k_w;
    if (kind == WICK_LAYER_FC)
        fan = (int64_t)l->in_h * l->in_w * l->in_c;
    if (kind <= WICK_LAYER_FC)
        taps = fan * (kind == WICK_LAYER_DWCONV2D ? 1 : l->out_c) *
               (kind == WICK_LAYER_DWCONV2D ? l->out_c : 1);
    assert(taps <= MAX_WEIGHTS);
    for (int64_t i = 0; i < taps; i++)
        r->weights[i] = random_s8(s, extreme);
    int64_t most = fan * 128 * 128 + 100000;
    if (kind == WICK_LAYER_AVGPOOL)
        most = (int64_t)l->k_h * l->k_w * 255;
    if (kind == WICK_LAYER_ADD)
        most = (int64_t)2 * 255 << 20;
    if (kind == WICK_LAYER_MUL)
        most = 255 * 255;
    if (kind == WICK_LAYER_SOFTMAX)
        most = 65536;
    for (int c = 0; c < (kind <= WICK_LAYER_FC ? l->out_c : 1); c++) {
        r->bias[c] = random_in(s, -100000, 100000);
        r->shift[c] = (uint8_t)random_in(s, 0, room(most));
        /* The product lands around one to a few hundred, so that rounding and both clamps show. */
        int64_t mult = ((int64_t)random_in(s, 1, 400) << 32) / (most << r->shift[c]);
        r->mult[c] = extreme && random_in(s, 0, 1) ? INT32_MAX
                                                   : (int32_t)(mult < 1           ? 1
                                                               : mult > INT32_MAX ? INT32_MAX
                                                                                  : mult);
    }
    if (kind == WICK_LAYER_CONCAT && l->n_operands == 1 && random_in(s, 0, 1)) {
        for (int i = 0; i < 256; i++)
            r->weights[i] = random_s8(s, extreme);
        l->weights = r->weights;
    }
    if (kind <= WICK_LAYER_FC) {
        l->weights = r->weights;
        l->bias = r->bias;
    }
    if (kind != WICK_LAYER_MAXPOOL && kind != WICK_LAYER_CONCAT && kind != WICK_LAYER_MOVE) {
        l->mult = r->mult;
        l->shift = r->shift;
    }
    if (kind == WICK_LAYER_MOVE)
        offsets(r, s);
    if (kind == WICK_LAYER_SOFTMAX)
        exponentials(r, s);
}
