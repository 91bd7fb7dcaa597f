#include "sim/line_source.h"

#include <math.h>

typedef struct quadratic {
    double a, b, d; /* q(V) = -a V^2 + b V - d */
} quadratic;

static quadratic quadratic_of(const line_source *line) {
    return (quadratic){.a = line->us + line->leak_us, .b = line->ua, .d = line->draw_uw};
}

static double q_at(quadratic q, double v) {
    return (q.b - q.a * v) * v - q.d;
}

/* Roots r1 < r2 for a > 0 and b^2 > 4 a d; the small one by Vieta, which keeps its digits. */
static void roots(quadratic q, double discriminant, double *r1, double *r2) {
    double large = (q.b + (q.b < 0 ? -1 : 1) * sqrt(discriminant)) / (2 * q.a);
    double other = large != 0 ? q.d / (q.a * large) : 0;
    *r1 = fmin(large, other);
    *r2 = fmax(large, other);
}

/* Integrals of 1/q and V/q from v to w, between which q has no root. */
static void integrals(quadratic q, double v, double w, double *zero, double *one) {
    double discriminant = q.b * q.b - 4 * q.a * q.d;
    if (q.a <= 0) {
        double rise = q.b != 0 ? log(fabs((q.b * w - q.d) / (q.b * v - q.d))) : 0;
        *zero = q.b != 0 ? rise / q.b : -(w - v) / q.d;
        *one = q.b != 0 ? (w - v) / q.b + q.d / (q.b * q.b) * rise : -(w * w - v * v) / (2 * q.d);
    } else if (q.d == 0) { /* q = V (b - a V) */
        *one = -log(fabs((q.b - q.a * w) / (q.b - q.a * v))) / q.a;
        *zero = v > 0 && w > 0 && q.b != 0 ? (log(w / v) + q.a * *one) / q.b : 0;
    } else if (discriminant > 1e-12 * q.b * q.b) {
        double r1, r2;
        roots(q, discriminant, &r1, &r2);
        double log1 = log(fabs((w - r1) / (v - r1))), log2 = log(fabs((w - r2) / (v - r2)));
        *zero = (log1 - log2) / (q.a * (r2 - r1));
        *one = (r1 * log1 - r2 * log2) / (q.a * (r2 - r1));
    } else if (discriminant < -1e-12 * q.b * q.b) {
        double root = sqrt(-discriminant);
        *zero = -2 / root * (atan((2 * q.a * w - q.b) / root) - atan((2 * q.a * v - q.b) / root));
        *one = -log(q_at(q, w) / q_at(q, v)) / (2 * q.a) + q.b / (2 * q.a) * *zero;
    } else { /* a double root r: q = -a (V - r)^2 */
        double r = q.b / (2 * q.a), rest = 1 / (w - r) - 1 / (v - r);
        *zero = rest / q.a;
        *one = (r * rest - log(fabs((w - r) / (v - r)))) / q.a;
    }
}

/* Where the voltage tends to from v: a root of q, 0, or infinity. */
static double limit_from(quadratic q, double v) {
    double discriminant = q.b * q.b - 4 * q.a * q.d, r1 = 0, r2 = INFINITY;
    int rises = q_at(q, v) > 0;
    if (q.a > 0 && discriminant >= 0)
        roots(q, discriminant, &r1, &r2);
    else if (q.a > 0)
        return 0; /* falls all the way */
    else if (q.b > 0)
        r1 = q.d / q.b;
    if (rises)
        return r2;
    return v > r2 && isfinite(r2) ? r2 : 0;
}

double line_time(const line_source *line, double from_v, double to_v) {
    quadratic q = quadratic_of(line);
    double here = q_at(q, from_v) + (from_v == 0 ? q.b : 0), there = q_at(q, to_v);
    if (to_v == 0 && q.d == 0)
        return INFINITY;
    if (to_v > from_v ? here <= 0 || there <= 0 : here >= 0 || there >= 0)
        return INFINITY;
    double limit = limit_from(q, from_v > 0 ? from_v : to_v);
    if (to_v > from_v ? to_v >= limit : to_v <= limit && limit > 0)
        return INFINITY;
    double zero, one;
    integrals(q, from_v, to_v, &zero, &one);
    return line->uf * one;
}

double line_voltage(const line_source *line, double from_v, double dt_s) {
    quadratic q = quadratic_of(line);
    double slope = q_at(q, from_v) + (from_v == 0 ? q.b : 0);
    if (slope == 0 || dt_s <= 0)
        return from_v;
    /* Between here and the limit the time grows with the voltage's way. */
    double near = from_v, limit = limit_from(q, from_v > 0 ? from_v : 1e-300), far = limit;
    if (isinf(far)) /* dV/dt <= b / C */
        far = from_v + q.b / line->uf * dt_s;
    double v = from_v > 0 ? from_v + slope / (line->uf * from_v) * dt_s : (near + far) / 2;
    for (int i = 0; i < 200; i++) {
        if (!(v > fmin(near, far) && v < fmax(near, far)))
            v = (near + far) / 2;
        if (v == near || v == far)
            break;
        double zero, one;
        integrals(q, from_v, v, &zero, &one);
        double late_s = line->uf * one - dt_s;
        if (late_s < 0)
            near = v;
        else
            far = v;
        double next = v - late_s * q_at(q, v) / (line->uf * v); /* Newton: dV/dt = q / (C V) */
        if (fabs(next - v) <= 4e-16 * v)
            return next;
        v = next;
    }
    return v;
}

/* Integral of 1/q when that of V/q is known: near a root, where the voltage ends after a long time,
   the logarithm of what is left is better taken from the time. */
static double integral_zero(quadratic q, double v, double w, double one) {
    double discriminant = q.b * q.b - 4 * q.a * q.d, zero, unused;
    if (q.d > 0 && discriminant > 1e-12 * q.b * q.b) {
        double r1, r2;
        roots(q, discriminant, &r1, &r2);
        double log1 = log(fabs((w - r1) / (v - r1)));
        double log2 = (r1 * log1 - q.a * (r2 - r1) * one) / r2;
        return (log1 - log2) / (q.a * (r2 - r1));
    }
    integrals(q, v, w, &zero, &unused);
    return zero;
}

double line_leaked_uj(const line_source *line, double from_v, double to_v, double dt_s) {
    if (line->leak_us <= 0)
        return 0;
    quadratic q = quadratic_of(line);
    if (from_v == to_v)
        return line->leak_us * from_v * from_v * dt_s;
    /* V^3 / q = -V/a - b/a^2 + ((b^2 - a d) V - b d) / (a^2 q) */
    double a = q.a, b = q.b, d = q.d, one = dt_s / line->uf;
    double rest = d > 0 ? b * d * integral_zero(q, from_v, to_v, one) : 0;
    double square = -(to_v * to_v - from_v * from_v) / (2 * a) - b / (a * a) * (to_v - from_v) +
                    ((b * b - a * d) * one - rest) / (a * a);
    return line->leak_us * line->uf * square;
}
