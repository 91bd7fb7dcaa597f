/* Worlds that candidates for a policy are compared in. */
#ifndef WICK_POLICY_WORLDS_H
#define WICK_POLICY_WORLDS_H

#include "sim/policy_judge.h"

/* Each trace and behind it so many that are drawn from it (wick_trace_drawn, in `arena`): a policy
   that suits its bursts, and not their order, suits the next trace too. */
typedef struct policy_worlds {
    wick_judged all;
    int of_each; /* traces that follow each other and belong to one of `on`; with it */
} policy_worlds;

/* For a search over hundreds of candidates: on->phases (>= 1) runs of each trace and those drawn
   from it, rounded up. Draws depend on a trace's place among `on`. */
policy_worlds policy_worlds_search(wick_arena *arena, const wick_judged *on);
/* For the best of them: those of the search and more, or from more start phases where the traces
   are long. */
policy_worlds policy_worlds_final(wick_arena *arena, const wick_judged *on);
/* Those of one trace. */
wick_judged policy_worlds_of(const policy_worlds *w, int trace);

#endif
