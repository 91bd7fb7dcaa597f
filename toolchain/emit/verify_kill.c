/* The emitted firmware on QEMU's Cortex-M4, M7 and M55 with its NVM in a file: the emulator's
   process is killed before a seeded instruction and another is started on the same file, until the
   answer is out (boards/common/kill_guest.c, kill_plugin.c). */
#include "emit/verify_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static const struct board {
    const char *core, *machine, *flags;
    int64_t memory; /* bytes of the memory behind the board, of which the NVM is a part */
} boards[] = {{"m4", "mps2-an386", "mps2-an386/an386.flags", INT64_C(16) << 20},
              {"m7", "mps2-an500", "mps2-an500/an500.flags", INT64_C(16) << 20},
              {"m55", "mps3-an547", "mps3-an547/an547.flags", INT64_C(2) << 30}};

typedef struct kill_run {
    verify_session *session;
    const struct board *board;
    const char *plugin, *guest, *nvm, *count; /* files */
    wick_verify_case *c;
    wick_rng rng;
    wick_buf text; /* what all processes of this round printed */
} kill_run;

const char *verify_kill_missing(void) {
    if (!wick_process_exists("qemu-system-arm") || !wick_process_exists("arm-none-eabi-gcc"))
        return "qemu-system-arm or arm-none-eabi-gcc is not installed (make deps)";
    const char *argv[] = {"qemu-system-arm", "-help", NULL};
    wick_process help = {.argv = argv, .timeout_s = 60};
    wick_diag diag = {0};
    bool plugins = wick_process_run(&help, 1, 1, NULL, NULL, &diag) == WICK_OK &&
                   help.output.data && strstr(help.output.data, "-plugin");
    wick_process_free(&help);
    wick_diag_free(&diag);
    return plugins ? NULL : "this QEMU has no plugins";
}

static wick_status build_plugin(verify_session *session, const char *share, const char *plugin) {
    const char *argv[] = {session->options->compiler,
                          "-shared",
                          "-fPIC",
                          "-O2",
                          wick_path_join(session->arena, share, "common/kill_plugin.c"),
                          "-o",
                          plugin,
                          NULL};
    return verify_compile(session, argv);
}

/* Blank memory, as large as the board's. */
static wick_status blank(const kill_run *run) {
    unlink(run->nvm);
    FILE *file = fopen(run->nvm, "wb");
    bool made = file && ftruncate(fileno(file), (off_t)run->board->memory) == 0;
    if (file && fclose(file) != 0)
        made = false;
    return made ? WICK_OK
                : wick_fail(run->session->diag, WICK_OUTPUT, run->nvm, NULL,
                            "free some space there", "the memory's file cannot be made");
}

/* One process, killed before instruction `at` (0 = never). *status: 0 done, 137 killed. */
static wick_status start(kill_run *run, uint64_t at, int *status) {
    verify_session *session = run->session;
    wick_arena *arena = session->arena;
    const char *argv[] = {
        "qemu-system-arm",
        "-M",
        wick_arena_printf(arena, "%s,memory-backend=nvm", run->board->machine),
        "-object",
        wick_arena_printf(arena, "memory-backend-file,id=nvm,size=%lldM,mem-path=%s,share=on",
                          (long long)(run->board->memory >> 20), run->nvm),
        "-plugin",
        wick_arena_printf(arena, "%s,at=%llu,out=%s", run->plugin, (unsigned long long)at,
                          run->count),
        "-nographic",
        "-serial",
        "none",
        "-monitor",
        "none",
        "-semihosting-config",
        wick_arena_printf(arena, "enable=on,target=native,arg=guest,arg=%s,arg=%d,arg=%d",
                          session->inputs[run->c->input], run->c->module,
                          session->plan->device->nvm.mapped ? 1 : 0),
        "-kernel",
        run->guest,
        NULL};
    wick_process process = {.argv = argv, .timeout_s = 900};
    wick_status result = wick_process_run(&process, 1, 1, NULL, NULL, session->diag);
    if (process.output.data)
        wick_buf_puts(&run->text, process.output.data);
    if (process.errors.data)
        wick_buf_puts(&run->text, process.errors.data);
    *status = process.exit_status;
    wick_process_free(&process);
    return result;
}

/* Every answer in the round's text is the PC's own, and there is one. A process that is killed
   while it prints leaves the beginning of a line. */
static bool all_right(const kill_run *run) {
    const wick_qnet *net = run->session->plan->net;
    const int16_t *logits =
        run->session->logits[run->c->input * net->n_modules + run->c->module - 1];
    wick_buf want = {0};
    wick_buf_puts(&want, "LOGITS");
    for (int c = 0; c < net->n_classes; c++)
        wick_buf_printf(&want, " %d", logits[c]);
    wick_buf_puts(&want, "\n");
    int answers = 0;
    bool right = true;
    for (const char *at = run->text.data ? strstr(run->text.data, "LOGITS") : NULL; at;) {
        const char *next = strstr(at + 1, "LOGITS");
        size_t len = next ? (size_t)(next - at) : strlen(at);
        bool whole = len >= want.len;
        right &= strncmp(at, want.data, whole ? want.len : len) == 0;
        answers += whole;
        at = next;
    }
    wick_buf_free(&want);
    return right && answers > 0;
}

static wick_status read_count(kill_run *run, uint64_t *instructions) {
    wick_bytes text = {0};
    wick_status status =
        wick_file_read(run->session->arena, run->count, 64, &text, run->session->diag);
    *instructions = 0;
    if (status == WICK_OK)
        *instructions = strtoull(
            wick_arena_printf(run->session->arena, "%.*s", (int)text.len, (const char *)text.data),
            NULL, 10);
    if (status == WICK_OK && *instructions < 100)
        status = wick_fail(run->session->diag, WICK_TOOL, run->count, "QEMU", NULL,
                           "the plugin has not counted the instructions");
    return status;
}

/* Rounds from blank memory until `kills` processes were killed. */
static wick_status kill_often(kill_run *run, wick_verify_rig *rig) {
    int status;
    uint64_t total = 0;
    WICK_TRY(blank(run));
    WICK_TRY(start(run, 0, &status));
    if (status != 0)
        return wick_fail(run->session->diag, WICK_TOOL, run->session->dir, "QEMU", NULL,
                         "the uninterrupted run on the %s ended with status %d: %.300s", rig->core,
                         status, run->text.data ? run->text.data : "");
    WICK_TRY(read_count(run, &total));
    rig->differences += !all_right(run);
    int rounds = 0;
    while (rig->experiments < run->session->options->kills) {
        wick_buf_free(&run->text);
        WICK_TRY(blank(run));
        do {
            /* Half of them in the last eighth: start-up is most of a small model's run. */
            uint64_t first = wick_rng_below(&run->rng, 2) ? total / 8 * 7 : 1;
            uint64_t span = total - first, at = wick_rng_next(&run->rng) % span + first;
            WICK_TRY(start(run, at, &status));
            rig->experiments += status == 137;
        } while (status == 137);
        rounds++;
        if (status != 0 || !all_right(run)) {
            rig->differences++;
            break;
        }
    }
    snprintf(rig->what, sizeof rig->what, "processes killed in %d inferences of %llu instructions",
             rounds, (unsigned long long)total);
    return WICK_OK;
}

wick_status verify_kill(verify_session *session, wick_verify_result *result) {
    wick_arena *arena = session->arena;
    char *share = wick_path_join(arena, wick_share_dir(), "boards");
    kill_run run = {.session = session,
                    .plugin = wick_path_join(arena, session->temporary, "kill.so"),
                    .guest = wick_path_join(arena, session->temporary, "kill.elf"),
                    .nvm = wick_path_join(arena, session->temporary, "nvm.bin"),
                    .count = wick_path_join(arena, session->temporary, "count.txt")};
    WICK_TRY(build_plugin(session, share, run.plugin));
    wick_progress_begin(&session->progress, "QEMU killed", "run",
                        (uint64_t)(WICK_LEN(boards) * (size_t)result->n_cases));
    wick_status status = WICK_OK;
    uint64_t done = 0;
    for (size_t b = 0; b < WICK_LEN(boards) && status == WICK_OK; b++) {
        run.board = &boards[b];
        status = verify_build_guest(session, &(verify_core){.flags = run.board->flags},
                                    "common/kill_guest.c", run.guest);
        for (int i = 0; i < result->n_cases && status == WICK_OK; i++) {
            run.c = &result->cases[i];
            run.rng = wick_rng_seed(session->options->seed, 0x6b696c6c + b * 64 + (uint64_t)i);
            if (run.c->input == 0)
                status = kill_often(
                    &run, verify_add_rig(result, "qemu-kill", run.board->core, run.c->module));
            wick_buf_free(&run.text);
            wick_progress_update(&session->progress, ++done);
        }
    }
    wick_progress_end(&session->progress);
    return status;
}
