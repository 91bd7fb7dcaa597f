/* conv2d_s8_dsp against the naive reference: random geometries, all ways to cut
   the outputs into ranges, windows of one part and of several. Everything that a kernel reads or
   writes ends where its allocation ends, and starts at any alignment where that is allowed. */
#include "helper_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weights/weights.h"

enum { GUARD = 16, SCRATCH_MOST = 1536 };

/* A layer in memory of its own, all exactly as large as needed. */
typedef struct fixture {
    wick_layer layer; /* as the reference wants it: raw weights, a bias */
    wick_operand operand;
    int8_t *src, *weights, *expected;
    int32_t *bias, *mult;
    uint8_t *shift;
    uint64_t random;
} fixture;

static void *exactly(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    assert_non_null(memory);
    return memory;
}

static uint16_t out_size(int in, int pad, int k, int stride) {
    return (uint16_t)((in + pad - k) / stride + 1);
}

static void random_geometry(fixture *f, int in_c, int k_h, int k_w, int out_c) {
    wick_layer *l = &f->layer;
    uint64_t *r = &f->random;
    memset(l, 0, sizeof *l);
    l->kind = WICK_LAYER_CONV2D;
    l->n_operands = 1;
    l->operands = &f->operand;
    l->in_c = (uint16_t)in_c;
    l->out_c = (uint16_t)out_c;
    l->k_h = (uint8_t)k_h;
    l->k_w = (uint8_t)k_w;
    l->stride_h = (uint8_t)random_in(r, 1, random_in(r, 1, 3));
    l->stride_w = (uint8_t)random_in(r, 1, random_in(r, 1, 3));
    l->pad_top = (uint8_t)random_in(r, 0, k_h - 1);
    l->pad_left = (uint8_t)random_in(r, 0, k_w - 1);
    int bottom = random_in(r, 0, k_h - 1), right = random_in(r, 0, k_w - 1);
    int least_h = k_h - l->pad_top - bottom, least_w = k_w - l->pad_left - right;
    l->in_h = (uint16_t)random_in(r, least_h < 1 ? 1 : least_h, k_h + 3);
    l->in_w = (uint16_t)random_in(r, least_w < 1 ? 1 : least_w, k_w + 6);
    l->out_h = out_size(l->in_h, l->pad_top + bottom, k_h, l->stride_h);
    l->out_w = out_size(l->in_w, l->pad_left + right, k_w, l->stride_w);
}

/* weights: least value; extreme: only the ends of the ranges. */
static void fill(fixture *f, int least, int extreme) {
    wick_layer *l = &f->layer;
    uint64_t *r = &f->random;
    int64_t taps = (int64_t)l->k_h * l->k_w * l->in_c, most = taps * 128 * 128 + 100000;
    size_t pixels = (size_t)l->in_h * l->in_w * l->in_c;
    f->src = exactly(pixels);
    f->weights = exactly((size_t)taps * l->out_c);
    f->bias = exactly(4u * l->out_c);
    f->mult = exactly(4u * l->out_c);
    f->shift = exactly(l->out_c);
    f->operand = (wick_operand){.channels = l->in_c};
    f->operand.zero_point = (int8_t)(random_in(r, 0, 3) ? random_in(r, -128, 127) : -128);
    for (size_t i = 0; i < pixels; i++)
        f->src[i] = (int8_t)(extreme ? (random_u32(r) % 8 ? -128 : 127) : random_in(r, -128, 127));
    for (int64_t i = 0; i < taps * l->out_c; i++)
        f->weights[i] =
            (int8_t)(extreme ? (random_u32(r) % 8 ? least : 127) : random_in(r, least, 127));
    l->out_zp = (int8_t)random_in(r, -128, 127);
    l->clamp_min = (int8_t)(random_in(r, 0, 2) ? -128 : l->out_zp);
    l->clamp_max = (int8_t)(random_in(r, 0, 2) ? 127 : random_in(r, l->clamp_min, 127));
    int has_bias = random_in(r, 0, 7), shifts = random_in(r, 0, 1);
    for (int c = 0; c < l->out_c; c++) {
        int shift = 0, room = 0;
        while (room < 31 && most << (room + 1) <= INT32_MAX)
            room++;
        if (shifts && random_in(r, 0, 2) == 0)
            shift = random_in(r, 0, room);
        f->bias[c] = has_bias ? random_in(r, -100000, 100000) : 0;
        f->shift[c] = (uint8_t)shift;
        int64_t m = ((int64_t)random_in(r, 1, 2000) << 32) / (most << shift);
        f->mult[c] = (int32_t)(m < 1 ? 1 : m > INT32_MAX ? INT32_MAX : m);
    }
    l->weights = f->weights;
    l->bias = f->bias;
    l->mult = f->mult;
    l->shift = f->shift;
    f->expected = exactly(layer_outputs(l));
    const int8_t *src[] = {f->src};
    for (uint32_t i = 0; i < layer_outputs(l); i++)
        f->expected[i] = reference_element(l, src, i);
    if (!has_bias)
        l->bias = NULL;
}

static void release(fixture *f) {
    free(f->src);
    free(f->weights);
    free(f->bias);
    free(f->mult);
    free(f->shift);
    free(f->expected);
}

/* The layer as the device has it. */
static wick_layer packed_layer(const fixture *f) {
    wick_layer l = f->layer;
    l.kernel = WICK_KERNEL_CONV2D_S8_DSP;
    assert_true(wick_kernel_fits(&l, l.kernel));
    uint32_t words = wick_weights_words(&l);
    uint32_t *packed = exactly(4u * (words + 1));
    packed[words] = 0xA5A5A5A5u;
    wick_weights_pack(&l, packed);
    assert_int_equal(packed[words], 0xA5A5A5A5u);
    l.packed = realloc(packed, 4u * words);
    assert_non_null(l.packed);
    l.weights = NULL;
    return l;
}

static void run_range(fixture *f, const wick_layer *l, uint32_t first, uint32_t count) {
    wick_rows rows = wick_layer_input_rows(l, first, count);
    size_t row = wick_operand_row_bytes(l, 0), bytes = row * rows.rows;
    size_t skew = random_u32(&f->random) % 4, dst_skew = random_u32(&f->random) % 4;
    int8_t *copy = exactly(skew + bytes), *dst = exactly(dst_skew + count + 2 * GUARD);
    memcpy(copy + skew, f->src + rows.row0 * row, bytes);
    uint32_t words = wick_layer_scratch_bytes(l) / 4;
    uint32_t *scratch = exactly(4u * words);
    assert_int_equal(wick_layer_scratch_bytes(l), 4 * words);
    for (uint32_t i = 0; i < words; i++)
        scratch[i] = 0x80000000u;
    memset(dst, 0x5a, dst_skew + count + 2 * GUARD);
    const int8_t *src[] = {copy + skew};
    int8_t *out = dst + dst_skew + GUARD;
    wick_layer_run(l, src, rows.row0, first, count, out, scratch);
    for (uint32_t i = 0; i < count; i++)
        if (out[i] != f->expected[first + i])
            fail_msg("kernel %d, in %dx%dx%d, out %dx%dx%d, kernel %dx%d, stride %dx%d, pad %d,%d, "
                     "range %u+%u: element %u is %d, not %d",
                     l->kernel, l->in_h, l->in_w, l->in_c, l->out_h, l->out_w, l->out_c, l->k_h,
                     l->k_w, l->stride_h, l->stride_w, l->pad_top, l->pad_left, first, count,
                     first + i, out[i], f->expected[first + i]);
    for (uint32_t i = 0; i < GUARD; i++) {
        assert_int_equal(out[-1 - (int)i], 0x5a);
        assert_int_equal(out[count + i], 0x5a);
    }
    free(scratch);
    free(dst);
    free(copy);
}

/* Whole; in pieces of some number of pixels, and of channels; crooked. */
static void ranges(fixture *f, const wick_layer *l, int few) {
    uint32_t total = layer_outputs(l), pixels = total / l->out_c;
    run_range(f, l, 0, total);
    for (uint32_t step = 1; step < pixels; step = few ? step * 4 + 1 : step + 1)
        for (uint32_t p = 0; p < pixels; p += step)
            run_range(f, l, p * l->out_c, (pixels - p < step ? pixels - p : step) * l->out_c);
    for (uint32_t step = 1; step < l->out_c; step = few ? step * 5 + 2 : step + 1)
        for (uint32_t c = 0; c < l->out_c; c += step) {
            uint32_t pixel = random_u32(&f->random) % pixels;
            run_range(f, l, pixel * l->out_c + c, l->out_c - c < step ? l->out_c - c : step);
        }
    for (int i = 0; i < 12; i++) {
        uint32_t first = random_u32(&f->random) % total;
        run_range(f, l, first, 1 + random_u32(&f->random) % (total - first));
    }
}

static void all_ranges(fixture *f, int few) {
    wick_layer l = packed_layer(f);
    ranges(f, &l, few);
    free((void *)(uintptr_t)l.packed);
    release(f);
}

static void small_windows(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        fixture f = {.random = seed * UINT64_C(0x9E3779B97F4A7C15)};
        int in_c = random_in(&f.random, 1, random_in(&f.random, 0, 3) ? 9 : 40);
        int k_h = random_in(&f.random, 1, 5), k_w = random_in(&f.random, 1, 5);
        if (seed % 5 == 0)
            k_h = k_w = 1;
        random_geometry(&f, in_c, k_h, k_w, random_in(&f.random, 1, 14));
        fill(&f, -127, seed % 6 == 0);
        all_ranges(&f, 1);
    }
}

/* All splittings of a few layers. */
static void every_range(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        fixture f = {.random = seed * UINT64_C(0xD1342543DE82EF95)};
        random_geometry(&f, random_in(&f.random, 1, 7), random_in(&f.random, 1, 3),
                        random_in(&f.random, 1, 3), random_in(&f.random, 1, 13));
        fill(&f, -127, 0);
        all_ranges(&f, 0);
    }
}

/* Windows of several parts, of whole rows and of slices, more channels than keep their sums. */
static void large_windows(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        fixture f = {.random = seed * UINT64_C(0xA0761D6478BD642F)};
        int k_h = random_in(&f.random, 1, 4), k_w = random_in(&f.random, 1, 4);
        int in_c = random_in(&f.random, 100, seed % 3 ? 320 : 700) / k_w;
        random_geometry(&f, in_c, k_h, k_w, random_in(&f.random, 1, seed % 4 ? 9 : 70));
        fill(&f, -127, seed % 5 == 0);
        all_ranges(&f, 1);
    }
}

/* Weights of -128, which only other tools make. */
static void least_weights(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        fixture f = {.random = seed * UINT64_C(0xE7037ED1A0B428DB)};
        random_geometry(&f, random_in(&f.random, 1, 12), random_in(&f.random, 1, 3),
                        random_in(&f.random, 1, 3), random_in(&f.random, 1, 9));
        fill(&f, -128, seed % 2);
        all_ranges(&f, 1);
    }
}

/* Kernels and input larger than a byte's sign, and a kernel that never leaves the padding's reach.
 */
static void wide_windows(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        fixture f = {.random = seed * UINT64_C(0x8EBC6AF09C88C6E3)};
        random_geometry(&f, 1, seed % 2 ? 1 : 3, random_in(&f.random, 128, 255), 5);
        fill(&f, -127, 0);
        all_ranges(&f, 1);
    }
}

static void scratch_is_bounded(void **state) {
    (void)state;
    static const int layers[][4] = {{32, 3, 3, 32},   {64, 1, 1, 128},  {3, 3, 3, 16},
                                    {512, 3, 3, 512}, {512, 1, 1, 512}, {65535, 1, 1, 1},
                                    {1, 255, 255, 1}, {96, 3, 3, 1},    {95, 3, 3, 4}};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        wick_layer l = {.kind = WICK_LAYER_CONV2D};
        l.in_c = (uint16_t)layers[i][0];
        l.k_h = (uint8_t)layers[i][1];
        l.k_w = (uint8_t)layers[i][2];
        l.out_c = (uint16_t)layers[i][3];
        l.kernel = WICK_KERNEL_CONV2D_S8_DSP;
        assert_in_range(wick_layer_scratch_bytes(&l), 4, SCRATCH_MOST);
        assert_int_equal(wick_layer_scratch_bytes(&l) % 4, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_windows), cmocka_unit_test(every_range),
        cmocka_unit_test(large_windows), cmocka_unit_test(least_weights),
        cmocka_unit_test(wide_windows),  cmocka_unit_test(scratch_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
