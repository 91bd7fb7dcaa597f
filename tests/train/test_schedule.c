/* Learning rates, fractions of epochs, ranges of options, their identity. */
#include "train/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void near(double a, double b) {
    if (!(fabs(a - b) <= 1e-12 * fabs(b) + 1e-15))
        fail_msg("%.17g is not %.17g", a, b);
}

static void fractions_become_epochs(void **state) {
    (void)state;
    /* The paper: 200 epochs, rate drops after 80, distillation starts after 20. */
    const struct {
        int epochs, drop, kd;
    } cases[] = {{200, 80, 20}, {10, 4, 1}, {20, 8, 2}, {30, 12, 3},
                 {8, 4, 1},     {3, 2, 1},  {2, 1, 1},  {1, 1, 0}};
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_train_options options = wick_train_defaults();
        options.lr_drop = 0.4;
        options.kd_warmup = 0.1;
        options.epochs = cases[i].epochs;
        assert_int_equal(wick_schedule_drop_epoch(&options), cases[i].drop);
        assert_int_equal(wick_schedule_kd_epoch(&options), cases[i].kd);
    }
    wick_train_options options = wick_train_defaults();
    options.epochs = 25;
    options.lr_drop = 0.28; /* the product is just above 7 */
    assert_int_equal(wick_schedule_drop_epoch(&options), 7);
    options.kd_warmup = 1;
    assert_int_equal(wick_schedule_kd_epoch(&options), options.epochs - 1);
    options.kd_warmup = 0;
    assert_int_equal(wick_schedule_kd_epoch(&options), 0);
}

static void the_cosine_falls_smoothly(void **state) {
    (void)state;
    wick_train_options options = wick_train_defaults();
    options.epochs = 10;
    options.learning_rate = 0.2;
    options.lr_schedule = WICK_LR_COSINE;
    options.lr_warmup = 2;
    options.lr_final = 0.1;
    near(wick_schedule_rate(&options, 0, 49, 50), 0.1);
    near(wick_schedule_rate(&options, 1, 49, 50), 0.2);
    /* Halfway between epochs 2 and 10: (1 + 0.1) / 2 of the rate; a quarter of the way: cos 45. */
    near(wick_schedule_rate(&options, 5, 49, 50), 0.2 * 0.55);
    near(wick_schedule_rate(&options, 3, 49, 50), 0.2 * (0.1 + 0.9 * 0.5 * (1 + sqrt(0.5))));
    near(wick_schedule_rate(&options, 9, 49, 50), 0.02);
    options.lr_schedule = WICK_LR_CONSTANT;
    near(wick_schedule_rate(&options, 9, 49, 50), 0.2);
}

static void the_rate_rises_stays_and_drops(void **state) {
    (void)state;
    wick_train_options options = wick_train_defaults();
    options.epochs = 10;
    options.learning_rate = 0.2;
    options.lr_decay = 0.1;
    options.lr_drop = 0.4;
    options.lr_warmup = 1;
    near(wick_schedule_rate(&options, 0, 0, 50), 0.2 / 50);
    near(wick_schedule_rate(&options, 0, 24, 50), 0.1);
    near(wick_schedule_rate(&options, 0, 49, 50), 0.2);
    near(wick_schedule_rate(&options, 1, 0, 50), 0.2);
    near(wick_schedule_rate(&options, 3, 49, 50), 0.2);
    near(wick_schedule_rate(&options, 4, 0, 50), 0.02);
    near(wick_schedule_rate(&options, 9, 49, 50), 0.02);
    options.lr_warmup = 0;
    near(wick_schedule_rate(&options, 0, 0, 50), 0.2);
    options.lr_warmup = 0.5;
    near(wick_schedule_rate(&options, 0, 4, 50), 0.2 * 5 / 25);
    near(wick_schedule_rate(&options, 0, 30, 50), 0.2);
}

static wick_status check(const wick_train_options *options, const char *word) {
    wick_diag diag = {0};
    wick_status status = wick_train_check(options, 4, &diag);
    assert_true(status == WICK_OK || wick_diag_contains(&diag, word));
    wick_diag_free(&diag);
    return status;
}

static void options_out_of_range_are_named(void **state) {
    (void)state;
    const wick_train_options good = wick_train_defaults();
    wick_train_options bad = good;
    assert_int_equal(check(&good, ""), WICK_OK);
#define REFUSED(field, value, word)                                                                \
    bad = good;                                                                                    \
    bad.field = (value);                                                                           \
    assert_int_equal(check(&bad, word), WICK_RANGE)
    REFUSED(epochs, 0, "epochs");
    REFUSED(batch, 0, "batch");
    REFUSED(learning_rate, -1, "learning rate");
    REFUSED(learning_rate, (double)NAN, "learning rate");
    REFUSED(learning_rate, (double)INFINITY, "learning rate");
    REFUSED(lr_decay, 0, "decay");
    REFUSED(lr_decay, 1.5, "decay");
    REFUSED(lr_drop, 1.1, "drop");
    REFUSED(lr_warmup, -1, "warm-up");
    REFUSED(kd_warmup, -0.1, "distillation warm-up");
    REFUSED(momentum, 1, "momentum");
    REFUSED(ema, 1, "weight average");
    REFUSED(label_smoothing, 1, "label smoothing");
    REFUSED(mixup, -1, "mixup");
    REFUSED(kd_temperature, 0, "temperature");
    REFUSED(lr_final, 1.5, "final learning rate");
    REFUSED(weight_decay, -1, "weight decay");
    REFUSED(clip_norm, -1, "clipping");
    REFUSED(kd_epsilon, 0, "epsilon");
    REFUSED(alpha[3], -1, "alpha");
    REFUSED(beta[2][3], -1, "beta");
    REFUSED(augment.shift, -1, "shift");
#undef REFUSED
    bad = good;
    bad.beta[3][2] = -1; /* not used: the teacher is the larger one */
    bad.alpha[4] = -1;   /* there are four modules */
    assert_int_equal(check(&bad, ""), WICK_OK);
}

static void strategies_are_found_by_name(void **state) {
    (void)state;
    wick_strategy strategy;
    wick_diag diag = {0};
    for (int s = 0; s < WICK_STRATEGY_COUNT; s++) {
        const char *name = wick_strategy_name((wick_strategy)s);
        assert_int_equal(wick_strategy_find(name, &strategy, &diag), WICK_OK);
        assert_int_equal(strategy, s);
    }
    assert_int_equal(wick_strategy_find("unifed", &strategy, &diag), WICK_UNKNOWN);
    assert_true(wick_diag_contains(&diag, "unified-kd"));
    wick_diag_free(&diag);
}

static bool same_identity(const wick_train_options *a, const wick_train_options *b) {
    return !memcmp(wick_train_options_hash(a, 4, 2).bytes, wick_train_options_hash(b, 4, 2).bytes,
                   32);
}

/* Every option that can change a bit of the result is part of the identity, no other is. */
static void options_have_an_identity(void **state) {
    (void)state;
    const wick_train_options a = wick_train_defaults();
    wick_train_options b = a;
    assert_true(same_identity(&a, &b));
#define DIFFERS(field, value)                                                                      \
    b = a;                                                                                         \
    b.field = (value);                                                                             \
    assert_false(same_identity(&a, &b))
    DIFFERS(strategy, WICK_STRATEGY_L2S);
    DIFFERS(epochs, a.epochs + 1);
    DIFFERS(batch, a.batch + 1);
    DIFFERS(learning_rate, nextafter(a.learning_rate, 1));
    DIFFERS(lr_decay, 0.123);
    DIFFERS(lr_drop, 0.123);
    DIFFERS(lr_warmup, 0.123);
    DIFFERS(kd_warmup, 0.123);
    DIFFERS(momentum, 0.123);
    DIFFERS(nesterov, true);
    DIFFERS(optimiser, WICK_OPTIMISER_ADAMW);
    DIFFERS(lr_schedule, WICK_LR_COSINE);
    DIFFERS(lr_final, 0.5);
    DIFFERS(ema, 0.5);
    DIFFERS(label_smoothing, 0.1);
    DIFFERS(mixup, 0.1);
    DIFFERS(kd_response, true);
    DIFFERS(kd_temperature, 2);
    DIFFERS(augment.cutout, 8);
    DIFFERS(weight_decay, 0.123);
    DIFFERS(clip_norm, 0.123);
    DIFFERS(alpha[3], 0.123);
    DIFFERS(beta[2][3], 0.123);
    DIFFERS(kd_epsilon, 0.123);
    DIFFERS(kd_logits, !a.kd_logits);
    DIFFERS(kd_features, !a.kd_features);
    DIFFERS(kd_detach, !a.kd_detach);
    DIFFERS(augment.flip, !a.augment.flip);
    DIFFERS(augment.shift, a.augment.shift + 1);
    DIFFERS(winograd, !a.winograd);
    DIFFERS(seed, UINT64_MAX);
#undef DIFFERS
    b = a;
    b.resume = b.quiet = true;
    b.checkpoint = b.runs_path = b.run_name = "x";
    b.session_epochs = 1;
    assert_true(same_identity(&a, &b));
    assert_true(memcmp(wick_train_options_hash(&a, 4, 1).bytes,
                       wick_train_options_hash(&a, 4, 2).bytes, 32) != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fractions_become_epochs),
        cmocka_unit_test(the_cosine_falls_smoothly),
        cmocka_unit_test(the_rate_rises_stays_and_drops),
        cmocka_unit_test(options_out_of_range_are_named),
        cmocka_unit_test(strategies_are_found_by_name),
        cmocka_unit_test(options_have_an_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
