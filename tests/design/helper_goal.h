/* A small network, few images and short trainings. */
#ifndef HELPER_GOAL_H
#define HELPER_GOAL_H

#include "design/design.h"

wick_data *helper_images(void);
wick_graph *helper_network(int classes);
/* Trainings of a second or less. */
wick_goal_options helper_brief(void);

#endif
