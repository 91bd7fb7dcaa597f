#include "base/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BAR_WIDTH = 24 };
static const double SHOW_AFTER_S = 2.0, REDRAW_S = 0.1;

double wick_now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int64_t wick_peak_bytes(void) {
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (int64_t)usage.ru_maxrss * 1024 : 0;
}

void wick_progress_begin(wick_progress *progress, const char *label, const char *unit,
                         uint64_t total) {
    *progress = (wick_progress){.label = label,
                                .unit = unit,
                                .total = total,
                                .start_s = wick_now_s(),
                                .enabled = isatty(STDERR_FILENO) != 0};
}

static void draw(const wick_progress *progress, double elapsed_s) {
    double rate = elapsed_s > 0 ? (double)progress->done / elapsed_s : 0;
    fprintf(stderr, "\r\033[K%s ", progress->label);
    if (progress->total) {
        double part = (double)progress->done / (double)progress->total;
        int filled = (int)(part * BAR_WIDTH);
        for (int i = 0; i < BAR_WIDTH; i++)
            fputs(i < filled ? "█" : "·", stderr);
        fprintf(stderr, " %3.0f%%", 100 * part);
    } else {
        fprintf(stderr, "%" PRIu64, progress->done);
    }
    fprintf(stderr, " %.3g %s/s", rate, progress->unit);
    if (progress->total && rate > 0) {
        int left_s = (int)((double)(progress->total - progress->done) / rate + 0.5);
        fprintf(stderr, " %d:%02d left", left_s / 60, left_s % 60);
    }
    if (progress->note[0])
        fprintf(stderr, "  %s", progress->note);
    fflush(stderr);
}

void wick_progress_update(wick_progress *progress, uint64_t done) {
    progress->done = progress->total && done > progress->total ? progress->total : done;
    if (!progress->enabled)
        return;
    double now_s = wick_now_s();
    if (now_s - progress->start_s < SHOW_AFTER_S || now_s - progress->last_s < REDRAW_S)
        return;
    progress->last_s = now_s;
    progress->shown = true;
    draw(progress, now_s - progress->start_s);
}

void wick_progress_note(wick_progress *progress, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(progress->note, sizeof progress->note, format, args);
    va_end(args);
}

void wick_progress_end(wick_progress *progress) {
    if (progress->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    progress->shown = false;
}
