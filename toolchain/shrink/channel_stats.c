#include "shrink/channel_stats.h"

#include "shrink/calibrate.h"

#include <math.h>

bool wick_is_linear(const wick_graph *graph, const wick_node *node) {
    if (node->op != WICK_OP_CONV && node->op != WICK_OP_GEMM)
        return false;
    for (int i = 1; i < node->n_inputs; i++) {
        const wick_tensor *t = node->inputs[i] >= 0 ? &graph->tensors[node->inputs[i]] : NULL;
        if (t && (!t->data || t->dtype != WICK_F32))
            return false;
    }
    return node->n_inputs > 1;
}

typedef struct measurement {
    wick_channel_stats *stats;
    double *counted; /* [tensors] values of each channel so far */
} measurement;

static void visit(void *ctx, int tensor, const float *values, int n, size_t per_image) {
    measurement *m = ctx;
    wick_channel_stats *s = &m->stats[tensor];
    size_t channels = (size_t)s->channels, each = per_image / channels;
    for (size_t i = 0; i < (size_t)n * channels; i++) {
        double sum = 0, largest = s->largest[i % channels];
        for (size_t k = 0; k < each; k++) {
            double x = (double)values[i * each + k];
            sum += x;
            largest = fmax(largest, fabs(x));
        }
        s->largest[i % channels] = largest;
        s->mean[i % channels] += sum;
    }
    m->counted[tensor] += (double)n * (double)each;
}

/* Adds a tensor that has channels. */
static void want(const wick_graph *graph, int t, wick_arena *arena, wick_channel_stats *stats,
                 int *list, int *n) {
    const wick_tensor *tensor = &graph->tensors[t];
    if (tensor->data || tensor->dtype != WICK_F32 || tensor->shape.rank < 2 || stats[t].mean)
        return;
    stats[t].channels = tensor->shape.dim[1];
    stats[t].mean = wick_new(arena, double, stats[t].channels);
    stats[t].largest = wick_new(arena, double, stats[t].channels);
    list[(*n)++] = t;
}

wick_status wick_channel_stats_measure(const wick_graph *graph, const wick_data *data,
                                       const wick_quantize_options *options, wick_arena *arena,
                                       wick_channel_stats **out, wick_diag *diag) {
    wick_channel_stats *stats = *out = wick_new(arena, wick_channel_stats, graph->n_tensors);
    int *list = wick_new(arena, int, graph->n_tensors), n = 0, images;
    for (int i = 0; i < graph->n_nodes; i++) {
        const wick_node *node = &graph->nodes[i];
        if (wick_is_linear(graph, node))
            want(graph, node->inputs[0], arena, stats, list, &n);
        if (wick_is_linear(graph, node) || node->op == WICK_OP_RELU ||
            node->op == WICK_OP_LEAKY_RELU)
            want(graph, node->output, arena, stats, list, &n);
    }
    measurement m = {stats, wick_new(arena, double, graph->n_tensors)};
    uint32_t *indices = wick_calibration_images(arena, data, options, &images);
    WICK_TRY(wick_eval_tensors(graph, data, WICK_TRAIN, indices, images, list, n, visit, &m, diag));
    for (int i = 0; i < n; i++)
        for (int64_t c = 0; c < stats[list[i]].channels; c++)
            stats[list[i]].mean[c] /= m.counted[list[i]];
    return WICK_OK;
}
