/* wick train with several strategies and seeds, and the search for the weights of the losses. */
#include "train_args.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- study -------------------------------------------------------------------------------------*/

typedef struct builder {
    const train_arguments *arguments;
    const wick_data *data;
} builder;

static wick_status build(void *ctx, bool shared, uint64_t seed, wick_graph **out, wick_diag *diag) {
    const builder *b = ctx;
    return train_build(b->arguments, b->data, shared, seed, out, diag);
}

/* The row of Table II: by --paper, or by the tag of --data. */
static const double *published(const train_arguments *a, wick_strategy strategy) {
    char tag[32] = "";
    if (a->published)
        snprintf(tag, sizeof tag, "%s", a->published);
    else
        snprintf(tag, sizeof tag, "%.*s", (int)strcspn(a->data, ":"), a->data);
    return wick_study_published(a->recipe, tag, strategy);
}

static const char *cell_text(wick_arena *arena, wick_study_cell cell) {
    if (cell.n == 0)
        return "-";
    if (cell.n == 1)
        return wick_arena_printf(arena, "%.2f", 100 * cell.mean);
    return wick_arena_printf(arena, "%.2f ± %.2f", 100 * cell.mean, 100 * cell.deviation);
}

static void print_study(const train_arguments *a, const wick_study *study) {
    wick_arena *arena = wick_arena_new();
    bool paper = published(a, WICK_STRATEGY_BASELINE) && study->n_modules == 4;
    int columns = 1 + study->n_modules * (paper ? 2 : 1), rows = 1;
    const char **cells = wick_new(arena, const char *, (a->n_strategies + 1) * columns);
    cells[0] = "strategy";
    for (int k = 0; k < study->n_modules; k++) {
        cells[1 + k] = study->module_names[k];
        if (paper)
            cells[1 + study->n_modules + k] =
                wick_arena_printf(arena, "paper %s", study->module_names[k]);
    }
    for (int i = 0; i < a->n_strategies; i++) {
        const char **row = cells + columns * rows++;
        const double *printed = paper ? published(a, a->strategies[i]) : NULL;
        row[0] = wick_strategy_name(a->strategies[i]);
        for (int k = 0; k < study->n_modules; k++) {
            row[1 + k] = cell_text(arena, wick_study_cell_of(study, a->strategies[i], k, a->test));
            if (printed)
                row[1 + study->n_modules + k] = wick_arena_printf(arena, "%.2f", printed[k]);
        }
    }
    printf("%s accuracy in %%, mean%s of %d seed%s; %d epoch%s a stage\n",
           a->test ? "test" : "validation", a->n_seeds > 1 ? " ± standard deviation" : "",
           a->n_seeds, a->n_seeds == 1 ? "" : "s", a->train.epochs,
           a->train.epochs == 1 ? "" : "s");
    cli_print_table(cells, rows, columns);
    if (a->published && !paper)
        printf("paper: it has no numbers for recipe %s\n", a->recipe);
    if (paper)
        printf("paper: 64x64 or 32x32 input as printed, full width, 200 epochs, one run\n");
    printf("training took %.0f s in all; peak memory %.0f MB\n", study->seconds,
           (double)wick_peak_bytes() / 1e6);
    wick_arena_free(arena);
}

static json_t *study_json(const train_arguments *a, const wick_study *study) {
    json_t *runs = json_array(), *cells = json_array();
    for (int i = 0; i < study->n_runs; i++) {
        const wick_study_run *run = &study->runs[i];
        json_t *validation = json_array(), *test = json_array();
        for (int k = 0; k < run->n_modules; k++) {
            json_array_append_new(validation, json_real(run->validation[k]));
            if (a->test)
                json_array_append_new(test, json_real(run->test[k]));
        }
        json_array_append_new(runs, json_pack("{s:s, s:I, s:o, s:o, s:f, s:I}", "strategy",
                                              wick_strategy_name(run->strategy), "seed",
                                              (json_int_t)run->seed, "validation", validation,
                                              "test", test, "seconds", run->seconds, "run_id",
                                              (json_int_t)run->run_id));
    }
    for (int i = 0; i < a->n_strategies; i++)
        for (int k = 0; k < study->n_modules; k++) {
            wick_study_cell cell = wick_study_cell_of(study, a->strategies[i], k, a->test);
            const double *printed = published(a, a->strategies[i]);
            json_array_append_new(
                cells,
                json_pack("{s:s, s:s, s:i, s:f, s:o, s:o}", "strategy",
                          wick_strategy_name(a->strategies[i]), "module", study->module_names[k],
                          "runs", cell.n, "mean", cell.mean, "deviation",
                          isnan(cell.deviation) ? json_null() : json_real(cell.deviation), "paper",
                          printed && k < 4 ? json_real(printed[k] / 100) : json_null()));
        }
    return json_pack("{s:s, s:s, s:i, s:f, s:f, s:o, s:o}", "folder", a->output, "split",
                     a->test ? "test" : "validation", "epochs", a->train.epochs, "seconds",
                     study->seconds, "peak_mb", (double)wick_peak_bytes() / 1e6, "cells", cells,
                     "runs", runs);
}

/* Validation accuracy by epoch, one picture a module with a curve for each strategy: the mean of
   its seeds in a band from the lowest to the highest; without gnuplot there are none, which is
   said. */
static void draw_curves(const train_arguments *a, const wick_study *study, wick_arena *arena) {
    wick_runs_plot_options options = {
        .db = a->runs, .metric = WICK_RUN_METRIC_VALIDATION, .mean = true};
    for (int i = 0; i < study->n_runs; i++)
        if (options.n_runs < WICK_PLOT_MAX_RUNS)
            options.ids[options.n_runs++] = study->runs[i].run_id;
    for (int k = 0; k < study->n_modules; k++) {
        wick_diag diag = {0};
        const char *path =
            wick_path_join(arena, a->output,
                           wick_arena_printf(arena, "convergence-%s.svg", study->module_names[k]));
        options.module = k;
        options.title = study->module_names[k];
        wick_status status = wick_runs_plot(&options, path, &diag);
        if (status == WICK_OK && !a->json)
            printf("%s\n", path);
        else if (status != WICK_OK)
            fprintf(stderr, "wick: no convergence plots: %s\n", diag.items[0].reason);
        wick_diag_free(&diag);
        if (status != WICK_OK)
            return;
    }
}

wick_status train_study(train_arguments *a, const wick_data *data, wick_diag *diag) {
    builder b = {a, data};
    if (a->n_seeds == 0)
        a->n_seeds = 1;
    if (a->n_strategies == 0)
        a->strategies[a->n_strategies++] = a->train.strategy;
    if (a->test && data->split[WICK_TEST].n < 1)
        return wick_fail(diag, WICK_SHAPE, data->spec, NULL, "leave out --test",
                         "there are no test images");
    wick_arena *arena = wick_arena_new();
    if (!a->runs)
        a->runs = wick_path_join(arena, a->output, "runs.sqlite");
    a->train.runs_path = a->runs;
    wick_study_options options = {.n_strategies = a->n_strategies,
                                  .n_seeds = a->n_seeds,
                                  .folder = a->output,
                                  .test = a->test,
                                  .train = a->train,
                                  .build = build,
                                  .ctx = &b};
    memcpy(options.strategies, a->strategies, sizeof options.strategies);
    wick_study *study;
    wick_status status = wick_study_run_all(&options, data, arena, &study, diag);
    if (status == WICK_OK && a->json)
        status = cli_print_json(study_json(a, study)) ? WICK_OK : WICK_OUTPUT;
    else if (status == WICK_OK)
        print_study(a, study);
    if (status == WICK_OK)
        draw_curves(a, study, arena);
    wick_arena_free(arena);
    return status;
}

/* --- search ------------------------------------------------------------------------------------*/

typedef struct trial_context {
    const train_arguments *arguments;
    const wick_data *data;
} trial_context;

static wick_status run_trial(void *ctx, const wick_trial *trial, int epochs, double *score,
                             double *seconds, wick_diag *diag) {
    const trial_context *c = ctx;
    wick_train_options options = c->arguments->train;
    wick_train_result result;
    wick_graph *graph;
    WICK_TRY(train_build(c->arguments, c->data, options.strategy != WICK_STRATEGY_BASELINE,
                         options.seed, &graph, diag));
    if (!options.quiet)
        fprintf(stderr, "wick: trial of candidate %d, %d epochs\n", trial->candidate, epochs);
    options.epochs = epochs;
    options.checkpoint = NULL;
    options.resume = false;
    options.runs_path = NULL;
    memcpy(options.alpha, trial->alpha, sizeof options.alpha);
    memcpy(options.beta, trial->beta, sizeof options.beta);
    wick_status status = wick_train_run(graph, c->data, &options, &result, diag);
    *score = 0;
    for (int k = 0; k < graph->family.n_heads; k++)
        *score += result.validation[k] / graph->family.n_heads;
    *seconds = result.seconds;
    wick_graph_free(graph);
    return status;
}

/* To stderr: stdout is the training's. */
static void report_search(const wick_search *search, int n_heads) {
    const wick_trial *best = &search->best;
    fprintf(stderr, "wick: searched %d trials in %d rungs: %d epochs, %.0f s\nwick: best alpha",
            search->n_trials, search->n_rungs, search->epochs, search->seconds);
    for (int k = 0; k < n_heads; k++)
        fprintf(stderr, "%s%.4g", k ? "," : " ", best->alpha[k]);
    fprintf(stderr, "  beta");
    for (int j = 0; j < n_heads; j++)
        for (int k = j + 1; k < n_heads; k++)
            fprintf(stderr, "%s%.4g", j + k > 1 ? "," : " ", best->beta[j][k]);
    fprintf(stderr,
            "  mean validation accuracy %.2f %%, of the defaults in the first rung %.2f %%\n",
            100 * best->score, 100 * search->trials[0].score);
}

/* alpha by module, beta by pair in the order of --alpha and --beta. */
static void add_weights(json_t *json, const wick_trial *trial, int n_heads) {
    json_t *alpha = json_array(), *beta = json_array();
    for (int k = 0; k < n_heads; k++)
        json_array_append_new(alpha, json_real(trial->alpha[k]));
    for (int j = 0; j < n_heads; j++)
        for (int k = j + 1; k < n_heads; k++)
            json_array_append_new(beta, json_real(trial->beta[j][k]));
    json_object_set_new(json, "alpha", alpha);
    json_object_set_new(json, "beta", beta);
}

wick_status train_search(train_arguments *a, const wick_data *data, int n_heads, wick_diag *diag) {
    static wick_search search; /* some hundred trials: not for the stack */
    trial_context context = {a, data};
    a->search.max_epochs = a->train.epochs;
    a->search.seed = a->train.seed;
    if (wick_path_is_file(a->search.path) && !a->train.resume)
        return wick_fail(diag, WICK_OUTPUT, a->search.path, NULL,
                         "go on with --resume, or remove the file to start again",
                         "an interrupted search is stored here");
    wick_status status =
        wick_search_weights(&a->search, n_heads, run_trial, &context, &search, diag);
    if (status != WICK_OK)
        return status;
    report_search(&search, n_heads);
    a->searched =
        json_pack("{s:i, s:i, s:i, s:f, s:f, s:f}", "trials", search.n_trials, "rungs",
                  search.n_rungs, "epochs", search.epochs, "seconds", search.seconds, "validation",
                  search.best.score, "default_first_rung_validation", search.trials[0].score);
    add_weights(a->searched, &search.best, n_heads);
    memcpy(a->train.alpha, search.best.alpha, sizeof a->train.alpha);
    memcpy(a->train.beta, search.best.beta, sizeof a->train.beta);
    return WICK_OK;
}
