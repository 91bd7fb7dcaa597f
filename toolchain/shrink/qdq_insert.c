/* Inserts QuantizeLinear/DequantizeLinear pairs; see qdq.h and docs/numbers.md.
   A quantized tensor T of the float graph becomes  T/raw -> Q -> T/q -> DQ -> T, so that T, and
   with it every head and the features, keeps its name and its meaning. */
#include "shrink/channel_stats.h"
#include "shrink/fixed.h"
#include "shrink/qdq.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A folded bias may take this much of an accumulator; beyond it the channel's weight scale grows.
 */
static const double bias_limit = 536870912.0; /* 2^29 */

typedef struct params {
    wick_qparams q;
    bool known;            /* the source tensor is quantized with q */
    int scale, zero_point; /* constants in dst, -1 until they are made */
} params;

typedef struct insertion {
    const wick_graph *src;
    wick_graph *dst;
    int *mapped;                     /* [src tensors] the float tensor in dst, -1 = none yet */
    params *params;                  /* [src tensors] */
    const wick_channel_stats *stats; /* [src tensors] to correct biases by, or NULL */
    int input_by_segment[1 + WICK_MAX_HEADS];
} insertion;

static bool is_activation(wick_op op) {
    return op == WICK_OP_RELU || op == WICK_OP_CLIP;
}

/* The one reader of a tensor, or NULL when there are more, or it is a head or the features. */
static const wick_node *sole_reader(const wick_graph *graph, int tensor) {
    const wick_node *reader = NULL;
    int count = tensor == graph->family.features;
    for (int k = 0; k < graph->family.n_heads; k++)
        count += graph->family.heads[k] == tensor;
    for (int n = 0; n < graph->n_nodes; n++)
        for (int i = 0; i < graph->nodes[n].n_inputs; i++)
            if (graph->nodes[n].inputs[i] == tensor) {
                reader = &graph->nodes[n];
                count++;
            }
    return count == 1 ? reader : NULL;
}

/* MaxPool and what only moves values: padding adds zeros, which every quantization holds exactly.
   Their output is quantized as their input. */
static bool keeps_quantization(wick_op op) {
    return op == WICK_OP_MAX_POOL || op == WICK_OP_GLOBAL_MAX_POOL || op == WICK_OP_FLATTEN ||
           op == WICK_OP_RESHAPE || op == WICK_OP_PAD || op == WICK_OP_BORDER ||
           op == WICK_OP_SLICE || op == WICK_OP_TRANSPOSE || op == WICK_OP_GATHER ||
           op == WICK_OP_RESIZE;
}

/* The activation that is fused into this node, or NULL. */
static const wick_node *fused_activation(const wick_graph *graph, const wick_node *node) {
    if (keeps_quantization(node->op))
        return NULL;
    const wick_node *reader = sole_reader(graph, node->output);
    return reader && is_activation(reader->op) ? reader : NULL;
}

/* The tensor after the activations that are fused into `node`. */
static int final_output(const wick_graph *graph, const wick_node *node) {
    for (const wick_node *next; (next = fused_activation(graph, node));)
        node = next;
    return node->output;
}

int wick_qdq_observed(const wick_graph *prepared, wick_arena *arena, int **tensors) {
    int count = 0;
    *tensors = wick_new(arena, int, prepared->n_nodes);
    for (int n = 0; n < prepared->n_nodes; n++) {
        const wick_node *node = &prepared->nodes[n];
        if (!keeps_quantization(node->op) && !fused_activation(prepared, node))
            (*tensors)[count++] = node->output;
    }
    return count;
}

/* Operators that read and write 16-bit tensors on the device: all that are no table of 256. */
static bool has_wide_kernel(wick_op op) {
    return op <= WICK_OP_CLIP || (op > WICK_OP_ROUND && op != WICK_OP_SOFTMAX);
}

/* Marks in `same` all tensors that are quantized as `tensor` is, which come behind it; false where
   an operator without a 16-bit kernel reads or makes one. */
static bool may_widen(const wick_graph *graph, int tensor, bool *same) {
    for (int t = 0; t < graph->n_tensors; t++)
        same[t] = t == tensor;
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        bool reads = false;
        for (int i = 0; i < node->n_inputs; i++)
            reads |= node->inputs[i] >= 0 && same[node->inputs[i]];
        if ((reads || final_output(graph, node) == tensor) && !has_wide_kernel(node->op))
            return false;
        if (reads && keeps_quantization(node->op))
            same[node->output] = true;
    }
    return true;
}

static bool is_named(const wick_quantize_options *options, const char *name) {
    for (int i = 0; i < options->n_wide; i++)
        if (!strcmp(options->wide[i], name))
            return true;
    return options->activation_bits == 16;
}

void wick_qdq_widths(const wick_graph *prepared, const wick_quantize_options *options,
                     const int *tensors, int n, bool *wide) {
    bool *same = wick_xalloc(((size_t)prepared->n_tensors + 1) * sizeof *same);
    for (int i = 0; i < n; i++)
        wide[i] = is_named(options, prepared->tensors[tensors[i]].name) &&
                  may_widen(prepared, tensors[i], same);
    free(same);
}

wick_range wick_qdq_input_range(const wick_graph *graph) {
    const wick_family *family = &graph->family;
    if (family->n_channels == 0)
        return (wick_range){.high = 1};
    wick_range range = {0};
    for (int c = 0; c < family->n_channels; c++) {
        double mean = (double)family->mean[c], std = (double)family->std[c];
        range.low = fmin(range.low, -mean / std);
        range.high = fmax(range.high, (1 - mean) / std);
    }
    return range;
}

static void make_param_constants(insertion *in, const char *name, params *p) {
    static const int16_t wide_zero = 0;
    if (p->scale >= 0)
        return;
    wick_shape scalar = {0};
    p->scale = wick_graph_tensor(in->dst, wick_graph_fresh_name(in->dst, name, "/scale"), WICK_F32,
                                 scalar, &p->q.scale);
    p->zero_point = wick_graph_tensor(in->dst, wick_graph_fresh_name(in->dst, name, "/zero_point"),
                                      p->q.wide ? WICK_S16 : WICK_S8, scalar,
                                      p->q.wide ? (const void *)&wide_zero : &p->q.zero_point);
}

/* dst tensor `raw` -> Q -> DQ; returns the dequantized tensor, which is called `name`. */
static int quantize_dequantize(insertion *in, int raw, const char *name, params *p) {
    make_param_constants(in, name, p);
    wick_attrs attrs = wick_attrs_default();
    attrs.axis = -1;
    int inputs[3] = {raw, p->scale, p->zero_point};
    char *quantized = wick_graph_fresh_name(in->dst, name, "/q"),
         *restored = wick_graph_fresh_name(in->dst, name, "");
    inputs[0] = wick_graph_node(in->dst, wick_arena_printf(in->dst->arena, "%s/quantize", name),
                                WICK_OP_QUANTIZE, inputs, 3, quantized, &attrs);
    return wick_graph_node(in->dst, wick_arena_printf(in->dst->arena, "%s/dequantize", name),
                           WICK_OP_DEQUANTIZE, inputs, 3, restored, &attrs);
}

/* Without common features every module stands alone, and so does its quantization of the input. */
static int mapped_input(insertion *in, int segment) {
    int *slot = &in->input_by_segment[in->src->family.features < 0 ? segment : 0];
    if (*slot < 0) {
        params *p = &in->params[in->src->input];
        const char *name = in->src->tensors[in->src->input].name;
        if (in->src->family.features < 0 && in->src->family.n_heads > 1)
            name = wick_arena_printf(in->dst->arena, "%s/%d", name, segment);
        else
            name = wick_arena_printf(in->dst->arena, "%s/input", name);
        *slot = quantize_dequantize(in, in->dst->input, name, p);
    }
    return *slot;
}

static int mapped(insertion *in, const wick_node *node, int tensor) {
    if (tensor < 0)
        return -1;
    if (tensor == in->src->input)
        return mapped_input(in, node->segment);
    if (in->mapped[tensor] < 0) {
        const wick_tensor *t = &in->src->tensors[tensor];
        in->mapped[tensor] = wick_graph_tensor(in->dst, wick_graph_fresh_name(in->dst, t->name, ""),
                                               t->dtype, t->shape, t->data);
    }
    return in->mapped[tensor];
}

/* Integer constant `q` [O,...] with one scale for each of its O rows -> DQ. */
static int constant_rows(insertion *in, const char *name, wick_dtype dtype, wick_shape shape,
                         const void *q, const float *scale) {
    int64_t rows = shape.dim[0];
    wick_shape vector = {1, {rows}};
    const void *zero = wick_new(in->dst->arena, int32_t, rows);
    int inputs[3] = {
        wick_graph_tensor(in->dst, wick_graph_fresh_name(in->dst, name, "/q"), dtype, shape, q),
        wick_graph_tensor(in->dst, wick_graph_fresh_name(in->dst, name, "/scale"), WICK_F32, vector,
                          scale),
        wick_graph_tensor(in->dst, wick_graph_fresh_name(in->dst, name, "/zero_point"), dtype,
                          vector, zero)};
    wick_attrs attrs = wick_attrs_default();
    attrs.axis = 0;
    return wick_graph_node(in->dst, wick_arena_printf(in->dst->arena, "%s/dequantize", name),
                           WICK_OP_DEQUANTIZE, inputs, 3, wick_graph_fresh_name(in->dst, name, ""),
                           &attrs);
}

/* The end of the coarsest symmetric grid, of 3 to 7 bits, that holds all of a row's weights: 3, 7,
   15, 31 or 63; 127 where there is none. In a row of a few weights that would be chance. */
static int grid_end(const float *row, int64_t count, double largest) {
    enum { ENOUGH = 16 };
    for (int end = 3; end < 127 && count >= ENOUGH && largest > 0; end = 2 * end + 1) {
        double scale = largest / end, most = 0;
        for (int64_t i = 0; i < count && most < 1e-4; i++)
            most = fmax(most, fabs((double)row[i] / scale - rint((double)row[i] / scale)));
        if (most < 1e-4)
            return end;
    }
    return 127;
}

/* max |w| / 127, or, where the row lies on a coarser grid already (weight_grid.h: it was trained
   for fewer bits), that grid; but large enough that the bias stays within its share of the
   accumulator and the bias scale s_x * s_w within normal float numbers. */
static float weight_scale(const float *row, int64_t count, double bias, double input_scale) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++)
        largest = fmax(largest, fabs((double)row[i]));
    double scale = largest / grid_end(row, count, largest);
    scale = fmax(scale, fabs(bias) / (input_scale * bias_limit));
    return scale > 0 ? (float)fmax(scale, 1e-30 / input_scale) : 1.0F;
}

/* Quantized weights [rows][count] of a Conv or Gemm node. */
typedef struct linear {
    int64_t rows, count;
    int8_t *weights;
    float *weight_scale, *bias_scale;
    int32_t *bias; /* NULL without one */
} linear;

/* What rounding row o adds to its output on average: each weight's error times its input's mean. */
static double mean_error(const linear *l, const float *row, int64_t o, const wick_tensor *w,
                         int64_t groups, const double *mean) {
    int64_t per_group = w->shape.dim[1], taps = l->count / per_group;
    const double *from = mean + o / (l->rows / groups) * per_group;
    double sum = 0;
    for (int64_t i = 0; i < l->count; i++)
        sum += ((double)l->weight_scale[o] * l->weights[o * l->count + i] - (double)row[i]) *
               from[i / taps];
    return sum;
}

/* mean: of the input's channels, or NULL. */
static linear quantize_linear(insertion *in, const wick_tensor *w, const float *bias,
                              double input_scale, int64_t groups, const double *mean) {
    linear l = {.rows = w->shape.dim[0]};
    l.count = wick_shape_count(w->shape) / l.rows;
    wick_arena *arena = in->dst->arena;
    l.weights = wick_new(arena, int8_t, l.rows * l.count);
    l.weight_scale = wick_new(arena, float, l.rows);
    l.bias_scale = wick_new(arena, float, l.rows);
    l.bias = bias ? wick_new(arena, int32_t, l.rows) : NULL;
    for (int64_t o = 0; o < l.rows; o++) {
        const float *row = (const float *)w->data + o * l.count;
        double b = bias ? (double)bias[o] : 0;
        float scale = weight_scale(row, l.count, b, input_scale);
        for (int64_t i = 0; i < l.count; i++)
            l.weights[o * l.count + i] = wick_quantize_value((double)row[i], (double)scale, 0);
        l.weight_scale[o] = scale;
        l.bias_scale[o] = (float)(input_scale * (double)scale);
        b /= (double)l.bias_scale[o];
        if (mean) {
            b -= mean_error(&l, row, o, w, groups, mean) / (double)l.bias_scale[o];
            b = fmin(fmax(b, -bias_limit), bias_limit);
        }
        if (bias)
            l.bias[o] = (int32_t)rint(b);
    }
    return l;
}

/* Doubles the output's scale until no channel can overflow, or until it nears the end of float:
   lowering reports what is still too small then. */
static void raise_output_scale(const linear *l, const wick_qparams *x, wick_qparams *y) {
    for (int64_t o = 0; o < l->rows; o++) {
        const int8_t *row = l->weights + o * l->count;
        int64_t sum = 0;
        for (int64_t i = 0; i < l->count; i++)
            sum += row[i];
        wick_interval acc = wick_interval_dot(
            row, l->count, 1, (l->bias ? l->bias[o] : 0) - x->zero_point * sum, x->wide);
        while (y->scale < 1e37F) {
            wick_fixed fixed;
            double m = (double)x->scale * (double)l->weight_scale[o] / (double)y->scale;
            /* Below one half there is no shift, and a larger scale would not help. */
            if (m < 0.5 || (wick_fixed_from(m, &fixed) && wick_fixed_safe(fixed, acc)) ||
                (x->wide && wick_fixed_divided(m, acc, &fixed)))
                break;
            y->scale *= 2;
        }
    }
}

/* Weights and bias of a Conv or Gemm as quantized constants: inputs[1], inputs[2] in dst. False
   when they are not constants. */
static bool insert_weights(insertion *in, const wick_node *node, int *inputs) {
    const wick_graph *src = in->src;
    const wick_tensor *w = &src->tensors[node->inputs[1]];
    int bias = node->n_inputs > 2 ? node->inputs[2] : -1;
    const params *x = &in->params[node->inputs[0]];
    if (!w->data || w->dtype != WICK_F32 || !x->known || (bias >= 0 && !src->tensors[bias].data))
        return false;
    linear l =
        quantize_linear(in, w, bias >= 0 ? src->tensors[bias].data : NULL, (double)x->q.scale,
                        node->op == WICK_OP_CONV ? node->attrs.groups : 1,
                        in->stats ? in->stats[node->inputs[0]].mean : NULL);
    raise_output_scale(&l, &x->q, &in->params[final_output(src, node)].q);
    inputs[1] = constant_rows(in, w->name, WICK_S8, w->shape, l.weights, l.weight_scale);
    if (bias >= 0)
        inputs[2] = constant_rows(in, src->tensors[bias].name, WICK_S32, (wick_shape){1, {l.rows}},
                                  l.bias, l.bias_scale);
    return true;
}

static void insert_node(insertion *in, const wick_node *node) {
    const wick_graph *src = in->src;
    int *inputs = wick_new(in->dst->arena, int, node->n_inputs);
    inputs[0] = mapped(in, node, node->inputs[0]);
    bool linear_node = node->op == WICK_OP_CONV || node->op == WICK_OP_GEMM;
    if (!linear_node || !insert_weights(in, node, inputs))
        for (int i = 1; i < node->n_inputs; i++)
            inputs[i] = mapped(in, node, node->inputs[i]);
    else
        for (int i = 3; i < node->n_inputs; i++)
            inputs[i] = mapped(in, node, node->inputs[i]);
    const char *name = src->tensors[node->output].name;
    bool fused = fused_activation(src, node) != NULL;
    int raw =
        wick_graph_node(in->dst, node->name, node->op, inputs, node->n_inputs,
                        wick_graph_fresh_name(in->dst, name, fused ? "" : "/raw"), &node->attrs);
    /* Indices are whole numbers already. */
    if (fused || src->tensors[node->output].dtype != WICK_F32) {
        in->mapped[node->output] = raw;
        return;
    }
    params *p = &in->params[node->output];
    if (keeps_quantization(node->op))
        *p = in->params[node->inputs[0]];
    p->known = true;
    in->mapped[node->output] = quantize_dequantize(in, raw, name, p);
}

static void copy_family(insertion *in) {
    wick_arena *arena = in->dst->arena;
    const wick_family *from = &in->src->family;
    wick_family *to = &in->dst->family;
    *to = *from;
    for (int k = 0; k < WICK_MAX_HEADS; k++) {
        to->accuracy[k] = to->validation[k] = (double)NAN;
        to->head_names[k] = wick_arena_strdup(arena, from->head_names[k]);
        if (k < from->n_heads)
            to->heads[k] = in->mapped[from->heads[k]];
    }
    if (from->features == in->src->input)
        to->features = in->input_by_segment[0];
    else if (from->features >= 0)
        to->features = in->mapped[from->features];
    to->labels = from->n_labels ? wick_new(arena, const char *, from->n_labels) : NULL;
    for (int i = 0; i < from->n_labels; i++)
        to->labels[i] = wick_arena_strdup(arena, from->labels[i]);
    to->recipe = wick_arena_strdup(arena, from->recipe);
    to->strategy = wick_arena_strdup(arena, from->strategy);
    to->data = wick_arena_strdup(arena, from->data);
}

wick_status wick_qdq_insert(const wick_graph *prepared, const wick_range *ranges,
                            const wick_channel_stats *stats, wick_graph **out, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    insertion in = {.src = prepared,
                    .dst = wick_graph_new(prepared->name),
                    .mapped = wick_new(arena, int, prepared->n_tensors),
                    .params = wick_new(arena, params, prepared->n_tensors),
                    .stats = stats};
    for (int t = 0; t < prepared->n_tensors; t++) {
        in.mapped[t] = -1;
        in.params[t] = (params){.q = wick_range_qparams(ranges[t]), .scale = -1, .zero_point = -1};
    }
    for (int s = 0; s <= WICK_MAX_HEADS; s++)
        in.input_by_segment[s] = -1;
    const wick_tensor *input = &prepared->tensors[prepared->input];
    in.dst->input = wick_graph_tensor(in.dst, input->name, input->dtype, input->shape, NULL);
    in.params[prepared->input].q = wick_range_qparams(wick_qdq_input_range(prepared));
    in.params[prepared->input].known = true;
    for (int n = 0; n < prepared->n_nodes; n++)
        insert_node(&in, &prepared->nodes[n]);
    copy_family(&in);
    wick_arena_free(arena);
    wick_status status = wick_graph_infer(in.dst, diag);
    if (status == WICK_OK)
        status = wick_graph_segment(in.dst, diag);
    if (status != WICK_OK) {
        wick_graph_free(in.dst);
        in.dst = NULL;
    }
    *out = in.dst;
    return status;
}
