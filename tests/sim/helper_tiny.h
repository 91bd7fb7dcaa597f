/* Tiny worlds whose schedules can all be tried: a device, a plan, a trace of eight samples, two or
   three inputs. */
#ifndef HELPER_TINY_H
#define HELPER_TINY_H

#include "sim/sim.h"

enum { MODULES = 2, SAMPLES = 2, TRACE = 8 };

/* Two or three inputs, an extractor of one or two spans, two modules of one or two; or two modules
   that begin with the extractor, in spans of their own. */
typedef struct tiny {
    wick_device device;
    wick_plan plan;
    wick_segment segments[1 + MODULES];
    wick_span spans[10];
    wick_step steps[10];
    wick_cost costs[10];
    wick_plan_store stores[10];
    wick_plan_reload reloads[10];
    wick_trace trace;
    double times[TRACE], powers[TRACE];
    wick_iv iv[TRACE];
    wick_harvester harvester;
    uint8_t correct[MODULES * SAMPLES];
    wick_sim_options options;
} tiny;

/* All costs are shares of a charge of 100 uJ. */
wick_cost tiny_cost(double uj, double us);
void tiny_device(tiny *t, wick_rng *rng);
/* Spans that ask for no charge. */
void tiny_plan(tiny *t, wick_rng *rng);
/* One or both modules compute the extractor in a span, or in one for each step. */
void tiny_recomputing_plan(tiny *t, wick_rng *rng);
/* Spans that wait for charge: mostly a little more than they take, some less, some none; of some
   the next one of the segment reads what is in SRAM, unless a commit or a power failure came
   between. */
void tiny_waiting_plan(tiny *t, wick_rng *rng);
/* The same with much more than they take. */
void tiny_impatient_plan(tiny *t, wick_rng *rng);
void tiny_world(tiny *t, wick_rng *rng);
/* The same powers, at most, from a source behind a diode: a panel or a resistance, whose current
   ends within the capacitor's voltages or above them. */
void tiny_diode(tiny *t, wick_rng *rng);

#endif
