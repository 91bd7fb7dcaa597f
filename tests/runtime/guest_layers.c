/* Shapes: the ones that networks have (1x1; 3x3 with strides 1 and 2 and SAME padding; a first
   layer of three channels; 3x3 over 32) and crooked ones (any window up to 7x7, any stride up to 3,
   paddings that differ), channels of every remainder. Values: uniform, or at the ends of their
   range. */
#include "guest_layers.h"

#include <string.h>

uint32_t guest_random(uint32_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state * 0x9E3779B1u;
}

int32_t guest_between(uint32_t *state, int32_t low, int32_t high) {
    return low + (int32_t)((guest_random(state) >> 8) % (uint32_t)(high - low + 1));
}

static int one_in(uint32_t *s, int n) {
    return guest_between(s, 1, n) == 1;
}

/* Mostly few, sometimes many. */
static int32_t some_channels(uint32_t *s) {
    switch (guest_between(s, 0, 5)) {
    case 0:
        return guest_between(s, 1, 4);
    case 1:
        return 4 * guest_between(s, 1, 10);
    case 2:
        return guest_between(s, 30, 140);
    default:
        return guest_between(s, 1, 24);
    }
}

static void window(wick_layer *l, uint32_t *s) {
    int32_t shape = guest_between(s, 0, 4), pads = l->kind != WICK_LAYER_AVGPOOL;
    if (shape == 0) {
        l->k_h = l->k_w = 1;
    } else if (shape < 3) {
        l->k_h = l->k_w = 3;
    } else {
        l->k_h = (uint8_t)guest_between(s, 1, 7);
        l->k_w = (uint8_t)guest_between(s, 1, 7);
    }
    l->stride_h = l->stride_w = (uint8_t)(one_in(s, 3) ? 2 : 1);
    if (one_in(s, 4)) {
        l->stride_h = (uint8_t)guest_between(s, 1, 3);
        l->stride_w = (uint8_t)guest_between(s, 1, 3);
    }
    int32_t bottom = 0, right = 0;
    if (pads && one_in(s, 3)) {
        l->pad_top = (uint8_t)guest_between(s, 0, l->k_h - 1);
        l->pad_left = (uint8_t)guest_between(s, 0, l->k_w - 1);
        bottom = guest_between(s, 0, l->k_h - 1);
        right = guest_between(s, 0, l->k_w - 1);
    } else if (pads && !one_in(s, 4)) { /* SAME */
        l->pad_top = (uint8_t)((l->k_h - 1) / 2);
        l->pad_left = (uint8_t)((l->k_w - 1) / 2);
        bottom = l->k_h / 2;
        right = l->k_w / 2;
    }
    /* The window fits at least once. */
    int32_t least_h = l->k_h - l->pad_top - bottom, least_w = l->k_w - l->pad_left - right;
    if (l->in_h < least_h)
        l->in_h = (uint16_t)least_h;
    if (l->in_w < least_w)
        l->in_w = (uint16_t)least_w;
    l->out_h = (uint16_t)((l->in_h + l->pad_top + bottom - l->k_h) / l->stride_h + 1);
    l->out_w = (uint16_t)((l->in_w + l->pad_left + right - l->k_w) / l->stride_w + 1);
}

/* 3x3 over 32 inputs with stride 1, outputs a multiple of 4: what mve_rows.h reads in place. */
static void in_rows(wick_layer *l, uint32_t *s) {
    l->n_operands = 1;
    l->in_c = 32;
    l->k_h = l->k_w = 3;
    l->stride_h = l->stride_w = 1;
    l->in_h = (uint16_t)guest_between(s, 1, 5);
    l->in_w = (uint16_t)guest_between(s, 1, one_in(s, 2) ? 4 : 11);
    l->out_c = (uint16_t)(4 * guest_between(s, 1, one_in(s, 4) ? 21 : 4));
    int same = !one_in(s, 4), bottom = same ? 1 : guest_between(s, 0, 2);
    int right = same ? 1 : guest_between(s, 0, 2);
    l->pad_top = (uint8_t)(same ? 1 : guest_between(s, 0, 2));
    l->pad_left = (uint8_t)(same ? 1 : guest_between(s, 0, 2));
    if (l->in_h + l->pad_top + bottom < 3)
        l->in_h = 3;
    if (l->in_w + l->pad_left + right < 3)
        l->in_w = 3;
    l->out_h = (uint16_t)(l->in_h + l->pad_top + bottom - 2);
    l->out_w = (uint16_t)(l->in_w + l->pad_left + right - 2);
}

static void geometry(guest_layer *g, uint32_t *s) {
    wick_layer *l = &g->layer;
    if (l->kind == WICK_LAYER_CONV2D && one_in(s, 8)) {
        in_rows(l, s);
        return;
    }
    l->in_c = (uint16_t)(l->kind == WICK_LAYER_CONV2D && one_in(s, 8) ? 3 : some_channels(s));
    int32_t most = l->in_c < 16 ? 9 : 6;
    l->in_h = (uint16_t)guest_between(s, 1, most);
    l->in_w = (uint16_t)(one_in(s, 6) ? guest_between(s, 10, 33) : guest_between(s, 1, most));
    l->out_h = l->in_h;
    l->out_w = l->in_w;
    l->out_c = l->in_c;
    l->k_h = l->k_w = l->stride_h = l->stride_w = 1;
    if (l->kind == WICK_LAYER_FC)
        l->out_h = l->out_w = 1;
    if (l->kind == WICK_LAYER_CONV2D || l->kind == WICK_LAYER_FC)
        l->out_c = (uint16_t)some_channels(s);
    if (l->kind != WICK_LAYER_FC && l->kind < WICK_LAYER_ADD)
        window(l, s);
    l->n_operands = 1;
    if (l->kind == WICK_LAYER_ADD || l->kind == WICK_LAYER_MUL)
        l->n_operands = 2;
    if (l->kind == WICK_LAYER_CONCAT) {
        l->n_operands = (uint8_t)guest_between(s, 1, GUEST_OPERANDS);
        int32_t total = 0;
        for (int i = 0; i < l->n_operands; i++) {
            g->operands[i].channels = (uint16_t)guest_between(s, 1, 20);
            total += g->operands[i].channels;
        }
        l->in_c = l->out_c = (uint16_t)total;
    }
}

/* Products summed for one output. */
static uint32_t fan_in(const wick_layer *l) {
    switch (l->kind) {
    case WICK_LAYER_CONV2D:
        return (uint32_t)l->k_h * l->k_w * l->in_c;
    case WICK_LAYER_FC:
        return (uint32_t)l->in_h * l->in_w * l->in_c;
    default:
        return (uint32_t)l->k_h * l->k_w;
    }
}

static int fits(const wick_layer *l) {
    uint32_t in = (uint32_t)l->in_h * l->in_w * l->in_c, pixels = (uint32_t)l->out_h * l->out_w;
    uint32_t weights = fan_in(l) * l->out_c;
    return in <= GUEST_TENSOR && pixels * l->out_c <= GUEST_TENSOR && l->out_c <= GUEST_CHANNELS &&
           weights <= GUEST_WEIGHTS && weights * pixels <= GUEST_MACS;
}

static int8_t value(uint32_t *s, int extreme) {
    if (extreme)
        return guest_random(s) >> 28 ? -128 : 127;
    return (int8_t)(guest_random(s) >> 24);
}

static void operands(guest_layer *g, uint32_t *s, int extreme) {
    const wick_layer *l = &g->layer;
    for (int i = 0; i < l->n_operands; i++) {
        wick_operand *o = &g->operands[i];
        o->tensor = (uint16_t)i;
        if (l->kind != WICK_LAYER_CONCAT)
            o->channels = l->in_c;
        if (l->kind == WICK_LAYER_CONCAT) {
            o->shift = (uint8_t)guest_between(s, 2, 10);
            o->mult = one_in(s, 2) ? (int32_t)(1u << (32 - o->shift)) /* a factor of 1 */
                                   : guest_between(s, 1 << 20, INT32_MAX - 1);
        }
        if (l->kind == WICK_LAYER_ADD)
            o->mult = one_in(s, 4) ? 1 << 20 : guest_between(s, 0, 1 << 20);
        o->zero_point = one_in(s, 4) ? 0 : one_in(s, 2) ? l->out_zp : value(s, extreme);
        uint32_t bytes = (uint32_t)l->in_h * l->in_w * o->channels;
        for (uint32_t k = 0; k < bytes; k++)
            g->src[i][k] = value(s, extreme);
    }
}

/* Largest shift that keeps |acc| << shift inside 32 bits. */
static uint8_t room(uint32_t most) {
    uint8_t shift = 0;
    while (shift < 30 && most << (shift + 1) <= (uint32_t)INT32_MAX &&
           most <= (uint32_t)INT32_MAX >> (shift + 1))
        shift++;
    return shift;
}

static void constants(guest_layer *g, uint32_t *s, int extreme) {
    const wick_layer *l = &g->layer;
    uint32_t most = fan_in(l) * 128 * 128 + 100000;
    if (l->kind == WICK_LAYER_AVGPOOL)
        most = fan_in(l) * 255;
    if (l->kind == WICK_LAYER_MUL)
        most = 255 * 255;
    if (l->kind == WICK_LAYER_SOFTMAX)
        most = 65536;
    if (l->kind == WICK_LAYER_ADD)
        most = (uint32_t)2 * 255 << 20;
    for (uint32_t c = 0; c < g->n_constants; c++) {
        g->bias[c] = guest_between(s, -100000, 100000);
        g->shift[c] = (uint8_t)(one_in(s, 2) ? 0 : guest_between(s, 0, room(most)));
        /* The largest sum gives one to 2000 steps, so that rounding and both clamps show. */
        uint32_t unit = (uint32_t)((UINT64_C(1) << 32) / ((uint64_t)most << g->shift[c]));
        uint64_t mult = (uint64_t)(unit ? unit : 1) * (uint32_t)guest_between(s, 1, 2000);
        g->mult[c] = mult > INT32_MAX || (extreme && one_in(s, 2)) ? INT32_MAX : (int32_t)mult;
    }
}

/* A move: mirrored and shifted, with gaps; or the exponentials of a Softmax. */
static void tables(guest_layer *g, uint32_t *s) {
    wick_layer *l = &g->layer;
    int32_t *columns = g->bias + l->out_h, *channels = columns + l->out_w;
    if (l->kind == WICK_LAYER_SOFTMAX) {
        for (int d = 0; d < 256; d++)
            g->bias[d] = d ? g->bias[d - 1] - g->bias[d - 1] / guest_between(s, 8, 40) : 1 << 15;
        l->bias = g->bias;
    }
    if (l->kind != WICK_LAYER_MOVE)
        return;
    l->k_h = (uint8_t)guest_between(s, 0, 1);
    for (int y = 0; y < l->out_h; y++)
        g->bias[y] = one_in(s, 8) ? WICK_NOWHERE : (l->out_h - 1 - y) * l->in_w * l->in_c;
    for (int x = 0; x < l->out_w; x++)
        columns[x] = one_in(s, 8) ? WICK_NOWHERE : x * l->in_c;
    for (int c = 0; c < l->out_c; c++)
        channels[c] = one_in(s, 8) ? WICK_NOWHERE : guest_between(s, 0, l->in_c - 1);
    l->bias = g->bias;
}

/* Of a third of the layers: few weights, some at the same places in four channels, or such of four
   bits, or both. */
static void thin_weights(guest_layer *g, uint32_t *s) {
    int32_t keep = one_in(s, 2) ? 100 : guest_between(s, 0, 60), narrow = one_in(s, 2);
    uint32_t salt = guest_random(s), taps = fan_in(&g->layer), blocks = (uint32_t)one_in(s, 2);
    if (!one_in(s, 3))
        return;
    for (uint32_t i = 0; i < g->weights_bytes; i++) {
        uint32_t place = (i / taps / 4 * taps + i % taps) ^ salt;
        uint32_t chance = guest_random(&place) >> 8;
        if ((blocks ? (int32_t)(chance % 100) + 1 : guest_between(s, 1, 100)) > keep)
            g->weights[i] = 0;
        else if (narrow)
            g->weights[i] = (int8_t)guest_between(s, -8, 7);
    }
}

void guest_layer_make(guest_layer *g, uint32_t seed) {
    static const uint8_t kinds[19] = {
        WICK_LAYER_CONV2D,   WICK_LAYER_CONV2D,   WICK_LAYER_CONV2D,   WICK_LAYER_CONV2D,
        WICK_LAYER_CONV2D,   WICK_LAYER_CONV2D,   WICK_LAYER_DWCONV2D, WICK_LAYER_DWCONV2D,
        WICK_LAYER_DWCONV2D, WICK_LAYER_DWCONV2D, WICK_LAYER_FC,       WICK_LAYER_FC,
        WICK_LAYER_MAXPOOL,  WICK_LAYER_AVGPOOL,  WICK_LAYER_ADD,      WICK_LAYER_CONCAT,
        WICK_LAYER_MOVE,     WICK_LAYER_MUL,      WICK_LAYER_SOFTMAX};
    uint32_t state = seed * 0x9E3779B1u | 1u, *s = &state;
    wick_layer *l = &g->layer;
    for (int i = 0; i < 8; i++)
        guest_random(s);
    uint8_t kind = kinds[guest_between(s, 0, 18)];
    do {
        memset(l, 0, sizeof *l);
        memset(g->operands, 0, sizeof g->operands);
        l->kind = kind;
        geometry(g, s);
    } while (!fits(l));
    int extreme = one_in(s, 5);
    l->out_zp = value(s, extreme);
    l->clamp_min = one_in(s, 3) ? l->out_zp : -128;
    l->clamp_max = (int8_t)(one_in(s, 4) ? guest_between(s, l->clamp_min, 127) : 127);
    l->operands = g->operands;
    operands(g, s, extreme);
    g->weights_bytes = 0;
    if (l->kind <= WICK_LAYER_FC) {
        g->weights_bytes = fan_in(l) * l->out_c;
        l->weights = g->weights;
        l->bias = one_in(s, 8) ? NULL : g->bias;
    }
    for (uint32_t i = 0; i < g->weights_bytes; i++) {
        int8_t w = value(s, extreme);
        g->weights[i] = w == -128 ? -127 : w;
    }
    thin_weights(g, s);
    g->n_constants = 0;
    if (l->kind != WICK_LAYER_MAXPOOL && l->kind != WICK_LAYER_CONCAT &&
        l->kind != WICK_LAYER_MOVE) {
        g->n_constants = l->kind <= WICK_LAYER_FC ? l->out_c : 1;
        constants(g, s, extreme);
        l->mult = g->mult;
        l->shift = g->shift;
    }
    tables(g, s);
}
