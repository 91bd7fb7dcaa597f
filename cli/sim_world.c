#include "sim_world.h"
#include "class_note.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

wick_status sim_policy(const char *text, const wick_plan *plan, wick_arena *arena, wick_policy *out,
                       wick_diag *diag) {
    const char *hint =
        "use fixed:MODULE, greedy, threshold:LOW_UW,HIGH_UW,CHARGE_UJ, edf:RESERVE_UJ "
        "or a file.json of wick policy synth";
    size_t length = strlen(text);
    if (length > 5 && !strcmp(text + length - 5, ".json"))
        return wick_policy_load(arena, text, plan, out, diag);
    *out = (wick_policy){.kind = WICK_POLICY_GREEDY};
    if (!strcmp(text, "greedy"))
        return WICK_OK;
    if (!strncmp(text, "fixed:", 6)) {
        out->kind = WICK_POLICY_FIXED;
        for (int k = 1; k <= plan->model.n_modules; k++) {
            char number[16];
            snprintf(number, sizeof number, "%d", k);
            if (!strcmp(text + 6, plan->segments[k].name) || !strcmp(text + 6, number))
                out->module = (uint8_t)k;
        }
        if (!out->module)
            return wick_fail(diag, WICK_UNKNOWN, NULL, text, hint, "the plan has no such module");
        return WICK_OK;
    }
    if (!strncmp(text, "threshold", 9)) {
        out->kind = WICK_POLICY_THRESHOLD;
        double is[3]; /* low, high, charge */
        if (text[9] == ':' && wick_parse_numbers(text + 10, 3, is) && is[0] >= 0 &&
            is[1] >= is[0] && is[2] >= 0 && is[1] < 4e9 && is[2] < 4e9) {
            out->harvest_low_uw = (uint32_t)is[0];
            out->harvest_high_uw = (uint32_t)is[1];
            out->charge_high_uj = (uint32_t)is[2];
            return WICK_OK;
        }
        return wick_fail(diag, WICK_SYNTAX, NULL, text, hint, "these are not three thresholds");
    }
    if (!strncmp(text, "edf:", 4)) {
        char *end;
        double reserve = wick_strtod(text + 4, &end);
        out->kind = WICK_POLICY_EDF;
        if (end == text + 4 || *end || !(reserve >= 0 && reserve < 4e9))
            return wick_fail(diag, WICK_SYNTAX, NULL, text, hint, "this is no energy");
        out->reserve_uj = (uint32_t)reserve;
        return WICK_OK;
    }
    return wick_fail(diag, WICK_UNKNOWN, NULL, text, hint, "there is no such policy");
}

/* A seeded choice of `n` validation images as a data set of their own (files may be sorted by
 * class). */
static wick_data choose_samples(const wick_data *data, uint64_t seed, int n, bool others,
                                wick_arena *arena) {
    const wick_images *all = &data->split[WICK_VALIDATION];
    size_t bytes = (size_t)data->height * (size_t)data->width * (size_t)data->channels;
    uint32_t *order = wick_new(arena, uint32_t, all->n);
    for (int i = 0; i < all->n; i++)
        order[i] = (uint32_t)i;
    wick_rng rng = wick_rng_seed(seed, 0x73616d70);
    wick_rng_shuffle(&rng, order, (size_t)all->n);
    if (others)
        order += all->n - n;
    wick_data chosen = *data;
    wick_images *some = &chosen.split[WICK_VALIDATION];
    *some = (wick_images){.n = n,
                          .pixels = wick_arena_alloc(arena, wick_size_mul((size_t)n, bytes)),
                          .labels = wick_new(arena, uint16_t, n)};
    for (int i = 0; i < n; i++) {
        memcpy(some->pixels + (size_t)i * bytes, all->pixels + order[i] * bytes, bytes);
        some->labels[i] = all->labels[order[i]];
    }
    return chosen;
}

static wick_status label_samples(const wick_qnet *net, const wick_data *data, uint64_t seed,
                                 int limit, bool others, sim_inputs *out, wick_arena *arena,
                                 wick_diag *diag) {
    int n = data->split[WICK_VALIDATION].n < limit ? data->split[WICK_VALIDATION].n : limit;
    wick_data chosen = choose_samples(data, seed, n, others, arena);
    const wick_images *images = &chosen.split[WICK_VALIDATION];
    int64_t counts[WICK_MAX_HEADS];
    size_t total = wick_size_mul((size_t)n, (size_t)net->n_modules);
    uint16_t *predictions = wick_new(arena, uint16_t, total);
    *out = (sim_inputs){.n = n,
                        .correct = wick_new(arena, uint8_t, total),
                        .margins = wick_new(arena, uint16_t, total),
                        .labels = images->labels};
    WICK_TRY(wick_eval_int8(net, &chosen, WICK_VALIDATION, 0, n, counts, predictions, out->margins,
                            diag));
    for (int k = 0; k < net->n_modules; k++)
        for (int s = 0; s < n; s++)
            out->correct[k * n + s] = predictions[k * n + s] == images->labels[s];
    size_t bytes = (size_t)data->height * (size_t)data->width * (size_t)data->channels;
    out->inputs = wick_new(arena, int8_t, wick_size_mul((size_t)n, bytes));
    for (size_t i = 0; i < (size_t)n * bytes; i++)
        out->inputs[i] = net->pixel_to_input[i % net->input_channels][images->pixels[i]];
    return WICK_OK;
}

/* An option that changes nothing would be taken for one that does. */
static wick_status check_given(const sim_args *a, const sim_world *w, wick_diag *diag) {
    const struct {
        const char *option;
        unsigned bit;
        bool given;
    } options[] = {{"--load-ohm", WICK_TRACE_LOAD, a->given.load_ohm},
                   {"--source-ohm", WICK_TRACE_SOURCE, a->given.source_ohm},
                   {"--area", WICK_TRACE_AREA, a->given.area},
                   {"--panel-efficiency", WICK_TRACE_EFFICIENCY, a->given.panel_efficiency}};
    unsigned depends = 0;
    for (int i = 0; i < w->n_traces; i++)
        depends |= w->traces[i]->depends;
    for (size_t i = 0; i < WICK_LEN(options); i++)
        if (options[i].given && !(depends & options[i].bit))
            return wick_fail(diag, WICK_UNSUPPORTED, w->traces[0]->path, options[i].option,
                             "leave it out; --scale multiplies any harvest",
                             "with this harvester a trace of %s does not depend on it",
                             w->traces[0]->quantity);
    return WICK_OK;
}

static wick_status load_arrivals(sim_args *a, wick_arena *arena, wick_diag *diag) {
    wick_workload *w = &a->options.workload;
    WICK_TRY(wick_workload_load(arena, a->arrivals, w, diag));
    if (w->urgent && w->urgent_every)
        return wick_fail(diag, WICK_UNSUPPORTED, a->arrivals, "--urgent", "leave one of both out",
                         "its column urgent says which inputs are urgent");
    return WICK_OK;
}

static wick_status load_traces(sim_args *a, sim_world *w, wick_arena *arena, wick_diag *diag) {
    wick_harvester *harvester = NULL;
    if (a->harvester)
        WICK_TRY(wick_harvester_load(arena, a->harvester, &harvester, diag));
    a->options.harvester = a->trace_options.harvester = harvester;
    for (w->n_traces = 0; w->n_traces < a->n_traces; w->n_traces++)
        WICK_TRY(wick_trace_load(arena, a->traces[w->n_traces], w->plan->device, &a->trace_options,
                                 &w->traces[w->n_traces], diag));
    WICK_TRY(check_given(a, w, diag));
    if (!a->arrivals || !strcmp(a->arrivals, "periodic"))
        return WICK_OK;
    if (strcmp(a->arrivals, "poisson") != 0)
        return load_arrivals(a, arena, diag);
    a->options.workload.arrivals = WICK_ARRIVALS_POISSON;
    return WICK_OK;
}

wick_status sim_world_open_harvest(sim_args *a, const char *plan_path, wick_arena *arena,
                                   sim_world *w, wick_diag *diag) {
    *w = (sim_world){0};
    WICK_TRY(wick_plan_load(plan_path, &w->plan, &w->net, diag));
    return load_traces(a, w, arena, diag);
}

wick_status sim_world_open(sim_args *a, const char *plan_path, wick_arena *arena, sim_world *w,
                           wick_diag *diag) {
    WICK_TRY(sim_world_open_harvest(a, plan_path, arena, w, diag));
    return sim_world_open_data(a, arena, w, diag);
}

wick_status sim_world_open_data(sim_args *a, wick_arena *arena, sim_world *w, wick_diag *diag) {
    wick_data_options options = wick_data_defaults();
    options.n_ranges = w->net->ranged ? w->net->input_channels : 0;
    options.low = w->net->low;
    options.high = w->net->high;
    WICK_TRY(wick_data_open(a->data, &options, &w->data, diag));
    cli_note_classes(w->net->labels, w->net->n_classes, w->data);
    WICK_TRY(label_samples(w->net, w->data, a->options.seed, a->samples, a->others, &w->inputs,
                           arena, diag));
    a->options.margins = w->inputs.margins;
    return WICK_OK;
}

void sim_world_close(sim_world *w) {
    wick_data_free(w->data);
    wick_plan_free(w->plan);
    wick_qnet_free(w->net);
}

json_t *sim_energy_json(const wick_energy *e) {
    const struct {
        const char *name;
        double uj;
    } causes[] = {{"harvested_uj", e->harvested_uj},
                  {"input_loss_uj", e->input_loss_uj},
                  {"clamped_uj", e->clamped_uj},
                  {"leakage_uj", e->leakage_uj},
                  {"esr_loss_uj", e->esr_loss_uj},
                  {"converter_loss_uj", e->converter_loss_uj},
                  {"boot_uj", e->boot_uj},
                  {"sense_uj", e->sense_uj},
                  {"compute_uj", e->compute_uj},
                  {"nvm_uj", e->nvm_uj},
                  {"commit_uj", e->commit_uj},
                  {"sleep_uj", e->sleep_uj},
                  {"reexecution_uj", e->reexecution_uj},
                  {"stored_uj", e->stored_uj}};
    json_t *o = json_object();
    for (size_t i = 0; i < WICK_LEN(causes); i++)
        json_object_set_new(o, causes[i].name, json_real(causes[i].uj));
    return o;
}
