/* The walk over a QDQ graph: values, quantization nodes, heads; see lower.h. */
#include "shrink/lower.h"
#include "shrink/qdq.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool lower_report(lowering *lw, const wick_node *node, const char *hint, const char *format, ...) {
    char reason[512], place[256];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    const char *name = node->name[0] ? node->name : lw->graph->tensors[node->output].name;
    snprintf(place, sizeof place, "node '%s' (%s)", name, wick_op_name(node->op));
    (void)wick_fail(lw->diag, WICK_UNSUPPORTED, NULL, place, hint, "%s", reason);
    lw->errors++;
    return false;
}

bool lower_within(lowering *lw, const wick_node *node, const char *what, int64_t value, int64_t low,
                  int64_t high) {
    if (value >= low && value <= high)
        return true;
    lower_report(lw, node, NULL, "its %s is %lld; the device takes %lld to %lld", what,
                 (long long)value, (long long)low, (long long)high);
    return false;
}

/* A MaxPool without a QuantizeLinear of its own: its values are exact in the input's quantization.
 */
static void settle_pool(lowering *lw, lower_value *v, const char *name) {
    const lower_draft *draft = v->kind == VALUE_OPEN ? &lw->drafts[v->index] : NULL;
    if (!draft || draft->layer.kind != WICK_LAYER_MAXPOOL || isfinite(v->high) ||
        (isfinite(v->low) && (v->low < 0 || v->low > 0)))
        return;
    const wick_qtensor *in = &lw->net->tensors[draft->layer.operands[0].tensor];
    v->index =
        lower_finish(lw, v, lower_params_of(in), wick_arena_printf(lw->scratch, "%s/pooled", name));
    v->kind = v->index < 0 ? VALUE_BAD : VALUE_QUANT;
}

bool lower_viewed_operand(lowering *lw, const wick_node *node, int input, lower_value *out) {
    lower_value *value = &lw->values[node->inputs[input]];
    settle_pool(lw, value, lw->graph->tensors[node->inputs[input]].name);
    *out = *value;
    if (out->kind == VALUE_QUANT)
        return true;
    if (out->kind != VALUE_BAD)
        return lower_report(lw, node, "quantize the model: `wick shrink --int8`",
                            "its input '%s' is not quantized",
                            lw->graph->tensors[node->inputs[input]].name);
    return false;
}

bool lower_operand(lowering *lw, const wick_node *node, int input, lower_value *out) {
    return lower_viewed_operand(lw, node, input, out) && lower_settle(lw, node, out);
}

static int integer_at(const wick_tensor *tensor, int64_t i) {
    switch (tensor->dtype) {
    case WICK_S8:
        return ((const int8_t *)tensor->data)[i];
    case WICK_U8:
        return ((const uint8_t *)tensor->data)[i];
    case WICK_S16:
        return ((const int16_t *)tensor->data)[i];
    default:
        return ((const int32_t *)tensor->data)[i];
    }
}

bool lower_params(lowering *lw, const wick_node *node, wick_qparams *out) {
    const wick_tensor *scale = &lw->graph->tensors[node->inputs[1]];
    int z = node->n_inputs > 2 ? node->inputs[2] : -1;
    const wick_tensor *zero = z >= 0 ? &lw->graph->tensors[z] : NULL;
    if (!scale->data || (zero && !zero->data))
        return lower_report(lw, node, NULL, "its scale or zero point is computed, not constant");
    if (wick_shape_count(scale->shape) != 1)
        return lower_report(lw, node, "quantize activations per tensor",
                            "an activation has one scale for each channel");
    float value = *(const float *)scale->data;
    wick_dtype dtype = zero                           ? zero->dtype
                       : node->op == WICK_OP_QUANTIZE ? WICK_U8
                                                      : lw->graph->tensors[node->inputs[0]].dtype;
    if (dtype == WICK_S32 || !(value > 0) || !isfinite(value))
        return lower_report(lw, node, NULL,
                            dtype == WICK_S32 ? "an activation is int32, not int8 or int16"
                                              : "its scale is not positive");
    int zero_point = zero ? integer_at(zero, 0) : 0;
    if (dtype == WICK_S16 && zero_point != 0)
        return lower_report(lw, node, "quantize activations of 16 bits symmetrically",
                            "its zero point is %d; the device's int16 has 0", zero_point);
    *out = (wick_qparams){.scale = value,
                          .zero_point = (int8_t)(dtype == WICK_U8 ? zero_point - 128 : zero_point),
                          .wide = dtype == WICK_S16};
    return true;
}

int lower_new_tensor(lowering *lw, const char *name, int h, int w, int c, wick_qparams params) {
    wick_qnet *net = lw->net;
    net->tensors[net->n_tensors] = (wick_qtensor){.name = wick_arena_strdup(net->arena, name),
                                                  .h = h,
                                                  .w = w,
                                                  .c = c,
                                                  .scale = params.scale,
                                                  .zero_point = params.zero_point,
                                                  .wide = params.wide};
    return net->n_tensors++;
}

wick_qparams lower_params_of(const wick_qtensor *tensor) {
    return (wick_qparams){
        .scale = tensor->scale, .zero_point = tensor->zero_point, .wide = tensor->wide};
}

static bool same_params(const wick_qtensor *tensor, wick_qparams params) {
    return tensor->zero_point == params.zero_point && tensor->wide == params.wide &&
           fabs((double)tensor->scale - (double)params.scale) <= 1e-7 * (double)params.scale;
}

/* The first QuantizeLinear of the graph input makes the device's input; all others must agree. */
static int quantize_input(lowering *lw, const wick_node *node, wick_qparams params) {
    wick_shape shape = wick_image_shape(lw->graph->tensors[lw->graph->input].shape);
    if (params.wide) {
        lower_report(lw, node, "quantize it to int8: pixels have no more",
                     "the device takes an input of 8 bits, not int16");
        return -1;
    }
    if (!lw->has_input) {
        lw->has_input = true;
        return lower_new_tensor(lw, lw->graph->tensors[node->output].name, (int)shape.dim[2],
                                (int)shape.dim[3], (int)shape.dim[1], params);
    }
    if (same_params(&lw->net->tensors[0], params))
        return 0;
    lower_report(lw, node, "use one scale for the input",
                 "modules quantize the input in different ways");
    return -1;
}

/* Weights that travel as float -> Q -> DQ: the integers are computed here. */
static lower_value quantize_constant(lowering *lw, const wick_node *node, lower_value v) {
    const wick_graph *graph = lw->graph;
    const wick_tensor *scale = &graph->tensors[node->inputs[1]];
    int z = node->n_inputs > 2 ? node->inputs[2] : -1;
    const wick_tensor *zero = z >= 0 ? &graph->tensors[z] : NULL;
    if (v.data->dtype != WICK_F32 || !scale->data || !zero || !zero->data ||
        zero->dtype != WICK_S8) {
        lower_report(lw, node, "store the weights as int8", "a constant is not quantized to int8");
        return (lower_value){.kind = VALUE_BAD};
    }
    int64_t count = wick_shape_count(v.data->shape), scales = wick_shape_count(scale->shape);
    int64_t inner = 1;
    for (int d = node->attrs.axis + 1; scales > 1 && d < v.data->shape.rank; d++)
        inner *= v.data->shape.dim[d];
    wick_tensor *folded = wick_new(lw->scratch, wick_tensor, 1);
    *folded = *v.data;
    folded->dtype = WICK_S8;
    int8_t *q = folded->data = wick_new(lw->scratch, int8_t, count);
    for (int64_t i = 0; i < count; i++) {
        int64_t s = scales > 1 ? i / inner % scales : 0;
        q[i] = wick_quantize_value((double)((const float *)v.data->data)[i],
                                   (double)((const float *)scale->data)[s], integer_at(zero, s));
    }
    v.data = folded;
    return v;
}

static lower_value lower_quantize(lowering *lw, const wick_node *node) {
    const char *name = lw->graph->tensors[node->output].name;
    lower_value v = lw->values[node->inputs[0]], bad = {.kind = VALUE_BAD};
    if (v.kind == VALUE_CONSTANT)
        return quantize_constant(lw, node, v);
    wick_qparams params;
    if (v.kind == VALUE_BAD || !lower_params(lw, node, &params))
        return bad;
    if (v.kind == VALUE_INPUT)
        v.index = quantize_input(lw, node, params);
    else if (v.kind == VALUE_OPEN)
        v.index = lower_finish(lw, &v, params, name);
    else if (!same_params(&lw->net->tensors[v.index], params)) {
        if (!lower_settle(lw, node, &v))
            return bad;
        bool flat = v.flat;
        v = (lower_value){.kind = VALUE_OPEN,
                          .low = (double)-INFINITY,
                          .high = (double)INFINITY,
                          .index = lower_rescale(lw, node, &v),
                          .flat = flat};
        v.index = lower_finish(lw, &v, params, name);
    }
    v.kind = v.index < 0 ? VALUE_BAD : VALUE_QUANT;
    return v;
}

static lower_value lower_dequantize(lowering *lw, const wick_node *node) {
    lower_value v = lw->values[node->inputs[0]], bad = {.kind = VALUE_BAD};
    if (v.kind == VALUE_CONSTANT) {
        int z = node->n_inputs > 2 ? node->inputs[2] : -1;
        v.scale = &lw->graph->tensors[node->inputs[1]];
        v.zero = z >= 0 ? &lw->graph->tensors[z] : NULL;
        int64_t scales = wick_shape_count(v.scale->shape);
        if (!v.scale->data || (v.zero && !v.zero->data) || (scales > 1 && node->attrs.axis != 0)) {
            lower_report(lw, node, "quantize weights per tensor or per output channel",
                         "its scales do not belong to output channels");
            return bad;
        }
        return v;
    }
    wick_qparams params;
    if (v.kind == VALUE_BAD || !lower_params(lw, node, &params))
        return bad;
    if (v.kind != VALUE_QUANT || !same_params(&lw->net->tensors[v.index], params)) {
        lower_report(lw, node, "give both nodes the same scale and zero point",
                     "it does not match the QuantizeLinear before it");
        return bad;
    }
    return v;
}

static lower_value lower_flatten(lowering *lw, const wick_node *node) {
    lower_value v = lw->values[node->inputs[0]];
    if (v.kind == VALUE_QUANT && v.view)
        return lower_move(lw, node) ? lw->values[node->output] : (lower_value){.kind = VALUE_BAD};
    if (v.kind != VALUE_BAD && lw->graph->tensors[node->output].shape.dim[0] != 1) {
        lower_report(lw, node, "flatten from axis 1", "it leaves %lld rows",
                     (long long)lw->graph->tensors[node->output].shape.dim[0]);
        v.kind = VALUE_BAD;
    }
    v.flat = true;
    return v;
}

/* What only makes a head's probabilities or its answer is left out: the device itself finds the
   largest. */
static bool lower_last(lowering *lw, const wick_node *node) {
    if (!wick_qdq_is_last(lw->graph, node))
        return node->op == WICK_OP_SOFTMAX
                   ? lower_softmax(lw, node)
                   : lower_report(lw, node, "end the model with it or before it",
                                  "the device has no %s within a model", wick_op_name(node->op));
    lw->values[node->output] = lw->values[node->inputs[0]];
    return true;
}

/* A vector remains one, whatever its value is still waiting for. */
static bool lower_reshape(lowering *lw, const wick_node *node) {
    lower_value v = lw->values[node->inputs[0]];
    wick_shape from = lw->graph->tensors[node->inputs[0]].shape;
    wick_shape to = lw->graph->tensors[node->output].shape;
    int64_t count = wick_shape_count(from);
    bool vector = from.rank >= 2 && to.rank >= 2 && from.dim[1] == count && to.dim[1] == count;
    if (v.kind != VALUE_BAD && !vector)
        return lower_move(lw, node);
    lw->values[node->output] = v;
    return true;
}

/* What to do about an operator that has no integer kernel. */
static const char *way_out(wick_op op) {
    switch (op) {
    case WICK_OP_DIV:
        return "divide by a constant, one or one for each channel";
    case WICK_OP_CONV_TRANSPOSE:
        return "use Resize (nearest) and a convolution";
    case WICK_OP_MATMUL:
        return "only a vector times constant weights runs there: use Gemm";
    default:
        return "use Relu, Clip or an operator that docs/operators.md gives for the device";
    }
}

/* A choice that depends on the data is more than a missing kernel. */
static bool lower_gather(lowering *lw, const wick_node *node) {
    const wick_tensor *indices = &lw->graph->tensors[node->inputs[1]];
    if (indices->data)
        return lower_move(lw, node);
    return lower_report(
        lw, node, "train without the gate, or export the model with its gates all open",
        "it picks by '%s', which the network computes: what runs next depends on the "
        "data, and that cannot be planned",
        indices->name);
}

/* Sets the value of the node's output; false when reported. */
static bool lower_operator(lowering *lw, const wick_node *node) {
    switch (node->op) {
    case WICK_OP_CONV:
        return lower_conv(lw, node);
    case WICK_OP_GEMM:
        return lower_gemm(lw, node);
    case WICK_OP_MAX_POOL:
    case WICK_OP_AVG_POOL:
    case WICK_OP_GLOBAL_AVG_POOL:
    case WICK_OP_GLOBAL_MAX_POOL:
        return lower_pool(lw, node);
    case WICK_OP_ADD:
    case WICK_OP_SUB:
        return lower_sum(lw, node);
    case WICK_OP_MUL:
        return lower_product(lw, node);
    case WICK_OP_REDUCE_MEAN:
    case WICK_OP_REDUCE_SUM:
        return lower_reduce(lw, node);
    case WICK_OP_SLICE:
    case WICK_OP_TRANSPOSE:
    case WICK_OP_RESIZE:
    case WICK_OP_BORDER:
        return lower_move(lw, node);
    case WICK_OP_CONCAT:
        return lower_concat(lw, node);
    case WICK_OP_PAD:
        return lower_pad(lw, node);
    case WICK_OP_RELU:
    case WICK_OP_CLIP:
        return lower_activation(lw, node);
    case WICK_OP_SOFTMAX:
    case WICK_OP_LOG_SOFTMAX:
    case WICK_OP_ARG_MAX:
        return lower_last(lw, node);
    case WICK_OP_BATCH_NORM:
        return lower_report(lw, node, "fold it into the convolution before it (`wick shrink` does)",
                            "the device has no BatchNormalization");
    case WICK_OP_RESHAPE:
        return lower_reshape(lw, node);
    case WICK_OP_GATHER:
        return lower_gather(lw, node);
    default:
        if (node->op > WICK_OP_CLIP && node->op <= WICK_OP_ROUND)
            return lower_function(lw, node);
        return lower_report(lw, node, way_out(node->op), "the device has no %s",
                            wick_op_name(node->op));
    }
}

static void lower_node(lowering *lw, const wick_node *node) {
    lower_value *out = &lw->values[node->output];
    switch (node->op) {
    case WICK_OP_QUANTIZE:
        *out = lower_quantize(lw, node);
        break;
    case WICK_OP_DEQUANTIZE:
        *out = lower_dequantize(lw, node);
        break;
    case WICK_OP_FLATTEN:
        *out = lower_flatten(lw, node);
        break;
    case WICK_OP_IDENTITY:
    case WICK_OP_DROPOUT:
        *out = lw->values[node->inputs[0]];
        break;
    default:
        if (!lower_operator(lw, node))
            *out = (lower_value){.kind = VALUE_BAD};
    }
}

static wick_status start(lowering *lw) {
    const wick_graph *graph = lw->graph;
    const wick_tensor *input = &graph->tensors[graph->input];
    wick_shape shape = wick_image_shape(input->shape);
    if (shape.rank != 4 || shape.dim[0] != 1 || shape.dim[1] > WICK_MAX_CHANNELS_META ||
        shape.dim[2] > UINT16_MAX || shape.dim[3] > UINT16_MAX)
        return wick_fail(
            lw->diag, WICK_UNSUPPORTED, NULL, input->name, NULL,
            "the model's input is %s; the device takes one image [1,C,H,W] with at most "
            "%d channels and sides of at most 65535",
            wick_shape_text(lw->scratch, shape), WICK_MAX_CHANNELS_META);
    if (graph->family.n_channels && graph->family.n_channels != shape.dim[1])
        return wick_fail(lw->diag, WICK_SHAPE, NULL, input->name, NULL,
                         "the normalisation has %d channels, the input %lld",
                         graph->family.n_channels, (long long)shape.dim[1]);
    size_t most = 2 * (size_t)graph->n_nodes + 2;
    wick_qnet *net = lw->net;
    net->layers = wick_new(net->arena, wick_layer, most);
    net->info = wick_new(net->arena, wick_qlayer_info, most);
    net->tensors = wick_new(net->arena, wick_qtensor, most);
    lw->drafts = wick_new(lw->scratch, lower_draft, most);
    lw->values = wick_new(lw->scratch, lower_value, graph->n_tensors);
    for (int t = 0; t < graph->n_tensors; t++)
        if (graph->tensors[t].data)
            lw->values[t] = (lower_value){.kind = VALUE_CONSTANT, .data = &graph->tensors[t]};
    lw->values[graph->input] = (lower_value){.kind = VALUE_INPUT, .flat = input->shape.rank != 4};
    return WICK_OK;
}

/* Device tensor of a head or the features. */
static wick_status final_tensor(lowering *lw, int tensor, const char *what, int *out) {
    lower_value *v = &lw->values[tensor];
    if (v->kind == VALUE_QUANT) {
        if (!lower_settle(lw, NULL, v))
            return WICK_UNSUPPORTED;
        *out = v->index;
        return WICK_OK;
    }
    return wick_fail(lw->diag, WICK_UNSUPPORTED, NULL, lw->graph->tensors[tensor].name,
                     "quantize outputs too", "the %s are not quantized", what);
}

static wick_status finish_heads(lowering *lw) {
    const wick_graph *graph = lw->graph;
    const wick_family *family = &graph->family;
    wick_qnet *net = lw->net;
    net->n_modules = family->n_heads;
    net->chain = family->chain;
    if (family->features >= 0)
        WICK_TRY(final_tensor(lw, family->features, "features", &net->features));
    for (int k = 0; k < family->n_heads; k++) {
        WICK_TRY(final_tensor(lw, family->heads[k], "logits", &net->logits[k]));
        const wick_qtensor *logits = &net->tensors[net->logits[k]];
        const char *name = family->head_names[k] ? family->head_names[k] : "";
        if (logits->h != 1 || logits->w != 1 || logits->c > UINT16_MAX ||
            (k > 0 && logits->c != net->n_classes))
            return wick_fail(lw->diag, WICK_SHAPE, NULL, graph->tensors[family->heads[k]].name,
                             "every module must end with one number for each class",
                             "the logits are [%d,%d,%d]", logits->h, logits->w, logits->c);
        net->n_classes = logits->c;
        net->module_names[k] = name[0] ? wick_arena_strdup(net->arena, name)
                                       : wick_arena_printf(net->arena, "TM%d", k + 1);
        net->accuracy[k] = family->accuracy[k];
    }
    if (family->n_labels == net->n_classes) {
        net->labels = wick_new(net->arena, const char *, net->n_classes);
        for (int i = 0; i < net->n_classes; i++)
            net->labels[i] = wick_arena_strdup(net->arena, family->labels[i]);
    }
    return WICK_OK;
}

/* Layers by segment, stably: modules depend on the extractor and themselves only. Tensors are
   numbered after the layers that write them, the input first. */
static void order_layers(lowering *lw) {
    wick_qnet *net = lw->net;
    int n = net->n_layers, next = 0;
    wick_layer *layers = wick_new(net->arena, wick_layer, n);
    wick_qlayer_info *info = wick_new(net->arena, wick_qlayer_info, n);
    wick_qtensor *tensors = wick_new(net->arena, wick_qtensor, n + 1);
    uint16_t *renumbered = wick_new(lw->scratch, uint16_t, n + 1);
    tensors[0] = net->tensors[0];
    for (int segment = 0; segment <= WICK_MAX_HEADS; segment++)
        for (int l = 0; l < n; l++)
            if (net->info[l].segment == segment) {
                renumbered[net->layers[l].dst] = (uint16_t)(next + 1);
                tensors[next + 1] = net->tensors[net->layers[l].dst];
                layers[next] = net->layers[l];
                info[next++] = net->info[l];
            }
    assert(next == n && net->n_tensors == n + 1);
    for (int l = 0; l < n; l++) {
        layers[l].dst = renumbered[layers[l].dst];
        /* The operands were allocated for this layer alone. */
        wick_operand *operands = (wick_operand *)(uintptr_t)layers[l].operands;
        for (int i = 0; i < layers[l].n_operands; i++)
            operands[i].tensor = renumbered[operands[i].tensor];
    }
    net->features = renumbered[net->features];
    for (int k = 0; k < net->n_modules; k++)
        net->logits[k] = renumbered[net->logits[k]];
    net->layers = layers;
    net->info = info;
    net->tensors = tensors;
}

/* What the host does to a pixel before the device sees it. */
static void fill_pixel_table(lowering *lw) {
    wick_qnet *net = lw->net;
    const wick_family *family = &lw->graph->family;
    const wick_qtensor *input = &net->tensors[0];
    net->input_channels = (uint8_t)input->c;
    net->ranged = family->ranged;
    memcpy(net->low, family->low, sizeof net->low);
    memcpy(net->high, family->high, sizeof net->high);
    for (int c = 0; c < input->c; c++)
        for (int pixel = 0; pixel < 256; pixel++) {
            double x = pixel / 255.0;
            if (family->n_channels)
                x = (x - (double)family->mean[c]) / (double)family->std[c];
            net->pixel_to_input[c][pixel] =
                wick_quantize_value(x, (double)input->scale, input->zero_point);
        }
}

static wick_status walk(lowering *lw) {
    const wick_graph *graph = lw->graph;
    bool quantized = false;
    for (int n = 0; n < graph->n_nodes; n++)
        quantized |= graph->nodes[n].op == WICK_OP_QUANTIZE;
    if (!quantized)
        return wick_fail(lw->diag, WICK_UNSUPPORTED, NULL, NULL,
                         "quantize it first: `wick shrink --int8`", "the model is not quantized");
    WICK_TRY(start(lw));
    for (int n = 0; n < graph->n_nodes; n++)
        lower_node(lw, &graph->nodes[n]);
    if (lw->errors)
        return WICK_UNSUPPORTED;
    WICK_TRY(finish_heads(lw));
    if (lw->net->n_layers >= UINT16_MAX)
        return wick_fail(lw->diag, WICK_UNSUPPORTED, NULL, NULL, NULL,
                         "%d layers are more than the device's 65534", lw->net->n_layers);
    order_layers(lw);
    fill_pixel_table(lw);
    lw->net->hash = wick_qnet_hash(lw->net);
    if (!lw->structure_only)
        wick_qnet_prepare(lw->net);
    return WICK_OK;
}

static wick_status lower_graph(const wick_graph *qdq, bool structure_only, wick_qnet **out,
                               wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    lowering lw = {.graph = qdq,
                   .net = wick_new(arena, wick_qnet, 1),
                   .scratch = wick_arena_new(),
                   .diag = diag,
                   .structure_only = structure_only};
    lw.net->arena = arena;
    wick_status status = walk(&lw);
    wick_arena_free(lw.scratch);
    *out = status == WICK_OK ? lw.net : NULL;
    if (status != WICK_OK)
        wick_arena_free(arena);
    return status;
}

wick_status wick_qnet_lower(const wick_graph *qdq, wick_qnet **out, wick_diag *diag) {
    return lower_graph(qdq, false, out, diag);
}

wick_status lower_structure(const wick_graph *qdq, wick_qnet **out, wick_diag *diag) {
    return lower_graph(qdq, true, out, diag);
}

void wick_qnet_free(wick_qnet *net) {
    if (net)
        wick_arena_free(net->arena);
}
