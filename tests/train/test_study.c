/* Studies: every run is the run that wick_train_run alone gives, cut ones go on, finished ones are
   not repeated; means and deviations by hand. */
#include "helper_family.h"
#include "train/study.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-test-study-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

static int built;

static wick_status build(void *ctx, bool shared, uint64_t seed, wick_graph **out, wick_diag *diag) {
    (void)ctx;
    (void)diag;
    *out = tiny_family(shared, true);
    float *weight = (*out)->tensors[wick_graph_find(*out, "TM1.fc1.weight")].data;
    weight[0] += 0.01f * (float)seed;
    built++;
    return WICK_OK;
}

static wick_study_options options_in(const char *dir) {
    return (wick_study_options){.n_strategies = 2,
                                .strategies = {WICK_STRATEGY_UNIFIED_KD, WICK_STRATEGY_BASELINE},
                                .n_seeds = 2,
                                .folder = dir,
                                .test = true,
                                .train = tiny_options(WICK_STRATEGY_UNIFIED),
                                .build = build};
}

static void every_run_is_the_run_alone(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_data *data = tiny_data(1);
    wick_study_options options = options_in(wick_path_join(arena, folder, "a"));
    wick_study *study = NULL, *again = NULL;
    options.train.seed = 4;
    options.train.session_epochs = 2; /* of 3: each run is cut once */
    wick_status status = WICK_INTERRUPTED;
    int calls = 0;
    for (; status == WICK_INTERRUPTED && calls < 20; calls++)
        status = wick_study_run_all(&options, data, arena, &study, NULL);
    assert_int_equal(status, WICK_OK);
    assert_int_equal(calls, 5);
    assert_int_equal(study->n_runs, 4);
    for (int i = 0; i < 4; i++) {
        const wick_study_run *run = &study->runs[i];
        wick_train_options train = tiny_options(options.strategies[i / 2]);
        wick_graph *graph;
        wick_train_result result;
        train.seed = 4 + (uint64_t)i % 2;
        build(NULL, i < 2, train.seed, &graph, NULL);
        assert_int_equal(wick_train_run(graph, data, &train, &result, NULL), WICK_OK);
        assert_int_equal(run->strategy, train.strategy);
        assert_int_equal(run->seed, train.seed);
        int64_t correct[WICK_MAX_HEADS];
        assert_int_equal(wick_eval_float(graph, data, WICK_TEST, 1, correct, NULL, NULL), WICK_OK);
        for (int k = 0; k < 3; k++) {
            assert_true(fabs(run->validation[k] - result.validation[k]) < 1e-12);
            assert_true(fabs(run->test[k] - (double)correct[k] / 30) < 1e-12);
        }
        wick_graph_free(graph);
    }
    /* Once more: nothing is trained, the same comes out. */
    struct stat before, after;
    char *model = wick_path_join(arena, options.folder, "baseline-5.onnx");
    assert_int_equal(stat(model, &before), 0);
    assert_int_equal(wick_study_run_all(&options, data, arena, &again, NULL), WICK_OK);
    assert_int_equal(stat(model, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 3; k++)
            assert_true(fabs(again->runs[i].test[k] - study->runs[i].test[k]) < 1e-12);
    /* Other options do not mix with these results. */
    wick_diag diag = {0};
    options.train.weight_decay = 0.1;
    assert_int_equal(wick_study_run_all(&options, data, arena, &again, &diag), WICK_MISMATCH);
    assert_true(wick_diag_contains(&diag, "options"));
    wick_diag_free(&diag);
    wick_data_free(data);
    wick_arena_free(arena);
}

static void cells_by_hand(void **state) {
    (void)state;
    static wick_study study = {.n_runs = 4, .n_modules = 1};
    const double values[] = {0.5, 0.7, 0.9, 0.1};
    for (int i = 0; i < 4; i++) {
        study.runs[i].strategy = i < 3 ? WICK_STRATEGY_L2S : WICK_STRATEGY_S2L;
        study.runs[i].test[0] = values[i];
        study.runs[i].validation[0] = (double)NAN;
    }
    wick_study_cell cell = wick_study_cell_of(&study, WICK_STRATEGY_L2S, 0, true);
    assert_int_equal(cell.n, 3);
    assert_true(fabs(cell.mean - 0.7) < 1e-12 && fabs(cell.deviation - 0.2) < 1e-12);
    cell = wick_study_cell_of(&study, WICK_STRATEGY_S2L, 0, true);
    assert_true(cell.n == 1 && fabs(cell.mean - 0.1) < 1e-12 && isnan(cell.deviation));
    cell = wick_study_cell_of(&study, WICK_STRATEGY_L2S, 0, false);
    assert_true(cell.n == 0 && isnan(cell.mean));
}

/* Means of a row, against the gains that the paper's text reports for VGG16: 1.23, 1.37, 1.64
   points of unified + KD over the baseline. */
static void published_numbers_are_the_papers(void **state) {
    (void)state;
    const char *const sets[] = {"cifar10", "cifar100", "tiny-imagenet"};
    const double gains[] = {1.23, 1.37, 1.64};
    for (int d = 0; d < 3; d++) {
        const double *base = wick_study_published("vgg16", sets[d], WICK_STRATEGY_BASELINE);
        const double *best = wick_study_published("vgg16", sets[d], WICK_STRATEGY_UNIFIED_KD);
        double gain = 0;
        for (int k = 0; k < 4; k++)
            gain += (best[k] - base[k]) / 4;
        assert_true(fabs(gain - gains[d]) < 0.006);
    }
    const double *row = wick_study_published("mobilenetv1", "cifar100", WICK_STRATEGY_S2L);
    assert_true(fabs(row[1] - 58.20) < 1e-9);
    assert_null(wick_study_published("resnet", "cifar10", WICK_STRATEGY_S2L));
    assert_null(wick_study_published("vgg16", "mnist", WICK_STRATEGY_S2L));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_run_is_the_run_alone),
        cmocka_unit_test(cells_by_hand),
        cmocka_unit_test(published_numbers_are_the_papers),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
