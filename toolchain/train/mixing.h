/* Softened targets: label smoothing and mixup. */
#ifndef WICK_MIXING_H
#define WICK_MIXING_H

#include "base/base.h"

/* What the images of a batch should be answered with: lambda parts the class `labels`, 1 - lambda
   parts the class `others` (NULL: labels alone), and of all that a share `smoothing` spread evenly
   over the classes. */
typedef struct wick_targets {
    const uint16_t *labels, *others; /* [n] */
    double lambda;                   /* [0, 1]; 1 without others */
    double smoothing;                /* [0, 1) */
} wick_targets;

/* Cross-entropy with softened targets (Szegedy et al., Rethinking the Inception architecture, CVPR
   2016; Zhang et al., mixup, ICLR 2018):
     t_ic = (1 - s) (lambda [c = labels_i] + (1 - lambda) [c = others_i]) + s / C
     L = 1/n sum_i -sum_c t_ic log softmax(logits_i)_c,    dL/dlogits = (softmax(logits) - t) / n
   logits [n,classes]; otherwise as wick_loss_cross_entropy, which it equals without softening.
   correct counts rows whose largest logit is at `labels`. */
double wick_loss_soft_cross_entropy(const float *logits, const wick_targets *targets, int n,
                                    int classes, double weight, float *d_logits, int *correct);

/* Draws lambda from Beta(alpha, alpha), alpha > 0. */
double wick_mixup_lambda(wick_rng *rng, double alpha);
/* images = lambda images + (1 - lambda) others, `count` numbers each. */
void wick_mixup_blend(float *images, const float *others, size_t count, double lambda);
/* Image i becomes lambda x_i + (1 - lambda) x_p, p = (i + shift) mod n: images [n, per_image] in
   place, scratch of the same size. */
void wick_mixup_images(float *images, int n, size_t per_image, int shift, double lambda,
                       float *scratch);

#endif
