/* One stage of a strategy: which modules it trains, on which programs, and with which losses. */
#ifndef WICK_STAGE_H
#define WICK_STAGE_H

#include "train/exchange.h"
#include "train/mixing.h"
#include "train/program.h"
#include "train/sparsity.h"
#include "train/train.h"
#include "train/weight_grid.h"

/* What a stage is, before anything is built. Heads are 0-based, 0 = largest. */
typedef struct wick_stage_spec {
    int n_heads, heads[WICK_MAX_HEADS];
    bool frozen;   /* the extractor is finished: evaluated with running statistics, not trained */
    bool separate; /* the modules share no trained parameter: a best epoch for each, alpha unused */
    bool distil;   /* eq. 9 once the warm-up is over */
} wick_stage_spec;

/* The stages of a strategy for n_heads modules; returns how many (at most 2). */
int wick_strategy_stages(wick_strategy strategy, int n_heads, wick_stage_spec specs[2]);

/* One trained array and the optimiser's state for it, in the backend's layout (optimiser.h). */
typedef struct wick_slot {
    wick_param *param;
    float *momentum; /* first moment; NULL for running statistics */
    float *second;   /* second moment; NULL unless the optimiser has one */
    float *average;  /* of the array itself; NULL without averages */
    float *master;   /* the array itself where param->value is its image on a grid; else NULL */
    int bits;        /* of that grid */
    wick_weight_rows rows; /* its channels in the backend's layout; found where they are needed */
    const wick_sparse_rule *sparse; /* of the stage's options; NULL: dense */
    int part;                       /* separate stages: index into heads; else 0 */
} wick_slot;

typedef struct wick_stage {
    wick_arena *arena;
    wick_stage_spec spec;
    int batch, classes; /* batch: of this rank, the programs' */

    wick_graph *graph; /* what is trained: the family, or (frozen) the modules from the features on;
                          with the projections as extra outputs */
    wick_program *program;
    wick_graph *frozen_graph; /* input -> features; NULL unless frozen */
    wick_program *frozen_program;
    wick_graph *average_graph; /* averages of `graph`'s weights; NULL without averages */
    wick_graph *check_graph;   /* input -> the stage's heads, for validation */
    wick_program *check_program;
    wick_graph *teacher_graph; /* image -> logits of a finished network; NULL without one */
    wick_program *teacher_program;

    /* Outputs of `program`: logits of the stage's head i are output i. */
    int feature_output[WICK_MAX_HEADS]; /* phi_i; -1 when no pair needs it */
    int feature_size[WICK_MAX_HEADS];
    int projection_output[WICK_MAX_HEADS][WICK_MAX_HEADS]; /* [teacher][student]: P phi_student */
    int teacher_projection[WICK_MAX_HEADS]; /* [student]: P phi_student, for the features of the
                                               finished teacher, its output 1; -1: not matched */
    int teacher_feature_size;
    int n_outputs;
    float *scratch; /* 4 * batch * classes, for wick_loss_outputs */

    double excess; /* of the densities now: wick_schedule_excess */
    int n_slots, n_parts;
    bool learns[WICK_MAX_HEADS]; /* head i has parameters that are trained */
    wick_slot *slots;
    wick_exchange *exchange; /* NULL: this rank is alone */
} wick_stage;

/* Builds the programs; `family` gives structure, weights and finished extractor and is not changed;
   `options` must outlive the stage.
   UNSUPPORTED, SHAPE name the node. Free with wick_stage_free. */
wick_status wick_stage_build(const wick_graph *family, const wick_train_options *options,
                             const wick_stage_spec *spec, wick_stage **out, wick_diag *diag);
void wick_stage_free(wick_stage *stage);

/* Part of building: the options' rules of sparsity and of few bits, by name, onto the slots, which
   point into `options`. UNKNOWN: a pattern without weights; UNSUPPORTED: a layer is too large. */
wick_status wick_stage_constrain(wick_stage *stage, const wick_train_options *options,
                                 wick_diag *diag);
/* The slot's array for its sparse rule, in the backend's layout or plain. */
wick_sparse_array wick_slot_sparse(const wick_stage *stage, const wick_slot *slot, bool plain);

/* Loss of this rank's batch and its gradients into the program's output gradients, after forward.
 */
typedef struct wick_batch_loss {
    double total;                /* what is minimised */
    double ce[WICK_MAX_HEADS];   /* by the stage's heads */
    double kd[WICK_MAX_HEADS];   /* sum_j beta_jk L_kd,jk as a student; 0 during the warm-up */
    int correct[WICK_MAX_HEADS]; /* of the batch's images */
} wick_batch_loss;
/* only: the one head of the stage that is trained in this step, -1 = all of them. */
wick_batch_loss wick_stage_loss(wick_stage *stage, const wick_train_options *options,
                                const wick_targets *targets, bool distil, int only);
/* Collective: the loss of the whole batch, of which every rank brings an equal part. */
void wick_stage_whole_loss(const wick_stage *stage, wick_batch_loss *loss);
/* Collective: running statistics (and their averages) become the means of all ranks'. */
void wick_stage_mean_statistics(wick_stage *stage);

/* The weights that count: the averages where there are any. */
const wick_graph *wick_stage_weights(const wick_stage *stage);

/* Copies every float constant of `from` to the constant of the same name in `to`, where there is
   one. */
void wick_constants_copy(const wick_graph *from, wick_graph *to);
/* The same for the constants of part `part` of a stage only (separate stages), or all. */
void wick_stage_copy_part(const wick_stage *stage, int part, wick_graph *to);

/* The modules' penultimate features: the input of the last GEMM before `logits`, or -1. */
int wick_penultimate(const wick_graph *graph, int logits);

#endif
