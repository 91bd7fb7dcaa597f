/* Backward induction of the clairvoyant (clairvoyant.h). */
#ifndef WICK_CLAIRVOYANT_SWEEP_H
#define WICK_CLAIRVOYANT_SWEEP_H

#include "sim/arrivals.h"
#include "sim/clairvoyant_gain.h"
#include "sim/clairvoyant_rows.h"
#include "sim/supply.h"

/* Charges at an instant: phase + i * step, i = 0 .. points - 1, absolute energies of the capacitor;
   [0] off, [1] on. Behind a diode each charge moves on its own, and is up to a step lower. */
typedef struct lattice {
    double step_uj, phase_uj[2];
    const float *below[2]; /* [points + 1] of a step, below 1; the last 0. NULL: 0 */
} lattice;
static inline double lattice_uj(const lattice *l, int on, int i) {
    double steps = l->below[on] ? i - (double)l->below[on][i] : i;
    return l->phase_uj[on] + steps * l->step_uj;
}

/* The most that a charge of E µJ at an interval's start can become in it, without work:
   at_least_uj + share * E. The true maximum is convex in E: this is its chord. */
typedef struct crest {
    double least_uj, share;
} crest;

/* Parts of an interval's time. What is not paid by a part's end leaks until then. */
enum { BOUND_PARTS = 4 };

typedef struct interval {
    double from_s, dt_s;
    double decay;             /* what leakage leaves of a charge */
    double paid;              /* of what is paid, what the highest charges here are the less by */
    double gain_uj, gross_uj; /* harvest: what is left of it at the end; without leakage */
    double sleep_uj;          /* of a device that is never off in it, as it counts at the end */
    double nap_uj;            /* or that may be switched off for a while, and boot */
    double most_s;            /* that rows reached in it may be apart */
    crest crest[2];           /* off, on all the time or behind a boot */
    crest early[BOUND_PARTS - 1][2]; /* the same up to the first, second .. part's end */
    double rise[BOUND_PARTS - 1];    /* exp(lambda t) there */
    bool tired;                      /* the engine may be: spans begin without what they ask for.
                                        Where that is a mode: it may have become so, where it was on
                                        and waited for bound.waits intervals and longer */
    double
        power_uw;   /* the most that arrives in it; tired: or while a span runs that begins in it */
    double lent_uj; /* tired: harvest of later, that such a span may have spent by the end */
    lattice start, end; /* end: start moved along; the next start, or replaced by it */
    bool renewed;       /* it is replaced by this start */
} interval;

/* Parts of an interval's time, for inputs that are begun in it behind an answer, and ways in which
   it ends then (off; on; on, and not asleep for all of it); blocks of instants whose values are
   kept. */
enum { BEHIND_PARTS = 8, BEHIND_ENDS = 3, BOUND_BLOCKS = 2 };

/* Modes of a device. Cold: on, and nothing is committed since its boot. Tired: its engine is, of
   waiting. The last two may be missing. */
enum { OFF, ON, COLD, TIRED, MODES };

/* The dynamic programme. */
typedef struct bound {
    bool cold, tires;        /* there are such modes */
    int waits;               /* intervals that it waits for surely, before it is */
    double taken_uj;         /* spent meanwhile at most, on inputs that are taken */
    int n_modules, n, slots; /* intervals; of a period */
    int deadline, most_open; /* slots; inputs outstanding at most */
    int room;                /* the queue's, for outstanding inputs and the one in work */
    bool drops_new;          /* with the room full a new input is dropped; else an old one */
    bool off_drops_new, needs_power; /* off: so do inputs whose deadline is over; all new ones */
    int fresh;        /* slots after which an input is lost whose extractor's work is not done */
    bool off_forgets; /* such an input is lost when the device is switched off in its work */
    int points;
    bool pays_late; /* what is paid late leaks until then */
    double end_s, dt_s, lambda, cap_uj, on_uj, off_uj, boot_uj, boot_s, sleep_uw;
    double step_uj;    /* of charge */
    double kept_bytes; /* all values are kept where they take no more */
    double most_uj;    /* that an answer takes */
    double top_uj;     /* largest charge of a state, unpaid work in it (bound_cap_uj) */
    bound_rows rows;
    const bound_gains *gains; /* behind a diode: what arrives depends on the charge, gain_uj is the
                                 most, and lattices move as clairvoyant_landing.h says. Else NULL */
    double *rest; /* [rows] of steps of the lattice, 0..1, that are not paid yet at a row and still
                     in the charge: what leads from row to row costs whole steps */
    interval *intervals; /* [n] */
    float *reward;       /* [inputs][modules] */
} bound;

/* What it is made of; made in an arena. */
typedef struct bound_problem {
    const wick_plan *plan;
    const wick_sim_options *options;
    store cap; /* at the start */
    supply supply;
    work_items work;
    bound bound;
    int inputs;
    wick_clairvoyant_options grid; /* as used */
    bool coarser;                  /* than was asked for */
} bound_problem;

wick_status bound_make(wick_arena *arena, const wick_plan *plan, const wick_trace *trace,
                       const wick_sim_options *options, const uint8_t *correct, int n_samples,
                       const wick_clairvoyant_options *grid, bound_problem *out, wick_diag *diag);
/* The most that the capacitor holds: work that is paid when a part of it is done stays in the
   charge for a while. */
static inline double bound_cap_uj(const bound *b, int queue, int row) {
    return b->cap_uj + (queue & ((1 << b->most_open) - 1) ? b->rows.rows[row].beyond_uj : 0);
}
/* The least that a charge can be at an interval's end. Off, it is left behind by what was on. On,
   it was enough within the time of the longest unit (which is paid when it begins, without the
   sleep whose place it takes) or boot. */
double bound_floor_uj(const bound *b, const interval *v, bool on, bool tired);
/* That there are. */
static inline int bound_modes(const bound *b) {
    return 2 + b->cold + b->tires;
}
/* Whether spans begin without what they ask for in an interval that begins in this mode. */
static inline bool bound_tired(const bound *b, const interval *v, int mode) {
    return mode == TIRED || (v->tired && !b->tires);
}
/* What an interval's highest charge without work must be, at least, for the unit that leads to a
   row, when all from from_uj to the row before is paid in it: what was drawn leaks no more. */
static inline double bound_least_uj(const interval *v, bool tired, const bound_row *row,
                                    double from_uj) {
    double bare_uj = row->bare_uj - v->power_uw * row->unit_s;
    double need_uj = tired && bare_uj < row->need_uj ? bare_uj : row->need_uj;
    return need_uj + (row->before_uj - from_uj) * v->paid;
}
/* What work on the way along a line costs beside the rows' prices. */
typedef struct bound_extra {
    bool booted, begun, committed; /* cold at first, or behind a boot in it; its first unit */
    double uj, most_uj;            /* bound_rows.warm_uj */
} bound_extra;
/* That of getting to a row; returns what a commit there costs, where the engine makes one. */
double bound_extra_at(bound_extra *extra, const bound_row *row);
/* Before any, from a row on; cold: so is the device, or it boots in the interval. */
static inline bound_extra bound_extra_from(const bound_rows *rows, int row, bool cold) {
    return (bound_extra){
        .booted = cold, .begun = cold && rows->rows[row].inside, .most_uj = rows->warm_uj};
}
/* The mode, at an interval's end, of a device that is on and not tired then. */
static inline int bound_mode_on(const bound *b, const bound_extra *extra) {
    return b->cold && extra->booted && !extra->committed ? COLD : ON;
}
/* The mode of a device behind an input that is given up, or too late, at a row: a unit that runs on
   commits when it ends. */
static inline int bound_mode_without(const bound *b, int mode, int row) {
    return mode == COLD && b->rows.rows[row].inside ? ON : mode;
}
static inline double crest_uj(const crest *c, double uj) {
    return c->least_uj + c->share * uj;
}
/* The figures of a bound that do not depend on its value. */
wick_bound bound_figures(const bound_problem *p, double value);
/* Harvest, decay and sleep of the dt_s seconds from from_s on, as for a whole interval (lattices,
   crests and patience apart). */
interval bound_interval(const bound_problem *p, double from_s, double dt_s);
/* And its crests. */
void bound_crests(const bound_problem *p, double from_s, double dt_s, interval *v);

/* Values of all instants, or (bound.kept_bytes) of some blocks of them, and of one instant of each
   other, from which its block is computed anew when it is asked for. */
typedef struct bound_values bound_values;
/* Instants of a block. */
int bound_block(const bound *b);

/* *value: of a device that is off with start_uj before the first input arrives. `kept` (may be
   NULL): the values of all instants, in `arena`. An instant is one more of `progress`. INTERRUPTED.
 */
wick_status bound_sweep(const bound *b, wick_arena *arena, double start_uj, double *value,
                        bound_values **kept, wick_progress *progress, wick_diag *diag);

/* The value of a state before what happens at instant j (1 .. n): of the largest charge of the
   lattice that is not above uj; of no use once the user has asked to stop. A queue as in
   clairvoyant_queue.c; row: of the oldest outstanding input, 0 without one. */
double bound_value(bound_values *v, int j, int mode, int queue, int row, double uj);
/* None is ever computed anew. */
bool bound_keeps_all(const bound_values *v);
/* The last instant that can be looked at together with instant j at no extra cost: at least a
   deadline and some periods behind it, where time does not end before. */
int bound_horizon(const bound_values *v, int j);
/* Inputs that were there before instant j. */
int bound_arrived(const bound *b, int j);
/* How many inputs are outstanding. */
int bound_open(const bound *b, int queue);
/* Periods before the latest arrival at which the oldest outstanding input arrived; -1: none. */
int bound_oldest(const bound *b, int queue);
/* What deadlines, ages and arrivals of instant j make of a queue; *row: of its oldest input. Where
   an old input must go, either the oldest does, or (spared: it may be the one in work) the next, or
   the new one. */
int bound_queue_behind(const bound *b, int j, int mode, int queue, bool spared, int *row);
/* What switching off makes of it. */
int bound_queue_off(const bound *b, int queue, int *row);

#endif
