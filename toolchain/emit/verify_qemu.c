/* The emitted firmware on QEMU's Cortex-M4 with real resets. */
#include "emit/verify_parts.h"

#include <stdlib.h>
#include <string.h>

/* "DONE resets=1 boots=2 ...": the number after `key`, or -1. */
static int64_t number_after(const char *text, const char *key) {
    const char *at = strstr(text, key);
    return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

static wick_status take_output(verify_session *session, wick_verify_case *c,
                               const wick_process *process, int64_t *differences) {
    /* QEMU writes semihosting text to standard error. */
    const char *text = process->errors.data && strstr(process->errors.data, "DONE")
                           ? process->errors.data
                       : process->output.data ? process->output.data
                                              : "";
    c->qemu_run = true;
    if (!strstr(text, "DONE"))
        return wick_fail(session->diag, WICK_TOOL, session->dir, "QEMU", NULL,
                         "module %d did not end (status %d): %.300s%.300s", c->module,
                         process->exit_status, text,
                         process->errors.data ? process->errors.data : "");
    const wick_qnet *net = session->plan->net;
    const char *logits = strstr(text, "LOGITS");
    c->qemu_equal =
        logits &&
        verify_same_text(logits, session->logits[c->input * net->n_modules + c->module - 1],
                         net->n_classes);
    c->qemu_resets = number_after(text, "resets=");
    c->qemu_boots = number_after(text, "boots=");
    c->qemu_rounds = number_after(text, "rounds=");
    c->qemu_wrong = number_after(text, "wrong=");
    c->qemu_longest_span_insns = number_after(text, "longest_insns=");
    if (c->qemu_resets < session->options->resets || c->qemu_wrong < 0)
        return wick_fail(session->diag, WICK_TOOL, session->dir, "QEMU", NULL,
                         "module %d: %lld of %d resets happened", c->module,
                         (long long)c->qemu_resets, session->options->resets);
    *differences += !c->qemu_equal + c->qemu_wrong;
    if ((!c->qemu_equal || c->qemu_wrong) && !c->replay[0])
        snprintf(c->replay, sizeof c->replay, "%d.%d.%llu.q:%d", c->module, c->input,
                 (unsigned long long)session->options->seed, session->options->resets);
    return WICK_OK;
}

static void on_done(void *context, int finished) {
    verify_session *session = context;
    wick_progress_update(&session->progress, (uint64_t)finished);
}

wick_status verify_qemu(verify_session *session, wick_verify_result *result) {
    if (!wick_process_exists("qemu-system-arm") || !wick_process_exists("arm-none-eabi-gcc"))
        return wick_fail(session->diag, WICK_NOT_FOUND, "QEMU", NULL, "make deps, or --no-qemu",
                         "qemu-system-arm or arm-none-eabi-gcc is not installed");
    char *program = wick_path_join(session->arena, session->temporary, "guest.elf");
    WICK_TRY(verify_build_guest(session, &(verify_core){.flags = "mps2-an386/an386.flags"},
                                "mps2-an386/guest.c", program));
    int count =
        0; /* the first input is enough: what differs between inputs is data, not control flow */
    wick_process *processes = wick_xalloc(sizeof *processes * (size_t)result->n_cases);
    int *owner = wick_xalloc(sizeof *owner * (size_t)result->n_cases);
    for (int i = 0; i < result->n_cases; i++) {
        if (result->cases[i].input != 0)
            continue;
        const char **argv = wick_new(session->arena, const char *, 24);
        int n = 0;
        argv[n++] = "qemu-system-arm";
        argv[n++] = "-M";
        argv[n++] = "mps2-an386";
        argv[n++] = "-icount";
        argv[n++] = "shift=6";
        argv[n++] = "-nographic";
        argv[n++] = "-serial";
        argv[n++] = "none";
        argv[n++] = "-monitor";
        argv[n++] = "none";
        argv[n++] = "-semihosting-config";
        argv[n++] = wick_arena_printf(
            session->arena,
            "enable=on,target=native,arg=guest,arg=%s,arg=%d,arg=%llu,arg=%d,arg=%d",
            session->inputs[0], result->cases[i].module, (unsigned long long)session->options->seed,
            session->options->resets, session->plan->device->nvm.mapped ? 1 : 0);
        argv[n++] = "-kernel";
        argv[n++] = program;
        owner[count] = i;
        processes[count++] = (wick_process){.argv = argv, .timeout_s = 900};
    }
    wick_progress_begin(&session->progress, "resets on QEMU's Cortex-M4", "run", (uint64_t)count);
    wick_status status =
        wick_process_run(processes, count, session->jobs, on_done, session, session->diag);
    wick_progress_end(&session->progress);
    for (int p = 0; p < count && status == WICK_OK; p++)
        status =
            take_output(session, &result->cases[owner[p]], &processes[p], &result->differences);
    for (int p = 0; p < count; p++)
        wick_process_free(&processes[p]);
    free(processes);
    free(owner);
    return status;
}
