#include "train/mixing.h"
#include "train/losses.h"

#include <assert.h>
#include <math.h>
#include <string.h>

double wick_loss_soft_cross_entropy(const float *logits, const wick_targets *targets, int n,
                                    int classes, double weight, float *d_logits, int *correct) {
    if (!targets->others && targets->smoothing <= 0)
        return wick_loss_cross_entropy(logits, targets->labels, n, classes, weight, d_logits,
                                       correct);
    double lambda = targets->others ? targets->lambda : 1.0, smoothing = targets->smoothing;
    double loss = 0, even = smoothing / classes;
    int right = 0;
    for (int i = 0; i < n; i++) {
        const float *row = logits + (size_t)i * (size_t)classes;
        int label = targets->labels[i], other = targets->others ? targets->others[i] : label;
        int best = wick_argmax(row, classes);
        double top = (double)row[best], sum = 0;
        assert(label < classes && other < classes);
        for (int c = 0; c < classes; c++)
            sum += exp((double)row[c] - top);
        right += best == label;
        for (int c = 0; c < classes; c++) {
            double log_p = (double)row[c] - top - log(sum);
            double t = (1 - smoothing) * (lambda * (c == label) + (1 - lambda) * (c == other));
            t += even;
            if (t > 0)
                loss -= t * log_p;
            if (d_logits)
                d_logits[(size_t)i * (size_t)classes + (size_t)c] +=
                    (float)(weight * (exp(log_p) - t) / n);
        }
    }
    if (correct)
        *correct = right;
    return loss / n;
}

/* Gamma(shape, 1) by rejection (Marsaglia and Tsang, ACM TOMS 26(3), 2000); a shape below 1 is
   raised by one and scaled back with a uniform. */
static double draw_gamma(wick_rng *rng, double shape) {
    double boost = 1;
    if (shape < 1) {
        boost = pow(1 - wick_rng_uniform_double(rng), 1 / shape);
        shape += 1;
    }
    double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);
    for (;;) {
        double x = (double)wick_rng_normal(rng), v = 1 + c * x;
        double u = 1 - wick_rng_uniform_double(rng);
        v = v * v * v;
        if (v > 0 && log(u) < 0.5 * x * x + d - d * v + d * log(v))
            return boost * d * v;
    }
}

double wick_mixup_lambda(wick_rng *rng, double alpha) {
    double a = draw_gamma(rng, alpha), b = draw_gamma(rng, alpha);
    return a + b > 0 ? a / (a + b) : 1.0; /* both underflow: one image alone */
}

void wick_mixup_blend(float *images, const float *others, size_t count, double lambda) {
    float own = (float)lambda, other = (float)(1 - lambda);
    for (size_t p = 0; p < count; p++)
        images[p] = own * images[p] + other * others[p];
}

void wick_mixup_images(float *images, int n, size_t per_image, int shift, double lambda,
                       float *scratch) {
    for (int i = 0; i < n; i++)
        memcpy(scratch + (size_t)i * per_image, images + (size_t)((i + shift) % n) * per_image,
               per_image * sizeof *images);
    wick_mixup_blend(images, scratch, (size_t)n * per_image, lambda);
}
