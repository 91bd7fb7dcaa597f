/* A small real network with its plan, inputs and right answers, for runs of the firmware. */
#ifndef HELPER_NET_PLAN_H
#define HELPER_NET_PLAN_H

#include "sim/sim.h"

enum { NET_SAMPLES = 12 };

typedef struct net_plan {
    wick_arena *arena;
    wick_device *device;
    wick_qnet *net;
    wick_plan *plan;
    int8_t *inputs;               /* [NET_SAMPLES][input bytes] */
    uint16_t labels[NET_SAMPLES]; /* right for about half of the modules' answers */
    uint8_t *correct;             /* [modules][NET_SAMPLES] */
    uint16_t *margins;            /* likewise */
} net_plan;

/* device: a profile's name; uf, max_span_outputs: of the plan. */
void net_plan_make(net_plan *n, uint64_t seed, const char *device, double uf, int max_span_outputs);
void net_plan_make_with(net_plan *n, uint64_t seed, const char *device,
                        const wick_plan_options *options);
void net_plan_free(net_plan *n);

#endif
