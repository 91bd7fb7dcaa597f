/* Taylor scores of channels against finite differences of the loss, through batch norm, depthwise
   layers, sums, joins and flattening; and channels that nobody listens to. */
#include "shrink/calibrate.h"
#include "shrink/channels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = 16 }; /* a batch of the scores */

static wick_graph *family(const char *recipe, int batch_norm) {
    wick_recipe_options options = wick_recipe_defaults();
    options.width = 0.125;
    options.batch_norm = batch_norm;
    options.seed = 3;
    wick_graph *graph;
    assert_int_equal(wick_recipe_build(recipe, &options, &graph, NULL), WICK_OK);
    wick_rng rng = wick_rng_seed(8, 1);
    for (int t = 0; t < graph->n_tensors; t++) { /* statistics and biases as training leaves them */
        wick_tensor *tensor = &graph->tensors[t];
        const char *dot = strrchr(tensor->name, '.');
        if (!tensor->data || !dot || !strcmp(dot, ".weight"))
            continue;
        for (int64_t i = 0; i < wick_shape_count(tensor->shape); i++)
            ((float *)tensor->data)[i] =
                (strcmp(dot, ".var") ? 0.1f : 0.5f) + 0.3f * wick_rng_uniform(&rng);
    }
    return graph;
}

static wick_data *shapes(void) {
    wick_data_options options = wick_data_defaults();
    wick_data *data;
    options.limit = 300;
    assert_int_equal(wick_data_open("builtin:shapes10", &options, &data, NULL), WICK_OK);
    return data;
}

/* What every reader takes of a group, times `factor`. */
static void scale_readers(wick_graph *graph, const wick_channels *channels, int group,
                          float factor) {
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        bool dense = node->op == WICK_OP_CONV && node->attrs.groups == 1;
        if ((!dense && node->op != WICK_OP_GEMM) || !channels->group_of[node->inputs[0]])
            continue;
        wick_tensor *w = &graph->tensors[node->inputs[1]];
        int64_t out = w->shape.dim[0], in = w->shape.dim[1];
        int64_t taps = wick_shape_count(w->shape) / (out * in);
        for (int64_t i = 0; i < out * in * taps; i++)
            if (channels->group_of[node->inputs[0]][i / taps % in] == group)
                ((float *)w->data)[i] *= factor;
    }
}

static double difference(const wick_graph *graph, const wick_channels *channels, int group,
                         const wick_data *data, const uint32_t *indices) {
    const float step = 0.01f;
    double losses[2];
    for (int i = 0; i < 2; i++) {
        wick_graph *changed = wick_graph_clone(graph);
        scale_readers(changed, channels, group, i ? 1 + step : 1 - step);
        assert_int_equal(
            wick_eval_loss(changed, data, WICK_TRAIN, indices, IMAGES, &losses[i], NULL), WICK_OK);
        wick_graph_free(changed);
    }
    return (losses[1] - losses[0]) / (2 * (double)step);
}

static void scores_are_derivatives(void **state) {
    (void)state;
    static const struct {
        const char *recipe;
        int batch_norm;
        int batches; /* the score is the mean over them */
    } cases[] = {{"vgg16", 0, 2}, {"mobilenetv1", 1, 1}, {"resnet", 1, 1}, {"densenet", 1, 1}};
    wick_data *data = shapes();
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_arena *arena = wick_arena_new();
        wick_graph *graph = family(cases[i].recipe, cases[i].batch_norm);
        wick_channels channels;
        wick_quantize_options choice = wick_quantize_defaults();
        choice.images = IMAGES * cases[i].batches;
        int n, checked = 0;
        uint32_t *indices = wick_calibration_images(arena, data, &choice, &n);
        assert_int_equal(wick_channels_find(graph, arena, &channels, NULL), WICK_OK);
        assert_int_equal(
            wick_channels_taylor(graph, data, choice.images, choice.seed, &channels, NULL),
            WICK_OK);
        double most = 0;
        for (int g = 0; g < channels.n_groups; g++)
            most = fmax(most, channels.groups[g].score);
        for (int g = 0; g < channels.n_groups; g++) { /* the largest, and some of all */
            double score = channels.groups[g].score;
            bool large = score > 0.4 * most && checked < 6;
            if (!large && g % (1 + channels.n_groups / 20))
                continue;
            double exact = 0;
            for (int b = 0; b < cases[i].batches; b++)
                exact += fabs(difference(graph, &channels, g, data, indices + b * IMAGES)) /
                         cases[i].batches;
            assert_true(fabs(exact - score) <= 0.04 * exact + 0.001 * most);
            checked += large;
        }
        assert_true(checked > 1);
        wick_graph_free(graph);
        wick_arena_free(arena);
    }
    wick_data_free(data);
}

/* The largest filter of a layer, which nobody reads: the first to go by its Taylor score, the last
   by its magnitude. */
static void the_useless_goes_first(void **state) {
    (void)state;
    wick_data *data = shapes();
    wick_arena *arena = wick_arena_new();
    wick_graph *graph = family("mobilenetv1", 1);
    wick_channels channels;
    assert_int_equal(wick_channels_find(graph, arena, &channels, NULL), WICK_OK);
    int useless = -1;
    for (int g = 0; g < channels.n_groups && useless < 0; g++)
        if (!channels.groups[g].fixed && channels.groups[g].layer > 1)
            useless = g;
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        const int *groups = channels.group_of[node->output];
        if (!groups || node->op != WICK_OP_CONV || node->attrs.groups > 1)
            continue;
        wick_tensor *w = &graph->tensors[node->inputs[1]];
        int64_t row = wick_shape_count(w->shape) / w->shape.dim[0];
        for (int64_t j = 0; j < w->shape.dim[0] * row; j++)
            if (groups[j / row] == useless)
                ((float *)w->data)[j] *= 8;
    }
    scale_readers(graph, &channels, useless, 0);
    assert_int_equal(wick_channels_find(graph, arena, &channels, NULL), WICK_OK);
    int layer = channels.groups[useless].layer, n = 0;
    for (int g = 0; g < channels.n_groups; g++)
        n += channels.groups[g].layer == layer;
    bool *remove = wick_new(arena, bool, channels.n_groups);
    for (int taylor = 0; taylor < 2; taylor++) {
        if (taylor)
            assert_int_equal(wick_channels_taylor(graph, data, 64, 1, &channels, NULL), WICK_OK);
        wick_channels_choose(&channels, taylor ? (n - 1.0) / n : 1.0 / n, remove);
        assert_int_equal(remove[useless], taylor);
        for (int g = 0; g < channels.n_groups; g++) /* n - 1 others stay, or go */
            if (channels.groups[g].layer == layer && g != useless)
                assert_int_equal(remove[g], !taylor);
    }
    assert_true(channels.groups[useless].score <= 0);
    wick_graph_free(graph);
    wick_arena_free(arena);
    wick_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_derivatives),
        cmocka_unit_test(the_useless_goes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
