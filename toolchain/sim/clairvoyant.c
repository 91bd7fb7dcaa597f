/* The clairvoyant's dynamic programme: the grid and its physics here, what happens at an instant
   and in an interval in clairvoyant_sweep.c. */
#include "sim/clairvoyant_sweep.h"
#include "sim/sim_check.h"

#include <math.h>
#include <string.h>

wick_clairvoyant_options wick_clairvoyant_defaults(void) {
    return (wick_clairvoyant_options){.slots = 20, .levels = 96};
}

/* ---- the harvest ---- */

/* What the capacitor can get at most from sample i. */
static double arrives_uw(const supply *s, int i) {
    if (s->diode)
        return s->trace->power_uw[i];
    return fmax(s->arrives_uw[SUPPLY_WARM][i], s->arrives_uw[SUPPLY_COLD][i]);
}

typedef struct cursor {
    const supply *supply;
    int sample;
    double at_s; /* on the trace, below end_s */
} cursor;

/* The next dt seconds of the trace, which begins anew at its end. */
static void harvest(cursor *c, double lambda, double dt_s, interval *out) {
    double left_s = dt_s;
    while (left_s > 1e-12 * dt_s) {
        double step_s = fmin(left_s, supply_end_s(c->supply, c->sample) - c->at_s);
        double uw = arrives_uw(c->supply, c->sample);
        left_s -= step_s;
        double into_uj = lambda > 0 ? uw * store_decay(lambda * step_s) / lambda : uw * step_s;
        out->gross_uj += uw * step_s;
        out->gain_uj += into_uj * exp(-lambda * left_s);
        c->at_s += step_s;
        if (c->at_s < supply_end_s(c->supply, c->sample))
            continue;
        if (++c->sample == c->supply->trace->n) {
            c->sample = 0;
            c->at_s = 0;
        }
    }
}

static double wrapped(double uj, double step_uj) {
    return uj - step_uj * floor(uj / step_uj);
}

/* Harvest and lattices of all intervals. A lattice moves with what the device does not decide, so
   that this rounds nothing; leakage narrows it, and in time it is taken anew. */
static void make_intervals(bound *b, const supply *s, double start_s, double start_uj) {
    cursor c = {.supply = s, .at_s = fmod(start_s, s->trace->end_s)};
    c.sample = supply_sample_at(s, 0, c.at_s);
    double step_uj = b->step_uj, phase_uj[2] = {wrapped(start_uj, step_uj), 0};
    for (int j = 0; j < b->n; j++) {
        interval *v = &b->intervals[j];
        double dt_s = fmin(b->dt_s, b->end_s - j * b->dt_s);
        v->decay = exp(-b->lambda * dt_s);
        harvest(&c, b->lambda, dt_s, v);
        v->sleep_uj = fmin(b->sleep_uw * dt_s * v->decay, b->boot_uj * v->decay);
        v->most_work = (int)floor(dt_s * b->most_uw / b->work_uj) + 1;
        v->start.step_uj = step_uj;
        v->end.step_uj = step_uj * v->decay;
        for (int on = 0; on < 2; on++) {
            double net_uj = v->gain_uj - (on ? v->sleep_uj : 0);
            v->start.phase_uj[on] = phase_uj[on];
            v->end.phase_uj[on] = wrapped(phase_uj[on] * v->decay + net_uj, v->end.step_uj);
            phase_uj[on] = v->end.phase_uj[on];
        }
        step_uj = v->end.step_uj;
        if (step_uj < 0.75 * b->step_uj) {
            step_uj = b->step_uj;
            phase_uj[0] = wrapped(phase_uj[0], step_uj);
            phase_uj[1] = wrapped(phase_uj[1], step_uj);
        }
    }
}

/* ---- the work ---- */

static double drawn(const work_items *w, int q) {
    return work_before(w, q, w->sequence[q].end)->drawn_uj;
}

/* The least that an answer of module k draws, alone and without a failure. */
static void make_needs(bound *b, const work_items *w, int levels) {
    double need_uj[1 + WICK_MAX_HEADS], most_uj = 0;
    b->most_uw = 0;
    b->least_uw = INFINITY;
    for (int q = 0; q <= WORK_DECIDE; q++) {
        if (q > b->n_modules && q != WORK_DECIDE)
            continue;
        if (w->sequence[q].end == w->sequence[q].first)
            continue;
        b->most_uw = fmax(b->most_uw, w->sequence[q].max_uw);
        b->least_uw = fmin(b->least_uw, w->sequence[q].min_uw);
    }
    /* Between decision and delivery stands one commit; the delivery's own comes after it. */
    for (int k = 1; k <= b->n_modules; k++) {
        need_uj[k] = drawn(w, 0) + drawn(w, k) + drawn(w, WORK_DECIDE);
        most_uj = fmax(most_uj, need_uj[k]);
    }
    b->work_uj = most_uj / levels * (1 + 1e-12);
    b->most_levels = 0;
    for (int k = 1; k <= b->n_modules; k++) {
        b->need[k] = (int)floor(need_uj[k] / b->work_uj);
        b->rest_uj[k] = need_uj[k] - b->need[k] * b->work_uj;
        b->most_levels = b->need[k] > b->most_levels ? b->need[k] : b->most_levels;
    }
}

/* ---- the inputs ---- */

static wick_status check_grid(const wick_workload *w, const wick_clairvoyant_options *g,
                              wick_diag *diag) {
    if (g->slots < 2 || g->slots > 1000 || g->levels < 4 || g->levels > 1000 ||
        (g->charges && (g->charges < 16 || g->charges > 4000)))
        return wick_fail(diag, WICK_RANGE, NULL, "grid",
                         "2 to 1000 slots, 4 to 1000 levels, 16 to 4000 charges",
                         "%d slots, %d levels, %d charges", g->slots, g->levels, g->charges);
    bool even = w->arrivals == WICK_ARRIVALS_PERIODIC && w->phase_s == 0;
    if (w->arrivals == WICK_ARRIVALS_LISTED && w->period_s > 0) {
        even = true;
        for (int i = 0; i < w->n_times && even; i++)
            even = fabs(w->times_s[i] - i * w->period_s) < 1e-9 * w->period_s;
    }
    if (!even)
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, "arrivals", "use periodic inputs, phase 0",
                         "the clairvoyant's grid needs inputs at multiples of the period");
    if (w->deadline_s > 5 * w->period_s)
        return wick_fail(diag, WICK_RANGE, NULL, "deadline", "at most 5 periods",
                         "a deadline of %g s with an input every %g s", w->deadline_s, w->period_s);
    return WICK_OK;
}

/* What module k+1's answer to input i brings: reward[i * modules + k]. */
static int make_rewards(bound *b, wick_arena *arena, const wick_sim_options *o,
                        const uint8_t *correct, int n_samples, bool known) {
    arrivals a = arrivals_begin(&o->workload, n_samples, o->seed);
    int most = (int)(b->end_s / o->workload.period_s) + 2, n = 0;
    double accuracy[WICK_MAX_HEADS] = {0};
    for (int k = 0; k < b->n_modules; k++) {
        for (int s = 0; s < n_samples; s++)
            accuracy[k] += correct[k * n_samples + s] != 0;
        accuracy[k] /= n_samples;
    }
    b->reward = wick_new(arena, float, (size_t)most *(size_t)b->n_modules);
    while (a.next_s < b->end_s && n < most) {
        input in = arrivals_next(&a);
        for (int k = 0; k < b->n_modules; k++)
            b->reward[n * b->n_modules + k] =
                known ? correct[k * n_samples + in.sample] != 0 : (float)accuracy[k];
        n++;
    }
    return n;
}

static void make_grid(bound *b, const wick_workload *w, const wick_clairvoyant_options *g) {
    b->slots = g->slots;
    b->dt_s = w->period_s / g->slots;
    b->n = (int)ceil(b->end_s / b->dt_s - 1e-9);
    b->deadline = (int)ceil(w->deadline_s / b->dt_s - 1e-9);
    b->most_open = (b->deadline + g->slots - 1) / g->slots;
    b->drops_new = w->rule == WICK_INPUT_DROP_NEW && w->max_waiting + 1 == b->most_open;
    /* Work that is paid when it makes up a whole level stays in the charge for a while. */
    b->cap_uj += b->work_uj;
    double charges = g->charges ? g->charges : fmin(640, fmax(64, 3 * b->cap_uj / b->boot_uj));
    b->step_uj = b->cap_uj / charges;
    b->points = (int)ceil(b->cap_uj / (0.75 * b->step_uj)) + 2;
}

wick_status wick_clairvoyant(const wick_plan *plan, const wick_trace *trace,
                             const wick_sim_options *options, const uint8_t *correct, int n_samples,
                             const wick_clairvoyant_options *grid, wick_bound *out,
                             wick_diag *diag) {
    const wick_device *d = plan->device;
    *out = (wick_bound){0};
    WICK_TRY(sim_check(plan, trace, options, n_samples, diag));
    WICK_TRY(check_grid(&options->workload, grid, diag));
    wick_arena *arena = wick_arena_new();
    wick_harvester own = wick_device_harvester(d);
    double start_v = options->start_v >= 0 ? options->start_v : d->capacitor.off_v;
    store cap = store_make(d, plan->options.capacitor_uf, start_v);
    supply s;
    work_items w;
    wick_status status = supply_make(arena, trace, options->harvester ? options->harvester : &own,
                                     &cap, d->capacitor.on_v, &s, diag);
    if (status == WICK_OK)
        status =
            work_items_make(arena, plan, &options->workload, &cap, !options->no_voltage, &w, diag);
    if (status == WICK_OK) {
        bound b = {.n_modules = plan->model.n_modules,
                   .end_s = options->duration_s > 0 ? options->duration_s : trace->end_s,
                   .lambda = cap.lambda_per_s,
                   .cap_uj = cap.max_uj,
                   .on_uj = cap.on_uj,
                   .off_uj = cap.off_uj,
                   .boot_uj = drawn(&w, WORK_BOOT_SEQUENCE),
                   .sleep_uw = w.sleep_draw_uw};
        make_needs(&b, &w, grid->levels);
        make_grid(&b, &options->workload, grid);
        b.intervals = wick_new(arena, interval, b.n);
        make_intervals(&b, &s, options->trace_start_s, cap.energy_uj);
        out->inputs = make_rewards(&b, arena, options, correct, n_samples, grid->known);
        out->instants = b.n;
        out->states = (b.drops_new ? 3L : 2L) * b.points *
                      (1 + (long)((1 << b.most_open) - 1) * (b.most_levels + 1));
        double value = bound_sweep(&b, arena, cap.energy_uj);
        out->expected = out->inputs ? value / out->inputs : 0;
    }
    wick_arena_free(arena);
    return status;
}
