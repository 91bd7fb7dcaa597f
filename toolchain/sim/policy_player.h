/* A control in a policy's place, judged as policies are. */
#ifndef WICK_POLICY_PLAYER_H
#define WICK_POLICY_PLAYER_H

#include "sim/sim.h"

typedef struct policy_player {
    /* Before each run, with the control's ctx: the trace and where in it the run begins. */
    wick_status (*begin)(void *ctx, const wick_trace *trace, double start_s, wick_diag *diag);
    wick_sim_control control;
} policy_player;

/* wick_policy_judge of it. */
wick_status policy_judge_player(const wick_judged *on, const policy_player *player, double *score,
                                wick_diag *diag);

#endif
