/* A Markov model of the harvest, fitted to traces: bins of the recent harvest as a policy sees it
   (world_situation), transitions from one step to the next, and what each transition brings. */
#ifndef WICK_HARVEST_CHAIN_H
#define WICK_HARVEST_CHAIN_H

#include "sim/sim.h"

enum { CHAIN_BINS = 8 };

typedef struct harvest_chain {
    int n; /* bins in use, 1 to CHAIN_BINS */
    double step_s;
    double threshold_uw[CHAIN_BINS];   /* [n - 1] lower ends of bins 1..: usable recent harvest */
    double p[CHAIN_BINS][CHAIN_BINS];  /* rows sum to 1 */
    double uj[CHAIN_BINS][CHAIN_BINS]; /* usable harvest of the step, on average */
} harvest_chain;

/* memory_s: time constant of the recent harvest. Bins are quantiles, where each step counts half
   for itself and half for what it brings: rare bursts get bins of their own. Each row of
   transitions is the observed frequencies with one observation's weight spread as the whole trace
   goes. RANGE for traces that are shorter than a few steps. */
wick_status harvest_chain_fit(const wick_plan *plan, const wick_trace *const *traces, int n_traces,
                              const wick_harvester *harvester, double step_s, double memory_s,
                              int bins, harvest_chain *out, wick_diag *diag);
/* Of a usable recent harvest. */
int harvest_chain_bin(const harvest_chain *chain, double recent_uw);
/* The bin of the next step, drawn. */
int harvest_chain_next(const harvest_chain *chain, int bin, wick_rng *rng);
/* A trace of `steps` steps drawn from the chain, from its bin 0 on: each step brings what its
   transition brings on average, at a constant power. *bins [steps]: the bin that each begins in.
   Both in `arena`. The power is right for a front end that is a constant efficiency. */
wick_trace *harvest_chain_sample(wick_arena *arena, const harvest_chain *chain,
                                 const wick_device *device, int steps, uint64_t seed,
                                 uint8_t **bins);

#endif
