/* Channels taken out of whole families: where a channel is nothing but zeros, its going changes no
 * answer. */
#include "shrink/channels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_graph *family(const char *recipe, const char *parameter, const char *value,
                          int batch_norm, uint64_t seed) {
    wick_recipe_options options = wick_recipe_defaults();

    options.width = 0.125;
    options.batch_norm = batch_norm;
    options.seed = seed;
    if (parameter)
        options.values[options.n_values++] = (wick_recipe_value){parameter, value};
    wick_graph *graph;
    assert_int_equal(wick_recipe_build(recipe, &options, &graph, NULL), WICK_OK);
    return graph;
}

/* Means and variances as training leaves them, biases too. */
static void stir(wick_graph *graph, wick_rng *rng) {
    for (int t = 0; t < graph->n_tensors; t++) {
        wick_tensor *tensor = &graph->tensors[t];
        const char *dot = strrchr(tensor->name, '.');
        if (!tensor->data || !dot || !strcmp(dot, ".weight"))
            continue;
        for (int64_t i = 0; i < wick_shape_count(tensor->shape); i++)
            ((float *)tensor->data)[i] =
                (strcmp(dot, ".var") ? 0.0f : 0.5f) + 0.3f * wick_rng_uniform(rng);
    }
}

/* Zeroes what makes the marked channels of a node's output: rows of weights, biases, scales. */
static void zero_channels(wick_graph *graph, const wick_node *node, const int *groups,
                          const bool *remove) {
    bool norm = node->op == WICK_OP_BATCH_NORM;
    if (node->op != WICK_OP_CONV && node->op != WICK_OP_GEMM && !norm)
        return;
    for (int i = 1; i < node->n_inputs && i <= 2; i++) { /* of batch norm: scale and bias */
        wick_tensor *t = &graph->tensors[node->inputs[i]];
        int64_t rows = t->shape.dim[0], row = wick_shape_count(t->shape) / rows;
        for (int64_t o = 0; o < rows; o++)
            if (remove[groups[o]])
                memset((float *)t->data + o * row, 0, (size_t)row * sizeof(float));
    }
}

static void assert_same_answers(const wick_graph *a, const wick_graph *b, wick_rng *rng) {
    float x[3 * 32 * 32];
    for (size_t i = 0; i < WICK_LEN(x); i++)
        x[i] = wick_rng_normal(rng);
    void **va, **vb;
    assert_int_equal(wick_graph_eval(a, x, &va, NULL), WICK_OK);
    assert_int_equal(wick_graph_eval(b, x, &vb, NULL), WICK_OK);
    for (int k = 0; k < a->family.n_heads; k++) {
        const float *ya = va[a->family.heads[k]], *yb = vb[b->family.heads[k]];
        for (int i = 0; i < 10; i++)
            assert_true(fabs((double)ya[i] - (double)yb[i]) <= 1e-4 * (1 + fabs((double)ya[i])));
    }
    wick_values_free(a, va);
    wick_values_free(b, vb);
}

/* Marks about a third of what may go, but leaves the first channel of every layer. */
static int mark(const wick_channels *channels, wick_rng *rng, bool *remove) {
    int marked = 0, layer_seen = -1;
    for (int g = 0; g < channels->n_groups; g++) {
        bool first = channels->groups[g].layer > layer_seen;
        layer_seen = first ? channels->groups[g].layer : layer_seen;
        remove[g] = !first && !channels->groups[g].fixed && channels->groups[g].filters > 0 &&
                    wick_rng_below(rng, 3) == 0;
        marked += remove[g];
    }
    return marked;
}

static void remove_zeros(wick_graph *graph, uint64_t seed) {
    wick_arena *arena = wick_arena_new();
    wick_rng rng = wick_rng_seed(seed, 5);
    stir(graph, &rng);
    wick_channels channels;
    assert_int_equal(wick_channels_find(graph, arena, &channels, NULL), WICK_OK);
    bool *remove = wick_new(arena, bool, channels.n_groups);
    assert_true(mark(&channels, &rng, remove) > 5);
    for (int n = 0; n < graph->n_nodes; n++)
        if (channels.group_of[graph->nodes[n].output])
            zero_channels(graph, &graph->nodes[n], channels.group_of[graph->nodes[n].output],
                          remove);
    wick_graph *out;
    assert_int_equal(wick_channels_remove(graph, &channels, remove, &out, NULL), WICK_OK);
    int64_t before = 0, after = 0;
    for (int s = 0; s <= graph->family.n_heads; s++) {
        before += wick_graph_counts(graph, s).parameters;
        after += wick_graph_counts(out, s).parameters;
    }
    assert_true(after < before);
    assert_same_answers(graph, out, &rng);
    wick_graph_free(out);
    wick_arena_free(arena);
}

static void channels_of_zeros_change_nothing(void **state) {
    (void)state;
    static const struct {
        const char *recipe, *parameter, *value;
        int batch_norm;
    } cases[] = {{"vgg16", NULL, NULL, 0},
                 {"vgg16", NULL, NULL, 1},
                 {"mobilenetv1", NULL, NULL, 1},
                 {"resnet", "shortcut", "A", 1},
                 {"resnet", "shortcut", "projection", 1},
                 {"densenet", "depth", "16", 1}};
    for (size_t i = 0; i < WICK_LEN(cases); i++)
        for (uint64_t seed = 1; seed <= 2; seed++) {
            wick_graph *graph = family(cases[i].recipe, cases[i].parameter, cases[i].value,
                                       cases[i].batch_norm, seed);
            remove_zeros(graph, seed);
            wick_graph_free(graph);
        }
}

/* conv 3 -> 4 (3x3, bias), depthwise, flatten of [4,14,14], fc 784 -> 10. One of four channels
   gone: 28 weights and biases of the convolution, 10 of the depthwise layer, 196 columns of 10. */
static wick_graph *small(void) {
    wick_graph *g = wick_graph_new("small");
    wick_rng rng = wick_rng_seed(3, 3);
    static const struct {
        const char *name;
        wick_shape shape;
    } constants[] = {{"c.w", {4, {4, 3, 3, 3}}}, {"c.b", {1, {4}}},
                     {"d.w", {4, {4, 1, 3, 3}}}, {"d.b", {1, {4}}},
                     {"f.w", {2, {10, 576}}},    {"f.b", {1, {10}}}};
    g->input = wick_graph_tensor(g, "x", WICK_F32, (wick_shape){4, {1, 3, 16, 16}}, NULL);
    int t[WICK_LEN(constants)];
    for (size_t i = 0; i < WICK_LEN(constants); i++) {
        int64_t count = wick_shape_count(constants[i].shape);
        float *data = wick_new(g->arena, float, count);
        for (int64_t k = 0; k < count; k++)
            data[k] = wick_rng_normal(&rng);
        t[i] = wick_graph_tensor(g, constants[i].name, WICK_F32, constants[i].shape, data);
    }
    wick_attrs a = wick_attrs_default();
    a.kernel[0] = a.kernel[1] = 3;
    int x = wick_graph_node(g, "c", WICK_OP_CONV, (int[]){g->input, t[0], t[1]}, 3, "c", &a);
    x = wick_graph_node(g, "r", WICK_OP_RELU, &x, 1, "r", NULL);
    a.groups = 4;
    x = wick_graph_node(g, "d", WICK_OP_CONV, (int[]){x, t[2], t[3]}, 3, "d", &a);
    x = wick_graph_node(g, "flat", WICK_OP_FLATTEN, &x, 1, "flat", NULL);
    x = wick_graph_node(g, "f", WICK_OP_GEMM, (int[]){x, t[4], t[5]}, 3, "f", NULL);
    g->family.n_heads = 1;
    g->family.heads[0] = x;
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    assert_int_equal(wick_graph_segment(g, NULL), WICK_OK);
    return g;
}

static void sizes_by_hand(void **state) {
    (void)state;
    wick_graph *graph = small(), *out;
    wick_arena *arena = wick_arena_new();
    wick_channels channels;
    assert_int_equal(wick_channels_find(graph, arena, &channels, NULL), WICK_OK);
    assert_int_equal(channels.n_groups,
                     3 + 4 + 10); /* input, convolution (and all behind it), answers */
    for (int g = 0; g < channels.n_groups; g++) {
        assert_int_equal(channels.groups[g].fixed, g < 3 || g >= 7);
        assert_int_equal(channels.groups[g].filters, g >= 3);
    }
    bool *remove = wick_new(arena, bool, channels.n_groups);
    remove[4] = true;
    assert_int_equal(wick_channels_remove(graph, &channels, remove, &out, NULL), WICK_OK);
    assert_int_equal(wick_graph_counts(graph, 1).parameters - wick_graph_counts(out, 1).parameters,
                     28 + 10 + 1440);
    const wick_tensor *w = &out->tensors[wick_graph_find(out, "f.w")],
                      *old = &graph->tensors[wick_graph_find(graph, "f.w")];
    assert_true(((float *)w->data)[432 + 144] ==
                ((float *)old->data)[576 + 288]); /* row 1, channel 1: before, channel 2 */
    wick_graph_free(out);
    for (int g = 3; g < 7; g++)
        remove[g] = true;
    wick_diag diag = {0};
    assert_int_equal(wick_channels_remove(graph, &channels, remove, &out, &diag), WICK_NO_FIT);
    assert_true(wick_diag_contains(&diag, "c") && !out);
    wick_diag_free(&diag);
    wick_arena_free(arena);
    wick_graph_free(graph);
}

/* The filters' norms are 1, 4, 3, 2 times some number: half of them means the second and third. */
static void the_largest_are_chosen(void **state) {
    (void)state;
    wick_graph *graph = small();
    float *w = graph->tensors[wick_graph_find(graph, "c.w")].data;
    static const float sizes[4] = {1, 4, 3, 2};
    for (int o = 0; o < 4; o++)
        for (int i = 0; i < 27; i++)
            w[o * 27 + i] = i % 2 ? sizes[o] : -sizes[o];
    wick_arena *arena = wick_arena_new();
    wick_channels channels;
    assert_int_equal(wick_channels_find(graph, arena, &channels, NULL), WICK_OK);
    /* root of the mean square of 1, 4, 3, 2: sqrt(7.5) */
    assert_true(fabs(channels.groups[4].magnitude - 4 / sqrt(7.5)) < 1e-6);
    bool *remove = wick_new(arena, bool, channels.n_groups);
    wick_channels_choose(&channels, 0.5, remove);
    for (int g = 0; g < channels.n_groups; g++)
        assert_int_equal(remove[g], g == 3 || g == 6);
    wick_channels_choose(&channels, 0.51, remove); /* rounded up: three stay */
    for (int g = 0; g < channels.n_groups; g++)
        assert_int_equal(remove[g], g == 3);
    wick_arena_free(arena);
    wick_graph_free(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_of_zeros_change_nothing),
        cmocka_unit_test(sizes_by_hand),
        cmocka_unit_test(the_largest_are_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
