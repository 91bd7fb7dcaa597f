#include "plan_deadline.h"
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct answer {
    wick_latency worst;
    bool meets;
    double least_uw; /* at the harvester, that would do; INFINITY: none */
} answer;

static const char *const reasons[] = {
    [WICK_LATENCY_BOUNDED] = "bounded",
    [WICK_LATENCY_NEVER_WAKES] =
        "the capacitor's leakage takes this harvest before it wakes the device",
    [WICK_LATENCY_SPAN] = "a charge does not surely carry this span with a boot before it",
    [WICK_LATENCY_SLEEP] = "a sleeping device takes this harvest: one that waits may wait for ever",
    [WICK_LATENCY_READING] =
        "the voltage at which it goes on does not surely carry this span with all that its commit may write"};

/* Rounded up to three digits, so that the number that is printed does. */
static double round_up(double value) {
    double digit = pow(10, floor(log10(value)) - 2);
    return ceil(value / digit) * digit;
}

static answer ask_module(const wick_plan *plan, const cli_deadline *ask, int module) {
    double share = plan->device->capacitor.input_efficiency;
    wick_latency_options options = wick_latency_defaults();
    options.eager = ask->eager;
    options.arriving_uw = ask->harvest_uw * share;
    double deadline_s = ask->deadline_s > 0 ? ask->deadline_s : 1e300;
    answer a = {.worst = wick_plan_latency(plan, module, &options)};
    a.meets = a.worst.answer_s <= deadline_s;
    a.least_uw = round_up(wick_plan_least_harvest(plan, module, &options, deadline_s) / share);
    return a;
}

static const char *place_of(const wick_plan *plan, const answer *a, int module) {
    if (a->worst.unit < 0)
        return plan->segments[module].name;
    const wick_span *span = &plan->model.spans[a->worst.unit];
    return plan->net->info[plan->model.steps[span->first_step].layer].name;
}

static void tell_no(const wick_plan *plan, const cli_deadline *ask, int module, const answer *a,
                    wick_arena *arena, wick_diag *diag) {
    const char *name = plan->segments[module].name;
    const char *hint =
        isfinite(a->least_uw)
            ? wick_arena_printf(
                  arena, "a harvest of at least %s would do%s", wick_text_power(arena, a->least_uw),
                  ask->eager ? ""
                             : "; ask again with --eager for firmware that waits for no charge")
        : ask->eager
            ? "no harvest would do: choose a smaller module, a larger capacitor or plan smaller spans (--margin)"
            : "ask again with --eager (firmware that commits every span and waits for no charge), "
              "or choose a smaller module";
    if (isinf(a->worst.answer_s))
        wick_fail(diag, WICK_NO_FIT, plan->model_path, place_of(plan, a, module), hint,
                  "no, %s has no worst-case latency at %s: %s", name,
                  wick_text_power(arena, ask->harvest_uw), reasons[a->worst.reason]);
    else
        wick_fail(diag, WICK_NO_FIT, plan->model_path, name, hint,
                  "no, an answer may take %s at %s, the deadline is %s",
                  wick_text_time(arena, a->worst.answer_s), wick_text_power(arena, ask->harvest_uw),
                  wick_text_time(arena, ask->deadline_s));
}

static const char *seconds(wick_arena *arena, double s) {
    return isinf(s) ? "no bound" : wick_text_time(arena, s);
}

static void print_table(const wick_plan *plan, const cli_deadline *ask, const answer *answers,
                        int first, int last, wick_arena *arena) {
    enum { COLUMNS = 6 };
    static const char *const header[COLUMNS] = {
        "answer by", "worst case", "never failing", "recharges, waits", "least harvest", "in time"};
    const char **cells = wick_new(arena, const char *, COLUMNS *(last - first + 2));
    memcpy(cells, header, sizeof header);
    for (int m = first; m <= last; m++) {
        const answer *a = &answers[m];
        const char **row = cells + COLUMNS * (m - first + 1);
        row[0] = plan->segments[m].name;
        row[1] = seconds(arena, a->worst.answer_s);
        row[2] = wick_text_time(arena, a->worst.active_s);
        row[3] = isinf(a->worst.answer_s) ? "-" : wick_arena_printf(arena, "%d", a->worst.stops);
        row[4] = isinf(a->least_uw) ? "none" : wick_text_power(arena, a->least_uw);
        row[5] = ask->deadline_s > 0 ? (a->meets ? "yes" : "no") : "-";
    }
    printf(
        "\nlatency with never less than %s from the harvester (%s reach the capacitor), %s, modelled:\n",
        wick_text_power(arena, ask->harvest_uw),
        wick_text_power(arena, ask->harvest_uw * plan->device->capacitor.input_efficiency),
        ask->eager ? "every span committed" : "commits and waits by voltage");
    cli_print_table(cells, last - first + 2, COLUMNS);
    printf("one recharge takes at most %s; from an empty capacitor the device wakes within %s\n",
           seconds(arena, answers[first].worst.recharge_s),
           seconds(arena, answers[first].worst.cold_start_s));
}

static json_t *bound_json(double value) {
    return isinf(value) ? json_null() : json_real(value);
}

static json_t *latency_json(const wick_plan *plan, const cli_deadline *ask, const answer *answers,
                            int first, int last, bool all) {
    json_t *list = json_array();
    for (int m = first; m <= last; m++) {
        const wick_latency *w = &answers[m].worst;
        json_array_append_new(
            list, json_pack("{s:s,s:o,s:f,s:i,s:b,s:o,s:s}", "module", plan->segments[m].name,
                            "worst_s", bound_json(w->answer_s), "active_s", w->active_s, "stops",
                            w->stops, "meets", answers[m].meets, "least_harvest_uw",
                            bound_json(answers[m].least_uw), "reason", reasons[w->reason]));
    }
    return json_pack("{s:f,s:b,s:o,s:b,s:o,s:o,s:o}", "harvest_min_uw", ask->harvest_uw, "eager",
                     ask->eager, "deadline_s",
                     ask->deadline_s > 0 ? json_real(ask->deadline_s) : json_null(), "meets", all,
                     "recharge_s", bound_json(answers[first].worst.recharge_s), "cold_start_s",
                     bound_json(answers[first].worst.cold_start_s), "modules", list);
}

static wick_status find_modules(const wick_plan *plan, const char *name, int *first, int *last,
                                wick_diag *diag) {
    *first = 1;
    *last = plan->n_segments - 1;
    for (int m = 1; name && m < plan->n_segments; m++) {
        if (strcmp(plan->segments[m].name, name) == 0) {
            *first = *last = m;
            return WICK_OK;
        }
    }
    return name ? wick_fail(diag, WICK_RANGE, plan->model_path, "--module",
                            "`wick describe` lists the modules", "there is no module %s", name)
                : WICK_OK;
}

wick_status cli_plan_deadline(const wick_plan *plan, const cli_deadline *ask, json_t *json,
                              wick_diag *diag) {
    int first, last;
    WICK_TRY(find_modules(plan, ask->module, &first, &last, diag));
    wick_arena *arena = wick_arena_new();
    answer answers[1 + WICK_MAX_HEADS];
    bool all = true;
    for (int m = first; m <= last; m++) {
        answers[m] = ask_module(plan, ask, m);
        all &= answers[m].meets;
    }
    if (json)
        json_object_set_new(json, "latency", latency_json(plan, ask, answers, first, last, all));
    else
        print_table(plan, ask, answers, first, last, arena);
    for (int m = first; m <= last; m++)
        if (!answers[m].meets)
            tell_no(plan, ask, m, &answers[m], arena, diag);
    wick_arena_free(arena);
    return all ? WICK_OK : WICK_NO_FIT;
}
