/* SPDX-License-Identifier: 0BSD */
/* The resumable step machine. No heap, no recursion, no floating point; the caller owns all memory.

   Life of an input:  idle --submit--> extractor spans --> decide --> module spans --> publish -->
   decide ... --> idle. Every arrow is a commit; every choice (which module, stop) is in the record
   before it is acted on, so a replay after a power failure takes the same branch (DESIGN:
   guarantees G1, G3 to G8). */
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

/* Volatile state: lost at a power failure, rebuilt by wick_engine_boot. Treat as opaque. */
typedef struct wick_engine {
    const wick_model *model;
    const wick_port *port;
    const wick_policy *policy;
    int8_t *scratch;        /* 4-byte aligned */
    uint32_t scratch_bytes; /* at least wick_model_scratch_bytes of the model and the port */
    wick_record record;     /* equal to the newest copy in NVM, unless `lost` */
    uint8_t copy;           /* which record copy is the newest */
    uint8_t lost;           /* a commit failed half-way, or none was loaded: load first */
    /* Asked before a decision; NULL: charge and harvest unknown. modules_done is filled in by the
       engine. Set both (or zero the engine) before the first step; boot leaves them alone. */
    wick_situation (*situation)(void *ctx);
    void *situation_ctx;
} wick_engine;

/* Stack that the engine's calls take on a Cortex-M4 (gcc -O2), the port's callbacks and interrupts
   apart; recomputed from the object code by a test. */
enum { WICK_ENGINE_STACK_BYTES = 768 };

/* Checks what the engine relies on: format, counts and indices, places inside the region and apart
   from the records, the input's two places, scratch_bytes against every step. For the PC and for
   formatting; costs a walk over all steps. OK or ARGUMENT. */
wick_rt_status wick_model_check(const wick_model *model, int mapped, uint32_t scratch_bytes);

/* After every reset: reads the record. RESUMED (work goes on), IDLE (nothing to do), FRESH or
   FOREIGN (the region was formatted), or an error. CORRUPT: both record copies are damaged; call
   wick_engine_format to start afresh. ARGUMENT: scratch is missing, not aligned or smaller than
   model->scratch_bytes (each step checks its own need again, so a port that is not mapped cannot
   overrun a scratch planned for a mapped one). scratch may hold anything. */
wick_rt_status wick_engine_boot(wick_engine *engine, const wick_model *model, const wick_port *port,
                                const wick_policy *policy, int8_t *scratch, uint32_t scratch_bytes);

/* Discards everything in the region and commits an idle record. After it, no copy of an older or
   foreign record is left. ARGUMENT when the model does not pass wick_model_check. */
wick_rt_status wick_engine_format(wick_engine *engine);

/* Hands over a new input: quantized, [H,W,C], `bytes` must equal the input tensor's size. It is
   written to the place that the current epoch does not use, then one commit makes it the current
   input; an unfinished older input is dropped by that commit. *epoch (may be NULL) receives its
   number. Returns OK; after an error the older state stands and submitting may be repeated (should
   the failed commit have reached the memory after all, the input gets one more number). */
wick_rt_status wick_engine_submit(wick_engine *engine, const int8_t *input, uint32_t bytes,
                                  uint32_t *epoch);

/* Runs to the next commit. BUSY, RESULT (a result was delivered and that was committed), WAIT, IDLE
   or an error. After an error the state in NVM is the one before the step (or, if only the commit's
   report failed, the one after), and the step may be repeated. */
wick_rt_status wick_engine_step(wick_engine *engine);

/* Steps until IDLE, WAIT or an error. */
wick_rt_status wick_engine_run(wick_engine *engine);

#endif
