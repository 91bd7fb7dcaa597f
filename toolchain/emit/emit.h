/* The C generator: a plan becomes a folder of C99 that builds with any compiler. Also: building and
   driving that folder for verification (host and emulated device). */
#ifndef WICK_EMIT_H
#define WICK_EMIT_H

#include "plan/plan.h"

typedef struct wick_emit_options {
    int vectors;         /* self-test vectors, default 4 */
    const char *command; /* command line for the stamp */
} wick_emit_options;
wick_emit_options wick_emit_defaults(void);

/* Writes the folder atomically: model.h, model_data.c, model_weights.c, model_vectors.c, the
   runtime sources that the model needs, selftest.c, a port template, CMakeLists.txt, README.md,
   LICENSE (0BSD), manifest.json. Deterministic bytes. data (may be NULL) gives the images of the
   self-test vectors; without it seeded noise is used. */
wick_status wick_emit_write(const wick_plan *plan, const wick_data *data,
                            const wick_emit_options *options, const char *dir, wick_diag *diag);

#endif
