/* The figures that a simulated device is judged by, and targets for them. Included through sim.h.
 */
#ifndef WICK_FIGURES_H
#define WICK_FIGURES_H

#include "base/base.h"

#include <stdbool.h>

struct wick_sim_result;

/* X(name, identifier, whether it is a share, unit, meaning) */
#define WICK_FIGURE_TABLE(X)                                                                       \
    X(ACCURACY, "accuracy", true, "", "expected accuracy within the deadline, over all inputs")    \
    X(ANSWERS, "answers", true, "", "inputs answered within the deadline")                         \
    X(LATENCY, "latency", false, "s", "from an input to its first answer, mean")                   \
    X(FAILURES, "failures", false, "/day", "power failures")                                       \
    X(WASTED, "wasted", true, "", "harvest thrown away at a full capacitor")                       \
    X(LEAKAGE, "leakage", true, "", "harvest that leaks away in the capacitor")                    \
    X(COMMITS, "commits", true, "", "energy of the device that goes into commits")                 \
    X(REPEATS, "repeats", true, "", "energy of the device that boots and repeated work take")      \
    X(DRAWN, "drawn", false, "uJ", "energy of the device for each input")

typedef enum wick_figure {
#define X(name, ...) WICK_FIGURE_##name,
    WICK_FIGURE_TABLE(X)
#undef X
        WICK_FIGURES
} wick_figure;

const char *wick_figure_name(wick_figure figure);
const char *wick_figure_meaning(wick_figure figure);
/* "81.2 %", "1.50 s", "12.0 /day", "-" for NaN; in `arena`. */
char *wick_figure_text(wick_arena *arena, wick_figure figure, double value);
/* Shares are 0..1. NaN: latency without any answer, a share of nothing. */
void wick_figures_of(const struct wick_sim_result *result, double figures[WICK_FIGURES]);

typedef struct wick_target {
    int n;
    struct {
        wick_figure figure;
        bool at_least; /* else at most */
        double value;
    } goal[WICK_FIGURES * 2];
} wick_target;

/* "accuracy>=80%, answers >= 95 %, latency<=30s": figures of the table, >= or <=, a number, and %
   for shares (which a bare number within 0..1 is, too); `latency` takes any unit of time, `drawn`
   any of energy; blanks may stand between all of these. SYNTAX, UNKNOWN or RANGE names the part as
   its place, and no file: the caller knows where the text stands. */
wick_status wick_target_parse(const char *text, wick_target *out, wick_diag *diag);
/* The same as text that parses to it, with units; in `arena`. */
char *wick_target_text(wick_arena *arena, const wick_target *target);
/* A figure that is NaN meets nothing. */
bool wick_target_met(const wick_target *target, const double figures[WICK_FIGURES]);

#endif
