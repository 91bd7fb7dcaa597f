/* Sizing: which capacitor, panel and thresholds meet a target. Every combination is planned for
   that capacitor and those thresholds, then simulated. Included through sim.h. */
#ifndef WICK_SIZING_H
#define WICK_SIZING_H

#include "plan/plan.h"
#include "sim/figures.h"
#include "sim/trace.h"

struct wick_sim_options;

enum { WICK_SIZING_AXIS = 64 };

/* A list of values to try. */
typedef struct wick_size_axis {
    int n;
    double value[WICK_SIZING_AXIS]; /* increasing, > 0 */
} wick_size_axis;

typedef struct wick_sizing_options {
    wick_target target;
    wick_size_axis capacitor_uf; /* n 0: 14 from the smallest that carries a span, E3 series */
    wick_size_axis panel;        /* factors on the harvest (a panel of so many times the area); n 0:
                                    9 from 1/4 to 4 */
    wick_size_axis on_v;    /* wake; n 0: three between off_v and max_v, and the device's own */
    wick_size_axis off_v;   /* brown-out, none below the device's reset_v; n 0: the device's own. At
                               least one below one on_v */
    double price_per_uf;    /* both 0: the smallest panel counts first, then the smallest */
    double price_per_panel; /* capacitor; a panel of factor 1 costs this */
    double leakage_ua_per_uf; /* what a capacitor leaks more for each µF that it is larger than the
                                 plan's, or less, down to 0; at max_v. 0: all leak alike */
} wick_sizing_options;

typedef struct wick_sizing_point {
    double capacitor_uf, panel, on_v, off_v;
    bool fits;     /* the plan and its work fit this capacitor; else figures are NaN */
    bool feasible; /* fits, and the target is met */
    double figures[WICK_FIGURES];
} wick_sizing_point;

typedef struct wick_sizing {
    wick_target target;
    double max_v;
    const char *device, *trace;
    int inputs; /* that come within every run; -1: a file of before they were written */
    double own_uf, own_on_v, own_off_v;
    wick_size_axis capacitor_uf, panel, on_v, off_v; /* as used */
    wick_sizing_point own; /* the plan as it is: own capacitor and thresholds, panel 1 */
    int n;
    wick_sizing_point *points; /* [n], off_v slowest, then on_v, panel, capacitor */
    int best;                  /* the cheapest feasible point; -1: none */
    int other; /* of panel 1 and own thresholds: the point whose accuracy is highest, and within
                  0.1 point of that the smallest capacitor; -1: no such point fits */
} wick_sizing;

/* `arena` holds the result. On all threads; the result does not depend on their number. options->
   record, control and trace_start_s are the simulation's. RANGE: values, a brown-out voltage at
   which the part has reset, thresholds of which no pair is off_v < on_v <= max_v, or a leakage that
   is negative. A combination that the planner
   refuses is a point that does not fit; any other failure of the planner or the simulator is
   returned. */
wick_status wick_sizing_run(wick_arena *arena, const wick_plan *plan, const wick_trace *trace,
                            const struct wick_sim_options *simulation, const uint8_t *correct,
                            int n_samples, const wick_sizing_options *options, wick_sizing *out,
                            wick_diag *diag);

/* For each capacitor, in order, the feasible point with the smallest panel (and then the lowest
   wake voltage); -1 where there is none. front: [capacitor_uf.n]. */
void wick_sizing_front(const wick_sizing *s, int *front);

/* What `wick size --json` prints, and the report reads. */
json_t *wick_sizing_json(const wick_sizing *s);
wick_status wick_sizing_from_json(wick_json_at at, wick_arena *arena, wick_sizing *out);
/* Gnuplot commands, without the terminal's: accuracy over capacitor and panel, one map for each
   pair of thresholds; a line is around the feasible ones, the choice is marked. */
void wick_sizing_script(const wick_sizing *s, wick_buf *script);
/* Maps that this takes, for the picture's size: columns and rows. */
void wick_sizing_maps(const wick_sizing *s, int *columns, int *rows);

#endif
