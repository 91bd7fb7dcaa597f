/* The Markov decision process behind a synthesised policy. Time goes in slots of a period; a state
   is
     age of the input in work (slots; periodic arrivals, so the age tells how many wait behind it)
     x stage (extractor in work; or the best answer so far, and the module in work) with its
       progress in whole levels, which end where spans do (policy_levels.h); what is too little for
       one stays in the charge
     x charge (grid over the usable energy) x bin of the recent harvest x device off, on, or on and
       tired: it found too little charge for a span, and waits until there is a margin beside it
       (the engine's need_mv and margin_16mv; that its patience ends is left out).
   A device that is on may work on, wait in the stage where it is, or end the input. An answer in
   time brings its module's accuracy minus that of the answer before it, and by chance, where the
   policy looks at margins, ends the input: both are of inputs of which the answer before it was not
   sure (policy_sure.h), so a stage behind an answer is one behind an answer that was not. Backward
   induction over `periods` periods, beginning with nothing: what charge is worth for later inputs
   is in it. */
#ifndef WICK_POLICY_MDP_H
#define WICK_POLICY_MDP_H

#include "sim/harvest_chain.h"
#include "sim/policy_sure.h"

enum { MDP_OFF, MDP_ON, MDP_TIRED, MDP_POWERS };
enum { MDP_CHARGES = 24, MDP_MOST_LEVELS = 24 * WICK_TABLE_LEVELS };
/* No level of a table: nothing is asked there. */
enum { MDP_NO_QUARTER = 255 };

typedef struct policy_mdp {
    const harvest_chain *chain;
    int n_modules, slots, ages; /* slots: of a period; ages: of the deadline */
    policy_answers answers;
    double energy_uj[1 + WICK_MAX_HEADS]; /* of each segment with its commits, usable */
    double time_slots[1 + WICK_MAX_HEADS];
    int levels[1 + WICK_MAX_HEADS]; /* of each segment, at most MDP_MOST_LEVELS; 0: mdp_prepare
                                       divides it evenly, into a multiple of WICK_TABLE_LEVELS */
    double level_uj[1 + WICK_MAX_HEADS][MDP_MOST_LEVELS];     /* [level] of energy_uj */
    double rest_uj[1 + WICK_MAX_HEADS][MDP_MOST_LEVELS + 1];  /* of it and those behind it */
    uint16_t first_span[1 + WICK_MAX_HEADS][MDP_MOST_LEVELS]; /* spans that are done before it */
    uint8_t quarter[1 + WICK_MAX_HEADS][MDP_MOST_LEVELS];     /* a table's level, or none */
    /* [level] usable charge with which the engine goes on there, with which one does that has
       waited for charge (engine.h: need_mv, margin_16mv), and that brings it through the level */
    double need_uj[1 + WICK_MAX_HEADS][MDP_MOST_LEVELS];
    double enough_uj[1 + WICK_MAX_HEADS][MDP_MOST_LEVELS];
    double whole_uj[1 + WICK_MAX_HEADS][MDP_MOST_LEVELS];
    double step_uj;                  /* between two points of the charge grid */
    double on_uj, boot_uj, sleep_uj; /* usable; of a slot */
    double leak, leak_base_uj;       /* in a slot: leak * charge + leak_base_uj */
    int stage_of[1 + WICK_MAX_HEADS][1 + WICK_MAX_HEADS]; /* [best][working]: its level 0 */
    int n_stages;
    int periods;         /* looked ahead */
    bool may_switch_off; /* also an action where that is not there: off, until a slot ends with
                            the charge for a boot; idle too */
    int always;          /* > 0: nothing is chosen: this module, and nothing behind its answer */
    double gain;         /* what the last period added to the values, the middle over the states */
    /* values, [power][stage][age][bin][charge] and, off or on, [power][slots left][bin][charge];
       next: of the input that waits behind one that is older than a period,
       [power][age][bin][charge] */
    float *value[MDP_POWERS], *idle[2], *next[2];
} policy_mdp;

/* Takes arrays from `arena` and computes all values, of `periods` periods or of as many as change
   something. */
void mdp_solve(policy_mdp *m, wick_arena *arena, int periods);
/* The same of a run of so many inputs, from the arrays that mdp_prepare has just made: it ends with
   the last one's deadline, and what an empty start is worth is the value of age 0. before (may be
   NULL): called before each slot is swept, slots counted from the run's beginning. */
void mdp_solve_run(policy_mdp *m, int periods, void (*before)(void *ctx, int slot), void *ctx);
/* The parts of it: stages and arrays; what a period begins with (the values of the input that comes
   next are in value); idling with so many slots left (0 first, then upwards); one age (the oldest
   first). */
void mdp_prepare(policy_mdp *m, wick_arena *arena);
void mdp_pass_on(policy_mdp *m);
void mdp_sweep_idle(policy_mdp *m, int left);
void mdp_sweep_age(policy_mdp *m, int age);
/* [charge] */
float *mdp_cell(const policy_mdp *m, int power, int stage, int age, int bin);
float *mdp_idle_cell(const policy_mdp *m, int power, int slots_left, int bin);
/* Of a state of a device that is on (or tired): going on with module w at `level` behind answer
   `best`. uj: charge above the brown-out voltage, between grid points too. */
double mdp_go_on(const policy_mdp *m, int power, int age, int best, int w, int level, int bin,
                 double uj);
/* The same of the extractor at `level`. */
double mdp_extract(const policy_mdp *m, int power, int age, int level, int bin, double uj);
/* A slot of sleep in `stage`: the extractor's are its levels, others stage_of[best][working] +
   level. */
double mdp_wait(const policy_mdp *m, int power, int stage, int age, int bin, double uj);
/* Is that an action? With the charge for a boot it would boot at once. */
bool mdp_may_go_off(const policy_mdp *m, double uj);
/* Switched off in it. */
double mdp_off(const policy_mdp *m, int stage, int age, int bin, double uj);
/* Nothing to do, with so many slots left. */
void mdp_idle_values(const policy_mdp *m, int left, int bin, double uj, double *on, double *off);
/* Nothing more for this input. */
double mdp_finish(const policy_mdp *m, int age, int bin, double uj);
/* Sum over bins of the value of an input's arrival at an empty device, over periods. */
double mdp_expected(const policy_mdp *m);

#endif
