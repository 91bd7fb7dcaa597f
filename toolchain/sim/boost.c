#include "sim/boost.h"

#include <math.h>

static double efficiency(const wick_harvester *h, double in_uw) {
    const double *x = h->boost.in_uw, *y = h->boost.efficiency;
    int n = h->boost.n, i = 0;
    if (in_uw <= x[0])
        return y[0];
    if (in_uw >= x[n - 1])
        return y[n - 1];
    while (in_uw > x[i + 1])
        i++;
    double share = log(in_uw / x[i]) / log(x[i + 1] / x[i]);
    return y[i] + share * (y[i + 1] - y[i]);
}

double boost_output_uw(const wick_harvester *h, double in_uw) {
    return in_uw > 0 && in_uw >= h->boost.min_uw ? in_uw * efficiency(h, in_uw) : 0;
}

double boost_cold_output_uw(const wick_harvester *h, double in_uw) {
    return in_uw >= h->boost.cold_min_uw ? in_uw * h->boost.cold_efficiency : 0;
}
