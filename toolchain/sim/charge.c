/* The capacitor of a device that never wakes: how far it is charged, and how far it could be. */
#include "sim/sim_check.h"
#include "sim/world.h"

#include <math.h>

/* Power is constant within a sample, so the charge rises or falls all the way: it is highest at an
   end of one. */
static double highest_uj(world *w, double until_s) {
    double most_uj = w->store.energy_uj;
    while (w->now_s < until_s) {
        world_outcome outcome = world_stay_off(w, lesser(until_s, w->sample_end_s));
        most_uj = greater(most_uj, w->store.energy_uj);
        if (outcome == WORLD_OVER)
            break;
    }
    return most_uj;
}

/* What is more at first stays more. So where a trace that is played again leaves the charge higher
   than it was, each round is above the one before, and the last one's length holds the highest;
   else the first does. */
static double highest_of_run_uj(world *w) {
    double round_s = w->supply.trace->end_s, before_uj = w->store.energy_uj;
    double most_uj = highest_uj(w, lesser(round_s, w->end_s));
    if (w->end_s <= round_s || w->store.energy_uj <= before_uj)
        return most_uj;
    if (w->end_s - round_s > w->now_s && world_stay_off(w, w->end_s - round_s) == WORLD_OVER)
        return greater(most_uj, w->store.energy_uj);
    return greater(most_uj, highest_uj(w, w->end_s));
}

static double source_limit_v(const supply *s) {
    double most_v = 0;
    if (!s->diode)
        return INFINITY;
    for (int i = 0; i < s->trace->n; i++)
        most_v = greater(most_v, s->trace->iv[i].voc_v - s->harvester->drop_v);
    return most_v;
}

wick_status wick_sim_charge_alone(const wick_plan *plan, const wick_trace *trace,
                                  const wick_sim_options *options, wick_sim_charge *out,
                                  wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_sim_options quiet = *options;
    wick_sim_result unused = {0};
    world w;
    quiet.record = false;
    quiet.control = NULL;
    wick_status status = sim_check(plan, trace, &quiet, 1, diag);
    if (status == WICK_OK)
        status = world_begin(&w, arena, plan, trace, &quiet, 1, &unused, diag);
    if (status == WICK_OK)
        *out = (wick_sim_charge){.highest_v = store_voltage_at(&w.store, highest_of_run_uj(&w)),
                                 .limit_v = source_limit_v(&w.supply)};
    wick_arena_free(arena);
    return status;
}
