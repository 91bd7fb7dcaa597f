/* What the cycle estimate needs to know about one machine instruction. */
#ifndef INSN_DECODE_H
#define INSN_DECODE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum insn_kind {
    INSN_ALU,            /* one-cycle data processing, moves, extensions, saturation, no-ops */
    INSN_MUL,            /* 32 x 32 -> 32 */
    INSN_MLA,            /* the same with an addend: MLA, MLS */
    INSN_DSP_MUL,        /* SMLAD, SMLAxy, SMMULR and so on */
    INSN_LONG_MUL,       /* SMULL, UMULL */
    INSN_LONG_MLA,       /* SMLAL, UMLAL, UMAAL, SMLALD and so on */
    INSN_HIGH_MUL,       /* RISC-V MULH, MULHU, MULHSU */
    INSN_DIV,            /* and remainder */
    INSN_LOAD,           /* one register */
    INSN_STORE,          /* one register */
    INSN_LOAD_MULTIPLE,  /* LDM, POP, LDRD, VLDM: words */
    INSN_STORE_MULTIPLE, /* STM, PUSH, STRD, VSTM: words */
    INSN_JUMP,           /* always taken: B, BX, computed jumps, JAL, JALR */
    INSN_CALL,           /* BL */
    INSN_BRANCH,         /* may be taken: B<cond>, CBZ, BEQ ... */
    INSN_TABLE_BRANCH,   /* TBB, TBH */
    INSN_LOOP_END,       /* LE, LETP */
    INSN_SYSTEM,         /* MRS, MSR, CPS, barriers, CSR access, BKPT */
    INSN_FP,             /* scalar floating point, and its moves */
    INSN_VECTOR_MEMORY,  /* 128 bits of MVE from or to consecutive memory */
    INSN_VECTOR_GATHER,  /* and from or to scattered elements: words = elements */
    INSN_VECTOR_MUL,     /* MVE with a multiplication, or a sum over a vector */
    INSN_VECTOR_NARROW,  /* VMOVN, VQMOVN, VSHRN and so on */
    INSN_VECTOR_OTHER,
    INSN_VECTOR_PREDICATE, /* VPST, VPNOT */
    INSN_UNKNOWN,          /* counted as one cycle, and reported */
    INSN_KINDS
} insn_kind;

typedef struct insn {
    uint8_t kind;          /* insn_kind */
    uint8_t bytes;         /* 2 or 4 */
    uint8_t words;         /* of a multiple load or store: registers; of a gather: elements */
    bool register_offset;  /* the address is a sum of two registers */
    bool writeback;        /* the base register is updated */
    bool to_pc;            /* a load into the program counter */
    uint32_t address_regs; /* bit r: register r makes the address of a load or store */
    uint32_t result_regs;  /* bit r: register r is written (integer registers only) */
    uint32_t source_regs;  /* bit r: register r is read, other than for an address or to store it */
    uint8_t address_qs;    /* bit q: vector register q makes addresses */
    uint8_t result_qs, source_qs; /* where fields of different instructions overlap, rather more */
} insn;

/* Instruction at `bytes`, of which at least 2 are there, 4 when it is that long. */
insn insn_decode_thumb(const uint8_t *bytes);
insn insn_decode_riscv(const uint8_t *bytes); /* RV32IMAC */

static inline bool insn_is_load(const insn *i) {
    return i->kind == INSN_LOAD;
}

static inline bool insn_is_memory(const insn *i) {
    return i->kind >= INSN_LOAD && i->kind <= INSN_STORE_MULTIPLE;
}

static inline bool insn_is_vector(const insn *i) {
    return i->kind >= INSN_VECTOR_MEMORY && i->kind <= INSN_VECTOR_OTHER;
}

/* Ends straight-line code. */
static inline bool insn_is_branch(const insn *i) {
    return (i->kind >= INSN_JUMP && i->kind <= INSN_LOOP_END) || i->to_pc;
}

#endif
