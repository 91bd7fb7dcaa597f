/* Random scenarios for the simulators: a device, a plan of many small steps, a trace, a workload.
 */
#ifndef HELPER_SCENARIO_H
#define HELPER_SCENARIO_H

#include "sim/sim.h"

enum { SCENARIO_SEGMENTS = 4, SCENARIO_STEPS = 400, SCENARIO_SAMPLES = 30000 };

typedef struct scenario {
    wick_device device;
    wick_harvester harvester;
    wick_plan plan;
    wick_segment segments[SCENARIO_SEGMENTS];
    wick_span spans[SCENARIO_STEPS];
    wick_step steps[SCENARIO_STEPS];
    wick_cost costs[SCENARIO_STEPS];
    wick_plan_store stores[SCENARIO_STEPS];
    wick_plan_reload reloads[2 * SCENARIO_STEPS];
    wick_trace trace;
    double times[SCENARIO_SAMPLES], powers[SCENARIO_SAMPLES];
    wick_iv iv[SCENARIO_SAMPLES];
    double arrivals[200];
    uint8_t correct[3 * 5]; /* 3 modules, 5 samples */
    wick_sim_options options;
} scenario;

/* A random table of decisions; arrays are in `arena`. */
const wick_policy_table *scenario_table(wick_arena *arena, int n_modules, double full_uj,
                                        double mean_uw, double deadline_s, uint64_t seed);
/* Everything drawn from the seed. */
void scenario_make(scenario *s, uint64_t seed);
/* The same with so many inputs at multiples of their period, and charges that last for them. */
void scenario_make_even(scenario *s, uint64_t seed, int inputs);
/* Harvested = everything else, to 1e-9. */
void scenario_conserved(const wick_energy *e);
/* The same events in the same order (voltage marks apart) at the same times, the same counts, the
   same energies: to 1e-9 relative. */
void scenario_equal(const wick_sim_result *a, const wick_sim_result *b, uint64_t seed);

#endif
