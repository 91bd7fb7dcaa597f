/* Boost converter: what reaches the capacitor of the power at its input.
     running: P_out = eta(P_in) P_in, eta linear over log(P_in) between the profile's points
     cold (capacitor below cold_below_v): P_out = cold_efficiency P_in from cold_min_uw on
   The shape of a nano-power charger's data sheet (efficiency over input current, cold start below
   some voltage of the store); the points are the profile's. The output voltage's influence on the
   efficiency is left out. */
#ifndef WICK_BOOST_H
#define WICK_BOOST_H

#include "device/device.h"

/* in_uw >= 0: at the input, after MPPT. */
double boost_output_uw(const wick_harvester *harvester, double in_uw);
double boost_cold_output_uw(const wick_harvester *harvester, double in_uw);

#endif
