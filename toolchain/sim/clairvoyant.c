/* The clairvoyant's dynamic programme: the grid and its physics here, what happens at an instant
   and in an interval in clairvoyant_sweep.c. */
#include "sim/clairvoyant_sweep.h"
#include "sim/sim_check.h"

#include <math.h>
#include <string.h>

#include <wick/kernels.h>

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

/* A place in the trace. */
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

static cursor cursor_at(const supply *s, double trace_s) {
    cursor c = {.supply = s, .at_s = fmod(trace_s, s->trace->end_s)};
    c.sample = supply_sample_at(s, 0, c.at_s);
    return c;
}

static interval pass_time(const bound *b, cursor *c, double dt_s) {
    interval v = {.decay = exp(-b->lambda * dt_s)};
    harvest(c, b->lambda, dt_s, &v);
    v.sleep_uj = fmin(b->sleep_uw * dt_s * v.decay, b->boot_uj * v.decay);
    v.most_work = (int)floor(dt_s * b->most_uw / b->work_uj) + 1;
    return v;
}

interval bound_interval(const bound_problem *p, double from_s, double dt_s) {
    cursor c = cursor_at(&p->supply, p->options->trace_start_s + from_s);
    return pass_time(&p->bound, &c, dt_s);
}

static double wrapped(double uj, double step_uj) {
    return uj - step_uj * floor(uj / step_uj);
}

/* Harvest and lattices of all intervals. A lattice moves with what the device does not decide, so
   that this rounds nothing; leakage narrows it, and in time it is taken anew. */
static void make_intervals(bound *b, const supply *s, double start_s, double start_uj) {
    cursor c = cursor_at(s, start_s);
    double step_uj = b->step_uj, phase_uj[2] = {wrapped(start_uj, step_uj), 0};
    for (int j = 0; j < b->n; j++) {
        interval *v = &b->intervals[j];
        double dt_s = fmin(b->dt_s, b->end_s - j * b->dt_s);
        *v = pass_time(b, &c, dt_s);
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

double bound_spent(const work_items *w, int q, int item) {
    const work_sums *sums = work_before(w, q, item);
    return fmax(0, sums->drawn_uj - w->sleep_draw_uw * sums->time_s);
}

static double spent(const work_items *w, int q) {
    return bound_spent(w, q, w->sequence[q].end);
}

/* Both commits, of the decision and of the delivery. */
double bound_exit_uj(const bound_problem *p, int k) {
    return p->dearer * (spent(&p->work, k) + 2 * spent(&p->work, WORK_DECIDE));
}

/* What module j that begins with the extractor draws up to its own first step. */
static double beginning_uj(const bound_problem *p, int j) {
    const wick_model *m = &p->plan->model;
    int own = m->spans[m->segments[j].first_span].first_step + m->extractor_steps;
    return bound_spent(&p->work, j, p->work.step_item[own]);
}

/* The least that module k draws. Where modules begin with the extractor another one may have done
   that, in fewer commits perhaps; then turning to k takes one more decision. */
static double module_uj(const bound_problem *p, int k) {
    double uj = spent(&p->work, k);
    if (!wick_recomputes(&p->plan->model))
        return uj;
    double own_uj = beginning_uj(p, k), least_uj = own_uj;
    for (int j = 1; j <= p->plan->model.n_modules; j++)
        least_uj = fmin(least_uj, beginning_uj(p, j) + spent(&p->work, WORK_DECIDE));
    return uj - own_uj + least_uj;
}

/* The least that an answer of module k draws, alone and without a failure, beside what a device
   that sleeps would. */
static void make_needs(bound_problem *p, int levels) {
    bound *b = &p->bound;
    const work_items *w = &p->work;
    double need_uj[1 + WICK_MAX_HEADS], most_uj = 0;
    b->most_uw = 0;
    for (int q = 0; q <= WORK_DECIDE; q++) {
        if (q > b->n_modules && q != WORK_DECIDE)
            continue;
        if (w->sequence[q].end == w->sequence[q].first)
            continue;
        b->most_uw = fmax(b->most_uw, w->sequence[q].max_uw);
    }
    /* Between decision and delivery stands one commit; the delivery's own comes after it. */
    double exits_uj = 0;
    for (int k = b->n_modules; k >= 1; k--) {
        need_uj[k] = p->dearer * (spent(w, 0) + module_uj(p, k) + spent(w, WORK_DECIDE)) + exits_uj;
        if (p->plan->model.chain) /* the smaller exits have answered before */
            exits_uj += bound_exit_uj(p, k);
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
    b->drops_new = w->rule == WICK_INPUT_DROP_NEW;
    /* Replaced, an input is given up behind the unit at hand, which may be its delivery. */
    b->room = w->rule == WICK_INPUT_REPLACE ? 2 : w->max_waiting + 1;
    b->off_drops_new = b->drops_new && b->room <= b->most_open;
    b->needs_power = w->needs_power;
    b->fresh = w->fresh_s > 0 ? (int)ceil(fmin(w->fresh_s, w->deadline_s) / b->dt_s - 1e-9) : 0;
    b->off_forgets = b->fresh && !w->clock_survives;
    /* Each interval with work rounds by up to a step. */
    double need_uj = b->work_uj * b->most_levels;
    double fine = fmax(3 * b->cap_uj / b->boot_uj, 80 * g->slots * b->cap_uj / need_uj);
    b->step_uj = b->cap_uj / (g->charges ? g->charges : fmin(640, fmax(64, fine)));
    b->points = (int)ceil((b->cap_uj + b->work_uj) / (0.75 * b->step_uj)) + 2;
}

wick_status bound_make(wick_arena *arena, const wick_plan *plan, const wick_trace *trace,
                       const wick_sim_options *options, const uint8_t *correct, int n_samples,
                       const wick_clairvoyant_options *grid, double dearer, bound_problem *p,
                       wick_diag *diag) {
    const wick_device *d = plan->device;
    const wick_workload *load = &options->workload;
    *p = (bound_problem){.plan = plan, .options = options, .dearer = dearer};
    WICK_TRY(sim_check(plan, trace, options, n_samples, diag));
    WICK_TRY(check_grid(load, grid, diag));
    wick_harvester *own = wick_new(arena, wick_harvester, 1);
    *own = wick_device_harvester(d);
    double start_v = options->start_v >= 0 ? options->start_v : d->capacitor.off_v;
    p->cap = store_make(d, plan->options.capacitor_uf, start_v);
    WICK_TRY(supply_make(arena, trace, options->harvester ? options->harvester : own, &p->cap,
                         d->capacitor.on_v, &p->supply, diag));
    WICK_TRY(work_items_make(arena, plan, load, &p->cap, !options->no_voltage, &p->work, diag));
    bound *b = &p->bound;
    *b = (bound){.n_modules = plan->model.n_modules,
                 .end_s = options->duration_s > 0 ? options->duration_s : trace->end_s,
                 .lambda = p->cap.lambda_per_s,
                 .cap_uj = p->cap.max_uj,
                 .on_uj = p->cap.on_uj,
                 .off_uj = p->cap.off_uj,
                 .boot_uj = drawn(&p->work, WORK_BOOT_SEQUENCE),
                 .sleep_uw = p->work.sleep_draw_uw};
    make_needs(p, grid->levels);
    make_grid(b, load, grid);
    b->fresh_need = (int)floor(dearer * spent(&p->work, 0) / b->work_uj);
    b->intervals = wick_new(arena, interval, b->n);
    make_intervals(b, &p->supply, options->trace_start_s, p->cap.energy_uj);
    p->inputs = make_rewards(b, arena, options, correct, n_samples, grid->known);
    return WICK_OK;
}

wick_bound bound_figures(const bound_problem *p, double value) {
    const bound *b = &p->bound;
    long states = 1 + (long)((1 << b->most_open) - 1) * (b->most_levels + 1);
    return (wick_bound){.expected = p->inputs ? value / p->inputs : 0,
                        .inputs = p->inputs,
                        .instants = b->n,
                        .states = (b->off_drops_new ? 3L : 2L) * b->points * states};
}

wick_status wick_clairvoyant(const wick_plan *plan, const wick_trace *trace,
                             const wick_sim_options *options, const uint8_t *correct, int n_samples,
                             const wick_clairvoyant_options *grid, wick_bound *out,
                             wick_diag *diag) {
    bound_problem p;
    wick_arena *arena = wick_arena_new();
    *out = (wick_bound){0};
    wick_status status =
        bound_make(arena, plan, trace, options, correct, n_samples, grid, 1, &p, diag);
    if (status == WICK_OK)
        *out = bound_figures(&p, bound_sweep(&p.bound, arena, p.cap.energy_uj, NULL));
    wick_arena_free(arena);
    return status;
}
