/* Harvester profiles: the source of energy (a panel, or a voltage behind a resistance) and the
   front end between it and the capacitor. JSON in share/profiles (harvester-*.json); every number
   has a source. Included through device.h. The equations stand in toolchain/sim, one small file
   each. */
#ifndef WICK_HARVESTER_H
#define WICK_HARVESTER_H

#include "base/base.h"

#include <stdbool.h>

/* Four points of a current-voltage curve: short circuit, open circuit, maximum power.
   0 < imp_ua < isc_ua, 0 < vmp_v < voc_v; all 0 = dark. */
typedef struct wick_iv {
    double isc_ua, voc_v, imp_ua, vmp_v;
} wick_iv;

typedef enum wick_front {
    WICK_FRONT_CONSTANT, /* a share of the power, whatever the power and the voltage */
    WICK_FRONT_BOOST,    /* boost converter: efficiency over input power, cold start, MPPT */
    WICK_FRONT_DIODE     /* source, diode, capacitor: the capacitor's voltage is the source's */
} wick_front;

enum { WICK_BOOST_POINTS = 32 };

typedef struct wick_harvester {
    const char *name, *path; /* path NULL: made from a device's own figures */
    struct {
        double area_cm2, efficiency; /* power = irradiance * area * efficiency */
        double lux_per_uw_cm2;       /* illuminance to irradiance: holds for one kind of light */
        bool has_iv;                 /* then power comes from the curve instead */
        double reference_uw_cm2;     /* irradiance of the curve */
        wick_iv iv;
        double slope_v; /* Voc grows by this when the irradiance grows e-fold: n * kT/q * cells */
    } panel;
    double source_ohm; /* behind open_circuit_v traces; 0 = none given */
    wick_front front;
    double efficiency; /* CONSTANT: (0, 1] */
    struct {
        int n; /* points of the efficiency curve, in_uw increasing; linear over log(power) between
                  them, constant beyond the ends */
        double in_uw[WICK_BOOST_POINTS], efficiency[WICK_BOOST_POINTS];
        double min_uw; /* below this input power nothing arrives */
        double
            cold_below_v; /* capacitor voltage below which the converter starts cold; 0 = never */
        double cold_efficiency, cold_min_uw;
        double mppt_fraction; /* operates at this share of Voc (curves only); 0 = at the maximum */
        double mppt_duty;     /* share of the time that is not spent sampling Voc, (0, 1] */
    } boost;
    double drop_v; /* DIODE: forward voltage */
} wick_harvester;

/* Loads a profile by name or path; freed with the arena. Missing, negative or contradictory numbers
   name the field. */
wick_status wick_harvester_load(wick_arena *arena, const char *name_or_path, wick_harvester **out,
                                wick_diag *diag);

#endif
