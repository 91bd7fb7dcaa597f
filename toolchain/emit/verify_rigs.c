/* The rigs beside the host and QEMU's resets: which of them are there, what they found; the MSP430,
   whose rig is a script of its own. */
#include "emit/verify_parts.h"

#include <stdlib.h>
#include <string.h>

wick_verify_rig *verify_add_rig(wick_verify_result *result, const char *name, const char *core,
                                int module) {
    size_t count = (size_t)result->n_rigs + 1;
    result->rigs = wick_xrealloc(result->rigs, count * sizeof *result->rigs);
    wick_verify_rig *rig = &result->rigs[result->n_rigs++];
    *rig = (wick_verify_rig){.name = name, .core = core, .module = module};
    return rig;
}

bool verify_same_logits(const json_t *list, const int16_t *logits, int n_classes) {
    if (json_array_size(list) != (size_t)n_classes)
        return false;
    for (int c = 0; c < n_classes; c++)
        if (json_integer_value(json_array_get(list, (size_t)c)) != logits[c])
            return false;
    return true;
}

bool verify_same_text(const char *text, const int16_t *logits, int n_classes) {
    const char *at = text + strlen("LOGITS");
    for (int c = 0; c < n_classes; c++) {
        char *end;
        long value = strtol(at, &end, 10);
        if (end == at || value != logits[c])
            return false;
        at = end;
    }
    return *at == '\n';
}

static const char *msp430_missing(const verify_session *session) {
    if (strncmp(session->plan->device->core, "MSP430", 6) != 0)
        return "the plan is not for an MSP430";
    static const char *const tools[] = {"clang", "ld.lld", "mspdebug"};
    for (size_t i = 0; i < WICK_LEN(tools); i++)
        if (!wick_process_exists(tools[i]))
            return "clang, ld.lld or mspdebug is not installed (make deps)";
    return NULL;
}

/* "..., <number> boots" of the script's last line: the number before `word`, or -1. */
static int64_t number_before(const char *text, const char *word) {
    const char *at = strstr(text, word);
    while (at && at > text && at[-1] >= '0' && at[-1] <= '9')
        at--;
    return at && *at >= '0' && *at <= '9' ? strtoll(at, NULL, 10) : -1;
}

/* Module 1 with the input of msp430_main.c: what the script compares is its run on this machine. */
static wick_status verify_msp430(verify_session *session, wick_verify_result *result) {
    const char *argv[] = {
        "bash",
        wick_path_join(session->arena, wick_share_dir(), "boards/msp430/simulate.sh"),
        session->dir,
        wick_arena_printf(session->arena, "%d", session->options->msp430_cuts),
        wick_arena_printf(session->arena, "%llu", (unsigned long long)session->options->seed),
        NULL};
    wick_process process = {.argv = argv, .timeout_s = 3600};
    wick_status status = wick_process_run(&process, 1, 1, NULL, NULL, session->diag);
    wick_buf_append(&process.output, "", 0);
    const char *text = process.output.data ? process.output.data : "";
    int64_t cuts = number_before(text, " power failures, ");
    if (status == WICK_OK && (process.exit_status > 1 || cuts < 0))
        status = wick_fail(session->diag, WICK_TOOL, session->dir, "mspdebug", NULL,
                           "the simulated MSP430 ended with status %d: %.300s", process.exit_status,
                           text);
    if (status == WICK_OK) {
        wick_verify_rig *rig = verify_add_rig(result, "msp430", "msp430", 1);
        rig->experiments = cuts;
        rig->differences = process.exit_status;
        snprintf(rig->what, sizeof rig->what, "cut between instructions; %lld whole results",
                 (long long)number_before(text, " results"));
    }
    wick_process_free(&process);
    return status;
}

/* One rig, or the reason why it was left out: a failure where it was asked for by name. */
static wick_status run_rig(verify_session *session, wick_verify_result *result, const char *name,
                           const char *missing,
                           wick_status (*rig)(verify_session *, wick_verify_result *)) {
    if (!missing)
        return rig(session, result);
    if (!session->options->what_is_there)
        return wick_fail(session->diag, WICK_NOT_FOUND, name, NULL, "leave this rig out", "%s",
                         missing);
    verify_add_rig(result, name, "", 0)->missing = missing;
    return WICK_OK;
}

wick_status verify_run_replay(verify_session *session, const char *const *argv,
                              wick_verify_result *result) {
    wick_process process = {.argv = argv};
    wick_status status = wick_process_run(&process, 1, 1, NULL, NULL, session->diag);
    if (status == WICK_OK && process.exit_status > 1)
        status =
            wick_fail(session->diag, WICK_SYNTAX, NULL, session->options->replay, NULL, "%.300s",
                      process.errors.data ? process.errors.data : "the replay failed");
    if (status == WICK_OK) {
        result->explanation = wick_xstrdup(process.errors.data ? process.errors.data : "");
        result->differences = process.exit_status;
    }
    wick_process_free(&process);
    return status;
}

wick_status verify_other_rigs(verify_session *session, wick_verify_result *result) {
    unsigned rigs = session->options->rigs;
    const char *flash = NULL;
    if (session->plan->device->nvm.page_bytes)
        flash = "the plan is for flash, which this rig has not";
    if (rigs & WICK_RIG_UNICORN)
        WICK_TRY(run_rig(session, result, "unicorn", verify_thumb_missing(), verify_thumb));
    if (rigs & WICK_RIG_KILL)
        WICK_TRY(run_rig(session, result, "qemu-kill", flash ? flash : verify_kill_missing(),
                         verify_kill));
    if (rigs & WICK_RIG_MSP430)
        WICK_TRY(run_rig(session, result, "msp430", msp430_missing(session), verify_msp430));
    for (int i = 0; i < result->n_rigs; i++)
        result->differences += result->rigs[i].differences;
    return WICK_OK;
}

int64_t wick_verify_experiments(const wick_verify_result *result) {
    int64_t n = 0;
    for (int i = 0; i < result->n_cases; i++) {
        const wick_verify_case *c = &result->cases[i];
        n += c->exhaustive_cuts + c->barrier_cuts + c->pair_cuts + c->seeded_cuts +
             c->record_flips + c->next_cuts + (c->qemu_run ? c->qemu_resets : 0);
    }
    for (int i = 0; i < result->n_rigs; i++)
        n += result->rigs[i].experiments;
    return n;
}
