#include "sim/clairvoyant_gain.h"

#include <math.h>

/* A piece of a sample's curve, for some time: C dV/dt = ua - (us + leak_us) V. The last one is that
   behind the curve, where nothing arrives. */
typedef struct piece {
    double low_v, high_v, ua, us;
    double rate_per_s, moved_s; /* V moves by its first slope times moved_s in all of the time */
} piece;

typedef struct curve {
    piece pieces[SUPPLY_PIECES + 1];
    int n;
    double uf;
    double best_v, best_uw; /* with the most power */
} curve;

static double power_uw(const curve *c, double v) {
    int k = 0;
    while (v > c->pieces[k].high_v)
        k++;
    return v * (c->pieces[k].ua - c->pieces[k].us * v);
}

/* Seconds times this are what a slope at the beginning does in them. */
static double moved(double rate_per_s, double dt_s) {
    return rate_per_s > 0 ? store_decay(rate_per_s * dt_s) / rate_per_s : dt_s;
}

static void find_best(curve *c) {
    for (int k = 0; k < c->n - 1; k++) {
        const piece *p = &c->pieces[k];
        double top_v = p->us > 0 ? fmin(p->high_v, p->ua / (2 * p->us)) : p->high_v;
        double v = fmax(p->low_v, top_v), uw = v * (p->ua - p->us * v);
        if (uw > c->best_uw) {
            c->best_uw = uw;
            c->best_v = v;
        }
    }
}

static curve curve_of(const bound_gains *g, int sample, double dt_s) {
    supply_knot knots[SUPPLY_PIECES + 1];
    int n = supply_knots(g->supply, sample, knots);
    double leak_us = g->cap->lambda_per_s * g->cap->farad_u / 2;
    curve c = {.n = n > 1 ? n : 1, .uf = g->cap->farad_u};
    for (int k = 0; k < c.n; k++) {
        piece *p = &c.pieces[k];
        *p = (piece){.low_v = n ? knots[k].v : 0, .high_v = INFINITY};
        if (k + 1 < n) {
            const supply_knot *a = &knots[k], *b = &knots[k + 1];
            p->high_v = b->v;
            p->us = fmax(0, (a->ua - b->ua) / (b->v - a->v));
            p->ua = a->ua + p->us * a->v;
        }
        p->rate_per_s = (p->us + leak_us) / c.uf;
        p->moved_s = moved(p->rate_per_s, dt_s);
    }
    find_best(&c);
    return c;
}

/* The voltage dt_s later, when nothing is drawn. *first: a piece that is not behind v's; then v's.
 */
static double voltage_after(const curve *c, double v, double dt_s, int *first) {
    enum { CROSSINGS = 4 * SUPPLY_PIECES };
    double left_s = dt_s;
    int k = *first;
    while (v > c->pieces[k].high_v)
        k++;
    *first = k;
    for (int i = 0; i < CROSSINGS; i++) {
        const piece *p = &c->pieces[k];
        double slope = p->ua / c->uf - p->rate_per_s * v;
        double to_v = v + slope * (i ? moved(p->rate_per_s, left_s) : p->moved_s);
        if (to_v >= p->low_v && to_v <= p->high_v)
            return to_v;
        /* (1 - exp(-rate t)) / rate = way / slope */
        double way_v = (to_v > p->high_v ? p->high_v : p->low_v) - v, share = way_v / slope;
        if (p->rate_per_s > 0)
            share = -log1p(-share * p->rate_per_s) / p->rate_per_s;
        left_s = fmax(0, left_s - share);
        v += way_v;
        k += to_v > p->high_v ? 1 : -1;
    }
    return v; /* where neither side's current leads away from the border */
}

/* The voltages between which a charge can be. */
typedef struct reach_v {
    double low_v, high_v;
} reach_v;

static double most_uw(const curve *c, reach_v r) {
    if (c->best_v < r.low_v)
        return power_uw(c, r.low_v);
    return c->best_v > r.high_v ? power_uw(c, r.high_v) : c->best_uw;
}

/* A charge with so much more or less, at most the capacitor's. */
static double voltage_with(const store *cap, double uj) {
    return store_voltage_at(cap, fmin(fmax(uj, 0), cap->max_uj));
}

/* The most that the next dt_s seconds can bring at any voltage. */
static double offered_uj(const bound_gains *g, double from_s, double dt_s) {
    supply_walk w = supply_walk_from(g->supply, g->start_s + from_s);
    double sum_uj = 0;
    for (double left_s = dt_s; left_s > 1e-12 * dt_s;) {
        int sample;
        double step_s = supply_walk_on(&w, left_s, &sample);
        sum_uj += g->supply->trace->power_uw[sample] * step_s;
        left_s -= step_s;
    }
    return sum_uj;
}

static reach_v idle_reach(const bound_gains *g, double uj, double dt_s, double more_uj) {
    double decay = exp(-g->cap->lambda_per_s * dt_s);
    return (reach_v){voltage_with(g->cap, (uj - g->sleep_uw * dt_s) * decay),
                     voltage_with(g->cap, uj + more_uj)};
}

/* A device that works has at least the brown-out charge; off, it had no less at the start. */
static reach_v work_reach(const bound_gains *g, double uj, double dt_s, double more_uj) {
    double decay = exp(-g->cap->lambda_per_s * dt_s);
    double low_uj = fmax(uj - g->spent_uj - g->sleep_uw * dt_s, fmin(uj, g->cap->off_uj));
    return (reach_v){voltage_with(g->cap, low_uj * decay),
                     voltage_with(g->cap, uj + more_uj + g->ahead_uj)};
}

/* Charges that are looked at together, so that a sample's curve is made once for so many. */
enum { TOGETHER = 64 };

typedef struct stretch {
    double from_s, dt_s;
    double offers_uj, later_uj; /* the most in it, and in the ahead_s behind it */
} stretch;

static void gain_together(const bound_gains *g, const stretch *s, int n, const double *charges_uj,
                          bound_gain *out) {
    double v[TOGETHER], crest_v[TOGETHER], lambda = g->cap->lambda_per_s;
    reach_v idle[TOGETHER], work[TOGETHER];
    for (int i = 0; i < n; i++) {
        v[i] = crest_v[i] = store_voltage_at(g->cap, fmax(0, charges_uj[i]));
        idle[i] = idle_reach(g, charges_uj[i], s->dt_s, s->offers_uj);
        work[i] = work_reach(g, charges_uj[i], s->dt_s, s->offers_uj);
        out[i] = (bound_gain){.work_uj = s->later_uj};
    }
    supply_walk w = supply_walk_from(g->supply, g->start_s + s->from_s);
    for (double left_s = s->dt_s; left_s > 1e-12 * s->dt_s;) {
        int sample;
        double step_s = supply_walk_on(&w, left_s, &sample);
        curve c = curve_of(g, sample, step_s);
        left_s -= step_s;
        double kept_s = moved(lambda, step_s) * exp(-lambda * left_s);
        for (int i = 0, k = 0; i < n; i++) {            /* rising */
            v[i] = voltage_after(&c, v[i], step_s, &k); /* which rises or falls all the time */
            crest_v[i] = fmax(crest_v[i], v[i]);
            out[i].idle_uj += most_uw(&c, idle[i]) * kept_s;
            out[i].work_uj += most_uw(&c, work[i]) * kept_s;
        }
    }
    for (int i = 0; i < n; i++) {
        out[i].still_uj = store_energy_at(g->cap, v[i]);
        out[i].crest_uj = store_energy_at(g->cap, crest_v[i]);
    }
}

void gain_of(const bound_gains *g, double from_s, double dt_s, int n, const double *charges_uj,
             bound_gain *out) {
    stretch s = {.from_s = from_s,
                 .dt_s = dt_s,
                 .offers_uj = offered_uj(g, from_s, dt_s),
                 .later_uj = offered_uj(g, from_s + dt_s, g->ahead_s)};
    for (int i = 0; i < n; i += TOGETHER)
        gain_together(g, &s, n - i < TOGETHER ? n - i : TOGETHER, charges_uj + i, out + i);
}

double gain_sure_uw(const bound_gains *g, int i) {
    curve c = curve_of(g, i, 1);
    double low_uw = power_uw(&c, voltage_with(g->cap, g->cap->off_uj));
    return fmax(0, fmin(low_uw, power_uw(&c, voltage_with(g->cap, g->waits_uj))));
}
