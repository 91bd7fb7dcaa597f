/* A solved decision process, from which several tables are made. */
#ifndef WICK_POLICY_PROCESS_H
#define WICK_POLICY_PROCESS_H

#include "sim/policy_judge.h"
#include "sim/policy_mdp.h"
#include "sim/policy_synth.h"

typedef struct policy_process policy_process;

/* The options with what a judged world says: workload, front end, sleep, accuracies. */
wick_synth_options policy_process_options(const wick_judged *on, const wick_synth_options *options);
/* The chain fitted to the traces and the process on it, without arrays. Errors as of
   wick_policy_synth. */
wick_status policy_process_fit(const wick_plan *plan, const wick_trace *const *traces, int n_traces,
                               const wick_synth_options *options, harvest_chain *chain,
                               policy_mdp *out, wick_diag *diag);
/* The process itself, solved; its arrays are in `arena`, and it points to *chain. may_switch_off
   stands for the options' own. Errors as of wick_policy_synth. */
wick_status policy_process_solve(wick_arena *arena, const wick_plan *plan,
                                 const wick_trace *const *traces, int n_traces,
                                 const wick_synth_options *options, bool may_switch_off,
                                 harvest_chain *chain, policy_mdp *out, wick_diag *diag);
/* Errors as of wick_policy_synth. All of it is in `arena`. */
wick_status policy_process_make(wick_arena *arena, const wick_plan *plan,
                                const wick_trace *const *traces, int n_traces,
                                const wick_synth_options *options, policy_process **out,
                                wick_diag *diag);
/* Other actions than those of module `usual` alone must be better by `more` of expected accuracy:
   what the process says by little, another trace may not. To be off meanwhile is usual, too,
   where it is an action. more 0: no usual one. */
void policy_process_table(const policy_process *p, int usual, double more, wick_arena *arena,
                          wick_synthesised *out);

#endif
