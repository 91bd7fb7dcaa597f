/* Update rules and averages worked out by hand, softened targets, mixup, freezing, teachers, and
   that every kind of state survives a resume bit for bit. */
#include "helper_family.h"
#include "train/losses.h"
#include "train/optimiser.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-test-optimiser-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

static void near(double a, double b, double tolerance) {
    if (!(fabs(a - b) <= tolerance))
        fail_msg("%.10g and %.10g differ by more than %g", a, b, tolerance);
}

/* --- update rules ------------------------------------------------------------------------------*/

/* Two steps with gradient 0.5 and then -0.25 on every weight; `rule` computes one weight. */
typedef struct weight {
    double w, m, v, average;
} weight;
typedef void rule(weight *x, double gradient, double decay, int t);

static void run_rule(wick_train_options options, rule *one) {
    wick_graph *family = tiny_family(true, false);
    wick_stage_spec specs[2];
    wick_stage *stage;
    weight x[64];
    wick_strategy_stages(WICK_STRATEGY_UNIFIED, 3, specs);
    assert_int_equal(wick_stage_build(family, &options, &specs[0], &stage, NULL), WICK_OK);
    assert_in_range(stage->n_slots, 1, 64);
    for (int s = 0; s < stage->n_slots; s++) {
        double w = (double)stage->slots[s].param->value[0];
        x[s] = (weight){.w = w, .average = w};
    }
    for (int t = 1; t <= 2; t++) {
        double gradient = t == 1 ? 0.5 : -0.25;
        for (int s = 0; s < stage->n_slots; s++)
            stage->slots[s].param->gradient[0] = (float)gradient;
        wick_stage_update(stage, &options, 0.1, t);
        for (int s = 0; s < stage->n_slots; s++) {
            const wick_slot *slot = &stage->slots[s];
            one(&x[s], gradient, slot->param->decay ? options.weight_decay : 0, t);
            near((double)slot->param->value[0], x[s].w, 2e-6);
            if (slot->average)
                near((double)slot->average[0], x[s].average, 2e-6);
        }
    }
    wick_stage_free(stage);
    wick_graph_free(family);
}

static wick_train_options plain_options(void) {
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
    options.clip_norm = 0;
    options.weight_decay = 0.01;
    options.momentum = 0.9;
    return options;
}

static void nesterov_rule(weight *x, double g, double decay, int t) {
    (void)t;
    g += decay * x->w;
    x->m = 0.9 * x->m + g;
    x->w -= 0.1 * (g + 0.9 * x->m);
}

/* Loshchilov and Hutter, algorithm 2, with beta1 0.9. */
static void adamw_rule(weight *x, double g, double decay, int t) {
    x->m = 0.9 * x->m + 0.1 * g;
    x->v = 0.999 * x->v + 0.001 * g * g;
    double m = x->m / (1 - pow(0.9, t)), v = x->v / (1 - pow(0.999, t));
    x->w = x->w - 0.1 * decay * x->w - 0.1 * m / (sqrt(v) + 1e-8);
}

/* d is (1 + 1) / (10 + 1), then min(0.2, 3 / 12). */
static void averaged_rule(weight *x, double g, double decay, int t) {
    double d = t == 1 ? 2.0 / 11 : 0.2;
    g += decay * x->w;
    x->m = 0.9 * x->m + g;
    x->w -= 0.1 * x->m;
    x->average = d * x->average + (1 - d) * x->w;
}

static void update_rules_by_hand(void **state) {
    (void)state;
    wick_train_options options = plain_options();
    options.nesterov = true;
    run_rule(options, nesterov_rule);
    options = plain_options();
    options.optimiser = WICK_OPTIMISER_ADAMW;
    run_rule(options, adamw_rule);
    options = plain_options();
    options.ema = 0.2;
    run_rule(options, averaged_rule);
}

/* --- targets -----------------------------------------------------------------------------------*/

static void softened_cross_entropy_by_hand(void **state) {
    (void)state;
    /* p = (0.1, 0.2, 0.3, 0.4); t = 0.8 (0.75 e_1 + 0.25 e_3) + 0.05 = (0.05, 0.65, 0.05, 0.25). */
    const float logits[4] = {0.0f, 0.693147180559945f, 1.09861228866811f, 1.38629436111989f};
    const uint16_t labels[1] = {1}, others[1] = {3};
    wick_targets targets = {labels, others, 0.75, 0.2};
    float d[4] = {0};
    int correct = -1;
    double loss = wick_loss_soft_cross_entropy(logits, &targets, 1, 4, 2.0, d, &correct);
    near(loss, -(0.05 * log(0.1) + 0.65 * log(0.2) + 0.05 * log(0.3) + 0.25 * log(0.4)), 1e-6);
    const double expected[4] = {2 * (0.1 - 0.05), 2 * (0.2 - 0.65), 2 * (0.3 - 0.05),
                                2 * (0.4 - 0.25)};
    for (int c = 0; c < 4; c++)
        near((double)d[c], expected[c], 1e-6);
    assert_int_equal(correct, 0);
}

static void softened_gradients_equal_finite_differences(void **state) {
    (void)state;
    enum { N = 5, C = 4 };
    wick_rng rng = wick_rng_seed(8, 0);
    uint16_t labels[N], others[N];
    float logits[N * C], d[N * C] = {0};
    for (int i = 0; i < N; i++) {
        labels[i] = (uint16_t)wick_rng_below(&rng, C);
        others[i] = (uint16_t)wick_rng_below(&rng, C);
    }
    for (int i = 0; i < N * C; i++)
        logits[i] = 2 * wick_rng_normal(&rng);
    wick_targets targets = {labels, others, 0.3, 0.1};
    wick_loss_soft_cross_entropy(logits, &targets, N, C, 0.7, d, NULL);
    for (int i = 0; i < N * C; i++) {
        float old = logits[i];
        double value[2];
        for (int side = 0; side < 2; side++) {
            logits[i] = old + (side ? 5e-3f : -5e-3f);
            value[side] = 0.7 * wick_loss_soft_cross_entropy(logits, &targets, N, C, 1, NULL, NULL);
        }
        logits[i] = old;
        near((double)d[i], (value[1] - value[0]) / 1e-2, 2e-5);
    }
}

static void mixup_mixes(void **state) {
    (void)state;
    float images[6] = {1, 2, 10, 20, 100, 200}, scratch[6];
    wick_mixup_images(images, 3, 2, 1, 0.75, scratch);
    const float expected[6] = {3.25f, 6.5f, 32.5f, 65, 75.25f, 150.5f};
    for (int i = 0; i < 6; i++)
        near((double)images[i], (double)expected[i], 1e-5);
    /* Beta(a, a): mean 1/2, variance 1 / (4 (2a + 1)). */
    const double alphas[] = {0.2, 1, 4};
    for (int k = 0; k < 3; k++) {
        wick_rng rng = wick_rng_seed(5, (uint64_t)k);
        double sum = 0, squares = 0;
        enum { DRAWS = 40000 };
        for (int i = 0; i < DRAWS; i++) {
            double lambda = wick_mixup_lambda(&rng, alphas[k]);
            assert_true(lambda >= 0 && lambda <= 1);
            sum += lambda;
            squares += (lambda - 0.5) * (lambda - 0.5);
        }
        near(sum / DRAWS, 0.5, 0.008);
        near(squares / DRAWS, 1 / (4 * (2 * alphas[k] + 1)), 0.003);
    }
}

/* --- whole runs --------------------------------------------------------------------------------*/

static wick_status train(wick_graph *graph, const wick_train_options *options, wick_diag *diag) {
    wick_data *data = tiny_data(1);
    wick_train_result result;
    wick_status status = wick_train_run(graph, data, options, &result, diag);
    wick_data_free(data);
    return status;
}

static wick_train_options everything(void) {
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED_KD);
    options.optimiser = WICK_OPTIMISER_ADAMW;
    options.learning_rate = 0.003;
    options.lr_schedule = WICK_LR_COSINE;
    options.ema = 0.9;
    options.mixup = 0.4;
    options.label_smoothing = 0.1;
    options.kd_response = true;
    options.augment.cutout = 3;
    return options;
}

static void every_state_resumes_bit_exactly(void **state) {
    (void)state;
    char path[64];
    snprintf(path, sizeof path, "%s/a.state", folder);
    wick_graph *teacher = tiny_family(true, false);
    wick_train_options options = everything();
    options.teacher = teacher;
    options.teacher_features = true;
    wick_graph *whole = tiny_family(true, true), *cut = NULL;
    assert_int_equal(train(whole, &options, NULL), WICK_OK);
    options.checkpoint = path;
    options.session_epochs = 1;
    wick_status status = WICK_INTERRUPTED;
    int sessions = 0;
    for (; status == WICK_INTERRUPTED && sessions < 9; sessions++) {
        wick_graph_free(cut);
        cut = tiny_family(true, true);
        options.resume = sessions > 0;
        status = train(cut, &options, NULL);
    }
    assert_int_equal(status, WICK_OK);
    assert_int_equal(sessions, options.epochs);
    assert_true(same_weights(whole, cut));
    wick_graph_free(whole);
    wick_graph_free(cut);
    wick_graph_free(teacher);
}

/* Each setting changes what comes out: none is forgotten on the way. */
static void every_setting_matters(void **state) {
    (void)state;
    wick_graph *teacher = tiny_family(true, false);
    for (int i = -1; i < 10; i++) {
        static wick_graph *plain;
        wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED_KD);
        options.nesterov = i == 0;
        options.optimiser = i == 1 ? WICK_OPTIMISER_ADAMW : WICK_OPTIMISER_SGD;
        options.ema = i == 2 ? 0.9 : 0;
        options.mixup = i == 3 ? 0.5 : 0;
        options.label_smoothing = i == 4 ? 0.2 : 0;
        options.kd_response = i == 5;
        options.teacher = i == 6 || i == 9 ? teacher : NULL;
        options.teacher_features = i == 9;
        options.augment.cutout = i == 7 ? 4 : 0;
        options.lr_schedule = i == 8 ? WICK_LR_COSINE : WICK_LR_STEP;
        wick_graph *graph = tiny_family(true, true);
        assert_int_equal(train(graph, &options, NULL), WICK_OK);
        if (i < 0) {
            plain = graph;
            continue;
        }
        if (same_weights(plain, graph))
            fail_msg("setting %d changes nothing", i);
        wick_graph_free(graph);
        if (i == 9)
            wick_graph_free(plain);
    }
    wick_graph_free(teacher);
}

static void frozen_parameters_stay(void **state) {
    (void)state;
    wick_graph *before = tiny_family(true, false), *graph = tiny_family(true, false);
    wick_train_options options = everything();
    options.n_freeze = 2;
    options.freeze[0] = "TM1.fc*";
    options.freeze[1] = "TM2.*.bias";
    assert_int_equal(train(graph, &options, NULL), WICK_OK);
    int still = 0, moved = 0;
    for (int t = 0; t < before->n_tensors; t++) {
        const wick_tensor *a = &before->tensors[t];
        if (!a->data || a->dtype != WICK_F32)
            continue;
        const wick_tensor *b = &graph->tensors[wick_graph_find(graph, a->name)];
        bool same = !memcmp(a->data, b->data, (size_t)wick_shape_count(a->shape) * sizeof(float));
        size_t len = strlen(a->name);
        bool frozen = !strncmp(a->name, "TM1.fc", 6) ||
                      (!strncmp(a->name, "TM2.", 4) && !strcmp(a->name + len - 5, ".bias"));
        assert_int_equal(same, frozen);
        still += same;
        moved += !same;
    }
    assert_true(still > 2 && moved > 2);
    options.freeze[1] = "TM9.*";
    wick_diag diag = {0};
    assert_int_equal(train(graph, &options, &diag), WICK_UNKNOWN);
    assert_true(wick_diag_contains(&diag, "TM9"));
    wick_diag_free(&diag);
    wick_graph_free(before);
    wick_graph_free(graph);
}

/* A teacher's answers are what the modules are pulled towards: with its weight far above the
   labels', they end nearer to it than without. */
static double distance_to_teacher(const wick_graph *graph, const wick_graph *teacher,
                                  const wick_data *data) {
    enum { SPLIT = 30 };
    uint16_t a[3 * SPLIT], b[3 * SPLIT];
    int64_t correct[WICK_MAX_HEADS];
    assert_int_equal(wick_eval_float(graph, data, WICK_VALIDATION, 1, correct, a, NULL), WICK_OK);
    assert_int_equal(wick_eval_float(teacher, data, WICK_VALIDATION, 1, correct, b, NULL), WICK_OK);
    int differ = 0;
    for (int i = 0; i < 3 * SPLIT; i++)
        differ += a[i] != b[i % SPLIT];
    return differ / (3.0 * SPLIT);
}

static void a_teacher_is_followed(void **state) {
    (void)state;
    wick_data *data = tiny_data(1);
    /* Answers class (true class + 1) mod 3: no label says so. */
    wick_data *wrong = tiny_data(1);
    for (int i = 0; i < wrong->split[WICK_TRAIN].n; i++)
        wrong->split[WICK_TRAIN].labels[i] =
            (uint16_t)((wrong->split[WICK_TRAIN].labels[i] + 1) % 3);
    for (int i = 0; i < wrong->split[WICK_VALIDATION].n; i++)
        wrong->split[WICK_VALIDATION].labels[i] =
            (uint16_t)((wrong->split[WICK_VALIDATION].labels[i] + 1) % 3);
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
    wick_train_result result;
    options.epochs = 40;
    wick_graph *teacher = tiny_family(true, true), *pupil = tiny_family(true, true);
    assert_int_equal(wick_train_run(teacher, wrong, &options, &result, NULL), WICK_OK);
    options.teacher = teacher;
    options.teacher_weight = 100;
    options.kd_response = true;
    for (int k = 0; k < 3; k++)
        options.alpha[k] = 0.01;
    wick_diag diag = {0};
    /* The best epoch is chosen by validation labels, so those are the teacher's. */
    memcpy(data->split[WICK_VALIDATION].labels, wrong->split[WICK_VALIDATION].labels,
           (size_t)data->split[WICK_VALIDATION].n * sizeof(uint16_t));
    wick_graph *fresh = wick_graph_clone(pupil);
    assert_int_equal(wick_train_run(pupil, data, &options, &result, &diag), WICK_OK);
    double followed = distance_to_teacher(pupil, teacher, data);
    double start = distance_to_teacher(fresh, teacher, data);
    if (!(followed < 0.35 && followed < start - 0.2))
        fail_msg("answers that differ from the teacher's: %.2f, untrained %.2f", followed, start);
    wick_graph_free(teacher);
    wick_graph_free(pupil);
    wick_graph_free(fresh);
    wick_data_free(data);
    wick_data_free(wrong);
}

/* Modules that are trained apart, too, have a projection each. */
static void a_teacher_teaches_in_every_strategy(void **state) {
    (void)state;
    wick_graph *teacher = tiny_family(true, true);
    for (int s = 0; s < WICK_STRATEGY_COUNT; s++) {
        wick_train_options options = tiny_options((wick_strategy)s);
        wick_graph *with = tiny_family(s != WICK_STRATEGY_BASELINE, false);
        wick_graph *without = wick_graph_clone(with);
        options.teacher = teacher;
        assert_int_equal(train(without, &options, NULL), WICK_OK);
        options.teacher_features = true;
        assert_int_equal(train(with, &options, NULL), WICK_OK);
        assert_false(same_weights(with, without));
        assert_int_equal(wick_graph_find(with, "wick.projection.0.1.weight"), -1);
        wick_graph_free(with);
        wick_graph_free(without);
    }
    wick_graph_free(teacher);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(update_rules_by_hand),
        cmocka_unit_test(softened_cross_entropy_by_hand),
        cmocka_unit_test(softened_gradients_equal_finite_differences),
        cmocka_unit_test(mixup_mixes),
        cmocka_unit_test(every_state_resumes_bit_exactly),
        cmocka_unit_test(every_setting_matters),
        cmocka_unit_test(frozen_parameters_stay),
        cmocka_unit_test(a_teacher_is_followed),
        cmocka_unit_test(a_teacher_teaches_in_every_strategy),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
