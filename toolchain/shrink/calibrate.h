/* Ranges of activations from observed values, and the int8 scale that a range gives.
   Internal to toolchain/shrink. */
#ifndef WICK_CALIBRATE_H
#define WICK_CALIBRATE_H

#include "shrink/shrink.h"

enum { WICK_HISTOGRAM_BINS = 4096 };

/* Real values from low to high; low <= 0 <= high. */
typedef struct wick_range {
    double low, high;
    bool wide; /* to be held in 16 bits */
} wick_range;

/* Zero-initialise. First wick_histogram_bounds over all values, then wick_histogram_count over the
   same values. */
typedef struct wick_histogram {
    wick_range seen;                   /* smallest and largest value, 0 included */
    double total;                      /* values counted */
    double count[WICK_HISTOGRAM_BINS]; /* equal bins from seen.low to seen.high */
    double sum[WICK_HISTOGRAM_BINS];   /* of a bin's values: its mean stands for them, so that the
                                          many exact zeros after a ReLU stay exact */
} wick_histogram;

/* NaN and infinities are refused: false. */
bool wick_histogram_bounds(wick_histogram *histogram, const float *values, size_t n);
void wick_histogram_count(wick_histogram *histogram, const float *values, size_t n);

/* The range that a calibration (but AUTO) chooses. PERCENTILE leaves (100 - percentile) % of the
   values outside at each end; MSE and KL search both ends, from the full range down to 5 % of it,
   for the least mean squared error after int8 quantization (Banner et al., 2019, do this
   analytically), or the least divergence. */
wick_range wick_histogram_range(const wick_histogram *histogram, wick_calibration calibration,
                                double percentile);

/* int8 quantization of a range: 256 steps, 0.0 exactly representable; or int16, symmetric: the end
   that is farther from 0 is 32767. An empty range gives scale 1. */
typedef struct wick_qparams {
    float scale;
    int8_t zero_point;
    bool wide;
} wick_qparams;
wick_qparams wick_range_qparams(wick_range range);

/* The seeded calibration images: indices into the training part, *n of them, in `arena`. */
uint32_t *wick_calibration_images(wick_arena *arena, const wick_data *data,
                                  const wick_quantize_options *options, int *n);

/* Histograms of `tensors` of a float graph over those images: histograms[i] of tensors[i], zeroed.
   RANGE names a tensor with NaN or infinite values. */
wick_status wick_calibrate(const wick_graph *graph, const wick_data *data,
                           const wick_quantize_options *options, const int *tensors, int n_tensors,
                           wick_histogram *histograms, wick_diag *diag);

/* What a float graph answers to the images at `indices` (NULL: the first n): logits[k] of head k,
   [n] [classes], in `arena`. Errors as wick_eval_tensors. */
wick_status wick_float_logits(const wick_graph *graph, const wick_data *data, wick_split split,
                              const uint32_t *indices, int n, wick_arena *arena,
                              float *logits[WICK_MAX_HEADS], wick_diag *diag);

/* A prepared graph, as it is or equalised, with what the calibration images showed of it. */
typedef struct wick_way {
    const wick_graph *prepared;             /* NULL: not to be tried */
    const struct wick_channel_stats *stats; /* to correct biases by; NULL: not to be tried */
    int n_tensors;
    int *tensors;               /* that need a range */
    bool *wide;                 /* [n_tensors] to be held in 16 bits */
    wick_histogram *histograms; /* [n_tensors] */
} wick_way;

/* For AUTO: quantizes each way with each calibration, with and (where there are stats) without bias
   correction, runs the integer network on the images and compares its logits with the float ones of
   `reference`; fills the report. Where nothing can be lowered: MSE, so that the caller reports why.
 */
wick_status wick_choose_calibration(const wick_graph *reference, const wick_way ways[2],
                                    const wick_data *data, const wick_quantize_options *options,
                                    wick_quantize_report *report, wick_diag *diag);
/* The ranges of a way, [its tensors] in `ranges`; not AUTO. Of what has 16 bits always all that was
   seen: there is nothing to gain by cutting its ends off. */
void wick_way_ranges(const wick_way *way, wick_calibration how, double percentile,
                     wick_range *ranges);

#endif
