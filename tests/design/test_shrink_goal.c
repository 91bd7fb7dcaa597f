/* Shrinking to budgets: what is refused before any training. */
#include "helper_goal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_arena *arena;
static wick_device *device;
static wick_data *data;

static int set_up(void **state) {
    (void)state;
    return helper_open(&arena, &device, &data);
}

static int tear_down(void **state) {
    (void)state;
    helper_close(arena, data);
    return 0;
}

/* A float network with one convolution less than none. */
static wick_graph *without_weights(void) {
    wick_graph *graph = wick_graph_new("pool");
    int x = wick_graph_tensor(graph, "x", WICK_F32, (wick_shape){4, {1, 3, 32, 32}}, NULL);
    int y = wick_graph_node(graph, "pool", WICK_OP_GLOBAL_AVG_POOL, &x, 1, "y", NULL);
    graph->input = x;
    graph->family = (wick_family){.features = -1, .n_heads = 1, .heads = {y}, .head_names = {"h"}};
    assert_int_equal(wick_graph_infer(graph, NULL), WICK_OK);
    return graph;
}

static void refuse(const wick_graph *graph, wick_status want, const char *says) {
    wick_goal_options options = helper_brief();
    wick_goal_result result;
    wick_diag diag = {0};
    int steps = 0;
    options.on_step = helper_count_step;
    options.ctx = &steps;
    wick_status got = wick_goal_shrink(graph, data, device, &options, arena, &result, &diag);
    if (got != want || !wick_diag_contains(&diag, says))
        wick_diag_print(&diag, stdout);
    assert_int_equal(got, want);
    assert_true(wick_diag_contains(&diag, says));
    assert_int_equal(steps, 0);
    assert_null(result.model);
    wick_diag_free(&diag);
}

static void bad_input_is_refused_before_training(void **state) {
    (void)state;
    wick_graph *graph = helper_network(10), *other = helper_network(7), *none = without_weights(),
               *quantized;
    wick_quantize_options quantize = wick_quantize_defaults();
    quantize.images = 20;
    assert_int_equal(wick_quantize(graph, data, &quantize, &quantized, NULL), WICK_OK);
    refuse(quantized, WICK_UNSUPPORTED, "quantized already");
    refuse(other, WICK_SHAPE, "the data have 10 classes, the module answers 7");
    refuse(none, WICK_UNSUPPORTED, "no trainable weights");
    int *tensors = calloc((size_t)graph->n_tensors, sizeof *tensors);
    int n = wick_train_weights(graph, tensors);
    wick_tensor *last = &graph->tensors[tensors[n - 1]];
    ((float *)last->data)[wick_shape_count(last->shape) - 1] = NAN;
    refuse(graph, WICK_RANGE, last->name);
    ((float *)last->data)[wick_shape_count(last->shape) - 1] = INFINITY;
    refuse(graph, WICK_RANGE, last->name);
    free(tensors);
    wick_graph_free(quantized);
    wick_graph_free(none);
    wick_graph_free(other);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_input_is_refused_before_training),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
