/* Output of `wick plan --proof` and of endurance. */
#ifndef WICK_PLAN_EXPLAIN_H
#define WICK_PLAN_EXPLAIN_H

#include "plan/plan.h"

typedef struct cli_endurance {
    double rate_hz;        /* answers a second; 0 = not stated */
    double lifetime_years; /* that it has to last; 0 = not stated */
} cli_endurance;

/* What each span reads and writes in NVM, which commits are mandatory, and what follows. */
void cli_plan_print_proof(const wick_plan *plan);
json_t *cli_plan_proof_json(const wick_plan *plan);

/* The worst module's wear. */
void cli_plan_print_endurance(const wick_plan *plan, const cli_endurance *ask);
json_t *cli_plan_endurance_json(const wick_plan *plan, const cli_endurance *ask);
/* NO_FIT where the memory wears out before the stated lifetime. */
wick_status cli_plan_lasts(const wick_plan *plan, const cli_endurance *ask, wick_diag *diag);

#endif
