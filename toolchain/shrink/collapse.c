#include "shrink/collapse.h"

#include "shrink/qdq.h"

#include <stdlib.h>

static const float *constant(const wick_graph *graph, int t) {
    return t >= 0 && graph->tensors[t].dtype == WICK_F32 ? graph->tensors[t].data : NULL;
}

static int bias_of(const wick_node *node) {
    return node->n_inputs > 2 ? node->inputs[2] : -1;
}

static bool is_point(const wick_graph *graph, const wick_node *node) {
    if (!constant(graph, node->inputs[1]) ||
        (bias_of(node) >= 0 && !constant(graph, bias_of(node))))
        return false;
    const wick_attrs *a = &node->attrs;
    return node->op == WICK_OP_GEMM ||
           (node->op == WICK_OP_CONV && a->groups == 1 && a->kernel[0] * a->kernel[1] == 1);
}

static bool is_plain(const wick_node *node) {
    const wick_attrs *a = &node->attrs;
    return node->op == WICK_OP_GEMM || (a->stride[0] == 1 && a->stride[1] == 1 && !a->pad[0] &&
                                        !a->pad[1] && !a->pad[2] && !a->pad[3]);
}

/* The first of a pair that `second` ends, or NULL. Padding of the first would have to pass through
 * its bias. */
static wick_node *first_of(wick_graph *graph, const wick_node *second) {
    if (!is_point(graph, second) || !is_plain(second))
        return NULL;
    int x = second->inputs[0], producer = graph->tensors[x].producer;
    if (producer < 0 || wick_graph_readers(graph, x) != 1)
        return NULL;
    wick_node *first = &graph->nodes[producer];
    if (first->op != second->op || !is_point(graph, first))
        return NULL;
    int64_t in = graph->tensors[first->inputs[1]].shape.dim[1],
            middle = graph->tensors[first->inputs[1]].shape.dim[0],
            out = graph->tensors[second->inputs[1]].shape.dim[0];
    bool biased = bias_of(first) >= 0 || bias_of(second) >= 0;
    int64_t before = middle * in + out * middle + (bias_of(first) >= 0 ? middle : 0) +
                     (bias_of(second) >= 0 ? out : 0);
    return out * in + (biased ? out : 0) <= before ? first : NULL;
}

static int fresh(wick_graph *graph, const wick_node *node, const char *suffix, wick_shape shape) {
    int t = wick_graph_tensor(graph, wick_graph_fresh_name(graph, node->name, suffix), WICK_F32,
                              shape, NULL);
    graph->tensors[t].data = wick_new(graph->arena, float, wick_shape_count(shape));
    return t;
}

/* `second` takes over `first`, which is left without a reader. */
static void join(wick_graph *graph, const wick_node *first, wick_node *second) {
    const float *w1 = constant(graph, first->inputs[1]), *w2 = constant(graph, second->inputs[1]);
    const float *b1 = constant(graph, bias_of(first)), *b2 = constant(graph, bias_of(second));
    wick_shape shape = graph->tensors[second->inputs[1]].shape;
    int64_t in = graph->tensors[first->inputs[1]].shape.dim[1], middle = shape.dim[1],
            out = shape.dim[0];
    shape.dim[1] = in;
    int inputs[3] = {first->inputs[0], fresh(graph, second, ".joined", shape), -1}, n_inputs = 2;
    float *w = graph->tensors[inputs[1]].data, *b = NULL;
    if (b1 || b2) {
        inputs[n_inputs++] = fresh(graph, second, ".joined_bias", (wick_shape){1, {out}});
        b = graph->tensors[inputs[2]].data;
    }
    for (int64_t o = 0; o < out; o++) {
        for (int64_t i = 0; i < in; i++) {
            double sum = 0;
            for (int64_t m = 0; m < middle; m++)
                sum += (double)w2[o * middle + m] * (double)w1[m * in + i];
            w[o * in + i] = (float)sum;
        }
        double sum = b2 ? (double)b2[o] : 0;
        for (int64_t m = 0; m < middle && b1; m++)
            sum += (double)w2[o * middle + m] * (double)b1[m];
        if (b)
            b[o] = (float)sum;
    }
    second->inputs = wick_new(graph->arena, int, n_inputs);
    for (int i = 0; i < n_inputs; i++)
        second->inputs[i] = inputs[i];
    second->n_inputs = n_inputs;
    second->attrs = first->attrs; /* stride and padding of a 1x1 convolution: the first's */
}

wick_status wick_collapse(const wick_graph *graph, wick_graph **out, int *pairs, wick_diag *diag) {
    *out = NULL;
    *pairs = 0;
    if (wick_qdq_is_quantized(graph))
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, NULL, "give the float model",
                         "the model is quantized already");
    wick_graph *copy = wick_graph_clone(graph);
    for (int n = 0; n < copy->n_nodes; n++) {
        wick_node *second = &copy->nodes[n];
        for (wick_node *first; (first = first_of(copy, second)) != NULL; (*pairs)++)
            join(copy, first, second);
    }
    if (*pairs) {
        copy->family.recipe = "";
        wick_graph_prune(copy);
    }
    wick_status status = wick_graph_infer(copy, diag);
    if (status == WICK_OK)
        status = wick_graph_segment(copy, diag);
    if (status != WICK_OK) {
        wick_graph_free(copy);
        return status;
    }
    *out = copy;
    return WICK_OK;
}
