/* What the runtime's engine does between two commits (engine_span.c): waits for charge, joins
   spans, leaves tensors in SRAM until a commit needs them. For the fast simulator. */
#ifndef WICK_SPAN_RUN_H
#define WICK_SPAN_RUN_H

#include "sim/app_loop.h"

/* From the next span of the segment in work to a commit, or one sleep. */
world_outcome span_run(program *p);
/* Is the segment's sequence of items, from its next span on, not what it takes? A step will read
   what this boot did not compute; or the module goes on behind the extractor, whose work is in
   SRAM. */
bool span_differs(program *p);
/* Spans of the segment in work are committed: notes whether SRAM now holds what the extractor
   computes. */
void span_passed(program *p);

#endif
