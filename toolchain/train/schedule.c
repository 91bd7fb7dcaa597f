#include "train/schedule.h"
#include "train/checkpoint.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Validation accuracy in % of TM1..TM4 on builtin:shapes10 (vgg16, width 0.25, 8 epochs):
     beta    plain                   with batch norm
     0       99.6 94.3 96.0 73.2     99.6 97.4 95.6 47.4     (the unified strategy)
     0.003   99.4 89.5 96.7 71.7     99.8 97.7 94.8 41.6
     0.01    99.6 97.6 96.7 70.1     99.8 96.2 90.8 36.9
     0.03    99.4 43.5 96.8 58.5     99.9 97.1 78.4 29.3
   In so short a run the teachers have little to teach yet, and much of it holds the smallest
   modules back; long runs bear more. */
static const double DEFAULT_BETA = 0.01;
static const double EXITS_BETA = 1; /* from a network's answer to its exits */

wick_train_options wick_train_defaults(void) {
    wick_train_options options = {.strategy = WICK_STRATEGY_UNIFIED_KD,
                                  .epochs = 20,
                                  .batch = 128,
                                  .lr_decay = 0.1,
                                  .lr_drop = 0.4,
                                  .lr_warmup = 1,
                                  .kd_warmup = 0.1,
                                  .momentum = 0.9,
                                  .weight_decay = 5e-4,
                                  .clip_norm = 5,
                                  .kd_epsilon = 1e-6,
                                  .kd_features = true,
                                  .kd_detach = true,
                                  .kd_temperature = 4,
                                  .teacher_weight = 1,
                                  .augment = {.flip = true, .shift = 2},
                                  .winograd = true,
                                  .ahead = 2,
                                  .seed = 1};
    for (int k = 0; k < WICK_MAX_HEADS; k++)
        options.alpha[k] = 1;
    wick_train_set_beta(&options, DEFAULT_BETA);
    return options;
}

void wick_train_exits(wick_train_options *options, wick_exit_kind kind) {
    bool distils = kind == WICK_EXITS_SMALL;
    options->strategy = distils ? WICK_STRATEGY_UNIFIED_KD : WICK_STRATEGY_UNIFIED;
    options->train_only = WICK_EXITS_PREFIX "*";
    options->one_head = kind == WICK_EXITS_GLOBAL;
    options->learning_rate = 0.005;
    options->kd_features = false;
    options->kd_response = true;
    wick_train_set_beta(options, 0);
    for (int k = 1; k < WICK_MAX_HEADS && distils; k++)
        options->beta[0][k] = EXITS_BETA;
}

void wick_train_set_beta(wick_train_options *options, double beta) {
    for (int j = 0; j < WICK_MAX_HEADS; j++)
        for (int k = j + 1; k < WICK_MAX_HEADS; k++)
            options->beta[j][k] = beta;
}

static const char *const strategy_names[] = {
#define X(upper, name) name,
    WICK_STRATEGY_TABLE(X)
#undef X
};

const char *wick_strategy_name(wick_strategy strategy) {
    return strategy_names[strategy];
}

wick_status wick_strategy_find(const char *name, wick_strategy *strategy, wick_diag *diag) {
    wick_buf hint = {0};
    wick_buf_puts(&hint, "one of:");
    for (int s = 0; s < WICK_STRATEGY_COUNT; s++) {
        wick_buf_printf(&hint, " %s", strategy_names[s]);
        if (strcmp(strategy_names[s], name))
            continue;
        *strategy = (wick_strategy)s;
        wick_buf_free(&hint);
        return WICK_OK;
    }
    wick_status status = wick_fail(diag, WICK_UNKNOWN, NULL, "strategy", hint.data,
                                   "there is no learning strategy '%s'", name);
    wick_buf_free(&hint);
    return status;
}

typedef struct range {
    const char *name;
    double value, min, max;
    bool above, below; /* strictly */
} range;

static wick_status check_range(range r, wick_diag *diag) {
    bool low = r.above ? r.value > r.min : r.value >= r.min;
    bool high = r.below ? r.value < r.max : r.value <= r.max;
    if (low && high) /* false for NaN */
        return WICK_OK;
    return wick_fail(diag, WICK_RANGE, NULL, r.name, NULL, "%g is not within %s%g to %g%s", r.value,
                     r.above ? "(above) " : "", r.min, r.max, r.below ? " (below)" : "");
}

static wick_status check_sparse(const wick_sparse_rule *rule, wick_diag *diag) {
    const range block = {rule->pattern, rule->block, 0, WICK_MAX_SPARSE_RUN, false, false};
    const range run = {rule->pattern, rule->m, 0, WICK_MAX_SPARSE_RUN, false, false};
    const range kept = {rule->pattern, rule->n, 1, rule->m, false, false};
    const range density = {rule->pattern, rule->density, 0, 1, true, false};
    WICK_TRY(check_range(block, diag));
    WICK_TRY(check_range(run, diag));
    return check_range(rule->m ? kept : density, diag);
}

wick_status wick_train_check(const wick_train_options *options, int n_heads, wick_diag *diag) {
    const double big = 1e6;
    const range ranges[] = {
        {"strategy", (double)options->strategy, 0, WICK_STRATEGY_COUNT - 1, false, false},
        {"epochs", options->epochs, 1, 100000, false, false},
        {"batch", options->batch, 1, 65536, false, false},
        {"learning rate", options->learning_rate, 0, big, false, false},
        {"learning rate decay", options->lr_decay, 0, 1, true, false},
        {"learning rate drop", options->lr_drop, 0, 1, false, false},
        {"learning rate warm-up", options->lr_warmup, 0, 100000, false, false},
        {"distillation warm-up", options->kd_warmup, 0, 1, false, false},
        {"momentum", options->momentum, 0, 1, false, true},
        {"weight decay", options->weight_decay, 0, big, false, false},
        {"gradient clipping", options->clip_norm, 0, big, false, false},
        {"distillation epsilon", options->kd_epsilon, 0, big, true, false},
        {"shift", options->augment.shift, 0, 64, false, false},
        {"cutout", options->augment.cutout, 0, 1024, false, false},
        {"optimiser", options->optimiser, 0, WICK_OPTIMISER_ADAMW, false, false},
        {"learning rate schedule", options->lr_schedule, 0, WICK_LR_CONSTANT, false, false},
        {"final learning rate", options->lr_final, 0, 1, false, false},
        {"weight average", options->ema, 0, 1, false, true},
        {"label smoothing", options->label_smoothing, 0, 1, false, true},
        {"mixup", options->mixup, 0, 100, false, false},
        {"ramp of the density", options->sparse_ramp, 0, 1, false, true},
        {"temperature", options->kd_temperature, 0, 1000, true, false},
        {"teacher weight", options->teacher_weight, 0, big, false, false},
        {"batches prepared ahead", options->ahead, 0, 64, false, false},
        {"threads", options->threads, 0, 1024, false, false},
    };
    for (size_t i = 0; i < WICK_LEN(ranges); i++)
        WICK_TRY(check_range(ranges[i], diag));
    for (int i = 0; i < options->n_sparse; i++)
        WICK_TRY(check_sparse(&options->sparse[i], diag));
    for (int i = 0; i < options->n_bits; i++)
        if (options->bits[i].bits < 2 || options->bits[i].bits > 8)
            return wick_fail(diag, WICK_RANGE, NULL, options->bits[i].pattern, NULL,
                             "bits must be 2 to 8");
    if (options->batch % wick_ranks())
        return wick_fail(diag, WICK_RANGE, NULL, "batch",
                         "choose a multiple of the number of processes",
                         "%d images cannot be shared out evenly between %d processes",
                         options->batch, wick_ranks());
    for (int k = 0; k < n_heads; k++) {
        WICK_TRY(
            check_range((range){.name = "alpha", .value = options->alpha[k], .max = big}, diag));
        for (int j = 0; j < k; j++)
            WICK_TRY(check_range((range){.name = "beta", .value = options->beta[j][k], .max = big},
                                 diag));
    }
    return WICK_OK;
}

/* The rate is the largest, and the default clipping the loosest, with which the smallest modules
   live behind batch norm: their first fully connected layer reads maxima over large windows, all
   far from zero, and with 0.05 most of its units die before anything is learned. */
double wick_schedule_default_rate(const wick_graph *graph, wick_optimiser optimiser) {
    if (optimiser == WICK_OPTIMISER_ADAMW)
        return 0.001;
    for (int n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op == WICK_OP_BATCH_NORM)
            return 0.02;
    return 0.05;
}

/* ceil of a fraction of the epochs; 0.28 * 25 counts as 7 although the product is just above. */
static int fraction_of_epochs(double fraction, int epochs) {
    return (int)ceil(fraction * epochs - 1e-9);
}

int wick_schedule_drop_epoch(const wick_train_options *options) {
    return fraction_of_epochs(options->lr_drop, options->epochs);
}

int wick_schedule_kd_epoch(const wick_train_options *options) {
    int epoch = fraction_of_epochs(options->kd_warmup, options->epochs);
    return epoch < options->epochs ? epoch : options->epochs - 1;
}

double wick_schedule_rate(const wick_train_options *options, int epoch, int step, int steps) {
    double rate = options->learning_rate;
    double warm_steps = options->lr_warmup * steps, all = (double)options->epochs * steps;
    double done = (double)epoch * steps + step + 1;
    if (options->lr_schedule == WICK_LR_STEP && epoch >= wick_schedule_drop_epoch(options))
        rate *= options->lr_decay;
    if (options->lr_schedule == WICK_LR_COSINE && done > warm_steps && all > warm_steps) {
        const double pi = 3.14159265358979323846;
        double way = (done - warm_steps) / (all - warm_steps);
        rate *= options->lr_final + (1 - options->lr_final) * 0.5 * (1 + cos(pi * way));
    }
    return done < warm_steps ? rate * done / warm_steps : rate;
}

double wick_schedule_excess(const wick_train_options *options, int epoch, int step, int steps) {
    int ramp = fraction_of_epochs(options->sparse_ramp, options->epochs);
    ramp = ramp < options->epochs ? ramp : options->epochs - 1;
    double done = (double)epoch * steps + step + 1, all = (double)ramp * steps;
    return done < all ? pow(1 - done / all, 3) : 0;
}

static const char *const optimiser_names[] = {"sgd", "adamw"};
static const char *const schedule_names[] = {"step", "cosine", "constant"};

static json_t *array_of(const double *values, int n) {
    json_t *array = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(array, json_real(values[i]));
    return array;
}

/* Fields that are not used are left out, so that older states still match. */
static json_t *sparse_json(const wick_sparse_rule *rule) {
    json_t *json = json_pack("{s:s}", "pattern", rule->pattern);
    if (rule->m) {
        json_object_set_new(json, "n", json_integer(rule->n));
        json_object_set_new(json, "m", json_integer(rule->m));
    } else {
        json_object_set_new(json, "density", json_real(rule->density));
    }
    if (rule->block > 1)
        json_object_set_new(json, "block", json_integer(rule->block));
    return json;
}

json_t *wick_train_options_json(const wick_train_options *o, int n_heads, int threads) {
    char seed[24];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)o->seed);
    json_t *root = json_object();
    json_object_set_new(root, "strategy", json_string(wick_strategy_name(o->strategy)));
    json_object_set_new(root, "epochs", json_integer(o->epochs));
    json_object_set_new(root, "batch", json_integer(o->batch));
    json_object_set_new(root, "learning_rate", json_real(o->learning_rate));
    json_object_set_new(root, "lr_decay", json_real(o->lr_decay));
    json_object_set_new(root, "lr_drop", json_real(o->lr_drop));
    json_object_set_new(root, "lr_warmup_epochs", json_real(o->lr_warmup));
    json_object_set_new(root, "lr_schedule", json_string(schedule_names[o->lr_schedule]));
    json_object_set_new(root, "lr_final", json_real(o->lr_final));
    json_object_set_new(root, "optimiser", json_string(optimiser_names[o->optimiser]));
    json_object_set_new(root, "momentum", json_real(o->momentum));
    json_object_set_new(root, "nesterov", json_boolean(o->nesterov));
    json_object_set_new(root, "ema", json_real(o->ema));
    json_object_set_new(root, "label_smoothing", json_real(o->label_smoothing));
    json_object_set_new(root, "mixup", json_real(o->mixup));
    json_t *freeze = json_array();
    for (int i = 0; i < o->n_freeze; i++)
        json_array_append_new(freeze, json_string(o->freeze[i]));
    json_object_set_new(root, "freeze", freeze);
    if (o->train_only) /* left out otherwise, so that older states still match */
        json_object_set_new(root, "train_only", json_string(o->train_only));
    if (o->one_head)
        json_object_set_new(root, "one_head", json_true());
    if (o->n_sparse) { /* left out otherwise, so that older states still match */
        json_t *sparse = json_array();
        for (int i = 0; i < o->n_sparse; i++)
            json_array_append_new(sparse, sparse_json(&o->sparse[i]));
        json_object_set_new(root, "sparse", sparse);
        if (o->sparse_ramp > 0)
            json_object_set_new(root, "sparse_ramp", json_real(o->sparse_ramp));
    }
    if (o->n_bits) {
        json_t *bits = json_array();
        for (int i = 0; i < o->n_bits; i++)
            json_array_append_new(bits, json_pack("{s:s, s:i}", "pattern", o->bits[i].pattern,
                                                  "bits", o->bits[i].bits));
        json_object_set_new(root, "bits", bits);
    }
    json_object_set_new(root, "weight_decay", json_real(o->weight_decay));
    json_object_set_new(root, "clip_norm", json_real(o->clip_norm));
    json_object_set_new(root, "alpha", array_of(o->alpha, n_heads));
    json_t *beta = json_array();
    for (int j = 0; j < n_heads; j++)
        json_array_append_new(beta, array_of(o->beta[j], n_heads));
    json_object_set_new(root, "beta", beta);
    json_object_set_new(root, "kd_warmup", json_real(o->kd_warmup));
    json_object_set_new(root, "kd_epsilon", json_real(o->kd_epsilon));
    json_object_set_new(root, "kd_logits", json_boolean(o->kd_logits));
    json_object_set_new(root, "kd_features", json_boolean(o->kd_features));
    json_object_set_new(root, "kd_detach", json_boolean(o->kd_detach));
    json_object_set_new(root, "kd_response", json_boolean(o->kd_response));
    json_object_set_new(root, "kd_temperature", json_real(o->kd_temperature));
    json_object_set_new(root, "teacher_sha256",
                        o->teacher ? json_string(wick_graph_identity(o->teacher).hex)
                                   : json_null());
    json_object_set_new(root, "teacher_weight", json_real(o->teacher ? o->teacher_weight : 0));
    if (o->teacher && o->teacher_features) /* left out otherwise, as sparse */
        json_object_set_new(root, "teacher_features", json_true());
    json_object_set_new(root, "flip", json_boolean(o->augment.flip));
    json_object_set_new(root, "shift_px", json_integer(o->augment.shift));
    json_object_set_new(root, "cutout_px", json_integer(o->augment.cutout));
    json_object_set_new(root, "winograd", json_boolean(o->winograd));
    json_object_set_new(root, "seed", json_string(seed));
    json_object_set_new(root, "threads", json_integer(threads));
    if (o->sync_bn) /* only then, so that options that do not know it keep their identity */
        json_object_set_new(root, "sync_bn", json_true());
    return root;
}

wick_hash wick_train_options_hash(const wick_train_options *options, int n_heads, int threads) {
    json_t *root = wick_train_options_json(options, n_heads, threads);
    char *text = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    json_decref(root);
    wick_hash hash = wick_hash_bytes(text ? text : "", text ? strlen(text) : 0);
    free(text);
    return hash;
}
