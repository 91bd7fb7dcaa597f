/* Internal to the verification: one build folder and the two ways to run it. */
#ifndef WICK_VERIFY_PARTS_H
#define WICK_VERIFY_PARTS_H

#include "emit/verify.h"

typedef struct verify_session {
    wick_arena *arena;
    const char *dir; /* emitted folder */
    char *temporary; /* builds and inputs */
    const wick_plan *plan;
    const wick_verify_options *options;
    char **inputs;   /* [n_inputs] files with the quantized input */
    int8_t **logits; /* [n_inputs * n_modules][n_classes] of the PC's own run */
    int n_inputs, jobs;
    wick_progress progress;
    wick_diag *diag;
} verify_session;

/* The C files of the emitted folder that make the firmware, as arguments; NULL-terminated, count in
 * *n. */
wick_status verify_sources(verify_session *session, char ***files, int *n);
/* Compiles; the compiler's message becomes the diagnostic. */
wick_status verify_compile(verify_session *session, const char *const *argv);

wick_status verify_host(verify_session *session, wick_verify_result *result);
wick_status verify_host_replay(verify_session *session, int module, int input, const char *id,
                               wick_verify_result *result);
/* NOT_FOUND when QEMU or the ARM compiler is missing. */
wick_status verify_qemu(verify_session *session, wick_verify_result *result);

#endif
