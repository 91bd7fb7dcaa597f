/* Options of every command that plays a harvest trace: the trace, the harvester, the workload. A
   child parser, as sim_argp (sim_args.h) is, which lists this one among its own children; its input
   is a sim_args, too. */
#ifndef WICK_WORLD_ARGS_H
#define WICK_WORLD_ARGS_H

#include "sim_args.h"

extern const struct argp world_argp;

/* The options of world_argp on the command line, as they were given, with their values; in `arena`.
 */
const char *world_args_text(const sim_args *a, wick_arena *arena);

#endif
