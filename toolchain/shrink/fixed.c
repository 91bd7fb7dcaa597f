#include "shrink/fixed.h"

#include <math.h>

enum { ADD_BITS = 20, WIDE_ADD_BITS = 28 };

static const double two31 = 2147483648.0;

bool wick_fixed_from(double m, wick_fixed *out) {
    if (!(m > 0) || !isfinite(m))
        return false;
    double scaled = m * two31 * 2;
    int shift = 0;
    /* The shift is the smallest that brings the rounded multiplier below 2^31. */
    while (rint(scaled) >= two31) {
        scaled /= 2;
        if (++shift > 31)
            return false;
    }
    double rounded = rint(scaled);
    *out = (wick_fixed){rounded < 1 ? 1 : (int32_t)rounded, (uint8_t)shift};
    return true;
}

double wick_fixed_real(wick_fixed fixed) {
    return ldexp((double)fixed.mult, fixed.shift - 32);
}

bool wick_fixed_safe(wick_fixed fixed, wick_interval acc) {
    int64_t factor = INT64_C(1) << fixed.shift;
    return acc.high <= INT32_MAX / factor && acc.low >= INT32_MIN / factor;
}

bool wick_fixed_divided(double m, wick_interval acc, wick_fixed *out) {
    if (!wick_fixed_from(m, out))
        return false;
    for (int j = 1; !wick_fixed_safe(*out, acc); j++) {
        int64_t unit = INT64_C(1) << j;
        bool holds = acc.high / unit < INT32_MAX && acc.low / unit > INT32_MIN;
        if (j > 32 || !wick_fixed_from(ldexp(m, j), out) || out->shift > 0)
            return false;
        if (holds) {
            out->shift = (uint8_t)(31 + j);
            return true;
        }
    }
    return true;
}

wick_interval wick_interval_dot(const int8_t *weights, int64_t count, int64_t stride, int64_t bias,
                                bool wide) {
    int64_t low = 0, high = 0, least = wide ? INT16_MIN : INT8_MIN,
            most = wide ? INT16_MAX : INT8_MAX;
    for (int64_t i = 0; i < count; i++) {
        int w = weights[i * stride];
        high += w > 0 ? w * most : w * least;
        low += w > 0 ? w * least : w * most;
    }
    wick_interval sum = {low < low + bias ? low : low + bias,
                         high > high + bias ? high : high + bias};
    return sum;
}

wick_interval wick_interval_sum(int64_t count, int8_t zero_point, int64_t mult, bool wide) {
    int64_t low = count * mult * ((wide ? INT16_MIN : INT8_MIN) - zero_point);
    int64_t high = count * mult * ((wide ? INT16_MAX : INT8_MAX) - zero_point);
    return low < high ? (wick_interval){low, high} : (wick_interval){high, low};
}

wick_interval wick_interval_add(wick_interval a, wick_interval b) {
    return (wick_interval){a.low + b.low, a.high + b.high};
}

bool wick_fixed_add(const double ratio[2], bool wide, int32_t mult[2], wick_fixed *out) {
    double largest = fmax(ratio[0], ratio[1]);
    if (!(ratio[0] > 0) || !(ratio[1] > 0) || !isfinite(largest))
        return false;
    /* The sum's multiplier is rounded up first and the operands are divided by what it really is:
       its own rounding error cancels, and no operand exceeds 2^20 or 2^28. */
    double scaled = ceil(ldexp(largest, 32 - (wide ? WIDE_ADD_BITS : ADD_BITS)));
    int shift = 0;
    while (scaled >= two31) {
        scaled = ceil(scaled / 2);
        if (++shift > 31)
            return false;
    }
    *out = (wick_fixed){(int32_t)scaled, (uint8_t)shift};
    for (int i = 0; i < 2; i++)
        mult[i] = (int32_t)rint(ratio[i] / wick_fixed_real(*out));
    return true;
}

int8_t wick_quantize_value(double x, double scale, int zero_point) {
    double q = rint(x / scale) + zero_point;
    return (int8_t)(!(q > -128) ? -128 : q > 127 ? 127 : q); /* NaN gives -128 */
}

int16_t wick_quantize_wide(double x, double scale) {
    double q = rint(x / scale);
    return (int16_t)(!(q > -32768) ? -32768 : q > 32767 ? 32767 : q);
}
