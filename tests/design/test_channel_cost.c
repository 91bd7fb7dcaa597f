/* Channels by what they save on a device: counts and choices by hand, whole families against plans
   of the rewritten graphs. */
#include "design/design.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_arena *arena;
static wick_device *device;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return wick_device_load(arena, "m4-fram", &device, NULL) == WICK_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

static int weights(wick_graph *graph, wick_rng *rng, const char *name, wick_shape shape) {
    int t = wick_graph_tensor(graph, name, WICK_F32, shape, NULL);
    int64_t n = wick_shape_count(shape);
    float *values = wick_new(arena, float, n);
    for (int64_t i = 0; i < n; i++)
        values[i] = wick_rng_normal(rng);
    graph->tensors[t].data = wick_arena_alloc(graph->arena, (size_t)n * sizeof *values);
    memcpy(graph->tensors[t].data, values, (size_t)n * sizeof *values);
    return t;
}

static int node(wick_graph *graph, const char *name, wick_op op, int x, int w, int size) {
    wick_attrs attrs = wick_attrs_default();
    int inputs[] = {x, w};
    attrs.kernel[0] = attrs.kernel[1] = attrs.stride[0] = attrs.stride[1] = size;
    return wick_graph_node(graph, name, op, inputs, w < 0 ? 1 : 2, name, &attrs);
}

/* 3 x 16 x 16 - large: 8 of 1x1, pool 8 - small: 8 of 1x1, mean - 10. */
static wick_graph *two_layers(void) {
    wick_graph *graph = wick_graph_new("net");
    wick_rng rng = wick_rng_seed(3, 3);
    int x = wick_graph_tensor(graph, "x", WICK_F32, (wick_shape){4, {1, 3, 16, 16}}, NULL);
    graph->input = x;
    x = node(graph, "large", WICK_OP_CONV, x,
             weights(graph, &rng, "large.w", (wick_shape){4, {8, 3, 1, 1}}), 1);
    x = node(graph, "pool", WICK_OP_MAX_POOL, x, -1, 8);
    x = node(graph, "small", WICK_OP_CONV, x,
             weights(graph, &rng, "small.w", (wick_shape){4, {8, 8, 1, 1}}), 1);
    x = node(graph, "mean", WICK_OP_GLOBAL_AVG_POOL, x, -1, 1);
    x = node(graph, "flat", WICK_OP_FLATTEN, x, -1, 1);
    x = node(graph, "fc", WICK_OP_GEMM, x, weights(graph, &rng, "fc.w", (wick_shape){2, {10, 8}}),
             1);
    graph->family = (wick_family){.features = -1, .n_heads = 1, .heads = {x}, .head_names = {"h"}};
    assert_int_equal(wick_graph_infer(graph, NULL), WICK_OK);
    assert_int_equal(wick_graph_segment(graph, NULL), WICK_OK);
    return graph;
}

/* *total: energy of all segments, *record: of a commit that carries nothing. */
static wick_answer_cost cost_of(const wick_graph *graph, const wick_plan_options *options,
                                double *total, double *record) {
    wick_qnet *net;
    wick_plan *plan;
    assert_int_equal(wick_qnet_sketch(graph, &net, NULL), WICK_OK);
    assert_int_equal(wick_plan_make(net, device, options, NULL, &plan, NULL), WICK_OK);
    wick_answer_cost cost = wick_answer_cost_of(plan);
    *total = 0;
    *record = plan->commit.energy_uj;
    for (int s = 0; s < plan->n_segments; s++)
        *total += plan->segments[s].cost.energy_uj;
    wick_plan_free(plan);
    wick_qnet_free(net);
    return cost;
}

static void same(double a, double b) {
    assert_true(fabs(a - b) <= 1e-9 * fabs(b));
}

/* What commits write beside their records, in µJ. */
static double carried(wick_answer_cost cost, double record) {
    return cost.commit_uj - (double)cost.commits * record;
}

/* `bytes` in `writes` pieces: the profile's energy of writing, and of the core that waits. */
static double written(int64_t bytes, int writes) {
    return (double)bytes * (0.59e-3 + 50 * 15.84e-6) + writes * 2500 * 15.84e-6;
}

/* Where everything is one span the logits alone are preserved; where spans hold four outputs at
   most every layer is, divided, by steps that write themselves; where a charge carries about half,
   the logits and what lies between the two spans. */
static void preserved_outputs_by_hand(void **state) {
    (void)state;
    wick_graph *graph = two_layers();
    wick_plan_options options = wick_plan_defaults();
    double total, record;
    wick_answer_cost cost = cost_of(graph, &options, &total, &record);
    assert_int_equal(cost.outputs, 10);
    assert_int_equal(cost.commits, 1);
    same(cost.step_uj + cost.commit_uj, total);
    assert_true(fabs(carried(cost, record) - written(10, 1)) < 1e-6 * record);

    options.max_span_outputs = 4;
    cost = cost_of(graph, &options, &total, &record);
    assert_int_equal(cost.outputs, 2048 + 32 + 32 + 8 + 10);
    assert_true(cost.commits >= 2130 / 4);
    same(cost.step_uj + cost.commit_uj, total);
    assert_true(fabs(carried(cost, record)) < 1e-6 * record);

    options.max_span_outputs = 0;
    for (options.capacitor_uf = 20; cost.commits != 2; options.capacitor_uf *= 0.97) {
        assert_true(options.capacitor_uf > 1);
        cost = cost_of(graph, &options, &total, &record);
    }
    assert_true(cost.outputs == 2048 + 10 || cost.outputs == 32 + 10 || cost.outputs == 8 + 10);
    same(cost.step_uj + cost.commit_uj, total);
    assert_true(fabs(carried(cost, record) - written(cost.outputs, 2)) < 1e-6 * record);
    wick_graph_free(graph);
}

static void set_scores(const wick_graph *graph, wick_channels *channels, const char *tensor,
                       double score) {
    int t = wick_graph_find(graph, tensor);
    for (int c = 0; c < graph->tensors[t].shape.dim[1]; c++)
        channels->groups[channels->group_of[t][c]].score = score * (1 + 1e-6 * c);
}

/* A channel of the large layer saves 256 + 4 preserved outputs, one of the small 4 + 1. */
static void the_cheapest_goes_first(void **state) {
    (void)state;
    wick_graph *graph = two_layers();
    wick_plan_options options = wick_plan_defaults();
    wick_channels channels;
    wick_channel_cuts cuts;
    assert_int_equal(wick_channels_find(graph, arena, &channels, NULL), WICK_OK);
    bool *remove = wick_new(arena, bool, channels.n_groups);
    options.max_span_outputs = 4;
    for (int small_first = 0; small_first < 2; small_first++) {
        set_scores(graph, &channels, "large", 260);
        set_scores(graph, &channels, "small", small_first ? 4.99 : 5.01);
        assert_int_equal(wick_channels_choose_by_cost(graph, &channels, device, &options,
                                                      WICK_WORTH_OUTPUTS, 0.9999, arena, remove,
                                                      &cuts, NULL),
                         WICK_OK);
        assert_int_equal(cuts.n, 2);
        assert_string_equal(cuts.layers[0].name, "large");
        assert_string_equal(cuts.layers[1].name, "small");
        const wick_channel_cut *cut = &cuts.layers[small_first];
        assert_int_equal(cuts.layers[!small_first].gone, 0);
        assert_int_equal(cut->before, 8);
        assert_int_equal(cut->gone, 1); /* the least scored; more have the same price and more */
        assert_int_equal(cut->saved.outputs, small_first ? 5 : 260);
        assert_int_equal(cuts.before.outputs - cuts.after.outputs, cut->saved.outputs);
        int first = channels.group_of[wick_graph_find(graph, small_first ? "small" : "large")][0];
        for (int g = 0; g < channels.n_groups; g++)
            assert_int_equal(remove[g], g == first);
    }
    /* Half of the outputs: the large layer's go while the small one's are dear. */
    set_scores(graph, &channels, "small", 20);
    assert_int_equal(wick_channels_choose_by_cost(graph, &channels, device, &options,
                                                  WICK_WORTH_OUTPUTS, 0.5, arena, remove, &cuts,
                                                  NULL),
                     WICK_OK);
    assert_int_equal(cuts.layers[0].gone, 5); /* 2130 - 5 * 260 <= 1065 */
    assert_int_equal(cuts.layers[1].gone, 0);
    wick_graph_free(graph);
}

/* Energy: at equal scores the large layer; a worthless channel before everything else. */
static void energy_decides(void **state) {
    (void)state;
    wick_graph *graph = two_layers();
    wick_plan_options options = wick_plan_defaults();
    wick_channels channels;
    wick_channel_cuts cuts;
    double total, record;
    assert_int_equal(wick_channels_find(graph, arena, &channels, NULL), WICK_OK);
    bool *remove = wick_new(arena, bool, channels.n_groups);
    for (int worthless = 0; worthless < 2; worthless++) {
        set_scores(graph, &channels, "large", 1);
        set_scores(graph, &channels, "small", worthless ? 0 : 1);
        assert_int_equal(wick_channels_choose_by_cost(graph, &channels, device, &options,
                                                      WICK_WORTH_ENERGY, 0.999, arena, remove,
                                                      &cuts, NULL),
                         WICK_OK);
        assert_true(cuts.layers[worthless].gone > 0);
        assert_int_equal(cuts.layers[!worthless].gone, 0);
        wick_graph *thin;
        assert_int_equal(wick_channels_remove(graph, &channels, remove, &thin, NULL), WICK_OK);
        cost_of(thin, &options, &total, &record);
        same(cuts.after.step_uj + cuts.after.commit_uj, total);
        wick_graph_free(thin);
    }
    wick_diag diag = {0};
    assert_int_equal(wick_channels_choose_by_cost(graph, &channels, device, &options,
                                                  WICK_WORTH_ENERGY, 0.01, arena, remove, &cuts,
                                                  &diag),
                     WICK_NO_FIT);
    assert_true(wick_diag_contains(&diag, "not to 1.0 %"));
    for (int k = 0; k < 2; k++) /* one stays; from four to three may save nothing */
        assert_in_range(cuts.layers[k].gone, 4, 7);
    assert_true(cuts.after.step_uj < 0.8 * cuts.before.step_uj);
    wick_diag_free(&diag);
    wick_graph_free(graph);
}

static wick_graph *residual(void) {
    wick_recipe_options options = wick_recipe_defaults();
    wick_graph *graph;
    options.width = 0.125;
    options.values[options.n_values++] = (wick_recipe_value){"depth", "14"};
    assert_int_equal(wick_recipe_build("resnet", &options, &graph, NULL), WICK_OK);
    return graph;
}

/* Two layers side by side, the second one dearer; the one behind them and the sum at the end read
   both. */
static wick_graph *joined(void) {
    wick_graph *graph = wick_graph_new("net");
    wick_rng rng = wick_rng_seed(3, 3);
    wick_attrs attrs = wick_attrs_default();
    int x = wick_graph_tensor(graph, "x", WICK_F32, (wick_shape){4, {1, 3, 16, 16}}, NULL);
    graph->input = x;
    int dear[] = {x, weights(graph, &rng, "b.w", (wick_shape){4, {6, 3, 5, 5}})};
    wick_attrs wide = wick_attrs_default();
    wide.kernel[0] = wide.kernel[1] = 5;
    for (int i = 0; i < 4; i++)
        wide.pad[i] = 2;
    int parts[] = {node(graph, "a", WICK_OP_CONV, x,
                        weights(graph, &rng, "a.w", (wick_shape){4, {8, 3, 1, 1}}), 1),
                   wick_graph_node(graph, "b", WICK_OP_CONV, dear, 2, "b", &wide)};
    int both = wick_graph_node(graph, "both", WICK_OP_CONCAT, parts, 2, "both", &attrs);
    int operands[] = {node(graph, "c", WICK_OP_CONV, both,
                           weights(graph, &rng, "c.w", (wick_shape){4, {14, 14, 1, 1}}), 1),
                      both};
    x = wick_graph_node(graph, "sum", WICK_OP_ADD, operands, 2, "sum", &attrs);
    x = node(graph, "mean", WICK_OP_GLOBAL_AVG_POOL, x, -1, 1);
    x = node(graph, "flat", WICK_OP_FLATTEN, x, -1, 1);
    x = node(graph, "fc", WICK_OP_GEMM, x, weights(graph, &rng, "fc.w", (wick_shape){2, {10, 14}}),
             1);
    graph->family = (wick_family){.features = -1, .n_heads = 1, .heads = {x}, .head_names = {"h"}};
    assert_int_equal(wick_graph_infer(graph, NULL), WICK_OK);
    assert_int_equal(wick_graph_segment(graph, NULL), WICK_OK);
    return graph;
}

static double energy_without(const wick_graph *graph, const wick_channels *channels,
                             const bool *remove, const wick_plan_options *options) {
    wick_graph *thin;
    double total, record;
    assert_int_equal(wick_channels_remove(graph, channels, remove, &thin, NULL), WICK_OK);
    cost_of(thin, options, &total, &record);
    wick_graph_free(thin);
    return total;
}

/* No single channel is cheaper than what a first decision took. */
static void is_cheapest(const wick_graph *graph, const wick_channels *channels,
                        const wick_plan_options *options, const bool *remove, double whole) {
    double loss = 0, saved = whole - energy_without(graph, channels, remove, options);
    int looked = 0;
    for (int g = 0; g < channels->n_groups; g++)
        loss += remove[g] ? channels->groups[g].score : 0;
    assert_true(saved > 1e-5 * whole);
    for (int g = 0; g < channels->n_groups; g += 1 + channels->n_groups / 24) {
        bool *one = wick_new(arena, bool, channels->n_groups);
        if (channels->groups[g].fixed || !channels->groups[g].filters)
            continue;
        one[g] = true;
        double here = whole - energy_without(graph, channels, one, options);
        looked++;
        assert_false(here > 0 && channels->groups[g].score / here < loss / saved * (1 - 1e-9));
    }
    assert_true(looked > 5);
}

/* Where sums and joins tie channels; what is said to be saved is what plans of the rewritten graph
   save. */
static void tied_channels_against_plans(void **state) {
    (void)state;
    wick_plan_options options = wick_plan_defaults();
    for (int i = 0; i < 2; i++) {
        wick_graph *graph = i ? joined() : residual();
        wick_channels channels;
        wick_channel_cuts cuts;
        wick_rng rng = wick_rng_seed(4, (uint64_t)i);
        assert_int_equal(wick_channels_find(graph, arena, &channels, NULL), WICK_OK);
        bool *remove = wick_new(arena, bool, channels.n_groups);
        double whole = energy_without(graph, &channels, remove, &options), saved = 0;
        for (int g = 0; g < channels.n_groups; g++)
            channels.groups[g].score = 0.5 + (double)wick_rng_uniform(&rng);
        const double keep[] = {0.99999, i ? 0.6 : 0.85};
        for (int k = 0; k < 2; k++) {
            assert_int_equal(wick_channels_choose_by_cost(graph, &channels, device, &options,
                                                          WICK_WORTH_ENERGY, keep[k], arena, remove,
                                                          &cuts, NULL),
                             WICK_OK);
            if (k == 0)
                is_cheapest(graph, &channels, &options, remove, whole);
        }
        double after = energy_without(graph, &channels, remove, &options);
        assert_true(after <= keep[1] * whole);
        int gone = 0;
        for (int k = 0; k < cuts.n; k++) {
            saved += cuts.layers[k].saved.step_uj + cuts.layers[k].saved.commit_uj;
            gone += cuts.layers[k].gone;
        }
        for (int g = 0; g < channels.n_groups; g++)
            gone -= remove[g];
        assert_int_equal(gone, 0);
        assert_true(fabs(saved - (whole - after)) < 1e-6 * whole);
        wick_graph_free(graph);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preserved_outputs_by_hand),
        cmocka_unit_test(the_cheapest_goes_first),
        cmocka_unit_test(energy_decides),
        cmocka_unit_test(tied_channels_against_plans),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
