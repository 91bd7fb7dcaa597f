/* SPDX-License-Identifier: 0BSD */
/* All outputs of neighbouring pixels of a 3x3 convolution with 32 inputs and stride 1 for Helium,
   two pixels at a time, their windows read where they are. See wick/mve.h for the block of two
   pixels by four outputs, and for the layout of weights.

   The multiplication unit is busy for two cycles with each of its instructions; in between, one
   other instruction can be issued each time. A step is 16 inputs of both pixels by four outputs:
   8 multiplications, 4 vectors of weights and, since what is a window's second column for the one
   pixel is its first for the other, one vector of the image; three places are left. In those of
   two kernel rows, 12 steps, the sums of the four outputs before are rounded. A window that is cut
   at the top or at the bottom has no third row, and its biases know of that. */
#ifndef WICK_MVE_ROWS_H
#define WICK_MVE_ROWS_H

#include <wick/mve.h>

enum {
    WICK_MVE_ROWS_INPUTS = 32,
    WICK_MVE_ROWS_TAPS = 3 * WICK_MVE_ROWS_INPUTS,     /* bytes of a window's row */
    WICK_MVE_ROWS_PAIR = 4 * WICK_MVE_ROWS_INPUTS,     /* bytes of a row that two pixels read */
    WICK_MVE_ROWS_GROUP = 3 * WICK_MVE_ROWS_TAPS,      /* words of weights of four outputs */
    WICK_MVE_ROWS_GROUP_ROW = WICK_MVE_ROWS_GROUP / 3, /* and of one kernel row of them */
    WICK_MVE_ROWS_SEGMENTS = 4
};

/* Pairs of pixels whose windows lie side by side, 64 bytes from each other: the rows of the first
   window, aligned to 4, each WICK_MVE_ROWS_PAIR bytes. Where two rows are multiplied, row2 is any
   address that can be read. No pairs: the last segment, which has nothing else. */
typedef struct wick_mve_segment {
    const int8_t *row0, *row1;
    uint32_t pairs;
    const int8_t *row2;
} wick_mve_segment;

/* What changes from group to group; dst of the one pixel and of the other. */
typedef struct wick_mve_place {
    const int32_t *bias;
    const uint8_t *shift;
    const int32_t *mult;
    uint32_t unused;
    int8_t *dst0, *dst1;
    uint32_t unused_too[2];
} wick_mve_place;

/* The order of the fields is known to the assembly. */
typedef struct wick_mve_rows {
    wick_mve_place begin,
        at; /* of the next pair; of the group that is rounded: begins as `begin` */
    int32_t low[4], high[4], zero_point;
    const uint32_t *weights; /* where the first group's rows begin */
    /* a step before the second group begins, before one behind the last group would; `until` begins
       as first_end */
    const uint32_t *until, *first_end, *end;
    uint32_t two_rows, pairs; /* not 0: only two rows; any */
    const wick_mve_segment *segments;
    uint32_t twice_n; /* twice the outputs, which are a multiple of 4 and >= 8 */
    uintptr_t saved;
} wick_mve_rows;

/* dst = bias + factor * the sum of the weights of one kernel row, which for the first group begin
   at `weights`; n: outputs, a multiple of 4, > 0. The order of the fields is known to the assembly.
 */
typedef struct wick_mve_row_biases {
    int32_t *dst;
    const int32_t *bias;
    const uint32_t *weights;
    int32_t factor;
    uint32_t n;
} wick_mve_row_biases;

#if WICK_HAVE_MVE

/* 16 inputs of two pixels, which are in X0 and X1, by four outputs, the first one's weights in q3:
   outputs 0, 2, 1, 3 go to r0, r2, r4, r6 and r8, r10, r12, lr. SLOT1 to SLOT3 have room for an
   instruction each, and for a multiplication followed by another one. X0 is free from LOAD on. */
#define WICK_MVE_ROW_STEP(X0, X1, SLOT1, SLOT2, LOAD, SLOT3)                                       \
    "   vmladava.s8 r0, " X0 ", q3\n"                                                              \
    "   vldrw.u32 q4, [r5, #32]\n"                                                                 \
    "   vmladava.s8 r8, " X1 ", q3\n"                                                              \
    "   vldrw.u32 q3, [r5, #16]\n"                                                                 \
    "   vmladava.s8 r2, " X0 ", q4\n" SLOT1 "   vmladava.s8 r10, " X1 ", q4\n"                     \
    "   vldrw.u32 q4, [r5, #48]\n"                                                                 \
    "   vmladava.s8 r4, " X0 ", q3\n" SLOT2 "   vmladava.s8 r12, " X1 ", q3\n"                     \
    "   vldrw.u32 q3, [r5, #64]!\n"                                                                \
    "   vmladava.s8 r6, " X0 ", q4\n" LOAD "   vmladava.s8 lr, " X1 ", q4\n" SLOT3

/* A group's first step: the sums of the group before leave their registers for q5 and q6, where
   half of them are already. */
#define WICK_MVE_ROW_FIRST                                                                         \
    "   vmladav.s8 r0, q0, q3\n"                                                                   \
    "   vldrw.u32 q4, [r5, #32]\n"                                                                 \
    "   vmladav.s8 r8, q2, q3\n"                                                                   \
    "   vldrw.u32 q3, [r5, #16]\n"                                                                 \
    "   vmladav.s8 r2, q0, q4\n"                                                                   \
    "   vmov q5[3], q5[1], r4, r6\n"                                                               \
    "   vmladav.s8 r10, q2, q4\n"                                                                  \
    "   vmov q6[3], q6[1], r12, lr\n"                                                              \
    "   vmladav.s8 r4, q0, q3\n"                                                                   \
    "   vldrw.u32 q4, [r5, #48]\n"                                                                 \
    "   vmladav.s8 r12, q2, q3\n"                                                                  \
    "   vldrw.u32 q3, [r5, #64]!\n"                                                                \
    "   vmladav.s8 r6, q0, q4\n"                                                                   \
    "   vldrw.u32 q1, [r1, #16]\n"                                                                 \
    "   vmladav.s8 lr, q2, q4\n"                                                                   \
    "   vldrw.u32 q0, [r1, #48]\n"

/* 1: a group; 2: its end, if there is no third row; 3: the first group's end, or 4: a pair's end;
   5: a segment begins; 6: the last group's outputs. r1, r3, r9 are the rows, r5 the weights; the
   rows' eight vectors take turns in q0, q1 and q2. r7 is saved by hand, since compilers may use it
   for the frame. Its caller is to be a subroutine. */
static inline void wick_mve_outputs_of_rows(wick_mve_rows *rows) {
    register wick_mve_rows *args __asm__("r11") = rows;
    __asm__ volatile(
        "   str r7, [r11, #132]\n"
        "   b 5f\n"
        "   .balign 4\n"
        "1:\n" /* clang-format off */
        WICK_MVE_ROW_FIRST
        WICK_MVE_ROW_STEP("q1", "q0",
                          "   ldr r7, [r11, #32]\n",
                          "   vldrw.u32 q7, [r7], #16\n",
                          "   vldrw.u32 q1, [r1, #64]\n",
                          "   str r7, [r11, #32]\n")
        WICK_MVE_ROW_STEP("q2", "q1",
                          "   vadd.i32 q5, q5, q7\n",
                          "   vadd.i32 q6, q6, q7\n",
                          "   vldrw.u32 q2, [r1, #80]\n",
                          "   ldr r7, [r11, #36]\n")
        WICK_MVE_ROW_STEP("q0", "q2",
                          "   vldrb.u32 q7, [r7], #4\n",
                          "   str r7, [r11, #36]\n",
                          "   vldrw.u32 q0, [r1, #96]\n",
                          "   vshl.s32 q5, q5, q7\n")
        WICK_MVE_ROW_STEP("q1", "q0",
                          "   vshl.s32 q6, q6, q7\n",
                          "   ldr r7, [r11, #40]\n",
                          "   vldrw.u32 q1, [r1, #112]\n",
                          "   vldrw.u32 q0, [r3]\n")
        WICK_MVE_ROW_STEP("q2", "q1",
                          "   vldrw.u32 q7, [r7], #16\n",
                          "   str r7, [r11, #40]\n",
                          "   vldrw.u32 q2, [r3, #32]\n",
                          "   vldrw.u32 q1, [r3, #16]\n")
        WICK_MVE_ROW_STEP("q0", "q2",
                          "   ldr r7, [r11, #96]\n   vrmulh.s32 q5, q5, q7\n",
                          "   vadd.i32 q5, q5, r7\n   vrmulh.s32 q6, q6, q7\n"
                          "   vldrw.u32 q7, [r11, #64]\n",
                          "   vldrw.u32 q0, [r3, #48]\n",
                          "   vadd.i32 q6, q6, r7\n")
        WICK_MVE_ROW_STEP("q1", "q0",
                          "   vmax.s32 q5, q5, q7\n",
                          "   vmax.s32 q6, q6, q7\n",
                          "   vldrw.u32 q1, [r3, #64]\n",
                          "   vldrw.u32 q7, [r11, #80]\n")
        WICK_MVE_ROW_STEP("q2", "q1",
                          "   vmin.s32 q5, q5, q7\n",
                          "   vmin.s32 q6, q6, q7\n",
                          "   vldrw.u32 q2, [r3, #80]\n",
                          "   ldr r7, [r11, #48]\n")
        WICK_MVE_ROW_STEP("q0", "q2",
                          "   vstrb.32 q5, [r7], #4\n",
                          "   str r7, [r11, #48]\n",
                          "   vldrw.u32 q0, [r3, #96]\n",
                          "   ldr r7, [r11, #52]\n")
        WICK_MVE_ROW_STEP("q1", "q0",
                          "   vstrb.32 q6, [r7], #4\n",
                          "   str r7, [r11, #52]\n",
                          "   vldrw.u32 q1, [r3, #112]\n",
                          "   vldrw.u32 q0, [r9]\n")
        WICK_MVE_ROW_STEP("q2", "q1",
                          "   ldr r7, [r11, #116]\n",
                          "   cmp r7, #0\n",
                          "   vldrw.u32 q2, [r9, #32]\n",
                          "   bne.w 2f\n")
        WICK_MVE_ROW_STEP("q0", "q2",
                          "   vldrw.u32 q1, [r9, #16]\n",
                          "",
                          "   vldrw.u32 q0, [r9, #48]\n",
                          "")
        WICK_MVE_ROW_STEP("q1", "q0", "", "", "   vldrw.u32 q1, [r9, #64]\n", "")
        WICK_MVE_ROW_STEP("q2", "q1", "", "", "   vldrw.u32 q2, [r9, #80]\n", "")
        WICK_MVE_ROW_STEP("q0", "q2", "", "", "   vldrw.u32 q0, [r9, #96]\n", "")
        WICK_MVE_ROW_STEP("q1", "q0",
                          "   ldr r7, [r11, #104]\n",
                          "",
                          "   vldrw.u32 q1, [r9, #112]\n",
                          "   vldrw.u32 q0, [r1]\n")
        WICK_MVE_ROW_STEP("q2", "q1",
                          "   cmp r5, r7\n",
                          "   vmov q5[2], q5[0], r0, r2\n",
                          "   vldrw.u32 q2, [r1, #32]\n",
                          "   vmov q6[2], q6[0], r8, r10\n") /* clang-format on */
        "   bne.w 1b\n"
        "3: ldr r5, [r11, #112]\n"
        "   vldrw.u32 q7, [r11]\n"
        "   cmp r5, r7\n"
        "   beq 4f\n"
        "   str r5, [r11, #104]\n"
        "   vstrw.32 q7, [r11, #32]\n"
        "   add r5, r7, #64\n"
        "   vldrw.u32 q7, [r11, #16]\n"
        "   vldrw.u32 q3, [r5]\n"
        "   vstrw.32 q7, [r11, #48]\n"
        "   b.w 1b\n"
        "2: ldr r7, [r11, #104]\n"
        "   vldrw.u32 q0, [r1]\n"
        "   add r5, r5, #320\n"
        "   vmov q5[2], q5[0], r0, r2\n"
        "   cmp r5, r7\n"
        "   vldrw.u32 q2, [r1, #32]\n"
        "   vmov q6[2], q6[0], r8, r10\n"
        "   beq 3b\n"
        "   vldrw.u32 q3, [r5, #64]!\n"
        "   b.w 1b\n"
        "4: ldr r7, [r11, #120]\n"
        "   vldrw.u32 q7, [r11, #16]\n"
        "   ldr r5, [r11, #128]\n"
        "   subs r7, #1\n"
        "   vadd.i32 q7, q7, r5\n"
        "   ldr r5, [r11, #100]\n"
        "   vstrw.32 q7, [r11, #16]\n"
        "   beq 5f\n"
        "   add r1, #64\n"
        "   str r7, [r11, #120]\n"
        "   vldrw.u32 q3, [r5]\n"
        "   ldr r7, [r11, #108]\n"
        "   vldrw.u32 q0, [r1]\n"
        "   add r3, #64\n"
        "   str r7, [r11, #104]\n"
        "   vldrw.u32 q2, [r1, #32]\n"
        "   add r9, #64\n"
        "   b.w 1b\n"
        "5: ldr r7, [r11, #124]\n"
        "   ldm r7!, {r1, r3, r5, r9}\n"
        "   str r7, [r11, #124]\n"
        "   cmp r5, #0\n"
        "   beq 6f\n"
        "   ldr r7, [r11, #108]\n"
        "   str r5, [r11, #120]\n"
        "   ldr r5, [r11, #100]\n"
        "   vldrw.u32 q0, [r1]\n"
        "   str r7, [r11, #104]\n"
        "   vldrw.u32 q2, [r1, #32]\n"
        "   vldrw.u32 q3, [r5]\n"
        "   b.w 1b\n"
        "6: ldr r7, [r11, #32]\n"
        "   vmov q5[3], q5[1], r4, r6\n"
        "   vldrw.u32 q0, [r7]\n"
        "   vmov q6[3], q6[1], r12, lr\n"
        "   ldr r7, [r11, #36]\n"
        "   vadd.i32 q5, q5, q0\n"
        "   vldrb.u32 q1, [r7]\n"
        "   vadd.i32 q6, q6, q0\n"
        "   ldr r7, [r11, #40]\n"
        "   vshl.s32 q5, q5, q1\n"
        "   vldrw.u32 q2, [r7]\n"
        "   vshl.s32 q6, q6, q1\n"
        "   ldr r7, [r11, #96]\n"
        "   vrmulh.s32 q5, q5, q2\n"
        "   vldrw.u32 q0, [r11, #64]\n"
        "   vrmulh.s32 q6, q6, q2\n"
        "   vadd.i32 q5, q5, r7\n"
        "   vldrw.u32 q1, [r11, #80]\n"
        "   vadd.i32 q6, q6, r7\n"
        "   ldr r7, [r11, #48]\n"
        "   vmax.s32 q5, q5, q0\n"
        "   ldr r5, [r11, #52]\n"
        "   vmax.s32 q6, q6, q0\n"
        "   vmin.s32 q5, q5, q1\n"
        "   vstrb.32 q5, [r7]\n"
        "   vmin.s32 q6, q6, q1\n"
        "   ldr r7, [r11, #132]\n"
        "   vstrb.32 q6, [r5]\n"
        : "+r"(args)
        :
        : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r12", "lr", "q0", "q1",
          "q2", "q3", "q4", "q5", "q6", "q7", "cc", "memory");
}

/* See wick_mve_row_biases. */
static inline void wick_mve_row_bias(const wick_mve_row_biases *biases) {
    register const wick_mve_row_biases *args __asm__("r1") = biases;
    __asm__ volatile("   ldm r1, {r3, r5, r8, r9, r10}\n"
                     "1: movs r0, #0\n"
                     "   movs r2, #0\n"
                     "   movs r4, #0\n"
                     "   movs r6, #0\n"
                     "   mov lr, #6\n"
                     "   dls lr, lr\n"
                     "2: vldrw.u32 q0, [r8], #64\n"
                     "   vldrw.u32 q1, [r8, #-48]\n"
                     "   vaddva.s8 r0, q0\n"
                     "   vldrw.u32 q0, [r8, #-32]\n"
                     "   vaddva.s8 r2, q1\n"
                     "   vldrw.u32 q1, [r8, #-16]\n"
                     "   vaddva.s8 r4, q0\n"
                     "   vaddva.s8 r6, q1\n"
                     "   le lr, 2b\n"
                     "   add r8, #768\n"
                     "   vldrw.u32 q1, [r5], #16\n"
                     "   vmov q0[2], q0[0], r0, r4\n"
                     "   subs r10, #4\n"
                     "   vmov q0[3], q0[1], r2, r6\n"
                     "   vmla.s32 q1, q0, r9\n"
                     "   vstrw.32 q1, [r3], #16\n"
                     "   bne 1b\n"
                     : "+r"(args)
                     :
                     : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "lr", "q0", "q1",
                       "cc", "memory");
}

#else

/* Output c of two neighbouring pixels. */
static inline void wick_mve_output_of_rows(const wick_mve_rows *rows, const int8_t *const *row,
                                           uint32_t c, int8_t *dst) {
    uint32_t n = rows->twice_n / 2;
    int32_t acc0 = rows->begin.bias[c], acc1 = acc0;
    const uint32_t *at = rows->weights + c / 4 * WICK_MVE_ROWS_GROUP + c % 4 * 4;
    for (uint32_t i = 0; i < (rows->two_rows ? 12u : 18u); i++, at += 16) {
        const int8_t *x = row[i / 6] + i % 6 * 16;
        acc0 += wick_mve_dot(x, at, 16);
        acc1 += wick_mve_dot(x + WICK_MVE_ROWS_INPUTS, at, 16);
    }
    int32_t y0 = wick_requantize(acc0, rows->begin.mult[c], rows->begin.shift[c]);
    int32_t y1 = wick_requantize(acc1, rows->begin.mult[c], rows->begin.shift[c]);
    dst[c] = wick_clamp_s8(rows->zero_point + y0, rows->low[0], rows->high[0]);
    dst[n + c] = wick_clamp_s8(rows->zero_point + y1, rows->low[0], rows->high[0]);
}

static inline void wick_mve_outputs_of_rows(wick_mve_rows *rows) {
    int8_t *dst = rows->begin.dst0;
    for (const wick_mve_segment *s = rows->segments; s->pairs; s++)
        for (uint32_t i = 0; i < s->pairs; i++, dst += rows->twice_n) {
            uint32_t from = 2 * WICK_MVE_ROWS_INPUTS * i;
            const int8_t *row[3] = {s->row0 + from, s->row1 + from, s->row2 + from};
            for (uint32_t c = 0; c < rows->twice_n / 2; c++)
                wick_mve_output_of_rows(rows, row, c, dst);
        }
}

static inline void wick_mve_row_bias(const wick_mve_row_biases *biases) {
    static const int8_t ones[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    for (uint32_t c = 0; c < biases->n; c++) {
        const uint32_t *at = biases->weights + c / 4 * WICK_MVE_ROWS_GROUP + c % 4 * 4;
        int32_t sum = 0;
        for (int i = 0; i < WICK_MVE_ROWS_GROUP_ROW / 16; i++)
            sum += wick_mve_dot(ones, at + 16 * i, 16);
        biases->dst[c] = biases->bias[c] + biases->factor * sum;
    }
}

#endif
#endif
