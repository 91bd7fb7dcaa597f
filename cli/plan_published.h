/* wick plan --cost-model: the table of a published search. */
#ifndef WICK_CLI_PLAN_PUBLISHED_H
#define WICK_CLI_PLAN_PUBLISHED_H

#include "plan/plan.h"

typedef struct cli_published_options {
    double capacitor_uf, margin; /* 0 = the model's */
} cli_published_options;

/* Searches the network's layers on the model and prints what that takes. */
wick_status cli_plan_published(const char *name, const wick_qnet *net,
                               const cli_published_options *options, bool explain, bool json,
                               wick_diag *diag);

#endif
