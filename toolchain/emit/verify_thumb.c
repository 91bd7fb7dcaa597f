/* The emitted firmware as real Thumb code in Unicorn (boards/thumb), in processes of its own. */
#include "emit/verify_parts.h"

#include <stdlib.h>
#include <string.h>

/* Unicorn's core for a device's: the same instructions, without FPU and Helium. */
static const char *core_of(const char *core, const char **cpu) {
    static const struct {
        const char *device, *name, *cpu;
    } cores[] = {{"Cortex-M0", "m0", "-mcpu=cortex-m0plus"},
                 {"Cortex-M33", "m33", "-mcpu=cortex-m33"},
                 {"Cortex-M3", "m3", "-mcpu=cortex-m3"}};
    for (size_t i = 0; i < WICK_LEN(cores); i++)
        if (!strncmp(core, cores[i].device, strlen(cores[i].device))) {
            *cpu = cores[i].cpu;
            return cores[i].name;
        }
    *cpu = "-mcpu=cortex-m4";
    return "m4";
}

/* Flash and its log as the rig sees them are wick's own files, not the emitted ones. */
static wick_status build_rig(verify_session *session, char **program) {
    static const char *const files[] = {
        "boards/thumb/thumbcut.c",   "boards/thumb/thumb_machine.c",
        "boards/thumb/thumb_chip.c", "boards/host/flash_emulation.c",
        "boards/host/flash_use.c",   "runtime/nvm/nvm_flash.c",
        "runtime/nvm/nvm_crc32.c"};
    const char *share = wick_share_dir();
    *program = wick_path_join(session->arena, session->temporary, "thumbcut");
    const char *argv[WICK_LEN(files) + 9] = {
        session->options->compiler, "-std=gnu11", "-O2",
        wick_arena_printf(session->arena, "-I%s/boards/host", share),
        wick_arena_printf(session->arena, "-I%s/runtime/include", share)};
    int n = 5;
    for (size_t i = 0; i < WICK_LEN(files); i++)
        argv[n++] = wick_path_join(session->arena, share, files[i]);
    argv[n++] = "-lunicorn";
    argv[n++] = "-o";
    argv[n++] = *program;
    return verify_compile(session, argv);
}

static wick_status build_guest(verify_session *session, const char *board, const char *cpu,
                               char **guest) {
    char **files;
    int n_files, n = 0;
    WICK_TRY(verify_sources(session, &files, &n_files));
    const char **argv = wick_new(session->arena, const char *, n_files + 20);
    *guest = wick_path_join(session->arena, session->temporary, "thumb.elf");
    argv[n++] = "arm-none-eabi-gcc";
    argv[n++] = cpu;
    argv[n++] = "-mfloat-abi=soft";
    argv[n++] = wick_arena_printf(session->arena, "@%s/thumb.flags", board);
    argv[n++] = "-std=gnu99";
    argv[n++] = "-O2";
    argv[n++] = "-ffreestanding";
    argv[n++] = "-T";
    argv[n++] = wick_path_join(session->arena, board, "../common/mps.ld");
    argv[n++] = wick_arena_printf(session->arena, "-I%s", session->dir);
    argv[n++] = wick_arena_printf(session->arena, "-I%s/include", session->dir);
    argv[n++] = wick_arena_printf(session->arena, "-I%s", board);
    argv[n++] = wick_path_join(session->arena, board, "thumb_guest.c");
    argv[n++] = wick_path_join(session->arena, board, "thumb_memory.c");
    for (int i = 0; i < n_files; i++)
        argv[n++] = files[i];
    argv[n++] = "-o";
    argv[n++] = *guest;
    return verify_compile(session, argv);
}

static const char **arguments(verify_session *session, const char *program, const char *guest,
                              const char *core, const wick_verify_case *c, int *count) {
    const char **argv = wick_new(session->arena, const char *, 24);
    int n = 0;
    argv[n++] = program;
    argv[n++] = guest;
    argv[n++] = core;
    argv[n++] = session->inputs[c->input];
    argv[n++] = wick_arena_printf(session->arena, "%d", c->module);
    if (session->plan->device->nvm.mapped)
        argv[n++] = "--mapped";
    if (!strcmp(session->options->voltage, "random"))
        argv[n++] = "--lazy";
    argv[n++] = "--seed";
    argv[n++] =
        wick_arena_printf(session->arena, "%llu", (unsigned long long)session->options->seed);
    *count = n;
    return argv;
}

/* Adds what one process printed. */
static wick_status take_output(verify_session *session, wick_verify_rig *rig, int input,
                               const wick_process *process) {
    json_t *root = process->output.data ? json_loads(process->output.data, 0, NULL) : NULL;
    if (!root || (process->exit_status != 0 && process->exit_status != 1)) {
        json_decref(root);
        return wick_fail(session->diag, WICK_TOOL, session->dir, "Unicorn", NULL,
                         "module %d ended with status %d: %.300s", rig->module,
                         process->exit_status, process->errors.data ? process->errors.data : "");
    }
    const wick_qnet *net = session->plan->net;
    if (!verify_same_logits(json_object_get(root, "logits"),
                            session->logits[input * net->n_modules + rig->module - 1],
                            net->n_classes))
        rig->differences++;
    static const char *const kinds[] = {"store_cuts", "instruction_cuts", "series"};
    for (size_t i = 0; i < WICK_LEN(kinds); i++) {
        const json_t *tally = json_object_get(root, kinds[i]);
        rig->experiments += json_integer_value(json_object_get(tally, "cuts"));
        rig->differences += json_integer_value(json_object_get(tally, "differences"));
        const char *replay = json_string_value(json_object_get(tally, "replay"));
        if (replay && !rig->replay[0])
            snprintf(rig->replay, sizeof rig->replay, "%d.%d.%llu.%s", rig->module, input,
                     (unsigned long long)session->options->seed, replay);
    }
    snprintf(rig->what, sizeof rig->what, "cut among %lld %s and %lld instructions",
             (long long)json_integer_value(json_object_get(root, "stores")),
             session->plan->device->nvm.page_bytes ? "operations of the flash" : "NVM stores",
             (long long)json_integer_value(json_object_get(root, "instructions")));
    json_decref(root);
    return WICK_OK;
}

static wick_status prepare(verify_session *session, char **program, char **guest,
                           const char **core) {
    const char *cpu;
    char *board = wick_path_join(session->arena, wick_share_dir(), "boards/thumb");
    *core = core_of(session->plan->device->core, &cpu);
    WICK_TRY(build_rig(session, program));
    return build_guest(session, board, cpu, guest);
}

const char *verify_thumb_missing(void) {
    if (!wick_process_exists("arm-none-eabi-gcc"))
        return "arm-none-eabi-gcc is not installed (make deps)";
    return wick_path_is_file("/usr/include/unicorn/unicorn.h")
               ? NULL
               : "libunicorn-dev is not installed (make deps)";
}

static void on_done(void *context, int finished) {
    verify_session *session = context;
    wick_progress_update(&session->progress, (uint64_t)finished);
}

wick_status verify_thumb(verify_session *session, wick_verify_result *result) {
    char *program, *guest;
    const char *core;
    WICK_TRY(prepare(session, &program, &guest, &core));
    bool all = session->options->thumb_cuts == WICK_VERIFY_ALL;
    const char *cuts =
        wick_arena_printf(session->arena, "%lld", (long long)session->options->thumb_cuts);
    /* Each is several boots, to the end. */
    const char *series = wick_arena_printf(
        session->arena, "%lld", all ? 1000LL : (long long)(session->options->thumb_cuts + 3) / 4);
    int parts = session->jobs, count = parts * result->n_cases;
    wick_process *processes = wick_xalloc(sizeof *processes * (size_t)count);
    for (int p = 0; p < count; p++) {
        int n;
        const char **argv = arguments(session, program, guest, core, &result->cases[p / parts], &n);
        argv[n++] = "--stores";
        argv[n++] = all ? "all" : cuts;
        argv[n++] = all ? "--instructions" : "--sampled-instructions";
        argv[n++] = all ? "1" : cuts;
        argv[n++] = "--series";
        argv[n++] = series;
        argv[n++] = "--part";
        argv[n++] = wick_arena_printf(session->arena, "%d/%d", p % parts, parts);
        processes[p].argv = argv;
    }
    wick_progress_begin(&session->progress, "power cuts in Unicorn", "run", (uint64_t)count);
    wick_status status =
        wick_process_run(processes, count, session->jobs, on_done, session, session->diag);
    wick_progress_end(&session->progress);
    for (int p = 0; p < count && status == WICK_OK; p++) {
        const wick_verify_case *c = &result->cases[p / parts];
        wick_verify_rig *rig = p % parts ? &result->rigs[result->n_rigs - 1]
                                         : verify_add_rig(result, "unicorn", core, c->module);
        status = take_output(session, rig, c->input, &processes[p]);
        if (status == WICK_OK && p % parts == parts - 1 && rig->experiments == 0)
            status = wick_fail(session->diag, WICK_TOOL, session->dir, "Unicorn", NULL,
                               "module %d: no cut was made", rig->module);
    }
    for (int p = 0; p < count; p++)
        wick_process_free(&processes[p]);
    free(processes);
    return status;
}

wick_status verify_thumb_replay(verify_session *session, int module, int input, const char *id,
                                wick_verify_result *result) {
    char *program, *guest;
    const char *core;
    WICK_TRY(prepare(session, &program, &guest, &core));
    wick_verify_case c = {.module = module, .input = input};
    int n;
    const char **argv = arguments(session, program, guest, core, &c, &n);
    argv[n++] = "--replay";
    argv[n++] = id;
    return verify_run_replay(session, argv, result);
}
