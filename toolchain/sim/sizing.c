#include "sim/sizing.h"
#include "sim/sim.h"

#include <math.h>
#include <omp.h>
#include <string.h>

/* ---- what is tried ---- */

static void insert(wick_size_axis *axis, double value) {
    int at = axis->n;
    for (int i = 0; i < axis->n; i++) {
        if (fabs(axis->value[i] - value) <= 1e-9 * value)
            return;
        if (axis->value[i] > value && at == axis->n)
            at = i;
    }
    memmove(axis->value + at + 1, axis->value + at, (size_t)(axis->n - at) * sizeof(double));
    axis->value[at] = value;
    axis->n++;
}

/* Capacitors are sold in steps: 1, 2.2, 4.7. */
static void default_capacitors(wick_size_axis *axis, double least_uf, double own_uf) {
    static const double series[] = {1, 2.2, 4.7};
    enum { TRIED = 14 };
    int decade = (int)floor(log10(least_uf));
    for (int i = 0; axis->n < TRIED; i++) {
        double uf = series[i % 3] * pow(10, decade + i / 3);
        if (uf >= least_uf)
            insert(axis, uf);
    }
    insert(axis, own_uf);
}

static void fill_axes(const wick_plan *plan, const wick_sizing_options *o, wick_sizing *s) {
    s->capacitor_uf = o->capacitor_uf;
    s->panel = o->panel;
    s->on_v = o->on_v;
    s->off_v = o->off_v;
    if (!s->capacitor_uf.n)
        default_capacitors(&s->capacitor_uf, plan->min_capacitor_uf, s->own_uf);
    for (int i = -4; !o->panel.n && i <= 4; i++)
        insert(&s->panel, exp2(i / 2.0));
    if (!s->off_v.n)
        insert(&s->off_v, s->own_off_v);
    for (int i = 1; !o->on_v.n && i <= 3; i++)
        insert(&s->on_v, s->off_v.value[0] + (s->max_v - s->off_v.value[0]) * i / 4);
    if (!o->on_v.n)
        insert(&s->on_v, s->own_on_v);
}

static wick_status check_axis(const char *name, const wick_size_axis *axis, wick_diag *diag) {
    for (int i = 0; i < axis->n; i++)
        if (!(axis->value[i] > 0) || !isfinite(axis->value[i]) ||
            (i > 0 && !(axis->value[i] > axis->value[i - 1])))
            return wick_fail(diag, WICK_RANGE, NULL, name, "list them from small to large",
                             "value %d is %g", i + 1, axis->value[i]);
    return WICK_OK;
}

static bool possible(const wick_sizing *s, double on_v, double off_v) {
    return off_v < on_v && on_v <= s->max_v;
}

/* Below reset_v the part stops by itself, whatever voltage the application takes for the end. */
static wick_status check_reset(const wick_device *d, const wick_size_axis *off_v, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_status status = WICK_OK;
    if (off_v->value[0] < d->nvm.reset_v) /* the smallest */
        status = wick_fail(
            diag, WICK_RANGE, "--brown-out", wick_arena_printf(arena, "%g V", off_v->value[0]),
            wick_arena_printf(arena, "the smallest that would do is %g V", d->nvm.reset_v),
            "%s resets at %g V already (nvm.reset_v of its profile)", d->name, d->nvm.reset_v);
    wick_arena_free(arena);
    return status;
}

static wick_status check(const wick_sizing *s, const wick_device *d, wick_diag *diag) {
    WICK_TRY(check_axis("capacitors", &s->capacitor_uf, diag));
    WICK_TRY(check_axis("panels", &s->panel, diag));
    WICK_TRY(check_axis("wake voltages", &s->on_v, diag));
    WICK_TRY(check_axis("brown-out voltages", &s->off_v, diag));
    WICK_TRY(check_reset(d, &s->off_v, diag));
    for (int i = 0; i < s->on_v.n; i++)
        for (int k = 0; k < s->off_v.n; k++)
            if (possible(s, s->on_v.value[i], s->off_v.value[k]))
                return WICK_OK;
    return wick_fail(diag, WICK_RANGE, NULL, "thresholds",
                     "the device dies at the brown-out voltage, boots at the wake voltage, and the "
                     "capacitor is full at max_v: brown-out < wake <= max_v",
                     "no wake voltage lies above a brown-out voltage and within the %g V of a full "
                     "capacitor",
                     s->max_v);
}

/* ---- one combination ---- */

typedef struct sweep {
    const wick_plan *plan;
    const wick_trace *const *traces; /* [panel.n] scaled */
    const wick_sim_options *simulation;
    const uint8_t *correct;
    int n_samples;
    double leakage_ua_per_uf;
    wick_sizing *s;
} sweep;

static wick_status simulate(const sweep *w, const wick_plan *plan, const wick_trace *trace,
                            wick_sizing_point *p, wick_diag *diag) {
    wick_sim_options options = *w->simulation;
    wick_sim_result result;
    options.quiet = true;
    wick_status status =
        wick_sim_run(plan, trace, &options, w->correct, w->n_samples, &result, diag);
    if (status == WICK_OK) {
        p->fits = true;
        wick_figures_of(&result, p->figures);
        p->feasible = wick_target_met(&w->s->target, p->figures);
        wick_sim_free(&result);
    } else if (status == WICK_NO_FIT) {
        wick_diag_free(diag);
        status = WICK_OK;
    }
    return status;
}

/* All panels for one capacitor and one pair of thresholds: one plan. points: [panel.n] apart by the
   capacitors. */
static wick_status try_plan(const sweep *w, wick_sizing_point *first, wick_diag *diag) {
    const wick_sizing *s = w->s;
    wick_device device = *w->plan->device;
    wick_plan_options options = w->plan->options;
    wick_plan *plan = NULL;
    device.capacitor.uf = options.capacitor_uf = first->capacitor_uf;
    device.capacitor.on_v = first->on_v;
    device.capacitor.off_v = first->off_v;
    device.capacitor.leakage_ua = fmax(
        0, device.capacitor.leakage_ua + w->leakage_ua_per_uf * (first->capacitor_uf - s->own_uf));
    wick_status status = wick_plan_make(w->plan->net, &device, &options, NULL, &plan, diag);
    if (status == WICK_NO_FIT) {
        wick_diag_free(diag);
        return WICK_OK;
    }
    for (int i = 0; i < s->panel.n && status == WICK_OK; i++)
        status = simulate(w, plan, w->traces[i], &first[i * s->capacitor_uf.n], diag);
    wick_plan_free(plan);
    return status;
}

static void name_points(wick_sizing *s) {
    int at = 0;
    for (int off = 0; off < s->off_v.n; off++)
        for (int on = 0; on < s->on_v.n; on++)
            for (int p = 0; p < s->panel.n; p++)
                for (int c = 0; c < s->capacitor_uf.n; c++) {
                    wick_sizing_point *point = &s->points[at++];
                    *point = (wick_sizing_point){.capacitor_uf = s->capacitor_uf.value[c],
                                                 .panel = s->panel.value[p],
                                                 .on_v = s->on_v.value[on],
                                                 .off_v = s->off_v.value[off]};
                    for (int f = 0; f < WICK_FIGURES; f++)
                        point->figures[f] = NAN;
                }
}

static wick_status try_all(const sweep *w, wick_diag *diag) {
    wick_sizing *s = w->s;
    int columns = s->capacitor_uf.n, map = columns * s->panel.n, done = 0;
    int n_plans = s->off_v.n * s->on_v.n * columns, failed = n_plans;
    wick_status status = WICK_OK;
    wick_progress progress;
    wick_progress_begin(&progress, "sizing", "plans", (uint64_t)n_plans);
#pragma omp parallel for schedule(dynamic)
    for (int i = 0; i < n_plans; i++) {
        wick_sizing_point *first = &s->points[i / columns * map + i % columns];
        wick_diag own = {0};
        wick_status got = wick_stop_requested() ? WICK_INTERRUPTED : WICK_OK;
        if (got == WICK_OK && possible(s, first->on_v, first->off_v))
            got = try_plan(w, first, &own);
#pragma omp critical(sizing)
        {
            if (got != WICK_OK && i < failed) { /* whoever comes first in order is told */
                failed = i;
                status = got;
                wick_diag_free(diag ? diag : &own);
                if (diag)
                    wick_diag_move(diag, &own);
            }
            wick_diag_free(&own);
            wick_progress_update(&progress, (uint64_t)++done);
        }
    }
    wick_progress_end(&progress);
    if (status == WICK_INTERRUPTED && diag && !diag->count)
        wick_fail(diag, status, NULL, NULL, NULL, "interrupted");
    return status;
}

/* ---- choices ---- */

static bool cheaper(const wick_sizing_options *o, const wick_sizing_point *a,
                    const wick_sizing_point *b) {
    double price_a = o->price_per_uf * a->capacitor_uf + o->price_per_panel * a->panel;
    double price_b = o->price_per_uf * b->capacitor_uf + o->price_per_panel * b->panel;
    if (price_a != price_b)
        return price_a < price_b;
    if (a->panel != b->panel)
        return a->panel < b->panel;
    if (a->capacitor_uf != b->capacitor_uf)
        return a->capacitor_uf < b->capacitor_uf;
    return a->on_v < b->on_v;
}

static bool same(double a, double b) {
    return fabs(a - b) <= 1e-9 * fabs(b);
}

static void choose(const wick_sizing_options *o, wick_sizing *s) {
    enum { NOISE = 1000 }; /* differences below one thousandth are none */
    double most = -1;
    s->best = s->other = -1;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < s->n; i++) {
            const wick_sizing_point *p = &s->points[i];
            if (!pass && p->feasible && (s->best < 0 || cheaper(o, p, &s->points[s->best])))
                s->best = i;
            if (!p->fits || !same(p->panel, 1) || !same(p->on_v, s->own_on_v) ||
                !same(p->off_v, s->own_off_v))
                continue;
            double accuracy = p->figures[WICK_FIGURE_ACCURACY];
            if (!pass)
                most = fmax(most, accuracy);
            else if (s->other < 0 && accuracy >= most - 1.0 / NOISE)
                s->other = i;
        }
}

void wick_sizing_front(const wick_sizing *s, int *front) {
    static const wick_sizing_options panel_first = {0};
    for (int c = 0; c < s->capacitor_uf.n; c++) {
        front[c] = -1;
        for (int i = c; i < s->n; i += s->capacitor_uf.n)
            if (s->points[i].feasible &&
                (front[c] < 0 || cheaper(&panel_first, &s->points[i], &s->points[front[c]])))
                front[c] = i;
    }
}

wick_status wick_sizing_run(wick_arena *arena, const wick_plan *plan, const wick_trace *trace,
                            const wick_sim_options *simulation, const uint8_t *correct,
                            int n_samples, const wick_sizing_options *options, wick_sizing *out,
                            wick_diag *diag) {
    const wick_device *d = plan->device;
    *out = (wick_sizing){.target = options->target,
                         .max_v = d->capacitor.max_v,
                         .device = d->name,
                         .trace = trace->path,
                         .own_uf = d->capacitor.uf,
                         .own_on_v = d->capacitor.on_v,
                         .own_off_v = d->capacitor.off_v};
    fill_axes(plan, options, out);
    WICK_TRY(check(out, d, diag));
    if (!(options->leakage_ua_per_uf >= 0 && options->leakage_ua_per_uf <= 1e6))
        return wick_fail(diag, WICK_RANGE, NULL, "leakage", "uA for each uF, 0 to 1e6", "%g uA",
                         options->leakage_ua_per_uf);
    out->n = out->capacitor_uf.n * out->panel.n * out->on_v.n * out->off_v.n;
    out->points = wick_new(arena, wick_sizing_point, out->n);
    name_points(out);
    const wick_trace **traces = wick_new(arena, const wick_trace *, out->panel.n);
    for (int p = 0; p < out->panel.n; p++)
        traces[p] = wick_trace_scaled(arena, trace, out->panel.value[p]);
    sweep w = {.plan = plan,
               .traces = traces,
               .simulation = simulation,
               .correct = correct,
               .n_samples = n_samples,
               .leakage_ua_per_uf = options->leakage_ua_per_uf,
               .s = out};
    out->own = (wick_sizing_point){
        .capacitor_uf = out->own_uf, .panel = 1, .on_v = out->own_on_v, .off_v = out->own_off_v};
    for (int f = 0; f < WICK_FIGURES; f++)
        out->own.figures[f] = NAN;
    WICK_TRY(simulate(&w, plan, trace, &out->own, diag));
    out->inputs = wick_workload_inputs(&simulation->workload, simulation->seed,
                                       wick_sim_duration_s(simulation, trace));
    WICK_TRY(try_all(&w, diag));
    choose(options, out);
    return WICK_OK;
}
