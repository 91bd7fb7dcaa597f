/* Rate of the int8 kernels on this machine, one thread: the layers L1 to L5 of the kernel
   comparisons by portable C and by what the processor has beside it. Median of REPEATS runs, in
   processor time, with the spread (minimum and maximum). */
#include "weights/weights.h"

#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REPEATS = 21, VARIANTS = 3, NONE = WICK_KERNELS };

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

static const char *const variants[VARIANTS] = {"portable", "AVX2", "VNNI"};
static const int kernel_of[][VARIANTS] = {
    [WICK_LAYER_CONV2D] = {WICK_KERNEL_PORTABLE, WICK_KERNEL_CONV2D_S8_AVX2,
                           WICK_KERNEL_CONV2D_S8_VNNI},
    [WICK_LAYER_DWCONV2D] = {WICK_KERNEL_PORTABLE, WICK_KERNEL_DWCONV2D_S8_AVX2, NONE},
    [WICK_LAYER_FC] = {WICK_KERNEL_PORTABLE, WICK_KERNEL_FC_S8_AVX2, WICK_KERNEL_FC_S8_VNNI},
};

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void random_bytes(wick_rng *rng, int8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        bytes[i] = (int8_t)(wick_rng_below(rng, 255) - 127);
}

static double macs_of(const wick_layer *layer) {
    int channels = layer->kind == WICK_LAYER_DWCONV2D ? 1 : layer->in_c;
    return (double)layer->out_h * layer->out_w * layer->out_c * layer->k_h * layer->k_w * channels;
}

/* GMAC/s of some 40 million MACs. */
static double rate_of(const wick_layer *layer, const int8_t *src, int8_t *dst, void *scratch) {
    double macs = macs_of(layer);
    int rounds = 1 + (int)(4e7 / macs);
    uint32_t count = (uint32_t)layer->out_h * layer->out_w * layer->out_c;
    clock_t start = clock();
    for (int i = 0; i < rounds; i++)
        wick_layer_run(layer, &src, 0, 0, count, dst, scratch);
    double took_s = (double)(clock() - start) / CLOCKS_PER_SEC;
    return macs * rounds / took_s * 1e-9;
}

/* The variants take turns, so that a busy moment of the machine meets all of them. */
static void compare(wick_arena *arena, const char *name, const wick_layer *portable,
                    const int8_t *src, int8_t *dst) {
    double rates[VARIANTS][REPEATS];
    wick_layer layers[VARIANTS];
    void *scratch[VARIANTS];
    for (int v = 0; v < VARIANTS; v++) {
        layers[v] = *portable;
        layers[v].kernel = (uint8_t)kernel_of[portable->kind][v];
        if (!wick_kernel_fits(portable, layers[v].kernel))
            continue;
        uint32_t *packed = wick_new(arena, uint32_t, wick_weights_words(&layers[v]));
        wick_weights_pack(&layers[v], packed);
        layers[v].packed = packed;
        scratch[v] = wick_arena_alloc(arena, wick_layer_scratch_bytes(&layers[v]));
    }
    for (int r = 0; r < REPEATS; r++)
        for (int v = 0; v < VARIANTS; v++)
            if (wick_kernel_fits(portable, layers[v].kernel))
                rates[v][r] = rate_of(&layers[v], src, dst, scratch[v]);
    printf("%-28s", name);
    for (int v = 0; v < VARIANTS; v++) {
        if (!wick_kernel_fits(portable, layers[v].kernel)) {
            printf("  %24s", "-");
            continue;
        }
        qsort(rates[v], REPEATS, sizeof rates[v][0], by_value);
        printf("  %7.2f (%6.2f to %6.2f)", rates[v][REPEATS / 2], rates[v][0],
               rates[v][REPEATS - 1]);
    }
    printf("\n");
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
    compare(arena, s->name, &layer, src, dst);
    wick_arena_free(arena);
}

int main(void) {
    printf("%-28s", "GMAC/s, median (spread)");
    for (int v = 0; v < VARIANTS; v++)
        printf("  %7s %18s", variants[v], "");
    printf("\n");
    for (size_t i = 0; i < WICK_LEN(shapes); i++)
        run_shape(&shapes[i]);
    return 0;
}
