/* Sizing: targets as text, every point is the run that it stands for, choices by hand, any number
   of threads, files, and what is refused. */
#include "helper_net_plan.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 400 };

typedef struct bench {
    net_plan net;
    wick_trace trace;
    double times[SAMPLES], powers[SAMPLES];
    wick_sim_options simulation;
    wick_sizing_options options;
} bench;

/* Light that comes and goes; on average it carries the largest module `share` times a period. */
static bench *make_bench(double share) {
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    net_plan_make(&b->net, 5, "m4-fram", 22, 0);
    const wick_plan *p = b->net.plan;
    double need_uj = p->segments[0].cost.energy_uj + p->segments[1].cost.energy_uj;
    for (int i = 0; i < SAMPLES; i++) {
        b->times[i] = 0.25 * i;
        b->powers[i] = i % 40 < 8 ? 5 * share * need_uj : 0.1;
    }
    b->trace = (wick_trace){.n = SAMPLES,
                            .time_s = b->times,
                            .power_uw = b->powers,
                            .end_s = 0.25 * SAMPLES,
                            .path = "light",
                            .quantity = "power"};
    b->simulation = wick_sim_defaults();
    b->simulation.workload.period_s = b->simulation.workload.deadline_s = 1;
    b->simulation.wait_s = 0.02;
    b->options.capacitor_uf = (wick_size_axis){5, {0.01, 10, 22, 100, 1000}};
    b->options.panel = (wick_size_axis){3, {0.5, 1, 4}};
    b->options.on_v = (wick_size_axis){2, {3, 4}};
    return b;
}

static void free_bench(bench *b) {
    net_plan_free(&b->net);
    free(b);
}

static wick_status size(bench *b, wick_sizing *s, wick_diag *diag) {
    return wick_sizing_run(b->net.arena, b->net.plan, &b->trace, &b->simulation, b->net.correct,
                           NET_SAMPLES, &b->options, s, diag);
}

static void set_target(bench *b, const char *text) {
    assert_int_equal(wick_target_parse(text, &b->options.target, NULL), WICK_OK);
}

static void targets_are_read_and_written(void **state) {
    (void)state;
    wick_target t;
    wick_arena *arena = wick_arena_new();
    assert_int_equal(
        wick_target_parse("accuracy>=80%,answers>=0.95,latency<=2 min,failures<=3/day", &t, NULL),
        WICK_OK);
    assert_int_equal(t.n, 4);
    assert_int_equal(t.goal[0].figure, WICK_FIGURE_ACCURACY);
    assert_true(t.goal[0].at_least && fabs(t.goal[0].value - 0.8) < 1e-12);
    assert_true(fabs(t.goal[1].value - 0.95) < 1e-12);
    assert_true(!t.goal[2].at_least && t.goal[2].value == 120);
    assert_true(t.goal[3].value == 3);
    assert_string_equal(wick_target_text(arena, &t),
                        "accuracy>=80%,answers>=95%,latency<=120s,failures<=3/day");
    double figures[WICK_FIGURES] = {0.8, 0.95, 120, 3};
    assert_true(wick_target_met(&t, figures));
    figures[WICK_FIGURE_LATENCY] = NAN;
    assert_false(wick_target_met(&t, figures));
    figures[WICK_FIGURE_LATENCY] = 121;
    assert_false(wick_target_met(&t, figures));
    wick_arena_free(arena);
}

static void bad_targets_are_refused(void **state) {
    (void)state;
    wick_target t;
    static const struct {
        const char *text, *says;
        wick_status status;
    } bad[] = {{"", "needs a figure", WICK_SYNTAX},
               {"accuracy", "needs a figure", WICK_SYNTAX},
               {"accuracy>80%", "needs a figure", WICK_SYNTAX},
               {"beauty>=1", "no such figure", WICK_UNKNOWN},
               {"accuracy>=180%", "no value", WICK_RANGE},
               {"accuracy>=80", "shares are percent: accuracy>=80%", WICK_RANGE},
               {"wasted <= 5", "shares are percent: wasted<=5%", WICK_RANGE},
               {"accuracy>=80%,answers>=9 5%", "shares are percent", WICK_RANGE},
               {"accuracy> =80%", "needs a figure", WICK_SYNTAX},
               {"latency<=5mJ", "latency<=30s", WICK_RANGE},
               {"drawn<=5ms", "drawn<=2mJ", WICK_RANGE},
               {"failures<=5s", "failures<=3/day", WICK_RANGE},
               {"accuracy>=nan", "no value", WICK_RANGE},
               {"accuracy>=80 apples", "no value", WICK_RANGE},
               {"answers>=-1", "no value", WICK_RANGE}};
    for (size_t i = 0; i < WICK_LEN(bad); i++) {
        wick_diag diag = {0};
        assert_int_equal(wick_target_parse(bad[i].text, &t, &diag), bad[i].status);
        assert_true(wick_diag_contains(&diag, bad[i].says));
        assert_true(diag.count == 1 && !diag.items[0].file); /* the caller says where it stands */
        wick_diag_free(&diag);
    }
}

/* Blanks, units, and that what is printed says the same again. */
static void targets_take_blanks_and_units(void **state) {
    (void)state;
    static const struct {
        const char *text, *printed;
        double value;
    } cases[] = {
        {" answers >= 95 % ", "answers>=95%", 0.95}, {"answers >=\t0.95", "answers>=95%", 0.95},
        {"drawn<=1mJ", "drawn<=1000uJ", 1000},       {"drawn <= 0.002 J", "drawn<=2000uJ", 2000},
        {"drawn<=100", "drawn<=100uJ", 100},         {"drawn<=0uJ", "drawn<=0uJ", 0},
        {"latency<=5ms", "latency<=5ms", 0.005},     {"latency<=2.5", "latency<=2.5s", 2.5},
        {"latency <= 3  min", "latency<=180s", 180}, {"failures <= 3 /day", "failures<=3/day", 3}};
    wick_arena *arena = wick_arena_new();
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_target t, again;
        assert_int_equal(wick_target_parse(cases[i].text, &t, NULL), WICK_OK);
        assert_true(t.n == 1 && fabs(t.goal[0].value - cases[i].value) <= 1e-12 * cases[i].value);
        assert_string_equal(wick_target_text(arena, &t), cases[i].printed);
        assert_int_equal(wick_target_parse(cases[i].printed, &again, NULL), WICK_OK);
        assert_true(fabs(again.goal[0].value - t.goal[0].value) <= 1e-12 * t.goal[0].value);
    }
    wick_target t;
    assert_int_equal(wick_target_parse("accuracy>=80%, answers >= 95 %", &t, NULL), WICK_OK);
    assert_int_equal(t.n, 2);
    wick_arena_free(arena);
}

static void figures_by_hand(void **state) {
    (void)state;
    wick_sim_result r = {.inputs = 20,
                         .answers = 16,
                         .in_time = 15,
                         .expected_in_time = 12,
                         .power_failures = 3,
                         .simulated_s = 43200,
                         .mean_latency_s = 2.5,
                         .energy = {.harvested_uj = 1000,
                                    .clamped_uj = 250,
                                    .leakage_uj = 100,
                                    .boot_uj = 1,
                                    .sense_uj = 2,
                                    .compute_uj = 40,
                                    .nvm_uj = 20,
                                    .commit_uj = 5,
                                    .sleep_uj = 28,
                                    .reexecution_uj = 4}};
    static const double want[] = {0.6, 0.75, 2.5, 6, 0.25, 0.1, 0.05, 0.05, 5};
    double got[WICK_FIGURES];
    wick_figures_of(&r, got);
    for (int f = 0; f < WICK_FIGURES; f++)
        if (fabs(got[f] - want[f]) > 1e-12)
            fail_msg("%s is %g instead of %g", wick_figure_name((wick_figure)f), got[f], want[f]);
    r = (wick_sim_result){0};
    wick_figures_of(&r, got);
    for (int f = 0; f < WICK_FIGURES; f++)
        assert_true(isnan(got[f]));
}

/* Planned and simulated by hand: the same figures. */
static void a_point_is_its_own_run(void **state) {
    (void)state;
    bench *b = make_bench(0.7);
    wick_sizing s;
    b->options.leakage_ua_per_uf = 0.3; /* less than 0 for the smallest: then 0 */
    set_target(b, "accuracy>=10%");
    assert_int_equal(size(b, &s, NULL), WICK_OK);
    assert_int_equal(s.n, 5 * 3 * 2);
    int fits = 0, leaky = 0;
    for (int i = 0; i < s.n; i++) {
        const wick_sizing_point *p = &s.points[i];
        wick_device device = *b->net.device;
        wick_plan_options options = wick_plan_defaults();
        wick_plan *plan = NULL;
        device.capacitor.on_v = p->on_v;
        device.capacitor.leakage_ua =
            fmax(0, device.capacitor.leakage_ua + 0.3 * (p->capacitor_uf - s.own_uf));
        leaky += device.capacitor.leakage_ua > b->net.device->capacitor.leakage_ua && p->fits;
        options.capacitor_uf = p->capacitor_uf;
        wick_status status = wick_plan_make(b->net.net, &device, &options, NULL, &plan, NULL);
        assert_true(p->fits ? status == WICK_OK : status == WICK_NO_FIT);
        fits += p->fits;
        if (!p->fits)
            continue;
        wick_trace *trace = wick_trace_scaled(b->net.arena, &b->trace, p->panel);
        wick_sim_result r;
        double figures[WICK_FIGURES];
        assert_int_equal(
            wick_sim_run(plan, trace, &b->simulation, b->net.correct, NET_SAMPLES, &r, NULL),
            WICK_OK);
        wick_figures_of(&r, figures);
        assert_memory_equal(figures, p->figures, sizeof figures);
        assert_true(p->feasible == (figures[WICK_FIGURE_ACCURACY] >= 0.1));
        wick_sim_free(&r);
        wick_plan_free(plan);
    }
    assert_true(leaky > 0);
    assert_true(fits > 0 && fits < s.n); /* 0.01 uF carries nothing */
    free_bench(b);
}

static void the_cheapest_is_cheapest(void **state) {
    (void)state;
    bench *b = make_bench(0.7);
    wick_sizing s;
    set_target(b, "answers>=30%");
    for (int priced = 0; priced < 2; priced++) {
        b->options.price_per_uf = priced ? 0 : 1;
        b->options.price_per_panel = priced ? 1 : 0.001;
        assert_int_equal(size(b, &s, NULL), WICK_OK);
        assert_true(s.best >= 0);
        const wick_sizing_point *best = &s.points[s.best];
        assert_true(best->feasible);
        for (int i = 0; i < s.n; i++) {
            const wick_sizing_point *p = &s.points[i];
            if (!p->feasible)
                continue;
            assert_true(priced ? p->panel >= best->panel : p->capacitor_uf >= best->capacitor_uf);
        }
    }
    int front[5];
    wick_sizing_front(&s, front);
    assert_int_equal(front[0], -1);
    for (int i = 0; i < s.n; i++) {
        int c = i % 5;
        if (s.points[i].feasible) {
            assert_true(front[c] >= 0);
            assert_true(s.points[front[c]].panel <= s.points[i].panel);
            assert_true(s.points[front[c]].capacitor_uf == s.points[i].capacitor_uf);
        }
    }
    set_target(b, "answers>=100%,latency<=1us");
    assert_int_equal(size(b, &s, NULL), WICK_OK);
    assert_int_equal(s.best, -1);
    free_bench(b);
}

/* The answer to "would another capacitor help": at panel 1 and the device's thresholds. */
static void another_capacitor_is_named(void **state) {
    (void)state;
    bench *b = make_bench(0.7);
    wick_sizing s;
    set_target(b, "accuracy>=1%");
    b->options.on_v = (wick_size_axis){1, {b->net.device->capacitor.on_v}};
    /* Close enough to each other that some differ by little, and yet count. */
    b->options.capacitor_uf = (wick_size_axis){8, {5, 6, 8, 10, 22, 50, 100, 300}};
    assert_int_equal(size(b, &s, NULL), WICK_OK);
    assert_true(s.other >= 0);
    const wick_sizing_point *other = &s.points[s.other];
    assert_true(other->panel == 1);
    for (int i = 0; i < s.n; i++)
        if (s.points[i].fits && s.points[i].panel == 1) {
            double gain =
                s.points[i].figures[WICK_FIGURE_ACCURACY] - other->figures[WICK_FIGURE_ACCURACY];
            assert_true(gain <= 0.001);
            assert_true(gain < -0.001 || s.points[i].capacitor_uf >= other->capacitor_uf ||
                        gain <= 0);
        }
    assert_true(s.own.fits && s.own.capacitor_uf == 22);
    b->options.panel = (wick_size_axis){1, {2}};
    assert_int_equal(size(b, &s, NULL), WICK_OK);
    assert_int_equal(s.other, -1);
    free_bench(b);
}

/* Within a tenth of a point the smaller capacitor, and no further: one long night at the end of
   many inputs, of which each size bridges a part. */
static void a_tenth_of_a_point_is_none(void **state) {
    (void)state;
    bench *b = make_bench(0.7);
    wick_sizing s;
    double night[] = {0, 1000, 1020}, power[] = {1e6, 0, 1e6};
    b->trace.time_s = night;
    b->trace.power_uw = power;
    b->trace.n = 3;
    b->trace.end_s = 1100;
    b->simulation.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
    set_target(b, "accuracy>=1%");
    b->options.panel = (wick_size_axis){1, {1}};
    b->options.on_v = (wick_size_axis){1, {b->net.device->capacitor.on_v}};
    b->options.capacitor_uf = (wick_size_axis){8, {10, 22, 47, 100, 130, 140, 220, 470}};
    assert_int_equal(size(b, &s, NULL), WICK_OK);
    double most = s.points[s.n - 1].figures[WICK_FIGURE_ACCURACY];
    for (int i = 0; i < s.n; i++) {
        double loss = most - s.points[i].figures[WICK_FIGURE_ACCURACY];
        assert_true(s.points[i].fits && loss >= 0 && loss < 0.01);
        if (i == s.other) /* one answer more would be too much */
            assert_true(loss > 0.0008 && loss < 0.001);
        if (i == s.other - 1)
            assert_true(loss > 0.001 && loss < 0.0012);
    }
    assert_true(s.other > 0);
    free_bench(b);
}

static void threads_and_files_change_nothing(void **state) {
    (void)state;
    bench *b = make_bench(0.7);
    wick_sizing s, again;
    int threads = omp_get_max_threads();
    set_target(b, "accuracy>=20%,answers>=30%");
    omp_set_num_threads(1);
    assert_int_equal(size(b, &s, NULL), WICK_OK);
    omp_set_num_threads(4);
    assert_int_equal(size(b, &again, NULL), WICK_OK);
    omp_set_num_threads(threads);
    json_t *one = wick_sizing_json(&s), *other = wick_sizing_json(&again);
    assert_true(json_equal(one, other));
    json_decref(other);
    wick_diag diag = {0};
    wick_json_at root = wick_json_root(one, "sizing.json", b->net.arena, &diag);
    assert_int_equal(wick_sizing_from_json(root, b->net.arena, &again), WICK_OK);
    other = wick_sizing_json(&again);
    assert_true(json_equal(one, other));
    json_array_remove(json_object_get(one, "points"), 0);
    assert_int_equal(wick_sizing_from_json(root, b->net.arena, &again), WICK_SHAPE);
    assert_true(wick_diag_contains(&diag, "points"));
    wick_diag_free(&diag);
    /* A target that is none: the file and its field are named, no option. */
    json_object_set_new(one, "target", json_string("accuracy>=80"));
    assert_int_equal(wick_sizing_from_json(root, b->net.arena, &again), WICK_RANGE);
    assert_int_equal(diag.count, 1);
    assert_string_equal(diag.items[0].file, "sizing.json");
    assert_string_equal(diag.items[0].place, "target");
    assert_true(wick_diag_contains(&diag, "'accuracy'"));
    assert_true(wick_diag_contains(&diag, "accuracy>=80%"));
    wick_diag_free(&diag);
    json_decref(one);
    json_decref(other);
    free_bench(b);
}

static void impossible_wishes_are_refused(void **state) {
    (void)state;
    bench *b = make_bench(0.7);
    wick_sizing s;
    wick_diag diag = {0};
    set_target(b, "accuracy>=20%");
    b->options.off_v = (wick_size_axis){1, {4.2}};
    assert_int_equal(size(b, &s, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "brown-out < wake"));
    wick_diag_free(&diag);
    diag = (wick_diag){0};
    b->options.off_v = (wick_size_axis){2, {2.5, 3}}; /* 3, 3 is left out, the others run */
    assert_int_equal(size(b, &s, &diag), WICK_OK);
    for (int i = 0; i < s.n; i++)
        assert_true(s.points[i].off_v < s.points[i].on_v || !s.points[i].fits);
    b->options.off_v = (wick_size_axis){3, {0.5, 1.74, 2}}; /* m4-fram resets at 1.75 V */
    assert_int_equal(size(b, &s, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "--brown-out") && wick_diag_contains(&diag, "0.5 V"));
    assert_true(wick_diag_contains(&diag, "the smallest that would do is 1.75 V"));
    wick_diag_free(&diag);
    diag = (wick_diag){0};
    b->options.off_v = (wick_size_axis){1, {1.75}};
    assert_int_equal(size(b, &s, &diag), WICK_OK);
    b->options.panel = (wick_size_axis){2, {2, 1}};
    assert_int_equal(size(b, &s, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "panels"));
    wick_diag_free(&diag);
    diag = (wick_diag){0};
    b->options.panel = (wick_size_axis){1, {1}};
    b->options.leakage_ua_per_uf = -1;
    assert_int_equal(size(b, &s, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "leakage"));
    wick_diag_free(&diag);
    diag = (wick_diag){0};
    b->options.leakage_ua_per_uf = 0;
    b->simulation.workload.deadline_s = -1;
    assert_int_equal(size(b, &s, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "deadline"));
    wick_diag_free(&diag);
    free_bench(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_read_and_written),
        cmocka_unit_test(bad_targets_are_refused),
        cmocka_unit_test(targets_take_blanks_and_units),
        cmocka_unit_test(figures_by_hand),
        cmocka_unit_test(a_point_is_its_own_run),
        cmocka_unit_test(the_cheapest_is_cheapest),
        cmocka_unit_test(another_capacitor_is_named),
        cmocka_unit_test(a_tenth_of_a_point_is_none),
        cmocka_unit_test(threads_and_files_change_nothing),
        cmocka_unit_test(impossible_wishes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
