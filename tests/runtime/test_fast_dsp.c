/* The kernels for the ARM DSP extension, here in their plain C form, against the per-element
   reference: random layers, any range, any alignment, tight memory on all sides. */
#include "helper_reference.h"
#include "weights/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 16, SRC = 1 << 15, WEIGHTS = 1 << 15, CHANNELS = 300, OUTPUTS = 1 << 15 };

/* A layer with all that belongs to it. */
static struct {
    wick_layer layer;
    wick_operand operands[2];
    int8_t src[2][SRC], weights[WEIGHTS], expected[OUTPUTS];
    int32_t bias[CHANNELS], mult[CHANNELS];
    uint8_t shift[CHANNELS];
    uint32_t *packed; /* exactly its words */
    int bias_is_null;
    uint64_t random;
} t;

static int32_t pick(int32_t low, int32_t high) {
    return random_in(&t.random, low, high);
}

static int8_t value(int extreme, int8_t low) {
    if (!extreme)
        return (int8_t)pick(low, 127);
    return pick(0, 3) ? low : 127;
}

/* A size that is mostly small and sometimes up to `high`. */
static int32_t size(int32_t high) {
    return pick(0, 3) ? pick(1, high < 9 ? high : 9) : pick(1, high);
}

/* Output size from input, kernel, stride and padding before; padding behind up to k - 1. */
static uint16_t output_size(int32_t in, int32_t k, int32_t stride, int32_t before, int pads) {
    int32_t behind = pads ? pick(0, k - 1) : 0;
    if (in + before + behind < k)
        behind = k - in - before;
    return (uint16_t)((in + before + behind - k) / stride + 1);
}

static int set_window(int32_t k_h, int32_t k_w, int pads) {
    wick_layer *l = &t.layer;
    l->k_h = (uint8_t)k_h;
    l->k_w = (uint8_t)k_w;
    l->stride_h = (uint8_t)pick(1, pick(0, 2) ? 2 : 5);
    l->stride_w = (uint8_t)pick(1, pick(0, 2) ? 2 : 5);
    l->pad_top = (uint8_t)(pads ? pick(0, k_h - 1) : 0);
    l->pad_left = (uint8_t)(pads ? pick(0, k_w - 1) : 0);
    l->out_h = output_size(l->in_h, k_h, l->stride_h, l->pad_top, pads);
    l->out_w = output_size(l->in_w, k_w, l->stride_w, l->pad_left, pads);
    l->out_c = l->in_c;
    return layer_outputs(l) <= OUTPUTS;
}

static int set_input(int32_t h, int32_t w, int32_t c) {
    t.layer.in_h = (uint16_t)h;
    t.layer.in_w = (uint16_t)w;
    t.layer.in_c = (uint16_t)c;
    return h * w * c <= SRC;
}

/* Geometry of a kernel; 0: too large, try again. */
static int set_geometry(wick_kernel kernel) {
    wick_layer *l = &t.layer;
    int32_t channels = pick(0, 2) ? pick(1, 24) : pick(1, 130);
    switch (kernel) {
    case WICK_KERNEL_DWCONV2D_3X3_S8_DSP:
        return set_input(size(12), pick(0, 1) ? pick(5, 30) : pick(5, 90), channels) &&
               set_window(3, 3, 1);
    case WICK_KERNEL_DWCONV2D_S8_DSP:
        return set_input(size(16), size(40), channels) && set_window(size(16), size(16), 1) &&
               l->k_h * l->k_w * channels <= WEIGHTS;
    case WICK_KERNEL_MAXPOOL_S8_DSP:
        return set_input(size(16), size(40), channels) && set_window(size(5), size(5), 1);
    case WICK_KERNEL_AVGPOOL_S8_DSP:
        return set_input(size(30), size(30), channels) &&
               set_window(pick(0, 1) ? l->in_h : pick(1, l->in_h),
                          pick(0, 1) ? l->in_w : pick(1, l->in_w), 0);
    case WICK_KERNEL_ADD_S8_DSP:
        if (!set_input(size(9), size(9), channels))
            return 0;
        l->out_h = l->in_h;
        l->out_w = l->in_w;
        l->out_c = l->in_c;
        l->k_h = l->k_w = l->stride_h = l->stride_w = 1;
        return 1;
    default:
        if (!set_input(pick(1, 4), pick(1, 4), channels))
            return 0;
        if (!pick(0, 2))
            set_input(1, 1, pick(400, 1700)); /* chunks of 512 inputs */
        l->out_h = l->out_w = 1;
        l->out_c = (uint16_t)pick(1, 14);
        return l->in_h * l->in_w * l->in_c * l->out_c <= WEIGHTS;
    }
}

/* Terms of a sum, or 0 for kinds without weights. */
static int32_t fan_in(const wick_layer *l) {
    if (l->kind == WICK_LAYER_FC)
        return l->in_h * l->in_w * l->in_c;
    return l->kind == WICK_LAYER_DWCONV2D ? l->k_h * l->k_w : 0;
}

static void set_numbers(int extreme) {
    wick_layer *l = &t.layer;
    l->out_zp = value(extreme, -128);
    l->clamp_min = pick(0, 1) ? -128 : l->out_zp;
    l->clamp_max = pick(0, 1) ? 127 : (int8_t)pick(l->clamp_min, 127);
    for (int i = 0; i < 2; i++) {
        t.operands[i] = (wick_operand){.channels = l->in_c, .zero_point = value(extreme, -128)};
        if (l->kind == WICK_LAYER_ADD)
            t.operands[i].mult = pick(0, 3) ? pick(0, 1 << 20) : 1 << 20;
        for (int k = 0; k < SRC; k++)
            t.src[i][k] = value(extreme, -128);
    }
    int32_t fan = fan_in(l);
    int64_t most = (int64_t)fan * 128 * 128 + 100000;
    if (l->kind == WICK_LAYER_AVGPOOL)
        most = (int64_t)l->k_h * l->k_w * 255;
    if (l->kind == WICK_LAYER_ADD)
        most = (int64_t)2 * 255 << 20;
    for (int c = 0; c < (fan ? l->out_c : 1); c++) {
        int32_t room = 0; /* the largest shift of a sum */
        while (room < 31 && most << (room + 1) <= INT32_MAX)
            room++;
        t.shift[c] = (uint8_t)(pick(0, 2) ? 0 : pick(0, room));
        int64_t mult = ((int64_t)pick(1, 400) << 32) / (most << t.shift[c]);
        t.mult[c] = (int32_t)(mult < 1 ? 1 : mult > INT32_MAX ? INT32_MAX : mult);
        t.bias[c] = t.bias_is_null ? 0 : pick(-100000, 100000);
    }
    int32_t weights = fan * (l->kind == WICK_LAYER_FC ? l->out_c : l->in_c);
    if (l->kind == WICK_LAYER_DWCONV2D)
        weights = fan * l->in_c;
    for (int32_t i = 0; fan && i < weights; i++)
        t.weights[i] = value(extreme, -127);
}

static const uint8_t kind_of[] = {WICK_LAYER_KINDS,
#define X(NAME, name, KIND) WICK_LAYER_##KIND,
                                  WICK_KERNEL_TABLE(X)
#undef X
};

/* A random layer on the kernel, weights packed and taken away. */
static void make(wick_kernel kernel, uint64_t seed) {
    wick_layer *l = &t.layer;
    t.random = seed * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)kernel;
    t.bias_is_null = pick(0, 7) == 0;
    do {
        memset(l, 0, sizeof *l);
        l->kind = kind_of[kernel];
    } while (!set_geometry(kernel) || !wick_kernel_fits(l, (uint8_t)kernel));
    l->n_operands = l->kind == WICK_LAYER_ADD ? 2 : 1;
    l->operands = t.operands;
    set_numbers(seed % 5 == 0);
    if (l->kind == WICK_LAYER_DWCONV2D || l->kind == WICK_LAYER_FC) {
        l->weights = t.weights;
        l->bias = t.bias;
    }
    if (l->kind != WICK_LAYER_MAXPOOL) {
        l->mult = t.mult;
        l->shift = t.shift;
    }
    const int8_t *src[2] = {t.src[0], t.src[1]};
    for (uint32_t i = 0; i < layer_outputs(l); i++)
        t.expected[i] = reference_element(l, src, i);
    l->kernel = (uint8_t)kernel;
    if (t.bias_is_null)
        l->bias = NULL;
    uint32_t words = wick_weights_words(l);
    t.packed = malloc(words ? words * sizeof *t.packed : 1);
    assert_non_null(t.packed);
    wick_weights_pack(l, t.packed);
    if (words) {
        l->packed = t.packed;
        l->weights = NULL;
    }
}

/* n bytes that begin at any alignment and end with their allocation; *block is to be freed. */
static int8_t *tight(size_t n, void **block) {
    size_t before = (size_t)pick(0, 3);
    *block = malloc(before + n + (before + n == 0));
    assert_non_null(*block);
    return (int8_t *)*block + before;
}

static void run_range(uint32_t first, uint32_t count) {
    const wick_layer *l = &t.layer;
    wick_rows rows = wick_layer_input_rows(l, first, count);
    uint16_t row0 = l->kind == WICK_LAYER_FC ? 0 : (uint16_t)pick(0, rows.row0);
    void *blocks[3];
    const int8_t *src[2] = {NULL, NULL};
    for (uint32_t i = 0; i < l->n_operands; i++) {
        size_t row = wick_operand_row_bytes(l, i), n = row * (size_t)(rows.row0 + rows.rows - row0);
        int8_t *copy = tight(n, &blocks[i]);
        memcpy(copy, t.src[i] + row0 * row, n);
        src[i] = copy;
    }
    int8_t *dst = tight(count + 2 * GUARD, &blocks[2]);
    memset(dst, 0x5a, count + 2 * GUARD);
    uint32_t scratch_bytes = wick_layer_scratch_bytes(l);
    uint32_t guard = pick(0, 1) ? GUARD : 0; /* without, a sanitizer sees overreads */
    uint8_t *scratch = malloc(scratch_bytes + guard + 1);
    assert_non_null(scratch);
    assert_int_equal(scratch_bytes % 4, 0);
    memset(scratch, 0xa5, scratch_bytes + guard);
    wick_layer_run(l, src, row0, first, count, dst + GUARD, scratch);
    for (uint32_t i = 0; i < count; i++)
        if (dst[GUARD + i] != t.expected[first + i])
            fail_msg("%s, in %dx%dx%d, out %dx%dx%d, kernel %dx%d, stride %dx%d, pad %d,%d, range "
                     "%u+%u: element %u is %d, not %d",
                     wick_kernel_name(l->kind, l->kernel), l->in_h, l->in_w, l->in_c, l->out_h,
                     l->out_w, l->out_c, l->k_h, l->k_w, l->stride_h, l->stride_w, l->pad_top,
                     l->pad_left, first, count, first + i, dst[GUARD + i], t.expected[first + i]);
    for (uint32_t i = 0; i < GUARD; i++) {
        assert_int_equal(dst[i], 0x5a);
        assert_int_equal(dst[GUARD + count + i], 0x5a);
    }
    for (uint32_t i = 0; i < guard; i++)
        assert_int_equal(scratch[scratch_bytes + i], 0xa5);
    free(scratch);
    for (uint32_t i = 0; i < l->n_operands; i++)
        free(blocks[i]);
    free(blocks[2]);
}

/* Whole; whole pixels; channels within a pixel; anything. */
static void some_ranges(void) {
    const wick_layer *l = &t.layer;
    uint32_t total = layer_outputs(l), pixels = total / l->out_c;
    run_range(0, total);
    for (int i = 0; i < 4; i++) {
        uint32_t pixel = (uint32_t)pick(0, (int32_t)pixels - 1);
        uint32_t n = (uint32_t)pick(1, (int32_t)(pixels - pixel));
        run_range(pixel * l->out_c, n * l->out_c);
        uint32_t c = (uint32_t)pick(0, l->out_c - 1);
        run_range(pixel * l->out_c + c, (uint32_t)pick(1, (int32_t)(l->out_c - c)));
        uint32_t first = (uint32_t)pick(0, (int32_t)total - 1);
        run_range(first, (uint32_t)pick(1, (int32_t)(total - first)));
    }
}

static void kernel_equals_reference(wick_kernel kernel, uint64_t layers) {
    for (uint64_t seed = 1; seed <= layers; seed++) {
        make(kernel, seed);
        some_ranges();
        free(t.packed);
    }
}

static void dwconv2d_equals_the_reference(void **state) {
    (void)state;
    kernel_equals_reference(WICK_KERNEL_DWCONV2D_S8_DSP, 300);
}

static void dwconv2d_3x3_equals_the_reference(void **state) {
    (void)state;
    kernel_equals_reference(WICK_KERNEL_DWCONV2D_3X3_S8_DSP, 800);
}

static void fc_equals_the_reference(void **state) {
    (void)state;
    kernel_equals_reference(WICK_KERNEL_FC_S8_DSP, 800);
}

static void pools_equal_the_reference(void **state) {
    (void)state;
    kernel_equals_reference(WICK_KERNEL_MAXPOOL_S8_DSP, 500);
    kernel_equals_reference(WICK_KERNEL_AVGPOOL_S8_DSP, 500);
}

static void add_equals_the_reference(void **state) {
    (void)state;
    kernel_equals_reference(WICK_KERNEL_ADD_S8_DSP, 800);
}

/* The largest sums there can be: every product has the same sign, over several chunks. */
static void fc_sums_do_not_overflow(void **state) {
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2)
        for (int32_t n = 511; n <= 2049; n += 1 + n % 3 * 256) {
            memset(&t.layer, 0, sizeof t.layer);
            wick_layer *l = &t.layer;
            l->kind = WICK_LAYER_FC;
            l->n_operands = 1;
            l->operands = t.operands;
            l->in_h = l->in_w = l->out_h = l->out_w = 1;
            l->in_c = (uint16_t)n;
            l->out_c = 5;
            l->clamp_min = -128;
            l->clamp_max = 127;
            l->weights = t.weights;
            l->mult = t.mult;
            l->shift = t.shift;
            for (int i = 0; i < n; i++)
                t.src[0][i] = -128;
            for (int i = 0; i < 5 * n; i++)
                t.weights[i] = (int8_t)(sign * (i / n == 1 ? -127 : 127));
            const int8_t *src[1] = {t.src[0]};
            int8_t expected[5], y[5];
            for (int c = 0; c < 5; c++) {
                t.shift[c] = 0;
                t.mult[c] = 12345;
            }
            wick_layer_run(l, src, 0, 0, 5, expected, NULL);
            static uint32_t packed[2 * 4 * 2052];
            l->kernel = WICK_KERNEL_FC_S8_DSP;
            assert_true(wick_weights_words(l) <= sizeof packed / sizeof *packed);
            wick_weights_pack(l, packed);
            l->packed = packed;
            wick_layer_run(l, src, 0, 0, 5, y, NULL);
            assert_memory_equal(y, expected, 5);
        }
}

/* Windows of nothing but one extreme value: the sums of as many as are added in 16 bits. */
static void avgpool_sums_do_not_overflow(void **state) {
    (void)state;
    for (uint16_t side = 14; side <= 34; side++)
        for (int low = 0; low <= 1; low++) {
            memset(&t.layer, 0, sizeof t.layer);
            wick_layer *l = &t.layer;
            l->kind = WICK_LAYER_AVGPOOL;
            l->n_operands = 1;
            l->operands = t.operands;
            l->in_h = l->in_w = side;
            l->k_h = l->k_w = (uint8_t)side;
            l->in_c = l->out_c = 11;
            l->out_h = l->out_w = l->stride_h = l->stride_w = 1;
            l->clamp_min = -128;
            l->clamp_max = 127;
            l->mult = t.mult;
            l->shift = t.shift;
            t.operands[0].zero_point = 0;
            t.shift[0] = 0;
            t.mult[0] = (int32_t)((INT64_C(1) << 32) / (side * side));
            memset(t.src[0], low ? -128 : 127, sizeof t.src[0]);
            const int8_t *src[1] = {t.src[0]};
            int8_t y[11];
            l->kernel = WICK_KERNEL_AVGPOOL_S8_DSP;
            wick_layer_run(l, src, 0, 0, 11, y, NULL);
            for (int c = 0; c < 11; c++)
                assert_int_equal(y[c], low ? -128 : 127);
        }
}

/* What the layers of the benchmark take in scratch and weights. */
static void sizes_are_small(void **state) {
    (void)state;
    wick_layer l = {.kind = WICK_LAYER_DWCONV2D,
                    .in_h = 16,
                    .in_w = 16,
                    .in_c = 64,
                    .out_h = 16,
                    .out_w = 16,
                    .out_c = 64,
                    .k_h = 3,
                    .k_w = 3,
                    .stride_h = 1,
                    .stride_w = 1};
    l.kernel = WICK_KERNEL_DWCONV2D_3X3_S8_DSP;
    assert_true(wick_layer_scratch_bytes(&l) <= 1536);
    assert_int_equal(wick_weights_words(&l), 3 * 64);
    l.out_w = l.in_w = 4096; /* wide images are cut into strips */
    assert_true(wick_layer_scratch_bytes(&l) <= 1536);
    l.kernel = WICK_KERNEL_DWCONV2D_S8_DSP;
    assert_true(wick_layer_scratch_bytes(&l) <= 256);
    assert_int_equal(wick_weights_words(&l), 9 * 64 / 2);
    l.k_h = 17, l.k_w = 16;
    assert_false(wick_kernel_fits(&l, WICK_KERNEL_DWCONV2D_S8_DSP));
    assert_false(wick_kernel_fits(&l, WICK_KERNEL_DWCONV2D_3X3_S8_DSP));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dwconv2d_equals_the_reference),
        cmocka_unit_test(dwconv2d_3x3_equals_the_reference),
        cmocka_unit_test(fc_equals_the_reference),
        cmocka_unit_test(pools_equal_the_reference),
        cmocka_unit_test(add_equals_the_reference),
        cmocka_unit_test(fc_sums_do_not_overflow),
        cmocka_unit_test(avgpool_sums_do_not_overflow),
        cmocka_unit_test(sizes_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
