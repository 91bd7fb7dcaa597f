/* BatchNormalization in inference is a linear map for each channel:
     y = (conv(x) + b - mean) * g + bias,  g = scale / sqrt(var + epsilon)
   so it goes into the weights and the bias of the convolution (or fully connected layer) before. */
#include "graph/graph.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const float *constant(const wick_graph *graph, int t) {
    return t >= 0 && graph->tensors[t].dtype == WICK_F32 ? graph->tensors[t].data : NULL;
}

static int readers(const wick_graph *graph, int t) {
    int count = t == graph->family.features;
    for (int k = 0; k < graph->family.n_heads; k++)
        count += graph->family.heads[k] == t;
    for (int n = 0; n < graph->n_nodes; n++)
        for (int i = 0; i < graph->nodes[n].n_inputs; i++)
            count += graph->nodes[n].inputs[i] == t;
    return count;
}

/* The linear layer whose only reader is this BatchNormalization, all of it constant; NULL when
 * there is none. */
static wick_node *foldable_before(const wick_graph *graph, const wick_node *norm) {
    int x = norm->inputs[0], producer = graph->tensors[x].producer;
    if (producer < 0 || readers(graph, x) != 1)
        return NULL;
    wick_node *linear = &graph->nodes[producer];
    if (linear->op != WICK_OP_CONV && linear->op != WICK_OP_GEMM)
        return NULL;
    for (int i = 1; i < 5; i++)
        if (!constant(graph, norm->inputs[i]))
            return NULL;
    bool has_bias = linear->n_inputs > 2 && linear->inputs[2] >= 0;
    if (!constant(graph, linear->inputs[1]) || (has_bias && !constant(graph, linear->inputs[2])))
        return NULL;
    return linear;
}

/* Input i of the node as a constant that belongs to it alone and may be overwritten. */
static float *own_constant(wick_graph *graph, wick_node *node, int i, const char *suffix,
                           int64_t count) {
    int t = i < node->n_inputs ? node->inputs[i] : -1;
    if (t >= 0 && readers(graph, t) == 1)
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

static void fold(wick_graph *graph, wick_node *linear, wick_node *norm) {
    const wick_shape shape = graph->tensors[linear->inputs[1]].shape;
    int64_t channels = shape.dim[0], row = wick_shape_count(shape) / channels;
    const float *scale = constant(graph, norm->inputs[1]), *bias = constant(graph, norm->inputs[2]);
    const float *mean = constant(graph, norm->inputs[3]), *var = constant(graph, norm->inputs[4]);
    float *w = own_constant(graph, linear, 1, "weight", 0);
    float *b = own_constant(graph, linear, 2, "bias", channels);
    for (int64_t o = 0; o < channels; o++) {
        double gain = (double)scale[o] / sqrt((double)var[o] + (double)norm->attrs.epsilon);
        for (int64_t i = 0; i < row; i++)
            w[o * row + i] = (float)((double)w[o * row + i] * gain);
        b[o] = (float)(((double)b[o] - (double)mean[o]) * gain + (double)bias[o]);
    }
    /* The linear layer now writes what the normalisation wrote, under that name; the normalisation
       is left without a reader, for pruning. */
    int between = linear->output;
    linear->output = norm->output;
    norm->output = between;
    graph->tensors[linear->output].producer = (int)(linear - graph->nodes);
    graph->tensors[between].producer = (int)(norm - graph->nodes);
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
