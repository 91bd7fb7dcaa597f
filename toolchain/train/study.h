/* Many trainings that belong together: every strategy with several seeds, one after another, and
   their accuracies side by side (the layout of papers/0-rein, Table II). Part of train.h. */
#ifndef WICK_STUDY_H
#define WICK_STUDY_H

#include "train/train.h"

enum {
    WICK_STUDY_MAX_SEEDS = 32,
    WICK_STUDY_MAX_RUNS = WICK_STRATEGY_COUNT * WICK_STUDY_MAX_SEEDS
};

typedef struct wick_study_options {
    int n_strategies;
    wick_strategy strategies[WICK_STRATEGY_COUNT];
    int n_seeds;        /* 1..WICK_STUDY_MAX_SEEDS: train.seed, train.seed + 1, ... */
    const char *folder; /* of STRATEGY-SEED.onnx, their .state files, study.json; made if missing */
    bool test;          /* look at the test set, once for each run, when it is done */
    wick_train_options train; /* of every run; strategy, seed, checkpoint, resume and run_name are
                                 the study's own */
    /* The untrained family: with a shared extractor, or each module with its own; weights from
       the seed. */
    wick_status (*build)(void *ctx, bool shared, uint64_t seed, wick_graph **out, wick_diag *diag);
    void *ctx;
} wick_study_options;

/* One finished training. Accuracies 0..1 by module, large to small; NAN = not measured. */
typedef struct wick_study_run {
    wick_strategy strategy;
    uint64_t seed;
    int n_modules;
    double validation[WICK_MAX_HEADS], test[WICK_MAX_HEADS];
    double seconds;
    int64_t run_id; /* in train.runs_path; 0 without one */
} wick_study_run;

typedef struct wick_study {
    int n_runs, n_modules;
    const char *module_names[WICK_MAX_HEADS];
    wick_study_run runs[WICK_STUDY_MAX_RUNS]; /* by strategy in the order given, then by seed */
    double seconds;                           /* of all runs */
} wick_study;

/* Runs what is not done yet. A run that is listed in FOLDER/study.json with the same options, data
   and network is not repeated; one that was cut goes on from its state. MISMATCH: the folder holds
   results of other options. INTERRUPTED: the same call goes on later. *out in `arena`, complete on
   OK only. */
wick_status wick_study_run_all(const wick_study_options *options, const wick_data *data,
                               wick_arena *arena, wick_study **out, wick_diag *diag);

/* Mean and sample standard deviation (NAN for one run) over the seeds of one strategy. */
typedef struct wick_study_cell {
    int n;
    double mean, deviation;
} wick_study_cell;
wick_study_cell wick_study_cell_of(const wick_study *study, wick_strategy strategy, int module,
                                   bool test);

/* What papers/0-rein, Table II prints, in %: recipes vgg16 and mobilenetv1; data "cifar10",
   "cifar100", "tiny-imagenet". NULL where it has none; else [4], TM1 to TM4. */
const double *wick_study_published(const char *recipe, const char *data, wick_strategy strategy);

#endif
