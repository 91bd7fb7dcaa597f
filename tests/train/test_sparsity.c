/* Hard thresholding against sorting, with many equal magnitudes, and of groups against counting;
   and training under it. */
#include "train/schedule.h"
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

/* One group of a structured rule and its members. */
static double norm_of(const float *w, const wick_sparse_array *array, size_t block, size_t b,
                      size_t i) {
    double sum = 0;
    for (size_t r = b * block; r < (b + 1) * block && r < array->rows; r++) {
        double value = w[array->place[r * array->inputs * array->taps + i]];
        sum += value * value;
    }
    return (double)(float)sqrt(sum);
}

/* How many groups that compete with group i of block b go before it: those of a whole array, or of
   its run of m inputs. */
static size_t rivals_before(const float *w, const wick_sparse_array *a,
                            const wick_sparse_rule *rule, size_t b, size_t i, size_t *rivals) {
    size_t block = rule->block > 1 ? (size_t)rule->block : 1, before = 0, m = (size_t)rule->m;
    size_t each = a->inputs * a->taps;
    double own = norm_of(w, a, block, b, i);
    *rivals = 0;
    for (size_t c = 0; c * block < a->rows; c++)
        for (size_t j = 0; j < each; j++) {
            bool run = c == b && j % a->taps == i % a->taps &&
                       (m == 0 || j / a->taps / m == i / a->taps / m);
            if (m && !run)
                continue;
            double other = norm_of(w, a, block, c, j);
            *rivals += 1;
            before += other > own || (!(other < own) && c * each + j < b * each + i);
        }
    return before;
}

static void groups_go_together(void **state) {
    (void)state;
    enum { MOST = 700 };
    static float w[MOST], before[MOST];
    static uint32_t place[MOST];
    wick_rng rng = wick_rng_seed(2, 9);
    int thinned = 0;
    for (int round = 0; round < 300; round++) {
        wick_sparse_array a = {.rows = 1 + wick_rng_below(&rng, 9),
                               .inputs = 1 + wick_rng_below(&rng, 12),
                               .taps = 1 + wick_rng_below(&rng, 5),
                               .place = place};
        size_t each = a.inputs * a.taps, n = a.rows * each;
        a.stored = n + wick_rng_below(&rng, 60); /* padding anywhere */
        for (size_t i = 0; i < a.stored; i++)
            place[i] = (uint32_t)i;
        wick_rng_shuffle(&rng, place, a.stored);
        memset(w, 0, sizeof w);
        for (size_t i = 0; i < n; i++)
            w[place[i]] = round % 2 ? wick_rng_normal(&rng) : rintf(wick_rng_normal(&rng)) * 1e-30f;
        memcpy(before, w, sizeof w);
        wick_sparse_rule rule = {.density = 0.05 + 0.9 * (double)wick_rng_below(&rng, 100) / 100,
                                 .block = (int)wick_rng_below(&rng, 6)};
        if (rule.block < 2 || round % 3 == 0) {
            rule.m = 1 + (int)wick_rng_below(&rng, 8);
            rule.n = 1 + (int)wick_rng_below(&rng, (uint32_t)rule.m);
        }
        double excess = round % 5 ? 0 : 0.3,
               target = rule.m ? (double)rule.n / rule.m : rule.density;
        size_t block = rule.block > 1 ? (size_t)rule.block : 1;
        wick_sparse_impose(w, &a, &rule, excess);
        for (size_t r = 0; r < a.rows; r++)
            for (size_t i = 0; i < each; i++) {
                size_t rivals, at = place[r * each + i];
                bool stays = rivals_before(before, &a, &rule, r / block, i, &rivals) <
                             wick_sparse_count(rivals, target + (1 - target) * excess);
                assert_true(w[at] == (stays ? before[at] : 0));
                thinned += !stays;
            }
    }
    assert_true(thinned > 1000);
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
        options.sparse[0] = (wick_sparse_rule){.pattern = "TM*", .density = 0.5};
        options.sparse[1] = (wick_sparse_rule){.pattern = "TM1.*", .density = 0.21};
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
        options.sparse[0] = (wick_sparse_rule){.pattern = "*.weight", .density = 0.3};
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

/* Fails unless the array has the rule's pattern: exactly as many weights as it leaves, in whole
   groups; returns whether any went. `fewer`: rounding may have made some of them 0. */
static int has_pattern(const wick_tensor *w, const wick_sparse_rule *rule, bool fewer) {
    const float *data = w->data;
    size_t rows = (size_t)w->shape.dim[0], inputs = (size_t)w->shape.dim[1];
    size_t taps = (size_t)wick_shape_count(w->shape) / (rows * inputs), each = inputs * taps;
    size_t block = rule->block > 1 ? (size_t)rule->block : 1, blocks = (rows + block - 1) / block;
    size_t run = rule->m ? (size_t)rule->m : inputs, total = 0, wanted = 0;
    for (size_t b = 0; b < blocks; b++)
        for (size_t first = 0; first < inputs; first += run)
            for (size_t t = 0; t < taps; t++) {
                size_t used = 0, count = inputs - first < run ? inputs - first : run;
                for (size_t i = first; i < first + count; i++) {
                    bool any = false;
                    for (size_t r = b * block; r < (b + 1) * block && r < rows; r++)
                        any |= data[r * each + i * taps + t] != 0;
                    used += any;
                }
                total += used;
                if (rule->m) {
                    wanted += wick_sparse_count(count, (double)rule->n / rule->m);
                    assert_true(used <= wick_sparse_count(count, (double)rule->n / rule->m));
                }
            }
    if (!rule->m)
        wanted = wick_sparse_count(blocks * each, rule->density);
    if (fewer)
        assert_true(total <= wanted);
    else
        assert_int_equal(total, wanted);
    return total < blocks * each;
}

/* Trained under each pattern, with averages and for few bits too: what is kept has it. */
static void trained_patterns(void **state) {
    (void)state;
    static const wick_sparse_rule rules[] = {{.pattern = "TM*", .density = 0.3, .block = 4},
                                             {.pattern = "TM*", .n = 1, .m = 4},
                                             {.pattern = "TM*", .n = 2, .m = 4, .block = 2}};
    for (int round = 0; round < 6; round++) {
        wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
        options.ema = round % 2 ? 0.9 : 0;
        options.n_sparse = 1;
        options.sparse[0] = rules[round / 2];
        if (round == 2) {
            options.n_bits = 1;
            options.bits[0] = (wick_bits_rule){"TM*", 4};
        }
        wick_graph *graph = tiny_family(true, false);
        wick_data *data = tiny_data(1);
        wick_train_result result;
        assert_int_equal(wick_train_run(graph, data, &options, &result, NULL), WICK_OK);
        int thin = 0;
        for (int t = 0; t < graph->n_tensors; t++) {
            const wick_tensor *w = &graph->tensors[t];
            if (!w->data || strncmp(w->name, "TM", 2) || !strstr(w->name, ".weight"))
                continue;
            thin += has_pattern(w, &rules[round / 2], round == 2);
        }
        assert_true(thin > 2);
        wick_data_free(data);
        wick_graph_free(graph);
    }
}

/* The way down: monotone, from nearly 1 to 0 at the end of the ramp, finest at its end; never
   through the last epoch. */
static void density_falls_finely(void **state) {
    (void)state;
    wick_train_options options = wick_train_defaults();
    options.epochs = 10;
    options.sparse_ramp = 0.61;
    double last = 1;
    for (int e = 0; e < 10; e++)
        for (int s = 0; s < 20; s++) {
            double excess = wick_schedule_excess(&options, e, s, 20), t = (20 * e + s + 1) / 140.0;
            assert_true(excess < last || (e >= 7 && excess <= 0));
            assert_true(fabs(excess - (t < 1 ? (1 - t) * (1 - t) * (1 - t) : 0)) < 1e-12);
            last = excess;
        }
    options.sparse_ramp = 0.99;
    assert_true(wick_schedule_excess(&options, 8, 18, 20) > 0);
    assert_true(wick_schedule_excess(&options, 8, 19, 20) <= 0);
    options.sparse_ramp = 0;
    assert_true(wick_schedule_excess(&options, 0, 0, 20) <= 0);
}

/* Weights of an epoch that was still too dense are never kept, however good it was. */
static void only_the_density_asked_for_is_kept(void **state) {
    (void)state;
    for (int round = 0; round < 2; round++) {
        wick_train_options options = tiny_options(WICK_STRATEGY_BASELINE);
        options.epochs = 6;
        options.sparse_ramp = 0.7;
        options.n_sparse = 1;
        options.sparse[0] =
            (wick_sparse_rule){.pattern = "*.weight", .density = 0.02, .block = 2 * round};
        wick_graph *graph = tiny_family(false, false);
        wick_data *data = tiny_data(1);
        wick_train_result result;
        assert_int_equal(wick_train_run(graph, data, &options, &result, NULL), WICK_OK);
        for (int k = 0; k < graph->family.n_heads; k++)
            assert_true(result.best_epoch[k] >= 5);
        for (int t = 0; t < graph->n_tensors; t++) {
            const wick_tensor *w = &graph->tensors[t];
            if (w->data && strstr(w->name, ".weight"))
                assert_true(has_pattern(w, &options.sparse[0], false) >= 0);
        }
        wick_data_free(data);
        wick_graph_free(graph);
    }
}

static void rules_that_are_wrong(void **state) {
    (void)state;
    wick_graph *graph = tiny_family(true, false);
    wick_data *data = tiny_data(1);
    wick_train_result result;
    wick_diag diag = {0};
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
    options.n_sparse = 1;
    options.sparse[0] = (wick_sparse_rule){.pattern = "TM1.*.bias",
                                           .density = 0.5}; /* biases do not decay and stay dense */
    assert_int_equal(wick_train_run(graph, data, &options, &result, &diag), WICK_UNKNOWN);
    assert_true(wick_diag_contains(&diag, "TM1.*.bias"));
    options.sparse[0] = (wick_sparse_rule){.pattern = "TM1.*", .density = 0};
    assert_int_equal(wick_train_run(graph, data, &options, &result, &diag), WICK_RANGE);
    options.sparse[0] = (wick_sparse_rule){.pattern = "TM1.*", .n = 3, .m = 2};
    assert_int_equal(wick_train_run(graph, data, &options, &result, &diag), WICK_RANGE);
    options.sparse[0] = (wick_sparse_rule){.pattern = "TM1.*", .density = 0.5, .block = 65};
    assert_int_equal(wick_train_run(graph, data, &options, &result, &diag), WICK_RANGE);
    wick_diag_free(&diag);
    wick_data_free(data);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_sorting_keeps),
        cmocka_unit_test(density_rounds_up),
        cmocka_unit_test(trained_weights_are_sparse),
        cmocka_unit_test(pruned_weights_may_return),
        cmocka_unit_test(rules_that_are_wrong),
        cmocka_unit_test(groups_go_together),
        cmocka_unit_test(trained_patterns),
        cmocka_unit_test(density_falls_finely),
        cmocka_unit_test(only_the_density_asked_for_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
