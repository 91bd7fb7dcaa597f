/* Learning: strategies, losses, the training loop, evaluation, and the database of runs.

   In symbols (papers/0-rein, section III; modules 1..K, here 1 = largest; j is larger than k):
     cross-entropy  L_ce,k   = mean over the batch of -log softmax(y_k)[label]
     eq. 10         L_kd,jk  = mean over the batch of |phi_j - P_jk phi_k| + |q_j - q_k|
     eq. 8          L        = sum_k alpha_k L_ce,k                                        (unified)
     eq. 9          L        = sum_k (alpha_k L_ce,k + sum_{j larger} beta_jk L_kd,jk)  (unified-kd)
   where |v| = sqrt(sum v_i^2 + kd_epsilon) per sample, phi_k is what enters module k's last fully
   connected layer, P_jk is a linear map d_k -> d_j that is trained with the rest and dropped
   afterwards, and q are the probabilities softmax(y) (or the logits y). The value of |.| grows with
   sqrt(d), its gradient does not: per sample it is a vector of length <= 1 whatever d is, so one
   beta fits all widths and the formula stays as printed. */
#ifndef WICK_TRAIN_H
#define WICK_TRAIN_H

#include "data/data.h"
#include "graph/graph.h"
#include "train/parallel.h"
#include "train/quality.h"
#include "train/runs.h"
#include "train/runs_plot.h"

/* X(enum, name): papers/0-rein, section III. Every stage runs `epochs` epochs.
   baseline    every module and its own extractor with plain cross-entropy. The modules share no
               parameter, so they are trained side by side in one program: that is the same as one
               after another with the same order of images. Best epoch per module.
   l2s, s2l    stage 1: extractor + largest (smallest) module; best epoch. Stage 2: every other
               module alone on that extractor, frozen with its running statistics; side by side for
               the same reason, best epoch per module.
   unified...  one stage; best epoch by the mean accuracy of all modules. */
#define WICK_STRATEGY_TABLE(X)                                                                     \
    X(BASELINE, "baseline")     /* every module its own extractor, trained alone */                \
    X(L2S, "l2s")               /* extractor + largest, freeze, then the smaller ones */           \
    X(S2L, "s2l")               /* extractor + smallest, freeze, then the larger ones */           \
    X(UNIFIED, "unified")       /* all at once, eq. 8 */                                           \
    X(UNIFIED_KD, "unified-kd") /* all at once with distillation, eq. 9 and 10 */

typedef enum wick_strategy {
#define X(upper, name) WICK_STRATEGY_##upper,
    WICK_STRATEGY_TABLE(X)
#undef X
        WICK_STRATEGY_COUNT
} wick_strategy;
const char *wick_strategy_name(wick_strategy strategy);
/* By name; UNKNOWN lists the names. */
wick_status wick_strategy_find(const char *name, wick_strategy *strategy, wick_diag *diag);

typedef enum wick_optimiser { WICK_OPTIMISER_SGD, WICK_OPTIMISER_ADAMW } wick_optimiser;
typedef enum wick_lr_schedule {
    WICK_LR_STEP,   /* the rate, and from lr_drop on lr_decay times the rate */
    WICK_LR_COSINE, /* half a cosine from the rate (after the warm-up) to lr_final times the rate */
    WICK_LR_CONSTANT /* the rate */
} wick_lr_schedule;
enum { WICK_MAX_FREEZE = 16, WICK_MAX_SPARSE = 256, WICK_MAX_SPARSE_RUN = 64 };

/* After every step the weights whose names match keep the largest `density` of each array, or the n
   largest of every m in a row along the input channels (of fully connected layers: along their
   inputs), rounded up to whole weights, and the rest is zero (sparsity.h). Biases and what else
   does not decay stay dense. */
typedef struct wick_sparse_rule {
    const char *pattern; /* as in a shell; the last rule that matches counts */
    double density;      /* (0, 1]; unused where m > 0 */
    int n, m;            /* 1 <= n <= m <= WICK_MAX_SPARSE_RUN; m = 0: not in runs */
    int block; /* 2..WICK_MAX_SPARSE_RUN: so many neighbouring output channels keep the same
                  positions; 0 or 1: each its own */
} wick_sparse_rule;

/* Weights whose names match are trained for integers of so many bits (2..8): every step computes
   with their images on the grid of each output channel (weight_grid.h), its gradients update the
   weights themselves, and what is validated and kept is the images. Biases stay as they are. */
typedef struct wick_bits_rule {
    const char *pattern; /* as in a shell; the last rule that matches counts */
    int bits;
} wick_bits_rule;

typedef struct wick_train_options {
    wick_strategy strategy; /* default UNIFIED_KD */
    int epochs, batch;      /* per stage; 1..100000, 1..65536; defaults 20, 128. Each of several
                               ranks takes an equal part of the batch: a multiple of their number */
    double learning_rate; /* > 0, or 0 (default) = 0.05, with batch norm 0.02, with AdamW 0.001; the
                             paper's 0.01 is for 200 epochs */
    wick_lr_schedule lr_schedule; /* default STEP */
    double lr_final;              /* [0, 1], default 0 */
    double lr_decay;              /* factor at `lr_drop`, (0, 1], default 0.1 */
    double lr_drop;   /* fraction [0, 1] of the epochs after which the factor applies, rounded
                         up to whole epochs, default 0.4 (80 of 200) */
    double lr_warmup; /* epochs over which the rate rises linearly from 0, >= 0, default 1 */
    double kd_warmup; /* fraction [0, 1] of the epochs with cross-entropy only, rounded up but
                         never the last epoch, default 0.1 (20 of 200) */
    wick_optimiser optimiser; /* default SGD; formulas in optimiser.h */
    double momentum;          /* [0, 1), of AdamW its beta1; default 0.9 */
    bool nesterov;            /* SGD: look ahead; default false */
    double ema; /* [0, 1): decay of an average of the weights, which is then what is validated and
                   kept; 0 (default) = no average */
    double label_smoothing; /* [0, 1), default 0 */
    double mixup; /* >= 0: lambda of each batch from Beta(mixup, mixup); 0 (default) = off */
    int n_freeze;
    const char *freeze[WICK_MAX_FREEZE]; /* parameters whose names match one of these patterns (as
                                            in a shell) are not trained */
    const char *train_only; /* pattern: parameters whose names do not match are not trained; NULL
                               (default) = all are */
    bool one_head; /* each batch trains one module, drawn by chance among all that have something to
                      train; joint strategies only; default false */
    int n_sparse;
    wick_sparse_rule sparse[WICK_MAX_SPARSE];
    double sparse_ramp; /* [0, 1): share of the epochs, rounded up but never the last, over which
                           the density falls from 1 to the rules': fast at first, by single weights
                           at the end. Only epochs that end at the rules' density can be the best.
                           0 (default) = from the first step on */
    int n_bits;
    wick_bits_rule bits[WICK_MAX_SPARSE];
    double weight_decay;          /* on weights, not on biases and scales; >= 0, default 5e-4 */
    double clip_norm;             /* longest gradient (L2, of one separately trained part), 0 = off;
                                     default 5 */
    double alpha[WICK_MAX_HEADS]; /* weight of head k's cross-entropy, >= 0, default 1; joint
                                     strategies only: a module alone has nothing to be weighed with
                                   */
    double beta[WICK_MAX_HEADS][WICK_MAX_HEADS]; /* [j][k] weight of teacher j for student k, j < k
                                                    (large to small), >= 0, default 0.01; 0 leaves
                                                    the pair out; entries with j >= k are unused */
    double kd_epsilon; /* inside the root, > 0, default 1e-6: rounds the tip off below a
                          distance of 0.001, finer than any that matters */
    bool kd_logits;    /* match logits instead of probabilities; default false */
    bool kd_features;  /* feature term of eq. 10; default true */
    bool kd_detach;    /* no gradient into the teacher; default true */
    bool kd_response;  /* outputs matched by Hinton's response loss instead of eq. 10's distance;
                          default false */
    double kd_temperature;     /* of the response loss, > 0, default 4 */
    const wick_graph *teacher; /* a finished float network whose largest head teaches every module
                                  from the first epoch on, in any strategy; NULL (default) = none */
    double teacher_weight;     /* of its outputs' term, >= 0, default 1 */
    bool teacher_features;     /* its features are matched as well, by the feature term of eq. 10
                                  with the same weight; default false */
    wick_augment augment;      /* default flip, shift 2, no cutout */
    bool sync_bn;  /* several ranks: batch norm takes its statistics over the whole batch, not over
                      the rank's part of it; default false */
    bool winograd; /* let the backend pick Winograd convolutions; default true */
    uint64_t seed; /* of order, augmentation and projections; default 1 */
    int ahead;     /* batches that a thread prepares beside the training step, 0..64; default 2; 0 =
                      each is made when it is wanted. Not part of the state: it changes no bit */
    int threads;   /* 0 = all; part of the state: other counts give other bits */
    const char *checkpoint;  /* side file of the training state, written atomically at the start and
                                after each epoch; NULL = none */
    int session_epochs;      /* > 0: stop like on Ctrl-C after so many epochs of this call, for time
                                limits; not part of the state; default 0 */
    bool resume;             /* go on from `checkpoint` bit-exactly; from the start without one */
    const char *runs_path;   /* SQLite file of runs; NULL = none */
    const char *run_name;    /* NULL = "<recipe> <strategy>" */
    bool quiet;              /* no progress bar and no line per epoch on stderr */
    wick_progress *progress; /* bar of the work that this training is a part of: its `done` grows by
                                the training images of each epoch, and its `total` shrinks by those
                                of epochs that a checkpoint has; NULL (default) = a bar an epoch */
} wick_train_options;
wick_train_options wick_train_defaults(void);
/* For exits that were added to a finished network (graph/exits.h), which stays as it is: only they
   are trained, with a rate of 0.005 (papers/3-freeml). global: one exit for each batch, as the
   paper has it. small: distillation from the network's own answer, by the response loss. */
void wick_train_exits(wick_train_options *options, wick_exit_kind kind);
/* Sets every beta[j][k], j < k, to `beta`. */
void wick_train_set_beta(wick_train_options *options, double beta);

typedef struct wick_train_result {
    int epochs;                        /* of all stages */
    int best_epoch[WICK_MAX_HEADS];    /* 1-based, within the stage that trained the module last */
    double validation[WICK_MAX_HEADS]; /* accuracy of the best checkpoint, 0..1 */
    double seconds;                    /* of training, earlier sessions of a resumed run included */
    double waited; /* share [0, 1] of the training steps' time in this call that they waited for
                      batches */
    int64_t peak_bytes; /* the most memory that the process has had in RAM until then; 0: unknown */
    int64_t run_id;     /* row in the database, 0 without one */
} wick_train_result;

/* Trains `graph` (a family; baseline takes one built with shared = false) in place; on return it
   holds the weights of the best epoch on the validation split, and its family the strategy, the
   data, the labels, of sensors the ranges, the normalisation (where it had none: (pixel - 128) /
   128 for the graph of a recipe, pixel / 255 for an imported one) and the validation accuracies.
   Where there are several ranks (parallel.h), all of them call this with equal arguments; the paths
   of files count on rank 0 alone, which writes all of them, and the others' `quiet` is set. All
   train on the same batches as one alone would: each computes the gradients of its part, and their
   mean is taken. All return the same results. Another number of ranks may resume a checkpoint, with
   other bits; MISMATCH when data, network, options or backend of the ranks differ. Every image is
   seen once per epoch in a new order; the last batch is filled up with the first images of that
   order. Same seed, threads, instruction set and library: same bits. INTERRUPTED after Ctrl-C: the
   checkpoint holds the state after the last whole epoch; the begun one starts over on resume.
   RANGE: an option, or the loss left the finite numbers. SHAPE: data and graph do not fit.
   UNSUPPORTED: the family lacks what the strategy needs. MISMATCH, TRUNCATED, SYNTAX: the
   checkpoint belongs to another run or is damaged. On failure `graph` may hold intermediate
   weights. */
wick_status wick_train_run(wick_graph *graph, const wick_data *data,
                           const wick_train_options *options, wick_train_result *result,
                           wick_diag *diag);

/* Whatever wick_train_run would refuse before the first step of its first stage, without training
   or writing: an option, an operator without a gradient, images or classes that do not fit,
   patterns without weights. */
wick_status wick_train_accepts(const wick_graph *graph, const wick_data *data,
                               const wick_train_options *options, wick_diag *diag);

/* Identity of the options that decide the resulting bits, for n_heads modules; threads: as given,
   or 0 to leave them out. */
wick_hash wick_train_options_hash(const wick_train_options *options, int n_heads, int threads);

/* The weights that rules for sparsity and bits are about: tensors of a float graph in the order of
   its nodes, into `tensors` (room for graph->n_tensors); returns how many. */
int wick_train_weights(const wick_graph *graph, int *tensors);
/* What the rules make of a float graph's weights as they are, in place: the largest of each array
   stay, on their grids, as after a step of training that changed nothing. */
void wick_train_impose(wick_graph *graph, const wick_train_options *options);

/* Float evaluation of all heads on one split through the training backend. correct[k] counts;
   predictions (may be NULL) receives [n_heads][n] argmax labels. graph must be float. */
wick_status wick_eval_float(const wick_graph *graph, const wick_data *data, wick_split split,
                            int threads, int64_t *correct, uint16_t *predictions, wick_diag *diag);
/* The same with the answers themselves. */
wick_status wick_answers_float(const wick_graph *graph, const wick_data *data, wick_split split,
                               int threads, wick_answers answers, wick_diag *diag);

/* Evaluates any tensors of a float graph on a set of images in batches; `visit` gets each batch's
   values in plain layout: n images of per_image floats, valid during the call, batches in order
   and within a batch the tensors in the order given. indices NULL: the first n images. Used by
   calibration. */
typedef void wick_visit(void *ctx, int tensor, const float *values, int n, size_t per_image);
wick_status wick_eval_tensors(const wick_graph *graph, const wick_data *data, wick_split split,
                              const uint32_t *indices, int n, const int *tensors, int n_tensors,
                              wick_visit *visit, void *ctx, wick_diag *diag);

/* Mean over images of a finished float network's loss, the sum of its heads' cross-entropies.
   indices NULL: the first n images. Errors as wick_eval_tensors; SHAPE: other classes. */
wick_status wick_eval_loss(const wick_graph *graph, const wick_data *data, wick_split split,
                           const uint32_t *indices, int n, double *loss, wick_diag *diag);

/* Gradient of one float constant of the network, in the constant's own layout. */
typedef struct wick_gradient {
    int tensor; /* of the graph that was given */
    const float *values;
} wick_gradient;
/* Gradients of a finished float network's loss, the sum of its heads' mean cross-entropies over a
   batch, without dropout and augmentation and with the running statistics of batch norm: for its
   weights and biases, scale and bias of batch norms apart. visit gets them after each of the n /
   batch whole batches (one, of all n, where n is less) of training images; they are valid during
   the call. SHAPE, MISMATCH: the images do not fit; UNSUPPORTED, BACKEND, MEMORY: of the training
   backend. */
typedef void wick_visit_gradients(void *ctx, const wick_gradient *gradients, int n);
wick_status wick_eval_gradients(const wick_graph *graph, const wick_data *data,
                                const uint32_t *indices, int n, int batch,
                                wick_visit_gradients *visit, void *ctx, wick_diag *diag);

#include "train/search.h"
#include "train/study.h"

#endif
