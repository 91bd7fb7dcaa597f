/* From gradients to new weights: one call a step. State lives in the stage's slots, in the
   backend's layout; padding stays zero under every rule. */
#ifndef WICK_OPTIMISER_H
#define WICK_OPTIMISER_H

#include "train/stage.h"

/* Allocates what the options need in every slot: zeros, the average starts as the weights. */
void wick_optimiser_begin(wick_stage *stage, const wick_train_options *options);
/* Behind loading a state: weights of few bits from their full ones, as a step leaves them. A state
   from before the first step has the graph's own weights, which are on no grid. */
void wick_optimiser_resume(wick_stage *stage);

/* Step number t (1-based, within the stage). With clip_norm > 0 the gradient of each separately
   trained part is first shortened to that length. Frozen parameters stay as they are.
   sgd       as PyTorch has it: g += weight_decay * w (where the parameter decays),
             v = momentum * v + g, w -= rate * v; Nesterov: w -= rate * (g + momentum * v)
   adamw     m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w -= rate * weight_decay * w,
             w -= rate * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + 1e-8)
             (Loshchilov and Hutter, Decoupled weight decay regularization, ICLR 2019), b1 =
             momentum, b2 = 0.999
   average   a = d a + (1 - d) w, d = min(ema, (1 + t) / (10 + t)), of weights and of running
             statistics: young averages forget the start */
void wick_stage_update(wick_stage *stage, const wick_train_options *options, double rate,
                       int64_t t);

/* Puts the averages into stage->average_graph; nothing without averages. */
wick_status wick_optimiser_export_average(wick_stage *stage, wick_diag *diag);

#endif
