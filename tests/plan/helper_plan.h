/* Profiles and plans that have to be there: what is wrong is printed. */
#ifndef HELPER_PLAN_H
#define HELPER_PLAN_H

#include "plan/plan.h"

/* The profile of this name, in `arena`. */
wick_device *helper_device(wick_arena *arena, const char *name);
/* With default options; freed by the caller. */
wick_plan *helper_plan(const wick_qnet *net, const wick_device *device);

#endif
