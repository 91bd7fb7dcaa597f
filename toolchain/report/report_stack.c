/* Energy by cause: of each layer as planned, of each policy as simulated. */
#include "report/report_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- layers ---- */

/* A commit, with what it writes, counts for the layer whose step comes before it. */
static double *commits_of_layers(page *p) {
    const wick_plan *plan = p->plan;
    const wick_model *m = &plan->model;
    double *uj = wick_new(p->arena, double, m->n_layers);
    memset(uj, 0, m->n_layers * sizeof *uj);
    for (int s = 0; s < m->n_spans; s++) {
        const wick_span *span = &m->spans[s];
        double commit_uj = plan->span_cost[s].energy_uj;
        int end = span->first_step + span->n_steps;
        for (int k = span->first_step; k < end; k++)
            commit_uj -= plan->step_cost[k].energy_uj;
        if (span->n_steps && commit_uj > 0)
            uj[m->steps[end - 1].layer] += commit_uj;
    }
    return uj;
}

wick_status report_layers(page *p) {
    enum { LABELS = 60 };
    const wick_plan *plan = p->plan;
    int n = plan->net->n_layers, each = (n + LABELS - 1) / LABELS;
    double *commit_uj = commits_of_layers(p);
    wick_buf script = {0};
    wick_buf_puts(&script, "$d << EOD\n");
    for (int l = 0; l < n; l++) {
        wick_cost cost = wick_plan_layer_of(plan, l).cost;
        if (l % each)
            wick_buf_puts(&script, "\"\"");
        else
            wick_buf_printf(&script, "\"%.40s\"", html_label(p->arena, plan->net->info[l].name));
        wick_buf_printf(&script, " %.6g %.6g %.6g\n", cost.compute_uj, cost.nvm_uj, commit_uj[l]);
    }
    wick_buf_puts(
        &script,
        "EOD\nset style data histograms\nset style histogram rowstacked\nset style fill "
        "solid 0.9 noborder\nset boxwidth 0.8\nset ylabel 'energy, uJ (modelled)'\nset key "
        "top right\nset xtics rotate by -60 font ',9'\nplot $d using 2:xtic(1) lc rgb "
        "'#15803d' title 'compute', $d using 3 lc rgb '#1d4ed8' title 'NVM', $d using 4 lc "
        "rgb '#60a5fa' title 'commits'\n");
    wick_status status =
        html_plot(&p->html, script.data, 960, 420,
                  "Energy of each layer in the order they run, without boots and repeated work. A "
                  "commit, with what it writes from SRAM, counts for the layer before it.",
                  p->diag);
    wick_buf_free(&script);
    static const html_key keys[] = {
        {"#15803d", "compute", NULL}, {"#1d4ed8", "NVM", NULL}, {"#60a5fa", "commits", NULL}};
    html_keys(&p->html, keys, (int)WICK_LEN(keys));
    return status;
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
    double harvested_uj, days, boots, uj[CAUSES];
} account;

static wick_status read_account(page *p, wick_json_at run, account *out) {
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
    /* Thresholds would not fit on an axis. */
    char *label = html_label(p->arena, out->policy), *cut = strchr(label, ',');
    char *colon = cut ? strchr(label, ':') : NULL;
    if (colon)
        *colon = '\0';
    out->policy = label;
    return WICK_OK;
}

typedef enum basis { OF_HARVEST, OF_DAY, OF_BOOT, BASES } basis;

static double per(const account *a, basis b, double uj) {
    double whole = b == OF_HARVEST ? a->harvested_uj / 100
                   : b == OF_DAY   ? a->days * 1e3
                                   : a->boots * 1e3;
    return whole > 0 ? uj / whole : 0;
}

static wick_status plot(page *p, const account *accounts, size_t n, basis b) {
    static const char *const axis[BASES] = {"share of the harvest, %", "energy a day, mJ",
                                            "energy a boot, mJ"};
    static const char *const caption[BASES] = {
        "Where the harvested energy went (what is left is stored).",
        "The same for a day of such harvest.",
        "The same for each boot: what one life of the device, until the power fails, costs with all "
        "that is lost around it. A policy without boots has no bar."};
    wick_buf script = {0};
    wick_buf_puts(&script, "$d << EOD\n");
    for (size_t i = 0; i < n; i++) {
        wick_buf_printf(&script, "\"%s\"", accounts[i].policy);
        for (int c = 0; c < CAUSES; c++)
            wick_buf_printf(&script, " %.5g", per(&accounts[i], b, accounts[i].uj[c]));
        wick_buf_puts(&script, "\n");
    }
    wick_buf_printf(
        &script,
        "EOD\nset style data histograms\nset style histogram rowstacked\nset style fill solid 0.9 noborder\n"
        "set boxwidth 0.6\nset ylabel '%s'\nset key outside right "
        "reverse Left\nset yrange [0:*]\nset xtics rotate by -20\nplot ",
        axis[b]);
    for (int c = 0; c < CAUSES; c++)
        wick_buf_printf(&script, "%s$d using %d%s lc rgb '%s' title '%s'", c ? ", " : "", c + 2,
                        c ? "" : ":xtic(1)", causes[c][2], causes[c][1]);
    wick_status status = html_plot(&p->html, script.data, 960, 360, caption[b], p->diag);
    wick_buf_free(&script);
    return status;
}

static void table_row(page *p, const account *a, const char *name, double uj) {
    const char *cells[] = {name, wick_arena_printf(p->arena, "%.2f %%", per(a, OF_HARVEST, uj)),
                           wick_text_energy(p->arena, 1e3 * per(a, OF_DAY, uj)),
                           a->boots > 0 ? wick_text_energy(p->arena, 1e3 * per(a, OF_BOOT, uj))
                                        : "-"};
    html_row(&p->html, cells, (int)WICK_LEN(cells), false);
}

static void table(page *p, const account *a) {
    static const char *const header[] = {"cause", "of the harvest", "a day", "a boot"};
    wick_buf_puts(&p->html, "<p>");
    html_textf(&p->html, "Policy %s: %s, %.0f boots.", a->policy,
               wick_text_time(p->arena, a->days * 86400), a->boots);
    wick_buf_puts(&p->html, "</p>\n<div class=\"wide\"><table>\n");
    html_row(&p->html, header, (int)WICK_LEN(header), true);
    for (int c = 0; c < CAUSES; c++)
        table_row(p, a, causes[c][1], a->uj[c]);
    table_row(p, a, "harvested", a->harvested_uj);
    wick_buf_puts(&p->html, "</table></div>\n");
}

wick_status report_causes(page *p, wick_json_at runs, size_t n) {
    account *accounts = wick_new(p->arena, account, n);
    for (size_t i = 0; i < n; i++)
        WICK_TRY(read_account(p, wick_json_index(runs, i), &accounts[i]));
    html_key keys[CAUSES];
    for (int c = 0; c < CAUSES; c++)
        keys[c] = (html_key){.colour = causes[c][2], .meaning = causes[c][1]};
    for (int b = 0; b < BASES; b++) {
        WICK_TRY(plot(p, accounts, n, (basis)b));
        if (b == OF_HARVEST)
            html_keys(&p->html, keys, CAUSES);
    }
    if (n)
        table(p, &accounts[0]);
    return WICK_OK;
}
