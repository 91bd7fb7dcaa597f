/* Batches prepared beside the step: the same whatever the timing, a clean end anywhere. */
#include "helper_family.h"
#include "train/loader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { SIZE = 2 * 8 * 8, MAX_BATCH = 32 };

static const float MEAN[] = {0.25f, 0.5f}, STD[] = {0.5f, 2.0f};

typedef struct setting {
    wick_data *data;
    wick_train_options options;
    uint32_t order[128];
    wick_loader_spec spec;
} setting;

static void set_up(setting *s, double mixup, int n_inputs) {
    *s = (setting){.data = tiny_data(1), .options = tiny_options(WICK_STRATEGY_UNIFIED)};
    int n = s->data->split[WICK_TRAIN].n;
    assert_in_range(n, 33, 128);
    s->options.batch = MAX_BATCH;
    s->options.mixup = mixup;
    s->options.augment = (wick_augment){.flip = true, .shift = 2, .cutout = 3};
    for (int i = 0; i < n; i++)
        s->order[i] = (uint32_t)(n - 1 - i);
    s->spec = (wick_loader_spec){.data = s->data,
                                 .options = &s->options,
                                 .order = s->order,
                                 .n = n,
                                 .epoch_of_all = 5,
                                 .count = MAX_BATCH,
                                 .n_inputs = n_inputs,
                                 .normalise = {{NULL, NULL}, {MEAN, STD}}};
}

static wick_loader *start(setting *s, int ahead) {
    wick_loader *loader;
    s->options.ahead = ahead;
    assert_int_equal(wick_loader_start(&s->spec, &loader, NULL), WICK_OK);
    return loader;
}

static void pause_ms(long ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* A slow reader lets the thread run into the end of the ring, a fast one waits for it: both read
   what a loader without a thread makes. The held batch must not change meanwhile. */
static void batches_do_not_depend_on_the_thread(void **state) {
    (void)state;
    static const int AHEAD[] = {1, 2, 7};
    for (size_t a = 0; a < WICK_LEN(AHEAD); a++) {
        for (int mixed = 0; mixed < 2; mixed++) {
            for (int slow = 0; slow < 2; slow++) {
                setting s, t;
                set_up(&s, mixed ? 0.4 : 0, 2);
                set_up(&t, mixed ? 0.4 : 0, 2);
                wick_loader *beside = start(&s, AHEAD[a]), *alone = start(&t, 0);
                for (int step = 0; step < (s.spec.n + MAX_BATCH - 1) / MAX_BATCH; step++) {
                    const wick_loaded *x = wick_loader_next(beside), *y = wick_loader_next(alone);
                    if (slow)
                        pause_ms(3);
                    for (int i = 0; i < 2; i++)
                        assert_memory_equal(x->inputs[i], y->inputs[i],
                                            MAX_BATCH * SIZE * sizeof(float));
                    assert_memory_equal(x->labels, y->labels, MAX_BATCH * sizeof *x->labels);
                    assert_int_equal(x->others != NULL, mixed);
                    assert_int_equal(y->others != NULL, mixed);
                    if (mixed)
                        assert_memory_equal(x->others, y->others, MAX_BATCH * sizeof *x->others);
                    assert_memory_equal(&x->lambda, &y->lambda, sizeof x->lambda);
                }
                assert_true(wick_loader_waited_s(beside) >= 0);
                assert_true(wick_loader_waited_s(alone) > 0);
                wick_loader_free(beside);
                wick_loader_free(alone);
                wick_data_free(s.data);
                wick_data_free(t.data);
            }
        }
    }
}

/* Without mixing, a batch is what wick_data_batch says of its images, in both normalisations. */
static void a_batch_is_the_next_images(void **state) {
    (void)state;
    setting s;
    set_up(&s, 0, 2);
    wick_loader *loader = start(&s, 2);
    float *want = malloc(MAX_BATCH * SIZE * sizeof *want);
    assert_non_null(want);
    for (int step = 0; step < 3; step++) {
        const wick_loaded *got = wick_loader_next(loader);
        uint32_t indices[MAX_BATCH];
        for (int i = 0; i < MAX_BATCH; i++) {
            indices[i] = s.order[(step * MAX_BATCH + i) % s.spec.n];
            assert_int_equal(got->labels[i], s.data->split[WICK_TRAIN].labels[indices[i]]);
        }
        wick_data_batch(s.data, WICK_TRAIN, indices, MAX_BATCH, &s.options.augment, s.options.seed,
                        5, NULL, NULL, want);
        assert_memory_equal(got->inputs[0], want, MAX_BATCH * SIZE * sizeof *want);
        wick_data_batch(s.data, WICK_TRAIN, indices, MAX_BATCH, &s.options.augment, s.options.seed,
                        5, MEAN, STD, want);
        assert_memory_equal(got->inputs[1], want, MAX_BATCH * SIZE * sizeof *want);
    }
    free(want);
    wick_loader_free(loader);
    wick_data_free(s.data);
}

/* Four loaders of a quarter each give the batch of one, mixed over their borders. */
static void parts_make_up_the_batch(void **state) {
    (void)state;
    setting whole;
    set_up(&whole, 0.4, 1);
    wick_loader *all = start(&whole, 2);
    for (int part = 0; part < 4; part++) {
        setting s;
        set_up(&s, 0.4, 1);
        s.spec.first = part * MAX_BATCH / 4;
        s.spec.count = MAX_BATCH / 4;
        wick_loader *loader = start(&s, 2);
        wick_loader_free(all);
        all = start(&whole, 2);
        for (int step = 0; step < 3; step++) {
            const wick_loaded *x = wick_loader_next(all), *y = wick_loader_next(loader);
            assert_memory_equal(x->inputs[0] + s.spec.first * SIZE, y->inputs[0],
                                (size_t)s.spec.count * SIZE * sizeof(float));
            assert_memory_equal(x->labels + s.spec.first, y->labels,
                                (size_t)s.spec.count * sizeof *y->labels);
            assert_memory_equal(x->others + s.spec.first, y->others,
                                (size_t)s.spec.count * sizeof *y->others);
        }
        wick_loader_free(loader);
        wick_data_free(s.data);
    }
    wick_loader_free(all);
    wick_data_free(whole.data);
}

/* At the start, in the middle (the thread at work or asleep on a full ring) and after the end. */
static void it_ends_wherever_it_is(void **state) {
    (void)state;
    setting s;
    set_up(&s, 0.4, 2);
    for (int round = 0; round < 60; round++) {
        wick_loader *loader = start(&s, 1 + round % 3);
        for (int step = 0; step < round % 4; step++)
            wick_loader_next(loader);
        if (round % 5 == 0)
            pause_ms(2);
        wick_loader_free(loader);
    }
    wick_data_free(s.data);
}

/* The whole training: the same bits, hence the same losses, with and without a thread. */
static void training_is_the_same_bits(void **state) {
    (void)state;
    wick_data *data = tiny_data(1);
    for (int s = 0; s < WICK_STRATEGY_COUNT; s++) {
        wick_graph *trained[2];
        for (int beside = 0; beside < 2; beside++) {
            trained[beside] = tiny_family(s != WICK_STRATEGY_BASELINE, false);
            wick_train_options options = tiny_options((wick_strategy)s);
            options.ahead = beside ? 3 : 0;
            options.mixup = 0.2;
            wick_train_result result;
            assert_int_equal(wick_train_run(trained[beside], data, &options, &result, NULL),
                             WICK_OK);
            assert_true(result.waited > 0 && result.waited < 1);
        }
        assert_true(same_weights(trained[0], trained[1]));
        wick_graph_free(trained[0]);
        wick_graph_free(trained[1]);
    }
    wick_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_do_not_depend_on_the_thread),
        cmocka_unit_test(a_batch_is_the_next_images),
        cmocka_unit_test(parts_make_up_the_batch),
        cmocka_unit_test(it_ends_wherever_it_is),
        cmocka_unit_test(training_is_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
