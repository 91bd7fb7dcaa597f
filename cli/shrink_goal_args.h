/* wick shrink --device: the network within budgets. */
#ifndef WICK_CLI_SHRINK_GOAL_ARGS_H
#define WICK_CLI_SHRINK_GOAL_ARGS_H

#include "cli.h"
#include "design/design.h"

typedef struct cli_goal {
    const char *device; /* NULL: not asked for */
    const char *other;  /* name of an option of the goal that was given, for complaints without a
                           device */
    const char *plans;  /* the same of planning options, which count beside --channel-score too */
    wick_goal_options options;
} cli_goal;
cli_goal cli_goal_defaults(void);

/* Its options; input: a cli_goal. */
extern const struct argp cli_goal_argp;

/* What of the command a run needs. */
typedef struct cli_goal_job {
    const char *model, *data, *output;
    bool test, json;
    int threads;
} cli_goal_job;

/* Shrinks, writes, prints. `opened`: the data of the spec. */
wick_status cli_goal_run(cli_goal *goal, const cli_goal_job *job, const wick_graph *network,
                         const wick_data *opened, wick_diag *diag);

#endif
