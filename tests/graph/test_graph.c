#include "helper_net.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* x [1,2,4,4] -> conv 1x1 -> relu = z -> { A: flatten, fc 3;  B: gap, flatten, fc 3 }, and a branch
   that no head needs. */
static wick_graph *family(void) {
    wick_graph *g = net_new(NET_SHAPE(1, 2, 4, 4));
    int w = net_const(g, "fe.w", NET_SHAPE(2, 2, 1, 1), NET_FLOATS(1, 2, 3, 4));
    wick_attrs a = net_window(1, 1, 0);
    int conv = net_node(g, WICK_OP_CONV, "fe.conv", &a, g->input, w, -1);
    int z = net_node(g, WICK_OP_RELU, "z", NULL, conv, -1, -1);
    net_node(g, WICK_OP_IDENTITY, "unused", NULL, z, -1, -1);
    int aw = net_const(g, "A.w", NET_SHAPE(3, 32), NULL);
    float *data = g->tensors[aw].data = wick_new(g->arena, float, 96);
    for (int i = 0; i < 96; i++)
        data[i] = 0.01f * (float)i;
    int flat = net_node(g, WICK_OP_FLATTEN, "A.flat", NULL, z, -1, -1);
    int logits_a = net_node(g, WICK_OP_GEMM, "A.fc", NULL, flat, aw, -1);
    int bw = net_const(g, "B.w", NET_SHAPE(3, 2), NET_FLOATS(1, 0, 0, 1, 1, 1));
    int bb = net_const(g, "B.b", NET_SHAPE(3), NET_FLOATS(1, 2, 3));
    int gap = net_node(g, WICK_OP_GLOBAL_AVG_POOL, "B.gap", NULL, z, -1, -1);
    int row = net_node(g, WICK_OP_FLATTEN, "B.flat", NULL, gap, -1, -1);
    int logits_b = net_node(g, WICK_OP_GEMM, "B.fc", NULL, row, bw, bb);
    net_head(g, "A", logits_a);
    net_head(g, "B", logits_b);
    g->family.features = z;
    g->family.accuracy[1] = 0.5;
    g->family.n_labels = 1;
    g->family.labels = wick_new(g->arena, const char *, 1);
    g->family.labels[0] = "cat";
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    return g;
}

/* Every index of the graph is in range, every producer right, every input made before it is read.
 */
static void assert_sound(const wick_graph *g) {
    for (int n = 0; n < g->n_nodes; n++) {
        const wick_node *node = &g->nodes[n];
        assert_int_equal(g->tensors[node->output].producer, n);
        for (int i = 0; i < node->n_inputs; i++) {
            assert_in_range(node->inputs[i] + 1, 0, (uintmax_t)g->n_tensors);
            if (node->inputs[i] >= 0)
                assert_true(g->tensors[node->inputs[i]].producer < n);
        }
    }
    for (int t = 0; t < g->n_tensors; t++) {
        assert_int_equal(wick_graph_find(g, g->tensors[t].name), t);
        assert_true(g->tensors[t].producer < g->n_nodes);
    }
}

static void names_and_sizes(void **state) {
    (void)state;
    assert_int_equal(wick_dtype_bytes(WICK_F32), 4);
    assert_int_equal(wick_dtype_bytes(WICK_S64), 8);
    assert_int_equal(wick_dtype_bytes(WICK_U8), 1);
    assert_int_equal(wick_dtype_bytes(WICK_S16), 2);
    assert_string_equal(wick_op_name(WICK_OP_CONV), "Conv");
    assert_string_equal(wick_op_name(WICK_OP_DEQUANTIZE), "DequantizeLinear");
    assert_int_equal(wick_shape_count(NET_SHAPE(2, 3, 4)), 24);
    assert_int_equal(wick_shape_count((wick_shape){0}), 1);
    assert_true(wick_shape_equal(NET_SHAPE(2, 3), NET_SHAPE(2, 3)));
    assert_false(wick_shape_equal(NET_SHAPE(2, 3), NET_SHAPE(2, 3, 1)));
    assert_false(wick_shape_equal(NET_SHAPE(2, 3), NET_SHAPE(2, 4)));
    wick_arena *arena = wick_arena_new();
    assert_string_equal(wick_shape_text(arena, NET_SHAPE(1, 3, 32, 32)), "[1,3,32,32]");
    assert_string_equal(wick_shape_text(arena, (wick_shape){0}), "[]");
    wick_arena_free(arena);
}

static void constants_are_copied_and_arrays_grow(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 1));
    float value = 3;
    int t = net_const(g, "c", NET_SHAPE(1), &value);
    value = 4;
    assert_true(*(float *)g->tensors[t].data == 3);
    int x = g->input;
    for (int i = 0; i < 200; i++)
        x = net_node(g, WICK_OP_RELU, wick_arena_printf(g->arena, "r%d", i), NULL, x, -1, -1);
    assert_int_equal(g->n_nodes, 200);
    assert_int_equal(g->n_tensors, 202);
    assert_sound(g);
    assert_int_equal(wick_graph_find(g, "r150"), 152);
    assert_int_equal(wick_graph_find(g, "r200"), -1);
    wick_graph_free(g);
}

static void a_clone_shares_nothing(void **state) {
    (void)state;
    wick_graph *g = family();
    assert_int_equal(wick_graph_segment(g, NULL), WICK_SHAPE); /* the unused branch */
    wick_graph *c = wick_graph_clone(g);
    assert_true(net_difference(g, c, 1) == 0);
    int t = wick_graph_find(g, "fe.w");
    assert_ptr_not_equal(g->tensors[t].data, c->tensors[t].data);
    assert_ptr_not_equal(g->nodes[0].inputs, c->nodes[0].inputs);
    wick_graph_free(g);
    /* Everything is still there when the original is gone (the sanitizers look at this). */
    assert_sound(c);
    assert_string_equal(c->family.head_names[1], "B");
    assert_string_equal(c->family.labels[0], "cat");
    assert_true(((float *)c->tensors[t].data)[3] == 4);
    assert_int_equal(c->family.features, wick_graph_find(c, "z"));
    assert_true(c->family.accuracy[1] == 0.5 && isnan(c->family.accuracy[0]));
    net_node(c, WICK_OP_RELU, "more", NULL, c->input, -1, -1);
    assert_sound(c);
    wick_graph_free(c);
}

static void pruning_keeps_what_the_heads_need(void **state) {
    (void)state;
    wick_graph *g = family(), *whole = wick_graph_clone(g);
    int nodes = g->n_nodes, tensors = g->n_tensors;
    wick_graph_prune(g);
    assert_int_equal(g->n_nodes, nodes - 1);
    assert_int_equal(g->n_tensors, tensors - 1);
    assert_int_equal(wick_graph_find(g, "unused"), -1);
    assert_sound(g);
    assert_string_equal(g->tensors[g->family.features].name, "z");
    assert_string_equal(g->tensors[g->family.heads[1]].name, "B.fc");
    assert_true(net_difference(g, whole, 2) == 0);
    g->family.n_heads = 1;
    wick_graph_prune(g);
    assert_int_equal(wick_graph_find(g, "B.w"), -1);
    assert_int_equal(g->n_nodes, 4);
    assert_sound(g);
    wick_graph_free(g);
    wick_graph_free(whole);
}

static void pruning_keeps_the_input(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 2));
    int c = net_const(g, "c", NET_SHAPE(1, 2), NET_FLOATS(1, 2));
    net_head(g, "A", net_node(g, WICK_OP_RELU, "y", NULL, c, -1, -1));
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    wick_graph_prune(g);
    assert_int_equal(g->input, wick_graph_find(g, "x"));
    assert_true(g->input >= 0);
    assert_sound(g);
    wick_graph_free(g);
}

static int segment_of(const wick_graph *g, const char *tensor) {
    return g->nodes[g->tensors[wick_graph_find(g, tensor)].producer].segment;
}

static void segments_are_the_extractor_and_each_module(void **state) {
    (void)state;
    wick_graph *g = family();
    wick_graph_prune(g);
    assert_int_equal(wick_graph_segment(g, NULL), WICK_OK);
    assert_int_equal(segment_of(g, "fe.conv"), 0);
    assert_int_equal(segment_of(g, "z"), 0);
    assert_int_equal(segment_of(g, "A.fc"), 1);
    assert_int_equal(segment_of(g, "B.gap"), 2);
    assert_int_equal(segment_of(g, "B.fc"), 2);
    wick_graph_free(g);
}

static void assert_no_segments(wick_graph *g, const char *place, const char *text) {
    wick_diag diag = {0};
    assert_int_equal(wick_graph_segment(g, &diag), WICK_SHAPE);
    assert_int_equal(diag.count, 1);
    assert_string_equal(diag.items[0].place, place);
    assert_true(wick_diag_contains(&diag, text));
    wick_diag_free(&diag);
    wick_graph_free(g);
}

static void segments_that_cannot_be(void **state) {
    (void)state;
    assert_no_segments(family(), "unused", "no module needs it");
    /* Without features nothing may be shared. */
    wick_graph *g = family();
    wick_graph_prune(g);
    g->family.features = -1;
    assert_no_segments(g, "fe.conv", "serves both A and B");
    /* z before the ReLU: the ReLU is shared but lies outside. */
    g = family();
    wick_graph_prune(g);
    g->family.features = wick_graph_find(g, "fe.conv");
    assert_no_segments(g, "z", "not part of the extractor");
    /* A module that looks past z could not restart from it. */
    g = family();
    wick_graph_prune(g);
    int n = g->tensors[wick_graph_find(g, "A.flat")].producer;
    g->nodes[n].inputs[0] = wick_graph_find(g, "fe.conv");
    assert_no_segments(g, "A.flat", "before the features 'z'");
    g = family();
    wick_graph_prune(g);
    n = g->tensors[wick_graph_find(g, "B.gap")].producer;
    g->nodes[n].inputs[0] = g->input;
    assert_no_segments(g, "B.gap", "it reads 'x'");
}

static void one_head_alone(void **state) {
    (void)state;
    wick_graph *g = family();
    wick_graph_prune(g);
    assert_int_equal(wick_graph_segment(g, NULL), WICK_OK);
    wick_graph *b = wick_graph_head(g, 2);
    assert_sound(b);
    assert_int_equal(b->family.n_heads, 1);
    assert_string_equal(b->family.head_names[0], "B");
    assert_true(b->family.accuracy[0] == 0.5 && isnan(b->family.accuracy[1]));
    assert_int_equal(wick_graph_find(b, "A.w"), -1);
    assert_int_equal(segment_of(b, "fe.conv"), 0);
    assert_int_equal(segment_of(b, "B.fc"), 1);
    assert_int_equal(wick_graph_segment(b, NULL), WICK_OK);
    assert_int_equal(segment_of(b, "B.fc"), 1);
    assert_int_equal(g->family.n_heads, 2);
    /* It computes what the family's second head does. */
    g->family.heads[0] = g->family.heads[1];
    g->family.n_heads = 1;
    assert_true(net_difference(b, g, 3) == 0);
    wick_graph_free(g);
    wick_graph_free(b);
}

static void counts_by_hand(void **state) {
    (void)state;
    wick_graph *g = family();
    wick_graph_prune(g);
    assert_int_equal(wick_graph_segment(g, NULL), WICK_OK);
    /* Counts are for one image. */
    assert_int_equal(wick_graph_set_batch(g, 5, NULL), WICK_OK);
    wick_counts fe = wick_graph_counts(g, 0), a = wick_graph_counts(g, 1),
                b = wick_graph_counts(g, 2);
    assert_int_equal(fe.parameters, 4);
    assert_int_equal(fe.macs, 2 * 2 * 16);
    assert_int_equal(fe.conv_macs, fe.macs);
    assert_int_equal(fe.peak_activation_elements, 64);
    assert_int_equal(a.parameters, 96);
    assert_int_equal(a.fc_macs, 96);
    assert_int_equal(a.conv_parameters, 0);
    assert_int_equal(a.peak_activation_elements, 64); /* Flatten: 32 in, 32 out */
    assert_int_equal(b.parameters, 9);
    assert_int_equal(b.macs, 6);
    assert_int_equal(b.peak_activation_elements, 34);
    assert_int_equal(wick_node_counts(g, g->tensors[wick_graph_find(g, "B.fc")].producer).macs, 6);
    wick_graph_free(g);
}

static void counts_of_depthwise_shared_and_quantized_weights(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 4, 6, 6));
    int w = net_const(g, "w", NET_SHAPE(4, 1, 3, 3), NULL);
    g->tensors[w].data = wick_new(g->arena, float, 36);
    wick_attrs a = net_window(3, 1, 1);
    a.groups = 4;
    int first = net_node(g, WICK_OP_CONV, "first", &a, g->input, w, -1);
    int second = net_node(g, WICK_OP_CONV, "second", &a, first, w, -1); /* the same weights */
    int q = wick_graph_tensor(g, "q", WICK_S8, NET_SHAPE(2, 4, 1, 1), (const int8_t[8]){1});
    int scale = net_const(g, "scale", NET_SHAPE(1), NET_FLOATS(0.5f));
    int dq = net_node(g, WICK_OP_DEQUANTIZE, "dq", NULL, q, scale, -1);
    wick_attrs one = net_window(1, 1, 0);
    net_head(g, "A", net_node(g, WICK_OP_CONV, "third", &one, second, dq, -1));
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    assert_int_equal(wick_graph_segment(g, NULL), WICK_OK);
    wick_counts c = wick_graph_counts(g, 1);
    assert_int_equal(c.parameters, 36 + 8);
    assert_int_equal(c.macs, 2 * 36 * 36 + 8 * 36); /* padding taps included */
    assert_int_equal(c.dense_macs, 2 * 4 * 36 * 36 + 8 * 36);
    assert_int_equal(c.peak_activation_elements, 2 * 4 * 36);
    assert_int_equal(wick_graph_counts(g, 0).parameters, 0);
    wick_graph_free(g);
}

static int count_op(const wick_graph *g, wick_op op) {
    int count = 0;
    for (int n = 0; n < g->n_nodes; n++)
        count += g->nodes[n].op == op;
    return count;
}

/* conv without bias -> bn -> relu -> bn (stays) -> conv with bias -> bn; fc -> bn. */
static wick_graph *normalised(void) {
    wick_graph *g = net_new(NET_SHAPE(2, 2, 3, 3));
    float w1[36], w2[8] = {1, -2, 3, -4, 0.5f, 0.25f, -1, 2}, w3[54];
    for (int i = 0; i < 36; i++)
        w1[i] = 0.1f * (float)((i * 7) % 11) - 0.5f;
    for (int i = 0; i < 54; i++)
        w3[i] = 0.1f * (float)((i * 5) % 13) - 0.6f;
    const float ones[4] = {1, 1, 1, 1};
    wick_attrs same = net_window(3, 1, 1), one = net_window(1, 1, 0);
    int x = net_node(g, WICK_OP_CONV, "c1", &same, g->input,
                     net_const(g, "c1.weight", NET_SHAPE(2, 2, 3, 3), w1), -1);
    x = net_batch_norm(g, "n1", x, 2, ones, ones, ones, ones);
    x = net_node(g, WICK_OP_RELU, "r1", NULL, x, -1, -1);
    x = net_batch_norm(g, "stays", x, 2, ones, ones, ones, ones);
    g->family.features = x;
    int w = net_const(g, "c2.weight", NET_SHAPE(2, 2, 1, 1), w2);
    int b = net_const(g, "c2.bias", NET_SHAPE(2), NET_FLOATS(0.5f, -1));
    x = net_node(g, WICK_OP_CONV, "c2", &one, x, w, b);
    x = net_batch_norm(g, "n2", x, 2, ones, ones, ones, ones);
    /* The same weights once more, without batch norm behind them. */
    x = net_node(g, WICK_OP_CONV, "c3", &one, x, w, b);
    x = net_node(g, WICK_OP_FLATTEN, "flat", NULL, x, -1, -1);
    x = net_node(g, WICK_OP_GEMM, "fc", NULL, x, net_const(g, "w3", NET_SHAPE(3, 18), w3), -1);
    net_head(g, "A", net_batch_norm(g, "logits", x, 3, ones, ones, ones, ones));
    net_random_batch_norm(g, 7);
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    return g;
}

static void folding_batch_norm_changes_no_output(void **state) {
    (void)state;
    wick_graph *g = normalised(), *folded = wick_graph_clone(g);
    wick_graph_fold_batch_norm(folded);
    assert_sound(folded);
    assert_int_equal(count_op(folded, WICK_OP_BATCH_NORM), 1);
    assert_int_equal(folded->n_nodes, g->n_nodes - 3);
    assert_true(wick_graph_find(folded, "stays") >= 0);
    assert_string_equal(folded->tensors[folded->family.heads[0]].name, "logits");
    assert_string_equal(folded->tensors[folded->family.features].name, "stays");
    assert_true(wick_graph_find(folded, "c1.weight") >= 0);
    assert_true(wick_graph_find(folded, "c1.bias") >= 0);
    assert_int_equal(wick_graph_infer(folded, NULL), WICK_OK);
    double difference = net_difference(g, folded, 4);
    assert_true(difference < 1e-5);
    wick_graph_free(g);
    wick_graph_free(folded);
}

static void a_read_convolution_is_not_folded(void **state) {
    (void)state;
    wick_graph *g = normalised();
    /* The convolution's own output is the feature tensor: somebody else reads it. */
    g->family.features = wick_graph_find(g, "c1");
    wick_graph_fold_batch_norm(g);
    assert_int_equal(count_op(g, WICK_OP_BATCH_NORM), 2);
    assert_true(wick_graph_find(g, "n1") >= 0);
    assert_sound(g);
    wick_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_sizes),
        cmocka_unit_test(constants_are_copied_and_arrays_grow),
        cmocka_unit_test(a_clone_shares_nothing),
        cmocka_unit_test(pruning_keeps_what_the_heads_need),
        cmocka_unit_test(pruning_keeps_the_input),
        cmocka_unit_test(segments_are_the_extractor_and_each_module),
        cmocka_unit_test(segments_that_cannot_be),
        cmocka_unit_test(one_head_alone),
        cmocka_unit_test(counts_by_hand),
        cmocka_unit_test(counts_of_depthwise_shared_and_quantized_weights),
        cmocka_unit_test(folding_batch_norm_changes_no_output),
        cmocka_unit_test(a_read_convolution_is_not_folded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
