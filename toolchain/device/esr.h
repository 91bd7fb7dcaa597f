/* A capacitor's series resistance under a load of constant power.
   The current is I = P / V_t at the terminals, V_t = V - I R, so V_t^2 - V V_t + P R = 0:
       V_t = (V + sqrt(V^2 - 4 P R)) / 2,
   and the terminals stand at or above a threshold V_off exactly while V >= V_off + P R / V_off (as
   long as V_off^2 >= P R; below that V^2 < 4 P R comes first). The heat I^2 R depends on the
   voltage and would have no closed form together with leakage; the simulators charge its largest
   value of a charge, the one at V_off: never optimistic. Kirchhoff's voltage law. Included through
   device.h. */
#ifndef WICK_ESR_H
#define WICK_ESR_H

/* Terminal voltage; NAN when the resistance cannot carry the load. v >= 0, load_uw >= 0, ohm >= 0.
 */
double esr_terminal_v(double v, double load_uw, double ohm);
/* The inner voltage at which the terminals fall to off_v > 0. */
double esr_off_v(double off_v, double load_uw, double ohm);
/* Heat at the threshold, µW: an upper bound for every higher voltage. */
double esr_loss_uw(double off_v, double load_uw, double ohm);

#endif
