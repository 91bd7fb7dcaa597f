#include "train/inference.h"

#include <stdlib.h>
#include <string.h>

wick_inference wick_inference_of(wick_program *program) {
    return (wick_inference){.program = program, .borrowed = true};
}

/* The graph with its batch, if that is free, as a program of the backend. */
static wick_status open_program(const wick_graph *graph, int batch, const int *outputs,
                                int n_outputs, wick_program **program, wick_diag *diag) {
    wick_graph *copy = wick_graph_clone(graph);
    wick_program_options options = {
        .batch = batch, .winograd = true, .n_outputs = n_outputs, .outputs = outputs};
    wick_status status = wick_graph_set_batch(copy, batch, diag);
    if (status == WICK_OK)
        status = wick_program_build(copy, &options, program, diag);
    wick_graph_free(copy);
    return status;
}

static wick_status allocate(float **out, size_t count, wick_diag *diag) {
    *out = wick_try_alloc(wick_size_mul(count, sizeof **out));
    return *out ? WICK_OK
                : wick_fail(diag, WICK_MEMORY, NULL, NULL, "use a smaller batch",
                            "%zu numbers cannot be had", count);
}

static wick_status open_reference(const wick_graph *graph, wick_inference *run, wick_diag *diag) {
    run->graph = wick_graph_clone(graph);
    WICK_TRY(wick_graph_set_batch(run->graph, 1, diag));
    wick_arena *arena = run->graph->arena;
    run->output = wick_new(arena, float *, run->n_outputs);
    run->count = wick_new(arena, size_t, run->n_outputs);
    const wick_tensor *tensors = run->graph->tensors;
    size_t size = (size_t)wick_shape_count(tensors[graph->input].shape);
    WICK_TRY(allocate(&run->input, wick_size_mul((size_t)run->batch, size), diag));
    for (int i = 0; i < run->n_outputs; i++) {
        const wick_tensor *t = &tensors[run->outputs[i]];
        if (t->dtype != WICK_F32 || t->data)
            return wick_fail(diag, WICK_UNSUPPORTED, NULL, t->name, NULL,
                             "it is no float activation that can be a result");
        run->count[i] = (size_t)wick_shape_count(t->shape);
        WICK_TRY(allocate(&run->output[i], wick_size_mul((size_t)run->batch, run->count[i]), diag));
    }
    return WICK_OK;
}

wick_status wick_inference_open(const wick_graph *graph, int batch, const int *outputs,
                                int n_outputs, wick_inference *out, wick_diag *diag) {
    *out = (wick_inference){.batch = batch, .outputs = outputs, .n_outputs = n_outputs};
    wick_diag refused = {0};
    wick_status status = open_program(graph, batch, outputs, n_outputs, &out->program, &refused);
    if (status == WICK_UNSUPPORTED || status == WICK_SHAPE)
        status = open_reference(graph, out, diag);
    else if (status != WICK_OK)
        wick_diag_move(diag, &refused);
    wick_diag_free(&refused);
    return status;
}

void wick_inference_close(wick_inference *run) {
    if (!run->borrowed)
        wick_program_free(run->program);
    for (int i = 0; run->output && i < run->n_outputs; i++)
        free(run->output[i]);
    free(run->input);
    wick_graph_free(run->graph);
    *run = (wick_inference){0};
}

float *wick_inference_input(const wick_inference *run) {
    return run->program ? wick_program_input(run->program) : run->input;
}

const float *wick_inference_output(const wick_inference *run, int i) {
    return run->program ? wick_program_output(run->program, i) : run->output[i];
}

size_t wick_inference_output_count(const wick_inference *run, int i) {
    return run->program ? wick_program_output_count(run->program, i)
                        : run->count[i] * (size_t)run->batch;
}

static wick_status one_image(wick_inference *run, int image, wick_diag *diag) {
    const wick_graph *g = run->graph;
    size_t size = (size_t)wick_shape_count(g->tensors[g->input].shape);
    void **values;
    WICK_TRY(wick_graph_eval(g, run->input + (size_t)image * size, &values, diag));
    for (int i = 0; i < run->n_outputs; i++)
        memcpy(run->output[i] + (size_t)image * run->count[i], values[run->outputs[i]],
               run->count[i] * sizeof(float));
    wick_values_free(g, values);
    return WICK_OK;
}

wick_status wick_inference_forward(wick_inference *run, wick_diag *diag) {
    if (run->program)
        return wick_program_forward(run->program, diag);
    wick_status status = WICK_OK;
#pragma omp parallel for schedule(dynamic)
    for (int image = 0; image < run->batch; image++) {
        wick_diag own = {0};
        wick_status one = one_image(run, image, &own);
#pragma omp critical
        if (one != WICK_OK && status == WICK_OK) {
            status = one;
            wick_diag_move(diag, &own);
        }
        wick_diag_free(&own);
    }
    return status;
}
