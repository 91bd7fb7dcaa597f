/* What no policy can beat on a trace: the optimum of a device that knows all of the harvest to
   come. Included through sim.h. */
#ifndef WICK_CLAIRVOYANT_H
#define WICK_CLAIRVOYANT_H

#include "plan/plan.h"
#include "sim/trace.h"
#include "sim/workload.h"

struct wick_sim_options;

typedef struct wick_clairvoyant_options {
    int slots;   /* grid instants of a period, 2 to 1000 */
    int levels;  /* units that take longer than such a part of the longest answer's time (taking the
                    input, extractor, module, delivery) are divided, 4 to 1000 */
    int charges; /* points between an empty and a full capacitor, 16 to 64000; 0: a third of what a
                    boot takes, or 1/160 of the dearest answer, lies between two, within 256 and 640
                    points */
    double effort; /* about the most values that a sweep may look at, some 10^9 of them a second;
                      where it is more, or their memory is (20 values stand for a byte), the grid is
                      coarser: instants and levels down to 5 and 16 first, then all three. Replays,
                      searches and finer grids end behind seven times as many. 0: no limit */
    double kept_bytes; /* the values of all instants are kept for replays where they take no more,
                          and no more than the effort allows; else each replay computes blocks of
                          them anew. 0: 2e9 */
    bool tires; /* whether the engine is tired of waiting is a state of its own, for half as much
                   effort again, where that takes less than a gigabyte and an interval is shorter
                   than its patience, and there is no diode. Else it is tired in every state from
                   when on it can be */
    bool cold;  /* whether something is committed since the boot is a state of its own, for half as
                   much effort again: what a device does first behind a boot commits. Else that is
                   only known of work in the interval of the boot */
    int widest; /* devices that a search for schedules keeps at an instant, at most; 0: 1000 */
    int finer;  /* further grids while the best schedule is more than 1 % below the bound, and as
                   long as the effort lasts: the first with four times the charges, the second with
                   four times the slots; 0 to 2 */
    bool known; /* also known: which modules are right on which input. Else each answer brings its
                   module's accuracy */
} wick_clairvoyant_options;
wick_clairvoyant_options wick_clairvoyant_defaults(void);

typedef struct wick_bound {
    double expected; /* share of the inputs that is answered rightly in time, at most; 0..1 */
    int inputs;
    int instants;
    long states;                   /* at one instant */
    wick_clairvoyant_options grid; /* as used */
    bool coarser;                  /* than was asked for, to keep the effort */
    int replays;                   /* of plans and schedules; 0: no more than the bound was asked */
    long turns;                    /* of the simulator, in searches for schedules */
    bool cut_short;                /* more would have been tried without a limit on the effort */
} wick_bound;

/* UNSUPPORTED or RANGE: there is no bound for such inputs, whatever the plan and the trace. */
wick_status wick_clairvoyant_check(const wick_workload *workload, wick_diag *diag);

/* Dynamic programming backwards over the grid's instants. State: charge x on or off x which inputs
   are outstanding, by their ages x units done for the oldest of them: the extractor's, then those
   of one module (of exits, of all in their order). Nothing is lost by that: whatever else was done
   for an input can only add to its work, and an input for which nothing larger than k will be
   answered needs k alone. (Where modules begin with the extractor, that part of them may divide at
   will and takes what it does in the module with the fewest commits: what a second module finds in
   SRAM was paid for by the first.) (Agreeable deadlines: giving the oldest input the earlier work
   loses nothing.) z goes: an input that is older than fresh_s, or one in work when the device goes
   off without a clock, needs the extractor's work done, or is lost. The queue drops by the
   workload's rule; where what is dropped depends on which input is in work, the better.

   A span with a need_mv begins at that charge, as in the engine (must_wait and joins alike); it is
   paid, and counts, when it begins. While it runs the charge here is the device's less what the
   span has still to draw; so nothing can be asked of it that the device had not (leakage and a full
   capacitor only take more from the larger charge), and when it ends both are equal, or this one is
   larger. A span that is broken off is one that was not begun. What need_mv does not pay for sure,
   and all other work, divides in parts, each paid and counting when it is done; until then what it
   has drawn is still in the charge, which may exceed a full capacitor by as much. An interval holds
   what takes its time and a part of a unit at either end. When a unit is paid, what keeps the
   device on is left; so what is paid by some time is at most what the charge could be till then,
   less that, and the rest leaks until then as if it were not spent: four times in an interval. (A
   part of other work that runs over an instant has been spent before it, so parts cost as much less
   as leaks in their time.) A
   device that is on sleeps all of an interval, unless its charge can come to a boot's meanwhile.

   Behind a diode the voltage decides what arrives (clairvoyant_gain.h): a device that is off, or on
   and asleep, has exactly what its charge gets; one that works or boots in an interval gets the
   most that the source gives at any voltage that it can have then. In all other cases harvest does
   not depend on the charge (of a boost converter below its cold-start voltage and above it, the
   more).

   Every choice favours the device: it may switch off, and give inputs up, at every instant for
   nothing; energy of an interval may be spent before it arrives, and is thrown away only at the
   interval's end; charges are rounded up (to lattices that move with harvest and leakage; work
   takes whole steps of them, rounded down from an input's beginning on, so that only boots, answers
   and, where leakage has narrowed a lattice, each interval's work and its renewal round); times
   down; nothing is repeated after a failure, and only the last commits are paid. So the value is
   not below that of any policy or schedule in wick_sim_run with these options (unless `known`, of
   none that looks at margins: they tell of this very sample), and it falls towards
   the optimum as the grid gets finer (commits between spans, reading back and a waiting device's
   margin apart). One thing is assumed: the engine's patience, which tries a span below its need_mv
   when the voltage has not risen over 64 sleeps, is not brought about by burning the harvest that
   arrives meanwhile, nor by sleeps of a policy's own between the engine's. Harvest may be too
   little to raise the voltage in that time: sleep, what inputs take that arrive, and the leakage of
   the most that a span waits for are set against what surely comes in (behind a diode, at voltages
   at which an engine waits). From then on, since a tired engine begins all later spans at once, a
   span asks here for no more than without which it fails: what it takes, beside what keeps the
   device on, less the most that may arrive while it runs. With `tires` only a device does so that
   was on and asleep for such a time, until it is off. Without a voltage reading no span asks for
   anything. Workload: PERIODIC, or LISTED at multiples of period_s; phase 0. `correct` as for
   wick_sim_run; sampled inputs are those of options->seed. UNSUPPORTED, RANGE or NO_FIT as for
   wick_sim_run; RANGE also where the coarsest grid takes 16 times the effort; INTERRUPTED. */
wick_status wick_clairvoyant(const wick_plan *plan, const wick_trace *trace,
                             const struct wick_sim_options *options, const uint8_t *correct,
                             int n_samples, const wick_clairvoyant_options *grid, wick_bound *out,
                             wick_diag *diag);

/* The same bound, and how much of it a schedule in the exact simulator reaches; *reached (0..1) is
   the best one's. First the bound's plan is replayed: before every unit a control reads off the
   values of the backward induction, from the state that the device is really in, which module the
   input in work is meant for, whether to give it up, and whether to wait powered or switched off,
   until when; in four runs that differ in when units begin (when the plan says; as soon as they
   can; as late as the deadline allows) and in when a device boots in an interval of the plan. Where
   these stay below 99.8 % of the bound, schedules are searched for: copies of the simulated device
   go on from instant to instant in all ways that make sense, those that others beat, and those that
   the bound's values say cannot win, are left behind, and at most 30 (then 100, 300, 1000;
   grid->widest ends that) are kept. What is found is played once more, as a control. Where that is
   more than 1 % below the bound, grid->finer grids follow: the lowest bound (*out is of its grid,
   but for replays and turns, which are all) and the best schedule count. The optimum lies between
   *reached and out->expected. */
wick_status wick_clairvoyant_replay(const wick_plan *plan, const wick_trace *trace,
                                    const struct wick_sim_options *options, const uint8_t *correct,
                                    int n_samples, const wick_clairvoyant_options *grid,
                                    wick_bound *out, double *reached, wick_diag *diag);

#endif
