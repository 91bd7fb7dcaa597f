/* What the application asks of an answer (wick_judged.min_accuracy_permille), as scores and the
   decision process see it. */
#ifndef WICK_POLICY_ASKED_H
#define WICK_POLICY_ASKED_H

#include "sim/policy_judge.h"

/* Module k has it by the model's figures. */
bool policy_asked_has(const wick_judged *on, int k);
/* The smallest module that has it by the model's figures: any policy but a fixed one takes none
   larger (wick_policy_choose). 1 where none has it, or nothing is asked for. */
int policy_asked_module(const wick_judged *on);
/* What an answer of module k counts: its accuracy, or nothing where that is less than asked for. */
double policy_asked_worth(const wick_judged *on, int k);
/* NO_FIT: no module has it. */
wick_status policy_asked_check(const wick_judged *on, wick_diag *diag);

#endif
