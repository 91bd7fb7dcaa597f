/* Sources, and what was chosen where they leave a range. Always the upper end, except for the
   pipeline refill of Cortex-M3 and M4, for which the middle of "1 to 3" is taken.

   Cortex-M0+: ARM DDI 0484, Cortex-M0+ Technical Reference Manual, table 3-1, with the single-cycle
     multiplier. BL 3, POP with PC 3 + N.
   Cortex-M3: ARM DDI 0337, Cortex-M3 Technical Reference Manual, table 3-1 and "Load/store
   timings". MLA 2, SMULL 3 to 5, SMLAL 4 to 7, division 2 to 12, LDM, LDRD and so on 1 + N, taken
   branches 1 + P with P = 1 to 3. Loads and stores 2, but STR with an immediate offset 1; each LDR
   or STR right behind an LDR one less unless the LDR made its address; base updates do not overlap;
   an address from the data-processing instruction right before costs one more. Unaligned: halfword
     and word at 2 modulo 4 one more, word at an odd address two more.
   Cortex-M4: ARM DDI 0439, Cortex-M4 Technical Reference Manual, the same pages: as M3, but every
     multiplication is one cycle, and base updates are not excluded from the overlap.
   Cortex-M7, Cortex-M33: no table is published. The M4's stands for them as an upper estimate: M7
     issues two instructions at a time and predicts branches; M33 pairs some 16-bit instructions.
   Cortex-M55: Arm publishes no table, but its engineers have given LLVM a model of the pipeline
     (llvm/lib/Target/ARM/ARMScheduleM55.td), and a second one, which was fitted to the core, agrees
     with it in what is used here (SLOTHY, slothy/targets/arm_v81m/cortex_m55r1.py). See
     core_pipeline.c. A load or store of several words: one cycle a word (both models have less). A
     scattered access: two elements a cycle, so two cycles for words as in both models; they have
     the same for bytes, which is not believed here. Pairs of 16-bit instructions: not issued
     together. Taken branch 1 + P as on the M4, since nothing is said. LE is executed once a loop,
     then the core knows the loop: "Making Helium: Bringing Amdahl's law to heel" (Arm, 2019). So it
     counts 1 + P when the loop ends and nothing before; the instruction count, which comes from
     the emulator, has it in each round.
   RV32IMAC: the Ibex core, two stages, single-cycle multiplier, no branch target ALU:
     ibex-core.readthedocs.io, "Pipeline Details". Loads and stores 2, MULH 2, division 38, jumps 2,
     taken branches 3. Ibex splits unaligned accesses; here they do not occur.

   An instruction that an IT block skips counts as if it were executed. A literal load may take one
   more on M3 and M4 ("contention with the fetch unit"): not counted. */
#include "core_timing.h"

#include <stddef.h>
#include <string.h>

/* Instructions that take one cycle everywhere. */
#define ONE_CYCLE                                                                                  \
    [INSN_ALU] = 1, [INSN_MUL] = 1, [INSN_JUMP] = 1, [INSN_BRANCH] = 1, [INSN_SYSTEM] = 1,         \
    [INSN_FP] = 1, [INSN_UNKNOWN] = 1

#define THUMB2_CYCLES(mla, long_mul, long_mla)                                                     \
    ONE_CYCLE, [INSN_MLA] = mla, [INSN_DSP_MUL] = 1, [INSN_LONG_MUL] = long_mul,                   \
               [INSN_LONG_MLA] = long_mla, [INSN_DIV] = 12, [INSN_LOAD] = 2, [INSN_STORE] = 1,     \
               [INSN_LOAD_MULTIPLE] = 1, [INSN_STORE_MULTIPLE] = 1, [INSN_CALL] = 1,               \
               [INSN_TABLE_BRANCH] = 4

#define THUMB2_RULES                                                                               \
    .refill = 2, .refill_branch = 2, .load_to_pc = 1, .store_register_offset = 2,                  \
    .loads_overlap = true, .address_stall = 1, .may_be_unaligned = true, .unaligned = 1,           \
    .unaligned_word_by_half = 1, .unaligned_word_by_byte = 2

const core_timing core_timings[CORE_COUNT] = {
    {.name = "m0",
     .title = "Cortex-M0+",
     .source = "ARM DDI 0484, table 3-1, single-cycle multiplier",
     .cycles = {ONE_CYCLE, [INSN_CALL] = 2, [INSN_LOAD] = 2, [INSN_STORE] = 2,
                [INSN_LOAD_MULTIPLE] = 1, [INSN_STORE_MULTIPLE] = 1},
     .refill = 1,
     .refill_branch = 1,
     .pop_to_pc = 1,
     .store_register_offset = 2},
    {.name = "m3",
     .title = "Cortex-M3",
     .source = "ARM DDI 0337, table 3-1 and load/store timings, P = 2",
     .cycles = {THUMB2_CYCLES(2, 5, 7)},
     THUMB2_RULES,
     .writeback_alone = true},
    {.name = "m4",
     .title = "Cortex-M4",
     .source = "ARM DDI 0439, table 3-1 and load/store timings, P = 2",
     .cycles = {THUMB2_CYCLES(1, 1, 1)},
     THUMB2_RULES},
    {.name = "m7",
     .title = "Cortex-M7",
     .source = "no table is published: the Cortex-M4's as an upper estimate",
     .cycles = {THUMB2_CYCLES(1, 1, 1)},
     THUMB2_RULES},
    {.name = "m33",
     .title = "Cortex-M33",
     .source = "no table is published: the Cortex-M4's as an upper estimate",
     .cycles = {THUMB2_CYCLES(1, 1, 1)},
     THUMB2_RULES},
    {.name = "m55",
     .title = "Cortex-M55",
     .source = "LLVM's ARMScheduleM55.td; multiple loads one cycle a word",
     .cycles = {ONE_CYCLE, [INSN_MLA] = 1, [INSN_DSP_MUL] = 1, [INSN_LONG_MUL] = 1,
                [INSN_LONG_MLA] = 1, [INSN_DIV] = 12, [INSN_LOAD] = 1, [INSN_STORE] = 1,
                [INSN_CALL] = 1, [INSN_TABLE_BRANCH] = 4, [INSN_VECTOR_MEMORY] = 1,
                [INSN_VECTOR_GATHER] = 1, [INSN_VECTOR_MUL] = 1, [INSN_VECTOR_NARROW] = 1,
                [INSN_VECTOR_OTHER] = 1, [INSN_VECTOR_PREDICATE] = 1},
     .refill = 2,
     .refill_branch = 2,
     .load_to_pc = 1,
     .store_register_offset = 1,
     .address_stall = 1,
     .may_be_unaligned = true,
     .unaligned = 1,
     .unaligned_word_by_half = 1,
     .unaligned_word_by_byte = 2,
     .in_order_pipeline = true},
    {.name = "rv32",
     .title = "RV32IMAC",
     .source = "Ibex, two stages, single-cycle multiplier: Pipeline Details of its documentation",
     .riscv = true,
     .cycles = {ONE_CYCLE, [INSN_CALL] = 1, [INSN_HIGH_MUL] = 2, [INSN_DIV] = 38, [INSN_LOAD] = 2,
                [INSN_STORE] = 2, [INSN_STORE_MULTIPLE] = 2},
     .refill = 1,
     .refill_branch = 2,
     .store_register_offset = 2},
};

const core_timing *core_timing_find(const char *name) {
    for (int i = 0; i < CORE_COUNT; i++)
        if (!strcmp(core_timings[i].name, name))
            return &core_timings[i];
    return NULL;
}

static bool overlaps_load(const core_timing *core, const insn *before, const insn *i) {
    if (!core->loads_overlap || before->kind != INSN_LOAD || before->to_pc)
        return false;
    if (i->kind != INSN_LOAD && !(i->kind == INSN_STORE && i->register_offset))
        return false; /* a store with an immediate offset takes one cycle anyway */
    if (before->result_regs & i->address_regs)
        return false;
    return !(core->writeback_alone && (before->writeback || i->writeback));
}

uint32_t core_cycles(const core_timing *core, const insn *before, const insn *i) {
    uint32_t cycles = core->cycles[i->kind];
    if (i->kind == INSN_LOAD_MULTIPLE || i->kind == INSN_STORE_MULTIPLE)
        cycles += i->words;
    if (i->kind == INSN_STORE && i->register_offset)
        cycles = core->store_register_offset;
    if (i->to_pc)
        cycles += i->kind == INSN_LOAD ? core->load_to_pc : core->pop_to_pc;
    if (!before)
        return cycles;
    if (overlaps_load(core, before, i))
        cycles--;
    if (insn_is_memory(i) && !insn_is_memory(before) && (before->result_regs & i->address_regs))
        cycles += core->address_stall;
    return cycles;
}

uint32_t core_refill(const core_timing *core, const insn *i) {
    if (i->kind == INSN_LOOP_END)
        return 0;
    return i->kind == INSN_BRANCH ? core->refill_branch : core->refill;
}

uint32_t core_unaligned(const core_timing *core, uint64_t address, unsigned size_log2) {
    if (size_log2 == 1)
        return address & 1 ? core->unaligned : 0;
    if (size_log2 == 2 && (address & 3))
        return address & 1 ? core->unaligned_word_by_byte : core->unaligned_word_by_half;
    return 0;
}
