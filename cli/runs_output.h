/* What the verbs of wick runs print beside tables of one run. */
#ifndef RUNS_OUTPUT_H
#define RUNS_OUTPUT_H

#include "cli.h"
#include "train/train.h"

json_t *runs_real_or_null(double value);
/* One run without its epochs. */
json_t *runs_json(const wick_run_info *run);
/* Its epochs. */
json_t *runs_points_json(const wick_run_info *run, const wick_run_point *points, int n);

/* Side by side: the settings that differ, then each module's accuracies with their distance from
   the first run's. n >= 2 ids. */
wick_status runs_compare(const char *db, const int64_t *ids, int n, bool json, wick_diag *diag);

/* All that is recorded of these runs (n = 0: of every run) into `path`, or to stdout where it is
   NULL: as CSV, one row for each run, epoch and module that it trained, or as JSON. */
wick_status runs_export(const char *db, const int64_t *ids, int n, bool json, const char *path,
                        wick_diag *diag);

#endif
