/* Integer networks by hand, for the tests of plan and emit: random weights, every layer kind. */
#ifndef TINY_QNET_H
#define TINY_QNET_H

#include "shrink/shrink.h"

#include <math.h>
#include <string.h>

enum { TINY_MAX = 40 };

typedef struct tiny {
    wick_qnet *net;
    wick_rng rng;
    int segment; /* that the next layers belong to */
} tiny;

static inline int tiny_tensor(tiny *t, int h, int w, int c) {
    wick_qnet *net = t->net;
    int index = net->n_tensors++;
    net->tensors[index] = (wick_qtensor){.name = wick_arena_printf(net->arena, "t%d", index),
                                         .h = h,
                                         .w = w,
                                         .c = c,
                                         .scale = 0.05f,
                                         .zero_point = -3};
    return index;
}

static inline tiny tiny_begin(uint64_t seed, int size, int channels) {
    wick_arena *arena = wick_arena_new();
    tiny t = {.net = wick_new(arena, wick_qnet, 1), .rng = wick_rng_seed(seed, 7)};
    t.net->arena = arena;
    t.net->layers = wick_new(arena, wick_layer, TINY_MAX);
    t.net->info = wick_new(arena, wick_qlayer_info, TINY_MAX);
    t.net->tensors = wick_new(arena, wick_qtensor, TINY_MAX + 1);
    t.net->input_channels = (uint8_t)channels;
    for (int c = 0; c < channels; c++)
        for (int p = 0; p < 256; p++)
            t.net->pixel_to_input[c][p] = (int8_t)(p - 128);
    t.net->input = t.net->features = tiny_tensor(&t, size, size, channels);
    return t;
}

static inline wick_layer *tiny_layer(tiny *t, wick_layer_kind kind, const int *src, int n, int h,
                                     int w, int c) {
    static const char *const kinds[] = {
#define X(upper, lower) #lower,
        WICK_LAYER_TABLE(X)
#undef X
    };
    wick_qnet *net = t->net;
    const wick_qtensor *in = &net->tensors[src[0]];
    int index = net->n_layers++;
    wick_layer *layer = &net->layers[index];
    wick_operand *operands = wick_new(net->arena, wick_operand, n);
    int in_c = 0;
    for (int i = 0; i < n; i++) {
        const wick_qtensor *operand = &net->tensors[src[i]];
        operands[i] = (wick_operand){.tensor = (uint16_t)src[i],
                                     .channels = (uint16_t)operand->c,
                                     .zero_point = operand->zero_point};
        in_c = kind == WICK_LAYER_CONCAT ? in_c + operand->c : operand->c;
    }
    *layer = (wick_layer){.kind = (uint8_t)kind,
                          .n_operands = (uint8_t)n,
                          .in_h = (uint16_t)in->h,
                          .in_w = (uint16_t)in->w,
                          .in_c = (uint16_t)in_c,
                          .out_h = (uint16_t)h,
                          .out_w = (uint16_t)w,
                          .out_c = (uint16_t)c,
                          .k_h = 1,
                          .k_w = 1,
                          .stride_h = 1,
                          .stride_w = 1,
                          .out_zp = -3,
                          .clamp_min = -128,
                          .clamp_max = 127,
                          .operands = operands};
    layer->dst = (uint16_t)tiny_tensor(t, h, w, c);
    net->info[index] = (wick_qlayer_info){
        .name = wick_arena_printf(net->arena, "%s_%d", kinds[kind], index), .segment = t->segment};
    return layer;
}

/* y ~ acc / sqrt(taps) / 70: outputs use most of int8. */
static inline void tiny_constants(tiny *t, wick_layer *layer, int64_t weights, int channels,
                                  int taps) {
    wick_arena *arena = t->net->arena;
    int8_t *w = wick_new(arena, int8_t, weights ? weights : 1);
    int32_t *bias = wick_new(arena, int32_t, channels), *mult = wick_new(arena, int32_t, channels);
    uint8_t *shift = wick_new(arena, uint8_t, channels);
    for (int64_t i = 0; i < weights; i++)
        w[i] = (int8_t)(wick_rng_below(&t->rng, 255) - 127);
    for (int c = 0; c < channels; c++) {
        bias[c] = (int32_t)wick_rng_below(&t->rng, 2001) - 1000;
        shift[c] = 4;
        mult[c] = (int32_t)(268435456.0 / 70 / sqrt((double)taps) *
                            (0.5 + (double)wick_rng_uniform(&t->rng)));
    }
    layer->weights = weights ? w : NULL;
    layer->bias = weights ? bias : NULL;
    layer->mult = mult;
    layer->shift = shift;
}

static inline int tiny_window(tiny *t, wick_layer_kind kind, int src, int out_c, int k, int stride,
                              int pad) {
    const wick_qtensor in = t->net->tensors[src];
    int h = (in.h + 2 * pad - k) / stride + 1, w = (in.w + 2 * pad - k) / stride + 1;
    wick_layer *layer = tiny_layer(t, kind, &src, 1, h, w, out_c);
    layer->k_h = layer->k_w = (uint8_t)k;
    layer->stride_h = layer->stride_w = (uint8_t)stride;
    layer->pad_top = layer->pad_left = (uint8_t)pad;
    int taps = k * k * (kind == WICK_LAYER_CONV2D ? in.c : 1);
    if (kind == WICK_LAYER_CONV2D || kind == WICK_LAYER_DWCONV2D) {
        tiny_constants(t, layer, (int64_t)taps * out_c, out_c, taps);
        t->net->info[t->net->n_layers - 1].macs = (int64_t)h * w * out_c * taps;
        layer->clamp_min = layer->out_zp;
    } else if (kind == WICK_LAYER_AVGPOOL) {
        tiny_constants(t, layer, 0, 1, taps * taps);
    }
    return layer->dst;
}

static inline int tiny_conv(tiny *t, int src, int out_c, int k, int stride) {
    return tiny_window(t, WICK_LAYER_CONV2D, src, out_c, k, stride, k / 2);
}

static inline int tiny_dwconv(tiny *t, int src) {
    return tiny_window(t, WICK_LAYER_DWCONV2D, src, t->net->tensors[src].c, 3, 1, 1);
}

static inline int tiny_maxpool(tiny *t, int src) {
    return tiny_window(t, WICK_LAYER_MAXPOOL, src, t->net->tensors[src].c, 2, 2, 0);
}

static inline int tiny_global_pool(tiny *t, int src) {
    return tiny_window(t, WICK_LAYER_AVGPOOL, src, t->net->tensors[src].c, t->net->tensors[src].h,
                       1, 0);
}

static inline int tiny_fc(tiny *t, int src, int out_c) {
    const wick_qtensor in = t->net->tensors[src];
    int taps = in.h * in.w * in.c;
    wick_layer *layer = tiny_layer(t, WICK_LAYER_FC, &src, 1, 1, 1, out_c);
    tiny_constants(t, layer, (int64_t)taps * out_c, out_c, taps);
    t->net->info[t->net->n_layers - 1].macs = (int64_t)taps * out_c;
    return layer->dst;
}

static inline int tiny_add(tiny *t, int a, int b) {
    const wick_qtensor in = t->net->tensors[a];
    int src[2] = {a, b};
    wick_layer *layer = tiny_layer(t, WICK_LAYER_ADD, src, 2, in.h, in.w, in.c);
    wick_operand *operands = (wick_operand *)(uintptr_t)layer->operands;
    operands[0].mult = 1 << 19;
    operands[1].mult = (1 << 18) + 12345;
    tiny_constants(t, layer, 0, 1, 1);
    ((int32_t *)(uintptr_t)layer->mult)[0] = 1 << 11;
    ((uint8_t *)(uintptr_t)layer->shift)[0] = 2;
    return layer->dst;
}

static inline int tiny_concat(tiny *t, int a, int b) {
    const wick_qtensor x = t->net->tensors[a], y = t->net->tensors[b];
    int src[2] = {a, b};
    wick_layer *layer = tiny_layer(t, WICK_LAYER_CONCAT, src, 2, x.h, x.w, x.c + y.c);
    wick_operand *operands = (wick_operand *)(uintptr_t)layer->operands;
    for (int i = 0; i < 2; i++) {
        operands[i].shift = 20;
        operands[i].mult = 4096 - 500 * i;
    }
    return layer->dst;
}

/* Ends the current module: its classifier's output is its logits. */
static inline void tiny_logits(tiny *t, int tensor) {
    int m = t->net->n_modules++;
    t->net->logits[m] = tensor;
    t->net->n_classes = t->net->tensors[tensor].c;
    t->net->module_names[m] = wick_arena_printf(t->net->arena, "TM%d", m + 1);
    t->net->accuracy[m] = 0.9 - 0.1 * m;
}

static inline wick_qnet *tiny_end(tiny *t) {
    uint64_t identity[2] = {t->rng.s[0], (uint64_t)t->net->n_layers};
    t->net->hash = wick_hash_bytes(identity, sizeof identity);
    return t->net;
}

/* A shared extractor (conv, depthwise, residual add, pool) and three modules (deep, concat, fc). */
static inline wick_qnet *tiny_family(uint64_t seed, int size, int width) {
    tiny t = tiny_begin(seed, size, 3);
    int a = tiny_conv(&t, 0, width, 3, 1);
    int b = tiny_dwconv(&t, a);
    int c = tiny_conv(&t, b, width, 1, 1);
    int z = tiny_maxpool(&t, tiny_add(&t, a, c));
    t.net->features = z;
    t.segment = 1;
    int d = tiny_conv(&t, z, 2 * width, 3, 1);
    int e = tiny_conv(&t, tiny_maxpool(&t, d), 2 * width, 3, 1);
    tiny_logits(&t, tiny_fc(&t, tiny_global_pool(&t, e), 10));
    t.segment = 2;
    int f = tiny_conv(&t, z, width / 2, 1, 1);
    tiny_logits(&t, tiny_fc(&t, tiny_maxpool(&t, tiny_concat(&t, f, z)), 10));
    t.segment = 3;
    tiny_logits(&t, tiny_fc(&t, tiny_global_pool(&t, z), 10));
    return tiny_end(&t);
}

/* Two modules without a common extractor. */
static inline wick_qnet *tiny_independent(uint64_t seed, int size, int width) {
    tiny t = tiny_begin(seed, size, 3);
    for (int m = 1; m <= 2; m++) {
        t.segment = m;
        int a = tiny_conv(&t, 0, width / m, 3, 1);
        tiny_logits(&t, tiny_fc(&t, tiny_maxpool(&t, a), 10));
    }
    return tiny_end(&t);
}

static inline void tiny_free(wick_qnet *net) {
    wick_arena_free(net->arena);
}

#endif
