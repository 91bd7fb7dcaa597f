#include "train/quality.h"

#include <math.h>

float wick_confidence(const float *logits, int classes) {
    double largest = (double)logits[0], sum = 0;
    for (int c = 1; c < classes; c++)
        largest = fmax(largest, (double)logits[c]);
    for (int c = 0; c < classes; c++)
        sum += exp((double)logits[c] - largest);
    return (float)(1 / sum);
}

/* (b / n, (b + 1) / n]: a confidence on a border belongs to the bin below it. */
static int bin_of(float confidence, int n_bins) {
    int b = (int)ceil((double)confidence * n_bins) - 1;
    return b < 0 ? 0 : b < n_bins ? b : n_bins - 1;
}

static void fill_classes(wick_arena *arena, wick_quality *q) {
    q->precision = wick_new(arena, double, q->classes);
    q->recall = wick_new(arena, double, q->classes);
    for (int c = 0; c < q->classes; c++) {
        int64_t right = q->confusion[c * q->classes + c], called = 0, are = 0;
        for (int other = 0; other < q->classes; other++) {
            called += q->confusion[other * q->classes + c];
            are += q->confusion[c * q->classes + other];
        }
        q->precision[c] = called ? (double)right / (double)called : (double)NAN;
        q->recall[c] = are ? (double)right / (double)are : (double)NAN;
    }
}

static void fill_calibration(wick_quality *q, const double *sums) {
    for (int b = 0; b < q->n_bins; b++) {
        wick_confidence_bin *bin = &q->bins[b];
        double count = (double)(bin->right + bin->wrong);
        bin->confidence = count > 0 ? sums[b] / count : (double)NAN;
        q->calibration_error += fabs((double)bin->right - sums[b]) / (double)q->images;
    }
}

wick_quality wick_quality_of(wick_arena *arena, const uint16_t *truth, const uint16_t *answers,
                             const float *confidence, int64_t images, int classes, int n_bins) {
    wick_quality q = {.classes = classes,
                      .images = images,
                      .confusion = wick_new(arena, int64_t, (size_t)classes * (size_t)classes),
                      .n_bins = n_bins,
                      .bins = wick_new(arena, wick_confidence_bin, n_bins)};
    double *sums = wick_new(arena, double, n_bins), right_sum = 0, wrong_sum = 0;
    for (int64_t i = 0; i < images; i++) {
        bool right = truth[i] == answers[i];
        int b = bin_of(confidence[i], n_bins);
        q.confusion[truth[i] * classes + answers[i]]++;
        q.right += right;
        *(right ? &q.bins[b].right : &q.bins[b].wrong) += 1;
        *(right ? &right_sum : &wrong_sum) += (double)confidence[i];
        sums[b] += (double)confidence[i];
    }
    q.confidence_right = q.right ? right_sum / (double)q.right : (double)NAN;
    q.confidence_wrong = q.right < images ? wrong_sum / (double)(images - q.right) : (double)NAN;
    fill_classes(arena, &q);
    fill_calibration(&q, sums);
    return q;
}
