/* The C generator: a plan becomes a folder of C99 that builds with any compiler. Building and
   driving that folder for verification is verify.h. */
#ifndef WICK_EMIT_H
#define WICK_EMIT_H

#include "plan/plan.h"

typedef struct wick_emit_options {
    int vectors;         /* self-test vectors, 1 to 1000, default 4 */
    const char *command; /* command line for the stamps, "" when NULL */
} wick_emit_options;
wick_emit_options wick_emit_defaults(void);

/* Writes the folder atomically; an older folder at `dir` is replaced when `wick emit` made it.
     model.h                 sizes, the model, class labels, pixels (of sensors: values) to input
     model_data.c            layers, tensors, steps, spans, segments
     model_weights.c (.h)    weights, biases, multipliers
     model_dispatch.c        calls the kernels that this model uses
     include/wick/, wick/    the runtime, unchanged below its stamp, without kernels that are not
   used host/                   self-test: the vectors through the engine, on any PC
     port/port_template.c    the functions that a board supplies
     CMakeLists.txt README.md LICENSE (0BSD) manifest.json
   So the firmware is every .c file in the folder and in wick/, with the folder and include/ on the
   include path.
   Deterministic bytes: no dates, no paths but those in options.command. data (may be NULL) gives
   the images of the self-test vectors, from its validation split; without it they are seeded noise.
   SHAPE when its images do not fit the model. */
wick_status wick_emit_write(const wick_plan *plan, const wick_data *data,
                            const wick_emit_options *options, const char *dir, wick_diag *diag);

#endif
