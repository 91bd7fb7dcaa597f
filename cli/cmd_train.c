/* wick train: a family of modules from data, with a learning strategy. */
#include "cli.h"
#include "graph/graph.h"
#include "onnx/onnx.h"
#include "outputs.h"
#include "train/train.h"
#include "train_args.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && !strcmp(text + len - end_len, end);
}

/* Training may go on in a model's own place; nothing else that is read may be written. */
static wick_status check_files(const train_arguments *a, wick_diag *diag) {
    cli_outputs o = {.diag = diag};
    if (!train_is_study(a)) {
        cli_writes(&o, "--output", a->output);
        cli_writes(&o, "the state beside --output", a->train.checkpoint);
        cli_writes(&o, "the search beside --output", a->search.path);
    }
    cli_writes(&o, "--runs", a->runs);
    if (!ends_with(a->recipe, ".onnx"))
        cli_reads_share(&o, "--recipe", "recipes", a->recipe);
    cli_reads(&o, "--teacher", a->teacher);
    cli_reads_data(&o, a->data);
    return o.status;
}

/* An interrupted run is hours of work: it is not overwritten by leaving out --resume. */
static wick_status check_output(const train_arguments *a, wick_diag *diag) {
    if (train_is_study(a) || wick_rank() > 0)
        return WICK_OK;
    WICK_TRY(wick_file_check_output(a->output, diag));
    if (a->train.resume || !wick_path_is_file(a->train.checkpoint))
        return WICK_OK;
    return wick_fail(diag, WICK_OUTPUT, a->train.checkpoint, NULL,
                     "go on with --resume, or remove the file to start again",
                     "an interrupted training is stored here");
}

/* Exits for the network, whose place the family takes. */
static wick_status add_exits(const train_arguments *a, uint64_t seed, wick_graph **graph,
                             wick_diag *diag) {
    wick_exits_options options = a->exits;
    options.seed = seed;
    wick_graph *network = *graph;
    wick_status status = wick_exits_add(network, &options, graph, diag);
    cli_name_file(diag, a->recipe);
    wick_graph_free(network);
    return status;
}

wick_status train_build(const train_arguments *a, const wick_data *data, bool shared, uint64_t seed,
                        wick_graph **graph, wick_diag *diag) {
    if (ends_with(a->recipe, ".onnx")) {
        if (a->recipe_option)
            return wick_fail(diag, WICK_USAGE, a->recipe, a->recipe_option, NULL,
                             "this option is for recipes; a model has its own sizes");
        WICK_TRY(wick_onnx_read(a->recipe, graph, diag));
        return a->adds_exits ? add_exits(a, seed, graph, diag) : WICK_OK;
    }
    if (a->adds_exits)
        return wick_fail(diag, WICK_USAGE, a->recipe, "--exits", "train the network first",
                         "exits are added to a finished network, an ONNX model");
    wick_recipe_options build = a->build;
    if (!a->input_given) {
        build.height = data->height;
        build.width_px = data->width;
    }
    build.channels = data->channels;
    build.classes = data->n_classes;
    build.shared = shared;
    build.seed = seed;
    return wick_recipe_build(a->recipe, &build, graph, diag);
}

static wick_status apply_weights(train_arguments *a, int n_heads, wick_diag *diag) {
    wick_train_options *o = &a->train;
    int n_pairs = n_heads * (n_heads - 1) / 2;
    if (a->n_alpha > 1 && a->n_alpha != n_heads)
        return wick_fail(diag, WICK_USAGE, NULL, "--alpha", NULL,
                         "%d numbers for %d modules: give one for each, or one for all", a->n_alpha,
                         n_heads);
    if (a->n_beta && n_pairs == 0)
        return wick_fail(diag, WICK_USAGE, NULL, "--beta", "leave it out, or name a --teacher",
                         "it weighs what a larger module teaches a smaller one, and there is one");
    if (a->n_beta > 1 && a->n_beta != n_pairs)
        return wick_fail(diag, WICK_USAGE, NULL, "--beta", NULL,
                         "%d numbers for %d pairs of teacher and student: give one for each, or "
                         "one for all",
                         a->n_beta, n_pairs);
    for (int k = 0; k < n_heads && a->n_alpha; k++)
        o->alpha[k] = a->alpha[a->n_alpha > 1 ? k : 0];
    int pair = 0;
    for (int j = 0; j < n_heads && a->n_beta; j++)
        for (int k = j + 1; k < n_heads; k++, pair++)
            o->beta[j][k] = a->n_beta > 1 ? a->beta[pair] : a->adds_exits && j > 0 ? 0 : a->beta[0];
    return WICK_OK;
}

static wick_status look_at_test(const train_arguments *a, wick_graph *graph, const wick_data *data,
                                const wick_train_result *result, wick_diag *diag) {
    int64_t correct[WICK_MAX_HEADS];
    wick_family *family = &graph->family;
    if (data->split[WICK_TEST].n < 1)
        return wick_fail(diag, WICK_SHAPE, data->spec, NULL, "leave out --test",
                         "there are no test images");
    WICK_TRY(wick_eval_float(graph, data, WICK_TEST, a->train.threads, correct, NULL, diag));
    for (int k = 0; k < family->n_heads; k++)
        family->accuracy[k] = (double)correct[k] / data->split[WICK_TEST].n;
    if (a->runs && wick_rank() == 0)
        return wick_runs_set_test(a->runs, result->run_id, family->accuracy, family->n_heads, diag);
    return WICK_OK;
}

static const double MB = 1e6;

/* --- results -----------------------------------------------------------------------------------*/

static const char *percent(wick_arena *arena, double accuracy) {
    return isnan(accuracy) ? "-" : wick_arena_printf(arena, "%.2f %%", 100 * accuracy);
}

static void print_table(const wick_graph *graph, const wick_train_result *result, bool test) {
    wick_arena *arena = wick_arena_new();
    const wick_family *family = &graph->family;
    int columns = test ? 6 : 5, rows = 1;
    const char *const header[6] = {"module",     "parameters", "MACs",
                                   "best epoch", "validation", "test"};
    const char **cells = wick_new(arena, const char *, (family->n_heads + 2) * columns);
    memcpy(cells, header, (size_t)columns * sizeof *cells);
    for (int segment = family->features >= 0 ? 0 : 1; segment <= family->n_heads; segment++) {
        const char **row = cells + columns * rows++;
        wick_counts counts = wick_graph_counts(graph, segment);
        int k = segment - 1;
        row[0] = segment ? family->head_names[k] : "extractor";
        row[1] = wick_arena_printf(arena, "%lld", (long long)counts.parameters);
        row[2] = wick_arena_printf(arena, "%lld", (long long)counts.macs);
        if (segment == 0)
            continue;
        row[3] = wick_arena_printf(arena, "%d", result->best_epoch[k]);
        row[4] = percent(arena, family->validation[k]);
        if (test)
            row[5] = percent(arena, family->accuracy[k]);
    }
    cli_print_table(cells, rows, columns);
    wick_arena_free(arena);
}

static json_t *results_json(const train_arguments *a, const wick_graph *graph,
                            const wick_data *data, const wick_train_result *result) {
    const wick_family *family = &graph->family;
    json_t *modules = json_array();
    for (int k = 0; k < family->n_heads; k++) {
        wick_counts counts = wick_graph_counts(graph, k + 1);
        json_t *module =
            json_pack("{s:s, s:I, s:I, s:i, s:f}", "name", family->head_names[k], "parameters",
                      (json_int_t)counts.parameters, "macs", (json_int_t)counts.macs, "best_epoch",
                      result->best_epoch[k], "validation", family->validation[k]);
        if (a->test)
            json_object_set_new(module, "test", json_real(family->accuracy[k]));
        json_array_append_new(modules, module);
    }
    wick_counts shared = wick_graph_counts(graph, 0);
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:I, s:{s:I, s:I}, s:o}",
                             "output", a->output, "strategy", family->strategy, "data", data->spec,
                             "data_sha256", data->hash.hex, "epochs", result->epochs, "seconds",
                             result->seconds, "waited", result->waited, "peak_mb",
                             (double)result->peak_bytes / MB, "run_id", (json_int_t)result->run_id,
                             "extractor", "parameters", (json_int_t)shared.parameters, "macs",
                             (json_int_t)shared.macs, "modules", modules);
    if (a->searched)
        json_object_set(root, "search", a->searched);
    return root;
}

static wick_status train(train_arguments *a, wick_graph *graph, const wick_data *data,
                         wick_diag *diag) {
    wick_train_result result;
    WICK_TRY(apply_weights(a, graph->family.n_heads, diag));
    if (a->search.budget_epochs)
        WICK_TRY(train_search(a, data, graph->family.n_heads, diag));
    WICK_TRY(wick_train_run(graph, data, &a->train, &result, diag));
    if (a->test)
        WICK_TRY(look_at_test(a, graph, data, &result, diag));
    if (wick_rank() > 0)
        return WICK_OK;
    WICK_TRY(wick_onnx_write(graph, a->output, diag));
    unlink(a->train.checkpoint); /* its work is in the output now */
    if (a->search.path)
        unlink(a->search.path);
    if (a->json)
        return cli_print_json(results_json(a, graph, data, &result)) ? WICK_OK : WICK_OUTPUT;
    print_table(graph, &result, a->test);
    printf("training took %.0f s, %.2f %% of its steps waiting for batches; peak memory %.0f MB\n",
           result.seconds, 100 * result.waited, (double)result.peak_bytes / MB);
    return WICK_OK;
}

static wick_status run(train_arguments *a, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    a->train.checkpoint = wick_arena_printf(arena, "%s.state", a->output);
    if (a->search.budget_epochs)
        a->search.path = wick_arena_printf(arena, "%s.search.json", a->output);
    a->train.runs_path = a->runs;
    a->train.run_name = a->name;
    wick_data *data = NULL;
    wick_graph *graph = NULL, *teacher = NULL;
    wick_status status = check_files(a, diag);
    if (status == WICK_OK)
        status = check_output(a, diag);
    if (status == WICK_OK)
        status = wick_data_open(a->data, &a->data_options, &data, diag);
    if (status == WICK_OK)
        status = train_build(a, data, a->train.strategy != WICK_STRATEGY_BASELINE, a->train.seed,
                             &graph, diag);
    if (status == WICK_OK && a->teacher)
        status = wick_onnx_read(a->teacher, &teacher, diag);
    a->train.teacher = teacher;
    if (status == WICK_OK && train_is_study(a))
        status = apply_weights(a, graph->family.n_heads, diag);
    status = wick_parallel_agree(status, diag);
    if (status == WICK_OK)
        status = train_is_study(a) ? train_study(a, data, diag) : train(a, graph, data, diag);
    if (teacher)
        wick_graph_free(teacher);
    if (graph)
        wick_graph_free(graph);
    if (data)
        wick_data_free(data);
    wick_arena_free(arena);
    return status;
}

/* Under mpirun this is one process of several: the first one talks and writes files. */
static wick_status join(train_arguments *a, wick_diag *diag) {
    WICK_TRY(wick_parallel_join(
        "wick: the training was ended from outside: another process of it died, or mpirun was "
        "stopped\n  hint: all finished epochs are in the output's .state file: the same command "
        "with --resume goes on, with any number of processes\n",
        diag));
    a->train.quiet = a->train.quiet || wick_rank() > 0;
    if (wick_ranks() == 1 || (!train_is_study(a) && !a->search.budget_epochs))
        return WICK_OK;
    return wick_parallel_agree(
        wick_fail(diag, WICK_UNSUPPORTED, NULL, "mpirun",
                  "train one strategy with one seed at a time, or leave out mpirun",
                  "studies and searches run as one process"),
        diag);
}

int cmd_train(int argc, char **argv) {
    train_arguments a = {.recipe = "vgg16",
                         .build = wick_recipe_defaults(),
                         .data_options = wick_data_defaults(),
                         .train = wick_train_defaults(),
                         .search = wick_search_defaults()};
    a.build.seed = a.train.seed;
    int exit_status;
    if (!train_parse(argc, argv, &a, &exit_status))
        return exit_status;
    wick_diag diag = {0};
    wick_status status = join(&a, &diag);
    if (status == WICK_OK)
        status = run(&a, &diag);
    json_decref(a.searched);
    if (wick_parallel_leave(status, &diag))
        return cli_finish(status, &diag);
    wick_diag_free(&diag); /* another process reports */
    return 0;
}
