/* The emitted firmware on the PC, in processes of its own: several at once, each with a part of the
 * cuts. */
#include "emit/verify_parts.h"

#include <stdlib.h>
#include <string.h>

static const char *const board_files[] = {"powercut_options.c", "powercut_cases.c",
                                          "powercut_rig.c", "nvm_emulation.c"};
static const char *const written_in_place[] = {"powercut.c"};
static const char *const in_a_log[] = {"powercut_flash.c", "flash_emulation.c", "flash_use.c"};

static bool is_flash(const verify_session *session) {
    return session->plan->device->nvm.page_bytes > 0;
}

static wick_status build(verify_session *session, char **program) {
    char **files;
    int n_files;
    WICK_TRY(verify_sources(session, &files, &n_files));
    char *board = wick_path_join(session->arena, wick_share_dir(), "boards/host");
    *program = wick_path_join(session->arena, session->temporary, "powercut");
    const char **argv = wick_new(session->arena, const char *, n_files + 20);
    const char *const *memory = is_flash(session) ? in_a_log : written_in_place;
    size_t n_memory = is_flash(session) ? WICK_LEN(in_a_log) : WICK_LEN(written_in_place);
    int n = 0;
    argv[n++] = session->options->compiler;
    argv[n++] = "-std=c99";
    argv[n++] = "-O3";
    argv[n++] = wick_arena_printf(session->arena, "-I%s", session->dir);
    argv[n++] = wick_arena_printf(session->arena, "-I%s/include", session->dir);
    argv[n++] = wick_arena_printf(session->arena, "-I%s", board);
    for (size_t i = 0; i < WICK_LEN(board_files); i++)
        argv[n++] = wick_path_join(session->arena, board, board_files[i]);
    for (size_t i = 0; i < n_memory; i++)
        argv[n++] = wick_path_join(session->arena, board, memory[i]);
    for (int i = 0; i < n_files; i++)
        argv[n++] = files[i];
    argv[n++] = "-o";
    argv[n++] = *program;
    return verify_compile(session, argv);
}

static const char **arguments(verify_session *session, const char *program, int module, int input,
                              int *count) {
    const wick_device *device = session->plan->device;
    const char **argv = wick_new(session->arena, const char *, 32);
    int n = 0;
    argv[n++] = program;
    argv[n++] = session->inputs[input];
    argv[n++] = wick_arena_printf(session->arena, "%d", module);
    argv[n++] = "--seed";
    argv[n++] =
        wick_arena_printf(session->arena, "%llu", (unsigned long long)session->options->seed);
    argv[n++] = "--atomic";
    int64_t atomic = device->nvm.atomic_bytes < 8 ? device->nvm.atomic_bytes : 8;
    argv[n++] = wick_arena_printf(session->arena, "%lld", (long long)atomic);
    argv[n++] = "--write-unit";
    argv[n++] =
        wick_arena_printf(session->arena, "%lld", (long long)wick_device_unit_bytes(device));
    argv[n++] = "--voltage";
    argv[n++] = session->options->voltage;
    if (device->nvm.mapped)
        argv[n++] = "--mapped";
    if (session->options->plant_war)
        argv[n++] = "--plant-war";
    *count = n;
    return argv;
}

static int64_t field(const json_t *object, const char *key) {
    return json_integer_value(json_object_get(object, key));
}

static void take_tally(const verify_session *session, wick_verify_case *c, const json_t *tally,
                       int64_t *cuts, int64_t *differences) {
    *cuts += field(tally, "cuts");
    *differences += field(tally, "differences");
    const char *replay = json_string_value(json_object_get(tally, "replay"));
    if (replay && !c->replay[0])
        snprintf(c->replay, sizeof c->replay, "%d.%d.%llu.%s", c->module, c->input,
                 (unsigned long long)session->options->seed, replay);
}

/* Adds what one process printed to its case. */
static wick_status take_output(verify_session *session, wick_verify_case *c,
                               const wick_process *process, bool first, int64_t *differences) {
    json_t *root = process->output.data ? json_loads(process->output.data, 0, NULL) : NULL;
    if (!root || (process->exit_status != 0 && process->exit_status != 1)) {
        json_decref(root);
        return wick_fail(session->diag, WICK_TOOL, session->dir, NULL, NULL,
                         "the power-cut run of module %d ended with status %d: %.300s", c->module,
                         process->exit_status, process->errors.data ? process->errors.data : "");
    }
    const wick_qnet *net = session->plan->net;
    bool equal = verify_same_logits(json_object_get(root, "logits"),
                                    session->logits[c->input * net->n_modules + c->module - 1],
                                    net->n_classes);
    c->host_equal = (first || c->host_equal) && equal;
    c->host_run = true;
    c->writes = field(root, "writes");
    c->variants = (int)field(root, "variants");
    c->commits = field(root, "commits");
    c->most_writes = field(root, "most_writes");
    c->declared_writes = wick_plan_wear(session->plan, c->module);
    take_tally(session, c, json_object_get(root, "exhaustive"), &c->exhaustive_cuts,
               &c->exhaustive_differences);
    take_tally(session, c, json_object_get(root, "barriers"), &c->barrier_cuts,
               &c->barrier_differences);
    take_tally(session, c, json_object_get(root, "pairs"), &c->pair_cuts, &c->pair_differences);
    take_tally(session, c, json_object_get(root, "seeded"), &c->seeded_cuts,
               &c->seeded_differences);
    take_tally(session, c, json_object_get(root, "record_flips"), &c->record_flips,
               &c->record_flip_differences);
    take_tally(session, c, json_object_get(root, "next_input"), &c->next_cuts,
               &c->next_differences);
    if (field(root, "worst_commits") > c->worst_commits)
        c->worst_commits = (int)field(root, "worst_commits");
    c->foreign_refused = (first || c->foreign_refused) && !field(root, "foreign_resumed");
    c->damage_noticed = (first || c->damage_noticed) && !field(root, "damage_missed");
    *differences += !equal + field(root, "foreign_resumed") + field(root, "damage_missed");
    json_decref(root);
    return WICK_OK;
}

/* Every cut that was asked for must have been made: a harness that does less proves less. */
static wick_status check_complete(const verify_session *session, const wick_verify_case *c) {
    const wick_verify_options *options = session->options;
    int64_t cuts = options->exhaustive ? c->variants * c->writes * options->rounds : 0;
    /* An operation on flash is durable when it returns. */
    bool barriers = is_flash(session) || c->barrier_cuts >= 2 * c->commits * options->rounds;
    bool pairs = options->pairs == WICK_VERIFY_ALL
                     ? c->pair_cuts > c->writes * options->rounds
                     : c->pair_cuts == options->pairs * options->rounds;
    if (c->writes > 0 && c->variants > 0 && c->exhaustive_cuts == cuts && pairs &&
        (!options->exhaustive || barriers) && c->seeded_cuts == options->seeded &&
        c->record_flips > 0 && c->next_cuts > 0)
        return WICK_OK;
    return wick_fail(
        session->diag, WICK_TOOL, session->dir, NULL, NULL,
        "module %d: only %lld of %lld cuts, %lld pairs and %lld of %d seeded ones were made",
        c->module, (long long)c->exhaustive_cuts, (long long)cuts, (long long)c->pair_cuts,
        (long long)c->seeded_cuts, options->seeded);
}

static void on_done(void *context, int finished) {
    verify_session *session = context;
    wick_progress_update(&session->progress, (uint64_t)finished);
}

wick_status verify_host(verify_session *session, wick_verify_result *result) {
    char *program;
    WICK_TRY(build(session, &program));
    /* More parts than processes at once, so that they end together. */
    int parts = session->jobs > 1 ? 2 * session->jobs : 1, count = parts * result->n_cases;
    wick_process *processes = wick_xalloc(sizeof *processes * (size_t)count);
    for (int p = 0; p < count; p++) {
        const wick_verify_case *c = &result->cases[p / parts];
        int n;
        const char **argv = arguments(session, program, c->module, c->input, &n);
        if (session->options->exhaustive)
            argv[n++] = "--exhaustive";
        argv[n++] = "--pairs";
        argv[n++] =
            session->options->pairs == WICK_VERIFY_ALL
                ? "all"
                : wick_arena_printf(session->arena, "%lld", (long long)session->options->pairs);
        argv[n++] = "--rounds";
        argv[n++] = wick_arena_printf(session->arena, "%d", session->options->rounds);
        argv[n++] = "--seeded";
        argv[n++] = wick_arena_printf(session->arena, "%d", session->options->seeded);
        argv[n++] = "--part";
        argv[n++] = wick_arena_printf(session->arena, "%d/%d", p % parts, parts);
        processes[p].argv = argv;
    }
    wick_progress_begin(&session->progress, "power cuts on the PC", "run", (uint64_t)count);
    wick_status status =
        wick_process_run(processes, count, session->jobs, on_done, session, session->diag);
    wick_progress_end(&session->progress);
    for (int p = 0; p < count && status == WICK_OK; p++)
        status = take_output(session, &result->cases[p / parts], &processes[p], p % parts == 0,
                             &result->differences);
    for (int i = 0; i < result->n_cases && status == WICK_OK; i++)
        status = check_complete(session, &result->cases[i]);
    for (int i = 0; i < result->n_cases; i++)
        result->differences +=
            (result->cases[i].worst_commits > 1) + /* G3 */
            (result->cases[i].most_writes > result->cases[i].declared_writes) +
            result->cases[i].exhaustive_differences + result->cases[i].seeded_differences +
            result->cases[i].barrier_differences + result->cases[i].pair_differences +
            result->cases[i].record_flip_differences + result->cases[i].next_differences;
    for (int p = 0; p < count; p++)
        wick_process_free(&processes[p]);
    free(processes);
    return status;
}

wick_status verify_host_replay(verify_session *session, int module, int input, const char *id,
                               wick_verify_result *result) {
    char *program;
    WICK_TRY(build(session, &program));
    int n;
    const char **argv = arguments(session, program, module, input, &n);
    argv[n++] = "--replay";
    argv[n++] = id;
    WICK_TRY(verify_run_replay(session, argv, result));
    result->cases = wick_xalloc(sizeof *result->cases);
    result->cases[0] = (wick_verify_case){.module = module, .input = input, .host_run = true};
    if (result->differences)
        snprintf(result->cases[0].replay, sizeof result->cases[0].replay, "%s",
                 session->options->replay);
    result->n_cases = 1;
    return WICK_OK;
}
