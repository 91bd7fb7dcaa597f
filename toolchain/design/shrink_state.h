/* What of a shrinking outlives an interruption: a folder with state.json (whose work it is), the
   network of each finished training (NAME.onnx) and the state of the one that was cut
   (NAME.state). Everything else follows from these again. */
#ifndef WICK_SHRINK_STATE_H
#define WICK_SHRINK_STATE_H

#include "design/design.h"

/* How the names of trainings begin. */
#define WICK_GOAL_TRIAL "trial-"
#define WICK_GOAL_LONG "long-"

/* Makes the folder, or checks that its work is this one's: MISMATCH names what differs. */
wick_status wick_goal_state_open(const wick_graph *network, const wick_data *data,
                                 const wick_device *device, const wick_goal_options *options,
                                 wick_diag *diag);
/* FOLDER/NAME with the suffix, in `arena`; NULL without a folder. */
char *wick_goal_state_path(wick_arena *arena, const wick_goal_options *options, const char *name,
                           const char *suffix);

#endif
