/* Scores of policies, and the best parameters of those that have some. Included through sim.h. */
#ifndef WICK_POLICY_JUDGE_H
#define WICK_POLICY_JUDGE_H

#include "plan/plan.h"
#include "sim/clairvoyant.h"
#include "sim/policy_synth.h"

/* What policies are judged on. */
typedef struct wick_judged {
    const wick_plan *plan;
    const wick_trace *const *traces; /* each played once around from every start phase */
    int n_traces;
    const wick_harvester *harvester; /* NULL = the device's own figures */
    wick_workload workload;          /* inputs come from the run's start to the end of the trace,
                                        the last one still has its deadline; listed ones at their
                                        times of the trace, from wherever it is entered */
    uint16_t min_accuracy_permille;  /* what the application asks of an answer: one of a module with
                                        less in the plan counts nothing; 0 = any answer counts */
    double accuracy[WICK_MAX_HEADS]; /* [modules] 0..1, large to small */
    int phases;                      /* start phases, equally spaced over each trace */
    double wait_s;                   /* wick_sim_options */
    /* Answers to real samples: right or not, and their margins, both [modules][n_samples] (as for
       wick_sim_run), for policies that look at margins. NULL: `accuracy` stands for them, and
       policies that look at margins are neither made nor judged. */
    const uint8_t *correct;
    const uint16_t *margins;
    int n_samples;
    bool halves;   /* every other sample is learnt from, from the first one on, and runs take the
                      rest: what suits samples by luck does not count. Else all are both */
    int first_run; /* with margins: runs from this number on, each with other samples as inputs */
} wick_judged;

/* Expected accuracy within the deadline: of the last module that answered in time, 0 without an
   answer, over all inputs of all runs. Cold start. RANGE: no input comes; NO_FIT: no module is as
   accurate as is asked for. */
wick_status wick_policy_judge(const wick_judged *on, const wick_policy *policy, double *score,
                              wick_diag *diag);

/* The clairvoyant's bound on that score of policies that look at no margins (those that do know
   which inputs to leave at an answer, and may come out above it), and what its replayed plans reach
   (clairvoyant.h; may be NULL: takes about three times as long). */
wick_status wick_policy_bound(const wick_judged *on, const wick_clairvoyant_options *grid,
                              double *bound, double *reached, wick_diag *diag);

/* The best parameters of a kind by the score: FIXED (module), THRESHOLD (grid of low, high and
   charge), EDF (grid of reserve; with margins, of how sure an answer is the last one). Others:
   UNSUPPORTED. Compared in worlds that are drawn from the traces (policy_worlds.h), the best of
   them in more; *score (may be NULL) is that on the traces.
 */
wick_status wick_policy_tune(const wick_judged *on, wick_policy_kind kind, wick_policy *best,
                             double *score, wick_diag *diag);

/* The best synthesised policy by the score: of tables by value iteration for several memories, each
   held to the best fixed module more or less (policy_process.h), of tables from rules on the energy
   until the deadline (policy_budget.h, which include every fixed module) and of `also` [n_also],
   policies tuned otherwise. With margins also of tables of processes whose inputs end at sure
   answers, 0.3, 0.5 and 0.7 of each smaller module's (policy_sure.h), and of rules with the same
   thresholds as the best of these; not where an accuracy is asked for. Where the device may switch
   off (options), and sleep takes a fifth of the mean harvest or, in a period, two boots' energy,
   tables and rules do that as well. One that is not always the same module must be better than the
   best fixed module by more than the standard error over the traces (one that is not of a process
   by half a point more, divided by the number of traces), because what is better by little, or on
   some of these traces, may be worse on others. Where an accuracy is asked for, that module is the
   smallest that has it: tables take none larger. The process knows the costs of taking inputs and
   of sending, the deadline and that accuracy; of arrivals only their mean distance (period_s), of
   the queue that inputs wait in turn, of freshness nothing: these count in the runs by which is
   chosen. Compared, and scored, as for wick_policy_tune. Tables' arrays are in `arena`; *made (may
   be NULL) describes the chosen table, zero where it is one of `also`. */
wick_status wick_policy_synthesise(wick_arena *arena, const wick_judged *on,
                                   const wick_synth_options *options, const wick_policy *also,
                                   int n_also, wick_policy *best, double *score,
                                   wick_synthesised *made, wick_diag *diag);

/* The best policy of a kind: tuned parameters, or for TABLE wick_policy_synthesise beside tuned
   THRESHOLD and EDF and GREEDY. */
wick_status wick_policy_best(wick_arena *arena, const wick_judged *on, wick_policy_kind kind,
                             const wick_synth_options *options, wick_policy *best, double *score,
                             wick_synthesised *made, wick_diag *diag);

#endif
