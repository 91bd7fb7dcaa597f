/* What not knowing the harvest to come costs, whichever the policy. Included through sim.h. */
#ifndef WICK_POLICY_CEILING_H
#define WICK_POLICY_CEILING_H

#include "sim/policy_judge.h"

/* Expected accuracies in time of runs from an empty start, where the harvest is drawn from the
   Markov chain that is fitted to traces: there is nothing to learn. All three are of one and the
   same decision process (policy_mdp.h) and the same drawn harvests, so what the process rounds, and
   the luck of the draw, is in each of them. */
typedef struct wick_ceiling {
    double fixed;  /* the module that is best in hindsight, of each drawn harvest by itself */
    double steady; /* the policy that is best where runs do not end: it sees the charge, the recent
                      harvest's bin and all of its own doing, and knows the chain */
    double online; /* the optimum of all that know when the run ends beside that */
    double known;  /* the optimum with all of the harvest known */
} wick_ceiling;

enum { WICK_CEILING_WORLDS = 64 };

/* Of runs of `inputs` inputs, 1 to 1000, the means over 1 to WICK_CEILING_WORLDS drawn harvests of
   seeds 1... options: slots, memory_s and dearer of the process, whether it may switch off. Errors
   as of wick_policy_synth. */
wick_status wick_policy_ceiling(const wick_judged *learnt, const wick_synth_options *options,
                                int inputs, int worlds, wick_ceiling *out, wick_diag *diag);

#endif
