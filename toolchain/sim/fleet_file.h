/* A fleet's file. Internal to toolchain/sim. */
#ifndef WICK_FLEET_FILE_H
#define WICK_FLEET_FILE_H

#include "sim/sim.h"

/* Everything that figures depend on, beside a device's number. */
wick_hash fleet_stamp(const wick_plan *plan, const wick_trace *const *traces, int n_traces,
                      const wick_sim_options *simulation, const uint8_t *correct, int n_samples,
                      const wick_fleet_options *options);
/* Fills figures of devices[0 .. *n), which are drawn, from the file, at most *n; *n becomes how
   many it held (0: no file). MISMATCH: another stamp, rows out of order, or one that says something
   else than its device draws. RANGE, SYNTAX, SHAPE or TRUNCATED: what is no figure, or a file that
   was cut off. Rows beyond *n are read, too, but not compared with draws. */
wick_status fleet_load(const char *path, const wick_hash *stamp, wick_fleet_device *devices, int *n,
                       wick_diag *diag);
wick_status fleet_save(const char *path, const wick_hash *stamp, const wick_fleet_device *devices,
                       int n, wick_diag *diag);

#endif
