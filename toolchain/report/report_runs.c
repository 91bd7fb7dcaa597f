/* What it does: simulations and the guarantees that verification showed. Their JSON files are
 * input: checked. */
#include "report/report_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

wick_status report_load(page *p, const char *path, json_t **root, wick_json_at *at) {
    WICK_TRY(wick_json_load(path, root, p->diag));
    *at = wick_json_root(*root, path, p->arena, p->diag);
    return WICK_OK;
}

wick_status report_check_plan(const page *p, wick_json_at at) {
    const char *plan;
    WICK_TRY(wick_json_string(at, "plan_sha256", &plan));
    if (strcmp(plan, p->plan->hash.hex) != 0)
        return wick_json_fail(at, WICK_MISMATCH, "make it again with this plan",
                              "this is of another plan");
    return WICK_OK;
}

enum { MAX_PLOTTED = 200000 };

typedef struct event {
    double time_s, voltage;
    const char *kind;
    int module, input;
} event;

static wick_status read_event(wick_json_at list, size_t i, event *out) {
    const json_t *e = json_array_get(list.value, i);
    const json_t *time = json_array_get(e, 0), *voltage = json_array_get(e, 1);
    const json_t *kind = json_array_get(e, 2), *module = json_array_get(e, 3);
    const json_t *input = json_array_get(e, 4);
    if (!json_is_number(time) || !json_is_number(voltage) || !json_is_string(kind) ||
        !json_is_integer(module) || !json_is_integer(input))
        return wick_json_fail(wick_json_index(list, i), WICK_SYNTAX, NULL,
                              "must be [time, voltage, kind, module, input]");
    *out = (event){json_number_value(time), json_number_value(voltage), json_string_value(kind),
                   (int)json_integer_value(module), (int)json_integer_value(input)};
    return WICK_OK;
}

static bool is(const event *e, const char *kind) {
    return !strcmp(e->kind, kind);
}

/* One data block of the plot: the events of a kind (and module, or -1). */
static void block(wick_buf *script, const char *name, const event *events, size_t n,
                  const char *kind, int module) {
    wick_buf_printf(script, "$%s << EOD\n", name);
    size_t written = 0;
    for (size_t i = 0; i < n; i++)
        if ((!kind || is(&events[i], kind)) && (module < 0 || events[i].module == module)) {
            wick_buf_printf(script, "%.6g %.5g\n", events[i].time_s, events[i].voltage);
            written++;
        }
    if (!written)
        wick_buf_puts(script, "0 NaN\n");
    wick_buf_puts(script, "EOD\n");
}

typedef struct timeline {
    const event *events;
    size_t n;
    double on_v, off_v;
} timeline;

/* Stretches of time in which a module (0: the extractor) is in work: from its decision, an input or
   a boot to an answer, a failure or the next decision. */
static void strips(wick_buf *script, const timeline *t, int module, double y) {
    double since_s = -1;
    int working = -1;
    wick_buf_printf(script, "$work%d << EOD\n", module);
    size_t written = 0;
    for (size_t i = 0; i < t->n; i++) {
        const event *e = &t->events[i];
        if (is(e, "voltage"))
            continue;
        if (working == module && e->time_s > since_s && !is(e, "input")) {
            wick_buf_printf(script, "%.6g %g %.6g\n", since_s, y, e->time_s - since_s);
            written++;
        }
        if (is(e, "module") || (is(e, "boot") && e->input >= 0))
            working = e->module;
        else if (!is(e, "input"))
            working = -1;
        since_s = is(e, "input") && working >= 0 ? since_s : e->time_s;
    }
    if (!written)
        wick_buf_puts(script, "0 NaN 0\n");
    wick_buf_puts(script, "EOD\n");
}

static void timeline_keys(page *p) {
    int modules = p->plan->model.n_modules;
    html_key keys[3 + WICK_MAX_HEADS] = {{"#9ca3af", "voltage", "—", false},
                                         {"#111111", "power failure", "×", false},
                                         {"#dc2626", "missed input", "+", false}};
    for (int k = 1; k <= modules; k++)
        keys[2 + k] = (html_key){
            html_colour(k), wick_arena_printf(p->arena, "answer by %s", p->plan->segments[k].name),
            "●", false};
    html_keys(&p->html, keys, 3 + modules);
}

static wick_status plot_voltage(page *p, const timeline *t, const char *caption) {
    wick_buf script = {0};
    int modules = p->plan->model.n_modules;
    double strip_v = t->off_v * 0.9;
    block(&script, "voltage", t->events, t->n, NULL, -1);
    block(&script, "failures", t->events, t->n, "failure", -1);
    block(&script, "misses", t->events, t->n, "miss", -1);
    for (int k = 1; k <= modules; k++) {
        char name[24];
        snprintf(name, sizeof name, "answers%d", k);
        block(&script, name, t->events, t->n, "answer", k);
        strips(&script, t, k, strip_v);
    }
    wick_buf_printf(
        &script,
        "set xlabel 'time, s'\nset ylabel 'capacitor, V'\n"
        "set yrange [%.3g:*]\nset arrow from graph 0, first %.4g to graph 1, first %.4g nohead lc rgb '#999999' dt 2\n"
        "set arrow from graph 0, first %.4g to graph 1, first %.4g nohead lc rgb '#999999' dt 2\n"
        "plot $voltage using 1:2 with lines lw 1 lc rgb '#9ca3af', $failures using 1:2 with "
        "points pt 2 ps 0.6 lc rgb '#111111', $misses using 1:(%g) with points pt 1 ps 0.6 "
        "lc rgb '#dc2626'",
        t->off_v * 0.8, t->on_v, t->on_v, t->off_v, t->off_v, t->off_v * 0.85);
    for (int k = 1; k <= modules; k++)
        wick_buf_printf(&script,
                        ", $answers%d using 1:2 with points pt 7 ps 0.8 lc rgb '%s', "
                        "$work%d using 1:2:3:(0) with vectors nohead lw 5 lc rgb '%s'",
                        k, html_colour(k), k, html_colour(k));
    wick_status status = html_plot(&p->html, script.data, 960, 340, caption, p->diag);
    wick_buf_free(&script);
    timeline_keys(p);
    return status;
}

/* The whole run, and its first twentieth where single charges can be told apart. */
static wick_status plot_timeline(page *p, wick_json_at run, const char *policy, const char *trace,
                                 double on_v, double off_v) {
    wick_json_at list;
    size_t n;
    WICK_TRY(wick_json_array(run, "timeline", &list, &n));
    n = n > MAX_PLOTTED ? MAX_PLOTTED : n;
    event *events = wick_new(p->arena, event, n);
    for (size_t i = 0; i < n; i++)
        WICK_TRY(read_event(list, i, &events[i]));
    timeline all = {.events = events, .n = n, .on_v = on_v, .off_v = off_v};
    WICK_TRY(
        plot_voltage(p, &all,
                     wick_arena_printf(p->arena,
                                       "Capacitor voltage over time under policy %s on %s: "
                                       "power failures, missed inputs, the module of each answer "
                                       "(dots), and which module is in work (strip below). "
                                       "Dashed: wake and brown-out voltage. Modelled.",
                                       policy, trace)));
    timeline start = all;
    for (start.n = 0; start.n < n && events[start.n].time_s <= events[n - 1].time_s / 20;
         start.n++) {
    }
    return start.n > 1 ? plot_voltage(p, &start, "The beginning of the same run.") : WICK_OK;
}

static const char *whole(page *p, wick_json_at at, const char *key, wick_status *status) {
    int64_t value = 0;
    if (*status == WICK_OK)
        *status = wick_json_int(at, key, 0, INT64_MAX, &value);
    return wick_arena_printf(p->arena, "%lld", (long long)value);
}

static wick_status sim_row(page *p, wick_json_at run) {
    wick_status status = WICK_OK;
    const char *policy;
    double accuracy, used = 0, overhead = 0;
    wick_json_at energy, modules;
    WICK_TRY(wick_json_string(run, "policy", &policy));
    WICK_TRY(wick_json_number(run, "accuracy_in_time", 0, 1, &accuracy));
    WICK_TRY(wick_json_object(run, "energy", &energy));
    WICK_TRY(wick_json_object(run, "answers_by_module", &modules));
    static const char *const causes[] = {"compute_uj", "nvm_uj",  "commit_uj",
                                         "sense_uj",   "boot_uj", "reexecution_uj"};
    for (size_t i = 0; i < WICK_LEN(causes); i++) {
        double value;
        WICK_TRY(wick_json_number(energy, causes[i], 0, 1e18, &value));
        used += value;
        overhead += i >= 4 ? value : 0;
    }
    wick_buf split = {0};
    for (int k = 1; k <= p->plan->model.n_modules; k++)
        wick_buf_printf(&split, k > 1 ? " / %s" : "%s",
                        whole(p, modules, p->plan->segments[k].name, &status));
    const char *cells[] = {policy,
                           whole(p, run, "inputs", &status),
                           whole(p, run, "in_time", &status),
                           wick_arena_printf(p->arena, "%.1f %%", 100 * accuracy),
                           whole(p, run, "missed", &status),
                           wick_arena_strdup(p->arena, split.data),
                           whole(p, run, "power_failures", &status),
                           wick_text_energy(p->arena, used),
                           wick_text_energy(p->arena, overhead)};
    wick_buf_free(&split);
    html_row(&p->html, cells, (int)WICK_LEN(cells), 1);
    return status;
}

static wick_status one_sim(page *p, wick_json_at at) {
    wick_json_at runs;
    size_t n;
    const char *trace;
    double period, deadline, scale, on_v, off_v;
    WICK_TRY(wick_json_array(at, "runs", &runs, &n));
    WICK_TRY(wick_json_string(at, "trace", &trace));
    WICK_TRY(wick_json_number(at, "scale", 0, 1e12, &scale));
    WICK_TRY(wick_json_number(at, "period_s", 0, 1e12, &period));
    WICK_TRY(wick_json_number(at, "deadline_s", 0, 1e12, &deadline));
    WICK_TRY(wick_json_number(at, "on_v", 0, 1e6, &on_v));
    WICK_TRY(wick_json_number(at, "off_v", 0, 1e6, &off_v));
    wick_buf_puts(&p->html, "<p>");
    html_textf(
        &p->html,
        "Trace %s, power scaled by %g; an input every %g s, deadline %g s. Accuracy in time counts every "
        "input: one without an answer in time is wrong.",
        wick_path_base(trace), scale, period, deadline);
    wick_buf_puts(&p->html, "</p>\n<div class=\"wide\"><table>\n");
    static const char *const header[] = {"policy",          "inputs",      "in time",
                                         "correct in time", "missed",      "answers by module",
                                         "power failures",  "energy used", "boots and repeats"};
    html_head(&p->html, header, (int)WICK_LEN(header), 1);
    for (size_t i = 0; i < n; i++)
        WICK_TRY(sim_row(p, wick_json_index(runs, i)));
    wick_buf_puts(&p->html, "</table></div>\n");
    if (n)
        WICK_TRY(report_causes(p, runs, n));
    if (!n)
        return WICK_OK;
    wick_json_at first = wick_json_index(runs, 0);
    const char *policy;
    WICK_TRY(wick_json_string(first, "policy", &policy));
    if (wick_json_has(first, "timeline"))
        return plot_timeline(p, first, policy, wick_path_base(trace), on_v, off_v);
    wick_buf_puts(&p->html,
                  "<p class=\"note\">No voltage over time: this simulation has no timeline, which "
                  "wick sim --json --timeline gives.</p>\n");
    return WICK_OK;
}

wick_status report_sims(page *p) {
    html_section(&p->html, "simulation", "On harvested energy");
    if (!p->options->n_sims)
        wick_buf_puts(&p->html, "<p class=\"note\">No simulation was given.</p>\n");
    for (int i = 0; i < p->options->n_sims; i++) {
        json_t *root = NULL;
        wick_json_at at;
        wick_status status = report_load(p, p->options->sims[i], &root, &at);
        if (status == WICK_OK)
            status = report_check_plan(p, at);
        if (status == WICK_OK)
            status = one_sim(p, at);
        json_decref(root);
        WICK_TRY(status);
    }
    return WICK_OK;
}

static wick_status guarantee_rows(page *p, wick_json_at at) {
    wick_json_at list;
    size_t n;
    WICK_TRY(wick_json_array(at, "guarantees", &list, &n));
    wick_buf_puts(&p->html, "<div class=\"wide\"><table>\n");
    static const char *const header[] = {"", "guarantee", "status", "evidence"};
    html_head(&p->html, header, 4, 4);
    for (size_t i = 0; i < n; i++) {
        wick_json_at g = wick_json_index(list, i);
        const char *cells[4];
        WICK_TRY(wick_json_string(g, "id", &cells[0]));
        WICK_TRY(wick_json_string(g, "text", &cells[1]));
        WICK_TRY(wick_json_string(g, "status", &cells[2]));
        WICK_TRY(wick_json_string(g, "evidence", &cells[3]));
        html_row(&p->html, cells, 4, 4);
    }
    wick_buf_puts(&p->html, "</table></div>\n");
    return WICK_OK;
}

wick_status report_guarantees(page *p) {
    html_section(&p->html, "guarantees", "Guarantees");
    if (!p->options->verify) {
        wick_buf_puts(&p->html, "<p class=\"note\">No verification was given.</p>\n");
        return WICK_OK;
    }
    json_t *root = NULL;
    wick_json_at at;
    wick_status status = report_load(p, p->options->verify, &root, &at);
    if (status == WICK_OK)
        status = report_check_plan(p, at);
    if (status == WICK_OK)
        status = guarantee_rows(p, at);
    json_decref(root);
    return status;
}
