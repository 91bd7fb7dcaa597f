/* Fixed-point multipliers of the one rounding rule, and the proof that they cannot overflow.
   docs/numbers.md explains both with numbers. Internal to toolchain/shrink. */
#ifndef WICK_FIXED_H
#define WICK_FIXED_H

#include <wick/model.h>

#include <stdbool.h>
#include <stdint.h>

/* A real multiplier M = mult * 2^shift / 2^32, 0 < mult < 2^31, 0 <= shift <= 31. Of layers with
   wide tensors also shift = 31 + j, 0 < j <= 32: M = mult / 2^(32 + j), behind a division of the
   accumulator by 2^j (wick_layer). */
typedef struct wick_fixed {
    int32_t mult;
    uint8_t shift;
} wick_fixed;

/* All values that an accumulator can have. */
typedef struct wick_interval {
    int64_t low, high;
} wick_interval;

/* The nearest multiplier with the smallest shift (so the most significant bits). False when `m` is
   not finite, not positive, or 2^30 and more. Below 2^-33 it is mult = 1, which gives 0 for every
   int32 accumulator, as rounding the exact product would. */
bool wick_fixed_from(double m, wick_fixed *out);

/* M as a real number. */
double wick_fixed_real(wick_fixed fixed);

/* True when acc << shift fits int32 for every acc of the interval. */
bool wick_fixed_safe(wick_fixed fixed, wick_interval acc);

/* A multiplier for an accumulator of more than 32 bits: wick_fixed_from where that is safe, else
   divided by the least 2^j after which 32 bits hold every accumulator. What this second rounding
   adds to an output is at most M 2^(j-1), which is below a 2^30th of the output that the largest
   accumulator would make. False where m 2^j is 1/2 or more. */
bool wick_fixed_divided(double m, wick_interval acc, wick_fixed *out);

/* bias + sum_i weights[i * stride] * q_i for any q_i of int8 or (wide) int16: the accumulator of
   one output channel with the input zero point folded into the bias. Every partial sum, in any
   order, with or without the bias, lies within it widened by 0 and by the sum without bias; the
   result includes those. */
wick_interval wick_interval_dot(const int8_t *weights, int64_t count, int64_t stride, int64_t bias,
                                bool wide);

/* The sum of `count` values q - zero_point, q of int8 or int16, each times `mult`. */
wick_interval wick_interval_sum(int64_t count, int8_t zero_point, int64_t mult, bool wide);
wick_interval wick_interval_add(wick_interval a, wick_interval b);

/* Operand multipliers of an addition: ratio[i] = s_i / s_out. One multiplier `out` for the sum and
   0 <= mult[i] <= 2^20 with mult[i] * M(out) = ratio[i] to within 2^-21 of the largest ratio.
   Where some tensor is wide these are 2^28 and 2^-29: an int16 beside an int8, whose ratio is some
   256 times larger, must be right to a 2^16th. False where wick_fixed_from would be. */
bool wick_fixed_add(const double ratio[2], bool wide, int32_t mult[2], wick_fixed *out);

/* QuantizeLinear of one value: clamp(round_half_even(x / scale) + zero_point) to int8; x may be
   infinite. */
int8_t wick_quantize_value(double x, double scale, int zero_point);
/* The same to int16, zero point 0. */
int16_t wick_quantize_wide(double x, double scale);

#endif
