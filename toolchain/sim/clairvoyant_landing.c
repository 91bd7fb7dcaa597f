#include "sim/clairvoyant_landing.h"

#include <math.h>

static landing landing_make(const bound *b, wick_arena *arena) {
    size_t points = (size_t)b->points;
    return (landing){.at = wick_new(arena, int, points),
                     .slack = wick_new(arena, float, points),
                     .points = b->points};
}

landings landings_make(const bound *b, wick_arena *arena) {
    landings l = {.still = landing_make(b, arena),
                  .charges_uj = wick_new(arena, double, (size_t)b->points)};
    for (int end = 0; end < 3; end++) {
        l.idle[end] = landing_make(b, arena);
        l.behind[end] = landing_make(b, arena);
        for (int from = OFF; from <= ON; from++)
            l.work[from][end] = landing_make(b, arena);
    }
    for (int from = OFF; from <= ON; from++)
        l.gains[from] = wick_new(arena, bound_gain, (size_t)b->points);
    return l;
}

/* Charges of a start lattice, and what they get. */
static void look(const bound *b, const interval *v, int from, const landings *l) {
    for (int i = 0; i < b->points; i++)
        l->charges_uj[i] = lattice_uj(&v->start, from, i);
    gain_of(b->gains, v->from_s, v->dt_s, b->points, l->charges_uj, l->gains[from]);
}

/* Index i, at an energy; no lower than the one before. */
static void land(const interval *v, int to, int i, double uj, landing *l) {
    double steps = (uj - v->end.phase_uj[to]) / v->end.step_uj;
    if (i > 0)
        steps = fmax(steps, l->at[i - 1] - (double)l->slack[i - 1]);
    l->at[i] = (int)ceil(steps);
    l->slack[i] = (float)(fmax(0, l->at[i] - steps) * (1 - 5e-7)); /* as a float, no more */
}

/* What a device that is on has at the end without work. */
static double idle_uj(const interval *v, double uj, double sleep_uj, const bound_gain *g,
                      double gain_uj) {
    return fmin(g->still_uj, uj * v->decay + fmin(gain_uj, v->gain_uj) - sleep_uj);
}

static void find_from(const bound *b, const interval *v, int from, landings *l) {
    enum { NAPS = 2 };
    double sleeps_uj[] = {[OFF] = 0, [ON] = v->sleep_uj, [NAPS] = v->nap_uj};
    look(b, v, from, l);
    for (int i = 0; i < b->points; i++) {
        const bound_gain *g = &l->gains[from][i];
        double uj = l->charges_uj[i], boot_uj = from == OFF ? b->boot_uj * v->decay : 0;
        double works_uj = uj * v->decay + fmin(g->work_uj, v->gain_uj) - boot_uj;
        if (from == OFF)
            land(v, OFF, i, g->still_uj, &l->still);
        for (int end = OFF; end <= NAPS; end++) {
            double sleep_uj = from == OFF ? 0 : sleeps_uj[end], gain_uj = g->work_uj;
            int to = end != OFF;
            land(v, to, i, works_uj - sleep_uj, &l->work[from][end]);
            if (from == OFF)
                continue;
            if (end == OFF)
                gain_uj = v->gain_uj;
            else if (end == ON)
                gain_uj = g->idle_uj;
            land(v, to, i, idle_uj(v, uj, sleep_uj, g, gain_uj), &l->idle[end]);
        }
    }
    int boots = 0;
    while (boots < b->points && l->gains[from][boots].crest_uj < b->on_uj * (1 - 1e-9))
        boots++;
    /* A device's charge may be ahead_uj higher than the programme's, where it was on. */
    double ahead = from == ON ? b->gains->ahead_uj / v->start.step_uj + 1 : 0;
    l->boots[from] = boots - (int)ceil(ahead);
}

void landings_find(const bound *b, const interval *v, landings *l) {
    double most_uj = 0;
    for (int from = OFF; from <= ON; from++) {
        find_from(b, v, from, l);
        for (int i = 0; i < b->points; i++)
            most_uj = fmax(most_uj, fmin(l->gains[from][i].work_uj, v->gain_uj));
    }
    /* Whoever comes to a charge by work gets what a higher one does, until it is paid. */
    for (int i = 0; i < b->points; i++) {
        double uj = (v->start.phase_uj[ON] + i * v->start.step_uj) * v->decay + most_uj;
        land(v, OFF, i, uj, &l->behind[OFF]);
        land(v, ON, i, uj - v->sleep_uj, &l->behind[ON]);
        land(v, ON, i, uj, &l->behind[2]);
    }
    l->still.below = l->idle[OFF].below = l->behind[OFF].below = v->end.below[OFF];
    l->work[OFF][OFF].below = l->work[ON][OFF].below = v->end.below[OFF];
    for (int end = ON; end < 3; end++) {
        l->idle[end].below = l->behind[end].below = v->end.below[ON];
        l->work[OFF][end].below = l->work[ON][end].below = v->end.below[ON];
    }
}

void landing_carry(const bound *b, wick_arena *arena, interval *v, const landings *scratch) {
    for (int on = 0; on < 2; on++) {
        float *below = wick_new(arena, float, (size_t)b->points + 1);
        landing last = {.at = (int[2]){0}, .slack = (float[2]){0}};
        look(b, v, on, scratch);
        for (int i = 0; i < b->points; i++) {
            const bound_gain *g = &scratch->gains[on][i];
            double uj = g->still_uj;
            if (on)
                uj = idle_uj(v, scratch->charges_uj[i], v->sleep_uj, g, g->idle_uj);
            land(v, on, i > 0, uj, &last);
            int at = last.at[i > 0];
            float slack = last.slack[i > 0];
            last.at[0] = at;
            last.slack[0] = slack;
            if (at >= 0 && at < b->points) /* the highest that come there; never 1 */
                below[at] = slack * (1 - 1e-6F);
        }
        v->end.below[on] = below;
    }
}

int landing_first(const bound *b, const landing *l, int least, double paid) {
    int low = 0, high = b->points, whole = (int)floor(paid);
    while (low < high) {
        int i = low + (high - low) / 2;
        if (l->at[i] - whole >= least)
            high = i;
        else
            low = i + 1;
    }
    return low;
}
