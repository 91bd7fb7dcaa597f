/* A plan of a few equal spans and a trace of one power after the other, for policies. */
#ifndef HELPER_PLAIN_H
#define HELPER_PLAIN_H

#include "sim/sim.h"

enum { SAMPLES = 1000 };

typedef struct light {
    wick_trace trace;
    double times[SAMPLES], powers[SAMPLES];
} light;

/* In the dark, 50 ms a sample; free it. */
light *make_light(void);

/* Extractor of one span, TM1 of ten, TM2 of one; every span 5 ms and 60 µJ. */
typedef struct plain {
    wick_plan plan;
    wick_qnet net;
    wick_segment segments[3];
    wick_span spans[12];
    wick_step steps[12];
    wick_cost costs[12];
    wick_plan_store stores[12];
} plain;

void make_plain(plain *p, const wick_device *device);

#endif
