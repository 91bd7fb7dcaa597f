/* Reference evaluation: walks the nodes in order. */
#include "graph/eval.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void (*const operators[WICK_OP_COUNT])(const wick_operands *o) = {
    [WICK_OP_CONV] = wick_eval_conv,
    [WICK_OP_GEMM] = wick_eval_gemm,
    [WICK_OP_BATCH_NORM] = wick_eval_batch_norm,
    [WICK_OP_RELU] = wick_eval_relu,
    [WICK_OP_CLIP] = wick_eval_clip,
    [WICK_OP_MAX_POOL] = wick_eval_max_pool,
    [WICK_OP_AVG_POOL] = wick_eval_avg_pool,
    [WICK_OP_GLOBAL_AVG_POOL] = wick_eval_global_avg_pool,
    [WICK_OP_ADD] = wick_eval_add,
    [WICK_OP_CONCAT] = wick_eval_concat,
    [WICK_OP_PAD] = wick_eval_pad,
    [WICK_OP_FLATTEN] = wick_eval_copy,
    [WICK_OP_SOFTMAX] = wick_eval_softmax,
    [WICK_OP_IDENTITY] = wick_eval_copy,
    [WICK_OP_QUANTIZE] = wick_eval_quantize,
    [WICK_OP_DEQUANTIZE] = wick_eval_dequantize,
};

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
    operators[node->op](&o);
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
