/* Hard thresholding against sorting, with many equal magnitudes; and training under it. */
#include "train/sparsity.h"

#include "base/base.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct item {
    float size;
    size_t index;
} item;

static int larger_first(const void *a, const void *b) {
    const item *x = a, *y = b;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static void keeps_what_sorting_keeps(void **state) {
    (void)state;
    enum { MOST = 3000 };
    static float w[MOST], expected[MOST];
    static item items[MOST];
    wick_rng rng = wick_rng_seed(1, 9);
    for (int round = 0; round < 400; round++) {
        size_t count = 1 + wick_rng_below(&rng, MOST),
               keep = wick_rng_below(&rng, (uint32_t)count + 2);
        int coarse = round % 3; /* many ties, some, hardly any; zeros and tiny numbers among them */
        for (size_t i = 0; i < count; i++) {
            float value = wick_rng_normal(&rng);
            w[i] = coarse == 0   ? rintf(value)
                   : coarse == 1 ? rintf(64 * value) * 1e-30f
                                 : value * 1e-3f;
            items[i] = (item){fabsf(w[i]), i};
        }
        qsort(items, count, sizeof *items, larger_first);
        memset(expected, 0, sizeof expected);
        for (size_t i = 0; i < keep && i < count; i++)
            expected[items[i].index] = w[items[i].index];
        wick_sparse_keep(w, count, keep);
        for (size_t i = 0; i < count; i++)
            assert_true(w[i] == expected[i]);
    }
}

static void density_rounds_up(void **state) {
    (void)state;
    assert_int_equal(wick_sparse_count(10, 0.1), 1);
    assert_int_equal(wick_sparse_count(10, 0.11), 2);
    assert_int_equal(wick_sparse_count(30, 0.1), 3);
    assert_int_equal(wick_sparse_count(7, 1), 7);
    assert_int_equal(wick_sparse_count(1, 1e-9), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_sorting_keeps),
        cmocka_unit_test(density_rounds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
