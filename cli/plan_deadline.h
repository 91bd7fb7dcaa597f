/* Output of `wick plan --harvest-min`: the worst time of each module's answer. */
#ifndef WICK_PLAN_DEADLINE_H
#define WICK_PLAN_DEADLINE_H

#include "plan/plan.h"

typedef struct cli_deadline {
    bool asked;         /* --harvest-min was given */
    double harvest_uw;  /* at the harvester */
    double deadline_s;  /* 0 = none given */
    const char *module; /* NULL = all of them */
    bool eager;
} cli_deadline;

/* Prints a table (or puts it into the JSON object `json` as "latency"). NO_FIT with a diagnostic
   for each module that may miss the deadline, or has no bound. */
wick_status cli_plan_deadline(const wick_plan *plan, const cli_deadline *ask, json_t *json,
                              wick_diag *diag);

#endif
