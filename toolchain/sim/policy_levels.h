/* The spans of a plan as levels of the decision process (policy_mdp.h). */
#ifndef WICK_POLICY_LEVELS_H
#define WICK_POLICY_LEVELS_H

#include "sim/policy_mdp.h"

/* Divides segment k, whose energy_uj and time_slots are set: as many spans make a level as take a
   tenth of what the capacitor holds, or a slot, or more where there are too many; one that takes
   more is a level by itself. Of the energy before_uj is drawn before the first span and behind_uj
   behind the last one (levels by themselves if they are that much). A level is begun with what its
   first span asks for; whole_uj is what all its spans ask for one after the other. A segment
   without spans (an extractor that is part of the modules) is left to mdp_prepare. */
void policy_levels_set(policy_mdp *m, const wick_plan *plan, int k, double before_uj,
                       double behind_uj);

/* Level of a table for a segment of which `done` spans are done, as the device reckons it: spans
   count alike (wick_situation.left_nj). */
int policy_quarter(const wick_segment *segment, int done);

#endif
