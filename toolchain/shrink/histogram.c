/* Range selection over histograms; see calibrate.h. */
#include "shrink/calibrate.h"

#include <math.h>
#include <stdlib.h>

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
    return (wick_range){.low = fmin(bin_edge(histogram, low), 0),
                        .high = fmax(bin_edge(histogram, high + 1), 0)};
}

wick_qparams wick_range_qparams(wick_range range) {
    double low = fmin(range.low, 0), high = fmax(range.high, 0);
    float scale = (float)(range.wide ? fmax(-low, high) / 32767 : (high - low) / 255);
    /* A subnormal or infinite scale would not survive the division below. */
    if (!(scale >= 1e-30F) || !isfinite(scale))
        return (wick_qparams){.scale = 1, .wide = range.wide};
    if (range.wide)
        return (wick_qparams){.scale = scale, .wide = true};
    double zero = rint(-128 - low / (double)scale);
    return (wick_qparams){.scale = scale, .zero_point = (int8_t)fmax(-128, fmin(127, zero))};
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

/* Bin of the histogram that is the first (step 1) or last (step -1) with values inside the range.
 */
static int edge_bin(const wick_histogram *histogram, wick_range range, int step) {
    int b = step > 0 ? 0 : WICK_HISTOGRAM_BINS - 1;
    for (; b >= 0 && b < WICK_HISTOGRAM_BINS; b += step) {
        double count = histogram->count[b], x = count > 0 ? histogram->sum[b] / count : 0;
        if (count > 0 && x >= range.low && x <= range.high)
            return b;
    }
    return -1;
}

/* How much the 256 levels of a range tell less than the bins do: the divergence of the values,
   those outside counted at its ends, from the levels' shares, spread evenly over a level's bins
   (Migacz, "8-bit inference with TensorRT", 2017). */
static double divergence(const wick_histogram *histogram, wick_range range) {
    wick_qparams q = wick_range_qparams(range);
    int first = edge_bin(histogram, range, 1), last = edge_bin(histogram, range, -1);
    double mass[256] = {0}, bins[256] = {0}, below = 0, above = 0, inside = 0, sum = 0;
    uint8_t level[WICK_HISTOGRAM_BINS] = {0};
    if (first < 0)
        return INFINITY;
    for (int b = 0; b < WICK_HISTOGRAM_BINS; b++) {
        double count = histogram->count[b];
        if (count <= 0)
            continue;
        double step = rint(histogram->sum[b] / count / (double)q.scale) + q.zero_point;
        level[b] = (uint8_t)(fmax(-128, fmin(127, step)) + 128);
        below += b < first ? count : 0;
        above += b > last ? count : 0;
        if (b < first || b > last)
            continue;
        mass[level[b]] += count;
        bins[level[b]]++;
        inside += count;
    }
    for (int b = first; b <= last; b++) {
        double p = histogram->count[b] + (b == first ? below : 0) + (b == last ? above : 0);
        if (histogram->count[b] > 0)
            sum += p / histogram->total *
                   log(p / histogram->total / (mass[level[b]] / bins[level[b]] / inside));
    }
    return sum;
}

/* Every quantization holds 0 exactly, so the many zeros behind a Relu say nothing about the width
   of a step: their bin counts as its larger neighbour. */
static void flatten_zeros(wick_histogram *histogram) {
    double span = histogram->seen.high - histogram->seen.low;
    int zero = span > 0 ? (int)(-histogram->seen.low / span * WICK_HISTOGRAM_BINS) : 0;
    zero = zero < WICK_HISTOGRAM_BINS ? zero : WICK_HISTOGRAM_BINS - 1;
    double before = zero > 0 ? histogram->count[zero - 1] : 0, count = histogram->count[zero];
    double after = zero + 1 < WICK_HISTOGRAM_BINS ? histogram->count[zero + 1] : 0;
    double kept = fmin(count, fmax(before, after));
    histogram->total += kept - count;
    histogram->sum[zero] *= count > 0 ? kept / count : 0;
    histogram->count[zero] = kept;
}

typedef double range_cost(const wick_histogram *histogram, wick_range range);

/* Shrinks one end in steps of 1 % of the seen range while the other stays. */
static void search_end(const wick_histogram *histogram, range_cost *cost, wick_range *range,
                       bool high) {
    wick_range best = *range;
    double least = INFINITY;
    for (int percent = 100; percent >= 5; percent--) {
        wick_range trial = *range;
        if (high)
            trial.high = histogram->seen.high * percent / 100;
        else
            trial.low = histogram->seen.low * percent / 100;
        double error = cost(histogram, trial);
        if (error < least) {
            least = error;
            best = trial;
        }
    }
    *range = best;
}

static wick_range search_range(const wick_histogram *histogram, range_cost *cost) {
    wick_range range = histogram->seen;
    for (int round = 0; round < 2; round++) {
        if (range.high > 0)
            search_end(histogram, cost, &range, true);
        if (range.low < 0)
            search_end(histogram, cost, &range, false);
    }
    return range;
}

static wick_range least_divergence(const wick_histogram *histogram) {
    wick_histogram *flat = wick_xalloc(sizeof *flat);
    *flat = *histogram;
    flatten_zeros(flat);
    wick_range range = flat->total > 0 ? search_range(flat, divergence) : histogram->seen;
    free(flat);
    return range;
}

wick_range wick_histogram_range(const wick_histogram *histogram, wick_calibration calibration,
                                double percentile) {
    switch (calibration) {
    case WICK_CALIBRATE_PERCENTILE:
        return percentile_range(histogram, percentile);
    case WICK_CALIBRATE_MSE:
        return search_range(histogram, squared_error);
    case WICK_CALIBRATE_KL:
        return least_divergence(histogram);
    case WICK_CALIBRATE_MINMAX:
    case WICK_CALIBRATE_AUTO:
        break;
    }
    return histogram->seen;
}
