/* How good a module's answers are, and how much its confidence is worth. Part of train.h. */
#ifndef WICK_QUALITY_H
#define WICK_QUALITY_H

#include "base/base.h"

/* What the modules of a network answered: [n_modules][images], arrays of the caller. */
typedef struct wick_answers {
    uint16_t *labels;  /* argmax of the logits, the first of equals */
    float *confidence; /* largest of softmax(logits), within (0, 1]; may be NULL */
} wick_answers;

/* The largest of softmax(logits): 1 / sum_c exp(logits[c] - max). */
float wick_confidence(const float *logits, int classes);

/* One bin of confidences. */
typedef struct wick_confidence_bin {
    int64_t right, wrong; /* images */
    double confidence;    /* their mean; NAN when there are none */
} wick_confidence_bin;

typedef struct wick_quality {
    int classes;
    int64_t images, right;
    int64_t *confusion; /* [classes][classes]: images of class `row` that were called `column` */
    double *precision;  /* [classes]: of what was called so, the share that is; NAN = nothing was */
    double *recall;     /* [classes]: of the class, the share that was called so; NAN = no image */
    int n_bins; /* of equal width: bin b holds confidences in (b / n_bins, (b + 1) / n_bins] */
    wick_confidence_bin *bins;
    double calibration_error; /* expected calibration error (Naeini et al. 2015; Guo et al. 2017):
                                 sum over the bins of |share right - mean confidence| * images in
                                 the bin / images; 0..1 */
    double confidence_right, confidence_wrong; /* means; NAN = no such image */
} wick_quality;

/* Of one module's answers for images of these classes; in `arena`. images >= 1, n_bins >= 1; labels
   and answers < classes. */
wick_quality wick_quality_of(wick_arena *arena, const uint16_t *truth, const uint16_t *answers,
                             const float *confidence, int64_t images, int classes, int n_bins);

#endif
