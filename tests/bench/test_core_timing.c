/* The cycle estimate against the examples and table entries of the cores' manuals. Instructions
   stand as halfwords, as a disassembler prints them. */
#include "core_pipeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LDR_R0_R1 0x6808
#define LDR_R1_R2 0x6811
#define LDR_R1_R0 0x6801
#define LDR_R1_R1 0x6809
#define LDR_R0_R1_R2 0x5888
#define LDR_R0_R1_R5 0x5948
#define LDR_R2_R3_4 0x685a
#define LDR_R0_R1_POST 0xf851, 0x0b04
#define LDRB_R0_R1 0x7808
#define STR_R0_R3_20 0x6158
#define STR_R1_R3_R2 0x5099
#define LDRD_R0_R1_R2 0xe9d2, 0x0100
#define LDM_R0_3 0xe890, 0x000e
#define STM_R0_8 0xc0ff
#define PUSH_5 0xb5f0
#define POP_5_PC 0xbdf0
#define ADDS_R1 0x3104
#define MULS 0x4348
#define MLA 0xfb01, 0x0002
#define SMLAD 0xfb21, 0x0002
#define SMMULR 0xfb51, 0xf012
#define SMULL 0xfb82, 0x0103
#define SMLAL 0xfbc2, 0x0103
#define SDIV 0xfb91, 0xf0f2
#define SXTB16 0xfa2f, 0xf091
#define VLDRW 0xecb0, 0x1f04
#define VMLADAVA 0xeef0, 0x0f22
#define VMLADAVA_R2 0xeef0, 0x2f22 /* r2, q0, q1 */
#define VADD 0xef22, 0x0844        /* q0, q1, q2 */
#define VADD_Q3_Q0 0xef20, 0x6840  /* q3, q0, q0 */
#define VRMULH 0xee27, 0x1e05      /* q0, q3, q2 */
#define VQMOVN 0xee37, 0x0e05      /* q0, q2 */
#define VSTRW_Q0 0xed82, 0x1f00    /* q0, [r2] */
#define VLDRB_GATHER 0xfc90, 0x0e02
#define VLDRW_GATHER 0xfd94, 0x3e10      /* q1, [q2, #64] */
#define VLDRW_GATHER_BACK 0xfdb4, 0x3e10 /* q1, [q2, #64]! */
#define VADDVA_R0 0xeef5, 0x0f22
#define VMOV_LANES 0xec04, 0x0f00 /* q0[2], q0[0], r0, r4 */
#define VPST 0xfe71, 0x0f4d
#define MOVS_R4_R0 0x0004
#define DLS 0xf040, 0xe001

enum { MOST = 8 };

static insn decode(const core_timing *core, const uint16_t *halves) {
    uint8_t bytes[4] = {(uint8_t)halves[0], (uint8_t)(halves[0] >> 8), (uint8_t)halves[1],
                        (uint8_t)(halves[1] >> 8)};
    return core->riscv ? insn_decode_riscv(bytes) : insn_decode_thumb(bytes);
}

/* Straight-line code. */
static uint32_t cycles_of(const core_timing *core, const uint16_t *halves, int n) {
    uint32_t cycles = 0;
    insn before;
    core_pipeline pipeline = {0};
    for (int at = 0, first = 1; at < n; first = 0) {
        insn i = decode(core, halves + at);
        assert_int_not_equal(i.kind, INSN_UNKNOWN);
        if (core->in_order_pipeline)
            core_issue(&pipeline, core, &i);
        else
            cycles += core_cycles(core, first ? NULL : &before, &i);
        at += i.bytes / 2;
        before = i;
    }
    return core->in_order_pipeline ? (uint32_t)pipeline.now : cycles;
}

#define CODE(...) __VA_ARGS__
#define TAKES(core, cycles, code)                                                                  \
    do {                                                                                           \
        const uint16_t halves[MOST + 2] = {code};                                                  \
        const uint16_t counted[] = {code};                                                         \
        uint32_t got =                                                                             \
            cycles_of(core_timing_find(core), halves, (int)(sizeof counted / sizeof *counted));    \
        if (got != (cycles))                                                                       \
            fail_msg("%s: %s takes %u, not %u", core, #code, got, (unsigned)(cycles));             \
    } while (0)

/* The four examples of "Load/store timings" in the manuals of Cortex-M3 and M4, and the rules
   around them. */
static void loads_overlap_as_the_manual_says(void **state) {
    (void)state;
    static const char *const cores[] = {"m3", "m4", "m7", "m33"};
    for (int c = 0; c < 4; c++) {
        TAKES(cores[c], 3, CODE(LDR_R0_R1, LDR_R1_R2));
        TAKES(cores[c], 3, CODE(LDR_R0_R1_R2, STR_R0_R3_20));
        TAKES(cores[c], 3, CODE(LDR_R0_R1_R2, STR_R1_R3_R2));
        TAKES(cores[c], 4, CODE(LDR_R0_R1_R5, LDR_R1_R2, LDR_R2_R3_4));
        TAKES(cores[c], 4, CODE(LDR_R0_R1, LDR_R1_R0)); /* the address comes from the load */
        TAKES(cores[c], 4, CODE(ADDS_R1, LDR_R0_R1));   /* and from data processing */
        TAKES(cores[c], 3, CODE(ADDS_R1, LDR_R1_R2));
        TAKES(cores[c], 3, CODE(LDRD_R0_R1_R2));
        TAKES(cores[c], 4, CODE(LDM_R0_3));
        TAKES(cores[c], 9, CODE(STM_R0_8));
        TAKES(cores[c], 5, CODE(LDRD_R0_R1_R2, LDR_R2_R3_4)); /* no overlap with others */
    }
    TAKES("m4", 3, CODE(LDR_R0_R1_POST, LDR_R1_R2));
    TAKES("m3", 4, CODE(LDR_R0_R1_POST, LDR_R1_R2));
    TAKES("m0", 4, CODE(LDR_R0_R1, LDR_R1_R2));
    TAKES("m0", 6, CODE(PUSH_5));
    TAKES("m0", 3 + 5 - 1, CODE(POP_5_PC)); /* and the refill */
}

static void multiplications_are_those_of_the_table(void **state) {
    (void)state;
    TAKES("m4", 1, CODE(MLA));
    TAKES("m4", 1, CODE(SMULL));
    TAKES("m4", 1, CODE(SMLAL));
    TAKES("m4", 1, CODE(SMLAD));
    TAKES("m4", 1, CODE(SMMULR));
    TAKES("m4", 1, CODE(SXTB16));
    TAKES("m3", 2, CODE(MLA));
    TAKES("m3", 5, CODE(SMULL));
    TAKES("m3", 7, CODE(SMLAL));
    TAKES("m3", 12, CODE(SDIV));
    TAKES("m0", 1, CODE(MULS));
}

/* The two sequences that LLVM's model draws, and what its table says. The last instruction is
   counted until another can be issued. */
static void vectors_go_through_the_pipeline(void **state) {
    (void)state;
    TAKES("m55", 4, CODE(VLDRW, VADD, VMLADAVA, VSTRW_Q0));
    TAKES("m55", 5, CODE(VLDRW, VLDRW, VADD, VSTRW_Q0));
    TAKES("m55", 4, CODE(VLDRW, VMLADAVA_R2, VLDRW, VMLADAVA_R2));
    TAKES("m55", 3, CODE(VMLADAVA, VMLADAVA_R2)); /* one unit */
    TAKES("m55", 3, CODE(VMLADAVA, MOVS_R4_R0));  /* a product is ready after two cycles, */
    TAKES("m55", 3, CODE(VRMULH, VADD_Q3_Q0));
    TAKES("m55", 2, CODE(VRMULH, VSTRW_Q0)); /* but is stored after one, */
    TAKES("m55", 4, CODE(VQMOVN, VSTRW_Q0)); /* and what is narrowed after three */
    TAKES("m55", 3, CODE(VADDVA_R0, VMLADAVA_R2));
    TAKES("m55", 2, CODE(VADD, VADDVA_R0));
    TAKES("m55", 3, CODE(VMLADAVA, VMOV_LANES));
    TAKES("m55", 3, CODE(VADD, VPST, VADD_Q3_Q0));
    TAKES("m55", 3, CODE(VLDRW_GATHER, VLDRW_GATHER));
    TAKES("m55", 6, CODE(VLDRW_GATHER_BACK, VLDRW_GATHER)); /* addresses are read early */
    TAKES("m55", 9, CODE(VLDRB_GATHER, VLDRW));
    TAKES("m55", 1, CODE(DLS));
}

static void scalars_go_through_the_pipeline(void **state) {
    (void)state;
    TAKES("m55", 2, CODE(LDR_R0_R1, LDR_R1_R2));
    TAKES("m55", 2, CODE(LDR_R0_R1, ADDS_R1));
    TAKES("m55", 3, CODE(LDR_R1_R0, ADDS_R1)); /* what was loaded is ready after two cycles */
    TAKES("m55", 3, CODE(LDR_R0_R1, LDR_R1_R0));
    TAKES("m55", 3, CODE(ADDS_R1, LDR_R0_R1)); /* as on the M4 */
    TAKES("m55", 2, CODE(LDR_R0_R1_POST, LDR_R1_R1));
    TAKES("m55", 3, CODE(MULS, MLA));
    TAKES("m55", 5, CODE(LDR_R1_R0, MLA, MULS));
    TAKES("m55", 2, CODE(LDRD_R0_R1_R2));
    TAKES("m55", 3, CODE(LDM_R0_3));
    TAKES("m55", 8, CODE(STM_R0_8));
}

static void branches_cost_a_refill(void **state) {
    (void)state;
    static const uint16_t beq[2] = {0xd0fe}, bx[2] = {0x4770}, le[2] = {0xf00f, 0xc003};
    const core_timing *m4 = core_timing_find("m4"), *m55 = core_timing_find("m55");
    const core_timing *m0 = core_timing_find("m0"), *rv = core_timing_find("rv32");
    insn i = decode(m4, beq);
    assert_int_equal(i.kind, INSN_BRANCH);
    assert_int_equal(core_cycles(m4, NULL, &i) + core_refill(m4, &i), 3);
    assert_int_equal(core_cycles(m0, NULL, &i) + core_refill(m0, &i), 2);
    i = decode(m4, bx);
    assert_int_equal(i.kind, INSN_JUMP);
    i = decode(m55, le);
    assert_int_equal(i.kind, INSN_LOOP_END);
    assert_int_equal(core_cycles(m55, NULL, &i) + core_refill(m55, &i), 0);
    static const uint16_t bne[2] = {0x1463, 0xfe04}, jal[2] = {0xf0ef, 0x0000};
    i = decode(rv, bne);
    assert_int_equal(i.kind, INSN_BRANCH);
    assert_int_equal(core_cycles(rv, NULL, &i) + core_refill(rv, &i), 3);
    i = decode(rv, jal);
    assert_int_equal(i.kind, INSN_JUMP);
    assert_int_equal(core_cycles(rv, NULL, &i) + core_refill(rv, &i), 2);
}

static void riscv_is_the_ibex_table(void **state) {
    (void)state;
    TAKES("rv32", 2, CODE(0x2503, 0x0005));  /* lw a0, 0(a0) */
    TAKES("rv32", 2, CODE(0x4108));          /* c.lw a0, 0(a0) */
    TAKES("rv32", 2, CODE(0xc108));          /* c.sw a0, 0(a0) */
    TAKES("rv32", 1, CODE(0x0533, 0x02b5));  /* mul a0, a0, a1 */
    TAKES("rv32", 2, CODE(0x1533, 0x02b5));  /* mulh */
    TAKES("rv32", 38, CODE(0x4533, 0x02b5)); /* div */
    TAKES("rv32", 1, CODE(0x952e));          /* c.add a0, a1 */
}

static void unaligned_words_cost_more(void **state) {
    (void)state;
    const core_timing *m4 = core_timing_find("m4");
    assert_int_equal(core_unaligned(m4, 0x20000000, 2), 0);
    assert_int_equal(core_unaligned(m4, 0x20000001, 2), 2);
    assert_int_equal(core_unaligned(m4, 0x20000002, 2), 1);
    assert_int_equal(core_unaligned(m4, 0x20000001, 1), 1);
    assert_int_equal(core_unaligned(m4, 0x20000001, 0), 0);
    assert_false(core_timing_find("m0")->may_be_unaligned);
    assert_false(core_timing_find("rv32")->may_be_unaligned);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_overlap_as_the_manual_says),
        cmocka_unit_test(multiplications_are_those_of_the_table),
        cmocka_unit_test(vectors_go_through_the_pipeline),
        cmocka_unit_test(scalars_go_through_the_pipeline),
        cmocka_unit_test(branches_cost_a_refill),
        cmocka_unit_test(riscv_is_the_ibex_table),
        cmocka_unit_test(unaligned_words_cost_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
