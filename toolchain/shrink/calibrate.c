/* Runs the calibration images through the float graph. */
#include "shrink/calibrate.h"

#include "train/train.h"

#include <stdlib.h>

typedef struct calibration {
    wick_histogram *histograms; /* one for each tensor of the list */
    const int *tensors;
    int n_tensors;
    bool counting; /* second pass */
    int bad;       /* a tensor with NaN or infinite values, -1 = none */
} calibration;

static void visit(void *ctx, int tensor, const float *values, int n, size_t per_image) {
    calibration *c = ctx;
    for (int i = 0; i < c->n_tensors; i++) {
        if (c->tensors[i] != tensor)
            continue;
        size_t count = (size_t)n * per_image;
        if (c->counting)
            wick_histogram_count(&c->histograms[i], values, count);
        else if (!wick_histogram_bounds(&c->histograms[i], values, count) && c->bad < 0)
            c->bad = tensor;
    }
}

/* The first of a seeded shuffle of the training part. */
uint32_t *wick_calibration_images(wick_arena *arena, const wick_data *data,
                                  const wick_quantize_options *options, int *n) {
    uint32_t total = (uint32_t)data->split[WICK_TRAIN].n;
    *n = options->images < (int)total ? options->images : (int)total;
    uint32_t *indices = wick_new(arena, uint32_t, total);
    for (uint32_t i = 0; i < total; i++)
        indices[i] = i;
    wick_rng rng = wick_rng_seed(options->seed, 0x63616c69 /* "cali" */);
    wick_rng_shuffle(&rng, indices, total);
    return indices;
}

wick_status wick_calibrate(const wick_graph *graph, const wick_data *data,
                           const wick_quantize_options *options, const int *tensors, int n_tensors,
                           wick_histogram *histograms, wick_diag *diag) {
    int n;
    if (data->split[WICK_TRAIN].n < 1)
        return wick_fail(diag, WICK_RANGE, NULL, data->spec, NULL,
                         "the training part has no images to calibrate with");
    wick_arena *arena = wick_arena_new();
    uint32_t *indices = wick_calibration_images(arena, data, options, &n);
    calibration c = {
        .histograms = histograms, .tensors = tensors, .n_tensors = n_tensors, .bad = -1};
    wick_status status = WICK_OK;
    for (int pass = 0; pass < 2 && status == WICK_OK; pass++) {
        c.counting = pass == 1;
        status = wick_eval_tensors(graph, data, WICK_TRAIN, indices, n, tensors, n_tensors, visit,
                                   &c, diag);
        if (status == WICK_OK && c.bad >= 0)
            status = wick_fail(diag, WICK_RANGE, NULL, graph->tensors[c.bad].name,
                               "the training diverged, or the weights are damaged",
                               "has values that are not finite");
    }
    wick_arena_free(arena);
    return status;
}
