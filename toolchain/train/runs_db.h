/* Writing side of the database of runs, and what both sides share. Schema version 1, application id
   "wick":
     runs(id, name, status, strategy, recipe, data, data_sha256, graph_sha256, options, version,
          backend, started, finished, seconds)
     modules(run_id, module, name, parameters, macs, validation, test)
     epochs(run_id, stage, epoch, learning_rate, loss, seconds)
     processes(run_id, process)        who records it: wick_process_self; may be missing
     metrics(run_id, stage, epoch, module, train_loss, train_accuracy, kd_loss, validation)
   module, stage and epoch count from 1; a value that was not measured is NULL. */
#ifndef WICK_RUNS_DB_H
#define WICK_RUNS_DB_H

#include "train/runs.h"

#include <sqlite3.h>

typedef struct wick_runs {
    sqlite3 *db;
    char *path;
    int64_t run_id;
    int n_modules;
} wick_runs;

/* Opens the file (write: makes it, with its tables, where there is none). NOT_FOUND, OUTPUT,
   SYNTAX, MISMATCH (an SQLite file of something else), UNSUPPORTED (newer schema). */
wick_status wick_runs_open(const char *path, bool write, wick_runs *runs, wick_diag *diag);
void wick_runs_close(wick_runs *runs);
/* The last error of the database as a diagnostic. */
wick_status wick_runs_fail(const wick_runs *runs, const char *doing, wick_diag *diag);
/* One statement without results. */
wick_status wick_runs_exec(const wick_runs *runs, const char *sql, wick_diag *diag);

/* Inserts the run with its modules (id, epochs, seconds and finished are not read) and keeps its
   new id; with info->id > 0, goes on with that run where it is still there: epochs from (stage,
   epoch) on, 1-based, are deleted. */
wick_status wick_runs_begin(wick_runs *runs, const wick_run_info *info, int stage, int epoch,
                            wick_diag *diag);
/* Adds one epoch, in one transaction. `seconds_total` of all sessions. */
wick_status wick_runs_add(wick_runs *runs, const wick_run_point *point, double seconds_total,
                          wick_diag *diag);
/* Final status and, where not NAN, validation accuracies [n_modules] (NULL: none). */
wick_status wick_runs_end(wick_runs *runs, const char *status, const double *validation,
                          wick_diag *diag);

#endif
