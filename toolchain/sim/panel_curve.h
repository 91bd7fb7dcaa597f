/* Current over voltage of a source from four points, and operating points on it.
   Exponential (photovoltaic) curve, the four-point form of Rauschenbach's Solar Cell Array Design
   Handbook (1980),
       I(V) = Isc (1 - C1 (exp(V / (C2 Voc)) - 1)),
   through (0, Isc), (Vmp, Imp) and (Voc, 0). There C2 = (Vmp/Voc - 1) / ln(1 - Imp/Isc), which is
   right while exp(Vmp / (C2 Voc)) >> 1; here C1 and C2 are such that it is exact, as cells in weak
   light have lower fill factors. Its power has its maximum near Vmp, not always at it: what is
   offered is that maximum.
   Linear curve (a voltage behind a resistance): I(V) = Isc (1 - V/Voc), Vmp = Voc/2, Imp = Isc/2.
   Irradiance G: Isc and Imp in proportion, Voc(G) = Voc + slope ln(G / G_ref), Vmp in proportion to
   Voc: the single-diode equation without resistances (Luque and Hegedus, Handbook of Photovoltaic
   Science and Engineering, ch. 3). */
#ifndef WICK_PANEL_CURVE_H
#define WICK_PANEL_CURVE_H

#include "device/device.h"

/* Current at v >= 0, µA; 0 from Voc on, and of a source below 1 fA. */
double panel_current_ua(const wick_iv *iv, bool linear, double v);
double panel_power_uw(const wick_iv *iv, bool linear, double v);
/* The most that the source gives at any voltage. */
double panel_peak_uw(const wick_iv *iv, bool linear);
/* Whether an exponential curve with 0 < Imp < Isc and 0 < Vmp < Voc can have its maximum there: not
   where Imp/Isc + Vmp/Voc < 1 (it would bend inwards), nor where its power is elsewhere more than 5
   % larger. */
bool panel_curve_fits(const wick_iv *iv);
/* The curve of the harvester's panel (which has one) at an irradiance; all 0 when that is too dark
 * for it. */
wick_iv panel_iv_at(const wick_harvester *harvester, double uw_cm2);
/* Open-circuit voltage behind a resistance. */
wick_iv panel_iv_thevenin(double voc_v, double ohm);
/* Power at a share of Voc (fractional open-circuit MPPT); share 0: at the maximum. */
double panel_mppt_uw(const wick_iv *iv, bool linear, double share);

#endif
