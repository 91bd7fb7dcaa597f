#include "shrink/equalise.h"

#include "shrink/qdq.h"

#include <math.h>
#include <string.h>

enum { MAX_SINKS = 64, MAX_TENSORS = 256, SWEEPS = 3 };
/* No channel is moved farther than this at a time. */
static const double largest_step = 64;

/* A layer that reads channel c of L1 as its inputs offset + c * span ... + span - 1. */
typedef struct sink {
    wick_node *node;
    int64_t offset, span;
} sink;

typedef struct neighbours {
    wick_graph *graph;
    const wick_node *first; /* L1 */
    int64_t channels;
    int n_sinks, n_tensors;
    sink sinks[MAX_SINKS];
    int tensors[MAX_TENSORS]; /* whose channels L1's are, its own output first */
} neighbours;

static float *weights_of(const wick_graph *graph, const wick_node *node) {
    return graph->tensors[node->inputs[1]].data;
}

/* Nothing else uses the layer's constants. */
static bool owns_constants(const wick_graph *graph, const wick_node *node) {
    for (int i = 1; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0 && wick_graph_readers(graph, node->inputs[i]) != 1)
            return false;
    return true;
}

static bool is_result(const wick_graph *graph, int tensor) {
    for (int k = 0; k < graph->family.n_heads; k++)
        if (graph->family.heads[k] == tensor)
            return true;
    return false;
}

static bool walk(neighbours *nb, int tensor, int64_t offset, int64_t span);

static bool walk_concat(neighbours *nb, const wick_node *node, int input, int64_t offset,
                        int64_t span) {
    const wick_graph *g = nb->graph;
    if (node->attrs.axis != 1)
        return false;
    for (int i = 0; i < input; i++)
        offset += g->tensors[node->inputs[i]].shape.dim[1];
    return walk(nb, node->output, offset, span);
}

/* [1,C,H,W] -> [1, C * H * W] */
static bool walk_flatten(neighbours *nb, const wick_node *node, int64_t offset, int64_t span) {
    wick_shape from = nb->graph->tensors[node->inputs[0]].shape;
    wick_shape to = nb->graph->tensors[node->output].shape;
    if (from.rank < 2 || to.rank != 2 || to.dim[1] != wick_shape_count(from))
        return false;
    int64_t each = wick_shape_count(from) / from.dim[1];
    return walk(nb, node->output, offset * each, span * each);
}

static bool walk_reader(neighbours *nb, wick_node *node, int input, int64_t offset, int64_t span) {
    switch (node->op) {
    case WICK_OP_CONV:
    case WICK_OP_GEMM:
        if (input != 0 || !wick_is_linear(nb->graph, node) || !owns_constants(nb->graph, node) ||
            nb->n_sinks == MAX_SINKS)
            return false;
        nb->sinks[nb->n_sinks++] = (sink){node, offset, span};
        return true;
    case WICK_OP_RELU:
    case WICK_OP_LEAKY_RELU:
    case WICK_OP_MAX_POOL:
    case WICK_OP_AVG_POOL:
    case WICK_OP_GLOBAL_AVG_POOL:
    case WICK_OP_GLOBAL_MAX_POOL:
        return walk(nb, node->output, offset, span);
    case WICK_OP_CONCAT:
        return walk_concat(nb, node, input, offset, span);
    case WICK_OP_FLATTEN:
    case WICK_OP_RESHAPE:
        return walk_flatten(nb, node, offset, span);
    default:
        return false;
    }
}

/* Finds all that reads the channels; false when something does that cannot follow. */
static bool walk(neighbours *nb, int tensor, int64_t offset, int64_t span) {
    wick_graph *g = nb->graph;
    if (is_result(g, tensor) || nb->n_tensors == MAX_TENSORS)
        return false;
    nb->tensors[nb->n_tensors++] = tensor;
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 0; i < g->nodes[n].n_inputs; i++)
            if (g->nodes[n].inputs[i] == tensor && !walk_reader(nb, &g->nodes[n], i, offset, span))
                return false;
    return true;
}

/* --- the weights of one input channel --- */

/* Calls visit for row o and the `count` weights that input channel `input` has there. */
static void for_each_row(const wick_graph *graph, const wick_node *node, int64_t input,
                         void (*visit)(void *ctx, const float *row, int64_t row_count, float *part,
                                       int64_t count),
                         void *ctx) {
    wick_shape shape = graph->tensors[node->inputs[1]].shape;
    float *w = weights_of(graph, node);
    int64_t rows = shape.dim[0], per_group = shape.dim[1];
    int64_t row_count = wick_shape_count(shape) / rows, taps = row_count / per_group;
    int64_t groups = node->op == WICK_OP_CONV ? node->attrs.groups : 1;
    int64_t group = input / per_group, place = input % per_group;
    for (int64_t o = group * (rows / groups); o < (group + 1) * (rows / groups); o++)
        visit(ctx, w + o * row_count, row_count, w + o * row_count + place * taps, taps);
}

static double largest_of(const float *w, int64_t n) {
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs((double)w[i]));
    return largest;
}

static void take_share(void *ctx, const float *row, int64_t row_count, float *part, int64_t count) {
    double all = largest_of(row, row_count), *share = ctx;
    if (all > 0)
        *share = fmax(*share, largest_of(part, count) / all);
}

static void scale_part(void *ctx, const float *row, int64_t row_count, float *part, int64_t count) {
    (void)row;
    (void)row_count;
    for (int64_t i = 0; i < count; i++)
        part[i] = (float)((double)part[i] * *(const double *)ctx);
}

/* Rows of one channel have their own scale: no channel stands behind another. */
static bool is_depthwise(const wick_graph *graph, const wick_node *node) {
    return node->op == WICK_OP_CONV && graph->tensors[node->inputs[1]].shape.dim[1] == 1;
}

/* r2 of channel c; 0 when the weights put no bound to its scale. */
static double share_of(const neighbours *nb, int64_t c) {
    double share = 0;
    for (int i = 0; i < nb->n_sinks; i++) {
        const sink *s = &nb->sinks[i];
        for (int64_t k = 0; k < s->span && !is_depthwise(nb->graph, s->node); k++)
            for_each_row(nb->graph, s->node, s->offset + c * s->span + k, take_share, &share);
    }
    return share;
}

/* --- one layer --- */

/* Where the channels are quantized first: behind the activation that is fused into the layer. */
static int quantized_tensor(const neighbours *nb) {
    int t = nb->tensors[0];
    if (nb->n_tensors > 1 && wick_graph_readers(nb->graph, t) == 1) {
        int producer = nb->graph->tensors[nb->tensors[1]].producer;
        wick_op op = nb->graph->nodes[producer].op;
        if (op == WICK_OP_RELU || op == WICK_OP_LEAKY_RELU)
            return nb->tensors[1];
    }
    return t;
}

/* factor[c] = s_c; false when all are 1. */
static bool find_factors(const neighbours *nb, const wick_channel_stats *stats, double *factor) {
    double most = 0;
    bool changes = false;
    for (int64_t c = 0; c < nb->channels; c++)
        most = fmax(most, stats->largest[c]);
    for (int64_t c = 0; c < nb->channels; c++) {
        double r1 = most > 0 ? stats->largest[c] / most : 0, r2 = share_of(nb, c);
        double s = r1 <= 0 ? 1 : r2 > 0 ? sqrt(r1 / r2) : r1;
        factor[c] = fmin(fmax(s, 1 / largest_step), largest_step);
        changes |= fabs(factor[c] - 1) > 1e-3;
    }
    return changes;
}

static void divide(const wick_graph *graph, const wick_node *node, const double *factor) {
    wick_shape shape = graph->tensors[node->inputs[1]].shape;
    int64_t row = wick_shape_count(shape) / shape.dim[0];
    float *w = weights_of(graph, node);
    bool biased = node->n_inputs > 2 && node->inputs[2] >= 0;
    float *b = biased ? graph->tensors[node->inputs[2]].data : NULL;
    for (int64_t o = 0; o < shape.dim[0]; o++) {
        for (int64_t i = 0; i < row; i++)
            w[o * row + i] = (float)((double)w[o * row + i] / factor[o]);
        if (b)
            b[o] = (float)((double)b[o] / factor[o]);
    }
}

/* Of the statistics only the magnitudes that the next sweep looks at are kept up. */
static void apply(neighbours *nb, const double *factor, wick_channel_stats *stats, bool *scaled) {
    divide(nb->graph, nb->first, factor);
    for (int i = 0; i < nb->n_sinks; i++)
        for (int64_t c = 0; c < nb->channels; c++)
            for (int64_t k = 0; k < nb->sinks[i].span; k++)
                for_each_row(nb->graph, nb->sinks[i].node,
                             nb->sinks[i].offset + c * nb->sinks[i].span + k, scale_part,
                             (void *)(uintptr_t)&factor[c]);
    wick_channel_stats *own = &stats[quantized_tensor(nb)];
    for (int64_t c = 0; c < nb->channels; c++)
        own->largest[c] /= factor[c];
    for (int i = 0; i < nb->n_tensors; i++)
        scaled[nb->tensors[i]] = true;
}

int wick_qdq_equalise(wick_graph *graph, wick_channel_stats *stats) {
    wick_arena *arena = wick_arena_new();
    bool *scaled = wick_new(arena, bool, graph->n_tensors);
    bool *done = wick_new(arena, bool, graph->n_nodes);
    int layers = 0;
    neighbours *nb = wick_new(arena, neighbours, 1);
    for (int sweep = 0; sweep < SWEEPS; sweep++)
        for (int n = 0; n < graph->n_nodes; n++) {
            const wick_node *node = &graph->nodes[n];
            if (!wick_is_linear(graph, node) || !owns_constants(graph, node))
                continue;
            *nb = (neighbours){.graph = graph,
                               .first = node,
                               .channels = graph->tensors[node->inputs[1]].shape.dim[0]};
            if (!walk(nb, node->output, 0, 1) || nb->n_sinks == 0)
                continue;
            const wick_channel_stats *own = &stats[quantized_tensor(nb)];
            double *factor = wick_new(arena, double, nb->channels);
            if (own->channels != nb->channels || !find_factors(nb, own, factor))
                continue;
            apply(nb, factor, stats, scaled);
            layers += !done[n];
            done[n] = true;
        }
    for (int t = 0, count = graph->n_tensors; t < count; t++)
        if (scaled[t])
            wick_graph_rename(graph, t,
                              wick_graph_fresh_name(graph, graph->tensors[t].name, "/equalised"));
    wick_arena_free(arena);
    return layers;
}

wick_status wick_equalise(const wick_graph *graph, const wick_data *data,
                          const wick_quantize_options *options, wick_graph **out, int *layers,
                          wick_diag *diag) {
    *out = NULL;
    if (wick_qdq_is_quantized(graph))
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, NULL, "give the float model",
                         "the model is quantized already");
    wick_graph *prepared;
    WICK_TRY(wick_qdq_prepare(graph, &prepared, diag));
    wick_arena *arena = wick_arena_new();
    wick_channel_stats *stats;
    wick_status status = wick_channel_stats_measure(prepared, data, options, arena, &stats, diag);
    if (status == WICK_OK) {
        *layers = wick_qdq_equalise(prepared, stats);
        *out = prepared;
    } else
        wick_graph_free(prepared);
    wick_arena_free(arena);
    return status;
}
