/* Losses on plain arrays, forward and gradient side by side. Every function returns the mean over
   the batch of the unweighted loss and ADDS weight * d(mean)/d(input) to the gradients that are not
   NULL. Sums run in double and in index order, so results do not depend on threads. */
#ifndef WICK_LOSSES_H
#define WICK_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

/* probabilities[i,c] = exp(logits[i,c]) / sum_c' exp(logits[i,c']), shifted by the row's maximum.
   logits, probabilities [n,classes]; may be the same array. */
void wick_softmax(const float *logits, int n, int classes, float *probabilities);

/* Adds J^T gradient to d_logits: d_logits[i,c] += p[i,c] (g[i,c] - sum_c' p[i,c'] g[i,c']).
   probabilities, gradient, d_logits [n,classes]. */
void wick_softmax_backward(const float *probabilities, const float *gradient, int n, int classes,
                           float *d_logits);

/* Softmax cross-entropy, the L_ce of papers/0-rein eq. 8:
     L = 1/n sum_i -log softmax(logits_i)[labels_i],   dL/dlogits = (softmax(logits) - onehot) / n.
   logits [n,classes], labels [n] < classes, d_logits [n,classes] or NULL. correct (may be NULL)
   receives how many rows have their largest logit (the first of equals) at the label. */
double wick_loss_cross_entropy(const float *logits, const uint16_t *labels, int n, int classes,
                               double weight, float *d_logits, int *correct);

/* Distance of one term of papers/0-rein eq. 10, per sample, epsilon inside the root:
     L = 1/n sum_i sqrt(sum_c (a[i,c] - b[i,c])^2 + epsilon),   dL/da = (a - b) / (n root) = -dL/db.
   a, b [n,d]; d_a, d_b [n,d] or NULL. */
double wick_loss_distance(const float *a, const float *b, int n, int d, double epsilon,
                          double weight, float *d_a, float *d_b);

/* The output term of papers/0-rein eq. 10: the distance of softmax(teacher) and softmax(student),
   or of the logits themselves. teacher, student [n,classes] logits; d_teacher NULL detaches the
   teacher; scratch holds 4 * n * classes floats. */
double wick_loss_outputs(const float *teacher, const float *student, int n, int classes,
                         bool logits, double epsilon, double weight, float *d_teacher,
                         float *d_student, float *scratch);

/* Response distillation (Hinton, Vinyals, Dean, Distilling the knowledge in a neural network,
   2015), p = softmax(teacher / T), q = softmax(student / T): L = T^2 / n sum_i sum_c p_ic log(p_ic
   / q_ic),    dL/dstudent = T (q - p) / n, dL/dteacher = T p (log(p / q) - KL_i) / n (d_teacher
   NULL detaches the teacher) teacher, student [n,classes] logits; temperature T > 0. */
double wick_loss_response(const float *teacher, const float *student, int n, int classes,
                          double temperature, double weight, float *d_teacher, float *d_student);

/* Index of the largest of `classes` values, the first of equals. */
int wick_argmax(const float *values, int classes);

#endif
