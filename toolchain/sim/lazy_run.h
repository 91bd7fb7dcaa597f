/* What the runtime's engine does between two commits when it can read the voltage (engine_span.c):
   waits for charge, joins spans. For the fast simulator. */
#ifndef WICK_LAZY_RUN_H
#define WICK_LAZY_RUN_H

#include "sim/app_loop.h"

/* From the next span of the segment in work to a commit, or one sleep. */
world_outcome lazy_run(program *p);

#endif
