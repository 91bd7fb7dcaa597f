/* What 4 bits in one layer do to the loss of a float network. */
#include "shrink/bits.h"
#include "shrink/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct measuring {
    const wick_data *data;
    wick_split split;
    const uint32_t *indices;
    int images;
} measuring;

static wick_status loss_of(const measuring *m, const wick_graph *graph, double *loss,
                           wick_diag *diag) {
    WICK_TRY(wick_eval_loss(graph, m->data, m->split, m->indices, m->images, loss, diag));
    return isfinite(*loss) ? WICK_OK
                           : wick_fail(diag, WICK_RANGE, NULL, NULL,
                                       "the training diverged, or the file is damaged",
                                       "the network's loss is not a number");
}

static wick_status measure_layer(const measuring *m, const wick_graph *graph, double before,
                                 wick_bits_layer *layer, wick_diag *diag) {
    wick_graph *changed = wick_graph_clone(graph);
    double after = 0;
    layer->narrow = true;
    wick_bits_impose(changed, layer, 1);
    layer->narrow = false;
    wick_status status = loss_of(m, changed, &after, diag);
    layer->loss = after - before;
    wick_graph_free(changed);
    return status;
}

wick_status wick_bits_measure(const wick_graph *graph, const wick_data *data, int images,
                              uint64_t seed, wick_arena *arena, wick_bits_layer **layers, int *n,
                              wick_diag *diag) {
    wick_quantize_options choice = wick_quantize_defaults();
    choice.images = images;
    choice.seed = seed;
    measuring m = {.data = data, .split = WICK_TRAIN};
    m.indices = wick_calibration_images(arena, data, &choice, &m.images);
    int *tensors = wick_new(arena, int, graph->n_tensors + 1);
    double before;
    *n = wick_train_weights(graph, tensors);
    *layers = wick_new(arena, wick_bits_layer, *n + 1);
    WICK_TRY(loss_of(&m, graph, &before, diag));
    for (int i = 0; i < *n; i++) {
        const wick_tensor *w = &graph->tensors[tensors[i]];
        int64_t count = wick_shape_count(w->shape), rows = w->shape.dim[0];
        (*layers)[i] = (wick_bits_layer){.name = wick_arena_strdup(arena, w->name),
                                         .tensor = tensors[i],
                                         .bytes = {count, (count / rows + 1) / 2 * rows}};
        WICK_TRY(measure_layer(&m, graph, before, &(*layers)[i], diag));
    }
    return WICK_OK;
}

static wick_status added(const measuring *m, const wick_graph *from, const wick_graph *to,
                         double *loss, wick_diag *diag) {
    double before, after;
    WICK_TRY(loss_of(m, from, &before, diag));
    WICK_TRY(loss_of(m, to, &after, diag));
    *loss = after - before;
    return WICK_OK;
}

wick_status wick_bits_check(const wick_graph *graph, const wick_data *data, int images,
                            uint64_t seed, const wick_bits_layer *layers, int n,
                            wick_bits_effect *effect, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_quantize_options choice = wick_quantize_defaults();
    wick_graph *changed = wick_graph_clone(graph);
    choice.images = images;
    choice.seed = seed;
    measuring seen = {.data = data, .split = WICK_TRAIN},
              unseen = {
                  .data = data, .split = WICK_VALIDATION, .images = data->split[WICK_VALIDATION].n};
    seen.indices = wick_calibration_images(arena, data, &choice, &seen.images);
    *effect = (wick_bits_effect){.validation = (double)NAN};
    for (int i = 0; i < n; i++)
        effect->sum += layers[i].narrow ? layers[i].loss : 0;
    wick_bits_impose(changed, layers, n);
    wick_status status = added(&seen, graph, changed, &effect->together, diag);
    if (status == WICK_OK && unseen.images > 0)
        status = added(&unseen, graph, changed, &effect->validation, diag);
    wick_graph_free(changed);
    wick_arena_free(arena);
    return status;
}

/* The name as a pattern that matches nothing else. */
static void put_pattern(wick_buf *buf, const char *name) {
    for (; *name; name++) {
        if (strchr("*?[]\\", *name))
            wick_buf_puts(buf, "\\");
        wick_buf_append(buf, name, 1);
    }
}

void wick_bits_impose(wick_graph *graph, const wick_bits_layer *layers, int n) {
    wick_train_options options = wick_train_defaults();
    for (int i = 0; i < n; i++) {
        if (!layers[i].narrow)
            continue;
        wick_buf pattern = {0};
        put_pattern(&pattern, graph->tensors[layers[i].tensor].name);
        options.n_bits = 1;
        options.bits[0] = (wick_bits_rule){pattern.data, 4};
        wick_train_impose(graph, &options);
        wick_buf_free(&pattern);
    }
}
