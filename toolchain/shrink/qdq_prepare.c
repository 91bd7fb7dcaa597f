/* Makes a float graph ready for quantization; see qdq.h. */
#include "shrink/qdq.h"

#include <math.h>
#include <string.h>

bool wick_qdq_is_quantized(const wick_graph *graph) {
    for (int n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op == WICK_OP_QUANTIZE || graph->nodes[n].op == WICK_OP_DEQUANTIZE)
            return true;
    return false;
}

bool wick_qdq_is_last(const wick_graph *graph, const wick_node *node) {
    const wick_attrs *a = &node->attrs;
    wick_shape shape = graph->tensors[node->inputs[0]].shape;
    int axis = a->axis < 0 ? a->axis + shape.rank : a->axis;
    bool head = false;
    for (int k = 0; k < graph->family.n_heads; k++)
        head |= graph->family.heads[k] == node->output;
    return head && (node->op == WICK_OP_SOFTMAX || node->op == WICK_OP_LOG_SOFTMAX ||
                    (node->op == WICK_OP_ARG_MAX && axis == 1 && !a->last_index));
}

/* Readers of `from` read `to` instead; heads and features move along. */
static void redirect(wick_graph *graph, int from, int to) {
    for (int n = 0; n < graph->n_nodes; n++)
        for (int i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] == from)
                graph->nodes[n].inputs[i] = to;
    for (int k = 0; k < graph->family.n_heads; k++)
        if (graph->family.heads[k] == from)
            graph->family.heads[k] = to;
    if (graph->family.features == from)
        graph->family.features = to;
}

static void skip_identities(wick_graph *graph) {
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        if (node->op == WICK_OP_IDENTITY || node->op == WICK_OP_DROPOUT ||
            wick_qdq_is_last(graph, node))
            redirect(graph, node->output, node->inputs[0]);
    }
    wick_graph_prune(graph);
}

/* x [1,C,H,W] -> x * w[c] + b[c] as a depthwise convolution. */
static void make_depthwise(wick_graph *graph, wick_node *node, int x, const float *w,
                           const float *b) {
    int64_t channels = graph->tensors[x].shape.dim[1];
    int *inputs = wick_new(graph->arena, int, 3);
    inputs[0] = x;
    const char *output = graph->tensors[node->output].name;
    inputs[1] = wick_graph_tensor(graph, wick_graph_fresh_name(graph, output, "/weight"), WICK_F32,
                                  (wick_shape){4, {channels, 1, 1, 1}}, w);
    inputs[2] = wick_graph_tensor(graph, wick_graph_fresh_name(graph, output, "/bias"), WICK_F32,
                                  (wick_shape){1, {channels}}, b);
    node->op = WICK_OP_CONV;
    node->inputs = inputs;
    node->n_inputs = 3;
    node->attrs = wick_attrs_default();
    node->attrs.groups = (int)channels;
}

/* x * g + (bias - mean * g), g = scale / sqrt(var + epsilon). */
static void norm_to_depthwise(wick_graph *graph, wick_node *node) {
    const wick_tensor *x = &graph->tensors[node->inputs[0]];
    if (x->shape.rank != 4)
        return;
    int64_t channels = x->shape.dim[1];
    const float *data[5];
    for (int i = 1; i < 5; i++) {
        data[i] = graph->tensors[node->inputs[i]].data;
        if (!data[i])
            return;
    }
    float *w = wick_new(graph->arena, float, channels),
          *b = wick_new(graph->arena, float, channels);
    for (int64_t c = 0; c < channels; c++) {
        double gain = (double)data[1][c] / sqrt((double)data[4][c] + (double)node->attrs.epsilon);
        w[c] = (float)gain;
        b[c] = (float)((double)data[2][c] - (double)data[3][c] * gain);
    }
    make_depthwise(graph, node, node->inputs[0], w, b);
}

/* A sum or product of an image with one number, or one for each channel. The constant may come
   first, except behind a division. */
static void affine_to_depthwise(wick_graph *graph, wick_node *node) {
    const wick_tensor *tensors = graph->tensors;
    bool swapped = tensors[node->inputs[0]].data != NULL;
    int x = node->inputs[swapped], constant = node->inputs[!swapped];
    const wick_tensor *c = &tensors[constant];
    wick_shape shape = tensors[x].shape;
    int64_t count = wick_shape_count(c->shape), place = 1 - (shape.rank - c->shape.rank);
    bool each = place >= 0 && place < c->shape.rank && c->shape.dim[place] == count &&
                count == shape.dim[1];
    if (tensors[x].data || !c->data || c->dtype != WICK_F32 || shape.rank != 4 ||
        !wick_shape_equal(shape, tensors[node->output].shape) || (count != 1 && !each) ||
        (swapped && node->op == WICK_OP_DIV))
        return;
    int64_t channels = shape.dim[1];
    float *w = wick_new(graph->arena, float, channels),
          *b = wick_new(graph->arena, float, channels);
    for (int64_t i = 0; i < channels; i++) {
        float value = ((const float *)c->data)[count == 1 ? 0 : i];
        bool sum = node->op == WICK_OP_ADD || node->op == WICK_OP_SUB;
        bool negated = node->op == WICK_OP_SUB && swapped;
        w[i] = sum ? (negated ? -1 : 1) : node->op == WICK_OP_MUL ? value : 1 / value;
        b[i] = !sum ? 0 : node->op == WICK_OP_SUB && !swapped ? -value : value;
    }
    make_depthwise(graph, node, x, w, b);
}

static void node_to_depthwise(wick_graph *graph, wick_node *node) {
    if (node->op == WICK_OP_BATCH_NORM)
        norm_to_depthwise(graph, node);
    else if (node->op == WICK_OP_ADD || node->op == WICK_OP_SUB || node->op == WICK_OP_MUL ||
             node->op == WICK_OP_DIV)
        affine_to_depthwise(graph, node);
}

static wick_status check_constants(const wick_graph *graph, wick_diag *diag) {
    for (int t = 0; t < graph->n_tensors; t++) {
        const wick_tensor *tensor = &graph->tensors[t];
        int64_t count =
            tensor->data && tensor->dtype == WICK_F32 ? wick_shape_count(tensor->shape) : 0;
        for (int64_t i = 0; i < count; i++)
            if (!isfinite(((const float *)tensor->data)[i]))
                return wick_fail(diag, WICK_RANGE, NULL, tensor->name,
                                 "the training diverged, or the file is damaged",
                                 "element %lld is not finite", (long long)i);
    }
    return WICK_OK;
}

wick_status wick_qdq_prepare(const wick_graph *graph, wick_graph **out, wick_diag *diag) {
    *out = NULL;
    WICK_TRY(check_constants(graph, diag));
    wick_graph *copy = wick_graph_clone(graph);
    wick_graph_fold_batch_norm(copy);
    skip_identities(copy);
    /* Shapes are needed to turn around what is left of them. */
    wick_status status = wick_graph_set_batch(copy, 1, diag);
    for (int n = 0; n < copy->n_nodes && status == WICK_OK; n++)
        node_to_depthwise(copy, &copy->nodes[n]);
    wick_graph_prune(copy);
    if (status == WICK_OK)
        status = wick_graph_infer(copy, diag);
    if (status == WICK_OK)
        status = wick_graph_segment(copy, diag);
    if (status != WICK_OK) {
        wick_graph_free(copy);
        return status;
    }
    *out = copy;
    return WICK_OK;
}
