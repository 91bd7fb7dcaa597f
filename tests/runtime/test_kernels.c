/* Every kernel against the naive reference: whole layers, all ways to split them, src that starts
   at the first needed row. Inputs end where their allocation ends, so a sanitizer build sees
   overreads.
 */
#include "helper_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 16 };
static random_layer layer_memory;

static void expected_outputs(const random_layer *r, int8_t *out) {
    const int8_t *src[4] = {r->src[0], r->src[1], r->src[2], r->src[3]};
    for (uint32_t i = 0; i < layer_outputs(&r->layer); i++)
        out[i] = reference_element(&r->layer, src, i);
}

/* Computes [first, first + count) from tight copies of the needed rows only; both neighbours of dst
   must stay untouched. */
static void run_range(const random_layer *r, uint32_t first, uint32_t count,
                      const int8_t *expected) {
    const wick_layer *l = &r->layer;
    wick_rows rows = wick_layer_input_rows(l, first, count);
    assert_true(rows.row0 + rows.rows <= l->in_h);
    int8_t *copies[4] = {0};
    const int8_t *src[4] = {0};
    for (uint32_t i = 0; i < l->n_operands; i++) {
        size_t row = wick_operand_row_bytes(l, i), bytes = row * rows.rows;
        copies[i] = malloc(bytes ? bytes : 1);
        assert_non_null(copies[i]);
        memcpy(copies[i], r->src[i] + rows.row0 * row, bytes);
        src[i] = copies[i];
    }
    int8_t *dst = malloc(count + 2 * GUARD);
    assert_non_null(dst);
    memset(dst, 0x5a, count + 2 * GUARD);
    wick_layer_run(l, src, rows.row0, first, count, dst + GUARD, NULL);
    for (uint32_t i = 0; i < count; i++)
        if (dst[GUARD + i] != expected[first + i])
            fail_msg("kind %d, in %dx%dx%d, out %dx%dx%d, kernel %dx%d, stride %dx%d, pad %d,%d, "
                     "range %u+%u: element %u is %d, not %d",
                     l->kind, l->in_h, l->in_w, l->in_c, l->out_h, l->out_w, l->out_c, l->k_h,
                     l->k_w, l->stride_h, l->stride_w, l->pad_top, l->pad_left, first, count,
                     first + i, dst[GUARD + i], expected[first + i]);
    for (uint32_t i = 0; i < GUARD; i++) {
        assert_int_equal(dst[i], 0x5a);
        assert_int_equal(dst[GUARD + count + i], 0x5a);
    }
    free(dst);
    for (uint32_t i = 0; i < l->n_operands; i++)
        free(copies[i]);
}

/* Whole; in pieces of every number of pixels; in pieces of every number of channels. */
static void all_splittings(const random_layer *r) {
    static int8_t expected[MAX_TENSOR * 4];
    const wick_layer *l = &r->layer;
    uint32_t total = layer_outputs(l), pixels = total / l->out_c;
    assert_true(total <= sizeof expected);
    expected_outputs(r, expected);
    for (uint32_t step = 1; step <= pixels; step++)
        for (uint32_t p = 0; p < pixels; p += step) {
            uint32_t n = pixels - p < step ? pixels - p : step;
            run_range(r, p * l->out_c, n * l->out_c, expected);
        }
    for (uint32_t step = 1; step < l->out_c; step++)
        for (uint32_t i = 0; i < total; i += l->out_c)
            for (uint32_t c = 0; c < l->out_c; c += step)
                run_range(r, i + c, l->out_c - c < step ? l->out_c - c : step, expected);
}

static void kind_equals_reference(wick_layer_kind kind) {
    for (uint64_t seed = 1; seed <= 60; seed++) {
        uint64_t state = seed * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)kind;
        random_layer_make(&layer_memory, kind, &state, seed % 4 == 0);
        all_splittings(&layer_memory);
    }
}

#define X(upper, lower)                                                                            \
    static void lower##_equals_the_reference(void **state) {                                       \
        (void)state;                                                                               \
        kind_equals_reference(WICK_LAYER_##upper);                                                 \
    }
WICK_LAYER_TABLE(X)
#undef X

/* Any range at all, also one that starts and ends inside pixels. */
static void crooked_ranges_equal_the_reference(void **state) {
    (void)state;
    static int8_t expected[MAX_TENSOR * 4];
    for (uint64_t seed = 1; seed <= 140; seed++) {
        uint64_t random = seed * 77777;
        random_layer_make(&layer_memory, (wick_layer_kind)(seed % WICK_LAYER_KINDS), &random, 0);
        uint32_t total = layer_outputs(&layer_memory.layer);
        expected_outputs(&layer_memory, expected);
        for (int k = 0; k < 20; k++) {
            uint32_t first = random_u32(&random) % total;
            run_range(&layer_memory, first, 1 + random_u32(&random) % (total - first), expected);
        }
    }
}

/* src may hold more rows before the needed ones. */
static void any_row0_gives_the_same(void **state) {
    (void)state;
    static int8_t expected[MAX_TENSOR * 4], out[MAX_TENSOR * 4];
    for (uint64_t seed = 1; seed <= 140; seed++) {
        uint64_t random = seed * 4242;
        random_layer_make(&layer_memory, (wick_layer_kind)(seed % WICK_LAYER_KINDS), &random, 0);
        const wick_layer *l = &layer_memory.layer;
        if (l->kind == WICK_LAYER_FC)
            continue;
        uint32_t first = (layer_outputs(l) / l->out_c - 1) * l->out_c;
        wick_rows rows = wick_layer_input_rows(l, first, l->out_c);
        expected_outputs(&layer_memory, expected);
        for (uint16_t row0 = 0; row0 <= rows.row0; row0++) {
            const int8_t *src[4];
            for (uint32_t i = 0; i < l->n_operands; i++)
                src[i] = layer_memory.src[i] + row0 * wick_operand_row_bytes(l, i);
            wick_layer_run(l, src, row0, first, l->out_c, out, NULL);
            assert_memory_equal(out, expected + first, l->out_c);
        }
    }
}

/* Rows are neither missing (the kernels read only what is there, above) nor too many. */
static void input_rows_are_tight(void **state) {
    (void)state;
    wick_operand operand = {0};
    wick_layer conv = {.kind = WICK_LAYER_CONV2D, .n_operands = 1, .operands = &operand};
    conv.in_h = 8, conv.in_w = 8, conv.in_c = 3, conv.out_h = 4, conv.out_w = 4, conv.out_c = 5;
    conv.k_h = conv.k_w = 3, conv.stride_h = conv.stride_w = 2;
    conv.pad_top = conv.pad_left = 1;
    wick_rows rows = wick_layer_input_rows(&conv, 0, 20); /* output row 0: input rows -1 to 1 */
    assert_int_equal(rows.row0, 0);
    assert_int_equal(rows.rows, 2);
    rows = wick_layer_input_rows(&conv, 19, 2); /* last of row 0, first of row 1: rows 0 to 3 */
    assert_int_equal(rows.row0, 0);
    assert_int_equal(rows.rows, 4);
    rows = wick_layer_input_rows(&conv, 60, 20); /* row 3: rows 5 to 7 */
    assert_int_equal(rows.row0, 5);
    assert_int_equal(rows.rows, 3);
    rows = wick_layer_input_rows(&conv, 60, 0);
    assert_int_equal(rows.rows, 0);
    wick_layer add = {.kind = WICK_LAYER_ADD, .n_operands = 2, .operands = &operand};
    add.in_h = add.out_h = 8, add.in_w = add.out_w = 4, add.in_c = add.out_c = 5;
    rows = wick_layer_input_rows(&add, 45, 20); /* elements 45 to 64 of rows of 20: rows 2 and 3 */
    assert_int_equal(rows.row0, 2);
    assert_int_equal(rows.rows, 2);
    wick_layer fc = {.kind = WICK_LAYER_FC, .n_operands = 1, .operands = &operand};
    fc.in_h = 7, fc.in_w = 2, fc.in_c = 3, fc.out_h = fc.out_w = 1, fc.out_c = 9;
    rows = wick_layer_input_rows(&fc, 8, 1);
    assert_int_equal(rows.row0, 0);
    assert_int_equal(rows.rows, 7);
}

static void requantize_is_the_exact_rule(void **state) {
    (void)state;
    /* By hand: 3 * 2^31-ish halves round up, also below zero: 0.5 -> 1, -0.5 -> 0, -1.5 -> -1. */
    assert_int_equal(wick_requantize(1, 1 << 30, 1), 1);
    assert_int_equal(wick_requantize(-1, 1 << 30, 1), 0);
    assert_int_equal(wick_requantize(-3, 1 << 30, 1), -1);
    assert_int_equal(wick_requantize(3, 1 << 30, 1), 2);
    assert_int_equal(wick_requantize(100, 1 << 30, 2), 100);
    assert_int_equal(wick_requantize(INT32_MIN, INT32_MAX, 0), -1073741823);
    assert_int_equal(wick_requantize(-1, INT32_MAX, 31), -1073741823);
    assert_int_equal(wick_requantize(0, 1, 31), 0);
    uint64_t random = 5;
    for (int i = 0; i < 2000000; i++) {
        uint8_t shift = (uint8_t)(random_u32(&random) % 32);
        int32_t acc = (int32_t)random_u32(&random) >> shift;
        int32_t mult = (int32_t)(random_u32(&random) >> (1 + random_u32(&random) % 31));
        mult = mult ? mult : 1;
        if (i % 5 == 0) { /* ties: an odd acc times a power of two that leaves one half */
            shift = (uint8_t)(random_u32(&random) % 20);
            acc = (int32_t)(random_u32(&random) % 2047) - 1023;
            acc |= 1;
            mult = 1 << (shift == 0 ? 30 : 31 - shift);
        }
        int64_t expected = reference_requantize(acc, mult, shift);
        if (wick_requantize(acc, mult, shift) != expected)
            fail_msg("%d << %d times %d: %d, not %lld", acc, shift, mult,
                     wick_requantize(acc, mult, shift), (long long)expected);
    }
}

static void clamp_keeps_the_range(void **state) {
    (void)state;
    assert_int_equal(wick_clamp_s8(-129, -128, 127), -128);
    assert_int_equal(wick_clamp_s8(128, -128, 127), 127);
    assert_int_equal(wick_clamp_s8(5, 7, 9), 7);
    assert_int_equal(wick_clamp_s8(8, 7, 9), 8);
}

/* Scratch: rows of every operand and the output, each rounded up to 4. */
static void scratch_is_what_a_step_needs(void **state) {
    (void)state;
    wick_operand operands[2] = {{.channels = 3}, {.channels = 3}};
    wick_layer layers[2] = {{.kind = WICK_LAYER_ADD, .n_operands = 2, .operands = operands},
                            {.kind = WICK_LAYER_CONCAT, .n_operands = 2, .operands = operands}};
    for (int i = 0; i < 2; i++) {
        layers[i].in_h = layers[i].out_h = 4, layers[i].in_w = layers[i].out_w = 3;
        layers[i].in_c = layers[i].out_c = i ? 6 : 3;
    }
    wick_step steps[2] = {{0, 9, 5}, {1, 0, 72}};
    wick_segment segments[3] = {{0}};
    wick_model model = {.layers = layers,
                        .steps = steps,
                        .segments = segments,
                        .n_steps = 2,
                        .n_modules = 2,
                        .n_classes = 10};
    assert_int_equal(wick_step_scratch_bytes(&model, &steps[0], 0, 0), 12 + 12 + 8);
    assert_int_equal(wick_step_scratch_bytes(&model, &steps[0], 1, 0), 8);
    assert_int_equal(wick_step_scratch_bytes(&model, &steps[1], 0, 0), 36 + 36 + 72);
    assert_int_equal(wick_model_scratch_bytes(&model, 0), 144);
    assert_int_equal(wick_model_scratch_bytes(&model, 1), 72);
    model.n_steps = 0;
    assert_int_equal(wick_model_scratch_bytes(&model, 0), 12);
    assert_int_equal(wick_model_scratch_bytes(&model, 1), 0);
    segments[1].wide = 1;
    assert_int_equal(wick_model_scratch_bytes(&model, 0), 20);
    assert_int_equal(wick_model_scratch_bytes(&model, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define X(upper, lower) cmocka_unit_test(lower##_equals_the_reference),
        WICK_LAYER_TABLE(X)
#undef X
            cmocka_unit_test(crooked_ranges_equal_the_reference),
        cmocka_unit_test(any_row0_gives_the_same),
        cmocka_unit_test(input_rows_are_tight),
        cmocka_unit_test(requantize_is_the_exact_rule),
        cmocka_unit_test(clamp_keeps_the_range),
        cmocka_unit_test(scratch_is_what_a_step_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
