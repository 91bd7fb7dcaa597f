/* What exporters leave behind is taken out, and the numbers stay the same. */
#include "helper_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int count_op(const wick_graph *g, wick_op op) {
    int count = 0;
    for (int n = 0; n < g->n_nodes; n++)
        count += g->nodes[n].op == op;
    return count;
}

static int reshape(wick_graph *g, const char *name, int x, wick_shape shape) {
    wick_attrs a = wick_attrs_default();
    a.rank = shape.rank;
    memcpy(a.dims, shape.dim, sizeof a.dims);
    a.dims[0] = 0;
    return net_node(g, WICK_OP_RESHAPE, name, &a, x, -1, -1);
}

static int transpose(wick_graph *g, const char *name, int x, const int64_t *perm, int rank) {
    wick_attrs a = wick_attrs_default();
    a.rank = rank;
    memcpy(a.dims, perm, (size_t)rank * sizeof *perm);
    return net_node(g, WICK_OP_TRANSPOSE, name, &a, x, -1, -1);
}

/* Infers, normalises, and compares with what it was; returns the number of nodes left. */
static int normalised(wick_graph *g, int y) {
    net_head(g, "y", y);
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    wick_graph *before = wick_graph_clone(g);
    const char *name = g->tensors[y].name;
    assert_int_equal(wick_graph_normalise(g, NULL), WICK_OK);
    assert_true(net_difference(before, g, 7) < 1e-6);
    assert_string_equal(g->tensors[g->family.heads[0]].name, name);
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    wick_graph_free(before);
    return g->n_nodes;
}

static void reshapes_and_transposes_meet(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 3, 4, 5));
    int x = reshape(g, "a", g->input, NET_SHAPE(1, 12, 5));
    x = net_node(g, WICK_OP_TANH, "tanh", NULL, x, -1, -1);
    x = reshape(g, "b", x, NET_SHAPE(1, 3, 4, 5));
    x = transpose(g, "t", x, (int64_t[]){0, 2, 3, 1}, 4);
    x = net_node(g, WICK_OP_SIGMOID, "sigmoid", NULL, x, -1, -1);
    x = transpose(g, "u", x, (int64_t[]){0, 3, 1, 2}, 4);
    x = net_node(g, WICK_OP_RELU, "relu", NULL, x, -1, -1);
    assert_int_equal(normalised(g, net_node(g, WICK_OP_FLATTEN, "y", NULL, x, -1, -1)), 4);
    wick_graph_free(g);
    /* A transpose that moves only ones is a reshape. */
    g = net_new(NET_SHAPE(1, 3, 1, 5));
    x = transpose(g, "t", g->input, (int64_t[]){0, 2, 1, 3}, 4);
    assert_int_equal(normalised(g, net_node(g, WICK_OP_FLATTEN, "y", NULL, x, -1, -1)), 1);
    wick_graph_free(g);
    /* A reshape that two read stays for the one that needs it. */
    g = net_new(NET_SHAPE(1, 3, 2, 2));
    x = reshape(g, "a", g->input, NET_SHAPE(1, 12));
    int other = net_node(g, WICK_OP_TANH, "tanh", NULL, x, -1, -1);
    assert_int_equal(normalised(g, net_node(g, WICK_OP_ADD, "y", NULL, x, other, -1)), 3);
    wick_graph_free(g);
}

/* [N,C,L] as tf2onnx has it: the convolution one pixel high, the bias and the pool elsewhere. */
static void windows_of_one_dimension_become_rows(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 2, 8));
    float w[12], bias[3] = {0.5f, -1, 2};
    for (int i = 0; i < 12; i++)
        w[i] = (float)(i % 5) - 2;
    wick_attrs conv = wick_attrs_default(), pool = wick_attrs_default();
    conv.kernel[1] = 2;
    conv.pad[3] = 1;
    pool.kernel[0] = pool.stride[0] = 2;
    int x = reshape(g, "row", g->input, NET_SHAPE(1, 2, 1, 8));
    x = net_node(g, WICK_OP_CONV, "conv", &conv, x, net_const(g, "w", NET_SHAPE(3, 2, 1, 2), w),
                 -1);
    x = reshape(g, "flat", x, NET_SHAPE(1, 3, 8));
    x = net_node(g, WICK_OP_ADD, "bias", NULL, x, net_const(g, "b", NET_SHAPE(1, 3, 1), bias), -1);
    x = net_node(g, WICK_OP_RELU, "relu", NULL, x, -1, -1);
    x = reshape(g, "column", x, NET_SHAPE(1, 3, 8, 1));
    x = net_node(g, WICK_OP_MAX_POOL, "pool", &pool, x, -1, -1);
    x = reshape(g, "again", x, NET_SHAPE(1, 3, 1, 4));
    conv.pad[3] = 0;
    x = net_node(g, WICK_OP_CONV, "conv2", &conv, x, net_const(g, "w2", NET_SHAPE(2, 3, 1, 2), w),
                 -1);
    assert_int_equal(normalised(g, net_node(g, WICK_OP_FLATTEN, "y", NULL, x, -1, -1)), 5);
    assert_int_equal(count_op(g, WICK_OP_RESHAPE), 0);
    assert_true(wick_shape_equal(g->tensors[g->input].shape, NET_SHAPE(1, 2, 1, 8)));
    wick_graph_free(g);
}

static void maps_of_channels_go_into_the_layer(void **state) {
    (void)state;
    static const wick_op ops[] = {WICK_OP_ADD, WICK_OP_SUB, WICK_OP_MUL, WICK_OP_DIV};
    const float w[8] = {1, -2, 3, 0.5f, -1, 2, 0.25f, 4}, c[4] = {2, -0.5f, 3, 0.125f};
    for (int second = 0; second < 2; second++)
        for (size_t i = 0; i < WICK_LEN(ops); i++) {
            wick_graph *g = net_new(NET_SHAPE(1, 2, 3, 3));
            int x = net_node(g, WICK_OP_CONV, "conv", NULL, g->input,
                             net_const(g, "w", NET_SHAPE(4, 2, 1, 1), w), -1);
            wick_shape shape = second ? NET_SHAPE(1) : NET_SHAPE(4, 1, 1);
            x = net_node(g, ops[i], "map", NULL, x, net_const(g, "c", shape, c), -1);
            x = net_node(g, WICK_OP_RELU, "relu", NULL, x, -1, -1);
            assert_int_equal(normalised(g, net_node(g, WICK_OP_FLATTEN, "y", NULL, x, -1, -1)), 3);
            wick_graph_free(g);
        }
    /* Not a number for each column, and not where another reads the convolution. */
    for (int shared = 0; shared < 2; shared++) {
        wick_graph *g = net_new(NET_SHAPE(1, 2, 3, 4));
        int x = net_node(g, WICK_OP_CONV, "conv", NULL, g->input,
                         net_const(g, "w", NET_SHAPE(4, 2, 1, 1), w), -1);
        int m = net_node(g, WICK_OP_MUL, "map", NULL, x,
                         net_const(g, "c", shared ? NET_SHAPE(4, 1, 1) : NET_SHAPE(4), c), -1);
        m = shared ? net_node(g, WICK_OP_ADD, "both", NULL, m, x, -1) : m;
        normalised(g, net_node(g, WICK_OP_FLATTEN, "y", NULL, m, -1, -1));
        assert_int_equal(count_op(g, WICK_OP_MUL), 1);
        wick_graph_free(g);
    }
}

static void borders_become_padding(void **state) {
    (void)state;
    const float w[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (int kind = 0; kind < 6; kind++) {
        wick_graph *g = net_new(NET_SHAPE(1, 1, 4, 4));
        wick_attrs border = wick_attrs_default(), window = net_window(3, 1, 0);
        border.begin[2] = border.end[3] = 1;
        border.pad_value = kind == 1 ? 0.5f : 0;
        int x = g->input;
        if (kind == 3)
            x = net_node(g, WICK_OP_RELU, "relu", NULL, x, -1, -1);
        x = net_node(g, WICK_OP_BORDER, "border", &border, x, -1, -1);
        if (kind < 2)
            x = net_node(g, WICK_OP_CONV, "window", &window, x,
                         net_const(g, "w", NET_SHAPE(1, 1, 3, 3), w), -1);
        else
            x = net_node(g, kind < 4 ? WICK_OP_MAX_POOL : WICK_OP_AVG_POOL, "window", &window, x,
                         -1, -1);
        if (kind == 5) /* two borders, one behind the other */
            x = net_node(g, WICK_OP_BORDER, "second", &border, x, -1, -1);
        normalised(g, net_node(g, WICK_OP_FLATTEN, "y", NULL, x, -1, -1));
        /* Not where the padding is no zero, or a maximum could be below it. */
        assert_int_equal(count_op(g, WICK_OP_BORDER), kind == 1 || kind == 2 || kind == 5);
        wick_graph_free(g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reshapes_and_transposes_meet),
        cmocka_unit_test(windows_of_one_dimension_become_rows),
        cmocka_unit_test(maps_of_channels_go_into_the_layer),
        cmocka_unit_test(borders_become_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
