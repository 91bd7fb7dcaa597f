/* The candidates of a search that scored best, for a second look: of some hundred that were played
   on few start phases the first one is the luckiest. */
#ifndef WICK_POLICY_FINALS_H
#define WICK_POLICY_FINALS_H

#include "sim/policy_judge.h"

enum { FINALISTS = 24, FINAL_PHASES = 4 };

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
/* What is judged at last: the same from FINAL_PHASES as many start phases. */
wick_judged policy_finals_world(const wick_judged *on);

#endif
