/* Drafts and how they become layers of the network: multipliers, clamps and the overflow proof. */
#include "shrink/lower.h"

#include <assert.h>
#include <math.h>
#include <string.h>

lower_draft *lower_new_draft(lowering *lw, const wick_node *node, wick_layer_kind kind,
                             const lower_value *operands, int n_operands) {
    if (!lower_within(lw, node, "number of inputs", n_operands, 1, WICK_MAX_OPERANDS))
        return NULL;
    const wick_tensor *result = &lw->graph->tensors[node->output];
    bool spatial = result->shape.rank == 4;
    int64_t out_h = spatial ? result->shape.dim[2] : 1, out_w = spatial ? result->shape.dim[3] : 1;
    const wick_qtensor *first = &lw->net->tensors[operands[0].index];
    if (operands[0].flat && kind != WICK_LAYER_FC) {
        out_h = first->h;
        out_w = first->w;
    }
    int64_t out_c = wick_shape_count(result->shape) / (out_h * out_w);
    if (!lower_within(lw, node, "output height", out_h, 1, UINT16_MAX) ||
        !lower_within(lw, node, "output width", out_w, 1, UINT16_MAX) ||
        !lower_within(lw, node, "number of output channels", out_c, 1, UINT16_MAX))
        return NULL;
    lower_draft *draft = &lw->drafts[lw->n_drafts];
    wick_operand *list = wick_new(lw->net->arena, wick_operand, n_operands);
    for (int i = 0; i < n_operands; i++) {
        const wick_qtensor *t = &lw->net->tensors[operands[i].index];
        if (!lower_within(lw, node, "number of input channels", t->c, 1, UINT16_MAX))
            return NULL;
        list[i] = (wick_operand){.tensor = (uint16_t)operands[i].index,
                                 .channels = (uint16_t)t->c,
                                 .zero_point = t->zero_point,
                                 .wide = t->wide};
    }
    *draft = (lower_draft){.node = node};
    draft->layer = (wick_layer){.kind = (uint8_t)kind,
                                .n_operands = (uint8_t)n_operands,
                                .in_h = (uint16_t)first->h,
                                .in_w = (uint16_t)first->w,
                                .in_c = (uint16_t)first->c,
                                .out_h = (uint16_t)out_h,
                                .out_w = (uint16_t)out_w,
                                .out_c = (uint16_t)out_c,
                                .k_h = 1,
                                .k_w = 1,
                                .stride_h = 1,
                                .stride_w = 1,
                                .operands = list};
    lw->values[node->output] = (lower_value){.kind = VALUE_OPEN,
                                             .flat = operands[0].flat && kind != WICK_LAYER_FC,
                                             .index = lw->n_drafts++,
                                             .low = (double)-INFINITY,
                                             .high = (double)INFINITY};
    return draft;
}

int lower_rescale(lowering *lw, const wick_node *node, const lower_value *operand) {
    lower_draft *draft = lower_new_draft(lw, node, WICK_LAYER_CONCAT, operand, 1);
    if (!draft)
        return -1;
    draft->acc_scale = wick_new(lw->scratch, double, 1);
    draft->acc_scale[0] = (double)lw->net->tensors[operand->index].scale;
    return lw->n_drafts - 1;
}

/* mult and shift for a ratio; false (reported) when the accumulator could overflow. divides: it may
   have more than 32 bits. */
static bool choose(lowering *lw, const lower_draft *draft, double ratio, wick_interval acc,
                   bool divides, const char *what, int64_t which, wick_fixed *out) {
    if ((wick_fixed_from(ratio, out) && wick_fixed_safe(*out, acc)) || lw->structure_only ||
        (divides && wick_fixed_divided(ratio, acc, out)))
        return true;
    return lower_report(
        lw, draft->node, "quantize with a wider output range, or with smaller weights and bias",
        "the accumulator of %s %lld reaches %lld to %lld, which overflows 32 bits with its "
        "multiplier %g",
        what, (long long)which, (long long)acc.low, (long long)acc.high, ratio);
}

/* One multiplier for each output channel of a conv2d, dwconv2d or fc layer. */
static bool requantize_channels(lowering *lw, const lower_draft *draft, double out_scale,
                                wick_layer *layer) {
    int32_t *mult = wick_new(lw->net->arena, int32_t, layer->out_c);
    uint8_t *shift = wick_new(lw->net->arena, uint8_t, layer->out_c);
    bool depthwise = layer->kind == WICK_LAYER_DWCONV2D, wide = layer->operands[0].wide;
    int64_t count = (int64_t)layer->k_h * layer->k_w * layer->in_c;
    if (layer->kind == WICK_LAYER_FC)
        count = (int64_t)layer->in_h * layer->in_w * layer->in_c;
    else if (depthwise)
        count = (int64_t)layer->k_h * layer->k_w;
    for (int64_t o = 0; o < layer->out_c; o++) {
        wick_interval acc = wick_interval_dot(layer->weights + (depthwise ? o : o * count), count,
                                              depthwise ? layer->out_c : 1, layer->bias[o], wide);
        wick_fixed fixed = {1, 0};
        if (!choose(lw, draft, draft->acc_scale[o] / out_scale, acc, wide, "channel", o, &fixed))
            return false;
        mult[o] = fixed.mult;
        shift[o] = fixed.shift;
    }
    layer->mult = mult;
    layer->shift = shift;
    return true;
}

static void one_multiplier(lowering *lw, wick_layer *layer, wick_fixed fixed) {
    int32_t *mult = wick_new(lw->net->arena, int32_t, 1);
    uint8_t *shift = wick_new(lw->net->arena, uint8_t, 1);
    *mult = fixed.mult;
    *shift = fixed.shift;
    layer->mult = mult;
    layer->shift = shift;
}

/* An accumulator between these bounds, in steps of acc_scale[0]. */
static bool requantize_whole(lowering *lw, const lower_draft *draft, double out_scale,
                             wick_interval acc, wick_layer *layer) {
    wick_fixed fixed = {1, 0};
    if (!choose(lw, draft, draft->acc_scale[0] / out_scale, acc, wick_is_wide(layer), "input", 0,
                &fixed))
        return false;
    one_multiplier(lw, layer, fixed);
    return true;
}

static wick_interval product_interval(const wick_operand *operands) {
    wick_interval a = wick_interval_sum(1, operands[0].zero_point, 1, operands[0].wide),
                  b = wick_interval_sum(1, operands[1].zero_point, 1, operands[1].wide);
    int64_t most = (-a.low > a.high ? -a.low : a.high) * (-b.low > b.high ? -b.low : b.high);
    return (wick_interval){-most, most};
}

static bool requantize_average(lowering *lw, const lower_draft *draft, double out_scale,
                               wick_layer *layer) {
    wick_interval acc =
        wick_interval_sum((int64_t)layer->k_h * layer->k_w, layer->operands[0].zero_point, 1,
                          layer->operands[0].wide);
    return requantize_whole(lw, draft, out_scale, acc, layer);
}

static bool requantize_sum(lowering *lw, const lower_draft *draft, double out_scale,
                           wick_layer *layer, wick_operand *operands) {
    double ratio[2] = {draft->acc_scale[0] / out_scale, fabs(draft->acc_scale[1]) / out_scale};
    int32_t mult[2] = {0, 0};
    wick_fixed fixed = {1, 0};
    wick_interval acc = {0, 0};
    bool found = wick_fixed_add(ratio, wick_is_wide(layer), mult, &fixed);
    for (int i = 0; i < 2 && found; i++) {
        operands[i].mult = draft->acc_scale[i] < 0 ? -mult[i] : mult[i];
        acc = wick_interval_add(
            acc, wick_interval_sum(1, operands[i].zero_point, operands[i].mult, operands[i].wide));
    }
    bool safe =
        found && (wick_fixed_safe(fixed, acc) ||
                  (wick_is_wide(layer) && wick_fixed_divided(wick_fixed_real(fixed), acc, &fixed)));
    if (!lw->structure_only && !safe)
        return lower_report(
            lw, draft->node, "quantize with a wider output range",
            "its inputs' scales are %g and %g times the output's, too much for 32 bits", ratio[0],
            ratio[1]);
    one_multiplier(lw, layer, fixed);
    return true;
}

static bool requantize_operands(lowering *lw, const lower_draft *draft, double out_scale,
                                const wick_layer *layer, wick_operand *operands) {
    for (int i = 0; i < layer->n_operands; i++) {
        wick_interval acc = wick_interval_sum(1, operands[i].zero_point, 1, operands[i].wide);
        wick_fixed fixed = {0, 0};
        if (draft->acc_scale[i] > 0 &&
            !choose(lw, draft, draft->acc_scale[i] / out_scale, acc, false, "input", i, &fixed))
            return false;
        operands[i].mult = fixed.mult;
        operands[i].shift = fixed.shift;
    }
    return true;
}

static bool requantize(lowering *lw, const lower_draft *draft, double out_scale,
                       wick_layer *layer) {
    wick_operand *operands = wick_new(lw->net->arena, wick_operand, layer->n_operands);
    memcpy(operands, layer->operands, layer->n_operands * sizeof *operands);
    layer->operands = operands;
    switch ((wick_layer_kind)layer->kind) {
    case WICK_LAYER_CONV2D:
    case WICK_LAYER_DWCONV2D:
    case WICK_LAYER_FC:
        return requantize_channels(lw, draft, out_scale, layer);
    case WICK_LAYER_AVGPOOL:
        return requantize_average(lw, draft, out_scale, layer);
    case WICK_LAYER_ADD:
        return requantize_sum(lw, draft, out_scale, layer, operands);
    case WICK_LAYER_CONCAT:
        return requantize_operands(lw, draft, out_scale, layer, operands);
    case WICK_LAYER_MUL:
        return requantize_whole(lw, draft, out_scale, product_interval(operands), layer);
    case WICK_LAYER_SOFTMAX:
        return requantize_whole(lw, draft, out_scale, (wick_interval){0, 65536}, layer);
    case WICK_LAYER_MAXPOOL:
        return true;
    case WICK_LAYER_MOVE: /* made as a whole */
    case WICK_LAYER_KINDS:
        break;
    }
    assert(!"not a layer kind");
    return false;
}

/* A MaxPool that rescales: its own layer in the input's quantization, then one that rescales. */
static int finish_rescaled_pool(lowering *lw, const lower_value *open, wick_qparams params,
                                const char *name) {
    const lower_draft *draft = &lw->drafts[open->index];
    const wick_node *node = draft->node;
    const wick_qtensor *in = &lw->net->tensors[draft->layer.operands[0].tensor];
    lower_value pool = *open;
    pool.low = (double)-INFINITY;
    pool.high = (double)INFINITY;
    int pooled = lower_finish(lw, &pool, lower_params_of(in),
                              wick_arena_printf(lw->scratch, "%s/pooled", name));
    lower_value operand = {.kind = VALUE_QUANT, .index = pooled, .flat = open->flat},
                rescaled = *open;
    if (pooled < 0)
        return -1;
    rescaled.index = lower_rescale(lw, node, &operand);
    return rescaled.index < 0 ? -1 : lower_finish(lw, &rescaled, params, name);
}

int lower_append(lowering *lw, const wick_layer *layer, const wick_node *node, int64_t macs,
                 wick_qparams params, const char *name) {
    wick_qnet *net = lw->net;
    int tensor = lower_new_tensor(lw, name, layer->out_h, layer->out_w, layer->out_c, params);
    const char *node_name = node->name[0] ? node->name : lw->graph->tensors[node->output].name;
    net->info[net->n_layers] = (wick_qlayer_info){
        .name = wick_arena_strdup(net->arena, node_name), .segment = node->segment, .macs = macs};
    net->layers[net->n_layers] = *layer;
    net->layers[net->n_layers++].dst = (uint16_t)tensor;
    return tensor;
}

static int16_t clamp_of(double value, wick_qparams params) {
    return params.wide ? wick_quantize_wide(value, (double)params.scale)
                       : wick_quantize_value(value, (double)params.scale, params.zero_point);
}

static bool no_wide_kernel(lowering *lw, const wick_node *node) {
    return lower_report(lw, node, "keep what it reads and writes at 8 bits",
                        "the device has no %s of 16-bit tensors", wick_op_name(node->op));
}

bool lower_choose_width(lowering *lw, const wick_node *node, wick_layer *layer) {
    static const uint8_t kernels[WICK_LAYER_KINDS] = {
#define X(NAME, name, KIND) [WICK_LAYER_##KIND] = WICK_KERNEL_##NAME,
        WICK_WIDE_KERNEL_TABLE(X)
#undef X
    };
    if (!wick_is_wide(layer))
        return true;
    layer->kernel = kernels[layer->kind];
    return layer->kernel != WICK_KERNEL_PORTABLE || no_wide_kernel(lw, node);
}

int lower_finish(lowering *lw, const lower_value *open, wick_qparams params, const char *name) {
    if (open->index < 0)
        return -1;
    const lower_draft *draft = &lw->drafts[open->index];
    const wick_qtensor *in = &lw->net->tensors[draft->layer.operands[0].tensor];
    if (draft->layer.kind == WICK_LAYER_MAXPOOL &&
        (in->zero_point != params.zero_point || in->wide != params.wide ||
         in->scale < params.scale || in->scale > params.scale))
        return finish_rescaled_pool(lw, open, params, name);
    wick_layer layer = draft->layer;
    layer.wide = params.wide;
    if (draft->by_table && wick_is_wide(&layer))
        return no_wide_kernel(lw, draft->node), -1;
    if (draft->by_table)
        layer.weights = lower_table(lw, draft->node, in, open, params);
    else if (!requantize(lw, draft, (double)params.scale, &layer))
        return -1;
    layer.out_zp = params.zero_point;
    layer.clamp_min = clamp_of(open->low, params);
    layer.clamp_max = clamp_of(open->high, params);
    if (!lower_choose_width(lw, draft->node, &layer))
        return -1;
    return lower_append(lw, &layer, draft->node, draft->macs, params, name);
}
