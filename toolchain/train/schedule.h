/* Options turned into numbers per epoch and step; their legal ranges; their canonical JSON form. */
#ifndef WICK_SCHEDULE_H
#define WICK_SCHEDULE_H

#include "train/train.h"

/* RANGE names the option and its legal range. */
wick_status wick_train_check(const wick_train_options *options, int n_heads, wick_diag *diag);

/* The learning rate that the option 0 stands for. */
double wick_schedule_default_rate(const wick_graph *graph, wick_optimiser optimiser);
/* First epoch (0-based) with the decayed rate: ceil(lr_drop * epochs); `epochs` = never. */
int wick_schedule_drop_epoch(const wick_train_options *options);
/* First epoch (0-based) with distillation: ceil(kd_warmup * epochs), at most epochs - 1 so that a
   short run with distillation has some. */
int wick_schedule_kd_epoch(const wick_train_options *options);
/* Learning rate of a step (0-based) of an epoch (0-based) of `steps` steps. */
double wick_schedule_rate(const wick_train_options *options, int epoch, int step, int steps);

/* What is left of the way from dense to the sparse rules' densities at a step, 1 to 0: (1 - t)^3, t
   the share of the ramp that is behind it (Zhu and Gupta, To prune, or not to prune, 2017, eq. 1).
 */
double wick_schedule_excess(const wick_train_options *options, int epoch, int step, int steps);

/* Everything that decides the resulting bits, for n_heads modules, `threads` resolved: one JSON
   object for the database. The caller releases it. */
json_t *wick_train_options_json(const wick_train_options *options, int n_heads, int threads);

#endif
