/* One call of wick_train_run: what its parts share. */
#ifndef WICK_SESSION_H
#define WICK_SESSION_H

#include "train/batches.h"
#include "train/checkpoint.h"
#include "train/runs_db.h"
#include "train/schedule.h"
#include "train/stage.h"

typedef struct wick_session {
    wick_graph *family; /* the caller's; between stages it holds the best weights so far */
    wick_graph *best;   /* weights of the best epochs so far */
    const wick_data *data;
    const wick_train_options *options;
    wick_normalise normalise;
    int n_stages;
    wick_stage_spec specs[2];
    wick_stage *stage; /* the current one */
    wick_identity identity;
    wick_position position;
    int epochs_now;              /* done in this call */
    double waited_s, stepping_s; /* of training steps in this call: for batches, and in all */
    wick_runs runs;              /* runs.db NULL: no database */
    wick_diag *diag;
} wick_session;

/* One pass over the training images in the order of (seed, stage, epoch), `epoch` 0-based: fills
   point's loss, learning rate of the last step, train_loss, train_accuracy and kd_loss (indices of
   the family's heads). INTERRUPTED between two steps, RANGE when the loss is not finite. */
wick_status wick_session_epoch(wick_session *session, int epoch, wick_run_point *point);

/* Accuracies of the stage's heads on the validation split into point->validation. */
wick_status wick_session_validate(wick_session *session, wick_run_point *point);

#endif
