/* One self-contained HTML file about a run: family, curves, accuracy against energy, memory map,
 * voltage, guarantees. */
#ifndef WICK_REPORT_H
#define WICK_REPORT_H

#include "sim/sim.h"

/* Inputs are paths; any but `plan` may be NULL, and its section is then left out with a sentence
 * that says so. */
typedef struct wick_report_options {
    const char *title;
    const char *plan;   /* plan.json (names the quantized model) */
    const char *model;  /* float family */
    const char *runs;   /* SQLite file; the newest run is shown, or run_id */
    int64_t run_id;     /* 0 = newest */
    const char *verify; /* verify --json output */
    const char **sims;  /* sim --json --timeline outputs */
    int n_sims;
    const char **policies; /* of wick policy synth */
    int n_policies;
    const char **sizings; /* size --target --json outputs */
    int n_sizings;
} wick_report_options;

/* MISMATCH: a file of another plan; a family or a run whose modules, classes or input are not those
   of the plan's network. Where only their MACs differ the page says so. */
wick_status wick_report_write(const wick_report_options *options, const char *path,
                              wick_diag *diag);

#endif
