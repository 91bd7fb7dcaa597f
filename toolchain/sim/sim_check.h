/* Options of a simulation that contradict each other, or thresholds that cannot work. */
#ifndef WICK_SIM_CHECK_H
#define WICK_SIM_CHECK_H

#include "sim/sim.h"

wick_status sim_check(const wick_plan *plan, const wick_trace *trace,
                      const wick_sim_options *options, int n_samples, wick_diag *diag);

#endif
