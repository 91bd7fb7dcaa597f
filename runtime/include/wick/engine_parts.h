/* SPDX-License-Identifier: 0BSD */
/* What the engine's files share; not for applications. */
#ifndef WICK_ENGINE_PARTS_H
#define WICK_ENGINE_PARTS_H

#include <wick/engine.h>

enum {                       /* wick_engine.lost */
       WICK_LOST_COMMIT = 1, /* the memory holds the state before or after a commit that failed */
       WICK_LOST_ALL = 2     /* nothing was loaded: not the variables either */
};

/* Commits *next as the new state, and the variables with it if they changed, or leaves the old one
   and marks the engine lost. */
wick_rt_status wick_engine_commit(wick_engine *engine, const wick_record *next);
/* Loads the record again if the last commit failed. OK or an error. */
wick_rt_status wick_engine_ready(wick_engine *engine);
/* Byte offset of a tensor in NVM; the input's depends on the epoch. */
uint32_t wick_engine_place(const wick_engine *engine, uint32_t tensor, uint32_t epoch);
/* Byte offset of the time stamp of an epoch's input. */
uint32_t wick_engine_stamp_place(const wick_engine *engine, uint32_t epoch);
/* Reads the time stamp of the input in work. */
void wick_engine_load_stamp(wick_engine *engine);
/* The input in work is older than its window, or of an age that may be. */
int wick_engine_stale(const wick_engine *engine);
/* Phase RUN: waits, or the work up to the next commit. BUSY, WAIT or an error. */
wick_rt_status wick_engine_run_span(wick_engine *engine);
/* Nothing in SRAM counts any more: of the extractor and the module, or the module alone. After an
   error of a span too: it may have overwritten what it had read. */
void wick_engine_forget(wick_engine *engine, int extractor_too);
/* At a boot that found work interrupted: how far spans are to be divided, from what earlier boots
   achieved. */
void wick_engine_learn_split(wick_engine *engine);
/* A fault, for the counters. Returns `status`. */
wick_rt_status wick_engine_fault(wick_engine *engine, wick_rt_status status);

#endif
