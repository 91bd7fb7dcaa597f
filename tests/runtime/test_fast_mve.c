/* The Helium kernels' plain C branch, and all that both branches share: layouts, tiles, borders,
   chunks. Thousands of random layers against the portable kernels (small ones against the
   element-wise reference too), in whole, in pieces and in crooked ranges. Operands, packed weights
   and scratch are exactly as large as they have to be, so a sanitizer build sees overreads; dst and
   scratch have guard bytes. The assembly itself is for an emulated core to test. */
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

enum {
    GUARD = 32,
    SRC_BYTES = 1 << 18,
    WEIGHTS_BYTES = 1 << 17,
    CHANNELS = 512,
    OUTPUTS = 1 << 18
};

typedef struct big_layer {
    wick_layer layer;
    wick_operand operands[4];
    int8_t src[4][SRC_BYTES];
    int8_t weights[WEIGHTS_BYTES];
    int32_t bias[CHANNELS], mult[CHANNELS];
    uint8_t shift[CHANNELS];
} big_layer;

static big_layer big;
static int8_t expected[OUTPUTS];

static const uint8_t kernel_of_kind[WICK_LAYER_KINDS] = {
    [WICK_LAYER_CONV2D] = WICK_KERNEL_CONV2D_S8_MVE,
    [WICK_LAYER_DWCONV2D] = WICK_KERNEL_DWCONV2D_S8_MVE,
    [WICK_LAYER_FC] = WICK_KERNEL_FC_S8_MVE,
    [WICK_LAYER_MAXPOOL] = WICK_KERNEL_MAXPOOL_S8_MVE,
    [WICK_LAYER_AVGPOOL] = WICK_KERNEL_AVGPOOL_S8_MVE,
    [WICK_LAYER_ADD] = WICK_KERNEL_ADD_S8_MVE,
    [WICK_LAYER_CONCAT] = WICK_KERNEL_CONCAT_S8_MVE,
};

static uint16_t random_u16(uint64_t *s, int32_t low, int32_t high) {
    return (uint16_t)random_in(s, low, high);
}

static uint8_t random_u8(uint64_t *s, int32_t low, int32_t high) {
    return (uint8_t)random_in(s, low, high);
}

static int8_t random_s8(uint64_t *s, int extreme, int32_t low) {
    if (extreme)
        return (int8_t)(random_u32(s) % 16 ? low : 127);
    return (int8_t)random_in(s, low, 127);
}

/* The kernel's size and the channels of the convolutions' special cases. */
static void conv2d_geometry(wick_layer *l, uint64_t *s) {
    l->out_c = random_u16(s, 1, random_in(s, 0, 2) ? 12 : 40);
    int kind = random_in(s, 0, 9);
    if (kind == 0) { /* 1x1 */
        l->k_h = l->k_w = 1;
        l->in_c = random_u16(s, 1, 200);
        if (random_in(s, 0, 1)) /* may be read where it is */
            l->in_c = (uint16_t)(16 * random_in(s, 1, 10)),
            l->out_c = (uint16_t)(l->out_c / 4 * 4 + 4);
    } else if (kind >= 8) { /* in place, in rows: mve_rows.h; seldom too many or crooked outputs */
        l->k_h = l->k_w = 3;
        l->in_c = 32;
        l->in_h = random_u16(s, 1, random_in(s, 0, 1) ? 3 : 9);
        l->in_w = random_u16(s, 1, random_in(s, 0, 1) ? 5 : 12);
        l->stride_h = l->stride_w = random_u8(s, 1, random_in(s, 0, 9) ? 1 : 2);
        l->out_c = (uint16_t)(4 * random_in(s, 1, random_in(s, 0, 4) ? 5 : 20));
        l->out_c = (uint16_t)(l->out_c + random_in(s, 0, random_in(s, 0, 9) ? 0 : 3));
    } else if (kind == 1) { /* a first layer */
        l->k_h = l->k_w = 3;
        l->in_c = 3;
    } else if (kind <= 4) { /* windows in several chunks, by row and by piece; many outputs */
        l->in_h = random_u16(s, 1, 4);
        l->in_w = random_u16(s, 1, 4);
        l->k_h = random_u8(s, 1, 3);
        l->k_w = random_u8(s, 2, 3);
        l->in_c = random_u16(s, kind == 2 ? 60 : 1, kind == 2 ? 200 : 20);
        if (kind == 3)
            l->in_c = random_u16(s, 280, 620);
        l->out_c = random_u16(s, kind == 4 ? 100 : 1, kind == 4 ? 390 : 50);
    }
    while ((uint32_t)l->k_h * l->k_w * l->in_c * l->out_c > WEIGHTS_BYTES)
        l->out_c /= 2;
}

static void windowed_geometry(wick_layer *l, uint64_t *s) {
    int pads = l->kind != WICK_LAYER_AVGPOOL;
    l->k_h = l->k_w = random_u8(s, 3, 3);
    if (random_in(s, 0, 1)) {
        l->k_h = random_u8(s, 1, 7);
        l->k_w = random_in(s, 0, 1) ? l->k_h : random_u8(s, 1, 7);
    }
    l->stride_h = random_u8(s, 1, random_in(s, 0, 1) ? 1 : 3);
    l->stride_w = random_in(s, 0, 3) ? l->stride_h : random_u8(s, 1, 3);
    if (l->kind == WICK_LAYER_CONV2D)
        conv2d_geometry(l, s);
    if (l->kind == WICK_LAYER_DWCONV2D && random_in(s, 0, 6) == 0) { /* windows of many shapes */
        l->k_h = random_u8(s, 1, random_in(s, 0, 1) ? 1 : 20);
        l->k_w = random_u8(s, 1, l->k_h > 1 ? 4 : 30);
    }
    int bottom = 0, right = 0;
    if (pads) { /* seldom so much that some windows are all padding */
        int most = random_in(s, 0, 9) ? -1 : 2;
        l->pad_top = random_u8(s, 0, l->k_h + most);
        l->pad_left = random_u8(s, 0, l->k_w + most);
        bottom = random_in(s, 0, l->k_h + most);
        right = random_in(s, 0, l->k_w + most);
        if (l->in_h + l->pad_top + bottom < l->k_h)
            bottom = l->k_h - l->in_h - l->pad_top;
        if (l->in_w + l->pad_left + right < l->k_w)
            right = l->k_w - l->in_w - l->pad_left;
    } else if (random_in(s, 0, 4) == 0) { /* global */
        l->in_h = random_u16(s, 1, 20);
        l->in_w = random_u16(s, 1, 20);
        l->k_h = (uint8_t)l->in_h;
        l->k_w = (uint8_t)l->in_w;
    } else {
        l->k_h = l->k_h > l->in_h ? (uint8_t)l->in_h : l->k_h;
        l->k_w = l->k_w > l->in_w ? (uint8_t)l->in_w : l->k_w;
    }
    l->out_h = (uint16_t)((l->in_h + l->pad_top + bottom - l->k_h) / l->stride_h + 1);
    l->out_w = (uint16_t)((l->in_w + l->pad_left + right - l->k_w) / l->stride_w + 1);
    if (l->kind != WICK_LAYER_CONV2D)
        l->out_c = l->in_c;
}

static void geometry(wick_layer *l, uint64_t *s) {
    l->in_h = random_u16(s, 1, 9);
    l->in_w = random_u16(s, 1, random_in(s, 0, 3) ? 9 : 40);
    l->in_c = random_u16(s, 1, random_in(s, 0, 2) ? 9 : 70);
    l->k_h = l->k_w = l->stride_h = l->stride_w = 1;
    if (l->kind == WICK_LAYER_FC) {
        l->in_h = random_u16(s, 1, 4);
        l->in_w = random_u16(s, 1, 4);
        l->out_h = l->out_w = 1;
        l->out_c = random_u16(s, 1, random_in(s, 0, 2) ? 20 : 100);
    } else if (l->kind == WICK_LAYER_ADD || l->kind == WICK_LAYER_CONCAT) {
        l->out_h = l->in_h;
        l->out_w = l->in_w;
        l->out_c = l->in_c;
    } else {
        windowed_geometry(l, s);
    }
}

static void operands(big_layer *r, uint64_t *s, int extreme) {
    wick_layer *l = &r->layer;
    uint32_t channels = 0;
    l->operands = r->operands;
    l->n_operands = 1;
    if (l->kind == WICK_LAYER_ADD)
        l->n_operands = 2;
    if (l->kind == WICK_LAYER_CONCAT)
        l->n_operands = random_u8(s, 1, 4);
    for (int i = 0; i < l->n_operands; i++) {
        wick_operand *o = &r->operands[i];
        *o = (wick_operand){.tensor = (uint16_t)i, .channels = l->in_c};
        o->zero_point = random_in(s, 0, 3) ? random_s8(s, extreme, -128) : 0;
        if (random_in(s, 0, 1))
            o->zero_point = l->out_zp;
        if (l->kind == WICK_LAYER_ADD)
            o->mult = random_in(s, 0, 3) ? random_in(s, 0, 1 << 20) : 1 << 20;
        if (l->kind == WICK_LAYER_CONCAT) {
            o->channels = random_u16(s, 1, random_in(s, 0, 2) ? 9 : 40);
            o->mult = random_in(s, 1 << 20, INT32_MAX);
            o->shift = random_u8(s, 0, 22);
            if (random_in(s, 0, 1)) { /* a factor of exactly 1 */
                o->shift = random_u8(s, 2, 10);
                o->mult = (int32_t)(INT64_C(1) << (32 - o->shift));
            }
        }
        channels += o->channels;
        uint32_t bytes = (uint32_t)l->in_h * l->in_w * o->channels;
        assert_true(bytes <= SRC_BYTES);
        for (uint32_t k = 0; k < bytes; k++)
            r->src[i][k] = random_s8(s, extreme, -128);
    }
    if (l->kind == WICK_LAYER_CONCAT)
        l->out_c = l->in_c = (uint16_t)channels;
}

/* Largest shift that keeps |acc| << shift inside 32 bits. */
static uint8_t room(int64_t acc) {
    uint8_t shift = 0;
    while (shift < 31 && (acc << (shift + 1)) <= INT32_MAX)
        shift++;
    return shift;
}

static void constants(big_layer *r, uint64_t *s, int extreme) {
    wick_layer *l = &r->layer;
    int64_t fan = 1;
    if (l->kind == WICK_LAYER_CONV2D)
        fan = (int64_t)l->k_h * l->k_w * l->in_c;
    if (l->kind == WICK_LAYER_DWCONV2D)
        fan = (int64_t)l->k_h * l->k_w;
    if (l->kind == WICK_LAYER_FC)
        fan = (int64_t)l->in_h * l->in_w * l->in_c;
    int64_t most = fan * 128 * 128 + 100000;
    if (l->kind == WICK_LAYER_AVGPOOL)
        most = (int64_t)l->k_h * l->k_w * 255;
    if (l->kind == WICK_LAYER_ADD)
        most = (int64_t)2 * 255 << 20;
    int weighted = l->kind <= WICK_LAYER_FC;
    if (weighted) {
        assert_true(fan * l->out_c <= WEIGHTS_BYTES);
        for (int64_t i = 0; i < fan * l->out_c; i++)
            r->weights[i] = random_s8(s, extreme, -127);
        l->weights = r->weights;
        l->bias = random_in(s, 0, 7) ? r->bias : NULL;
    }
    for (int c = 0; c < (weighted ? l->out_c : 1); c++) {
        r->bias[c] = random_in(s, -100000, 100000);
        r->shift[c] = random_u8(s, 0, random_in(s, 0, 1) ? 0 : room(most));
        /* Outputs around one to some thousands: rounding, clamps and 16-bit saturation show. */
        int64_t scale = random_in(s, 1, random_in(s, 0, 2) ? 900 : 200000);
        int64_t mult = (scale << 32) / (most << r->shift[c]);
        mult = mult < 1 ? 1 : mult > INT32_MAX ? INT32_MAX : mult;
        r->mult[c] = extreme && random_in(s, 0, 1) ? INT32_MAX : (int32_t)mult;
    }
    if (l->kind != WICK_LAYER_MAXPOOL && l->kind != WICK_LAYER_CONCAT) {
        l->mult = r->mult;
        l->shift = r->shift;
    }
}

static void big_layer_make(big_layer *r, int kind, uint64_t *s) {
    wick_layer *l = &r->layer;
    int extreme = random_in(s, 0, 3) == 0;
    memset(l, 0, sizeof *l);
    l->kind = (uint8_t)kind;
    geometry(l, s);
    l->out_zp = random_s8(s, extreme, -128);
    operands(r, s, extreme);
    l->clamp_min = random_in(s, 0, 2) ? -128 : l->out_zp;
    l->clamp_max = random_in(s, 0, 3) ? 127 : (int8_t)random_in(s, l->clamp_min, 127);
    constants(r, s, extreme);
}

static void make_expected(big_layer *r) {
    wick_layer *l = &r->layer;
    const int8_t *src[4] = {r->src[0], r->src[1], r->src[2], r->src[3]};
    uint32_t total = layer_outputs(l);
    assert_true(total <= OUTPUTS);
    l->kernel = WICK_KERNEL_PORTABLE;
    wick_layer_run(l, src, 0, 0, total, expected, NULL);
    if ((l->kind > WICK_LAYER_FC || l->bias) && (uint64_t)total * l->k_h * l->k_w * l->in_c < 20000)
        for (uint32_t i = 0; i < total; i++)
            assert_int_equal(expected[i], reference_element(l, src, i));
}

static void check_guard(const int8_t *guard, const char *where) {
    for (int i = 0; i < GUARD; i++)
        if (guard[i] != 0x5a)
            fail_msg("written %s", where);
}

/* Computes [first, first + count) from tight, unaligned copies of the needed rows only. */
static void run_range(const big_layer *r, uint32_t first, uint32_t count, uint64_t *s) {
    const wick_layer *l = &r->layer;
    wick_rows rows = wick_layer_input_rows(l, first, count);
    int8_t *copies[4] = {0};
    const int8_t *src[4] = {0};
    uint32_t off = random_u32(s) % 4, scratch_bytes = wick_layer_scratch_bytes(l);
    for (uint32_t i = 0; i < l->n_operands; i++) {
        size_t row = wick_operand_row_bytes(l, i), bytes = row * rows.rows;
        copies[i] = malloc(off + bytes + 1);
        assert_non_null(copies[i]);
        memcpy(copies[i] + off, r->src[i] + rows.row0 * row, bytes);
        copies[i] = realloc(copies[i], off + bytes ? off + bytes : 1);
        src[i] = copies[i] + off;
    }
    int8_t *dst = malloc(count + 2 * GUARD + 4), *scratch = malloc(scratch_bytes + 2 * GUARD + 4);
    assert_non_null(dst);
    assert_non_null(scratch);
    int8_t *out = dst + GUARD + off, *work = scratch + GUARD + 4 * (off & 1);
    memset(dst, 0x5a, count + 2 * GUARD + 4);
    memset(scratch, 0x5a, scratch_bytes + 2 * GUARD + 4);
    wick_layer_run(l, src, rows.row0, first, count, out, scratch_bytes ? work : NULL);
    for (uint32_t i = 0; i < count; i++)
        if (out[i] != expected[first + i])
            fail_msg("kind %d, in %dx%dx%d, out %dx%dx%d, kernel %dx%d, stride %dx%d, pad %d,%d, "
                     "range %u+%u: element %u is %d, not %d",
                     l->kind, l->in_h, l->in_w, l->in_c, l->out_h, l->out_w, l->out_c, l->k_h,
                     l->k_w, l->stride_h, l->stride_w, l->pad_top, l->pad_left, first, count,
                     first + i, out[i], expected[first + i]);
    check_guard(out - GUARD, "before dst");
    check_guard(out + count, "behind dst");
    check_guard(work - GUARD, "before scratch");
    check_guard(work + scratch_bytes, "behind scratch");
    free(dst);
    free(scratch);
    for (uint32_t i = 0; i < l->n_operands; i++)
        free(copies[i]);
}

/* Whole, some whole pixels, some channels of one pixel, anything. */
static void run_ranges(const big_layer *r, uint64_t *s) {
    uint32_t total = layer_outputs(&r->layer), pixel = r->layer.out_c;
    run_range(r, 0, total, s);
    for (int k = 0; k < 3; k++) {
        uint32_t first = random_u32(s) % total, within = pixel - first % pixel;
        run_range(r, first, 1 + random_u32(s) % within, s);
        run_range(r, first, 1 + random_u32(s) % (total - first), s);
        first -= first % pixel;
        run_range(r, first, (1 + random_u32(s) % ((total - first) / pixel)) * pixel, s);
    }
}

/* The layer in `big`: whether its kernel fits, and if so, equals the portable one. */
static int layer_equals_portable(uint64_t *s) {
    wick_layer *l = &big.layer;
    make_expected(&big);
    l->kernel = kernel_of_kind[l->kind];
    if (!wick_kernel_fits(l, l->kernel))
        return 0;
    uint32_t words = wick_weights_words(l), *packed = NULL;
    if (words) {
        packed = malloc(4 * (size_t)words);
        assert_non_null(packed);
        wick_weights_pack(l, packed);
        l->packed = packed;
        l->weights = NULL;
    }
    run_ranges(&big, s);
    free(packed);
    return 1;
}

static void kind_equals_portable(int kind, uint64_t layers) {
    uint64_t fitting = 0;
    for (uint64_t seed = 1; seed <= layers; seed++) {
        uint64_t s = seed * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)kind;
        big_layer_make(&big, kind, &s);
        fitting += (uint64_t)layer_equals_portable(&s);
    }
    assert_in_range(fitting, layers - layers / 20, layers);
}

static void conv2d_equals_portable(void **state) {
    (void)state;
    kind_equals_portable(WICK_LAYER_CONV2D, 1500);
}

static void dwconv2d_equals_portable(void **state) {
    (void)state;
    kind_equals_portable(WICK_LAYER_DWCONV2D, 2000);
}

/* Rows so long that the second one is out of reach of 16-bit offsets. */
static void long_rows_equal_portable(void **state) {
    (void)state;
    uint64_t s = 1;
    wick_layer *l = &big.layer;
    memset(l, 0, sizeof *l);
    l->kind = WICK_LAYER_DWCONV2D;
    l->in_h = l->out_h = 2;
    l->in_w = l->out_w = 170;
    l->in_c = l->out_c = 384;
    l->k_h = l->k_w = 3;
    l->stride_h = l->stride_w = l->pad_top = l->pad_left = 1;
    l->clamp_min = -128;
    l->clamp_max = 127;
    operands(&big, &s, 0);
    constants(&big, &s, 0);
    assert_true(layer_equals_portable(&s));
}

static void fc_equals_portable(void **state) {
    (void)state;
    kind_equals_portable(WICK_LAYER_FC, 800);
}

static void pools_equal_portable(void **state) {
    (void)state;
    kind_equals_portable(WICK_LAYER_MAXPOOL, 1000);
    kind_equals_portable(WICK_LAYER_AVGPOOL, 1000);
}

static void sums_and_joins_equal_portable(void **state) {
    (void)state;
    kind_equals_portable(WICK_LAYER_ADD, 500);
    kind_equals_portable(WICK_LAYER_CONCAT, 800);
}

/* A layer of `kind` with SAME padding and stride 1. */
static wick_layer same_layer(int kind, uint16_t side, uint16_t in_c, uint16_t out_c, uint8_t k) {
    static const wick_operand operand = {0};
    wick_layer l = {.kind = (uint8_t)kind,
                    .kernel = kernel_of_kind[kind],
                    .n_operands = 1,
                    .operands = &operand};
    l.in_h = l.in_w = l.out_h = l.out_w = side;
    l.in_c = in_c, l.out_c = out_c;
    l.k_h = l.k_w = k, l.stride_h = l.stride_w = 1;
    l.pad_top = l.pad_left = (uint8_t)(k / 2);
    return l;
}

/* The five layers of docs/benchmarks.md, and bounds that hold for any convolution. */
static void scratch_is_bounded(void **state) {
    (void)state;
    wick_layer layers[] = {same_layer(WICK_LAYER_CONV2D, 16, 32, 32, 3),
                           same_layer(WICK_LAYER_CONV2D, 16, 64, 128, 1),
                           same_layer(WICK_LAYER_DWCONV2D, 16, 64, 64, 3),
                           same_layer(WICK_LAYER_FC, 1, 1024, 64, 0),
                           same_layer(WICK_LAYER_CONV2D, 32, 3, 16, 3),
                           same_layer(WICK_LAYER_CONV2D, 4, 512, 512, 3),
                           same_layer(WICK_LAYER_CONV2D, 1, 7000, 2000, 1)};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        assert_true(wick_kernel_fits(&layers[i], layers[i].kernel));
        assert_in_range(wick_layer_scratch_bytes(&layers[i]), 1, 1800); /* 64-bit pointers */
        assert_int_equal(wick_layer_scratch_bytes(&layers[i]) % 4, 0);
    }
}

static void what_fits(void **state) {
    (void)state;
    wick_layer l = same_layer(WICK_LAYER_DWCONV2D, 20, 8, 8, 11);
    assert_true(wick_kernel_fits(&l, l.kernel));
    assert_false(wick_kernel_fits(&l, WICK_KERNEL_CONV2D_S8_MVE)); /* another kind */
    l = same_layer(WICK_LAYER_DWCONV2D, 20, 8, 8, 13);
    assert_false(wick_kernel_fits(&l, l.kernel)); /* no room for a tile */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_equals_portable),   cmocka_unit_test(dwconv2d_equals_portable),
        cmocka_unit_test(long_rows_equal_portable), cmocka_unit_test(fc_equals_portable),
        cmocka_unit_test(pools_equal_portable),     cmocka_unit_test(sums_and_joins_equal_portable),
        cmocka_unit_test(scratch_is_bounded),       cmocka_unit_test(what_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
