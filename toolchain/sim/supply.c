#include "sim/supply.h"

#include "sim/boost.h"
#include "sim/panel_curve.h"

#include <math.h>

static const double SUPPLY_MEMORY_S = 10;

double supply_recent_uw(const supply *s, int i, double t, double start_uw) {
    double mean = s->recent_uw[i], dt = t - s->trace->time_s[i];
    mean += (s->arrives_uw[SUPPLY_WARM][i] - mean) * -expm1(-dt / s->memory_s);
    return mean + start_uw * exp(-t / s->memory_s);
}

/* Power at the converter's input. */
static double input_uw(const wick_trace *trace, const wick_harvester *h, int i) {
    double power = trace->power_uw[i];
    if (trace->iv && h->boost.mppt_fraction > 0)
        power = panel_mppt_uw(&trace->iv[i], trace->linear, h->boost.mppt_fraction);
    return power * h->boost.mppt_duty;
}

static void fill_powers(supply *s, double on_v) {
    const wick_harvester *h = s->harvester;
    for (int i = 0; i < s->trace->n; i++) {
        double warm = s->trace->power_uw[i] * h->efficiency, cold = warm;
        if (h->front == WICK_FRONT_BOOST) {
            double in = input_uw(s->trace, h, i);
            warm = boost_output_uw(h, in);
            cold = boost_cold_output_uw(h, in);
        } else if (h->front == WICK_FRONT_DIODE) {
            warm = cold =
                on_v * panel_current_ua(&s->trace->iv[i], s->trace->linear, on_v + h->drop_v);
        }
        s->arrives_uw[SUPPLY_WARM][i] = warm;
        s->arrives_uw[SUPPLY_COLD][i] = cold;
    }
}

static void fill_tables(supply *s, supply_regime regime) {
    const double *power = s->arrives_uw[regime];
    double *gain = s->gain_uj[regime], *response = s->response_uj[regime];
    for (int i = 0; i < s->trace->n; i++) {
        int block = i / SUPPLY_BLOCK, at = i + block;
        if (i % SUPPLY_BLOCK == 0) {
            gain[at] = response[at] = s->offered_uj[at] = 0;
            s->peak_uw[regime][block] = s->low_uw[regime][block] = power[i];
        }
        s->peak_uw[regime][block] = fmax(s->peak_uw[regime][block], power[i]);
        s->low_uw[regime][block] = fmin(s->low_uw[regime][block], power[i]);
        supply_sums end = supply_sums_at(s, regime, i, supply_end_s(s, i));
        gain[at + 1] = end.gain_uj;
        response[at + 1] = end.response_uj;
        s->offered_uj[at + 1] = end.offered_uj;
    }
}

static void make_tables(wick_arena *arena, supply *s) {
    int n = s->trace->n, blocks = (n + SUPPLY_BLOCK - 1) / SUPPLY_BLOCK;
    s->offered_uj = wick_new(arena, double, n + blocks);
    for (int r = 0; r < SUPPLY_REGIMES; r++) {
        if (r == SUPPLY_COLD && s->cold_uj <= 0)
            continue;
        s->gain_uj[r] = wick_new(arena, double, n + blocks);
        s->response_uj[r] = wick_new(arena, double, n + blocks);
        s->peak_uw[r] = wick_new(arena, double, blocks);
        s->low_uw[r] = wick_new(arena, double, blocks);
        fill_tables(s, (supply_regime)r);
    }
}

supply_walk supply_walk_from(const supply *s, double trace_s) {
    supply_walk w = {.supply = s, .at_s = fmod(trace_s, s->trace->end_s)};
    w.sample = wick_trace_sample_at(s->trace, 0, w.at_s);
    return w;
}

double supply_walk_on(supply_walk *w, double left_s, int *sample) {
    double end_s = supply_end_s(w->supply, w->sample), step_s = fmin(left_s, end_s - w->at_s);
    *sample = w->sample;
    w->at_s += step_s;
    if (w->at_s >= end_s && ++w->sample == w->supply->trace->n) {
        w->sample = 0;
        w->at_s = 0;
    }
    return step_s;
}

void supply_remember(supply *s, double memory_s) {
    s->memory_s = memory_s;
    for (int i = 0; i < s->trace->n; i++)
        s->recent_uw[i + 1] = supply_recent_uw(s, i, supply_end_s(s, i), 0);
}

wick_status supply_make(wick_arena *arena, const wick_trace *trace, const wick_harvester *harvester,
                        const store *cap, double on_v, supply *out, wick_diag *diag) {
    int n = trace->n;
    *out = (supply){.trace = trace,
                    .harvester = harvester,
                    .lambda_per_s = cap->lambda_per_s,
                    .diode = harvester->front == WICK_FRONT_DIODE};
    if (out->diode && !trace->iv)
        return wick_fail(diag, WICK_UNSUPPORTED, trace->path, NULL,
                         "give a trace with isc_, voc_, imp_, vmp_ or open_circuit_ columns, or a "
                         "light trace and a harvester whose panel has an iv curve",
                         "behind a diode the current depends on the voltage, and this trace of %s "
                         "does not say how",
                         trace->quantity);
    if (harvester->front == WICK_FRONT_BOOST)
        out->cold_uj = store_energy_at(cap, harvester->boost.cold_below_v);
    for (int r = 0; r < SUPPLY_REGIMES; r++)
        out->arrives_uw[r] = wick_new(arena, double, n);
    fill_powers(out, on_v);
    out->recent_uw = wick_new(arena, double, n + 1);
    supply_remember(out, SUPPLY_MEMORY_S);
    if (!out->diode)
        make_tables(arena, out);
    return WICK_OK;
}

/* Voltages at which a piece of the curve begins, as shares of what the capacitor can reach: denser
   around the knee. */
static const double knots[SUPPLY_PIECES + 1] = {0,    0.3, 0.5,   0.6,   0.68,  0.75, 0.81,
                                                0.86, 0.9, 0.935, 0.965, 0.985, 1};

int supply_knots(const supply *s, int i, supply_knot out[SUPPLY_PIECES + 1]) {
    const wick_iv *iv = &s->trace->iv[i];
    double drop_v = s->harvester->drop_v, end_v = iv->voc_v - drop_v;
    int n = 0;
    if (end_v <= 0)
        return 0;
    for (int k = 0; k <= SUPPLY_PIECES; k++) {
        if (s->trace->linear && k > 0 && k < SUPPLY_PIECES)
            continue;
        double v = end_v * knots[k];
        out[n++] = (supply_knot){.v = v, .ua = panel_current_ua(iv, s->trace->linear, v + drop_v)};
    }
    return n;
}

/* Behind the diode: pieces of the curve, each a straight line. A linear source is one piece. */
static supply_band diode_band(const supply *s, const store *cap, int i, double draw_uw) {
    const wick_iv *iv = &s->trace->iv[i];
    double end_v = fmax(0, iv->voc_v - s->harvester->drop_v), end_uj = store_energy_at(cap, end_v);
    supply_band band = {.low_uj = end_uj, .high_uj = INFINITY};
    double slope = store_slope(cap, (store_input){0}, draw_uw, cap->energy_uj);
    if (cap->energy_uj > end_uj || (cap->energy_uj == end_uj && slope >= 0) || end_uj <= 0)
        return band;
    double ends[2] = {0, end_v};
    for (int k = 0; k < SUPPLY_PIECES && !s->trace->linear; k++) {
        ends[0] = end_v * knots[k];
        ends[1] = end_v * knots[k + 1];
        if (cap->energy_uj <= store_energy_at(cap, ends[1]))
            break;
    }
    double drop_v = s->harvester->drop_v;
    double low_ua = panel_current_ua(iv, s->trace->linear, ends[0] + drop_v);
    double high_ua = panel_current_ua(iv, s->trace->linear, ends[1] + drop_v);
    double us = fmax(0, (low_ua - high_ua) / (ends[1] - ends[0]));
    return (supply_band){.in = {.line = true, .us = us, .ua = low_ua + us * ends[0]},
                         .low_uj = store_energy_at(cap, ends[0]),
                         .high_uj = store_energy_at(cap, ends[1])};
}

supply_band supply_band_at(const supply *s, const store *cap, int i, double draw_uw) {
    if (s->diode) {
        supply_band band = diode_band(s, cap, i, draw_uw);
        if (cap->energy_uj < band.high_uj ||
            store_slope(cap, band.in, draw_uw, cap->energy_uj) <= 0)
            return band;
        store above = *cap; /* the current is continuous: rising here, it rises there */
        above.energy_uj = nextafter(band.high_uj, INFINITY);
        band = diode_band(s, &above, i, draw_uw);
        return band;
    }
    store_input warm = {.uw = s->arrives_uw[SUPPLY_WARM][i]};
    if (cap->energy_uj > s->cold_uj || s->cold_uj <= 0 ||
        (cap->energy_uj == s->cold_uj && store_slope(cap, warm, draw_uw, cap->energy_uj) >= 0))
        return (supply_band){.in = warm, .low_uj = s->cold_uj, .high_uj = INFINITY};
    return (supply_band){
        .in = {.uw = s->arrives_uw[SUPPLY_COLD][i]}, .low_uj = -INFINITY, .high_uj = s->cold_uj};
}
