/* The clairvoyant's plan as a control of the simulator. */
#include "sim/clairvoyant_control.h"

#include <limits.h>
#include <math.h>

static const wick_segment *segment_of(const replay *r, int k) {
    return &r->planner.problem->plan->model.segments[k];
}

/* Inputs that are outstanding, as in clairvoyant_queue.c. */
static int queue_of(const replay *r, const wick_sim_state *s) {
    const bound_problem *p = r->planner.problem;
    const bound *b = &p->bound;
    double period_s = p->options->workload.period_s, deadline_s = p->options->workload.deadline_s;
    int newest = (int)floor(s->now_s / period_s + 1e-9), queue = 0;
    for (int i = -1; i < s->waiting; i++) {
        double arrival_s = i < 0 ? s->arrival_s : s->waiting_s[i];
        if ((i < 0 && s->input < 0) || s->now_s >= arrival_s + deadline_s)
            continue;
        int at = newest - (int)lround(arrival_s / period_s);
        if (at >= 0 && at < b->most_open)
            queue |= 1 << at;
    }
    return queue;
}

static bool answered(const wick_sim_state *s, int k) {
    return k > 0 && s->answered >> (k - 1) & 1;
}

/* Where the input in work is on the way to an answer of module k (0: the extractor alone). */
bound_place replay_place(const replay *r, const wick_sim_state *s, int k) {
    const bound_problem *p = r->planner.problem;
    const bound_rows *rows = &p->bound.rows;
    if (s->input < 0 || !s->taken)
        return (bound_place){0};
    if (!s->features)
        return rows->spans[0][s->progress[0]];
    if (p->plan->model.chain)
        for (k = p->plan->model.n_modules; k > 1 && answered(s, k);)
            k--;
    else if (k == 0 || answered(s, k) || s->progress[k] == 0)
        return (bound_place){.row = rows->extracted};
    return rows->spans[k][s->progress[k]];
}

static plan_ahead look(replay *r, const wick_sim_state *s, bool on, int k) {
    bound_place place = replay_place(r, s, k);
    plan_state state = {.at_s = s->now_s,
                        .on = on,
                        .cold = !s->warm,
                        .queue = queue_of(r, s),
                        .row = place.row,
                        .uj = s->energy_uj + place.beyond_uj};
    return plan_look(&r->planner, state);
}

/* The segment of the next unit: of the extractor, or of the module that is in work for `target`. */
static int next_segment(const replay *r, const wick_sim_state *s, int target) {
    const wick_model *m = &r->planner.problem->plan->model;
    if (!s->features)
        return 0;
    int k = m->chain ? m->n_modules : target;
    while (k > target && answered(s, k))
        k--;
    return k;
}

/* Of the segment of the next unit, those that are done by a row; INT_MAX: all. */
static int spans_until(const replay *r, const wick_sim_state *s, int row) {
    int k = next_segment(r, s, r->target), i = s->progress[k];
    const bound_place *behind = r->planner.problem->bound.rows.spans[k] + 1;
    int n = segment_of(r, k)->n_spans, first = i;
    while (i < n && behind[i].row <= row)
        i++;
    return i < n ? i - first : INT_MAX;
}

/* The charge with which the next unit surely ends. */
double replay_enough_uj(const replay *r, const wick_sim_state *s) {
    const bound_problem *p = r->planner.problem;
    const work_items *w = &p->work;
    int k = next_segment(r, s, r->target);
    const wick_segment *segment = segment_of(r, k);
    int i = s->progress[k];
    if (i >= segment->n_spans)
        return 0;
    const wick_span *span = &p->plan->model.spans[segment->first_span + i];
    if (w->lazy && span->need_mv)
        return store_energy_at(&p->cap, (span->need_mv + 1) * 1e-3);
    int first = w->span_first[segment->first_span + i], end = w->items[first].unit_end;
    double off_uj = w->sequence[k].max_off_uj;
    double unit_uj = work_before(w, k, end)->drawn_uj - work_before(w, k, first)->drawn_uj;
    return off_uj + 1.1 * unit_uj +
           work_before(w, WORK_DECIDE, w->sequence[WORK_DECIDE].end)->drawn_uj;
}

/* The work from a row to the answer of a module. */
typedef struct rest {
    double uj; /* the charge that carries all of it in one go */
    double time_s;
} rest;

static void add_rest(const replay *r, bound_line line, int from, int k, rest *sum) {
    const bound *b = &r->planner.problem->bound;
    const bound_row *rows = b->rows.rows, *here = &rows[from];
    for (int i = line.first > from ? line.first : from + 1; i < line.end; i++) {
        sum->uj = fmax(sum->uj, rows[i].need_uj + rows[i].before_uj - here->uj);
        sum->uj = fmax(sum->uj, b->off_uj + rows[i].uj - here->uj + rows[i].store_uj);
        sum->time_s = rows[i].time_s - here->time_s;
        if (rows[i].answers == k)
            return;
    }
}

static rest rest_of(const replay *r, int from, int k) {
    const bound_rows *rows = &r->planner.problem->bound.rows;
    rest sum = {0};
    if (from < rows->trunk.end)
        add_rest(r, rows->trunk, from, k, &sum);
    for (int i = 0; i < rows->n_branches; i++)
        if (rows->rows[rows->branches[i].end - 1].answers == k)
            add_rest(r, rows->branches[i], from, k, &sum);
    return sum;
}

double replay_rest_s(const replay *r, int row, int k) {
    return rest_of(r, row, k).time_s;
}

/* When a device that draws `uw` has `target_uj`, at most until_s; INFINITY: not by then. */
static double reaches_s(const replay *r, const wick_sim_state *s, double uw, double target_uj,
                        double until_s) {
    const bound_problem *p = r->planner.problem;
    double at_s = s->now_s, uj = s->energy_uj, step_s = p->bound.dt_s / 64;
    while (uj < target_uj) {
        if (at_s >= until_s)
            return INFINITY;
        interval v = bound_interval(p, at_s, step_s);
        uj = fmin(uj * v.decay + v.gain_uj - uw * step_s, p->bound.cap_uj);
        at_s += step_s;
    }
    return at_s;
}

static double next_instant_s(const replay *r, const wick_sim_state *s) {
    const bound *b = &r->planner.problem->bound;
    return b->dt_s * (floor(s->now_s / b->dt_s + 1e-9) + 1);
}

static wick_sim_action sleep_until(double until_s) {
    return (wick_sim_action){.kind = WICK_SIM_SLEEP, .until_s = until_s};
}

static wick_sim_action switch_off(replay *r, const wick_sim_state *s) {
    const bound *b = &r->planner.problem->bound;
    double boot_s = look(r, s, false, 0).boot_s, next_s = next_instant_s(r, s);
    if (boot_s <= s->now_s && s->energy_uj >= b->on_uj) {
        if (b->sleep_uw * (next_s - s->now_s) < b->boot_uj)
            return sleep_until(next_s);
        boot_s = next_s;
    }
    return (wick_sim_action){.kind = WICK_SIM_OFF, .until_s = boot_s};
}

/* Too little charge for the next unit. The plan is asked again at each instant. */
static wick_sim_action wait_for(replay *r, const wick_sim_state *s, double target_uj,
                                bool stays_on) {
    const bound *b = &r->planner.problem->bound;
    double at_s = reaches_s(r, s, b->sleep_uw, target_uj, s->deadline_s);
    if (at_s < INFINITY && (stays_on || b->sleep_uw * (at_s - s->now_s) < b->boot_uj))
        return sleep_until(r->manner.follows ? fmin(at_s, next_instant_s(r, s)) : at_s);
    return switch_off(r, s);
}

static wick_sim_action idle(replay *r, const wick_sim_state *s) {
    const bound_problem *p = r->planner.problem;
    double period_s = p->options->workload.period_s;
    double next_s = period_s * (floor(s->now_s / period_s + 1e-9) + 1);
    if (look(r, s, true, 0).stays_on)
        return sleep_until(next_s);
    return switch_off(r, s);
}

/* The module for the input in work; 0: give it up. One that has begun keeps its work; of exits, all
   begin with the same work. */
static plan_ahead choose(replay *r, const wick_sim_state *s) {
    int begun = s->features ? s->segment : 0;
    plan_ahead ahead = look(r, s, true, begun);
    if (begun && s->progress[begun] > 0 && !r->planner.problem->plan->model.chain) {
        plan_ahead anew = look(r, s, true, 0);
        if (anew.value > ahead.value + 1e-4)
            ahead = anew;
    }
    if (answered(s, ahead.module))
        ahead.module = 0;
    return ahead;
}

/* Until when the next unit can wait: units that follow each other commit once, those that each wait
   for their own charge commit each. At most until the capacitor is nearly full or time is short. */
static double late_s(const replay *r, const wick_sim_state *s) {
    const bound *b = &r->planner.problem->bound;
    bound_place place = replay_place(r, s, r->target);
    rest left = rest_of(r, place.row, r->target);
    double last_s = plan_latest_s(b, s->deadline_s, left.time_s);
    double most_uj = fmin(b->off_uj + 1.02 * (left.uj - b->off_uj),
                          b->off_uj + r->manner.late * (b->cap_uj - b->off_uj));
    if (s->energy_uj >= most_uj || s->now_s >= last_s)
        return s->now_s;
    return fmin(last_s, reaches_s(r, s, b->sleep_uw, most_uj, last_s));
}

wick_sim_action replay_act(void *ctx, const wick_sim_state *s) {
    replay *r = ctx;
    r->planner.boots_late = r->manner.boots_late;
    double instants =
        fmin(s->now_s, r->planner.problem->bound.end_s) / r->planner.problem->bound.dt_s;
    wick_progress_update(r->progress, r->before + (uint64_t)(r->pace * instants));
    if (s->now_s >= r->planner.problem->bound.end_s)
        return (wick_sim_action){.kind = WICK_SIM_GO_ON};
    if (s->input < 0)
        return idle(r, s);
    if ((s->answered && !r->planner.problem->plan->model.chain) || s->now_s >= s->deadline_s)
        return (wick_sim_action){.kind = WICK_SIM_DROP};
    int segment = s->features ? s->segment : 0;
    if (segment && !answered(s, segment) && s->progress[segment] == segment_of(r, segment)->n_spans)
        return (wick_sim_action){.kind = WICK_SIM_GO_ON}; /* delivers */
    plan_ahead ahead = choose(r, s);
    r->target = ahead.module;
    if (!r->target)
        return (wick_sim_action){.kind = WICK_SIM_DROP};
    int spans = r->manner.follows && ahead.stops >= 0 ? spans_until(r, s, ahead.stops) : INT_MAX;
    if (spans == 0)
        return ahead.stops_on ? sleep_until(next_instant_s(r, s)) : switch_off(r, s);
    double target_uj = replay_enough_uj(r, s);
    if (s->energy_uj < target_uj)
        return wait_for(r, s, target_uj, ahead.stays_on);
    double until_s = r->manner.late > 0 ? late_s(r, s) : s->now_s;
    if (until_s > s->now_s)
        return sleep_until(until_s);
    return (wick_sim_action){
        .kind = WICK_SIM_MODULE, .module = r->target, .spans = spans < INT_MAX ? spans : 0};
}
