/* The pipeline of the Cortex-M55 after LLVM's ARMScheduleM55.td. Results are ready a cycle later;
   those of loads to core registers and of multiplications, two cycles; narrowed vectors, three. A
   vector instruction keeps its unit busy for two cycles, 64 bits in each, while others are issued;
   a product that is stored is forwarded a cycle earlier. The vector register with the addresses of
   a scattered access is read four cycles before. Not in the model: the address of a load that data
   processing made right before costs one more, as on the M4. */
#include "core_pipeline.h"

#include <stddef.h>

enum { GATHER_ADDRESS_EARLY = 4, BEATS = 2 };

static void wait_for(uint64_t *at, uint64_t ready) {
    if (*at < ready)
        *at = ready;
}

static void wait_for_all(uint64_t *at, uint32_t mask, const uint64_t *ready, uint64_t early) {
    for (int r = 0; mask >> r; r++)
        if (mask >> r & 1)
            wait_for(at, ready[r] ? ready[r] + early : 0); /* 0: never written */
}

static void set_all(uint32_t mask, uint64_t *ready, uint64_t at) {
    for (int r = 0; mask >> r; r++)
        if (mask >> r & 1)
            ready[r] = at;
}

static int unit_of(const insn *i) {
    if (i->kind == INSN_VECTOR_MEMORY || i->kind == INSN_VECTOR_GATHER)
        return 0;
    return i->kind == INSN_VECTOR_MUL ? 1 : 2;
}

static uint32_t latency(const insn *i) {
    switch (i->kind) {
    case INSN_LOAD:
    case INSN_LOAD_MULTIPLE:
    case INSN_MUL:
    case INSN_MLA:
    case INSN_DSP_MUL:
    case INSN_LONG_MUL:
    case INSN_LONG_MLA:
    case INSN_VECTOR_MUL:
    case INSN_VECTOR_GATHER:
        return 2;
    case INSN_VECTOR_NARROW:
        return 3;
    default:
        return 1;
    }
}

void core_issue(core_pipeline *p, const core_timing *core, const insn *i) {
    if (i->kind == INSN_LOOP_END)
        return; /* see core_timing.c */
    uint64_t at = p->now;
    bool vector = insn_is_vector(i), stores = i->kind == INSN_VECTOR_MEMORY && i->source_qs;
    wait_for_all(&at, i->source_regs, p->reg_ready, 0);
    wait_for_all(&at, i->address_regs, p->address_ready, 0);
    wait_for_all(&at, i->address_qs, p->q_ready, GATHER_ADDRESS_EARLY);
    wait_for_all(&at, i->source_qs, stores ? p->q_stored : p->q_ready, 0);
    if (vector)
        wait_for(&at, p->unit_free[unit_of(i)]);

    uint64_t issued = core_cycles(core, NULL, i);
    p->now = at + issued;
    if (vector)
        p->unit_free[unit_of(i)] = at + (i->words / 2 > BEATS ? i->words / 2u : BEATS);
    uint64_t ready = p->now - 1 + latency(i);
    uint32_t base = i->writeback ? i->result_regs & i->address_regs : 0;
    set_all(i->result_regs, p->reg_ready, ready);
    set_all(i->result_regs, p->address_ready,
            ready + (insn_is_memory(i) ? 0 : core->address_stall));
    set_all(base, p->reg_ready, at + 1);
    set_all(base, p->address_ready, at + 1);
    set_all(i->result_qs, p->q_ready, ready);
    set_all(i->result_qs, p->q_stored, ready - (i->kind == INSN_VECTOR_MUL));
    set_all(i->address_qs & i->result_qs, p->q_ready, at + 1); /* written back */
}
