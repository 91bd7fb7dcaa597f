/* What a capacitor's series resistance asks of admission, by hand: 20 mW for one second at 10 Ohm
   and off_v 2 V are 10 mA at the brown-out, so the device dies at 2.1 V and 1 mW of heat comes on
   top (esr.h). tests/sim/test_admission.c lets the simulator judge whole plans. */
#include "plan/plan_parts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tiny_qnet.h"

static wick_arena *arena;

static wick_device *device_of(double ohm) {
    wick_device *device;
    assert_int_equal(wick_device_load(arena, "m4-mram", &device, NULL), WICK_OK);
    device->capacitor.on_v = 3;
    device->capacitor.off_v = 2;
    device->capacitor.uf = 20000;
    device->capacitor.efficiency = 1;
    device->capacitor.esr_ohm = ohm;
    return device;
}

static void near(double value, double want) {
    if (fabs(value - want) > 1e-9 * fabs(want))
        fail_msg("%.12g instead of %.12g", value, want);
}

static const wick_cost second_of_20_mw = {.time_us = 1e6, .energy_uj = 20000};

static void one_part_by_hand(void **state) {
    (void)state;
    const wick_device *device = device_of(10);
    wick_plan_draw draw = wick_plan_draw_of(device, second_of_20_mw);
    near(draw.uj, 21000);
    near(draw.off_v, 2.1);
    /* At margin 0.8: C = 2 * 21000 / (0.8 (3^2 - 2.1^2)) */
    near(wick_plan_uf_for(device, 0.8, draw), 42000 / 3.672);
    /* With 20 mF: V^2 = 2.1^2 + 2 * 21000 / (0.8 * 20000) = 4.41 + 2.625 */
    near(wick_plan_wake_v_for(device, 0.8, draw), sqrt(7.035));
    /* Of a margin of the charge, 0.8 * 10000 µF (9 - 4) V^2 = 40 mJ, it takes 21 mJ and leaves 0.8
     * * 10000 (4.41 - 4). */
    near(wick_plan_uj_per_v2(device, 0.8), 8000);
    near(wick_plan_asked_uj(device, 8000, draw), 21000 + 3280);
    /* The converter's share is drawn, but no load: with half of it the current doubles, to 20 mA
     * and 2.2 V. */
    wick_device half = *device;
    half.capacitor.efficiency = 0.5;
    draw = wick_plan_draw_of(&half, second_of_20_mw);
    near(draw.uj, 44000);
    near(draw.off_v, 2.2);
    near(wick_plan_asked_uj(&half, wick_plan_uj_per_v2(&half, 1), draw), 22000 + 5000 * 0.84);
}

static void several_parts_by_hand(void **state) {
    (void)state;
    const wick_device *device = device_of(10);
    wick_cost light = {.time_us = 2e6, .energy_uj = 8000}; /* 4 mW: 2 mA, 2.02 V, 40 µW of heat */
    wick_plan_draw heavy = wick_plan_draw_of(device, second_of_20_mw),
                   low = wick_plan_draw_of(device, light);
    near(low.uj, 8080);
    near(low.off_v, 2.02);
    wick_plan_draw both = wick_plan_draw_sum(heavy, low);
    near(both.uj, 29080);
    near(both.off_v, 2.1);
    /* A boot's current is over when the span begins, and what takes no time has none. */
    wick_plan_draw behind = wick_plan_draw_behind(heavy, low);
    near(behind.uj, 29080);
    near(behind.off_v, 2.02);
    near(wick_plan_draw_of(device, (wick_cost){.energy_uj = 5}).uj, 5);
    assert_true(wick_plan_draw_of(device, (wick_cost){.energy_uj = 5}).off_v == 0);
}

static void without_resistance_it_is_the_energy(void **state) {
    (void)state;
    const wick_device *device = device_of(0);
    wick_plan_draw draw = wick_plan_draw_of(device, second_of_20_mw);
    near(draw.uj, 20000);
    near(draw.off_v, 2);
    near(wick_plan_asked_uj(device, 8000, draw), 20000);
    near(wick_plan_uf_for(device, 0.8, draw), 40000 / (0.8 * 5));
}

/* A load whose drop is the whole of what a charge may lose: on 3 V, off 2 V, 200 mW and 10 Ohm are
 * 100 mA and 1 V. */
static void no_capacitor_would_do(void **state) {
    (void)state;
    wick_device *device = device_of(10);
    wick_cost much = {.time_us = 1e6, .energy_uj = 2e5};
    near(wick_plan_draw_of(device, much).off_v, 3);
    assert_true(isinf(wick_plan_uf_for(device, 0.8, wick_plan_draw_of(device, much))));
    wick_qnet *net = tiny_family(3, 8, 4);
    device->capacitor.esr_ohm = 5000;
    wick_plan_options options = wick_plan_defaults();
    wick_plan *plan;
    wick_diag diag = {0};
    assert_int_equal(wick_plan_make(net, device, &options, "m.onnx", &plan, &diag), WICK_NO_FIT);
    assert_int_equal(diag.count, 1);
    assert_true(
        wick_diag_contains(&diag, "the terminals stand at off_v while the capacitor still"));
    assert_true(wick_diag_contains(&diag, "less series resistance"));
    wick_diag_free(&diag);
    tiny_free(net);
}

/* A charge that would do without the resistance is refused with it, and the numbers that are
 * printed do. */
static void the_refusal_names_what_would_do(void **state) {
    (void)state;
    wick_device *device = device_of(0);
    wick_qnet *net = tiny_family(3, 8, 4);
    wick_plan_options options = wick_plan_defaults();
    wick_plan *plan;
    assert_int_equal(wick_plan_make(net, device, &options, "m.onnx", &plan, NULL), WICK_OK);
    double without_uf = plan->min_capacitor_uf;
    wick_plan_free(plan);
    device->capacitor.esr_ohm = 30;
    assert_int_equal(wick_plan_make(net, device, &options, "m.onnx", &plan, NULL), WICK_OK);
    double with_uf = plan->min_capacitor_uf;
    wick_plan_free(plan);
    assert_true(with_uf > 1.05 * without_uf);
    options.capacitor_uf = without_uf;
    wick_diag diag = {0};
    assert_int_equal(wick_plan_make(net, device, &options, "m.onnx", &plan, &diag), WICK_NO_FIT);
    char number[40];
    snprintf(number, sizeof number, "would do is %g uF", with_uf);
    assert_true(wick_diag_contains(&diag, number));
    assert_true(wick_diag_contains(&diag, "series resistance included"));
    wick_diag_free(&diag);
    options.capacitor_uf = with_uf;
    assert_int_equal(wick_plan_make(net, device, &options, "m.onnx", &plan, NULL), WICK_OK);
    wick_plan_free(plan);
    tiny_free(net);
}

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_part_by_hand), cmocka_unit_test(several_parts_by_hand),
        cmocka_unit_test(without_resistance_it_is_the_energy),
        cmocka_unit_test(no_capacitor_would_do), cmocka_unit_test(the_refusal_names_what_would_do)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
