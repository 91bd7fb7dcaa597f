/* What every command that simulates opens: plan, traces, labelled inputs, policies. */
#ifndef WICK_SIM_WORLD_H
#define WICK_SIM_WORLD_H

#include "sim_args.h"

/* Inputs drawn from the data's validation split. */
typedef struct sim_inputs {
    int n;
    /* [(k-1) * n + s], by the int8 run: whether module k answers sample s right, and that answer's
       margin. */
    uint8_t *correct;
    uint16_t *margins;
    int8_t *inputs;         /* [n][input bytes] quantized, and */
    const uint16_t *labels; /* [n] their answers: for runs of the firmware */
} sim_inputs;

typedef struct sim_world {
    wick_plan *plan;
    wick_qnet *net;
    wick_data *data;
    wick_trace *traces[SIM_MAX_TRACES]; /* [n_traces] */
    int n_traces;
    sim_inputs inputs;
} sim_world;

/* Also completes a->options: harvester, arrivals and margins. Close it after a failure, too. */
wick_status sim_world_open(sim_args *a, const char *plan_path, wick_arena *arena, sim_world *w,
                           wick_diag *diag);
/* Its halves: without data and inputs; those. */
wick_status sim_world_open_harvest(sim_args *a, const char *plan_path, wick_arena *arena,
                                   sim_world *w, wick_diag *diag);
wick_status sim_world_open_data(sim_args *a, wick_arena *arena, sim_world *w, wick_diag *diag);
void sim_world_close(sim_world *w);

/* "fixed:TM1", "fixed:1", "greedy", "threshold:LOW,HIGH,CHARGE", "edf:RESERVE", or a file, whose
   table is in `arena`. */
wick_status sim_policy(const char *text, const wick_plan *plan, wick_arena *arena, wick_policy *out,
                       wick_diag *diag);

json_t *sim_energy_json(const wick_energy *e);

#endif
