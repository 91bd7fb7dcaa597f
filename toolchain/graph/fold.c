/* BatchNormalization in inference is a linear map for each channel:
     y = (conv(x) + b - mean) * g + bias,  g = scale / sqrt(var + epsilon)
   so it goes into the weights and the bias of the convolution (or fully connected layer) before. */
#include "graph/passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float *constant(const wick_graph *graph, int t) {
    return t >= 0 && graph->tensors[t].dtype == WICK_F32 ? graph->tensors[t].data : NULL;
}

bool wick_fold_linear(const wick_graph *graph, const wick_node *node) {
    bool linear = node->op == WICK_OP_CONV || node->op == WICK_OP_GEMM;
    bool has_bias = node->n_inputs > 2 && node->inputs[2] >= 0;
    return linear && constant(graph, node->inputs[1]) &&
           (!has_bias || constant(graph, node->inputs[2]));
}

/* The linear layer whose only reader is this BatchNormalization, all of it constant; NULL when
 * there is none. */
static wick_node *foldable_before(const wick_graph *graph, const wick_node *norm) {
    int x = norm->inputs[0], producer = graph->tensors[x].producer;
    if (producer < 0 || wick_graph_readers(graph, x) != 1)
        return NULL;
    for (int i = 1; i < 5; i++)
        if (!constant(graph, norm->inputs[i]))
            return NULL;
    wick_node *linear = &graph->nodes[producer];
    return wick_fold_linear(graph, linear) ? linear : NULL;
}

/* Input i of the node as a constant that belongs to it alone and may be overwritten. */
static float *own_constant(wick_graph *graph, wick_node *node, int i, const char *suffix,
                           int64_t count) {
    int t = i < node->n_inputs ? node->inputs[i] : -1;
    if (t >= 0 && wick_graph_readers(graph, t) == 1)
        return graph->tensors[t].data;
    char *name = wick_arena_printf(graph->arena, "%s.%s", node->name, suffix);
    while (wick_graph_find(graph, name) >= 0)
        name = wick_arena_printf(graph->arena, "%s.folded", name);
    wick_shape shape = t >= 0 ? graph->tensors[t].shape : (wick_shape){1, {count}};
    int fresh =
        wick_graph_tensor(graph, name, WICK_F32, shape, t >= 0 ? graph->tensors[t].data : NULL);
    if (t < 0)
        graph->tensors[fresh].data = wick_new(graph->arena, float, count);
    if (i >= node->n_inputs) {
        int *inputs = wick_new(graph->arena, int, i + 1);
        memcpy(inputs, node->inputs, (size_t)node->n_inputs * sizeof *inputs);
        node->inputs = inputs;
        node->n_inputs = i + 1;
    }
    node->inputs[i] = fresh;
    return graph->tensors[fresh].data;
}

/* Would every weight and bias still be a finite float? */
static bool stays_finite(const wick_graph *graph, const wick_node *layer, const double *gain,
                         const double *shift) {
    const wick_shape shape = graph->tensors[layer->inputs[1]].shape;
    const float *w = graph->tensors[layer->inputs[1]].data;
    const float *b = layer->n_inputs > 2 ? constant(graph, layer->inputs[2]) : NULL;
    int64_t row = wick_shape_count(shape) / shape.dim[0];
    for (int64_t o = 0; o < shape.dim[0]; o++) {
        if (!isfinite((float)((b ? (double)b[o] : 0) * gain[o] + shift[o])))
            return false;
        for (int64_t i = 0; i < row; i++)
            if (!isfinite((float)((double)w[o * row + i] * gain[o])))
                return false;
    }
    return true;
}

bool wick_fold_affine(wick_graph *graph, wick_node *layer, wick_node *node, const double *gain,
                      const double *shift) {
    const wick_shape shape = graph->tensors[layer->inputs[1]].shape;
    int64_t channels = shape.dim[0], row = wick_shape_count(shape) / channels;
    if (!stays_finite(graph, layer, gain, shift))
        return false;
    float *w = own_constant(graph, layer, 1, "weight", 0);
    float *b = own_constant(graph, layer, 2, "bias", channels);
    for (int64_t o = 0; o < channels; o++) {
        for (int64_t i = 0; i < row; i++)
            w[o * row + i] = (float)((double)w[o * row + i] * gain[o]);
        b[o] = (float)((double)b[o] * gain[o] + shift[o]);
    }
    int between = layer->output;
    layer->output = node->output;
    node->output = between;
    graph->tensors[layer->output].producer = (int)(layer - graph->nodes);
    graph->tensors[between].producer = (int)(node - graph->nodes);
    return true;
}

static void fold(wick_graph *graph, wick_node *linear, wick_node *norm) {
    int64_t channels = graph->tensors[linear->inputs[1]].shape.dim[0];
    const float *scale = constant(graph, norm->inputs[1]), *bias = constant(graph, norm->inputs[2]);
    const float *mean = constant(graph, norm->inputs[3]), *var = constant(graph, norm->inputs[4]);
    double *gain = wick_xalloc((size_t)channels * sizeof *gain);
    double *shift = wick_xalloc((size_t)channels * sizeof *shift);
    for (int64_t o = 0; o < channels; o++) {
        gain[o] = (double)scale[o] / sqrt((double)var[o] + (double)norm->attrs.epsilon);
        shift[o] = (double)bias[o] - (double)mean[o] * gain[o];
    }
    wick_fold_affine(graph, linear, norm, gain, shift);
    free(gain);
    free(shift);
}

void wick_graph_fold_batch_norm(wick_graph *graph) {
    for (int n = 0; n < graph->n_nodes; n++) {
        wick_node *norm = &graph->nodes[n], *linear = NULL;
        if (norm->op == WICK_OP_BATCH_NORM)
            linear = foldable_before(graph, norm);
        if (linear)
            fold(graph, linear, norm);
    }
    wick_graph_prune(graph);
}
