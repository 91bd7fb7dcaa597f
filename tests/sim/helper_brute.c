#include "helper_brute.h"

#include "sim/panel_curve.h"
#include "sim/sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MODULES = 2, SAMPLES = 2, TRACE = 8, CHOICES = 24, MOST_RUNS = 2000 };

/* Two or three inputs, an extractor of one or two spans, two modules of one or two; or two modules
   that begin with the extractor, in spans of their own. */
typedef struct tiny {
    wick_device device;
    wick_plan plan;
    wick_segment segments[1 + MODULES];
    wick_span spans[10];
    wick_step steps[10];
    wick_cost costs[10];
    wick_plan_store stores[10];
    wick_plan_reload reloads[10];
    wick_trace trace;
    double times[TRACE], powers[TRACE];
    wick_iv iv[TRACE];
    wick_harvester harvester;
    uint8_t correct[MODULES * SAMPLES];
    wick_sim_options options;
} tiny;

static double between(wick_rng *rng, double low, double high) {
    return low + (high - low) * wick_rng_uniform_double(rng);
}

/* All costs are shares of a charge of 100 uJ. */
static wick_cost cost(double uj, double us) {
    return (wick_cost){.time_us = us, .compute_uj = uj, .energy_uj = uj};
}

static void make_device(tiny *t, wick_rng *rng) {
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

static void make_plan(tiny *t, wick_rng *rng) {
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
            t->costs[spans] = cost(uj, uj * us_per_uj);
            t->stores[spans] = (wick_plan_store){.last_reader = -1};
        }
    }
    plan->step_cost = t->costs;
    plan->stores = t->stores;
    plan->commit = cost(0.01, 0.01 * us_per_uj);
    plan->take = plan->send = cost(0.1, 0.1 * us_per_uj);
    plan->boot = cost(t->device.boot_uj, t->device.boot_us);
    plan->model = (wick_model){.n_modules = MODULES,
                               .n_spans = (uint16_t)spans,
                               .n_steps = (uint16_t)spans,
                               .segments = t->segments,
                               .spans = t->spans,
                               .steps = t->steps};
}

/* One or both modules compute the extractor in a span, or in one for each step. */
static void make_recomputing_plan(tiny *t, wick_rng *rng) {
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
            t->costs[steps] = cost(uj, uj * us_per_uj);
            t->stores[steps++] = (wick_plan_store){.last_reader = -1};
        }
        t->segments[k] =
            (wick_segment){.first_span = (uint16_t)first, .n_spans = (uint16_t)(spans - first)};
    }
    plan->step_cost = t->costs;
    plan->stores = t->stores;
    double commit_uj = between(rng, 1, 5);
    plan->commit = cost(commit_uj, commit_uj * us_per_uj);
    plan->take = plan->send = cost(0.1, 0.1 * us_per_uj);
    plan->boot = cost(t->device.boot_uj, t->device.boot_us);
    plan->model = (wick_model){.n_modules = MODULES,
                               .n_spans = (uint16_t)spans,
                               .n_steps = (uint16_t)steps,
                               .extractor_steps = SHARED,
                               .segments = t->segments,
                               .spans = t->spans,
                               .steps = t->steps};
}

/* Spans that wait for charge: mostly a little more than they take, some less, some none; of some
   the next one of the segment reads what is in SRAM, unless a commit or a power failure came
   between. */
static void make_waiting(tiny *t, wick_rng *rng, double least, double most) {
    make_plan(t, rng);
    wick_plan *plan = &t->plan;
    double off_v = t->device.capacitor.off_v, uf = t->device.capacitor.uf;
    double us_per_uj = t->costs[0].time_us / t->costs[0].energy_uj;
    double commit_uj = between(rng, 0.01, 4);
    plan->commit = cost(commit_uj, commit_uj * us_per_uj);
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
        t->stores[i] =
            (wick_plan_store){.cost = cost(store_uj, store_uj * us_per_uj), .last_reader = i + 1};
        t->reloads[plan->n_reloads++] = (wick_plan_reload){
            .step = i + 1, .producer = i, .cost = cost(reload_uj, reload_uj * us_per_uj)};
    }
}

static void make_waiting_plan(tiny *t, wick_rng *rng) {
    make_waiting(t, rng, 0.8, 1.5);
}

static void make_impatient_plan(tiny *t, wick_rng *rng) {
    make_waiting(t, rng, 1.2, 3);
}

static void make_world(tiny *t, wick_rng *rng) {
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

/* The same powers, at most, from a source behind a diode: a panel or a resistance, whose current
   ends within the capacitor's voltages or above them. */
static void make_diode(tiny *t, wick_rng *rng) {
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

/* ---- all schedules ---- */

/* Digits of the schedule; those that a run asks for beyond `n` are 0. */
typedef struct schedule {
    int digits[CHOICES], bases[CHOICES], n;
    const tiny *t;
} schedule;

static int next_choice(schedule *s, int base) {
    if (s->n == CHOICES)
        return 0;
    s->bases[s->n] = base;
    return s->digits[s->n++];
}

/* Work for one of the modules (of those that begin with the extractor also the other one, when one
   is past its first commit), or nothing until the next third of a period, or without an input until
   the next one: asleep where that takes nothing, else off; before an input is begun both are tried.
 */
static wick_sim_action choose(void *ctx, const wick_sim_state *state) {
    schedule *s = ctx;
    const wick_segment *segments = s->t->segments;
    bool free_sleep = s->t->device.sleep_uw == 0;
    double parts = state->input < 0 ? 1 : 3;
    double next_s = (floor(state->now_s * parts + 1e-6) + 1) / parts;
    if (state->answered || state->now_s >= state->deadline_s)
        return (wick_sim_action){.kind = WICK_SIM_DROP};
    int k = state->features ? state->segment : 0;
    if (k && state->progress[k] == segments[k].n_spans)
        return (wick_sim_action){.kind = WICK_SIM_GO_ON};
    bool begun = state->input >= 0 && (k > 0 || state->features || state->progress[0] > 0);
    int works = state->input < 0 ? 0 : k == 0 && state->features ? MODULES : 1;
    bool turns = k && s->t->plan.model.extractor_steps && state->progress[k] > 0 &&
                 state->progress[3 - k] == 0;
    if (turns)
        works = 2; /* to go on first */
    int choice = next_choice(s, works + (free_sleep || begun ? 1 : 2));
    if (choice < works)
        return (wick_sim_action){.kind = WICK_SIM_MODULE,
                                 .module = !k       ? 1 + choice
                                           : choice ? 3 - k
                                                    : k};
    bool off = choice == works && !free_sleep;
    return (wick_sim_action){.kind = off ? WICK_SIM_OFF : WICK_SIM_SLEEP, .until_s = next_s};
}

/* The next schedule in the order of its digits; false: that was the last. `n` as the run left it.
 */
static bool advance(schedule *s) {
    int last = s->n - 1;
    while (last >= 0 && s->digits[last] + 1 == s->bases[last])
        s->digits[last--] = 0;
    if (last < 0)
        return false;
    s->digits[last]++;
    for (int i = last + 1; i < CHOICES; i++)
        s->digits[i] = 0;
    return true;
}

typedef struct best {
    double expected;
    int correct, runs;
} best;

static best search(tiny *t) {
    best b = {0};
    schedule s = {.t = t};
    const wick_sim_control control = {.act = choose, .ctx = &s};
    t->options.control = &control;
    do {
        wick_sim_result r;
        s.n = 0;
        assert_int_equal(
            wick_sim_run(&t->plan, &t->trace, &t->options, t->correct, SAMPLES, &r, NULL), WICK_OK);
        b.expected = fmax(b.expected, r.expected_in_time);
        b.correct = r.correct_in_time > b.correct ? r.correct_in_time : b.correct;
        wick_sim_free(&r);
    } while (++b.runs < MOST_RUNS && advance(&s));
    t->options.control = NULL;
    return b;
}

void brute_try(void **state) {
    const brute_worlds *worlds = *state;
    static void (*const make[])(tiny *, wick_rng *) = {[BRUTE_PLAIN] = make_plan,
                                                       [BRUTE_RECOMPUTING] = make_recomputing_plan,
                                                       [BRUTE_WAITING] = make_waiting_plan,
                                                       [BRUTE_IMPATIENT] = make_impatient_plan};
    static tiny t;
    int tighter = 0, open = 0, equal = 0, whole = 0;
    int found = 0;
    double most = 0, reached = 0, searched_all = 0, most_all = 0;
    for (int seed = 1; seed <= worlds->cases; seed++) {
        wick_rng rng = wick_rng_seed((uint64_t)seed, 0x74696e79);
        make_device(&t, &rng);
        make[worlds->kind](&t, &rng);
        make_world(&t, &rng);
        if (worlds->diode)
            make_diode(&t, &rng);
        t.options.seed = (uint64_t)seed;
        t.options.no_voltage = worlds->kind < BRUTE_WAITING;
        /* Patience lasts longer than the run, or a quarter of a period. */
        t.options.wait_s = worlds->kind == BRUTE_IMPATIENT ? 0.004 : 0.2;
        const best b = search(&t);
        wick_bound bound, known, fine;
        /* The trace changes within intervals. */
        wick_clairvoyant_options grid = {.slots = 27, .levels = 40, .charges = 100};
        assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &grid,
                                          &bound, NULL),
                         WICK_OK);
        grid.known = true;
        assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &grid,
                                          &known, NULL),
                         WICK_OK);
        grid.known = false;
        grid.tires = grid.cold = true;
        assert_int_equal(
            wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &grid, &fine, NULL),
            WICK_OK);
        assert_true(fine.expected <= bound.expected + 1e-6);
        tighter += fine.expected < bound.expected - 1e-6;
        double limit = fine.expected * bound.inputs;
        if (b.expected > limit + 1e-5 || b.correct > known.expected * known.inputs + 1e-5)
            fail_msg("case %d: %g expected and %d right of %d inputs; bounds %g and %g", seed,
                     b.expected, b.correct, bound.inputs, limit, known.expected * known.inputs);
        double searched;
        assert_int_equal(wick_clairvoyant_replay(&t.plan, &t.trace, &t.options, t.correct, SAMPLES,
                                                 &grid, &fine, &searched, NULL),
                         WICK_OK);
        searched *= fine.inputs;
        if (searched > limit + 1e-5)
            fail_msg("case %d: a schedule of %g of %g", seed, searched, limit);
        if (limit < 0.1)
            continue;
        open++;
        found += searched > b.expected - 1e-5;
        searched_all += searched;
        most_all += limit;
        if (b.runs == MOST_RUNS)
            continue;
        whole++;
        equal += b.expected > limit - 1e-5;
        most += limit;
        reached += b.expected;
    }
    print_message(
        "%d cases, %d searched wholly: in %d the best schedule equals the bound; it reaches "
        "%.1f %% of all; %d are lower where what the engine knows is in the state\n",
        open, whole, equal, 100 * reached / most, tighter);
    print_message("the search reaches %.1f %%; in %d cases no less than the best of those tried\n",
                  100 * searched_all / most_all, found);
    assert_true(found >= 0.85 * open); /* thirds of a period are among its instants */
    assert_true(whole >= worlds->least_whole * worlds->cases &&
                equal >= worlds->least_equal * whole);
    assert_true(reached >= worlds->least_reached * most);
}

/* One charge, no harvest: less than the small module takes on its own, whose extractor commits
   three times, but enough for the large module's extractor, which commits once, and then the small
   module. */
void brute_turn(void **state) {
    (void)state;
    static tiny t;
    wick_rng rng = wick_rng_seed(1, 1);
    enum { COMMIT = 10 };
    do
        make_recomputing_plan(&t, &rng);
    while (t.segments[1].n_spans != 2 || t.segments[2].n_spans != 4);
    make_device(&t, &rng);
    make_world(&t, &rng);
    t.device.capacitor.max_v = 4;
    t.device.capacitor.leakage_ua = t.device.sleep_uw = 0;
    t.device.boot_uj = 1;
    t.plan.boot = cost(1, 1000);
    t.plan.commit = cost(COMMIT, 100);
    for (int k = 0; k < t.plan.model.n_steps; k++)
        t.costs[k] = cost(k == 3 ? 60 : 3, 100);
    memset(t.powers, 0, sizeof t.powers);
    t.options.workload = (wick_workload){.period_s = 1, .deadline_s = 1};
    t.options.duration_s = 1;
    /* A boot, the input, a decision, the large extractor and its commit, a decision, the small
       module's own step and its commit, the delivery. Its own way: two more commits, no decision.
     */
    double turned_uj = 1 + (0.1 + COMMIT) + COMMIT + (9 + COMMIT) + COMMIT + (3 + COMMIT) + 0.1;
    int by_turning = 0, none = 0;
    for (double uj = turned_uj - 5; uj < turned_uj + 2 * COMMIT; uj += 0.5) {
        wick_bound bound;
        wick_clairvoyant_options grid = {.slots = 6, .levels = 200, .charges = 1000};
        t.device.capacitor.on_v = 2.1;
        t.options.start_v = sqrt(4 + 2 * uj / t.device.capacitor.uf);
        best b = search(&t);
        assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &grid,
                                          &bound, NULL),
                         WICK_OK);
        assert_true(b.runs < MOST_RUNS);
        assert_true(b.expected <= bound.expected * bound.inputs + 1e-5);
        by_turning += b.expected > 0 && uj < turned_uj + COMMIT - 0.5;
        none += bound.expected == 0;
    }
    print_message("%d charges carry the turn alone, %d nothing\n", by_turning, none);
    assert_true(by_turning > 10 && none > 2);
}

/* Two spans of 30 uJ, of which the first takes first_s; both ask for more than there ever is. */
static void make_tired(tiny *t, double start_uj, double first_s) {
    wick_rng rng = wick_rng_seed(1, 1);
    do
        make_plan(t, &rng);
    while (t->plan.model.n_spans != 1 + MODULES);
    make_device(t, &rng);
    make_world(t, &rng);
    t->device.capacitor.max_v = 4;
    t->device.capacitor.on_v = 2.1;
    t->device.sleep_uw = 0;
    t->device.boot_uj = 1;
    t->plan.boot = cost(1, 1000);
    t->plan.commit = cost(0.01, 10);
    t->plan.take = t->plan.send = cost(0.1, 10);
    for (int i = 0; i < t->plan.model.n_spans; i++) {
        t->spans[i].need_mv = 3900;
        t->costs[i] = cost(30, i ? 20000 : 1e6 * first_s);
    }
    t->options.workload = (wick_workload){.period_s = 1, .deadline_s = 0.8};
    t->options.duration_s = 1;
    t->options.no_voltage = false;
    t->options.wait_s = 0.004; /* patience lasts a quarter of the period */
    t->options.start_v = sqrt(4 + 2 * start_uj / t->device.capacitor.uf);
    t->options.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
}

static void tire(tiny *t) {
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&t->plan, &t->trace, &t->options, t->correct, SAMPLES, &r, NULL),
                     WICK_OK);
    assert_int_equal(r.in_time, 1);
    for (int slots = 10; slots <= 320; slots *= 2)
        for (int tires = 0; tires < 2; tires++) {
            wick_clairvoyant_options grid = {
                .slots = slots, .levels = 40, .charges = 400, .tires = tires, .cold = tires};
            wick_bound bound;
            assert_int_equal(wick_clairvoyant(&t->plan, &t->trace, &t->options, t->correct, SAMPLES,
                                              &grid, &bound, NULL),
                             WICK_OK);
            assert_true(bound.expected * bound.inputs >= r.expected_in_time - 1e-5);
        }
    wick_sim_free(&r);
}

void brute_tire(void **state) {
    (void)state;
    static tiny t;
    make_tired(&t, 75, 0.02); /* leakage takes what comes in, below what the spans ask for */
    t.device.capacitor.leakage_ua = 20;
    for (int i = 0; i < TRACE; i++)
        t.powers[i] = 60;
    tire(&t);
    make_tired(&t, 44, 0.4); /* dark while it tires, light when the second span begins */
    t.device.capacitor.leakage_ua = 0;
    for (int i = 0; i < TRACE; i++)
        t.powers[i] = i ? 120 : 0;
    tire(&t);
    make_tired(&t, 42, 0.02); /* in the dark, with what the spans take, less than they ask for */
    t.device.capacitor.leakage_ua = 0;
    for (int i = 1; i < t.plan.model.n_spans; i++)
        t.costs[i] = cost(5, 20000);
    memset(t.powers, 0, sizeof t.powers);
    tire(&t);
    make_tired(&t, 25.5, 0.4); /* a span of 30 uJ begins with 24: the light of its time ends it */
    t.device.capacitor.leakage_ua = 0;
    for (int i = 1; i < t.plan.model.n_spans; i++)
        t.costs[i] = cost(5, 20000);
    for (int i = 0; i < TRACE; i++)
        t.powers[i] = i ? 120 : 0;
    tire(&t);
}

/* An answer of two spans that take `uj` together. A boot at 41.7 uJ; some light, then none. */
static void make_leaky(tiny *t, double uj, double start_uj, double power_uw, bool gated) {
    make_tired(t, start_uj, 0.02);
    t->device.capacitor.leakage_ua = 20;
    t->device.capacitor.on_v = 3;
    t->options.wait_s = 0.2; /* it does not tire */
    t->times[1] = 0.23;
    for (int i = 0; i < TRACE; i++)
        t->powers[i] = i ? 0 : power_uw;
    for (int i = 0; i < t->plan.model.n_spans; i++) {
        double need_v = sqrt(4 + 1.02 * uj / t->device.capacitor.uf);
        t->costs[i] = cost(uj / 2, 20000);
        t->spans[i].need_mv = gated ? (uint16_t)(1e3 * need_v) : 0;
    }
}

static wick_sim_result run_leaky(tiny *t) {
    wick_sim_result r;
    assert_int_equal(wick_sim_run(&t->plan, &t->trace, &t->options, t->correct, SAMPLES, &r, NULL),
                     WICK_OK);
    wick_sim_free(&r);
    return r;
}

/* Light that makes it boot when the light ends. */
static double least_power_uw(tiny *t, double start_uj) {
    double power_uw = 0;
    do
        make_leaky(t, 20, start_uj, power_uw += 0.5, false);
    while (run_leaky(t).boots == 0 && power_uw < 1000);
    return power_uw;
}

/* The most that such an answer takes in a run is what the bound says, but for its steps and what
   leaks in a part of an interval: with a boot at once, and with one towards an interval's end. */
void brute_leak(void **state) {
    (void)state;
    static tiny t;
    for (int i = 0; i < 4; i++) {
        const wick_clairvoyant_options grid = {.slots = 8, .levels = 40, .charges = 2000};
        double run_uj = 0, bound_uj = 0, start_uj = i / 2 ? 43 : 32;
        double power_uw = i / 2 ? 0 : least_power_uw(&t, start_uj);
        for (double uj = 20; uj < 50; uj += 0.25) {
            wick_bound bound;
            make_leaky(&t, uj, start_uj, power_uw, i % 2);
            run_uj = run_leaky(&t).in_time ? uj : run_uj;
            assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES,
                                              &grid, &bound, NULL),
                             WICK_OK);
            bound_uj = bound.expected * bound.inputs > 0.99 ? uj : bound_uj;
        }
        print_message("from %g uJ, %g uW: %g in a run, at most %g\n", start_uj, power_uw, run_uj,
                      bound_uj);
        assert_true(run_uj > 20 && run_uj <= bound_uj && bound_uj <= run_uj + 5);
    }
}

/* A boot as soon as the capacitor allows, a span long behind it, and a capacitor that leaks: what
   the boot took leaks no more. */
void brute_boot(void **state) {
    (void)state;
    static tiny t;
    const wick_clairvoyant_options grid = {.slots = 2, .levels = 40, .charges = 2000};
    double run_uj = 0, bound_uj = 0;
    for (double uj = 90; uj < 125; uj += 0.5) {
        wick_sim_result run;
        wick_bound bound;
        make_tired(&t, 41.7, 0.02);
        t.device.capacitor.leakage_ua = 20;
        t.device.capacitor.on_v = 3;
        t.device.capacitor.max_v = 4;
        t.device.sleep_uw = 0;
        t.device.boot_uj = 30;
        t.plan.boot = cost(30, 1000);
        t.options.start_v = 3.001;
        t.options.wait_s = 0.2;
        t.options.workload = (wick_workload){.period_s = 1, .deadline_s = 0.9};
        for (int i = 0; i < TRACE; i++) {
            t.times[i] = i ? 0.4 + 0.5 * (i - 1) : 0;
            t.powers[i] = i ? 0 : 200;
        }
        for (int i = 0; i < t.plan.model.n_spans; i++) {
            t.costs[i] = cost(i ? 10 : 1, i ? 2000 : 1000);
            t.spans[i].need_mv =
                i == 1 ? (uint16_t)(1e3 * sqrt(2 * uj / t.device.capacitor.uf)) : 0;
        }
        assert_int_equal(
            wick_sim_run(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &run, NULL), WICK_OK);
        assert_int_equal(wick_clairvoyant(&t.plan, &t.trace, &t.options, t.correct, SAMPLES, &grid,
                                          &bound, NULL),
                         WICK_OK);
        assert_true(run.expected_in_time <= bound.expected * bound.inputs + 1e-5);
        run_uj = run.in_time ? uj : run_uj;
        bound_uj = bound.expected * bound.inputs > 0.99 ? uj : bound_uj;
        wick_sim_free(&run);
    }
    print_message("a span begins at %g uJ in a run, at most at %g\n", run_uj, bound_uj);
    assert_true(run_uj > 90 && bound_uj <= run_uj + 5);
}
