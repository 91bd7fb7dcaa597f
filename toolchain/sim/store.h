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

store store_make(const wick_device *device, double capacitor_uf, double start_v);
double store_voltage(const store *s);
double store_energy_at(const store *s, double voltage);
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
double store_slope(const store *s, store_input in, double draw_uw, double energy_uj);
/* Seconds until the energy reaches `target` (from either side) under constant conditions, or
   INFINITY. */
double store_time_to(const store *s, store_input in, double draw_uw, double target_uj);
/* Advances by dt seconds. Energy cannot fall below 0: the caller never draws that far. */
store_flow store_advance(store *s, store_input in, double draw_uw, double dt_s);

#endif
