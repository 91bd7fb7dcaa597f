#include "helper_goal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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
