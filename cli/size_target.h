/* wick size --target: capacitor, panel and thresholds for a target. */
#ifndef WICK_SIZE_TARGET_H
#define WICK_SIZE_TARGET_H

#include "sim_args.h"

typedef struct size_target_args {
    sim_args sim;
    const char *target, *policy, *plot;
    wick_sizing_options options;
    bool json, needs_target; /* an option was given that the memory does not depend on */
} size_target_args;

extern const struct argp size_target_argp; /* input: size_target_args */
size_target_args size_target_defaults(void);
wick_status size_target(size_target_args *a, const char *plan, wick_diag *diag);

#endif
