/* The kernels *_w16 and *_w8 (16-bit cores) against the per-element reference: random geometries,
   all splittings, crooked ranges, exact sizes of rows, scratch and packed weights, any alignment.
   Their rounding by division against the exact rule, around every step. The assembly of the same
   kernels is compared on the simulated core: slow_kernels_msp430.sh. */
#include "helper_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <wick/squares_round.h>

#include "weights/weights.h"

enum { GUARD = 16 };
static random_layer memory;
static int8_t expected[MAX_TENSOR * 4];
/* What the packed layer on the device has. */
static wick_layer device;

static void expect(void) {
    const int8_t *src[4] = {memory.src[0]};
    assert_true(layer_outputs(&memory.layer) <= sizeof expected);
    for (uint32_t i = 0; i < layer_outputs(&memory.layer); i++)
        expected[i] = reference_element(&memory.layer, src, i);
}

/* Memory that ends where it ends, `shift` bytes off the allocator's alignment; free with offset. */
static int8_t *exact(size_t bytes, size_t shift) {
    int8_t *p = malloc(bytes + shift ? bytes + shift : 1);
    assert_non_null(p);
    return p + shift;
}

static void pack(uint8_t kernel) {
    device = memory.layer;
    device.kernel = kernel;
    assert_true(wick_kernel_fits(&device, kernel));
    uint32_t words = wick_weights_words(&device);
    uint32_t *packed = malloc(words * sizeof *packed);
    assert_non_null(packed);
    memset(packed, 0xee, words * sizeof *packed);
    wick_weights_pack(&device, packed);
    device.packed = packed;
    device.weights = NULL;
}

static void unpack(void) {
    free((void *)(uintptr_t)device.packed);
    device.packed = NULL;
}

static void run_range(uint32_t first, uint32_t count, size_t shift) {
    wick_rows rows = wick_layer_input_rows(&device, first, count);
    size_t row = wick_operand_row_bytes(&device, 0), bytes = row * rows.rows;
    int8_t *copy = exact(bytes, shift);
    memcpy(copy, memory.src[0] + rows.row0 * row, bytes);
    int8_t *dst = exact(count + 2 * GUARD, shift);
    memset(dst, 0x5a, count + 2 * GUARD);
    uint32_t *scratch = malloc(wick_layer_scratch_bytes(&device));
    assert_non_null(scratch);
    memset(scratch, 0x77, wick_layer_scratch_bytes(&device));
    const int8_t *src[1] = {copy};
    wick_layer_run(&device, src, rows.row0, first, count, dst + GUARD, scratch);
    const wick_layer *l = &device;
    for (uint32_t i = 0; i < count; i++)
        if (dst[GUARD + i] != expected[first + i])
            fail_msg("%s, in %dx%dx%d, out %dx%dx%d, kernel %dx%d, stride %dx%d, pad %d,%d, range "
                     "%u+%u: element %u is %d, not %d",
                     wick_kernel_name(l->kind, l->kernel), l->in_h, l->in_w, l->in_c, l->out_h,
                     l->out_w, l->out_c, l->k_h, l->k_w, l->stride_h, l->stride_w, l->pad_top,
                     l->pad_left, first, count, first + i, dst[GUARD + i], expected[first + i]);
    for (uint32_t i = 0; i < GUARD; i++) {
        assert_int_equal(dst[i], 0x5a);
        assert_int_equal(dst[GUARD + count + i], 0x5a);
    }
    free(scratch);
    free(dst - shift);
    free(copy - shift);
}

/* Every kernel of the layer's kind: the whole, pixels, channels, and any ranges. */
static void run_kernels(uint64_t *random, int splittings) {
    uint32_t total = layer_outputs(&memory.layer), out_c = memory.layer.out_c;
    int without = random_u32(random) % 4 == 0; /* the reference wants a bias, zeros if need be */
    if (without)
        memset(memory.bias, 0, sizeof memory.bias);
    expect();
    if (without)
        memory.layer.bias = NULL;
    for (uint8_t kernel = 1; kernel < WICK_KERNELS; kernel++) {
        const char *name = wick_kernel_name(memory.layer.kind, kernel);
        if ((!strstr(name, "_s8_w16") && !strstr(name, "_s8_w8")) ||
            !wick_kernel_fits(&memory.layer, kernel))
            continue;
        pack(kernel);
        run_range(0, total, random_u32(random) % 4);
        for (uint32_t p = 0; splittings && p < total; p += out_c)
            run_range(p, out_c, 0);
        for (uint32_t step = 1; splittings && step < out_c; step += 1 + step / 3)
            for (uint32_t c = 0; c < out_c; c += step)
                run_range(total - out_c + c, out_c - c < step ? out_c - c : step, 1);
        for (int k = 0; k < (splittings ? 12 : 2); k++) {
            uint32_t first = random_u32(random) % total;
            run_range(first, 1 + random_u32(random) % (total - first), random_u32(random) % 4);
        }
        unpack();
    }
}

/* Weights as the toolchain makes them, multipliers also where division does not serve. */
static void adapt(uint64_t *random) {
    wick_layer *l = &memory.layer;
    for (int i = 0; i < MAX_WEIGHTS; i++)
        if (memory.weights[i] == -128)
            memory.weights[i] = -127;
    if (random_u32(random) % 4 == 0)
        l->clamp_min = (int8_t)random_in(random, -128, l->clamp_max);
    for (int c = 0; c < l->out_c; c++)
        if (random_u32(random) % 16 == 0)
            memory.mult[c] = (int32_t)(1 + (random_u32(random) >> (1 + random_u32(random) % 31)));
}

static void random_layers(wick_layer_kind kind, int n) {
    for (uint64_t seed = 1; seed <= (uint64_t)n; seed++) {
        uint64_t random = seed * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)kind;
        random_layer_make(&memory, kind, &random, seed % 4 == 0);
        adapt(&random);
        run_kernels(&random, seed % 4 == 1);
    }
}

static void conv2d_equals_the_reference(void **state) {
    (void)state;
    random_layers(WICK_LAYER_CONV2D, 1500);
}

static void dwconv2d_equals_the_reference(void **state) {
    (void)state;
    random_layers(WICK_LAYER_DWCONV2D, 1500);
}

static void fc_equals_the_reference(void **state) {
    (void)state;
    random_layers(WICK_LAYER_FC, 1500);
}

typedef struct shape {
    wick_layer_kind kind;
    uint16_t size, in_c, out_c;
    uint8_t k, stride;
} shape;

static void make(const shape *s, uint64_t *random) {
    wick_layer *l = &memory.layer;
    int taps = s->k * s->k, size = s->size;
    int fan = s->kind == WICK_LAYER_FC ? size * size * s->in_c : taps;
    fan *= s->kind == WICK_LAYER_CONV2D ? s->in_c : 1;
    memset(l, 0, sizeof *l);
    *l = (wick_layer){.kind = (uint8_t)s->kind, .n_operands = 1, .in_c = s->in_c, .clamp_max = 127};
    l->in_h = l->in_w = s->size;
    l->out_h = l->out_w = 1;
    l->out_c = s->out_c;
    if (s->kind != WICK_LAYER_FC)
        l->out_h = l->out_w = (uint16_t)((size + s->k / 2 * 2 - s->k) / s->stride + 1);
    l->k_h = l->k_w = s->k;
    l->stride_h = l->stride_w = s->stride;
    l->pad_top = l->pad_left = s->k / 2;
    l->out_zp = (int8_t)random_in(random, -128, 127);
    l->clamp_min = random_in(random, 0, 1) ? l->out_zp : -128;
    l->operands = memory.operands;
    memory.operands[0] = (wick_operand){.channels = s->in_c};
    memory.operands[0].zero_point = (int8_t)random_in(random, -128, 127);
    assert_true(size * size * s->in_c <= MAX_TENSOR && fan * s->out_c <= MAX_WEIGHTS);
    for (int i = 0; i < size * size * s->in_c; i++)
        memory.src[0][i] = (int8_t)random_in(random, -128, 127);
    for (int i = 0; i < fan * s->out_c; i++)
        memory.weights[i] = (int8_t)random_in(random, -127, 127);
    for (int c = 0; c < s->out_c; c++) {
        memory.bias[c] = random_in(random, -20000, 20000);
        memory.mult[c] = (int32_t)(random_u32(random) / (64u * (uint32_t)fan) + 100000);
        memory.shift[c] = (uint8_t)(c % 3);
    }
    l->weights = memory.weights;
    l->bias = memory.bias;
    l->mult = memory.mult;
    l->shift = memory.shift;
}

/* Sizes that random_layer_make does not reach: windows that do not fit the columns' budget, many
   channels, an input of several chunks, more outputs than wait at once. */
static void large_layers_equal_the_reference(void **state) {
    (void)state;
    static const shape shapes[] = {
        {WICK_LAYER_CONV2D, 5, 64, 10, 3, 1},   {WICK_LAYER_CONV2D, 6, 97, 5, 3, 2},
        {WICK_LAYER_CONV2D, 9, 33, 17, 3, 1},   {WICK_LAYER_CONV2D, 12, 3, 16, 5, 1},
        {WICK_LAYER_CONV2D, 4, 200, 20, 1, 1},  {WICK_LAYER_CONV2D, 13, 1, 6, 7, 4},
        {WICK_LAYER_DWCONV2D, 8, 64, 64, 3, 1}, {WICK_LAYER_DWCONV2D, 9, 33, 33, 5, 2},
        {WICK_LAYER_FC, 1, 512, 40, 0, 1},      {WICK_LAYER_FC, 1, 513, 35, 0, 1},
        {WICK_LAYER_FC, 5, 63, 20, 0, 1},       {WICK_LAYER_FC, 1, 30, 100, 0, 1},
        {WICK_LAYER_FC, 1, 7, 65, 0, 1}};
    for (uint64_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            uint64_t random = seed + 1000 * i;
            make(&shapes[i], &random);
            run_kernels(&random, seed == 1);
        }
}

/* acc around each step between two outputs, and anywhere. */
static void rounding_is_the_exact_rule(void **state) {
    (void)state;
    static int8_t weight = 1;
    static uint32_t words[8];
    uint64_t random = 99;
    int32_t bias = 0, mult;
    uint8_t shift;
    unsigned divided = 0, all = 0;
    for (int channel = 0; channel < 3000; channel++) {
        shift = (uint8_t)(random_u32(&random) % 3 ? 0 : random_u32(&random) % 20);
        mult = (int32_t)(1 + (random_u32(&random) >> (1 + random_u32(&random) % 24)));
        if (channel % 7 == 0)
            mult = 1 << random_in(&random, 10, 30);
        wick_layer l = {.kind = WICK_LAYER_CONV2D, .in_h = 1, .in_w = 1, .in_c = 1, .out_h = 1};
        l.out_w = l.out_c = l.k_h = l.k_w = 1;
        l.out_zp = (int8_t)random_in(&random, -128, 127);
        l.clamp_min = random_in(&random, 0, 2) ? -128 : (int8_t)random_in(&random, -128, 127);
        l.clamp_min = random_in(&random, 0, 2) ? l.clamp_min : l.out_zp;
        l.clamp_max = (int8_t)random_in(&random, l.clamp_min, 127);
        bias = random_in(&random, -1000000, 1000000);
        l.weights = &weight, l.bias = &bias, l.mult = &mult, l.shift = &shift;
        assert_true(wick_conv2d_s8_w8_weights_words(&l) <= 8);
        wick_conv2d_s8_w8_weights_pack(&l, words);
        l.packed = words;
        wick_squares_rounding rounding = wick_squares_rounding_of(&l, wick_squares_record(1, 0), 1);
        int64_t most = INT32_MAX >> shift;
        for (int i = 0; i < 600; i++) {
            /* The first acc of output y, or about it. */
            int64_t twice = 2 * random_in(&random, -129, 128) - 2 * l.out_zp - 1;
            int64_t acc =
                twice * (INT64_C(1) << 31) / ((int64_t)mult << shift) + random_in(&random, -2, 2);
            if (i % 4 == 0 || acc > most || acc < -most)
                acc = (int32_t)random_u32(&random) >> (random_u32(&random) % 24);
            if (acc > most || acc < -most || acc - bias > INT32_MAX || acc - bias < INT32_MIN)
                continue;
            int64_t y = l.out_zp + reference_requantize(acc, mult, shift);
            y = y < l.clamp_min ? l.clamp_min : y > l.clamp_max ? l.clamp_max : y;
            int got = wick_squares_finish((int32_t)(acc - bias), words + 1, &rounding);
            if (got != y)
                fail_msg("acc %lld, mult %d << %d, zero point %d, clamp %d to %d: %d, not %lld",
                         (long long)acc, mult, shift, l.out_zp, l.clamp_min, l.clamp_max, got,
                         (long long)y);
            divided += words[3] >> 16 != 0;
            all++;
        }
    }
    assert_true(divided > all / 3);
}

/* Scratch of the layers that the benchmarks use. */
static void scratch_is_small(void **state) {
    (void)state;
    wick_layer l = {.kind = WICK_LAYER_CONV2D, .in_h = 16, .in_w = 16, .in_c = 32, .out_h = 16};
    l.out_w = 16, l.out_c = 32, l.k_h = l.k_w = 3, l.stride_h = l.stride_w = 1;
    assert_in_range(wick_conv2d_s8_w16_scratch_bytes(&l), 1, 1024);
    l.in_c = 64, l.k_h = l.k_w = 1;
    assert_in_range(wick_conv2d_s8_w16_scratch_bytes(&l), 1, 256);
    l.kind = WICK_LAYER_DWCONV2D, l.k_h = l.k_w = 3, l.out_c = 64;
    assert_in_range(wick_dwconv2d_s8_w16_scratch_bytes(&l), 1, 256);
    l.kind = WICK_LAYER_FC, l.in_h = l.in_w = 1, l.in_c = 1024;
    assert_in_range(wick_fc_s8_w16_scratch_bytes(&l), 1, 1280);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_equals_the_reference),
        cmocka_unit_test(dwconv2d_equals_the_reference),
        cmocka_unit_test(fc_equals_the_reference),
        cmocka_unit_test(large_layers_equal_the_reference),
        cmocka_unit_test(rounding_is_the_exact_rule),
        cmocka_unit_test(scratch_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
