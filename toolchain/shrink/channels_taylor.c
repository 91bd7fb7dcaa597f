/* How much the loss would change if a channel were nothing: gradient times activation. What reads a
   channel gives both: with y = W x, the sum over all places of dL/dx_c x_c is that of dL/dW[:,c]
   W[:,c], so the gradients of the readers' weights are enough, whatever lies between filter and
   reader. */
#include "shrink/channels_parts.h"

#include "shrink/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TAYLOR_BATCH = 16 };

typedef struct taylor {
    const wick_graph *folded; /* whose gradients they are */
    const int *reader;        /* [folded tensors]: node of the channels' graph whose weights these
                                 are; -1: none */
    const wick_graph *graph;
    wick_channels *channels;
    double *sum; /* [n_groups] of one batch */
    int batches;
} taylor;

/* Adds what one reader's weights say of the channels that it reads. */
static void add_reader(taylor *t, const wick_node *node, const wick_tensor *w, const float *g) {
    const int *groups = t->channels->group_of[node->inputs[0]];
    int64_t out = w->shape.dim[0], in = w->shape.dim[1];
    int64_t taps = wick_shape_count(w->shape) / (out * in);
    const float *data = w->data;
    for (int64_t o = 0; o < out; o++)
        for (int64_t c = 0; c < in; c++)
            for (int64_t i = 0; i < taps; i++) {
                int64_t at = (o * in + c) * taps + i;
                t->sum[groups[c]] += (double)g[at] * (double)data[at];
            }
}

static void visit_gradients(void *ctx, const wick_gradient *gradients, int n) {
    taylor *t = ctx;
    memset(t->sum, 0, (size_t)t->channels->n_groups * sizeof *t->sum);
    for (int i = 0; i < n; i++) {
        int node = t->reader[gradients[i].tensor];
        if (node >= 0)
            add_reader(t, &t->graph->nodes[node], &t->folded->tensors[gradients[i].tensor],
                       gradients[i].values);
    }
    for (int g = 0; g < t->channels->n_groups; g++)
        t->channels->groups[g].score += fabs(t->sum[g]);
    t->batches++;
}

/* Folding keeps the names of nodes, and the channels that they read. */
static int *find_readers(const wick_graph *graph, const wick_graph *folded, wick_arena *arena) {
    int *reader = wick_new(arena, int, folded->n_tensors);
    for (int t = 0; t < folded->n_tensors; t++)
        reader[t] = -1;
    for (int f = 0; f < folded->n_nodes; f++)
        for (int n = 0; n < graph->n_nodes; n++)
            if (channels_rule(graph, &graph->nodes[n]) == CHANNELS_FRESH &&
                !strcmp(folded->nodes[f].name, graph->nodes[n].name))
                reader[folded->nodes[f].inputs[1]] = n;
    return reader;
}

wick_status wick_channels_taylor(const wick_graph *graph, const wick_data *data, int images,
                                 uint64_t seed, wick_channels *channels, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_graph *folded = wick_graph_clone(graph);
    wick_graph_fold_batch_norm(folded);
    wick_quantize_options choice = wick_quantize_defaults();
    choice.images = images;
    choice.seed = seed;
    int n;
    uint32_t *indices = wick_calibration_images(arena, data, &choice, &n);
    taylor t = {.folded = folded,
                .reader = find_readers(graph, folded, arena),
                .graph = graph,
                .channels = channels,
                .sum = wick_new(arena, double, channels->n_groups)};
    for (int g = 0; g < channels->n_groups; g++)
        channels->groups[g].score = 0;
    wick_status status =
        wick_eval_gradients(folded, data, indices, n, TAYLOR_BATCH, visit_gradients, &t, diag);
    for (int g = 0; g < channels->n_groups && t.batches; g++)
        channels->groups[g].score /= t.batches;
    wick_graph_free(folded);
    wick_arena_free(arena);
    return status;
}
