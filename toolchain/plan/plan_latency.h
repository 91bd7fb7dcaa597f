/* G9: how long an answer takes at most when the harvest never falls below a stated power. Included
   through plan.h. */
#ifndef WICK_PLAN_LATENCY_H
#define WICK_PLAN_LATENCY_H

#include <stdbool.h>

struct wick_plan;

typedef struct wick_latency_options {
    double arriving_uw; /* µW that reach the capacitor at any time: the harvest times
                           capacitor.input_efficiency; >= 0 */
    bool eager;    /* the firmware commits every span and waits for no charge (engine.eager, or a
                      port without a voltage); else it is lazy */
    double wait_s; /* one sleep of a lazy engine that waits for charge (engine.wait_ms), > 0 */
} wick_latency_options;
/* 0 µW, lazy, 1 s */
wick_latency_options wick_latency_defaults(void);

typedef enum wick_latency_reason {
    WICK_LATENCY_BOUNDED,
    WICK_LATENCY_NEVER_WAKES, /* leakage takes the harvest before the wake voltage is reached */
    WICK_LATENCY_SPAN,        /* `unit` with a boot before it takes more than a charge gives */
    WICK_LATENCY_SLEEP,       /* lazy: sleeping takes the harvest; it may wait for ever */
    WICK_LATENCY_READING      /* lazy: at its need_mv the charge does not carry `unit` */
} wick_latency_reason;

typedef struct wick_latency {
    wick_latency_reason reason;
    int unit;          /* of SPAN and READING: a span of the model, -1 = none of them */
    double answer_s;   /* from an input's arrival to the delivery's commit; INFINITY: no bound */
    int stops;         /* recharges and waits on the worst way */
    double recharge_s; /* one recharge from off_v to on_v */
    double
        cold_start_s; /* from an empty capacitor to on_v: what comes on top before the first boot */
    double active_s;  /* of answer_s without recharges and waits, when nothing fails */
} wick_latency;

/* The longest time in which `module` (1..) answers an input, whatever the harvest does above
   options->arriving_uw, wherever the capacitor stands between off_v and max_v when the input
   arrives, and whatever the device does then: provided that the device has once reached on_v, that
   no other input is in work or arrives before the answer, and that the policy chooses this module.
   Taking the sample and sending the answer are the application's: not in it, and must be paid by
   its own energy.

   A unit is what a power failure repeats: taking the input, a span with its commit, a decision, a
   delivery. With E the energy in the capacitor, p the least arriving power, lambda E its leakage,
   and w_i = what unit i draws, converter and series resistance included: E after a unit of t_i
   seconds   >= min(E_max, E exp(-lambda t_i) + p (1 - exp(-lambda t_i)) / lambda) - w_i because a
   draw is worth most when it comes last, and within it no less than min(E, that) - w_i. So from a
   boot at on_v at unit i surely all units before reach(i) complete under any harvest >= p (more
   harvest never lowers E). Where the power fails is the harvest's choice, but not before reach(i);
   so V(k) = t_k + recharge + boot + reload_k + max(rest without a failure, max over j >= reach(k)
   of time of [k, j) + V(j)) is the worst time from the start of a unit k that fails, and the answer
   is the largest of time of [0, k) + V(k). A lazy engine does not start a span before the voltage
   carries it: instead of failing it waits, at most until p less the draw of sleeping has charged
   from off_v to the voltage at which it goes on, plus one sleep. */
wick_latency wick_plan_latency(const struct wick_plan *plan, int module,
                               const wick_latency_options *options);
/* Harvest (µW arriving) above which waiting for charge gives more answers than committing every
   span and letting the power fail (wick_latency_options.eager). A device that waits pays for its
   sleep, s; one that fails pays each charge's E_on - E_off with a boot and, on average, half of a
   unit, F, but nothing while it is off: h (1 - F / (E_on - E_off)) > h - s as long as h < s (E_on -
   E_off) / F. An estimate: units of the largest module, a constant harvest that is small beside the
   active power, the same leakage. */
double wick_plan_lazy_from(const struct wick_plan *plan);
/* The least harvest (µW arriving) with which `module` answers within deadline_s, to 0.1 %, rounded
   up; INFINITY: none would do. */
double wick_plan_least_harvest(const struct wick_plan *plan, int module,
                               const wick_latency_options *options, double deadline_s);

#endif
