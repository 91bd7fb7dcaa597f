/* Which weights stay where a whole network keeps a share of them; and that what the rules impose
   without training is what training imposes. */
#include "design/density.h"
#include "graph/graph.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_graph *network(void) {
    wick_recipe_options options = wick_recipe_defaults();
    wick_graph *graph;
    wick_diag diag = {0};
    options.width = 0.1;
    wick_status status = wick_recipe_build("cifar10s", &options, &graph, &diag);
    wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    return graph;
}

/* The score of each weight by its definition, quadratic in the size of the array. */
static double score_of(const float *w, size_t count, size_t i) {
    double above = 0, square = (double)w[i] * (double)w[i];
    for (size_t k = 0; k < count; k++)
        if (fabsf(w[k]) >= fabsf(w[i]))
            above += (double)w[k] * (double)w[k];
    return square / above;
}

static void scores_decide_over_all_arrays(void **state) {
    (void)state;
    wick_graph *graph = network();
    wick_densities *d = wick_densities_of(graph);
    int *tensors = calloc((size_t)graph->n_tensors, sizeof *tensors);
    int n = wick_train_weights(graph, tensors);
    assert_int_equal(n, d->n);
    assert_true(n >= 4);
    const double densities[] = {0.9, 0.5, 0.2, 0.03};
    for (size_t k = 0; k < WICK_LEN(densities); k++) {
        size_t sum = 0;
        double least_kept = INFINITY, most_gone = 0;
        for (int i = 0; i < n; i++) {
            const wick_tensor *w = &graph->tensors[tensors[i]];
            size_t count = (size_t)wick_shape_count(w->shape), kept = 0;
            size_t keep = wick_densities_keep(d, densities[k], i);
            assert_true(keep >= 1 && keep <= count);
            sum += keep;
            /* Its own `keep` largest stay: border by border the scores of all arrays agree. */
            float *sorted = malloc(count * sizeof *sorted);
            memcpy(sorted, w->data, count * sizeof *sorted);
            wick_train_options rules = wick_train_defaults();
            wick_graph *copy = wick_graph_clone(graph);
            wick_arena *arena = wick_arena_new();
            wick_densities_rules(d, densities[k], arena, &rules);
            wick_train_impose(copy, &rules);
            const float *thin = copy->tensors[tensors[i]].data;
            for (size_t j = 0; j < count; j += 7) { /* a sample: the definition is slow */
                double score = score_of(sorted, count, j);
                if (thin[j] != 0)
                    least_kept = fmin(least_kept, score);
                else
                    most_gone = fmax(most_gone, score);
            }
            for (size_t j = 0; j < count; j++)
                kept += thin[j] != 0;
            assert_int_equal(kept, keep);
            wick_arena_free(arena);
            wick_graph_free(copy);
            free(sorted);
        }
        assert_true(sum >= (size_t)(densities[k] * (double)d->total));
        assert_true((double)sum < densities[k] * (double)d->total + n);
        assert_true(least_kept >= most_gone * (1 - 1e-5));
    }
    free(tensors);
    wick_densities_free(d);
    wick_graph_free(graph);
}

/* Steps too small to change a weight leave what the rules impose. */
static void training_imposes_the_same(void **state) {
    (void)state;
    wick_data_options data_options = wick_data_defaults();
    wick_data *data;
    wick_diag diag = {0};
    wick_arena *arena = wick_arena_new();
    data_options.limit = 60;
    assert_int_equal(wick_data_open("builtin:shapes10", &data_options, &data, &diag), WICK_OK);
    for (int bits = 0; bits <= 8; bits += 4) {
        wick_graph *imposed = network(), *trained = network();
        wick_densities *d = wick_densities_of(imposed);
        wick_train_options options = wick_train_defaults();
        wick_train_result result;
        options.strategy = WICK_STRATEGY_UNIFIED;
        options.epochs = 1;
        options.batch = 30;
        options.learning_rate = 1e-30;
        options.quiet = true;
        wick_densities_rules(d, 0.3, arena, &options);
        options.n_bits = bits > 0;
        options.bits[0] = (wick_bits_rule){"*", bits};
        wick_train_impose(imposed, &options);
        wick_status status = wick_train_run(trained, data, &options, &result, &diag);
        wick_diag_print(&diag, stderr);
        assert_int_equal(status, WICK_OK);
        int *tensors = calloc((size_t)imposed->n_tensors, sizeof *tensors);
        int n = wick_train_weights(imposed, tensors);
        for (int i = 0; i < n; i++) {
            const wick_tensor *w = &imposed->tensors[tensors[i]];
            const wick_tensor *v = &trained->tensors[wick_graph_find(trained, w->name)];
            for (int64_t k = 0; k < wick_shape_count(w->shape); k++)
                assert_true(((const float *)w->data)[k] == ((const float *)v->data)[k]);
        }
        free(tensors);
        wick_densities_free(d);
        wick_graph_free(imposed);
        wick_graph_free(trained);
    }
    wick_arena_free(arena);
    wick_data_free(data);
}

/* Names are names, not patterns. */
static void a_name_is_no_pattern(void **state) {
    (void)state;
    wick_graph *graph = wick_graph_new("stars");
    const float few[] = {1, 2, 3, 4}, many[] = {9, 8, 7, 6};
    wick_shape shape = {2, {2, 2}};
    int x = wick_graph_tensor(graph, "x", WICK_F32, (wick_shape){2, {1, 2}}, NULL);
    int a = wick_graph_tensor(graph, "a*[0]?", WICK_F32, shape, few);
    int b = wick_graph_tensor(graph, "ab0c", WICK_F32, shape, many);
    int y = wick_graph_node(graph, "one", WICK_OP_GEMM, (int[]){x, a}, 2, "y", NULL);
    int z = wick_graph_node(graph, "two", WICK_OP_GEMM, (int[]){y, b}, 2, "z", NULL);
    graph->input = x;
    graph->family = (wick_family){.features = -1, .n_heads = 1, .heads = {z}, .head_names = {"h"}};
    assert_int_equal(wick_graph_infer(graph, NULL), WICK_OK);
    wick_densities *d = wick_densities_of(graph);
    wick_arena *arena = wick_arena_new();
    wick_train_options rules = wick_train_defaults();
    wick_densities_rules(d, 0.5, arena, &rules);
    assert_int_equal(rules.n_sparse, 2);
    wick_train_impose(graph, &rules);
    for (int i = 0; i < 2; i++) {
        size_t kept = 0;
        for (int k = 0; k < 4; k++)
            kept += ((float *)graph->tensors[i ? b : a].data)[k] != 0;
        assert_int_equal(kept, wick_densities_keep(d, 0.5, i));
    }
    wick_arena_free(arena);
    wick_densities_free(d);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_decide_over_all_arrays),
        cmocka_unit_test(training_imposes_the_same),
        cmocka_unit_test(a_name_is_no_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
