#include "helper_program.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

net net_new(uint64_t seed, int channels, int height, int width) {
    net n = {.graph = wick_graph_new("net"), .rng = wick_rng_seed(seed, 0)};
    n.graph->input = wick_graph_tensor(n.graph, "input", WICK_F32,
                                       (wick_shape){4, {1, channels, height, width}}, NULL);
    return n;
}

static int add_node(net *n, wick_op op, const int *inputs, int count, const wick_attrs *attrs) {
    char name[32], output[32];
    snprintf(name, sizeof name, "n%d", n->count);
    snprintf(output, sizeof output, "t%d", n->count++);
    int t = wick_graph_node(n->graph, name, op, inputs, count, output, attrs);
    wick_diag diag = {0};
    if (wick_graph_infer(n->graph, &diag) != WICK_OK) {
        wick_diag_print(&diag, stderr);
        fail();
    }
    return t;
}

/* Constant with mean + scale * normal numbers. */
static int constant(net *n, const char *role, wick_shape shape, float mean, float scale) {
    char name[48];
    snprintf(name, sizeof name, "n%d.%s", n->count, role);
    size_t count = (size_t)wick_shape_count(shape);
    float *data = wick_xalloc(count * sizeof *data);
    for (size_t i = 0; i < count; i++)
        data[i] = mean + scale * wick_rng_normal(&n->rng);
    int t = wick_graph_tensor(n->graph, name, WICK_F32, shape, data);
    free(data);
    return t;
}

int net_conv(net *n, int x, net_conv_options o) {
    int groups = o.groups ? o.groups : 1, dilation = o.dilation ? o.dilation : 1;
    int64_t in = n->graph->tensors[x].shape.dim[1] / groups;
    float scale = sqrtf(2.0f / (float)(in * o.kernel * o.kernel));
    int inputs[3] = {
        x, constant(n, "weight", (wick_shape){4, {o.out, in, o.kernel, o.kernel}}, 0, scale), -1};
    if (o.bias)
        inputs[2] = constant(n, "bias", (wick_shape){1, {o.out}}, 0, 0.3f);
    wick_attrs attrs = wick_attrs_default();
    attrs.groups = groups;
    for (int i = 0; i < 2; i++) {
        attrs.kernel[i] = o.kernel;
        attrs.stride[i] = o.stride;
        attrs.dilation[i] = dilation;
        attrs.pad[i] = attrs.pad[i + 2] = o.pad;
    }
    return add_node(n, WICK_OP_CONV, inputs, o.bias ? 3 : 2, &attrs);
}

int net_fc(net *n, int x, int out, bool bias) {
    int64_t in = n->graph->tensors[x].shape.dim[1];
    int inputs[3] = {
        x, constant(n, "weight", (wick_shape){2, {out, in}}, 0, sqrtf(1.0f / (float)in)), -1};
    if (bias)
        inputs[2] = constant(n, "bias", (wick_shape){1, {out}}, 0, 0.3f);
    return add_node(n, WICK_OP_GEMM, inputs, bias ? 3 : 2, NULL);
}

int net_batch_norm(net *n, int x) {
    wick_shape shape = {1, {n->graph->tensors[x].shape.dim[1]}};
    int inputs[5] = {x, constant(n, "scale", shape, 1, 0.2f), constant(n, "bias", shape, 0, 0.3f),
                     constant(n, "mean", shape, 0, 0.2f), constant(n, "var", shape, 1.5f, 0.1f)};
    return add_node(n, WICK_OP_BATCH_NORM, inputs, 5, NULL);
}

int net_simple(net *n, int x, wick_op op) {
    wick_attrs attrs = wick_attrs_default();
    attrs.clip_min = -0.5f;
    attrs.clip_max = 0.7f;
    return add_node(n, op, &x, 1, &attrs);
}

int net_pool(net *n, int x, wick_op op, int kernel, int stride, int pad, bool count_pad) {
    wick_attrs attrs = wick_attrs_default();
    attrs.count_include_pad = count_pad;
    for (int i = 0; i < 2; i++) {
        attrs.kernel[i] = kernel;
        attrs.stride[i] = stride;
        attrs.pad[i] = attrs.pad[i + 2] = pad;
    }
    return add_node(n, op, &x, 1, &attrs);
}

int net_node(net *n, wick_op op, const int *xs, int count, const wick_attrs *attrs) {
    return add_node(n, op, xs, count, attrs);
}

int net_constant(net *n, wick_shape shape, float mean, float deviation) {
    return constant(n, "constant", shape, mean, deviation);
}

int net_dropout(net *n, int x, float share) {
    wick_attrs attrs = wick_attrs_default();
    attrs.alpha = share;
    return add_node(n, WICK_OP_DROPOUT, &x, 1, &attrs);
}

int net_pad(net *n, int x, int channels) {
    wick_attrs attrs = wick_attrs_default();
    attrs.pad_channels = channels;
    return add_node(n, WICK_OP_PAD, &x, 1, &attrs);
}

int net_join(net *n, wick_op op, const int *xs, int count) {
    return add_node(n, op, xs, count, NULL);
}

void net_random(wick_rng *rng, float *values, size_t count) {
    for (size_t i = 0; i < count; i++)
        values[i] = wick_rng_normal(rng);
}

wick_program *net_program(const net *n, int batch, bool training, bool winograd, const int *outputs,
                          int n_outputs) {
    wick_program_options options = {.batch = batch,
                                    .training = training,
                                    .winograd = winograd,
                                    .n_outputs = n_outputs,
                                    .outputs = outputs};
    wick_program *program = NULL;
    wick_diag diag = {0};
    if (wick_program_build(n->graph, &options, &program, &diag) != WICK_OK) {
        wick_diag_print(&diag, stderr);
        fail();
    }
    return program;
}

double net_loss(wick_program *program, int n_outputs) {
    double loss = 0;
    for (int i = 0; i < n_outputs; i++) {
        const float *y = wick_program_output(program, i);
        const float *r = wick_program_output_gradient(program, i);
        for (size_t k = 0; k < wick_program_output_count(program, i); k++)
            loss += (double)y[k] * (double)r[k];
    }
    return loss;
}

void net_forward(wick_program *program) {
    assert_int_equal(wick_program_forward(program, NULL), WICK_OK);
}

void net_backward(wick_program *program) {
    assert_int_equal(wick_program_backward(program, NULL), WICK_OK);
}
