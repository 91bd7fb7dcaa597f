/* Synthesis of scheduling policies: value iteration on a Markov model of the harvest, compressed to
   a table that the device looks up (wick/policy.h). Included through sim.h. */
#ifndef WICK_POLICY_SYNTH_H
#define WICK_POLICY_SYNTH_H

#include "plan/plan.h"
#include "sim/trace.h"
#include "sim/workload.h"

#include <wick/policy.h>

enum { WICK_POLICY_TABLE_BYTES = 4096 }; /* thresholds, rows and their index together at most */

typedef struct wick_synth_options {
    wick_workload workload;          /* period_s, deadline_s */
    const wick_harvester *harvester; /* NULL = the device's own figures */
    double accuracy[WICK_MAX_HEADS]; /* [modules] 0..1, large to small */
    int slots;                       /* a period is divided in so many, 4 to 100 */
    int periods;                     /* looked ahead, 1 to 1000 */
    double memory_s;                 /* time constant of the recent harvest; 0 = a slot */
    double wait_s; /* the device's sleep (wick_sim_options): so much before the deadline the process
                      takes it for over */
    bool may_switch_off; /* the device can (WICK_POLICY_OFF, rest_uj): default false */
    double dearer;       /* factor on the modules' energies, for what the process leaves out */
    const struct policy_answers *answers; /* of a policy that looks at margins (policy_sure.h);
                                             NULL: the accuracies say all */
} wick_synth_options;
wick_synth_options wick_synth_defaults(void);

typedef struct wick_synthesised {
    wick_policy_table table; /* arrays in the arena */
    int bytes;
    int n_states;    /* of the Markov decision process */
    double expected; /* accuracy within the deadline that the model expects, averaged over
                        the harvest's bins, empty at the start */
} wick_synthesised;

/* RANGE: traces that are too short, modules without accuracies, no deadline. The traces are those
   to learn from; the plan's capacitor and costs count. */
wick_status wick_policy_synth(wick_arena *arena, const wick_plan *plan,
                              const wick_trace *const *traces, int n_traces,
                              const wick_synth_options *options, wick_synthesised *out,
                              wick_diag *diag);

/* The table that always takes one module, and nothing after its answer. */
wick_synthesised wick_policy_constant(wick_arena *arena, int n_modules, int module);

/* Policies as JSON files: "kind", its parameters, and which plan, device and capacitor it was made
   for; world (may be NULL): in which world, as the options that say it. Reading checks every index
   (untrusted); a table is in `arena`. MISMATCH: a table of another plan, device or capacitor,
   margins (sure) of another plan, or a module that the plan has not; thresholds and reserves, which
   are powers and energies, serve any. plan: NULL = none, any. */
json_t *wick_policy_json(const wick_policy *policy, const wick_plan *plan, const char *world);
wick_status wick_policy_save(const wick_policy *policy, const wick_plan *plan, const char *world,
                             const char *path, wick_diag *diag);
wick_status wick_policy_load(wick_arena *arena, const char *path, const wick_plan *plan,
                             wick_policy *out, wick_diag *diag);
/* The world that a file names; NULL: none. In `arena`. */
wick_status wick_policy_world(wick_arena *arena, const char *path, const char **world,
                              wick_diag *diag);
/* The same, and in c_path (NULL: no such file) the policy as C source that defines `const
   wick_policy model_policy`, for firmware: both files, or on failure none. stamp: what made it, a
   text of any characters for the head of the C source. */
wick_status wick_policy_write(const wick_policy *policy, const wick_plan *plan, const char *world,
                              const char *path, const char *c_path, const char *stamp,
                              wick_diag *diag);
/* Whether it looks at the margins of any module's answers (sure). */
bool wick_policy_has_sure(const wick_policy *policy);
/* "fixed", "greedy", "threshold", "edf", "table"; static storage. */
const char *wick_policy_name(wick_policy_kind kind);

#endif
