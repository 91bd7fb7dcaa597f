/* The sections of the report. Internal to toolchain/report. */
#ifndef WICK_REPORT_PARTS_H
#define WICK_REPORT_PARTS_H

#include "report/html.h"
#include "report/report.h"
#include "train/train.h"

typedef struct page {
    wick_buf html;
    wick_arena *arena;
    const wick_report_options *options;
    const wick_plan *plan;
    const wick_qnet *net;
    const wick_graph *graph; /* float family, or NULL */
    wick_diag *diag;
} page;

wick_status report_family(page *p);
wick_status report_training(page *p);
wick_status report_energy(page *p);
wick_status report_memory(page *p);
wick_status report_sims(page *p);
wick_status report_policies(page *p);
wick_status report_sizings(page *p);
wick_status report_guarantees(page *p);

/* Parts of sections. */
/* What each layer takes of an answer: compute, NVM, commits. */
wick_status report_layers(page *p);
/* What each part takes, as in that picture. */
void report_parts(page *p);
/* MISMATCH where the float family, or the run, has other modules, classes or inputs than the plan's
   network. */
wick_status report_check_family(const page *p);
wick_status report_check_run(const page *p, const wick_run_info *run);
/* A sentence where only the MACs differ. */
void report_say_family_macs(page *p);
void report_say_run_macs(page *p, const wick_run_info *run);
/* Where the harvest of the runs of a simulation went: shares, a day, a boot. */
wick_status report_causes(page *p, wick_json_at runs, size_t n);
/* Opens a JSON file; the caller releases *root. */
wick_status report_load(page *p, const char *path, json_t **root, wick_json_at *at);
/* MISMATCH where it is of another plan. */
wick_status report_check_plan(const page *p, wick_json_at at);

#endif
