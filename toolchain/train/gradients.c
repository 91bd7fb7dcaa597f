/* A finished network's loss over images, and its gradients batch by batch. */
#include "train/batches.h"
#include "train/losses.h"
#include "train/train.h"

#include <stdlib.h>
#include <string.h>

/* A network as it answers: without dropout, and with the running statistics of its batch norms. */
typedef struct gradient_run {
    wick_graph *graph;
    wick_program *program;
    wick_gradient *gradients; /* [n] */
    int n, batch;
} gradient_run;

/* The logits' tensors; SHAPE unless they are as many as the data's classes. */
static wick_status find_logits(const wick_graph *graph, const wick_data *data, int *logits,
                               wick_diag *diag) {
    for (int k = 0; k < graph->family.n_heads; k++) {
        logits[k] = wick_logits_of(graph, graph->family.heads[k]);
        wick_shape shape = graph->tensors[logits[k]].shape;
        int classes = (int)(wick_shape_count(shape) / shape.dim[0]);
        if (classes != data->n_classes)
            return wick_fail(diag, WICK_SHAPE, data->spec, graph->family.head_names[k], NULL,
                             "the data have %d classes, the module answers %d", data->n_classes,
                             classes);
    }
    return WICK_OK;
}

/* Scale and bias of batch norms are not asked for; frozen, they leave the statistics alone. */
static void freeze_norms(gradient_run *run) {
    for (int n = 0; n < run->graph->n_nodes; n++) {
        const wick_node *node = &run->graph->nodes[n];
        for (int p = 0; p < wick_program_param_count(run->program); p++) {
            wick_param *param = wick_program_param(run->program, p);
            if (node->op == WICK_OP_BATCH_NORM &&
                (param->tensor == node->inputs[1] || param->tensor == node->inputs[2]))
                param->frozen = true;
        }
    }
}

static wick_status open_run(const wick_graph *graph, const wick_data *data, gradient_run *run,
                            wick_diag *diag) {
    int outputs[WICK_MAX_HEADS];
    run->graph = wick_graph_clone(graph);
    for (int n = 0; n < run->graph->n_nodes; n++)
        if (run->graph->nodes[n].op == WICK_OP_DROPOUT)
            run->graph->nodes[n].op = WICK_OP_IDENTITY;
    WICK_TRY(wick_graph_set_batch(run->graph, run->batch, diag));
    WICK_TRY(find_logits(run->graph, data, outputs, diag));
    wick_program_options options = {.batch = run->batch,
                                    .training = true,
                                    .winograd = true,
                                    .n_outputs = graph->family.n_heads,
                                    .outputs = outputs};
    WICK_TRY(wick_program_build(run->graph, &options, &run->program, diag));
    freeze_norms(run);
    WICK_TRY(wick_program_refreeze(run->program, diag));
    run->gradients =
        wick_xalloc((size_t)wick_program_param_count(run->program) * sizeof *run->gradients);
    return WICK_OK;
}

static void close_run(gradient_run *run) {
    for (int i = 0; i < run->n; i++)
        free((void *)(uintptr_t)run->gradients[i].values);
    free(run->gradients);
    wick_program_free(run->program);
    wick_graph_free(run->graph);
}

/* The parameters' gradients in plain layout. */
static wick_status collect(gradient_run *run, const wick_graph *graph, wick_diag *diag) {
    int n = 0;
    for (int p = 0; p < wick_program_param_count(run->program); p++) {
        const wick_param *param = wick_program_param(run->program, p);
        if (!param->trainable || param->frozen)
            continue;
        wick_gradient *gradient = &run->gradients[n++];
        int64_t count = wick_shape_count(run->graph->tensors[param->tensor].shape);
        if (n > run->n) {
            *gradient =
                (wick_gradient){.tensor = wick_graph_find(graph, param->name),
                                .values = wick_xalloc(wick_size_mul((size_t)count, sizeof(float)))};
            run->n = n;
        }
        WICK_TRY(wick_program_plain(run->program, p, param->gradient,
                                    (float *)(uintptr_t)gradient->values, diag));
    }
    return WICK_OK;
}

static wick_status run_batch(gradient_run *run, const wick_graph *graph, const wick_data *data,
                             const uint32_t *indices, uint16_t *labels, wick_diag *diag) {
    wick_normalise normalise = wick_family_normalise(&graph->family);
    wick_data_batch(data, WICK_TRAIN, indices, run->batch, NULL, 0, 0, normalise.mean,
                    normalise.std, wick_program_input(run->program));
    for (int i = 0; i < run->batch; i++)
        labels[i] = data->split[WICK_TRAIN].labels[indices[i]];
    WICK_TRY(wick_program_forward(run->program, diag));
    for (int k = 0; k < graph->family.n_heads; k++) {
        float *gradient = wick_program_output_gradient(run->program, k);
        memset(gradient, 0, wick_program_output_count(run->program, k) * sizeof *gradient);
        wick_loss_cross_entropy(wick_program_output(run->program, k), labels, run->batch,
                                data->n_classes, 1, gradient, NULL);
    }
    WICK_TRY(wick_program_backward(run->program, diag));
    return collect(run, graph, diag);
}

wick_status wick_eval_gradients(const wick_graph *graph, const wick_data *data,
                                const uint32_t *indices, int n, int batch,
                                wick_visit_gradients *visit, void *ctx, wick_diag *diag) {
    WICK_TRY(wick_check_input(graph, data, diag));
    WICK_TRY(wick_check_ranges(graph, data, diag));
    wick_set_threads(0);
    gradient_run run = {.batch = n < batch ? n : batch};
    if (run.batch < 1)
        return WICK_OK;
    uint16_t *labels = wick_xalloc((size_t)run.batch * sizeof *labels);
    wick_status status = open_run(graph, data, &run, diag);
    for (int from = 0; from + run.batch <= n && status == WICK_OK; from += run.batch) {
        if (wick_stop_requested())
            status = wick_fail(diag, WICK_INTERRUPTED, NULL, NULL, NULL, "stopped on request");
        else
            status = run_batch(&run, graph, data, indices + from, labels, diag);
        if (status == WICK_OK)
            visit(ctx, run.gradients, run.n);
    }
    close_run(&run);
    free(labels);
    return status;
}

typedef struct loss_sum {
    const uint16_t *labels;
    const uint32_t *indices;
    int heads[WICK_MAX_HEADS], at[WICK_MAX_HEADS]; /* tensors; images of each so far */
    double sum;
} loss_sum;

static void add_losses(void *ctx, int tensor, const float *logits, int n, size_t classes) {
    loss_sum *l = ctx;
    int k = 0;
    while (l->heads[k] != tensor)
        k++;
    for (int i = 0; i < n; i++) {
        int image = l->at[k]++;
        uint16_t label = l->labels[l->indices ? l->indices[image] : (uint32_t)image];
        l->sum += wick_loss_cross_entropy(logits + (size_t)i * classes, &label, 1, (int)classes, 1,
                                          NULL, NULL);
    }
}

wick_status wick_eval_loss(const wick_graph *graph, const wick_data *data, wick_split split,
                           const uint32_t *indices, int n, double *loss, wick_diag *diag) {
    loss_sum l = {.labels = data->split[split].labels, .indices = indices};
    *loss = 0;
    WICK_TRY(find_logits(graph, data, l.heads, diag));
    WICK_TRY(wick_eval_tensors(graph, data, split, indices, n, l.heads, graph->family.n_heads,
                               add_losses, &l, diag));
    *loss = n > 0 ? l.sum / n : 0;
    return WICK_OK;
}
