#include "sim/clairvoyant_plan.h"

#include <math.h>

enum { OFF, ON, CHARGES = 4 };

/* Values that differ by less are equal. */
static const double EQUAL = 1e-4;

/* A state at an instant, or in the interval before it. */
typedef struct place {
    int mode, queue, work;
    double uj; /* with what is spent on a part of a level */
} place;

typedef struct way {
    place to; /* before what happens at the next instant */
    double value;
    bool boots;
} way;

static double value_at(const planner *p, int j, const place *at) {
    const bound *b = &p->problem->bound;
    int rows = bound_rows(b, at->queue), work = at->work < rows ? at->work : rows - 1;
    double sum = 0;
    for (int i = 0; i < CHARGES; i++)
        sum += bound_value(p->values, j, at->mode, at->queue, work,
                           at->uj - i * p->margin_uj / (CHARGES - 1));
    return sum / CHARGES;
}

/* Among equal ones the first. */
static void consider(const planner *p, int j, way *best, place to, bool boots) {
    to.uj = fmin(to.uj, bound_cap_uj(&p->problem->bound, to.queue));
    double value = value_at(p, j, &to);
    if (value > best->value + EQUAL)
        *best = (way){.to = to, .value = value, .boots = boots};
}

/* The best way through an interval, which ends at instant j, as in clairvoyant_sweep.c; works:
   with work. */
static way best_way(const planner *p, int j, const interval *v, const place *from, bool works) {
    const bound *b = &p->problem->bound;
    way best = {.to = *from, .value = -1};
    double kept_uj = from->uj * v->decay + v->gain_uj;
    int mask = from->queue & ((1 << b->most_open) - 1), most = 0;
    if (works && mask)
        most = bound_rows(b, mask) - 1 - from->work;
    most = most < v->most_work ? most : v->most_work;
    bool boots = from->mode == OFF;
    bool can = !boots || from->uj + v->gross_uj >= b->on_uj;
    const place rest = {.mode = OFF, .queue = from->queue, .work = from->work, .uj = kept_uj};
    for (int n = most; n >= 0 && can; n--) {
        /* Among equals: work early, boot late. */
        if (n == 0 && boots)
            consider(p, j, &best, rest, false);
        for (int i = 0; i < 2; i++) {
            int mode = (i == 0) == (n > 0 || mask) ? ON : OFF;
            double uj = kept_uj - n * b->work_uj * v->decay;
            if (boots)
                uj -= b->boot_uj * v->decay;
            else if (mode == ON)
                uj -= v->sleep_uj;
            if (uj >= b->off_uj * v->decay)
                consider(p, j, &best,
                         (place){.mode = mode, .queue = mask, .work = from->work + n, .uj = uj},
                         boots);
        }
    }
    if (best.value < 0)
        consider(p, j, &best, rest, false);
    return best;
}

static int newest(const bound *b, int j) {
    return (j + b->slots - 1) / b->slots - 1;
}

/* What is best before the rest of instant j: an answer, *module; giving the oldest input up, 0; or
   neither, -1. */
static int act(const planner *p, int j, const place *at, double rest_value, place *then) {
    const bound *b = &p->problem->bound;
    int oldest = bound_oldest(b, at->queue), done = -1;
    double best = rest_value;
    if (oldest < 0)
        return done;
    int in = newest(b, j) - oldest, without = at->queue & ~(1 << oldest);
    for (int k = 1; k <= b->n_modules && in >= 0; k++) {
        if (at->work < b->need[k])
            continue;
        place next = {.mode = at->mode,
                      .queue = without,
                      .work = at->work - b->need[k],
                      .uj = at->uj - b->rest_uj[k]};
        double value = value_at(p, j, &next) + b->reward[in * b->n_modules + k - 1];
        if (value > best + (done < 0 ? -EQUAL : EQUAL)) {
            best = value;
            *then = next;
            done = k;
        }
    }
    place given_up = {.mode = at->mode, .queue = without, .uj = at->uj};
    if (at->mode == ON && value_at(p, j, &given_up) > best + EQUAL) {
        *then = given_up;
        done = 0;
    }
    return done;
}

typedef struct walk {
    const planner *p;
    plan_ahead *ahead;
    int asked;  /* the input that is asked for; -1: none, or its fate is known */
    bool waits; /* for the boot */
} walk;

/* All that happens at instant j, and the best way through the interval behind it. */
static way step(walk *w, int j, place at) {
    const planner *p = w->p;
    const bound *b = &p->problem->bound;
    for (;;) {
        place behind = at, then = at;
        behind.queue = bound_queue_behind(b, j, at.mode, at.queue, &behind.work);
        way best = {.to = behind};
        if (j < b->n)
            best = best_way(p, j + 1, &b->intervals[j], &behind, true);
        int oldest = bound_oldest(b, at.queue), in = newest(b, j) - oldest;
        int done = act(p, j, &at, best.value, &then);
        bool over = oldest >= 0 && done < 0 && j >= b->deadline + in * b->slots;
        if (oldest >= 0 && in == w->asked && (done >= 0 || over)) {
            w->ahead->module = done > 0 ? done : 0;
            w->asked = -1;
        }
        if (done < 0)
            return best;
        at = then;
    }
}

plan_ahead plan_look(const planner *p, plan_state from) {
    const bound *b = &p->problem->bound;
    plan_ahead ahead = {.boot_s = INFINITY};
    int j = (int)floor(from.at_s / b->dt_s + 1e-9) + 1;
    if (j > b->n)
        return ahead;
    int oldest = bound_oldest(b, from.queue);
    int work = oldest < 0 ? 0 : (int)floor(from.spent / b->work_uj + 1e-9);
    work = work < b->most_levels ? work : b->most_levels;
    place at = {.mode = from.on ? ON : OFF, .queue = from.queue, .work = work, .uj = from.uj};
    if (oldest >= 0)
        at.uj += fmax(0, from.spent - work * b->work_uj);
    walk w = {.p = p,
              .ahead = &ahead,
              .asked = oldest < 0 ? -1 : (j - 1) / b->slots - oldest,
              .waits = !from.on};
    double until_s = fmin(j * b->dt_s, b->end_s);
    interval v = bound_interval(p->problem, from.at_s, fmax(until_s - from.at_s, 0));
    ahead.stays_on = best_way(p, j, &v, &at, false).to.mode == ON;
    way best = best_way(p, j, &v, &at, true);
    double since_s = from.at_s;
    int horizon = bound_horizon(p->values, j);
    for (;; j++) {
        if (w.waits && best.boots) {
            ahead.boot_s = since_s;
            w.waits = false;
        }
        if (j >= horizon && w.waits)
            ahead.boot_s = j < b->n ? since_s : INFINITY; /* and looks again */
        if (j >= horizon || (w.asked < 0 && !w.waits))
            return ahead;
        since_s = j * b->dt_s;
        best = step(&w, j, best.to);
    }
}
