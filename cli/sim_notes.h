/* What every command that simulates says of a run whose figures mean little: few inputs, or none.
   On stderr. */
#ifndef WICK_SIM_NOTES_H
#define WICK_SIM_NOTES_H

#include "sim_world.h"

/* Nothing where there are 20 and as many as the target's shares take (99 % take 100). where: "the
   run". target: may be NULL. */
void sim_note_inputs(int inputs, const char *where, const wick_target *target);

#endif
