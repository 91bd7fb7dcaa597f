/* Thumb and Thumb-2 as far as ARMv8.1-M with MVE; encodings after the Armv7-M and Armv8-M
   architecture reference manuals. */
#include "insn_decode.h"

static uint32_t bits(uint32_t word, int high, int low) {
    return word >> low & ((1u << (high - low + 1)) - 1);
}

static uint8_t count_ones(uint32_t mask) {
    uint8_t n = 0;
    for (; mask; mask &= mask - 1)
        n++;
    return n;
}

static uint32_t reg(uint32_t number) {
    return number == 15 ? 0 : 1u << number;
}

static insn make(insn_kind kind, uint8_t bytes) {
    return (insn){.kind = (uint8_t)kind, .bytes = bytes};
}

static insn alu16(uint32_t result) {
    insn i = make(INSN_ALU, 2);
    i.result_regs = reg(result);
    return i;
}

/* A single load or store of 16 bits. */
static insn single16(bool load, uint32_t rt, uint32_t rn) {
    insn i = make(load ? INSN_LOAD : INSN_STORE, 2);
    i.address_regs = reg(rn);
    i.result_regs = load ? reg(rt) : 0;
    return i;
}

static insn multiple(bool load, uint32_t list, uint32_t rn, uint8_t bytes) {
    insn i = make(load ? INSN_LOAD_MULTIPLE : INSN_STORE_MULTIPLE, bytes);
    i.words = count_ones(list);
    i.address_regs = reg(rn);
    i.result_regs = load ? list & 0x7fff : 0;
    i.to_pc = load && (list & 0x8000);
    return i;
}

static insn data_processing16(uint32_t w) {
    if (bits(w, 15, 10) == 0x10) {
        uint32_t op = bits(w, 9, 6);
        insn i = alu16(bits(w, 2, 0));
        if (op == 13)
            i.kind = INSN_MUL;
        if (op == 8 || op == 10 || op == 11) /* TST, CMP, CMN */
            i.result_regs = 0;
        i.source_regs = reg(bits(w, 2, 0)) | reg(bits(w, 5, 3));
        return i;
    }
    uint32_t op = bits(w, 9, 8), rd = bits(w, 7, 7) << 3 | bits(w, 2, 0);
    if (op == 3)
        return make(bits(w, 7, 7) ? INSN_CALL : INSN_JUMP, 2); /* BLX, BX */
    if (op != 1 && rd == 15)
        return make(INSN_JUMP, 2); /* to the program counter */
    insn i = alu16(rd);
    i.source_regs = reg(bits(w, 6, 3)) | (op == 2 ? 0 : reg(rd)); /* MOV reads one */
    if (op == 1)                                                  /* CMP */
        i.result_regs = 0;
    return i;
}

static insn miscellaneous16(uint32_t w) {
    if ((w & 0xff00) == 0xb000) /* ADD, SUB SP */
        return alu16(13);
    if ((w & 0xf500) == 0xb100) { /* CBZ, CBNZ */
        insn i = make(INSN_BRANCH, 2);
        i.source_regs = reg(bits(w, 2, 0));
        return i;
    }
    if ((w & 0xff00) == 0xb200 || (w & 0xff00) == 0xba00) { /* extend, reverse */
        insn i = alu16(bits(w, 2, 0));
        i.source_regs = reg(bits(w, 5, 3));
        return i;
    }
    if ((w & 0xfe00) == 0xb400)
        return multiple(false, bits(w, 7, 0) | bits(w, 8, 8) << 14, 13, 2);
    if ((w & 0xfe00) == 0xbc00)
        return multiple(true, bits(w, 7, 0) | bits(w, 8, 8) << 15, 13, 2);
    if ((w & 0xff00) == 0xbf00) /* IT and hints */
        return make(INSN_ALU, 2);
    if ((w & 0xff00) == 0xb600 || (w & 0xff00) == 0xbe00) /* CPS, BKPT */
        return make(INSN_SYSTEM, 2);
    return make(INSN_UNKNOWN, 2);
}

/* Shifts, additions, MOV, CMP with an immediate or two registers. */
static insn basic16(uint32_t w) {
    uint32_t rd = bits(w, 10, 8);
    if (bits(w, 15, 13) == 0) {
        insn i = alu16(bits(w, 2, 0));
        i.source_regs = reg(bits(w, 5, 3));
        if (bits(w, 12, 10) == 6)
            i.source_regs |= reg(bits(w, 8, 6));
        return i;
    }
    uint32_t op = bits(w, 12, 11); /* MOV, CMP, ADD, SUB */
    insn i = op == 1 ? make(INSN_ALU, 2) : alu16(rd);
    i.source_regs = op == 0 ? 0 : reg(rd);
    return i;
}

static insn decode16(uint32_t w) {
    switch (bits(w, 15, 12)) {
    case 0x0:
    case 0x1:
    case 0x2:
    case 0x3:
        return basic16(w);
    case 0x4:
        if (bits(w, 11, 11)) /* literal */
            return single16(true, bits(w, 10, 8), 15);
        return data_processing16(w);
    case 0x5: {
        insn i = single16(bits(w, 11, 9) >= 3, bits(w, 2, 0), bits(w, 5, 3));
        i.address_regs |= reg(bits(w, 8, 6));
        i.register_offset = true;
        return i;
    }
    case 0x6:
    case 0x7:
    case 0x8:
        return single16(bits(w, 11, 11), bits(w, 2, 0), bits(w, 5, 3));
    case 0x9:
        return single16(bits(w, 11, 11), bits(w, 10, 8), 13);
    case 0xa: /* ADR, ADD from SP */
        return alu16(bits(w, 10, 8));
    case 0xb:
        return miscellaneous16(w);
    case 0xc:
        return multiple(bits(w, 11, 11), bits(w, 7, 0), bits(w, 10, 8), 2);
    case 0xd:
        return make(bits(w, 11, 8) < 14 ? INSN_BRANCH : INSN_SYSTEM, 2);
    default:
        return make(INSN_JUMP, 2);
    }
}

/* VADDV, VADDLV, which share the multiplications' unit. */
static bool vector_sums(uint32_t h1, uint32_t h2) {
    return (h1 & 0xef83) == 0xee81 && (bits(h1, 6, 4) == 7 || bits(h1, 3, 2) == 2) &&
           bits(h2, 12, 6) == 0x3c && !bits(h2, 0, 0);
}

/* VMOVN, VQMOVN, VQMOVUN; VSHRN, VQSHRN and so on. */
static bool vector_narrows(uint32_t h1, uint32_t h2) {
    if (bits(h1, 11, 8) != 14 || bits(h2, 4, 4))
        return false;
    if (bits(h1, 7, 7))
        return !bits(h1, 5, 5) && bits(h2, 11, 8) == 15 && bits(h2, 6, 6);
    return bits(h1, 5, 4) == 3 && bits(h2, 11, 8) == 14 && bits(h2, 0, 0) && !bits(h2, 6, 6) &&
           (bits(h1, 1, 0) == 1 || (bits(h1, 1, 0) == 3 && !bits(h2, 7, 7)));
}

/* MVE: what multiplies is one group, everything else of arithmetic another. */
static bool vector_multiplies(uint32_t h1, uint32_t h2) {
    uint32_t op = bits(h2, 11, 8), top = bits(h1, 11, 8);
    if (top == 0xf) { /* VMUL; VQDMULH, VQRDMULH; floating VFMA, VMUL */
        if (bits(h1, 7, 7))
            return false;
        return (op == 9 && bits(h2, 4, 4)) || (op == 11 && !bits(h2, 4, 4)) ||
               (op == 12 && bits(h2, 4, 4)) || (op == 13 && bits(h2, 4, 4));
    }
    if (bits(h1, 7, 7)) { /* VMLADAV, VMLALDAV, VRMLALDAVH; not shifts, VADDV, VMAXV, VABAV */
        if (bits(h2, 6, 6) || bits(h2, 4, 4))
            return false;
        return op == 14 || (op == 15 && !bits(h1, 0, 0) && !bits(h2, 0, 0) && bits(h1, 6, 4) != 6);
    }
    if (bits(h1, 5, 4) == 3) { /* VQDMULL; not narrowing moves, predicates */
        bool by_scalar = bits(h2, 6, 4) == 6;
        bool by_vector = bits(h2, 0, 0) && !bits(h2, 6, 6) && !bits(h2, 4, 4);
        return op == 15 && !bits(h1, 0, 0) && (by_scalar || by_vector);
    }
    if (op != 14)
        return false;
    /* VMULH, VMULL, VMLA, VMUL by scalar, VQDMLAH ...; not VBRSR */
    return !(bits(h1, 12, 12) && bits(h1, 0, 0) && bits(h2, 12, 12) && bits(h2, 6, 4) == 6);
}

static uint8_t vector_reg(uint32_t number) {
    return (uint8_t)(1u << (number & 7));
}

static insn vector_memory(uint32_t h1, uint32_t h2) {
    insn i = make(INSN_VECTOR_MEMORY, 4);
    bool indexed = bits(h1, 8, 8), imm = bits(h2, 12, 12), load = bits(h1, 4, 4);
    *(load ? &i.result_qs : &i.source_qs) = vector_reg(bits(h2, 15, 13));
    i.address_regs = reg(bits(h1, 3, 0));
    i.writeback = bits(h1, 5, 5);
    /* [Rn, Qm] offsets; [Qn, #imm] of words or double words */
    bool from_vector = indexed && bits(h1, 12, 12) && imm;
    bool offsets = !indexed && !bits(h1, 5, 5) && bits(h1, 7, 7) && !imm;
    if (from_vector || offsets) {
        i.kind = INSN_VECTOR_GATHER;
        i.words = imm ? (bits(h2, 8, 8) ? 2 : 4) : (uint8_t)(16 >> bits(h2, 8, 7));
        i.address_qs = vector_reg(from_vector ? bits(h1, 3, 1) : bits(h2, 3, 1));
    }
    if (from_vector) {
        i.address_regs = 0;
        i.result_qs |= i.writeback ? i.address_qs : 0;
    } else if (i.writeback) {
        i.result_regs = i.address_regs;
    }
    return i;
}

static insn vector_arithmetic(uint32_t h1, uint32_t h2) {
    if ((h1 & 0xffbf) == 0xfe31 && (h2 & 0x1fff) == 0x0f4d) /* VPST, VPNOT */
        return make(INSN_VECTOR_PREDICATE, 4);
    bool sums = vector_sums(h1, h2), multiplies = sums || vector_multiplies(h1, h2);
    insn i = make(multiplies               ? INSN_VECTOR_MUL
                  : vector_narrows(h1, h2) ? INSN_VECTOR_NARROW
                                           : INSN_VECTOR_OTHER,
                  4);
    i.source_qs = vector_reg(bits(h1, 3, 1)) | vector_reg(bits(h2, 3, 1));
    if (sums || (multiplies && bits(h1, 11, 7) == 0x1d)) { /* to core registers */
        i.result_regs = reg(bits(h2, 15, 13) * 2);
        if (bits(h1, 6, 4) != 7)
            i.result_regs |= reg(bits(h1, 6, 4) * 2 + 1);
        i.source_regs = bits(h2, 5, 5) ? i.result_regs : 0;
    } else {
        i.result_qs = vector_reg(bits(h2, 15, 13));
        i.source_qs |= i.kind == INSN_VECTOR_NARROW ? i.result_qs : 0; /* keeps half */
    }
    return i;
}

/* VMOV between two lanes and two core registers. */
static insn vector_lanes(uint32_t h1, uint32_t h2) {
    insn i = make(INSN_VECTOR_OTHER, 4);
    uint32_t pair = reg(bits(h1, 3, 0)) | reg(bits(h2, 3, 0));
    *(bits(h1, 4, 4) ? &i.result_regs : &i.source_regs) = pair;
    i.source_qs = vector_reg(bits(h2, 15, 13)); /* of the other lanes, too */
    i.result_qs = bits(h1, 4, 4) ? 0 : i.source_qs;
    return i;
}

static insn coprocessor(uint32_t h1, uint32_t h2) {
    uint32_t number = bits(h2, 11, 8);
    if ((h1 & 0xee00) == 0xec00) { /* loads, stores, moves of two registers */
        if ((h1 & 0xffe0) == 0xec00 && number == 15)
            return vector_lanes(h1, h2);
        if (number >= 14)
            return vector_memory(h1, h2);
        if ((h1 & 0xffe0) == 0xec40)
            return make(INSN_FP, 4);
        if (number != 10 && number != 11)
            return make(INSN_UNKNOWN, 4);
        bool load = bits(h1, 4, 4), one = bits(h1, 8, 8) && !bits(h1, 5, 5);
        insn i = make(load ? INSN_LOAD_MULTIPLE : INSN_STORE_MULTIPLE, 4);
        i.words = one ? (number == 11 ? 2 : 1) : (uint8_t)bits(h2, 7, 0);
        i.address_regs = reg(bits(h1, 3, 0));
        return i;
    }
    if (bits(h1, 11, 8) == 14 && number == 11 && bits(h1, 7, 7) && !bits(h1, 4, 4)) { /* VDUP */
        insn i = make(INSN_VECTOR_OTHER, 4);
        i.source_regs = reg(bits(h2, 15, 12));
        i.result_qs = vector_reg(bits(h1, 3, 1));
        return i;
    }
    if (bits(h1, 11, 8) == 14 && (number == 10 || number == 11))
        return make(INSN_FP, 4);
    if (bits(h1, 11, 8) == 15 || number >= 14)
        return vector_arithmetic(h1, h2);
    return make(INSN_UNKNOWN, 4);
}

static insn single32(uint32_t h1, uint32_t h2) {
    bool load = bits(h1, 4, 4), imm12 = bits(h1, 7, 7);
    uint32_t size = bits(h1, 6, 5), rt = bits(h2, 15, 12);
    if (size == 3)
        return make(INSN_UNKNOWN, 4);
    if (load && rt == 15 && size != 2) /* PLD, PLI */
        return make(INSN_ALU, 4);
    insn i = make(load ? INSN_LOAD : INSN_STORE, 4);
    i.address_regs = reg(bits(h1, 3, 0));
    i.result_regs = load ? reg(rt) : 0;
    i.to_pc = load && rt == 15;
    if (bits(h1, 3, 0) == 15 || imm12)
        return i;
    if (bits(h2, 11, 11)) {
        i.writeback = bits(h2, 8, 8);
        i.result_regs |= i.writeback ? i.address_regs : 0;
    } else {
        i.register_offset = true;
        i.address_regs |= reg(bits(h2, 3, 0));
    }
    return i;
}

static insn multiply32(uint32_t h1, uint32_t h2) {
    uint32_t op = bits(h1, 6, 4), op2 = bits(h2, 7, 4);
    insn i = make(INSN_DSP_MUL, 4);
    i.result_regs = reg(bits(h2, 11, 8));
    i.source_regs = reg(bits(h1, 3, 0)) | reg(bits(h2, 3, 0));
    if (!bits(h1, 7, 7)) {
        i.source_regs |= reg(bits(h2, 15, 12)); /* the addend, or none: 15 */
        if (op == 0)
            i.kind = op2 == 0 && bits(h2, 15, 12) == 15 ? INSN_MUL : INSN_MLA;
        return i;
    }
    if (op2 == 15 && (op == 1 || op == 3)) {
        i.kind = INSN_DIV;
        return i;
    }
    i.result_regs |= reg(bits(h2, 15, 12));
    i.kind = op == 0 || op == 2 ? INSN_LONG_MUL : INSN_LONG_MLA;
    i.source_regs |= i.kind == INSN_LONG_MLA ? i.result_regs : 0;
    return i;
}

static insn two_registers(uint32_t h1, uint32_t h2) {
    insn i = make(INSN_ALU, 4);
    i.result_regs = reg(bits(h2, 11, 8));
    i.source_regs = reg(bits(h1, 3, 0)) | reg(bits(h2, 3, 0));
    return i;
}

/* LDRD, STRD, exclusives, acquire and release, TBB, TBH */
static insn dual_or_exclusive(uint32_t h1, uint32_t h2) {
    bool load = bits(h1, 4, 4);
    if (h1 & 0x0120) {
        insn i = make(load ? INSN_LOAD_MULTIPLE : INSN_STORE_MULTIPLE, 4);
        i.words = 2;
        i.writeback = bits(h1, 5, 5);
        i.address_regs = reg(bits(h1, 3, 0));
        i.result_regs = load ? reg(bits(h2, 15, 12)) | reg(bits(h2, 11, 8)) : 0;
        return i;
    }
    if ((h1 & 0xfff0) == 0xe8d0 && bits(h2, 7, 5) == 0)
        return make(INSN_TABLE_BRANCH, 4);
    insn i = make(load ? INSN_LOAD : INSN_STORE, 4);
    i.address_regs = reg(bits(h1, 3, 0));
    i.result_regs = load ? reg(bits(h2, 15, 12)) : 0;
    return i;
}

/* h1 is 11110xxx. */
static insn immediate_or_branch(uint32_t h1, uint32_t h2) {
    if (!bits(h2, 15, 15)) {
        insn i = make(INSN_ALU, 4);
        i.result_regs = reg(bits(h2, 11, 8));
        bool wide = bits(h1, 9, 9) && bits(h1, 6, 4) == 4; /* MOVW, MOVT */
        i.source_regs = wide ? 0 : reg(bits(h1, 3, 0));
        return i;
    }
    if (bits(h2, 14, 14)) {
        if (bits(h2, 12, 12))
            return make(INSN_CALL, 4);
        bool end = bits(h1, 3, 0) == 15 && bits(h2, 13, 13) == 0 && bits(h2, 0, 0);
        if (end)
            return make(INSN_LOOP_END, 4);
        return make(bits(h2, 13, 13) ? INSN_ALU : INSN_BRANCH, 4); /* DLS, VCTP; WLS */
    }
    if (bits(h2, 12, 12))
        return make(INSN_JUMP, 4);
    if (bits(h1, 9, 7) != 7)
        return make(INSN_BRANCH, 4);
    return make((h1 & 0xfff0) == 0xf3a0 ? INSN_ALU : INSN_SYSTEM, 4); /* NOP.W; MSR, MRS, DSB */
}

insn insn_decode_thumb(const uint8_t *bytes) {
    uint32_t h1 = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
    if (h1 < 0xe800)
        return decode16(h1);
    uint32_t h2 = (uint32_t)bytes[2] | (uint32_t)bytes[3] << 8;
    if ((h1 & 0xec00) == 0xec00)
        return coprocessor(h1, h2);
    if (h1 < 0xea00) {
        if (bits(h1, 6, 6))
            return dual_or_exclusive(h1, h2);
        return multiple(bits(h1, 4, 4), h2, bits(h1, 3, 0), 4);
    }
    if (h1 < 0xf000) /* shifted register */
        return two_registers(h1, h2);
    if (h1 < 0xf800)
        return immediate_or_branch(h1, h2);
    if (h1 < 0xfa00)
        return single32(h1, h2);
    if (h1 < 0xfb00)
        return two_registers(h1, h2);
    return multiply32(h1, h2);
}
