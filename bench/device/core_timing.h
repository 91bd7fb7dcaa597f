/* Cycles that a core is estimated to take: the published timing tables, in one place, and the few
   rules that connect neighbouring instructions. An estimate is no measurement: memories without
   wait states, no caches, no interrupts, nothing issued in pairs. */
#ifndef CORE_TIMING_H
#define CORE_TIMING_H

#include "insn_decode.h"

typedef struct core_timing {
    const char *name;   /* "m4" */
    const char *title;  /* "Cortex-M4" */
    const char *source; /* of the table */
    bool riscv;
    uint8_t cycles[INSN_KINDS]; /* an instruction alone; multiple loads and stores: plus `words` */
    uint8_t refill;             /* more when another than the next instruction follows */
    uint8_t refill_branch;      /* the same after INSN_BRANCH */
    uint8_t load_to_pc;         /* more for LDR into the program counter */
    uint8_t pop_to_pc;          /* more for POP or LDM into it */
    uint8_t store_register_offset; /* INSN_STORE with the sum of two registers as address */
    bool loads_overlap;     /* a load or store right behind a load takes one cycle less, unless
                               the load made its address */
    bool writeback_alone;   /* not if either updates its base register */
    uint8_t address_stall;  /* more when data processing right before has made the address */
    bool in_order_pipeline; /* what core_pipeline.h says, instead of the rules for neighbours */
    bool may_be_unaligned;  /* words and halfwords at any address */
    uint8_t unaligned_word_by_half, unaligned; /* more for a word at an address of 2 modulo 4;
                                                  halfword at an odd address */
    uint8_t unaligned_word_by_byte;            /* word at an odd address */
} core_timing;

enum { CORE_COUNT = 7 };
extern const core_timing core_timings[CORE_COUNT];

/* NULL when there is none of that name. */
const core_timing *core_timing_find(const char *name);

/* Cycles of `i` right behind `before` (NULL: behind a branch), unless it branches or is unaligned.
 */
uint32_t core_cycles(const core_timing *core, const insn *before, const insn *i);
/* More when another than the next instruction follows `i`. */
uint32_t core_refill(const core_timing *core, const insn *i);
/* More for an access of 1 << size_log2 bytes at `address`. */
uint32_t core_unaligned(const core_timing *core, uint64_t address, unsigned size_log2);

#endif
