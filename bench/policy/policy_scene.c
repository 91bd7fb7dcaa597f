#include "policy_scene.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static wick_status numbers(wick_json_at root, const char *key, double *out, int *n) {
    wick_json_at list;
    size_t count;
    WICK_TRY(wick_json_array(root, key, &list, &count));
    *n = 0;
    for (size_t i = 0; i < count && i < SCENE_MOST; i++)
        out[(*n)++] = json_number_value(wick_json_index(list, i).value);
    return WICK_OK;
}

static wick_status load_sets(wick_json_at root, scene *out) {
    wick_json_at sets, files;
    size_t count, n;
    WICK_TRY(wick_json_array(root, "trace_sets", &sets, &count));
    for (size_t i = 0; i < count && i < SCENE_MOST; i++) {
        wick_json_at at = wick_json_index(sets, i);
        trace_set *s = &out->sets[out->n_sets++];
        WICK_TRY(wick_json_string(at, "name", &s->name));
        WICK_TRY(wick_json_number(at, "period_s", 1e-3, 1e6, &s->period_s));
        if (wick_json_has(at, "block_s"))
            WICK_TRY(wick_json_number(at, "block_s", 1e-3, 1e9, &s->block_s));
        WICK_TRY(wick_json_array(at, "files", &files, &n));
        for (size_t k = 0; k < n && k < SCENE_MOST; k++)
            s->files[s->n++] =
                wick_arena_strdup(at.arena, json_string_value(wick_json_index(files, k).value));
    }
    return WICK_OK;
}

static wick_status load_harvest(wick_json_at root, scene *out) {
    wick_json_at harvest;
    const char *from;
    int64_t steps;
    WICK_TRY(wick_json_object(root, "harvest", &harvest));
    WICK_TRY(wick_json_int(harvest, "steps", 2, 100, &steps));
    out->rho_steps = (int)steps;
    WICK_TRY(wick_json_number(harvest, "to", 0.01, 100, &out->rho_to));
    WICK_TRY(wick_json_string(harvest, "from", &from));
    if (sscanf(from, "%lf * energy of extractor", &out->rho_factor) != 1)
        return wick_json_fail(harvest, WICK_SYNTAX, NULL, "this is no factor on an energy");
    return WICK_OK;
}

wick_status scene_load(wick_arena *arena, const char *path, scene *out, wick_diag *diag) {
    json_t *file;
    int64_t phases = 0;
    *out = (scene){0};
    WICK_TRY(wick_json_load(path, &file, diag));
    wick_json_at root = wick_json_root(file, path, arena, diag);
    wick_status status = wick_json_string(root, "device", &out->device);
    if (status == WICK_OK)
        status = numbers(root, "capacitor_windows", out->windows, &out->n_windows);
    if (status == WICK_OK)
        status = numbers(root, "deadlines_periods", out->deadlines, &out->n_deadlines);
    if (status == WICK_OK)
        status = wick_json_int(root, "start_phases", 1, 100000, &phases);
    if (status == WICK_OK)
        status = wick_json_number(root, "wait_periods", 1e-6, 1, &out->wait_periods);
    if (status == WICK_OK)
        status = load_harvest(root, out);
    if (status == WICK_OK)
        status = load_sets(root, out);
    out->phases = (int)phases;
    json_decref(file);
    return status;
}

static double energy_with(const wick_plan *plan, int module) {
    return plan->segments[0].cost.energy_uj + plan->segments[module].cost.energy_uj;
}

wick_status family_load(wick_arena *arena, const scene *s, const char *plan_path, family *out,
                        wick_diag *diag) {
    *out = (family){0};
    wick_device *device;
    const char *name = strrchr(plan_path, '/');
    snprintf(out->name, sizeof out->name, "%s", name ? name + 1 : plan_path);
    out->name[strcspn(out->name, ".")] = 0;
    WICK_TRY(wick_device_load(arena, s->device, &device, diag));
    WICK_TRY(wick_plan_load(plan_path, &out->own, &out->net, diag));
    out->unit_uj = out->cheapest_uj = energy_with(out->own, 1);
    for (int k = 2; k <= out->own->model.n_modules; k++)
        out->cheapest_uj = fmin(out->cheapest_uj, energy_with(out->own, k));
    double on_v = device->capacitor.on_v, off_v = device->capacitor.off_v;
    for (int w = 0; w < s->n_windows; w++) {
        wick_plan_options options = wick_plan_defaults();
        options.capacitor_uf = 2 * s->windows[w] * out->unit_uj / device->capacitor.efficiency /
                               (on_v * on_v - off_v * off_v);
        wick_status status = wick_plan_make(out->net, device, &options, NULL, &out->plans[w], diag);
        if (status != WICK_OK && status != WICK_NO_FIT)
            return status;
    }
    return WICK_OK;
}

void family_free(family *f, const scene *s) {
    for (int w = 0; w < s->n_windows; w++)
        wick_plan_free(f->plans[w]);
    wick_plan_free(f->own);
    wick_qnet_free(f->net);
}

bool scene_cell(const scene *s, int at, cell *out) {
    int of_file = s->n_windows * s->n_deadlines * s->rho_steps;
    for (int q = 0; q < s->n_sets; q++) {
        int of_set = s->sets[q].n * of_file;
        if (at < of_set) {
            *out = (cell){.set = q,
                          .file = at / of_file,
                          .window = at / (s->n_deadlines * s->rho_steps) % s->n_windows,
                          .deadline = at / s->rho_steps % s->n_deadlines,
                          .rho = at % s->rho_steps};
            return true;
        }
        at -= of_set;
    }
    return false;
}

double scene_rho(const scene *s, const family *f, int step) {
    double from = s->rho_factor * f->cheapest_uj / f->unit_uj;
    return from * pow(s->rho_to / from, step / (s->rho_steps - 1.0));
}

/* ---- traces ---- */

/* Every other block of block_s seconds, from block `first` on, one behind the other. */
static wick_trace *blocks(wick_arena *arena, const wick_trace *t, double block_s, int first) {
    wick_trace *out = wick_new(arena, wick_trace, 1);
    *out = *t;
    out->n = 0;
    out->time_s = wick_new(arena, double, t->n);
    out->power_uw = wick_new(arena, double, t->n);
    double at_s = 0;
    for (int i = 0; i < t->n; i++) {
        if ((int)(t->time_s[i] / block_s) % 2 != first)
            continue;
        out->time_s[out->n] = at_s;
        out->power_uw[out->n++] = t->power_uw[i];
        at_s += wick_trace_end_s(t, i) - t->time_s[i];
    }
    out->end_s = at_s;
    return out;
}

/* Samples joined to at least step_s, by their means: tuning plays a trace some hundred times. */
static wick_trace *coarser(wick_arena *arena, const wick_trace *t, double step_s) {
    wick_trace *out = wick_new(arena, wick_trace, 1);
    *out = *t;
    out->n = 0;
    out->time_s = wick_new(arena, double, t->n);
    out->power_uw = wick_new(arena, double, t->n);
    double uj = 0, since_s = 0;
    for (int i = 0; i < t->n; i++) {
        double end_s = wick_trace_end_s(t, i);
        uj += t->power_uw[i] * (end_s - t->time_s[i]);
        if (end_s - since_s < step_s * 0.999 && i + 1 < t->n)
            continue;
        out->time_s[out->n] = since_s;
        out->power_uw[out->n++] = uj / (end_s - since_s);
        since_s = end_s;
        uj = 0;
    }
    out->end_s = t->end_s;
    return out;
}

static double mean_uw(const wick_trace *t) {
    double uj = 0;
    for (int i = 0; i < t->n; i++)
        uj += t->power_uw[i] * (wick_trace_end_s(t, i) - t->time_s[i]);
    return uj / t->end_s;
}

static wick_status load(wick_arena *arena, const trace_set *set, int file, const wick_plan *plan,
                        const char *folder, wick_trace **out, wick_diag *diag) {
    wick_trace_options options = wick_trace_defaults();
    const char *path = wick_arena_printf(arena, "%s/%s", folder, set->files[file]);
    return wick_trace_load(arena, path, plan->device, &options, out, diag);
}

wick_status scene_worlds(wick_arena *arena, const scene *s, const family *f, const cell *c,
                         const char *folder, wick_judged *judged, wick_judged *tuned,
                         wick_diag *diag) {
    const trace_set *set = &s->sets[c->set];
    const wick_plan *plan = f->plans[c->window];
    const wick_device *d = plan->device;
    double arrives_uw = scene_rho(s, f, c->rho) * f->unit_uj / set->period_s;
    double offered_uw = arrives_uw / d->capacitor.efficiency / d->capacitor.input_efficiency;
    const wick_trace **traces = wick_new(arena, const wick_trace *, set->n + 1);
    int n = 1; /* traces[0]: to judge on */
    for (int i = 0; i < set->n; i++) {
        wick_trace *t;
        if (set->block_s > 0 && i != c->file)
            continue;
        WICK_TRY(load(arena, set, i, plan, folder, &t, diag));
        if (set->block_s > 0) {
            wick_trace *odd =
                coarser(arena, blocks(arena, t, set->block_s, 0), set->period_s / 200);
            traces[n++] = wick_trace_scaled(arena, odd, offered_uw / mean_uw(odd));
            t = blocks(arena, t, set->block_s, 1);
        }
        if (i != c->file)
            t = coarser(arena, t, set->period_s / 200);
        traces[i == c->file ? 0 : n++] = wick_trace_scaled(arena, t, offered_uw / mean_uw(t));
    }
    double deadline_s = s->deadlines[c->deadline] * set->period_s;
    *judged = (wick_judged){
        .plan = plan,
        .traces = traces,
        .n_traces = 1,
        .phases = s->phases,
        .wait_s = s->wait_periods * set->period_s,
        .workload = {.period_s = set->period_s,
                     .deadline_s = deadline_s,
                     .clock_survives = true,
                     .rule = deadline_s > set->period_s ? WICK_INPUT_DROP_NEW : WICK_INPUT_REPLACE,
                     .max_waiting = deadline_s > set->period_s ? 2 : 0}};
    for (int k = 0; k < f->net->n_modules; k++)
        judged->accuracy[k] = f->net->accuracy[k];
    *tuned = *judged;
    tuned->traces = traces + 1;
    tuned->n_traces = n - 1;
    return WICK_OK;
}
