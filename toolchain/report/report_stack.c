/* Energy by cause: of each layer as planned, of each policy as simulated. */
#include "report/report_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An axis's unit, so that its numbers stay short. */
typedef struct unit {
    const char *name;
    double uj;
} unit;

static unit unit_for(double largest_uj) {
    return largest_uj < 1e3   ? (unit){"µJ", 1}
           : largest_uj < 1e6 ? (unit){"mJ", 1e3}
                              : (unit){"J", 1e6};
}

/* ---- layers ---- */

static wick_cost steps_cost(const wick_plan *plan, const wick_span *span) {
    wick_cost cost = {0};
    for (int k = span->first_step; k < span->first_step + span->n_steps; k++)
        cost = wick_cost_add(cost, plan->step_cost[k]);
    return cost;
}

/* Of a span's commit, with what it writes. */
static double commit_of(const wick_plan *plan, int span) {
    double steps_uj = steps_cost(plan, &plan->model.spans[span]).energy_uj;
    return fmax(0, plan->span_cost[span].energy_uj - steps_uj);
}

/* A commit counts for the layer whose step comes before it. */
static double *commits_of_layers(page *p) {
    const wick_plan *plan = p->plan;
    const wick_model *m = &plan->model;
    double *uj = wick_new(p->arena, double, m->n_layers);
    memset(uj, 0, m->n_layers * sizeof *uj);
    for (int s = 0; s < m->n_spans; s++) {
        const wick_span *span = &m->spans[s];
        if (span->n_steps)
            uj[m->steps[span->first_step + span->n_steps - 1].layer] += commit_of(plan, s);
    }
    return uj;
}

wick_status report_layers(page *p) {
    enum { LABELS = 60 };
    const wick_plan *plan = p->plan;
    int n = plan->net->n_layers, each = (n + LABELS - 1) / LABELS;
    double *commit_uj = commits_of_layers(p), most_uj = 0;
    for (int l = 0; l < n; l++)
        most_uj = fmax(most_uj, wick_plan_layer_of(plan, l).cost.energy_uj + commit_uj[l]);
    unit in = unit_for(most_uj);
    wick_buf script = {0};
    wick_buf_puts(&script, "$d << EOD\n");
    for (int l = 0; l < n; l++) {
        wick_cost cost = wick_plan_layer_of(plan, l).cost;
        if (l % each)
            wick_buf_puts(&script, "\"\"");
        else
            wick_buf_printf(&script, "\"%.40s\"", html_label(p->arena, plan->net->info[l].name));
        wick_buf_printf(&script, " %.6g %.6g %.6g\n", cost.compute_uj / in.uj, cost.nvm_uj / in.uj,
                        commit_uj[l] / in.uj);
    }
    wick_buf_printf(
        &script,
        "EOD\nset style data histograms\nset style histogram rowstacked\nset style fill "
        "solid 0.9 noborder\nset boxwidth 0.8\nset ylabel 'energy, %s (modelled)'\n"
        "set xtics rotate by -60 font ',11'\nplot $d using 2:xtic(1) lc rgb "
        "'#15803d', $d using 3 lc rgb '#1d4ed8', $d using 4 lc rgb '#60a5fa'\n",
        in.name);
    wick_status status = html_plot(
        &p->html, script.data, 960, 420,
        "Energy of each layer in the order they run, without boots and repeated work. A "
        "commit, with what it writes from SRAM, counts for the layer before it. Every "
        "planned commit is drawn: with enough charge the engine leaves out those that are "
        "optional, so that simulation and sizing have less for commits.",
        p->diag);
    wick_buf_free(&script);
    static const html_key keys[] = {{"#15803d", "compute", NULL, false},
                                    {"#1d4ed8", "NVM", NULL, false},
                                    {"#60a5fa", "commits", NULL, false}};
    html_keys(&p->html, keys, (int)WICK_LEN(keys));
    return status;
}

void report_parts(page *p) {
    static const char *const header[] = {"part", "spans",   "compute",
                                         "NVM",  "commits", "worst span"};
    const wick_plan *plan = p->plan;
    wick_buf_puts(&p->html, "<div class=\"wide\"><table>\n");
    html_head(&p->html, header, (int)WICK_LEN(header), 1);
    for (int k = 0; k < plan->n_segments; k++) {
        const wick_plan_segment *part = &plan->segments[k];
        wick_cost steps = {0};
        double commits_uj = 0;
        for (int s = part->first_span; s < part->first_span + part->n_spans; s++) {
            steps = wick_cost_add(steps, steps_cost(plan, &plan->model.spans[s]));
            commits_uj += commit_of(plan, s);
        }
        const char *cells[] = {part->name,
                               wick_arena_printf(p->arena, "%d", part->n_spans),
                               wick_text_energy(p->arena, steps.compute_uj),
                               wick_text_energy(p->arena, steps.nvm_uj),
                               wick_text_energy(p->arena, commits_uj),
                               wick_text_energy(p->arena, part->worst_span_uj)};
        html_row(&p->html, cells, (int)WICK_LEN(cells), 1);
    }
    wick_buf_puts(&p->html, "</table></div>\n");
}

/* ---- causes ---- */

enum { CAUSES = 12 };
static const char *const causes[CAUSES][3] = {{"compute_uj", "compute", "#15803d"},
                                              {"nvm_uj", "NVM", "#1d4ed8"},
                                              {"commit_uj", "commits", "#60a5fa"},
                                              {"sense_uj", "sensing", "#0f766e"},
                                              {"boot_uj", "boots", "#a16207"},
                                              {"reexecution_uj", "re-execution", "#b91c1c"},
                                              {"sleep_uj", "sleep", "#9ca3af"},
                                              {"leakage_uj", "leakage", "#d1d5db"},
                                              {"esr_loss_uj", "series resistance", "#a8a29e"},
                                              {"converter_loss_uj", "output converter", "#fbbf24"},
                                              {"input_loss_uj", "input converter", "#fde68a"},
                                              {"clamped_uj", "thrown away when full", "#f9a8d4"}};

typedef struct account {
    const char *policy;
    char *label; /* on an axis */
    double harvested_uj, days, boots, uj[CAUSES];
} account;

enum { LABEL_BYTES = 20 };

/* What fits on an axis: a kind without its parameters, or a path's end. */
static char *short_label(wick_arena *arena, const char *policy) {
    char *label = html_label(arena, policy), *colon = strchr(label, ':');
    size_t len = strlen(label), keep = LABEL_BYTES - 3;
    if (len <= LABEL_BYTES)
        return label;
    if (colon && colon - label <= LABEL_BYTES) {
        *colon = '\0';
        return label;
    }
    const char *end = label + len - keep;
    while ((*end & 0xc0) == 0x80) /* not within a character */
        end++;
    return wick_arena_printf(arena, "…%s", end);
}

/* Runs that would be called the same also get their row in the table. */
static void label_runs(page *p, account *accounts, size_t n) {
    bool *again = wick_new(p->arena, bool, n);
    for (size_t i = 0; i < n; i++)
        accounts[i].label = short_label(p->arena, accounts[i].policy);
    for (size_t i = 0; i < n; i++) {
        again[i] = false;
        for (size_t j = 0; j < n; j++)
            again[i] = again[i] || (j != i && !strcmp(accounts[i].label, accounts[j].label));
    }
    for (size_t i = 0; i < n; i++)
        if (again[i])
            accounts[i].label =
                wick_arena_printf(p->arena, "%s (row %zu)", accounts[i].label, i + 1);
}

static wick_status read_account(wick_json_at run, account *out) {
    wick_json_at energy;
    double simulated_s;
    WICK_TRY(wick_json_string(run, "policy", &out->policy));
    WICK_TRY(wick_json_object(run, "energy", &energy));
    WICK_TRY(wick_json_number(energy, "harvested_uj", 0, 1e18, &out->harvested_uj));
    WICK_TRY(wick_json_number(run, "simulated_s", 0, 1e18, &simulated_s));
    WICK_TRY(wick_json_number(run, "boots", 0, 1e18, &out->boots));
    for (int c = 0; c < CAUSES; c++)
        WICK_TRY(wick_json_number(energy, causes[c][0], 0, 1e18, &out->uj[c]));
    out->days = simulated_s / 86400;
    return WICK_OK;
}

typedef enum basis { OF_HARVEST, OF_DAY, OF_BOOT, BASES } basis;

/* Percent; else µJ. */
static double per(const account *a, basis b, double uj) {
    double whole = b == OF_HARVEST ? a->harvested_uj / 100 : b == OF_DAY ? a->days : a->boots;
    return whole > 0 ? uj / whole : 0;
}

static unit axis_unit(const account *accounts, size_t n, basis b) {
    double most = 0;
    if (b == OF_HARVEST)
        return (unit){"%", 1};
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (int c = 0; c < CAUSES; c++)
            sum += per(&accounts[i], b, accounts[i].uj[c]);
        most = fmax(most, sum);
    }
    return unit_for(most);
}

static wick_status plot(page *p, const account *accounts, size_t n, basis b) {
    static const char *const axis[BASES] = {"share of the harvest", "energy a day",
                                            "energy a boot"};
    static const char *const caption[BASES] = {
        "Where the harvested energy went (what is left is stored).",
        "The same for a day of such harvest.",
        "The same for each boot: what one life of the device, until the power fails, costs with all "
        "that is lost around it. A policy without boots has no bar."};
    unit in = axis_unit(accounts, n, b);
    wick_buf script = {0};
    wick_buf_puts(&script, "$d << EOD\n");
    for (size_t i = 0; i < n; i++) {
        wick_buf_printf(&script, "\"%s\"", accounts[i].label);
        for (int c = 0; c < CAUSES; c++)
            wick_buf_printf(&script, " %.5g", per(&accounts[i], b, accounts[i].uj[c]) / in.uj);
        wick_buf_puts(&script, "\n");
    }
    wick_buf_printf(
        &script,
        "EOD\nset style data histograms\nset style histogram rowstacked\nset style fill solid 0.9 noborder\n"
        "set boxwidth 0.6\nset ylabel '%s, %s'\nset yrange [0:*]\nset xtics rotate by -20\nplot ",
        axis[b], in.name);
    for (int c = 0; c < CAUSES; c++)
        wick_buf_printf(&script, "%s$d using %d%s lc rgb '%s'", c ? ", " : "", c + 2,
                        c ? "" : ":xtic(1)", causes[c][2]);
    enum { FEW = 6 };
    wick_status status = html_plot_twice(&p->html, script.data, 760, n <= FEW ? HTML_NARROW : 0,
                                         360, caption[b], p->diag);
    wick_buf_free(&script);
    html_key keys[CAUSES];
    for (int c = 0; c < CAUSES; c++)
        keys[c] = (html_key){.colour = causes[c][2], .meaning = causes[c][1]};
    html_keys(&p->html, keys, CAUSES);
    return status;
}

static void table_row(page *p, const account *a, const char *name, double uj) {
    const char *cells[] = {name, wick_arena_printf(p->arena, "%.2f %%", per(a, OF_HARVEST, uj)),
                           wick_text_energy(p->arena, per(a, OF_DAY, uj)),
                           a->boots > 0 ? wick_text_energy(p->arena, per(a, OF_BOOT, uj)) : "-"};
    html_row(&p->html, cells, (int)WICK_LEN(cells), 1);
}

static void table(page *p, const account *a) {
    static const char *const header[] = {"cause", "of the harvest", "a day", "a boot"};
    wick_buf_puts(&p->html, "<p>");
    html_textf(&p->html, "Policy %s: %s, %s.", a->policy, wick_text_time(p->arena, a->days * 86400),
               html_count(p->arena, (int64_t)a->boots, "boot", "boots"));
    wick_buf_puts(&p->html, "</p>\n<div class=\"wide\"><table>\n");
    html_head(&p->html, header, (int)WICK_LEN(header), 1);
    for (int c = 0; c < CAUSES; c++)
        table_row(p, a, causes[c][1], a->uj[c]);
    table_row(p, a, "harvested", a->harvested_uj);
    wick_buf_puts(&p->html, "</table></div>\n");
}

wick_status report_causes(page *p, wick_json_at runs, size_t n) {
    account *accounts = wick_new(p->arena, account, n);
    for (size_t i = 0; i < n; i++)
        WICK_TRY(read_account(wick_json_index(runs, i), &accounts[i]));
    label_runs(p, accounts, n);
    for (int b = 0; b < BASES; b++)
        WICK_TRY(plot(p, accounts, n, (basis)b));
    if (n)
        table(p, &accounts[0]);
    return WICK_OK;
}
