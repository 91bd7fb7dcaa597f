/* What no policy can beat on a trace: the optimum of a device that knows all of the harvest to
   come. Included through sim.h. */
#ifndef WICK_CLAIRVOYANT_H
#define WICK_CLAIRVOYANT_H

#include "plan/plan.h"
#include "sim/trace.h"

struct wick_sim_options;

typedef struct wick_clairvoyant_options {
    int slots;   /* grid instants of a period, 2 to 1000 */
    int levels;  /* the largest work of an input (taking it, extractor, module, delivery) is divided
                    in so many, 4 to 1000 */
    int charges; /* points between an empty and a full capacitor, 16 to 4000; 0: a third of what a
                    boot takes lies between two, within 64 and 640 points */
    bool known;  /* also known: which modules are right on which input. Else each answer brings its
                    module's accuracy */
} wick_clairvoyant_options;
wick_clairvoyant_options wick_clairvoyant_defaults(void);

typedef struct wick_bound {
    double expected; /* share of the inputs that is answered rightly in time, at most; 0..1 */
    int inputs;
    int instants;
    long states; /* at one instant */
} wick_bound;

/* Dynamic programming backwards over the grid's instants. State: charge x on or off x which inputs
   are outstanding, by their ages x work done for the oldest of them. The work is one number: an
   answer of module k takes W_k, whatever else was done for the input can only add to it, and an
   input for which nothing larger than k will be answered needs k alone (of exits, those before k as
   well); so answers so far, progress per module and whether z is there follow from it. (Where
   modules begin with the extractor, W_k has it once, as the module computes it that does so with
   the fewest commits: what a second module finds in SRAM was paid for by the first.) (Agreeable
   deadlines: giving the oldest input the earlier work loses nothing.) z goes: an input that is
   older than fresh_s, or one in work when the device goes off without a clock, needs the
   extractor's work done, or is lost. The queue drops by the workload's rule; where what is dropped
   depends on which input is in work, the better. Every choice favours the device: it may switch
   off, and give inputs up, at every instant for nothing; energy of an interval may be spent before
   it arrives, and is thrown away only at the interval's end; charges are rounded up (to lattices
   that move with harvest and leakage, so that only decisions round); times down; nothing is
   repeated after a failure, and only the last commits are paid. So the value is not below that of
   any policy or schedule in wick_sim_run with these options, and it falls towards the optimum as
   the grid gets finer (work in spans, commits between them and reading back apart). Workload:
   PERIODIC, or LISTED at multiples of period_s; phase 0. `correct` as for wick_sim_run; sampled
   inputs are those of options->seed. UNSUPPORTED, RANGE or NO_FIT as for wick_sim_run. */
wick_status wick_clairvoyant(const wick_plan *plan, const wick_trace *trace,
                             const struct wick_sim_options *options, const uint8_t *correct,
                             int n_samples, const wick_clairvoyant_options *grid, wick_bound *out,
                             wick_diag *diag);

/* The same bound, and how much of it the exact simulator reaches with its plan: before every unit a
   control reads off the values of the backward induction, from the state that the device is really
   in, which module the input in work is meant for, whether to give it up, and whether to wait
   powered or switched off, until when. *reached (0..1) is the best of a few such runs, which differ
   in how much charge they keep in hand; the optimum lies between it and out->expected. */
wick_status wick_clairvoyant_replay(const wick_plan *plan, const wick_trace *trace,
                                    const struct wick_sim_options *options, const uint8_t *correct,
                                    int n_samples, const wick_clairvoyant_options *grid,
                                    wick_bound *out, double *reached, wick_diag *diag);

#endif
