/* Layers that bear zeros badly: found on images, and kept denser where the rest can pay. */
#include "design/shrink_search.h"
#include "helper_goal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POINTS = 8 };

static wick_arena *arena;
static wick_device *device;
static wick_data *opened, seen; /* validated on what it was trained on: right answers, quickly */
static wick_data *const data = &seen;
static wick_graph *network; /* trained, collapsed */
static wick_goal_options options;
static wick_budgets budgets;
static wick_material material;
static wick_search_space space;

static int set_up(void **state) {
    (void)state;
    wick_data_options choice = wick_data_defaults();
    wick_train_result trained;
    int pairs;
    arena = wick_arena_new();
    choice.limit = 200;
    options = helper_brief();
    wick_train_options brief = options.train;
    brief.augment = (wick_augment){0};
    brief.batch = 20;
    brief.epochs = 20;
    brief.learning_rate = 0.02;
    wick_recipe_options recipe = wick_recipe_defaults();
    wick_graph *graph;
    recipe.width = 0.15;
    recipe.batch_norm = true;
    if (wick_recipe_build("cifar10s", &recipe, &graph, NULL) != WICK_OK ||
        wick_data_open("builtin:shapes10", &choice, &opened, NULL) != WICK_OK)
        return -1;
    seen = *opened;
    seen.split[WICK_VALIDATION] = opened->split[WICK_TRAIN];
    if (wick_train_run(graph, data, &brief, &trained, NULL) != WICK_OK)
        return -1;
    wick_graph_fold_batch_norm(graph);
    if (wick_collapse(graph, &network, &pairs, NULL) != WICK_OK ||
        wick_device_load(arena, "m4-fram", &device, NULL) != WICK_OK)
        return -1;
    wick_graph_free(graph);
    return trained.validation[0] > 0.4 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_graph_free(network);
    wick_data_free(opened);
    wick_arena_free(arena);
    return 0;
}

/* The same function, but every other channel of conv1 is 100 times as large and what conv2 makes of
   it a hundredth: now conv2's smallest weights are as good as its largest. */
static wick_graph *with_small_weights(void) {
    wick_graph *graph = wick_graph_clone(network);
    wick_tensor *first = helper_weights(graph, "TM1.conv1"),
                *second = helper_weights(graph, "TM1.conv2");
    int64_t channels = first->shape.dim[0], row = wick_shape_count(first->shape) / channels;
    int64_t readers = second->shape.dim[0];
    int64_t taps = wick_shape_count(second->shape) / readers / channels;
    for (int64_t c = 0; c < channels; c += 2) {
        for (int64_t k = 0; k < row; k++)
            ((float *)first->data)[c * row + k] *= 100;
        for (int i = 0; i < graph->n_nodes; i++)
            if (!strcmp(graph->nodes[i].name, "TM1.conv1") && graph->nodes[i].n_inputs > 2)
                ((float *)graph->tensors[graph->nodes[i].inputs[2]].data)[c] *= 100;
        for (int64_t o = 0; o < readers; o++)
            for (int64_t k = 0; k < taps; k++)
                ((float *)second->data)[(o * channels + c) * taps + k] /= 100;
    }
    return graph;
}

static void set_budget(const wick_graph *graph, double flash) {
    options.budgets = wick_budgets_none();
    options.budgets.limit[WICK_BUDGET_FLASH] = flash;
    budgets = wick_budgets_within(&options.budgets, device, &options.plan);
    material = (wick_material){.network = graph,
                               .data = data,
                               .device = device,
                               .plan = &options.plan,
                               .quantize = &options.quantize,
                               .separate = &options.separate,
                               .fragile_points = POINTS,
                               .arena = arena};
    space = (wick_search_space){.material = &material, .options = &options, .budgets = &budgets};
}

/* Right answers of the validation images, with the zeros of one array alone; all are dense where
   array is -1. */
static double accuracy(const wick_graph *graph, const wick_train_options *rules, int array,
                       double density) {
    wick_graph *copy = wick_graph_clone(graph);
    wick_train_options alone = wick_train_defaults();
    int64_t correct[WICK_MAX_HEADS];
    if (array >= 0) {
        alone.n_sparse = 1;
        alone.sparse[0] = rules->sparse[array];
        alone.sparse[0].density = density;
        wick_train_impose(copy, &alone);
    }
    assert_int_equal(wick_eval_float(copy, data, WICK_VALIDATION, 1, correct, NULL, NULL), WICK_OK);
    wick_graph_free(copy);
    return (double)correct[0] / data->split[WICK_VALIDATION].n;
}

static int array_of(const wick_densities *d, const wick_graph *graph, const char *node) {
    for (int i = 0; i < d->n; i++)
        if (!strcmp(d->names[i], helper_weights((wick_graph *)(uintptr_t)graph, node)->name))
            return i;
    fail_msg("no array of %s", node);
    return -1;
}

static void images_are_spread(void **state) {
    (void)state;
    int n, total = data->split[WICK_VALIDATION].n;
    const uint32_t *some = wick_images_spread(arena, data, WICK_VALIDATION, 10, &n);
    assert_int_equal(n, 10);
    for (int i = 0; i < n; i++) {
        assert_true((int)some[i] >= i * (total / 10) && (int)some[i] <= (i + 1) * (total / 10));
        assert_true(i == 0 || some[i] > some[i - 1]);
    }
    const uint32_t *all = wick_images_spread(arena, data, WICK_VALIDATION, total + 5, &n);
    assert_int_equal(n, total);
    for (int i = 0; i < n; i++)
        assert_int_equal(all[i], i);
}

/* What is found is what the validation split says of each array alone. */
static void fragile_layers_are_found(void **state) {
    (void)state;
    wick_graph *graph = with_small_weights();
    wick_densities *d = wick_densities_of(graph);
    wick_train_options rules = wick_train_defaults();
    wick_fragile *fragile;
    int n, at = 0, second = array_of(d, graph, "TM1.conv2");
    wick_densities_rules(d, 0.5, arena, &rules);
    double before = accuracy(graph, &rules, -1, 1);
    assert_true(fabs(before - accuracy(network, &rules, -1, 1)) < 0.01); /* the same function */
    assert_int_equal(wick_fragile_find(graph, data, d, &rules, POINTS, arena, &fragile, &n, NULL),
                     WICK_OK);
    bool found = false;
    for (int i = 0; i < d->n; i++) {
        double drop = 100 * (before - accuracy(graph, &rules, i, rules.sparse[i].density));
        bool is = at < n && fragile[at].array == i;
        assert_int_equal(is, drop >= POINTS);
        if (!is)
            continue;
        const wick_fragile *f = &fragile[at++];
        found |= i == second;
        assert_string_equal(f->name, d->names[i]);
        assert_true(fabs(f->drop - drop) < 1e-6);
        assert_true(f->density < f->keeps && f->keeps <= 1);
        assert_true(f->keeps >= 1 ||
                    100 * (before - accuracy(graph, &rules, i, f->keeps)) < POINTS);
        if (0.9 * f->keeps > f->density) /* and no step less would do */
            assert_true(100 * (before - accuracy(graph, &rules, i, 0.9 * f->keeps)) >= POINTS);
    }
    assert_int_equal(at, n);
    assert_true(found);
    wick_densities_free(d);
    wick_graph_free(graph);
}

/* Zeros at this density, under a budget of the flash that they just fit. */
static wick_candidate fitting_by_zeros(const wick_graph *graph, double density) {
    wick_candidate c = {.channels = 1, .bits = 8, .density = density, .block = 1};
    wick_structure structure;
    set_budget(graph, 1); /* whose plans take the least flash */
    assert_int_equal(wick_structure_make(&material, &c, &structure, NULL), WICK_OK);
    assert_int_equal(wick_candidate_weigh(&c, &structure, device, &options.plan, &budgets, NULL),
                     WICK_OK);
    set_budget(graph, c.figures.value[WICK_BUDGET_FLASH]);
    wick_structure_free(&structure);
    return c;
}

/* Under the rules of a candidate no array's zeros alone cost too much. */
static bool nothing_is_fragile(const wick_graph *graph, const wick_train_options *rules) {
    double dense = accuracy(graph, rules, -1, 1);
    for (int i = 0; i < rules->n_sparse; i++) {
        double density = rules->sparse[i].density;
        if (density < 1 && 100 * (dense - accuracy(graph, rules, i, density)) >= POINTS)
            return false;
    }
    return true;
}

/* Where the rest can pay, it pays so that nothing is fragile in the end: what pays included. */
static void the_rest_pays(void **state) {
    (void)state;
    wick_graph *graph = with_small_weights();
    int protected = 0;
    for (int tenths = 5; tenths <= 7; tenths++) {
        wick_candidate c = fitting_by_zeros(graph, 0.1 * tenths), before = c;
        assert_int_equal(wick_shrink_protect(&space, &c, NULL), WICK_OK);
        assert_true(c.figures.value[WICK_BUDGET_FLASH] <= budgets.limit[WICK_BUDGET_FLASH]);
        if (!c.n_fragile)
            continue;
        protected++;
        assert_true(c.density < before.density);
        assert_non_null(strstr(wick_candidate_text(arena, &c), "fragile"));
        wick_structure structure;
        wick_train_options rules[2] = {wick_train_defaults(), wick_train_defaults()};
        assert_int_equal(wick_structure_make(&material, &c, &structure, NULL), WICK_OK);
        wick_candidate_rules(&before, &structure, arena, &rules[0]);
        wick_candidate_rules(&c, &structure, arena, &rules[1]);
        int second = array_of(structure.densities, graph, "TM1.conv2"), paying = 0;
        assert_true(rules[1].sparse[second].density > rules[0].sparse[second].density);
        for (int i = 0; i < structure.densities->n; i++)
            paying += rules[1].sparse[i].density < rules[0].sparse[i].density;
        assert_true(paying > 0);
        assert_false(nothing_is_fragile(graph, &rules[0]));
        assert_true(nothing_is_fragile(graph, &rules[1]));
        wick_structure_free(&structure);
    }
    assert_true(protected > 0);
    wick_graph_free(graph);
}

/* Nothing is fragile, or there is too little flash to pay with. */
static void others_stay_as_they_are(void **state) {
    (void)state;
    wick_candidate c = fitting_by_zeros(network, 0.8), before = c;
    assert_int_equal(wick_shrink_protect(&space, &c, NULL), WICK_OK);
    assert_int_equal(c.n_fragile, 0);
    assert_true(fabs(c.density - before.density) <= 0);
    wick_graph *graph = with_small_weights();
    c = before = fitting_by_zeros(graph, 0.05);
    assert_int_equal(wick_shrink_protect(&space, &c, NULL), WICK_OK);
    assert_int_equal(c.n_fragile, 0);
    assert_true(fabs(c.density - before.density) <= 0);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_spread),
        cmocka_unit_test(fragile_layers_are_found),
        cmocka_unit_test(the_rest_pays),
        cmocka_unit_test(others_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
