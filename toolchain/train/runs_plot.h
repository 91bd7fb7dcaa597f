/* Curves of recorded runs. Part of train.h. */
#ifndef WICK_RUNS_PLOT_H
#define WICK_RUNS_PLOT_H

#include "train/runs.h"

enum { WICK_PLOT_MAX_RUNS = 160 };

/* X(enum, name, axis label, one curve for each module?) */
#define WICK_RUN_METRIC_TABLE(X)                                                                   \
    X(VALIDATION, "validation", "validation accuracy in %", true)                                  \
    X(TRAIN_ACCURACY, "train-accuracy", "accuracy while training in %", true)                      \
    X(TRAIN_LOSS, "train-loss", "cross-entropy", true)                                             \
    X(KD_LOSS, "kd-loss", "distillation loss", true)                                               \
    X(LOSS, "loss", "total loss", false)                                                           \
    X(RATE, "lr", "learning rate", false)

typedef enum wick_run_metric {
#define X(upper, name, label, of_modules) WICK_RUN_METRIC_##upper,
    WICK_RUN_METRIC_TABLE(X)
#undef X
        WICK_RUN_METRICS
} wick_run_metric;
/* By name; false when there is none. */
bool wick_run_metric_find(const char *name, wick_run_metric *metric);

typedef struct wick_runs_plot_options {
    const char *db;
    int n_runs;                      /* 1..WICK_PLOT_MAX_RUNS */
    int64_t ids[WICK_PLOT_MAX_RUNS]; /* 0 = the newest */
    wick_run_metric metric;
    int module; /* 0 = largest; -1 = all */
    bool mean;  /* runs of one strategy are seeds of one experiment: their mean, with a band from
                   the lowest to the highest, over the epochs that all of them have */
    const char *title; /* or NULL */
} wick_runs_plot_options;

/* Draws them by epoch, all stages in a row, to an .svg or .png. NOT_FOUND: no such run, or no
   gnuplot; MISSING: nothing to plot. */
wick_status wick_runs_plot(const wick_runs_plot_options *options, const char *path,
                           wick_diag *diag);

#endif
