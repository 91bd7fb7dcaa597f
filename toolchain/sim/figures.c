#include "sim/sim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *unit, *meaning;
    bool share;
} table[] = {
#define X(id, name, share, unit, meaning) {name, unit, meaning, share},
    WICK_FIGURE_TABLE(X)
#undef X
};

const char *wick_figure_name(wick_figure figure) {
    return table[figure].name;
}

const char *wick_figure_meaning(wick_figure figure) {
    return table[figure].meaning;
}

char *wick_figure_text(wick_arena *arena, wick_figure figure, double value) {
    if (isnan(value))
        return wick_arena_strdup(arena, "-");
    if (table[figure].share)
        return wick_arena_printf(arena, "%.1f %%", 100 * value);
    if (figure == WICK_FIGURE_LATENCY)
        return wick_text_time(arena, value);
    if (figure == WICK_FIGURE_DRAWN)
        return wick_text_energy(arena, value);
    return wick_arena_printf(arena, value < 100 ? "%.3g %s" : "%.0f %s", value, table[figure].unit);
}

static double ratio(double part, double whole) {
    return whole > 0 ? part / whole : NAN;
}

void wick_figures_of(const wick_sim_result *r, double figures[WICK_FIGURES]) {
    const wick_energy *e = &r->energy;
    double drawn_uj = e->boot_uj + e->sense_uj + e->compute_uj + e->nvm_uj + e->commit_uj +
                      e->sleep_uj + e->reexecution_uj;
    figures[WICK_FIGURE_ACCURACY] = ratio(r->expected_in_time, r->inputs);
    figures[WICK_FIGURE_ANSWERS] = ratio(r->in_time, r->inputs);
    figures[WICK_FIGURE_LATENCY] = r->answers ? r->mean_latency_s : NAN;
    figures[WICK_FIGURE_FAILURES] = ratio(86400.0 * r->power_failures, r->simulated_s);
    figures[WICK_FIGURE_WASTED] = ratio(e->clamped_uj, e->harvested_uj);
    figures[WICK_FIGURE_LEAKAGE] = ratio(e->leakage_uj, e->harvested_uj);
    figures[WICK_FIGURE_COMMITS] = ratio(e->commit_uj, drawn_uj);
    figures[WICK_FIGURE_REPEATS] = ratio(e->boot_uj + e->reexecution_uj, drawn_uj);
    figures[WICK_FIGURE_DRAWN] = ratio(drawn_uj, r->inputs);
}

/* ---- targets ---- */

static const char hint[] =
    "write it as \"accuracy>=80%,answers>=95%\"; figures: accuracy, answers, latency, failures, "
    "wasted, leakage, commits, repeats, drawn";

static const char blanks[] = " \t\n";

static char *trim(char *text) {
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length && strchr(blanks, text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* Closes the gap between number and unit. */
static bool parse_value(wick_figure figure, char *text, double *out) {
    char *end;
    double value = wick_strtod(text, &end);
    if (end == text || !isfinite(value) || value < 0)
        return false;
    const char *unit = end + strspn(end, blanks);
    memmove(end, unit, strlen(unit) + 1);
    if ((figure == WICK_FIGURE_LATENCY && wick_parse_time_s(text, out)) ||
        (figure == WICK_FIGURE_DRAWN && wick_parse_energy_uj(text, out)))
        return true;
    bool percent = table[figure].share && !strcmp(end, "%");
    if (*end && !percent && strcmp(end, table[figure].unit) != 0)
        return false;
    *out = percent ? value / 100 : value;
    return !table[figure].share || *out <= 1;
}

/* What such a value looks like: the user's own number as a share, if it was meant for one. */
static void show_value(wick_figure figure, bool at_least, const char *text, char *out,
                       size_t bytes) {
    const char *name = table[figure].name, *sign = at_least ? ">=" : "<=";
    char *end;
    double value = wick_strtod(text, &end);
    bool bare = end != text && !*end && value > 1 && value <= 100;
    if (table[figure].share)
        snprintf(out, bytes, "shares are percent: %s%s%.12g%%", name, sign, bare ? value : 80);
    else if (figure == WICK_FIGURE_LATENCY)
        snprintf(out, bytes, "a time, in us, ms, s, min, h or d: %s%s30s", name, sign);
    else if (figure == WICK_FIGURE_DRAWN)
        snprintf(out, bytes, "an energy, in nJ, uJ, mJ or J: %s%s2mJ", name, sign);
    else
        snprintf(out, bytes, "a number, of a day: %s%s3/day", name, sign);
}

static wick_status parse_goal(char *part, wick_target *out, wick_diag *diag) {
    part = trim(part);
    char *sign = strpbrk(part, "<>");
    if (!sign || sign[1] != '=')
        return wick_fail(diag, WICK_SYNTAX, NULL, part, hint,
                         "a part needs a figure, >= or <=, and a value");
    bool at_least = *sign == '>';
    *sign = '\0';
    part = trim(part);
    int f = 0;
    while (f < WICK_FIGURES && strcmp(part, table[f].name) != 0)
        f++;
    if (f == WICK_FIGURES)
        return wick_fail(diag, WICK_UNKNOWN, NULL, part, hint, "there is no such figure");
    double value;
    char *text = trim(sign + 2), looks[80];
    if (!parse_value((wick_figure)f, text, &value)) {
        show_value((wick_figure)f, at_least, text, looks, sizeof looks);
        return wick_fail(diag, WICK_RANGE, NULL, part, looks, "'%s' is no value for it", text);
    }
    if (out->n == (int)WICK_LEN(out->goal))
        return wick_fail(diag, WICK_RANGE, NULL, part, hint, "too many parts");
    out->goal[out->n].figure = (wick_figure)f;
    out->goal[out->n].at_least = at_least;
    out->goal[out->n++].value = value;
    return WICK_OK;
}

wick_status wick_target_parse(const char *text, wick_target *out, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_status status = WICK_OK;
    *out = (wick_target){0};
    char *rest = wick_arena_strdup(arena, text);
    for (char *part; status == WICK_OK && (part = strsep(&rest, ",")) != NULL;)
        status = parse_goal(part, out, diag);
    wick_arena_free(arena);
    return status;
}

char *wick_target_text(wick_arena *arena, const wick_target *target) {
    wick_buf text = {0};
    wick_buf_puts(&text, "");
    for (int i = 0; i < target->n; i++) {
        wick_figure f = target->goal[i].figure;
        double value = target->goal[i].value;
        bool ms = f == WICK_FIGURE_LATENCY && value < 1;
        wick_buf_printf(&text, "%s%s%s%.12g%s", i ? "," : "", wick_figure_name(f),
                        target->goal[i].at_least ? ">=" : "<=",
                        value * (table[f].share ? 100 : (ms ? 1000 : 1)),
                        table[f].share ? "%" : (ms ? "ms" : table[f].unit));
    }
    char *copy = wick_arena_strdup(arena, text.data);
    wick_buf_free(&text);
    return copy;
}

bool wick_target_met(const wick_target *target, const double figures[WICK_FIGURES]) {
    for (int i = 0; i < target->n; i++) {
        double value = figures[target->goal[i].figure];
        if (isnan(value) || (target->goal[i].at_least ? value < target->goal[i].value
                                                      : value > target->goal[i].value))
            return false;
    }
    return true;
}
