/* What charges get behind a diode: closed forms, the exact store, and what no work may pass. */
#include "base/arena.h"
#include "base/rng.h"
#include "sim/clairvoyant_gain.h"
#include "sim/panel_curve.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SAMPLES = 6 };

typedef struct world {
    wick_arena *arena;
    double times[SAMPLES], powers[SAMPLES];
    wick_iv iv[SAMPLES];
    wick_trace trace;
    wick_harvester harvester;
    store cap;
    supply supply;
    bound_gains gains;
} world;

static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-9 * fmax(1, fabs(want))))
        fail_msg("got %.15g, want %.15g", got, want);
}

static double between(wick_rng *rng, double low, double high) {
    return low + (high - low) * wick_rng_uniform_double(rng);
}

/* Of samples of half a second; `iv` and trace.linear are there. */
static void make(world *w, double drop_v, double lambda_per_s) {
    w->arena = wick_arena_new();
    for (int i = 0; i < SAMPLES; i++) {
        w->times[i] = 0.5 * i;
        w->powers[i] = panel_peak_uw(&w->iv[i], w->trace.linear);
    }
    w->trace = (wick_trace){.n = SAMPLES,
                            .time_s = w->times,
                            .power_uw = w->powers,
                            .iv = w->iv,
                            .linear = w->trace.linear,
                            .end_s = 0.5 * SAMPLES};
    w->harvester = (wick_harvester){.efficiency = 1, .front = WICK_FRONT_DIODE, .drop_v = drop_v};
    w->cap = (store){.farad_u = 20, .lambda_per_s = lambda_per_s};
    w->cap.off_uj = store_energy_at(&w->cap, 2);
    w->cap.on_uj = store_energy_at(&w->cap, 4);
    w->cap.max_uj = store_energy_at(&w->cap, 4.5);
    assert_int_equal(supply_make(w->arena, &w->trace, &w->harvester, &w->cap, 4, &w->supply, NULL),
                     WICK_OK);
    w->gains = (bound_gains){.supply = &w->supply, .cap = &w->cap, .waits_uj = w->cap.on_uj};
}

static void a_resistor_charges_exponentially(void **state) {
    (void)state;
    /* 4.6 V behind a diode of 0.4 V and 50 kOhm into 20 µF: RC = 1 s, and the most power is at 2.1
       V */
    const double most_uw = 2.1 * 2.1 / 5e4 * 1e6;
    static world w = {.trace = {.linear = true}};
    for (int i = 0; i < SAMPLES; i++)
        w.iv[i] = panel_iv_thevenin(4.6, 5e4);
    make(&w, 0.4, 0);
    double charges_uj[3] = {0, store_energy_at(&w.cap, 2), store_energy_at(&w.cap, 4.4)};
    bound_gain got[3];
    gain_of(&w.gains, 0.2, 1, 3, charges_uj, got);
    for (int i = 0; i < 3; i++) {
        double v = store_voltage_at(&w.cap, charges_uj[i]);
        double end_v = v < 4.2 ? 4.2 - (4.2 - v) * exp(-1) : v; /* above it nothing flows */
        near(store_voltage_at(&w.cap, got[i].still_uj), end_v);
        near(got[i].crest_uj, got[i].still_uj);
    }
    near(got[1].idle_uj, most_uw);
    near(got[1].work_uj, most_uw);
    near(got[2].idle_uj, 0);
    near(got[2].work_uj, 0);
    w.gains.spent_uj = 1000; /* down to the brown-out voltage */
    gain_of(&w.gains, 0.2, 1, 3, charges_uj, got);
    near(got[2].work_uj, most_uw);
    w.gains.ahead_s = 0.5;
    gain_of(&w.gains, 0.2, 1, 3, charges_uj, got);
    near(got[2].work_uj, most_uw + 0.5 * 2.3 * 2.3 / 5e4 * 1e6); /* without the diode */
    near(gain_sure_uw(&w.gains, 0), 4 * 0.2 / 5e4 * 1e6);        /* at 4 V; 88 at 2 V */
    wick_arena_free(w.arena);
}

/* dt_s of a constant draw, from `at_s` on the trace on. */
static void draw(world *w, store *s, double at_s, double dt_s, double uw) {
    supply_walk walk = supply_walk_from(&w->supply, at_s);
    for (double left_s = dt_s; left_s > 1e-12;) {
        int i;
        double step_s = supply_walk_on(&walk, left_s, &i);
        left_s -= step_s;
        for (int pieces = 0; step_s > 0 && pieces < 100; pieces++) {
            supply_band band = supply_band_at(&w->supply, s, i, uw);
            double slope = store_slope(s, band.in, uw, s->energy_uj);
            double border_uj = slope > 0 ? band.high_uj : band.low_uj, until_s = INFINITY;
            if (isfinite(border_uj) && border_uj > 0)
                until_s = store_time_to(s, band.in, uw, border_uj);
            double dt = fmin(step_s, until_s);
            store_advance_clamped(s, band.in, uw, dt);
            if (until_s <= step_s)
                s->energy_uj = border_uj;
            step_s -= dt;
        }
    }
}

static void make_drawn(world *w, wick_rng *rng) {
    w->trace.linear = wick_rng_below(rng, 2);
    double ends_v = between(rng, 1.5, 7), ua = between(rng, 1, 200);
    for (int i = 0; i < SAMPLES; i++) {
        double voc_v = ends_v * between(rng, 0.8, 1.2);
        w->iv[i] = (wick_iv){.voc_v = voc_v, .vmp_v = voc_v * (w->trace.linear ? 0.5 : 0.8)};
        w->iv[i].imp_ua = wick_rng_below(rng, 4) ? ua * between(rng, 0.2, 1) : 0;
        w->iv[i].isc_ua = w->iv[i].imp_ua * (w->trace.linear ? 2 : 1.1);
        if (w->iv[i].imp_ua == 0)
            w->iv[i] = (wick_iv){0};
    }
    make(w, between(rng, 0, 0.5), wick_rng_below(rng, 2) ? between(rng, 0, 0.2) : 0);
}

static void at_rest_it_is_the_store(void **state) {
    (void)state;
    enum { CASES = 400 };
    wick_rng rng = wick_rng_seed(1, 1);
    static world w;
    for (int c = 0; c < CASES; c++) {
        make_drawn(&w, &rng);
        double from_s = between(&rng, 0, 6), dt_s = between(&rng, 0, 2);
        double uj = store_energy_at(&w.cap, between(&rng, 0.1, 4));
        store s = w.cap;
        s.energy_uj = uj;
        s.max_uj = INFINITY; /* a full capacitor is no matter of the gain's */
        draw(&w, &s, from_s, dt_s, 0);
        bound_gain got;
        gain_of(&w.gains, from_s, dt_s, 1, &uj, &got);
        if (fabs(got.still_uj - s.energy_uj) > 1e-7 * s.energy_uj + 1e-9)
            fail_msg("case %d: %.12g, the store has %.12g", c, got.still_uj, s.energy_uj);
        wick_arena_free(w.arena);
    }
}

/* Work in up to 8 pieces at any times, down to the brown-out charge; what it takes is known. */
static void no_work_gets_more(void **state) {
    (void)state;
    enum { CASES = 2000, PIECES = 8 };
    wick_rng rng = wick_rng_seed(2, 1);
    double nearest = INFINITY;
    static world w;
    int asleep = 0;
    for (int c = 0; c < CASES; c++) {
        make_drawn(&w, &rng);
        double from_s = between(&rng, 0, 6), dt_s = between(&rng, 0.01, 1), spent_uj = 0;
        double uj = between(&rng, w.cap.off_uj, w.cap.max_uj);
        store s = w.cap;
        s.energy_uj = uj;
        w.gains.sleep_uw = between(&rng, 0, 20);
        bool works = wick_rng_below(&rng, 2);
        double piece_s = dt_s / PIECES, sleep_uw = w.gains.sleep_uw, slept_uj = 0;
        for (int i = 0; i < PIECES && s.energy_uj > w.cap.off_uj; i++) {
            double uw = works && wick_rng_below(&rng, 2) ? between(&rng, 0, 800) : 0;
            uw = fmin(uw, 0.9 * (s.energy_uj - w.cap.off_uj) / piece_s);
            draw(&w, &s, from_s + i * piece_s, piece_s, uw + sleep_uw);
            spent_uj += uw * piece_s;
            slept_uj += sleep_uw * piece_s;
        }
        if (slept_uj < sleep_uw * dt_s * (1 - 1e-9)) { /* it went off */
            wick_arena_free(w.arena);
            continue;
        }
        w.gains.spent_uj = spent_uj;
        bound_gain got;
        gain_of(&w.gains, from_s, dt_s, 1, &uj, &got);
        double decay = exp(-w.cap.lambda_per_s * dt_s);
        double most_uj = (uj - spent_uj - slept_uj) * decay + (works ? got.work_uj : got.idle_uj);
        most_uj = fmin(most_uj, got.still_uj);
        if (s.energy_uj > most_uj + 1e-7)
            fail_msg("case %d: %.9g of %.9g at most", c, s.energy_uj, most_uj);
        asleep += !works;
        nearest = fmin(nearest, most_uj - s.energy_uj);
        wick_arena_free(w.arena);
    }
    assert_true(asleep > CASES / 10 && nearest < 0.05); /* and it is not far above */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resistor_charges_exponentially),
        cmocka_unit_test(at_rest_it_is_the_store),
        cmocka_unit_test(no_work_gets_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
