/* The models of the harvest, each on cases with a known answer, and against numerical integration.
 */
#include "device/device.h"
#include "sim/boost.h"
#include "sim/line_source.h"
#include "sim/panel_curve.h"
#include "sim/supply.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void near(double got, double want, double relative) {
    if (!(fabs(got - want) <= relative * fmax(1e-12, fabs(want))))
        fail_msg("got %.15g, want %.15g", got, want);
}

/* ---- a linear source into a capacitor ---- */

static void a_resistor_charges_exponentially(void **state) {
    (void)state;
    /* 5 V behind 1 kOhm into 100 µF: V = 5 (1 - exp(-t / RC)), RC = 0.1 s */
    line_source line = {.uf = 100, .ua = 5000, .us = 1000};
    near(line_voltage(&line, 0, 0.1), 5 * (1 - exp(-1)), 1e-12);
    near(line_time(&line, 0, 5 * (1 - exp(-1))), 0.1, 1e-12);
    near(line_time(&line, 2, 4), 0.1 * log(3.0 / 1), 1e-12);
    assert_true(isinf(line_time(&line, 2, 5)));
    assert_true(isinf(line_time(&line, 2, 1)));
    near(line_voltage(&line, 6, 0.1), 5 + exp(-1), 1e-12); /* falls towards the source */
    near(line_voltage(&line, 3, 100), 5, 1e-12);
}

static void a_constant_current_charges_linearly(void **state) {
    (void)state;
    line_source line = {.uf = 100, .ua = 50};
    near(line_voltage(&line, 1, 2), 2, 1e-12); /* 50 µA for 2 s: 100 µC */
    near(line_time(&line, 1, 3), 4, 1e-12);
}

static void a_load_without_source_drains_by_energy(void **state) {
    (void)state;
    line_source line = {.uf = 100, .draw_uw = 50}; /* 450 µJ - 250 µJ in 5 s */
    near(line_time(&line, 3, 2), 5, 1e-12);
    near(line_voltage(&line, 3, 5), 2, 1e-12);
}

/* dV/dt and the leaked energy by Runge-Kutta of order 4. */
static void integrate(const line_source *line, double *v, double *leaked_uj, double t, int steps) {
    double h = t / steps;
    for (int i = 0; i < steps; i++) {
        double k[4], at = *v, before = *v;
        for (int j = 0; j < 4; j++) {
            k[j] = ((line->ua - (line->us + line->leak_us) * at) - line->draw_uw / at) / line->uf;
            at = *v + h * k[j] * (j < 2 ? 0.5 : 1);
        }
        double middle = before + h / 2 * k[0];
        *v += h / 6 * (k[0] + 2 * k[1] + 2 * k[2] + k[3]);
        *leaked_uj += line->leak_us * h / 6 * (before * before + 4 * middle * middle + *v * *v);
    }
}

static void loads_and_leaks_agree_with_integration(void **state) {
    (void)state;
    static const struct {
        line_source line;
        double from_v, t;
    } cases[] = {
        {{100, 500, 100, 5, 400}, 3, 0.5},   /* two roots, between them: rises */
        {{100, 500, 100, 5, 400}, 4.7, 1},   /* above both: falls to the upper */
        {{100, 500, 100, 5, 400}, 0.9, 0.1}, /* below the lower: falls */
        {{100, 500, 100, 5, 900}, 3, 0.3},   /* no root: falls */
        {{330, 0, 0, 3, 100}, 4, 5},         /* darkness */
        {{330, 200, 0, 0, 300}, 2, 2},       /* current source, no leak */
        {{47, 80, 10, 1, 0}, 0.5, 3},        /* nothing drawn */
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        const line_source *line = &cases[i].line;
        double v = cases[i].from_v, leaked = 0;
        integrate(line, &v, &leaked, cases[i].t, 20000);
        near(line_voltage(line, cases[i].from_v, cases[i].t), v, 1e-9);
        near(line_time(line, cases[i].from_v, v), cases[i].t, 1e-7);
        near(line_leaked_uj(line, cases[i].from_v, v, cases[i].t), leaked, 1e-6);
    }
}

/* ---- series resistance ---- */

static void the_terminals_sag_as_kirchhoff_says(void **state) {
    (void)state;
    /* 3 V, 10 Ohm, 20 mW: V_t (3 - V_t) = 0.2 */
    double v = esr_terminal_v(3, 20000, 10);
    near(v * (3 - v), 0.2, 1e-12);
    near(esr_off_v(2, 20000, 10), 2.1, 1e-12);
    near(esr_terminal_v(esr_off_v(2, 20000, 10), 20000, 10), 2, 1e-12);
    near(esr_loss_uw(2, 20000, 10), 1000, 1e-12); /* (10 mA)^2 10 Ohm */
    assert_true(isnan(esr_terminal_v(0.5, 20000, 10)));
    near(esr_off_v(2, 20000, 0), 2, 1e-12);
    /* Where the resistance limits before the threshold does, no power beyond V^2 / 4R. */
    near(esr_off_v(0.1, 20000, 10), 2 * sqrt(0.2), 1e-12);
}

/* The heat that is charged is never less than the true one, and not much more at a usual
   resistance. */
static void the_charged_heat_is_an_upper_bound(void **state) {
    (void)state;
    const double uf = 330, ohm = 0.5, load_uw = 18000, off_v = 2;
    double energy = uf / 2 * 16, t = 0, dt = 1e-5, heat = 0;
    while (esr_terminal_v(sqrt(2 * energy / uf), load_uw, ohm) > off_v) {
        double v = sqrt(2 * energy / uf), current = v - esr_terminal_v(v, load_uw, ohm);
        double loss = current * current / ohm * 1e6;
        energy -= (load_uw + loss) * dt;
        heat += loss * dt;
        t += dt;
    }
    double start = uf / 2 * 16, end_v = esr_off_v(off_v, load_uw, ohm);
    double bound_t =
        (start - uf / 2 * end_v * end_v) / (load_uw + esr_loss_uw(off_v, load_uw, ohm));
    assert_true(esr_loss_uw(off_v, load_uw, ohm) * bound_t >= heat);
    assert_true(bound_t <= t && bound_t >= 0.998 * t);
}

/* ---- converter ---- */

static void the_boost_converter_interpolates(void **state) {
    (void)state;
    wick_harvester h = {.front = WICK_FRONT_BOOST};
    h.boost.n = 2;
    h.boost.in_uw[0] = 10;
    h.boost.in_uw[1] = 1000;
    h.boost.efficiency[0] = 0.4;
    h.boost.efficiency[1] = 0.8;
    h.boost.min_uw = 5;
    h.boost.cold_efficiency = 0.05;
    h.boost.cold_min_uw = 20;
    near(boost_output_uw(&h, 10), 4, 1e-12);
    near(boost_output_uw(&h, 100), 60, 1e-12); /* half-way on the logarithm */
    near(boost_output_uw(&h, 5000), 4000, 1e-12);
    near(boost_output_uw(&h, 6), 2.4, 1e-12);
    assert_true(boost_output_uw(&h, 4.9) == 0);
    near(boost_cold_output_uw(&h, 100), 5, 1e-12);
    assert_true(boost_cold_output_uw(&h, 19) == 0);
}

/* ---- panel ---- */

static void the_curve_passes_through_its_points(void **state) {
    (void)state;
    wick_iv iv = {.isc_ua = 1000, .voc_v = 5, .imp_ua = 900, .vmp_v = 4};
    near(panel_current_ua(&iv, false, 0), 1000, 1e-12);
    near(panel_current_ua(&iv, false, 4), 900, 1e-12);
    assert_true(panel_current_ua(&iv, false, 5) == 0);
    assert_true(panel_current_ua(&iv, false, 4.999) < 3);
    near(panel_mppt_uw(&iv, false, 0), 3600, 1e-3);
    near(panel_mppt_uw(&iv, false, 0.8), 3600, 1e-12);
    assert_true(panel_mppt_uw(&iv, false, 0.95) < 3000);
    for (double v = 0; v < 5; v += 0.01)
        assert_true(panel_power_uw(&iv, false, v) <= panel_peak_uw(&iv, false) * (1 + 1e-12));
    wick_iv line = panel_iv_thevenin(3, 30000);
    near(line.isc_ua, 100, 1e-12);
    near(panel_mppt_uw(&line, true, 0), 75, 1e-12); /* V^2 / 4R */
    near(panel_current_ua(&line, true, 1), 200.0 / 3, 1e-12);
    wick_iv faint = {4e-323, 3, 3.5e-323, 2.5}; /* scaled until nothing is left */
    assert_true(panel_current_ua(&faint, false, 1) == 0 && panel_peak_uw(&faint, false) == 0);
    wick_iv dark = {0};
    assert_true(panel_current_ua(&dark, false, 0) == 0);
}

/* From nearly straight to nearly square. */
static void flat_curves_pass_through_their_points_too(void **state) {
    (void)state;
    static const double shares[][2] = {{0.5, 0.5},  {0.4, 0.6},     {0.6, 0.6},        {0.7, 0.7},
                                       {0.55, 0.7}, {0.97, 0.9999}, {0.999, 0.9999999}};
    for (size_t i = 0; i < WICK_LEN(shares); i++) {
        wick_iv iv = {1000, 5, 1000 * shares[i][1], 5 * shares[i][0]};
        double peak_uw = panel_peak_uw(&iv, false), before_ua = 1000;
        near(panel_current_ua(&iv, false, iv.vmp_v), iv.imp_ua, 1e-9);
        assert_true(panel_current_ua(&iv, false, nextafter(5, 0)) < 1e-3);
        assert_true(panel_curve_fits(&iv) && peak_uw >= iv.imp_ua * iv.vmp_v * (1 - 1e-9));
        for (double v = 0; v < 5; v += 0.01) {
            double ua = panel_current_ua(&iv, false, v);
            assert_true(ua <= before_ua && v * ua <= peak_uw * (1 + 1e-9));
            before_ua = ua;
        }
    }
    /* (e^{2x} - 1) / (e^2 - 1) at x = 1/2: 1 / (e + 1). */
    wick_iv known = {1000, 5, 1000 * (1 - 1 / (exp(1) + 1)), 2.5};
    near(panel_current_ua(&known, false, 1.25), 1000 * (1 - expm1(0.5) / expm1(2)), 1e-12);
    static const wick_iv impossible[] = {
        {1000, 5, 300, 2.5}, {1000, 5, 499, 2.5}, {1000, 5, 300, 4.5}, {1000, 5, 950, 2.5}};
    for (size_t i = 0; i < WICK_LEN(impossible); i++)
        assert_false(panel_curve_fits(&impossible[i]));
}

static void irradiance_scales_the_curve(void **state) {
    (void)state;
    wick_harvester h = {.panel = {.has_iv = true,
                                  .reference_uw_cm2 = 1000,
                                  .iv = {.isc_ua = 100, .voc_v = 2, .imp_ua = 90, .vmp_v = 1.6},
                                  .slope_v = 0.1}};
    wick_iv iv = panel_iv_at(&h, 1000 * exp(-1));
    near(iv.isc_ua, 100 * exp(-1), 1e-12);
    near(iv.voc_v, 1.9, 1e-12);
    near(iv.vmp_v, 1.6 * 0.95, 1e-12);
    iv = panel_iv_at(&h, 1000 * exp(-21)); /* the formula's Voc is negative: no power */
    assert_true(iv.isc_ua == 0 && iv.voc_v == 0);
    iv = panel_iv_at(&h, 0);
    assert_true(iv.isc_ua == 0);
}

/* ---- what the capacitor sees ---- */

typedef struct feed {
    double times[4], powers[4];
    wick_iv iv[4];
    wick_trace trace;
    wick_device device;
    store store;
    supply supply;
    wick_arena *arena;
} feed;

static void make_feed(feed *f, const wick_harvester *h, double start_v) {
    *f = (feed){.times = {0, 1, 2, 3}, .powers = {100, 0, 50, 200}};
    f->trace = (wick_trace){
        .n = 4, .time_s = f->times, .power_uw = f->powers, .iv = f->iv, .end_s = 4, .path = "feed"};
    f->device.capacitor.uf = 100;
    f->device.capacitor.max_v = 4;
    f->device.capacitor.on_v = 3;
    f->device.capacitor.off_v = 2;
    f->device.capacitor.leakage_ua = 20; /* lambda 0.1 /s */
    f->store = store_make(&f->device, 0, start_v);
    f->arena = wick_arena_new();
    assert_int_equal(supply_make(f->arena, &f->trace, h, &f->store, 3, &f->supply, NULL), WICK_OK);
}

static void tables_are_the_integrals(void **state) {
    (void)state;
    wick_harvester h = {.efficiency = 0.5};
    feed f;
    make_feed(&f, &h, 3);
    supply_sums sums = supply_sums_at(&f.supply, SUPPLY_WARM, 2, 2.5);
    near(sums.offered_uj, 125, 1e-12);
    near(sums.gain_uj, 62.5, 1e-12);
    double x = exp(-0.05);
    near(sums.response_uj,
         250 * (x - 1) + 250 * (1 - x) + 500 * (1 - exp(-0.1)) * exp(-0.15) + 250 * (1 - x), 1e-12);
    assert_int_equal(wick_trace_sample_at(f.supply.trace, 0, 2), 2);
    assert_int_equal(wick_trace_sample_at(f.supply.trace, 0, 3.9), 3);
    /* the running mean: towards 50 for a second, then towards 0 */
    near(supply_recent_uw(&f.supply, 1, 1.5, 0), 50 * (1 - exp(-0.1)) * exp(-0.05), 1e-12);
    near(supply_recent_uw(&f.supply, 1, 1.5, 7), 50 * (1 - exp(-0.1)) * exp(-0.05) + 7 * exp(-0.15),
         1e-12);
    wick_arena_free(f.arena);
}

static void below_the_cold_start_voltage_little_arrives(void **state) {
    (void)state;
    wick_harvester h = {.front = WICK_FRONT_BOOST};
    h.boost.n = 1;
    h.boost.in_uw[0] = 1;
    h.boost.efficiency[0] = 0.8;
    h.boost.mppt_duty = 1;
    h.boost.cold_below_v = 1.5;
    h.boost.cold_efficiency = 0.1;
    feed f;
    make_feed(&f, &h, 1);
    supply_band band = supply_band_at(&f.supply, &f.store, 0, 0);
    near(band.in.uw, 10, 1e-12);
    near(band.high_uj, 112.5, 1e-12);
    f.store.energy_uj = 112.5; /* on the border: 80 µW rise, -300 µW fall */
    near(supply_band_at(&f.supply, &f.store, 0, 0).in.uw, 80, 1e-12);
    near(supply_band_at(&f.supply, &f.store, 0, 300).in.uw, 10, 1e-12);
    f.store.energy_uj = 200;
    near(supply_band_at(&f.supply, &f.store, 0, 0).low_uj, 112.5, 1e-12);
    wick_arena_free(f.arena);
}

static void a_tracker_takes_its_share_of_the_voltage(void **state) {
    (void)state;
    wick_harvester h = {.front = WICK_FRONT_BOOST};
    h.boost.n = 1;
    h.boost.in_uw[0] = 1;
    h.boost.efficiency[0] = 0.5;
    h.boost.mppt_fraction = 0.7; /* off the best point, 0.8 */
    h.boost.mppt_duty = 0.9;     /* a tenth of the time it measures */
    feed f;
    make_feed(&f, &h, 3);
    f.trace.iv = NULL; /* of a trace of powers it takes all that the source gives */
    supply s;
    assert_int_equal(supply_make(f.arena, &f.trace, &h, &f.store, 3, &s, NULL), WICK_OK);
    near(s.arrives_uw[SUPPLY_WARM][0], 100 * 0.9 * 0.5, 1e-12);
    f.trace.iv = f.iv;
    f.iv[0] = (wick_iv){.isc_ua = 1000, .voc_v = 5, .imp_ua = 900, .vmp_v = 4};
    assert_int_equal(supply_make(f.arena, &f.trace, &h, &f.store, 3, &s, NULL), WICK_OK);
    double tracked_uw = 3.5 * panel_current_ua(&f.iv[0], false, 3.5);
    assert_true(tracked_uw < 3600);
    near(s.arrives_uw[SUPPLY_WARM][0], tracked_uw * 0.9 * 0.5, 1e-12);
    wick_arena_free(f.arena);
}

static void behind_a_diode_the_voltage_decides(void **state) {
    (void)state;
    wick_harvester h = {.front = WICK_FRONT_DIODE, .drop_v = 0.3};
    feed f;
    make_feed(&f, &h, 3);
    f.iv[0] = (wick_iv){.isc_ua = 1000, .voc_v = 5, .imp_ua = 900, .vmp_v = 4};
    /* On a piece's ends the current is the curve's; between them not more than 2 % below it. */
    for (double v = 0.05; v < 4.69; v += 0.05) {
        f.store.energy_uj = store_energy_at(&f.store, v);
        supply_band band = supply_band_at(&f.supply, &f.store, 0, 0);
        double got = band.in.ua - band.in.us * v, want = panel_current_ua(&f.iv[0], false, v + 0.3);
        assert_true(band.in.line && band.low_uj <= f.store.energy_uj &&
                    f.store.energy_uj <= band.high_uj);
        assert_true(fabs(got - want) < 0.02 * f.iv[0].isc_ua);
    }
    f.store.energy_uj = store_energy_at(&f.store, 4.8); /* above Voc - drop: the diode blocks */
    supply_band band = supply_band_at(&f.supply, &f.store, 0, 0);
    assert_false(band.in.line);
    assert_true(band.in.uw == 0);
    wick_arena_free(f.arena);
}

static void a_diode_wants_a_curve(void **state) {
    (void)state;
    wick_harvester h = {.front = WICK_FRONT_DIODE, .drop_v = 0.3};
    feed f;
    make_feed(&f, &h, 3);
    f.trace.iv = NULL;
    f.trace.quantity = "power";
    wick_diag diag = {0};
    assert_int_equal(supply_make(f.arena, &f.trace, &h, &f.store, 3, &f.supply, &diag),
                     WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "iv curve"));
    wick_diag_free(&diag);
    wick_arena_free(f.arena);
}

/* ---- profiles ---- */

static void shipped_harvesters_load(void **state) {
    (void)state;
    static const char *const names[] = {"harvester-boost-panel", "harvester-diode-panel",
                                        "harvester-rf-diode"};
    static const wick_front fronts[] = {WICK_FRONT_BOOST, WICK_FRONT_DIODE, WICK_FRONT_DIODE};
    wick_arena *arena = wick_arena_new();
    for (size_t i = 0; i < WICK_LEN(names); i++) {
        wick_harvester *h;
        assert_int_equal(wick_harvester_load(arena, names[i], &h, NULL), WICK_OK);
        assert_string_equal(h->name, names[i]);
        assert_int_equal(h->front, fronts[i]);
    }
    wick_arena_free(arena);
}

/* Who asks for one kind of profile is told of that kind, and gets no other (who asks for a cost
   model is told by its reader). */
static void an_unknown_profile_lists_its_kind(void **state) {
    (void)state;
    static const char *const first[] = {"harvester-boost-panel", "m4-fram", "published-inas"};
    wick_arena *arena = wick_arena_new();
    static const char *const others[] = {"m7-mram", "harvester-rf-diode"};
    for (size_t n = 0; n < 2 * WICK_LEN(first) - 1; n++) {
        size_t i = n / 2;
        const char *name = n % 2 ? others[i] : "nowhere";
        wick_diag diag = {0};
        wick_harvester *h;
        wick_device *d;
        wick_published *p;
        wick_status status = i == 0   ? wick_harvester_load(arena, name, &h, &diag)
                             : i == 1 ? wick_device_load(arena, name, &d, &diag)
                                      : wick_published_load(arena, name, &p, &diag);
        assert_int_equal(status, WICK_NOT_FOUND);
        assert_true(wick_diag_contains(&diag, n % 2 ? "another kind" : "no such file"));
        for (size_t k = 0; k < WICK_LEN(first); k++)
            assert_true(wick_diag_contains(&diag, first[k]) == (i == k));
        wick_diag_free(&diag);
    }
    wick_arena_free(arena);
}

static wick_status load_text(const char *text, wick_diag *diag) {
    char path[] = "/tmp/wick-harvester-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(wick_file_write(path, text, strlen(text), NULL), WICK_OK);
    wick_arena *arena = wick_arena_new();
    wick_harvester *h;
    wick_status status = wick_harvester_load(arena, path, &h, diag);
    wick_arena_free(arena);
    unlink(path);
    return status;
}

#define V(x) "{\"value\": " #x ", \"source\": \"test\"}"
#define PANEL                                                                                      \
    "\"panel\": {\"area_cm2\": " V(1) ", \"efficiency\": " V(0.1) ", \"lux_per_uw_cm2\": " V(1) "}"
#define BOOST(curve, cold)                                                                         \
    "{\"name\": \"x\", " PANEL ", \"front\": {\"kind\": \"boost\", \"curve\": " curve              \
    ", \"min_uw\": " V(5) ", \"cold_below_v\": " V(                                                \
        1.8) ", \"cold_efficiency\": " cold                                                        \
             ", \"cold_min_uw\": " V(5) ", \"mppt_fraction\": " V(0.8) ", \"mppt_duty\": " V(      \
                 1) "}}"

static void bad_harvesters_name_the_field(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
        wick_status status;
    } cases[] = {
        {"{\"name\": \"x\", " PANEL ", \"front\": {\"kind\": \"diode\", \"drop_v\": 0.3}}",
         "front.drop_v", WICK_SYNTAX},
        {"{\"name\": \"x\", " PANEL ", \"front\": {\"kind\": \"diode\", \"drop_v\": " V(-1) "}}",
         "front.drop_v", WICK_RANGE},
        {"{\"name\": \"x\", " PANEL ", \"front\": {\"kind\": \"magic\"}}", "constant boost diode",
         WICK_UNKNOWN},
        {"{\"name\": \"x\", " PANEL
         ", \"front\": {\"kind\": \"constant\", \"efficiency\": " V(1.5) "}}",
         "front.efficiency", WICK_RANGE},
        {"{\"name\": \"x\", " PANEL ", \"ohm\": 3, \"front\": {}}", "ohm", WICK_UNKNOWN},
        {BOOST("{\"in_uw\": [10, 5], \"efficiency\": [0.5, 0.6], \"source\": \"t\"}", V(0.05)),
         "in_uw", WICK_RANGE},
        {BOOST("{\"in_uw\": [10, 20], \"efficiency\": [0.5], \"source\": \"t\"}", V(0.05)),
         "2 input powers and 1", WICK_SHAPE},
        {BOOST("{\"in_uw\": [10], \"efficiency\": [1.5], \"source\": \"t\"}", V(0.05)),
         "efficiency", WICK_RANGE},
        {BOOST("{\"in_uw\": [10], \"efficiency\": [0.5]}", V(0.05)), "source", WICK_MISSING},
        {BOOST("{\"in_uw\": [10], \"efficiency\": [0.5], \"source\": \"t\"}", V(0.7)),
         "no better than the running", WICK_RANGE},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_diag diag = {0};
        assert_int_equal(load_text(cases[i].text, &diag), cases[i].status);
        if (!wick_diag_contains(&diag, cases[i].want))
            fail_msg("case %zu does not say: %s", i, cases[i].want);
        wick_diag_free(&diag);
    }
    assert_int_equal(
        load_text(BOOST("{\"in_uw\": [10], \"efficiency\": [0.5], \"source\": \"t\"}", V(0.05)),
                  NULL),
        WICK_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resistor_charges_exponentially),
        cmocka_unit_test(a_constant_current_charges_linearly),
        cmocka_unit_test(a_load_without_source_drains_by_energy),
        cmocka_unit_test(loads_and_leaks_agree_with_integration),
        cmocka_unit_test(the_terminals_sag_as_kirchhoff_says),
        cmocka_unit_test(the_charged_heat_is_an_upper_bound),
        cmocka_unit_test(the_boost_converter_interpolates),
        cmocka_unit_test(the_curve_passes_through_its_points),
        cmocka_unit_test(flat_curves_pass_through_their_points_too),
        cmocka_unit_test(irradiance_scales_the_curve),
        cmocka_unit_test(tables_are_the_integrals),
        cmocka_unit_test(below_the_cold_start_voltage_little_arrives),
        cmocka_unit_test(a_tracker_takes_its_share_of_the_voltage),
        cmocka_unit_test(behind_a_diode_the_voltage_decides),
        cmocka_unit_test(a_diode_wants_a_curve),
        cmocka_unit_test(shipped_harvesters_load),
        cmocka_unit_test(an_unknown_profile_lists_its_kind),
        cmocka_unit_test(bad_harvesters_name_the_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
