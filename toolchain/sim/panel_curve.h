/* Current over voltage of a source from four points, and operating points on it.
   Exponential (photovoltaic) curve, the four-point form of Rauschenbach's Solar Cell Array Design
   Handbook (1980):
       I(V) = Isc (1 - C1 (exp(V / (C2 Voc)) - 1)),
       C2 = (Vmp/Voc - 1) / ln(1 - Imp/Isc),   C1 = (1 - Imp/Isc) exp(-Vmp / (C2 Voc)),
   which passes through (0, Isc), and through (Vmp, Imp) and (Voc, 0) up to C1 Isc (C1 is about
   1e-5).
   Linear curve (a voltage behind a resistance): I(V) = Isc (1 - V/Voc), Vmp = Voc/2, Imp = Isc/2.
   Irradiance G: Isc and Imp in proportion, Voc(G) = Voc + slope ln(G / G_ref), Vmp in proportion to
   Voc: the single-diode equation without resistances (Luque and Hegedus, Handbook of Photovoltaic
   Science and Engineering, ch. 3). */
#ifndef WICK_PANEL_CURVE_H
#define WICK_PANEL_CURVE_H

#include "device/device.h"

/* Current at v >= 0, µA; 0 from Voc on. */
double panel_current_ua(const wick_iv *iv, bool linear, double v);
double panel_power_uw(const wick_iv *iv, bool linear, double v);
/* The curve of the harvester's panel (which has one) at an irradiance; all 0 when that is too dark
 * for it. */
wick_iv panel_iv_at(const wick_harvester *harvester, double uw_cm2);
/* Open-circuit voltage behind a resistance. */
wick_iv panel_iv_thevenin(double voc_v, double ohm);
/* Power at a share of Voc (fractional open-circuit MPPT); share 0: at the maximum. */
double panel_mppt_uw(const wick_iv *iv, bool linear, double share);

#endif
