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
    int8_t *scratch; /* model->scratch_bytes, 4-byte aligned */
    wick_record record;
    uint8_t copy; /* which record copy is the newest */
    wick_situation (*situation)(
        void *ctx); /* asked before a decision; NULL: charge and harvest unknown */
    void *situation_ctx;
} wick_engine;

/* After every reset: reads the record. RESUMED (work goes on), IDLE (nothing to do), FRESH or
   FOREIGN (the region was formatted), or an error. CORRUPT: both record copies are damaged; call
   wick_engine_format to start afresh. scratch may hold anything. */
wick_rt_status wick_engine_boot(wick_engine *engine, const wick_model *model, const wick_port *port,
                                const wick_policy *policy, int8_t *scratch, uint32_t scratch_bytes);

/* Discards everything in the region and commits an idle record. */
wick_rt_status wick_engine_format(wick_engine *engine);

/* Hands over a new input: quantized, [H,W,C], `bytes` must equal the input tensor's size. It is
   written to the place that the current epoch does not use, then one commit makes it the current
   input; an unfinished older input is dropped by that commit. *epoch (may be NULL) receives its
   number. Returns OK. */
wick_rt_status wick_engine_submit(wick_engine *engine, const int8_t *input, uint32_t bytes,
                                  uint32_t *epoch);

/* Runs to the next commit. BUSY, RESULT (a result was delivered and that was committed), WAIT, IDLE
 * or an error. */
wick_rt_status wick_engine_step(wick_engine *engine);

/* Steps until IDLE, WAIT or an error. */
wick_rt_status wick_engine_run(wick_engine *engine);

#endif
