#include "sim/store.h"

#include <math.h>

store store_make(const wick_device *device, double capacitor_uf, double start_v) {
    store s = {.farad_u = capacitor_uf > 0 ? capacitor_uf : device->capacitor.uf};
    s.max_uj = store_energy_at(&s, device->capacitor.max_v);
    s.on_uj = store_energy_at(&s, device->capacitor.on_v);
    s.off_uj = store_energy_at(&s, device->capacitor.off_v);
    s.energy_uj = store_energy_at(&s, start_v);
    s.lambda_per_s = 2 * device->capacitor.leakage_ua / (s.farad_u * device->capacitor.max_v);
    return s;
}

double store_energy_at(const store *s, double voltage) {
    return 0.5 * s->farad_u * voltage * voltage;
}

double store_voltage(const store *s) {
    return sqrt(2 * s->energy_uj / s->farad_u);
}

double store_time_to(const store *s, double in_uw, double draw_uw, double target_uj) {
    double net_uw = in_uw - draw_uw, lambda = s->lambda_per_s, gap = target_uj - s->energy_uj;
    if (gap == 0)
        return 0;
    /* The slope now and the slope at the target must both point at it. */
    double slope = net_uw - lambda * s->energy_uj, slope_there = net_uw - lambda * target_uj;
    if (gap > 0 ? slope <= 0 || slope_there <= 0 : slope >= 0 || slope_there >= 0)
        return INFINITY;
    if (lambda <= 0)
        return gap / net_uw;
    /* exp(-lambda t) = slope_there / slope; log1p keeps the digits when they are nearly equal. */
    return -log1p(-lambda * gap / slope) / lambda;
}

/* Without reaching the clamp. */
static store_flow advance_free(store *s, double in_uw, double draw_uw, double dt_s) {
    store_flow flow = {.in_uj = in_uw * dt_s, .drawn_uj = draw_uw * dt_s};
    double lambda = s->lambda_per_s;
    if (lambda > 0) {
        double decay = -expm1(-lambda * dt_s); /* 1 - exp(-lambda t) */
        double slope = in_uw - draw_uw - lambda * s->energy_uj;
        double after = s->energy_uj + slope * decay / lambda;
        /* By difference, so that energy is conserved to rounding. */
        flow.leaked_uj = s->energy_uj + flow.in_uj - flow.drawn_uj - after;
        s->energy_uj = after;
    } else {
        s->energy_uj += flow.in_uj - flow.drawn_uj;
    }
    return flow;
}

store_flow store_advance(store *s, double in_uw, double draw_uw, double dt_s) {
    double full_s = s->energy_uj >= s->max_uj && in_uw - draw_uw > s->lambda_per_s * s->max_uj
                        ? 0
                        : store_time_to(s, in_uw, draw_uw, s->max_uj);
    if (s->energy_uj >= s->max_uj && in_uw - draw_uw <= s->lambda_per_s * s->max_uj)
        full_s = INFINITY;
    if (full_s >= dt_s)
        return advance_free(s, in_uw, draw_uw, dt_s);
    store_flow flow = advance_free(s, in_uw, draw_uw, full_s);
    double rest_s = dt_s - full_s, leaked_uj = s->lambda_per_s * s->max_uj * rest_s;
    double gained_uj = s->max_uj - s->energy_uj; /* rounding of the time to the clamp */
    s->energy_uj = s->max_uj;
    flow.in_uj += in_uw * rest_s;
    flow.drawn_uj += draw_uw * rest_s;
    flow.leaked_uj += leaked_uj;
    flow.clamped_uj = (in_uw - draw_uw) * rest_s - leaked_uj - gained_uj;
    return flow;
}
