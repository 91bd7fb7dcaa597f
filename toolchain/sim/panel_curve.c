#include "sim/panel_curve.h"

#include <math.h>

double panel_current_ua(const wick_iv *iv, bool linear, double v) {
    if (iv->isc_ua <= 0 || v >= iv->voc_v)
        return 0;
    if (linear)
        return iv->isc_ua * (1 - v / iv->voc_v);
    double left = 1 - iv->imp_ua / iv->isc_ua;
    double c2_voc = (iv->vmp_v - iv->voc_v) / log(left);
    double c1 = left * exp(-iv->vmp_v / c2_voc);
    return fmax(0, iv->isc_ua * (1 - c1 * expm1(v / c2_voc)));
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
        return iv->imp_ua * iv->vmp_v;
    return panel_power_uw(iv, linear, share * iv->voc_v);
}
