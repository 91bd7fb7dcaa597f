/* Multipliers of the rounding rule and the proof that they cannot overflow. */
#include "base/base.h"
#include "shrink/fixed.h"

#include <wick/kernels.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <wick/wide.h>

static void multipliers_are_nearest_with_the_smallest_shift(void **state) {
    (void)state;
    static const struct {
        double m;
        int32_t mult;
        uint8_t shift;
    } known[] = {
        {0.25, 1 << 30, 0},
        {0.5, 1 << 30, 1},
        {1.0, 1 << 30, 2},
        {0.75, 1610612736, 1},
        {2.0, 1 << 30, 3},
        {0.0003, 1288490, 0},
        {0.999999999, 2147483646, 1},
        {0.49999999999, 1 << 30, 1},
        {1e-12, 1, 0},
        {5.82e-11, 1, 0},
        {1000.5, 2098200576, 11},
        {536870912.0, 1 << 30, 31},
    };
    for (size_t i = 0; i < WICK_LEN(known); i++) {
        wick_fixed fixed;
        assert_true(wick_fixed_from(known[i].m, &fixed));
        assert_int_equal(fixed.mult, known[i].mult);
        assert_int_equal(fixed.shift, known[i].shift);
    }
    wick_fixed fixed;
    const double refused[] = {0, -1, 1073741824.0, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < WICK_LEN(refused); i++)
        assert_false(wick_fixed_from(refused[i], &fixed));
    wick_rng rng = wick_rng_seed(1, 0);
    for (int i = 0; i < 100000; i++) {
        double m = exp2(58 * wick_rng_uniform_double(&rng) - 30);
        assert_true(wick_fixed_from(m, &fixed));
        assert_true(fixed.mult > 0 && fixed.shift <= 31);
        assert_true(fabs(wick_fixed_real(fixed) - m) <= ldexp(0.5, fixed.shift - 32));
        /* A smaller shift would not fit. */
        assert_true(fixed.shift == 0 || fixed.mult >= 1 << 30);
    }
}

__extension__ typedef __int128 wide;

/* What the kernels compute is the exact product, rounded with halves up. */
static void requantization_rounds_the_exact_product(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(2, 0);
    for (int i = 0; i < 200000; i++) {
        wick_fixed fixed;
        assert_true(wick_fixed_from(exp2(40 * wick_rng_uniform_double(&rng) - 30), &fixed));
        int64_t bound = INT32_MAX >> fixed.shift;
        int32_t acc = (int32_t)((int64_t)(wick_rng_next(&rng) % (uint64_t)(2 * bound + 1)) - bound);
        wide product = (wide)acc * fixed.mult * ((wide)1 << fixed.shift);
        wide rounded = (product + ((wide)1 << 31)) >> 32;
        assert_true(wick_requantize(acc, fixed.mult, fixed.shift) == (int32_t)rounded);
    }
    /* Halves go up, on both sides of zero; 1 is exact. */
    assert_int_equal(wick_requantize(1, 1 << 30, 1), 1);
    assert_int_equal(wick_requantize(-1, 1 << 30, 1), 0);
    assert_int_equal(wick_requantize(-3, 1 << 30, 1), -1);
    for (int q = -255; q <= 255; q++)
        assert_int_equal(wick_requantize(q, 1 << 30, 2), q);
}

/* Against every corner of a small dot product, in every order of its terms. */
static void the_interval_holds_every_partial_sum(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(3, 0);
    for (int round = 0; round < 200; round++) {
        int8_t w[6];
        for (int i = 0; i < 6; i++)
            w[i] = (int8_t)((int)wick_rng_below(&rng, 256) - 128);
        int64_t bias = (int64_t)wick_rng_below(&rng, 200000) - 100000;
        wick_interval interval = wick_interval_dot(w, 3, 2, bias, false);
        int64_t low = 0, high = 0;
        for (int corner = 0; corner < 8; corner++)
            for (int subset = 0; subset < 16; subset++) {
                int64_t sum = subset & 8 ? bias : 0;
                for (int i = 0; i < 3; i++)
                    sum += subset >> i & 1 ? w[2 * i] * (corner >> i & 1 ? 127 : -128) : 0;
                low = sum < low ? sum : low;
                high = sum > high ? sum : high;
            }
        assert_int_equal(interval.low, low);
        assert_int_equal(interval.high, high);
    }
    wick_interval sum = wick_interval_sum(10, -3, 7, false);
    assert_int_equal(sum.low, 10 * 7 * -125);
    assert_int_equal(sum.high, 10 * 7 * 130);
    const int8_t w[3] = {100, -128, 1};
    wick_interval longer = wick_interval_dot(w, 3, 1, 5, true);
    assert_int_equal(longer.low, -100 * 32768 - 128 * 32767 - 32768);
    assert_int_equal(longer.high, 100 * 32767 + 128 * 32768 + 32767 + 5);
    sum = wick_interval_sum(10, 0, -7, true);
    assert_int_equal(sum.low, 10 * 7 * -32767);
    assert_int_equal(sum.high, 10 * 7 * 32768);
}

/* Sums beyond 32 bits: divided by no more than is needed, and what comes out is the exact product
   within the rounding of the division. */
static void long_sums_are_divided(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(6, 0);
    int divided = 0;
    for (int i = 0; i < 200000; i++) {
        int64_t most = (int64_t)exp2(20 + 26 * wick_rng_uniform_double(&rng));
        double m = 65536 * (double)(1 + wick_rng_below(&rng, 50)) / (double)most;
        wick_fixed fixed;
        if (!wick_fixed_divided(m, (wick_interval){-most, most}, &fixed)) {
            assert_true(m >= 0.5 || most > INT32_MAX);
            continue;
        }
        int j = fixed.shift > 31 ? fixed.shift - 31 : 0;
        divided += j > 0;
        assert_true(j == 0 || (most >> (j - 1)) + 1 > INT32_MAX);
        int64_t acc = (int64_t)(wick_rng_next(&rng) % (uint64_t)(2 * most + 1)) - most;
        double y = (double)wick_requantize_wide(acc, fixed.mult, fixed.shift);
        double slack =
            0.5 + m * exp2(j - 1) * (j > 0) + fabs(m * (double)acc) * 0.5001 / fixed.mult + 1e-6;
        if (fabs(y - m * (double)acc) > slack)
            fail_msg("%lld times %g: %g", (long long)acc, m, y);
    }
    assert_true(divided > 50000);
    wick_fixed fixed; /* no room for both a shift and a division; no more than 2^32 */
    assert_false(wick_fixed_divided(0.5, (wick_interval){0, INT64_C(1) << 31}, &fixed));
    assert_false(wick_fixed_divided(1e-30, (wick_interval){0, INT64_MAX}, &fixed));
    assert_true(wick_fixed_divided(0.2, (wick_interval){0, INT32_MAX}, &fixed));
    assert_int_equal(fixed.shift, 0);
    assert_true(wick_fixed_divided(0.2, (wick_interval){0, (int64_t)INT32_MAX + 1}, &fixed));
    assert_int_equal(fixed.shift, 32);
}

static void safety_is_exact_at_the_edges(void **state) {
    (void)state;
    wick_fixed shift4 = {1 << 30, 4};
    assert_true(wick_fixed_safe(shift4, (wick_interval){-134217728, 134217727}));
    assert_false(wick_fixed_safe(shift4, (wick_interval){-134217729, 0}));
    assert_false(wick_fixed_safe(shift4, (wick_interval){0, 134217728}));
    wick_fixed none = {1, 0};
    assert_true(wick_fixed_safe(none, (wick_interval){INT32_MIN, INT32_MAX}));
    assert_false(wick_fixed_safe(none, (wick_interval){0, (int64_t)INT32_MAX + 1}));
}

/* y = round(ra * a + rb * b): the operands' own rounding is the only error. */
static void additions_are_precise(void **state) {
    (void)state;
    wick_rng rng = wick_rng_seed(4, 0);
    for (int round = 0; round < 2000; round++) {
        double ratio[2] = {exp2(10 * wick_rng_uniform_double(&rng) - 7),
                           exp2(10 * wick_rng_uniform_double(&rng) - 7)};
        int32_t mult[2];
        wick_fixed fixed;
        assert_true(wick_fixed_add(ratio, false, mult, &fixed));
        double largest = fmax(ratio[0], ratio[1]);
        for (int i = 0; i < 2; i++) {
            assert_in_range(mult[i], 0, 1 << 20);
            double real = mult[i] * wick_fixed_real(fixed);
            assert_true(fabs(real - ratio[i]) <= ldexp(largest, -20));
        }
        for (int i = 0; i < 50; i++) {
            int a = (int)wick_rng_below(&rng, 256) - 128, b = (int)wick_rng_below(&rng, 256) - 128;
            double exact = ratio[0] * a + ratio[1] * b;
            int y = wick_requantize(a * mult[0] + b * mult[1], fixed.mult, fixed.shift);
            assert_true(fabs(y - exact) <= 0.5 + 256 * ldexp(largest, -19));
        }
    }
    int32_t mult[2];
    wick_fixed fixed;
    assert_true(wick_fixed_add((double[2]){1, 1}, false, mult, &fixed));
    assert_int_equal(mult[0], 1 << 20);
    assert_int_equal(fixed.mult, 4096);
    assert_false(wick_fixed_add((double[2]){1, 0}, false, mult, &fixed));
    assert_false(wick_fixed_add((double[2]){1, (double)NAN}, false, mult, &fixed));
}

static void values_are_quantized_as_onnx_does(void **state) {
    (void)state;
    assert_int_equal(wick_quantize_value(0.25, 0.5, 0), 0); /* half to even */
    assert_int_equal(wick_quantize_value(0.75, 0.5, 0), 2);
    assert_int_equal(wick_quantize_value(-0.75, 0.5, 3), 1);
    assert_int_equal(wick_quantize_value((double)INFINITY, 0.5, 3), 127);
    assert_int_equal(wick_quantize_value((double)-INFINITY, 0.5, 3), -128);
    assert_int_equal(wick_quantize_value((double)NAN, 0.5, 3), -128);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multipliers_are_nearest_with_the_smallest_shift),
        cmocka_unit_test(requantization_rounds_the_exact_product),
        cmocka_unit_test(the_interval_holds_every_partial_sum),
        cmocka_unit_test(long_sums_are_divided),
        cmocka_unit_test(safety_is_exact_at_the_edges),
        cmocka_unit_test(additions_are_precise),
        cmocka_unit_test(values_are_quantized_as_onnx_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
