/* wick sim --compare: policies beside the best fixed module and what no policy can beat. */
#ifndef WICK_SIM_COMPARE_H
#define WICK_SIM_COMPARE_H

#include "sim_world.h"

/* Policies as for sim_policy; every module fixed is added. effort: of what is
   usual, spent on the bounds; 0: no limit. Prints a table, or fills `root`. */
wick_status sim_compare(const sim_args *a, const sim_world *w, const char *const *policies,
                        int n_policies, double effort, wick_arena *arena, json_t *root,
                        wick_diag *diag);

#endif
