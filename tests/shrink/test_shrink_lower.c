/* The integer network against the reference evaluation of the QDQ graph that it was lowered from.
 */
#include "helper_qdq.h"
#include "shrink/lower.h"

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

/* For the same quantized inputs each output differs by at most one step, for every operator. */
static void every_layer_is_within_one_step(void **state) {
    (void)state;
    helper_difference d = {0};
    for (uint64_t seed = 0; seed < 12; seed++) {
        wick_graph *graph = helper_family(seed), *qdq = helper_quantize(graph, seed, 4);
        wick_qnet *net = lower(qdq);
        helper_compare_images(qdq, net, seed, 3, &d);
        wick_qnet_free(net);
        wick_graph_free(qdq);
        wick_graph_free(graph);
    }
    for (int kind = 0; kind < WICK_LAYER_MOVE; kind++) { /* the others: test_shrink_moves.c */
        assert_true(d.by_kind[kind] > 500);
        assert_in_range(d.largest[kind], 0, 1);
    }
    /* Only roundings of near ties differ: a frequent value may sit on one. */
    assert_true(d.different * 200 < d.outputs);
}

/* A whole run is the chain of its layers, and what it gives is close to the reference. */
static void a_run_chains_the_layers(void **state) {
    (void)state;
    wick_graph *graph = helper_family(3), *qdq = helper_quantize(graph, 3, 4);
    wick_qnet *net = lower(qdq);
    wick_arena *arena = wick_arena_new();
    int8_t **values = wick_qnet_buffers(net, arena), **again = wick_qnet_buffers(net, arena);
    size_t count = (size_t)wick_shape_count(qdq->tensors[qdq->input].shape);
    uint8_t *pixels = wick_new(arena, uint8_t, count);
    float *input = wick_new(arena, float, count);
    wick_rng rng = wick_rng_seed(5, 0);
    helper_image(qdq, &rng, pixels, input);
    void **reference;
    assert_int_equal(wick_graph_eval(qdq, input, &reference, NULL), WICK_OK);
    wick_qnet_run(net, pixels, UINT32_MAX, values);
    for (int k = 0; k < 2; k++) {
        const wick_qtensor *t = &net->tensors[net->logits[k]];
        const int8_t *expected = reference[wick_graph_find(qdq, t->name)];
        for (int i = 0; i < 5; i++)
            assert_in_range(values[net->logits[k]][i] - expected[i] + 3, 0, 6);
    }
    /* The pixel table is exact: q = pixel - 128. */
    for (size_t i = 0; i < count; i++)
        assert_int_equal(values[net->input][i], pixels[i] - 128);
    /* One module alone: the extractor and that module run, the other's tensors stay. */
    wick_qnet_run(net, pixels, 2, again);
    for (int l = 0; l < net->n_layers; l++) {
        const wick_qtensor *t = &net->tensors[net->layers[l].dst];
        size_t bytes = (size_t)(t->h * t->w * t->c);
        int8_t *y = again[net->layers[l].dst];
        if (net->info[l].segment != 1)
            assert_memory_equal(y, values[net->layers[l].dst], bytes);
        else
            for (size_t i = 0; i < bytes; i++)
                assert_int_equal(y[i], 0);
    }
    wick_values_free(qdq, reference);
    wick_arena_free(arena);
    wick_qnet_free(net);
    wick_graph_free(qdq);
    wick_graph_free(graph);
}

static void the_network_describes_the_family(void **state) {
    (void)state;
    wick_graph *graph = helper_family(1), *qdq = helper_quantize(graph, 1, 2);
    const char *labels[5] = {"a", "b", "c", "d", "e"};
    qdq->family.labels = labels;
    qdq->family.n_labels = 5;
    qdq->family.accuracy[1] = 0.5;
    wick_qnet *net = lower(qdq);
    assert_int_equal(net->n_modules, 2);
    assert_int_equal(net->n_classes, 5);
    assert_string_equal(net->module_names[1], "TM2");
    assert_string_equal(net->labels[4], "e");
    assert_true(isnan(net->accuracy[0]) && net->accuracy[1] > 0.49);
    assert_string_equal(net->tensors[net->features].name, "z/q");
    int64_t macs[3] = {0}, bytes = 0;
    for (int l = 0; l < net->n_layers; l++) {
        assert_int_equal(net->layers[l].dst, l + 1);
        if (l > 0)
            assert_true(net->info[l].segment >= net->info[l - 1].segment);
        macs[net->info[l].segment] += net->info[l].macs;
        bytes += wick_qlayer_constant_bytes(&net->layers[l]);
    }
    for (int s = 0; s < 3; s++)
        assert_int_equal(macs[s], wick_graph_counts(graph, s).macs);
    int64_t parameters = 0, outputs = 0, single = 0;
    for (int s = 0; s < 3; s++)
        parameters += wick_graph_counts(graph, s).parameters;
    for (int l = 0; l < net->n_layers; l++) {
        outputs += net->layers[l].bias ? net->layers[l].out_c : 0;
        single +=
            net->layers[l].kind == WICK_LAYER_ADD || net->layers[l].kind == WICK_LAYER_AVGPOOL;
    }
    /* One byte for each weight; four for each bias and multiplier, one for its shift. */
    assert_int_equal(bytes, parameters - outputs + 9 * outputs + 5 * single);
    wick_qnet_free(net);
    wick_graph_free(qdq);
    wick_graph_free(graph);
}

static char *hash_of(const wick_graph *qdq, char *hex) {
    wick_qnet *net = lower(qdq);
    strcpy(hex, net->hash.hex);
    wick_qnet_free(net);
    return hex;
}

static void the_hash_covers_what_is_computed(void **state) {
    (void)state;
    char first[65], again[65];
    wick_graph *graph = helper_family(2), *qdq = helper_quantize(graph, 2, 2);
    hash_of(qdq, first);
    wick_graph *copy = wick_graph_clone(qdq);
    copy->family.accuracy[0] = 0.7;
    assert_string_equal(first, hash_of(copy, again));
    const char *const names[] = {"depthwise.w/q", "fc1.w/q", "deep.w/q", "fc3.b/q"};
    for (size_t i = 0; i < WICK_LEN(names); i++) {
        int8_t *weights = copy->tensors[wick_graph_find(copy, names[i])].data;
        weights[0] ^= 1;
        assert_string_not_equal(first, hash_of(copy, again));
        weights[0] ^= 1;
        assert_string_equal(first, hash_of(copy, again));
    }
    /* Two weights change places: their sum, and so the folded bias, stays. */
    int8_t *w = copy->tensors[wick_graph_find(copy, "first.w/q")].data, first_weight = w[0];
    int other = 1;
    while (w[other] == w[0])
        other++;
    w[0] = w[other];
    w[other] = first_weight;
    assert_string_not_equal(first, hash_of(copy, again));
    w[other] = w[0];
    w[0] = first_weight;
    float *scale = copy->tensors[wick_graph_find(copy, "average.y/scale")].data;
    *scale *= 1.01F;
    assert_string_not_equal(first, hash_of(copy, again));
    *scale /= 1.01F;
    copy->family.mean[0] = 0.4F;
    assert_string_not_equal(first, hash_of(copy, again));
    wick_graph_free(copy);
    wick_graph_free(qdq);
    wick_graph_free(graph);
}

/* --- graphs that another tool quantized --- */

static int quantized(wick_graph *g, int x, const char *name, wick_dtype dtype, float scale,
                     int zero) {
    uint8_t zero8 = (uint8_t)zero;
    wick_attrs attrs = wick_attrs_default();
    attrs.axis = -1;
    int inputs[3] = {x,
                     wick_graph_tensor(g, wick_arena_printf(g->arena, "%s.s", name), WICK_F32,
                                       (wick_shape){0}, &scale),
                     wick_graph_tensor(g, wick_arena_printf(g->arena, "%s.z", name), dtype,
                                       (wick_shape){0}, &zero8)};
    inputs[0] = wick_graph_node(g, name, WICK_OP_QUANTIZE, inputs, 3,
                                wick_arena_printf(g->arena, "%s.q", name), &attrs);
    return wick_graph_node(g, name, WICK_OP_DEQUANTIZE, inputs, 3,
                           wick_arena_printf(g->arena, "%s.dq", name), &attrs);
}

/* uint8 weights around 128 with one scale. */
static int uint8_weights(wick_graph *g, wick_rng *rng, const char *name, wick_shape shape) {
    int64_t count = wick_shape_count(shape);
    uint8_t *q = wick_new(g->arena, uint8_t, count), zero = 128;
    float scale = 0.004F;
    for (int64_t i = 0; i < count; i++)
        q[i] = (uint8_t)(1 + wick_rng_below(rng, 255));
    int inputs[3] = {
        wick_graph_tensor(g, wick_arena_printf(g->arena, "%s.q", name), WICK_U8, shape, q),
        wick_graph_tensor(g, wick_arena_printf(g->arena, "%s.s", name), WICK_F32, (wick_shape){0},
                          &scale),
        wick_graph_tensor(g, wick_arena_printf(g->arena, "%s.z", name), WICK_U8, (wick_shape){0},
                          &zero)};
    wick_attrs attrs = wick_attrs_default();
    return wick_graph_node(g, name, WICK_OP_DEQUANTIZE, inputs, 3, name, &attrs);
}

/* An int32 bias at a scale that is not the accumulator's. */
static int int32_bias(wick_graph *g, const char *name, int64_t count, float scale) {
    int32_t *q = wick_new(g->arena, int32_t, count), zero = 0;
    for (int64_t i = 0; i < count; i++)
        q[i] = (int32_t)(1000 - 450 * i);
    int inputs[3] = {wick_graph_tensor(g, wick_arena_printf(g->arena, "%s.q", name), WICK_S32,
                                       (wick_shape){1, {count}}, q),
                     wick_graph_tensor(g, wick_arena_printf(g->arena, "%s.s", name), WICK_F32,
                                       (wick_shape){0}, &scale),
                     wick_graph_tensor(g, wick_arena_printf(g->arena, "%s.z", name), WICK_S32,
                                       (wick_shape){0}, &zero)};
    wick_attrs attrs = wick_attrs_default();
    return wick_graph_node(g, name, WICK_OP_DEQUANTIZE, inputs, 3, name, &attrs);
}

/* Float weights that pass Q -> DQ in the graph, as quantization-aware training leaves them. */
static int trained_weights(wick_graph *g, wick_rng *rng, const char *name, int rows, int columns) {
    float *scale = wick_new(g->arena, float, rows);
    int8_t *zero = wick_new(g->arena, int8_t, rows);
    for (int i = 0; i < rows; i++)
        scale[i] = 0.004F + 0.001F * (float)i;
    int inputs[3] = {helper_normal(g, rng, wick_arena_printf(g->arena, "%s.f", name),
                                   (wick_shape){2, {rows, columns}}, 0.2),
                     wick_graph_tensor(g, wick_arena_printf(g->arena, "%s.s", name), WICK_F32,
                                       (wick_shape){1, {rows}}, scale),
                     wick_graph_tensor(g, wick_arena_printf(g->arena, "%s.z", name), WICK_S8,
                                       (wick_shape){1, {rows}}, zero)};
    wick_attrs attrs = wick_attrs_default();
    attrs.axis = 0;
    inputs[0] = wick_graph_node(g, name, WICK_OP_QUANTIZE, inputs, 3,
                                wick_arena_printf(g->arena, "%s.q", name), &attrs);
    return wick_graph_node(g, name, WICK_OP_DEQUANTIZE, inputs, 3, name, &attrs);
}

/* uint8 activations, one weight scale, a float bias and one at an odd scale, a Relu and a Clip of
   their own, a MaxPool and a plain Q -> DQ that rescale, a final Softmax. */
static wick_graph *foreign_graph(void) {
    wick_rng rng = wick_rng_seed(11, 0);
    wick_graph *g = helper_graph(2, 8, 8);
    int x = quantized(g, g->input, "in", WICK_U8, 2.0F / 255, 128);
    int conv_inputs[3] = {x, uint8_weights(g, &rng, "w1", (wick_shape){4, {6, 2, 3, 3}}),
                          helper_normal(g, &rng, "b1", (wick_shape){1, {6}}, 0.2)};
    wick_attrs window = helper_window(3, 1, 1);
    int y = wick_graph_node(g, "conv", WICK_OP_CONV, conv_inputs, 3, "conv.y", &window);
    y = quantized(g, y, "conv_q", WICK_U8, 0.02F, 120);
    int relu = quantized(g, helper_unary(g, WICK_OP_RELU, y, "relu"), "relu_q", WICK_U8, 0.015F, 0);
    wick_attrs clip = wick_attrs_default();
    clip.clip_min = -0.5F;
    clip.clip_max = 0.75F;
    int clipped = wick_graph_node(g, "clip", WICK_OP_CLIP, &y, 1, "clip.y", &clip);
    clipped = quantized(g, clipped, "clip_q", WICK_U8, 0.006F, 100);
    int both[2] = {relu, clipped};
    y = wick_graph_node(g, "add", WICK_OP_ADD, both, 2, "add.y", NULL);
    y = quantized(g, y, "add_q", WICK_U8, 0.03F, 40);
    y = quantized(g, y, "again", WICK_U8, 0.035F, 30);
    wick_attrs pool = helper_window(2, 2, 0);
    y = wick_graph_node(g, "pool", WICK_OP_MAX_POOL, &y, 1, "pool.y", &pool);
    y = quantized(g, y, "pool_q", WICK_U8, 0.02F, 10);
    y = helper_unary(g, WICK_OP_FLATTEN, y, "flat");
    int fc_inputs[3] = {y, trained_weights(g, &rng, "w2", 4, 96), int32_bias(g, "b2", 4, 3e-4F)};
    y = wick_graph_node(g, "fc", WICK_OP_GEMM, fc_inputs, 3, "fc.y", NULL);
    y = quantized(g, y, "fc_q", WICK_S8, 0.05F, 3);
    y = helper_unary(g, WICK_OP_SOFTMAX, y, "softmax");
    helper_finish(g, -1, &y, 1);
    return g;
}

static void graphs_of_other_tools_are_lowered(void **state) {
    (void)state;
    wick_graph *g = foreign_graph();
    wick_qnet *net = lower(g);
    assert_int_equal(net->tensors[0].zero_point, 0);
    assert_int_equal(net->pixel_to_input[0][128], 0);
    assert_int_equal(net->features, net->input);
    helper_difference d = {0};
    helper_compare_images(g, net, 1, 20, &d);
    for (int kind = 0; kind < WICK_LAYER_KINDS; kind++)
        assert_in_range(d.largest[kind], 0, 1);
    assert_true(d.by_kind[WICK_LAYER_CONCAT] > 0 && d.by_kind[WICK_LAYER_FC] > 0);
    int concats = 0;
    for (int l = 0; l < net->n_layers; l++)
        concats += net->layers[l].kind == WICK_LAYER_CONCAT && net->layers[l].n_operands == 1;
    assert_int_equal(concats, 4); /* relu, clip, again, pool */
    wick_qnet_free(net);
    wick_graph_free(g);
}

/* MaxPool -> Relu -> Flatten -> Gemm with no QuantizeLinear in between, as some tools leave it. */
static void a_pool_keeps_its_quantization(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(9, 0);
    wick_graph *g = helper_graph(2, 6, 6);
    int x = quantized(g, g->input, "in", WICK_S8, 2.0F / 255, 3);
    wick_attrs pool = helper_window(2, 2, 0);
    x = wick_graph_node(g, "pool", WICK_OP_MAX_POOL, &x, 1, "pool.y", &pool);
    x = helper_unary(g, WICK_OP_RELU, x, "relu");
    x = helper_unary(g, WICK_OP_FLATTEN, x, "flat");
    int inputs[2] = {x, trained_weights(g, &rng, "w", 4, 18)};
    x = wick_graph_node(g, "fc", WICK_OP_GEMM, inputs, 2, "fc.y", NULL);
    x = quantized(g, x, "out", WICK_S8, 0.02F, 0);
    helper_finish(g, -1, &x, 1);
    wick_qnet *net = lower(g);
    assert_int_equal(net->n_layers, 2);
    assert_int_equal(net->layers[0].clamp_min, 3);
    helper_difference d = {0};
    helper_compare_images(g, net, 2, 10, &d);
    assert_int_equal(d.by_kind[WICK_LAYER_FC], 40);
    assert_in_range(d.largest[WICK_LAYER_FC], 0, 1);
    wick_qnet_free(net);
    wick_graph_free(g);
}

/* A model of sensor features instead of an image: [1,5,7] -> Flatten -> Gemm. */
static void inputs_need_not_be_images(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(8, 0);
    for (int rank = 2; rank <= 3; rank++) {
        wick_graph *g = helper_graph(1, 5, 7);
        wick_shape shape = rank == 3 ? (wick_shape){3, {1, 5, 7}} : (wick_shape){2, {1, 35}};
        g->tensors[g->input].shape = shape;
        int y = helper_unary(g, WICK_OP_FLATTEN, g->input, "flat");
        y = helper_unary(g, WICK_OP_RELU, helper_gemm(g, &rng, y, "fc1", 35, 9), "relu");
        y = helper_gemm(g, &rng, y, "fc2", 9, 3);
        helper_finish(g, -1, &y, 1);
        wick_graph *prepared, *q;
        assert_int_equal(wick_qdq_prepare(g, &prepared, NULL), WICK_OK);
        wick_range *ranges = wick_new(g->arena, wick_range, prepared->n_tensors);
        for (int t = 0; t < prepared->n_tensors; t++)
            ranges[t] = (wick_range){.low = -2, .high = 2};
        assert_int_equal(wick_qdq_insert(prepared, ranges, NULL, &q, NULL), WICK_OK);
        wick_qnet *net = lower(q);
        assert_int_equal(net->input_channels, 1);
        float input[35];
        for (int i = 0; i < 35; i++)
            input[i] = 2 * wick_rng_uniform(&rng) - 1;
        helper_difference d = {0};
        helper_compare(q, net, input, &d);
        assert_int_equal(d.by_kind[WICK_LAYER_FC], 12);
        assert_in_range(d.largest[WICK_LAYER_FC], 0, 1);
        wick_qnet_free(net);
        wick_graph_free(q);
        wick_graph_free(prepared);
        wick_graph_free(g);
    }
}

/* Dilation and groups in terms of the kernels that there are. */
static void spread_convolutions_equal_the_reference(void **state) {
    (void)state;
    static const struct {
        int dilation[2], groups, out;
    } cases[] = {{{2, 1}, 1, 6}, {{1, 3}, 1, 5}, {{1, 1}, 2, 6},
                 {{2, 2}, 2, 4}, {{2, 3}, 4, 4}, {{1, 2}, 4, 8}};
    wick_rng rng = wick_rng_seed(8, 0);
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_graph *g = helper_graph(4, 9, 11);
        wick_attrs a = helper_window(3, 1, 1);
        for (int d = 0; d < 2; d++)
            a.dilation[d] = cases[i].dilation[d];
        a.groups = cases[i].groups;
        int y = helper_conv(g, &rng, g->input, "conv", 4, cases[i].out, a);
        y = helper_unary(g, WICK_OP_FLATTEN, helper_unary(g, WICK_OP_RELU, y, "relu"), "flat");
        assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
        y = helper_gemm(g, &rng, y, "fc", (int)g->tensors[y].shape.dim[1], 3);
        helper_finish(g, -1, &y, 1);
        wick_graph *q = helper_quantize(g, 3, 3);
        wick_qnet *net;
        assert_int_equal(wick_qnet_lower(q, &net, NULL), WICK_OK);
        bool depthwise = cases[i].groups == 4 && cases[i].out == 4;
        wick_layer_kind kind = depthwise ? WICK_LAYER_DWCONV2D : WICK_LAYER_CONV2D;
        assert_int_equal(net->layers[0].kind, kind);
        /* Multiplications by the zeros between are not the network's. */
        assert_int_equal(net->info[0].macs, wick_node_counts(g, 0).macs);
        uint8_t pixels[4 * 9 * 11];
        float input[4 * 9 * 11];
        helper_difference d = {0};
        helper_image(g, &rng, pixels, input);
        helper_compare(q, net, input, &d);
        assert_true(d.by_kind[kind] > 0 && d.largest[kind] <= 1);
        assert_true(d.different * 50 <= d.outputs);
        wick_qnet_free(net);
        wick_graph_free(q);
        wick_graph_free(g);
    }
}

/* Functions by tables, on what others read too, and behind each other. */
static void functions_equal_the_reference(void **state) {
    (void)state;
    static const wick_op ops[] = {WICK_OP_LEAKY_RELU, WICK_OP_SIGMOID,      WICK_OP_TANH,
                                  WICK_OP_HARD_SWISH, WICK_OP_HARD_SIGMOID, WICK_OP_ELU,
                                  WICK_OP_SOFTPLUS,   WICK_OP_ABS,          WICK_OP_EXP};
    wick_rng rng = wick_rng_seed(9, 0);
    for (size_t i = 0; i < WICK_LEN(ops); i++) {
        wick_graph *g = helper_graph(3, 6, 7);
        wick_attrs a = wick_attrs_default();
        a.alpha = 0.1f;
        a.beta = 0.5f;
        int x = helper_conv(g, &rng, g->input, "conv", 3, 5, helper_window(3, 1, 1));
        int y = wick_graph_node(g, "f", ops[i], &x, 1, "f.y", &a);
        int both[2] = {x, helper_unary(g, WICK_OP_RELU, y, "relu")};
        y = wick_graph_node(g, "add", WICK_OP_ADD, both, 2, "add.y", NULL);
        y = helper_unary(g, WICK_OP_FLATTEN, y, "flat");
        assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
        y = helper_gemm(g, &rng, y, "fc", (int)g->tensors[y].shape.dim[1], 3);
        y = wick_graph_node(g, "last", ops[i], &y, 1, "last.y", &a);
        helper_finish(g, -1, &y, 1);
        wick_graph *q = helper_quantize(g, 3, 3);
        wick_qnet *net;
        wick_diag diag = {0};
        wick_status status = wick_qnet_lower(q, &net, &diag);
        wick_diag_print(&diag, stdout);
        assert_int_equal(status, WICK_OK);
        int tables = 0;
        for (int l = 0; l < net->n_layers; l++)
            tables += net->layers[l].kind == WICK_LAYER_CONCAT && net->layers[l].weights;
        assert_int_equal(tables, 2);
        assert_int_equal(wick_qlayer_constant_bytes(&net->layers[1]), 256);
        uint8_t pixels[3 * 6 * 7];
        float input[3 * 6 * 7];
        helper_difference d = {0};
        helper_image(g, &rng, pixels, input);
        helper_compare(q, net, input, &d);
        assert_int_equal(d.by_kind[WICK_LAYER_CONCAT], 5 * 6 * 7 + 3);
        assert_true(d.largest[WICK_LAYER_CONCAT] <= 1);
        assert_true(d.different * 50 <= d.outputs);
        wick_hash before = net->hash;
        ((int8_t *)(uintptr_t)net->layers[1].weights)[7] ^= 1;
        assert_string_not_equal(wick_qnet_hash(net).hex, before.hex);
        wick_qnet_free(net);
        wick_graph_free(q);
        wick_graph_free(g);
    }
}

/* --- what the device cannot run --- */

static void every_obstacle_is_listed(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(1, 0);
    wick_graph *g = helper_graph(4, 20, 20);
    wick_attrs dilated = helper_window(3, 1, 2);
    dilated.dilation[0] = dilated.dilation[1] = 2;
    int x = wick_graph_node(g, "dilated", WICK_OP_MAX_POOL, &g->input, 1, "dilated.y", &dilated);
    int both[2] = {g->input, g->input};
    int y = wick_graph_node(g, "power", WICK_OP_POW, both, 2, "power.y", NULL);
    wick_attrs rows = wick_attrs_default();
    rows.axis = 2;
    int z = wick_graph_node(g, "rows", WICK_OP_CONCAT, both, 2, "rows.y", &rows);
    wick_attrs padded = helper_window(2, 1, 1);
    int p = wick_graph_node(g, "padded", WICK_OP_AVG_POOL, &z, 1, "padded.y", &padded);
    int s = helper_unary(g, WICK_OP_LOG_SOFTMAX, g->input, "soft");
    int outputs[5] = {x, y, p, s, s}, flat[5];
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "flat%d", i);
        flat[i] = helper_unary(g, WICK_OP_FLATTEN, outputs[i], name);
    }
    wick_attrs axis = wick_attrs_default();
    int joined = wick_graph_node(g, "flatjoin", WICK_OP_CONCAT, flat, 4, "joined", &axis);
    (void)wick_graph_infer(g, NULL);
    joined = helper_gemm(g, &rng, joined, "fc", (int)g->tensors[joined].shape.dim[1], 3);
    helper_finish(g, -1, &joined, 1);
    wick_diag diag = {0};
    assert_int_equal(wick_qnet_check(g, &diag), WICK_UNSUPPORTED);
    assert_int_equal(diag.count, 4);
    assert_true(wick_diag_contains(&diag, "node 'dilated' (MaxPool)"));
    assert_true(wick_diag_contains(&diag, "the device has no Pow"));
    assert_true(wick_diag_contains(&diag, "node 'rows' (Concat)"));
    assert_true(wick_diag_contains(&diag, "the device has no LogSoftmax"));
    for (size_t i = 0; i < diag.count; i++)
        assert_non_null(diag.items[i].hint);
    wick_diag_free(&diag);
    wick_graph_free(g);
}

static wick_status check_one(wick_graph *g, int output, wick_diag *diag) {
    wick_rng rng = wick_rng_seed(1, 0);
    (void)wick_graph_infer(g, NULL);
    int flat = helper_unary(g, WICK_OP_FLATTEN, output, "flat");
    (void)wick_graph_infer(g, NULL);
    int head = helper_gemm(g, &rng, flat, "fc", (int)g->tensors[flat].shape.dim[1], 3);
    helper_finish(g, -1, &head, 1);
    wick_status status = wick_qnet_check(g, diag);
    wick_graph_free(g);
    return status;
}

static void limits_of_the_device_are_checked(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(1, 0);
    wick_diag diag = {0};
    wick_graph *g = helper_graph(1, 300, 4);
    assert_int_equal(check_one(g, helper_unary(g, WICK_OP_GLOBAL_AVG_POOL, g->input, "gap"), &diag),
                     WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "input height is 300; the device takes 1 to 255"));
    g = helper_graph(1, 300, 300);
    wick_attrs wide = helper_window(256, 1, 0);
    int y = wick_graph_node(g, "wide", WICK_OP_MAX_POOL, &g->input, 1, "wide.y", &wide);
    assert_int_equal(check_one(g, y, &diag), WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "kernel height is 256"));
    g = helper_graph(1, 4, 4);
    wick_attrs padded = helper_window(2, 1, 0);
    padded.pad[2] = padded.pad[3] = 2;
    assert_int_equal(check_one(g, helper_conv(g, &rng, g->input, "edge", 1, 2, padded), &diag),
                     WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "padding at the bottom is 2"));
    g = helper_graph(1, 4, 4);
    padded = helper_window(2, 1, 0);
    padded.pad[3] = 1;
    y = wick_graph_node(g, "average", WICK_OP_AVG_POOL, &g->input, 1, "average.y", &padded);
    assert_int_equal(check_one(g, y, &diag), WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "averages without padding"));
    g = helper_graph(2, 4, 4);
    int flat[2] = {helper_unary(g, WICK_OP_FLATTEN, g->input, "a"),
                   helper_unary(g, WICK_OP_FLATTEN, g->input, "b")};
    y = wick_graph_node(g, "join", WICK_OP_CONCAT, flat, 2, "join.y", NULL);
    assert_int_equal(check_one(g, y, &diag), WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "concatenate before Flatten"));
    g = helper_graph(16, 4, 4);
    assert_int_equal(check_one(g, helper_unary(g, WICK_OP_RELU, g->input, "relu"), &diag), WICK_OK);
    g = helper_graph(1, 4, 4);
    g->tensors[g->input].shape.dim[1] = 17;
    g->family.n_channels = 0;
    assert_int_equal(check_one(g, helper_unary(g, WICK_OP_RELU, g->input, "relu"), &diag),
                     WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "at most 16 channels"));
    wick_diag_free(&diag);
}

/* Output scale 1e-8: with |acc| up to 127 * 128 * 18 the shift would push it out of 32 bits. */
static void an_accumulator_that_overflows_is_refused(void **state) {
    (void)state;
    wick_graph *g = foreign_graph();
    float *scale = g->tensors[wick_graph_find(g, "conv_q.s")].data;
    wick_diag diag = {0};
    wick_qnet *net;
    *scale = 2e-10F; /* M = 2/255 * 0.004 / 2e-10 = 156863, shift 18; acc reaches 294912 */
    assert_int_equal(wick_qnet_lower(g, &net, &diag), WICK_UNSUPPORTED);
    assert_null(net);
    assert_true(wick_diag_contains(&diag, "overflows 32 bits"));
    assert_true(wick_diag_contains(&diag, "node 'conv' (Conv)"));
    *scale = 1e-7F; /* shift 9: proven safe */
    wick_diag_free(&diag);
    assert_int_equal(wick_qnet_lower(g, &net, &diag), WICK_OK);
    wick_qnet_free(net);
    /* A bias beyond int32. */
    float *bias = g->tensors[wick_graph_find(g, "b1")].data;
    for (int i = 0; i < 2; i++) {
        bias[5] = i ? 1e6F : 1e5F; /* 3.2e10 and 3.2e9 accumulator steps */
        assert_int_equal(wick_qnet_lower(g, &net, &diag), WICK_UNSUPPORTED);
        assert_true(wick_diag_contains(&diag, "channel 5"));
        assert_true(wick_diag_contains(&diag, "beyond int32"));
        wick_diag_free(&diag);
    }
    wick_diag_free(&diag);
    wick_graph_free(g);
}

/* The depthwise layer keeps the weights of a channel apart: the proof must pick the right ones. */
static void the_proof_names_the_channel_and_its_bounds(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(1, 0);
    wick_graph *g = helper_graph(4, 6, 6);
    wick_attrs attrs = helper_window(3, 1, 1);
    attrs.groups = 4;
    int y = helper_conv(g, &rng, g->input, "dw", 4, 4, attrs);
    y = helper_unary(g, WICK_OP_FLATTEN, helper_unary(g, WICK_OP_GLOBAL_AVG_POOL, y, "gap"), "f");
    helper_finish(g, -1, &y, 1);
    wick_graph *q = helper_quantize(g, 1, 2);
    int8_t *w = q->tensors[wick_graph_find(q, "dw.w/q")].data;
    int32_t *b = q->tensors[wick_graph_find(q, "dw.b/q")].data;
    float *scales = q->tensors[wick_graph_find(q, "dw.w/scale")].data;
    float *bias_scales = q->tensors[wick_graph_find(q, "dw.b/scale")].data;
    for (int c = 0; c < 4; c++) {
        b[c] = 0;
        bias_scales[c] *= 1 / scales[c];
        scales[c] = 1;
        for (int i = 0; i < 9; i++)
            w[9 * c + i] = c == 3 ? (i == 4 ? -127 : 127) : 1;
    }
    wick_diag diag = {0};
    wick_qnet *net;
    float *out = q->tensors[wick_graph_find(q, "dw.y/scale")].data;
    *out = 1 / 127.5F / 10000; /* M = 10000, shift 15: 1152 << 15 fits, 145161 << 15 does not */
    assert_int_equal(wick_qnet_lower(q, &net, &diag), WICK_UNSUPPORTED);
    assert_int_equal(diag.count, 1);
    assert_true(wick_diag_contains(&diag, "channel 3 reaches -146177 to 145288"));
    wick_diag_free(&diag);
    wick_graph_free(q);
    wick_graph_free(g);
}

static void damaged_quantization_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *tensor, *message;
        float value;
    } cases[] = {{"in.s", "not positive", 0},
                 {"in.s", "not positive", (float)NAN},
                 {"w1.s", "not positive", -1},
                 {"b2.s", "not positive", -1},
                 {"w2.s", "not positive", (float)INFINITY}};
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_graph *g = foreign_graph();
        wick_diag diag = {0};
        wick_qnet *net;
        *(float *)g->tensors[wick_graph_find(g, cases[i].tensor)].data = cases[i].value;
        assert_int_equal(wick_qnet_lower(g, &net, &diag), WICK_UNSUPPORTED);
        assert_true(wick_diag_contains(&diag, cases[i].message));
        wick_diag_free(&diag);
        wick_graph_free(g);
    }
    wick_diag diag = {0};
    wick_qnet *net;
    static const char *const zeros[] = {"w1.z", "w2.z"};
    for (size_t i = 0; i < WICK_LEN(zeros); i++) {
        wick_graph *g = foreign_graph();
        *(int8_t *)g->tensors[wick_graph_find(g, zeros[i])].data = 5;
        assert_int_equal(wick_qnet_lower(g, &net, &diag), WICK_UNSUPPORTED);
        assert_true(wick_diag_contains(&diag, "weights have a zero point"));
        wick_diag_free(&diag);
        wick_graph_free(g);
    }
    wick_graph *plain = helper_family(0);
    assert_int_equal(wick_qnet_lower(plain, &net, &diag), WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "wick shrink --int8"));
    wick_diag_free(&diag);
    wick_graph_free(plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layer_is_within_one_step),
        cmocka_unit_test(a_run_chains_the_layers),
        cmocka_unit_test(the_network_describes_the_family),
        cmocka_unit_test(the_hash_covers_what_is_computed),
        cmocka_unit_test(graphs_of_other_tools_are_lowered),
        cmocka_unit_test(a_pool_keeps_its_quantization),
        cmocka_unit_test(inputs_need_not_be_images),
        cmocka_unit_test(spread_convolutions_equal_the_reference),
        cmocka_unit_test(functions_equal_the_reference),
        cmocka_unit_test(every_obstacle_is_listed),
        cmocka_unit_test(limits_of_the_device_are_checked),
        cmocka_unit_test(an_accumulator_that_overflows_is_refused),
        cmocka_unit_test(the_proof_names_the_channel_and_its_bounds),
        cmocka_unit_test(damaged_quantization_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
