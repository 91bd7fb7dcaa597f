/* The energy store between harvester and device, in closed form between events.
   E = C/2 V^2 (µJ). Leakage is a current proportional to the voltage, leakage_ua at max_v, so its
   power is lambda E with lambda = 2 I / (C max_v). With a constant harvest P and draw D (µW at the
   capacitor): dE/dt = P - D - lambda E,   E(t) = E_inf + (E_0 - E_inf) exp(-lambda t),   E_inf = (P
   - D) / lambda, and at the clamp E = E_max the excess is thrown away. A source whose current falls
   with the voltage (a diode front end) has its own closed form: line_source.h. */
#ifndef WICK_STORE_H
#define WICK_STORE_H

#include "device/device.h"

#include <math.h>

typedef struct store {
    double energy_uj, max_uj, on_uj, off_uj;
    double lambda_per_s;
    double farad_u; /* µF */
} store;

/* What arrives at the capacitor: a power, or a current of ua - us * V. */
typedef struct store_input {
    bool line;
    double uw;     /* !line */
    double ua, us; /* line: µA, µS */
} store_input;

/* What an interval did, at the capacitor. */
typedef struct store_flow {
    double in_uj, drawn_uj, leaked_uj, clamped_uj;
} store_flow;

/* fmin and fmax of numbers that are none of them NaN, without a call. */
static inline double lesser(double a, double b) {
    return a < b ? a : b;
}
static inline double greater(double a, double b) {
    return a > b ? a : b;
}

store store_make(const wick_device *device, double capacitor_uf, double start_v);
static inline double store_voltage_at(const store *s, double energy_uj) {
    return sqrt(2 * energy_uj / s->farad_u);
}
static inline double store_voltage(const store *s) {
    return store_voltage_at(s, s->energy_uj);
}
static inline double store_energy_at(const store *s, double voltage) {
    return 0.5 * s->farad_u * voltage * voltage;
}
/* 1 - exp(-x), x >= 0, to the last digits: most of what the event loop computes. */
static inline double store_decay(double x) {
    if (x > 0.01)
        return -expm1(-x);
    /* The series' next term is below x^7 / 5040. */
    return x * (1 - x * (1.0 / 2) *
                        (1 - x * (1.0 / 3) *
                                 (1 - x * (1.0 / 4) * (1 - x * (1.0 / 5) * (1 - x * (1.0 / 6))))));
}
/* dE/dt at an energy, before the clamp. */
static inline double store_input_uw(const store *s, store_input in, double energy_uj) {
    if (!in.line)
        return in.uw;
    double v = store_voltage_at(s, energy_uj);
    return (in.ua - in.us * v) * v;
}
static inline double store_slope(const store *s, store_input in, double draw_uw, double energy_uj) {
    return store_input_uw(s, in, energy_uj) - draw_uw - s->lambda_per_s * energy_uj;
}
/* Seconds until the energy reaches `target` (from either side) under constant conditions, or
   INFINITY. */
double store_time_to(const store *s, store_input in, double draw_uw, double target_uj);
/* False: store_time_to(target) is surely more than dt_s. A power's slope only flattens on the way
   (leakage), so a straight line is the fastest; a line source is not looked at. */
static inline bool store_may_reach(const store *s, store_input in, double draw_uw, double target_uj,
                                   double dt_s) {
    if (in.line)
        return true;
    double gap_uj = fabs(target_uj - s->energy_uj);
    double slope_uw = fabs(in.uw - draw_uw - s->lambda_per_s * s->energy_uj);
    return slope_uw * dt_s >= gap_uj * (1 - 1e-9);
}
/* Advances by dt seconds with a constant power, without reaching the clamp. */
static inline store_flow store_advance_power(store *s, double in_uw, double draw_uw, double dt_s) {
    store_flow flow = {.in_uj = in_uw * dt_s, .drawn_uj = draw_uw * dt_s};
    double lambda = s->lambda_per_s;
    if (lambda > 0) {
        double slope = in_uw - draw_uw - lambda * s->energy_uj;
        double after = s->energy_uj + slope * store_decay(lambda * dt_s) / lambda;
        /* By difference, so that energy is conserved to rounding. */
        flow.leaked_uj = s->energy_uj + flow.in_uj - flow.drawn_uj - after;
        s->energy_uj = after;
    } else {
        s->energy_uj += flow.in_uj - flow.drawn_uj;
    }
    return flow;
}
/* The general case of store_advance. */
store_flow store_advance_clamped(store *s, store_input in, double draw_uw, double dt_s);
/* Advances by dt seconds. Energy cannot fall below 0: the caller never draws that far. */
static inline store_flow store_advance(store *s, store_input in, double draw_uw, double dt_s) {
    if (!in.line && s->energy_uj < s->max_uj && !store_may_reach(s, in, draw_uw, s->max_uj, dt_s))
        return store_advance_power(s, in.uw, draw_uw, dt_s);
    return store_advance_clamped(s, in, draw_uw, dt_s);
}

#endif
