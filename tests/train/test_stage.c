/* A joint stage with distillation on its program: the whole loss against finite differences, what
   detaching keeps out, clipping, and the update rule. */
#include "helper_family.h"
#include "train/losses.h"
#include "train/optimiser.h"
#include "train/stage.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BATCH = 16 };

typedef struct fixture {
    wick_graph *family, *teacher;
    wick_train_options options;
    wick_stage *stage;
    uint16_t labels[BATCH];
} fixture;

static fixture set_up_taught(bool batch_norm, bool detach, bool teacher) {
    fixture f = {.family = tiny_family(true, batch_norm),
                 .options = tiny_options(WICK_STRATEGY_UNIFIED_KD)};
    f.options.kd_detach = detach;
    f.options.kd_epsilon = 1e-3;
    f.options.clip_norm = 0;
    f.options.alpha[1] = 0.5;
    f.options.beta[0][1] = 0.3;
    f.options.beta[0][2] = 0.7;
    f.options.beta[1][2] = 0.4;
    if (teacher) { /* of other weights and of its own features */
        f.teacher = tiny_family(true, true);
        f.options.teacher = f.teacher;
        f.options.teacher_features = true;
        f.options.teacher_weight = 0.6;
    }
    wick_stage_spec specs[2];
    wick_diag diag = {0};
    assert_int_equal(wick_strategy_stages(WICK_STRATEGY_UNIFIED_KD, 3, specs), 1);
    wick_status status = wick_stage_build(f.family, &f.options, &specs[0], &f.stage, &diag);
    wick_diag_print(&diag, stdout);
    assert_int_equal(status, WICK_OK);
    wick_rng rng = wick_rng_seed(18, 0);
    float *input = wick_program_input(f.stage->program);
    for (int i = 0; i < BATCH * 128; i++)
        input[i] = wick_rng_normal(&rng);
    for (int i = 0; i < BATCH; i++)
        f.labels[i] = (uint16_t)wick_rng_below(&rng, 3);
    if (teacher) {
        memcpy(wick_program_input(f.stage->teacher_program), input, BATCH * 128 * sizeof *input);
        assert_int_equal(wick_program_forward(f.stage->teacher_program, NULL), WICK_OK);
    }
    return f;
}

static fixture set_up(bool batch_norm, bool detach) {
    return set_up_taught(batch_norm, detach, false);
}

static void tear_down(fixture *f) {
    wick_stage_free(f->stage);
    wick_graph_free(f->family);
    wick_graph_free(f->teacher);
}

static wick_batch_loss loss_of(fixture *f, bool distil) {
    assert_int_equal(wick_program_forward(f->stage->program, NULL), WICK_OK);
    wick_targets targets = {.labels = f->labels, .lambda = 1};
    return wick_stage_loss(f->stage, &f->options, &targets, distil, -1);
}

/* The plain gradient of every slot, after forward, loss and backward; malloc'ed. */
static float **gradients(fixture *f, bool distil) {
    wick_stage *stage = f->stage;
    loss_of(f, distil);
    assert_int_equal(wick_program_backward(stage->program, NULL), WICK_OK);
    float **all = wick_xalloc((size_t)stage->n_slots * sizeof *all);
    for (int s = 0; s < stage->n_slots; s++) {
        const wick_param *param = stage->slots[s].param;
        if (!param->trainable)
            continue;
        wick_shape shape = stage->graph->tensors[param->tensor].shape;
        all[s] = wick_xalloc((size_t)wick_shape_count(shape) * sizeof(float));
        assert_int_equal(wick_program_plain(stage->program, s, param->gradient, all[s], NULL),
                         WICK_OK);
    }
    return all;
}

static void free_all(float **all, int n) {
    for (int s = 0; s < n; s++)
        free(all[s]);
    free(all);
}

static double loss_at(fixture *f, float *value, float x) {
    float old = *value;
    *value = x;
    assert_int_equal(wick_program_import(f->stage->program, f->stage->graph, NULL), WICK_OK);
    *value = old;
    return loss_of(f, true).total;
}

/* Eq. 9 as a function of single weights of every array, projections included. ReLU and maximum have
   kinks, so a few of the slopes may be off; nearly all must agree. */
static void the_joint_gradient_is_that_of_the_loss(void **state) {
    (void)state;
    for (int variant = 0; variant < 4; variant++) {
        bool bn = variant & 1, taught = variant & 2; /* with the features of a finished teacher */
        fixture f = set_up_taught(bn, false, taught);
        float **all = gradients(&f, true);
        wick_rng rng = wick_rng_seed(9, 0);
        int compared = 0, wrong = 0, projections = 0;
        for (int s = 0; s < f.stage->n_slots; s++) {
            const wick_param *param = f.stage->slots[s].param;
            wick_tensor *tensor = &f.stage->graph->tensors[param->tensor];
            uint32_t count = (uint32_t)wick_shape_count(tensor->shape);
            projections += !strncmp(param->name, "wick.projection", 15);
            for (int i = 0; i < 6 && param->trainable; i++, compared++) {
                uint32_t at = wick_rng_below(&rng, count);
                float *value = (float *)tensor->data + at, h = 5e-4f;
                double slope = (loss_at(&f, value, *value + h) - loss_at(&f, value, *value - h)) /
                               (double)(2 * h);
                wrong += !(fabs(slope - (double)all[s][at]) < 2e-3 + 2e-2 * fabs(slope));
            }
        }
        assert_int_equal(projections, taught ? 6 : 3);
        assert_true(compared > 60);
        if (wrong > 4)
            fail_msg("%d of %d slopes differ", wrong, compared);
        free_all(all, f.stage->n_slots);
        tear_down(&f);
    }
}

static bool of_head(const wick_param *param, const char *head) {
    return !strncmp(param->name, head, strlen(head));
}

/* With detached teachers the largest module's own layers feel no distillation; otherwise they do.
   The smallest one always does. */
static void a_detached_teacher_is_left_alone(void **state) {
    (void)state;
    for (int detach = 0; detach < 2; detach++) {
        fixture f = set_up(false, detach);
        float **plain = gradients(&f, false), **distilled = gradients(&f, true);
        int same[2] = {0}, different[2] = {0};
        for (int s = 0; s < f.stage->n_slots; s++) {
            const wick_param *param = f.stage->slots[s].param;
            wick_shape shape = f.stage->graph->tensors[param->tensor].shape;
            for (int which = 0; which < 2; which++) {
                if (!of_head(param, which ? "TM3" : "TM1"))
                    continue;
                bool equal = !memcmp(plain[s], distilled[s],
                                     (size_t)wick_shape_count(shape) * sizeof(float));
                same[which] += equal;
                different[which] += !equal;
            }
        }
        assert_true(detach ? different[0] == 0 && same[0] > 0 : different[0] > 0);
        assert_true(different[1] > 0 && same[1] == 0);
        free_all(plain, f.stage->n_slots);
        free_all(distilled, f.stage->n_slots);
        tear_down(&f);
    }
}

/* What the finished teacher adds is the distance of outputs and of features, each weighted. */
static void a_finished_teacher_teaches_outputs_and_features(void **state) {
    (void)state;
    fixture with = set_up_taught(false, true, true), without = set_up(false, true);
    wick_batch_loss a = loss_of(&with, true), b = loss_of(&without, true);
    wick_stage *stage = with.stage;
    assert_int_equal(wick_program_output_count(stage->teacher_program, 1), BATCH * 10);
    for (int k = 0; k < 3; k++) {
        double sum = 0;
        float p[BATCH * 3], q[BATCH * 3];
        wick_softmax(wick_program_output(stage->teacher_program, 0), BATCH, 3, p);
        wick_softmax(wick_program_output(stage->program, k), BATCH, 3, q);
        const float *phi = wick_program_output(stage->teacher_program, 1);
        const float *own = wick_program_output(stage->program, stage->teacher_projection[k]);
        for (int i = 0; i < BATCH; i++) {
            double outputs = 1e-3, features = 1e-3;
            for (int c = 0; c < 3; c++)
                outputs += pow((double)p[3 * i + c] - (double)q[3 * i + c], 2);
            for (int d = 0; d < 10; d++)
                features += pow((double)phi[10 * i + d] - (double)own[10 * i + d], 2);
            sum += sqrt(outputs) + sqrt(features);
        }
        assert_true(fabs(a.kd[k] - b.kd[k] - 0.6 * sum / BATCH) < 1e-5);
    }
    tear_down(&with);
    tear_down(&without);
}

static void the_parts_of_the_loss_add_up(void **state) {
    (void)state;
    fixture f = set_up(false, true);
    wick_batch_loss with = loss_of(&f, true), without = loss_of(&f, false);
    const double alpha[3] = {1, 0.5, 1};
    double sum = 0;
    for (int k = 0; k < 3; k++) {
        assert_true(fabs(with.ce[k] - without.ce[k]) < 1e-12);
        assert_true(without.kd[k] == 0.0);
        sum += alpha[k] * with.ce[k];
    }
    assert_true(fabs(without.total - sum) < 1e-9);
    assert_true(with.kd[0] == 0.0 && with.kd[1] > 0 && with.kd[2] > 0);
    assert_true(fabs(with.total - sum - with.kd[1] - with.kd[2]) < 1e-9);
    tear_down(&f);
}

/* PyTorch's SGD worked out for one weight over two steps: g += wd w, v = m v + g, w -= rate v. */
static void the_update_is_pytorchs(void **state) {
    (void)state;
    fixture f = set_up(false, true);
    f.options.momentum = 0.9;
    f.options.weight_decay = 0.01;
    for (int s = 0; s < f.stage->n_slots; s++) {
        wick_param *param = f.stage->slots[s].param;
        for (size_t i = 0; i < param->count; i++)
            param->gradient[i] = 0.5f;
    }
    double w[64], v[64];
    assert_true(f.stage->n_slots <= 64);
    for (int s = 0; s < f.stage->n_slots; s++) {
        w[s] = (double)f.stage->slots[s].param->value[0];
        v[s] = 0;
    }
    int decaying = 0, plain = 0;
    for (int step = 0; step < 2; step++) {
        wick_stage_update(f.stage, &f.options, 0.1, step + 1);
        for (int s = 0; s < f.stage->n_slots; s++) {
            const wick_param *param = f.stage->slots[s].param;
            double g = 0.5 + (param->decay ? 0.01 * w[s] : 0);
            v[s] = 0.9 * v[s] + g;
            w[s] -= 0.1 * v[s];
            assert_true(fabs(w[s] - (double)param->value[0]) < 1e-6);
            decaying += param->decay;
            plain += !param->decay;
        }
    }
    assert_true(decaying > 0 && plain > 0); /* biases do not decay */
    tear_down(&f);
}

static void long_gradients_are_shortened(void **state) {
    (void)state;
    fixture f = set_up(false, true);
    f.options.momentum = f.options.weight_decay = 0;
    double square = 0;
    for (int s = 0; s < f.stage->n_slots; s++) {
        wick_param *param = f.stage->slots[s].param;
        for (size_t i = 0; i < param->count; i++)
            param->gradient[i] = 0;
        param->gradient[0] = (float)(s + 1);
        square += (s + 1.0) * (s + 1.0);
    }
    const double limits[2] = {2 * sqrt(square), 0.5 * sqrt(square)};
    for (int i = 0; i < 2; i++) {
        double before = (double)f.stage->slots[2].param->value[0];
        f.options.clip_norm = limits[i];
        wick_stage_update(f.stage, &f.options, 0.1, i + 1);
        double moved = before - (double)f.stage->slots[2].param->value[0];
        assert_true(fabs(moved - 0.1 * 3 * (i == 0 ? 1 : 0.5)) < 1e-6);
    }
    tear_down(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_joint_gradient_is_that_of_the_loss),
        cmocka_unit_test(a_detached_teacher_is_left_alone),
        cmocka_unit_test(a_finished_teacher_teaches_outputs_and_features),
        cmocka_unit_test(the_parts_of_the_loss_add_up),
        cmocka_unit_test(the_update_is_pytorchs),
        cmocka_unit_test(long_gradients_are_shortened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
