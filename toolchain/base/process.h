/* External programs (compilers, emulators, gnuplot): run without a shell, output collected, bounded
 * in time. */
#ifndef WICK_PROCESS_H
#define WICK_PROCESS_H

#include "base/arena.h"
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
/* Names this process: a line by which wick_process_ended can tell later whether it still runs. In
   `arena`. */
const char *wick_process_self(wick_arena *arena);
/* True when the process that so called itself has surely ended: it ran on this machine before the
   last boot, or since and there is none with its number and start time. False where that cannot be
   told: another machine, another container, or not such a line. */
bool wick_process_ended(const char *self);
/* True when a program of this name is in PATH. */
bool wick_process_exists(const char *program);

#endif
