/* The scenario of bench/policy.json: its cells, and what each is judged and tuned on. */
#ifndef POLICY_SCENE_H
#define POLICY_SCENE_H

#include "sim/sim.h"

enum { SCENE_MOST = 16 };

typedef struct trace_set {
    const char *name;
    const char *files[SCENE_MOST];
    int n;
    double period_s, block_s; /* block_s 0: leave one file out */
} trace_set;

typedef struct scene {
    const char *device;
    double rho_factor, rho_to; /* of the cheapest module's energy share; absolute */
    int rho_steps, n_windows, n_deadlines, phases, n_sets;
    double windows[SCENE_MOST], deadlines[SCENE_MOST], wait_periods;
    trace_set sets[SCENE_MOST];
} scene;

/* Texts are in `arena`. */
wick_status scene_load(wick_arena *arena, const char *path, scene *out, wick_diag *diag);

/* One judged file under one harvest, capacitor and deadline. */
typedef struct cell {
    int set, file, window, deadline, rho;
} cell;

/* Cell `at` of every family, from 0 on. The harvest turns fastest, then deadline,
   capacitor, file and set. false: there are no more. */
bool scene_cell(const scene *s, int at, cell *out);

/* A family with the plans for each capacitor. */
typedef struct family {
    char name[64];
    wick_plan *own;               /* for the profile's capacitor: its energies are the unit */
    wick_plan *plans[SCENE_MOST]; /* [windows] NULL: does not fit */
    wick_qnet *net;
    double unit_uj, cheapest_uj;
} family;

/* From a plan of `wick plan`. */
wick_status family_load(wick_arena *arena, const scene *s, const char *plan_path, family *out,
                        wick_diag *diag);
void family_free(family *f, const scene *s);

/* Harvest of a cell: mean at the device's terminals in a period / unit. */
double scene_rho(const scene *s, const family *f, int step);

/* What to judge on and what to tune on; traces come from `folder` and are in `arena`. */
wick_status scene_worlds(wick_arena *arena, const scene *s, const family *f, const cell *c,
                         const char *folder, wick_judged *judged, wick_judged *tuned,
                         wick_diag *diag);

#endif
