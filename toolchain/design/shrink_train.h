/* One call of wick_goal_shrink: what its parts share, and its trainings. */
#ifndef WICK_SHRINK_TRAIN_H
#define WICK_SHRINK_TRAIN_H

#include "design/candidate.h"
#include "design/design.h"

typedef struct wick_goal_run {
    const wick_graph *network; /* the caller's: teacher, and what accuracy is measured against */
    wick_graph *collapsed;     /* what candidates are made of */
    wick_material material;    /* the same with the rest of it */
    const wick_data *data;
    const wick_device *device;
    const wick_goal_options *options;
    wick_arena *arena;
    wick_goal_result *result;
    double float_accuracy[WICK_MAX_HEADS]; /* validation */
    wick_progress progress;                /* of all trainings, in images */
    double trained_s, trained_images;      /* of this call's trainings */
    int round;                             /* with `smallest`, 0-based */
    wick_diag *diag;
} wick_goal_run;

/* Epochs of a trial. */
int wick_goal_trial_epochs(const wick_goal_options *options);
/* What every training of the driver has in common, without rules. */
wick_train_options wick_goal_train_options(const wick_goal_run *run, int epochs);

/* Trains *graph under the candidate's rules by distillation from the network, or reads what an
   earlier call trained under that name; what comes out is read from ONNX either way. `what` is said
   on stderr. INTERRUPTED: the same call goes on. */
wick_status wick_goal_train(wick_goal_run *run, const char *name, const char *what,
                            const wick_candidate *candidate, const wick_structure *structure,
                            int epochs, wick_graph **graph);

#endif
