/* The clairvoyant's plan from any state on, read off the values of the backward induction
   (clairvoyant_sweep.h). */
#ifndef WICK_CLAIRVOYANT_PLAN_H
#define WICK_CLAIRVOYANT_PLAN_H

#include "sim/clairvoyant_sweep.h"

typedef struct plan_state {
    double at_s;
    bool on;
    int queue;    /* as in clairvoyant_sweep.c */
    double spent; /* µJ of work for the oldest outstanding input */
    double uj;    /* in the capacitor */
} plan_state;

/* What the plan does from a state on. */
typedef struct plan_ahead {
    int module;    /* that answers the oldest outstanding input; 0: none */
    bool stays_on; /* at the next instant, were no work done before */
    double boot_s; /* off: when it boots next; INFINITY */
} plan_ahead;

typedef struct planner {
    const bound_problem *problem;
    bound_values *values;
    double margin_uj; /* values are means over charges that are up to so much lower: a plan that
                         works out to the last µJ of a rounded charge does not work out */
} planner;

plan_ahead plan_look(const planner *p, plan_state from);

#endif
