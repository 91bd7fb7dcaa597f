/* What information is worth to a scheduling policy: the decision process behind the synthesised
   tables, played without a table's bins, with the coming harvest known for a while, or on harvest
   drawn from its own model. Included through sim.h. */
#ifndef WICK_POLICY_FORESIGHT_H
#define WICK_POLICY_FORESIGHT_H

#include "sim/policy_judge.h"

/* Harvest drawn from the Markov chain that is fitted to `learnt`'s traces: there the process's
   model of the harvest is the truth. */
typedef struct wick_chain_world {
    const wick_trace *trace;
    const uint8_t *bins; /* of the recent harvest, [slots of the trace] */
} wick_chain_world;

typedef struct wick_foresight {
    double known_periods; /* the true harvest of so long is known, 0 to 100 */
    bool may_switch_off;  /* also an action */
    const uint8_t *bins;  /* of a chain's trace, played from its start: the true ones. NULL: read
                             off the recent harvest */
} wick_foresight;

/* A trace of `periods` periods in `arena`. options: slots and memory_s of the chain. Errors as of
   wick_policy_synth. */
wick_status wick_policy_chain_world(wick_arena *arena, const wick_judged *learnt,
                                    const wick_synth_options *options, int periods, uint64_t seed,
                                    wick_chain_world *out, wick_diag *diag);

/* The score on `on` of the process that is solved for `learnt`: before every unit the best of its
   actions by its values at the device's true charge, age and progress. With known_periods the
   values up to the end of what is known are computed anew every quarter of a period with that
   harvest slot by slot, and those of the chain stand behind it. */
wick_status wick_policy_foresee(const wick_judged *on, const wick_judged *learnt,
                                const wick_synth_options *options, const wick_foresight *foresight,
                                double *score, wick_diag *diag);

#endif
