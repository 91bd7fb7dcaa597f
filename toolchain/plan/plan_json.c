/* plan.json: decisions (steps, spans, places) that are read back, and figures that are recomputed
   and must agree. */
#include "plan/plan_parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAN_JSON_FORMAT = 5, MAX_INDEX = UINT16_MAX };

static const char *const optimise_names[] = {"energy", "speed", "size"};
static const char *const features_names[] = {"auto", "stored", "recomputed"};

/* `to` as seen from folder `from`; `to` itself when either does not exist. */
static const char *relative(wick_arena *arena, const char *from, const char *to) {
    char a[PATH_MAX], b[PATH_MAX];
    if (!to || !realpath(from, a) || !realpath(to, b))
        return to;
    size_t common = 0;
    for (size_t i = 0;; i++) {
        bool end_a = a[i] == '\0' || a[i] == '/', end_b = b[i] == '\0' || b[i] == '/';
        if (end_a && end_b)
            common = i;
        if (a[i] == '\0' || a[i] != b[i])
            break;
    }
    wick_buf path = {0};
    for (const char *p = a + common; *p; p++)
        if (*p == '/' && p[1])
            wick_buf_puts(&path, "../");
    wick_buf_puts(&path, b + common + (b[common] == '/'));
    const char *result = wick_arena_strdup(arena, path.data);
    wick_buf_free(&path);
    return result;
}

/* A shipped profile by its name, any other by its path. */
static const char *device_reference(wick_arena *arena, const char *folder, const char *path) {
    char *stem = wick_arena_strdup(arena, wick_path_base(path)), *found;
    char *dot = strstr(stem, ".json");
    if (dot)
        *dot = '\0';
    if (dot && wick_share_find(arena, "profiles", stem, &found, NULL) == WICK_OK &&
        !strcmp(found, path))
        return stem;
    return relative(arena, folder, path);
}

static json_t *cost_json(wick_cost cost) {
    return json_pack("{s:f,s:f,s:f,s:f}", "energy_uj", cost.energy_uj, "compute_uj",
                     cost.compute_uj, "nvm_uj", cost.nvm_uj, "time_us", cost.time_us);
}

static json_t *spans_json(const wick_plan *plan, const wick_plan_segment *segment) {
    json_t *spans = json_array();
    for (int s = segment->first_span; s < segment->first_span + segment->n_spans; s++) {
        const wick_span *span = &plan->model.spans[s];
        json_t *steps = json_array();
        for (int i = span->first_step; i < span->first_step + span->n_steps; i++) {
            const wick_step *step = &plan->model.steps[i];
            char text[48];
            snprintf(text, sizeof text, "%u %u %u", step->layer, step->first, step->count);
            json_array_append_new(steps, json_string(text));
        }
        json_array_append_new(
            spans, json_pack("{s:I,s:i,s:i,s:s,s:o}", "energy_nj", (json_int_t)span->energy_nj,
                             "need_mv", span->need_mv, "margin_mv", 16 * span->margin_16mv,
                             "commit", span->mandatory ? "mandatory" : "optional", "steps", steps));
    }
    return spans;
}

static json_t *segments_json(const wick_plan *plan) {
    json_t *segments = json_array();
    for (int s = 0; s < plan->n_segments; s++) {
        const wick_plan_segment *segment = &plan->segments[s];
        json_array_append_new(
            segments, json_pack("{s:s,s:I,s:o,s:f,s:f,s:o}", "name", segment->name, "macs",
                                (json_int_t)segment->macs, "cost", cost_json(segment->cost),
                                "charges", segment->charges, "worst_span_uj",
                                segment->worst_span_uj, "spans", spans_json(plan, segment)));
    }
    return segments;
}

static json_t *tensors_json(const wick_plan *plan) {
    json_t *tensors = json_array();
    for (int t = 0; t < plan->model.n_tensors; t++) {
        const wick_place *place = &plan->model.tensors[t];
        json_array_append_new(
            tensors, json_pack("{s:s,s:I,s:I,s:I,s:I}", "name", plan->net->tensors[t].name,
                               "offset", (json_int_t)place->offset, "bytes",
                               (json_int_t)place->bytes, "stride", (json_int_t)place->stride,
                               "sram", place->sram == WICK_NO_SRAM ? -1 : (json_int_t)place->sram));
    }
    return tensors;
}

/* One name for each layer. */
static json_t *kernels_json(const wick_plan *plan) {
    json_t *kernels = json_array();
    for (int l = 0; l < plan->net->n_layers; l++)
        json_array_append_new(
            kernels, json_string(wick_kernel_name(plan->layers[l].kind, plan->layers[l].kernel)));
    return kernels;
}

static json_t *totals_json(const wick_plan *plan) {
    return json_pack(
        "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "ram_bytes",
        (json_int_t)plan->totals.ram_bytes, "scratch_bytes", (json_int_t)plan->totals.scratch_bytes,
        "arena_bytes", (json_int_t)plan->totals.arena_bytes, "stack_bytes",
        (json_int_t)plan->totals.stack_bytes, "engine_bytes", (json_int_t)plan->totals.engine_bytes,
        "nvm_bytes", (json_int_t)plan->totals.nvm_bytes, "memory_bytes",
        (json_int_t)plan->totals.memory_bytes, "flash_bytes", (json_int_t)plan->totals.flash_bytes,
        "constants_bytes", (json_int_t)plan->totals.constants_bytes, "code_bytes",
        (json_int_t)plan->totals.code_bytes);
}

static json_t *document(const wick_plan *plan, const char *path) {
    wick_arena *arena = wick_arena_new();
    const char *folder = wick_path_dir(arena, path);
    json_t *root = json_object();
    json_object_set_new(root, "wick_plan", json_integer(PLAN_JSON_FORMAT));
    json_object_set_new(root, "wick", json_string(wick_version()));
    const char *model = relative(arena, folder, plan->model_path);
    json_object_set_new(root, "model", model ? json_string(model) : json_null());
    json_object_set_new(root, "model_sha256", json_string(plan->net->hash.hex));
    json_object_set_new(root, "device",
                        json_string(device_reference(arena, folder, plan->device->path)));
    json_object_set_new(root, "device_sha256", json_string(plan->device->hash.hex));
    json_object_set_new(
        root, "options",
        json_pack("{s:s,s:s,s:f,s:f,s:f,s:i,s:i,s:i,s:I,s:I,s:I}", "optimise",
                  optimise_names[plan->options.optimise], "features",
                  features_names[plan->options.features], "latency_weight",
                  plan->options.latency_weight, "margin", plan->options.margin, "capacitor_uf",
                  plan->options.capacitor_uf, "max_span_outputs", plan->options.max_span_outputs,
                  "checksum_block", plan->options.checksum_block, "app_bytes",
                  plan->options.app_bytes, "flash_bytes", (json_int_t)plan->options.flash_bytes,
                  "sram_bytes", (json_int_t)plan->options.sram_bytes, "nvm_bytes",
                  (json_int_t)plan->options.nvm_bytes));
    json_object_set_new(root, "plan_sha256", json_string(plan->hash.hex));
    json_object_set_new(root, "modelled_for", json_string(plan->device->name));
    json_object_set_new(root, "charge_uj", json_real(plan->charge_uj));
    json_object_set_new(root, "boot", cost_json(plan->boot));
    json_object_set_new(root, "expected_uj", json_real(plan->expected_uj));
    json_object_set_new(root, "worst_span_uj", json_real(plan->worst_span_uj));
    json_object_set_new(root, "min_capacitor_uf", json_real(plan->min_capacitor_uf));
    json_object_set_new(root, "min_wake_v", json_real(plan->min_wake_v));
    json_object_set_new(root, "totals", totals_json(plan));
    json_object_set_new(root, "record_offsets",
                        json_pack("[I,I]", (json_int_t)plan->model.record_offset[0],
                                  (json_int_t)plan->model.record_offset[1]));
    json_object_set_new(root, "vars_offsets",
                        json_pack("[I,I]", (json_int_t)plan->model.vars_offset[0],
                                  (json_int_t)plan->model.vars_offset[1]));
    json_object_set_new(root, "tally_offset", json_integer(plan->model.tally_offset));
    json_object_set_new(root, "stamp_offset", json_integer(plan->model.stamp_offset));
    json_object_set_new(root, "kernels", kernels_json(plan));
    json_object_set_new(root, "tensors", tensors_json(plan));
    json_object_set_new(root, "segments", segments_json(plan));
    wick_arena_free(arena);
    return root;
}

wick_status wick_plan_save(const wick_plan *plan, const char *path, wick_diag *diag) {
    json_t *root = document(plan, path);
    wick_status status = wick_json_save(path, root, diag);
    json_decref(root);
    return status;
}

static wick_status read_name(wick_json_at at, const char *key, const char *const *names, size_t n,
                             size_t *out) {
    const char *name;
    WICK_TRY(wick_json_string(at, key, &name));
    for (*out = 0; *out < n; ++*out)
        if (!strcmp(name, names[*out]))
            return WICK_OK;
    return wick_json_fail(at, WICK_UNKNOWN, NULL, "%s is '%s'", key, name);
}

static wick_status read_options(wick_json_at root, wick_plan_options *options) {
    wick_json_at at;
    int64_t outputs;
    size_t name;
    WICK_TRY(wick_json_object(root, "options", &at));
    WICK_TRY(read_name(at, "optimise", optimise_names, WICK_LEN(optimise_names), &name));
    options->optimise = (wick_optimise)name;
    WICK_TRY(read_name(at, "features", features_names, WICK_LEN(features_names), &name));
    options->features = (wick_features)name;
    WICK_TRY(wick_json_number(at, "latency_weight", 0, 1, &options->latency_weight));
    WICK_TRY(wick_json_number(at, "margin", 1e-6, 1, &options->margin));
    WICK_TRY(wick_json_number(at, "capacitor_uf", 0, 1e12, &options->capacitor_uf));
    WICK_TRY(wick_json_int(at, "max_span_outputs", 0, INT_MAX, &outputs));
    options->max_span_outputs = (int)outputs;
    WICK_TRY(wick_json_int(at, "checksum_block", 0, WICK_PLAN_MAX_CHECKSUM_BLOCK, &outputs));
    if (outputs != 0 && (outputs < 8 || (outputs & (outputs - 1)) != 0))
        return wick_json_fail(at, WICK_RANGE, NULL, "checksum_block must be 0, 8, 16, 32 or 64");
    options->checksum_block = (int)outputs;
    WICK_TRY(wick_json_int(at, "app_bytes", 0, WICK_PLAN_MAX_APP_BYTES, &outputs));
    options->app_bytes = (int)outputs;
    WICK_TRY(wick_json_int(at, "flash_bytes", 0, INT64_MAX, &options->flash_bytes));
    WICK_TRY(wick_json_int(at, "sram_bytes", 0, INT64_MAX, &options->sram_bytes));
    return wick_json_int(at, "nvm_bytes", 0, INT64_MAX, &options->nvm_bytes);
}

static wick_status read_kernels(wick_json_at root, wick_plan *plan) {
    wick_json_at list;
    size_t count;
    WICK_TRY(wick_json_array(root, "kernels", &list, &count));
    if (count != (size_t)plan->net->n_layers)
        return wick_json_fail(list, WICK_MISMATCH, NULL, "%zu kernels, the model has %d layers",
                              count, plan->net->n_layers);
    for (size_t l = 0; l < count; l++) {
        wick_layer *layer = &plan->layers[l];
        wick_json_at at = wick_json_index(list, l);
        const char *name = json_string_value(at.value);
        uint8_t k = 0;
        while (name && k < WICK_KERNELS && strcmp(name, wick_kernel_name(layer->kind, k)) != 0)
            k++;
        if (!name || k == WICK_KERNELS || !wick_kernel_fits(layer, k))
            return wick_json_fail(at, WICK_UNKNOWN, NULL, "no kernel of this layer");
        layer->kernel = k;
        if (!wick_weights_fit(layer))
            return wick_json_fail(at, WICK_MISMATCH, "plan the model again",
                                  "%s computes no weights of -128, which this layer has", name);
        if (!wick_device_kernel(plan->device, layer)->offered)
            return wick_json_fail(at, WICK_MISMATCH, NULL, "%s does not have this kernel",
                                  plan->device->name);
    }
    wick_plan_pack_weights(plan);
    return WICK_OK;
}

static wick_status read_places(wick_json_at root, wick_plan *plan) {
    wick_json_at list, records;
    size_t count, copies;
    WICK_TRY(wick_json_array(root, "tensors", &list, &count));
    if (count != (size_t)plan->net->n_tensors)
        return wick_json_fail(list, WICK_MISMATCH, NULL, "%zu tensors, the model has %d", count,
                              plan->net->n_tensors);
    wick_place *places = wick_new(plan->arena, wick_place, count);
    for (size_t t = 0; t < count; t++) {
        wick_json_at at = wick_json_index(list, t);
        int64_t offset, bytes, stride, sram;
        WICK_TRY(wick_json_int(at, "offset", 0, UINT32_MAX, &offset));
        WICK_TRY(wick_json_int(at, "bytes", 0, UINT32_MAX, &bytes));
        WICK_TRY(wick_json_int(at, "stride", 0, UINT32_MAX, &stride));
        WICK_TRY(wick_json_int(at, "sram", -1, INT32_MAX, &sram));
        places[t] = (wick_place){.offset = (uint32_t)offset,
                                 .bytes = (uint32_t)bytes,
                                 .stride = (uint32_t)stride,
                                 .sram = sram < 0 ? WICK_NO_SRAM : (uint32_t)sram};
    }
    plan->model.tensors = places;
    wick_plan_place_own(plan);
    WICK_TRY(wick_json_array(root, "record_offsets", &records, &copies));
    for (size_t i = 0; i < 2; i++) {
        json_t *value = json_array_get(records.value, i);
        json_int_t offset = json_integer_value(value);
        if (copies != 2 || !json_is_integer(value) || offset < 0 || offset > UINT32_MAX / 2)
            return wick_json_fail(records, WICK_RANGE, NULL, "must be two offsets");
        plan->model.record_offset[i] = (uint32_t)offset;
    }
    return WICK_OK;
}

/* Steps and spans of all segments, growing while they are read. */
typedef struct reader {
    wick_step *steps;
    wick_span *spans;
    int n_steps, n_spans;
    int first_span[1 + WICK_MAX_HEADS], span_count[1 + WICK_MAX_HEADS];
} reader;

static wick_status read_step(wick_json_at at, const wick_qnet *net, wick_step *step) {
    unsigned layer, first, count;
    int used = 0;
    const char *text = json_string_value(at.value);
    if (!text || strspn(text, "0123456789 ") != strlen(text) || strlen(text) > 40 ||
        sscanf(text, "%9u %10u %10u%n", &layer, &first, &count, &used) != 3 || text[used])
        return wick_json_fail(at, WICK_SYNTAX, NULL, "must be \"LAYER FIRST COUNT\"");
    if (layer >= (unsigned)net->n_layers)
        return wick_json_fail(at, WICK_RANGE, NULL, "layer %u of %d", layer, net->n_layers);
    *step = (wick_step){.layer = (uint16_t)layer, .first = first, .count = count};
    return WICK_OK;
}

static wick_status read_spans(wick_json_at segment, const wick_qnet *net, reader *r) {
    wick_json_at spans, steps;
    size_t n_spans, n_steps;
    WICK_TRY(wick_json_array(segment, "spans", &spans, &n_spans));
    for (size_t s = 0; s < n_spans; s++) {
        WICK_TRY(wick_json_array(wick_json_index(spans, s), "steps", &steps, &n_steps));
        if (r->n_spans >= MAX_INDEX || n_steps > (size_t)(MAX_INDEX - r->n_steps))
            return wick_json_fail(steps, WICK_RANGE, NULL, "more than 65,535 steps or spans");
        r->spans[r->n_spans++] =
            (wick_span){.first_step = (uint16_t)r->n_steps, .n_steps = (uint16_t)n_steps};
        for (size_t i = 0; i < n_steps; i++)
            WICK_TRY(read_step(wick_json_index(steps, i), net, &r->steps[r->n_steps++]));
    }
    return WICK_OK;
}

static wick_status read_segments(wick_json_at root, wick_plan *plan, reader *r) {
    wick_json_at list;
    size_t count;
    WICK_TRY(wick_json_array(root, "segments", &list, &count));
    if (count != (size_t)plan->n_segments)
        return wick_json_fail(list, WICK_MISMATCH, NULL, "%zu segments, the model has %d", count,
                              plan->n_segments);
    r->steps = wick_new(plan->arena, wick_step, MAX_INDEX);
    r->spans = wick_new(plan->arena, wick_span, MAX_INDEX);
    for (size_t s = 0; s < count; s++) {
        r->first_span[s] = r->n_spans;
        WICK_TRY(read_spans(wick_json_index(list, s), plan->net, r));
        r->span_count[s] = r->n_spans - r->first_span[s];
    }
    plan->model.steps = r->steps;
    plan->model.spans = r->spans;
    plan->model.n_steps = (uint16_t)r->n_steps;
    plan->model.n_spans = (uint16_t)r->n_spans;
    return WICK_OK;
}

static wick_status same_hash(wick_json_at root, const char *key, const char *have,
                             const char *hint) {
    const char *hash;
    WICK_TRY(wick_json_string(root, key, &hash));
    if (strcmp(hash, have) != 0) {
        wick_json_at at;
        WICK_TRY(wick_json_get(root, key, &at));
        return wick_json_fail(at, WICK_MISMATCH, hint, "it has changed since it was planned");
    }
    return WICK_OK;
}

/* Every figure must be what this version computes from the decisions. */
static wick_status same_figures(const json_t *root, const wick_plan *plan, const char *path,
                                wick_diag *diag) {
    static const char *const exempt[] = {"wick", "model", "device"};
    json_t *again = document(plan, path);
    for (size_t i = 0; i < WICK_LEN(exempt); i++)
        json_object_set(again, exempt[i], json_object_get(root, exempt[i]));
    wick_status status = WICK_OK;
    const char *key;
    json_t *value;
    json_object_foreach(again, key, value) {
        if (status == WICK_OK && !json_equal(value, json_object_get(root, key)))
            status = wick_fail(diag, WICK_MISMATCH, path, key, "plan again with this version",
                               "the file was edited, or another version made it");
    }
    json_decref(again);
    return status;
}

static wick_status read_plan(wick_json_at root, wick_plan *plan, const char *path,
                             wick_diag *diag) {
    wick_json_at totals;
    int64_t scratch, arena, nvm;
    reader r = {0};
    WICK_TRY(wick_json_number(root, "min_capacitor_uf", 0, 1e15, &plan->min_capacitor_uf));
    WICK_TRY(wick_json_object(root, "totals", &totals));
    WICK_TRY(wick_json_int(totals, "scratch_bytes", 0, UINT32_MAX, &scratch));
    WICK_TRY(wick_json_int(totals, "arena_bytes", 0, scratch, &arena));
    WICK_TRY(wick_json_int(totals, "nvm_bytes", 1, plan->device->nvm.bytes, &nvm));
    plan->model.scratch_bytes = (uint32_t)scratch;
    plan->model.arena_bytes = (uint32_t)arena;
    plan->model.nvm_bytes = (uint32_t)nvm;
    WICK_TRY(read_kernels(root, plan));
    WICK_TRY(read_places(root, plan));
    WICK_TRY(read_segments(root, plan, &r));
    /* A first pass over the decisions alone: costs of nonsense steps are never computed. */
    wick_plan_complete_segments(plan, r.first_span, r.span_count);
    WICK_TRY(wick_plan_check_steps(plan, diag));
    wick_plan_find_lives(plan);
    wick_plan_link(plan);
    wick_plan_complete(plan, r.first_span, r.span_count);
    WICK_TRY(wick_plan_check(plan, diag));
    return same_figures(root.value, plan, path, diag);
}

static wick_status read_header(wick_json_at root, wick_arena *arena, const char *path,
                               const char **model) {
    int64_t format;
    *model = NULL;
    if (!wick_json_has(root, "wick_plan"))
        return wick_json_fail(root, WICK_MISSING, "give a file of `wick plan`", "this is no plan");
    WICK_TRY(wick_json_int(root, "wick_plan", 0, INT32_MAX, &format));
    if (format != PLAN_JSON_FORMAT)
        return wick_json_fail(root, WICK_MISMATCH, "run `wick plan` again",
                              "this plan was made by another version of wick (format %d, not %d)",
                              (int)format, PLAN_JSON_FORMAT);
    if (!wick_json_has(root, "model"))
        return WICK_OK;
    WICK_TRY(wick_json_string(root, "model", model));
    if ((*model)[0] != '/' && strcmp(wick_path_dir(arena, path), ".") != 0)
        *model = wick_path_join(arena, wick_path_dir(arena, path), *model);
    return WICK_OK;
}

static wick_status load_document(json_t *json, const char *path, const wick_qnet *net,
                                 const wick_device *device, wick_plan **out, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_json_at root = wick_json_root(json, path, arena, diag);
    wick_plan_options options;
    const char *model;
    wick_plan *plan = NULL;
    wick_status status = read_header(root, arena, path, &model);
    if (status == WICK_OK)
        status = same_hash(root, "model_sha256", net->hash.hex,
                           "this is not the model that was planned; run `wick plan` again");
    if (status == WICK_OK)
        status = same_hash(root, "device_sha256", device->hash.hex,
                           "the device profile was edited; run `wick plan` again");
    if (status == WICK_OK)
        status = read_options(root, &options);
    if (status == WICK_OK)
        status = wick_plan_accepts(net, model, diag);
    if (status == WICK_OK) {
        plan = wick_plan_new(net, device, &options, model);
        status = read_plan(root, plan, path, diag);
    }
    wick_arena_free(arena);
    if (status == WICK_OK)
        *out = plan;
    else
        wick_plan_free(plan);
    return status;
}

wick_status wick_plan_load_with(const char *path, const wick_qnet *net, const wick_device *device,
                                wick_plan **out, wick_diag *diag) {
    *out = NULL;
    json_t *json;
    WICK_TRY(wick_json_load(path, &json, diag));
    wick_status status = load_document(json, path, net, device, out, diag);
    json_decref(json);
    return status;
}

wick_status wick_plan_references(const char *path, wick_arena *arena, const char **model,
                                 const char **device, wick_diag *diag) {
    json_t *json;
    WICK_TRY(wick_json_load(path, &json, diag));
    wick_json_at root = wick_json_root(json, path, arena, diag);
    wick_status status = read_header(root, arena, path, model);
    if (status == WICK_OK && !*model)
        status = wick_json_fail(root, WICK_MISSING, NULL, "the plan names no model");
    if (status == WICK_OK)
        status = wick_json_string(root, "device", device);
    if (status == WICK_OK && strstr(*device, ".json") && (*device)[0] != '/')
        *device = wick_path_join(arena, wick_path_dir(arena, path), *device);
    json_decref(json);
    return status;
}
