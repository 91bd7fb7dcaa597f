/* Gemm, MatMul, and Add as a bias. */
#include "onnx_import.h"

#include <string.h>

static wick_status transposed_step(wick_onnx_import *im, const char *suffix, int tensor, int *out) {
    wick_attrs a = wick_attrs_default();
    a.rank = 2;
    a.dims[0] = 1;
    return wick_onnx_step(im, suffix, WICK_OP_TRANSPOSE, &tensor, 1, &a, out);
}

/* Multiplies a tensor by a number other than 1. */
static wick_status scaled_step(wick_onnx_import *im, const char *suffix, float factor,
                               int *tensor) {
    if (factor >= 1 && factor <= 1)
        return WICK_OK;
    int in[2] = {*tensor, wick_onnx_new_const(im, wick_arena_printf(im->scratch, "%s.by", suffix),
                                              WICK_F32, (wick_shape){0}, &factor)};
    return wick_onnx_step(im, suffix, WICK_OP_MUL, in, 2, NULL, tensor);
}

typedef struct gemm {
    int64_t trans_a, trans_b;
    float alpha, beta;
    int x;
    wick_onnx_value *weights, *c;
} gemm;

/* Is C one row of M numbers, a constant, or a constant behind DequantizeLinear? Then it is a bias.
 */
static bool is_row(const wick_onnx_import *im, const wick_onnx_value *c, int64_t outputs) {
    const wick_graph *g = im->graph;
    const wick_tensor *t = &g->tensors[c->tensor];
    bool constant = t->data || (t->producer >= 0 && g->nodes[t->producer].op == WICK_OP_DEQUANTIZE);
    return constant && t->shape.rank >= 1 && wick_shape_count(t->shape) == outputs &&
           t->shape.dim[t->shape.rank - 1] == outputs;
}

/* x w^T, then the sum with what is there already. */
static wick_status emit_sum(wick_onnx_import *im, const int *in, int what) {
    int sum[2] = {-1, what};
    WICK_TRY(wick_onnx_step(im, ".product", WICK_OP_GEMM, in, 2, NULL, &sum[0]));
    return wick_onnx_emit(im, WICK_OP_ADD, sum, 2, NULL);
}

/* y = x w^T + b with w [M,K]: the weights are a constant, or one behind DequantizeLinear. */
static wick_status emit_layer(wick_onnx_import *im, const gemm *g) {
    int in[3] = {g->x, -1, -1}, c = -1;
    if (!g->trans_b && wick_onnx_is_constant(im, g->weights))
        WICK_TRY(wick_onnx_transposed(im, g->weights, &in[1]));
    else
        WICK_TRY(wick_onnx_tensor_of(im, g->weights, &in[1]));
    if (!g->trans_b && !wick_onnx_is_constant(im, g->weights))
        WICK_TRY(transposed_step(im, ".weight", in[1], &in[1]));
    WICK_TRY(scaled_step(im, ".alpha", g->alpha, &in[1]));
    wick_shape weights = im->graph->tensors[in[1]].shape;
    if (!g->c)
        return wick_onnx_emit(im, WICK_OP_GEMM, in, 2, NULL);
    WICK_TRY(wick_onnx_tensor_of(im, g->c, &c));
    if (weights.rank == 2 && is_row(im, g->c, weights.dim[0])) {
        if (wick_onnx_is_constant(im, g->c))
            WICK_TRY(wick_onnx_vector(im, g->c, &c));
        in[2] = c;
        WICK_TRY(scaled_step(im, ".beta", g->beta, &in[2]));
        if (in[2] == c || im->graph->tensors[in[2]].data)
            return wick_onnx_emit(im, WICK_OP_GEMM, in, 3, NULL);
        /* Scaling would make it infinite, so it stayed a product: a sum like any other. */
        return emit_sum(im, in, in[2]);
    }
    int sum[2];
    WICK_TRY(wick_onnx_step(im, ".product", WICK_OP_GEMM, in, 2, NULL, &sum[0]));
    sum[1] = c;
    WICK_TRY(scaled_step(im, ".beta", g->beta, &sum[1]));
    return wick_onnx_emit(im, WICK_OP_ADD, sum, 2, NULL);
}

wick_status wick_onnx_convert_gemm(wick_onnx_import *im) {
    gemm g = {.alpha = 1, .beta = 1};
    WICK_TRY(wick_onnx_attr_int(im, "transA", &g.trans_a));
    WICK_TRY(wick_onnx_attr_int(im, "transB", &g.trans_b));
    WICK_TRY(wick_onnx_attr_float(im, "alpha", &g.alpha));
    WICK_TRY(wick_onnx_attr_float(im, "beta", &g.beta));
    if (im->blind)
        return WICK_OK;
    WICK_TRY(wick_onnx_operand(im, 0, &g.x));
    g.weights = wick_onnx_input(im, 1);
    g.c = wick_onnx_input(im, 2);
    if (!g.weights)
        return wick_onnx_unsupported(im, NULL, "its weights are left out");
    if (g.trans_a)
        WICK_TRY(transposed_step(im, ".a", g.x, &g.x));
    return emit_layer(im, &g);
}

wick_status wick_onnx_convert_matmul(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    int in[2];
    wick_shape shape;
    WICK_TRY(wick_onnx_shaped(im, 0, &in[0], &shape));
    wick_onnx_value *weights = wick_onnx_input(im, 1);
    bool layer = shape.rank == 2 && weights && wick_onnx_is_constant(im, weights);
    WICK_TRY(wick_onnx_operand(im, 1, &in[1]));
    const wick_tensor *w = &im->graph->tensors[in[1]];
    if (!layer || w->shape.rank != 2 || w->dtype != WICK_F32)
        return wick_onnx_emit(im, WICK_OP_MATMUL, in, 2, NULL);
    WICK_TRY(wick_onnx_transposed(im, weights, &in[1]));
    return wick_onnx_emit(im, WICK_OP_GEMM, in, 2, NULL);
}

/* --- Add --- */

/* Is the constant one number for each of the layer's outputs ([M] or [1,M]; [C,1,1] or [1,C,1,1])?
 */
static bool is_bias(wick_shape c, wick_op op, int64_t outputs) {
    int behind = op == WICK_OP_CONV ? 2 : 0; /* dimensions after the channels */
    if (c.rank <= behind || c.rank > behind + 2)
        return false;
    for (int i = 0; i < c.rank; i++)
        if (c.dim[i] != (i == c.rank - 1 - behind ? outputs : 1))
            return false;
    return true;
}

/* y = layer(x) + b where nothing else reads layer(x): b becomes the layer's bias, and its output
   takes over the sum's name. *done says whether it was so. */
static wick_status add_as_bias(wick_onnx_import *im, int layer_input, bool *done) {
    /* Not through an alias, whose readers would have to be counted, too. */
    const char *direct = im->node->input[layer_input];
    const wick_onnx_value *x = &im->values[wick_onnx_names_find(im->names, direct)];
    wick_onnx_value *bias = wick_onnx_input(im, 1 - layer_input);
    *done = false;
    if (x->same_as >= 0 || x->readers != 1)
        return WICK_OK;
    wick_graph *g = im->graph;
    const wick_tensor *y = &g->tensors[x->tensor];
    if (y->producer < 0)
        return WICK_OK;
    const wick_node *layer = &g->nodes[y->producer];
    bool linear = layer->op == WICK_OP_CONV || layer->op == WICK_OP_GEMM;
    if (!linear || layer->n_inputs != 2)
        return WICK_OK;
    wick_shape weights = g->tensors[layer->inputs[1]].shape;
    int node = y->producer, layer_output = x->tensor, b;
    WICK_TRY(wick_onnx_tensor_of(im, bias, &b));
    if (g->tensors[b].dtype != WICK_F32 || !is_bias(g->tensors[b].shape, layer->op, weights.dim[0]))
        return WICK_OK;
    WICK_TRY(wick_onnx_vector(im, bias, &b));
    wick_node *with_bias = &g->nodes[node];
    int *inputs = wick_new(g->arena, int, 3);
    memcpy(inputs, with_bias->inputs, 2 * sizeof *inputs);
    inputs[2] = b;
    with_bias->inputs = inputs;
    with_bias->n_inputs = 3;
    wick_graph_rename(g, layer_output, im->node->output[0]);
    wick_onnx_result(im, 0, layer_output);
    *done = true;
    return WICK_OK;
}

wick_status wick_onnx_convert_add(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    const wick_onnx_value *a = wick_onnx_input(im, 0), *b = wick_onnx_input(im, 1);
    bool a_fixed = a && wick_onnx_is_constant(im, a), b_fixed = b && wick_onnx_is_constant(im, b);
    if (a && b && a_fixed != b_fixed) {
        bool done;
        WICK_TRY(add_as_bias(im, a_fixed ? 1 : 0, &done));
        if (done)
            return WICK_OK;
    }
    return wick_onnx_convert_binary(im);
}
