/* Reference evaluation: walks the nodes in order. */
#include "graph/ops.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void wick_values_free(const wick_graph *graph, void **values) {
    if (!values)
        return;
    for (int t = 0; t < graph->n_tensors; t++)
        free(values[t]);
    free(values);
}

static wick_status allocate(const wick_tensor *tensor, void **value, wick_diag *diag) {
    size_t bytes = (size_t)wick_shape_count(tensor->shape) * wick_dtype_bytes(tensor->dtype);
    *value = wick_try_alloc(bytes);
    if (*value)
        return WICK_OK;
    return wick_fail(diag, WICK_MEMORY, NULL, tensor->name, "evaluate fewer images at once",
                     "no memory for its %zu bytes", bytes);
}

static wick_status eval_node(const wick_graph *graph, const wick_node *node, void **values,
                             wick_arena *scratch, wick_diag *diag) {
    const wick_tensor *output = &graph->tensors[node->output];
    WICK_TRY(allocate(output, &values[node->output], diag));
    wick_operands o = {.attrs = &node->attrs,
                       .op = node->op,
                       .n_inputs = node->n_inputs,
                       .inputs = wick_new(scratch, const wick_tensor *, node->n_inputs),
                       .src = wick_new(scratch, const void *, node->n_inputs),
                       .output = output,
                       .dst = values[node->output]};
    for (int i = 0; i < node->n_inputs; i++) {
        int t = node->inputs[i];
        if (t < 0)
            continue;
        o.inputs[i] = &graph->tensors[t];
        o.src[i] = o.inputs[i]->data ? o.inputs[i]->data : values[t];
        if (!o.src[i])
            return wick_fail(diag, WICK_MISSING, NULL, node->name, NULL,
                             "nothing gives its input '%s' a value", o.inputs[i]->name);
    }
    wick_op_rule_of(node->op)->eval(&o);
    return WICK_OK;
}

wick_status wick_graph_eval(const wick_graph *graph, const float *input, void ***values,
                            wick_diag *diag) {
    assert(graph->input >= 0 && graph->tensors[graph->input].dtype == WICK_F32);
    *values = NULL;
    void **all = wick_xalloc((size_t)graph->n_tensors * sizeof *all);
    wick_arena *scratch = wick_arena_new();
    const wick_tensor *x = &graph->tensors[graph->input];
    wick_status status = allocate(x, &all[graph->input], diag);
    if (status == WICK_OK)
        memcpy(all[graph->input], input, (size_t)wick_shape_count(x->shape) * sizeof *input);
    for (int n = 0; n < graph->n_nodes && status == WICK_OK; n++)
        status = eval_node(graph, &graph->nodes[n], all, scratch, diag);
    wick_arena_free(scratch);
    if (status == WICK_OK)
        *values = all;
    else
        wick_values_free(graph, all);
    return status;
}

void wick_node_eval(const wick_graph *graph, int n, void *dst) {
    const wick_node *node = &graph->nodes[n];
    wick_arena *scratch = wick_arena_new();
    wick_operands o = {.attrs = &node->attrs,
                       .op = node->op,
                       .n_inputs = node->n_inputs,
                       .inputs = wick_new(scratch, const wick_tensor *, node->n_inputs),
                       .src = wick_new(scratch, const void *, node->n_inputs),
                       .output = &graph->tensors[node->output],
                       .dst = dst};
    for (int i = 0; i < node->n_inputs; i++) {
        if (node->inputs[i] < 0)
            continue;
        o.inputs[i] = &graph->tensors[node->inputs[i]];
        o.src[i] = o.inputs[i]->data;
        assert(o.src[i]);
    }
    wick_op_rule_of(node->op)->eval(&o);
    wick_arena_free(scratch);
}
