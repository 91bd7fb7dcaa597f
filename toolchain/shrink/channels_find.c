/* Groups of channels: every channel of every tensor is an element of a union-find structure; nodes
 * unite them. */
#include "shrink/channels_parts.h"

#include "shrink/qdq.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An element for each channel of each activation, in the order of tensors. */
typedef struct forest {
    const wick_graph *graph;
    int *first;  /* [n_tensors]: element of channel 0; -1: not an activation with channels */
    int *parent; /* [n] */
    bool *fixed; /* of roots, after everything is united */
    int n;
} forest;

static int64_t channels_of(const wick_graph *graph, int t) {
    wick_shape shape = graph->tensors[t].shape;
    return shape.rank >= 2 ? shape.dim[1] : 0;
}

static int root(forest *f, int e) {
    while (f->parent[e] != e)
        e = f->parent[e] = f->parent[f->parent[e]];
    return e;
}

static void unite(forest *f, int a, int b) {
    a = root(f, a);
    b = root(f, b);
    int low = a < b ? a : b, high = a < b ? b : a;
    f->parent[high] = low; /* the earliest stands for all: numbering follows the graph */
    f->fixed[low] |= f->fixed[high];
}

static void fix(forest *f, int t) {
    if (t < 0 || f->first[t] < 0)
        return;
    for (int64_t c = 0; c < channels_of(f->graph, t); c++)
        f->fixed[root(f, f->first[t] + (int)c)] = true;
}

static void unite_tensors(forest *f, int a, int b) {
    for (int64_t c = 0; c < channels_of(f->graph, a); c++)
        unite(f, f->first[a] + (int)c, f->first[b] + (int)c);
}

bool channels_along(const wick_graph *graph, int t, wick_shape like, bool parameter) {
    const wick_tensor *c = &graph->tensors[t];
    int64_t count = wick_shape_count(c->shape);
    int place = parameter ? 0 : 1 - (like.rank - c->shape.rank);
    return c->data && c->dtype == WICK_F32 && wick_graph_readers(graph, t) == 1 && place >= 0 &&
           place < c->shape.rank && c->shape.dim[place] == count && count == like.dim[1];
}

static bool is_scalar(const wick_graph *graph, int t) {
    return graph->tensors[t].data && wick_shape_count(graph->tensors[t].shape) == 1;
}

static bool constants_follow(const wick_graph *graph, const wick_node *node) {
    wick_shape x = graph->tensors[node->inputs[0]].shape;
    for (int i = 1; i < node->n_inputs; i++) {
        int t = node->inputs[i];
        bool parameter = node->op == WICK_OP_BATCH_NORM;
        if (t >= 0 && !channels_along(graph, t, x, parameter) &&
            (parameter || !is_scalar(graph, t)))
            return false;
    }
    return true;
}

/* Weights and bias that belong to this node alone. */
static bool has_own_weights(const wick_graph *graph, const wick_node *node) {
    for (int i = 1; i < node->n_inputs; i++) {
        int t = node->inputs[i];
        if (t >= 0 && (!graph->tensors[t].data || graph->tensors[t].dtype != WICK_F32 ||
                       wick_graph_readers(graph, t) != 1))
            return false;
    }
    return true;
}

static channel_rule rule_of_binary(const wick_graph *graph, const wick_node *node) {
    int a = node->inputs[0], b = node->inputs[1];
    if (graph->tensors[b].data)
        return constants_follow(graph, node) && !graph->tensors[a].data ? CHANNELS_SAME
                                                                        : CHANNELS_UNKNOWN;
    bool alike = !graph->tensors[a].data && channels_of(graph, a) == channels_of(graph, b) &&
                 graph->tensors[a].shape.rank == graph->tensors[b].shape.rank;
    return alike ? CHANNELS_TIED : CHANNELS_UNKNOWN;
}

static channel_rule rule_of_conv(const wick_graph *graph, const wick_node *node) {
    int64_t in = channels_of(graph, node->inputs[0]), out = channels_of(graph, node->output);
    if (!has_own_weights(graph, node))
        return CHANNELS_UNKNOWN;
    if (node->attrs.groups == 1)
        return CHANNELS_FRESH;
    return node->attrs.groups == in && in == out ? CHANNELS_SAME : CHANNELS_UNKNOWN;
}

static channel_rule rule_of_concat(const wick_graph *graph, const wick_node *node) {
    for (int i = 0; i < node->n_inputs; i++)
        if (graph->tensors[node->inputs[i]].data)
            return CHANNELS_UNKNOWN;
    return node->attrs.axis == 1 ? CHANNELS_JOINED : CHANNELS_TIED;
}

static bool flattens(const wick_graph *graph, const wick_node *node) {
    wick_shape x = graph->tensors[node->inputs[0]].shape, y = graph->tensors[node->output].shape;
    return x.rank >= 2 && y.rank == 2 && x.dim[0] == y.dim[0] &&
           (node->op == WICK_OP_FLATTEN ? node->attrs.axis == 1 : true);
}

channel_rule channels_rule(const wick_graph *graph, const wick_node *node) {
    switch (node->op) {
    case WICK_OP_CONV:
        return rule_of_conv(graph, node);
    case WICK_OP_GEMM:
        return has_own_weights(graph, node) ? CHANNELS_FRESH : CHANNELS_UNKNOWN;
    case WICK_OP_BATCH_NORM:
        return constants_follow(graph, node) ? CHANNELS_SAME : CHANNELS_UNKNOWN;
    case WICK_OP_ADD:
    case WICK_OP_SUB:
    case WICK_OP_MUL:
    case WICK_OP_DIV:
    case WICK_OP_MIN:
    case WICK_OP_MAX:
    case WICK_OP_PRELU:
        return rule_of_binary(graph, node);
    case WICK_OP_CONCAT:
        return rule_of_concat(graph, node);
    case WICK_OP_PAD:
        return CHANNELS_PADDED;
    case WICK_OP_FLATTEN:
    case WICK_OP_RESHAPE:
        return flattens(graph, node) ? CHANNELS_SPREAD : CHANNELS_UNKNOWN;
    case WICK_OP_BORDER:
        return node->attrs.begin[1] == 0 && node->attrs.end[1] == 0 ? CHANNELS_SAME
                                                                    : CHANNELS_UNKNOWN;
    case WICK_OP_REDUCE_MEAN:
    case WICK_OP_REDUCE_SUM:
    case WICK_OP_REDUCE_MAX:
    case WICK_OP_REDUCE_MIN: /* the channels stay in their place unless they, or the images, are
                                reduced */
        return node->attrs.axes & 3u ? CHANNELS_UNKNOWN : CHANNELS_SAME;
    case WICK_OP_MAX_POOL:
    case WICK_OP_AVG_POOL:
    case WICK_OP_GLOBAL_AVG_POOL:
    case WICK_OP_GLOBAL_MAX_POOL:
    case WICK_OP_IDENTITY:
    case WICK_OP_DROPOUT:
    case WICK_OP_RESIZE:
        return CHANNELS_SAME;
    default:
        return node->op >= WICK_OP_RELU && node->op <= WICK_OP_ROUND ? CHANNELS_SAME
                                                                     : CHANNELS_UNKNOWN;
    }
}

static void follow(forest *f, const wick_node *node) {
    const wick_graph *graph = f->graph;
    int x = node->inputs[0], y = node->output, at = f->first[y];
    switch (channels_rule(graph, node)) {
    case CHANNELS_FRESH:
        return;
    case CHANNELS_SAME:
    case CHANNELS_PADDED:
        unite_tensors(f, x, y);
        return;
    case CHANNELS_TIED:
        for (int i = 0; i < node->n_inputs; i++)
            unite_tensors(f, node->inputs[i], y);
        return;
    case CHANNELS_JOINED:
        for (int i = 0; i < node->n_inputs; i++)
            for (int64_t c = 0; c < channels_of(graph, node->inputs[i]); c++)
                unite(f, f->first[node->inputs[i]] + (int)c, at++);
        return;
    case CHANNELS_SPREAD: {
        int64_t channels = channels_of(graph, x), each = channels_of(graph, y) / channels;
        for (int64_t e = 0; e < channels * each; e++)
            unite(f, f->first[x] + (int)(e / each), at + (int)e);
        return;
    }
    case CHANNELS_UNKNOWN:
        for (int i = 0; i < node->n_inputs; i++)
            fix(f, node->inputs[i]);
        fix(f, y);
    }
}

static void plant(forest *f, wick_arena *arena) {
    const wick_graph *graph = f->graph;
    int n = 0;
    f->first = wick_new(arena, int, graph->n_tensors);
    for (int t = 0; t < graph->n_tensors; t++) {
        const wick_tensor *tensor = &graph->tensors[t];
        bool channels = !tensor->data && (tensor->producer >= 0 || t == graph->input) &&
                        tensor->shape.rank >= 2;
        f->first[t] = channels ? n : -1;
        n += channels ? (int)tensor->shape.dim[1] : 0;
    }
    f->n = n;
    f->parent = wick_new(arena, int, n);
    f->fixed = wick_new(arena, bool, n);
    for (int e = 0; e < n; e++)
        f->parent[e] = e;
}

/* Roots become groups 0, 1, ... in the order of the graph. */
static void number_groups(forest *f, wick_arena *arena, wick_channels *channels) {
    int *number = wick_new(arena, int, f->n);
    for (int e = 0; e < f->n; e++)
        if (root(f, e) == e)
            number[e] = channels->n_groups++;
    channels->groups = wick_new(arena, wick_channel_group, channels->n_groups);
    channels->group_of = wick_new(arena, int *, f->graph->n_tensors);
    for (int e = 0; e < f->n; e++)
        channels->groups[number[root(f, e)]].fixed = f->fixed[root(f, e)];
    for (int t = 0; t < f->graph->n_tensors; t++) {
        if (f->first[t] < 0)
            continue;
        int count = (int)channels_of(f->graph, t);
        channels->group_of[t] = wick_new(arena, int, count);
        for (int c = 0; c < count; c++)
            channels->group_of[t][c] = number[root(f, f->first[t] + c)];
    }
}

/* Groups that one node computes belong to one layer. */
static void number_layers(const wick_graph *graph, wick_arena *arena, wick_channels *channels) {
    forest layers = {.parent = wick_new(arena, int, channels->n_groups),
                     .fixed = wick_new(arena, bool, channels->n_groups)};
    for (int g = 0; g < channels->n_groups; g++)
        layers.parent[g] = g;
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        const int *groups = channels->group_of[node->output];
        if (!groups || channels_rule(graph, node) != CHANNELS_FRESH)
            continue;
        for (int64_t c = 1; c < channels_of(graph, node->output); c++)
            unite(&layers, groups[0], groups[c]);
    }
    for (int g = 0; g < channels->n_groups; g++) {
        int r = root(&layers, g);
        channels->groups[g].layer = r == g ? channels->n_layers++ : channels->groups[r].layer;
    }
}

/* Gain of the batch norm that alone reads t, for channel c; 1 without one. */
static double gain_behind(const wick_graph *graph, int t, int64_t c) {
    if (wick_graph_readers(graph, t) != 1)
        return 1;
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *norm = &graph->nodes[n];
        if (norm->op != WICK_OP_BATCH_NORM || norm->inputs[0] != t)
            continue;
        const float *scale = graph->tensors[norm->inputs[1]].data,
                    *variance = graph->tensors[norm->inputs[4]].data;
        return scale && variance
                   ? (double)scale[c] / sqrt((double)variance[c] + (double)norm->attrs.epsilon)
                   : 1;
    }
    return 1;
}

static wick_status measure_layer(const wick_graph *graph, const wick_node *node,
                                 wick_channels *channels, wick_diag *diag) {
    const wick_tensor *w = &graph->tensors[node->inputs[1]];
    int64_t out = w->shape.dim[0], row = wick_shape_count(w->shape) / out;
    double *norm = wick_xalloc((size_t)out * sizeof *norm), sum = 0;
    for (int64_t o = 0; o < out; o++) {
        double square = 0;
        for (int64_t i = 0; i < row; i++)
            square += (double)((const float *)w->data)[o * row + i] *
                      (double)((const float *)w->data)[o * row + i];
        norm[o] = sqrt(square) * fabs(gain_behind(graph, node->output, o));
        sum += norm[o] * norm[o];
    }
    double mean = sqrt(sum / (double)out);
    for (int64_t o = 0; o < out; o++) {
        wick_channel_group *group = &channels->groups[channels->group_of[node->output][o]];
        group->filters++;
        group->magnitude += mean > 0 ? norm[o] / mean : 0;
    }
    free(norm);
    return isfinite(sum) ? WICK_OK
                         : wick_fail(diag, WICK_RANGE, NULL, w->name,
                                     "the training diverged, or the file is damaged",
                                     "weights are not finite");
}

wick_status wick_channels_find(const wick_graph *graph, wick_arena *arena, wick_channels *channels,
                               wick_diag *diag) {
    *channels = (wick_channels){0};
    if (wick_qdq_is_quantized(graph))
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, NULL, "give the float model",
                         "the model is quantized already");
    forest f = {.graph = graph};
    plant(&f, arena);
    for (int n = 0; n < graph->n_nodes; n++)
        follow(&f, &graph->nodes[n]);
    fix(&f, graph->input);
    for (int k = 0; k < graph->family.n_heads; k++)
        fix(&f, graph->family.heads[k]);
    number_groups(&f, arena, channels);
    number_layers(graph, arena, channels);
    for (int n = 0; n < graph->n_nodes; n++)
        if (channels_rule(graph, &graph->nodes[n]) == CHANNELS_FRESH)
            WICK_TRY(measure_layer(graph, &graph->nodes[n], channels, diag));
    for (int g = 0; g < channels->n_groups; g++)
        if (channels->groups[g].filters)
            channels->groups[g].score = channels->groups[g].magnitude /=
                channels->groups[g].filters;
    return WICK_OK;
}
