/* The proof: builds an emitted folder for the PC and for emulated cores and cuts its power
   everywhere. The harnesses are in share/boards: host/powercut.c, mps2-an386/guest.c,
   thumb/thumbcut.c, common/kill_guest.c and msp430/simulate.sh. */
#ifndef WICK_VERIFY_H
#define WICK_VERIFY_H

#include "data/data.h"
#include "plan/plan.h"

enum { WICK_VERIFY_ALL = -1 };

/* Rigs beside the host and QEMU's resets. */
enum {
    WICK_RIG_UNICORN = 1, /* Thumb code in Unicorn: before NVM stores, and between instructions */
    WICK_RIG_KILL = 2,    /* QEMU's process killed, M4, M7 and M55, NVM in a file */
    WICK_RIG_MSP430 = 4   /* mspdebug's simulator, cut between instructions: MSP430 plans only */
};

typedef struct wick_verify_options {
    uint32_t modules;      /* bit k-1; 0 = all */
    int inputs;            /* input images, default 1 */
    bool host, exhaustive; /* default true */
    int seeded;            /* cuts that run to the end, for each module and input; default 1000 */
    int64_t pairs;         /* a second cut during the recovery from a first one, for each module and
                              input: so many, or WICK_VERIFY_ALL; default 2000 */
    const char *voltage; /* what the host rig's port reads: "unknown" (default: every span commits;
                            every other seeded run reads at random all the same), "random" (any
                            subset of the optional commits, slower), "high" or "low" */
    int rounds;          /* exhaustive cuts and pairs again with other random bits; default 1 */
    bool qemu;           /* default true when QEMU and the ARM compiler are there */
    int resets;          /* in QEMU, for each module; default 100 */
    unsigned rigs;       /* WICK_RIG_...; default none */
    bool what_is_there;  /* rigs whose tools are missing are left out; else NOT_FOUND */
    int64_t thumb_cuts;  /* in Unicorn, for each module and input: before so many NVM stores, twice
                            (clean, torn), or in so many operations of flash, in seven variants;
                            after so many instructions; and a fourth as often several failures in a
                            row. Or WICK_VERIFY_ALL: every store and every instruction, and 1,000
                            series; default 200 */
    int kills;           /* of QEMU, for each core and module; default 20 */
    int msp430_cuts;     /* default 100 */
    uint64_t seed;       /* default 1 */
    bool plant_war;      /* plants a write-after-read fault: the run must then report differences */
    const char *replay;  /* one case again, with an explanation; NULL = none */
    const char *compiler; /* for the PC, default "cc" */
    int jobs;             /* processes at once; 0 = one for each core */
} wick_verify_options;
wick_verify_options wick_verify_defaults(void);

typedef struct wick_verify_case {
    int module, input;         /* module 1 = largest */
    bool host_run, host_equal; /* the emitted C on the PC gives the PC's own int8 logits */
    int variants;              /* what a cut does to the memory: boards/host/nvm_emulation.h */
    int64_t writes, commits;
    int64_t most_writes, declared_writes; /* of one write unit in one answer: as counted, and by
                                             wick_plan_wear; more is a difference */
    int64_t exhaustive_cuts, exhaustive_differences;
    int64_t barrier_cuts, barrier_differences; /* before a barrier, with all before it written */
    int64_t pair_cuts, pair_differences;
    int64_t seeded_cuts, seeded_differences;
    int64_t record_flips, record_flip_differences;
    int64_t next_cuts, next_differences; /* while the next input is stored, and its own run */
    int worst_commits; /* commits until a recovery had caught up: 1 = at most one span was repeated
                        */
    bool foreign_refused, damage_noticed;
    bool qemu_run, qemu_equal;
    int64_t qemu_resets, qemu_boots, qemu_rounds, qemu_wrong, qemu_longest_span_insns;
    char replay[96]; /* id of the first difference, "" when there is none */
} wick_verify_case;

typedef struct wick_verify_rig {
    const char *name, *core;
    int module; /* 0: the rig was left out */
    int64_t experiments, differences;
    const char *missing; /* why it was left out, or NULL */
    char what[128];      /* what the experiments were */
    char replay[96];
} wick_verify_rig;

typedef struct wick_verify_result {
    int n_rigs;
    wick_verify_rig *rigs; /* malloc'ed; one for each rig, core and module */
    int n_cases;
    wick_verify_case *cases;  /* malloc'ed, free */
    int64_t differences;      /* over everything; 0 = proven */
    char *explanation;        /* of a replay, malloc'ed, or NULL */
    const char *qemu_missing; /* why QEMU could not be run, or NULL */
} wick_verify_result;

/* Verifies folder `dir`, emitted from `plan`. `data` (may be NULL) gives the inputs: images of the
   validation split; without it seeded noise. MISMATCH when the folder was emitted from another
   plan; DIFFERS when there is any difference; TOOL when a build fails. */
wick_status wick_verify_run(const char *dir, const wick_plan *plan, const wick_data *data,
                            const wick_verify_options *options, wick_verify_result *result,
                            wick_diag *diag);
void wick_verify_free(wick_verify_result *result);
/* Power failures and damaged records, over all rigs. */
int64_t wick_verify_experiments(const wick_verify_result *result);

/* One layer on the emulated core: how many of its elements differ from the PC's, over all inputs,
   and the one that differs most. */
typedef struct wick_device_layer {
    int64_t differences;
    int input, y, x, channel;
    int got, expected; /* int8 */
} wick_device_layer;
typedef struct wick_device_result {
    const char *core;
    int n_layers; /* of the integer network */
    wick_device_layer *layers;
    int wrong_answers; /* logits, of modules and inputs, that the engine delivered otherwise */
} wick_device_result;
/* Runs folder `dir`, emitted from `plan`, on QEMU's board with the device's core (a Cortex-M):
   layer by layer in the plan's steps, and each module through the engine, for n inputs as the
   device gets them [n][H,W,C]. DIFFERS names the first layer that differs from the PC's integer
   network, with its worst element, or the engine; *result is filled then, too. MISMATCH, NOT_FOUND
   (no QEMU), UNSUPPORTED (another core), TOOL. Free with wick_device_result_free. */
wick_status wick_verify_device(const char *dir, const wick_plan *plan, const int8_t *inputs, int n,
                               wick_device_result *result, wick_diag *diag);
void wick_device_result_free(wick_device_result *result);

/* The guarantees G1 to G9 of docs/guarantees.md and what this run shows of each. */
typedef struct wick_guarantee {
    const char *id, *text;
    const char
        *status; /* "proven here", "tested in the suite", "modelled", "not claimed" or "BROKEN" */
    char evidence[320];
} wick_guarantee;
enum { WICK_GUARANTEES = 9 };
/* The tests that hold each, as Markdown: of the emitted folder, of `wick verify`, of the suite. */
extern const char *const wick_guarantee_tests[WICK_GUARANTEES];
void wick_verify_guarantees(const wick_plan *plan, const wick_verify_options *options,
                            const wick_verify_result *result, wick_guarantee out[WICK_GUARANTEES]);

#endif
