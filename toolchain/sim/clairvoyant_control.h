/* A control that looks at the clairvoyant's plan from the state that the device is really in,
   before every unit. */
#ifndef WICK_CLAIRVOYANT_CONTROL_H
#define WICK_CLAIRVOYANT_CONTROL_H

#include "sim/clairvoyant_plan.h"

/* How a replay departs from its plan. */
typedef struct manner {
    double late;  /* share of the capacitor that it charges, for as many units as that carries,
                     before  it begins the next one */
    bool follows; /* the plan in when it works and where it stops; else what can be done is done at
                     once, up to where the engine commits */
    bool boots_late; /* as in planner */
} manner;

typedef struct replay {
    planner planner;
    manner manner;
    int target; /* the module that the input in work is meant for; 0: not chosen */
    wick_progress *progress;
    uint64_t before; /* of it */
    double pace;     /* of it, for each instant */
} replay;

/* ctx: a replay, with all but `target` set. */
wick_sim_action replay_act(void *ctx, const wick_sim_state *state);

/* Where the input in work is on the way to an answer of module k (0: the extractor alone). */
bound_place replay_place(const replay *r, const wick_sim_state *s, int k);
/* The charge with which the next unit surely ends, of what is in work for r->target. */
double replay_enough_uj(const replay *r, const wick_sim_state *s);
/* The time of the work from a row to the answer of module k. */
double replay_rest_s(const replay *r, int row, int k);

#endif
