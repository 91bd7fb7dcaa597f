/* A capacitor behind a source whose current falls linearly with the voltage, I(V) = ua - us V (one
   piece of a panel's curve behind a diode, or a voltage behind a resistance), with a leakage
   current leak_us V and a load of constant power:
       C V dV/dt = q(V) = -a V^2 + b V - D,     a = us + leak_us, b = ua, D = draw_uw.
   Time: t = C * integral V / q dV. Leakage: leak_us * C * integral V^3 / q dV. With the roots r1,
   r2 of q both are sums of logarithms (an arc tangent where q has no roots). From Kirchhoff's
   current law at the capacitor; the integrals by partial fractions. */
#ifndef WICK_LINE_SOURCE_H
#define WICK_LINE_SOURCE_H

/* µF, µA, µS, µS, µW */
typedef struct line_source {
    double uf, ua, us, leak_us, draw_uw;
} line_source;

/* Seconds from one voltage to another, INFINITY when that is never reached. from_v, to_v > 0, or 0
   when draw_uw is 0. */
double line_time(const line_source *line, double from_v, double to_v);
/* Voltage after dt seconds. The caller does not draw below 0. */
double line_voltage(const line_source *line, double from_v, double dt_s);
/* What leaked meanwhile, µJ. */
double line_leaked_uj(const line_source *line, double from_v, double to_v, double dt_s);

#endif
