/* Parameters, multiply-accumulates and activation sizes. */
#include "graph/graph.h"

#include <assert.h>
#include <stdlib.h>

/* Only says how numbers are stored: no layer of the network. */
static bool scales_only(wick_op op) {
    return op == WICK_OP_QUANTIZE || op == WICK_OP_DEQUANTIZE;
}

/* The constant behind a tensor, through QuantizeLinear and DequantizeLinear; -1 for an activation.
 */
static int constant_of(const wick_graph *graph, int t) {
    while (t >= 0 && !graph->tensors[t].data) {
        int producer = graph->tensors[t].producer;
        if (producer < 0)
            return -1;
        const wick_node *node = &graph->nodes[producer];
        if (!scales_only(node->op))
            return -1;
        t = node->inputs[0];
    }
    return t;
}

/* How many of a node's inputs can be learned: BatchNormalization's mean and variance are
 * statistics. */
static int learned_inputs(const wick_node *node) {
    return node->op == WICK_OP_BATCH_NORM ? 3 : node->n_inputs;
}

/* Adds node n. seen[constant] (may be NULL) keeps a constant that two nodes share from counting
 * twice. */
static void add_node(const wick_graph *graph, int n, bool *seen, wick_counts *counts) {
    const wick_node *node = &graph->nodes[n];
    if (scales_only(node->op))
        return;
    const wick_shape out = graph->tensors[node->output].shape;
    int64_t batch = graph->tensors[graph->input].shape.dim[0];
    int64_t parameters = 0, activations = 0;
    for (int i = 0; i < node->n_inputs; i++) {
        int constant = constant_of(graph, node->inputs[i]);
        if (constant >= 0 && i < learned_inputs(node) && !(seen && seen[constant])) {
            parameters += wick_shape_count(graph->tensors[constant].shape);
            if (seen)
                seen[constant] = true;
        } else if (constant < 0 && node->inputs[i] >= 0) {
            activations += wick_shape_count(graph->tensors[node->inputs[i]].shape);
        }
    }
    int64_t macs = 0, dense_macs = 0;
    const wick_shape first = graph->tensors[node->inputs[0]].shape;
    const wick_shape w = node->n_inputs > 1 ? graph->tensors[node->inputs[1]].shape : first;
    if (node->op == WICK_OP_CONV || node->op == WICK_OP_GEMM)
        macs = wick_shape_count(out) / batch * (wick_shape_count(w) / w.dim[0]);
    else if (node->op == WICK_OP_CONV_TRANSPOSE)
        macs = wick_shape_count(first) / batch * (wick_shape_count(w) / w.dim[0]);
    else if (node->op == WICK_OP_MATMUL)
        macs = wick_shape_count(out) / batch * first.dim[first.rank - 1];
    dense_macs = macs * (node->op == WICK_OP_CONV ? node->attrs.groups : 1);
    counts->parameters += parameters;
    counts->macs += macs;
    counts->dense_macs += dense_macs;
    if (node->op == WICK_OP_GEMM) {
        counts->fc_parameters += parameters;
        counts->fc_macs += macs;
    } else {
        counts->conv_parameters += parameters;
        counts->conv_macs += macs;
    }
    if (constant_of(graph, node->output) < 0) {
        int64_t elements = (activations + wick_shape_count(out)) / batch;
        if (elements > counts->peak_activation_elements)
            counts->peak_activation_elements = elements;
    }
}

wick_counts wick_node_counts(const wick_graph *graph, int node) {
    assert(node >= 0 && node < graph->n_nodes);
    wick_counts counts = {0};
    add_node(graph, node, NULL, &counts);
    return counts;
}

int wick_graph_peak_node(const wick_graph *graph) {
    int peak = -1;
    int64_t most = -1;
    for (int n = 0; n < graph->n_nodes; n++) {
        int64_t elements = wick_node_counts(graph, n).peak_activation_elements;
        if (elements > most) {
            most = elements;
            peak = n;
        }
    }
    return peak;
}

wick_counts wick_graph_counts(const wick_graph *graph, int segment) {
    wick_counts counts = {0};
    bool *seen = wick_xalloc((size_t)graph->n_tensors * sizeof *seen);
    for (int n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].segment == segment)
            add_node(graph, n, seen, &counts);
    free(seen);
    return counts;
}

/* Whether a head is what this QUANTIZE makes, restored. */
static bool is_head(const wick_graph *graph, const wick_node *quantize) {
    for (int k = 0; k < graph->family.n_heads; k++) {
        int producer = graph->tensors[graph->family.heads[k]].producer;
        if (producer >= 0 && graph->nodes[producer].op == WICK_OP_DEQUANTIZE &&
            graph->nodes[producer].inputs[0] == quantize->output)
            return true;
    }
    return false;
}

const char *wick_graph_precision(const wick_graph *graph) {
    int quantized = 0, widths[2] = {0, 0};
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        if (node->op != WICK_OP_QUANTIZE)
            continue;
        quantized++;
        if (constant_of(graph, node->inputs[0]) < 0 && node->inputs[0] != graph->input &&
            !is_head(graph, node))
            widths[graph->tensors[node->output].dtype == WICK_S16]++;
    }
    if (!quantized)
        return "float";
    return !widths[1] ? "int8" : widths[0] ? "int8/16" : "int16";
}
