/* SPDX-License-Identifier: 0BSD */
/* The rig of powercut.c: the firmware on emulated memory, its uninterrupted run as recorded, and
   how a run after a power failure is compared with it. Failures of the rig end the program (4). */
#ifndef WICK_POWERCUT_RIG_H
#define WICK_POWERCUT_RIG_H

#include "nvm_emulation.h"

#include <stddef.h>
#include <wick/engine.h>

enum { POWERCUT_GUARD = 64 }; /* bytes after the scratch memory */

/* What the port says of the capacitor. Only with a reading are commits lazy. */
typedef enum voltage_reading {
    VOLTAGE_UNKNOWN, /* 0: every span commits */
    VOLTAGE_RANDOM, /* each reading unknown or high, by the seed: any subset of the optional commits
                     */
    VOLTAGE_HIGH,   /* stuck at the top: no optional commit but a boot's first */
    VOLTAGE_LOW     /* stuck below what any span needs */
} voltage_reading;

typedef struct powercut_rig {
    nvm_emulation nvm;
    wick_model model; /* a copy, so that a fault can be planted */
    wick_port port;
    wick_policy policy;
    wick_engine engine;
    int8_t *scratch;
    int8_t *app; /* [model.app_bytes] */
    int8_t *input;
    uint32_t input_bytes;
    /* what was delivered since `deliveries` was cleared */
    uint32_t deliveries, wrong_deliveries;
    uint32_t epoch;  /* of the input that they must answer */
    uint8_t module;  /* that must answer */
    uint16_t label;  /* expected; as logits */
    int16_t *logits; /* expected; filled by the recorded run */
    int have_logits;
    /* the recorded run: memory and number of units after each commit */
    uint8_t **images;
    uint32_t *units_at;
    uint32_t most_writes;   /* of one write unit, in the recorded run without the format */
    uint32_t delivered_at;  /* the commit after which the result counts as delivered */
    uint32_t delivery_unit; /* units written before the delivery */
    uint32_t commits, first_sequence;
    uint32_t
        worst_commits; /* most commits that a recovery needed until the memory was as recorded */
    /* Formatting writes both record copies. A cut between the two leaves a complete, idle memory
       whose sequence numbers are one behind: there the records are compared by what the engine
       makes of them, not byte by byte. */
    uint32_t sequence; /* of the commit that images[0] shows */
    int skip_records;
    uint32_t durable; /* commits of the recorded run that were complete before the failure */
    int often; /* failures so many that spans may have been divided: more commits than recorded */
    int undelivered;         /* nothing had been delivered before the failure */
    uint32_t delivered_unit; /* units in nvm.history at the first delivery since `deliveries` was
                                cleared */
    /* Where the engine's memory is kept in another one (a log on flash): finds its state at a boot,
       and puts what the engine sees of it into nvm.image, to compare. NULL: nvm.image is the
       memory.
     */
    void (*mount)(void);
    void (*look)(void);
    voltage_reading voltage;
    uint64_t voltage_random;
    uint64_t seed;
    uint32_t round; /* the same cases with other random bits */
    int verbose;
} powercut_rig;

extern powercut_rig rig;

typedef enum progress { COMMITTED, FINISHED, BROKEN } progress;

void fail(const char *what);
void *allocate(size_t bytes);
/* The memory as given, or blank, all of which can be read. */
void put_image(const uint8_t *image);
void put_blank(void);
/* The port's result call: compares with the recorded delivery. */
int on_result(void *context, const wick_result *result);
/* The port's capacitor voltage, after rig.voltage. */
uint32_t on_voltage(void *context);
/* Power comes back: nothing in SRAM survives. */
wick_rt_status power_up(void);
/* To the next commit; an idle engine is given the input. */
progress advance(void);
/* The uninterrupted run, from blank memory. */
void record_run(void);
/* With rig.verbose: what went wrong, and the first bytes that are not as in `want` (or NULL). */
void explain(const char *id, const char *what, const uint8_t *want);
int in_record(uint32_t offset);
/* The variables and the tally: they differ after a power failure, and so does which copy of the
   variables a record names. */
int counts_boots(uint32_t offset);
/* Where an ECC word is larger than what is written at once, a failure also spoils what lies unused
   beside it: then only what is delivered tells. */
int spoils_gaps(void);
/* 0: the memory passes through the recorded run's states again. 1: it does not, be it for joined
   spans or spoilt gaps, and only the end tells. */
int only_the_end_tells(void);
/* 1 = the boot succeeds and finds everything that was committed before the failure. */
int boot_finds_commits(const char *id);
/* Boots on damaged memory and goes on until it equals the recorded one (to_end = 0), or to the end.
   1 = as the uninterrupted run. */
int boot_and_recover(const char *id, int to_end, int must_deliver);

#endif
