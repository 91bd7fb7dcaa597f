/* The candidates of a search that scored best, for a second look: of some hundred that were played
   in a few runs the first one is the luckiest. */
#ifndef WICK_POLICY_FINALS_H
#define WICK_POLICY_FINALS_H

#include "sim/policy_judge.h"

enum { FINALISTS = 24 };

typedef struct policy_finals {
    int n;
    struct {
        wick_policy policy;
        wick_synthesised made;
        double value;
    } at[FINALISTS]; /* the best first */
} policy_finals;

/* Keeps it if it is among the best; of equal values the first alone (parameters without effect).
   made: NULL = zero. */
void policy_finals_add(policy_finals *f, const wick_policy *policy, const wick_synthesised *made,
                       double value);

#endif
