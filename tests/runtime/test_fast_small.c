/* The fast kernels for cores without SIMD against the naive reference. Their plain C runs here; on
   cores that have instructions of their own for it the same is checked in the emulator. */
#include "helper_reference.h"
#include "weights/weights.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 16, MOST_CHANNELS = 320, MOST_INPUTS = 1 << 15, MOST_TAPS = 1 << 16 };

/* How values are drawn. TINY with multipliers near 1 shows every single step of an accumulator,
   EXTREME fills the halves of words to the brim. */
enum { UNIFORM, EXTREME, TINY, MODES };

typedef struct trial {
    wick_layer layer; /* raw weights, portable kernel */
    wick_operand operand;
    int8_t src[MOST_INPUTS], weights[MOST_TAPS];
    int32_t bias[MOST_CHANNELS], mult[MOST_CHANNELS];
    uint8_t shift[MOST_CHANNELS];
    int8_t expected[MOST_INPUTS];
} trial;
static trial memory;

/* Of the weights, how many of 1000 are not 0, and of how many bits they are. */
static int32_t of_1000 = 1000, weight_bits = 8, in_blocks = 0;

/* Weights that are not 0 become few and small; in some layers whole stretches, or all, are 0. */
static void thin(int8_t *weights, uint32_t n, uint64_t *s) {
    uint32_t stretch = 0;
    for (uint32_t i = 0; i<n; i++, stretch -= stretch> 0) {
        if (of_1000 < 1000 && random_in(s, 0, 400) == 0)
            stretch = (uint32_t)random_in(s, 1, 700);
        if (stretch || random_in(s, 1, 1000) > of_1000)
            weights[i] = 0;
        else if (weight_bits == 4)
            weights[i] = (int8_t)random_in(s, -8, 7);
    }
}

/* Weights at the same taps in every four channels; in some blocks far apart, or none. */
static void thin_blocks(const wick_layer *l, int8_t *weights, uint32_t taps, uint64_t *s) {
    for (uint32_t b = 0; 4 * b < l->out_c; b++) {
        int32_t keep = random_in(s, 0, 4) ? of_1000 : random_in(s, 0, 1) ? 0 : 3;
        bool edge = random_in(s, 0, 4) == 0; /* about as far apart as one distance says */
        for (uint32_t t = 0, next = 0; t < taps; t++) {
            bool stays = edge ? t == next : random_in(s, 1, 1000) <= keep;
            if (t == next)
                next += (uint32_t)random_in(s, 126, 129);
            for (uint32_t c = 4 * b; c < 4 * b + 4 && c < l->out_c; c++)
                if (!stays)
                    weights[c * taps + t] = 0;
        }
    }
}

static int8_t draw(uint64_t *s, int mode, int32_t low) {
    if (mode == UNIFORM)
        return (int8_t)random_in(s, low, 127);
    if (mode == TINY)
        return (int8_t)(random_in(s, 0, 2) ? 0 : random_in(s, -2, 2));
    return (int8_t)(random_in(s, 0, 7) ? low : 127);
}

static uint32_t fan_in(const wick_layer *l) {
    if (l->kind == WICK_LAYER_FC)
        return (uint32_t)l->in_h * l->in_w * l->in_c;
    return (uint32_t)l->k_h * l->k_w * (l->kind == WICK_LAYER_CONV2D ? l->in_c : 1u);
}

static void constants(trial *t, uint64_t *s, int mode) {
    wick_layer *l = &t->layer;
    uint32_t fan = fan_in(l), taps = fan * l->out_c, inputs = (uint32_t)l->in_h * l->in_w * l->in_c;
    assert_true(taps <= MOST_TAPS && inputs <= MOST_INPUTS && layer_outputs(l) <= MOST_INPUTS);
    for (uint32_t i = 0; i < taps; i++)
        t->weights[i] = draw(s, mode, -127);
    if (in_blocks)
        thin_blocks(l, t->weights, fan, s);
    else if (of_1000 < 1000 || weight_bits < 8)
        thin(t->weights, taps, s);
    for (uint32_t i = 0; i < inputs; i++)
        t->src[i] = draw(s, mode, -128);
    t->operand = (wick_operand){.channels = l->in_c};
    if (l->kind != WICK_LAYER_FC && random_in(s, 0, 3))
        t->operand.zero_point = mode == TINY ? (int8_t)random_in(s, -2, 2) : draw(s, mode, -128);
    double spread = mode == TINY ? 2 : mode == UNIFORM ? 5000 * sqrt(fan) : 16129.0 * fan;
    for (uint32_t c = 0; c < l->out_c; c++) {
        t->bias[c] = mode == TINY ? random_in(s, -20, 20) : random_in(s, -20000, 20000);
        double most = 16384.0 * fan + 20000; /* of an accumulator; shifted it must fit 32 bits */
        double factor = random_in(s, 1, 200) / 2.0 / spread * 4294967296.0;
        t->shift[c] = 0;
        while (factor > 2147483647.0 || (random_in(s, 0, 1) && factor > 16)) {
            factor /= 2;
            if (most * 2 > 2147483647.0)
                break;
            most *= 2;
            t->shift[c]++;
        }
        t->mult[c] = factor > 2147483647.0 ? INT32_MAX : factor < 1 ? 1 : (int32_t)factor;
    }
    l->n_operands = 1;
    l->operands = &t->operand;
    l->weights = t->weights;
    l->bias = random_in(s, 0, 7) ? t->bias : NULL;
    if (!l->bias)
        memset(t->bias, 0, sizeof t->bias); /* for the reference */
    l->mult = t->mult;
    l->shift = t->shift;
    l->out_zp = (int8_t)random_in(s, -128, 127);
    l->clamp_min = random_in(s, 0, 2) ? -128 : l->out_zp;
    l->clamp_max = random_in(s, 0, 3) ? 127 : (int8_t)random_in(s, l->clamp_min, 127);
    wick_layer full = *l;
    full.bias = t->bias;
    const int8_t *src[1] = {t->src};
    for (uint32_t i = 0; i < layer_outputs(l); i++)
        t->expected[i] = reference_element(&full, src, i);
}

static uint16_t outputs_along(int in, int before, int after, int k, int stride) {
    return (uint16_t)((in + before + after - k) / stride + 1);
}

/* Sizes of a windowed layer; at most `most` products. */
static void sizes(wick_layer *l, uint64_t *s, wick_layer_kind kind, int k, int stride,
                  uint32_t most) {
    for (;;) {
        memset(l, 0, sizeof *l);
        l->kind = (uint8_t)kind;
        l->k_h = (uint8_t)(k ? k : random_in(s, 1, 6));
        l->k_w = (uint8_t)(k ? k : random_in(s, 1, 6));
        l->stride_h = (uint8_t)random_in(s, 1, 3);
        l->stride_w = (uint8_t)random_in(s, 1, 3);
        if (stride)
            l->stride_h = l->stride_w = (uint8_t)stride;
        l->in_h = (uint16_t)random_in(s, 1, random_in(s, 0, 1) ? 4 : 12);
        l->in_w = (uint16_t)random_in(s, 1, random_in(s, 0, 1) ? 7 : 19);
        int wide = random_in(s, 0, 3);
        l->in_c = (uint16_t)random_in(s, 1, wide == 0 ? MOST_CHANNELS : wide == 1 ? 40 : 9);
        l->out_c =
            kind == WICK_LAYER_CONV2D ? (uint16_t)random_in(s, 1, wide == 2 ? 90 : 13) : l->in_c;
        int top = random_in(s, 0, l->k_h - 1), bottom = random_in(s, 0, l->k_h - 1);
        int left = random_in(s, 0, l->k_w - 1), right = random_in(s, 0, l->k_w - 1);
        if (random_in(s, 0, 1)) { /* SAME */
            top = bottom = (l->k_h - 1) / 2;
            left = right = (l->k_w - 1) / 2;
        }
        l->pad_top = (uint8_t)top;
        l->pad_left = (uint8_t)left;
        if (l->in_h + top + bottom < l->k_h || l->in_w + left + right < l->k_w)
            continue;
        l->out_h = outputs_along(l->in_h, top, bottom, l->k_h, l->stride_h);
        l->out_w = outputs_along(l->in_w, left, right, l->k_w, l->stride_w);
        if (fan_in(l) * layer_outputs(l) <= most && fan_in(l) * l->out_c <= MOST_TAPS &&
            (uint32_t)l->in_h * l->in_w * l->in_c <= MOST_INPUTS && layer_outputs(l) <= MOST_INPUTS)
            return;
    }
}

static void fc_sizes(wick_layer *l, uint64_t *s) {
    memset(l, 0, sizeof *l);
    l->kind = WICK_LAYER_FC;
    l->in_h = (uint16_t)random_in(s, 1, 3);
    l->in_w = (uint16_t)random_in(s, 1, 3);
    l->in_c = (uint16_t)random_in(s, 1, random_in(s, 0, 1) ? 5 : 150);
    l->out_h = l->out_w = 1;
    l->out_c = (uint16_t)random_in(s, 1, 21);
}

/* Exactly as many bytes, `skew` past an aligned address and before the end of the block. */
static void *tight(void **block, size_t bytes, size_t skew) {
    *block = malloc(bytes + skew ? bytes + skew : 1);
    assert_non_null(*block);
    return (char *)*block + skew;
}

static void run_range(const wick_layer *l, uint32_t first, uint32_t count, size_t skew) {
    const trial *t = &memory;
    void *blocks[3];
    wick_rows rows = wick_layer_input_rows(l, first, count);
    size_t row = wick_operand_row_bytes(l, 0), bytes = row * rows.rows;
    int8_t *copy = tight(&blocks[0], bytes, skew);
    memcpy(copy, t->src + rows.row0 * row, bytes);
    int8_t *dst = tight(&blocks[1], count + 2 * GUARD, (skew * 7) % 4);
    memset(dst, 0x5a, count + 2 * GUARD);
    uint32_t scratch_bytes = wick_layer_scratch_bytes(l);
    assert_int_equal(scratch_bytes % 4, 0);
    uint8_t *scratch = tight(&blocks[2], scratch_bytes + GUARD, 0);
    memset(scratch, 0xa5, scratch_bytes + GUARD);
    const int8_t *src[1] = {copy};
    wick_layer_run(l, src, rows.row0, first, count, dst + GUARD, scratch);
    for (uint32_t i = 0; i < count; i++)
        if (dst[GUARD + i] != t->expected[first + i])
            fail_msg("%s, in %dx%dx%d, out %dx%dx%d, kernel %dx%d, stride %dx%d, pad %d,%d, "
                     "range %u+%u: element %u is %d, not %d",
                     wick_kernel_name(l->kind, l->kernel), l->in_h, l->in_w, l->in_c, l->out_h,
                     l->out_w, l->out_c, l->k_h, l->k_w, l->stride_h, l->stride_w, l->pad_top,
                     l->pad_left, first, count, first + i, dst[GUARD + i], t->expected[first + i]);
    for (uint32_t i = 0; i < GUARD; i++) {
        assert_int_equal(dst[i], 0x5a);
        assert_int_equal(dst[GUARD + count + i], 0x5a);
        assert_int_equal(scratch[scratch_bytes + i], 0xa5);
    }
    for (int i = 0; i < 3; i++)
        free(blocks[i]);
}

/* Whole; by rows, pixels, channels; crooked. Layers with few products in every way. */
static void run_ranges(const wick_layer *l, uint64_t *s) {
    uint32_t total = layer_outputs(l), row = (uint32_t)l->out_w * l->out_c;
    uint32_t cheap = fan_in(l) * total < 3000;
    run_range(l, 0, total, 0);
    run_range(l, 0, total, 1 + random_u32(s) % 3);
    for (uint32_t i = 0; i < total; i += row)
        run_range(l, i, row, random_u32(s) % 4);
    for (uint32_t pixels = cheap ? 1 : l->out_w + 1u; pixels * l->out_c < total; pixels++) {
        for (uint32_t i = 0; i < total; i += pixels * l->out_c)
            run_range(l, i, total - i < pixels * l->out_c ? total - i : pixels * l->out_c, 0);
        pixels += cheap ? 0 : pixels;
    }
    for (uint32_t part = 1; cheap && part < l->out_c; part++)
        for (uint32_t i = 0; i < total; i += l->out_c)
            for (uint32_t c = 0; c < l->out_c; c += part)
                run_range(l, i + c, l->out_c - c < part ? l->out_c - c : part, 0);
    for (int k = 0; k < (cheap ? 40 : 6); k++) {
        uint32_t first = random_u32(s) % total, most = total - first;
        most = k % 2 && most > 2u * l->out_c ? 2u * l->out_c : most;
        run_range(l, first, 1 + random_u32(s) % most, random_u32(s) % 4);
    }
}

/* memory.layer on the kernel, with packed weights if it packs them; not a byte of weights more. */
static void run_trial(uint8_t kernel, uint64_t *s) {
    wick_layer l = memory.layer;
    uint32_t taps = fan_in(&l) * l.out_c;
    l.kernel = kernel;
    assert_true(wick_kernel_fits(&l, kernel));
    int8_t *weights = malloc(taps);
    assert_non_null(weights);
    memcpy(weights, memory.weights, taps);
    l.weights = weights;
    uint32_t words = wick_weights_words(&l);
    uint32_t *packed = NULL;
    if (words) {
        packed = malloc(words * sizeof *packed);
        assert_non_null(packed);
        wick_weights_pack(&l, packed);
        l.packed = packed;
        l.weights = NULL;
    }
    run_ranges(&l, s);
    free(packed);
    free(weights);
}

static void windowed(uint8_t kernel, wick_layer_kind kind, int k, int stride, uint64_t seeds) {
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        uint64_t s = (seed * 64 + kernel) * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)k;
        sizes(&memory.layer, &s, kind, k, stride, seed % 3 ? 3000 : 200000);
        constants(&memory, &s, (int)(seed % MODES));
        run_trial(kernel, &s);
    }
}

static void quad_convolution(void **state) {
    (void)state;
    windowed(WICK_KERNEL_CONV2D_S8_QUAD, WICK_LAYER_CONV2D, 0, 0, 2000);
    windowed(WICK_KERNEL_CONV2D_S8_QUAD, WICK_LAYER_CONV2D, 3, 1, 700);
    windowed(WICK_KERNEL_CONV2D_S8_QUAD, WICK_LAYER_CONV2D, 1, 1, 700);
}

static void winograd_convolution(void **state) {
    (void)state;
    windowed(WICK_KERNEL_CONV2D_S8_WINOGRAD, WICK_LAYER_CONV2D, 3, 1, 3000);
    windowed(WICK_KERNEL_CONV2D_S8_WINOGRAD_DSP, WICK_LAYER_CONV2D, 3, 1, 3000);
}

static void winograd_is_for_3x3_with_stride_1(void **state) {
    (void)state;
    wick_layer l = {.kind = WICK_LAYER_CONV2D, .k_h = 3, .k_w = 3, .stride_h = 1, .stride_w = 1};
    l.in_c = 3600; /* four times the largest sum just fits */
    assert_true(4.0 * 9 * l.in_c * 128 * 128 < 2147483648.0);
    assert_true(wick_kernel_fits(&l, WICK_KERNEL_CONV2D_S8_WINOGRAD));
    l.in_c = 3700;
    assert_false(wick_kernel_fits(&l, WICK_KERNEL_CONV2D_S8_WINOGRAD));
    l.in_c = 3;
    l.stride_w = 2;
    assert_false(wick_kernel_fits(&l, WICK_KERNEL_CONV2D_S8_WINOGRAD));
    l.stride_w = 1;
    l.k_h = 5;
    assert_false(wick_kernel_fits(&l, WICK_KERNEL_CONV2D_S8_WINOGRAD));
}

static void strips_of_a_depthwise_convolution(void **state) {
    (void)state;
    windowed(WICK_KERNEL_DWCONV2D_S8_STRIP, WICK_LAYER_DWCONV2D, 3, 1, 1500);
    windowed(WICK_KERNEL_DWCONV2D_S8_STRIP, WICK_LAYER_DWCONV2D, 3, 2, 1500);
    windowed(WICK_KERNEL_DWCONV2D_S8_STRIP, WICK_LAYER_DWCONV2D, 3, 0, 1000);
    windowed(WICK_KERNEL_DWCONV2D_S8_STRIP, WICK_LAYER_DWCONV2D, 0, 0, 1000);
}

static void fully_connected_by_pairs(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        uint64_t s = seed * UINT64_C(0x9E3779B97F4A7C15);
        fc_sizes(&memory.layer, &s);
        constants(&memory, &s, (int)(seed % MODES));
        run_trial(WICK_KERNEL_FC_S8_PAIR, &s);
    }
}

/* Densities from none to all; taps from one to more than a counter of eight bits has room for, and
   (every fortieth) more than are gathered for several pixels. */
static void few_weights(uint8_t convolution, uint8_t fully_connected, int bits) {
    static const int32_t densities[] = {0, 4, 30, 150, 500, 999};
    weight_bits = bits;
    for (uint64_t seed = 1; seed <= 1200; seed++) {
        uint64_t s = (seed * 64 + convolution) * UINT64_C(0x9E3779B97F4A7C15);
        of_1000 = densities[seed % (sizeof densities / sizeof *densities)];
        if (seed % 3) {
            sizes(&memory.layer, &s, WICK_LAYER_CONV2D, seed % 40 ? 0 : 6, 0,
                  seed % 40 ? 3000 : 200000);
            if (seed % 40 == 0) {
                memory.layer.in_h = memory.layer.in_w = 6;
                memory.layer.in_c = 60;
                memory.layer.out_c = (uint16_t)random_in(&s, 1, 5);
                memory.layer.pad_top = memory.layer.pad_left = 2;
                memory.layer.stride_h = memory.layer.stride_w = 1;
                memory.layer.out_h = memory.layer.out_w = 4;
            }
        } else {
            fc_sizes(&memory.layer, &s);
        }
        constants(&memory, &s, (int)(seed % MODES));
        run_trial(seed % 3 ? convolution : fully_connected, &s);
    }
    of_1000 = 1000;
    weight_bits = 8;
}

static void sparse_weights(void **state) {
    (void)state;
    few_weights(WICK_KERNEL_CONV2D_S8_SPARSE, WICK_KERNEL_FC_S8_SPARSE, 8);
}

static void sparse_weights_of_4_bits(void **state) {
    (void)state;
    few_weights(WICK_KERNEL_CONV2D_S8_SPARSE4, WICK_KERNEL_FC_S8_SPARSE4, 4);
}

static void weights_in_blocks(void **state) {
    (void)state;
    for (in_blocks = 1; in_blocks >= 0; in_blocks--)
        few_weights(WICK_KERNEL_CONV2D_S8_BLOCK, WICK_KERNEL_FC_S8_BLOCK, 8);
    in_blocks = 0;
}

static void weights_of_4_bits(void **state) {
    (void)state;
    few_weights(WICK_KERNEL_CONV2D_S8_NIBBLE, WICK_KERNEL_FC_S8_NIBBLE, 4);
}

/* A layer with more non-zeros than 16 bits count (fully connected, 400 x 400, 159,200 and more),
   from its first and its last channels. */
static void offsets_have_32_bits(void **state) {
    (void)state;
    enum { N = 400 };
    static int8_t weights[N * N], x[N], expected[N], got[N];
    static int32_t mult[N];
    static uint8_t shift[N];
    uint64_t s = 7;
    for (int i = 0; i < N * N; i++)
        weights[i] = (int8_t)(i % 200 ? random_in(&s, 1, 7) : 0);
    for (int i = 0; i < N; i++) {
        x[i] = (int8_t)random_in(&s, -128, 127);
        mult[i] = 1 << 24;
        shift[i] = 0;
    }
    wick_operand operand = {.channels = N};
    wick_layer l = {.kind = WICK_LAYER_FC, .n_operands = 1, .in_h = 1, .in_w = 1, .in_c = N};
    l.out_h = l.out_w = 1;
    l.out_c = N;
    l.operands = &operand;
    l.weights = weights;
    l.mult = mult;
    l.shift = shift;
    l.clamp_min = -128;
    l.clamp_max = 127;
    const int8_t *src[1] = {x};
    wick_layer_run(&l, src, 0, 0, N, expected, NULL);
    static const uint8_t kernels[] = {WICK_KERNEL_FC_S8_SPARSE, WICK_KERNEL_FC_S8_SPARSE4,
                                      WICK_KERNEL_FC_S8_NIBBLE, WICK_KERNEL_FC_S8_BLOCK};
    for (size_t k = 0; k < sizeof kernels; k++) {
        wick_layer fast = l;
        fast.kernel = kernels[k];
        assert_true(wick_kernel_fits(&fast, fast.kernel) && wick_weights_fit(&fast));
        uint32_t words = wick_weights_words(&fast);
        uint32_t *packed = malloc(words * sizeof *packed);
        assert_non_null(packed);
        wick_weights_pack(&fast, packed);
        fast.packed = packed;
        fast.weights = NULL;
        assert_int_equal(wick_weights_words(&fast), words);
        for (uint32_t first = 0; first < N; first += first < 300 ? 100 : 7) {
            uint32_t count = first < 300 ? 100 : N - first < 7 ? N - first : 7;
            wick_layer_run(&fast, src, 0, first, count, got + first, NULL);
        }
        assert_memory_equal(got, expected, N);
        free(packed);
    }
}

static void what_few_weights_fit(void **state) {
    (void)state;
    int8_t weights[16] = {[3] = 7, [9] = -8};
    wick_layer l = {.kind = WICK_LAYER_FC, .in_h = 1, .in_w = 1, .in_c = 8, .out_c = 2};
    l.weights = weights;
    l.kernel = WICK_KERNEL_FC_S8_SPARSE4;
    assert_true(wick_weights_fit(&l));
    assert_true(wick_weights_products(&l) ==
                1.0); /* one entry a channel, none for the zeros behind */
    weights[3] = 8;
    assert_false(wick_weights_fit(&l));
    l.kernel = WICK_KERNEL_FC_S8_NIBBLE;
    assert_false(wick_weights_fit(&l));
    l.kernel = WICK_KERNEL_FC_S8_SPARSE;
    assert_true(wick_weights_fit(&l));
    assert_true(wick_weights_products(&l) == 1.0);
    l.in_w = 257; /* 65,792 taps: more than a channel's count has room for */
    l.in_c = 256;
    assert_false(wick_kernel_fits(&l, WICK_KERNEL_FC_S8_SPARSE));
    assert_true(wick_kernel_fits(&l, WICK_KERNEL_FC_S8_NIBBLE));
}

/* Ten bytes for each two positions of a block, the way there included, beside the counts. */
static void blocks_share_their_positions(void **state) {
    (void)state;
    enum { TAPS = 300, CHANNELS = 10 };
    static int8_t weights[TAPS * CHANNELS];
    wick_layer l = {.kind = WICK_LAYER_FC, .in_h = 1, .in_w = 1, .in_c = TAPS, .out_c = CHANNELS};
    l.weights = weights;
    l.kernel = WICK_KERNEL_FC_S8_BLOCK;
    assert_true(wick_weights_fit(&l));
    assert_int_equal(wick_weights_words(&l), 3); /* no weight at all */
    for (int c = 0; c < 4; c++)
        weights[c * TAPS + 5] = weights[c * TAPS + 100] = (int8_t)(c + 1);
    assert_int_equal(wick_weights_words(&l), 3 + 3);
    assert_true(wick_weights_products(&l) == 8.0 / CHANNELS);
    weights[9 * TAPS + 299] = 1; /* two entries on the way, none behind: two pairs */
    assert_int_equal(wick_weights_words(&l), 3 + 8);
    assert_true(wick_weights_products(&l) == 24.0 / CHANNELS);
    weights[TAPS + 6] = 1; /* a third position of the first block */
    assert_int_equal(wick_weights_words(&l), 3 + 10);
    l.in_w = 257;
    l.in_c = 256;
    assert_false(wick_kernel_fits(&l, WICK_KERNEL_FC_S8_BLOCK));
}

static wick_layer same_convolution(int size, int in_c, int out_c, int k) {
    wick_layer l = {.kind = WICK_LAYER_CONV2D, .stride_h = 1, .stride_w = 1};
    l.in_h = l.in_w = l.out_h = l.out_w = (uint16_t)size;
    l.in_c = (uint16_t)in_c;
    l.out_c = (uint16_t)out_c;
    l.k_h = l.k_w = (uint8_t)k;
    return l;
}

/* Scratch memory stays below 1.5 KB where it must: quad with any window, winograd up to 32
   channels. */
static void scratch_is_bounded(void **state) {
    (void)state;
    for (int in_c = 1; in_c <= 600; in_c++)
        for (int k = 1; k <= 7; k++) {
            wick_layer l = same_convolution(8, in_c, 128, k);
            l.kernel = WICK_KERNEL_CONV2D_S8_QUAD;
            assert_true(wick_layer_scratch_bytes(&l) <= 1536);
        }
    wick_layer l = same_convolution(16, 32, 32, 3);
    l.kernel = WICK_KERNEL_CONV2D_S8_WINOGRAD;
    assert_true(wick_layer_scratch_bytes(&l) <= 1536);
    l.kernel = WICK_KERNEL_CONV2D_S8_WINOGRAD_DSP;
    assert_true(wick_layer_scratch_bytes(&l) <= 1536);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quad_convolution),
        cmocka_unit_test(winograd_convolution),
        cmocka_unit_test(winograd_is_for_3x3_with_stride_1),
        cmocka_unit_test(strips_of_a_depthwise_convolution),
        cmocka_unit_test(fully_connected_by_pairs),
        cmocka_unit_test(sparse_weights),
        cmocka_unit_test(sparse_weights_of_4_bits),
        cmocka_unit_test(weights_of_4_bits),
        cmocka_unit_test(weights_in_blocks),
        cmocka_unit_test(blocks_share_their_positions),
        cmocka_unit_test(offsets_have_32_bits),
        cmocka_unit_test(what_few_weights_fit),
        cmocka_unit_test(scratch_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
