/* What answers cost on a device, by running the engine itself on the PC and counting what it does.
 */
#ifndef ENGINE_COST_H
#define ENGINE_COST_H

#include "plan/plan.h"

/* How an answer is made. */
typedef enum engine_mode {
    ENGINE_EAGER, /* every span commits */
    ENGINE_LAZY,  /* the voltage always says that the capacitor is full: steady power */
} engine_mode;

/* One answer in the steady state: the memory is formatted, the boot is past, an input has been
   answered before. */
typedef struct engine_answer {
    wick_cost reference; /* the same layers, whole, on the same kernels; activations in SRAM without
                            limit, no commit */
    wick_cost input;     /* taking the input: storing it with its stamp and its commit */
    wick_cost work;      /* all else until the answer is delivered and that is committed */
    int64_t nvm_write_bytes, nvm_read_bytes; /* of `work`, in whole write units */
    int commits;                             /* records that were written in it */
} engine_answer;

/* Module 1 ... of the plan. FAILED when the engine does not answer. */
wick_status engine_answer_of(const wick_plan *plan, engine_mode mode, int module,
                             engine_answer *out, wick_diag *diag);

/* Energy (or time) of `work`, with the input's where it counts, beyond the reference, in percent.
 */
double engine_overhead(const engine_answer *answer, bool with_input);

#endif
