/* Driving the stages to a goal.

   Shrinking to budgets: of all combinations of means (candidate.h) those are found whose plan, made
   from structure, zeros and bits without any training, holds the budgets; of these the mildest are
   trained briefly, the best of them at length, by distillation from the float network, and judged
   on the validation split. Which channels go first by what a device spends on them:
   channel_cost.h. */
#ifndef WICK_DESIGN_H
#define WICK_DESIGN_H

#include "design/budgets.h"
#include "design/channel_cost.h"
#include "design/fragile.h"

enum { WICK_GOAL_MAX_STEPS = 512, WICK_GOAL_MAX_TRIALS = 8 };

typedef struct wick_goal_step {
    const char *what;        /* "float", "8 bits", "trial: 4 bits, density 0.31" ... */
    int epochs;              /* of training in this step */
    bool on_device;          /* figures are those of a plan */
    bool over[WICK_BUDGETS]; /* more than the budget of then */
    wick_demand figures;     /* of a trial: before its training; DROP is of its float weights */
    double accuracy[WICK_MAX_HEADS]; /* on the validation split, 0..1; NAN = not measured */
    int n_fragile;
    const wick_fragile *fragile; /* [n_fragile] layers that are denser than the rest */
} wick_goal_step;

typedef struct wick_goal_options {
    wick_budgets budgets;
    wick_plan_options plan;         /* capacitor, margin, application's bytes ... */
    wick_quantize_options quantize; /* calibration of every integer network */
    wick_separate_options separate; /* which layers separation may split */
    wick_train_options train;       /* of every training; epochs: of the long one. Rules, teacher,
                                       checkpoint, resume and bar are the driver's own */
    double trial_share;    /* (0, 1]: epochs of a trial as a share of train.epochs, rounded up */
    int trials;            /* >= 1: candidates that are tried, and trained at length at the most */
    double fragile_points; /* > 0: a layer whose zeros alone cost so many points of validation
                              accuracy, before training, is fragile and stays denser (fragile.h); 0:
                              none is */
    const char *folder;    /* where the work outlives an interruption: made if missing; removed by
                              wick_goal_forget. NULL = it does not */
    bool smallest;  /* once the budgets hold, go on with less flash, round by round, as long as they
                       do: constants shrink by a quarter each time. With a limit of DROP */
    bool keep_best; /* train and return the nearest candidate even where budgets cannot be met */
    /* Called at each finished step of the work (may be NULL). */
    void (*on_step)(void *ctx, const wick_goal_step *step);
    void *ctx;
} wick_goal_options;
wick_goal_options wick_goal_defaults(void);

typedef struct wick_goal_result {
    int n_modules;
    const char *module_names[WICK_MAX_HEADS];
    wick_budgets budgets; /* resolved: no limit above what the device has; with `smallest` the
                             flash of the round that `model` is of */
    int n_steps;
    wick_goal_step steps[WICK_GOAL_MAX_STEPS];
    int best;          /* step that `model` came of, or of the nearest candidate; -1 = none */
    bool met;          /* every budget holds */
    wick_graph *model; /* the QDQ family, with its validation accuracies; NULL = none. The caller's
                          to free */
} wick_goal_result;

/* `network`: a float family as wick_onnx_read gives it; texts of the result are in `arena`.
   NO_FIT: a budget cannot be met; the diagnostics name each with the least that is possible or what
   the nearest candidate takes, and *result holds the steps (and, with keep_best, the model). Before
   any training: UNSUPPORTED (quantized already; no trainable weights; an operator without gradient
   or integer kernel), SHAPE (images, classes), RANGE (weights that are not finite). MISMATCH: the
   folder holds the work of another network, data set, device or options. INTERRUPTED: the same call
   goes on, to the same bytes. */
wick_status wick_goal_shrink(const wick_graph *network, const wick_data *data,
                             const wick_device *device, const wick_goal_options *options,
                             wick_arena *arena, wick_goal_result *result, wick_diag *diag);

/* Removes the folder, where there is one: the result is written. */
void wick_goal_forget(const wick_goal_options *options);

#endif
