/* The state of one simulation: internal to toolchain/sim. */
#ifndef WICK_SIM_LOOP_H
#define WICK_SIM_LOOP_H

#include "sim/sim.h"
#include "sim/store.h"

/* What the device does right now. */
typedef enum activity {
    ACTIVITY_OFF, /* below the wake voltage: nothing runs */
    ACTIVITY_BOOT,
    ACTIVITY_SUBMIT, /* writes a new input */
    ACTIVITY_SPAN,
    ACTIVITY_SLEEP /* powered, nothing to do */
} activity;

typedef struct sim_loop {
    const wick_plan *plan;
    const wick_trace *trace;
    const wick_sim_options *options;
    const uint8_t *correct;
    int n_samples;
    wick_sim_result *result;
    store store;
    wick_rng rng;
    double now_s, end_s;
    /* harvest */
    double trace_offset_s; /* start of the current repetition */
    int trace_at;
    double recent_uw; /* running mean of the usable harvest, for the policy */
    /* the device */
    activity activity;
    double left_s, draw_uw;        /* of the activity: time, power at the device's terminals */
    double part_compute, part_nvm; /* shares of the draw */
    double spent_uj[2];            /* compute, nvm: since the span began (lost at a failure) */
    bool boot_pending;
    /* the input in work; -1 = none */
    int input, sample, segment, span;
    bool submitted; /* in NVM */
    bool answered;
    double arrival_s;
    int arrivals;
    double latency_sum_s;
    double last_event_s;
    int cap_events;
} sim_loop;

void sim_event(sim_loop *loop, wick_event_kind kind, int module);

#endif
