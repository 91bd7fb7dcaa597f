/* What charges get of the harvest where that depends on their voltage, behind a diode: the most
   that a device can, whenever it works (clairvoyant.h). */
#ifndef WICK_CLAIRVOYANT_GAIN_H
#define WICK_CLAIRVOYANT_GAIN_H

#include "sim/supply.h"

typedef struct bound_gains {
    const supply *supply;
    const store *cap;
    double start_s;  /* on the trace */
    double waits_uj; /* an engine that waits for charge has less */
    double sleep_uw;
    double spent_uj; /* within an interval, at most, with what is drawn before it is paid */
    double ahead_uj; /* paid before it is drawn, and for how long, at most: a device's charge is so
                        much more than the programme's */
    double ahead_s;
} bound_gains;

/* What a charge E at the start is at the end, or gets until then. */
typedef struct bound_gain {
    double still_uj; /* charge, when nothing is drawn: exactly. No device has more */
    double crest_uj; /* the highest on the way there */
    double idle_uj;  /* gets, asleep; less what leaks of it */
    double work_uj;  /* gets, working or booting, and in the ahead_s behind the end; likewise */
} bound_gain;

/* Of n charges, rising, in the dt_s seconds from from_s on (since the run's start).
   Source: Kirchhoff's current law at the capacitor, C dV/dt = I(V) - leakage; I falls with V in
   straight pieces (supply_knots), so V goes exponentially in each. No device with the same charge
   at the start has more than one that draws nothing: where both have the same, that one's rises
   faster. So a device's voltages are between those of the least charge that work leaves and of the
   highest that the maximum power brings; I is concave, so V I(V) has one maximum, and the most
   within these voltages is got at the one next to it. The programme pays each unit when it begins
   (a part of slack is there for that), so while one runs over an interval's end the device has more
   than the programme, at a voltage at which more may arrive: no more than the maximum power for the
   longest part or boot, which work gets in advance. When the unit is done both have the same at
   least, and at rest the larger charge stays the larger. */
void gain_of(const bound_gains *g, double from_s, double dt_s, int n, const double *charges_uj,
             bound_gain *out);
/* What sample i brings at least to an engine that waits for charge. */
double gain_sure_uw(const bound_gains *g, int i);

#endif
