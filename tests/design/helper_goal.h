/* A small network, few images and short trainings. */
#ifndef HELPER_GOAL_H
#define HELPER_GOAL_H

#include "design/design.h"

wick_data *helper_images(void);
wick_graph *helper_network(int classes);
/* The weights of a node of it; fails the test without one. */
wick_tensor *helper_weights(wick_graph *graph, const char *node);
/* Trainings of a second or less. */
wick_goal_options helper_brief(void);

/* What every test of the driver works on: the device m4-fram, in the arena, and the images. 0, or
   -1 when the device does not load. End with helper_close. */
int helper_open(wick_arena **arena, wick_device **device, wick_data **data);
void helper_close(wick_arena *arena, wick_data *data);

/* on_step of a test that counts steps: ctx is an int. */
void helper_count_step(void *ctx, const wick_goal_step *step);

#endif
