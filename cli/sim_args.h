/* Options of every command that simulates with inputs from data: those of world_args.h, and which
   inputs, when and how long. A child parser: such a command lists sim_argp among its children and
   hands it a sim_args as its input. */
#ifndef WICK_SIM_ARGS_H
#define WICK_SIM_ARGS_H

#include "cli.h"
#include "sim/sim.h"

enum { SIM_MAX_TRACES = 64, SIM_MAX_SAID = SIM_MAX_TRACES + 32 };

typedef struct sim_args {
    const char *traces[SIM_MAX_TRACES], *data, *harvester, *arrivals;
    int n_traces, samples;
    bool others; /* the samples that come last in the drawn order, not first */
    struct {
        bool load_ohm, source_ohm, area, panel_efficiency, period, deadline, rule, waiting;
    } given; /* on the command line */
    struct {
        const char *name, *value; /* value NULL: it takes none */
    } said[SIM_MAX_SAID];         /* options of the world (world_args.h), in their order */
    int n_said;
    wick_trace_options trace_options;
    wick_sim_options options;
} sim_args;

sim_args sim_args_defaults(void);
extern const struct argp sim_argp;

#endif
