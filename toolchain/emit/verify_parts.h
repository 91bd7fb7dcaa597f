/* Internal to the verification: one build folder and the ways to run it. */
#ifndef WICK_VERIFY_PARTS_H
#define WICK_VERIFY_PARTS_H

#include "emit/verify.h"

typedef struct verify_session {
    wick_arena *arena;
    const char *dir; /* emitted folder */
    char *temporary; /* builds and inputs */
    const wick_plan *plan;
    const wick_verify_options *options;
    char **inputs;    /* [n_inputs] files with the quantized input */
    int16_t **logits; /* [n_inputs * n_modules][n_classes] of the PC's own run */
    int n_inputs, jobs;
    wick_progress progress;
    wick_diag *diag;
} verify_session;

/* The C files of the emitted folder that make the firmware, as arguments; NULL-terminated, count in
 * *n. */
wick_status verify_sources(verify_session *session, char ***files, int *n);
/* The folder comes from this plan; else MISMATCH. */
wick_status verify_manifest(verify_session *session);
/* Compiles; the compiler's message becomes the diagnostic. */
wick_status verify_compile(verify_session *session, const char *const *argv);
/* What builds for one of QEMU's boards; files are below boards/. */
typedef struct verify_core {
    const char *flags;                     /* the board's options */
    const char *cpu;                       /* one more option, or NULL */
    const char *compiler, *start, *linker; /* NULL: those of the Arm boards */
} verify_core;
/* The emitted folder with boards/`source` as a program for that board in the file `guest`. */
wick_status verify_build_guest(verify_session *session, const verify_core *core, const char *source,
                               const char *guest);

wick_status verify_host(verify_session *session, wick_verify_result *result);
wick_status verify_host_replay(verify_session *session, int module, int input, const char *id,
                               wick_verify_result *result);
/* NOT_FOUND when QEMU or the ARM compiler is missing. */
wick_status verify_qemu(verify_session *session, wick_verify_result *result);

/* Runs a rig's program on one case again: what it explains and whether it differs. SYNTAX: there is
 * no such case. */
wick_status verify_run_replay(verify_session *session, const char *const *argv,
                              wick_verify_result *result);
/* The rigs beside these two that options.rigs names. */
wick_status verify_other_rigs(verify_session *session, wick_verify_result *result);
wick_verify_rig *verify_add_rig(wick_verify_result *result, const char *name, const char *core,
                                int module);
wick_status verify_thumb(verify_session *session, wick_verify_result *result);
wick_status verify_thumb_replay(verify_session *session, int module, int input, const char *id,
                                wick_verify_result *result);
wick_status verify_kill(verify_session *session, wick_verify_result *result);
/* Why a rig cannot run here, or NULL. */
const char *verify_thumb_missing(void);
const char *verify_kill_missing(void);
/* A JSON array, or text at "LOGITS 1 2 ...", against the PC's own run. */
bool verify_same_logits(const json_t *list, const int16_t *logits, int n_classes);
bool verify_same_text(const char *text, const int16_t *logits, int n_classes);

#endif
