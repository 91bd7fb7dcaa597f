/* Which calibration serves a network best: tried, not guessed. */
#include "shrink/calibrate.h"
#include "shrink/channel_stats.h"
#include "shrink/qdq.h"

#include <math.h>
#include <string.h>

typedef struct keeping {
    const wick_graph *graph;
    float **logits;
    size_t filled[WICK_MAX_HEADS];
} keeping;

static void keep(void *ctx, int tensor, const float *values, int n, size_t per_image) {
    keeping *r = ctx;
    for (int k = 0; k < r->graph->family.n_heads; k++) {
        if (r->graph->family.heads[k] != tensor)
            continue;
        memcpy(r->logits[k] + r->filled[k], values, (size_t)n * per_image * sizeof *values);
        r->filled[k] += (size_t)n * per_image;
    }
}

wick_status wick_float_logits(const wick_graph *graph, const wick_data *data, wick_split split,
                              const uint32_t *indices, int n, wick_arena *arena,
                              float *logits[WICK_MAX_HEADS], wick_diag *diag) {
    const wick_family *family = &graph->family;
    keeping r = {.graph = graph, .logits = logits};
    for (int k = 0; k < family->n_heads; k++)
        logits[k] =
            wick_new(arena, float, n *wick_shape_count(graph->tensors[family->heads[k]].shape));
    return wick_eval_tensors(graph, data, split, indices, n, family->heads, family->n_heads, keep,
                             &r, diag);
}

/* Energy of the difference over that of the float logits, mean of the modules. */
static double noise_of(const wick_qnet *net, const wick_data *data, const uint32_t *indices, int n,
                       float *const *logits) {
    wick_arena *arena = wick_arena_new();
    int8_t **values = wick_qnet_buffers(net, arena);
    const wick_images *images = &data->split[WICK_TRAIN];
    size_t bytes = (size_t)data->height * (size_t)data->width * (size_t)data->channels;
    double noise[WICK_MAX_HEADS] = {0}, signal[WICK_MAX_HEADS] = {0}, sum = 0;
    for (int i = 0; i < n; i++) {
        wick_qnet_run(net, images->pixels + indices[i] * bytes, UINT32_MAX, values);
        for (int k = 0; k < net->n_modules; k++) {
            const wick_qtensor *t = &net->tensors[net->logits[k]];
            const float *exact = logits[k] + (size_t)i * (size_t)net->n_classes;
            for (int c = 0; c < net->n_classes; c++) {
                double y = wick_qtensor_real(t, values[net->logits[k]], (size_t)c);
                noise[k] += (y - (double)exact[c]) * (y - (double)exact[c]);
                signal[k] += (double)exact[c] * (double)exact[c];
            }
        }
    }
    for (int k = 0; k < net->n_modules; k++)
        sum += signal[k] > 0 ? noise[k] / signal[k] : noise[k];
    wick_arena_free(arena);
    return sum / net->n_modules;
}

/* NAN where the network cannot be lowered so. */
static double try_way(const wick_way *way, bool corrected, const wick_range *ranges,
                      const wick_data *data, const uint32_t *indices, int n, float *const *logits) {
    wick_graph *qdq = NULL;
    wick_qnet *net = NULL;
    double noise = (double)NAN;
    if (wick_qdq_insert(way->prepared, ranges, corrected ? way->stats : NULL, &qdq, NULL) ==
            WICK_OK &&
        wick_qnet_lower(qdq, &net, NULL) == WICK_OK)
        noise = noise_of(net, data, indices, n, logits);
    wick_qnet_free(net);
    wick_graph_free(qdq);
    return noise;
}

void wick_way_ranges(const wick_way *way, wick_calibration how, double percentile,
                     wick_range *ranges) {
    for (int i = 0; i < way->n_tensors; i++) {
        wick_calibration rule = way->wide[i] ? WICK_CALIBRATE_MINMAX : how;
        ranges[way->tensors[i]] = wick_histogram_range(&way->histograms[i], rule, percentile);
        ranges[way->tensors[i]].wide = way->wide[i];
    }
}

/* All that is to be tried; the first of equals stays. */
static void try_all(const wick_way ways[2], const wick_data *data,
                    const wick_quantize_options *options, const uint32_t *indices, int n,
                    float *const *logits, wick_quantize_report *report) {
    double best = (double)INFINITY;
    for (int e = 0; e < 2; e++) {
        if (!ways[e].prepared)
            continue;
        wick_arena *arena = wick_arena_new();
        wick_range *ranges = wick_new(arena, wick_range, ways[e].prepared->n_tensors);
        for (int how = 0; how < WICK_CALIBRATE_AUTO; how++) {
            wick_way_ranges(&ways[e], (wick_calibration)how, options->percentile, ranges);
            for (int b = options->correct_bias; b <= (ways[e].stats != NULL); b++) {
                double noise = try_way(&ways[e], b, ranges, data, indices, n, logits);
                report->noise[e][b][how] = noise;
                if (noise < best) {
                    best = noise;
                    report->chosen = (wick_calibration)how;
                    report->equalised = e;
                    report->corrected = b;
                }
            }
        }
        wick_arena_free(arena);
    }
}

wick_status wick_choose_calibration(const wick_graph *graph, const wick_way ways[2],
                                    const wick_data *data, const wick_quantize_options *options,
                                    wick_quantize_report *report, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    int n;
    uint32_t *indices = wick_calibration_images(arena, data, options, &n);
    float *logits[WICK_MAX_HEADS];
    *report = (wick_quantize_report){.chosen = WICK_CALIBRATE_MSE,
                                     .equalised = options->equalise,
                                     .corrected = options->correct_bias};
    for (int i = 0; i < 4 * WICK_CALIBRATE_AUTO; i++)
        report->noise[i / (2 * WICK_CALIBRATE_AUTO)][i / WICK_CALIBRATE_AUTO % 2]
                     [i % WICK_CALIBRATE_AUTO] = (double)NAN;
    wick_status status =
        wick_float_logits(graph, data, WICK_TRAIN, indices, n, arena, logits, diag);
    if (status == WICK_OK)
        try_all(ways, data, options, indices, n, logits, report);
    wick_arena_free(arena);
    return status;
}
