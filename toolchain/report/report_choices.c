/* What was chosen: policies as maps, capacitor and panel as a feasible region. */
#include "report/report_parts.h"

static const char *number(page *p, const wick_sizing_point *point, wick_figure figure) {
    return wick_figure_text(p->arena, figure, point->figures[figure]);
}

static void policy_keys(page *p, const wick_policy_table *table) {
    wick_policy_sign signs[WICK_POLICY_SIGNS];
    html_key keys[WICK_POLICY_SIGNS];
    int n = wick_policy_legend(table, signs);
    for (int i = 0; i < n; i++)
        keys[i] = (html_key){signs[i].colour, signs[i].meaning, signs[i].sign, true};
    html_keys(&p->html, keys, n);
}

static wick_status one_policy(page *p, const char *path) {
    enum { COLUMNS = 3 };
    int width, height;
    wick_policy policy;
    const char *world;
    WICK_TRY(wick_policy_load(p->arena, path, p->plan, &policy, p->diag));
    WICK_TRY(wick_policy_world(p->arena, path, &world, p->diag));
    wick_buf_puts(&p->html, "<p>");
    html_textf(&p->html, "%s: %s; recent harvest is a running mean of %.3g s.",
               wick_path_base(path), wick_policy_name((wick_policy_kind)policy.kind),
               policy.memory_ms ? policy.memory_ms * 1e-3 : 10);
    if (policy.kind == WICK_POLICY_FIXED)
        html_textf(&p->html, " Always module %u.", policy.module);
    if (policy.kind == WICK_POLICY_THRESHOLD)
        html_textf(&p->html,
                   " Harvest below %u uW: the smallest module; below %u uW: the middle one; charge "
                   "of %u uJ lifts it.",
                   policy.harvest_low_uw, policy.harvest_high_uw, policy.charge_high_uj);
    if (policy.kind == WICK_POLICY_EDF)
        html_textf(&p->html, " The smallest module first, then what leaves %u uJ.",
                   policy.reserve_uj);
    for (int k = 0; k < WICK_MAX_MODULES; k++)
        if (policy.sure[k])
            html_textf(&p->html,
                       " Module %d ends the input where its margin (largest logit less the second "
                       "largest, in quanta) is at least %u.",
                       k + 1, policy.sure[k]);
    if (world)
        html_textf(&p->html, " Made for %s.", world);
    wick_buf_puts(&p->html, "</p>\n");
    if (policy.kind != WICK_POLICY_TABLE)
        return WICK_OK;
    wick_buf script = {0};
    wick_policy_maps_picture(policy.table, COLUMNS, &width, &height);
    wick_policy_maps_script(policy.table, COLUMNS, &script);
    wick_status status =
        html_plot(&p->html, script.data, width, height,
                  "What is done next at each decision on the way, by usable charge, time left and "
                  "recent harvest (poorest, medium and richest bin).",
                  p->diag);
    wick_buf_free(&script);
    policy_keys(p, policy.table);
    return status;
}

wick_status report_policies(page *p) {
    html_section(&p->html, "policy", "Policy");
    if (!p->options->n_policies)
        wick_buf_puts(&p->html, "<p class=\"note\">No policy was given.</p>\n");
    for (int i = 0; i < p->options->n_policies; i++)
        WICK_TRY(one_policy(p, p->options->policies[i]));
    return WICK_OK;
}

static void sizing_row(page *p, const char *name, const wick_sizing_point *point) {
    const char *cells[] = {name,
                           wick_arena_printf(p->arena, "%.6g µF", point->capacitor_uf),
                           wick_arena_printf(p->arena, "%.3g", point->panel),
                           wick_arena_printf(p->arena, "%.2f V", point->on_v),
                           wick_arena_printf(p->arena, "%.2f V", point->off_v),
                           number(p, point, WICK_FIGURE_ACCURACY),
                           number(p, point, WICK_FIGURE_ANSWERS),
                           number(p, point, WICK_FIGURE_WASTED),
                           number(p, point, WICK_FIGURE_COMMITS)};
    html_row(&p->html, cells, (int)WICK_LEN(cells), 1);
}

/* The panel counts from the scaled trace; files of before these were written say nothing. */
static wick_status sizing_world(page *p, wick_json_at at) {
    const char *policy = "";
    double scale;
    if (!wick_json_has(at, "scale") || !wick_json_has(at, "policy"))
        return WICK_OK;
    WICK_TRY(wick_json_number(at, "scale", 0, 1e12, &scale));
    WICK_TRY(wick_json_string(at, "policy", &policy));
    html_textf(&p->html,
               " Policy %s; panel 1 is the trace's harvest scaled by %g, and other panels are "
               "factors on that.",
               policy, scale);
    return WICK_OK;
}

static wick_status sizing_table(page *p, wick_json_at at, const wick_sizing *s) {
    static const char *const header[] = {"",        "capacitor",   "panel",
                                         "wake",    "brown-out",   "accuracy",
                                         "answers", "thrown away", "commits"};
    wick_buf_puts(&p->html, "<p>");
    html_textf(&p->html, "Target: %s, on %s.", wick_target_text(p->arena, &s->target),
               wick_path_base(s->trace));
    if (s->inputs >= 0)
        html_textf(&p->html, " %d input%s in every run.", s->inputs, s->inputs == 1 ? "" : "s");
    WICK_TRY(sizing_world(p, at));
    wick_buf_puts(&p->html, "</p>\n<div class=\"wide\"><table>\n");
    html_head(&p->html, header, (int)WICK_LEN(header), 1);
    sizing_row(p, "as planned", &s->own);
    if (s->other >= 0)
        sizing_row(p, "best capacitor, else the same", &s->points[s->other]);
    if (s->best >= 0)
        sizing_row(p, "cheapest that reaches the target", &s->points[s->best]);
    wick_buf_puts(&p->html, "</table></div>\n");
    if (s->best < 0)
        wick_buf_puts(&p->html, "<p>Nothing that was tried reaches the target.</p>\n");
    return WICK_OK;
}

static wick_status one_sizing(page *p, wick_json_at at) {
    wick_sizing s;
    int columns, rows;
    WICK_TRY(wick_sizing_from_json(at, p->arena, &s));
    WICK_TRY(sizing_table(p, at, &s));
    wick_sizing_maps(&s, &columns, &rows);
    wick_buf script = {0};
    wick_sizing_script(&s, &script);
    wick_status status =
        html_plot(&p->html, script.data, columns > 1 ? 480 * columns : 640, 360 * rows,
                  "Accuracy within the deadline over capacitor and panel, in colours from the "
                  "lowest to the highest of all maps.",
                  p->diag);
    wick_buf_free(&script);
    return status;
}

wick_status report_sizings(page *p) {
    html_section(&p->html, "sizing", "Sizing");
    if (!p->options->n_sizings)
        wick_buf_puts(&p->html, "<p class=\"note\">No sizing was given.</p>\n");
    for (int i = 0; i < p->options->n_sizings; i++) {
        json_t *root = NULL;
        wick_json_at at;
        wick_status status = report_load(p, p->options->sizings[i], &root, &at);
        if (status == WICK_OK)
            status = report_check_plan(p, at);
        if (status == WICK_OK)
            status = one_sizing(p, at);
        json_decref(root);
        WICK_TRY(status);
    }
    return WICK_OK;
}
