#include "helper_onnx.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a graph with every operator --- */

typedef struct builder {
    wick_graph *graph;
    wick_rng rng;
} builder;

static int weights(builder *b, const char *name, wick_shape shape, float low, float high) {
    size_t count = (size_t)wick_shape_count(shape);
    float *data = wick_xalloc(count * sizeof *data);
    for (size_t i = 0; i < count; i++)
        data[i] = low + (high - low) * wick_rng_uniform(&b->rng);
    int t = wick_graph_tensor(b->graph, name, WICK_F32, shape, data);
    free(data);
    return t;
}

static int vector(builder *b, const char *name, int64_t count, float low, float high) {
    return weights(b, name, (wick_shape){1, {count}}, low, high);
}

static int node(builder *b, const char *name, wick_op op, const int *inputs, int n_inputs,
                const wick_attrs *attrs) {
    char full[64];
    snprintf(full, sizeof full, "%s node", name);
    return wick_graph_node(b->graph, full, op, inputs, n_inputs, name, attrs);
}

static int unary(builder *b, const char *name, wick_op op, int x) {
    return node(b, name, op, &x, 1, NULL);
}

static int norm(builder *b, int x, int64_t channels) {
    wick_attrs a = wick_attrs_default();
    a.epsilon = 2e-3f;
    a.momentum = 0.83f;
    int in[5] = {x, vector(b, "scale", channels, 0.5f, 1.5f), vector(b, "shift", channels, -1, 1),
                 vector(b, "mean", channels, -1, 1), vector(b, "var", channels, 0.5f, 2)};
    return node(b, "norm", WICK_OP_BATCH_NORM, in, 5, &a);
}

static int clip(builder *b, const char *name, int x) {
    wick_attrs a = wick_attrs_default();
    a.clip_min = -0.1f;
    a.clip_max = 6;
    return node(b, name, WICK_OP_CLIP, &x, 1, &a);
}

static int pool(builder *b, const char *name, wick_op op, int x, bool include_pad) {
    wick_attrs a = wick_attrs_default();
    a.kernel[0] = 3;
    a.kernel[1] = 2;
    a.stride[0] = 2;
    a.pad[0] = 1;
    a.pad[3] = 1;
    a.count_include_pad = include_pad;
    return node(b, name, op, &x, 1, &a);
}

static int scaled(builder *b, const char *name, int x, float scale, uint8_t zero) {
    wick_attrs a = wick_attrs_default();
    a.axis = -1;
    char text[3][32];
    snprintf(text[0], 32, "%s.scale", name);
    snprintf(text[1], 32, "%s.zero", name);
    snprintf(text[2], 32, "%s.q", name);
    int s = wick_graph_tensor(b->graph, text[0], WICK_F32, (wick_shape){0}, &scale);
    int z = wick_graph_tensor(b->graph, text[1], WICK_U8, (wick_shape){0}, &zero);
    int q = node(b, text[2], WICK_OP_QUANTIZE, (int[]){x, s, z}, 3, &a);
    return node(b, name, WICK_OP_DEQUANTIZE, (int[]){q, s, z}, 3, &a);
}

/* A convolution 6 -> 4 with int8 weights per output channel and an int32 bias without zero point.
 */
static int quantized_conv(builder *b, int x) {
    int8_t w[4 * 6], zero[4] = {0};
    int32_t bias[4] = {-70000, 12, 0, 70000};
    float bias_scale[4] = {1e-5f, 2e-5f, 3e-5f, 4e-5f};
    for (int i = 0; i < 24; i++)
        w[i] = (int8_t)((int)wick_rng_below(&b->rng, 255) - 127);
    wick_attrs a = wick_attrs_default();
    a.axis = 0;
    wick_shape four = {1, {4}};
    int dw[3] = {wick_graph_tensor(b->graph, "qw", WICK_S8, (wick_shape){4, {4, 6, 1, 1}}, w),
                 vector(b, "qw.scale", 4, 0.001f, 0.01f),
                 wick_graph_tensor(b->graph, "qw.zero", WICK_S8, four, zero)};
    int db[2] = {wick_graph_tensor(b->graph, "qb", WICK_S32, four, bias),
                 wick_graph_tensor(b->graph, "qb.scale", WICK_F32, four, bias_scale)};
    int in[3] = {x, node(b, "qw.f", WICK_OP_DEQUANTIZE, dw, 3, &a),
                 node(b, "qb.f", WICK_OP_DEQUANTIZE, db, 2, &a)};
    return node(b, "qconv", WICK_OP_CONV, in, 3, NULL);
}

static int extractor(builder *b) {
    wick_attrs a = wick_attrs_default();
    a.kernel[0] = 3;
    a.kernel[1] = 2;
    a.pad[0] = 2;
    a.pad[3] = 1;
    int in[3] = {b->graph->input, weights(b, "w1", (wick_shape){4, {6, 3, 3, 2}}, -0.4f, 0.4f), -1};
    int x = unary(b, "relu", WICK_OP_RELU, norm(b, node(b, "conv1", WICK_OP_CONV, in, 2, &a), 6));
    a = wick_attrs_default();
    a.kernel[0] = a.kernel[1] = 3;
    a.dilation[0] = 2;
    a.pad[0] = a.pad[2] = 2;
    a.pad[1] = a.pad[3] = 1;
    a.groups = 6;
    int dw[3] = {x, weights(b, "w2", (wick_shape){4, {6, 1, 3, 3}}, -0.4f, 0.4f),
                 vector(b, "b2", 6, -0.1f, 0.1f)};
    int y = clip(b, "clip", node(b, "conv2", WICK_OP_CONV, dw, 3, &a));
    int sum = node(b, "sum", WICK_OP_ADD, (int[]){x, y}, 2, NULL);
    return pool(b, "z", WICK_OP_MAX_POOL, sum, false);
}

static int fully_connected(builder *b, const char *name, int x, int64_t inputs, bool bias) {
    char text[2][32];
    snprintf(text[0], 32, "%s.w", name);
    snprintf(text[1], 32, "%s.b", name);
    int in[3] = {x, weights(b, text[0], (wick_shape){2, {5, inputs}}, -0.3f, 0.3f), -1};
    if (bias)
        in[2] = vector(b, text[1], 5, -0.2f, 0.2f);
    return node(b, name, WICK_OP_GEMM, in, bias ? 3 : 2, NULL);
}

static void set_family(wick_graph *g, int z, int large, int small) {
    static const char *labels[5] = {"plane", "a \"quoted\" one", "\xc3\xa4", "", "back\\slash"};
    wick_family *f = &g->family;
    f->features = z;
    f->n_heads = 2;
    f->heads[0] = large;
    f->heads[1] = small;
    f->head_names[0] = "TM1";
    f->head_names[1] = "TM4";
    f->accuracy[0] = 0.1 + 0.2;
    f->validation[1] = 2.0 / 3.0;
    f->n_channels = 3;
    for (int c = 0; c < 3; c++) {
        f->mean[c] = 0.1f + 0.01f * (float)c;
        f->std[c] = 1.0f / (float)(3 + c);
    }
    f->n_labels = 5;
    f->labels = labels;
    f->recipe = "vgg16";
    f->strategy = "unified-kd";
    f->data = "builtin:shapes10";
}

wick_graph *helper_all_operators(void) {
    builder b = {wick_graph_new("every operator"), wick_rng_seed(11, 0)};
    wick_graph *g = b.graph;
    g->input = wick_graph_tensor(g, "image", WICK_F32, (wick_shape){4, {1, 3, 12, 10}}, NULL);
    int z = extractor(&b);
    int q = quantized_conv(&b, scaled(&b, "zq", z, 0.03f, 7));
    int a1 = pool(&b, "avg", WICK_OP_AVG_POOL, z, false);
    int a2 = pool(&b, "avg_pad", WICK_OP_AVG_POOL, z, true);
    int q2 = pool(&b, "qmax", WICK_OP_MAX_POOL, q, false);
    int cat = node(&b, "cat", WICK_OP_CONCAT, (int[]){a1, a2, q2}, 3, NULL);
    wick_attrs zeros = wick_attrs_default();
    zeros.pad_channels = 3;
    int padded = node(&b, "padded", WICK_OP_PAD, &cat, 1, &zeros);
    int flat = unary(&b, "flat", WICK_OP_FLATTEN, padded);
    wick_status status = wick_graph_infer(g, NULL);
    assert(status == WICK_OK);
    int large = fully_connected(&b, "large", flat, g->tensors[flat].shape.dim[1], true);
    int gap = unary(&b, "gap_flat", WICK_OP_FLATTEN, unary(&b, "gap", WICK_OP_GLOBAL_AVG_POOL, z));
    int logits = fully_connected(&b, "fc_small", gap, 6, false);
    wick_attrs a = wick_attrs_default();
    int small = node(&b, "small", WICK_OP_SOFTMAX, &logits, 1, &a);
    set_family(g, z, large, small);
    status = wick_graph_infer(g, NULL);
    assert(status == WICK_OK);
    status = wick_graph_segment(g, NULL);
    assert(status == WICK_OK);
    return g;
}

/* --- a graph with every other operator --- */

static int with_const(builder *b, const char *name, wick_op op, int x, wick_shape shape, float low,
                      float high) {
    char text[32];
    snprintf(text, sizeof text, "%s.c", name);
    return node(b, name, op, (int[]){x, weights(b, text, shape, low, high)}, 2, NULL);
}

/* Element by element, each where its input is harmless. */
static int pointwise(builder *b, int x) {
    static const wick_op ops[] = {
        WICK_OP_LEAKY_RELU, WICK_OP_ELU,      WICK_OP_SELU,         WICK_OP_HARD_SWISH,
        WICK_OP_TANH,       WICK_OP_SOFTSIGN, WICK_OP_ERF,          WICK_OP_SIGMOID,
        WICK_OP_SOFTPLUS,   WICK_OP_LOG,      WICK_OP_EXP,          WICK_OP_SQRT,
        WICK_OP_RECIPROCAL, WICK_OP_NEG,      WICK_OP_HARD_SIGMOID, WICK_OP_ABS};
    wick_attrs a = wick_attrs_default();
    a.alpha = 0.3f;
    a.beta = 0.9f;
    for (size_t i = 0; i < WICK_LEN(ops); i++) {
        char name[32];
        snprintf(name, sizeof name, "p%zu", i);
        x = node(b, name, ops[i], &x, 1, &a);
    }
    wick_shape channels = {4, {1, 3, 1, 1}};
    x = with_const(b, "mul", WICK_OP_MUL, x, channels, 5, 9);
    x = unary(b, "floor", WICK_OP_FLOOR, x);
    x = with_const(b, "div", WICK_OP_DIV, x, channels, 0.3f, 0.7f);
    x = unary(b, "ceil", WICK_OP_CEIL, x);
    x = with_const(b, "sub", WICK_OP_SUB, x, (wick_shape){0}, 1, 2);
    x = unary(b, "round", WICK_OP_ROUND, x);
    x = with_const(b, "prelu", WICK_OP_PRELU, x, channels, 0.1f, 0.5f);
    x = with_const(b, "min", WICK_OP_MIN, x, (wick_shape){0}, 4, 5);
    x = with_const(b, "max", WICK_OP_MAX, x, (wick_shape){0}, -1, 0);
    x = with_const(b, "pow", WICK_OP_POW, x, (wick_shape){1, {1}}, 2, 2);
    return node(b, "threshold", WICK_OP_THRESHOLDED_RELU, &x, 1, &a);
}

/* x [1,3,12,12] -> [1,3,5,26] by everything that moves elements. */
static int moved(builder *b, int x) {
    wick_attrs a = wick_attrs_default();
    for (int d = 0; d < 4; d++)
        a.end[d] = INT64_MAX;
    a.begin[2] = 10;
    a.end[2] = -1;
    a.step[2] = -2;
    x = node(b, "slice", WICK_OP_SLICE, &x, 1, &a); /* [1,3,6,12] */
    a = wick_attrs_default();
    a.axis = 2;
    int indices = wick_graph_tensor(b->graph, "indices", WICK_S64, (wick_shape){1, {5}},
                                    (int64_t[]){0, 3, -1, 3, 1});
    x = node(b, "gather", WICK_OP_GATHER, (int[]){x, indices}, 2, &a);
    a = wick_attrs_default();
    a.pad_mode = WICK_PAD_REFLECT;
    a.begin[3] = 1;
    x = node(b, "border", WICK_OP_BORDER, &x, 1, &a); /* [1,3,5,13] */
    a = wick_attrs_default();
    a.kernel[1] = 2;
    x = node(b, "resize", WICK_OP_RESIZE, &x, 1, &a);
    a = wick_attrs_default();
    a.axis = 2;
    return node(b, "log_softmax", WICK_OP_LOG_SOFTMAX, &x, 1, &a);
}

/* A row of a table, chosen by the index of an extreme. */
static int gated(builder *b, const char *name, wick_op op, int x) {
    char text[3][32];
    for (int i = 0; i < 3; i++)
        snprintf(text[i], 32, "%s.%d", name, i);
    wick_attrs a = wick_attrs_default();
    a.last_index = op == WICK_OP_ARG_MIN;
    int index = node(b, text[0], op, &x, 1, &a);
    int table = weights(b, text[1], (wick_shape){2, {3, 4}}, -1, 1);
    a = wick_attrs_default();
    a.axis = 0;
    return node(b, name, WICK_OP_GATHER, (int[]){table, index}, 2, &a);
}

wick_graph *helper_other_operators(void) {
    builder b = {wick_graph_new("other operators"), wick_rng_seed(12, 0)};
    wick_graph *g = b.graph;
    g->input = wick_graph_tensor(g, "image", WICK_F32, (wick_shape){4, {1, 4, 6, 6}}, NULL);
    wick_attrs a = wick_attrs_default();
    for (int i = 0; i < 2; i++)
        a.kernel[i] = a.stride[i] = 2;
    int in[2] = {g->input, weights(&b, "wt", (wick_shape){4, {4, 3, 2, 2}}, -0.5f, 0.5f)};
    int x = moved(&b, pointwise(&b, node(&b, "up", WICK_OP_CONV_TRANSPOSE, in, 2, &a)));
    int parts[7], n = 0;
    a = wick_attrs_default();
    a.axes = 1u << 3;
    int rows = node(&b, "mean", WICK_OP_REDUCE_MEAN, &x, 1, &a);
    a.axes = 1u << 2;
    parts[n++] = node(&b, "mean_sum", WICK_OP_REDUCE_SUM, &rows, 1, &a);
    a.axes = 1u << 2 | 1u << 3;
    parts[n++] = node(&b, "sum", WICK_OP_REDUCE_SUM, &x, 1, &a);
    parts[n++] = node(&b, "most", WICK_OP_REDUCE_MAX, &x, 1, &a);
    parts[n++] = node(&b, "least", WICK_OP_REDUCE_MIN, &x, 1, &a);
    parts[n++] = gated(&b, "chosen", WICK_OP_ARG_MAX, parts[0]);
    parts[n++] = gated(&b, "refused", WICK_OP_ARG_MIN, parts[1]);
    a = wick_attrs_default();
    a.rank = 4;
    for (int d = 0; d < 4; d++)
        a.dims[d] = (int64_t[]){0, 3, 1, 2}[d];
    x = node(&b, "turned", WICK_OP_TRANSPOSE, &x, 1, &a); /* [1,26,3,5] */
    x = with_const(&b, "times", WICK_OP_MATMUL, x, (wick_shape){2, {5, 2}}, -1, 1);
    a = wick_attrs_default();
    a.rank = 4;
    a.dims[1] = 13;
    a.dims[2] = 3;
    a.dims[3] = 4;
    x = node(&b, "shaped", WICK_OP_RESHAPE, &x, 1, &a);
    x = unary(&b, "peak", WICK_OP_GLOBAL_MAX_POOL, x);
    parts[n++] = unary(&b, "flat", WICK_OP_FLATTEN, x);
    int y = node(&b, "y", WICK_OP_CONCAT, parts, n, NULL);
    g->family.n_heads = 1;
    g->family.heads[0] = y;
    g->family.head_names[0] = "y";
    wick_status status = wick_graph_infer(g, NULL);
    assert(status == WICK_OK);
    status = wick_graph_normalise(g, NULL);
    assert(status == WICK_OK);
    status = wick_graph_segment(g, NULL);
    assert(status == WICK_OK);
    return g;
}

float *helper_logits(const wick_graph *graph, const float *input, size_t *count) {
    void **values;
    if (wick_graph_eval(graph, input, &values, NULL) != WICK_OK)
        return NULL;
    *count = 0;
    float *logits = NULL;
    for (int k = 0; k < graph->family.n_heads; k++) {
        int t = graph->family.heads[k];
        size_t more = (size_t)wick_shape_count(graph->tensors[t].shape);
        logits = wick_xrealloc(logits, (*count + more) * sizeof *logits);
        memcpy(logits + *count, values[t], more * sizeof *logits);
        *count += more;
    }
    wick_values_free(graph, values);
    return logits;
}

wick_buf helper_bytes(const wick_graph *graph) {
    wick_buf bytes = {0};
    wick_diag diag = {0};
    wick_status status = wick_onnx_write_bytes(graph, "x.onnx", &bytes, &diag);
    wick_diag_print(&diag, stdout);
    assert(status == WICK_OK);
    wick_diag_free(&diag);
    return bytes;
}

wick_status helper_read(const wick_buf *bytes, wick_graph **graph, wick_diag *diag) {
    /* An exact copy, so that a sanitizer sees any read beyond the end. */
    uint8_t *copy = malloc(bytes->len ? bytes->len : 1);
    assert(copy);
    if (bytes->len)
        memcpy(copy, bytes->data, bytes->len);
    wick_status status = wick_onnx_read_bytes(copy, bytes->len, "x.onnx", NULL, graph, diag);
    free(copy);
    return status;
}

/* --- the wire format --- */

void pb_varint(wick_buf *out, uint64_t value) {
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        wick_buf_append(out, &byte, 1);
        value >>= 7;
    } while (value);
}

void pb_int(wick_buf *out, int field, uint64_t value) {
    pb_varint(out, (uint64_t)field << 3);
    pb_varint(out, value);
}

void pb_bytes(wick_buf *out, int field, const void *data, size_t len) {
    pb_varint(out, (uint64_t)field << 3 | 2);
    pb_varint(out, len);
    wick_buf_append(out, data, len);
}

void pb_text(wick_buf *out, int field, const char *text) {
    pb_bytes(out, field, text, strlen(text));
}

void pb_float(wick_buf *out, int field, float value) {
    pb_varint(out, (uint64_t)field << 3 | 5);
    wick_buf_append(out, &value, sizeof value);
}

void pb_message(wick_buf *out, int field, wick_buf *message) {
    pb_bytes(out, field, message->data, message->len);
    wick_buf_free(message);
}

/* --- ONNX messages (field numbers of onnx.proto) --- */

void onnx_value(wick_buf *graph, int field, const char *name, int rank, const int64_t *dims) {
    wick_buf shape = {0}, tensor = {0}, type = {0}, value = {0};
    for (int i = 0; i < rank; i++) {
        wick_buf dim = {0};
        if (dims[i] < 0)
            pb_text(&dim, 2, "N");
        else
            pb_int(&dim, 1, (uint64_t)dims[i]);
        pb_message(&shape, 1, &dim);
    }
    pb_int(&tensor, 1, 1);
    pb_message(&tensor, 2, &shape);
    pb_message(&type, 1, &tensor);
    pb_text(&value, 1, name);
    pb_message(&value, 2, &type);
    pb_message(graph, field, &value);
}

wick_buf onnx_tensor(const char *name, int type, int rank, const int64_t *dims, const void *raw,
                     size_t len) {
    wick_buf tensor = {0};
    for (int i = 0; i < rank; i++)
        pb_int(&tensor, 1, (uint64_t)dims[i]);
    pb_int(&tensor, 2, (uint64_t)type);
    pb_text(&tensor, 8, name);
    pb_bytes(&tensor, 9, raw, len);
    return tensor;
}

void onnx_weights(wick_buf *graph, const char *name, int rank, const int64_t *dims) {
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    float *data = wick_xalloc(count * sizeof *data);
    for (size_t i = 0; i < count; i++)
        data[i] = 0.25f * (float)(i + 1);
    wick_buf tensor = onnx_tensor(name, 1, rank, dims, data, count * sizeof *data);
    free(data);
    pb_message(graph, 5, &tensor);
}

static void put_names(wick_buf *node, int field, const char *list) {
    while (*list) {
        size_t len = strcspn(list, ",");
        pb_bytes(node, field, list, len);
        list += len;
        if (*list == ',' && !*++list)
            pb_bytes(node, field, list, 0);
    }
}

void onnx_node(wick_buf *graph, const char *name, const char *op, const char *inputs,
               const char *outputs, wick_buf *attributes) {
    wick_buf n = {0};
    put_names(&n, 1, inputs);
    put_names(&n, 2, outputs);
    pb_text(&n, 3, name);
    pb_text(&n, 4, op);
    if (attributes && attributes->len)
        wick_buf_append(&n, attributes->data, attributes->len);
    if (attributes)
        wick_buf_free(attributes);
    pb_message(graph, 1, &n);
}

static void put_attribute(wick_buf *attributes, const char *name, int type, wick_buf *value) {
    pb_text(value, 1, name);
    pb_int(value, 20, (uint64_t)type);
    pb_message(attributes, 5, value);
}

void onnx_attr_int(wick_buf *attributes, const char *name, int64_t value) {
    wick_buf a = {0};
    pb_int(&a, 3, (uint64_t)value);
    put_attribute(attributes, name, 2, &a);
}

void onnx_attr_ints(wick_buf *attributes, const char *name, int count, const int64_t *values) {
    wick_buf a = {0};
    for (int i = 0; i < count; i++)
        pb_int(&a, 8, (uint64_t)values[i]);
    put_attribute(attributes, name, 7, &a);
}

void onnx_attr_float(wick_buf *attributes, const char *name, float value) {
    wick_buf a = {0};
    pb_float(&a, 2, value);
    put_attribute(attributes, name, 1, &a);
}

void onnx_attr_text(wick_buf *attributes, const char *name, const char *text) {
    wick_buf a = {0};
    pb_text(&a, 4, text);
    put_attribute(attributes, name, 3, &a);
}

wick_buf onnx_model(wick_buf *graph, int opset) {
    wick_buf model = {0}, version = {0};
    pb_int(&model, 1, 8);
    pb_text(&model, 2, "test");
    pb_message(&model, 7, graph);
    pb_text(&version, 1, "");
    pb_int(&version, 2, (uint64_t)opset);
    pb_message(&model, 8, &version);
    return model;
}

wick_buf onnx_small_graph(void) {
    wick_buf graph = {0};
    onnx_value(&graph, GRAPH_INPUT, "x", 4, (int64_t[]){-1, 2, 4, 4});
    onnx_value(&graph, GRAPH_OUTPUT, "y", 2, (int64_t[]){-1, 3});
    return graph;
}
