#include "train/study.h"
#include "onnx/onnx.h"
#include "train/checkpoint.h"
#include "train/schedule.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STUDY_FORMAT = 1 };

typedef struct session {
    const wick_study_options *options;
    const wick_data *data;
    wick_arena *arena;
    wick_study *study;
    json_t *done; /* array of finished runs, as in study.json */
    const char *json_path;
    wick_diag *diag;
} session;

static const char *run_name(const session *s, wick_strategy strategy, uint64_t seed) {
    return wick_arena_printf(s->arena, "%s-%llu", wick_strategy_name(strategy),
                             (unsigned long long)seed);
}

/* --- study.json --------------------------------------------------------------------------------*/

static json_t *accuracies_json(const double *values, int n) {
    json_t *array = json_array();
    for (int k = 0; k < n; k++)
        json_array_append_new(array, isnan(values[k]) ? json_null() : json_real(values[k]));
    return array;
}

static void read_accuracies(const json_t *array, double *values, int n) {
    for (int k = 0; k < n; k++) {
        const json_t *value = json_array_get(array, (size_t)k);
        values[k] = json_is_number(value) ? json_number_value(value) : (double)NAN;
    }
}

static wick_status load_done(session *s) {
    s->done = json_array();
    if (!wick_path_is_file(s->json_path))
        return WICK_OK;
    json_t *root;
    WICK_TRY(wick_json_load(s->json_path, &root, s->diag));
    json_t *runs = json_object_get(root, "runs");
    wick_status status = WICK_OK;
    if (json_integer_value(json_object_get(root, "wick_study")) != STUDY_FORMAT ||
        !json_is_array(runs))
        status = wick_fail(s->diag, WICK_SYNTAX, s->json_path, NULL, "choose another folder",
                           "it is not a list of trainings");
    else
        json_array_extend(s->done, runs);
    json_decref(root);
    return status;
}

static wick_status save_done(session *s) {
    json_t *root = json_pack("{s:i, s:O}", "wick_study", STUDY_FORMAT, "runs", s->done);
    wick_status status = wick_json_save(s->json_path, root, s->diag);
    json_decref(root);
    return status;
}

/* The entry of a finished run, or NULL. MISMATCH when it was made with something else. */
static wick_status find_done(const session *s, const char *name, const wick_identity *identity,
                             const json_t **found) {
    size_t i;
    json_t *entry;
    *found = NULL;
    json_array_foreach(s->done, i, entry) {
        const char *have = json_string_value(json_object_get(entry, "name"));
        if (!have || strcmp(have, name) != 0)
            continue;
        const struct {
            const char *key, *hex, *what;
        } same[] = {{"options_sha256", identity->options.hex, "options"},
                    {"data_sha256", identity->data.hex, "data"},
                    {"graph_sha256", identity->graph.hex, "network"}};
        for (size_t k = 0; k < WICK_LEN(same); k++) {
            const char *hash = json_string_value(json_object_get(entry, same[k].key));
            if (!hash || strcmp(hash, same[k].hex) != 0)
                return wick_fail(s->diag, WICK_MISMATCH, s->json_path, name,
                                 "choose another folder, or repeat the first command",
                                 "this training was done with other %s", same[k].what);
        }
        *found = entry;
    }
    return WICK_OK;
}

static void take_done(const json_t *entry, wick_study_run *run) {
    read_accuracies(json_object_get(entry, "validation"), run->validation, run->n_modules);
    read_accuracies(json_object_get(entry, "test"), run->test, run->n_modules);
    run->seconds = json_number_value(json_object_get(entry, "seconds"));
    run->run_id = json_integer_value(json_object_get(entry, "run_id"));
}

static void note_done(session *s, const char *name, const wick_identity *identity,
                      const wick_study_run *run) {
    json_array_append_new(
        s->done, json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:o, s:o, s:f, s:I}", "name", name,
                           "strategy", wick_strategy_name(run->strategy), "seed",
                           (json_int_t)run->seed, "options_sha256", identity->options.hex,
                           "data_sha256", identity->data.hex, "graph_sha256", identity->graph.hex,
                           "validation", accuracies_json(run->validation, run->n_modules), "test",
                           accuracies_json(run->test, run->n_modules), "seconds", run->seconds,
                           "run_id", (json_int_t)run->run_id));
}

/* --- one run -----------------------------------------------------------------------------------*/

static wick_status look_at_test(const session *s, wick_graph *graph, wick_study_run *run) {
    int64_t correct[WICK_MAX_HEADS];
    wick_family *family = &graph->family;
    WICK_TRY(wick_eval_float(graph, s->data, WICK_TEST, s->options->train.threads, correct, NULL,
                             s->diag));
    for (int k = 0; k < family->n_heads; k++)
        run->test[k] = family->accuracy[k] = (double)correct[k] / s->data->split[WICK_TEST].n;
    if (!s->options->train.runs_path)
        return WICK_OK;
    return wick_runs_set_test(s->options->train.runs_path, run->run_id, family->accuracy,
                              family->n_heads, s->diag);
}

static wick_status train_one(session *s, wick_graph *graph, wick_train_options *train,
                             const char *name, wick_study_run *run) {
    const char *model =
        wick_path_join(s->arena, s->options->folder, wick_arena_printf(s->arena, "%s.onnx", name));
    wick_train_result result;
    train->checkpoint = wick_arena_printf(s->arena, "%s.state", model);
    train->resume = wick_path_is_file(train->checkpoint);
    train->run_name = name;
    WICK_TRY(wick_train_run(graph, s->data, train, &result, s->diag));
    run->seconds = result.seconds;
    run->run_id = result.run_id;
    for (int k = 0; k < run->n_modules; k++)
        run->validation[k] = result.validation[k];
    if (s->options->test)
        WICK_TRY(look_at_test(s, graph, run));
    WICK_TRY(wick_onnx_write(graph, model, s->diag));
    unlink(train->checkpoint);
    return WICK_OK;
}

/* What decides the run's bits, as its training will state it: wick_train_run sets the same. */
static wick_identity identity_of(const session *s, const wick_graph *graph,
                                 const wick_train_options *train) {
    return (wick_identity){
        .options = wick_train_options_hash(train, graph->family.n_heads, train->threads),
        .data = s->data->hash,
        .graph = wick_graph_identity(graph)};
}

static wick_status one_run(session *s, wick_strategy strategy, uint64_t seed, wick_study_run *run) {
    wick_train_options train = s->options->train;
    train.strategy = strategy;
    train.seed = seed;
    wick_graph *graph;
    WICK_TRY(s->options->build(s->options->ctx, strategy != WICK_STRATEGY_BASELINE, seed, &graph,
                               s->diag));
    const char *name = run_name(s, strategy, seed);
    wick_identity identity = identity_of(s, graph, &train);
    *run = (wick_study_run){.strategy = strategy, .seed = seed, .n_modules = graph->family.n_heads};
    for (int k = 0; k < WICK_MAX_HEADS; k++)
        run->validation[k] = run->test[k] = (double)NAN;
    s->study->n_modules = graph->family.n_heads;
    for (int k = 0; k < graph->family.n_heads; k++)
        s->study->module_names[k] = wick_arena_strdup(s->arena, graph->family.head_names[k]);
    const json_t *entry;
    wick_status status = find_done(s, name, &identity, &entry);
    bool finished = entry && (!s->options->test ||
                              json_is_number(json_array_get(json_object_get(entry, "test"), 0)));
    if (status == WICK_OK && entry && !finished)
        status = wick_fail(s->diag, WICK_MISMATCH, s->json_path, name, "choose another folder",
                           "this training was done without a look at the test set");
    if (status == WICK_OK && entry) {
        take_done(entry, run);
    } else if (status == WICK_OK) {
        if (!train.quiet)
            fprintf(stderr, "wick: %s (%d of %d)\n", name, s->study->n_runs + 1,
                    s->options->n_strategies * s->options->n_seeds);
        status = train_one(s, graph, &train, name, run);
        if (status == WICK_OK) {
            note_done(s, name, &identity, run);
            status = save_done(s);
        }
    }
    wick_graph_free(graph);
    return status;
}

wick_status wick_study_run_all(const wick_study_options *options, const wick_data *data,
                               wick_arena *arena, wick_study **out, wick_diag *diag) {
    *out = NULL;
    if (options->n_seeds < 1 || options->n_seeds > WICK_STUDY_MAX_SEEDS)
        return wick_fail(diag, WICK_RANGE, NULL, "seeds", NULL, "%d is not within 1 to %d",
                         options->n_seeds, WICK_STUDY_MAX_SEEDS);
    if (mkdir(options->folder, 0777) != 0 && errno != EEXIST)
        return wick_fail(diag, WICK_OUTPUT, options->folder, NULL, "choose another folder",
                         "cannot make it: %s", strerror(errno));
    session s = {.options = options, .data = data, .arena = arena, .diag = diag};
    s.study = wick_new(arena, wick_study, 1);
    s.json_path = wick_path_join(arena, options->folder, "study.json");
    wick_status status = load_done(&s);
    for (int i = 0; i < options->n_strategies && status == WICK_OK; i++)
        for (int k = 0; k < options->n_seeds && status == WICK_OK; k++) {
            wick_study_run *run = &s.study->runs[s.study->n_runs];
            status = one_run(&s, options->strategies[i], options->train.seed + (uint64_t)k, run);
            s.study->seconds += run->seconds;
            s.study->n_runs++;
        }
    json_decref(s.done);
    if (status == WICK_OK)
        *out = s.study;
    return status;
}

/* --- results -----------------------------------------------------------------------------------*/

wick_study_cell wick_study_cell_of(const wick_study *study, wick_strategy strategy, int module,
                                   bool test) {
    wick_study_cell cell = {.mean = 0, .deviation = (double)NAN};
    double squares = 0;
    for (int i = 0; i < study->n_runs; i++) {
        const wick_study_run *run = &study->runs[i];
        double value = test ? run->test[module] : run->validation[module];
        if (run->strategy != strategy || isnan(value))
            continue;
        cell.n++;
        double step = value - cell.mean; /* Welford */
        cell.mean += step / cell.n;
        squares += step * (value - cell.mean);
    }
    if (cell.n == 0)
        cell.mean = (double)NAN;
    if (cell.n > 1)
        cell.deviation = sqrt(squares / (cell.n - 1));
    return cell;
}

const double *wick_study_published(const char *recipe, const char *data, wick_strategy strategy) {
    static const char *const recipes[] = {"vgg16", "mobilenetv1"};
    static const char *const sets[] = {"cifar10", "cifar100", "tiny-imagenet"};
    /* [recipe][strategy][set][module] */
    static const double table[2][WICK_STRATEGY_COUNT][3][4] = {
        {[WICK_STRATEGY_BASELINE] = {{89.38, 85.09, 81.92, 75.74},
                                     {63.57, 55.10, 53.36, 45.31},
                                     {54.20, 48.47, 38.37, 31.95}},
         [WICK_STRATEGY_L2S] = {{89.38, 81.32, 75.34, 53.51},
                                {63.57, 51.00, 47.98, 30.18},
                                {54.20, 26.60, 21.54, 16.18}},
         [WICK_STRATEGY_S2L] = {{90.19, 84.37, 80.59, 75.74},
                                {65.84, 51.62, 49.49, 45.31},
                                {55.19, 37.69, 33.61, 31.95}},
         [WICK_STRATEGY_UNIFIED] = {{90.59, 85.07, 82.76, 76.04},
                                    {65.44, 53.82, 53.15, 45.94},
                                    {56.07, 47.66, 38.04, 32.77}},
         [WICK_STRATEGY_UNIFIED_KD] = {{90.73, 86.22, 83.64, 76.44},
                                       {66.77, 54.76, 54.53, 46.76},
                                       {57.25, 49.82, 39.02, 33.45}}},
        {[WICK_STRATEGY_BASELINE] = {{88.39, 85.44, 81.67, 72.85},
                                     {64.47, 60.64, 54.59, 42.75},
                                     {51.62, 42.08, 38.09, 28.39}},
         [WICK_STRATEGY_L2S] = {{88.39, 84.82, 78.58, 67.22},
                                {64.47, 57.50, 51.05, 39.14},
                                {51.62, 42.36, 37.58, 28.43}},
         [WICK_STRATEGY_S2L] = {{88.32, 85.02, 78.61, 72.85},
                                {63.80, 58.20, 51.85, 42.75},
                                {51.33, 42.50, 37.89, 28.39}},
         [WICK_STRATEGY_UNIFIED] = {{89.26, 86.67, 80.57, 73.58},
                                    {64.33, 60.26, 55.09, 45.57},
                                    {51.57, 44.25, 37.34, 28.86}},
         [WICK_STRATEGY_UNIFIED_KD] = {{90.30, 87.65, 82.48, 75.23},
                                       {64.77, 61.29, 54.59, 46.32},
                                       {51.88, 46.23, 38.60, 29.49}}}};
    for (int r = 0; r < 2; r++)
        for (int d = 0; d < 3; d++)
            if (recipe && data && !strcmp(recipe, recipes[r]) && !strcmp(data, sets[d]))
                return table[r][strategy][d];
    return NULL;
}
