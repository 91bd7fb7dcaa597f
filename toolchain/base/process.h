/* External programs (compilers, emulators, gnuplot): run without a shell, output collected, bounded
 * in time. */
#ifndef WICK_PROCESS_H
#define WICK_PROCESS_H

#include "base/buf.h"
#include "base/diag.h"

#include <stdbool.h>

typedef struct wick_process {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    const char *input;       /* text for its standard input, NULL = none */
    double timeout_s;        /* 0 = none; killed afterwards, reported as exit status -1 */
    /* results */
    wick_buf output, errors; /* standard output and error, to be freed by the caller */
    int exit_status;         /* 0..255; 128 + n when signal n ended it; -1 = time-out */
} wick_process;

/* Runs `count` programs, at most `at_once` (>= 1) at the same time, in order. NOT_FOUND when a
   program does not exist, INTERRUPTED after Ctrl-C (all are ended). Exit statuses are the caller's
   to judge. `done` (may be NULL) is called after each one that ends. */
wick_status wick_process_run(wick_process *processes, int count, int at_once,
                             void (*done)(void *ctx, int finished), void *ctx, wick_diag *diag);
void wick_process_free(wick_process *process);
/* True when a program of this name is in PATH. */
bool wick_process_exists(const char *program);

#endif
