/* SPDX-License-Identifier: 0BSD */
/* The resumable step machine. No heap, no recursion, no floating point; the caller owns all memory.

   Life of an input:  idle --submit--> extractor spans --> decide --> module spans --> publish -->
   decide ... --> idle. Every arrow is a commit; every choice (which module, stop) is in the record
   before it is acted on, so a replay after a power failure takes the same branch (DESIGN:
   guarantees G1, G3 to G8). A policy that reviews (policy.h) is asked before each step of the
   extractor's and a module's work too, and may wait, have the power cut, give the module up for a
   smaller one, or the input for good.

   Commits within a segment are lazy where the port knows the voltage: after the first commit of a
   boot, spans are joined as long as the capacitor surely carries the next one with its commit. What
   a span did since the last commit is done again after a power failure. A wrong reading costs
   energy, never an answer: every boot commits its first span. */
#ifndef WICK_ENGINE_H
#define WICK_ENGINE_H

#include <wick/model.h>
#include <wick/nvm.h>
#include <wick/policy.h>
#include <wick/port.h>
#include <wick/rt_status.h>

typedef enum wick_phase {
    WICK_PHASE_IDLE,   /* no input, or it is finished */
    WICK_PHASE_RUN,    /* spans of record.segment are in work */
    WICK_PHASE_DECIDE, /* features (or a module's answer) are complete: the policy is asked next */
    WICK_PHASE_PUBLISH /* record.segment's logits are complete in NVM and go out next */
} wick_phase;

/* Volatile state: lost at a power failure, rebuilt by wick_engine_boot. The application sets what
   stands under "choices" (or zeroes the engine) before the boot, which leaves them alone; the rest
   is opaque. */
typedef struct wick_engine {
    const wick_model *model;
    const wick_port *port;
    const wick_policy *policy;
    int8_t *scratch;        /* 4-byte aligned */
    uint32_t scratch_bytes; /* at least wick_model_scratch_bytes of the model and the port */
    wick_record record;     /* equal to the newest copy in NVM, unless `lost` */
    wick_counters counters; /* as of now; in NVM as of the last commit */
    wick_stamp stamp;       /* of the input in work */
    uint32_t highest_mv;    /* seen while waiting */
    uint16_t from[2];       /* first step of the chain in this boot, of the extractor and of a
                               module: what it and later ones computed is in SRAM; UINT16_MAX = none
                             */
    uint8_t extracted;      /* all that the extractor computes for modules is in SRAM */
    uint8_t copy;           /* which record copy is the newest */
    uint8_t lost;           /* a commit failed half-way, or none was loaded: load first */
    uint8_t vars_changed;   /* counters or application variables: the next commit stores them */
    uint8_t warm;           /* this boot has committed work */
    uint8_t split;          /* spans are divided in 2^split parts */
    uint8_t patience;       /* waits left without the voltage rising */
    uint8_t taken_now;      /* the input in work was submitted since the boot */
    /* choices */
    wick_situation (*situation)(void *ctx); /* asked before a decision; NULL: charge and harvest
                        unknown. The engine fills in modules_done, and time_left_ms if it knows
                        better. */
    void *situation_ctx;
    void (*power_off)(void *ctx); /* ctx: situation_ctx. Cuts the device's power until the capacitor
                        reaches the wake voltage; it boots then. Called by wick_engine_run where the
                        policy wants it (OFF). NULL, or where it returns: there is no such switch,
                        and the device sleeps. Clock and running mean of the harvest should last
                        through it: else inputs with a window are dropped behind it, and tables
                        know too little. */
    void *app;                    /* [model->app_bytes] variables that join every commit */
    uint32_t window_ms;    /* of inputs that are submitted: after so long nothing more is done for
                              them; 0 = for ever */
    uint32_t wait_ms;      /* one sleep of wick_engine_run while it waits for charge; 0 = 1000 */
    uint8_t eager;         /* 1: every span commits, and none waits for charge, whatever the
                              voltage */
    uint8_t trust_unknown; /* 1: an input whose age is unknown is not too old */
} wick_engine;

/* Stack that the engine's calls take on a Cortex-M4 (gcc -O2), the port's callbacks and interrupts
   apart; recomputed from the object code by a test. */
enum { WICK_ENGINE_STACK_BYTES = 928 };

/* Sleeps without a rise of the voltage before its reading is not believed. */
enum { WICK_ENGINE_PATIENCE = 64 };

/* Checks what the engine relies on: format, counts and indices, places inside the region and apart
   from the records, the input's two places, scratch_bytes against every step. For the PC and for
   formatting; costs a walk over all steps. OK or ARGUMENT. */
wick_rt_status wick_model_check(const wick_model *model, int mapped, uint32_t scratch_bytes);

/* After every reset: reads the record, and the application's variables into engine->app. RESUMED
   (work goes on), IDLE (nothing to do), FRESH or FOREIGN (the region was formatted: the variables
   are as the application left them in RAM, and stored), or an error. CORRUPT: both record copies
   are damaged; call wick_engine_format to start afresh. ARGUMENT: scratch is missing, not aligned
   or smaller than model->scratch_bytes (each step checks its own need again, so a port that is not
   mapped cannot overrun a scratch planned for a mapped one), or the model has variables and
   engine->app is NULL. scratch may hold anything. Where the variables fail their checksum, they and
   the counters are all zeros and counters.faults says so. */
wick_rt_status wick_engine_boot(wick_engine *engine, const wick_model *model, const wick_port *port,
                                const wick_policy *policy, int8_t *scratch, uint32_t scratch_bytes);

/* Discards everything in the region and commits an idle record with zeroed counters and the
   application's variables as they are. After it, no copy of an older or foreign record is left.
   ARGUMENT when the model does not pass wick_model_check. */
wick_rt_status wick_engine_format(wick_engine *engine);

/* Hands over a new input: quantized, [H,W,C], `bytes` must equal the input tensor's size. It is
   written, with the time, to the place that the current epoch does not use, then one commit makes
   it the current input; an unfinished older input is dropped by that commit. *epoch (may be NULL)
   receives its number. Returns OK; after an error the older state stands and submitting may be
   repeated (should the failed commit have reached the memory after all, the input gets one more
   number). */
wick_rt_status wick_engine_submit(wick_engine *engine, const int8_t *input, uint32_t bytes,
                                  uint32_t *epoch);

/* Age of the input in work, ms; UINT32_MAX = unknown: no clock, or one that did not survive or
   jumped back. */
uint32_t wick_engine_age_ms(const wick_engine *engine);

/* The application changed its variables: they are stored by the next commit. A change made in the
   port's result call becomes durable together with the delivery. */
void wick_engine_touch(wick_engine *engine);

/* Commits now, whatever the phase: for variables that cannot wait for the next step. */
wick_rt_status wick_engine_sync(wick_engine *engine);

/* Runs to the next commit. BUSY, RESULT (a result was delivered and that was committed), WAIT (the
   voltage is known and does not carry the next span, or the policy waits: nothing was done, sleep
   and call again), OFF (the policy would rather have the power cut until the capacitor reaches the
   wake voltage: nothing was done, all is committed; a device that cannot treats it as WAIT; never
   before this boot has committed work: else a device at the wake voltage would boot for ever), IDLE
   (a policy that reviews may have given it up without an answer), DROPPED (the input became older
   than its window, or of unknown age, without any answer) or an error. After an error the state in
   NVM is the one before the step (or, if only the commit's report failed, the one after), and the
   step may be repeated. */
wick_rt_status wick_engine_step(wick_engine *engine);

/* For an application that has nothing for the engine to do: 1 = the policy would rather have the
   power cut than the device asleep (policy.h), as with OFF: never before this boot has committed
   work. */
int wick_engine_rests(const wick_engine *engine);

/* Steps until IDLE, DROPPED or an error; calls power_off where the policy wants it, sleeps where
   the engine has to wait or that returned, and returns WAIT or OFF if the port cannot sleep. */
wick_rt_status wick_engine_run(wick_engine *engine);

#endif
