#include "sim/fleet_file.h"

#include "sim/csv.h"

#include <math.h>
#include <string.h>

enum { DRAWN = 10 };
static const char *const drawn[DRAWN] = {"device", "trace", "start_s", "years", "capacitor_uf",
                                         "panel",  "on_v",  "off_v",   "max_v", "leakage_ua"};

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
    wick_buf_printf(text, "policy %d %u %u %u %u %u %u\n", (int)p->kind, p->module,
                    p->harvest_low_uw, p->harvest_high_uw, p->charge_high_uj, p->reserve_uj,
                    p->memory_ms);
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
    add_bytes(&text, "correct", correct, (size_t)n_samples * plan->model.n_modules);
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
    for (int i = 0; i < DRAWN; i++)
        wick_buf_printf(&out, "%s%s", i ? "," : "", drawn[i]);
    for (int f = 0; f < WICK_FIGURES; f++)
        wick_buf_printf(&out, ",%s", wick_figure_name((wick_figure)f));
    wick_buf_puts(&out, ",works\n");
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

static wick_status read_device(const csv *c, char *const *cells, int n, wick_fleet_device *x) {
    for (int f = 0; f < WICK_FIGURES; f++) {
        x->figures[f] = NAN;
        if (DRAWN + f < n && *cells[DRAWN + f])
            WICK_TRY(csv_number(c, cells, n, DRAWN + f, 0, 1e300, &x->figures[f]));
    }
    double works;
    WICK_TRY(csv_number(c, cells, n, DRAWN + WICK_FIGURES, 0, 1, &works));
    x->works = works > 0;
    return WICK_OK;
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

wick_status fleet_load(const char *path, const wick_hash *stamp, wick_fleet_device *devices, int *n,
                       wick_diag *diag) {
    enum { MAX_BYTES = 512 << 20 };
    int most = *n;
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
        status = csv_open_text((char *)text.data, path, &c, diag);
    while (status == WICK_OK && *n < most) {
        char *cells[CSV_COLUMNS];
        int count;
        double id;
        csv_row(&c, cells, &count);
        if (!count)
            break;
        status = csv_number(&c, cells, count, 0, *n, *n, &id);
        if (status == WICK_OK)
            status = read_device(&c, cells, count, &devices[*n]);
        *n += status == WICK_OK;
    }
    wick_arena_free(arena);
    return status;
}
