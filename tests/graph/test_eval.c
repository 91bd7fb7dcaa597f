/* Every operator against numbers worked out by hand. */
#include "helper_net.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void **evaluate(wick_graph *g, const float *input) {
    wick_diag diag = {0};
    if (wick_graph_infer(g, &diag) != WICK_OK)
        fail_msg("%s", diag.items[0].reason);
    void **values;
    assert_int_equal(wick_graph_eval(g, input, &values, &diag), WICK_OK);
    return values;
}

/* Evaluates and frees the graph; tensor t must be `expected` (count numbers). */
static void assert_values(wick_graph *g, int t, const float *input, const float *expected,
                          int64_t count) {
    void **values = evaluate(g, input);
    assert_int_equal(wick_shape_count(g->tensors[t].shape), count);
    const float *y = values[t];
    for (int64_t i = 0; i < count; i++)
        if (!(fabsf(y[i] - expected[i]) <= 1e-6f * fmaxf(1, fabsf(expected[i]))))
            fail_msg("[%lld] is %.9g, not %.9g", (long long)i, (double)y[i], (double)expected[i]);
    wick_values_free(g, values);
    wick_graph_free(g);
}

#define ASSERT_VALUES(g, t, input, ...)                                                            \
    assert_values(g, t, input, NET_FLOATS(__VA_ARGS__),                                            \
                  (int64_t)(sizeof(NET_FLOATS(__VA_ARGS__)) / sizeof(float)))

static const float nine[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void convolution_with_padding_and_bias(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 1, 3, 3));
    /* Not symmetric, so that a flipped or transposed kernel shows. */
    int w = net_const(g, "w", NET_SHAPE(1, 1, 3, 3), NET_FLOATS(1, 2, 0, 0, 3, 0, 0, 0, -1));
    int b = net_const(g, "b", NET_SHAPE(1), NET_FLOATS(10));
    wick_attrs a = net_window(3, 1, 1);
    int y = net_node(g, WICK_OP_CONV, "y", &a, g->input, w, b);
    /* [0,0]: 3*1 - 5 + 10; [1,1]: 1*1 + 2*2 + 3*5 - 9 + 10; [2,2]: 5 + 2*6 + 27 + 10 */
    ASSERT_VALUES(g, y, nine, 8, 10, 19, 16, 21, 36, 39, 48, 54);
}

static void convolution_with_stride_and_one_sided_padding(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 1, 3, 3));
    int w = net_const(g, "w", NET_SHAPE(1, 1, 2, 2), NET_FLOATS(1, 10, 100, 1000));
    wick_attrs a = net_window(2, 2, 0);
    a.pad[2] = a.pad[3] = 1; /* bottom, right */
    int y = net_node(g, WICK_OP_CONV, "y", &a, g->input, w, -1);
    ASSERT_VALUES(g, y, nine, 1 + 20 + 400 + 5000, 3 + 600, 7 + 80, 9);
}

static void convolution_with_top_left_padding(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 1, 3, 3));
    int w = net_const(g, "w", NET_SHAPE(1, 1, 2, 2), NET_FLOATS(1, 10, 100, 1000));
    wick_attrs a = net_window(2, 2, 0);
    a.pad[0] = 1; /* top */
    int y = net_node(g, WICK_OP_CONV, "y", &a, g->input, w, -1);
    ASSERT_VALUES(g, y, nine, 100 + 2000, 4 + 50 + 700 + 8000);
}

static void convolution_over_channels_groups_and_images(void **state) {
    (void)state;
    const float x[16] = {1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4, -5, -6, -7, -8};
    /* Dense: two inputs, one output. */
    wick_graph *g = net_new(NET_SHAPE(2, 2, 2, 2));
    wick_attrs a = net_window(1, 1, 0);
    int w = net_const(g, "w", NET_SHAPE(1, 2, 1, 1), NET_FLOATS(1, 10));
    int y = net_node(g, WICK_OP_CONV, "y", &a, g->input, w, -1);
    ASSERT_VALUES(g, y, x, 51, 62, 73, 84, -51, -62, -73, -84);
    /* Depthwise with two outputs for each channel: group 0 makes outputs 0 and 1. */
    g = net_new(NET_SHAPE(1, 2, 2, 2));
    a.groups = 2;
    w = net_const(g, "w", NET_SHAPE(4, 1, 1, 1), NET_FLOATS(1, 2, 3, 4));
    y = net_node(g, WICK_OP_CONV, "y", &a, g->input, w, -1);
    ASSERT_VALUES(g, y, x, 1, 2, 3, 4, 2, 4, 6, 8, 15, 18, 21, 24, 20, 24, 28, 32);
}

static void convolution_with_dilation(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 1, 3, 3));
    int w = net_const(g, "w", NET_SHAPE(1, 1, 2, 2), NET_FLOATS(1, 10, 100, 1000));
    wick_attrs a = net_window(2, 1, 0);
    a.dilation[0] = a.dilation[1] = 2;
    int y = net_node(g, WICK_OP_CONV, "y", &a, g->input, w, -1);
    ASSERT_VALUES(g, y, nine, 1 + 30 + 700 + 9000);
}

static void fully_connected(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(2, 3));
    int w = net_const(g, "w", NET_SHAPE(2, 3), NET_FLOATS(1, 10, 100, 0, -1, 2));
    int b = net_const(g, "b", NET_SHAPE(2), NET_FLOATS(0.5f, -0.5f));
    int y = net_node(g, WICK_OP_GEMM, "y", NULL, g->input, w, b);
    ASSERT_VALUES(g, y, NET_FLOATS(1, 2, 3, 4, 5, 6), 321.5f, 3.5f, 654.5f, 6.5f);
    g = net_new(NET_SHAPE(1, 3));
    w = net_const(g, "w", NET_SHAPE(2, 3), NET_FLOATS(1, 10, 100, 0, -1, 2));
    y = net_node(g, WICK_OP_GEMM, "y", NULL, g->input, w, -1);
    ASSERT_VALUES(g, y, NET_FLOATS(1, 2, 3), 321, 4);
}

static void batch_norm(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 2, 1, 2));
    int y = net_batch_norm(g, "y", g->input, 2, NET_FLOATS(2, 3), NET_FLOATS(1, -1),
                           NET_FLOATS(1, 4), NET_FLOATS(3, 8));
    /* epsilon 1: divisors 2 and 3 */
    g->nodes[0].attrs.epsilon = 1;
    ASSERT_VALUES(g, y, NET_FLOATS(1, 3, 4, 7), 1, 3, -1, 2);
}

static void activations(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 4));
    int y = net_node(g, WICK_OP_RELU, "y", NULL, g->input, -1, -1);
    ASSERT_VALUES(g, y, NET_FLOATS(-1, 0, 2, -1e9f), 0, 0, 2, 0);
    g = net_new(NET_SHAPE(1, 4));
    wick_attrs a = wick_attrs_default();
    a.clip_min = -1;
    a.clip_max = 6;
    y = net_node(g, WICK_OP_CLIP, "y", &a, g->input, -1, -1);
    ASSERT_VALUES(g, y, NET_FLOATS(-3, -0.5f, 5, 7), -1, -0.5f, 5, 6);
    g = net_new(NET_SHAPE(1, 4));
    y = net_node(g, WICK_OP_IDENTITY, "y", NULL, g->input, -1, -1);
    ASSERT_VALUES(g, y, NET_FLOATS(-3, -0.5f, 5, 7), -3, -0.5f, 5, 7);
}

static void maximum_pool(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 1, 3, 3));
    wick_attrs a = net_window(2, 1, 0);
    int y = net_node(g, WICK_OP_MAX_POOL, "y", &a, g->input, -1, -1);
    ASSERT_VALUES(g, y, NET_FLOATS(1, 9, 3, 4, 5, 6, 7, 8, -1), 9, 9, 8, 8);
    /* Padding is minus infinity, not zero. */
    g = net_new(NET_SHAPE(1, 1, 2, 2));
    a = net_window(3, 2, 1);
    y = net_node(g, WICK_OP_MAX_POOL, "y", &a, g->input, -1, -1);
    ASSERT_VALUES(g, y, NET_FLOATS(-5, -2, -3, -4), -2);
    g = net_new(NET_SHAPE(1, 1, 3, 3));
    a = net_window(2, 1, 0);
    a.dilation[0] = a.dilation[1] = 2;
    y = net_node(g, WICK_OP_MAX_POOL, "y", &a, g->input, -1, -1);
    ASSERT_VALUES(g, y, NET_FLOATS(1, 99, 3, 99, 99, 99, 7, 99, -1), 7);
}

static void average_pools(void **state) {
    (void)state;
    for (int include = 0; include < 2; include++) {
        wick_graph *g = net_new(NET_SHAPE(1, 1, 3, 3));
        wick_attrs a = net_window(2, 2, 0);
        a.pad[2] = a.pad[3] = 1;
        a.count_include_pad = include == 1;
        int y = net_node(g, WICK_OP_AVG_POOL, "y", &a, g->input, -1, -1);
        if (include)
            ASSERT_VALUES(g, y, nine, 3, 2.25f, 3.75f, 2.25f);
        else
            ASSERT_VALUES(g, y, nine, 3, 4.5f, 7.5f, 9);
    }
    wick_graph *g = net_new(NET_SHAPE(1, 2, 1, 3));
    int y = net_node(g, WICK_OP_GLOBAL_AVG_POOL, "y", NULL, g->input, -1, -1);
    ASSERT_VALUES(g, y, NET_FLOATS(1, 2, 6, -1, -1, -4), 3, -2);
}

static void sums_and_joins(void **state) {
    (void)state;
    const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    wick_graph *g = net_new(NET_SHAPE(2, 2, 1, 2));
    int c = net_const(g, "c", NET_SHAPE(2, 2, 1, 2), NET_FLOATS(10, 20, 30, 40, 50, 60, 70, 80));
    int y = net_node(g, WICK_OP_ADD, "y", NULL, g->input, c, -1);
    ASSERT_VALUES(g, y, x, 11, 22, 33, 44, 55, 66, 77, 88);
    g = net_new(NET_SHAPE(2, 2, 1, 2));
    c = net_const(g, "c", NET_SHAPE(2, 1, 1, 2), NET_FLOATS(10, 20, 30, 40));
    y = net_node(g, WICK_OP_CONCAT, "y", NULL, g->input, c, -1);
    ASSERT_VALUES(g, y, x, 1, 2, 3, 4, 10, 20, 5, 6, 7, 8, 30, 40);
    g = net_new(NET_SHAPE(1, 2, 2));
    c = net_const(g, "c", NET_SHAPE(1, 2, 1), NET_FLOATS(10, 20));
    wick_attrs last = wick_attrs_default();
    last.axis = -1;
    y = net_node(g, WICK_OP_CONCAT, "y", &last, c, g->input, -1);
    ASSERT_VALUES(g, y, x, 10, 1, 2, 20, 3, 4);
    g = net_new(NET_SHAPE(2, 2, 1, 2));
    y = net_node(g, WICK_OP_FLATTEN, "y", NULL, g->input, -1, -1);
    ASSERT_VALUES(g, y, x, 1, 2, 3, 4, 5, 6, 7, 8);
    g = net_new(NET_SHAPE(2, 2, 1, 2)); /* one channel of zeros behind the two of each image */
    wick_attrs zeros = wick_attrs_default();
    zeros.pad_channels = 1;
    y = net_node(g, WICK_OP_PAD, "y", &zeros, g->input, -1, -1);
    ASSERT_VALUES(g, y, x, 1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 0, 0);
}

static void softmax_over_an_axis(void **state) {
    (void)state;
    /* log 1, log 2, log 5 and the same far up: 1/8, 2/8, 5/8. */
    const float l2 = 0.693147181f, l5 = 1.609437912f;
    wick_graph *g = net_new(NET_SHAPE(2, 3));
    int y = net_node(g, WICK_OP_SOFTMAX, "y", NULL, g->input, -1, -1);
    ASSERT_VALUES(g, y, NET_FLOATS(0, l2, l5, -1000, 0, 0), 0.125f, 0.25f, 0.625f, 0, 0.5f, 0.5f);
    /* All far below: nothing may vanish. */
    g = net_new(NET_SHAPE(1, 2));
    y = net_node(g, WICK_OP_SOFTMAX, "y", NULL, g->input, -1, -1);
    ASSERT_VALUES(g, y, NET_FLOATS(-2000, -2000), 0.5f, 0.5f);
    g = net_new(NET_SHAPE(1, 2, 2));
    y = net_node(g, WICK_OP_SOFTMAX, "y", NULL, g->input, -1, -1); /* axis 1: over the rows */
    ASSERT_VALUES(g, y, NET_FLOATS(0, 500, 0, 500 + l2), 0.5f, 1.0f / 3, 0.5f, 2.0f / 3);
}

static void quantizing_rounds_half_to_even_and_saturates(void **state) {
    (void)state;
    const float x[8] = {0.25f, 0.75f, 1.25f, -0.25f, -0.75f, 100, -100, 0.26f};
    const int8_t expected[8] = {10, 12, 12, 10, 8, 127, -128, 11}; /* x / 0.5, ties to even, + 10 */
    wick_graph *g = net_new(NET_SHAPE(1, 8));
    int scale = net_const(g, "s", NET_SHAPE(1), NET_FLOATS(0.5f));
    int zero = wick_graph_tensor(g, "z", WICK_S8, NET_SHAPE(1), (const int8_t[]){10});
    int q = net_node(g, WICK_OP_QUANTIZE, "q", NULL, g->input, scale, zero);
    int d = net_node(g, WICK_OP_DEQUANTIZE, "d", NULL, q, scale, zero);
    int u = net_node(g, WICK_OP_QUANTIZE, "u", NULL, g->input, scale, -1);
    void **values = evaluate(g, x);
    assert_memory_equal(values[q], expected, 8);
    const uint8_t expected_u8[8] = {0, 2, 2, 0, 0, 200, 0, 1};
    assert_memory_equal(values[u], expected_u8, 8);
    for (int i = 0; i < 8; i++)
        assert_true(((float *)values[d])[i] == (float)(expected[i] - 10) * 0.5f);
    assert_null(values[scale]);
    assert_memory_equal(values[g->input], x, sizeof x);
    wick_values_free(g, values);
    wick_graph_free(g);
}

static void quantizing_for_each_channel(void **state) {
    (void)state;
    const float x[8] = {1, 2, 3, 4, 1, 2, 3, 4};
    wick_graph *g = net_new(NET_SHAPE(2, 2, 1, 2));
    int scale = net_const(g, "s", NET_SHAPE(2), NET_FLOATS(1, 0.5f));
    int zero = wick_graph_tensor(g, "z", WICK_U8, NET_SHAPE(2), (const uint8_t[]){0, 100});
    int q = net_node(g, WICK_OP_QUANTIZE, "q", NULL, g->input, scale, zero);
    int d = net_node(g, WICK_OP_DEQUANTIZE, "d", NULL, q, scale, zero);
    void **values = evaluate(g, x);
    const uint8_t expected[8] = {1, 2, 106, 108, 1, 2, 106, 108};
    assert_memory_equal(values[q], expected, 8);
    assert_memory_equal(values[d], x, sizeof x);
    wick_values_free(g, values);
    wick_graph_free(g);
    /* int32 biases, one scale for each of axis 0. */
    g = net_new(NET_SHAPE(1, 1));
    int b = wick_graph_tensor(g, "b", WICK_S32, NET_SHAPE(2), (const int32_t[]){1000000, -3});
    scale = net_const(g, "s", NET_SHAPE(2), NET_FLOATS(0.5f, 0.25f));
    wick_attrs a = wick_attrs_default();
    a.axis = 0;
    d = net_node(g, WICK_OP_DEQUANTIZE, "d", &a, b, scale, -1);
    ASSERT_VALUES(g, d, x, 500000, -0.75f);
}

static void a_missing_value_is_named(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 1));
    int hole = net_const(g, "hole", NET_SHAPE(1, 1), NULL);
    net_node(g, WICK_OP_ADD, "sum", NULL, g->input, hole, -1);
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    wick_diag diag = {0};
    void **values;
    assert_int_equal(wick_graph_eval(g, nine, &values, &diag), WICK_MISSING);
    assert_null(values);
    assert_true(wick_diag_contains(&diag, "'hole'"));
    wick_diag_free(&diag);
    wick_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolution_with_padding_and_bias),
        cmocka_unit_test(convolution_with_stride_and_one_sided_padding),
        cmocka_unit_test(convolution_with_top_left_padding),
        cmocka_unit_test(convolution_over_channels_groups_and_images),
        cmocka_unit_test(convolution_with_dilation),
        cmocka_unit_test(fully_connected),
        cmocka_unit_test(batch_norm),
        cmocka_unit_test(activations),
        cmocka_unit_test(maximum_pool),
        cmocka_unit_test(average_pools),
        cmocka_unit_test(sums_and_joins),
        cmocka_unit_test(softmax_over_an_axis),
        cmocka_unit_test(quantizing_rounds_half_to_even_and_saturates),
        cmocka_unit_test(quantizing_for_each_channel),
        cmocka_unit_test(a_missing_value_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
