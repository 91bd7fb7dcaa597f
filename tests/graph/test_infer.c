#include "helper_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_shape(const wick_graph *graph, int t, wick_shape expected) {
    wick_arena *arena = wick_arena_new();
    assert_string_equal(wick_shape_text(arena, graph->tensors[t].shape),
                        wick_shape_text(arena, expected));
    wick_arena_free(arena);
}

static void shapes_of_convolutions(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 4, 7, 5));
    int w = net_const(g, "w", NET_SHAPE(6, 4, 3, 3), NULL);
    int grouped = net_const(g, "wg", NET_SHAPE(6, 2, 3, 3), NULL);
    int depthwise = net_const(g, "wd", NET_SHAPE(4, 1, 3, 3), NULL);
    int tall = net_const(g, "wt", NET_SHAPE(2, 4, 5, 1), NULL);
    wick_attrs a = net_window(3, 1, 0);
    int valid = net_node(g, WICK_OP_CONV, "valid", &a, g->input, w, -1);
    a = net_window(3, 1, 1);
    int same = net_node(g, WICK_OP_CONV, "same", &a, g->input, w, -1);
    a = net_window(3, 2, 1);
    int strided = net_node(g, WICK_OP_CONV, "strided", &a, g->input, w, -1);
    a = net_window(3, 1, 0);
    a.dilation[0] = a.dilation[1] = 2;
    int dilated = net_node(g, WICK_OP_CONV, "dilated", &a, g->input, w, -1);
    a = net_window(3, 1, 1);
    a.groups = 2;
    int groups = net_node(g, WICK_OP_CONV, "groups", &a, g->input, grouped, -1);
    a = net_window(3, 4, 1);
    a.groups = 4;
    int dw = net_node(g, WICK_OP_CONV, "dw", &a, g->input, depthwise, -1);
    a = (wick_attrs){.kernel = {5, 1},
                     .stride = {2, 3},
                     .dilation = {1, 1},
                     .pad = {0, 1, 3, 2}, /* top, left, bottom, right */
                     .groups = 1};
    int odd = net_node(g, WICK_OP_CONV, "odd", &a, g->input, tall, -1);
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    assert_shape(g, valid, NET_SHAPE(1, 6, 5, 3));
    assert_shape(g, same, NET_SHAPE(1, 6, 7, 5));
    assert_shape(g, strided, NET_SHAPE(1, 6, 4, 3)); /* (7+2-3)/2+1, (5+2-3)/2+1 */
    assert_shape(g, dilated, NET_SHAPE(1, 6, 3, 1)); /* the kernel spans 5 */
    assert_shape(g, groups, NET_SHAPE(1, 6, 7, 5));
    assert_shape(g, dw, NET_SHAPE(1, 4, 2, 2));  /* (7+2-3)/4+1, (5+2-3)/4+1 */
    assert_shape(g, odd, NET_SHAPE(1, 2, 3, 3)); /* (7+3-5)/2+1, (5+3-1)/3+1 */
    /* Another batch reaches every activation. */
    assert_int_equal(wick_graph_set_batch(g, 8, NULL), WICK_OK);
    assert_shape(g, g->input, NET_SHAPE(8, 4, 7, 5));
    assert_shape(g, dw, NET_SHAPE(8, 4, 2, 2));
    wick_graph_free(g);
}

static void shapes_of_everything_else(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(2, 3, 7, 6));
    wick_attrs a = net_window(2, 2, 0);
    int pool = net_node(g, WICK_OP_MAX_POOL, "pool", &a, g->input, -1, -1);
    a = net_window(3, 2, 1);
    int average = net_node(g, WICK_OP_AVG_POOL, "average", &a, g->input, -1, -1);
    int gap = net_node(g, WICK_OP_GLOBAL_AVG_POOL, "gap", NULL, g->input, -1, -1);
    int relu = net_node(g, WICK_OP_RELU, "relu", NULL, g->input, -1, -1);
    int sum = net_node(g, WICK_OP_ADD, "sum", NULL, relu, g->input, -1);
    int joined = net_node(g, WICK_OP_CONCAT, "joined", NULL, sum, relu, g->input);
    wick_attrs last = wick_attrs_default();
    last.axis = -1;
    int wide = net_node(g, WICK_OP_CONCAT, "wide", &last, sum, relu, -1);
    int flat = net_node(g, WICK_OP_FLATTEN, "flat", NULL, joined, -1, -1);
    int w = net_const(g, "w", NET_SHAPE(5, 378), NULL);
    int fc = net_node(g, WICK_OP_GEMM, "fc", NULL, flat, w, -1);
    int softmax = net_node(g, WICK_OP_SOFTMAX, "softmax", NULL, fc, -1, -1);
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    assert_shape(g, pool, NET_SHAPE(2, 3, 3, 3));
    assert_shape(g, average, NET_SHAPE(2, 3, 4, 3));
    assert_shape(g, gap, NET_SHAPE(2, 3, 1, 1));
    assert_shape(g, sum, NET_SHAPE(2, 3, 7, 6));
    assert_shape(g, joined, NET_SHAPE(2, 9, 7, 6));
    assert_shape(g, wide, NET_SHAPE(2, 3, 7, 12));
    assert_shape(g, flat, NET_SHAPE(2, 378));
    assert_shape(g, fc, NET_SHAPE(2, 5));
    assert_shape(g, softmax, NET_SHAPE(2, 5));
    wick_graph_free(g);
}

static void types_of_quantized_tensors(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 2, 3, 3));
    int scale = net_const(g, "s", NET_SHAPE(1), NET_FLOATS(0.5f));
    int zero = wick_graph_tensor(g, "z", WICK_S8, NET_SHAPE(1), (const int8_t[]){-128});
    int q = net_node(g, WICK_OP_QUANTIZE, "q", NULL, g->input, scale, zero);
    int plain = net_node(g, WICK_OP_QUANTIZE, "plain", NULL, g->input, scale, -1);
    int d = net_node(g, WICK_OP_DEQUANTIZE, "d", NULL, q, scale, zero);
    assert_int_equal(wick_graph_infer(g, NULL), WICK_OK);
    assert_int_equal(g->tensors[q].dtype, WICK_S8);
    assert_int_equal(g->tensors[plain].dtype, WICK_U8);
    assert_int_equal(g->tensors[d].dtype, WICK_F32);
    assert_shape(g, d, NET_SHAPE(1, 2, 3, 3));
    wick_graph_free(g);
}

/* The graph's last node must be refused, with its name and `text`. */
static void assert_refused(wick_graph *g, const char *text) {
    wick_diag diag = {0};
    assert_int_equal(wick_graph_infer(g, &diag), WICK_SHAPE);
    assert_int_equal(diag.count, 1);
    assert_string_equal(diag.items[0].place, "bad");
    if (!wick_diag_contains(&diag, text))
        fail_msg("'%s' does not say '%s'", diag.items[0].reason, text);
    wick_diag_free(&diag);
    wick_graph_free(g);
}

static wick_graph *bad_conv(wick_shape weights, wick_attrs attrs, wick_shape bias) {
    wick_graph *g = net_new(NET_SHAPE(1, 4, 5, 5));
    int w = net_const(g, "w", weights, NULL);
    int b = bias.rank ? net_const(g, "b", bias, NULL) : -1;
    net_node(g, WICK_OP_CONV, "bad", &attrs, g->input, w, b);
    return g;
}

static void convolutions_that_do_not_fit(void **state) {
    (void)state;
    const wick_shape none = {0};
    assert_refused(bad_conv(NET_SHAPE(6, 3, 3, 3), net_window(3, 1, 1), none), "4 channels");
    assert_refused(bad_conv(NET_SHAPE(6, 4, 5, 5), net_window(3, 1, 1), none), "kernel is 3x3");
    assert_refused(bad_conv(NET_SHAPE(6, 4, 7, 7), net_window(7, 1, 0), none), "would be");
    assert_refused(bad_conv(NET_SHAPE(6, 4, 3), net_window(3, 1, 1), none), "4 dimensions");
    assert_refused(bad_conv(NET_SHAPE(6, 4, 3, 3), net_window(3, 1, 1), NET_SHAPE(5)), "bias 'b'");
    assert_refused(bad_conv(NET_SHAPE(6, 4, 3, 3), net_window(3, 0, 1), none), "stride 0");
    assert_refused(bad_conv(NET_SHAPE(6, 4, 3, 3), net_window(3, 1, -1), none), "padding of -1");
    wick_attrs groups = net_window(3, 1, 1);
    groups.groups = 4;
    assert_refused(bad_conv(NET_SHAPE(6, 1, 3, 3), groups, none), "4 groups");
    groups.groups = 0;
    assert_refused(bad_conv(NET_SHAPE(6, 4, 3, 3), groups, none), "0 groups");
    wick_attrs far = net_window(3, 1, 1);
    far.dilation[0] = 1 << 30;
    assert_refused(bad_conv(NET_SHAPE(6, 4, 3, 3), far, none), "dilation 1073741824");
    assert_refused(bad_conv(NET_SHAPE(1 << 20, 4, 1, 1), net_window(1, 1, 1 << 10), none),
                   "2^31 - 1 elements");
}

static wick_graph *bad_node(wick_op op, wick_shape input, const wick_attrs *attrs, wick_shape b) {
    wick_graph *g = net_new(input);
    net_node(g, op, "bad", attrs, g->input, b.rank ? net_const(g, "b", b, NULL) : -1, -1);
    return g;
}

static void other_nodes_that_do_not_fit(void **state) {
    (void)state;
    const wick_shape none = {0}, image = NET_SHAPE(1, 2, 4, 4);
    wick_attrs a = wick_attrs_default();
    assert_refused(bad_node(WICK_OP_ADD, image, &a, NET_SHAPE(1, 2, 1, 3)), "cannot be added");
    assert_refused(bad_node(WICK_OP_ADD, image, &a, none), "1 inputs; it takes 2");
    assert_refused(bad_node(WICK_OP_CONCAT, image, &a, NET_SHAPE(1, 2, 4, 3)), "cannot be joined");
    assert_refused(bad_node(WICK_OP_GEMM, image, &a, NET_SHAPE(3, 32)), "does not fit weights");
    assert_refused(bad_node(WICK_OP_GEMM, NET_SHAPE(1, 8), &a, NET_SHAPE(3, 9)), "does not fit");
    a.axis = 4;
    assert_refused(bad_node(WICK_OP_CONCAT, image, &a, image), "axis 4");
    assert_refused(bad_node(WICK_OP_SOFTMAX, image, &a, none), "axis 4");
    a.axis = 5;
    assert_refused(bad_node(WICK_OP_FLATTEN, image, &a, none), "axis 5");
    a = net_window(2, 2, 2);
    assert_refused(bad_node(WICK_OP_MAX_POOL, image, &a, none), "smaller than the pool");
    a = net_window(5, 1, 0);
    assert_refused(bad_node(WICK_OP_AVG_POOL, image, &a, none), "would be [1,2,0,0]");
    assert_refused(bad_node(WICK_OP_MAX_POOL, NET_SHAPE(1, 9), &a, none), "4 dimensions");
    a = net_window(2, 1, 0);
    a.dilation[1] = 2;
    assert_refused(bad_node(WICK_OP_AVG_POOL, image, &a, none), "dilated average");
    a = net_window(1, 1, 0);
    a.kernel[0] = 0;
    assert_refused(bad_node(WICK_OP_RESIZE, image, &a, none), "0 times");
    a = wick_attrs_default();
    assert_refused(bad_node(WICK_OP_MATMUL, image, &a, NET_SHAPE(1, 2, 3, 4)), "is not defined");
    assert_refused(bad_node(WICK_OP_SLICE, image, &a, none), "would be [0,0,0,0]");
    a.begin[1] = 2;
    assert_refused(bad_node(WICK_OP_SLICE, image, &a, none), "is cut from 2");
    assert_refused(bad_node(WICK_OP_GATHER, image, &a, NET_SHAPE(3)), "are not int64");
    a.rank = 4;
    assert_refused(bad_node(WICK_OP_TRANSPOSE, image, &a, none), "not an order");
    a.dims[0] = a.dims[1] = a.dims[2] = a.dims[3] = 3;
    assert_refused(bad_node(WICK_OP_RESHAPE, image, &a, none), "cannot become [3,3,3,3]");
    a.pad_mode = WICK_PAD_REFLECT;
    assert_refused(bad_node(WICK_OP_BORDER, image, &a, none), "does not fit");
    a.axes = 1u << 4;
    assert_refused(bad_node(WICK_OP_REDUCE_MAX, image, &a, none), "does not have");
    a.axis = -5;
    assert_refused(bad_node(WICK_OP_ARG_MAX, image, &a, none), "axis -5");
    assert_refused(bad_node(WICK_OP_GLOBAL_MAX_POOL, NET_SHAPE(1, 9), &a, none), "4 dimensions");
    a = net_window(2, 1, 0);
    a.output_pad[0] = -1;
    assert_refused(bad_node(WICK_OP_CONV_TRANSPOSE, image, &a, NET_SHAPE(2, 1, 2, 2)), "of -1");
    a = wick_attrs_default();
    a.pad_channels = -1;
    assert_refused(bad_node(WICK_OP_PAD, image, &a, none), "padding of -1 channels");
    a.pad_channels = 1;
    assert_refused(bad_node(WICK_OP_PAD, NET_SHAPE(1, 9), &a, none), "4 dimensions");
    a = wick_attrs_default();
    a.clip_min = 1;
    assert_refused(bad_node(WICK_OP_CLIP, image, &a, none), "above the upper");
    a = wick_attrs_default();
    a.axis = 1;
    assert_refused(bad_node(WICK_OP_QUANTIZE, image, &a, NET_SHAPE(3)), "3 scales do not fit");
    assert_refused(bad_node(WICK_OP_DEQUANTIZE, image, &a, NET_SHAPE(1)), "only int8");
}

static void wrong_types_are_refused(void **state) {
    (void)state;
    wick_graph *g = net_new(NET_SHAPE(1, 2));
    int scale = net_const(g, "s", NET_SHAPE(1), NET_FLOATS(1));
    int q = net_node(g, WICK_OP_QUANTIZE, "q", NULL, g->input, scale, -1);
    net_node(g, WICK_OP_RELU, "bad", NULL, q, -1, -1);
    assert_refused(g, "is not float");
    g = net_new(NET_SHAPE(1, 2));
    scale = net_const(g, "s", NET_SHAPE(1), NET_FLOATS(1));
    q = net_node(g, WICK_OP_QUANTIZE, "q", NULL, g->input, scale, -1);
    int zero = wick_graph_tensor(g, "z", WICK_S8, NET_SHAPE(1), (const int8_t[]){0});
    net_node(g, WICK_OP_DEQUANTIZE, "bad", NULL, q, scale, zero);
    assert_refused(g, "another type");
    g = net_new(NET_SHAPE(1, 2));
    scale = net_const(g, "s", NET_SHAPE(1), NET_FLOATS(1));
    q = net_node(g, WICK_OP_QUANTIZE, "q", NULL, g->input, scale, -1);
    net_node(g, WICK_OP_QUANTIZE, "bad", NULL, q, scale, -1);
    assert_refused(g, "'q' is not float");
    g = net_new(NET_SHAPE(1, 2, 2, 2));
    float three[3] = {1, 1, 1};
    net_batch_norm(g, "bad", g->input, 3, three, three, three, three);
    assert_refused(g, "2 channels");
    g = net_new(NET_SHAPE(1, 3, 2, 2));
    net_batch_norm(g, "bad", g->input, 3, three, three, three, three);
    g->nodes[0].attrs.epsilon = -1;
    assert_refused(g, "epsilon");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_of_convolutions),
        cmocka_unit_test(shapes_of_everything_else),
        cmocka_unit_test(types_of_quantized_tensors),
        cmocka_unit_test(convolutions_that_do_not_fit),
        cmocka_unit_test(other_nodes_that_do_not_fit),
        cmocka_unit_test(wrong_types_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
