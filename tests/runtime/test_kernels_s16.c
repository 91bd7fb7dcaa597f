/* The kernels of layers with 16-bit tensors against a naive reference of their own: whole layers,
   all ways to split them, src that starts at the first needed row, every mixture of int8 and int16.
   Inputs end where their allocation ends, so a sanitizer build sees overreads. */
#include "helper_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <wick/wide.h>

enum { GUARD = 16, SEEDS = 60 };

/* A random layer of the int8 kind, some of whose tensors are made int16. */
typedef struct wide_layer {
    random_layer base;
    int32_t src[4][MAX_TENSOR]; /* values, whatever their width */
} wide_layer;
static wide_layer memory;

static int32_t random_value(uint64_t *s, int wide, int extreme) {
    int32_t low = wide ? INT16_MIN : INT8_MIN, high = wide ? INT16_MAX : INT8_MAX;
    if (extreme)
        return random_u32(s) % 16 ? low : high;
    return random_in(s, low, high);
}

/* Which tensors are wide: some of them, but of a maxpool and a move both or none. */
static void choose_widths(wide_layer *r, uint64_t *s) {
    wick_layer *l = &r->base.layer;
    int same = l->kind == WICK_LAYER_MAXPOOL || l->kind == WICK_LAYER_MOVE, any = 0;
    while (!any) {
        any = same || random_in(s, 0, 1);
        l->wide = any ? 1 : 0;
        for (int i = 0; i < l->n_operands; i++) {
            r->base.operands[i].wide = same || random_in(s, 0, 1) ? 1 : 0;
            any |= r->base.operands[i].wide;
        }
    }
    for (int i = 0; i < l->n_operands; i++)
        if (r->base.operands[i].wide)
            r->base.operands[i].zero_point = 0;
    if (!l->wide)
        return;
    l->out_zp = 0;
    l->clamp_min = random_in(s, 0, 2) ? INT16_MIN : (int16_t)random_in(s, -300, 0);
    l->clamp_max = random_in(s, 0, 2) ? INT16_MAX : (int16_t)random_in(s, 0, 30000);
}

/* The most that |acc| can be. */
static int64_t most_acc(const wick_layer *l, int c) {
    int64_t sum = 0, value = 0, fan = 0, step = 1;
    const int8_t *w = l->weights;
    for (int i = 0; i < l->n_operands; i++) {
        int64_t size = l->operands[i].wide ? 32768 : 255;
        value = size > value ? size : value;
        sum += size * (l->operands[i].mult < 0 ? -l->operands[i].mult : l->operands[i].mult);
    }
    if (l->kind == WICK_LAYER_ADD)
        return sum;
    if (l->kind == WICK_LAYER_MUL)
        return 32768 * (int64_t)32768;
    if (l->kind == WICK_LAYER_AVGPOOL)
        return value * l->k_h * l->k_w;
    if (l->kind == WICK_LAYER_CONV2D)
        fan = (int64_t)l->k_h * l->k_w * l->in_c, w += c * fan;
    if (l->kind == WICK_LAYER_FC)
        fan = (int64_t)l->in_h * l->in_w * l->in_c, w += c * fan;
    if (l->kind == WICK_LAYER_DWCONV2D)
        fan = (int64_t)l->k_h * l->k_w, w += c, step = l->out_c;
    sum = l->bias[c] < 0 ? -(int64_t)l->bias[c] : l->bias[c];
    for (int64_t i = 0; i < fan; i++)
        sum += value * abs(w[i * step]);
    return sum;
}

/* Divided by at least 2^j so that 32 bits hold it, or not at all; the product lands around one to
   the whole range. */
static void choose_multiplier(wide_layer *r, uint64_t *s, int c) {
    wick_layer *l = &r->base.layer;
    int64_t most = most_acc(l, c) + 1, range = l->wide ? 40000 : 200;
    int j = 0;
    while ((most >> j) + 1 > INT32_MAX)
        j++;
    j += random_in(s, 0, 2) ? 0 : random_in(s, 0, 4);
    double m = (double)random_in(s, 1, (int32_t)range) * 4294967296.0 /
               ((double)most / (double)((int64_t)1 << j));
    r->base.shift[c] = (uint8_t)(j ? 31 + j : 0);
    while (j == 0 && m >= 2147483648.0 && (most << (r->base.shift[c] + 1)) <= INT32_MAX) {
        m /= 2;
        r->base.shift[c]++;
    }
    r->base.mult[c] = m < 1 ? 1 : m > 2147483647.0 ? INT32_MAX : (int32_t)m;
}

static void make(wide_layer *r, wick_layer_kind kind, uint64_t seed, int extreme) {
    uint64_t s = seed * UINT64_C(0x9E3779B97F4A7C15) + (uint64_t)kind;
    wick_layer *l = &r->base.layer;
    do
        random_layer_make(&r->base, kind, &s, extreme);
    while (kind == WICK_LAYER_CONCAT && l->weights); /* a table has no 16 bits */
    choose_widths(r, &s);
    for (int i = 0; i < l->n_operands; i++) {
        int64_t n = (int64_t)l->in_h * l->in_w *
                    (kind == WICK_LAYER_CONCAT ? l->operands[i].channels : l->in_c);
        if (kind == WICK_LAYER_ADD)
            r->base.operands[i].mult *= random_in(&s, 0, 1) ? 256 : 1;
        for (int64_t k = 0; k < n; k++)
            r->src[i][k] = random_value(&s, l->operands[i].wide, extreme);
        if (kind == WICK_LAYER_CONCAT && r->base.operands[i].mult != 0) {
            int widens = l->wide && !l->operands[i].wide;
            int narrows = !l->wide && l->operands[i].wide;
            r->base.operands[i].shift = (uint8_t)(widens ? random_in(&s, 4, 12) : narrows ? 0 : 2);
            r->base.operands[i].mult =
                narrows ? random_in(&s, 1 << 20, 1 << 25) : random_in(&s, 1 << 29, 1 << 30);
        }
    }
    if (l->mult)
        for (int c = 0; c < (kind <= WICK_LAYER_FC ? l->out_c : 1); c++)
            choose_multiplier(r, &s, c);
    for (int k = 1; k < WICK_KERNELS; k++)
        if (wick_kernel_fits(l, (uint8_t)k))
            l->kernel = (uint8_t)k;
    assert_true(wick_kernel_fits(l, l->kernel));
    assert_int_not_equal(l->kernel, WICK_KERNEL_PORTABLE);
}

/* ---- the reference: the definitions of model.h, element by element ---- */

/* floor(acc / 2^j + 1/2) for shifts beyond 31, else the one rule. */
static int64_t requantized(int64_t acc, int64_t mult, int shift) {
    if (shift > 31) {
        int64_t unit = (int64_t)1 << (shift - 31), twice = 2 * acc + unit;
        acc = twice / (2 * unit) - (twice % (2 * unit) < 0);
        shift = 0;
    }
    return reference_requantize(acc, mult, shift);
}

static int64_t tap(const wide_layer *r, int y, int x, int c, int64_t outside) {
    const wick_layer *l = &r->base.layer;
    if (y < 0 || y >= l->in_h || x < 0 || x >= l->in_w)
        return outside;
    return r->src[0][(y * l->in_w + x) * l->in_c + c];
}

static int64_t window(const wide_layer *r, int oy, int ox, int c) {
    const wick_layer *l = &r->base.layer;
    int64_t zero = l->operands[0].zero_point, sum = 0, most = INT64_MIN;
    int dense = l->kind == WICK_LAYER_CONV2D;
    for (int ky = 0; ky < l->k_h; ky++)
        for (int kx = 0; kx < l->k_w; kx++)
            for (int i = dense ? 0 : c; i < (dense ? l->in_c : c + 1); i++) {
                int y = oy * l->stride_h - l->pad_top + ky;
                int x = ox * l->stride_w - l->pad_left + kx;
                int64_t q = tap(r, y, x, i, zero), w = 1;
                if (dense)
                    w = l->weights[((c * l->k_h + ky) * l->k_w + kx) * l->in_c + i];
                if (l->kind == WICK_LAYER_DWCONV2D)
                    w = l->weights[(ky * l->k_w + kx) * l->out_c + c];
                sum += w * (l->kind == WICK_LAYER_AVGPOOL ? q - zero : q);
                q = tap(r, y, x, i, INT64_MIN);
                most = q > most ? q : most;
            }
    return l->kind == WICK_LAYER_MAXPOOL ? most : sum;
}

static int64_t reference(const wide_layer *r, uint32_t index) {
    const wick_layer *l = &r->base.layer;
    const wick_operand *o = l->operands;
    int c = (int)(index % l->out_c), ox = (int)(index / l->out_c % l->out_w);
    int oy = (int)(index / l->out_c / l->out_w), per_channel = l->kind <= WICK_LAYER_FC;
    int64_t acc = per_channel ? l->bias[c] : 0, y = 0;
    switch (l->kind) {
    case WICK_LAYER_FC:
        for (int i = 0, n = l->in_h * l->in_w * l->in_c; i < n; i++)
            acc += (int64_t)r->src[0][i] * l->weights[c * n + i];
        break;
    case WICK_LAYER_ADD:
        for (int i = 0; i < 2; i++)
            acc += (int64_t)(r->src[i][index] - o[i].zero_point) * o[i].mult;
        break;
    case WICK_LAYER_MUL:
        acc = (int64_t)(r->src[0][index] - o[0].zero_point) * (r->src[1][index] - o[1].zero_point);
        break;
    case WICK_LAYER_MOVE: {
        int64_t at =
            (int64_t)l->bias[oy] + l->bias[l->out_h + ox] + l->bias[l->out_h + l->out_w + c];
        return at < 0 ? 0 : r->src[0][at];
    }
    case WICK_LAYER_CONCAT: {
        int i = 0;
        for (; c >= o[i].channels; i++)
            c -= o[i].channels;
        int64_t q = r->src[i][(oy * l->out_w + ox) * o[i].channels + c];
        y = l->out_zp + requantized(q - o[i].zero_point, o[i].mult, o[i].shift);
        break;
    }
    default:
        acc += window(r, oy, ox, c);
        y = acc;
    }
    int at = per_channel ? c : 0;
    if (l->mult)
        y = l->out_zp + requantized(acc, l->mult[at], l->shift[at]);
    return y < l->clamp_min ? l->clamp_min : y > l->clamp_max ? l->clamp_max : y;
}

/* ---- the comparison ---- */

static int64_t output_at(const wick_layer *l, const int8_t *dst, uint32_t i) {
    int16_t wide;
    if (!l->wide)
        return dst[i];
    memcpy(&wide, dst + 2 * i, sizeof wide);
    return wide;
}

/* The rows that a range needs, and nothing behind them, as the kernel reads them. */
static int8_t *copy_rows(const wide_layer *r, uint32_t operand, wick_rows rows) {
    const wick_layer *l = &r->base.layer;
    uint32_t wide = l->operands[operand].wide;
    uint32_t row = wick_operand_row_bytes(l, operand), n = row / (wide ? 2 : 1);
    int8_t *copy = malloc((size_t)row * rows.rows + 1);
    assert_non_null(copy);
    copy = realloc(copy, rows.rows ? (size_t)row * rows.rows : 1);
    assert_non_null(copy);
    for (uint32_t i = 0; i < n * rows.rows; i++) {
        int32_t value = r->src[operand][rows.row0 * n + i];
        if (wide)
            ((int16_t *)(void *)copy)[i] = (int16_t)value;
        else
            copy[i] = (int8_t)value;
    }
    return copy;
}

static void run_range(const wide_layer *r, uint32_t first, uint32_t count) {
    const wick_layer *l = &r->base.layer;
    wick_rows rows = wick_layer_input_rows(l, first, count);
    int8_t *copies[4] = {0};
    const int8_t *src[4] = {0};
    for (uint32_t i = 0; i < l->n_operands; i++)
        src[i] = copies[i] = copy_rows(r, i, rows);
    uint32_t bytes = count * wick_out_size(l);
    int8_t *dst = malloc(bytes + 2 * GUARD);
    assert_non_null(dst);
    memset(dst, 0x5a, bytes + 2 * GUARD);
    wick_layer_run(l, src, rows.row0, first, count, dst + GUARD, NULL);
    for (uint32_t i = 0; i < count; i++) {
        int64_t got = output_at(l, dst + GUARD, i), want = reference(r, first + i);
        if (got != want)
            fail_msg("kind %d, in %dx%dx%d, out %dx%dx%d, kernel %dx%d, wide %d from %d, range "
                     "%u+%u: element %u is %lld, not %lld",
                     l->kind, l->in_h, l->in_w, l->in_c, l->out_h, l->out_w, l->out_c, l->k_h,
                     l->k_w, l->wide, l->operands[0].wide, first, count, first + i, (long long)got,
                     (long long)want);
    }
    for (uint32_t i = 0; i < GUARD; i++) {
        assert_int_equal(dst[i], 0x5a);
        assert_int_equal(dst[GUARD + bytes + i], 0x5a);
    }
    free(dst);
    for (uint32_t i = 0; i < l->n_operands; i++)
        free(copies[i]);
}

/* Whole; in pieces of every number of pixels; in pieces of every number of channels. */
static void all_splittings(const wide_layer *r) {
    const wick_layer *l = &r->base.layer;
    uint32_t total = layer_outputs(l), pixels = total / l->out_c;
    for (uint32_t step = pixels; step >= 1; step = step == 1 ? 0 : (step + 1) / 2)
        for (uint32_t p = 0; p < pixels; p += step)
            run_range(r, p * l->out_c, (pixels - p < step ? pixels - p : step) * l->out_c);
    for (uint32_t step = 1; step < l->out_c; step += 2)
        for (uint32_t c = 0; c < l->out_c; c += step)
            run_range(r, total - l->out_c + c, l->out_c - c < step ? l->out_c - c : step);
}

#define KINDS(X)                                                                                   \
    X(CONV2D)                                                                                      \
    X(DWCONV2D) X(FC) X(MAXPOOL) X(AVGPOOL) X(ADD) X(CONCAT) X(MOVE) X(MUL)
#define X(kind)                                                                                    \
    static void kind##_equals_the_reference(void **state) {                                        \
        (void)state;                                                                               \
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {                                           \
            make(&memory, WICK_LAYER_##kind, seed, seed % 4 == 0);                                 \
            all_splittings(&memory);                                                               \
        }                                                                                          \
    }
KINDS(X)
#undef X

/* What 32-bit sums could not hold: every value and weight at the end of its range. */
static void the_largest_sums_are_exact(void **state) {
    (void)state;
    enum { N = 4000, OUT = 5 };
    static int16_t x[N];
    static int8_t w[OUT * N];
    int16_t y[OUT];
    const int32_t bias[OUT] = {INT32_MAX, INT32_MIN, 0, 7, -7};
    int32_t mult[OUT];
    uint8_t shift[OUT];
    wick_operand operand = {.channels = N, .wide = 1};
    wick_layer l = {.kind = WICK_LAYER_FC,
                    .kernel = WICK_KERNEL_FC_S16,
                    .n_operands = 1,
                    .wide = 1,
                    .in_h = 1,
                    .in_w = 1,
                    .in_c = N,
                    .out_h = 1,
                    .out_w = 1,
                    .out_c = OUT,
                    .clamp_min = INT16_MIN,
                    .clamp_max = INT16_MAX,
                    .operands = &operand,
                    .weights = w,
                    .bias = bias,
                    .mult = mult,
                    .shift = shift};
    for (int i = 0; i < N; i++)
        x[i] = INT16_MIN;
    for (int o = 0; o < OUT; o++) {
        shift[o] = 31 + 8; /* sums reach 1.7e10, more than 2^33 */
        mult[o] = 1 << 20;
        for (int i = 0; i < N; i++)
            w[o * N + i] = o % 2 ? 127 : -128;
    }
    const int8_t *src[1] = {(const int8_t *)x};
    wick_layer_run(&l, src, 0, 0, OUT, (int8_t *)y, NULL);
    for (int o = 0; o < OUT; o++) {
        int64_t acc = bias[o] + (int64_t)N * INT16_MIN * (o % 2 ? 127 : -128);
        int64_t want = requantized(acc, mult[o], shift[o]);
        assert_in_range(want + 32768, 1, 65534); /* not hidden by a clamp */
        assert_int_equal(y[o], want);
    }
}

static void dividing_rounds_half_up(void **state) {
    (void)state;
    /* mult 2^31 - 1 halves what the shift left: 3/2 -> 2 -> 1, -3/2 -> -1 -> 0 (-0.5 up). */
    assert_int_equal(wick_requantize_wide(3, INT32_MAX, 32), 1);
    assert_int_equal(wick_requantize_wide(-3, INT32_MAX, 32), 0);
    assert_int_equal(wick_requantize_wide(-5, INT32_MAX, 32), -1);
    assert_int_equal(wick_requantize_wide((int64_t)5 << 40, 1 << 30, 31 + 32), 320);
    uint64_t s = 9;
    for (int i = 0; i < 1000000; i++) {
        uint8_t shift = (uint8_t)random_in(&s, 0, 50);
        int64_t acc = (int64_t)(((uint64_t)random_u32(&s) << 32) | random_u32(&s));
        acc >>= shift > 31 ? 64 - 31 - (shift - 31) : 32 + shift;
        int32_t mult = (int32_t)(random_u32(&s) >> random_in(&s, 1, 31)) | 1;
        assert_int_equal(wick_requantize_wide(acc, mult, shift), requantized(acc, mult, shift));
    }
}

/* No int8 kernel takes a layer with a wide tensor, and no wide kernel one without. */
static void kernels_know_their_widths(void **state) {
    (void)state;
    for (int kind = 0; kind < WICK_LAYER_KINDS; kind++) {
        uint64_t s = 77;
        random_layer_make(&memory.base, (wick_layer_kind)kind, &s, 0);
        memory.base.layer.weights = kind == WICK_LAYER_CONCAT ? NULL : memory.base.layer.weights;
        for (int wide = 0; wide < 4; wide++) { /* of output, of the last operand */
            wick_layer *l = &memory.base.layer;
            int found = 0;
            l->wide = wide & 1;
            memory.base.operands[l->n_operands - 1].wide = (uint8_t)(wide >> 1);
            assert_int_equal(wick_is_wide(l), wide != 0);
            assert_int_equal(wick_kernel_fits(l, WICK_KERNEL_PORTABLE), !wide);
            for (uint8_t k = 1; k < WICK_KERNELS; k++)
                if (wick_kernel_fits(l, k)) {
                    found += k >= WICK_KERNEL_CONV2D_S16;
                    assert_int_equal(k >= WICK_KERNEL_CONV2D_S16, wide != 0);
                }
            assert_int_equal(found, wide && kind != WICK_LAYER_SOFTMAX);
        }
    }
}

/* Rows of the operand and the output count twice where they are wide. */
static void scratch_counts_two_bytes(void **state) {
    (void)state;
    wick_operand operand = {.channels = 3, .wide = 1};
    wick_layer l = {.kind = WICK_LAYER_MAXPOOL, .n_operands = 1, .operands = &operand};
    l.in_h = l.out_h = 4, l.in_w = l.out_w = 3, l.in_c = l.out_c = 3;
    l.k_h = l.k_w = l.stride_h = l.stride_w = 1;
    wick_step step = {0, 9, 9};
    wick_model model = {.layers = &l, .steps = &step, .n_steps = 1};
    assert_int_equal(wick_step_scratch_bytes(&model, &step, 0, 0), 20 + 12);
    l.wide = 1;
    assert_int_equal(wick_step_scratch_bytes(&model, &step, 0, 0), 20 + 20);
    assert_int_equal(wick_unit_outputs(&l, 8), 4);
    assert_int_equal(wick_unit_outputs(&l, 1), 1);
    assert_int_equal(wick_unit_outputs(&l, 0), 1);
    l.wide = 0;
    assert_int_equal(wick_unit_outputs(&l, 8), 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define X(kind) cmocka_unit_test(kind##_equals_the_reference),
        KINDS(X)
#undef X
            cmocka_unit_test(the_largest_sums_are_exact),
        cmocka_unit_test(dividing_rounds_half_up),
        cmocka_unit_test(kernels_know_their_widths),
        cmocka_unit_test(scratch_counts_two_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
