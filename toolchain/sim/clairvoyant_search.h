/* Schedules that are searched for in the exact simulator: forwards in time, from copies of the
   simulated device. */
#ifndef WICK_CLAIRVOYANT_SEARCH_H
#define WICK_CLAIRVOYANT_SEARCH_H

#include "sim/clairvoyant_control.h"

/* What is searched. */
typedef struct search_scene {
    const wick_trace *trace;
    const uint8_t *correct; /* as for wick_sim_run */
    int n_samples;
    const bound_problem *problem;
    bound_values *values;    /* of the bound */
    wick_progress *progress; /* an instant is one more of it */
} search_scene;

/* What a control says, look by look. */
typedef struct search_schedule {
    wick_sim_action *actions;
    int n;
    int at; /* the next one; the caller's to set to 0 */
} search_schedule;

typedef struct search_found {
    double score;             /* inputs answered rightly, in expectation */
    search_schedule schedule; /* in the caller's arena; n 0: none that is better */
    long turns;               /* of devices */
    bool cut; /* devices were left behind only because there were too many, or turns ran out; else
                 no schedule of such moves is better, as far as what is compared tells */
} search_found;

/* Devices stand at the bound's instants. Each goes on in every way of search_moves. Of those with
   the same progress that differ in score and charge alone the ones go on that no other beats in
   both; none that cannot come to more than found->score with the bound's value of its state; and at
   most `widest`, those with the largest sum of score and value. Ends behind most_turns, with what
   was found by then: nothing, before the first one is at its end. *found: its score is what is to
   be beaten; all of it is set. */
wick_status search_run(wick_arena *arena, const search_scene *scene, int widest, long most_turns,
                       search_found *found, wick_diag *diag);

/* A control that says them again; ctx: a search_schedule. */
wick_sim_action search_retell(void *ctx, const wick_sim_state *state);

#endif
