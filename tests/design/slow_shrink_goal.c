/* Shrinking to budgets with its trainings: what holds, and what is nearest. */
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

static wick_status shrink(const wick_graph *graph, const wick_goal_options *options,
                          wick_goal_result *result, wick_diag *diag) {
    wick_status status = wick_goal_shrink(graph, data, device, options, arena, result, diag);
    if (status != WICK_OK && status != WICK_NO_FIT)
        wick_diag_print(diag, stdout);
    return status;
}

/* What a plan of the result with the promised options takes is what was promised. */
static void check_promise(const wick_goal_result *r, const wick_goal_options *options) {
    wick_plan_options limited = wick_budgets_plan(&r->budgets, device, &options->plan);
    wick_qnet *net;
    wick_plan *plan;
    const wick_demand *said = &r->steps[r->best].figures;
    assert_int_equal(wick_qnet_lower(r->model, &net, NULL), WICK_OK);
    assert_int_equal(wick_plan_make(net, device, &limited, NULL, &plan, NULL), WICK_OK);
    assert_true(said->value[WICK_BUDGET_FLASH] == (double)plan->totals.flash_bytes);
    assert_true(said->value[WICK_BUDGET_RAM] == (double)plan->totals.ram_bytes);
    assert_true(said->value[WICK_BUDGET_NVM] == (double)plan->totals.memory_bytes);
    assert_true(said->value[WICK_BUDGET_ENERGY] == wick_plan_answer_uj(plan, 1));
    assert_true(said->value[WICK_BUDGET_SPAN] == plan->worst_span_uj);
    for (int k = 0; k < WICK_BUDGETS; k++)
        assert_true(said->value[k] <= r->budgets.limit[k]);
    wick_plan_free(plan);
    wick_qnet_free(net);
}

static double flash_of(const wick_goal_result *r, int step) {
    return r->steps[step].figures.value[WICK_BUDGET_FLASH];
}

/* Ever smaller budgets: 8 bits without training first, then what needs training. */
static void budgets_hold(void **state) {
    (void)state;
    wick_graph *graph = helper_network(10);
    wick_goal_options options = helper_brief();
    wick_goal_result result;
    wick_diag diag = {0};
    assert_int_equal(shrink(graph, &options, &result, &diag), WICK_OK);
    assert_true(result.met);
    assert_int_equal(result.n_steps, 2); /* float, 8 bits */
    check_promise(&result, &options);
    assert_true(flash_of(&result, 1) > 18000);
    wick_graph_free(result.model);

    /* The planner divides layers where that is enough. */
    const wick_budget divides[] = {WICK_BUDGET_RAM, WICK_BUDGET_SPAN};
    const double limits[] = {6000, 60};
    for (int i = 0; i < 2; i++) {
        options = helper_brief();
        options.budgets.limit[divides[i]] = limits[i];
        assert_true(result.steps[1].figures.value[divides[i]] > limits[i]);
        wick_goal_result divided;
        assert_int_equal(shrink(graph, &options, &divided, &diag), WICK_OK);
        assert_true(divided.met);
        assert_int_equal(divided.n_steps, 2);
        check_promise(&divided, &options);
        wick_graph_free(divided.model);
    }
    options = helper_brief();
    options.budgets.limit[WICK_BUDGET_FLASH] = 18000;
    assert_int_equal(shrink(graph, &options, &result, &diag), WICK_OK);
    assert_true(result.met);
    assert_true(result.n_steps >= 3);
    assert_true(result.steps[result.best].epochs > 0);
    check_promise(&result, &options);
    for (int s = 2; s < result.n_steps; s++) /* planned before they were trained */
        assert_true(flash_of(&result, s) <= 18000);
    wick_graph_free(result.model);
    wick_graph_free(graph);
}

/* Budgets that no combination can hold: each is named before anything is measured, with the least
   that is possible. */
static void the_impossible_is_refused_at_once(void **state) {
    (void)state;
    wick_graph *graph = helper_network(10);
    const struct {
        double limit;
        const char *says;
    } cases[] = {[WICK_BUDGET_FLASH] = {9000, "of it is code; of the layers '"},
                 [WICK_BUDGET_RAM] = {1100, "of the layers 'TM1.conv"},
                 [WICK_BUDGET_NVM] = {2000, "is the least"},
                 [WICK_BUDGET_ENERGY] = {2, "of the layers 'TM1.conv1' takes most"},
                 [WICK_BUDGET_SPAN] = {0.5, "is the least"}};
    int steps = 0;
    wick_goal_options options = helper_brief();
    wick_goal_result result;
    wick_diag diag = {0};
    options.on_step = helper_count_step;
    options.ctx = &steps;
    for (size_t k = 0; k < WICK_LEN(cases); k++)
        options.budgets.limit[k] = cases[k].limit;
    assert_int_equal(shrink(graph, &options, &result, &diag), WICK_NO_FIT);
    assert_int_equal(steps, 0);
    assert_null(result.model);
    if (diag.count != WICK_LEN(cases))
        wick_diag_print(&diag, stdout);
    assert_int_equal(diag.count, WICK_LEN(cases));
    for (size_t k = 0; k < WICK_LEN(cases); k++) {
        assert_string_equal(diag.items[k].place, wick_budget_option((wick_budget)k));
        assert_non_null(strstr(diag.items[k].reason, cases[k].says));
    }
    wick_diag_free(&diag);
    wick_graph_free(graph);
}

/* Each alone is possible, together they are not: the nearest is described, and made on request. */
static void what_cannot_be_met_together(void **state) {
    (void)state;
    wick_graph *graph = helper_network(10);
    wick_goal_options options = helper_brief();
    wick_goal_result result;
    wick_diag diag = {0};
    /* Zeros take flash away, and cost energy in kernels that the budget of energy excludes;
       channels by energy just do. */
    options.budgets.limit[WICK_BUDGET_FLASH] = 16912;
    options.budgets.limit[WICK_BUDGET_ENERGY] = 70;
    options.train.epochs = 1;
    assert_int_equal(shrink(graph, &options, &result, &diag), WICK_OK);
    assert_non_null(strstr(result.steps[result.best].what, "energy 0."));
    check_promise(&result, &options);
    wick_graph_free(result.model);
    options.budgets.limit[WICK_BUDGET_ENERGY] = 67;
    for (int keep = 0; keep < 2; keep++) {
        options.keep_best = keep;
        assert_int_equal(shrink(graph, &options, &result, &diag), WICK_NO_FIT);
        assert_false(result.met);
        assert_true(result.best >= 0);
        assert_true(wick_budgets_excess(&result.budgets, &result.steps[result.best].figures) > 1);
        assert_true(wick_diag_contains(&diag, "nearest"));
        assert_true((result.model != NULL) == keep);
        wick_graph_free(result.model);
        wick_diag_free(&diag);
    }
    wick_graph_free(graph);
}

/* Each class has a colour of its own: learnt in a second. */
static wick_data *colours(void) {
    wick_data_options options = wick_data_defaults();
    wick_data *images;
    options.limit = 400;
    assert_int_equal(wick_data_open("builtin:shapes10", &options, &images, NULL), WICK_OK);
    size_t values = (size_t)images->height * (size_t)images->width * 3;
    for (int part = 0; part < WICK_SPLITS; part++)
        for (int i = 0; i < images->split[part].n; i++) {
            int class = images->split[part].labels[i];
            const int level[3] = {class % 3, class / 3 % 3, class / 9};
            for (size_t v = 0; v < values; v++)
                images->split[part].pixels[(size_t)i * values + v] =
                    (uint8_t)(20 + 100 * level[v % 3] + (int)v % 30);
        }
    return images;
}

static wick_graph *learnt_network(const wick_data *images) {
    wick_graph *graph = helper_network(10);
    wick_train_options options = wick_train_defaults();
    wick_train_result result;
    options.strategy = WICK_STRATEGY_UNIFIED;
    options.optimiser = WICK_OPTIMISER_ADAMW;
    options.epochs = 10;
    options.batch = 20;
    options.quiet = true;
    options.threads = 1;
    assert_int_equal(wick_train_run(graph, images, &options, &result, NULL), WICK_OK);
    assert_true(result.validation[0] > 0.9);
    return graph;
}

/* A decay that wears the weights out: one epoch does little harm, twenty do much. */
static void the_best_trial_is_the_answer(void **state) {
    (void)state;
    wick_data *images = colours();
    wick_graph *graph = learnt_network(images);
    wick_goal_options options = helper_brief();
    wick_goal_result result;
    wick_diag diag = {0};
    options.budgets.limit[WICK_BUDGET_FLASH] = 20000;
    options.train.epochs = 20;
    options.trial_share = 0.05;
    options.train.weight_decay = 2;
    assert_int_equal(wick_goal_shrink(graph, images, device, &options, arena, &result, &diag),
                     WICK_OK);
    const wick_goal_step *best = &result.steps[result.best],
                         *last = &result.steps[result.n_steps - 1];
    for (int s = 2; s < result.n_steps; s++)
        print_message("%s: %d epochs, %.1f points\n", result.steps[s].what, result.steps[s].epochs,
                      result.steps[s].figures.value[WICK_BUDGET_DROP]);
    assert_int_equal(strncmp(best->what, "trial: ", 7), 0);
    assert_int_equal(best->epochs, 1);
    assert_int_equal(last->epochs, 20);
    assert_true(best->figures.value[WICK_BUDGET_DROP] + 10 < last->figures.value[WICK_BUDGET_DROP]);
    assert_true(result.met);
    assert_true(result.model->family.validation[0] == best->accuracy[0]);
    check_promise(&result, &options);
    wick_graph_free(result.model);
    wick_graph_free(graph);
    wick_data_free(images);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budgets_hold),
        cmocka_unit_test(the_impossible_is_refused_at_once),
        cmocka_unit_test(what_cannot_be_met_together),
        cmocka_unit_test(the_best_trial_is_the_answer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
