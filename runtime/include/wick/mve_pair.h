/* SPDX-License-Identifier: 0BSD */
/* All outputs of two pixels of a dense convolution for Helium, from biases to outputs: see
   wick/mve.h for the block of two pixels by four outputs, and for the layout of weights.

   The multiplication unit is to be kept busy: it takes two cycles for each of the 8 instructions
   that 16 inputs need, in between one other instruction can be issued each time, and 6 of those 8
   places go to loads. So a group's sums are rounded while the next group's first 16 inputs are
   multiplied (HEAD). What is left of the inputs runs through a chain of 6 times 16 (CHAIN), which
   is entered in the middle where it must. */
#ifndef WICK_MVE_PAIR_H
#define WICK_MVE_PAIR_H

#include <wick/mve.h>

enum { WICK_MVE_PASS = 6 };       /* vectors of 16 inputs */
enum { WICK_MVE_STEP_CODE = 56 }; /* bytes of code for one of them */

/* Pairs of pixels; from one to the next x0 and x1 grow by `advance`, dst by 2 * n. The order of the
   fields is known to the assembly. */
typedef struct wick_mve_pairs {
    const int8_t *x0, *x1; /* aligned to 4 */
    int32_t back;          /* bytes from the inputs' end to x0 */
    const uint32_t *until, *first_end, *weights, *weights_end; /* of the first group, of all */
    uint32_t place, passes;
    uintptr_t head; /* these three, and back, from wick_mve_pairs_begin() */
    const int32_t *bias;
    const uint8_t *shift;
    const int32_t *mult;
    int8_t *dst; /* 2 * n before the first pair's outputs: n of the one pixel, n of the other */
    uint32_t n;  /* outputs, >= 4; if not a multiple of 4 there is only one pair */
    int32_t zero_point, low[4], high[4], advance;
    uint32_t pairs;
    uintptr_t saved;
} wick_mve_pairs;

/* Where HEAD enters the chain, and how often it is passed. steps: vectors of inputs, > 0; if 1,
   another one behind x0 and x1 is read too. */
static inline void wick_mve_pairs_begin(wick_mve_pairs *pairs, uint32_t steps) {
    uint32_t more = steps - 1, first = (more - 1) % WICK_MVE_PASS + 1;
    pairs->back = -16 * (int32_t)steps;
    pairs->place = more ? (WICK_MVE_PASS - first) * WICK_MVE_STEP_CODE : 0u - 16u;
    pairs->passes = (more + WICK_MVE_PASS - 1) / WICK_MVE_PASS;
    pairs->head = 0;
}

#if WICK_HAVE_MVE

/* 16 inputs: two pixels in q0, q1 by four outputs, the first one's weights in q2. Loads what comes
   next. Two cycles wait for the multiplier: there is room for SLOT1 and SLOT2; SLOT3 takes cycles
   of its own. 56 bytes without slots. */
#define WICK_MVE_STEP(SLOT1, SLOT2, SLOT3)                                                         \
    "   vmladava.s8 r0, q0, q2\n"                                                                  \
    "   vldrw.u32 q3, [r5, #16]\n"                                                                 \
    "   vmladava.s8 r8, q1, q2\n" SLOT1 "   vmladava.s8 r2, q0, q3\n"                              \
    "   vldrw.u32 q2, [r5, #32]\n"                                                                 \
    "   vmladava.s8 r10, q1, q3\n" SLOT2 "   vmladava.s8 r4, q0, q2\n"                             \
    "   vldrw.u32 q3, [r5, #48]\n"                                                                 \
    "   vmladava.s8 r12, q1, q2\n"                                                                 \
    "   vldrw.u32 q2, [r5, #64]!\n" SLOT3 "   vmladava.s8 r6, q0, q3\n"                            \
    "   vldrw.u32 q0, [r1], #16\n"                                                                 \
    "   vmladava.s8 lr, q1, q3\n"                                                                  \
    "   vldrw.u32 q1, [r3], #16\n"

/* 1: HEAD, 3: CHAIN, 7 and 8: to the next pair, 9: the very last group's outputs. q4, q5: sums of
   the group before; d14: bias, shift, d15: mult, dst. In the first group there is none before: what
   is rounded then goes where the first group's outputs will. r7 is saved by hand, since compilers
   may use it for the frame. Its caller is to be a subroutine. */
static inline void wick_mve_outputs_of_two(wick_mve_pairs *pairs) {
    register wick_mve_pairs *args __asm__("r11") = pairs;
    __asm__ volatile(/* clang-format off */
        "   str r7, [r11, #104]\n"
        "   ldr r7, [r11, #36]\n"
        "   cbnz r7, 2f\n"
        "   adr r7, 3f\n"
        "   ldr r0, [r11, #28]\n"
        "   add r0, r7\n"
        "   str r0, [r11, #28]\n"
        "   adr r7, 1f\n"
        "   str r7, [r11, #36]\n"
        "2: ldrd r0, r2, [r11, #40]\n"
        "   ldrd r4, r6, [r11, #48]\n"
        "   vmov d14, r0, r2\n"
        "   ldr r8, [r11, #56]\n"
        "   ldrd r1, r3, [r11]\n"
        "   add r6, r6, r8, lsl #1\n"
        "   vmov d15, r4, r6\n"
        "   ldr r5, [r11, #20]\n"
        "   vldrw.u32 q0, [r1], #16\n"
        "   ldr r9, [r11, #16]\n"
        "   vldrw.u32 q1, [r3], #16\n"
        "   str r9, [r11, #12]\n"
        "   vldrw.u32 q2, [r5]\n"
        "   mov pc, r7\n"
        "   .balign 4\n"
        "1:\n"
        "   vmov q4[2], q4[0], r0, r4\n"
        "   vmladav.s8 r0, q0, q2\n"
        "   vldrw.u32 q3, [r5, #16]\n"
        "   vmov q5[2], q5[0], r8, r12\n"
        "   vmladav.s8 r8, q1, q2\n"
        "   vmov q4[3], q4[1], r2, r6\n"
        "   vmladav.s8 r2, q0, q3\n"
        "   vldrw.u32 q2, [r5, #32]\n"
        "   vmov q5[3], q5[1], r10, lr\n"
        "   vmladav.s8 r10, q1, q3\n"
        "   vmov r9, r7, d14\n"
        "   vmladav.s8 r4, q0, q2\n"
        "   vldrw.u32 q3, [r5, #48]\n"
        "   vmladav.s8 r12, q1, q2\n"
        "   vldrw.u32 q2, [r5, #64]!\n"
        "   vmladav.s8 r6, q0, q3\n"
        "   vldrw.u32 q6, [r9], #16\n"
        "   vadd.i32 q4, q4, q6\n"
        "   vldrw.u32 q0, [r1], #16\n"
        "   vadd.i32 q5, q5, q6\n"
        "   vmladav.s8 lr, q1, q3\n"
        "   vldrb.u32 q6, [r7], #4\n"
        "   vmov d14, r9, r7\n"
        "   vshl.s32 q4, q4, q6\n"
        "   vmov r9, r7, d15\n"
        "   vshl.s32 q5, q5, q6\n"
        "   vldrw.u32 q6, [r9], #16\n"
        "   vmov s30, r9\n"
        "   vrmulh.s32 q4, q4, q6\n"
        "   ldr r9, [r11, #60]\n"
        "   vrmulh.s32 q5, q5, q6\n"
        "   vldrw.u32 q6, [r11, #64]\n"
        "   vadd.i32 q4, q4, r9\n"
        "   vldrw.u32 q1, [r3], #16\n"
        "   vadd.i32 q5, q5, r9\n"
        "   vmax.s32 q4, q4, q6\n"
        "   ldr r9, [r11, #56]\n"
        "   vmax.s32 q5, q5, q6\n"
        "   vldrw.u32 q6, [r11, #80]\n"
        "   vmin.s32 q4, q4, q6\n"
        "   vstrb.32 q4, [r7], #4\n"
        "   vmin.s32 q5, q5, q6\n"
        "   vmov s31, r7\n"
        "   add r7, r9\n"
        "   ldr r9, [r11, #32]\n"
        "   vstrb.32 q5, [r7, #-4]\n"
        "   ldr r7, [r11, #28]\n"
        "   mov pc, r7\n"
        "   .balign 4\n"
        "   ldrd r1, r3, [r11]\n"
        "   vldrw.u32 q0, [r1], #16\n"
        "   vldrw.u32 q1, [r3], #16\n"
        "   b.w 4f\n"
        "3:\n"
        "   .rept 5\n"
        WICK_MVE_STEP("", "", "")
        "   .endr\n"
        WICK_MVE_STEP("   ldr r7, [r11, #8]\n",
                      "   subs r9, #1\n",
                      "   itt eq\n"
                      "   addeq r1, r7\n"
                      "   addeq r3, r7\n")
        "   bne 3b\n"
        "4: ldr r9, [r11, #12]\n"
        "   cmp r5, r9\n"
        "   bne.w 1b\n"
        "7: ldr r9, [r11, #16]\n"
        "   cmp r5, r9\n"
        "   bne 8f\n"
        "   ldrd r7, r9, [r11, #40]\n"
        "   vmov d14, r7, r9\n"
        "   ldr r9, [r11, #56]\n"
        "   ldr r7, [r11, #52]\n"
        "   add r9, r7, r9, lsl #1\n"
        "   str r9, [r11, #52]\n"
        "   ldr r7, [r11, #48]\n"
        "   vmov d15, r7, r9\n"
        "   ldr r9, [r11, #24]\n"
        "   ldr r7, [r11, #36]\n"
        "   str r9, [r11, #12]\n"
        "   cmp r5, r9\n"
        "   it ne\n"
        "   movne pc, r7\n"
        "8: ldr r7, [r11, #100]\n"
        "   ldr r9, [r11, #16]\n"
        "   subs r7, #1\n"
        "   beq 9f\n"
        "   str r7, [r11, #100]\n"
        "   str r9, [r11, #12]\n"
        "   ldrd r1, r3, [r11]\n"
        "   ldr r9, [r11, #96]\n"
        "   ldr r5, [r11, #20]\n"
        "   add r1, r9\n"
        "   add r3, r9\n"
        "   strd r1, r3, [r11]\n"
        "   vldrw.u32 q0, [r1], #16\n"
        "   ldr r7, [r11, #36]\n"
        "   vldrw.u32 q1, [r3], #16\n"
        "   vldrw.u32 q2, [r5]\n"
        "   mov pc, r7\n"
        "9: vmov q4[2], q4[0], r0, r4\n"
        "   vmov r1, r3, d14\n"
        "   vmov q5[2], q5[0], r8, r12\n"
        "   ldrd r7, r9, [r11, #52]\n"
        "   vmov q4[3], q4[1], r2, r6\n"
        "   vmov r0, r2, d15\n"
        "   vmov q5[3], q5[1], r10, lr\n"
        "   add r7, r9\n"
        "   sub r7, r2\n"
        "   vctp.32 r7\n"
        "   vpst\n"
        "   vldrwt.u32 q6, [r1]\n"
        "   vadd.i32 q4, q4, q6\n"
        "   vadd.i32 q5, q5, q6\n"
        "   vpstt\n"
        "   vldrbt.u32 q0, [r3]\n"
        "   vldrwt.u32 q1, [r0]\n"
        "   vshl.s32 q4, q4, q0\n"
        "   vldrw.u32 q6, [r11, #64]\n"
        "   vrmulh.s32 q4, q4, q1\n"
        "   vshl.s32 q5, q5, q0\n"
        "   ldr r7, [r11, #60]\n"
        "   vrmulh.s32 q5, q5, q1\n"
        "   vadd.i32 q4, q4, r7\n"
        "   vldrw.u32 q7, [r11, #80]\n"
        "   vadd.i32 q5, q5, r7\n"
        "   add r4, r9, r2\n"
        "   vmax.s32 q4, q4, q6\n"
        "   ldr r7, [r11, #104]\n"
        "   vmax.s32 q5, q5, q6\n"
        "   vmin.s32 q4, q4, q7\n"
        "   vpst\n"
        "   vstrbt.32 q4, [r2]\n"
        "   vmin.s32 q5, q5, q7\n"
        "   vpst\n"
        "   vstrbt.32 q5, [r4]\n"
        : "+r"(args)
        :
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "lr", "q0", "q1",
          "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory"); /* clang-format on */
}

#else

static inline void wick_mve_output_of_two(const wick_mve_pairs *pair, uint32_t c, int8_t *dst) {
    uint32_t steps = (uint32_t)-pair->back / 16;
    const uint32_t *at = pair->weights + c / 4 * 16 * steps + c % 4 * 4;
    int32_t acc0 = pair->bias[c], acc1 = acc0;
    for (uint32_t step = 0; step < steps; step++, at += 16) {
        acc0 += wick_mve_dot(pair->x0 + 16 * step, at, 16);
        acc1 += wick_mve_dot(pair->x1 + 16 * step, at, 16);
    }
    int32_t y0 = wick_requantize(acc0, pair->mult[c], pair->shift[c]);
    int32_t y1 = wick_requantize(acc1, pair->mult[c], pair->shift[c]);
    dst[c] = wick_clamp_s8(pair->zero_point + y0, pair->low[0], pair->high[0]);
    dst[pair->n + c] = wick_clamp_s8(pair->zero_point + y1, pair->low[0], pair->high[0]);
}

static inline void wick_mve_outputs_of_two(wick_mve_pairs *pairs) {
    for (;;) {
        pairs->dst += 2 * pairs->n;
        for (uint32_t c = 0; c < pairs->n; c++)
            wick_mve_output_of_two(pairs, c, pairs->dst);
        if (!--pairs->pairs)
            return;
        pairs->x0 += pairs->advance;
        pairs->x1 += pairs->advance;
    }
}

#endif
#endif
