/* Which calibration serves a network best: tried, not guessed. */
#include "shrink/calibrate.h"
#include "shrink/qdq.h"

#include <math.h>
#include <string.h>

/* Float logits of all images: [n_heads][n * classes]. */
typedef struct reference {
    const wick_graph *graph;
    float *logits[WICK_MAX_HEADS];
    size_t filled[WICK_MAX_HEADS];
} reference;

static void keep(void *ctx, int tensor, const float *values, int n, size_t per_image) {
    reference *r = ctx;
    for (int k = 0; k < r->graph->family.n_heads; k++) {
        if (r->graph->family.heads[k] != tensor)
            continue;
        memcpy(r->logits[k] + r->filled[k], values, (size_t)n * per_image * sizeof *values);
        r->filled[k] += (size_t)n * per_image;
    }
}

/* Energy of the difference over that of the float logits, mean of the modules. */
static double noise_of(const wick_qnet *net, const wick_data *data, const uint32_t *indices, int n,
                       const reference *r) {
    wick_arena *arena = wick_arena_new();
    int8_t **values = wick_qnet_buffers(net, arena);
    const wick_images *images = &data->split[WICK_TRAIN];
    size_t bytes = (size_t)data->height * (size_t)data->width * (size_t)data->channels;
    double noise[WICK_MAX_HEADS] = {0}, signal[WICK_MAX_HEADS] = {0}, sum = 0;
    for (int i = 0; i < n; i++) {
        wick_qnet_run(net, images->pixels + indices[i] * bytes, UINT32_MAX, values);
        for (int k = 0; k < net->n_modules; k++) {
            const wick_qtensor *t = &net->tensors[net->logits[k]];
            const float *exact = r->logits[k] + (size_t)i * (size_t)net->n_classes;
            for (int c = 0; c < net->n_classes; c++) {
                double y = (double)t->scale * (values[net->logits[k]][c] - t->zero_point);
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
static double try_ranges(const wick_graph *prepared, const wick_range *ranges,
                         const wick_data *data, const uint32_t *indices, int n,
                         const reference *r) {
    wick_graph *qdq = NULL;
    wick_qnet *net = NULL;
    double noise = (double)NAN;
    if (wick_qdq_insert(prepared, ranges, &qdq, NULL) == WICK_OK &&
        wick_qnet_lower(qdq, &net, NULL) == WICK_OK)
        noise = noise_of(net, data, indices, n, r);
    wick_qnet_free(net);
    wick_graph_free(qdq);
    return noise;
}

static void fill(wick_range *ranges, const int *tensors, int n_tensors,
                 const wick_histogram *histograms, wick_calibration how, double percentile) {
    for (int i = 0; i < n_tensors; i++)
        ranges[tensors[i]] = wick_histogram_range(&histograms[i], how, percentile);
}

wick_status wick_choose_calibration(const wick_graph *prepared, const wick_data *data,
                                    const wick_quantize_options *options, const int *tensors,
                                    int n_tensors, const wick_histogram *histograms,
                                    wick_range *ranges, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    int n;
    uint32_t *indices = wick_calibration_images(arena, data, options, &n);
    reference r = {.graph = prepared};
    const wick_family *family = &prepared->family;
    for (int k = 0; k < family->n_heads; k++)
        r.logits[k] =
            wick_new(arena, float, n *wick_shape_count(prepared->tensors[family->heads[k]].shape));
    wick_quantize_report report = {.chosen = WICK_CALIBRATE_MSE};
    wick_status status = wick_eval_tensors(prepared, data, WICK_TRAIN, indices, n, family->heads,
                                           family->n_heads, keep, &r, diag);
    for (int how = 0; how < WICK_CALIBRATE_AUTO && status == WICK_OK; how++) {
        fill(ranges, tensors, n_tensors, histograms, (wick_calibration)how, options->percentile);
        report.noise[how] = try_ranges(prepared, ranges, data, indices, n, &r);
        if (how &&
            (report.noise[how] < report.noise[report.chosen] || isnan(report.noise[report.chosen])))
            report.chosen = (wick_calibration)how;
        else if (!how && !isnan(report.noise[0]))
            report.chosen = WICK_CALIBRATE_MINMAX;
    }
    if (status == WICK_OK && isnan(report.noise[report.chosen]))
        report.chosen = WICK_CALIBRATE_MSE;
    fill(ranges, tensors, n_tensors, histograms, report.chosen, options->percentile);
    if (options->report)
        *options->report = report;
    wick_arena_free(arena);
    return status;
}
