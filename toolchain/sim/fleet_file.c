#include "sim/fleet_file.h"

#include "sim/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWN = 10, COLUMNS = DRAWN + WICK_FIGURES + 1 };
static const char *const drawn[DRAWN] = {"device", "trace", "start_s", "years", "capacitor_uf",
                                         "panel",  "on_v",  "off_v",   "max_v", "leakage_ua"};

static const char *column_name(int i) {
    if (i < DRAWN)
        return drawn[i];
    return i < DRAWN + WICK_FIGURES ? wick_figure_name((wick_figure)(i - DRAWN)) : "works";
}

/* ---- what it belongs to ---- */

static void add_bytes(wick_buf *text, const char *name, const void *data, size_t bytes) {
    wick_buf_printf(text, "%s %s\n", name, data ? wick_hash_bytes(data, bytes).hex : "none");
}

static void add_trace(wick_buf *text, const wick_trace *t) {
    size_t n = (size_t)t->n;
    add_bytes(text, "times", t->time_s, n * sizeof *t->time_s);
    add_bytes(text, "powers", t->power_uw, n * sizeof *t->power_uw);
    add_bytes(text, "curves", t->iv, t->iv ? n * sizeof *t->iv : 0);
    wick_buf_printf(text, "trace %d %.17g %d\n", t->n, t->end_s, t->linear);
}

static void add_policy(wick_buf *text, const wick_policy *p) {
    wick_buf_printf(text, "policy %d %u %u %u %u %u %u %u\n", (int)p->kind, p->module,
                    p->harvest_low_uw, p->harvest_high_uw, p->charge_high_uj, p->reserve_uj,
                    p->memory_ms, p->rest_uj);
    const wick_policy_table *t = p->kind == WICK_POLICY_TABLE ? p->table : NULL;
    if (!t)
        return;
    size_t cells = (size_t)wick_policy_stages(t->n_modules) * t->n_time * t->n_harvest;
    add_bytes(text, "charge", t->charge_uj, sizeof t->charge_uj);
    add_bytes(text, "harvest", t->harvest_uw, sizeof t->harvest_uw);
    add_bytes(text, "time", t->time_ms, sizeof t->time_ms);
    add_bytes(text, "index", t->row_of, cells);
    add_bytes(text, "rows", t->rows, (size_t)t->n_rows * ((t->n_charge + 1u) / 2));
}

/* Not in files of before. */
static void add_margins(wick_buf *text, const wick_sim_options *o, size_t answers) {
    if (!wick_policy_has_sure(&o->policy))
        return;
    add_bytes(text, "sure", o->policy.sure, sizeof o->policy.sure);
    add_bytes(text, "margins", o->margins, answers * sizeof *o->margins);
}

static void add_harvester(wick_buf *text, const wick_harvester *h) {
    if (!h)
        return;
    wick_buf_printf(text, "harvester %d %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g %d\n",
                    (int)h->front, h->efficiency, h->drop_v, h->boost.min_uw, h->boost.cold_below_v,
                    h->boost.cold_efficiency, h->boost.cold_min_uw, h->boost.mppt_fraction,
                    h->boost.mppt_duty, h->boost.n);
    for (int i = 0; i < h->boost.n; i++)
        wick_buf_printf(text, "%.17g %.17g\n", h->boost.in_uw[i], h->boost.efficiency[i]);
}

static void add_workload(wick_buf *text, const wick_workload *w) {
    wick_buf_printf(text,
                    "workload %d %.17g %.17g %.17g %d %d %.17g %.17g %.17g %.17g %d %.17g %d\n",
                    (int)w->arrivals, w->period_s, w->phase_s, w->deadline_s, (int)w->rule,
                    w->max_waiting, w->sense_uj, w->sense_us, w->send_uj, w->send_us,
                    w->needs_power, w->fresh_s, w->clock_survives);
    if (w->arrivals == WICK_ARRIVALS_LISTED)
        add_bytes(text, "arrivals", w->times_s, (size_t)w->n_times * sizeof *w->times_s);
    if (w->urgent_every) /* not in files of before */
        wick_buf_printf(text, "urgent every %d\n", w->urgent_every);
    if (w->arrivals == WICK_ARRIVALS_LISTED && w->urgent)
        add_bytes(text, "urgent", w->urgent, (size_t)w->n_times);
}

wick_hash fleet_stamp(const wick_plan *plan, const wick_trace *const *traces, int n_traces,
                      const wick_sim_options *simulation, const uint8_t *correct, int n_samples,
                      const wick_fleet_options *o) {
    wick_buf text = {0};
    wick_buf_printf(&text, "wick fleet 1\nplan %s\n", plan->hash.hex);
    for (int i = 0; i < n_traces; i++)
        add_trace(&text, traces[i]);
    add_policy(&text, &simulation->policy);
    add_harvester(&text, simulation->harvester);
    add_workload(&text, &simulation->workload);
    wick_buf_printf(&text, "run %.17g %.17g %u %d %.17g\n", simulation->duration_s,
                    simulation->start_v, simulation->min_accuracy_permille, simulation->no_voltage,
                    simulation->wait_s);
    size_t answers = (size_t)n_samples * plan->model.n_modules;
    add_bytes(&text, "correct", correct, answers);
    add_margins(&text, simulation, answers);
    wick_buf_printf(&text, "fleet %llu %.17g %.17g %.17g %.17g %.17g %.17g %.17g %.17g\n",
                    (unsigned long long)o->seed, o->capacitor_tolerance, o->panel_tolerance,
                    o->threshold_tolerance, o->leakage_factor, o->years, o->capacitor_fade,
                    o->panel_fade, o->leakage_growth);
    wick_hash hash = wick_hash_bytes(text.data, text.len);
    wick_buf_free(&text);
    return hash;
}

/* ---- the file ---- */

wick_status fleet_save(const char *path, const wick_hash *stamp, const wick_fleet_device *devices,
                       int n, wick_diag *diag) {
    wick_buf out = {0};
    wick_buf_printf(&out, "# wick fleet %s\n", stamp->hex);
    for (int i = 0; i < COLUMNS; i++)
        wick_buf_printf(&out, "%s%s", column_name(i), i + 1 < COLUMNS ? "," : "\n");
    for (int i = 0; i < n; i++) {
        const wick_fleet_device *x = &devices[i];
        wick_buf_printf(&out, "%d,%d,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g", i, x->trace + 1,
                        x->start_s, x->years, x->capacitor_uf, x->panel, x->on_v, x->off_v,
                        x->max_v, x->leakage_ua);
        for (int f = 0; f < WICK_FIGURES; f++)
            if (isnan(x->figures[f]))
                wick_buf_puts(&out, ",");
            else
                wick_buf_printf(&out, ",%.17g", x->figures[f]);
        wick_buf_printf(&out, ",%d\n", x->works);
    }
    wick_status status = wick_file_write(path, out.data, out.len, diag);
    wick_buf_free(&out);
    return status;
}

/* Whatever is wrong in a row, those above it hold. */
static const char redo[] = "delete this line and all below it, and the same command computes those "
                           "devices again; or name another file";

static wick_status read_number(const csv *c, char *const *cells, int column, double *out) {
    const char *cell = cells[column];
    char *end;
    *out = wick_strtod(cell, &end);
    if (end == cell || *end || !isfinite(*out))
        return csv_fail(c, WICK_SYNTAX, redo, "%s is '%.40s', not a number", column_name(column),
                        cell);
    return WICK_OK;
}

/* A row has a value for each name: the last one of a file that was cut off has not. */
static wick_status check_length(const csv *c, char *const *cells, int n) {
    if (n == COLUMNS && *cells[COLUMNS - 1])
        return WICK_OK;
    if (!c->next) /* no line end behind it */
        return csv_fail(c, WICK_TRUNCATED,
                        "delete this line, and the same command goes on behind the others",
                        "the file was cut off in this line");
    return csv_fail(c, WICK_SHAPE, redo, "%d values instead of %d", n, COLUMNS);
}

static wick_status check_id(const csv *c, char *const *cells, int id) {
    double value;
    WICK_TRY(read_number(c, cells, 0, &value));
    if (value != id)
        return csv_fail(c, WICK_MISMATCH, redo,
                        "device %.40s stands where device %d belongs: rows were deleted, moved or "
                        "doubled",
                        cells[0], id);
    return WICK_OK;
}

/* What device `id` draws is known, to the six digits that are written. */
static wick_status check_drawn(const csv *c, char *const *cells, int id,
                               const wick_fleet_device *x) {
    const double want[DRAWN] = {id,       x->trace + 1, x->start_s, x->years, x->capacitor_uf,
                                x->panel, x->on_v,      x->off_v,   x->max_v, x->leakage_ua};
    for (int i = 1; i < DRAWN; i++) {
        double value;
        WICK_TRY(read_number(c, cells, i, &value));
        if (!(fabs(value - want[i]) <= 1e-5 * fabs(want[i])))
            return csv_fail(c, WICK_MISMATCH, redo, "%s is %.40s, but device %d has %.6g",
                            column_name(i), cells[i], id, want[i]);
    }
    return WICK_OK;
}

/* Shares end at 1, but for rounding; what leaks may also have been there at the start. */
static double most_of(wick_figure figure) {
    static const bool shares[] = {
#define X(id, name, share, unit, meaning) share,
        WICK_FIGURE_TABLE(X)
#undef X
    };
    return shares[figure] && figure != WICK_FIGURE_LEAKAGE ? 1 + 1e-6 : 1e300;
}

static wick_status read_figures(const csv *c, char *const *cells, wick_fleet_device *x) {
    for (int f = 0; f < WICK_FIGURES; f++) {
        int column = DRAWN + f;
        double *value = &x->figures[f];
        *value = NAN;
        if (!*cells[column])
            continue;
        WICK_TRY(read_number(c, cells, column, value));
        if (!(*value >= 0 && *value <= most_of((wick_figure)f)))
            return csv_fail(c, WICK_RANGE, redo, "%s is %.40s, which is no value for it",
                            column_name(column), cells[column]);
    }
    return WICK_OK;
}

/* A device that does not work has two figures, both 0; no answer is right that is not there. */
static wick_status check_works(const csv *c, char *const *cells, wick_fleet_device *x) {
    double works, accuracy = x->figures[WICK_FIGURE_ACCURACY];
    double answers = x->figures[WICK_FIGURE_ANSWERS];
    WICK_TRY(read_number(c, cells, COLUMNS - 1, &works));
    if (works != 0 && works != 1)
        return csv_fail(c, WICK_RANGE, redo, "works is %.40s, not 0 or 1", cells[COLUMNS - 1]);
    x->works = works > 0;
    int known = 0;
    for (int f = 0; f < WICK_FIGURES; f++)
        known += !isnan(x->figures[f]);
    if (!x->works && !(known == 2 && accuracy == 0 && answers == 0))
        return csv_fail(c, WICK_MISMATCH, redo, "a device that does not work has figures");
    if (accuracy > answers + 1e-6)
        return csv_fail(c, WICK_MISMATCH, redo, "accuracy %g is above answers %g", accuracy,
                        answers);
    return WICK_OK;
}

/* The next row, of device `id`; *end: there is none. `known`: what it draws; NULL: not told. */
static wick_status read_row(csv *c, int id, const wick_fleet_device *known, wick_fleet_device *x,
                            bool *end) {
    char *cells[CSV_COLUMNS];
    int n;
    csv_row(c, cells, &n);
    *end = n == 0;
    if (*end)
        return WICK_OK;
    WICK_TRY(check_length(c, cells, n));
    WICK_TRY(check_id(c, cells, id));
    if (known)
        WICK_TRY(check_drawn(c, cells, id, known));
    WICK_TRY(read_figures(c, cells, x));
    return check_works(c, cells, x);
}

static wick_status check_header(const csv *c) {
    static const char anew[] = "delete the file, and the same command begins anew";
    bool same = c->n_columns == COLUMNS;
    for (int i = 0; i < COLUMNS && same; i++)
        same = !strcmp(c->names[i], column_name(i));
    if (same)
        return WICK_OK;
    if (!c->next)
        return csv_fail(c, WICK_TRUNCATED, anew, "the file was cut off in this line");
    return csv_fail(c, WICK_SYNTAX, anew, "these are not the columns of a fleet");
}

static wick_status check_stamp(const char *path, const wick_hash *stamp, const wick_bytes *text,
                               wick_diag *diag) {
    static const char head[] = "# wick fleet ";
    size_t at = sizeof head - 1;
    if (text->len < at + 64 || memcmp(text->data, head, at) != 0)
        return wick_fail(diag, WICK_MISMATCH, path, NULL, "name another file",
                         "this is no file of wick fleet: it is not overwritten");
    if (memcmp(text->data + at, stamp->hex, 64) != 0)
        return wick_fail(diag, WICK_MISMATCH, path, NULL,
                         "name another file, or give the options that it was made with",
                         "these are results of another fleet: plan, traces, workload, policy, "
                         "spreads or seed differ");
    return WICK_OK;
}

/* The header behind the stamp. */
static wick_status open_rows(const char *path, const wick_bytes *text, csv *c, wick_diag *diag) {
    char *rest = strchr((char *)text->data, '\n');
    if (memchr(text->data, '\0', text->len))
        return wick_fail(diag, WICK_SYNTAX, path, NULL, "name another file",
                         "this is not a text file");
    if (!rest || !rest[strspn(rest, " \t\r\n")])
        return wick_fail(diag, WICK_TRUNCATED, path, NULL,
                         "delete the file, and the same command begins anew",
                         "the file was cut off behind its first line: it holds no device");
    WICK_TRY(csv_open_text((char *)text->data, path, c, diag));
    return check_header(c);
}

wick_status fleet_load(const char *path, const wick_hash *stamp, wick_fleet_device *devices, int *n,
                       wick_diag *diag) {
    enum { MAX_BYTES = 512 << 20 };
    int most = *n, rows = 0;
    *n = 0;
    if (!wick_path_is_file(path))
        return WICK_OK;
    wick_arena *arena = wick_arena_new();
    wick_bytes text;
    csv c;
    wick_status status = wick_file_read(arena, path, MAX_BYTES, &text, diag);
    if (status == WICK_OK)
        status = check_stamp(path, stamp, &text, diag);
    if (status == WICK_OK)
        status = open_rows(path, &text, &c, diag);
    for (bool end = false; status == WICK_OK && !end; rows += !end) {
        wick_fleet_device beyond;
        wick_fleet_device *x = rows < most ? &devices[rows] : NULL;
        status = read_row(&c, rows, x, x ? x : &beyond, &end);
    }
    if (status == WICK_OK)
        *n = rows < most ? rows : most;
    wick_arena_free(arena);
    return status;
}
