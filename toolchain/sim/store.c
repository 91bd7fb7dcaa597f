#include "sim/store.h"

#include "sim/line_source.h"

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

static line_source line_of(const store *s, store_input in, double draw_uw) {
    return (line_source){.uf = s->farad_u,
                         .ua = in.ua,
                         .us = in.us,
                         .leak_us = s->lambda_per_s * s->farad_u / 2,
                         .draw_uw = draw_uw};
}

double store_time_to(const store *s, store_input in, double draw_uw, double target_uj) {
    double lambda = s->lambda_per_s, gap = target_uj - s->energy_uj;
    if (gap == 0)
        return 0;
    if (in.line) {
        line_source line = line_of(s, in, draw_uw);
        return line_time(&line, store_voltage(s), store_voltage_at(s, target_uj));
    }
    double net_uw = in.uw - draw_uw;
    /* The slope now and the slope at the target must both point at it. */
    double slope = net_uw - lambda * s->energy_uj, slope_there = net_uw - lambda * target_uj;
    if (gap > 0 ? slope <= 0 || slope_there <= 0 : slope >= 0 || slope_there >= 0)
        return INFINITY;
    if (lambda <= 0)
        return gap / net_uw;
    /* exp(-lambda t) = slope_there / slope; log1p keeps the digits when they are nearly equal. */
    return -log1p(-lambda * gap / slope) / lambda;
}

static store_flow advance_line(store *s, store_input in, double draw_uw, double dt_s) {
    line_source line = line_of(s, in, draw_uw);
    double before_v = store_voltage(s), after_v = line_voltage(&line, before_v, dt_s);
    double after_uj = store_energy_at(s, after_v);
    store_flow flow = {.drawn_uj = draw_uw * dt_s,
                       .leaked_uj = line_leaked_uj(&line, before_v, after_v, dt_s)};
    /* By difference, so that energy is conserved to rounding. */
    flow.in_uj = after_uj - s->energy_uj + flow.drawn_uj + flow.leaked_uj;
    s->energy_uj = after_uj;
    return flow;
}

/* Without reaching the clamp. */
static store_flow advance_free(store *s, store_input in, double draw_uw, double dt_s) {
    return in.line ? advance_line(s, in, draw_uw, dt_s)
                   : store_advance_power(s, in.uw, draw_uw, dt_s);
}

store_flow store_advance_clamped(store *s, store_input in, double draw_uw, double dt_s) {
    double full_s = INFINITY;
    if (s->energy_uj < s->max_uj && store_may_reach(s, in, draw_uw, s->max_uj, dt_s))
        full_s = store_time_to(s, in, draw_uw, s->max_uj);
    else if (s->energy_uj >= s->max_uj && store_slope(s, in, draw_uw, s->max_uj) > 0)
        full_s = 0;
    if (full_s >= dt_s)
        return advance_free(s, in, draw_uw, dt_s);
    store_flow flow = full_s > 0 ? advance_free(s, in, draw_uw, full_s) : (store_flow){0};
    double rest_s = dt_s - full_s, leaked_uj = s->lambda_per_s * s->max_uj * rest_s;
    double gained_uj = s->max_uj - s->energy_uj; /* rounding of the time to the clamp */
    double in_uw = store_input_uw(s, in, s->max_uj);
    s->energy_uj = s->max_uj;
    flow.in_uj += in_uw * rest_s;
    flow.drawn_uj += draw_uw * rest_s;
    flow.leaked_uj += leaked_uj;
    flow.clamped_uj = (in_uw - draw_uw) * rest_s - leaked_uj - gained_uj;
    return flow;
}
