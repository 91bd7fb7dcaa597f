/* The x86-64 kernels against the reference of every element and against the portable kernels, over
   random geometries. Everything a kernel reads is a copy that ends where its allocation ends, so a
   sanitizer build sees overreads; dst and scratch have guard bytes round them. */
#include "helper_reference.h"

#include <weights/weights.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 64, MAX_OUT = 1 << 15, MAX_IN = 1 << 17, MAX_TAPS = 1 << 17, MAX_C = 1024 };

/* A layer with its constants and inputs; as random_layer, but larger. */
typedef struct made {
    wick_layer layer;
    wick_operand operands[5];
    int8_t src[5][MAX_IN], weights[MAX_TAPS];
    int32_t bias[MAX_C], mult[MAX_C];
    uint8_t shift[MAX_C];
    int8_t expected[MAX_OUT];
} made;
static made memory;

static int8_t random_s8(uint64_t *s, int extreme, int low) {
    if (extreme)
        return (int8_t)(random_u32(s) % 16 ? low : 127);
    return (int8_t)random_in(s, low, 127);
}

/* Channels round the vector lengths, or few, or many. */
static uint16_t random_channels(uint64_t *s, int most) {
    static const uint8_t edges[] = {7, 8, 9, 15, 16, 17, 23, 24, 31, 32, 33, 40, 48, 49, 64, 65};
    int c = random_in(s, 0, 2) ? edges[random_u32(s) % sizeof edges] : random_in(s, 1, most);
    return (uint16_t)(c < most ? c : most);
}

static void make_windows(wick_layer *l, uint64_t *s, int most_k) {
    int padded = l->kind != WICK_LAYER_AVGPOOL;
    l->k_h = (uint8_t)random_in(s, 1, padded || l->in_h > most_k ? most_k : l->in_h);
    l->k_w = (uint8_t)random_in(s, 1, padded || l->in_w > most_k ? most_k : l->in_w);
    l->stride_h = (uint8_t)random_in(s, 1, 3);
    l->stride_w = (uint8_t)random_in(s, 1, 3);
    int bottom = 0, right = 0;
    if (padded) {
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

static void make_geometry(made *m, wick_layer_kind kind, uint64_t *s) {
    wick_layer *l = &m->layer;
    memset(l, 0, sizeof *l);
    l->kind = (uint8_t)kind;
    l->n_operands = 1;
    l->in_h = l->out_h = (uint16_t)random_in(s, 1, 7);
    l->in_w = l->out_w = (uint16_t)random_in(s, 1, 11);
    l->in_c = l->out_c = random_channels(s, 70);
    l->k_h = l->k_w = l->stride_h = l->stride_w = 1;
    if (kind == WICK_LAYER_CONV2D)
        l->out_c = random_channels(s, 70);
    if (kind == WICK_LAYER_FC) {
        l->in_h = (uint16_t)random_in(s, 1, 3);
        l->in_w = (uint16_t)random_in(s, 1, 3);
        l->out_h = l->out_w = 1;
        l->out_c = random_channels(s, 100);
    } else if (kind != WICK_LAYER_ADD && kind != WICK_LAYER_CONCAT) {
        make_windows(l, s, kind == WICK_LAYER_CONV2D ? 3 + (l->in_c < 30) * 2 : 5);
    }
    if (kind == WICK_LAYER_ADD)
        l->n_operands = 2;
    if (kind == WICK_LAYER_CONCAT) {
        l->n_operands = (uint8_t)random_in(s, 1, 5);
        l->in_c = 0;
    }
    for (int i = 0; i < l->n_operands; i++) {
        m->operands[i].channels = kind == WICK_LAYER_CONCAT ? random_channels(s, 40) : l->in_c;
        if (kind == WICK_LAYER_CONCAT)
            l->out_c = l->in_c = (uint16_t)(l->in_c + m->operands[i].channels);
    }
}

/* Products of one output. */
static int64_t fan_of(const wick_layer *l) {
    switch (l->kind) {
    case WICK_LAYER_CONV2D:
        return (int64_t)l->k_h * l->k_w * l->in_c;
    case WICK_LAYER_DWCONV2D:
    case WICK_LAYER_AVGPOOL:
        return (int64_t)l->k_h * l->k_w;
    case WICK_LAYER_FC:
        return (int64_t)l->in_h * l->in_w * l->in_c;
    default:
        return 1;
    }
}

static size_t weights_of(const wick_layer *l) {
    return l->kind <= WICK_LAYER_FC ? (size_t)fan_of(l) * l->out_c : 0;
}

static void make_constants(made *m, uint64_t *s, int extreme) {
    wick_layer *l = &m->layer;
    for (size_t i = 0; i < weights_of(l); i++)
        m->weights[i] = random_s8(s, extreme, -127);
    int64_t most = fan_of(l) * (l->kind == WICK_LAYER_AVGPOOL ? 255 : 128 * 127) + 100000;
    if (l->kind == WICK_LAYER_ADD)
        most = (int64_t)2 * 255 << 20;
    int room = 0;
    while (room < 31 && most << (room + 1) <= INT32_MAX)
        room++;
    for (int c = 0; c < l->out_c; c++) {
        m->bias[c] = random_in(s, -100000, 100000);
        m->shift[c] = (uint8_t)random_in(s, 0, room);
        /* Results from one to a few hundred, so that rounding and both clamps show. */
        int64_t mult = ((int64_t)random_in(s, 1, 400) << 32) / (most << m->shift[c]);
        mult = mult < 1 ? 1 : mult > INT32_MAX ? INT32_MAX : mult;
        m->mult[c] = extreme && random_in(s, 0, 1) ? INT32_MAX : (int32_t)mult;
    }
    if (l->kind <= WICK_LAYER_FC) {
        l->weights = m->weights;
        l->bias = random_in(s, 0, 5) ? m->bias : NULL;
    }
    if (l->kind != WICK_LAYER_MAXPOOL && l->kind != WICK_LAYER_CONCAT) {
        l->mult = m->mult;
        l->shift = m->shift;
    }
}

static void make(made *m, wick_layer_kind kind, uint64_t *s, int extreme) {
    wick_layer *l = &m->layer;
    do
        make_geometry(m, kind, s);
    while ((size_t)l->in_h * l->in_w * l->in_c > MAX_IN || layer_outputs(l) > MAX_OUT ||
           weights_of(l) > MAX_TAPS);
    l->operands = m->operands;
    for (int i = 0; i < l->n_operands; i++) {
        wick_operand *o = &m->operands[i];
        o->zero_point = random_in(s, 0, 3) ? random_s8(s, extreme, -128) : 0;
        o->mult = o->shift = 0;
        if (kind == WICK_LAYER_ADD)
            o->mult = random_in(s, 0, 3) ? random_in(s, 0, 1 << 20) : 1 << 20;
        if (kind == WICK_LAYER_CONCAT) {
            o->shift = (uint8_t)random_in(s, 2, 22);
            o->mult = random_in(s, 0, 1) ? random_in(s, 1 << 20, INT32_MAX)
                                         : (int32_t)(INT64_C(1) << (32 - o->shift));
        }
        for (int k = 0; k < l->in_h * l->in_w * o->channels; k++)
            m->src[i][k] = random_s8(s, extreme, -128);
    }
    l->out_zp = random_s8(s, extreme, -128);
    l->clamp_min = random_in(s, 0, 2) ? -128 : l->out_zp;
    l->clamp_max = random_in(s, 0, 3) ? 127 : (int8_t)random_in(s, l->clamp_min, 127);
    make_constants(m, s, extreme);
}

static void expect(made *m, int by_reference) {
    const int8_t *src[5] = {m->src[0], m->src[1], m->src[2], m->src[3], m->src[4]};
    static const int32_t no_bias[MAX_C];
    wick_layer reference = m->layer;
    reference.bias = m->layer.bias ? m->layer.bias : no_bias;
    if (by_reference)
        for (uint32_t i = 0; i < layer_outputs(&m->layer); i++)
            m->expected[i] = reference_element(&reference, src, i);
    else
        wick_layer_run(&m->layer, src, 0, 0, layer_outputs(&m->layer), m->expected, NULL);
}

static void *tight(const void *from, size_t bytes) {
    void *copy = malloc(bytes ? bytes : 1);
    assert_non_null(copy);
    if (from && bytes)
        memcpy(copy, from, bytes);
    return from ? copy : (free(copy), NULL);
}

/* The layer for a kernel, every constant in an allocation of its own. */
static wick_layer prepare(const made *m, uint8_t kernel) {
    wick_layer l = m->layer;
    size_t channels = l.kind <= WICK_LAYER_FC ? l.out_c : 1;
    l.kernel = kernel;
    l.bias = tight(l.bias, channels * sizeof *l.bias);
    l.mult = tight(l.mult, channels * sizeof *l.mult);
    l.shift = tight(l.shift, channels);
    l.weights = tight(l.weights, weights_of(&l));
    uint32_t words = wick_weights_words(&l);
    if (words) {
        uint32_t *packed = malloc(words * sizeof *packed);
        assert_non_null(packed);
        wick_weights_pack(&l, packed);
        free((void *)(uintptr_t)l.weights);
        l.packed = packed;
        l.weights = NULL;
    }
    return l;
}

static void release(wick_layer *l) {
    free((void *)(uintptr_t)l->bias);
    free((void *)(uintptr_t)l->mult);
    free((void *)(uintptr_t)l->shift);
    free((void *)(uintptr_t)l->weights);
    free((void *)(uintptr_t)l->packed);
}

static void check_guards(const uint8_t *begin, size_t guard, size_t bytes, uint8_t fill) {
    for (size_t i = 0; i < guard; i++) {
        assert_int_equal(begin[i], fill);
        assert_int_equal(begin[guard + bytes + i], fill);
    }
}

/* Outputs [first, first + count) from the needed rows alone, at odd addresses. */
static void run_range(const made *m, const wick_layer *l, uint32_t first, uint32_t count,
                      uint64_t *s) {
    wick_rows rows = wick_layer_input_rows(l, first, count);
    uint8_t *copies[5];
    const int8_t *src[5];
    for (uint32_t i = 0; i < l->n_operands; i++) {
        size_t row = wick_operand_row_bytes(l, i), bytes = row * rows.rows;
        size_t odd = random_u32(s) % 8;
        copies[i] = malloc(odd + bytes + !bytes);
        assert_non_null(copies[i]);
        memcpy(copies[i] + odd, m->src[i] + rows.row0 * row, bytes);
        src[i] = (int8_t *)copies[i] + odd;
    }
    size_t scratch_bytes = wick_layer_scratch_bytes(l), odd = random_u32(s) % 8;
    assert_int_equal(scratch_bytes % 4, 0);
    size_t guard = random_u32(s) % 2 ? GUARD : 0; /* without, a sanitizer sees more */
    uint8_t *dst = malloc(odd + count + 2 * guard),
            *scratch = malloc(scratch_bytes + 2 * guard + 1);
    assert_non_null(dst);
    assert_non_null(scratch);
    memset(dst, 0x5a, odd + count + 2 * guard);
    memset(scratch, 0x6b, scratch_bytes + 2 * guard);
    int8_t *out = (int8_t *)dst + odd + guard;
    wick_layer_run(l, src, rows.row0, first, count, out, scratch + guard);
    for (uint32_t i = 0; i < count; i++)
        if (out[i] != m->expected[first + i])
            fail_msg("%s, in %dx%dx%d, out %dx%dx%d, kernel %dx%d, stride %dx%d, pad %d,%d, "
                     "range %u+%u: element %u is %d, not %d",
                     wick_kernel_name(l->kind, l->kernel), l->in_h, l->in_w, l->in_c, l->out_h,
                     l->out_w, l->out_c, l->k_h, l->k_w, l->stride_h, l->stride_w, l->pad_top,
                     l->pad_left, first, count, first + i, out[i], m->expected[first + i]);
    check_guards(dst + odd, guard, count, 0x5a);
    check_guards(scratch, guard, scratch_bytes, 0x6b);
    free(dst);
    free(scratch);
    for (uint32_t i = 0; i < l->n_operands; i++)
        free(copies[i]);
}

/* The whole, whole pixels, channels within a pixel, anything. */
static void run_ranges(const made *m, const wick_layer *l, uint64_t *s) {
    uint32_t total = layer_outputs(l), pixels = total / l->out_c;
    run_range(m, l, 0, total, s);
    for (int i = 0; i < 3; i++) {
        uint32_t p = random_u32(s) % pixels, c = random_u32(s) % l->out_c;
        uint32_t first = random_u32(s) % total;
        run_range(m, l, p * l->out_c, (1 + random_u32(s) % (pixels - p)) * l->out_c, s);
        run_range(m, l, p * l->out_c + c, 1 + random_u32(s) % (l->out_c - c), s);
        run_range(m, l, first, 1 + random_u32(s) % (total - first), s);
    }
}

/* False (with a message) where the processor or the compiler has no such instructions. */
static int present(uint8_t kernel) {
    static const wick_layer_kind kinds[] = {
#define X(NAME, name, KIND) [WICK_KERNEL_##NAME] = WICK_LAYER_##KIND,
        WICK_KERNEL_TABLE(X)
#undef X
    };
    wick_layer l = {.kind = (uint8_t)kinds[kernel], .kernel = kernel};
    l.in_h = l.in_w = l.in_c = l.out_h = l.out_w = l.out_c = 1;
    l.k_h = l.k_w = l.stride_h = l.stride_w = 1;
    if (wick_kernel_fits(&l, kernel))
        return 1;
    print_message("SKIP: no instructions for %s here\n", wick_kernel_name(l.kind, kernel));
    return 0;
}

static void compare(wick_layer_kind kind, uint8_t kernel, int layers) {
    if (!present(kernel))
        skip();
    for (int i = 0; i < layers; i++) {
        uint64_t state = (uint64_t)(i + 1) * UINT64_C(0x9E3779B97F4A7C15) + kernel;
        make(&memory, kind, &state, i % 5 == 4);
        expect(&memory, i % 8 == 0);
        assert_true(wick_kernel_fits(&memory.layer, kernel));
        wick_layer layer = prepare(&memory, kernel);
        run_ranges(&memory, &layer, &state);
        release(&layer);
    }
}

#define TEST(NAME, name, KIND, layers)                                                             \
    static void name##_equals_portable(void **state) {                                             \
        (void)state;                                                                               \
        compare(WICK_LAYER_##KIND, WICK_KERNEL_##NAME, layers);                                    \
    }
TEST(CONV2D_S8_AVX2, conv2d_s8_avx2, CONV2D, 1500)
TEST(CONV2D_S8_VNNI, conv2d_s8_vnni, CONV2D, 1500)
TEST(DWCONV2D_S8_AVX2, dwconv2d_s8_avx2, DWCONV2D, 2000)
TEST(FC_S8_AVX2, fc_s8_avx2, FC, 1000)
TEST(FC_S8_VNNI, fc_s8_vnni, FC, 1000)
TEST(MAXPOOL_S8_AVX2, maxpool_s8_avx2, MAXPOOL, 1000)
TEST(AVGPOOL_S8_AVX2, avgpool_s8_avx2, AVGPOOL, 1000)
TEST(ADD_S8_AVX2, add_s8_avx2, ADD, 500)
TEST(CONCAT_S8_AVX2, concat_s8_avx2, CONCAT, 500)
#undef TEST

/* A window that lies in padding altogether, on any side. */
static void windows_outside(void **state) {
    (void)state;
    static const uint8_t kernels[] = {WICK_KERNEL_CONV2D_S8_AVX2, WICK_KERNEL_CONV2D_S8_VNNI,
                                      WICK_KERNEL_DWCONV2D_S8_AVX2, WICK_KERNEL_MAXPOOL_S8_AVX2};
    static const wick_layer_kind kinds[] = {WICK_LAYER_CONV2D, WICK_LAYER_CONV2D,
                                            WICK_LAYER_DWCONV2D, WICK_LAYER_MAXPOOL};
    for (int i = 0; i < 200; i++) {
        uint8_t kernel = kernels[i / 50];
        uint64_t seed = (uint64_t)i + 1;
        if (!present(kernel)) {
            i += 49;
            continue;
        }
        make(&memory, kinds[i / 50], &seed, 0);
        wick_layer *l = &memory.layer;
        l->in_h = (uint16_t)random_in(&seed, 1, 3);
        l->in_w = (uint16_t)random_in(&seed, 1, 3);
        l->pad_top = l->pad_left = 7;
        l->stride_h = l->stride_w = (uint8_t)random_in(&seed, 1, 4);
        l->out_h = (uint16_t)((l->in_h + 14 - l->k_h) / l->stride_h + 1);
        l->out_w = (uint16_t)((l->in_w + 14 - l->k_w) / l->stride_w + 1);
        if (layer_outputs(l) > MAX_OUT)
            continue;
        expect(&memory, 0);
        wick_layer layer = prepare(&memory, kernel);
        run_ranges(&memory, &layer, &seed);
        release(&layer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conv2d_s8_avx2_equals_portable),
        cmocka_unit_test(conv2d_s8_vnni_equals_portable),
        cmocka_unit_test(dwconv2d_s8_avx2_equals_portable),
        cmocka_unit_test(fc_s8_avx2_equals_portable),
        cmocka_unit_test(fc_s8_vnni_equals_portable),
        cmocka_unit_test(maxpool_s8_avx2_equals_portable),
        cmocka_unit_test(avgpool_s8_avx2_equals_portable),
        cmocka_unit_test(add_s8_avx2_equals_portable),
        cmocka_unit_test(concat_s8_avx2_equals_portable),
        cmocka_unit_test(windows_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
