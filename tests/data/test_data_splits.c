/* Splits, limits, the hash, and the built-in data set. */
#include "data/data_parts.h"
#include "helper_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Changing the images changes every accuracy that was ever printed for them: do not do it lightly.
 */
static const char SHAPES10_SHA256[] =
    "5140e90dcb74275145c156fbf353ac0aed8daac03a3f825a528027aefc18fe60";

static wick_data *open_with(const char *spec, uint64_t seed, double validation, int limit) {
    wick_data_options options = {.seed = seed, .validation = validation, .limit = limit};
    wick_data *data;
    assert_int_equal(wick_data_open(spec, &options, &data, NULL), WICK_OK);
    return data;
}

static int count_of(const wick_data *data, wick_split split, int label) {
    int count = 0;
    for (int i = 0; i < data->split[split].n; i++)
        count += data->split[split].labels[i] == label;
    return count;
}

/* Images of the idx fixture tell who they are: [2, 4] pixels, the first two from the index. */
static const char *numbered_set(int n, int n_classes) {
    const char *dir = helper_folder("numbered");
    helper_write_idx(dir, n, n_classes, 2, 4, n_classes);
    const char *path = helper_path("numbered/train-images-idx3-ubyte");
    for (int i = 0; i < n; i++) {
        helper_poke(path, 16 + 8 * (size_t)i, (uint8_t)(i % 256));
        helper_poke(path, 17 + 8 * (size_t)i, (uint8_t)(i / 256));
    }
    return dir;
}

static int number_of(const wick_data *data, wick_split split, int i) {
    const uint8_t *pixels = data->split[split].pixels + 8 * i;
    return pixels[0] + 256 * pixels[1];
}

static void splits_share_out_the_training_part(void **state) {
    (void)state;
    enum { N = 430, CLASSES = 7 };
    const char *dir = numbered_set(N, CLASSES);
    for (int k = 0; k < 4; k++) {
        const double fractions[] = {0.1, 0.25, 0.5, 0.001};
        wick_data *data = open_with(dir, 5, fractions[k], 0);
        int seen[N] = {0};
        for (int s = WICK_TRAIN; s <= WICK_VALIDATION; s++) {
            int last = -1;
            for (int i = 0; i < data->split[s].n; i++) {
                int number = number_of(data, (wick_split)s, i);
                assert_in_range(number, last + 1, N - 1); /* in order of the file */
                assert_int_equal(data->split[s].labels[i], number % CLASSES);
                seen[number]++;
                last = number;
            }
        }
        for (int i = 0; i < N; i++)
            assert_int_equal(seen[i], 1);
        for (int c = 0; c < CLASSES; c++) {
            int all = N / CLASSES + (c < N % CLASSES);
            int want = (int)(fractions[k] * all + 0.5);
            assert_int_equal(count_of(data, WICK_VALIDATION, c), want ? want : 1);
        }
        assert_int_equal(data->split[WICK_TEST].n, CLASSES);
        wick_data_free(data);
    }
}

static int common_validation(const wick_data *a, const wick_data *b) {
    int common = 0;
    for (int i = 0; i < a->split[WICK_VALIDATION].n; i++)
        for (int j = 0; j < b->split[WICK_VALIDATION].n; j++)
            common += number_of(a, WICK_VALIDATION, i) == number_of(b, WICK_VALIDATION, j);
    return common;
}

static void the_seed_moves_only_the_validation_images(void **state) {
    (void)state;
    const char *dir = numbered_set(400, 4);
    wick_data *a = open_with(dir, 1, 0.25, 0), *again = open_with(dir, 1, 0.25, 0),
              *b = open_with(dir, 2, 0.25, 0);
    assert_string_equal(a->hash.hex, again->hash.hex);
    assert_int_equal(common_validation(a, again), 100);
    assert_in_range(common_validation(a, b), 5, 60); /* 25 by chance */
    assert_string_not_equal(a->hash.hex, b->hash.hex);
    assert_memory_equal(a->split[WICK_TEST].pixels, b->split[WICK_TEST].pixels, 4 * 8);
    wick_data_free(a);
    wick_data_free(again);
    wick_data_free(b);
}

static void a_limit_keeps_the_proportions(void **state) {
    (void)state;
    const char *dir = numbered_set(1000, 3);
    wick_data *data = open_with(dir, 1, 0.1, 100), *other = open_with(dir, 9, 0.1, 100);
    assert_int_equal(data->split[WICK_TRAIN].n + data->split[WICK_VALIDATION].n, 100);
    for (int c = 0; c < 3; c++)
        assert_in_range(count_of(data, WICK_TRAIN, c) + count_of(data, WICK_VALIDATION, c), 33, 34);
    /* Another seed sees the same hundred images. */
    int seen[1000] = {0};
    for (int s = WICK_TRAIN; s <= WICK_VALIDATION; s++) {
        for (int i = 0; i < data->split[s].n; i++)
            seen[number_of(data, (wick_split)s, i)]++;
        for (int i = 0; i < other->split[s].n; i++)
            seen[number_of(other, (wick_split)s, i)]++;
    }
    for (int i = 0; i < 1000; i++)
        assert_true(seen[i] == 0 || seen[i] == 2);
    wick_data_free(data);
    wick_data_free(other);
    wick_data_options options = wick_data_defaults();
    options.limit = 2;
    wick_diag diag = {0};
    assert_int_equal(wick_data_open(dir, &options, &data, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "raise the limit"));
    wick_diag_free(&diag);
}

/* The built-in images that a limit leaves are those of the whole set, and no others are drawn. */
static void a_limit_keeps_the_built_in_images(void **state) {
    (void)state;
    wick_data *all = open_with("builtin:shapes10", 1, 0.1, 0);
    wick_data *some = open_with("builtin:shapes10", 1, 0.5, 60);
    const wick_split splits[] = {WICK_TRAIN, WICK_VALIDATION, WICK_TEST};
    assert_int_equal(some->split[WICK_TRAIN].n + some->split[WICK_VALIDATION].n, 60);
    assert_int_equal(some->split[WICK_TEST].n, 60);
    for (size_t s = 0; s < 3; s++)
        for (int i = 0; i < some->split[splits[s]].n; i++) {
            const uint8_t *image = some->split[splits[s]].pixels + (size_t)i * 3 * 32 * 32;
            int found = 0;
            for (size_t from = 0; from < 3; from++)
                for (int k = 0; k < all->split[splits[from]].n; k++)
                    if ((splits[s] == WICK_TEST) == (splits[from] == WICK_TEST) &&
                        !memcmp(image, all->split[splits[from]].pixels + (size_t)k * 3 * 32 * 32,
                                (size_t)3 * 32 * 32)) {
                        found++;
                        assert_int_equal(some->split[splits[s]].labels[i],
                                         all->split[splits[from]].labels[k]);
                    }
            assert_int_equal(found, 1);
        }
    wick_data_free(all);
    wick_data_free(some);
}

static void the_hash_sees_every_change(void **state) {
    (void)state;
    const char *dir = numbered_set(40, 4);
    wick_hash seen[6];
    for (int k = 0; k < 6; k++) {
        dir = numbered_set(40, 4);
        if (k == 1)
            helper_poke(helper_path("numbered/train-images-idx3-ubyte"), 16 + 8 * 39 + 7, 1);
        if (k == 2)
            helper_poke(helper_path("numbered/train-labels-idx1-ubyte"), 8 + 39, 0);
        if (k == 3)
            helper_poke(helper_path("numbered/t10k-images-idx3-ubyte"), 16 + 31, 1);
        if (k == 4)
            helper_poke(helper_path("numbered/t10k-labels-idx1-ubyte"), 8 + 3, 0);
        wick_data *data = open_with(dir, 1, k == 5 ? 0.2 : 0.1, 0);
        seen[k] = data->hash;
        wick_data_free(data);
        for (int j = 0; j < k; j++)
            assert_string_not_equal(seen[j].hex, seen[k].hex);
    }
}

static void options_are_checked(void **state) {
    (void)state;
    const double bad[] = {0, -0.1, 0.51, 0.0 / 0.0};
    for (size_t i = 0; i < WICK_LEN(bad); i++) {
        wick_data_options options = wick_data_defaults();
        options.validation = bad[i];
        wick_data *data;
        assert_int_equal(wick_data_open("builtin:shapes10", &options, &data, NULL), WICK_RANGE);
        assert_null(data);
    }
    helper_refuses("builtin:shapes11", WICK_UNKNOWN, "shapes11", "builtin:shapes10");
    helper_refuses("builtin:shapes10:", WICK_RANGE, "not a seed", "shapes10");
    helper_refuses("builtin:shapes10:-1", WICK_RANGE, "not a seed", "-1");
    helper_refuses("builtin:shapes10:18446744073709551616", WICK_RANGE, "not a seed", "2^64");
    helper_refuses("builtin:shapes10:7x", WICK_RANGE, "not a seed", "7x");
}

static void shapes10_is_the_same_everywhere(void **state) {
    (void)state;
    wick_data *data = helper_open("builtin:shapes10");
    assert_int_equal(data->height, 32);
    assert_int_equal(data->width, 32);
    assert_int_equal(data->channels, 3);
    assert_int_equal(data->n_classes, 10);
    for (int c = 0; c < 10; c++) {
        assert_int_equal(count_of(data, WICK_TRAIN, c), 900);
        assert_int_equal(count_of(data, WICK_VALIDATION, c), 100);
        assert_int_equal(count_of(data, WICK_TEST, c), 200);
    }
    assert_string_equal(data->hash.hex, SHAPES10_SHA256);
    wick_data *one = helper_open("builtin:shapes10:1"), *two = helper_open("builtin:shapes10:2");
    assert_string_equal(one->hash.hex, SHAPES10_SHA256);
    assert_string_not_equal(two->hash.hex, SHAPES10_SHA256);
    assert_memory_not_equal(one->split[WICK_TEST].pixels, two->split[WICK_TEST].pixels, 3072);
    wick_data_free(data);
    wick_data_free(one);
    wick_data_free(two);
}

enum { ITEMS = 5000 };
typedef struct visits {
    atomic_int seen[ITEMS];
    size_t bad[2];
} visits;

static bool visit(void *context, size_t i) {
    visits *v = context;
    atomic_fetch_add(&v->seen[i], 1);
    return i != v->bad[0] && i != v->bad[1];
}

static void the_parallel_loop_finds_the_first_failure(void **state) {
    (void)state;
    for (size_t round = 0; round < 50; round++) {
        visits *v = wick_xalloc(sizeof *v);
        v->bad[0] = v->bad[1] = ITEMS;
        assert_int_equal(data_parallel(ITEMS, visit, v), ITEMS);
        for (int i = 0; i < ITEMS; i++)
            assert_int_equal(v->seen[i], 1);
        v->bad[0] = 4000 - round;
        v->bad[1] = 100 + 61 * round;
        assert_int_equal(data_parallel(ITEMS, visit, v), v->bad[1]);
        for (size_t i = 0; i <= v->bad[1]; i++)
            assert_int_equal(v->seen[i], 2);
        free(v);
    }
    assert_int_equal(data_parallel(0, visit, NULL), 0);
}

enum { EARLY = 10, LATE = 40 }; /* in chunks of different threads, where there is more than one */
typedef struct race {
    atomic_bool begun[ITEMS], ended[ITEMS];
    size_t second;
} race;

/* Gives up after a while: on one thread the other never comes. */
static void wait_for(atomic_bool *event) {
    for (int nap = 0; nap < 200 && !atomic_load(event); nap++)
        usleep(1000);
}

/* Both are under way before one fails, and `second` ends after the other has surely failed. */
static bool fail_in_turn(void *context, size_t i) {
    race *r = context;
    if (i != EARLY && i != LATE)
        return true;
    size_t other = EARLY + LATE - i;
    atomic_store(&r->begun[i], true);
    wait_for(&r->begun[other]);
    if (i == r->second) {
        wait_for(&r->ended[other]);
        usleep(20000);
    }
    atomic_store(&r->ended[i], true);
    return false;
}

static void the_first_failure_wins_in_any_order(void **state) {
    (void)state;
    for (int late_first = 0; late_first < 2; late_first++) {
        race *r = wick_xalloc(sizeof *r);
        r->second = late_first ? EARLY : LATE;
        assert_int_equal(data_parallel(ITEMS, fail_in_turn, r), EARLY);
        free(r);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_share_out_the_training_part),
        cmocka_unit_test(the_seed_moves_only_the_validation_images),
        cmocka_unit_test(a_limit_keeps_the_proportions),
        cmocka_unit_test(a_limit_keeps_the_built_in_images),
        cmocka_unit_test(the_hash_sees_every_change),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(shapes10_is_the_same_everywhere),
        cmocka_unit_test(the_parallel_loop_finds_the_first_failure),
        cmocka_unit_test(the_first_failure_wins_in_any_order),
    };
    return cmocka_run_group_tests(tests, helper_make_folder, helper_remove_folder);
}
