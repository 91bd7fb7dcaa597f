/* The clairvoyant's dynamic programme: the grid and its physics here, what happens at an instant
   and in an interval in clairvoyant_sweep.c. */
#include "sim/clairvoyant_grid.h"
#include "sim/clairvoyant_landing.h"
#include "sim/sim_check.h"

#include <math.h>
#include <string.h>

#include <wick/engine.h>

enum { FINER_GRIDS = 2 };
static const double MOST_WAITED_BYTES = 1e9, KEPT_BYTES = 2e9;

wick_clairvoyant_options wick_clairvoyant_defaults(void) {
    return (wick_clairvoyant_options){.slots = 20, .levels = 96, .finer = FINER_GRIDS};
}

/* ---- the harvest ---- */

/* What the capacitor can get from sample i: at most, or (least) what an engine that waits for
   charge surely gets. */
static double arrives_uw(const bound *b, const supply *s, int i, bool least) {
    if (s->diode)
        return least ? gain_sure_uw(b->gains, i) : s->trace->power_uw[i];
    double warm_uw = s->arrives_uw[SUPPLY_WARM][i], cold_uw = s->arrives_uw[SUPPLY_COLD][i];
    return least ? fmin(warm_uw, cold_uw) : fmax(warm_uw, cold_uw);
}

/* The next dt seconds of the trace. */
static void harvest(const bound *b, supply_walk *c, double dt_s, bool least, interval *out) {
    double left_s = dt_s, lambda = b->lambda;
    while (left_s > 1e-12 * dt_s) {
        int i;
        double step_s = supply_walk_on(c, left_s, &i), uw = arrives_uw(b, c->supply, i, least);
        left_s -= step_s;
        double into_uj = lambda > 0 ? uw * store_decay(lambda * step_s) / lambda : uw * step_s;
        out->gross_uj += uw * step_s;
        out->power_uw = fmax(out->power_uw, uw);
        out->gain_uj += into_uj * exp(-lambda * left_s);
    }
}

/* Of a charge that leaks and gets the next dt seconds of the trace, power constant between samples:
   the highest is at one of these. */
static void find_crests(const bound *b, supply_walk c, double dt_s, crest out[2]) {
    double at_s = 0, gain_uj = 0, highest[2][2] = {{0, 0}, {b->top_uj, b->top_uj}};
    while (at_s < dt_s * (1 - 1e-12)) {
        interval piece = {0};
        double step_s = fmin(dt_s - at_s, supply_end_s(c.supply, c.sample) - c.at_s);
        harvest(b, &c, step_s, false, &piece);
        at_s += step_s;
        gain_uj = gain_uj * exp(-b->lambda * step_s) + piece.gain_uj;
        double sleep_s = b->lambda > 0 ? store_decay(b->lambda * at_s) / b->lambda : at_s;
        double draw_uj[2] = {0, fmin(b->sleep_uw * sleep_s, b->boot_uj)};
        for (int full = 0; full < 2; full++)
            for (int on = 0; on < 2; on++) {
                double uj = (full ? b->top_uj * exp(-b->lambda * at_s) : 0) + gain_uj - draw_uj[on];
                highest[full][on] = fmax(highest[full][on], uj);
            }
    }
    for (int on = 0; on < 2; on++)
        out[on] = (crest){.least_uj = highest[0][on],
                          .share = (highest[1][on] - highest[0][on]) / b->top_uj};
}

static void set_crests(const bound *b, supply_walk c, double dt_s, interval *v) {
    find_crests(b, c, dt_s, v->crest);
    for (int i = 0; b->pays_late && i < BOUND_PARTS - 1; i++) {
        double part_s = dt_s * (i + 1) / BOUND_PARTS;
        find_crests(b, c, part_s, v->early[i]);
        v->rise[i] = exp(b->lambda * part_s);
    }
}

static interval pass_time(const bound *b, supply_walk *c, double from_s, double dt_s) {
    interval v = {.from_s = from_s, .dt_s = dt_s, .decay = exp(-b->lambda * dt_s)};
    harvest(b, c, dt_s, false, &v);
    v.sleep_uj = b->sleep_uw * dt_s * v.decay;
    v.paid = v.decay;
    v.nap_uj = fmin(v.sleep_uj, b->boot_uj * v.decay);
    v.most_s = dt_s + b->rows.slack_s;
    return v;
}

interval bound_interval(const bound_problem *p, double from_s, double dt_s) {
    supply_walk c = supply_walk_from(&p->supply, p->options->trace_start_s + from_s);
    return pass_time(&p->bound, &c, from_s, dt_s);
}

void bound_crests(const bound_problem *p, double from_s, double dt_s, interval *v) {
    supply_walk c = supply_walk_from(&p->supply, p->options->trace_start_s + from_s);
    find_crests(&p->bound, c, dt_s, v->crest);
}

/* A charge with which no span waits; INFINITY: one waits with a full capacitor, too. */
static double most_waited_for_uj(const bound_problem *p) {
    const wick_model *m = &p->plan->model;
    double most_uj = 0;
    for (int i = 0; i < m->n_spans; i++) {
        int need_mv = m->spans[i].need_mv, enough_mv = need_mv + 16 * m->spans[i].margin_16mv;
        if (need_mv && store_energy_at(&p->cap, (need_mv + 1) * 1e-3) > p->bound.cap_uj)
            return INFINITY;
        if (need_mv)
            most_uj = fmax(most_uj, store_energy_at(&p->cap, (enough_mv + 1) * 1e-3));
    }
    return fmin(most_uj, p->bound.cap_uj);
}

/* The most that the rows of a line are apart within an interval; *unit_uj: a row and the one
   before. */
static double most_spent_uj(const bound *b, bound_line line, double *unit_uj) {
    const bound_row *rows = b->rows.rows;
    double most_uj = 0;
    for (int i = line.first, first = i; i < line.end; i++) {
        while (rows[i].time_s - rows[first].time_s > b->dt_s + b->rows.slack_s)
            first++;
        most_uj = fmax(most_uj, rows[i].uj - rows[first].uj);
        if (i > line.first)
            *unit_uj = fmax(*unit_uj, rows[i].uj - rows[i - 1].uj);
    }
    return most_uj;
}

static bound_gains gains_of(const bound_problem *p) {
    const bound *b = &p->bound;
    const bound_row *rows = b->rows.rows;
    double unit_uj = 0, spent_uj = most_spent_uj(b, b->rows.trunk, &unit_uj), least_s = INFINITY;
    for (int k = 0; k < b->rows.n_branches; k++) {
        bound_line branch = b->rows.branches[k];
        spent_uj = fmax(spent_uj, most_spent_uj(b, branch, &unit_uj));
        unit_uj = fmax(unit_uj, rows[branch.first].uj - rows[b->rows.extracted].uj);
    }
    double loose_uj = 0;
    for (int i = 0; i < b->rows.n; i++) {
        least_s = rows[i].answers ? fmin(least_s, rows[i].time_s) : least_s;
        loose_uj = fmax(loose_uj, rows[i].store_uj + rows[i].reload_uj);
    }
    unit_uj += loose_uj;
    /* Lines within an interval: the end of one, whole ones, the beginning of another; each may be a
       trunk and a branch. */
    double answers = fmin(b->most_open, floor((b->dt_s + b->rows.slack_s) / least_s));
    double lines = 2 * (2 + answers);
    return (bound_gains){.supply = &p->supply,
                         .cap = &p->cap,
                         .start_s = p->options->trace_start_s,
                         .waits_uj = most_waited_for_uj(p),
                         .sleep_uw = b->sleep_uw,
                         .spent_uj =
                             lines * (spent_uj + unit_uj) + b->boot_uj + (b->top_uj - b->cap_uj),
                         .ahead_uj = fmax(2 * unit_uj, b->boot_uj),
                         .ahead_s = fmax(b->rows.slack_s + b->rows.loose_s, b->boot_s)};
}

/* What it takes to take so many inputs and to choose a module each time. */
static double taken_uj(const bound_problem *p, double inputs) {
    const work_items *w = &p->work;
    return inputs * (bound_spent(w, 0, w->taken) +
                     bound_spent(w, WORK_DECIDE, w->sequence[WORK_DECIDE].end));
}

/* What a sweep keeps for waits of so many intervals. */
static double waited_bytes(const bound *b, int intervals) {
    return 2.0 * sizeof(float) * (intervals + 1) * (1 << b->most_open) * b->rows.n * b->points;
}

/* Behind WICK_ENGINE_PATIENCE sleeps in which the voltage did not rise the engine begins a span at
   less than its need_mv. With a sleep's charge E at first and gain G of the harvest, E decay + G -
   sleep <= E + what is not seen, so the more comes in, the more was there; where that is more than
   any span waits for (with its margin) the engine does not tire. Sleeps are taken to follow each
   other; an arrival ends one early, and its input may be taken meanwhile. In any other interval it
   may tire, if it was on for as long before. It stays tired: until the voltage rises above the
   highest that it saw, which work may prevent, or the device goes off, every later span begins at
   once. So from such an interval on (if tiredness is no mode: in any state behind the first one),
   spans ask for no more than without which they fail (bound_row: bare_uj), less what may arrive
   while they run: until then it is lent. */
static void set_patience(bound_problem *p, wick_arena *arena) {
    bound *b = &p->bound;
    bool tires = b->tires, ever = false;
    b->tires = false;
    p->grid.tires = false;
    if (!p->work.lazy)
        return;
    double wait_s = p->options->wait_s, all_s = WICK_ENGINE_PATIENCE * wait_s;
    double inputs = 2 + floor(all_s / p->options->workload.period_s);
    double sure_s = all_s - wait_s * inputs;
    int n = (int)floor(sure_s / b->dt_s) - 1; /* whole intervals within it, wherever it begins */
    double decay = exp(-b->lambda * all_s), slept_uj = b->sleep_uw * all_s;
    if (b->lambda > 0)
        slept_uj = b->sleep_uw * store_decay(b->lambda * all_s) / b->lambda;
    b->taken_uj = taken_uj(p, inputs);
    slept_uj += b->taken_uj;
    double most_v = store_voltage_at(&p->cap, b->cap_uj);
    double unseen_uj = b->cap_uj - store_energy_at(&p->cap, fmax(0, most_v - 2e-3));
    double waits_uj = b->gains ? b->gains->waits_uj : most_waited_for_uj(p),
           *gain_uj = wick_new(arena, double, b->n);
    supply_walk c = supply_walk_from(&p->supply, p->options->trace_start_s);
    /* A boot and all waiting may lie in one interval; the values of all waits may not fit. */
    tires &= n > 0 && !b->gains && waited_bytes(b, n) < MOST_WAITED_BYTES;
    b->waits = n;
    for (int j = 0; j < b->n; j++) {
        interval *v = &b->intervals[j];
        interval sure = {0};
        harvest(b, &c, fmin(b->dt_s, b->end_s - j * b->dt_s), true, &sure);
        gain_uj[j] = sure.gain_uj;
        double got_uj = 0;
        for (int i = j - n > 0 ? j - n : 0; i < j; i++)
            got_uj = got_uj * b->intervals[i].decay + gain_uj[i];
        got_uj *= exp(-b->lambda * fmax(b->dt_s, wait_s)); /* until the voltage is read */
        double rise_uj = got_uj - slept_uj - unseen_uj;
        double first_uj = rise_uj > 0 ? decay < 1 ? rise_uj / (1 - decay) : INFINITY : 0;
        bool tired =
            (j + 1) * b->dt_s >= sure_s && fmax(0, first_uj * decay + got_uj - slept_uj) < waits_uj;
        ever |= tired;
        v->tired = tires ? tired : ever;
        if (!ever)
            continue;
        double unit_s = b->rows.unit_s + b->rows.loose_s;
        v->power_uw = bound_interval(p, j * b->dt_s, b->dt_s + unit_s).power_uw;
        v->lent_uj = bound_interval(p, (j + 1) * b->dt_s, unit_s).gross_uj;
    }
    b->tires = tires && ever;
    p->grid.tires = b->tires;
}

static double wrapped(double uj, double step_uj) {
    return uj - step_uj * floor(uj / step_uj);
}

/* So that nothing is rounded as long as leakage does not narrow the lattice. */
static void make_rests(bound *b, wick_arena *arena) {
    b->rest = wick_new(arena, double, b->rows.n);
    for (int i = 0; i < b->rows.n && !b->gains; i++) {
        double steps = b->rows.rows[i].uj / b->step_uj;
        b->rest[i] = fmax(0, steps - floor(steps + 1e-9));
    }
}

/* Harvest and lattices of all intervals. A lattice moves with what the device does not decide, so
   that this rounds nothing; leakage narrows it, and in time it is taken anew. */
static void make_intervals(bound *b, wick_arena *arena, const supply *s, double start_s,
                           double start_uj) {
    supply_walk c = supply_walk_from(s, start_s);
    double step_uj = b->step_uj, phase_uj[2] = {wrapped(start_uj, step_uj), 0};
    bool renewed = false;
    landings scratch;
    make_rests(b, arena);
    if (b->gains)
        scratch = landings_make(b, arena);
    for (int j = 0; j < b->n; j++) {
        interval *v = &b->intervals[j];
        double dt_s = fmin(b->dt_s, b->end_s - j * b->dt_s);
        const supply_walk before = c;
        *v = pass_time(b, &c, j * b->dt_s, dt_s);
        set_crests(b, before, dt_s, v);
        v->start.step_uj = step_uj;
        v->end.step_uj = step_uj * v->decay;
        v->renewed = renewed;
        for (int on = 0; on < 2; on++) {
            double net_uj = v->gain_uj - (on ? v->sleep_uj : 0);
            v->start.phase_uj[on] = phase_uj[on];
            v->end.phase_uj[on] = wrapped(phase_uj[on] * v->decay + net_uj, v->end.step_uj);
            phase_uj[on] = v->end.phase_uj[on];
        }
        for (int on = 0; b->gains && j && on < 2; on++)
            v->start.below[on] = renewed ? NULL : v[-1].end.below[on];
        if (b->gains)
            landing_carry(b, arena, v, &scratch);
        step_uj = v->end.step_uj;
        renewed = step_uj < 0.75 * b->step_uj;
        if (renewed) {
            step_uj = b->step_uj;
            phase_uj[0] = wrapped(phase_uj[0], step_uj);
            phase_uj[1] = wrapped(phase_uj[1], step_uj);
        }
    }
}

/* ---- the work ---- */

static const work_sums *sums_of(const work_items *w, int q) {
    return work_before(w, q, w->sequence[q].end);
}

double bound_floor_uj(const bound *b, const interval *v, bool on, bool tired) {
    double lent_uj = tired ? v->lent_uj : 0;
    if (!on)
        return b->off_uj * v->decay - lent_uj;
    double since_s = fmax(b->rows.unit_s + b->rows.loose_s, b->boot_s);
    double least_uj = fmin(b->off_uj, b->on_uj - b->boot_uj) - b->rows.short_uj;
    return (least_uj - b->sleep_uw * since_s) * exp(-b->lambda * since_s) - lent_uj;
}

/* ---- the inputs ---- */

static wick_status check_grid(const wick_clairvoyant_options *g, wick_diag *diag) {
    if (g->slots < 2 || g->slots > 1000 || g->levels < 4 || g->levels > 1000 ||
        (g->charges && (g->charges < 16 || g->charges > 64000)) || g->widest < 0 || g->finer < 0 ||
        g->finer > FINER_GRIDS)
        return wick_fail(diag, WICK_RANGE, NULL, "grid",
                         "2 to 1000 slots, 4 to 1000 levels, 16 to 64000 charges, a width from 0 "
                         "on, at most 2 finer grids",
                         "%d slots, %d levels, %d charges, %d wide, %d finer", g->slots, g->levels,
                         g->charges, g->widest, g->finer);
    return WICK_OK;
}

wick_status wick_clairvoyant_check(const wick_workload *w, wick_diag *diag) {
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
    b->n = (int)fmin(ceil(b->end_s / b->dt_s - 1e-9), INT32_MAX / 2);
    b->deadline = (int)ceil(w->deadline_s / b->dt_s - 1e-9);
    b->most_open = (b->deadline + g->slots - 1) / g->slots;
    b->drops_new = w->rule == WICK_INPUT_DROP_NEW;
    /* Replaced, an input is given up behind the unit at hand, which may be its delivery. */
    b->room = w->rule == WICK_INPUT_REPLACE ? 2 : w->max_waiting + 1;
    b->off_drops_new = b->drops_new && b->room <= b->most_open;
    b->needs_power = w->needs_power;
    b->fresh = w->fresh_s > 0 ? (int)ceil(fmin(w->fresh_s, w->deadline_s) / b->dt_s - 1e-9) : 0;
    b->off_forgets = b->fresh && !w->clock_survives;
    /* A boot, and an answer, round by up to a step. */
    double beyond_uj = 0;
    b->most_uj = 0;
    for (int i = 0; i < b->rows.n; i++) {
        b->most_uj = fmax(b->most_uj, b->rows.rows[i].uj);
        beyond_uj = fmax(beyond_uj, b->rows.rows[i].beyond_uj);
    }
    double fine = fmax(3 * b->cap_uj / b->boot_uj, 160 * b->cap_uj / b->most_uj);
    b->step_uj = b->cap_uj / (g->charges ? g->charges : fmin(640, fmax(256, fine)));
    b->top_uj = b->cap_uj + beyond_uj;
    /* A lattice is renewed below three quarters of its step, behind the interval that narrowed it.
     */
    b->points = (int)ceil(b->top_uj / (0.75 * b->step_uj * exp(-b->lambda * b->dt_s))) + 4;
}

wick_status bound_make(wick_arena *arena, const wick_plan *plan, const wick_trace *trace,
                       const wick_sim_options *options, const uint8_t *correct, int n_samples,
                       const wick_clairvoyant_options *grid, bound_problem *p, wick_diag *diag) {
    const wick_device *d = plan->device;
    const wick_workload *load = &options->workload;
    *p = (bound_problem){.plan = plan, .options = options};
    WICK_TRY(sim_check(plan, trace, options, n_samples, diag));
    WICK_TRY(check_grid(grid, diag));
    WICK_TRY(wick_clairvoyant_check(load, diag));
    wick_harvester *own = wick_new(arena, wick_harvester, 1);
    *own = wick_device_harvester(d);
    double start_v = options->start_v >= 0 ? options->start_v : d->capacitor.off_v;
    p->cap = store_make(d, plan->options.capacitor_uf, start_v);
    WICK_TRY(supply_make(arena, trace, options->harvester ? options->harvester : own, &p->cap,
                         d->capacitor.on_v, &p->supply, diag));
    WICK_TRY(work_items_make(arena, plan, load, &p->cap, !options->no_voltage, &p->work, diag));
    bound *b = &p->bound;
    *b = (bound){.tires = grid->tires,
                 .cold = grid->cold && p->work.lazy,
                 .n_modules = plan->model.n_modules,
                 .kept_bytes = fmin(grid->kept_bytes > 0 ? grid->kept_bytes : KEPT_BYTES,
                                    bound_bytes(grid->effort)),
                 .pays_late = p->cap.lambda_per_s > 0,
                 .end_s = options->duration_s > 0 ? options->duration_s : trace->end_s,
                 .lambda = p->cap.lambda_per_s,
                 .cap_uj = p->cap.max_uj,
                 .on_uj = p->cap.on_uj,
                 .off_uj = p->cap.off_uj,
                 .boot_uj = sums_of(&p->work, WORK_BOOT_SEQUENCE)->drawn_uj,
                 .boot_s = sums_of(&p->work, WORK_BOOT_SEQUENCE)->time_s,
                 .sleep_uw = p->work.sleep_draw_uw};
    /* Behind the instant that a boot runs over, the whole interval's sleep is paid. */
    b->boot_uj = fmax(0, b->boot_uj - b->sleep_uw * b->boot_s);
    bound_gains *gains = p->supply.diode ? wick_new(arena, bound_gains, 1) : NULL;
    b->gains = gains;
    p->grid = *grid;
    p->grid.cold = b->cold;
    do {
        bound_rows_make(arena, plan, &p->work, &p->cap, p->grid.levels, &b->rows);
        make_grid(b, load, &p->grid);
        p->coarser = p->grid.slots < grid->slots || p->grid.levels < grid->levels ||
                     p->grid.charges != grid->charges;
    } while (bound_excess(b, grid->effort) > 1 && bound_coarsen(b, &p->grid));
    if (bound_excess(b, grid->effort) > BOUND_LONGEST)
        return wick_fail(diag, WICK_RANGE, trace->path, "clairvoyant",
                         "take a part of the trace, longer periods, or allow more effort",
                         "even the coarsest grid takes %.0f times the effort that is allowed",
                         bound_excess(b, grid->effort));
    b->intervals = wick_new(arena, interval, b->n);
    if (gains)
        *gains = gains_of(p);
    make_intervals(b, arena, &p->supply, options->trace_start_s, p->cap.energy_uj);
    set_patience(p, arena);
    p->inputs = make_rewards(b, arena, options, correct, n_samples, grid->known);
    return WICK_OK;
}

wick_bound bound_figures(const bound_problem *p, double value) {
    const bound *b = &p->bound;
    long states = 1 + (long)((1 << b->most_open) - 1) * b->rows.n;
    return (wick_bound){.expected = p->inputs ? value / p->inputs : 0,
                        .inputs = p->inputs,
                        .instants = b->n,
                        .grid = p->grid,
                        .coarser = p->coarser,
                        .states = (bound_modes(b) + b->off_drops_new) * b->points * states};
}

wick_status wick_clairvoyant(const wick_plan *plan, const wick_trace *trace,
                             const wick_sim_options *options, const uint8_t *correct, int n_samples,
                             const wick_clairvoyant_options *grid, wick_bound *out,
                             wick_diag *diag) {
    bound_problem p;
    wick_arena *arena = wick_arena_new();
    *out = (wick_bound){0};
    wick_status status =
        bound_make(arena, plan, trace, options, correct, n_samples, grid, &p, diag);
    double value = 0;
    if (status == WICK_OK) {
        wick_progress progress;
        wick_progress_begin(&progress, "bound", "instants", (uint64_t)p.bound.n);
        progress.enabled = progress.enabled && !options->quiet;
        status = bound_sweep(&p.bound, arena, p.cap.energy_uj, &value, NULL, &progress, diag);
        wick_progress_end(&progress);
    }
    if (status == WICK_OK)
        *out = bound_figures(&p, value);
    wick_arena_free(arena);
    return status;
}
