/* What is wrong with a file is said, with the place; what is unsupported is listed node by node. */
#include "helper_onnx.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Reads a file around `graph`, which is freed; `text` must be in some diagnostic (NULL: any). */
static void expect(wick_buf *graph, int opset, wick_status want, const char *text) {
    wick_buf bytes = onnx_model(graph, opset);
    wick_diag diag = {0};
    wick_graph *out;
    wick_status status = helper_read(&bytes, &out, &diag);
    if (status != want || (text && !wick_diag_contains(&diag, text)))
        wick_diag_print(&diag, stdout);
    assert_int_equal(status, want);
    assert_int_equal(out == NULL, want != WICK_OK);
    assert_int_equal(diag.count == 0, want == WICK_OK);
    assert_true(!text || wick_diag_contains(&diag, text));
    for (size_t i = 0; i < diag.count; i++)
        assert_string_equal(diag.items[i].file, "x.onnx");
    wick_graph_free(out);
    wick_diag_free(&diag);
    wick_buf_free(&bytes);
}

/* Input "x", Flatten to "f" [N,32], Gemm to "y" [N,3] with the weights "w" [3,32]. */
static wick_buf plain(void) {
    wick_buf graph = onnx_small_graph(), attributes = {0};
    onnx_weights(&graph, "w", 2, (int64_t[]){3, 32});
    onnx_node(&graph, "flatten", "Flatten", "x", "f", NULL);
    onnx_attr_int(&attributes, "transB", 1);
    onnx_node(&graph, "fc", "Gemm", "f,w", "y", &attributes);
    return graph;
}

static void the_plain_one_is_read(void **state) {
    (void)state;
    wick_buf graph = plain();
    expect(&graph, 17, WICK_OK, NULL);
}

static void versions_have_limits(void **state) {
    (void)state;
    wick_buf graph = plain();
    expect(&graph, 5, WICK_UNSUPPORTED, "opset 5");
    graph = plain();
    expect(&graph, 29, WICK_UNSUPPORTED, "opset 29");
    graph = plain();
    expect(&graph, 6, WICK_OK, NULL);
}

static void every_unsupported_node_is_listed(void **state) {
    (void)state;
    wick_buf graph = onnx_small_graph(), a = {0}, bytes;
    onnx_weights(&graph, "w", 2, (int64_t[]){3, 32});
    onnx_node(&graph, "n1", "Hardmax", "x", "a", NULL);
    onnx_attr_int(&a, "ceil_mode", 0);
    onnx_attr_int(&a, "colour", 3);
    onnx_attr_ints(&a, "kernel_shape", 2, (int64_t[]){1, 1});
    onnx_node(&graph, "n2", "MaxPool", "a", "b", &a);
    onnx_attr_ints(&a, "kernel_shape", 3, (int64_t[]){1, 1, 1});
    onnx_node(&graph, "n3", "MaxPool", "b", "c", &a);
    onnx_node(&graph, "n4", "Hardmax", "x", "dead", NULL);
    onnx_node(&graph, "", "Mod", "c,x", "d", NULL);
    onnx_node(&graph, "n5", "Flatten", "d", "e", NULL);
    onnx_attr_text(&a, "mode", "wrap");
    onnx_node(&graph, "n6", "Pad", "e,w", "y", &a);
    bytes = onnx_model(&graph, 17);
    wick_diag diag = {0};
    wick_graph *out;
    assert_int_equal(helper_read(&bytes, &out, &diag), WICK_UNSUPPORTED);
    static const char *const places[] = {"n1", "n2", "n3", "unnamed Mod node with output 'd'",
                                         "n6"};
    static const char *const reasons[] = {"Hardmax: ", "MaxPool: attribute 'colour'",
                                          "'kernel_shape' has 3 numbers", "Mod: ", "mode 'wrap'"};
    assert_int_equal(diag.count, WICK_LEN(places));
    for (size_t i = 0; i < diag.count; i++) {
        assert_string_equal(diag.items[i].place, places[i]);
        assert_non_null(strstr(diag.items[i].reason, reasons[i]));
        assert_non_null(diag.items[i].hint);
    }
    assert_true(wick_diag_contains(&diag, "supported: Abs Add"));
    wick_diag_free(&diag);
    wick_buf_free(&bytes);
}

static void names_are_defined_once_and_before_use(void **state) {
    (void)state;
    wick_buf graph = onnx_small_graph();
    onnx_node(&graph, "r", "Relu", "nowhere", "y", NULL);
    expect(&graph, 17, WICK_SYNTAX, "'nowhere' is defined nowhere");
    graph = onnx_small_graph();
    onnx_node(&graph, "late", "Flatten", "r", "y", NULL);
    onnx_node(&graph, "early", "Relu", "x", "r", NULL);
    expect(&graph, 17, WICK_SYNTAX, "unsorted or form a cycle");
    graph = onnx_small_graph();
    onnx_node(&graph, "a", "Add", "x,r2", "r1", NULL);
    onnx_node(&graph, "b", "Relu", "r1", "r2", NULL);
    onnx_node(&graph, "c", "Flatten", "r2", "y", NULL);
    expect(&graph, 17, WICK_SYNTAX, "'b'");
    graph = plain();
    onnx_node(&graph, "again", "Flatten", "x", "f", NULL);
    expect(&graph, 17, WICK_SYNTAX, "'f' is defined a second time");
    graph = plain();
    onnx_weights(&graph, "w", 1, (int64_t[]){3});
    expect(&graph, 17, WICK_SYNTAX, "'w' is defined a second time");
    graph = onnx_small_graph();
    onnx_node(&graph, "f", "Flatten", "x", "other", NULL);
    expect(&graph, 17, WICK_SYNTAX, "'y' is defined nowhere");
    graph = onnx_small_graph();
    onnx_node(&graph, "bell\a", "Flatten", "x", "y", NULL);
    expect(&graph, 17, WICK_SYNTAX, "control characters");
}

/* `plain` with other weights. */
static void expect_weights(wick_buf tensor, wick_status want, const char *text) {
    wick_buf graph = onnx_small_graph(), a = {0};
    pb_message(&graph, 5, &tensor);
    onnx_node(&graph, "flatten", "Flatten", "x", "f", NULL);
    onnx_attr_int(&a, "transB", 1);
    onnx_node(&graph, "fc", "Gemm", "f,w", "y", &a);
    expect(&graph, 17, want, text);
}

static void constants_are_checked(void **state) {
    (void)state;
    float data[2 * 96] = {0}; /* as many as 96 doubles take */
    const size_t len = 96 * sizeof *data;
    int64_t good[2] = {3, 32}, huge[2] = {INT64_C(1) << 40, INT64_C(1) << 40};
    int64_t large[2] = {1 << 16, 1 << 16}; /* 2^32 elements */
    int64_t negative[2] = {-3, -32}, empty[2] = {0, 32};
    int64_t many[7] = {3, 32, 1, 1, 1, 1, 1};
    expect_weights(onnx_tensor("w", 1, 2, good, data, len), WICK_OK, NULL);
    expect_weights(onnx_tensor("w", 1, 2, good, data, len - 1), WICK_SHAPE, "383 bytes");
    expect_weights(onnx_tensor("w", 1, 2, good, data, len + 4), WICK_SHAPE, "388 bytes");
    expect_weights(onnx_tensor("w", 1, 2, large, data, len), WICK_RANGE, "2^31");
    expect_weights(onnx_tensor("w", 1, 2, huge, data, len), WICK_RANGE, "2^31");
    expect_weights(onnx_tensor("w", 1, 2, negative, data, len), WICK_RANGE, "-3");
    expect_weights(onnx_tensor("w", 1, 2, empty, data, 0), WICK_SHAPE, "no elements");
    expect_weights(onnx_tensor("w", 1, 7, many, data, len), WICK_UNSUPPORTED, "7 dimensions");
    expect_weights(onnx_tensor("w", 10, 2, good, data, 192), WICK_OK, NULL); /* float16 */
    expect_weights(onnx_tensor("w", 10, 2, good, data, 190), WICK_SHAPE, "190 bytes");
    expect_weights(onnx_tensor("w", 14, 2, good, data, 768), WICK_UNSUPPORTED, "type 14");
    expect_weights(onnx_tensor("w", 7, 2, good, data, 192), WICK_SHAPE, "192 bytes");
    wick_buf both = onnx_tensor("w", 1, 2, good, data, len);
    pb_float(&both, 4, 1);
    expect_weights(both, WICK_SHAPE, "holds");
    wick_buf external = onnx_tensor("w", 1, 2, good, data, 0), entry = {0};
    pb_text(&entry, 1, "location");
    pb_text(&entry, 2, "/etc/passwd");
    pb_message(&external, 13, &entry);
    pb_int(&external, 14, 1);
    expect_weights(external, WICK_UNSUPPORTED, "the model is not a file");
    data[5] = NAN;
    expect_weights(onnx_tensor("w", 1, 2, good, data, len), WICK_RANGE, "element 5");
    data[5] = INFINITY;
    expect_weights(onnx_tensor("w", 1, 2, good, data, len), WICK_RANGE, "infinite");
}

static void inputs_and_outputs_are_checked(void **state) {
    (void)state;
    wick_buf graph = plain();
    onnx_value(&graph, GRAPH_INPUT, "second", 4, (int64_t[]){1, 1, 1, 1});
    expect(&graph, 17, WICK_UNSUPPORTED, "2 inputs");
    graph = plain();
    for (int i = 0; i < WICK_MAX_HEADS; i++)
        onnx_value(&graph, GRAPH_OUTPUT, "y", 2, (int64_t[]){1, 3});
    expect(&graph, 17, WICK_UNSUPPORTED, "9 outputs");
    graph = plain();
    onnx_value(&graph, GRAPH_OUTPUT, "x", 4, (int64_t[]){1, 2, 4, 4});
    expect(&graph, 17, WICK_UNSUPPORTED, "not computed by a node");
    graph = (wick_buf){0};
    onnx_value(&graph, GRAPH_INPUT, "x", 4, (int64_t[]){-1, 2, -1, 4});
    onnx_value(&graph, GRAPH_OUTPUT, "y", 2, (int64_t[]){-1, 3});
    onnx_node(&graph, "f", "Flatten", "x", "y", NULL);
    expect(&graph, 17, WICK_UNSUPPORTED, "dimension 2");
    graph = (wick_buf){0};
    onnx_value(&graph, GRAPH_INPUT, "x", 4, (int64_t[]){-1, 1 << 20, 1 << 20, 1 << 30});
    onnx_value(&graph, GRAPH_OUTPUT, "y", 2, (int64_t[]){-1, 3});
    onnx_node(&graph, "f", "Flatten", "x", "y", NULL);
    expect(&graph, 17, WICK_RANGE, "2^31");
    graph = onnx_small_graph();
    onnx_node(&graph, "r", "Relu", "x", "y", NULL); /* any shape will do */
    expect(&graph, 17, WICK_OK, NULL);
    graph = plain(); /* two results that share the Flatten, without features */
    onnx_weights(&graph, "w2", 2, (int64_t[]){32, 3});
    onnx_node(&graph, "fc2", "Gemm", "f,w2", "y2", NULL);
    onnx_value(&graph, GRAPH_OUTPUT, "y2", 2, (int64_t[]){-1, 3});
    expect(&graph, 17, WICK_SHAPE, "wick.features");
}

/* Found by fuzzing: the input itself as the bias of a Gemm. */
static void the_input_may_stand_anywhere(void **state) {
    (void)state;
    wick_buf graph = {0};
    onnx_value(&graph, GRAPH_INPUT, "x", 2, (int64_t[]){1, 3});
    onnx_value(&graph, GRAPH_OUTPUT, "y", 2, (int64_t[]){1, 3});
    onnx_weights(&graph, "w", 2, (int64_t[]){3, 3});
    onnx_node(&graph, "fc", "Gemm", "x,w,x", "y", NULL);
    expect(&graph, 17, WICK_OK, NULL);
    graph = onnx_small_graph();
    onnx_weights(&graph, "w", 4, (int64_t[]){2, 2, 1, 1});
    onnx_node(&graph, "conv", "Conv", "x,x,w", "y", NULL);
    expect(&graph, 17, WICK_SHAPE, "bias");
}

static void shapes_that_do_not_fit_name_the_node(void **state) {
    (void)state;
    wick_buf graph = onnx_small_graph(), a = {0};
    onnx_weights(&graph, "w", 2, (int64_t[]){3, 31});
    onnx_node(&graph, "flatten", "Flatten", "x", "f", NULL);
    onnx_attr_int(&a, "transB", 1);
    onnx_node(&graph, "fc", "Gemm", "f,w", "y", &a);
    expect(&graph, 17, WICK_SHAPE, "fc");
    graph = onnx_small_graph();
    onnx_attr_ints(&a, "kernel_shape", 2, (int64_t[]){9, 9});
    onnx_node(&graph, "pool", "MaxPool", "x", "p", &a);
    onnx_attr_int(&a, "axis", -3);
    onnx_node(&graph, "flatten", "Flatten", "p", "y", &a);
    expect(&graph, 17, WICK_SHAPE, "pool");
}

/* A Reshape of "x" [1,2,4,4] to the given shape as the only node; text: why not. */
static void expect_reshape(int64_t batch, int64_t first, int64_t second, const char *text) {
    wick_buf graph = {0};
    int64_t shape[2] = {first, second};
    onnx_value(&graph, GRAPH_INPUT, "x", 4, (int64_t[]){batch, 2, 4, 4});
    onnx_value(&graph, GRAPH_OUTPUT, "y", 2, (int64_t[]){batch, 32});
    wick_buf tensor = onnx_tensor("shape", 7, 1, (int64_t[]){2}, shape, sizeof shape);
    pb_message(&graph, 5, &tensor);
    onnx_node(&graph, "r", "Reshape", "x,shape", "y", NULL);
    expect(&graph, 17, text ? WICK_UNSUPPORTED : WICK_OK, text);
}

static void reshape_must_keep_the_batch(void **state) {
    (void)state;
    expect_reshape(-1, 0, -1, NULL);
    expect_reshape(-1, 0, 32, NULL);
    expect_reshape(-1, -1, 32, NULL);
    expect_reshape(-1, 1, -1, NULL);
    expect_reshape(1, 1, -1, NULL);
    expect_reshape(1, 1, 32, NULL);
    expect_reshape(5, 5, -1, NULL);
    expect_reshape(-1, -1, 16, NULL); /* two rows of one image */
    expect_reshape(-1, 32, -1, NULL);
    expect_reshape(5, 1, -1, "joins the 5 images");
    expect_reshape(-1, -1, -1, "dimension 1 of its shape is -1");
    expect_reshape(-1, 0, 16, "must stay the same");
    expect_reshape(-1, 3, -1, "must stay the same");
    expect_reshape(-1, INT64_MAX, INT64_MAX, "dimension 1");
}

static void operators_that_need_training_or_state_are_refused(void **state) {
    (void)state;
    wick_buf graph = plain(), a = {0};
    onnx_node(&graph, "drop", "Dropout", "x", "d,mask", NULL);
    onnx_node(&graph, "f2", "Flatten", "mask", "y2", NULL);
    onnx_value(&graph, GRAPH_OUTPUT, "y2", 2, (int64_t[]){-1, 32});
    expect(&graph, 17, WICK_UNSUPPORTED, "'mask' is used");
    graph = onnx_small_graph();
    for (int i = 0; i < 4; i++)
        onnx_weights(&graph, (const char *[]){"s", "b", "m", "v"}[i], 1, (int64_t[]){2});
    onnx_attr_int(&a, "training_mode", 1);
    onnx_node(&graph, "bn", "BatchNormalization", "x,s,b,m,v", "n", &a);
    onnx_node(&graph, "f", "Flatten", "n", "y", NULL);
    expect(&graph, 17, WICK_UNSUPPORTED, "training mode");
    graph = onnx_small_graph();
    onnx_attr_text(&a, "auto_pad", "SOMEHOW");
    onnx_attr_ints(&a, "kernel_shape", 2, (int64_t[]){2, 2});
    onnx_node(&graph, "p", "AveragePool", "x", "a", &a);
    onnx_node(&graph, "f", "Flatten", "a", "y", NULL);
    expect(&graph, 17, WICK_UNSUPPORTED, "SOMEHOW");
    graph = onnx_small_graph();
    onnx_attr_ints(&a, "kernel_shape", 2, (int64_t[]){3, 3});
    onnx_attr_ints(&a, "strides", 2, (int64_t[]){2, 2});
    onnx_attr_int(&a, "ceil_mode", 1);
    onnx_attr_int(&a, "count_include_pad", 1);
    onnx_node(&graph, "p", "AveragePool", "x", "a", &a);
    onnx_node(&graph, "f", "Flatten", "a", "y", NULL);
    expect(&graph, 17, WICK_UNSUPPORTED, "ceil_mode");
    graph = onnx_small_graph();
    onnx_attr_ints(&a, "perm", 4, (int64_t[]){0, 2, 3, 3});
    onnx_node(&graph, "t", "Transpose", "x", "a", &a);
    onnx_node(&graph, "f", "Flatten", "a", "y", NULL);
    expect(&graph, 17, WICK_UNSUPPORTED, "not an order");
}

/* "x" [N,2,4,4] padded, with an optional value and list of axes, then flattened to "y". */
static void expect_pad(const int64_t *pads, int64_t count, const char *value, const char *axes,
                       const char *mode, wick_status status, const char *text) {
    wick_buf graph = onnx_small_graph(), a = {0};
    wick_buf tensor = onnx_tensor("pads", 7, 1, &count, pads, (size_t)count * sizeof *pads);
    char inputs[64];
    pb_message(&graph, 5, &tensor);
    onnx_weights(&graph, "quarter", 1, (int64_t[]){1});
    tensor = onnx_tensor("axes", 7, 1, (int64_t[]){1}, (int64_t[]){1}, sizeof(int64_t));
    pb_message(&graph, 5, &tensor);
    snprintf(inputs, sizeof inputs, "x,pads,%s%s%s", value, *axes ? "," : "", axes);
    if (mode)
        onnx_attr_text(&a, "mode", mode);
    onnx_node(&graph, "pad", "Pad", inputs, "p", &a);
    onnx_node(&graph, "f", "Flatten", "p", "y", NULL);
    expect(&graph, 18, status, text);
}

static void paddings_have_limits(void **state) {
    (void)state;
    const int64_t behind[8] = {0, 0, 0, 0, 0, 3, 0, 0}, border[8] = {0, 0, 1, 1, 0, 0, 1, 1};
    const int64_t cut[8] = {0, 0, -1, 0, 0, 0, -3, 0}, huge[8] = {[5] = INT64_C(1) << 32};
    const int64_t far[8] = {0, 0, 4};
    expect_pad(behind, 8, "", "", NULL, WICK_OK, NULL);
    expect_pad(border, 8, "quarter", "", "constant", WICK_OK, NULL);
    expect_pad(border, 8, "", "", "reflect", WICK_OK, NULL);
    expect_pad(behind, 2, "", "axes", NULL, WICK_OK, NULL);
    expect_pad(behind, 6, "", "", NULL, WICK_UNSUPPORTED, "6 paddings");
    expect_pad(behind, 8, "", "axes", NULL, WICK_UNSUPPORTED, "8 paddings for 1");
    expect_pad(cut, 8, "", "", NULL, WICK_SHAPE, "would be [1,2,0,4]");
    expect_pad(huge, 8, "", "", NULL, WICK_SHAPE, "does not fit");
    expect_pad(far, 8, "", "", "reflect", WICK_SHAPE, "does not fit");
    expect_pad(behind, 8, "", "", "wrap", WICK_UNSUPPORTED, "mode 'wrap'");
}

/* MatMul's result has a second reader, so the Add may not disappear into it. */
static void a_sum_that_is_read_twice_is_no_bias(void **state) {
    (void)state;
    for (int twice = 0; twice < 3; twice++) {
        wick_buf graph = onnx_small_graph(), bytes;
        onnx_weights(&graph, "w", 2, (int64_t[]){32, 3});
        onnx_weights(&graph, "b", 1, (int64_t[]){3});
        onnx_node(&graph, "f", "Flatten", "x", "f", NULL);
        onnx_node(&graph, "m", "MatMul", "f,w", "m", NULL);
        onnx_node(&graph, "i", "Identity", "m", "i", NULL);
        onnx_node(&graph, "a", "Add", twice == 1 ? "m,b" : "b,i", "s", NULL);
        onnx_node(&graph, "r", "Add", twice ? "s,i" : "s,s", "y", NULL);
        bytes = onnx_model(&graph, 17);
        wick_graph *out;
        assert_int_equal(helper_read(&bytes, &out, NULL), WICK_OK);
        int fc = wick_graph_find(out, twice ? "m" : "s");
        assert_true(fc >= 0);
        const wick_node *layer = &out->nodes[out->tensors[fc].producer];
        assert_int_equal(layer->op, WICK_OP_GEMM);
        assert_int_equal(layer->n_inputs, twice ? 2 : 3);
        wick_graph_free(out);
        wick_buf_free(&bytes);
    }
}

/* Adds metadata to the plain model and reads it. */
static void expect_metadata(const char *key, const char *value, wick_status want,
                            const char *text) {
    wick_buf graph = plain(), bytes = onnx_model(&graph, 17), entry = {0};
    pb_text(&entry, 1, key);
    pb_text(&entry, 2, value);
    pb_message(&bytes, 14, &entry);
    wick_diag diag = {0};
    wick_graph *out;
    wick_status status = helper_read(&bytes, &out, &diag);
    assert_int_equal(status, want);
    assert_true(!text || wick_diag_contains(&diag, text));
    wick_graph_free(out);
    wick_diag_free(&diag);
    wick_buf_free(&bytes);
}

static void metadata_is_checked(void **state) {
    (void)state;
    expect_metadata("wick.features", "f", WICK_OK, NULL);
    expect_metadata("wick.features", "nowhere", WICK_SYNTAX, "wick.features");
    expect_metadata("wick.features", "x", WICK_OK, NULL); /* the input: no extractor */
    expect_metadata("wick.features", "y", WICK_UNSUPPORTED, "the features are");
    expect_metadata("wick.heads", "[{\"name\": \"a\", \"tensor\": \"y\"}]", WICK_OK, NULL);
    expect_metadata("wick.heads", "[{\"name\": \"a\", \"tensor\": \"q\"}]", WICK_SYNTAX, "'q'");
    expect_metadata("wick.heads", "[{\"name\": \"a\\n\", \"tensor\": \"y\"}]", WICK_SYNTAX, NULL);
    expect_metadata("wick.heads", "[{\"name\": \"a\", \"tensor\": \"y\", \"accuracy\": 2}]",
                    WICK_SYNTAX, "element 0");
    expect_metadata("wick.heads",
                    "[{\"name\": \"a\", \"tensor\": \"y\"}, {\"name\": \"b\", \"tensor\": \"y\"}]",
                    WICK_UNSUPPORTED, "two modules");
    expect_metadata("wick.heads", "[1, 2", WICK_SYNTAX, "not JSON");
    expect_metadata("wick.heads", "[1]", WICK_SYNTAX, "element 0");
    expect_metadata("wick.heads", "{}", WICK_SYNTAX, "must be an array");
    expect_metadata("wick.mean", "[0.5]", WICK_SHAPE, "wick.mean has 1");
    expect_metadata("wick.std", "[0]", WICK_RANGE, "wick.std");
    expect_metadata("wick.mean", "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]", WICK_SYNTAX, "at most 16");
    expect_metadata("wick.mean", "[1e300]", WICK_RANGE, "wick.mean");
    expect_metadata("wick.low", "[0]", WICK_SHAPE, "wick.low has 1");
    expect_metadata("wick.high", "[0]", WICK_SHAPE, "wick.mean 0");
    expect_metadata("wick.high", "[1e300]", WICK_RANGE, "wick.high");
    expect_metadata("wick.labels", "[\"a\", 3]", WICK_SYNTAX, "element 1");
    expect_metadata("wick.recipe", "a\x1b[31m", WICK_SYNTAX, "wick.recipe");
    expect_metadata("anything", "else", WICK_OK, NULL);
}

/* A scale of one element is for the whole tensor, whatever the axis: here axis 1 of one dimension.
 */
static void one_scale_needs_no_axis(void **state) {
    (void)state;
    wick_buf graph = onnx_small_graph(), a = {0};
    int64_t three[1] = {3};
    wick_buf bias = onnx_tensor("b", 6, 1, three, (int32_t[]){1, 2, 3}, 12);
    onnx_weights(&graph, "w", 2, (int64_t[]){3, 32});
    onnx_weights(&graph, "s", 1, (int64_t[]){1});
    pb_message(&graph, 5, &bias);
    onnx_node(&graph, "flatten", "Flatten", "x", "f", NULL);
    onnx_node(&graph, "dq", "DequantizeLinear", "b,s", "bf", NULL);
    onnx_attr_int(&a, "transB", 1);
    onnx_node(&graph, "fc", "Gemm", "f,w,bf", "y", &a);
    expect(&graph, 17, WICK_OK, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_plain_one_is_read),
        cmocka_unit_test(versions_have_limits),
        cmocka_unit_test(every_unsupported_node_is_listed),
        cmocka_unit_test(names_are_defined_once_and_before_use),
        cmocka_unit_test(constants_are_checked),
        cmocka_unit_test(inputs_and_outputs_are_checked),
        cmocka_unit_test(the_input_may_stand_anywhere),
        cmocka_unit_test(shapes_that_do_not_fit_name_the_node),
        cmocka_unit_test(reshape_must_keep_the_batch),
        cmocka_unit_test(operators_that_need_training_or_state_are_refused),
        cmocka_unit_test(paddings_have_limits),
        cmocka_unit_test(a_sum_that_is_read_twice_is_no_bias),
        cmocka_unit_test(metadata_is_checked),
        cmocka_unit_test(one_scale_needs_no_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
