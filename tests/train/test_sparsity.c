/* Hard thresholding against sorting, with many equal magnitudes; and training under it. */
#include "train/sparsity.h"

#include "helper_family.h"

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

static size_t nonzeros(const wick_tensor *t) {
    size_t count = 0;
    for (int64_t i = 0; i < wick_shape_count(t->shape); i++)
        count += ((const float *)t->data)[i] != 0;
    return count;
}

/* The last rule counts, biases stay dense, and averages are as sparse as the weights. */
static void trained_weights_are_sparse(void **state) {
    (void)state;
    for (int averaged = 0; averaged < 2; averaged++) {
        wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED_KD);
        options.ema = averaged ? 0.9 : 0;
        options.n_sparse = 2;
        options.sparse[0] = (wick_sparse_rule){"TM*", 0.5};
        options.sparse[1] = (wick_sparse_rule){"TM1.*", 0.21};
        wick_graph *graph = tiny_family(true, false);
        wick_data *data = tiny_data(1);
        wick_train_result result;
        assert_int_equal(wick_train_run(graph, data, &options, &result, NULL), WICK_OK);
        int thin = 0, dense = 0;
        for (int t = 0; t < graph->n_tensors; t++) {
            const wick_tensor *w = &graph->tensors[t];
            if (!w->data || !strstr(w->name, ".weight"))
                continue;
            size_t count = (size_t)wick_shape_count(w->shape);
            double density = strncmp(w->name, "TM", 2)    ? 1
                             : strncmp(w->name, "TM1", 3) ? 0.5
                                                          : 0.21;
            assert_int_equal(nonzeros(w), wick_sparse_count(count, density));
            thin += density < 1;
            dense += density >= 1; /* false alarms: a trained weight is not exactly zero */
        }
        assert_true(thin > 2 && dense > 0);
        wick_data_free(data);
        wick_graph_free(graph);
    }
}

/* What is zero after an epoch is not what is zero after three: pruned weights come back. */
static void pruned_weights_may_return(void **state) {
    (void)state;
    wick_graph *after[2];
    for (int i = 0; i < 2; i++) {
        wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
        options.epochs = i ? 8 : 1;
        options.lr_schedule = WICK_LR_CONSTANT;
        options.n_sparse = 1;
        options.sparse[0] = (wick_sparse_rule){"*.weight", 0.3};
        after[i] = tiny_family(true, false);
        wick_data *data = tiny_data(1);
        wick_train_result result;
        assert_int_equal(wick_train_run(after[i], data, &options, &result, NULL), WICK_OK);
        wick_data_free(data);
    }
    int returned = 0;
    for (int t = 0; t < after[0]->n_tensors; t++) {
        const wick_tensor *a = &after[0]->tensors[t];
        if (!a->data || !strstr(a->name, ".weight"))
            continue;
        const wick_tensor *b = &after[1]->tensors[wick_graph_find(after[1], a->name)];
        for (int64_t i = 0; i < wick_shape_count(a->shape); i++)
            returned += ((const float *)a->data)[i] == 0 && ((const float *)b->data)[i] != 0;
    }
    assert_true(returned > 0);
    wick_graph_free(after[0]);
    wick_graph_free(after[1]);
}

static void rules_that_are_wrong(void **state) {
    (void)state;
    wick_graph *graph = tiny_family(true, false);
    wick_data *data = tiny_data(1);
    wick_train_result result;
    wick_diag diag = {0};
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
    options.n_sparse = 1;
    options.sparse[0] =
        (wick_sparse_rule){"TM1.*.bias", 0.5}; /* biases do not decay and stay dense */
    assert_int_equal(wick_train_run(graph, data, &options, &result, &diag), WICK_UNKNOWN);
    assert_true(wick_diag_contains(&diag, "TM1.*.bias"));
    options.sparse[0] = (wick_sparse_rule){"TM1.*", 0};
    assert_int_equal(wick_train_run(graph, data, &options, &result, &diag), WICK_RANGE);
    wick_diag_free(&diag);
    wick_data_free(data);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_sorting_keeps),   cmocka_unit_test(density_rounds_up),
        cmocka_unit_test(trained_weights_are_sparse), cmocka_unit_test(pruned_weights_may_return),
        cmocka_unit_test(rules_that_are_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
