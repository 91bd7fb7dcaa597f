/* The graph without some channels: constants are cut along the dimensions that channels run along.
 */
#include "shrink/channels_parts.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct cutting {
    wick_graph *graph; /* the copy; shapes of activations are the old ones until the end */
    const wick_channels *channels;
    const bool *remove;
} cutting;

/* Which elements along dimension 1 of activation t stay, the caller's to free; returns how many. */
static int64_t stays(const cutting *c, int t, bool **keep) {
    int64_t count = c->graph->tensors[t].shape.dim[1], left = 0;
    *keep = wick_xalloc((size_t)count * sizeof **keep);
    for (int64_t i = 0; i < count; i++)
        left += (*keep)[i] = !c->remove[c->channels->group_of[t][i]];
    return left;
}

/* Keeps the marked entries of dimension `axis` of a constant. */
static void cut(wick_tensor *t, int axis, const bool *keep) {
    int64_t before = 1, behind = 1, count = t->shape.dim[axis], left = 0;
    for (int d = 0; d < axis; d++)
        before *= t->shape.dim[d];
    for (int d = axis + 1; d < t->shape.rank; d++)
        behind *= t->shape.dim[d];
    float *data = t->data, *to = data;
    for (int64_t b = 0; b < before; b++)
        for (int64_t i = 0; i < count; i++)
            if (keep[i]) {
                memmove(to, data + (b * count + i) * behind, (size_t)behind * sizeof *data);
                to += behind;
            }
    for (int64_t i = 0; i < count; i++)
        left += keep[i];
    t->shape.dim[axis] = left;
}

static void cut_fresh(const cutting *c, const wick_node *node) {
    bool *in, *out;
    stays(c, node->inputs[0], &in);
    stays(c, node->output, &out);
    cut(&c->graph->tensors[node->inputs[1]], 0, out);
    cut(&c->graph->tensors[node->inputs[1]], 1, in);
    if (node->n_inputs > 2 && node->inputs[2] >= 0)
        cut(&c->graph->tensors[node->inputs[2]], 0, out);
    free(in);
    free(out);
}

/* Constants with a value for each channel; a single one stays as it is. */
static void cut_same(const cutting *c, wick_node *node) {
    bool *keep;
    wick_shape x = c->graph->tensors[node->inputs[0]].shape;
    int64_t left = stays(c, node->inputs[0], &keep);
    for (int i = 1; i < node->n_inputs; i++) {
        int t = node->inputs[i];
        if (t < 0)
            continue;
        if (node->op == WICK_OP_CONV)
            cut(&c->graph->tensors[t], 0, keep);
        else if (channels_along(c->graph, t, x, node->op == WICK_OP_BATCH_NORM))
            cut(&c->graph->tensors[t],
                node->op == WICK_OP_BATCH_NORM ? 0 : 1 - (x.rank - c->graph->tensors[t].shape.rank),
                keep);
    }
    if (node->op == WICK_OP_CONV)
        node->attrs.groups = (int)left;
    free(keep);
}

static void cut_padded(const cutting *c, wick_node *node) {
    bool *in, *out;
    int64_t before = stays(c, node->inputs[0], &in), behind = stays(c, node->output, &out);
    node->attrs.pad_channels = (int)(behind - before);
    free(in);
    free(out);
}

static void cut_spread(const cutting *c, wick_node *node) {
    bool *out;
    int64_t left = stays(c, node->output, &out);
    if (node->op == WICK_OP_RESHAPE)
        node->attrs.dims[1] = left;
    free(out);
}

static wick_status check_left(const cutting *c, const wick_node *node, wick_diag *diag) {
    if (!c->channels->group_of[node->output])
        return WICK_OK;
    bool *keep;
    int64_t left = stays(c, node->output, &keep);
    free(keep);
    return left ? WICK_OK
                : wick_fail(diag, WICK_NO_FIT, NULL, node->name, "keep at least one",
                            "no channel would be left");
}

static void cut_node(const cutting *c, wick_node *node) {
    switch (channels_rule(c->graph, node)) {
    case CHANNELS_FRESH:
        cut_fresh(c, node);
        break;
    case CHANNELS_SAME:
        cut_same(c, node);
        break;
    case CHANNELS_PADDED:
        cut_padded(c, node);
        break;
    case CHANNELS_SPREAD:
        cut_spread(c, node);
        break;
    case CHANNELS_TIED:
    case CHANNELS_JOINED:
    case CHANNELS_UNKNOWN:
        break;
    }
}

static wick_status cut_all(cutting *c, wick_diag *diag) {
    wick_graph *graph = c->graph;
    for (int n = 0; n < graph->n_nodes; n++)
        WICK_TRY(check_left(c, &graph->nodes[n], diag));
    for (int n = 0; n < graph->n_nodes; n++)
        cut_node(c, &graph->nodes[n]);
    for (int k = 0; k < graph->family.n_heads; k++)
        graph->family.accuracy[k] = graph->family.validation[k] = (double)NAN;
    graph->family.recipe = "";
    WICK_TRY(wick_graph_infer(graph, diag));
    return wick_graph_segment(graph, diag);
}

wick_status wick_channels_remove(const wick_graph *graph, const wick_channels *channels,
                                 const bool *remove, wick_graph **out, wick_diag *diag) {
    *out = NULL;
    for (int g = 0; g < channels->n_groups; g++)
        assert(!remove[g] || !channels->groups[g].fixed);
    cutting c = {.graph = wick_graph_clone(graph), .channels = channels, .remove = remove};
    wick_status status = cut_all(&c, diag);
    if (status != WICK_OK) {
        wick_graph_free(c.graph);
        return status;
    }
    *out = c.graph;
    return WICK_OK;
}

static int larger_first(const void *a, const void *b) {
    const wick_channel_group *x = *(const wick_channel_group *const *)a,
                             *y = *(const wick_channel_group *const *)b;
    if (x->fixed != y->fixed)
        return x->fixed ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x < y ? -1 : 1;
}

void wick_channels_choose(const wick_channels *channels, double keep, bool *remove) {
    assert(keep > 0 && keep <= 1);
    const wick_channel_group **list = wick_xalloc((size_t)channels->n_groups * sizeof *list);
    memset(remove, 0, (size_t)channels->n_groups * sizeof *remove);
    for (int layer = 0; layer < channels->n_layers; layer++) {
        int n = 0;
        for (int g = 0; g < channels->n_groups; g++)
            if (channels->groups[g].layer == layer && channels->groups[g].filters)
                list[n++] = &channels->groups[g];
        if (n > 1)
            qsort(list, (size_t)n, sizeof *list, larger_first);
        for (int i = (int)ceil(keep * n * (1 - 1e-12)); i < n; i++)
            remove[list[i] - channels->groups] = !list[i]->fixed;
    }
    free(list);
}
