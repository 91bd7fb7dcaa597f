/* Options of every command that plays a harvest trace: the trace, the harvester, the workload. A
   child parser, as sim_argp (sim_args.h) is, which lists this one among its own children; its input
   is a sim_args, too. */
#ifndef WICK_WORLD_ARGS_H
#define WICK_WORLD_ARGS_H

#include "sim_args.h"

extern const struct argp world_argp;

/* Notes an option of the world, as those of world_argp are; value NULL: it takes none. `name` must
   last. Of one that is given again the last counts, but for traces. */
void world_args_say(sim_args *a, const char *name, const char *value);

/* The options of the world on the command line, as they were given, with their values; in `arena`.
 */
const char *world_args_text(const sim_args *a, wick_arena *arena);

#endif
