/* Post-training quantization from end to end; the stages are in qdq.h and calibrate.h. */
#include "shrink/calibrate.h"
#include "shrink/channel_stats.h"
#include "shrink/lower.h"
#include "shrink/qdq.h"

#include <assert.h>

wick_quantize_options wick_quantize_defaults(void) {
    return (wick_quantize_options){.calibration = WICK_CALIBRATE_MSE,
                                   .percentile = 99.99,
                                   .images = 256,
                                   .seed = 1,
                                   .activation_bits = 8};
}

static wick_status lowers(const wick_graph *qdq, wick_diag *diag) {
    wick_qnet *net;
    wick_status status = wick_qnet_lower(qdq, &net, diag);
    wick_qnet_free(net);
    return status;
}

/* Quantizes with made-up ranges and lowers: everything but the numbers is as it will be. */
static wick_status sketch(const wick_graph *prepared, wick_qnet **out, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_range *ranges = wick_new(arena, wick_range, prepared->n_tensors);
    for (int t = 0; t < prepared->n_tensors; t++)
        ranges[t] = (wick_range){.low = -1000, .high = 1000};
    wick_graph *qdq;
    *out = NULL;
    wick_status status = wick_qdq_insert(prepared, ranges, NULL, &qdq, diag);
    if (status == WICK_OK)
        status = lower_structure(qdq, out, diag);
    wick_graph_free(qdq);
    wick_arena_free(arena);
    return status;
}

static wick_status check_structure(const wick_graph *prepared, wick_diag *diag) {
    wick_qnet *net;
    wick_status status = sketch(prepared, &net, diag);
    wick_qnet_free(net);
    return status;
}

wick_status wick_qnet_sketch(const wick_graph *graph, wick_qnet **out, wick_diag *diag) {
    *out = NULL;
    if (wick_qdq_is_quantized(graph))
        return wick_qnet_lower(graph, out, diag);
    wick_graph *prepared;
    WICK_TRY(wick_qdq_prepare(graph, &prepared, diag));
    wick_status status = sketch(prepared, out, diag);
    wick_graph_free(prepared);
    return status;
}

wick_status wick_qnet_check(const wick_graph *graph, wick_diag *diag) {
    wick_qnet *net;
    wick_status status = wick_qnet_sketch(graph, &net, diag);
    wick_qnet_free(net);
    return status;
}

wick_status wick_quantize_activations(const wick_graph *graph, wick_arena *arena,
                                      const char ***names, int *n, wick_diag *diag) {
    const wick_quantize_options all = {.activation_bits = 16};
    wick_graph *prepared;
    int *tensors;
    WICK_TRY(wick_qdq_prepare(graph, &prepared, diag));
    int observed = wick_qdq_observed(prepared, arena, &tensors);
    bool *wide = wick_new(arena, bool, observed);
    wick_qdq_widths(prepared, &all, tensors, observed, wide);
    *names = wick_new(arena, const char *, observed);
    *n = 0;
    for (int i = 0; i < observed; i++)
        if (wide[i])
            (*names)[(*n)++] = wick_arena_strdup(arena, prepared->tensors[tensors[i]].name);
    wick_graph_free(prepared);
    return WICK_OK;
}

static wick_status check_data(const wick_graph *graph, const wick_data *data, wick_diag *diag) {
    wick_shape x = wick_image_shape(graph->tensors[graph->input].shape);
    if (x.rank != 4 || x.dim[1] != data->channels || x.dim[2] != data->height ||
        x.dim[3] != data->width) {
        wick_arena *arena = wick_arena_new();
        wick_status status = wick_fail(
            diag, WICK_SHAPE, NULL, graph->tensors[graph->input].name,
            "calibrate with the kind of data that the model was trained on",
            "the model takes %s, but the images of %s are [1,%d,%d,%d]", wick_shape_text(arena, x),
            data->spec, data->channels, data->height, data->width);
        wick_arena_free(arena);
        return status;
    }
    return WICK_OK;
}

/* What the images show of one way. */
static wick_status observe(const wick_graph *prepared, bool corrects, const wick_data *data,
                           const wick_quantize_options *options, wick_arena *arena, wick_way *way,
                           wick_diag *diag) {
    wick_channel_stats *stats = NULL;
    way->prepared = prepared;
    way->n_tensors = wick_qdq_observed(prepared, arena, &way->tensors);
    way->histograms = wick_new(arena, wick_histogram, way->n_tensors);
    way->wide = wick_new(arena, bool, way->n_tensors);
    wick_qdq_widths(prepared, options, way->tensors, way->n_tensors, way->wide);
    WICK_TRY(wick_calibrate(prepared, data, options, way->tensors, way->n_tensors, way->histograms,
                            diag));
    if (corrects)
        WICK_TRY(wick_channel_stats_measure(prepared, data, options, arena, &stats, diag));
    way->stats = stats;
    return WICK_OK;
}

static wick_status insert(const wick_way *way, const wick_quantize_options *options,
                          const wick_quantize_report *chosen, wick_arena *arena, wick_graph **out,
                          wick_diag *diag) {
    wick_range *ranges = wick_new(arena, wick_range, way->prepared->n_tensors);
    wick_way_ranges(way, chosen->chosen, options->percentile, ranges);
    WICK_TRY(
        wick_qdq_insert(way->prepared, ranges, chosen->corrected ? way->stats : NULL, out, diag));
    wick_status status = lowers(*out, diag);
    if (status != WICK_OK) {
        wick_graph_free(*out);
        *out = NULL;
    }
    return status;
}

static wick_status calibrate_and_insert(const wick_graph *prepared, const wick_graph *equalised,
                                        const wick_data *data, const wick_quantize_options *options,
                                        wick_arena *arena, wick_graph **out, wick_diag *diag) {
    bool tries = options->calibration == WICK_CALIBRATE_AUTO;
    bool corrects = tries || options->correct_bias;
    wick_way ways[2] = {{0}, {0}};
    wick_quantize_report chosen = {.chosen = options->calibration,
                                   .equalised = options->equalise,
                                   .corrected = options->correct_bias};
    if (!options->equalise)
        WICK_TRY(observe(prepared, corrects, data, options, arena, &ways[0], diag));
    if (equalised)
        WICK_TRY(observe(equalised, corrects, data, options, arena, &ways[1], diag));
    if (tries)
        WICK_TRY(wick_choose_calibration(prepared, ways, data, options, &chosen, diag));
    if (options->report)
        *options->report = chosen;
    return insert(&ways[chosen.equalised], options, &chosen, arena, out, diag);
}

wick_status wick_quantize(const wick_graph *graph, const wick_data *data,
                          const wick_quantize_options *options, wick_graph **out, wick_diag *diag) {
    assert(options->images >= 1 && options->percentile > 50 && options->percentile <= 100);
    *out = NULL;
    if (wick_qdq_is_quantized(graph))
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, NULL, "give the float model",
                         "the model is quantized already");
    WICK_TRY(check_data(graph, data, diag));
    wick_graph *prepared;
    WICK_TRY(wick_qdq_prepare(graph, &prepared, diag));
    wick_arena *arena = wick_arena_new();
    wick_graph *equalised = NULL;
    int layers = 0;
    wick_status status = check_structure(prepared, diag);
    if (status == WICK_OK && (options->equalise || options->calibration == WICK_CALIBRATE_AUTO))
        status = wick_equalise(graph, data, options, &equalised, &layers, diag);
    /* Where there is nothing to equalise it need not be tried, too. */
    bool other = layers > 0 || options->equalise;
    if (status == WICK_OK)
        status = calibrate_and_insert(prepared, other ? equalised : NULL, data, options, arena, out,
                                      diag);
    wick_arena_free(arena);
    wick_graph_free(equalised);
    wick_graph_free(prepared);
    return status;
}
