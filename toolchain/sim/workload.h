/* When inputs arrive, what they cost, and what happens to those that nobody has answered yet.
   Included through sim.h. */
#ifndef WICK_WORKLOAD_H
#define WICK_WORKLOAD_H

#include "base/base.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum wick_arrivals {
    WICK_ARRIVALS_PERIODIC, /* phase_s, phase_s + period_s, ... */
    WICK_ARRIVALS_POISSON,  /* independent, period_s apart on average */
    WICK_ARRIVALS_LISTED    /* at times_s */
} wick_arrivals;

/* What an arrival does when another input is still in work. */
typedef enum wick_input_rule {
    WICK_INPUT_REPLACE,  /* only the newest counts: the one in work is given up after the unit at
                            hand, those that wait at once */
    WICK_INPUT_DROP_NEW, /* waits; where max_waiting wait already, the new one is dropped */
    WICK_INPUT_DROP_OLD  /* waits; where max_waiting wait already, the oldest of them is dropped */
} wick_input_rule;

enum { WICK_MAX_WAITING = 64 };

typedef struct wick_workload {
    wick_arrivals arrivals;
    double period_s;
    double phase_s;
    const double *times_s; /* LISTED: [n_times], increasing; not owned */
    int n_times;
    const uint8_t *urgent; /* LISTED: [n_times], which inputs are urgent (wick_situation); NULL: as
                              urgent_every says; not owned */
    int urgent_every;      /* inputs 0, n, 2n ... are urgent; 0: none */
    double
        deadline_s; /* of each input, from its arrival. PERIODIC with REPLACE: at most period_s */
    wick_input_rule rule;
    int max_waiting;           /* beside the one in work, 0 to WICK_MAX_WAITING */
    double sense_uj, sense_us; /* taking a sample: at the device's terminals; both 0 or both > 0 */
    double send_uj, send_us;   /* an answer's way out (radio), likewise */
    bool needs_power; /* an input that arrives while the device is off or booting is lost (counted
                         as dropped); else the sensor holds it */
    double fresh_s;   /* features older than this, counted from the arrival, are not used any more:
                         the input is given up as stale; 0 = they never age */
    bool clock_survives; /* false: after a power failure the age is unknown, and unknown is stale
                            unless fresh_s is 0 */
} wick_workload;

/* Inputs that come within a run of so many seconds: as many as wick_sim_run, which takes such a
   workload, counts with this seed. */
int wick_workload_inputs(const wick_workload *workload, uint64_t seed, double duration_s);

/* Reads arrivals from a CSV with a column time_s and, perhaps, one `urgent` (0 or 1; other columns
   are ignored); both are in `arena`. Errors name the line. */
wick_status wick_workload_load(wick_arena *arena, const char *path, wick_workload *workload,
                               wick_diag *diag);

/* RANGE: times, deadline, queue or freshness that no run can have. */
wick_status wick_workload_check(const wick_workload *workload, wick_diag *diag);

#endif
