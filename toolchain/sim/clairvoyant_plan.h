/* The clairvoyant's plan from any state on, read off the values of the backward induction
   (clairvoyant_sweep.h). */
#ifndef WICK_CLAIRVOYANT_PLAN_H
#define WICK_CLAIRVOYANT_PLAN_H

#include "sim/clairvoyant_sweep.h"

typedef struct plan_state {
    double at_s;
    bool on, cold;
    int queue; /* as in clairvoyant_queue.c */
    int row;   /* of the oldest outstanding input; 0 without one */
    double uj; /* in the capacitor, with what is drawn beyond that row */
} plan_state;

/* What the plan does from a state on. */
typedef struct plan_ahead {
    int module;    /* that answers the oldest outstanding input; 0: none */
    bool stays_on; /* at the next instant, were no work done before */
    int stops;     /* on: the row behind which it does no more work until the next instant; -1:
                      it delivers */
    bool stops_on; /* and whether it is powered then */
    double boot_s; /* off: when it boots next; INFINITY */
    double value;  /* of all to come */
} plan_ahead;

/* Where an interval may end. */
typedef struct plan_way plan_way;

typedef struct planner {
    const bound_problem *problem;
    bound_values *values;
    bool boots_late; /* as late in an interval as its work allows: nobody sleeps through the rest */
    plan_way *ways;  /* those of one interval, the caller's to free */
    int n_ways, room;
} planner;

/* When work of so much time begins at the latest, to end by end_s. */
double plan_latest_s(const bound *b, double end_s, double time_s);

plan_ahead plan_look(planner *p, plan_state from);

#endif
