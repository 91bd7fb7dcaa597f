/* Synthesised policies: the harvest's chain by hand, decisions where they are plain, the promise
   over fixed modules, and files. */
#include "helper_net_plan.h"
#include "helper_plain.h"
#include "helper_scenario.h"
#include "sim/harvest_chain.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Usable harvest of `share` of what extractor and TM1 take in one period. */
static double power_for(const net_plan *n, double share, double period_s) {
    const wick_plan *p = n->plan;
    double need_uj = p->segments[0].cost.energy_uj + p->segments[1].cost.energy_uj;
    return share * need_uj / period_s / n->device->capacitor.efficiency /
           n->device->capacitor.input_efficiency;
}

static wick_judged judged(const net_plan *n, const wick_trace *const *trace, double deadline_s) {
    wick_judged on = {
        .plan = n->plan, .traces = trace, .n_traces = 1, .phases = 5, .wait_s = 0.005};
    on.workload = (wick_workload){.period_s = 1,
                                  .deadline_s = deadline_s,
                                  .rule = deadline_s > 1 ? WICK_INPUT_DROP_NEW : WICK_INPUT_REPLACE,
                                  .max_waiting = 2,
                                  .clock_survives = true};
    for (int k = 0; k < n->plan->model.n_modules; k++)
        on.accuracy[k] = 0.9 - 0.1 * k;
    return on;
}

/* Half a second of light, half a second of darkness, seen every half second with hardly any
   memory: two bins that follow each other. */
static void the_chain_of_a_square_wave(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 1, "m4-fram", 60, 0);
    light *l = make_light();
    for (int i = 0; i < SAMPLES; i++)
        l->powers[i] = i % 20 >= 1 && i % 20 <= 10 ? 1000 : 0;
    const wick_trace *trace = &l->trace;
    harvest_chain chain;
    assert_int_equal(harvest_chain_fit(n.plan, &trace, 1, NULL, 0.5, 0.01, 2, &chain, NULL),
                     WICK_OK);
    assert_int_equal(chain.n, 2);
    double whole_uj = 500 * n.device->capacitor.efficiency * n.device->capacitor.input_efficiency;
    assert_true(chain.p[0][1] > 0.98 && chain.p[1][0] > 0.98);
    assert_true(fabs(chain.uj[0][1] - 0.9 * whole_uj) < 0.02 * whole_uj);
    assert_true(fabs(chain.uj[1][0] - 0.1 * whole_uj) < 0.02 * whole_uj);
    for (int i = 0; i < 2; i++)
        assert_true(fabs(chain.p[i][0] + chain.p[i][1] - 1) < 1e-12);
    free(l);
    net_plan_free(&n);
}

/* Under a steady harvest what is right is plain: everything with TM1 where there is plenty, and
   never less than the best module alone. */
static void steady_harvests_have_plain_policies(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 1, "m4-fram", 30, 0);
    light *l = make_light();
    const wick_trace *trace = &l->trace;
    for (int level = 0; level < 3; level++) {
        static const double shares[3] = {0.5, 1, 3};
        for (int i = 0; i < SAMPLES; i++)
            l->powers[i] = power_for(&n, shares[level], 1);
        wick_judged on = judged(&n, &trace, level == 1 ? 3 : 1);
        wick_synth_options options = wick_synth_defaults();
        wick_policy fixed, table;
        wick_synthesised made;
        double best, score;
        assert_int_equal(wick_policy_tune(&on, WICK_POLICY_FIXED, &fixed, &best, NULL), WICK_OK);
        assert_int_equal(wick_policy_best(n.arena, &on, WICK_POLICY_TABLE, &options, &table, &score,
                                          &made, NULL),
                         WICK_OK);
        assert_true(score >= best && score > 0.3);
        assert_true(made.bytes <= WICK_POLICY_TABLE_BYTES);
        if (level == 2)
            assert_true(score > 0.88);
    }
    free(l);
    net_plan_free(&n);
}

/* Bursts: the table is worth more than any module by itself, on another trace of the same kind too.
 */
static void bursts_are_used(void **state) {
    (void)state;
    plain p;
    net_plan n;
    net_plan_make(&n, 1, "m4-fram", 150, 0);
    make_plain(&p, n.plan->device);
    n.plan->segments[0].cost = p.plan.segments[0].cost; /* what power_for goes by */
    n.plan->segments[1].cost = p.plan.segments[1].cost;
    light *l[2] = {make_light(), make_light()};
    for (int t = 0; t < 2; t++) {
        wick_rng rng = wick_rng_seed(5, (uint64_t)t);
        double share = 0;
        for (int i = 0; i < SAMPLES; i++) {
            if (wick_rng_below(&rng, 100) == 0)
                share = wick_rng_below(&rng, 2) ? 3 * wick_rng_uniform_double(&rng) : 0.2;
            l[t]->powers[i] = power_for(&n, share, 1);
        }
    }
    const wick_trace *learn = &l[0]->trace, *other = &l[1]->trace;
    wick_judged on = judged(&n, &learn, 1);
    on.plan = &p.plan;
    on.accuracy[1] = 0.6;
    wick_synth_options options = wick_synth_defaults();
    wick_policy fixed, table;
    double best, score, on_other, fixed_on_other;
    assert_int_equal(wick_policy_tune(&on, WICK_POLICY_FIXED, &fixed, &best, NULL), WICK_OK);
    assert_int_equal(
        wick_policy_best(n.arena, &on, WICK_POLICY_TABLE, &options, &table, &score, NULL, NULL),
        WICK_OK);
    on.traces = &other;
    assert_int_equal(wick_policy_judge(&on, &table, &on_other, NULL), WICK_OK);
    assert_int_equal(wick_policy_tune(&on, WICK_POLICY_FIXED, &fixed, &fixed_on_other, NULL),
                     WICK_OK);
    print_message("learned %.4f (best fixed %.4f), on another trace %.4f (%.4f)\n", score, best,
                  on_other, fixed_on_other);
    assert_true(score > best + 0.02 && on_other > fixed_on_other + 0.02);
    free(l[0]);
    free(l[1]);
    net_plan_free(&n);
}

static bool switches_off(const wick_policy *p) {
    bool found = p->rest_uj > 0;
    const wick_policy_table *t = p->table;
    for (int i = 0; t && i < t->n_rows * ((t->n_charge + 1) / 2); i++)
        found = found || (t->rows[i] & 15) == WICK_POLICY_OFF || t->rows[i] >> 4 == WICK_POLICY_OFF;
    return found;
}

/* In weak light, where sleeping takes most of what comes in: who may switch off answers more, and
   who may not never does. Nor does anybody whose boot takes half of a period's sleep, with a flash
   now and then that brings four times as much. */
static void weak_light_is_waited_for_switched_off(void **state) {
    (void)state;
    plain p;
    net_plan n;
    net_plan_make(&n, 1, "m4-fram", 150, 0);
    make_plain(&p, n.plan->device);
    light *l = make_light();
    const wick_trace *trace = &l->trace;
    for (int i = 0; i < SAMPLES; i++)
        l->times[i] = 3.0 * i;
    l->trace.end_s = 3.0 * SAMPLES;
    wick_judged on = judged(&n, &trace, 1);
    on.plan = &p.plan;
    on.workload.period_s = on.workload.deadline_s = 60;
    on.phases = 2;
    on.wait_s = 1;
    double score[3];
    for (int i = 0; i < 3; i++) {
        bool off = i > 0, weak = i < 2;
        for (int k = 0; k < SAMPLES; k++)
            l->powers[k] = !weak && k % 200 == 0 ? 8000 : k % 40 < 20 ? 13 : 9;
        p.plan.boot.energy_uj = p.plan.boot.compute_uj = weak ? 10 : 185;
        wick_synth_options options = wick_synth_defaults();
        options.may_switch_off = off;
        wick_policy table;
        assert_int_equal(wick_policy_best(n.arena, &on, WICK_POLICY_TABLE, &options, &table,
                                          &score[i], NULL, NULL),
                         WICK_OK);
        assert_int_equal(switches_off(&table), off && weak);
    }
    print_message("asleep %.4f, switched off %.4f, %.4f\n", score[0], score[1], score[2]);
    assert_true(score[1] > score[0] + 0.05);
    free(l);
    net_plan_free(&n);
}

static char *temporary(wick_arena *arena, const char *text) {
    char path[] = "/tmp/wick-policy-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    if (text)
        assert_int_equal(wick_file_write(path, text, strlen(text), NULL), WICK_OK);
    return wick_arena_strdup(arena, path);
}

static void files_keep_every_decision(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_policy policy = {.kind = WICK_POLICY_TABLE, .memory_ms = 700, .rest_uj = 55}, again;
    policy.table = scenario_table(arena, 3, 1000, 100, 5, 3);
    char *path = temporary(arena, NULL);
    assert_int_equal(wick_policy_save(&policy, NULL, NULL, path, NULL), WICK_OK);
    assert_int_equal(wick_policy_load(arena, path, NULL, &again, NULL), WICK_OK);
    assert_int_equal(again.memory_ms, 700);
    assert_int_equal(again.rest_uj, 55);
    wick_segment segments[4] = {{0}, {.energy_nj = 900}, {.energy_nj = 400}, {.energy_nj = 100}};
    wick_model model = {.n_modules = 3, .segments = segments};
    wick_rng rng = wick_rng_seed(1, 1);
    int seen[WICK_POLICY_WAIT + 1] = {0};
    for (int i = 0; i < 20000; i++) {
        wick_situation s = {.charge_uj = wick_rng_below(&rng, 1100),
                            .harvest_uw = wick_rng_below(&rng, 120),
                            .time_left_ms = wick_rng_below(&rng, 6000),
                            .modules_done = wick_rng_below(&rng, 8),
                            .working = (uint8_t)wick_rng_below(&rng, 4),
                            .left_nj = wick_rng_below(&rng, 1000)};
        s.extracting = s.working == 0 && wick_rng_below(&rng, 2);
        uint8_t a = wick_policy_choose(&policy, &model, &s);
        assert_int_equal(a, wick_policy_choose(&again, &model, &s));
        assert_true(a <= 3 || a == WICK_POLICY_WAIT || a == WICK_POLICY_OFF);
        seen[a]++;
    }
    assert_true(seen[0] && seen[1] && seen[2] && seen[3] && seen[WICK_POLICY_WAIT] &&
                seen[WICK_POLICY_OFF]);
    unlink(path);
    wick_arena_free(arena);
}

/* Of every kind, with and without a plan; files without are as they were. */
static void files_keep_what_is_sure(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_device device = {.capacitor.uf = 100, .hash = {.hex = "dd"}};
    wick_plan plan = {.model = {.n_modules = 3}, .hash = {.hex = "aa"}, .device = &device};
    static const struct {
        uint16_t sure[WICK_MAX_MODULES];
        size_t numbers[2]; /* without a plan, with one */
    } cases[] = {{{0}, {0, 0}},
                 {{0, 23}, {2, 3}},
                 {{1, 0, UINT16_MAX}, {3, 3}},
                 {{0, 0, 0, 0, 0, 0, 0, 7}, {8, 8}}};
    char *path = temporary(arena, NULL), *c_path = temporary(arena, NULL);
    for (size_t i = 0; i < 2 * WICK_LEN(cases) * (1 + WICK_POLICY_TABLE); i++) {
        const wick_plan *of = i % 2 ? &plan : NULL;
        wick_policy policy = {.kind = (uint8_t)(i / 2 / WICK_LEN(cases)), .module = 1}, again;
        memcpy(policy.sure, cases[i / 2 % WICK_LEN(cases)].sure, sizeof policy.sure);
        bool table = policy.kind == WICK_POLICY_TABLE;
        if (table && policy.sure[7])
            continue;
        policy.table = table ? scenario_table(arena, 3, 1000, 100, 5, 3) : NULL;
        json_t *root = wick_policy_json(&policy, of, NULL);
        size_t numbers = cases[i / 2 % WICK_LEN(cases)].numbers[of || table];
        assert_int_equal(json_array_size(json_object_get(root, "sure")), numbers);
        assert_int_equal(json_object_get(root, "sure") != NULL, numbers > 0);
        assert_int_equal(wick_policy_has_sure(&policy), numbers > 0);
        json_decref(root);
        assert_int_equal(wick_policy_write(&policy, of, NULL, path, c_path, "me", NULL), WICK_OK);
        assert_int_equal(wick_policy_load(arena, path, NULL, &again, NULL), WICK_OK);
        assert_memory_equal(again.sure, policy.sure, sizeof policy.sure);
        wick_bytes text;
        assert_int_equal(wick_file_read(arena, c_path, 1 << 20, &text, NULL), WICK_OK);
        assert_int_equal(strstr((char *)text.data, ".sure") != NULL, numbers > 0);
        if (policy.sure[1])
            assert_non_null(strstr((char *)text.data, "    .sure = {0, 23},\n};\n"));
    }
    unlink(path);
    unlink(c_path);
    wick_arena_free(arena);
}

static void tables_of_another_plan_are_refused(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_device device = {.capacitor.uf = 100, .hash = {.hex = "dd"}}, board = device;
    wick_device larger = device;
    board.hash.hex[0] = 'e';
    larger.capacitor.uf = 200;
    wick_plan own = {.model = {.n_modules = 3}, .hash = {.hex = "aa"}, .device = &device};
    wick_plan other = own, fewer = own, elsewhere = own, bigger = own;
    elsewhere.device = &board;
    bigger.device = &larger;
    wick_policy table = {.kind = WICK_POLICY_TABLE}, edf = {.kind = WICK_POLICY_EDF}, again;
    wick_policy third = {.kind = WICK_POLICY_FIXED, .module = 3};
    wick_policy sure = {.kind = WICK_POLICY_GREEDY, .sure = {0, 0, 5}};
    table.table = scenario_table(arena, 3, 1000, 100, 5, 3);
    other.hash.hex[0] = 'b';
    fewer.model.n_modules = 2;
    const struct {
        const wick_policy *policy;
        const wick_plan *of, *on;
        wick_status status;
    } cases[] = {{&table, &own, &own, WICK_OK},
                 {&table, &own, NULL, WICK_OK},
                 {&table, &own, &other, WICK_MISMATCH},
                 {&table, NULL, &other, WICK_OK},
                 {&table, &own, &elsewhere, WICK_MISMATCH},
                 {&table, &own, &bigger, WICK_MISMATCH},
                 {&edf, &own, &bigger, WICK_OK},
                 {&table, NULL, &fewer, WICK_MISMATCH},
                 {&edf, &own, &other, WICK_OK},
                 {&third, &own, &other, WICK_OK},
                 {&third, &own, &fewer, WICK_MISMATCH},
                 {&sure, &own, &own, WICK_OK},
                 {&sure, &own, &other, WICK_MISMATCH},
                 {&sure, NULL, &other, WICK_OK},
                 {&sure, &own, &elsewhere, WICK_OK},
                 {&sure, NULL, &fewer, WICK_MISMATCH}};
    char *path = temporary(arena, NULL);
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        assert_int_equal(wick_policy_save(cases[i].policy, cases[i].of, NULL, path, NULL), WICK_OK);
        wick_status got = wick_policy_load(arena, path, cases[i].on, &again, NULL);
        if (got != cases[i].status)
            fail_msg("case %zu: status %d", i, (int)got);
    }
    unlink(path);
    wick_arena_free(arena);
}

static void bad_files_are_refused(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    static const struct {
        const char *text, *word;
        wick_status status;
    } bad[] = {
        {"{\"kind\": \"magic\", \"memory_ms\": 0}", "magic", WICK_UNKNOWN},
        {"{\"kind\": \"edf\", \"memory_ms\": 0}", "reserve_uj", WICK_MISSING},
        {"{\"kind\": \"fixed\", \"memory_ms\": 0, \"module\": 99}", "module", WICK_RANGE},
        /* one module: five stages, so five cells for each bin */
        {"{\"kind\": \"table\", \"memory_ms\": 0, \"modules\": 1, \"charge_uj\": [2, 1], "
         "\"harvest_uw\": [], \"time_ms\": [], \"row_of\": \"0000000000\", \"rows\": \"0000\"}",
         "charge_uj", WICK_RANGE},
        {"{\"kind\": \"table\", \"memory_ms\": 0, \"modules\": 1, \"charge_uj\": [], "
         "\"harvest_uw\": [], \"time_ms\": [], \"row_of\": \"00\", \"rows\": \"01\"}",
         "row_of", WICK_SHAPE},
        {"{\"kind\": \"table\", \"memory_ms\": 0, \"modules\": 1, \"charge_uj\": [], "
         "\"harvest_uw\": [], \"time_ms\": [], \"row_of\": \"0000000001\", \"rows\": \"01\"}",
         "row 1", WICK_RANGE},
        {"{\"kind\": \"table\", \"memory_ms\": 0, \"modules\": 1, \"charge_uj\": [], "
         "\"harvest_uw\": [], \"time_ms\": [], \"row_of\": \"0000000000\", \"rows\": \"02\"}",
         "module", WICK_RANGE},
        {"{\"kind\": \"table\", \"memory_ms\": 0, \"modules\": 1, \"charge_uj\": [], "
         "\"harvest_uw\": [], \"time_ms\": [], \"row_of\": \"0g\", \"rows\": \"01\"}",
         "hexadecimal", WICK_SYNTAX},
        {"{\"kind\": \"greedy\", \"memory_ms\": 0, \"sure\": 5}", "sure", WICK_SYNTAX},
        {"{\"kind\": \"greedy\", \"memory_ms\": 0, \"sure\": [0, -1]}", "sure[1]", WICK_RANGE},
        {"{\"kind\": \"greedy\", \"memory_ms\": 0, \"sure\": [65536]}", "sure[0]", WICK_RANGE},
        {"{\"kind\": \"greedy\", \"memory_ms\": 0, \"sure\": [1.5]}", "sure[0]", WICK_RANGE},
        {"{\"kind\": \"greedy\", \"memory_ms\": 0, \"sure\": [\"9\"]}", "sure[0]", WICK_RANGE},
        {"{\"kind\": \"greedy\", \"memory_ms\": 0, \"sure\": [0, 0, 0, 0, 0, 0, 0, 0, 0]}",
         "at most 8", WICK_SHAPE},
        {"{\"kind\": \"table\", \"memory_ms\": 0, \"modules\": 1, \"charge_uj\": [], "
         "\"harvest_uw\": [], \"time_ms\": [], \"row_of\": \"0000000000\", \"rows\": \"01\", "
         "\"sure\": [3, 0]}",
         "2 numbers for 1", WICK_SHAPE},
        {"{\"kind\": \"table\", \"memory_ms\": 0, \"modules\": 1, \"charge_uj\": [], "
         "\"harvest_uw\": [], \"time_ms\": [], \"row_of\": \"0000000000\", \"rows\": \"01\", "
         "\"sure\": []}",
         "0 numbers for 1", WICK_SHAPE},
    };
    for (size_t i = 0; i < WICK_LEN(bad); i++) {
        char *path = temporary(arena, bad[i].text);
        wick_policy policy;
        wick_diag diag = {0};
        assert_int_equal(wick_policy_load(arena, path, NULL, &policy, &diag), bad[i].status);
        if (!wick_diag_contains(&diag, bad[i].word))
            fail_msg("case %zu does not say %s", i, bad[i].word);
        wick_diag_free(&diag);
        unlink(path);
    }
    wick_arena_free(arena);
}

static void impossible_wishes_are_refused(void **state) {
    (void)state;
    net_plan n;
    net_plan_make(&n, 1, "m4-fram", 30, 0);
    light *l = make_light();
    const wick_trace *trace = &l->trace;
    wick_synth_options o = wick_synth_defaults();
    wick_synthesised made;
    wick_diag diag = {0};
    for (int k = 0; k < n.plan->model.n_modules; k++)
        o.accuracy[k] = 0.5;
    o.workload.deadline_s = 0;
    assert_int_equal(wick_policy_synth(n.arena, n.plan, &trace, 1, &o, &made, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "deadline"));
    wick_diag_free(&diag);
    o.workload.deadline_s = 60;
    o.accuracy[1] = NAN;
    diag = (wick_diag){0};
    assert_int_equal(wick_policy_synth(n.arena, n.plan, &trace, 1, &o, &made, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "accuracy"));
    wick_diag_free(&diag);
    o.accuracy[1] = 0.5;
    o.workload.period_s = o.workload.deadline_s = 1e4; /* the trace is 50 s */
    diag = (wick_diag){0};
    assert_int_equal(wick_policy_synth(n.arena, n.plan, &trace, 1, &o, &made, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "longer traces"));
    wick_diag_free(&diag);
    free(l);
    net_plan_free(&n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_chain_of_a_square_wave),
        cmocka_unit_test(steady_harvests_have_plain_policies),
        cmocka_unit_test(bursts_are_used),
        cmocka_unit_test(weak_light_is_waited_for_switched_off),
        cmocka_unit_test(files_keep_every_decision),
        cmocka_unit_test(files_keep_what_is_sure),
        cmocka_unit_test(tables_of_another_plan_are_refused),
        cmocka_unit_test(bad_files_are_refused),
        cmocka_unit_test(impossible_wishes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
