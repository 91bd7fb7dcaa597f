/* What every command that simulates says of a run whose figures mean little: few inputs, or none,
   or a device that never wakes. On stderr. */
#ifndef WICK_SIM_NOTES_H
#define WICK_SIM_NOTES_H

#include "sim_world.h"

/* Nothing where there are 20 and as many as the target's shares take (99 % take 100). where: "the
   run". target: may be NULL. */
void sim_note_inputs(int inputs, const char *where, const wick_target *target);

/* A device that never boots draws nothing. */
bool sim_never_wakes(const double figures[WICK_FIGURES]);
/* Of a run without a boot: why, and the way out. who: "the device". */
wick_status sim_note_sleep(const char *who, const wick_plan *plan, const wick_trace *trace,
                           const wick_sim_options *options, wick_diag *diag);

#endif
