#include "helper_tiny.h"

#include "sim/panel_curve.h"

#include <math.h>

static double between(wick_rng *rng, double low, double high) {
    return low + (high - low) * wick_rng_uniform_double(rng);
}

wick_cost tiny_cost(double uj, double us) {
    return (wick_cost){.time_us = us, .compute_uj = uj, .energy_uj = uj};
}

void tiny_device(tiny *t, wick_rng *rng) {
    wick_device *d = &t->device;
    *d = (wick_device){.name = "tiny", .clock_hz = 8e7};
    d->capacitor.off_v = 2;
    d->capacitor.on_v = 4;
    d->capacitor.uf = 100 / 6.0; /* 100 uJ between the two */
    d->capacitor.max_v = wick_rng_below(rng, 2) ? 4 : 4.5;
    d->capacitor.leakage_ua = wick_rng_below(rng, 3) ? 0 : 0.5;
    d->capacitor.efficiency = d->capacitor.input_efficiency = 1;
    d->sleep_uw = wick_rng_below(rng, 2) ? 0 : between(rng, 0, 10);
    d->boot_uj = between(rng, 1, 30);
    d->boot_us = 1000;
}

void tiny_plan(tiny *t, wick_rng *rng) {
    wick_plan *plan = &t->plan;
    int spans = 0;
    double us_per_uj = between(rng, 200, 2500); /* steps draw the same power */
    *plan = (wick_plan){.device = &t->device, .n_segments = 1 + MODULES};
    for (int k = 0; k <= MODULES; k++) {
        int n = 1 + (int)wick_rng_below(rng, 2);
        t->segments[k] = (wick_segment){.first_span = (uint16_t)spans, .n_spans = (uint16_t)n};
        for (int i = 0; i < n; i++, spans++) {
            double uj = between(rng, 5, k == 1 ? 55 : 30);
            t->spans[spans] =
                (wick_span){.first_step = (uint16_t)spans, .n_steps = 1, .mandatory = i == n - 1};
            t->costs[spans] = tiny_cost(uj, uj * us_per_uj);
            t->stores[spans] = (wick_plan_store){.last_reader = -1};
        }
    }
    plan->step_cost = t->costs;
    plan->stores = t->stores;
    plan->commit = tiny_cost(0.01, 0.01 * us_per_uj);
    plan->take = plan->send = tiny_cost(0.1, 0.1 * us_per_uj);
    plan->boot = tiny_cost(t->device.boot_uj, t->device.boot_us);
    plan->model = (wick_model){.n_modules = MODULES,
                               .n_spans = (uint16_t)spans,
                               .n_steps = (uint16_t)spans,
                               .segments = t->segments,
                               .spans = t->spans,
                               .steps = t->steps};
}

void tiny_recomputing_plan(tiny *t, wick_rng *rng) {
    enum { SHARED = 3 };
    wick_plan *plan = &t->plan;
    int spans = 0, steps = 0;
    double us_per_uj = between(rng, 200, 2500), shared_uj[SHARED];
    for (int i = 0; i < SHARED; i++)
        shared_uj[i] = between(rng, 5, 15);
    *plan = (wick_plan){.device = &t->device, .n_segments = 1 + MODULES};
    t->segments[0] = (wick_segment){0};
    for (int k = 1; k <= MODULES; k++) {
        int first = spans;
        bool joined = wick_rng_below(rng, 2);
        for (int i = 0; i <= SHARED; i++) {
            double uj = i < SHARED ? shared_uj[i] : between(rng, 5, k == 1 ? 40 : 20);
            if (i == 0 || i == SHARED || !joined)
                t->spans[spans++] =
                    (wick_span){.first_step = (uint16_t)steps, .mandatory = i == SHARED};
            t->spans[spans - 1].n_steps++;
            t->costs[steps] = tiny_cost(uj, uj * us_per_uj);
            t->stores[steps++] = (wick_plan_store){.last_reader = -1};
        }
        t->segments[k] =
            (wick_segment){.first_span = (uint16_t)first, .n_spans = (uint16_t)(spans - first)};
    }
    plan->step_cost = t->costs;
    plan->stores = t->stores;
    double commit_uj = between(rng, 1, 5);
    plan->commit = tiny_cost(commit_uj, commit_uj * us_per_uj);
    plan->take = plan->send = tiny_cost(0.1, 0.1 * us_per_uj);
    plan->boot = tiny_cost(t->device.boot_uj, t->device.boot_us);
    plan->model = (wick_model){.n_modules = MODULES,
                               .n_spans = (uint16_t)spans,
                               .n_steps = (uint16_t)steps,
                               .extractor_steps = SHARED,
                               .segments = t->segments,
                               .spans = t->spans,
                               .steps = t->steps};
}

static void make_waiting(tiny *t, wick_rng *rng, double least, double most) {
    tiny_plan(t, rng);
    wick_plan *plan = &t->plan;
    double off_v = t->device.capacitor.off_v, uf = t->device.capacitor.uf;
    double us_per_uj = t->costs[0].time_us / t->costs[0].energy_uj;
    double commit_uj = between(rng, 0.01, 4);
    plan->commit = tiny_cost(commit_uj, commit_uj * us_per_uj);
    plan->reloads = t->reloads;
    for (int i = 0; i < plan->model.n_spans; i++) {
        double uj = t->costs[i].energy_uj * between(rng, least, most);
        double need_v = fmin(sqrt(off_v * off_v + 2 * uj / uf), t->device.capacitor.on_v);
        t->spans[i].need_mv = wick_rng_below(rng, 6) ? (uint16_t)(1e3 * need_v) : 0;
        if (t->spans[i].mandatory || wick_rng_below(rng, 3) == 0)
            continue;
        double most_uj = 98 - t->device.boot_uj - commit_uj; /* of a unit with all of it */
        double store_uj = between(rng, 0.1, 0.5) * (most_uj - t->costs[i].energy_uj);
        double reload_uj = between(rng, 0.1, 0.5) * (most_uj - t->costs[i + 1].energy_uj);
        t->stores[i] = (wick_plan_store){.cost = tiny_cost(store_uj, store_uj * us_per_uj),
                                         .last_reader = i + 1};
        t->reloads[plan->n_reloads++] = (wick_plan_reload){
            .step = i + 1, .producer = i, .cost = tiny_cost(reload_uj, reload_uj * us_per_uj)};
    }
}

void tiny_waiting_plan(tiny *t, wick_rng *rng) {
    make_waiting(t, rng, 0.8, 1.5);
}

void tiny_impatient_plan(tiny *t, wick_rng *rng) {
    make_waiting(t, rng, 1.2, 3);
}

void tiny_world(tiny *t, wick_rng *rng) {
    wick_workload *w = &t->options.workload;
    int inputs = 2 + (int)wick_rng_below(rng, 2);
    t->options = wick_sim_defaults();
    t->options.no_voltage = true;
    t->options.quiet = true;
    w->period_s = 1;
    w->rule = (wick_input_rule)wick_rng_below(rng, 3);
    w->max_waiting = (int)wick_rng_below(rng, 2);
    w->deadline_s = between(rng, 0.3, w->rule == WICK_INPUT_REPLACE ? 1 : 2.2);
    w->needs_power = wick_rng_below(rng, 4) == 0;
    w->fresh_s = wick_rng_below(rng, 3) ? 0 : between(rng, 0.1, 1);
    w->clock_survives = wick_rng_below(rng, 2) == 0;
    t->options.duration_s = inputs - 1 + fmax(1, w->deadline_s);
    t->options.start_v = between(rng, 1.9, t->device.capacitor.max_v);
    double mean_uw = between(rng, 10, 120);
    for (int i = 0; i < TRACE; i++) {
        t->times[i] = i * 0.5;
        t->powers[i] = wick_rng_below(rng, 3) ? mean_uw * between(rng, 0, 2) : 0;
    }
    t->trace = (wick_trace){.n = TRACE,
                            .time_s = t->times,
                            .power_uw = t->powers,
                            .end_s = TRACE * 0.5,
                            .path = "tiny",
                            .quantity = "power"};
    t->correct[0] = t->correct[1] = 1; /* 100 %, and 50 % */
    t->correct[2] = 1;
    t->correct[3] = 0;
}

void tiny_diode(tiny *t, wick_rng *rng) {
    bool linear = wick_rng_below(rng, 2) == 0;
    double ends_v = between(rng, 3.5, 7);
    t->harvester = (wick_harvester){
        .name = "tiny", .efficiency = 1, .front = WICK_FRONT_DIODE, .drop_v = between(rng, 0, 0.4)};
    t->trace.iv = t->iv;
    t->trace.linear = linear;
    for (int i = 0; i < TRACE; i++) {
        double voc_v = t->powers[i] > 0 ? ends_v * between(rng, 0.9, 1.1) : 0;
        double vmp_v = voc_v * (linear ? 0.5 : 0.8);
        double imp_ua = voc_v > 0 ? t->powers[i] / vmp_v : 0;
        t->iv[i] = (wick_iv){.isc_ua = imp_ua * (linear ? 2 : 1.1),
                             .voc_v = voc_v,
                             .imp_ua = imp_ua,
                             .vmp_v = vmp_v};
        t->powers[i] = panel_peak_uw(&t->iv[i], linear);
    }
    t->options.harvester = &t->harvester;
}
