/* Residual and dense families on the device: channels of zeros, batch norm before a convolution,
   and whole networks from the recipes. */
#include "helper_qdq.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_qnet *lower(const wick_graph *qdq) {
    wick_diag diag = {0};
    wick_qnet *net;
    wick_status status = wick_qnet_lower(qdq, &net, &diag);
    wick_diag_print(&diag, stderr);
    wick_diag_free(&diag);
    assert_int_equal(status, WICK_OK);
    return net;
}

/* A pool, global, flattened, and a fully connected layer to 3 classes. */
static void end_in_three(wick_graph *g, wick_rng *rng, int x) {
    (void)wick_graph_infer(g, NULL);
    int channels = (int)g->tensors[x].shape.dim[1];
    x = helper_unary(g, WICK_OP_GLOBAL_AVG_POOL, x, "gap");
    x = helper_gemm(g, rng, helper_unary(g, WICK_OP_FLATTEN, x, "flat"), "fc", channels, 3);
    helper_finish(g, -1, &x, 1);
}

static int pad(wick_graph *g, int x, int channels) {
    wick_attrs attrs = wick_attrs_default();
    attrs.pad_channels = channels;
    return wick_graph_node(g, "pad", WICK_OP_PAD, &x, 1, "pad.y", &attrs);
}

/* The layer that writes the tensor of this name. */
static const wick_layer *layer_of(const wick_qnet *net, const char *name) {
    for (int l = 0; l < net->n_layers; l++)
        if (!strcmp(net->tensors[net->layers[l].dst].name, name))
            return &net->layers[l];
    fail_msg("there is no tensor '%s'", name);
    return NULL;
}

/* 6 channels and `added` ones of zeros, of every second pixel: bytes are the input's or z. */
static void check_padding(int added, int operands) {
    wick_rng rng = wick_rng_seed(4, 0);
    wick_graph *g = helper_graph(2, 7, 6);
    int x = helper_conv(g, &rng, g->input, "conv", 2, 6, helper_window(3, 1, 1));
    wick_attrs every_second = helper_window(1, 2, 0);
    int p = wick_graph_node(g, "pool", WICK_OP_MAX_POOL, &x, 1, "pool.y", &every_second);
    end_in_three(g, &rng, pad(g, p, added));
    wick_graph *qdq = helper_quantize(g, 1, 3);
    wick_qnet *net = lower(qdq);
    wick_arena *arena = wick_arena_new();
    uint8_t pixels[84];
    float input[84];
    helper_image(g, &rng, pixels, input);
    int8_t **values = wick_qnet_buffers(net, arena);
    wick_qnet_run(net, pixels, UINT32_MAX, values);
    const wick_layer *pool = layer_of(net, "pool.y/q"), *padded = layer_of(net, "pad.y/q");
    const int8_t *from = values[layer_of(net, "conv.y/q")->dst], *y = values[padded->dst];
    int zero = net->tensors[padded->dst].zero_point;
    assert_int_equal(padded->n_operands, operands);
    assert_int_equal(padded->out_c, 6 + added);
    int channels = 0;
    for (int i = 0; i < padded->n_operands; i++)
        channels += padded->operands[i].channels;
    assert_int_equal(channels, padded->out_c); /* no more is read than is needed */
    assert_int_equal(net->tensors[pool->dst].zero_point, zero);
    assert_int_not_equal(zero, 0); /* so that zeros and zero bytes differ */
    for (int i = 0; i < 4 * 3; i++)
        for (int c = 0; c < 6 + added; c++)
            assert_int_equal(y[i * (6 + added) + c],
                             c < 6 ? from[(i / 3 * 2 * 6 + i % 3 * 2) * 6 + c] : zero);
    helper_difference d = {0};
    helper_compare(qdq, net, input, &d);
    assert_int_equal(d.largest[WICK_LAYER_CONCAT] + d.largest[WICK_LAYER_MAXPOOL], 0);
    wick_arena_free(arena);
    wick_qnet_free(net);
    wick_graph_free(qdq);
    wick_graph_free(g);
}

static void zeros_cost_no_memory_and_are_exact(void **state) {
    (void)state;
    check_padding(1, 2);
    check_padding(5, 2);
    check_padding(6, 2);
    check_padding(7, 3);
    check_padding(20, 5);
    check_padding(63 * 6, 64);
}

static void too_many_zeros_are_refused(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(4, 0);
    wick_graph *g = helper_graph(2, 4, 4);
    end_in_three(g, &rng, pad(g, g->input, 63 * 2 + 1));
    wick_diag diag = {0};
    assert_int_equal(wick_qnet_check(g, &diag), WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "number of added channels is 127"));
    assert_true(wick_diag_contains(&diag, "takes 0 to 126"));
    wick_diag_free(&diag);
    wick_graph_free(g);
    g = helper_graph(2, 4, 4); /* none at all: no layer */
    end_in_three(g, &rng, pad(g, g->input, 0));
    wick_graph *qdq = helper_quantize(g, 1, 1);
    wick_qnet *net = lower(qdq);
    assert_int_equal(net->n_layers, 2);
    wick_qnet_free(net);
    wick_graph_free(qdq);
    wick_graph_free(g);
}

/* Statistics as training leaves them. */
static void random_batch_norm(wick_graph *g, uint64_t seed) {
    wick_rng rng = wick_rng_seed(seed, 0);
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 1; i < 5 && g->nodes[n].op == WICK_OP_BATCH_NORM; i++) {
            const wick_tensor *t = &g->tensors[g->nodes[n].inputs[i]];
            for (int64_t c = 0; c < wick_shape_count(t->shape); c++) {
                float spread = i == 1 || i == 4 ? 0.1f : 0.2f, u = 2 * wick_rng_uniform(&rng) - 1;
                ((float *)t->data)[c] = (i == 1 || i == 4 ? 1 : 0) + spread * u;
            }
        }
}

/* How far the integers' logits are from the float graph's, over their spread. */
static double logit_error(const wick_graph *graph, const wick_qnet *net, uint64_t seed,
                          int images) {
    wick_arena *arena = wick_arena_new();
    size_t count = (size_t)wick_shape_count(graph->tensors[graph->input].shape);
    uint8_t *pixels = wick_new(arena, uint8_t, count);
    float *input = wick_new(arena, float, count);
    int8_t **ours = wick_qnet_buffers(net, arena);
    wick_rng rng = wick_rng_seed(seed, 3);
    double error = 0, spread = 0;
    for (int i = 0; i < images; i++) {
        void **values;
        helper_image(graph, &rng, pixels, input);
        assert_int_equal(wick_graph_eval(graph, input, &values, NULL), WICK_OK);
        wick_qnet_run(net, pixels, UINT32_MAX, ours);
        for (int k = 0; k < net->n_modules; k++) {
            const wick_qtensor *t = &net->tensors[net->logits[k]];
            const float *exact = values[graph->family.heads[k]];
            for (int c = 0; c < net->n_classes; c++) {
                double got = (ours[net->logits[k]][c] - t->zero_point) * (double)t->scale;
                error += pow(got - (double)exact[c], 2);
                spread += pow((double)exact[c], 2);
            }
        }
        wick_values_free(graph, values);
    }
    wick_arena_free(arena);
    return sqrt(error / spread);
}

static wick_graph *family(const char *recipe, const char *name, const char *value, double width,
                          bool shared) {
    wick_recipe_options options = wick_recipe_defaults();
    options.height = options.width_px = 16;
    options.width = width;
    options.shared = shared;
    options.values[options.n_values++] =
        (wick_recipe_value){"depth", !strcmp(recipe, "resnet") ? "14" : "16"};
    options.values[options.n_values++] = (wick_recipe_value){name, value};
    wick_diag diag = {0};
    wick_graph *g;
    wick_status status = wick_recipe_build(recipe, &options, &g, &diag);
    wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    return g;
}

/* Layer by layer within one step of the reference, and as a whole near the float network. */
static void families_run_on_the_device(void **state) {
    (void)state;
    static const struct {
        const char *recipe, *name, *value;
    } cases[] = {{"resnet", "shortcut", "A"},
                 {"resnet", "shortcut", "projection"},
                 {"densenet", "variant", "bc"},
                 {"densenet", "variant", "plain"}};
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_graph *g = family(cases[i].recipe, cases[i].name, cases[i].value, 0.3, true);
        random_batch_norm(g, i);
        wick_graph *qdq = helper_quantize(g, i, 3);
        wick_qnet *net = lower(qdq);
        helper_difference d = {0};
        size_t count = (size_t)wick_shape_count(g->tensors[g->input].shape);
        uint8_t *pixels = wick_xalloc(count);
        float *input = wick_xalloc(count * sizeof *input);
        wick_rng rng = wick_rng_seed(i, 5);
        helper_image(g, &rng, pixels, input);
        helper_compare(qdq, net, input, &d);
        for (int kind = 0; kind < WICK_LAYER_KINDS; kind++)
            assert_in_range(d.largest[kind], 0, 1);
        assert_true(d.different * 200 < d.outputs);
        bool dense = !strcmp(cases[i].recipe, "densenet");
        assert_int_equal(d.by_kind[WICK_LAYER_DWCONV2D] > 0, dense); /* batch norm on its own */
        assert_int_equal(d.by_kind[WICK_LAYER_CONCAT] > 0, dense || i == 0);
        assert_int_equal(d.by_kind[WICK_LAYER_ADD] > 0, !dense);
        double error = logit_error(g, net, i, 4);
        if (!(error < 0.12))
            fail_msg("%s %s: logits off by %.3f", cases[i].recipe, cases[i].value, error);
        free(pixels);
        free(input);
        wick_qnet_free(net);
        wick_graph_free(qdq);
        wick_graph_free(g);
    }
}

static void every_recipe_fits_the_device(void **state) {
    (void)state;
    for (int shared = 0; shared < 2; shared++)
        for (int i = 0; i < 4; i++) {
            wick_graph *g =
                family(i < 2 ? "resnet" : "densenet", i < 2 ? "shortcut" : "variant",
                       (const char *[]){"A", "projection", "bc", "plain"}[i], 0.25, shared);
            wick_diag diag = {0};
            wick_status status = wick_qnet_check(g, &diag);
            wick_diag_print(&diag, stderr);
            assert_int_equal(status, WICK_OK);
            wick_graph_free(g);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zeros_cost_no_memory_and_are_exact),
        cmocka_unit_test(too_many_zeros_are_refused),
        cmocka_unit_test(families_run_on_the_device),
        cmocka_unit_test(every_recipe_fits_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
