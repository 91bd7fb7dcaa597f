/* The work of a plan as items: what draws a constant power for a known time (a step, a commit,
   taking an input, sending an answer). Items stand in sequences, with prefix sums, so that the
   event loop can jump over any run of them:
     0          sensing, writing, committing an input; then the extractor's steps and commits
     k = 1..    module k's steps and commits, then the delivery
     DECIDE     a commit by itself: of a decision, or of a delivery
     BOOT       one boot
     LOOSE      what moves between SRAM and NVM, item by item: reading an operand that this boot did
                not compute, writing an output at a commit
   Where the engine leaves commits out (lazy), spans end with their steps; LOOSE's writes and
   DECIDE's commit stand for each that is made. Else they have both among their items. A unit is
   what a power failure repeats: the items from its first to its end. A whole run of units draws, at
   the capacitor, drawn(p) between two positions; with a leaking store what that is worth at its end
   is response(p) = integral of D(s) exp(-lambda (p - s)) ds from the sequence's start, as in
   supply.h. */
#ifndef WICK_WORK_ITEMS_H
#define WICK_WORK_ITEMS_H

#include "sim/sim.h"
#include "sim/store.h"

typedef enum work_account {
    WORK_COMPUTE,
    WORK_NVM,
    WORK_COMMIT,
    WORK_SENSE,
    WORK_BOOT,
    WORK_ACCOUNTS
} work_account;

typedef struct work_item {
    double time_s, draw_uw; /* at the capacitor: with converter and series resistance */
    double load_uj;         /* at the device's terminals */
    double esr_uj;
    double off_uj; /* store energy at which the device browns out under this load */
    int unit_first, unit_end;
    int span; /* index within the segment; -1: none */
    int step; /* of the model; -1: none */
} work_item;

/* Sums over the items before one, from its sequence's first item. */
typedef struct work_sums {
    double time_s, drawn_uj, response_uj, load_uj, esr_uj, account_uj[WORK_ACCOUNTS];
    int commits;
} work_sums;

enum { WORK_DECIDE = 1 + WICK_MAX_HEADS, WORK_BOOT_SEQUENCE, WORK_LOOSE, WORK_SEQUENCES };

typedef struct work_sequence {
    int first, end;                    /* items */
    double min_uw, max_uw, max_off_uj; /* extremes of its items' draw and brown-out energy */
} work_sequence;

typedef struct work_items {
    bool lazy;
    int n;
    work_item *items;
    work_sums *before; /* [n + 1 + sequences]: item i of sequence q at i + q; its end at end + q */
    int *sequence_of;  /* [n] */
    work_sequence sequence[WORK_SEQUENCES];
    int taken;                    /* the first item behind taking an input */
    int *span_first;              /* [model.n_spans] first item of a span */
    int *step_item;               /* [model.n_steps] */
    int *store_item;              /* [model.n_steps] in LOOSE; -1: nothing to write at a commit */
    int *reload_item;             /* [plan.n_reloads] in LOOSE; -1: takes nothing */
    int *reload_first;            /* [model.n_steps + 1] its reloads begin here */
    int *reload_least[2];         /* [plan.n_reloads] of this and the segment's later reloads: the
                                     least number of a producer that is the extractor's, and a
                                     module's; INT_MAX */
    int *join_end;                /* [model.n_spans] the last span of the segment that may follow
                                     this one without a commit between, were the voltage high */
    uint16_t *join_mv;            /* [model.n_spans] what those behind this one need at most */
    int send[1 + WICK_MAX_HEADS]; /* items of module k: its delivery, up to the sequence's end */
    double lambda_per_s;
    double sleep_load_uw, sleep_draw_uw, sleep_esr_uw, sleep_off_uj;
} work_items;

/* NO_FIT names the unit that a full capacitor cannot carry together with a boot, or the load under
   which the terminals would be below off_v when the device wakes; where the workload's sensing or
   sending makes it so, that, with the most it may take. RANGE: a cost without a time. */
wick_status work_items_make(wick_arena *arena, const wick_plan *plan, const wick_workload *workload,
                            const store *cap, bool lazy, work_items *out, wick_diag *diag);
/* A segment's step in the numbers by which SRAM is known: the model's own; where every module
   begins with the extractor, counted from the segment's first one, so that all modules' extractors
   have the same. */
int work_number(const wick_model *model, int segment, int step);
/* 0: the step of this number is one of the extractor's, which are the first; 1: a module's. */
int work_side(const wick_model *model, int number);
/* Sums before item i (an item index, or the end of sequence q). */
static inline const work_sums *work_before(const work_items *w, int sequence, int i) {
    return &w->before[i + sequence];
}
/* Response at `into_s` seconds into item i of the sequence. */
double work_response(const work_items *w, int sequence, int i, double into_s);

#endif
