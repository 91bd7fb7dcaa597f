/* Traces as they are read: every unit, scaling, cutting, repeating, splicing, and what is refused.
 */
#include "sim/sim.h"

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
    if (fabs(got - want) > relative * fmax(1e-12, fabs(want)))
        fail_msg("got %.15g, want %.15g", got, want);
}

/* A panel of 10 cm2 and 10 %; 100 lux are 1 µW/cm2. */
static wick_device make_device(void) {
    wick_device d = {.name = "test"};
    d.capacitor.input_efficiency = 1;
    d.panel.area_cm2 = 10;
    d.panel.efficiency = 0.1;
    d.panel.lux_per_uw_cm2 = 100;
    return d;
}

static wick_status load_text(const char *text, wick_trace **out, wick_arena *arena,
                             const wick_device *device, wick_diag *diag) {
    char path[] = "/tmp/wick-trace-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(wick_file_write(path, text, strlen(text), NULL), WICK_OK);
    wick_trace_options o = wick_trace_defaults();
    wick_status status = wick_trace_load(arena, path, device, &o, out, diag);
    unlink(path);
    return status;
}

static void traces_are_read_with_their_units(void **state) {
    (void)state;
    wick_device d = make_device();
    wick_arena *arena = wick_arena_new();
    wick_trace *t;
    assert_int_equal(load_text("# note\ntime_s,voltage_v\n5,3\n7,0.3\n8,0\n", &t, arena, &d, NULL),
                     WICK_OK);
    assert_int_equal(t->n, 3);
    near(t->power_uw[0], 300, 1e-12); /* 9 V^2 / 30 kOhm */
    near(t->power_uw[1], 3, 1e-12);
    near(t->time_s[1], 2, 1e-12);
    near(t->end_s, 4, 1e-12);
    assert_int_equal(
        load_text("illuminance_lux, time_s\r\n500, 0\r\n0, 10\r\n", &t, arena, &d, NULL), WICK_OK);
    near(t->power_uw[0], 500.0 / 100 * 10 * 0.1, 1e-12);
    assert_int_equal(load_text("time_s,irradiance_w_m2\n0,1\n1,1", &t, arena, &d, NULL), WICK_OK);
    near(t->power_uw[1], 100, 1e-12); /* 1 W/m2 = 100 µW/cm2 */
    assert_int_equal(load_text("time_s,power_mw\n0,2\n1,1", &t, arena, &d, NULL), WICK_OK);
    near(t->power_uw[0], 2000, 1e-12);
    /* As spreadsheets and statistics programs write it. */
    assert_int_equal(
        load_text("\xef\xbb\xbf\"time_s\",\"power_mw\"\r\n0,\"2\"\r\n1,1\r\n", &t, arena, &d, NULL),
        WICK_OK);
    near(t->power_uw[0], 2000, 1e-12);
    /* As old Macs do, and with commas behind the last column. */
    assert_int_equal(load_text("time_s,power_mw\r0,2,\r1,1,,\r", &t, arena, &d, NULL), WICK_OK);
    near(t->power_uw[0], 2000, 1e-12);
    assert_int_equal(t->n, 2);
    static const struct {
        const char *text;
        double uw;
    } same[] = {{"time_ms,power_w\n0,2\n500,1", 2e6},
                {"time_us,voltage_mv\n0,3000\n500000,1", 300},
                {"time_s,irradiance_mw_cm2\n0,1\n.5,1", 1000},
                {"time_s,irradiance_uw_cm2\n0,70\n.5,1", 70},
                {"time_s,illuminance_klux\n0,1\n.5,1", 10}};
    for (size_t i = 0; i < WICK_LEN(same); i++) {
        assert_int_equal(load_text(same[i].text, &t, arena, &d, NULL), WICK_OK);
        near(t->power_uw[0], same[i].uw, 1e-12);
        near(t->end_s, 1, 1e-12);
        assert_null(t->iv);
    }
    wick_arena_free(arena);
}

static wick_trace *load_with(const char *text, const wick_trace_options *o, wick_arena *arena) {
    char path[] = "/tmp/wick-trace-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(wick_file_write(path, text, strlen(text), NULL), WICK_OK);
    wick_device device = make_device();
    wick_trace *t;
    assert_int_equal(wick_trace_load(arena, path, &device, o, &t, NULL), WICK_OK);
    unlink(path);
    return t;
}

static void curves_are_read(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_trace_options o = wick_trace_defaults();
    o.scale = 2;
    wick_trace *t =
        load_with("time_s,isc_ma,voc_mv,imp_ma,vmp_v\n0,1,5000,.9,4\n1,0,0,0,0\n", &o, arena);
    near(t->power_uw[0], 7200, 1e-3); /* the currents are scaled; its maximum is near Vmp */
    assert_true(t->power_uw[0] >= 7200);
    near(t->iv[0].isc_ua, 2000, 1e-12);
    near(t->iv[0].voc_v, 5, 1e-12);
    assert_true(t->power_uw[1] == 0 && t->iv[1].voc_v == 0 && !t->linear);
    o.scale = 1;
    o.source_ohm = 1000;
    t = load_with("time_s,open_circuit_v\n0,2\n1,1\n", &o, arena);
    near(t->power_uw[0], 1000, 1e-12); /* V^2 / 4R */
    assert_true(t->linear);
    wick_harvester h = {.panel = {.area_cm2 = 5,
                                  .has_iv = true,
                                  .reference_uw_cm2 = 1000,
                                  .iv = {.isc_ua = 100, .voc_v = 2, .imp_ua = 90, .vmp_v = 1.6},
                                  .slope_v = 0.1}};
    o.harvester = &h;
    t = load_with("time_s,short_circuit_ua\n0,100\n1,50\n", &o, arena);
    near(t->power_uw[0], 144, 1e-3);
    near(t->iv[1].voc_v, 2 + 0.1 * log(0.5), 1e-12);
    o.area_cm2 = 10;
    t = load_with("time_s,irradiance_w_m2\n0,10\n1,10\n", &o, arena);
    near(t->power_uw[0], 288, 1e-3);
    wick_arena_free(arena);
}

static void traces_are_cut_repeated_and_spliced(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_trace_options o = wick_trace_defaults();
    const char *text = "time_s,power_uw\n10,1\n11,2\n13,3\n14,4\n"; /* lasts 5 s */
    o.from_s = 2;
    o.to_s = 3.5;
    o.repeat = 2;
    wick_trace *t = load_with(text, &o, arena);
    static const double times[] = {0, 1, 1.5, 2.5}, powers[] = {2, 3, 2, 3};
    assert_int_equal(t->n, 4);
    near(t->end_s, 3, 1e-12);
    for (int i = 0; i < 4; i++) {
        near(t->time_s[i] + 1, times[i] + 1, 1e-12);
        near(t->power_uw[i], powers[i], 1e-12);
    }
    o = wick_trace_defaults();
    wick_device d = make_device();
    wick_trace *rf, *office;
    assert_int_equal(wick_trace_load(arena, "builtin:rf", &d, &o, &rf, NULL), WICK_OK);
    assert_int_equal(wick_trace_load(arena, "builtin:office", &d, &o, &office, NULL), WICK_OK);
    assert_int_equal(wick_trace_load(arena, "builtin:rf+builtin:office", &d, &o, &t, NULL),
                     WICK_OK);
    assert_int_equal(t->n, rf->n + office->n);
    near(t->time_s[rf->n], rf->end_s, 1e-12);
    near(t->power_uw[rf->n], office->power_uw[0], 1e-12);
    near(t->end_s, rf->end_s + office->end_s, 1e-12);
    wick_diag diag = {0};
    assert_int_equal(wick_trace_load(arena, "builtin:rf+builtin:x", &d, &o, &t, &diag),
                     WICK_UNKNOWN);
    o.from_s = 200;
    assert_int_equal(wick_trace_load(arena, "builtin:rf", &d, &o, &t, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "nothing is left"));
    o.from_s = 0;
    o.repeat = 1000000;
    assert_int_equal(wick_trace_load(arena, "builtin:rf", &d, &o, &t, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "thin the trace out"));
    wick_diag_free(&diag);
    wick_arena_free(arena);
}

static void bad_traces_name_the_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
        wick_status status;
    } cases[] = {
        {"time_s,power_uw\n0,1\n2,1\n1,1\n", "line 4", WICK_RANGE},
        {"time_s,power_uw\n0,1\n0,1\n", "must advance", WICK_RANGE},
        {"time_s,power_uw\n0,1\n1,-3\n", "must not be negative", WICK_RANGE},
        {"time_s,power_uw\n0,1\n1,x\n", "'x', not a number", WICK_SYNTAX},
        {"time_s,power_uw\n0,1\n1,0x10\n", "'0x10', not a number", WICK_SYNTAX},
        {"time_s,power_uw\n0,1\n-0X1,1\n", "'-0X1', not a number", WICK_SYNTAX},
        {"time_s,power_uw\n0,1\n1\n", "a value is missing", WICK_MISSING},
        {"time_s,power_uw\n0,nan\n1,1\n", "line 2", WICK_SYNTAX},
        {"time_s,watts\n0,1\n1,1\n", "known quantity", WICK_MISSING},
        {"seconds,power_uw\n0,1\n", "time_s", WICK_MISSING},
        {"time_s,time_ms,power_uw\n0,0,1\n1,5,1\n", "time_s and time_ms", WICK_SYNTAX},
        {"time_s,power_uw,time_s\n0,1,0\n1,1,5\n", "time_s and time_s", WICK_SYNTAX},
        {"time_s,power_uw\n0,1\n", "at least two", WICK_TRUNCATED},
        {"", "is empty", WICK_TRUNCATED},
        {"time_s,power_kw\n0,1\n", "write power_w, power_mw, power_uw", WICK_UNKNOWN},
        {"time_s,voltage\n0,1\n", "known unit", WICK_UNKNOWN},
        {"# a\n\ntime_s,power_w\n0,1\n1,1001\n", "line 5", WICK_RANGE},
        {"time_s,illuminance_lux\n0,1e30\n1,1\n", "check the unit", WICK_RANGE},
        {"time_s,power_uw\n0,1\n1e300,1\n", "line 3", WICK_RANGE},
        {"time_s,power_uw\n0,1\n1,inf\n", "line 3", WICK_SYNTAX},
        {"time_us,power_uw\n0,1\n1,\n", "a value is missing: power_uw", WICK_MISSING},
        {"time_s,short_circuit_ma\n0,1\n1,1\n", "iv curve", WICK_MISSING},
        {"time_s,open_circuit_v\n0,1\n1,1\n", "source-ohm", WICK_MISSING},
        {"time_s,isc_ma,voc_v\n0,1,2\n1,1,2\n", "imp_", WICK_MISSING},
        {"time_s,isc_ma,voc_v,imp_ma,vmp_v\n0,1,2,1,1\n1,1,2,1,1\n", "line 2", WICK_RANGE},
        {"time_s,voltage_v,power_uw\n0,1,5\n1,1,5\n", "voltage_v and power_uw", WICK_SYNTAX},
        {"time_s,power_uw,power_uw\n0,1,5\n1,1,5\n", "keep one of them", WICK_SYNTAX},
        {"time_s,isc_ma,voc_v,imp_ma,vmp_v,isc_ua\n0,2,2,1,1,1\n1,2,2,1,1,1\n", "isc_ma and isc_ua",
         WICK_SYNTAX},
        {"time_s,voc_v,power_uw\n0,2,2\n1,2,2\n", "voc_v and power_uw", WICK_SYNTAX},
        {"time_s;power_uw\n0;1,5\n1;1,5\n", "put commas", WICK_SYNTAX},
        {"time_s\tpower_uw\n0\t1\n1\t1\n", "put commas", WICK_SYNTAX},
        {"\"time_s\",\"power_uw\"\n0,1\n1,\"x\"\n", "'x', not a number", WICK_SYNTAX},
        {"time_s,isc_ma,voc_v,imp_ma,vmp_v\n0,1,5,0.3,2.5\n1,1,5,.9,4\n", "line 2", WICK_RANGE},
        {"time_s,isc_ma,voc_v,imp_ma,vmp_v\n0,1,5,.9,4\n1,1,5,.3,4.5\n", "line 3", WICK_RANGE},
        {"time_s,power_uw\n0,0,300\n600,0,300\n", "3 values for 2 columns", WICK_SHAPE},
        {"time_s,power_uw\n0,1\n1,0,5\n", "points before decimals", WICK_SHAPE},
        {"time_s,power_uw\n10000000000,1\n10000000000.0000001,1\n", "must advance", WICK_RANGE},
    };
    wick_device d = make_device();
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_arena *arena = wick_arena_new();
        wick_diag diag = {0};
        wick_trace *t;
        assert_int_equal(load_text(cases[i].text, &t, arena, &d, &diag), cases[i].status);
        if (!wick_diag_contains(&diag, cases[i].want))
            fail_msg("case %zu does not say: %s", i, cases[i].want);
        wick_diag_free(&diag);
        wick_arena_free(arena);
    }
}

static void generated_traces_are_the_same_every_time(void **state) {
    (void)state;
    wick_device d = make_device();
    wick_trace_options o = wick_trace_defaults();
    static const char *const names[] = {"builtin:rf", "builtin:office"};
    for (size_t i = 0; i < 2; i++) {
        wick_arena *arena = wick_arena_new();
        wick_trace *a, *b;
        assert_int_equal(wick_trace_load(arena, names[i], &d, &o, &a, NULL), WICK_OK);
        assert_int_equal(wick_trace_load(arena, names[i], &d, &o, &b, NULL), WICK_OK);
        assert_int_equal(a->n, b->n);
        assert_memory_equal(a->power_uw, b->power_uw, (size_t)a->n * sizeof(double));
        double sum = 0;
        for (int k = 0; k < a->n; k++)
            sum += a->power_uw[k];
        assert_true(sum > 0);
        wick_arena_free(arena);
    }
}

/* Each column by itself: 1 of its unit is so many of the library's. */
static void every_unit_is_converted(void **state) {
    (void)state;
    static const struct {
        const char *column;
        double uw; /* of the value 1 at 1 kOhm, on 10 cm2 of 10 % */
    } powers[] = {
        {"power_w", 1e6},           {"power_mw", 1e3},        {"power_uw", 1},
        {"voltage_v", 1e3},         {"voltage_mv", 1e-3},     {"irradiance_w_m2", 100},
        {"irradiance_mw_cm2", 1e3}, {"irradiance_uw_cm2", 1}, {"illuminance_lux", 0.01},
        {"illuminance_klux", 10},   {"open_circuit_v", 250},  {"open_circuit_mv", 250e-6}};
    wick_arena *arena = wick_arena_new();
    wick_trace_options o = wick_trace_defaults();
    o.load_ohm = o.source_ohm = 1000;
    for (size_t i = 0; i < WICK_LEN(powers); i++)
        for (int scale = 1; scale <= 3; scale += 2) {
            o.scale = scale;
            wick_trace *t = load_with(
                wick_arena_printf(arena, "time_s,%s\n0,1\n1,0\n", powers[i].column), &o, arena);
            near(t->power_uw[0], scale * powers[i].uw, 1e-12);
        }
    o.scale = 1;
    o.area_cm2 = 2;
    o.panel_efficiency = 0.3;
    near(load_with("time_s,irradiance_uw_cm2\n0,50\n1,0\n", &o, arena)->power_uw[0], 30, 1e-12);
    wick_arena_free(arena);
}

static void every_unit_of_a_curve_is_converted(void **state) {
    (void)state;
    static const char *const amperes[] = {"a", "ma", "ua"}, *const volts[] = {"v", "mv"};
    static const double ua[] = {1e6, 1e3, 1}, v[] = {1, 1e-3};
    wick_harvester h = {.panel = {.area_cm2 = 1,
                                  .has_iv = true,
                                  .reference_uw_cm2 = 1000,
                                  .iv = {.isc_ua = 100, .voc_v = 2, .imp_ua = 90, .vmp_v = 1.6}}};
    wick_arena *arena = wick_arena_new();
    wick_trace_options o = wick_trace_defaults();
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b < 2; b++) {
            wick_trace *t =
                load_with(wick_arena_printf(arena,
                                            "time_s,vmp_%s,imp_%s,voc_%s,isc_%s\n0,4,6,5,7\n"
                                            "1,0,0,0,0\n",
                                            volts[b], amperes[a], volts[b], amperes[a]),
                          &o, arena);
            near(t->iv[0].isc_ua, 7 * ua[a], 1e-12);
            near(t->iv[0].voc_v, 5 * v[b], 1e-12);
            near(t->iv[0].imp_ua, 6 * ua[a], 1e-12);
            near(t->iv[0].vmp_v, 4 * v[b], 1e-12);
            near(t->power_uw[0], 24 * ua[a] * v[b], 5e-3);
        }
        o.harvester = &h;
        wick_trace *t = load_with(wick_arena_printf(arena, "time_s,short_circuit_%s\n0,%g\n1,0\n",
                                                    amperes[a], 50 / ua[a]),
                                  &o, arena);
        near(t->power_uw[0], 45 * 1.6, 1e-3);
        o.harvester = NULL;
    }
    wick_arena_free(arena);
}

static void a_larger_source_has_larger_currents(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_trace_options o = wick_trace_defaults();
    wick_trace *t =
        load_with("time_s,isc_ma,voc_v,imp_ma,vmp_v\n0,2,5,1.8,4\n1,0,0,0,0\n", &o, arena);
    wick_trace *larger = wick_trace_scaled(arena, t, 3);
    near(larger->power_uw[0], 3 * t->power_uw[0], 1e-12);
    near(larger->iv[0].isc_ua, 6000, 1e-12);
    near(larger->iv[0].imp_ua, 5400, 1e-12);
    near(larger->iv[0].voc_v, 5, 1e-12);
    near(larger->iv[0].vmp_v, 4, 1e-12);
    near(t->iv[0].imp_ua, 1800, 1e-12); /* the first one is as it was */
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traces_are_read_with_their_units),
        cmocka_unit_test(curves_are_read),
        cmocka_unit_test(every_unit_is_converted),
        cmocka_unit_test(every_unit_of_a_curve_is_converted),
        cmocka_unit_test(a_larger_source_has_larger_currents),
        cmocka_unit_test(traces_are_cut_repeated_and_spliced),
        cmocka_unit_test(bad_traces_name_the_line),
        cmocka_unit_test(generated_traces_are_the_same_every_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
