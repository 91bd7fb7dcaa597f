/* Successive halving on a made-up score: budgets, who survives, resuming; then once on real
 * trainings. */
#include "helper_family.h"
#include "train/search.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-test-search-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

/* Best at beta = 0.03, whatever the epochs; stops after `left` trials. */
typedef struct world {
    int left, runs;
} world;

static wick_status score_of(void *ctx, const wick_trial *trial, int epochs, double *score,
                            double *seconds, wick_diag *diag) {
    world *w = ctx;
    (void)diag;
    if (w->left-- == 0)
        return WICK_INTERRUPTED;
    w->runs++;
    *score = 1 - 0.1 * fabs(log(trial->beta[0][1] / 0.03));
    *seconds = epochs;
    return WICK_OK;
}

static wick_search_options options_of(const char *path) {
    wick_search_options options = wick_search_defaults();
    options.budget_epochs = 200;
    options.max_epochs = 18;
    options.path = path;
    return options;
}

static void the_best_survive_within_the_budget(void **state) {
    (void)state;
    static wick_search search;
    wick_search_options options = options_of(NULL);
    world w = {.left = -1};
    assert_int_equal(wick_search_weights(&options, 3, score_of, &w, &search, NULL), WICK_OK);
    /* Rungs of 2, 6 and 18 epochs. 29 candidates: 58 + 9 * 6 + 3 * 18 = 166; 30: 60 + 60 + 54 =
       174; 36: 72 + 72 + 72 = 216; 35: 70 + 66 + 54 = 190; so 35. */
    assert_int_equal(search.n_rungs, 3);
    assert_int_equal(search.n_trials, 35 + 11 + 3);
    assert_int_equal(search.epochs, 190);
    assert_true(fabs(search.seconds - 190) < 1e-9);
    const wick_trial *first = &search.trials[0];
    assert_true(fabs(first->alpha[1] - 1) < 1e-12 && fabs(first->beta[0][2] - 0.01) < 1e-12);
    double best = -1;
    for (int i = 0; i < 35; i++) {
        const wick_trial *t = &search.trials[i];
        double sum = t->alpha[0] + t->alpha[1] + t->alpha[2];
        assert_int_equal(t->epochs, 2);
        assert_true(fabs(sum - 3) < 1e-9);
        assert_true(i == 0 || (t->beta[0][1] >= 0.001 && t->beta[0][1] <= 0.3));
        assert_true(fabs(t->beta[0][1] - t->beta[1][2]) < 1e-12); /* one for all pairs */
        best = t->score > best ? t->score : best;
    }
    assert_int_equal(search.best.epochs, 18);
    assert_true(fabs(search.best.score - best) < 1e-12);
    for (int i = 35; i < 49; i++) { /* nobody who goes on is worse than one who was left */
        const wick_trial *t = &search.trials[i];
        int better = 0;
        for (int k = 0; k < 35; k++)
            better += search.trials[k].score > t->score;
        assert_in_range(better, 0, i < 46 ? 10 : 2);
    }
}

static void a_cut_search_goes_on(void **state) {
    (void)state;
    static wick_search whole, cut;
    char path[64];
    snprintf(path, sizeof path, "%s/search.json", folder);
    wick_search_options options = options_of(NULL);
    options.beta_by_pair = true;
    world all = {.left = -1}, some = {.left = 20};
    assert_int_equal(wick_search_weights(&options, 3, score_of, &all, &whole, NULL), WICK_OK);
    options.path = path;
    assert_int_equal(wick_search_weights(&options, 3, score_of, &some, &cut, NULL),
                     WICK_INTERRUPTED);
    some.left = -1;
    assert_int_equal(wick_search_weights(&options, 3, score_of, &some, &cut, NULL), WICK_OK);
    assert_int_equal(some.runs, all.runs);
    assert_int_equal(cut.best.candidate, whole.best.candidate);
    assert_true(fabs(cut.best.beta[1][2] - whole.best.beta[1][2]) < 1e-12);
    assert_true(fabs(cut.best.beta[1][2] - cut.best.beta[0][1]) > 1e-12);
    wick_diag diag = {0};
    options.seed = 9;
    assert_int_equal(wick_search_weights(&options, 3, score_of, &some, &cut, &diag), WICK_MISMATCH);
    assert_true(wick_diag_contains(&diag, "another search"));
    wick_diag_free(&diag);
    options.budget_epochs = 20;
    assert_int_equal(wick_search_weights(&options, 3, score_of, &some, &cut, NULL), WICK_RANGE);
}

static wick_status train_score(void *ctx, const wick_trial *trial, int epochs, double *score,
                               double *seconds, wick_diag *diag) {
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED_KD);
    wick_train_result result;
    wick_graph *graph = tiny_family(true, true);
    options.epochs = epochs;
    memcpy(options.alpha, trial->alpha, sizeof options.alpha);
    memcpy(options.beta, trial->beta, sizeof options.beta);
    wick_status status = wick_train_run(graph, ctx, &options, &result, diag);
    *score = (result.validation[0] + result.validation[1] + result.validation[2]) / 3;
    *seconds = result.seconds;
    wick_graph_free(graph);
    return status;
}

static void real_trainings_can_be_searched(void **state) {
    (void)state;
    static wick_search search;
    wick_data *data = tiny_data(1);
    wick_search_options options = wick_search_defaults();
    options.max_epochs = 6;
    options.budget_epochs = 30;
    assert_int_equal(wick_search_weights(&options, 3, train_score, data, &search, NULL), WICK_OK);
    double again, seconds;
    assert_int_equal(train_score(data, &search.best, 6, &again, &seconds, NULL), WICK_OK);
    assert_true(fabs(again - search.best.score) < 1e-12);
    wick_data_free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_survive_within_the_budget),
        cmocka_unit_test(a_cut_search_goes_on),
        cmocka_unit_test(real_trainings_can_be_searched),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
