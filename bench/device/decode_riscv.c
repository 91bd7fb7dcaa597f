/* RV32IMAC. */
#include "insn_decode.h"

static insn compressed(uint32_t w) {
    insn i = {.kind = INSN_ALU, .bytes = 2};
    uint32_t funct3 = w >> 13 & 7;
    switch (w & 3) {
    case 0:
        i.kind = w == 0        ? INSN_UNKNOWN
                 : funct3 == 2 ? INSN_LOAD
                 : funct3 == 6 ? INSN_STORE
                 : funct3 == 0 ? INSN_ALU
                               : INSN_UNKNOWN; /* no floating point */
        break;
    case 1:
        if (funct3 == 1 || funct3 == 5)
            i.kind = INSN_JUMP; /* c.jal, c.j */
        if (funct3 >= 6)
            i.kind = INSN_BRANCH;
        break;
    default:
        if (funct3 == 2)
            i.kind = INSN_LOAD;
        else if (funct3 == 6)
            i.kind = INSN_STORE;
        else if (funct3 == 4 && (w >> 2 & 31) == 0) /* c.jr, c.jalr, c.ebreak */
            i.kind = (w >> 7 & 31) ? INSN_JUMP : INSN_SYSTEM;
        else if (funct3 != 0 && funct3 != 4)
            i.kind = INSN_UNKNOWN;
        break;
    }
    return i;
}

insn insn_decode_riscv(const uint8_t *bytes) {
    uint32_t w = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8;
    if ((w & 3) != 3)
        return compressed(w);
    w |= (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    insn i = {.kind = INSN_UNKNOWN, .bytes = 4};
    uint32_t funct3 = w >> 12 & 7;
    switch (w & 0x7f) {
    case 0x03:
        i.kind = INSN_LOAD;
        break;
    case 0x23:
        i.kind = INSN_STORE;
        break;
    case 0x13: /* register-immediate */
    case 0x17: /* auipc */
    case 0x37: /* lui */
        i.kind = INSN_ALU;
        break;
    case 0x33:
        i.kind = w >> 25 != 1  ? INSN_ALU
                 : funct3 == 0 ? INSN_MUL
                 : funct3 < 4  ? INSN_HIGH_MUL
                               : INSN_DIV;
        break;
    case 0x63:
        i.kind = INSN_BRANCH;
        break;
    case 0x67:
    case 0x6f:
        i.kind = INSN_JUMP;
        break;
    case 0x2f: /* atomic: a load and, unless it only reserves, a store */
        i.kind = w >> 27 == 2 ? INSN_LOAD : INSN_STORE_MULTIPLE;
        i.words = 2;
        break;
    case 0x0f: /* fence */
    case 0x73:
        i.kind = INSN_SYSTEM;
        break;
    default:
        break;
    }
    return i;
}
