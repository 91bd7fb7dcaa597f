/* The sections of the report. Internal to toolchain/report. */
#ifndef WICK_REPORT_PARTS_H
#define WICK_REPORT_PARTS_H

#include "report/html.h"
#include "report/report.h"

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
wick_status report_guarantees(page *p);

#endif
