/* Rate of the portable int8 kernels on this machine, one thread: the layers L1 to L5 of the kernel
   comparisons. Median of REPEATS runs with the spread (minimum and maximum). */
#include "base/base.h"

#include <wick/kernels.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 21 };

typedef struct shape {
    const char *name;
    wick_layer_kind kind;
    int in, in_c, out_c, k, pad; /* square inputs, stride 1 */
} shape;

static const shape shapes[] = {
    {"L1 conv 3x3 16x16x32->32", WICK_LAYER_CONV2D, 16, 32, 32, 3, 1},
    {"L2 conv 1x1 16x16x64->128", WICK_LAYER_CONV2D, 16, 64, 128, 1, 0},
    {"L3 depthwise 3x3 16x16x64", WICK_LAYER_DWCONV2D, 16, 64, 64, 3, 1},
    {"L4 fully connected 1024->64", WICK_LAYER_FC, 1, 1024, 64, 1, 0},
    {"L5 conv 3x3 32x32x3->16", WICK_LAYER_CONV2D, 32, 3, 16, 3, 1},
};

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void random_bytes(wick_rng *rng, int8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        bytes[i] = (int8_t)wick_rng_below(rng, 256);
}

static void run_shape(const shape *s) {
    wick_arena *arena = wick_arena_new();
    wick_rng rng = wick_rng_seed(1, 0);
    size_t taps =
        (size_t)s->k * (size_t)s->k * (size_t)(s->kind == WICK_LAYER_DWCONV2D ? 1 : s->in_c);
    size_t in = (size_t)s->in * (size_t)s->in * (size_t)s->in_c;
    size_t out = (size_t)s->in * (size_t)s->in * (size_t)s->out_c;
    int8_t *src = wick_new(arena, int8_t, in), *dst = wick_new(arena, int8_t, out);
    int8_t *weights = wick_new(arena, int8_t, taps * (size_t)s->out_c);
    int32_t *bias = wick_new(arena, int32_t, s->out_c), *mult = wick_new(arena, int32_t, s->out_c);
    uint8_t *shift = wick_new(arena, uint8_t, s->out_c);
    random_bytes(&rng, src, in);
    random_bytes(&rng, weights, taps * (size_t)s->out_c);
    for (int o = 0; o < s->out_c; o++)
        mult[o] = 1 << 22;
    wick_operand operand = {.channels = (uint16_t)s->in_c};
    wick_layer layer = {.kind = (uint8_t)s->kind,
                        .n_operands = 1,
                        .in_h = (uint16_t)s->in,
                        .in_w = (uint16_t)s->in,
                        .in_c = (uint16_t)s->in_c,
                        .out_h = (uint16_t)s->in,
                        .out_w = (uint16_t)s->in,
                        .out_c = (uint16_t)s->out_c,
                        .k_h = (uint8_t)s->k,
                        .k_w = (uint8_t)s->k,
                        .stride_h = 1,
                        .stride_w = 1,
                        .pad_top = (uint8_t)s->pad,
                        .pad_left = (uint8_t)s->pad,
                        .clamp_min = -128,
                        .clamp_max = 127,
                        .operands = &operand,
                        .weights = weights,
                        .bias = bias,
                        .mult = mult,
                        .shift = shift};
    const int8_t *sources[1] = {src};
    double macs = (double)out * (double)taps, rates[REPEATS];
    int rounds = 1 + (int)(2e7 / macs);
    for (int r = 0; r < REPEATS; r++) {
        double start = wick_now_s();
        for (int i = 0; i < rounds; i++)
            wick_layer_run(&layer, sources, 0, 0, (uint32_t)out, dst, NULL);
        rates[r] = macs * rounds / (wick_now_s() - start) * 1e-9;
    }
    qsort(rates, REPEATS, sizeof *rates, by_value);
    printf("%-28s %6.2f GMAC/s  (%.2f to %.2f)\n", s->name, rates[REPEATS / 2], rates[0],
           rates[REPEATS - 1]);
    wick_arena_free(arena);
}

int main(void) {
    for (size_t i = 0; i < WICK_LEN(shapes); i++)
        run_shape(&shapes[i]);
    return 0;
}
