/* Progress on stderr: a bar with rate and time left once work lasts longer than two seconds and
   stderr is a terminal; otherwise nothing. */
#ifndef WICK_PROGRESS_H
#define WICK_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct wick_progress {
    const char *label; /* e.g. "epoch 3/10" */
    const char *unit;  /* e.g. "img" */
    uint64_t total, done;
    double start_s, last_s;
    bool enabled, shown;
    char note[96];
} wick_progress;

/* Starts; `label` and `unit` must outlive it; total 0 means unknown. */
void wick_progress_begin(wick_progress *progress, const char *label, const char *unit,
                         uint64_t total);
/* Sets the amount done and redraws at most ten times a second. */
void wick_progress_update(wick_progress *progress, uint64_t done);
/* Free text shown at the end of the bar (printf). */
void wick_progress_note(wick_progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Clears the bar's line. */
void wick_progress_end(wick_progress *progress);
/* Monotonic seconds. */
double wick_now_s(void);
/* The most memory that this process has had in RAM so far, in bytes; 0 where the system does not
   say. */
int64_t wick_peak_bytes(void);

#endif
