/* The planner's searches against brute force: every division of small layers, every choice of
   commits of small networks. */
#include "plan/plan_memo.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_qnet.h"

static wick_arena *arena;
static wick_device *fram, *mram;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return wick_device_load(arena, "m4-fram", &fram, NULL) == WICK_OK &&
                   wick_device_load(arena, "m4-mram", &mram, NULL) == WICK_OK
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

static bool near(double a, double b) {
    return a == b || fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b));
}

/* ---- one layer ---- */

enum { MOST_BORDERS = 9 };

typedef struct brute {
    const wick_plan_costs *costs;
    const wick_pack_limits *limits;
    int64_t scratch;
    uint32_t borders[MOST_BORDERS + 1], out_c, total;
    int n;
    double best;
    long tried;
} brute;

static bool may_be_a_step(const brute *b, uint32_t first, uint32_t end) {
    bool whole = first % b->out_c == 0 && (end % b->out_c == 0 || end == b->total);
    return whole || (first / b->out_c == (end - 1) / b->out_c);
}

/* Steps before border `at` are decided; the open span's energy and time, without its commit. */
static void go_on(brute *b, int at, wick_cost open, double closed) {
    const wick_device *device = b->costs->device;
    if (at == b->n) {
        b->tried++;
        if (closed < b->best)
            b->best = closed;
        return;
    }
    for (int end = at + 1; end <= b->n; end++) {
        wick_step step = {.first = b->borders[at], .count = b->borders[end] - b->borders[at]};
        if (!may_be_a_step(b, step.first, step.first + step.count) ||
            (int64_t)wick_plan_step_scratch(b->costs, step) > b->scratch)
            continue;
        wick_cost more = wick_device_cost(device, wick_plan_step_work(b->costs, step));
        wick_cost span = wick_cost_add(open, more);
        wick_cost whole =
            wick_cost_add(span, wick_device_cost(device, wick_plan_commit_work(device)));
        if (whole.energy_uj > b->limits->span_uj * (1 + 1e-9))
            continue;
        go_on(b, end, (wick_cost){0},
              closed + wick_pack_expected(b->limits, whole, (wick_cost){0}));
        if (end < b->n)
            go_on(b, end, span, closed);
    }
}

static void assert_division(const wick_plan_costs *costs, const wick_pack_limits *limits,
                            const brute *b) {
    wick_packing packing = {0};
    double expected = INFINITY;
    wick_pack_room room;
    wick_plan_pieces pieces = {0};
    bool found = wick_pack_layer(costs, limits, 0, b->scratch, &pieces, &packing, &expected, &room);
    wick_plan_pieces_free(&pieces);
    assert_int_equal(found, !isinf(b->best));
    if (!found)
        return;
    if (!near(expected, b->best))
        fail_msg("expected %.12g, brute force finds %.12g", expected, b->best);
    /* What is handed over is what was counted. */
    double sum = 0;
    uint32_t at = 0;
    for (int s = 0; s < packing.n_spans; s++) {
        wick_work work = wick_plan_commit_work(costs->device);
        for (int i = 0; i < packing.spans[s].n_steps; i++) {
            wick_step step = packing.steps[packing.spans[s].first_step + i];
            assert_int_equal(step.first, at);
            at += step.count;
            work = wick_work_add(work, wick_plan_step_work(costs, step));
        }
        sum += wick_pack_expected(limits, wick_device_cost(costs->device, work), (wick_cost){0});
    }
    assert_int_equal(at, b->total);
    assert_true(near(sum, expected));
    wick_packing_free(&packing);
}

static wick_qnet *one_layer(wick_rng *rng, int channels, int size) {
    tiny t = tiny_begin(wick_rng_below(rng, 1000), size, 1 + (int)wick_rng_below(rng, 4));
    t.segment = 1;
    int k = 1 + 2 * (int)wick_rng_below(rng, 2);
    tiny_logits(&t, wick_rng_below(rng, 4) ? tiny_conv(&t, 0, channels, k, 1)
                                           : tiny_fc(&t, 0, channels));
    return tiny_end(&t);
}

/* Borders as the layer's geometry allows them, found element by element. */
static bool find_borders(brute *b, uint32_t unit) {
    b->n = 0;
    b->borders[0] = 0;
    for (uint32_t at = unit; at < b->total + unit; at += unit) {
        uint32_t end = at < b->total ? at : b->total, pixel = end / b->out_c * b->out_c;
        uint32_t next = pixel + b->out_c;
        /* inside a pixel: only if both of its ends are borders themselves */
        bool inside = end != pixel && end != b->total;
        if (inside && (pixel % unit != 0 || (next % unit != 0 && next != b->total)))
            continue;
        if (b->n == MOST_BORDERS)
            return false;
        b->borders[++b->n] = end;
    }
    return true;
}

static void divisions_are_the_best(void **state) {
    (void)state;
    int divided = 0, impossible = 0, several = 0;
    for (uint64_t seed = 1; seed <= 1200; seed++) {
        wick_rng rng = wick_rng_seed(seed, 11);
        wick_device device = seed % 2 ? *fram : *mram;
        device.nvm.write_unit_bytes = 1 << wick_rng_below(&rng, 5);
        device.nvm.ecc_bytes = 0;
        wick_qnet *net = one_layer(&rng, 1 + (int)wick_rng_below(&rng, 24), 2 + (int)(seed % 2));
        wick_plan_costs costs = {.net = net,
                                 .layers = net->layers,
                                 .device = &device,
                                 .view = {.layers = net->layers, .n_layers = 1}};
        brute b = {.costs = &costs,
                   .out_c = net->layers[0].out_c,
                   .total = wick_plan_layer_total(&net->layers[0]),
                   .best = INFINITY};
        wick_step whole = {.count = b.total};
        double uj = wick_device_cost(&device, wick_plan_step_work(&costs, whole)).energy_uj;
        double commit = wick_device_cost(&device, wick_plan_commit_work(&device)).energy_uj;
        wick_pack_limits limits = {
            .span_uj = commit + uj * exp(-0.7 + 1.2 * wick_rng_uniform_double(&rng)),
            .latency_weight = seed % 3 == 0 ? wick_rng_uniform_double(&rng) : 0,
            .active_uj_per_us = device.active_mw / 1e3};
        limits.usable_uj = limits.span_uj * (1 + wick_rng_uniform_double(&rng));
        int64_t most = wick_plan_step_scratch(&costs, whole);
        b.limits = &limits;
        b.scratch =
            (int64_t)((double)most * (0.6 + (seed % 5 ? 1 : 0.5) * wick_rng_uniform_double(&rng)));
        if (find_borders(&b, (uint32_t)device.nvm.write_unit_bytes) && b.n > 3) {
            go_on(&b, 0, (wick_cost){0}, 0);
            assert_division(&costs, &limits, &b);
            impossible += isinf(b.best);
            several += b.tried > 100;
            divided++;
        }
        tiny_free(net);
    }
    print_message("%d layers, %d of them impossible, %d with more than 100 divisions\n", divided,
                  impossible, several);
    assert_true(divided > 200 && several > 50 && impossible < divided / 2);
}

/* ---- where commits fall ---- */

/* Residual, concatenated and plain layers: tensors with several readers, spans that reload. */
static wick_qnet *random_net(uint64_t seed) {
    wick_rng rng = wick_rng_seed(seed, 12);
    tiny t = tiny_begin(seed, 6 + 2 * (int)wick_rng_below(&rng, 3), 3);
    int width = 2 + 2 * (int)wick_rng_below(&rng, 3);
    int a = tiny_conv(&t, 0, width, 3, 1), old = a;
    for (int i = 0; i < 4; i++) {
        int b = wick_rng_below(&rng, 2) ? tiny_dwconv(&t, a) : tiny_conv(&t, a, width, 1, 1);
        if (wick_rng_below(&rng, 2))
            b = tiny_add(&t, wick_rng_below(&rng, 2) ? a : old, b);
        old = a;
        a = b;
    }
    t.net->features = a;
    for (t.segment = 1; t.segment <= 2; t.segment++) {
        int c = tiny_conv(&t, a, width, 3, 1 + t.segment % 2);
        tiny_logits(&t, tiny_fc(&t, tiny_global_pool(&t, tiny_conv(&t, c, 2 * width, 1, 1)), 10));
    }
    return tiny_end(&t);
}

/* The least expected energy of a segment over all 2^(n-1) ways to divide its steps into spans. */
static double best_commits(const wick_plan *plan, int segment, long *feasible) {
    wick_plan_costs costs = wick_plan_costs_of(plan);
    const wick_plan_segment *row = &plan->segments[segment];
    int first = plan->model.spans[row->first_span].first_step, n = 0;
    for (int s = row->first_span; s < row->first_span + row->n_spans; s++)
        n += plan->model.spans[s].n_steps;
    wick_pack_limits limits = {.usable_uj = plan->charge_uj - plan->boot.energy_uj};
    double span_uj = plan->options.margin * plan->charge_uj - plan->boot.energy_uj;
    double best = INFINITY;
    /* The spans of the plan, and behind them the one that is looked at. */
    wick_model view = plan->model;
    wick_span *spans = wick_xalloc((plan->model.n_spans + 1u) * sizeof *spans);
    memcpy(spans, plan->model.spans, plan->model.n_spans * sizeof *spans);
    view.spans = spans;
    for (uint32_t commits = 0; commits < 1u << (n - 1); commits++) {
        double sum = 0;
        for (int i = 0, begin = 0; i < n; i++) {
            if (i < n - 1 && !(commits >> i & 1))
                continue;
            wick_span span = {.first_step = (uint16_t)(first + begin),
                              .n_steps = (uint16_t)(i + 1 - begin)};
            spans[plan->model.n_spans] = span;
            wick_cost cost = wick_device_cost(
                plan->device, wick_plan_span_work(&costs, &view, segment, plan->model.n_spans));
            wick_cost reload = wick_device_cost(
                plan->device,
                wick_plan_reload_work(&costs, plan->model.steps + span.first_step, span.n_steps));
            bool fits = cost.energy_uj + reload.energy_uj <= span_uj * (1 + 1e-9);
            sum += fits ? wick_pack_expected(&limits, cost, reload) : INFINITY;
            begin = i + 1;
        }
        *feasible += !isinf(sum);
        best = fmin(best, sum);
    }
    free(spans);
    return best;
}

static double planned(const wick_plan *plan, int segment) {
    wick_pack_limits limits = {.usable_uj = plan->charge_uj - plan->boot.energy_uj};
    const wick_plan_segment *row = &plan->segments[segment];
    double sum = 0;
    for (int s = row->first_span; s < row->first_span + row->n_spans; s++)
        sum += wick_pack_expected(&limits, plan->span_cost[s], plan->span_reload[s]);
    return sum;
}

static void commits_fall_where_they_should(void **state) {
    (void)state;
    long segments = 0, feasible = 0, with_commits = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        wick_qnet *net = random_net(seed);
        wick_rng rng = wick_rng_seed(seed, 13);
        wick_plan_options options = wick_plan_defaults();
        options.features = WICK_FEATURES_STORED; /* each layer has its one step */
        wick_plan *plan;
        assert_int_equal(wick_plan_make(net, seed % 2 ? fram : mram, &options, NULL, &plan, NULL),
                         WICK_OK);
        options.capacitor_uf =
            plan->min_capacitor_uf * exp(0.5 + 1.5 * wick_rng_uniform_double(&rng));
        wick_plan_free(plan);
        plan = NULL;
        wick_status status =
            wick_plan_make(net, seed % 2 ? fram : mram, &options, NULL, &plan, &(wick_diag){0});
        if (status == WICK_OK && plan->model.n_steps == net->n_layers) {
            for (int s = 0; s < plan->n_segments; s++) {
                double best = best_commits(plan, s, &feasible);
                if (!near(planned(plan, s), best))
                    fail_msg("seed %d, segment %d: %.12g planned, %.12g is possible", (int)seed, s,
                             planned(plan, s), best);
                segments++;
                with_commits += plan->segments[s].n_spans > 1;
            }
        }
        wick_plan_free(plan);
        tiny_free(net);
    }
    print_message("%ld segments, %ld feasible choices, %ld with commits inside\n", segments,
                  feasible, with_commits);
    assert_true(segments > 60 && feasible > 10 * segments && with_commits > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(divisions_are_the_best),
                                       cmocka_unit_test(commits_fall_where_they_should)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
