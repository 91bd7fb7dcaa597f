/* What the runtime's engine does between two commits (engine_span.c): waits for charge, joins
   spans, leaves tensors in SRAM until a commit needs them. For the fast simulator. */
#ifndef WICK_SPAN_RUN_H
#define WICK_SPAN_RUN_H

#include "sim/app_loop.h"

/* From the next span of the segment in work to a commit, or one sleep. */
world_outcome span_run(program *p);
/* Will a step of the segment in work, from its next span on, read what this boot did not compute?
   Then the segment's sequence of items alone is not what it takes. */
bool span_reloads(program *p);

#endif
