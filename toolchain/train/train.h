/* Learning: strategies, losses, the training loop, evaluation, and the database of runs. */
#ifndef WICK_TRAIN_H
#define WICK_TRAIN_H

#include "data/data.h"
#include "graph/graph.h"

/* X(enum, name): papers/0-rein, section III. */
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

typedef struct wick_train_options {
    wick_strategy strategy; /* default UNIFIED_KD */
    int epochs, batch;      /* defaults 20, 128 */
    double learning_rate;   /* default 0.01 */
    double lr_decay;        /* factor at `lr_drop`, default 0.1 */
    double lr_drop;   /* fraction of the epochs after which the factor applies, default 0.4 (80 of
                         200) */
    double kd_warmup; /* fraction of the epochs with cross-entropy only, default 0.1 (20 of 200) */
    double momentum;  /* default 0.9 */
    double weight_decay;                         /* default 5e-4 */
    double alpha[WICK_MAX_HEADS];                /* weight of head k's cross-entropy, default 1 */
    double beta[WICK_MAX_HEADS][WICK_MAX_HEADS]; /* [j][k] weight of teacher j for student k, j
                                                    larger; default see docs */
    bool kd_logits;       /* match logits instead of probabilities; default false */
    bool kd_features;     /* feature term of eq. 10; default true */
    bool kd_detach;       /* no gradient into the teacher; default true */
    wick_augment augment; /* default flip, shift 4 (2 px at 32 x 32 when built-in data says so) */
    uint64_t seed;
    int threads;            /* 0 = all */
    const char *checkpoint; /* side file of the training state, written atomically after each epoch;
                               NULL = none */
    bool resume;            /* go on from `checkpoint` bit-exactly */
    const char *runs_path;  /* SQLite file of runs; NULL = none */
    const char *run_name;
    bool quiet;
} wick_train_options;
wick_train_options wick_train_defaults(void);

typedef struct wick_train_result {
    int epochs, best_epoch;
    double validation[WICK_MAX_HEADS]; /* accuracy of the best checkpoint, 0..1 */
    double seconds;
    int64_t run_id; /* row in the database, 0 without one */
} wick_train_result;

/* Trains `graph` (a family; baseline takes one built with shared = false) in place; on return it
   holds the weights of the best epoch on the validation split. INTERRUPTED after Ctrl-C: the
   checkpoint holds the state. */
wick_status wick_train_run(wick_graph *graph, const wick_data *data,
                           const wick_train_options *options, wick_train_result *result,
                           wick_diag *diag);

/* Float evaluation of all heads on one split through the training backend. correct[k] counts;
   predictions (may be NULL) receives [n_heads][n] argmax labels. graph must be float. */
wick_status wick_eval_float(const wick_graph *graph, const wick_data *data, wick_split split,
                            int threads, int64_t *correct, uint16_t *predictions, wick_diag *diag);

/* Evaluates any tensors of a float graph on a set of images in batches; `visit` gets each batch's
   values in plain layout. Used by calibration. */
typedef void wick_visit(void *ctx, int tensor, const float *values, int n, size_t per_image);
wick_status wick_eval_tensors(const wick_graph *graph, const wick_data *data, wick_split split,
                              const uint32_t *indices, int n, const int *tensors, int n_tensors,
                              wick_visit *visit, void *ctx, wick_diag *diag);

#endif
