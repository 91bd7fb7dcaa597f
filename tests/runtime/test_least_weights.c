/* Weights of -128, which this toolchain never makes but other tools do: a kernel either computes
   them as the portable one does, or wick_weights_fit() says that it cannot. */
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

enum { LAYERS = 150 };

static const uint8_t kind_of_kernel[WICK_KERNELS + 1] = {0,
#define X(NAME, name, KIND) WICK_LAYER_##KIND,
                                                         WICK_KERNEL_TABLE(X)
#undef X
};

static random_layer r;
static int8_t expected[MAX_TENSOR], y[MAX_TENSOR];

static size_t count_weights(const wick_layer *l) {
    size_t n = (size_t)l->k_h * l->k_w * l->out_c;
    if (l->kind == WICK_LAYER_FC)
        return (size_t)l->in_h * l->in_w * l->in_c * l->out_c;
    return l->kind == WICK_LAYER_CONV2D ? n * l->in_c : n;
}

/* Many of the least weights and values, and multipliers that keep the results apart. */
static void make(uint8_t kernel, uint64_t *s) {
    random_layer_make(&r, kind_of_kernel[kernel], s, 0);
    size_t n = count_weights(&r.layer), taps = n / r.layer.out_c;
    assert_true(n <= MAX_WEIGHTS);
    for (size_t i = 0; i < n; i++)
        r.weights[i] = (int8_t)(random_u32(s) % 3 ? -128 : random_in(s, -128, 127));
    for (size_t i = 0; i < MAX_TENSOR; i++)
        r.src[0][i] = (int8_t)(random_u32(s) % 3 ? -128 : random_in(s, -128, 127));
    for (uint32_t c = 0; c < r.layer.out_c; c++) {
        r.shift[c] = 0;
        r.mult[c] = (int32_t)((INT64_C(100) << 32) / (int64_t)(taps * 128 * 128));
        r.bias[c] = -(int32_t)taps * 8000;
    }
    r.layer.kernel = kernel;
    r.layer.clamp_min = -128;
    r.layer.clamp_max = 127;
}

/* Whether the kernel gives the portable one's results. */
static int is_right(void) {
    const int8_t *src[4] = {r.src[0], r.src[1], r.src[2], r.src[3]};
    wick_layer portable = r.layer, packed = r.layer;
    uint32_t outputs = layer_outputs(&r.layer), words = wick_weights_words(&r.layer);
    portable.kernel = WICK_KERNEL_PORTABLE;
    wick_layer_run(&portable, src, 0, 0, outputs, expected, NULL);
    uint32_t *weights = calloc(words + 1, 4);
    void *scratch = calloc(1, wick_layer_scratch_bytes(&r.layer) + 4);
    assert_non_null(weights);
    assert_non_null(scratch);
    wick_weights_pack(&r.layer, weights);
    packed.packed = weights;
    wick_layer_run(&packed, src, 0, 0, outputs, y, scratch);
    free(weights);
    free(scratch);
    return !memcmp(y, expected, outputs);
}

static void kernels_know_what_they_can(void **state) {
    (void)state;
    for (uint8_t kernel = 1; kernel < WICK_KERNELS; kernel++) {
        uint8_t kind = kind_of_kernel[kernel];
        if (kind != WICK_LAYER_CONV2D && kind != WICK_LAYER_DWCONV2D && kind != WICK_LAYER_FC)
            continue;
        int wrong = 0, refused = 0, fits = 0;
        uint64_t s = UINT64_C(0x9E3779B97F4A7C15) * kernel;
        for (int i = 0; i < LAYERS; i++) {
            make(kernel, &s);
            if (!wick_kernel_fits(&r.layer, kernel))
                continue;
            fits++;
            refused += !wick_weights_fit(&r.layer);
            wrong += !is_right();
        }
        if (wrong && refused != fits)
            fail_msg("%s: %d of %d layers differ", wick_kernel_name(kind, kernel), wrong, fits);
        if (refused && !wrong)
            fail_msg("%s refuses what it can compute", wick_kernel_name(kind, kernel));
    }
}

/* All but those of kernels for four bits, which take -8..7. */
static void other_weights_fit(void **state) {
    (void)state;
    uint64_t s = 7;
    for (uint8_t kernel = 1; kernel < WICK_KERNELS; kernel++) {
        random_layer_make(&r, kind_of_kernel[kernel], &s, 0);
        r.layer.kernel = kernel;
        for (size_t i = 0; i < MAX_WEIGHTS; i++)
            r.weights[i] = r.weights[i] == -128 ? -127 : r.weights[i];
        if (strstr(wick_kernel_name(r.layer.kind, kernel), "sparse4") ||
            strstr(wick_kernel_name(r.layer.kind, kernel), "nibble")) {
            assert_false(wick_weights_fit(&r.layer));
            for (size_t i = 0; i < MAX_WEIGHTS; i++)
                r.weights[i] = (int8_t)(r.weights[i] / 16);
        }
        assert_true(wick_weights_fit(&r.layer));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_know_what_they_can),
        cmocka_unit_test(other_weights_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
