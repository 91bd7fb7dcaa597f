/* Traces that are drawn from others, and the worlds of them that policies are compared in. */
#include "sim/policy_worlds.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SAMPLES = 50, DRAWS = 400 };

/* Samples of unequal length that can be told from each other by their power. */
typedef struct source {
    double time_s[SAMPLES], power_uw[SAMPLES];
    wick_iv iv[SAMPLES];
    wick_trace trace;
} source;

static void make(source *s) {
    double at_s = 0;
    for (int i = 0; i < SAMPLES; i++) {
        s->time_s[i] = at_s;
        s->power_uw[i] = 1000 + i;
        s->iv[i] = (wick_iv){.isc_ua = 10 * i};
        at_s += 0.5 + i % 3;
    }
    s->trace = (wick_trace){.n = SAMPLES,
                            .time_s = s->time_s,
                            .power_uw = s->power_uw,
                            .iv = s->iv,
                            .end_s = at_s,
                            .path = "a path"};
}

static double length_s(const wick_trace *t, int i) {
    return wick_trace_end_s(t, i) - t->time_s[i];
}

/* Pieces of a drawn trace: each begins with a sample that does not follow the one before it in the
   source (but for one of SAMPLES, by chance). */
static int pieces(const source *s, const wick_trace *t) {
    int n = 1;
    for (int i = 0; i < t->n; i++) {
        int at = (int)t->power_uw[i] - 1000;
        assert_true(!t->iv || t->iv[i].isc_ua == 10 * at);
        assert_true(length_s(t, i) > 0 && length_s(t, i) <= length_s(&s->trace, at) * (1 + 1e-9));
        n += i > 0 && ((int)t->power_uw[i - 1] - 1000 + 1) % SAMPLES != at;
    }
    return n;
}

/* As long, its samples are the source's, and as often as there, in pieces of the length asked for:
   n(T) of an exponential process has mean and variance T / mean. */
static void a_drawn_trace_is_of_the_source(void **state) {
    (void)state;
    source s;
    make(&s);
    const double piece_s = 9;
    wick_arena *arena = wick_arena_new();
    double time_s[SAMPLES] = {0}, cut = 0, squares = 0;
    for (int k = 0; k < DRAWS; k++) {
        wick_trace *t = wick_trace_drawn(arena, &s.trace, piece_s, 3, (uint64_t)k);
        assert_true(t->time_s[0] == 0 && t->end_s == s.trace.end_s);
        int cuts = pieces(&s, t) - 1;
        cut += cuts;
        squares += (double)cuts * cuts;
        for (int i = 0; i < t->n; i++)
            time_s[(int)t->power_uw[i] - 1000] += length_s(t, i);
    }
    double wanted = DRAWS * s.trace.end_s / piece_s;
    assert_true(fabs(cut - wanted * (1 - 1.0 / SAMPLES)) < 5 * sqrt(wanted));
    double mean = cut / DRAWS, variance = squares / DRAWS - mean * mean;
    assert_true(variance > 0.7 * mean && variance < 1.4 * mean);
    for (int i = 0; i < SAMPLES; i++) {
        double whole_s = DRAWS * length_s(&s.trace, i);
        assert_true(fabs(time_s[i] - whole_s) < 0.25 * whole_s);
    }
    wick_arena_free(arena);
}

static bool same(const wick_trace *a, const wick_trace *b) {
    bool equal = a->n == b->n;
    for (int i = 0; equal && i < a->n; i++)
        equal = a->time_s[i] == b->time_s[i] && a->power_uw[i] == b->power_uw[i];
    return equal;
}

static void draws_are_the_same_every_time(void **state) {
    (void)state;
    source s;
    make(&s);
    s.trace.iv = NULL;
    wick_arena *arena = wick_arena_new();
    wick_trace *t = wick_trace_drawn(arena, &s.trace, 9, 3, 4);
    assert_null(t->iv);
    assert_true(same(t, wick_trace_drawn(arena, &s.trace, 9, 3, 4)));
    assert_false(same(t, wick_trace_drawn(arena, &s.trace, 9, 3, 5)));
    assert_false(same(t, wick_trace_drawn(arena, &s.trace, 9, 4, 4)));
    wick_arena_free(arena);
}

/* Pieces that are much longer than the trace: it, played around from anywhere. */
static void a_long_piece_goes_around(void **state) {
    (void)state;
    source s;
    make(&s);
    wick_arena *arena = wick_arena_new();
    wick_trace *t = wick_trace_drawn(arena, &s.trace, 1e9, 3, 4);
    assert_int_equal(pieces(&s, t), 1);
    assert_true(t->n == SAMPLES || t->n == SAMPLES + 1); /* one is cut in two */
    wick_arena_free(arena);
}

/* 50 samples of 1.48 s: 37 periods of 2 s. 1,500 in all are asked for. */
static void short_traces_have_more_worlds(void **state) {
    (void)state;
    source s, other;
    make(&s);
    make(&other);
    wick_arena *arena = wick_arena_new();
    const wick_trace *traces[] = {&s.trace, &other.trace};
    wick_judged on = {.traces = traces, .n_traces = 2, .phases = 5, .workload = {.period_s = 2}};
    assert_true(s.trace.end_s == 74);
    policy_worlds w = policy_worlds_search(arena, &on);
    assert_int_equal(w.of_each, 5); /* a run of each: five */
    assert_int_equal(w.all.phases, 1);
    assert_int_equal(w.all.n_traces, 10);
    w = policy_worlds_final(arena, &on);
    assert_int_equal(w.of_each, 1 + 21); /* 1500 / 74, rounded up */
    assert_int_equal(w.all.phases, 1);   /* 20 runs at least */
    for (int t = 0; t < 2; t++) {
        wick_judged one = policy_worlds_of(&w, t);
        assert_int_equal(one.n_traces, 22);
        assert_ptr_equal(one.traces[0], traces[t]);
        for (int i = 1; i < 22; i++)
            assert_ptr_not_equal(one.traces[i], traces[t]);
    }
    assert_false(same(w.all.traces[1], w.all.traces[2]));
    assert_false(same(w.all.traces[1], w.all.traces[22 + 1])); /* not those of the other trace */
    on.n_traces = 1;
    on.workload.period_s = 0.01; /* 7,400 periods: one is enough, and as many phases as before */
    w = policy_worlds_final(arena, &on);
    assert_int_equal(w.of_each, 2);
    assert_int_equal(w.all.phases, 10);
    w = policy_worlds_search(arena, &on);
    assert_int_equal(w.of_each, 2);
    assert_int_equal(w.all.phases, 3);
    on.phases = 1;
    w = policy_worlds_search(arena, &on);
    assert_int_equal(w.of_each, 1);
    assert_int_equal(w.all.phases, 1);
    s.trace.n = 30000000; /* a copy would take half a gigabyte: none */
    on.phases = 5;
    w = policy_worlds_final(arena, &on);
    assert_int_equal(w.of_each, 1);
    assert_int_equal(w.all.phases, 20);
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drawn_trace_is_of_the_source),
        cmocka_unit_test(draws_are_the_same_every_time),
        cmocka_unit_test(a_long_piece_goes_around),
        cmocka_unit_test(short_traces_have_more_worlds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
