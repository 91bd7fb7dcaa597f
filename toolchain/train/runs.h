/* The database of runs: one SQLite file (no WAL, so that it stays one file) that training writes
   after every epoch and that `wick runs` and the report read. Part of train.h. */
#ifndef WICK_RUNS_H
#define WICK_RUNS_H

#include "graph/graph.h"

typedef struct wick_run_module {
    const char *name;
    int64_t parameters, macs; /* of the module without the shared extractor */
    double validation, test;  /* accuracy 0..1 of the best checkpoint; NAN = not measured */
} wick_run_module;

typedef struct wick_run_info {
    int64_t id;
    const char *name, *status; /* "running", "done", "interrupted" (a kill is noticed when the run
                                  is read), "failed" */
    const char *strategy, *recipe, *data, *data_sha256, *graph_sha256;
    const char *options;            /* JSON object of all training options */
    const char *version, *backend;  /* of wick; of the training library */
    const char *started, *finished; /* UTC, "2026-01-31 12:00:00"; finished "" while it runs */
    double seconds;                 /* of training so far */
    int epochs;                     /* recorded so far, all stages */
    int n_modules;
    wick_run_module modules[WICK_MAX_HEADS];
} wick_run_info;

/* One epoch. Arrays by module, 0 = largest; NAN where the stage does not train that module. */
typedef struct wick_run_point {
    int stage, epoch; /* 1-based */
    double learning_rate, loss, seconds;
    double train_loss[WICK_MAX_HEADS];     /* cross-entropy, mean over the epoch */
    double train_accuracy[WICK_MAX_HEADS]; /* on the augmented images while training, 0..1 */
    double kd_loss[WICK_MAX_HEADS];        /* sum_j beta_jk L_kd,jk as a student */
    double validation[WICK_MAX_HEADS];     /* 0..1 */
} wick_run_point;

/* All runs by id, in `arena`. NOT_FOUND, SYNTAX (not such a file), UNSUPPORTED (newer schema). */
wick_status wick_runs_list(const char *path, wick_arena *arena, wick_run_info **runs, int *n_runs,
                           wick_diag *diag);
/* One run (id 0 = the newest) and its epochs in order, in `arena`. NOT_FOUND lists the ids. */
wick_status wick_runs_read(const char *path, int64_t id, wick_arena *arena, wick_run_info *info,
                           wick_run_point **points, int *n_points, wick_diag *diag);
/* Stores the test accuracies of run `id`: [n_modules], 0..1. */
wick_status wick_runs_set_test(const char *path, int64_t id, const double *accuracy, int n_modules,
                               wick_diag *diag);

#endif
