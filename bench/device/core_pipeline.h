/* Estimated cycles of a core whose timing is published as a pipeline: one instruction is issued a
   cycle, in order, as soon as what it reads is ready and its unit is free. */
#ifndef CORE_PIPELINE_H
#define CORE_PIPELINE_H

#include "core_timing.h"

typedef struct core_pipeline {
    uint64_t now;          /* cycle in which the next instruction can be issued at the earliest */
    uint64_t unit_free[3]; /* of vectors: memory, multiplication, other */
    uint64_t reg_ready[16], address_ready[16]; /* a core register as operand, or in an address */
    uint64_t q_ready[8], q_stored[8];          /* a vector register as operand, or to be stored */
} core_pipeline;

/* Issues `i`, which is executed next, and whatever it costs until another can be. */
void core_issue(core_pipeline *pipeline, const core_timing *core, const insn *i);

#endif
