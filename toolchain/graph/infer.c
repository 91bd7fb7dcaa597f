/* Shape inference: every activation's dtype and shape from the input's, by the operators' rules. */
#include "graph/ops.h"

#include <assert.h>

const wick_tensor *wick_infer_input(const wick_infer *c, int i) {
    if (i >= c->node->n_inputs || c->node->inputs[i] < 0)
        return NULL;
    return &c->graph->tensors[c->node->inputs[i]];
}

const char *wick_infer_text(const wick_infer *c, wick_shape shape) {
    return wick_shape_text(c->scratch, shape);
}

wick_status wick_infer_finish(wick_infer *c, wick_dtype dtype, wick_shape shape) {
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++) {
        if (shape.dim[i] < 1)
            WICK_REJECT(c, "the input is too small for this network", "its output would be %s",
                        wick_infer_text(c, shape));
        if (__builtin_mul_overflow(count, shape.dim[i], &count) || count > INT32_MAX)
            WICK_REJECT(c, NULL, "its output %s has more than 2^31 - 1 elements",
                        wick_infer_text(c, shape));
    }
    wick_tensor *out = &c->graph->tensors[c->node->output];
    out->dtype = dtype;
    out->shape = shape;
    return WICK_OK;
}

static wick_status infer_node(wick_infer *c) {
    const wick_node *node = c->node;
    const wick_op_rule *r = wick_op_rule_of(node->op);
    if (node->n_inputs < r->min_inputs || node->n_inputs > r->max_inputs)
        WICK_REJECT(c, NULL, "%s with %d inputs; it takes %d to %d", wick_op_name(node->op),
                    node->n_inputs, r->min_inputs, r->max_inputs);
    for (int i = 0; i < node->n_inputs; i++) {
        const wick_tensor *x = wick_infer_input(c, i);
        if (!x && (i < r->min_inputs || node->op == WICK_OP_CONCAT))
            WICK_REJECT(c, NULL, "%s lacks its input %d", wick_op_name(node->op), i);
        if (x && r->float_only && x->dtype != WICK_F32)
            WICK_REJECT(c, "put a DequantizeLinear before it", "its input '%s' is not float",
                        x->name);
        assert(!x || x->producer < (int)(node - c->graph->nodes));
    }
    return r->infer(c);
}

wick_status wick_node_infer(wick_graph *graph, int n, wick_diag *diag) {
    wick_infer c = {
        .graph = graph, .node = &graph->nodes[n], .diag = diag, .scratch = wick_arena_new()};
    wick_status status = infer_node(&c);
    wick_arena_free(c.scratch);
    return status;
}

wick_status wick_graph_infer(wick_graph *graph, wick_diag *diag) {
    for (int n = 0; n < graph->n_nodes; n++)
        WICK_TRY(wick_node_infer(graph, n, diag));
    return WICK_OK;
}

wick_status wick_graph_set_batch(wick_graph *graph, int batch, wick_diag *diag) {
    assert(batch >= 1 && graph->input >= 0);
    wick_tensor *x = &graph->tensors[graph->input];
    if (x->shape.rank < 1)
        return wick_fail(diag, WICK_SHAPE, NULL, x->name, NULL,
                         "the graph's input has no batch dimension");
    x->shape.dim[0] = batch;
    return wick_graph_infer(graph, diag);
}
