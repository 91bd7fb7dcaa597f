/* A trace as the capacitor sees it: what each sample brings through the harvester's front end, with
   prefix tables that let the event loop jump over many samples at once.
   In a block of SUPPLY_BLOCK samples, counted from its first sample at time 0:
     gain(t)     = integral of the power P
     response(t) = integral of P(s) exp(-lambda (t - s)) ds: the energy of a store that leaks, from
   0 so that without a clamp  E(t1) = E(t0) exp(-lambda (t1 - t0)) + response(t1) - exp(-lambda (t1
   - t0)) response(t0). Blocks keep the sums small and so their rounding. */
#ifndef WICK_SUPPLY_H
#define WICK_SUPPLY_H

#include "sim/sim.h"
#include "sim/store.h"

enum { SUPPLY_BLOCK = 512, SUPPLY_PIECES = 12 };

/* Below the cold-start voltage a boost converter is another converter. */
typedef enum supply_regime { SUPPLY_COLD, SUPPLY_WARM, SUPPLY_REGIMES } supply_regime;

typedef struct supply {
    const wick_trace *trace;
    const wick_harvester *harvester;
    double lambda_per_s;
    double cold_uj; /* the store's energy below which the regime is COLD; 0 = never */
    bool diode;     /* what arrives depends on the voltage: no tables */
    double *arrives_uw[SUPPLY_REGIMES]; /* [n]; diode: at the wake voltage */
    double *offered_uj;                 /* the tables: [n + blocks], block b at b * (B + 1) */
    double *gain_uj[SUPPLY_REGIMES], *response_uj[SUPPLY_REGIMES];
    double *peak_uw[SUPPLY_REGIMES], *low_uw[SUPPLY_REGIMES]; /* [blocks] */
    double memory_s;   /* time constant of the running mean that policies see; at first 10 */
    double *recent_uw; /* [n + 1] running mean of WARM at the samples' starts, from 0 */
} supply;

/* Integrals from a block's start. */
typedef struct supply_sums {
    double offered_uj, gain_uj, response_uj;
} supply_sums;

/* on_v: for diode front ends. Tables are in `arena`; trace and harvester must outlive it. */
wick_status supply_make(wick_arena *arena, const wick_trace *trace, const wick_harvester *harvester,
                        const store *cap, double on_v, supply *out, wick_diag *diag);
/* Another time constant, > 0. */
void supply_remember(supply *s, double memory_s);
/* End of sample i, from the trace's start. */
static inline double supply_end_s(const supply *s, int i) {
    return wick_trace_end_s(s->trace, i);
}
/* First sample behind i's block. */
static inline int supply_block_end(const supply *s, int i) {
    int end = (i / SUPPLY_BLOCK + 1) * SUPPLY_BLOCK;
    return end < s->trace->n ? end : s->trace->n;
}
/* From the start of i's block to `t`, which lies in sample i (its end included). */
static inline supply_sums supply_sums_at(const supply *s, supply_regime regime, int i, double t) {
    int at = i + i / SUPPLY_BLOCK;
    double dt = t - s->trace->time_s[i], power = s->arrives_uw[regime][i];
    double decay = store_decay(s->lambda_per_s * dt), response = s->response_uj[regime][at];
    return (supply_sums){.offered_uj = s->offered_uj[at] + s->trace->power_uw[i] * dt,
                         .gain_uj = s->gain_uj[regime][at] + power * dt,
                         .response_uj =
                             response - response * decay +
                             (s->lambda_per_s > 0 ? power / s->lambda_per_s * decay : power * dt)};
}
/* The running mean at t, which lies in sample i, when it was start_uw at the trace's start. */
double supply_recent_uw(const supply *s, int i, double t, double start_uw);

/* A way along the trace, which begins anew at its end. */
typedef struct supply_walk {
    const supply *supply;
    int sample;
    double at_s; /* on the trace, below end_s */
} supply_walk;
supply_walk supply_walk_from(const supply *s, double trace_s);
/* To the end of its sample or left_s further, whichever comes first; returns how far, *sample that
   one. */
double supply_walk_on(supply_walk *w, double left_s, int *sample);

/* Behind a diode: the current of sample i at so many capacitor voltages, from 0 V and straight in
   between; none flows from the last voltage on. Returns how many; 0: it never flows. */
typedef struct supply_knot {
    double v, ua;
} supply_knot;
int supply_knots(const supply *s, int i, supply_knot out[SUPPLY_PIECES + 1]);

/* What arrives in sample i at a store of this energy, and the energies between which that holds.
   On a border: the side that the slope points to. */
typedef struct supply_band {
    store_input in;
    double low_uj, high_uj;
} supply_band;
supply_band supply_band_at(const supply *s, const store *cap, int i, double draw_uw);

#endif
