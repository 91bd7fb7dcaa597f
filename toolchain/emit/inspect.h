/* Reading the non-volatile memory of a device back: where the engine stands, what the device tells
   of itself, how worn its records are. */
#ifndef WICK_INSPECT_H
#define WICK_INSPECT_H

#include "plan/plan.h"

#include <wick/engine.h>

typedef enum wick_copy_state {
    WICK_COPY_INTACT,
    WICK_COPY_BLANK,   /* no trace of a record */
    WICK_COPY_DAMAGED, /* a cut commit, or worse */
    WICK_COPY_FOREIGN  /* another model's, plan's or format's */
} wick_copy_state;

typedef struct wick_inspection {
    wick_copy_state copies[2];
    uint32_t sequences[2];  /* of intact copies */
    wick_rt_status found;   /* what a boot would find: OK, FRESH, FOREIGN, CORRUPT, or NVM: neither
                               copy   can be read (flash) */
    wick_record record;     /* if OK: the one that counts */
    bool vars_whole;        /* if OK: counters and variables pass their checksum */
    wick_counters counters; /* if vars_whole */
    uint8_t *app;           /* [model.app_bytes] if vars_whole; in arena */
    bool stamp_whole;       /* the input in work has a readable time stamp */
    wick_stamp stamp;
    bool tally_whole;
    wick_tally tally;
    int labels[WICK_MAX_HEADS]; /* of module k's answer to record.epoch; -1: not complete, or
                                   unreadable */
    double record_writes; /* to each copy, as the sequence number tells (modulo 2^32); of flash
                             erasures of a page, at most */
    double record_wear;   /* share of the memory's endurance; NAN = unknown */
} wick_inspection;

/* `memory`: the region as read from a device, at least plan->model.nvm_bytes, of flash
   plan->totals.memory_bytes (what is beyond is ignored). Nothing in it is trusted. RANGE when it is
   too short. */
wick_status wick_inspect(const wick_plan *plan, const uint8_t *memory, size_t bytes,
                         const char *path, wick_arena *arena, wick_inspection *out,
                         wick_diag *diag);

#endif
