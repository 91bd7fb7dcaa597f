/* Operators that exporters use for what the graph calls by another name, and those that vanish. */
#include "onnx_import.h"

#include <string.h>

wick_status wick_onnx_convert_identity(wick_onnx_import *im) {
    return im->blind ? WICK_OK : wick_onnx_alias(im, 0);
}

/* In inference Dropout passes its input on. */
wick_status wick_onnx_convert_dropout(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    const wick_onnx_value *training = wick_onnx_input(im, 2);
    if (training) {
        const Onnx__TensorProto *c = training->constant;
        bool off = c && ((c->has_raw_data && c->raw_data.len == 1 && c->raw_data.data[0] == 0) ||
                         (c->n_int32_data == 1 && c->int32_data[0] == 0));
        if (!off)
            return wick_onnx_unsupported(im, "export the model for inference (model.eval())",
                                         "it may be in training mode");
    }
    return wick_onnx_alias(im, 0);
}

wick_status wick_onnx_convert_transpose(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    const wick_onnx_value *x = wick_onnx_input(im, 0);
    if (im->nhwc_input && x && !x->constant && x->tensor == im->graph->input)
        return wick_onnx_alias(im, 0);
    return wick_onnx_unsupported(im, "export the model in the layout [N,C,H,W]",
                                 "only that of the input from [N,H,W,C] to [N,C,H,W] is supported");
}

/* --- MatMul, and Add as a bias --- */

wick_status wick_onnx_convert_matmul(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    int in[2];
    wick_shape shape;
    WICK_TRY(wick_onnx_activation(im, 0, &in[0]));
    wick_onnx_value *weights = wick_onnx_input(im, 1);
    if (!weights || !weights->constant)
        return wick_onnx_unsupported(im, "export fully connected layers as Gemm",
                                     "its second input is not a constant");
    WICK_TRY(wick_onnx_shape(im, in[0], &shape));
    if (shape.rank != 2)
        return wick_onnx_unsupported(im, "put a Flatten before it", "its input is %s",
                                     wick_shape_text(im->scratch, shape));
    WICK_TRY(wick_onnx_transposed(im, weights, &in[1]));
    return wick_onnx_emit(im, WICK_OP_GEMM, in, 2, NULL);
}

/* Is the constant one number for each of the layer's outputs ([M] or [1,M]; [C,1,1] or [1,C,1,1])?
 */
static bool is_bias(const Onnx__TensorProto *c, wick_op op, int64_t outputs) {
    if (c->n_dims == 0 || c->n_dims > 4)
        return false;
    size_t behind = op == WICK_OP_CONV ? 2 : 0; /* dimensions after the channels */
    if (c->n_dims <= behind || c->n_dims > behind + 2)
        return false;
    for (size_t i = 0; i < c->n_dims; i++)
        if (c->dims[i] != (i == c->n_dims - 1 - behind ? outputs : 1))
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
    const wick_tensor *y = &im->graph->tensors[x->tensor];
    if (y->producer < 0)
        return WICK_OK;
    const wick_node *layer = &im->graph->nodes[y->producer];
    bool linear = layer->op == WICK_OP_CONV || layer->op == WICK_OP_GEMM;
    if (!linear || layer->n_inputs != 2)
        return WICK_OK;
    wick_shape weights;
    int node = y->producer, layer_output = x->tensor, b;
    WICK_TRY(wick_onnx_shape(im, layer->inputs[1], &weights));
    if (weights.rank < 2 || !is_bias(bias->constant, layer->op, weights.dim[0]))
        return WICK_OK;
    WICK_TRY(wick_onnx_vector(im, bias, &b));
    wick_node *with_bias = &im->graph->nodes[node];
    int *inputs = wick_new(im->graph->arena, int, 3);
    memcpy(inputs, with_bias->inputs, 2 * sizeof *inputs);
    inputs[2] = b;
    with_bias->inputs = inputs;
    with_bias->n_inputs = 3;
    const char *name = im->node->output[0];
    im->graph->tensors[layer_output].name = wick_arena_strdup(im->graph->arena, name);
    im->values[wick_onnx_names_find(im->names, name)].tensor = layer_output;
    *done = true;
    return WICK_OK;
}

wick_status wick_onnx_convert_add(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    const wick_onnx_value *a = wick_onnx_input(im, 0), *b = wick_onnx_input(im, 1);
    if (a && b && !a->constant != !b->constant) {
        bool done;
        WICK_TRY(add_as_bias(im, a->constant ? 1 : 0, &done));
        if (done)
            return WICK_OK;
        return wick_onnx_unsupported(im, "fold constants before exporting",
                                     "it adds a constant that is not the bias of a Conv or MatMul");
    }
    int in[2];
    WICK_TRY(wick_onnx_activation(im, 0, &in[0]));
    WICK_TRY(wick_onnx_activation(im, 1, &in[1]));
    return wick_onnx_emit(im, WICK_OP_ADD, in, 2, NULL);
}

/* --- what flattens --- */

static wick_status emit_flatten(wick_onnx_import *im, int x) {
    wick_attrs a = wick_attrs_default();
    return wick_onnx_emit(im, WICK_OP_FLATTEN, &x, 1, &a);
}

/* Reshape to [N, everything else]. The first number must stand for N: 0 copies it, the file's own
   batch size is it, and -1 is it when the second number is all the rest. */
wick_status wick_onnx_convert_reshape(wick_onnx_import *im) {
    int64_t allow_zero = 0, count, *want;
    WICK_TRY(wick_onnx_attr_int(im, "allowzero", &allow_zero));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape shape;
    WICK_TRY(wick_onnx_activation(im, 0, &in));
    WICK_TRY(wick_onnx_const_ints(im, 1, &want, &count));
    WICK_TRY(wick_onnx_shape(im, in, &shape));
    int64_t rest = wick_shape_count(shape) / (shape.rank > 0 ? shape.dim[0] : 1);
    bool flat = count == 2 && shape.rank >= 2;
    if (flat) {
        bool copies = !allow_zero && want[0] == 0;
        bool whole = want[1] == rest || (!allow_zero && want[1] == 0 && shape.dim[1] == rest);
        bool batch = want[0] > 0 && want[0] == im->file_batch;
        flat = ((copies || batch) && (want[1] == -1 || whole)) || (want[0] == -1 && whole);
    }
    if (!flat)
        return wick_onnx_unsupported(im, "use torch.flatten(x, 1) or a shape [N, -1]",
                                     "only flattening %s to [N,%lld] is supported",
                                     wick_shape_text(im->scratch, shape), (long long)rest);
    return emit_flatten(im, in);
}

/* The axes from the attribute (early opsets) or input 1. *count 0 when there are none. */
static wick_status read_axes(wick_onnx_import *im, const int64_t **axes, int64_t *count) {
    WICK_TRY(wick_onnx_attr_ints(im, "axes", axes, count));
    if (im->blind || !wick_onnx_input(im, 1))
        return WICK_OK;
    int64_t *values;
    WICK_TRY(wick_onnx_const_ints(im, 1, &values, count));
    *axes = values;
    return WICK_OK;
}

static bool are_height_and_width(const int64_t *axes, int64_t count) {
    bool seen[2] = {false, false};
    if (count != 2)
        return false;
    for (int i = 0; i < 2; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + 4 : axes[i];
        if (axis != 2 && axis != 3)
            return false;
        seen[axis - 2] = true;
    }
    return seen[0] && seen[1];
}

/* Squeeze [N,C,1,1] to [N,C]. */
wick_status wick_onnx_convert_squeeze(wick_onnx_import *im) {
    const int64_t *axes;
    int64_t count;
    WICK_TRY(read_axes(im, &axes, &count));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape shape;
    WICK_TRY(wick_onnx_activation(im, 0, &in));
    WICK_TRY(wick_onnx_shape(im, in, &shape));
    if (shape.rank != 4 || shape.dim[2] != 1 || shape.dim[3] != 1 ||
        !are_height_and_width(axes, count))
        return wick_onnx_unsupported(im, "use Flatten", "only [N,C,1,1] to [N,C] is supported");
    return emit_flatten(im, in);
}

/* Mean over height and width. */
wick_status wick_onnx_convert_reduce_mean(wick_onnx_import *im) {
    const int64_t *axes;
    int64_t count, keep = 1;
    WICK_TRY(wick_onnx_attr_int(im, "keepdims", &keep));
    WICK_TRY(read_axes(im, &axes, &count));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape shape;
    WICK_TRY(wick_onnx_activation(im, 0, &in));
    WICK_TRY(wick_onnx_shape(im, in, &shape));
    if (shape.rank != 4 || !are_height_and_width(axes, count))
        return wick_onnx_unsupported(im, "use GlobalAveragePool",
                                     "only the mean over height and width is supported");
    if (keep)
        return wick_onnx_emit(im, WICK_OP_GLOBAL_AVG_POOL, &in, 1, NULL);
    const char *name = im->node->name && im->node->name[0] ? im->node->name : im->node->output[0];
    int pooled = wick_graph_node(im->graph, wick_arena_printf(im->scratch, "%s.mean", name),
                                 WICK_OP_GLOBAL_AVG_POOL, &in, 1,
                                 wick_onnx_fresh(im, im->node->output[0], ".mean"), NULL);
    return emit_flatten(im, pooled);
}

/* --- what pads --- */

/* The padding of each dimension, begins then ends, from the attribute (opsets before 11) or
   input 1. A list of axes (from opset 18 on) is not read: every dimension must be named. */
static wick_status read_pads(wick_onnx_import *im, const int64_t **pads, int64_t *count) {
    WICK_TRY(wick_onnx_attr_ints(im, "pads", pads, count));
    if (im->blind || !wick_onnx_input(im, 1))
        return WICK_OK;
    int64_t *values;
    WICK_TRY(wick_onnx_const_ints(im, 1, &values, count));
    *pads = values;
    return WICK_OK;
}

/* Channels of zeros behind those that are there, as in residual networks whose shortcuts have no
   parameters. */
wick_status wick_onnx_convert_pad(wick_onnx_import *im) {
    enum { CHANNELS_BEHIND = 5 };
    const char *mode;
    float value = 0;
    const int64_t *pads;
    int64_t count;
    WICK_TRY(wick_onnx_attr_text(im, "mode", &mode));
    WICK_TRY(wick_onnx_attr_float(im, "value", &value));
    WICK_TRY(read_pads(im, &pads, &count));
    if (mode && strcmp(mode, "constant") != 0)
        return wick_onnx_unsupported(im, "pad with zeros", "mode '%s'", mode);
    if (im->blind)
        return WICK_OK;
    int in;
    wick_attrs a = wick_attrs_default();
    WICK_TRY(wick_onnx_activation(im, 0, &in));
    WICK_TRY(wick_onnx_const_scalar(im, 2, &value));
    if (value < 0 || value > 0)
        return wick_onnx_unsupported(im, "pad with zeros", "it pads with %g", (double)value);
    if (wick_onnx_input(im, 3) || count != 8)
        return wick_onnx_unsupported(im, "pad [N,C,H,W] without a list of axes",
                                     "it has %lld paddings%s", (long long)count,
                                     wick_onnx_input(im, 3) ? " of named axes" : ", not 8");
    for (int i = 0; i < 8; i++)
        if (pads[i] != 0 && (i != CHANNELS_BEHIND || pads[i] < 0 || pads[i] > INT32_MAX))
            return wick_onnx_unsupported(
                im, "let the convolution or the pool that follows do the padding",
                "only channels behind those of the input can be added, not %lld at place %d",
                (long long)pads[i], i);
    a.pad_channels = (int)pads[CHANNELS_BEHIND];
    return wick_onnx_emit(im, WICK_OP_PAD, &in, 1, &a);
}
