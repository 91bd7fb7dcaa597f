/* A control that looks at the clairvoyant's plan from the state that the device is really in,
   before every unit. */
#ifndef WICK_CLAIRVOYANT_CONTROL_H
#define WICK_CLAIRVOYANT_CONTROL_H

#include "sim/clairvoyant_plan.h"

/* How a replay departs from its plan. */
typedef struct manner {
    double margin; /* share of an answer that is kept in hand */
    double late;   /* share of the capacitor that it charges, for as many units as that carries,
                      before it begins the next one */
    bool follows;  /* the plan in when it works and where it stops; else what can be done is done at
                      once, up to where the engine commits */
    bool boots_late; /* as in planner */
} manner;

typedef struct replay {
    planner planner;
    const manner *manners; /* [n_manners] of one period each, the last one of all behind it */
    int n_manners;
    const manner *manner; /* at hand */
    int target;           /* the module that the input in work is meant for; 0: not chosen */
    wick_progress *progress;
    uint64_t before; /* of it */
    double pace;     /* of it, for each instant */
} replay;

/* ctx: a replay, with all but `manner` and `target` set. */
wick_sim_action replay_act(void *ctx, const wick_sim_state *state);

#endif
