#include "sim/clairvoyant_plan.h"

#include <math.h>

/* Values that differ by less are equal. */
static const double EQUAL = 1e-4;

/* A state at an instant, or in the interval before it. */
typedef struct place {
    int mode, queue, row;
    double uj; /* with what is drawn beyond the row */
} place;

struct plan_way {
    place to; /* before what happens at the next instant */
    double value;
    double work_uj, time_s; /* paid; its time */
    bool boots;
    int answer; /* that the oldest input gets on the way; 0: none */
};

static double value_at(const planner *p, int j, const place *at) {
    return bound_value(p->values, j, at->mode, at->queue, at->row, at->uj);
}

static void add_way(planner *p, plan_way way) {
    if (p->n_ways == p->room) {
        p->room = p->room ? 2 * p->room : 256;
        p->ways = wick_xrealloc(p->ways, (size_t)p->room * sizeof *p->ways);
    }
    p->ways[p->n_ways++] = way;
}

/* Work within one interval. */
typedef struct working {
    planner *p;
    const interval *v;
    int j; /* the instant at its end */
    bool was_on, works, tired;
    int on;            /* the mode at the end, powered */
    double ready_uj;   /* the most that the charge can become, less a boot */
    double kept_uj;    /* charge at the end, were nothing done */
    double idle_uj[2]; /* the most without work or a boot: off then, on */
    double sleep_uj;   /* of a device that was on and is */
} working;

/* So far. */
typedef struct worked {
    int queue, row, answer;
    double work_uj, time_s, least_uj, reward;
    double commit_uj; /* of one here, where the engine makes one */
    bound_extra extra;
} worked;

static void work_from(const working *w, worked at);

static int newest(const bound *b, int j) {
    return (j + b->slots - 1) / b->slots - 1;
}

/* Ends the interval there, powered or not. */
static void end_at(const working *w, const worked *at) {
    const bound *b = &w->p->problem->bound;
    const interval *v = w->v;
    const bound_row *row = &b->rows.rows[at->row];
    double end_uj = w->kept_uj - (at->work_uj + at->extra.uj) * v->decay;
    for (int end = 0; end < 2; end++) {
        int mode = !end ? OFF : w->on == ON ? bound_mode_on(b, &at->extra) : w->on;
        double sleep_uj = mode != OFF && w->was_on ? w->sleep_uj : 0, uj = end_uj;
        if (w->was_on && at->time_s == 0)
            uj = fmin(uj, w->idle_uj[end] + sleep_uj);
        if (mode == OFF || uj - sleep_uj < row->next_uj)
            uj -= at->commit_uj * v->decay;
        if (mode == OFF && row->inside)
            continue;
        if (uj - sleep_uj < bound_floor_uj(b, v, mode != OFF, w->tired) - 1e-9)
            continue;
        place to = {.mode = mode, .queue = at->queue, .row = at->row, .uj = uj - sleep_uj};
        if (mode == OFF)
            to.queue = bound_queue_off(b, to.queue, &to.row);
        to.uj = fmin(to.uj, bound_cap_uj(b, to.queue, to.row));
        add_way(w->p, (plan_way){.to = to,
                                 .value = value_at(w->p, w->j, &to) + at->reward,
                                 .work_uj = at->work_uj,
                                 .time_s = at->time_s,
                                 .boots = !w->was_on,
                                 .answer = at->answer});
    }
}

/* Along a line of rows; false: charge or time end within it. */
static bool work_along(const working *w, const worked *from, bound_line line, worked *at) {
    const bound *b = &w->p->problem->bound;
    const bound_row *rows = b->rows.rows, *first = &rows[from->row];
    for (int i = line.first; i < line.end; i++) {
        at->row = i;
        at->work_uj = from->work_uj + rows[i].uj - first->uj;
        at->time_s = from->time_s + rows[i].time_s - first->time_s;
        at->commit_uj = 0;
        if (i != from->row) {
            at->least_uj = fmax(
                at->least_uj, bound_least_uj(w->v, w->tired, &rows[i], first->uj - from->work_uj));
            at->commit_uj = bound_extra_at(&at->extra, &rows[i]);
        }
        if (at->time_s > w->v->most_s || w->ready_uj < at->least_uj - 1e-9)
            return false;
        end_at(w, at);
        if (!w->works)
            return false;
        int oldest = bound_oldest(b, at->queue), in = newest(b, w->j) - oldest;
        if (!rows[i].answers || bound_open(b, at->queue) < 2 || in < 0)
            continue;
        worked next = *at;
        next.queue &= ~(1 << oldest);
        next.row = 0;
        next.reward += b->reward[in * b->n_modules + rows[i].answers - 1];
        next.answer = at->answer ? at->answer : rows[i].answers;
        work_from(w, next);
    }
    return true;
}

static void work_from(const working *w, worked from) {
    const bound_rows *rows = &w->p->problem->bound.rows;
    worked at = from;
    if (!from.queue) {
        work_along(w, &from, (bound_line){0, 1}, &at);
        return;
    }
    if (from.row >= rows->trunk.end) {
        int k = 0;
        while (from.row >= rows->branches[k].end)
            k++;
        work_along(w, &from, (bound_line){from.row, rows->branches[k].end}, &at);
        return;
    }
    if (!work_along(w, &from, (bound_line){from.row, rows->trunk.end}, &at))
        return;
    for (int k = 0; k < rows->n_branches; k++) {
        worked branch = at;
        work_along(w, &from, rows->branches[k], &branch);
    }
}

/* Among equal ways: work early, boot late, be powered where there is work. */
static bool better(const plan_way *a, const plan_way *b) {
    if (a->work_uj != b->work_uj)
        return a->work_uj > b->work_uj;
    if (a->boots != b->boots)
        return b->boots;
    bool on = a->work_uj > 0 || a->to.queue;
    return (a->to.mode != OFF) == on && (b->to.mode != OFF) != on;
}

/* The best way through an interval, which ends at instant j, as in clairvoyant_sweep.c; works:
   with work. */
static plan_way best_way(planner *p, int j, const interval *v, const place *from, bool works) {
    const bound *b = &p->problem->bound;
    bool boots = from->mode == OFF;
    double boot_uj = boots ? b->boot_uj : 0;
    p->n_ways = 0;
    double still_uj = from->uj * v->decay + v->gain_uj, gain_uj = v->gain_uj, idle_uj = gain_uj;
    double highest_uj = crest_uj(&v->crest[OFF], from->uj);
    if (b->gains && v->dt_s > 0) {
        bound_gain gain;
        gain_of(b->gains, v->from_s, v->dt_s, 1, &from->uj, &gain);
        still_uj = fmin(still_uj, gain.still_uj);
        idle_uj = fmin(idle_uj, gain.idle_uj);
        gain_uj = fmin(gain_uj, gain.work_uj);
        highest_uj = boots ? fmin(highest_uj, gain.crest_uj) : highest_uj;
    }
    working w = {.p = p,
                 .v = v,
                 .j = j,
                 .was_on = !boots,
                 .works = works,
                 .tired = bound_tired(b, v, from->mode),
                 .on = bound_tired(b, v, from->mode) && b->tires ? TIRED : ON,
                 .ready_uj = crest_uj(&v->crest[!boots], from->uj) - boot_uj * v->paid,
                 .kept_uj = (from->uj - boot_uj) * v->decay + gain_uj};
    bool bootable = highest_uj >= b->on_uj;
    w.sleep_uj = bootable ? v->nap_uj : v->sleep_uj;
    w.idle_uj[OFF] = still_uj;
    w.idle_uj[ON] = fmin(still_uj, from->uj * v->decay + idle_uj - w.sleep_uj);
    if (!boots || bootable)
        work_from(&w, (worked){.queue = from->queue & ((1 << b->most_open) - 1),
                               .row = from->row,
                               .least_uj = -INFINITY,
                               .extra = bound_extra_from(&b->rows, from->row,
                                                         boots || from->mode == COLD)});
    if (boots || !p->n_ways) {
        place rest = {.mode = OFF, .queue = from->queue, .row = from->row};
        rest.uj = fmin(still_uj, bound_cap_uj(b, rest.queue, rest.row));
        add_way(p, (plan_way){.to = rest, .value = value_at(p, j, &rest)});
    }
    double most = -1;
    for (int i = 0; i < p->n_ways; i++)
        most = fmax(most, p->ways[i].value);
    const plan_way *best = NULL;
    for (int i = 0; i < p->n_ways; i++)
        if (p->ways[i].value >= most - EQUAL && (!best || better(&p->ways[i], best)))
            best = &p->ways[i];
    return *best;
}

/* What is best before the rest of instant j: an answer, *module; giving the oldest input up, 0; or
   neither, -1. */
static int act(planner *p, int j, const place *at, double rest_value, place *then) {
    const bound *b = &p->problem->bound;
    int oldest = bound_oldest(b, at->queue), done = -1;
    double best = rest_value;
    if (oldest < 0)
        return done;
    int in = newest(b, j) - oldest, without = at->queue & ~(1 << oldest);
    place next = {.mode = at->mode, .queue = without, .uj = at->uj};
    int k = b->rows.rows[at->row].answers;
    if (k && in >= 0) {
        double value = value_at(p, j, &next) + b->reward[in * b->n_modules + k - 1];
        if (value > best - EQUAL) {
            best = value;
            *then = next;
            done = k;
        }
    }
    if (at->mode != OFF && value_at(p, j, &next) > best + EQUAL) {
        *then = next;
        done = 0;
    }
    return done;
}

typedef struct walk {
    planner *p;
    plan_ahead *ahead;
    int asked;  /* the input that is asked for; -1: none, or its fate is known */
    bool waits; /* for the boot */
} walk;

static void fate(walk *w, int in, int module) {
    if (in != w->asked)
        return;
    w->ahead->module = module;
    w->asked = -1;
}

/* All that happens at instant j, and the best way through the interval behind it. */
static plan_way step(walk *w, int j, place at) {
    planner *p = w->p;
    const bound *b = &p->problem->bound;
    for (;;) {
        place behind = at, then = at;
        behind.queue = bound_queue_behind(b, j, at.mode, at.queue, at.row > 0, &behind.row);
        plan_way best = {.to = behind};
        if (j < b->n)
            best = best_way(p, j + 1, &b->intervals[j], &behind, true);
        int oldest = bound_oldest(b, at.queue), in = newest(b, j) - oldest;
        int done = act(p, j, &at, best.value, &then);
        int later = bound_oldest(b, behind.queue);
        bool over = oldest >= 0 && done < 0 && newest(b, j + 1) - later != in;
        if (oldest >= 0 && (done >= 0 || over))
            fate(w, in, done > 0 ? done : 0);
        if (done < 0) {
            if (best.answer)
                fate(w, newest(b, j + 1) - later, best.answer);
            return best;
        }
        at = then;
    }
}

double plan_latest_s(const bound *b, double end_s, double time_s) {
    return end_s - 1.05 * time_s - 1e-3 * b->dt_s;
}

plan_ahead plan_look(planner *p, plan_state from) {
    const bound *b = &p->problem->bound;
    plan_ahead ahead = {.boot_s = INFINITY};
    int j = (int)floor(from.at_s / b->dt_s + 1e-9) + 1;
    if (j > b->n)
        return ahead;
    int oldest = bound_oldest(b, from.queue);
    place at = {.mode = !from.on               ? OFF
                        : from.cold && b->cold ? COLD
                                               : ON,
                .queue = from.queue,
                .row = from.row,
                .uj = from.uj};
    walk w = {.p = p,
              .ahead = &ahead,
              .asked = oldest < 0 ? -1 : (j - 1) / b->slots - oldest,
              .waits = !from.on};
    double until_s = fmin(j * b->dt_s, b->end_s);
    interval v = bound_interval(p->problem, from.at_s, fmax(until_s - from.at_s, 0));
    bound_crests(p->problem, from.at_s, fmax(until_s - from.at_s, 0), &v);
    v.tired = b->intervals[j - 1].tired;
    v.power_uw = b->intervals[j - 1].power_uw;
    v.lent_uj = b->intervals[j - 1].lent_uj;
    ahead.stays_on = best_way(p, j, &v, &at, false).to.mode != OFF;
    plan_way best = best_way(p, j, &v, &at, true);
    ahead.value = best.value;
    ahead.stops = best.answer ? -1 : best.to.row;
    ahead.stops_on = best.to.mode != OFF;
    if (best.answer)
        fate(&w, w.asked, best.answer);
    double since_s = from.at_s;
    int horizon = bound_horizon(p->values, j);
    for (;; j++) {
        if (w.waits && best.boots) {
            double end_s = fmin(j * b->dt_s, b->end_s) - b->boot_s;
            double last_s = plan_latest_s(b, end_s, best.time_s);
            ahead.boot_s = p->boots_late ? fmax(since_s, last_s) : since_s;
            w.waits = false;
        }
        if (j >= horizon && w.waits)
            ahead.boot_s = j < b->n ? since_s : INFINITY; /* and looks again */
        bool ends = j == b->n && w.asked >= 0;            /* what is delivered with time's end */
        if ((j >= horizon && !ends) || (w.asked < 0 && !w.waits))
            return ahead;
        since_s = j * b->dt_s;
        best = step(&w, j, best.to);
    }
}
