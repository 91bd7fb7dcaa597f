/* 16-bit activations by measurement: one integer network for each tensor that is tried. */
#include "shrink/widths.h"
#include "shrink/bits.h"
#include "shrink/calibrate.h"
#include "shrink/qdq.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Images and what the float network answers to them. */
typedef struct watched {
    wick_split split;
    const uint32_t *indices; /* NULL: the first n */
    int n;
    float *logits[WICK_MAX_HEADS];
} watched;

typedef struct measuring {
    wick_way way;
    const wick_data *data;
    const wick_quantize_options *options;
    wick_arena *arena;
    int *observed;        /* [widths] index into way.tensors */
    watched seen, unseen; /* calibration, validation */
} measuring;

/* Sum of p (log p - log q) over one image's classes. */
static double divergence(const float *exact, const wick_qtensor *t, const int8_t *values, int n) {
    double top[2] = {(double)-INFINITY, (double)-INFINITY}, sum[2] = {0, 0}, result = 0;
    for (int c = 0; c < n; c++) {
        top[0] = fmax(top[0], (double)exact[c]);
        top[1] = fmax(top[1], wick_qtensor_real(t, values, (size_t)c));
    }
    for (int c = 0; c < n; c++) {
        sum[0] += exp((double)exact[c] - top[0]);
        sum[1] += exp(wick_qtensor_real(t, values, (size_t)c) - top[1]);
    }
    for (int c = 0; c < n; c++) {
        double p = (double)exact[c] - top[0] - log(sum[0]);
        double q = wick_qtensor_real(t, values, (size_t)c) - top[1] - log(sum[1]);
        result += exp(p) * (p - q);
    }
    return result;
}

/* Mean over the images. Each has its own place, so the sum does not depend on threads. */
static double mean_loss(const measuring *m, const wick_qnet *net, const watched *w) {
    double *by_image = wick_xalloc((size_t)w->n * sizeof *by_image), sum = 0;
    const uint8_t *pixels = m->data->split[w->split].pixels;
    size_t bytes = (size_t)m->data->height * (size_t)m->data->width * (size_t)m->data->channels;
#pragma omp parallel
    {
        wick_arena *arena = wick_arena_new();
        int8_t **values = wick_qnet_buffers(net, arena);
#pragma omp for schedule(static)
        for (int i = 0; i < w->n; i++) {
            size_t at = w->indices ? w->indices[i] : (size_t)i;
            by_image[i] = 0;
            if (wick_stop_requested())
                continue;
            wick_qnet_run(net, pixels + at * bytes, UINT32_MAX, values);
            for (int k = 0; k < net->n_modules; k++)
                by_image[i] += divergence(w->logits[k] + (size_t)i * (size_t)net->n_classes,
                                          &net->tensors[net->logits[k]], values[net->logits[k]],
                                          net->n_classes);
        }
        wick_arena_free(arena);
    }
    for (int i = 0; i < w->n; i++)
        sum += by_image[i];
    free(by_image);
    return sum / w->n;
}

/* The network with these widths. */
static wick_status lower_with(measuring *m, const wick_width *widths, int n, wick_qnet **net,
                              wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_range *ranges = wick_new(arena, wick_range, m->way.prepared->n_tensors);
    wick_calibration how = m->options->calibration == WICK_CALIBRATE_AUTO ? WICK_CALIBRATE_MSE
                                                                          : m->options->calibration;
    wick_graph *qdq = NULL;
    memset(m->way.wide, 0, (size_t)m->way.n_tensors * sizeof *m->way.wide);
    for (int i = 0; i < n; i++)
        m->way.wide[m->observed[i]] = widths[i].wide;
    wick_way_ranges(&m->way, how, m->options->percentile, ranges);
    *net = NULL;
    wick_status status = wick_qdq_insert(m->way.prepared, ranges, NULL, &qdq, diag);
    if (status == WICK_OK)
        status = wick_qnet_lower(qdq, net, diag);
    wick_graph_free(qdq);
    wick_arena_free(arena);
    return status;
}

/* validation may be NULL. */
static wick_status try_widths(measuring *m, const wick_width *widths, int n, int64_t *bytes,
                              double *loss, double *validation, wick_diag *diag) {
    wick_qnet *net;
    WICK_TRY(lower_with(m, widths, n, &net, diag));
    *bytes = 0;
    for (int t = 0; t < net->n_tensors; t++)
        *bytes += wick_qtensor_bytes(&net->tensors[t]);
    *loss = mean_loss(m, net, &m->seen);
    if (validation)
        *validation = m->unseen.n ? mean_loss(m, net, &m->unseen) : (double)NAN;
    wick_qnet_free(net);
    if (wick_stop_requested())
        return wick_fail(diag, WICK_INTERRUPTED, NULL, NULL, NULL, "stopped on request");
    return WICK_OK;
}

static void set_all(wick_widths *w, bool wide) {
    for (int i = 0; i < w->n; i++)
        w->tensors[i].wide = wide;
}

static wick_status measure(measuring *m, wick_widths *w, wick_diag *diag) {
    wick_progress progress;
    int64_t bytes;
    double loss;
    set_all(w, false);
    WICK_TRY(try_widths(m, w->tensors, w->n, &w->bytes[WICK_WIDTHS_NARROW],
                        &w->loss[WICK_WIDTHS_NARROW], &w->validation[WICK_WIDTHS_NARROW], diag));
    set_all(w, true);
    WICK_TRY(try_widths(m, w->tensors, w->n, &w->bytes[WICK_WIDTHS_WIDE],
                        &w->loss[WICK_WIDTHS_WIDE], &w->validation[WICK_WIDTHS_WIDE], diag));
    wick_status status = WICK_OK;
    wick_progress_begin(&progress, "widths", "tensor", (uint64_t)w->n);
    for (int i = 0; i < w->n && status == WICK_OK; i++) {
        w->tensors[i].wide = false;
        status = try_widths(m, w->tensors, w->n, &bytes, &loss, NULL, diag);
        w->tensors[i].wide = true;
        w->tensors[i].bytes = w->bytes[WICK_WIDTHS_WIDE] - bytes;
        w->tensors[i].loss = loss - w->loss[WICK_WIDTHS_WIDE];
        wick_progress_update(&progress, (uint64_t)i + 1);
    }
    wick_progress_end(&progress);
    return status;
}

/* The knapsack of weights' bits: a tensor's 16 bits are its wide form, its 8 the narrow one. */
static wick_status choose_within(wick_widths *w, int64_t budget, wick_arena *arena,
                                 wick_diag *diag) {
    wick_bits_layer *layers = wick_new(arena, wick_bits_layer, w->n + 1);
    int64_t saved = 0;
    if (w->bytes[WICK_WIDTHS_NARROW] > budget)
        return wick_fail(diag, WICK_NO_FIT, NULL, "--activations",
                         "take more bytes, or make the network smaller first",
                         "the activations take %lld bytes with 8 bits, the budget is %lld",
                         (long long)w->bytes[WICK_WIDTHS_NARROW], (long long)budget);
    for (int i = 0; i < w->n; i++) {
        layers[i] = (wick_bits_layer){.bytes = {2 * w->tensors[i].bytes, w->tensors[i].bytes},
                                      .loss = w->tensors[i].loss};
        saved += w->tensors[i].bytes;
    }
    WICK_TRY(wick_bits_choose(layers, w->n, budget - w->bytes[WICK_WIDTHS_WIDE] + 2 * saved, diag));
    for (int i = 0; i < w->n; i++)
        w->tensors[i].wide = !layers[i].narrow;
    return WICK_OK;
}

/* Cheapest 8 bits first: by loss for the bytes they save. */
static int by_price(const void *a, const void *b) {
    const wick_width *const *x = a, *const *y = b;
    double p = (*x)->loss * (double)(*y)->bytes, q = (*y)->loss * (double)(*x)->bytes;
    return p < q ? -1 : p > q ? 1 : *x < *y ? -1 : 1;
}

/* By halving, between none in 8 bits, which will do, and all. */
static wick_status choose_fewest(measuring *m, wick_widths *w, wick_diag *diag) {
    double gain = w->loss[WICK_WIDTHS_NARROW] - w->loss[WICK_WIDTHS_WIDE];
    double allowed = fmax(WICK_WIDTHS_SHARE * gain, WICK_WIDTHS_LEAST);
    wick_width **order = wick_new(m->arena, wick_width *, w->n + 1);
    int will_do = 0, will_not = w->n;
    set_all(w, gain > allowed);
    if (!(gain > allowed))
        return WICK_OK;
    for (int i = 0; i < w->n; i++)
        order[i] = &w->tensors[i];
    qsort(order, (size_t)w->n, sizeof(wick_width *), by_price);
    while (will_not - will_do > 1) {
        int middle = (will_do + will_not) / 2;
        int64_t bytes;
        double loss;
        for (int i = 0; i < w->n; i++)
            order[i]->wide = i >= middle;
        WICK_TRY(try_widths(m, w->tensors, w->n, &bytes, &loss, NULL, diag));
        *(loss - w->loss[WICK_WIDTHS_WIDE] <= allowed ? &will_do : &will_not) = middle;
    }
    for (int i = 0; i < w->n; i++)
        order[i]->wide = i >= will_do;
    return WICK_OK;
}

/* Ranges of everything, what may be wide, and the float answers. */
static wick_status observe(measuring *m, wick_widths *w, wick_diag *diag) {
    const wick_quantize_options all = {.activation_bits = 16};
    const wick_graph *prepared = m->way.prepared;
    m->way.n_tensors = wick_qdq_observed(prepared, m->arena, &m->way.tensors);
    m->way.wide = wick_new(m->arena, bool, m->way.n_tensors);
    m->way.histograms = wick_new(m->arena, wick_histogram, m->way.n_tensors);
    m->observed = wick_new(m->arena, int, m->way.n_tensors);
    w->tensors = wick_new(m->arena, wick_width, m->way.n_tensors + 1);
    wick_qdq_widths(prepared, &all, m->way.tensors, m->way.n_tensors, m->way.wide);
    for (int i = 0; i < m->way.n_tensors; i++) {
        const char *name = prepared->tensors[m->way.tensors[i]].name;
        if (!m->way.wide[i])
            continue;
        m->observed[w->n] = i;
        w->tensors[w->n++] = (wick_width){.name = wick_arena_strdup(m->arena, name)};
    }
    WICK_TRY(wick_calibrate(prepared, m->data, m->options, m->way.tensors, m->way.n_tensors,
                            m->way.histograms, diag));
    m->seen.split = WICK_TRAIN;
    m->seen.indices = wick_calibration_images(m->arena, m->data, m->options, &m->seen.n);
    int unseen = m->data->split[WICK_VALIDATION].n;
    m->unseen = (watched){.split = WICK_VALIDATION, .n = unseen < m->seen.n ? unseen : m->seen.n};
    for (int i = 0; i < 2; i++) {
        watched *of = i ? &m->unseen : &m->seen;
        WICK_TRY(wick_float_logits(prepared, m->data, of->split, of->indices, of->n, m->arena,
                                   of->logits, diag));
    }
    return WICK_OK;
}

static wick_status choose(measuring *m, int64_t budget, wick_widths *w, wick_diag *diag) {
    WICK_TRY(observe(m, w, diag));
    WICK_TRY(measure(m, w, diag));
    if (budget >= 0)
        WICK_TRY(choose_within(w, budget, m->arena, diag));
    else
        WICK_TRY(choose_fewest(m, w, diag));
    for (int i = 0; i < w->n; i++)
        w->sum += w->tensors[i].wide ? 0 : w->tensors[i].loss;
    return try_widths(m, w->tensors, w->n, &w->bytes[WICK_WIDTHS_CHOSEN],
                      &w->loss[WICK_WIDTHS_CHOSEN], &w->validation[WICK_WIDTHS_CHOSEN], diag);
}

wick_status wick_widths_choose(const wick_graph *graph, const wick_data *data,
                               const wick_quantize_options *options, int64_t budget,
                               wick_arena *arena, wick_widths *out, wick_diag *diag) {
    wick_graph *prepared;
    measuring m = {.data = data, .options = options, .arena = arena};
    *out = (wick_widths){0};
    WICK_TRY(wick_qnet_check(graph, diag));
    WICK_TRY(wick_qdq_prepare(graph, &prepared, diag));
    m.way.prepared = prepared;
    wick_status status = choose(&m, budget, out, diag);
    wick_graph_free(prepared);
    return status;
}
