#include "design/shrink_state.h"

#include "onnx/onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATE_FORMAT = 3 };
static const char STATE_NAME[] = "state.json";

char *wick_goal_state_path(wick_arena *arena, const wick_goal_options *options, const char *name,
                           const char *suffix) {
    return options->folder ? wick_arena_printf(arena, "%s/%s%s", options->folder, name, suffix)
                           : NULL;
}

static json_t *limit_json(double limit) {
    return isfinite(limit) ? json_real(limit) : json_null();
}

static json_t *budgets_json(const wick_goal_options *options) {
    json_t *json = json_object();
    for (int k = 0; k < WICK_BUDGETS; k++)
        json_object_set_new(json, wick_budget_option((wick_budget)k),
                            limit_json(options->budgets.limit[k]));
    return json;
}

static json_t *plan_json(const wick_plan_options *p) {
    return json_pack("{s:i, s:f, s:f, s:f, s:i, s:i, s:i, s:i}", "optimise", (int)p->optimise,
                     "latency_weight", p->latency_weight, "margin", p->margin, "capacitor_uf",
                     p->capacitor_uf, "max_span_outputs", p->max_span_outputs, "checksum_block",
                     p->checksum_block, "app_bytes", p->app_bytes, "features", (int)p->features);
}

static json_t *quantize_json(const wick_quantize_options *q) {
    return json_pack("{s:i, s:f, s:i, s:I, s:b, s:b}", "calibration", (int)q->calibration,
                     "percentile", q->percentile, "images", q->images, "seed", (json_int_t)q->seed,
                     "equalise", q->equalise, "correct_bias", q->correct_bias);
}

static json_t *separate_json(const wick_separate_options *s) {
    return json_pack("{s:i, s:i, s:I, s:f}", "kernel", (int)s->kernel, "by", (int)s->by, "limit",
                     (json_int_t)s->limit_bytes, "fc_rank", s->fc_rank);
}

/* Whatever decides the result's bytes. The keys are what a mismatch is called. */
static wick_status identity_of(const wick_graph *network, const wick_data *data,
                               const wick_device *device, const wick_goal_options *options,
                               json_t **out, wick_diag *diag) {
    wick_buf model = {0};
    wick_status status = wick_onnx_write_bytes(network, "the network", &model, diag);
    wick_hash hash = wick_hash_bytes(model.data, model.len);
    wick_buf_free(&model);
    WICK_TRY(status);
    *out = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:i, s:f, s:f, s:b, s:b}", "format",
        STATE_FORMAT, "version", wick_version(), "model", hash.hex, "data", data->hash.hex,
        "device", device->hash.hex, "training options",
        wick_train_options_hash(&options->train, network->family.n_heads, options->train.threads)
            .hex,
        "budgets", budgets_json(options), "planning options", plan_json(&options->plan),
        "calibration", quantize_json(&options->quantize), "separation",
        separate_json(&options->separate), "trials", options->trials, "trial share",
        options->trial_share, "limit of fragile layers", options->fragile_points, "keep best",
        options->keep_best, "smallest", options->smallest);
    return WICK_OK;
}

static wick_status compare(const char *path, const json_t *identity, wick_diag *diag) {
    json_t *have, *value;
    const char *key;
    wick_status status = WICK_OK;
    WICK_TRY(wick_json_load(path, &have, diag));
    json_object_foreach((json_t *)(uintptr_t)identity, key, value) {
        if (status == WICK_OK && !json_equal(json_object_get(have, key), value))
            status = wick_fail(diag, WICK_MISMATCH, path, key,
                               "repeat the command that was interrupted, remove this folder, or "
                               "choose another output",
                               "the work that is stored here was begun with another %s", key);
    }
    json_decref(have);
    return status;
}

/* Files of this folder, and what a killed process left of them. */
static bool is_ours(const char *name) {
    return !strncmp(name, STATE_NAME, strlen(STATE_NAME)) ||
           !strncmp(name, WICK_GOAL_TRIAL, strlen(WICK_GOAL_TRIAL)) ||
           !strncmp(name, WICK_GOAL_LONG, strlen(WICK_GOAL_LONG));
}

/* A folder that holds something, but no work of ours, is somebody's. */
static wick_status check_folder(const char *folder, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    char **names;
    size_t n = 0;
    wick_status status = wick_dir_list(arena, folder, &names, &n, diag);
    for (size_t i = 0; i < n && status == WICK_OK; i++)
        if (!is_ours(names[i]))
            status = wick_fail(diag, WICK_OUTPUT, folder, names[i], "choose another output",
                               "the work is kept in this folder, but it holds files of others");
    wick_arena_free(arena);
    return status;
}

wick_status wick_goal_state_open(const wick_graph *network, const wick_data *data,
                                 const wick_device *device, const wick_goal_options *options,
                                 wick_diag *diag) {
    json_t *identity = NULL;
    if (!options->folder)
        return WICK_OK;
    WICK_TRY(wick_dir_make(options->folder, diag));
    WICK_TRY(check_folder(options->folder, diag));
    WICK_TRY(identity_of(network, data, device, options, &identity, diag));
    wick_arena *arena = wick_arena_new();
    const char *path = wick_goal_state_path(arena, options, STATE_NAME, "");
    wick_status status = wick_path_is_file(path) ? compare(path, identity, diag)
                                                 : wick_json_save(path, identity, diag);
    wick_arena_free(arena);
    json_decref(identity);
    return status;
}

void wick_goal_forget(const wick_goal_options *options) {
    if (!options->folder)
        return;
    wick_arena *arena = wick_arena_new();
    char **names;
    size_t n = 0;
    if (wick_dir_list(arena, options->folder, &names, &n, NULL) == WICK_OK)
        for (size_t i = 0; i < n; i++)
            if (is_ours(names[i]))
                unlink(wick_goal_state_path(arena, options, names[i], ""));
    rmdir(options->folder); /* unless there is something of others in it */
    wick_arena_free(arena);
}
