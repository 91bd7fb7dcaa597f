/* The published cost model against cases worked out by hand from the paper's formulas and
   constants. Layer of all cases: 3x3, stride 1, R = C = 4 outputs, M = 4 from N = 2 channels; tiles
   Tr = Tc = 2, Tm = 2, Tn = 1, so Tri = Tci = 2 + 3 - 1 = 4 and 2 * 2 * 2 * 2 = 16 tiles. Energies
   in nJ, times in cycles of 16 MHz: fetch of v words    27 v + 200            64 v + 424 back-up of
   v words  26.815 v + 193.36     64 v + 422 vector MAC          0.5273 v + 204.41     1.5 v + 616
     a additions and m multiplications         3.9355 a + 19.253 m     12 a + 44 m
       7 a 5 m: 123.8135, 304   8 a 9 m: 204.761, 492   3 a 3 m: 69.5655, 168
       9 a 8 m: 189.4435, 460   11 a 9 m: 216.5675, 528
   One tile:
     inputs   16 fetches of 1:  16 (227 + 123.8135) = 5613.016       16 (488 + 304) = 12672
     weights  9 * 2 of 1:       18 (227 + 204.761) = 7771.698        18 (488 + 492) = 17640
     sums     4 of 2:           4 (254 + 123.8135) = 1511.254        4 (552 + 304) = 3424
     compute  9 * 4 * 2 MACs of 1 word, one addition, 7 a 5 m and 3 a 3 m:
              72 (204.9373 + 3.9355 + 123.8135 + 69.5655) = 28962.1296
              72 (617.5 + 12 + 304 + 168) = 79308
   Every power cycle: reboot 77880, 1120000; index of 4 words: 308 + 300.62, 680 + 678:
              78488.62, 1121358 */
#include "device/device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_arena *arena;
static wick_published *inas, *tinas;

static const wick_published_layer layer = {.kind = WICK_LAYER_CONV2D,
                                           .rows = 4,
                                           .cols = 4,
                                           .out_c = 4,
                                           .in_c = 2,
                                           .k_h = 3,
                                           .k_w = 3,
                                           .stride_h = 1,
                                           .stride_w = 1,
                                           .operands = 1};

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return wick_published_load(arena, "published-inas", &inas, NULL) == WICK_OK &&
                   wick_published_load(arena, "published-tinas", &tinas, NULL) == WICK_OK
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

static void assert_near(double have, double want) {
    if (fabs(have - want) > 1e-9 * fabs(want))
        fail_msg("%.12g, expected %.12g", have, want);
}

static void assert_cost(wick_published_cost have, double nj, double cycles) {
    assert_near(have.j, nj * 1e-9);
    assert_near(have.s, cycles / 16e6);
}

static wick_published_design design(wick_published_order order, int s) {
    return (wick_published_design){.tr = 2, .tc = 2, .tm = 2, .tn = 1, .order = order, .s = s};
}

/* 4 back-ups of 2 words with 7 a 5 m: 4 (246.99 + 123.8135) = 1483.214, 4 (550 + 304) = 3416. */
static void outputs_reused_by_hand(void **state) {
    (void)state;
    wick_published_design d = design(WICK_REUSE_OUTPUT, 1);
    assert_int_equal(wick_published_inner(&layer, &d), 2); /* N / Tn */
    wick_published_cycles c = wick_published_intermittent(inas, &layer, &d);
    /* n_pc = 16 / 1; the first tile of each of the 2 * 2 * 2 outputs has no sums to fetch */
    assert_near(c.n_first, 8);
    assert_near(c.n_later, 8);
    /* 78488.62 + 5613.016 + 7771.698 + 28962.1296 + 1483.214 = 122318.6776
       1121358 + 12672 + 17640 + 79308 + 3416 = 1234394; later: sums as well */
    assert_cost(c.first, 122318.6776, 1234394);
    assert_cost(c.later, 122318.6776 + 1511.254, 1234394 + 3424);
    /* 2 bytes of 16 * 1 inputs, 9 * 2 * 1 weights, 4 * 2 outputs */
    assert_int_equal(c.vm_bytes, 2 * (16 + 18 + 8));
    d.s = 2;
    c = wick_published_intermittent(inas, &layer, &d);
    assert_near(c.n_first, 8);
    assert_near(c.n_later, 0);
    /* 78488.62 + 2 (5613.016 + 7771.698 + 28962.1296) + 1483.214 = 164665.5212
       1121358 + 2 (12672 + 17640 + 79308) + 3416 = 1344014 */
    assert_cost(c.first, 164665.5212, 1344014);
    assert_int_equal(c.vm_bytes, 2 * (16 + 18 + 8));
    /* N = 4: as many tiles again, which fetch the sums once for both. */
    wick_published_layer deeper = layer;
    deeper.in_c = 4;
    c = wick_published_intermittent(inas, &deeper, &d);
    assert_near(c.n_first, 8);
    assert_near(c.n_later, 8);
    assert_cost(c.later, 164665.5212 + 1511.254, 1344014 + 3424);
}

/* S = 2 tiles: the inputs once, everything else twice; 4 back-ups of 2 * 2 words with 9 a 8 m:
   4 (300.62 + 189.4435) = 1960.254, 4 (678 + 460) = 4552. */
static void inputs_reused_by_hand(void **state) {
    (void)state;
    wick_published_design d = design(WICK_REUSE_INPUT, 2);
    assert_int_equal(wick_published_inner(&layer, &d), 2); /* M / Tm */
    wick_published_cycles c = wick_published_intermittent(inas, &layer, &d);
    assert_near(c.n_first, 4); /* 2 * 2 * 2 / 2 */
    assert_near(c.n_later, 4);
    /* 78488.62 + 5613.016 + 2 (7771.698 + 28962.1296) + 1960.254 = 159529.5452
       1121358 + 12672 + 2 (17640 + 79308) + 4552 = 1332478 */
    assert_cost(c.first, 159529.5452, 1332478);
    assert_cost(c.later, 159529.5452 + 2 * 1511.254, 1332478 + 2 * 3424);
    assert_int_equal(c.vm_bytes, 2 * (16 + 18 + 2 * 8));
}

/* S = 4 tiles: the weights once; 4 * 4 back-ups of 2 words with 11 a 9 m:
   16 (246.99 + 216.5675) = 7416.92, 16 (550 + 528) = 17248. */
static void weights_reused_by_hand(void **state) {
    (void)state;
    wick_published_design d = design(WICK_REUSE_WEIGHTS, 4);
    assert_int_equal(wick_published_inner(&layer, &d), 4); /* R / Tr * C / Tc */
    wick_published_cycles c = wick_published_intermittent(inas, &layer, &d);
    assert_near(c.n_first, 2); /* 2 * 2 * 2 / 4 */
    assert_near(c.n_later, 2);
    /* 78488.62 + 7771.698 + 4 (5613.016 + 28962.1296) + 7416.92 = 231977.8204
       1121358 + 17640 + 4 (12672 + 79308) + 17248 = 1524166 */
    assert_cost(c.first, 231977.8204, 1524166);
    assert_cost(c.later, 231977.8204 + 4 * 1511.254, 1524166 + 4 * 3424);
    assert_int_equal(c.vm_bytes, 2 * (16 + 18 + 4 * 8));
}

/* Without failures: no reboot, no index; 16 tiles, 8 of them with sums unless outputs are reused.
 */
static void continuous_by_hand(void **state) {
    (void)state;
    wick_published_design d = design(WICK_REUSE_OUTPUT, 1);
    /* 16 (5613.016 + 7771.698 + 28962.1296) + 8 * 1483.214 = 689415.2096
       16 (12672 + 17640 + 79308) + 8 * 3416 = 1781248 */
    assert_cost(wick_published_continuous(inas, &layer, &d), 689415.2096, 1781248);
    d.order = WICK_REUSE_INPUT;
    /* inputs 2 * 2 * 2 times, a back-up of 2 words: 4 (246.99 + 189.4435) = 1745.734, 4 (550 + 460)
       = 4040 8 * 5613.016 + 16 (7771.698 + 28962.1296 + 1745.734) + 8 * 1511.254 = 672667.1456 8 *
       12672 + 16 (17640 + 79308 + 4040) + 8 * 3424 = 1744576 */
    assert_cost(wick_published_continuous(inas, &layer, &d), 672667.1456, 1744576);
    d.order = WICK_REUSE_WEIGHTS;
    /* weights 2 * 2 times, back-up 4 (246.99 + 216.5675) = 1854.23, 4 (550 + 528) = 4312
       4 * 7771.698 + 16 (5613.016 + 28962.1296 + 1854.23) + 8 * 1511.254 = 626046.8336
       4 * 17640 + 16 (12672 + 79308 + 4312) + 8 * 3424 = 1638624 */
    assert_cost(wick_published_continuous(inas, &layer, &d), 626046.8336, 1638624);
}

/* The pieces of a layer are the layer. */
static void pieces_add_up(void **state) {
    (void)state;
    static const wick_layer_kind kinds[] = {WICK_LAYER_CONV2D, WICK_LAYER_DWCONV2D,
                                            WICK_LAYER_AVGPOOL, WICK_LAYER_ADD};
    wick_published_layer l = layer;
    int several_passes = 0;
    for (int i = 0; i < 4 * 3 * 8; i++) {
        wick_published_design d = design((wick_published_order)(i % 3), 1);
        bool mixes = i / 3 % 4 == 0;
        l.kind = kinds[i / 3 % 4];
        l.in_c = mixes ? 6 : 1;
        l.operands = l.kind == WICK_LAYER_ADD ? 2 : 1;
        d.tn = mixes ? (int[]){1, 2, 3, 6}[i / 12 % 4] : 1;
        d.tm = i / 12 % 2 ? 4 : 1;
        wick_published_pieces p = wick_published_pieces_of(inas, &l, &d);
        wick_published_cost whole = wick_published_continuous(inas, &l, &d);
        double sums = p.groups * (1 - 1.0 / p.passes) * p.units;
        assert_near(p.groups * (p.held.j + p.units * p.unit.j) + sums * p.sums.j, whole.j);
        assert_near(p.groups * (p.held.s + p.units * p.unit.s) + sums * p.sums.s, whole.s);
        assert_int_equal(p.vm_bytes, wick_published_intermittent(inas, &l, &d).vm_bytes);
        several_passes += p.passes > 1;
    }
    assert_true(several_passes > 5);
}

static void capacitor_by_hand(void **state) {
    (void)state;
    wick_published whole = *inas;
    whole.margin = 1;
    /* 0.005 / 2 (2.99^2 - 2.8^2) = 0.0025 * 1.1001 */
    assert_near(wick_published_charge_j(&whole), 2.75025e-3);
    assert_near(wick_published_charge_j(inas), 0.55 * 2.75025e-3);
    /* after 1 mJ: V_end = sqrt(2 * 1.75025e-3 / 0.005 + 7.84) = sqrt(8.5401) = 2.92234495 V;
       -1000 * 0.005 ln((2.99 - 3) / (2.92234495 - 3)) = 5 ln(7.765505) = 10.2484575 s */
    assert_true(fabs(wick_published_recharge_s(&whole, 1e-3) - 10.2484575) < 1e-6);
    assert_true(fabs(wick_published_recharge_s(&whole, 0)) < 1e-9);
    /* 0.6 * 0.0025 (4.535^2 - 3.29^2) = 0.0015 * 9.742125; after 10 mJ:
       V_end = sqrt(2 * 4.6131875e-3 / 0.005 + 10.8241) = 3.55940655 V;
       2800 * 0.005 ln((5.892 - 3.55940655) / (5.892 - 4.535)) = 14 ln(1.7189340) = 7.5838607 s */
    assert_near(wick_published_charge_j(tinas), 0.0146131875);
    assert_true(fabs(wick_published_recharge_s(tinas, 0.01) - 7.5838607) < 1e-6);
}

/* Ours, where the papers have no formula: depthwise, pools, addition. Four channels, tiles as above
   but Tm = 4. */
static void other_layers_by_hand(void **state) {
    (void)state;
    wick_published_layer other = layer;
    wick_published_design d = {
        .tr = 2, .tc = 2, .tm = 4, .tn = 1, .order = WICK_REUSE_WEIGHTS, .s = 2};
    other.kind = WICK_LAYER_DWCONV2D;
    other.in_c = 1;
    wick_published_cycles c = wick_published_intermittent(inas, &other, &d);
    assert_near(c.n_first, 2); /* 4 tiles, two a power cycle; no sums */
    assert_near(c.n_later, 0);
    /* inputs 16 (308 + 123.8135) = 6909.016, 16 (680 + 304) = 15744
       weights 9 (308 + 204.761) = 4614.849, 9 (680 + 492) = 10548
       compute 36 (2 * 206.5192 + 123.8135 + 69.5655) = 21831.0264, 36 (2 * 622 + 304 + 168) = 61776
       outputs 2 * 4 (300.62 + 123.8135) = 3395.468, 8 (678 + 304) = 7856
       78488.62 + 4614.849 + 2 (6909.016 + 21831.0264) + 3395.468 = 143979.0218
       1121358 + 10548 + 2 (15744 + 61776) + 7856 = 1294802 */
    assert_cost(c.first, 143979.0218, 1294802);
    assert_int_equal(c.vm_bytes, 2 * (16 * 4 + 9 * 4 + 2 * 4 * 4));
    other.kind = WICK_LAYER_MAXPOOL;
    other.k_h = other.k_w = other.stride_h = other.stride_w = 2;
    c = wick_published_intermittent(inas, &other, &d);
    /* inputs 16 (308 + 123.8135) = 6909.016, 15744; no weights
       compute 4 * 16 (4.228 + 2 * 3.9355 + 19.253) = 2006.528, 64 (14 + 24 + 44) = 5248
       78488.62 + 2 (6909.016 + 2006.528) + 3395.468 = 99715.176
       1121358 + 2 (15744 + 5248) + 7856 = 1171198 */
    assert_cost(c.first, 99715.176, 1171198);
    other.kind = WICK_LAYER_AVGPOOL;
    c = wick_published_intermittent(inas, &other, &d);
    /* compute 64 (3.9355 + 27.124) + 16 * 43.738 = 2687.616, 64 (12 + 68) + 16 * 160 = 7680 */
    assert_cost(c.first, 99715.176 + 2 * (2687.616 - 2006.528), 1171198 + 2 * (7680 - 5248));
    other.kind = WICK_LAYER_ADD;
    other.k_h = other.k_w = other.stride_h = other.stride_w = 1;
    other.operands = 2;
    c = wick_published_intermittent(inas, &other, &d);
    /* inputs 2 * 4 (308 + 123.8135) = 3454.508, 8 * 984 = 7872
       compute 4 (206.5192 + 69.5655) = 1104.3388, 4 (622 + 168) = 3160
       78488.62 + 2 (3454.508 + 1104.3388) + 3395.468 = 91001.7816
       1121358 + 2 (7872 + 3160) + 7856 = 1151278 */
    assert_cost(c.first, 91001.7816, 1151278);
}

/* What a fully connected layer is to the formulas: a convolution over the whole input. */
static void layers_are_translated(void **state) {
    (void)state;
    wick_layer fc = {.kind = WICK_LAYER_FC,
                     .in_h = 2,
                     .in_w = 3,
                     .in_c = 8,
                     .out_h = 1,
                     .out_w = 1,
                     .out_c = 10,
                     .k_h = 1,
                     .k_w = 1,
                     .stride_h = 1,
                     .stride_w = 1};
    wick_published_layer l = wick_published_layer_of(&fc);
    assert_int_equal(l.k_h * 10 + l.k_w, 23);
    assert_int_equal(l.in_c, 8);
    fc.kind = WICK_LAYER_DWCONV2D;
    assert_int_equal(wick_published_layer_of(&fc).in_c, 1);
}

static void devices_and_models_are_kept_apart(void **state) {
    (void)state;
    wick_device *device;
    wick_published *model;
    wick_diag diag = {0};
    assert_int_equal(wick_device_load(arena, "published-inas", &device, &diag), WICK_UNSUPPORTED);
    assert_true(wick_diag_contains(&diag, "--cost-model"));
    assert_int_equal(wick_published_load(arena, "m4-fram", &model, &diag), WICK_UNKNOWN);
    assert_true(wick_diag_contains(&diag, "--device"));
    wick_diag_free(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outputs_reused_by_hand),
        cmocka_unit_test(inputs_reused_by_hand),
        cmocka_unit_test(weights_reused_by_hand),
        cmocka_unit_test(continuous_by_hand),
        cmocka_unit_test(pieces_add_up),
        cmocka_unit_test(capacitor_by_hand),
        cmocka_unit_test(other_layers_by_hand),
        cmocka_unit_test(layers_are_translated),
        cmocka_unit_test(devices_and_models_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
