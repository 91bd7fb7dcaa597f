/* Range selection over histograms; see calibrate.h. */
#include "shrink/calibrate.h"

#include <math.h>

bool wick_histogram_bounds(wick_histogram *histogram, const float *values, size_t n) {
    float low = 0, high = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i]))
            return false;
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    histogram->seen.low = fmin(histogram->seen.low, (double)low);
    histogram->seen.high = fmax(histogram->seen.high, (double)high);
    return true;
}

void wick_histogram_count(wick_histogram *histogram, const float *values, size_t n) {
    double low = histogram->seen.low, span = histogram->seen.high - low;
    double per_unit = span > 0 ? WICK_HISTOGRAM_BINS / span : 0;
    for (size_t i = 0; i < n; i++) {
        int bin = (int)(((double)values[i] - low) * per_unit);
        bin = bin < 0 ? 0 : bin >= WICK_HISTOGRAM_BINS ? WICK_HISTOGRAM_BINS - 1 : bin;
        histogram->count[bin]++;
        histogram->sum[bin] += (double)values[i];
    }
    histogram->total += (double)n;
}

static double bin_edge(const wick_histogram *histogram, int bin) {
    double span = histogram->seen.high - histogram->seen.low;
    return histogram->seen.low + span * bin / WICK_HISTOGRAM_BINS;
}

static wick_range percentile_range(const wick_histogram *histogram, double percentile) {
    double outside = histogram->total * (1 - percentile / 100), below = 0, above = 0;
    int low = 0, high = WICK_HISTOGRAM_BINS - 1;
    while (low < high && (below += histogram->count[low]) <= outside)
        low++;
    while (high > low && (above += histogram->count[high]) <= outside)
        high--;
    return (wick_range){fmin(bin_edge(histogram, low), 0), fmax(bin_edge(histogram, high + 1), 0)};
}

wick_qparams wick_range_qparams(wick_range range) {
    double low = fmin(range.low, 0), high = fmax(range.high, 0);
    float scale = (float)((high - low) / 255);
    /* A subnormal or infinite scale would not survive the division below. */
    if (!(scale >= 1e-30F) || !isfinite(scale))
        return (wick_qparams){.scale = 1, .zero_point = 0};
    double zero = rint(-128 - low / (double)scale);
    return (wick_qparams){scale, (int8_t)fmax(-128, fmin(127, zero))};
}

static double squared_error(const wick_histogram *histogram, wick_range range) {
    wick_qparams q = wick_range_qparams(range);
    double scale = (double)q.scale, error = 0;
    for (int b = 0; b < WICK_HISTOGRAM_BINS; b++) {
        if (histogram->count[b] <= 0)
            continue;
        double x = histogram->sum[b] / histogram->count[b];
        double step = fmax(-128, fmin(127, rint(x / scale) + q.zero_point));
        double difference = x - scale * (step - q.zero_point);
        error += histogram->count[b] * difference * difference;
    }
    return error;
}

/* Shrinks one end in steps of 1 % of the seen range while the other stays. */
static void search_end(const wick_histogram *histogram, wick_range *range, bool high) {
    wick_range best = *range;
    double least = INFINITY;
    for (int percent = 100; percent >= 5; percent--) {
        wick_range trial = *range;
        if (high)
            trial.high = histogram->seen.high * percent / 100;
        else
            trial.low = histogram->seen.low * percent / 100;
        double error = squared_error(histogram, trial);
        if (error < least) {
            least = error;
            best = trial;
        }
    }
    *range = best;
}

static wick_range mse_range(const wick_histogram *histogram) {
    wick_range range = histogram->seen;
    for (int round = 0; round < 2; round++) {
        if (range.high > 0)
            search_end(histogram, &range, true);
        if (range.low < 0)
            search_end(histogram, &range, false);
    }
    return range;
}

wick_range wick_histogram_range(const wick_histogram *histogram,
                                const wick_quantize_options *options) {
    switch (options->calibration) {
    case WICK_CALIBRATE_PERCENTILE:
        return percentile_range(histogram, options->percentile);
    case WICK_CALIBRATE_MSE:
        return mse_range(histogram);
    case WICK_CALIBRATE_MINMAX:
        break;
    }
    return histogram->seen;
}
