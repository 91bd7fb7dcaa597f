/* The worst time to an answer under a least harvest; the argument stands in plan_latency.h. */
#include "plan/plan_parts.h"

#include <math.h>
#include <stdlib.h>

#include <wick/engine.h>

/* Units that one look ahead follows; to stop earlier than the charge would is on the safe side. */
enum { HORIZON = 4096 };

/* The capacitor with the least that arrives, and the device that draws from it. */
typedef struct tank {
    const wick_device *device;
    double in_uw, lambda_per_s;
    double off_uj, on_uj, max_uj;
} tank;

/* What a power failure repeats. */
typedef struct unit {
    int span; /* of the model; -1: taking the input, a decision, a delivery */
    double time_s, drawn_uj;
    double off_uj;              /* in the capacitor, at which its heaviest part browns out */
    double reload_s, reload_uj; /* besides, as the first one of a boot */
    double carried_uj;          /* outputs of earlier spans that its commit may have to write */
    double need_uj, enough_uj;  /* lazy: below the first it waits, until the second; else 0 */
} unit;

typedef struct walk {
    const wick_plan *plan;
    const wick_latency_options *options;
    tank tank;
    unit boot, page, *units;
    double *begin_s; /* [n + 1] time of the units before one, without failures */
    int n;
    double booted_uj; /* in the capacitor after a boot at the wake voltage */
    int *reach;       /* [n] first unit that may fail or wait when a boot begins with this one */
    wick_latency *result;
} walk;

wick_latency_options wick_latency_defaults(void) {
    return (wick_latency_options){.wait_s = 1};
}

static double energy_at(const tank *t, double volts) {
    return 0.5 * t->device->capacitor.uf * volts * volts;
}

static tank tank_of(const wick_device *device, double in_uw) {
    tank t = {.device = device,
              .in_uw = in_uw,
              .lambda_per_s = 2 * device->capacitor.leakage_ua /
                              (device->capacitor.uf * device->capacitor.max_v)};
    t.off_uj = energy_at(&t, device->capacitor.off_v);
    t.on_uj = energy_at(&t, device->capacitor.on_v);
    t.max_uj = energy_at(&t, device->capacitor.max_v);
    return t;
}

/* Seconds to charge between two energies with net_uw before leakage; INFINITY: it does not get
   there. */
static double rise_s(const tank *t, double from_uj, double to_uj, double net_uw) {
    double slope = net_uw - t->lambda_per_s * from_uj, last = net_uw - t->lambda_per_s * to_uj;
    if (to_uj <= from_uj)
        return 0;
    if (last <= 0)
        return INFINITY;
    if (t->lambda_per_s <= 0)
        return (to_uj - from_uj) / net_uw;
    return log1p((slope - last) / last) / t->lambda_per_s;
}

/* Energy after dt_s without any draw, the clamp apart. */
static double idle_uj(const tank *t, double energy_uj, double dt_s) {
    if (t->lambda_per_s <= 0)
        return energy_uj + t->in_uw * dt_s;
    return energy_uj + (t->in_uw / t->lambda_per_s - energy_uj) * -expm1(-t->lambda_per_s * dt_s);
}

/* Also what the heaviest part asks of the capacitor. */
static double draw_uw(const tank *t, double load_uw, double *off_uj) {
    double off_v, drawn_uw = wick_plan_draw_uw(t->device, load_uw, &off_v);
    *off_uj = energy_at(t, off_v);
    return drawn_uw;
}

static double drawn_uj(const tank *t, wick_cost cost, double *off_uj) {
    double off_v, drawn = wick_plan_drawn_uj(t->device, cost, &off_v);
    *off_uj = energy_at(t, off_v);
    return drawn;
}

static void add(const tank *t, unit *u, wick_cost cost) {
    double off_uj;
    u->drawn_uj += drawn_uj(t, cost, &off_uj);
    u->time_s += cost.time_us * 1e-6;
    u->off_uj = fmax(u->off_uj, off_uj);
}

/* ---- the units ---- */

/* Operands that a step of `span` reads and this boot may not have in SRAM: those from before the
   span at `home`, where the boot began, are always charged; the rest only if it began here. */
static int add_reloads(const walk *w, unit *u, const wick_span *span, int home, int r) {
    const wick_plan *plan = w->plan;
    int end = span->first_step + span->n_steps;
    while (r < plan->n_reloads && plan->reloads[r].step < span->first_step)
        r++;
    for (; r < plan->n_reloads && plan->reloads[r].step < end; r++) {
        const wick_plan_reload *reload = &plan->reloads[r];
        double off_uj;
        if (reload->producer < home) {
            add(&w->tank, u, reload->cost);
        } else if (reload->producer < span->first_step) {
            u->reload_uj += drawn_uj(&w->tank, reload->cost, &off_uj);
            u->reload_s += reload->cost.time_us * 1e-6;
            u->off_uj = fmax(u->off_uj, off_uj);
        }
    }
    return r;
}

/* Steps before `end` whose outputs a later step reads; the list is kept short. */
static int still_live(const wick_plan *plan, int *live, int n, int end) {
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (plan->stores[live[i]].last_reader >= end)
            live[kept++] = live[i];
    return kept;
}

static void set_waits(const walk *w, unit *u, const wick_span *span) {
    if (w->options->eager)
        return;
    u->need_uj = energy_at(&w->tank, span->need_mv * 1e-3);
    u->enough_uj = energy_at(&w->tank, (span->need_mv + 16 * span->margin_16mv) * 1e-3);
}

static int add_segment(walk *w, int segment, int r, int *live) {
    const wick_plan *plan = w->plan;
    const wick_model *m = &plan->model;
    int first = m->segments[segment].first_span, n_live = 0;
    for (int s = first; s < first + m->segments[segment].n_spans; s++) {
        const wick_span *span = &m->spans[s];
        int end = span->first_step + span->n_steps;
        unit *u = &w->units[w->n++];
        *u = (unit){.span = s};
        n_live = still_live(plan, live, n_live, end);
        for (int i = 0; i < n_live; i++) {
            double off_uj;
            u->carried_uj += drawn_uj(&w->tank, plan->stores[live[i]].cost, &off_uj);
        }
        for (int k = span->first_step; k < end; k++) {
            add(&w->tank, u, plan->step_cost[k]);
            if (plan->stores[k].last_reader >= end) {
                add(&w->tank, u, plan->stores[k].cost);
                live[n_live++] = k;
            }
        }
        add(&w->tank, u, plan->commit);
        r = add_reloads(w, u, span, s > first ? m->spans[s - 1].first_step : span->first_step, r);
        set_waits(w, u, span);
        if (span->mandatory)
            n_live = 0;
    }
    return r;
}

static void add_other(walk *w, wick_cost cost) {
    w->units[w->n] = (unit){.span = -1};
    add(&w->tank, &w->units[w->n], cost);
    add(&w->tank, &w->units[w->n++], w->plan->commit);
}

/* Taking the input, the extractor, the decision, the module (in a chain each on the way to it), the
   delivery. */
static void make_units(walk *w, int module) {
    const wick_plan *plan = w->plan;
    int *live = wick_xalloc(((size_t)plan->model.n_steps + 1) * sizeof *live);
    w->boot = w->page = (unit){.span = -1};
    add(&w->tank, &w->boot, plan->boot);
    if (plan->device->nvm.page_bytes)
        add(&w->tank, &w->page, plan->page);
    add_other(w, plan->take);
    int r = add_segment(w, 0, 0, live);
    for (int m = wick_plan_way_from(plan, module); m >= module; m--) {
        add_other(w, (wick_cost){0});
        add_segment(w, m, plan->net->chain ? 0 : r, live);
        add_other(w, plan->send);
    }
    for (int i = 0; i < w->n; i++)
        w->begin_s[i + 1] = w->begin_s[i] + w->units[i].time_s;
    free(live);
}

/* ---- how far a charge surely carries ---- */

/* Energy behind a unit; negative: it is not sure to be completed. */
static double behind_uj(const tank *t, const unit *u, double energy_uj, double more_uj,
                        double more_s) {
    double idle = idle_uj(t, energy_uj, u->time_s + more_s), drawn = u->drawn_uj + more_uj;
    if (fmin(energy_uj, idle) - drawn <= u->off_uj * WICK_PLAN_SLACK)
        return -1;
    return fmin(t->max_uj, idle) - drawn;
}

/* From unit k on, which begins with this energy and, behind a boot, reads what it needs; the
   reaches of later units are known. On flash a boot has opened its page; elsewhere one may be due
   before the shares of the writes have paid for it. */
static int reach_from(const walk *w, int k, double energy_uj, bool boot) {
    if (!boot)
        energy_uj -= w->page.drawn_uj;
    for (int j = k; j < w->n && j - k < HORIZON; j++) {
        const unit *u = &w->units[j];
        bool first = j == k && boot;
        if (energy_uj < u->need_uj * WICK_PLAN_SLACK && (j > k || boot))
            return j;
        if (j > k && energy_uj >= w->booted_uj)
            return w->reach[j];
        energy_uj =
            behind_uj(&w->tank, u, energy_uj, first ? u->reload_uj : 0, first ? u->reload_s : 0);
        if (energy_uj < 0)
            return j;
    }
    return w->n < k + HORIZON ? w->n : k + HORIZON;
}

/* ---- what a failure or a wait costs ---- */

static double refuse(walk *w, wick_latency_reason reason, int span) {
    if (w->result->reason == WICK_LATENCY_BOUNDED) {
        w->result->reason = reason;
        w->result->unit = span;
    }
    return INFINITY;
}

/* Unit k fails in its last moment: until the one at reach[k] may be next to fail. */
static double failure_s(walk *w, int k) {
    const unit *u = &w->units[k];
    if (w->reach[k] <= k)
        return refuse(w, WICK_LATENCY_SPAN, u->span);
    return u->time_s + w->result->recharge_s + w->boot.time_s + u->reload_s;
}

/* Before span unit k; *next: the first one that may be next to wait or fail. */
static double wait_s(walk *w, int k, int *next) {
    const unit *u = &w->units[k];
    const tank *t = &w->tank;
    double off_uj, net_uw = t->in_uw - draw_uw(t, t->device->sleep_uw, &off_uj);
    double slope_uw = net_uw - t->lambda_per_s * u->enough_uj;
    /* Too slow a rise looks like a sensor that is stuck. */
    double volts = sqrt(2 * u->enough_uj / t->device->capacitor.uf);
    double patient_uj = 2e-3 * t->device->capacitor.uf * volts;
    if (slope_uw * WICK_ENGINE_PATIENCE * w->options->wait_s <= patient_uj ||
        off_uj >= u->enough_uj)
        return refuse(w, WICK_LATENCY_SLEEP, u->span);
    if (behind_uj(t, u, u->need_uj - w->page.drawn_uj, u->reload_uj + u->carried_uj, u->reload_s) <
        0)
        return refuse(w, WICK_LATENCY_READING, u->span);
    *next = reach_from(w, k, u->enough_uj, false);
    return rise_s(t, t->off_uj, u->enough_uj, net_uw) + w->options->wait_s + w->page.time_s;
}

static void find_worst(walk *w) {
    double worst_s = w->begin_s[w->n]; /* max over what may come: its beginning and its cost */
    double *from_s = wick_xalloc(((size_t)w->n + 1) * sizeof *from_s);
    int *stops = wick_xalloc(((size_t)w->n + 1) * sizeof *stops), most = 0;
    from_s[w->n] = worst_s;
    stops[w->n] = 0;
    for (int k = w->n - 1; k >= 0; k--) {
        w->reach[k] = reach_from(w, k, w->booted_uj, true);
        int next = w->reach[k];
        double stop_s = w->units[k].need_uj > 0 ? wait_s(w, k, &next) : failure_s(w, k);
        /* A span that a boot cannot begin without waiting is none that was admitted. */
        if (w->units[k].need_uj > 0 && w->reach[k] <= k)
            stop_s = refuse(w, WICK_LATENCY_SPAN, w->units[k].span);
        if (isinf(stop_s)) {
            worst_s = INFINITY;
            break;
        }
        if (stop_s + from_s[next] > worst_s) {
            worst_s = stop_s + from_s[next];
            most = stops[next] + 1;
        }
        from_s[k] = worst_s;
        stops[k] = most;
    }
    w->result->answer_s = worst_s;
    w->result->stops = isinf(worst_s) ? 0 : most;
    free(from_s);
    free(stops);
}

static size_t most_units(const wick_plan *plan, int module) {
    size_t most = (size_t)plan->model.segments[0].n_spans + 4;
    for (int m = module; m <= wick_plan_way_from(plan, module); m++)
        most += (size_t)plan->model.segments[m].n_spans + 2;
    return most;
}

double wick_plan_lazy_from(const wick_plan *plan) {
    wick_latency_options options = {.eager = true, .wait_s = 1};
    walk w = {.plan = plan, .options = &options, .tank = tank_of(plan->device, 0)};
    size_t most = most_units(plan, 1);
    w.units = wick_xalloc(most * sizeof *w.units);
    w.begin_s = wick_xalloc(most * sizeof *w.begin_s);
    make_units(&w, 1);
    double sum = 0, squares = 0, off_uj; /* a failure hits a unit as often as it is large */
    for (int i = 0; i < w.n; i++) {
        sum += w.units[i].drawn_uj;
        squares += w.units[i].drawn_uj * w.units[i].drawn_uj;
    }
    free(w.units);
    free(w.begin_s);
    double failure_uj = w.boot.drawn_uj + squares / (2 * sum);
    return draw_uw(&w.tank, plan->device->sleep_uw, &off_uj) * (w.tank.on_uj - w.tank.off_uj) /
           failure_uj;
}

wick_latency wick_plan_latency(const wick_plan *plan, int module,
                               const wick_latency_options *options) {
    wick_latency result = {.unit = -1, .answer_s = INFINITY};
    walk w = {.plan = plan,
              .options = options,
              .tank = tank_of(plan->device, options->arriving_uw),
              .result = &result};
    const tank *t = &w.tank;
    size_t most = most_units(plan, module);
    w.units = wick_xalloc(most * sizeof *w.units);
    w.begin_s = wick_xalloc(most * sizeof *w.begin_s);
    w.reach = wick_xalloc(most * sizeof *w.reach);
    make_units(&w, module);
    result.active_s = w.begin_s[w.n];
    result.recharge_s = rise_s(t, t->off_uj, t->on_uj, t->in_uw);
    result.cold_start_s = rise_s(t, 0, t->on_uj, t->in_uw);
    w.booted_uj = behind_uj(t, &w.boot, t->on_uj, 0, 0);
    if (isinf(result.recharge_s))
        refuse(&w, WICK_LATENCY_NEVER_WAKES, -1);
    else if (w.booted_uj < 0)
        refuse(&w, WICK_LATENCY_SPAN, -1);
    else
        find_worst(&w);
    free(w.units);
    free(w.begin_s);
    free(w.reach);
    return result;
}

double wick_plan_least_harvest(const wick_plan *plan, int module,
                               const wick_latency_options *options, double deadline_s) {
    wick_latency_options o = *options;
    double low_uw = 0, high_uw = 1;
    for (;; low_uw = high_uw, high_uw *= 4) {
        if (high_uw > 1e12)
            return INFINITY;
        o.arriving_uw = high_uw;
        if (wick_plan_latency(plan, module, &o).answer_s <= deadline_s)
            break;
    }
    while (high_uw > low_uw * 1.001 && high_uw > 1e-3) {
        double middle_uw = low_uw > 0 ? sqrt(low_uw * high_uw) : high_uw / 4;
        o.arriving_uw = middle_uw;
        if (wick_plan_latency(plan, module, &o).answer_s <= deadline_s)
            high_uw = middle_uw;
        else
            low_uw = middle_uw;
    }
    return high_uw;
}
