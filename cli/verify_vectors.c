#include "verify_vectors.h"

#include "emit/emit.h"
#include "emit/verify.h"
#include "onnx/onnx.h"
#include "verify_layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The same numbers in another order of sums differ by less than a millionth of the energy. */
static const double float_db = 60, int8_db = 10;

typedef struct job {
    const cli_vectors *v;
    wick_arena *arena;
    wick_graph *graph, *exact; /* what was named first (or the plan's model); the float one, NULL */
    bool quantized;
    wick_qnet *net;
    wick_plan *plan;
    wick_vectors vectors; /* as `graph` has them */
    json_t *json;         /* or NULL */
    wick_diag *diag;
} job;

static wick_status judge(const job *j, const char *file, const char *what, double limit,
                         const wick_layer_noise *list, int n) {
    for (int i = 0; i < n; i++)
        if (list[i].snr_db < limit)
            return wick_fail(j->diag, WICK_DIFFERS, file, list[i].name,
                             j->exact || !j->quantized
                                 ? "what was compared before it is within the tolerance"
                                 : "give the float model as --float: it tells which layer is the "
                                   "first, and whether a Softmax at the end was left out",
                             "is the first in %s below %g dB, with %.1f dB; element %s of input %d "
                             "is %.6g instead of %.6g",
                             what, limit, list[i].snr_db,
                             wick_element_text(j->arena, list[i].shape, list[i].worst_element),
                             list[i].worst_image, list[i].worst_quantized, list[i].worst_exact);
    return WICK_OK;
}

/* One stage's tensors. */
static void show(job *j, const char *stage, int inputs, const wick_layer_noise *list, int n) {
    if (j->json)
        json_object_set_new(j->json, stage, cli_layers_json(list, n, "expected", "got", j->arena));
    else {
        printf("%s on this machine, %d input%s\n", stage, inputs, inputs > 1 ? "s" : "");
        cli_layers_print(list, n, "expected", stage, j->arena);
        putchar('\n');
    }
}

static wick_status check_float(job *j, const char *path, const wick_graph *graph, double limit) {
    wick_vectors vectors;
    wick_layer_noise *list;
    int n;
    WICK_TRY(wick_vectors_read(j->v->against, graph, false, j->arena, &vectors, j->diag));
    WICK_TRY(wick_vectors_float(graph, &vectors, j->arena, &list, &n, j->diag));
    show(j, "float", vectors.n, list, n);
    return judge(j, path, "float", limit, list, n);
}

static wick_status check_int8(job *j, const char *path) {
    const wick_vectors_int8 v = {
        .qdq = j->graph, .net = j->net, .vectors = &j->vectors, .exact = j->exact};
    wick_int8_comparison c;
    double limit = j->v->tolerance_db > 0 ? j->v->tolerance_db : int8_db;
    WICK_TRY(wick_vectors_int8_run(&v, j->arena, &c, j->diag));
    show(j, wick_graph_precision(j->graph), j->vectors.n, c.tensors, c.n);
    if (j->json)
        json_object_set_new(
            j->json, "answers",
            json_pack("{s:i, s:i}", "compared", c.answers, "same_class", c.same_class));
    else if (c.answers)
        printf("the same class as expected: %d of %d answers\n\n", c.same_class, c.answers);
    return judge(j, path, wick_graph_precision(j->graph), limit, c.tensors, c.n);
}

static void show_device(const job *j, const wick_device_result *result) {
    int equal = 0;
    for (int l = 0; l < result->n_layers; l++)
        equal += result->layers[l].differences == 0;
    if (j->json)
        json_object_set_new(j->json, "device",
                            json_pack("{s:s, s:i, s:i, s:i, s:i}", "core", result->core, "layers",
                                      result->n_layers, "equal_layers", equal, "inputs",
                                      j->vectors.n, "wrong_answers", result->wrong_answers));
    else
        printf("%s on the emulated %s: %d of %d layers equal this machine's on %d input%s, "
               "%d answers of the engine differ\n",
               wick_graph_precision(j->graph), result->core, equal, result->n_layers, j->vectors.n,
               j->vectors.n > 1 ? "s" : "", result->wrong_answers);
}

static wick_status check_folder(job *j, const char *dir) {
    wick_device_result result;
    int8_t *inputs = wick_vectors_inputs(j->net, &j->vectors, j->arena);
    wick_status status = wick_verify_device(dir, j->plan, inputs, j->vectors.n, &result, j->diag);
    if (status == WICK_OK || status == WICK_DIFFERS)
        show_device(j, &result);
    wick_device_result_free(&result);
    return status;
}

/* Plans and emits for the device that was asked for, and compares that. */
static wick_status check_emitted(job *j) {
    wick_device *device;
    const wick_plan_options options = wick_plan_defaults();
    const wick_emit_options emit = wick_emit_defaults();
    char temporary[] = "/tmp/wick-verify-XXXXXX";
    WICK_TRY(wick_device_load(j->arena, j->v->device, &device, j->diag));
    WICK_TRY(wick_plan_make(j->net, device, &options, j->v->model, &j->plan, j->diag));
    if (!mkdtemp(temporary))
        return wick_fail(j->diag, WICK_OUTPUT, "/tmp", NULL, "free some space there",
                         "cannot make a folder for the firmware");
    char *dir = wick_path_join(j->arena, temporary, "firmware");
    wick_status status = wick_emit_write(j->plan, NULL, &emit, dir, j->diag);
    if (status == WICK_OK)
        status = check_folder(j, dir);
    wick_path_remove(temporary);
    return status;
}

static wick_status check_device(job *j) {
    if (j->v->on_device)
        return j->plan ? check_folder(j, j->v->model) : check_emitted(j);
    if (!j->json)
        printf("the emulated device was left out\n");
    return WICK_OK;
}

/* The stages in order, each when the ones before it are within their tolerance. */
static wick_status run(job *j) {
    const cli_vectors *v = j->v;
    const char *path = j->plan ? j->plan->model_path : v->model;
    if (!j->quantized) {
        double limit = v->tolerance_db > 0 ? v->tolerance_db : float_db;
        WICK_TRY(check_float(j, path, j->graph, limit));
        if (!j->json)
            printf("only float: name the quantized model, and this one as --float, for int8\n");
        return WICK_OK;
    }
    if (j->exact)
        WICK_TRY(check_float(j, v->exact, j->exact, float_db));
    WICK_TRY(
        wick_vectors_read(v->against, j->graph, j->exact != NULL, j->arena, &j->vectors, j->diag));
    for (int i = 0; i < j->vectors.n_unknown && !j->json; i++)
        printf("left out: %s, of which the model has no tensor (or no longer)\n",
               j->vectors.unknown[i]);
    WICK_TRY(check_int8(j, path));
    return check_device(j);
}

static wick_status open_models(job *j) {
    const cli_vectors *v = j->v;
    const char *path = v->model;
    if (wick_path_is_dir(v->model)) {
        WICK_TRY(wick_plan_load(v->plan, &j->plan, &j->net, j->diag));
        path = j->plan->model_path;
    }
    WICK_TRY(wick_onnx_read(path, &j->graph, j->diag));
    j->quantized = wick_qdq_is_quantized(j->graph);
    if (v->exact)
        WICK_TRY(wick_onnx_read(v->exact, &j->exact, j->diag));
    if (j->quantized && !j->net) {
        wick_status status = wick_qnet_lower(j->graph, &j->net, j->diag);
        if (status != WICK_OK)
            cli_name_file(j->diag, path);
        return status;
    }
    return WICK_OK;
}

wick_status cli_verify_vectors(const cli_vectors *v, wick_diag *diag) {
    job j = {.v = v, .arena = wick_arena_new(), .diag = diag};
    j.json = v->json ? json_object() : NULL;
    wick_status status = open_models(&j);
    if (status == WICK_OK) {
        status = run(&j);
        if (j.json && (status == WICK_OK || status == WICK_DIFFERS) && !cli_print_json(j.json))
            status = WICK_IO;
        else if (j.json && status != WICK_OK && status != WICK_DIFFERS)
            json_decref(j.json);
    } else
        json_decref(j.json);
    wick_plan_free(j.plan);
    wick_qnet_free(j.net);
    wick_graph_free(j.graph);
    wick_graph_free(j.exact);
    wick_arena_free(j.arena);
    return status;
}
