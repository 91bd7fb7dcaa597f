/* When inputs come in a run that a policy is judged by: once around a trace from a start phase. */
#ifndef WICK_POLICY_INPUTS_H
#define WICK_POLICY_INPUTS_H

#include "sim/workload.h"

/* Times from the run's beginning, [*n] in `arena`; none at or behind `end_s`, where the trace is
   around. Periodic ones from the beginning on; Poisson ones as wick_sim_run draws them, others for
   each `run`; listed ones at their times of the trace, which is entered at start_s. */
const double *policy_inputs_list(wick_arena *arena, const wick_workload *workload, double end_s,
                                 double start_s, int run, int *n);
/* Which of them are urgent, [n] in `arena`, where the workload lists that; else NULL. */
const uint8_t *policy_inputs_urgent(wick_arena *arena, const wick_workload *workload, double end_s,
                                    double start_s);

#endif
