#include "train/losses.h"

#include "base/base.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int wick_argmax(const float *values, int classes) {
    int best = 0;
    for (int c = 1; c < classes; c++)
        if (values[c] > values[best])
            best = c;
    return best;
}

/* One row: returns its maximum and leaves the sum of the exponentials shifted by it in *sum. */
static double row_maximum(const float *row, int classes, double *sum) {
    double top = (double)row[wick_argmax(row, classes)];
    *sum = 0;
    for (int c = 0; c < classes; c++)
        *sum += exp((double)row[c] - top);
    return top;
}

void wick_softmax(const float *logits, int n, int classes, float *probabilities) {
    for (int i = 0; i < n; i++) {
        const float *row = logits + (size_t)i * (size_t)classes;
        float *out = probabilities + (size_t)i * (size_t)classes;
        double sum, top = row_maximum(row, classes, &sum);
        for (int c = 0; c < classes; c++)
            out[c] = (float)(exp((double)row[c] - top) / sum);
    }
}

void wick_softmax_backward(const float *probabilities, const float *gradient, int n, int classes,
                           float *d_logits) {
    for (int i = 0; i < n; i++) {
        size_t row = (size_t)i * (size_t)classes;
        const float *p = probabilities + row, *g = gradient + row;
        double mean = 0;
        for (int c = 0; c < classes; c++)
            mean += (double)p[c] * (double)g[c];
        for (int c = 0; c < classes; c++)
            d_logits[row + (size_t)c] += (float)((double)p[c] * ((double)g[c] - mean));
    }
}

double wick_loss_cross_entropy(const float *logits, const uint16_t *labels, int n, int classes,
                               double weight, float *d_logits, int *correct) {
    double loss = 0;
    int right = 0;
    for (int i = 0; i < n; i++) {
        const float *row = logits + (size_t)i * (size_t)classes;
        double sum, top = row_maximum(row, classes, &sum);
        assert(labels[i] < classes);
        loss += log(sum) + top - (double)row[labels[i]];
        right += wick_argmax(row, classes) == labels[i];
        if (!d_logits)
            continue;
        float *d = d_logits + (size_t)i * (size_t)classes;
        for (int c = 0; c < classes; c++) {
            double p = exp((double)row[c] - top) / sum;
            d[c] += (float)(weight * (p - (c == labels[i])) / n);
        }
    }
    if (correct)
        *correct = right;
    return loss / n;
}

double wick_loss_distance(const float *a, const float *b, int n, int d, double epsilon,
                          double weight, float *d_a, float *d_b) {
    double loss = 0;
    for (int i = 0; i < n; i++) {
        size_t row = (size_t)i * (size_t)d;
        double square = epsilon;
        for (int c = 0; c < d; c++) {
            double difference = (double)a[row + (size_t)c] - (double)b[row + (size_t)c];
            square += difference * difference;
        }
        double root = sqrt(square), scale = weight / (n * root);
        loss += root;
        for (int c = 0; c < d; c++) {
            size_t at = row + (size_t)c;
            float slope = (float)(scale * ((double)a[at] - (double)b[at]));
            if (d_a)
                d_a[at] += slope;
            if (d_b)
                d_b[at] -= slope;
        }
    }
    return loss / n;
}

double wick_loss_outputs(const float *teacher, const float *student, int n, int classes,
                         bool logits, double epsilon, double weight, float *d_teacher,
                         float *d_student, float *scratch) {
    if (logits)
        return wick_loss_distance(teacher, student, n, classes, epsilon, weight, d_teacher,
                                  d_student);
    size_t count = (size_t)n * (size_t)classes;
    float *q_teacher = scratch, *q_student = scratch + count;
    float *d_q_teacher = scratch + 2 * count, *d_q_student = scratch + 3 * count;
    wick_softmax(teacher, n, classes, q_teacher);
    wick_softmax(student, n, classes, q_student);
    memset(d_q_teacher, 0, 2 * count * sizeof *scratch);
    double loss = wick_loss_distance(q_teacher, q_student, n, classes, epsilon, weight, d_q_teacher,
                                     d_q_student);
    if (d_student)
        wick_softmax_backward(q_student, d_q_student, n, classes, d_student);
    if (d_teacher)
        wick_softmax_backward(q_teacher, d_q_teacher, n, classes, d_teacher);
    return loss;
}

/* log softmax(row / temperature) into out[classes]. */
static void log_softmax(const float *row, int classes, double temperature, double *out) {
    double top = (double)row[wick_argmax(row, classes)], sum = 0;
    for (int c = 0; c < classes; c++)
        sum += exp(((double)row[c] - top) / temperature);
    for (int c = 0; c < classes; c++)
        out[c] = ((double)row[c] - top) / temperature - log(sum);
}

double wick_loss_response(const float *teacher, const float *student, int n, int classes,
                          double temperature, double weight, float *d_teacher, float *d_student) {
    double *log_p = wick_xalloc(2 * (size_t)classes * sizeof *log_p), *log_q = log_p + classes;
    double loss = 0, scale = weight * temperature / n;
    for (int i = 0; i < n; i++) {
        size_t row = (size_t)i * (size_t)classes;
        double divergence = 0;
        log_softmax(teacher + row, classes, temperature, log_p);
        log_softmax(student + row, classes, temperature, log_q);
        for (int c = 0; c < classes; c++)
            divergence += exp(log_p[c]) * (log_p[c] - log_q[c]);
        loss += divergence;
        for (int c = 0; c < classes; c++) {
            double p = exp(log_p[c]);
            if (d_student)
                d_student[row + (size_t)c] += (float)(scale * (exp(log_q[c]) - p));
            if (d_teacher)
                d_teacher[row + (size_t)c] +=
                    (float)(scale * p * (log_p[c] - log_q[c] - divergence));
        }
    }
    free(log_p);
    return temperature * temperature * loss / n;
}
