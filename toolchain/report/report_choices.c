/* What was chosen: policies as maps, capacitor and panel as a feasible region. */
#include "report/report_parts.h"

static const char *number(page *p, const wick_sizing_point *point, wick_figure figure) {
    return wick_figure_text(p->arena, figure, point->figures[figure]);
}

static wick_status one_policy(page *p, const char *path) {
    enum { COLUMNS = 3 };
    int width, height;
    wick_policy policy;
    WICK_TRY(wick_policy_load(p->arena, path, p->plan, &policy, p->diag));
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
    wick_buf_puts(&p->html, "</p>\n");
    if (policy.kind != WICK_POLICY_TABLE)
        return WICK_OK;
    wick_buf script = {0};
    wick_policy_picture(policy.table, COLUMNS, &width, &height);
    wick_policy_script(policy.table, COLUMNS, &script);
    wick_status status =
        html_plot(&p->html, script.data, width, height,
                  "What is done next at each decision on the way, by usable charge, time left and "
                  "recent harvest (poorest, medium and richest bin).",
                  p->diag);
    wick_buf_free(&script);
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
    html_row(&p->html, cells, (int)WICK_LEN(cells), false);
}

static void sizing_table(page *p, const wick_sizing *s) {
    static const char *const header[] = {"",        "capacitor",   "panel",
                                         "wake",    "brown-out",   "accuracy",
                                         "answers", "thrown away", "commits"};
    wick_buf_puts(&p->html, "<p>");
    html_textf(&p->html, "Target: %s, on %s.", wick_target_text(p->arena, &s->target),
               wick_path_base(s->trace));
    wick_buf_puts(&p->html, "</p>\n<div class=\"wide\"><table>\n");
    html_row(&p->html, header, (int)WICK_LEN(header), true);
    sizing_row(p, "as planned", &s->own);
    if (s->other >= 0)
        sizing_row(p, "best capacitor, else the same", &s->points[s->other]);
    if (s->best >= 0)
        sizing_row(p, "cheapest that reaches the target", &s->points[s->best]);
    wick_buf_puts(&p->html, "</table></div>\n");
    if (s->best < 0)
        wick_buf_puts(&p->html, "<p>Nothing that was tried reaches the target.</p>\n");
}

static wick_status one_sizing(page *p, wick_json_at at) {
    wick_sizing s;
    int columns, rows;
    WICK_TRY(wick_sizing_from_json(at, p->arena, &s));
    sizing_table(p, &s);
    wick_sizing_maps(&s, &columns, &rows);
    wick_buf script = {0};
    wick_sizing_script(&s, &script);
    wick_status status = html_plot(
        &p->html, script.data, 480 * columns, 360 * rows,
        "Accuracy within the deadline over capacitor and panel (a factor on the harvest). "
        "Framed: reaches the target. Dot: the cheapest. Grey: no span fits.",
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
