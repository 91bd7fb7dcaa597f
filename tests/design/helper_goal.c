#include "helper_goal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

wick_data *helper_images(void) {
    wick_data_options options = wick_data_defaults();
    wick_data *data;
    options.limit = 80;
    assert_int_equal(wick_data_open("builtin:shapes10", &options, &data, NULL), WICK_OK);
    return data;
}

wick_graph *helper_network(int classes) {
    wick_recipe_options options = wick_recipe_defaults();
    wick_graph *graph;
    options.width = 0.15;
    options.classes = classes;
    assert_int_equal(wick_recipe_build("cifar10s", &options, &graph, NULL), WICK_OK);
    return graph;
}

wick_goal_options helper_brief(void) {
    wick_goal_options options = wick_goal_defaults();
    options.train.epochs = 2;
    options.train.batch = 40;
    options.train.quiet = true;
    options.train.threads = 1;
    options.quantize.images = 20;
    options.trials = 2;
    return options;
}

int helper_open(wick_arena **arena, wick_device **device, wick_data **data) {
    *arena = wick_arena_new();
    *data = helper_images();
    return wick_device_load(*arena, "m4-fram", device, NULL) == WICK_OK ? 0 : -1;
}

void helper_close(wick_arena *arena, wick_data *data) {
    wick_data_free(data);
    wick_arena_free(arena);
}

void helper_count_step(void *ctx, const wick_goal_step *step) {
    (void)step;
    ++*(int *)ctx;
}

wick_tensor *helper_weights(wick_graph *graph, const char *node) {
    for (int i = 0; i < graph->n_nodes; i++)
        if (!strcmp(graph->nodes[i].name, node))
            return &graph->tensors[graph->nodes[i].inputs[1]];
    fail_msg("no node %s", node);
    return NULL;
}
