/* Simulation: harvest trace, capacitor, the planned spans and a policy, event-driven. */
#ifndef WICK_SIM_H
#define WICK_SIM_H

#include "plan/plan.h"

#include <wick/policy.h>

/* Harvested power before the input converter: piecewise constant between samples. */
typedef struct wick_trace {
    int n;
    double *time_s;   /* [n], strictly increasing, first = 0 */
    double *power_uw; /* [n] power from time_s[i] to time_s[i+1] */
    double end_s;     /* of the last sample's interval */
    const char *path;
    const char *quantity; /* "power", "voltage over a resistance", "irradiance", "illuminance" */
} wick_trace;

typedef struct wick_trace_options {
    double scale;                      /* multiplies the power, default 1 */
    double load_ohm;                   /* for voltage columns, default 30000 */
    double area_cm2, panel_efficiency; /* for light columns; 0 = the device's panel */
} wick_trace_options;
wick_trace_options wick_trace_defaults(void);

/* CSV: a header, the column time_s, and one of power_uw, power_mw, voltage_v, irradiance_uw_cm2,
   irradiance_w_m2, illuminance_lux. "builtin:rf", "builtin:office" are generated from a seed. A
   time that does not advance, a negative or missing value names the line. */
wick_status wick_trace_load(wick_arena *arena, const char *path, const wick_device *device,
                            const wick_trace_options *options, wick_trace **out, wick_diag *diag);

typedef struct wick_sim_options {
    double period_s;   /* an input every period */
    double deadline_s; /* of each input, from its arrival; <= period_s */
    double duration_s; /* 0 = the trace's length; longer repeats the trace */
    double start_v;    /* capacitor voltage at the start; default off_v */
    wick_policy policy;
    uint64_t seed; /* which sample each input is */
    bool record;   /* keep the timeline for plots */
} wick_sim_options;
wick_sim_options wick_sim_defaults(void);

/* Energy by cause, in µJ at the capacitor (before the output converter); harvested = sum of the
 * rest + stored. */
typedef struct wick_energy {
    double harvested_uj, clamped_uj, input_loss_uj, leakage_uj, converter_loss_uj;
    double boot_uj, compute_uj, nvm_uj, reexecution_uj, sleep_uj;
    double stored_uj; /* at the end minus at the start */
} wick_energy;

typedef enum wick_event_kind {
    WICK_EVENT_INPUT,
    WICK_EVENT_BOOT,
    WICK_EVENT_FAIL,
    WICK_EVENT_MODULE,
    WICK_EVENT_ANSWER,
    WICK_EVENT_MISS,
    WICK_EVENT_VOLTAGE
} wick_event_kind;
typedef struct wick_event {
    double time_s, voltage;
    wick_event_kind kind;
    int module; /* 0 extractor, k module */
    int input;
} wick_event;

typedef struct wick_sim_result {
    int inputs, answers, in_time, correct_in_time,
        missed; /* missed: dropped without an answer in time */
    int answers_by_module[1 + WICK_MAX_HEADS];
    int power_failures, boots;
    double simulated_s, mean_latency_s;
    wick_energy energy;
    int n_events;
    wick_event *events; /* malloc'ed when recorded */
} wick_sim_result;

/* Runs. correct[k * n_samples + s] says whether module k+1 answers sample s right (from
 * wick_eval_int8 predictions). */
wick_status wick_sim_run(const wick_plan *plan, const wick_trace *trace,
                         const wick_sim_options *options, const uint8_t *correct, int n_samples,
                         wick_sim_result *result, wick_diag *diag);
void wick_sim_free(wick_sim_result *result);

#endif
