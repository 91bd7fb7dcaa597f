/* A fleet: many devices with the same firmware (one plan), each with parts of its own, of its own
   age, somewhere in one of the traces. Included through sim.h. */
#ifndef WICK_FLEET_H
#define WICK_FLEET_H

#include "plan/plan.h"
#include "sim/figures.h"
#include "sim/trace.h"

struct wick_sim_options;

/* How devices differ. Tolerances are half-widths: a value is drawn uniformly within nominal * (1
   +- tolerance), independently of the others. */
typedef struct wick_fleet_options {
    int n;                                       /* devices, 1 to WICK_FLEET_MAX */
    uint64_t seed;                               /* device i is drawn from (seed, i) alone */
    double capacitor_tolerance, panel_tolerance; /* [0, 1) */
    double threshold_tolerance; /* of on_v, off_v and max_v, each by itself, [0, 1); on_v is at most
                                   max_v, off_v at least the part's reset_v, which does not vary */
    double leakage_factor;      /* leakage is nominal * f, log f uniform within +- log of this; >= 1
                                 */
    double years;               /* a device's age is uniform in [0, years] */
    double capacitor_fade, panel_fade; /* share that is lost each year, [0, 1) */
    double leakage_growth;             /* share that leakage grows each year, >= 0 */
    const char *file; /* results as CSV: saved now and then, and gone on with when it is there; NULL
                         = none */
    bool quiet;
} wick_fleet_options;

enum { WICK_FLEET_MAX = 1000000 };

/* 1000 devices of seed 1; 20 % capacitor, 10 % panel, 2 % thresholds, leakage by up to 3 both ways;
   new. Assumptions, as no profile states spreads: electrolytic capacitors are sold with 20 %. */
wick_fleet_options wick_fleet_defaults(void);

typedef struct wick_fleet_device {
    int trace;      /* which of the traces */
    double start_s; /* where in it the run begins, uniform */
    uint64_t seed;  /* of its inputs */
    double years, capacitor_uf, panel, on_v, off_v, max_v, leakage_ua;
    int inputs;                   /* that come within its run; not drawn */
    bool works;                   /* false: its full capacitor does not carry the plan's work */
    double figures[WICK_FIGURES]; /* a device that does not work: accuracy and answers 0, else NaN
                                   */
} wick_fleet_device;

typedef struct wick_fleet {
    int n, resumed; /* devices; how many of them came from the file */
    wick_fleet_device *devices;
} wick_fleet;

/* What is drawn for device `id`; inputs, works and figures are not set. */
wick_fleet_device wick_fleet_draw(const wick_plan *plan, const wick_trace *const *traces,
                                  int n_traces, const wick_fleet_options *options, int id);

/* Runs the fleet on all threads, and under mpirun on all processes: collective, every rank gets the
   whole result, which depends neither on threads nor on ranks. Rank 0 reads and writes the file; it
   holds the first devices of a fleet of any size, so that n may grow later. MISMATCH: the file is
   another fleet's. INTERRUPTED leaves the file whole. RANGE: tolerances under which a device would
   not wake above its brown-out voltage. */
wick_status wick_fleet_run(wick_arena *arena, const wick_plan *plan,
                           const wick_trace *const *traces, int n_traces,
                           const struct wick_sim_options *simulation, const uint8_t *correct,
                           int n_samples, const wick_fleet_options *options, wick_fleet *out,
                           wick_diag *diag);

/* Quantiles of a figure over the devices that have it (linear between order statistics; Hyndman and
   Fan 1996, definition 7): out[i] for share[i] in [0, 1]; NaN when none has. */
void wick_fleet_quantiles(const wick_fleet *fleet, wick_figure figure, const double *share, int n,
                          double *out);

#endif
