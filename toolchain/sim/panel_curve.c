#include "sim/panel_curve.h"

#include <math.h>

/* (exp(k v) - 1) / (exp(k) - 1), 0 <= v <= 1, for any k > 0. */
static double rise(double k, double v) {
    return exp(k * (v - 1)) * expm1(-k * v) / expm1(-k);
}

/* Voc over the diode's voltage, so that the curve passes through (Vmp, Imp). The logarithm of
   rise(k, Vmp/Voc) falls with k and is concave, so Newton's method comes down from where the
   handbook's C2 puts it, and passes the root never. */
static double knee(const wick_iv *iv) {
    double x = iv->vmp_v / iv->voc_v, left = log1p(-iv->imp_ua / iv->isc_ua), k = left / (x - 1);
    for (int i = 0; i < 60; i++) {
        double behind_x = -expm1(-k * x), behind_1 = -expm1(-k);
        double error = k * (x - 1) + log(behind_x / behind_1) - left;
        double slope = x - 1 + x * (1 - behind_x) / behind_x - (1 - behind_1) / behind_1;
        double step = error / slope;
        if (!(step > 1e-13 * k) || step >= k)
            break;
        k -= step;
    }
    return fmax(k, 1e-9); /* straight */
}

/* Less than a femtoampere: scaled so far down, currents have no ratio any more. */
static bool is_dark(const wick_iv *iv) {
    return !(iv->isc_ua > 1e-9);
}

double panel_current_ua(const wick_iv *iv, bool linear, double v) {
    if (is_dark(iv) || v >= iv->voc_v)
        return 0;
    if (linear)
        return iv->isc_ua * (1 - v / iv->voc_v);
    return iv->isc_ua * (1 - rise(knee(iv), v / iv->voc_v));
}

/* The power has one maximum: its slope falls. */
double panel_peak_uw(const wick_iv *iv, bool linear) {
    if (is_dark(iv))
        return 0;
    if (linear)
        return iv->isc_ua * iv->voc_v / 4;
    double k = knee(iv), low = 0, high = 1;
    while (high - low > 1e-9) {
        double v = (low + high) / 2, slope = 1 - rise(k, v) + v * k * exp(k * (v - 1)) / expm1(-k);
        *(slope > 0 ? &low : &high) = v;
    }
    return iv->isc_ua * iv->voc_v * low * (1 - rise(k, low));
}

bool panel_curve_fits(const wick_iv *iv) {
    if (is_dark(iv))
        return true;
    return iv->imp_ua / iv->isc_ua + iv->vmp_v / iv->voc_v >= 1 &&
           panel_peak_uw(iv, false) <= 1.05 * iv->imp_ua * iv->vmp_v;
}

double panel_power_uw(const wick_iv *iv, bool linear, double v) {
    return v * panel_current_ua(iv, linear, v);
}

wick_iv panel_iv_at(const wick_harvester *h, double uw_cm2) {
    double ratio = uw_cm2 / h->panel.reference_uw_cm2;
    const wick_iv *at = &h->panel.iv;
    double voc_v = ratio > 0 ? at->voc_v + h->panel.slope_v * log(ratio) : 0;
    if (voc_v <= 0)
        return (wick_iv){0};
    return (wick_iv){.isc_ua = at->isc_ua * ratio,
                     .voc_v = voc_v,
                     .imp_ua = at->imp_ua * ratio,
                     .vmp_v = at->vmp_v * voc_v / at->voc_v};
}

wick_iv panel_iv_thevenin(double voc_v, double ohm) {
    double isc_ua = voc_v / ohm * 1e6;
    return (wick_iv){.isc_ua = isc_ua, .voc_v = voc_v, .imp_ua = isc_ua / 2, .vmp_v = voc_v / 2};
}

double panel_mppt_uw(const wick_iv *iv, bool linear, double share) {
    if (share <= 0)
        return panel_peak_uw(iv, linear);
    return panel_power_uw(iv, linear, share * iv->voc_v);
}
