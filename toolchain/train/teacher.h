/* A finished network that teaches: evaluated beside the training step on the same images. */
#ifndef WICK_TEACHER_H
#define WICK_TEACHER_H

#include "train/batches.h"
#include "train/stage.h"

/* Builds stage->teacher_program from options->teacher; nothing without one. Output 0: its logits,
   output 1: its features, where they are matched. SHAPE when its input or classes are not the
   stage's; UNSUPPORTED when there are no features. */
wick_status wick_teacher_build(wick_stage *stage, const wick_train_options *options,
                               wick_diag *diag);
/* What the teacher's input is made with: its own normalisation. */
wick_normalise wick_teacher_normalise(const wick_stage *stage);

#endif
