/* Functions of one number (Sigmoid, LeakyRelu ...) as tables: 256 inputs, 256 outputs, worked out
   by the reference evaluation itself. */
#include "shrink/lower.h"

#include <math.h>

bool lower_function(lowering *lw, const wick_node *node) {
    lower_value x;
    if (!lower_operand(lw, node, 0, &x))
        return false;
    int draft = lower_rescale(lw, node, &x);
    if (draft < 0)
        return false;
    lw->drafts[draft].by_table = true;
    return true;
}

/* f of every value that the quantized input can have, by the operator's own rule. */
static void function_values(const wick_node *node, const wick_qtensor *in, float *out) {
    wick_graph *g = wick_graph_new("table");
    float x[256];
    for (int q = -128; q <= 127; q++)
        x[q + 128] = (float)(q - in->zero_point) * in->scale;
    int t = wick_graph_tensor(g, "x", WICK_F32, (wick_shape){1, {256}}, x);
    wick_graph_node(g, "f", node->op, &t, 1, "y", &node->attrs);
    wick_status status = wick_node_infer(g, 0, NULL);
    if (status == WICK_OK)
        wick_node_eval(g, 0, out);
    wick_graph_free(g);
}

const int8_t *lower_table(lowering *lw, const wick_node *node, const wick_qtensor *in,
                          const lower_value *open, wick_qparams out) {
    int8_t *table = wick_new(lw->net->arena, int8_t, 256);
    float y[256] = {0};
    function_values(node, in, y);
    for (int i = 0; i < 256; i++) {
        double value = isnan(y[i]) ? 0 : (double)y[i];
        value = fmax(open->low, fmin(open->high, value));
        table[i] = wick_quantize_value(value, (double)out.scale, out.zero_point);
    }
    return table;
}
