/* need_mv against brute force: a device that begins or joins a span at that voltage completes it
   with its commit, whatever optional commits before it were left out. Random devices, with
   converter and series resistance, networks and capacitors. */
#include "plan/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_qnet.h"

#include <wick/kernels.h>

enum { PLANS = 240 };

typedef struct tally {
    long joins, with_backlog; /* ways to a span; those whose commit writes earlier outputs */
    int resistive, demanded;  /* plans; plans with a mandatory commit inside a segment */
} tally;

static double between(wick_rng *rng, double low, double high) {
    return low + (high - low) * wick_rng_uniform_double(rng);
}

static wick_device *random_device(wick_arena *arena, wick_rng *rng) {
    static const char *const names[] = {"m4-fram", "m4-mram", "m7-mram", "m0plus-fram"};
    wick_device *device;
    assert_int_equal(
        wick_device_load(arena, names[wick_rng_below(rng, WICK_LEN(names))], &device, NULL),
        WICK_OK);
    device->capacitor.esr_ohm = wick_rng_below(rng, 2) ? between(rng, 0.05, 2) : 0;
    device->capacitor.efficiency = between(rng, 0.7, 1);
    return device;
}

static wick_plan *plan_of(const wick_qnet *net, const wick_device *device,
                          const wick_plan_options *options) {
    wick_plan *plan;
    wick_diag diag = {0};
    wick_status status = wick_plan_make(net, device, options, NULL, &plan, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    return plan;
}

static wick_plan *random_plan(const wick_qnet *net, const wick_device *device, wick_rng *rng) {
    wick_plan_options options = wick_plan_defaults();
    options.margin = between(rng, 0.5, 0.9);
    options.max_span_outputs = wick_rng_below(rng, 3) ? 0 : 20 + (int)wick_rng_below(rng, 500);
    options.features = wick_rng_below(rng, 2) ? WICK_FEATURES_AUTO : WICK_FEATURES_STORED;
    options.optimise = wick_rng_below(rng, 2) ? WICK_OPTIMISE_SIZE : WICK_OPTIMISE_ENERGY;
    wick_plan *plan = plan_of(net, device, &options);
    options.capacitor_uf = plan->min_capacitor_uf * between(rng, 1.02, 3);
    wick_plan_free(plan);
    return plan_of(net, device, &options);
}

/* What a part of the work leaves in the capacitor, drawing 1 / margin of what it takes; negative
 * where the device browns out. */
static double behind(const wick_plan *plan, double energy_uj, wick_cost cost, double margin) {
    double off = plan->device->capacitor.off_v, ohm = plan->device->capacitor.esr_ohm;
    if (cost.time_us <= 0 || energy_uj < 0)
        return energy_uj;
    double out_uw = cost.energy_uj / cost.time_us * 1e6 / plan->device->capacitor.efficiency;
    double least = esr_off_v(off, out_uw, ohm);
    energy_uj -= (out_uw + esr_loss_uw(off, out_uw, ohm)) * cost.time_us * 1e-6 / margin;
    return energy_uj < 0.5 * plan->device->capacitor.uf * least * least * (1 - 1e-9) ? -1
                                                                                     : energy_uj;
}

/* What the engine's commit before step `commit` writes: outputs of steps [from, end) that stand in
   SRAM and are read later. */
static int write_back(const wick_plan *plan, int base, int from, int end, int commit, double margin,
                      double *energy_uj) {
    const wick_model *m = &plan->model;
    int written = 0;
    for (int i = from; i < end; i++) {
        const wick_place *place = &m->tensors[plan->layers[m->steps[i].layer].dst];
        if (place->sram == WICK_NO_SRAM || place->last_reader < commit - base)
            continue;
        wick_work work = wick_device_write_work(plan->device, place->bytes);
        *energy_uj = behind(plan, *energy_uj, wick_device_cost(plan->device, work), margin);
        written++;
    }
    return written;
}

/* Is span i of a segment completed from this energy, where nothing is committed from step `from`
   on? */
static bool completed(const wick_plan *plan, int segment, int i, int from, bool boot,
                      double energy_uj, double margin, tally *t) {
    const wick_span *span = &plan->model.spans[i];
    int base = (int)wick_chain_base(&plan->model, (uint32_t)segment);
    int end = span->first_step + span->n_steps;
    if (boot)
        energy_uj = behind(plan, energy_uj, plan->span_reload[i], margin);
    for (int k = span->first_step; k < end; k++)
        energy_uj = behind(plan, energy_uj, plan->step_cost[k], margin);
    t->with_backlog += write_back(plan, base, from, span->first_step, end, margin, &energy_uj) > 0;
    write_back(plan, base, span->first_step, end, end, margin, &energy_uj);
    return behind(plan, energy_uj, plan->commit, margin) >= 0;
}

static void try_span(const wick_plan *plan, int segment, int i, int first, tally *t) {
    const wick_model *m = &plan->model;
    double uf = plan->device->capacitor.uf, on = plan->device->capacitor.on_v;
    double need_uj = 0.5e-6 * uf * m->spans[i].need_mv * m->spans[i].need_mv;
    double booted_uj = behind(plan, 0.5 * uf * on * on, plan->boot, 1);
    if (!completed(plan, segment, i, m->spans[i].first_step, true, booted_uj, 1, t)) {
        fail_msg("a boot at the wake voltage does not carry span %d",
                 i); /* admission, plan_admit.c */
    }
    /* The most that is waited for is what a boot begins with, in whole millivolts. */
    double margin = plan->options.margin;
    if (m->spans[i].need_mv == floor(sqrt(2e6 * booted_uj / uf))) {
        need_uj = booted_uj;
        margin = 1;
    }
    for (int a = i; a >= first && (a == i || !m->spans[a].mandatory); a--) {
        t->joins++;
        if (!completed(plan, segment, i, m->spans[a].first_step, a == i, need_uj, margin, t))
            fail_msg("span %d browns out at its need_mv, uncommitted from span %d on", i, a);
    }
}

static void try_segment(const wick_plan *plan, int segment, tally *t) {
    const wick_model *m = &plan->model;
    int first = m->segments[segment].first_span, end = first + m->segments[segment].n_spans;
    for (int i = first; i < end; i++)
        try_span(plan, segment, i, first, t);
    for (int i = first; i < end - 1; i++)
        t->demanded += m->spans[i].mandatory;
}

static void a_joined_span_is_completed(void **state) {
    (void)state;
    tally t = {0};
    for (uint64_t seed = 1; seed <= PLANS; seed++) {
        wick_rng rng = wick_rng_seed(seed, 0x4c5a);
        wick_arena *arena = wick_arena_new();
        wick_device *device = random_device(arena, &rng);
        int size = 8 + 2 * (int)wick_rng_below(&rng, 4),
            width = 4 + 2 * (int)wick_rng_below(&rng, 3);
        wick_qnet *net = wick_rng_below(&rng, 2) ? tiny_family(seed, size, width)
                                                 : tiny_independent(seed, size, width);
        wick_plan *plan = random_plan(net, device, &rng);
        double wake_mv = plan->device->capacitor.on_v * 1e3;
        for (int i = 0; i < plan->model.n_spans; i++)
            assert_true(plan->model.spans[i].need_mv <= wake_mv);
        for (int s = 0; s < plan->n_segments; s++)
            try_segment(plan, s, &t);
        t.resistive += plan->device->capacitor.esr_ohm > 0;
        wick_plan_free(plan);
        tiny_free(net);
        wick_arena_free(arena);
    }
    print_message("%ld ways to a span, %ld with outputs of earlier ones to write; %d plans with "
                  "series resistance, %d mandatory commits within segments\n",
                  t.joins, t.with_backlog, t.resistive, t.demanded);
    assert_true(t.joins > 5000 && t.with_backlog > 100);
    assert_true(t.resistive > PLANS / 4 && t.demanded > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_joined_span_is_completed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
