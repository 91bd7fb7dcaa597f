#include "helper_scenario.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static double between(wick_rng *rng, double low, double high) {
    return low + (high - low) * wick_rng_uniform_double(rng);
}

/* Uniform over the logarithm. */
static double decades(wick_rng *rng, double low, double high) {
    return low * exp(wick_rng_uniform_double(rng) * log(high / low));
}

static void make_device(scenario *s, wick_rng *rng) {
    wick_device *d = &s->device;
    *d = (wick_device){.name = "random", .clock_hz = 8e7};
    d->sleep_uw = wick_rng_below(rng, 3) ? decades(rng, 0.5, 50) : 0;
    d->capacitor.uf = decades(rng, 47, 2000);
    d->capacitor.off_v = between(rng, 1.8, 2.4);
    d->capacitor.on_v = d->capacitor.off_v + between(rng, 0.6, 2);
    d->capacitor.max_v = d->capacitor.on_v + (wick_rng_below(rng, 3) ? between(rng, 0.1, 1) : 0);
    d->capacitor.leakage_ua = wick_rng_below(rng, 4) ? decades(rng, 0.1, 30) : 0;
    d->capacitor.efficiency = between(rng, 0.7, 1);
    d->capacitor.input_efficiency = between(rng, 0.6, 1);
    d->capacitor.esr_ohm = wick_rng_below(rng, 2) ? decades(rng, 0.05, 3) : 0;
    d->boot_us = 800;
    d->boot_uj = between(rng, 5, 15);
}

/* Unknown, low, or anything up to the wake voltage. */
static uint16_t need_mv(const scenario *s, wick_rng *rng, uint32_t kind) {
    double off_v = s->device.capacitor.off_v, on_v = s->device.capacitor.on_v;
    return kind == 0 ? 0
                     : (uint16_t)(1e3 * between(rng, off_v, kind == 1 ? off_v + 0.1 : on_v - 0.01));
}

static wick_cost transfer(wick_rng *rng, double uj) {
    uj *= between(rng, 0.1, 1);
    return (wick_cost){.time_us = uj / 15 * 1e3, .nvm_uj = uj, .energy_uj = uj};
}

/* Step `step` reads what `producer` left in SRAM. */
static void read_back(scenario *s, wick_rng *rng, int producer, int step) {
    wick_plan_store *store = &s->stores[producer];
    if (store->last_reader < 0)
        return;
    if (store->last_reader < step)
        store->last_reader = step;
    s->plan.reloads[s->plan.n_reloads++] = (wick_plan_reload){
        .step = step, .producer = producer, .cost = transfer(rng, store->cost.energy_uj)};
}

/* Outputs of some steps stay in SRAM: read by the next step, now and then by a later one; features
   and logits are needed to the end. */
static void make_residents(scenario *s, wick_rng *rng) {
    const wick_segment *segments = s->segments;
    int last[SCENARIO_SEGMENTS];
    s->plan.stores = s->stores;
    s->plan.reloads = s->reloads;
    for (int k = 0; k < SCENARIO_SEGMENTS; k++) {
        const wick_span *end = &s->spans[segments[k].first_span + segments[k].n_spans - 1];
        int first = s->spans[segments[k].first_span].first_step;
        last[k] = end->first_step + end->n_steps - 1;
        for (int i = first; i <= last[k]; i++) {
            s->stores[i] = (wick_plan_store){.last_reader = -1};
            if (wick_rng_below(rng, 3))
                s->stores[i] =
                    (wick_plan_store){.last_reader = i == last[k] ? UINT16_MAX : i,
                                      .cost = transfer(rng, s->costs[i].energy_uj * 0.2)};
            if (i > first)
                read_back(s, rng, i - 1, i);
            else if (k)
                read_back(s, rng, last[0], i);
            if (i > first + 3 && wick_rng_below(rng, 4) == 0)
                read_back(s, rng, i - 3, i);
        }
    }
}

/* Spans of one to five steps; the whole of one charge is ten to forty spans. */
static void make_plan(scenario *s, wick_rng *rng) {
    wick_plan *plan = &s->plan;
    double charge_uj = wick_device_charge_uj(&s->device);
    int steps = 0, spans = 0;
    uint32_t kind = wick_rng_below(rng, 3);
    *plan = (wick_plan){.device = &s->device, .n_segments = SCENARIO_SEGMENTS};
    for (int k = 0; k < SCENARIO_SEGMENTS; k++) {
        int n = 1 + (int)wick_rng_below(rng, 12);
        s->segments[k] = (wick_segment){.first_span = (uint16_t)spans, .n_spans = (uint16_t)n};
        double segment_uj = 0, segment_us = 0;
        for (int i = 0; i < n; i++, spans++) {
            int count = 1 + (int)wick_rng_below(rng, 5);
            s->spans[spans] = (wick_span){.first_step = (uint16_t)steps,
                                          .n_steps = (uint16_t)count,
                                          .need_mv = need_mv(s, rng, kind),
                                          .margin_16mv = (uint8_t)wick_rng_below(rng, 20),
                                          .mandatory = i == n - 1 || wick_rng_below(rng, 10) == 0};
            for (int j = 0; j < count; j++, steps++) {
                double uj = charge_uj / (5 * between(rng, 10, 40)),
                       us = uj / between(rng, 8, 25) * 1e3;
                s->costs[steps] = (wick_cost){
                    .time_us = us, .compute_uj = 0.8 * uj, .nvm_uj = 0.2 * uj, .energy_uj = uj};
                segment_uj += uj;
                segment_us += us;
            }
        }
        s->segments[k].energy_nj = (uint32_t)(segment_uj * 1e3);
        s->segments[k].time_us = (uint32_t)segment_us;
    }
    plan->step_cost = s->costs;
    make_residents(s, rng);
    plan->commit = (wick_cost){.time_us = 6, .compute_uj = 0.08, .nvm_uj = 0.02, .energy_uj = 0.1};
    plan->take = (wick_cost){.time_us = 160, .compute_uj = 2, .nvm_uj = 1, .energy_uj = 3};
    plan->send = (wick_cost){.time_us = 2, .compute_uj = 0.03, .energy_uj = 0.03};
    plan->boot = (wick_cost){.time_us = s->device.boot_us,
                             .compute_uj = s->device.boot_uj,
                             .energy_uj = s->device.boot_uj};
    plan->model = (wick_model){.n_modules = SCENARIO_SEGMENTS - 1,
                               .n_spans = (uint16_t)spans,
                               .n_steps = (uint16_t)steps,
                               .segments = s->segments,
                               .spans = s->spans,
                               .steps = s->steps};
}

static void make_harvester(scenario *s, wick_rng *rng) {
    wick_harvester *h = &s->harvester;
    uint32_t kind = wick_rng_below(rng, 4);
    if (kind < 2)
        return;
    s->options.harvester = h;
    *h = (wick_harvester){.name = "random"};
    if (kind == 2) {
        h->front = WICK_FRONT_BOOST;
        h->boost.n = 3;
        for (int i = 0; i < 3; i++) {
            h->boost.in_uw[i] = 10 * pow(10, i);
            h->boost.efficiency[i] = between(rng, 0.3 + 0.2 * i, 0.5 + 0.2 * i);
        }
        h->boost.min_uw = between(rng, 0, 5);
        h->boost.cold_below_v = between(rng, 0.5, s->device.capacitor.on_v);
        h->boost.cold_efficiency = between(rng, 0.02, 0.2);
        h->boost.cold_min_uw = h->boost.min_uw + between(rng, 0, 30);
        h->boost.mppt_duty = between(rng, 0.95, 1);
        return;
    }
    h->front = WICK_FRONT_DIODE;
    h->drop_v = between(rng, 0.1, 0.4);
    s->trace.iv = s->iv;
    s->trace.linear = wick_rng_below(rng, 2) == 0;
    for (int i = 0; i < s->trace.n; i++) {
        double voc_v = s->powers[i] > 0 ? s->device.capacitor.max_v + between(rng, -0.5, 1) : 0;
        double vmp_v = voc_v * (s->trace.linear ? 0.5 : 0.8);
        double imp_ua = voc_v > 0 ? s->powers[i] / vmp_v : 0;
        s->iv[i] = (wick_iv){.isc_ua = imp_ua * (s->trace.linear ? 2 : 1.1),
                             .voc_v = voc_v,
                             .imp_ua = imp_ua,
                             .vmp_v = vmp_v};
    }
}

/* Noise, bursts with darkness between them, or long levels; evenly sampled or not. */
static void make_trace(scenario *s, wick_rng *rng, double mean_uw) {
    double step_s = decades(rng, 0.001, 10), level = 1;
    bool even = wick_rng_below(rng, 2) == 0;
    uint32_t shape = wick_rng_below(rng, 3);
    int n = SCENARIO_SAMPLES;
    double at = 0;
    for (int i = 0; i < n; i++) {
        if (wick_rng_below(rng, 100) == 0)
            level = wick_rng_below(rng, 2) ? between(rng, 0, 4) : 0;
        s->times[i] = at;
        at += step_s * (even ? 1 : between(rng, 0.2, 1.8));
        s->powers[i] = mean_uw * (shape == 0   ? between(rng, 0, 2)
                                  : shape == 1 ? level
                                               : level * between(rng, 0.5, 1.5));
    }
    s->trace = (wick_trace){.n = n,
                            .time_s = s->times,
                            .power_uw = s->powers,
                            .end_s = at,
                            .path = "random",
                            .quantity = "power"};
}

static void make_workload(scenario *s, wick_rng *rng, double period_s) {
    wick_workload *w = &s->options.workload;
    w->period_s = period_s;
    w->phase_s = wick_rng_below(rng, 2) ? between(rng, 0, period_s) : 0;
    w->arrivals = (wick_arrivals)wick_rng_below(rng, 3);
    w->rule = (wick_input_rule)wick_rng_below(rng, 3);
    w->max_waiting = (int)wick_rng_below(rng, 4);
    w->deadline_s = period_s * between(rng, 0.5, w->rule == WICK_INPUT_REPLACE ? 1 : 3);
    w->needs_power = wick_rng_below(rng, 3) == 0;
    if (wick_rng_below(rng, 2)) {
        w->sense_uj = 5;
        w->sense_us = 2000;
        w->send_uj = 8;
        w->send_us = 500;
    }
    if (wick_rng_below(rng, 3) == 0) {
        w->fresh_s = period_s * between(rng, 0.2, 2);
        w->clock_survives = wick_rng_below(rng, 2) == 0;
    }
    double at = 0;
    for (size_t i = 0; i < WICK_LEN(s->arrivals); i++)
        s->arrivals[i] = at += period_s * between(rng, 0.01, 2);
    w->times_s = s->arrivals;
    w->n_times = (int)WICK_LEN(s->arrivals);
}

const wick_policy_table *scenario_table(wick_arena *arena, int n_modules, double full_uj,
                                        double mean_uw, double deadline_s, uint64_t seed) {
    enum { BINS = 4, ROWS = 50 };
    wick_rng rng = wick_rng_seed(seed, 0x7461626c);
    int cells = (int)wick_policy_stages((uint32_t)n_modules) * BINS * BINS;
    uint8_t *row_of = wick_new(arena, uint8_t, cells), *rows = wick_new(arena, uint8_t, ROWS * 2);
    wick_policy_table *t = wick_new(arena, wick_policy_table, 1);
    *t = (wick_policy_table){.n_modules = (uint8_t)n_modules,
                             .n_charge = BINS,
                             .n_harvest = BINS,
                             .n_time = BINS,
                             .n_rows = ROWS,
                             .row_of = row_of,
                             .rows = rows};
    for (int i = 0; i < WICK_TABLE_BINS - 1; i++) {
        bool used = i < BINS - 1;
        t->charge_uj[i] = used ? (uint32_t)(full_uj * (i + 1) / BINS) + (uint32_t)i : UINT32_MAX;
        t->harvest_uw[i] = used ? (uint32_t)(mean_uw * (i + 1) / 3) + (uint32_t)i : UINT32_MAX;
        t->time_ms[i] = used ? (uint32_t)(deadline_s * 1e3 * (i + 1) / BINS) : UINT32_MAX;
    }
    for (int i = 0; i < cells; i++)
        row_of[i] = (uint8_t)wick_rng_below(&rng, ROWS);
    uint32_t choices = (uint32_t)n_modules + 1;
    for (int i = 0; i < ROWS * 2; i++) { /* to finish without an answer is rare */
        uint32_t low = wick_rng_below(&rng, 8) ? 1 + wick_rng_below(&rng, choices - 1) : 0;
        uint32_t high = wick_rng_below(&rng, choices);
        if (wick_rng_below(&rng, 6) == 0)
            *(wick_rng_below(&rng, 2) ? &low : &high) =
                wick_rng_below(&rng, 2) ? WICK_POLICY_WAIT : WICK_POLICY_OFF;
        rows[i] = (uint8_t)(low | high << 4);
    }
    return t;
}

void scenario_make(scenario *s, uint64_t seed) {
    wick_rng rng = wick_rng_seed(seed, 0x7363656e);
    memset(s, 0, sizeof *s);
    make_device(s, &rng);
    make_plan(s, &rng);
    double energy_uj = 0, period_s = decades(&rng, 0.5, 200);
    for (int k = 0; k < 2; k++)
        energy_uj += s->segments[k].energy_nj * 1e-3;
    s->options = wick_sim_defaults();
    make_trace(s, &rng, decades(&rng, 0.1, 10) * energy_uj / period_s);
    make_workload(s, &rng, period_s);
    make_harvester(s, &rng);
    uint32_t policy = wick_rng_below(&rng, 5);
    s->options.policy = (wick_policy){.kind = (uint8_t)policy,
                                      .module = (uint8_t)(1 + wick_rng_below(&rng, 3)),
                                      .harvest_low_uw = 100,
                                      .harvest_high_uw = 1000,
                                      .charge_high_uj = 500,
                                      .reserve_uj = 300};
    if (wick_rng_below(&rng, 3) == 0)
        s->options.policy.rest_uj = wick_rng_below(&rng, 1000);
    s->options.duration_s = fmin(100 * period_s, s->trace.end_s * between(&rng, 0.3, 4));
    s->options.trace_start_s = wick_rng_below(&rng, 2) ? between(&rng, 0, s->trace.end_s) : 0;
    s->options.start_v =
        wick_rng_below(&rng, 2) ? between(&rng, 0.1, s->device.capacitor.max_v) : -1;
    s->options.record = true;
    s->options.no_voltage = wick_rng_below(&rng, 3) == 0;
    s->options.seed = seed;
    for (size_t i = 0; i < sizeof s->correct; i++)
        s->correct[i] = wick_rng_below(&rng, 2) != 0;
}

static bool near(double a, double b, double scale) {
    return fabs(a - b) <= 1e-9 * fmax(1e-3, scale);
}

static double spent(const wick_energy *e) {
    return e->input_loss_uj + e->clamped_uj + e->leakage_uj + e->esr_loss_uj +
           e->converter_loss_uj + e->boot_uj + e->sense_uj + e->compute_uj + e->nvm_uj +
           e->commit_uj + e->sleep_uj + e->reexecution_uj + e->stored_uj;
}

void scenario_make_even(scenario *s, uint64_t seed, int inputs) {
    scenario_make(s, seed);
    s->options.workload.arrivals = WICK_ARRIVALS_PERIODIC;
    s->options.workload.phase_s = 0;
    s->options.record = false;
    s->options.duration_s = inputs * s->options.workload.period_s;
    s->device.capacitor.leakage_ua *= 0.05; /* else many never wake */
    for (int i = 0; i < s->trace.n; i++)
        s->powers[i] *= 2;
}

void scenario_conserved(const wick_energy *e) {
    if (!near(spent(e), e->harvested_uj, e->harvested_uj + fabs(e->stored_uj)))
        fail_msg("harvested %.15g, spent and stored %.15g", e->harvested_uj, spent(e));
}

/* The next event that is none of the marks of the voltage. */
static const wick_event *next_event(const wick_sim_result *r, int *at) {
    while (*at < r->n_events && r->events[*at].kind == WICK_EVENT_VOLTAGE)
        ++*at;
    return *at < r->n_events ? &r->events[(*at)++] : NULL;
}

void scenario_equal(const wick_sim_result *a, const wick_sim_result *b, uint64_t seed) {
    int i = 0, k = 0;
    for (;;) {
        const wick_event *x = next_event(a, &i), *y = next_event(b, &k);
        if (!x && !y)
            break;
        if (!x || !y || x->kind != y->kind || x->module != y->module || x->input != y->input ||
            !near(x->time_s, y->time_s, x->time_s) || !near(x->voltage, y->voltage, x->voltage))
            fail_msg("seed %llu: %s %d of input %d at %.12g s, %.12g V; %s %d of input %d at "
                     "%.12g s, %.12g V",
                     (unsigned long long)seed, x ? wick_event_name(x->kind) : "-",
                     x ? x->module : 0, x ? x->input : 0, x ? x->time_s : 0, x ? x->voltage : 0,
                     y ? wick_event_name(y->kind) : "-", y ? y->module : 0, y ? y->input : 0,
                     y ? y->time_s : 0, y ? y->voltage : 0);
    }
    const int *counts[2] = {&a->inputs, &b->inputs};
    for (size_t c = 0; c < offsetof(wick_sim_result, expected_in_time) / sizeof(int); c++)
        assert_int_equal(counts[0][c], counts[1][c]);
    assert_int_equal(a->commits, b->commits);
    assert_int_equal(a->boots, b->boots);
    assert_true(near(a->expected_in_time, b->expected_in_time, a->expected_in_time));
    assert_int_equal(a->urgent, b->urgent);
    assert_true(near(a->urgent_expected, b->urgent_expected, a->urgent_expected));
    const double *x = (const double *)&a->energy, *y = (const double *)&b->energy;
    for (size_t e = 0; e < sizeof(wick_energy) / sizeof(double); e++)
        if (!near(x[e], y[e], a->energy.harvested_uj + fabs(a->energy.stored_uj)))
            fail_msg("seed %llu: energy %zu is %.15g and %.15g", (unsigned long long)seed, e, x[e],
                     y[e]);
}
