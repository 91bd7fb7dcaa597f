/* SPDX-License-Identifier: 0BSD */
/* What the engine's two files share; not for applications. */
#ifndef WICK_ENGINE_PARTS_H
#define WICK_ENGINE_PARTS_H

#include <wick/engine.h>

/* Commits *next as the new state, or leaves the old one and marks the engine lost. */
wick_rt_status wick_engine_commit(wick_engine *engine, const wick_record *next);
/* Loads the record again if the last commit failed. OK or an error. */
wick_rt_status wick_engine_ready(wick_engine *engine);
/* Byte offset of a tensor in NVM; the input's depends on the epoch. */
uint32_t wick_engine_place(const wick_engine *engine, uint32_t tensor, uint32_t epoch);

#endif
