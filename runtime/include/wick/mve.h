/* SPDX-License-Identifier: 0BSD */
/* Building blocks of the kernels for cores with Helium (Cortex-M55), each with the same result in
   plain C. Inline assembly, because the compilers find neither tail-predicated loops nor sums that
   stay in core registers. For the kernels, and for the packing of their weights.

   One VMLADAVA.S8 adds 16 products to one core register. There are eight registers that it can add
   to (the even ones), so the largest block that needs no spills is two pixels by four outputs: six
   vectors loaded for eight of these instructions. Loads and multiplications alternate, since
   neighbouring vector instructions of different units overlap on the core.

   Weights are kept in groups of four outputs (the last group filled up with zeros): for each 16
   inputs, 16 bytes of each of the four, so that one pointer serves; inputs are filled up to 16 with
   weights of zero. In words of four little-endian bytes, as everything that is packed. */
#ifndef WICK_MVE_H
#define WICK_MVE_H

#include <string.h>

#include <wick/kernels.h>

#if defined(__ARM_FEATURE_MVE) && (defined(__GNUC__) || defined(__clang__))
#define WICK_HAVE_MVE 1
#else
#define WICK_HAVE_MVE 0
#endif

/* Called rather than inlined: what takes nearly all registers, and what would spill them all. */
#if WICK_HAVE_MVE
#define WICK_MVE_SUBROUTINE __attribute__((noinline, unused)) static
#else
#define WICK_MVE_SUBROUTINE static inline
#endif

static inline uint32_t wick_mve_round_up(uint32_t n, uint32_t unit) {
    return (n + unit - 1) / unit * unit;
}

/* Words of weights of one group over n inputs. */
static inline uint32_t wick_mve_group_words(uint32_t n) {
    return wick_mve_round_up(n, 16);
}

/* Which byte of the packed words is the weight of output c and input i < n. */
static inline uint32_t wick_mve_weight_byte(uint32_t n, uint32_t c, uint32_t i) {
    return c / 4 * 4 * wick_mve_group_words(n) + i / 16 * 64 + c % 4 * 16 + i % 16;
}

/* Kernels keep what they know about a call in scratch, not on the stack: room for a structure, and
   where it begins. Scratch is aligned to 4, which is enough on 32-bit cores. */
#define WICK_MVE_STATE_BYTES(type)                                                                 \
    (((uint32_t)sizeof(type) + 3) / 4 * 4 + (sizeof(void *) > 4 ? 4 : 0))

static inline void *wick_mve_state(void *scratch) {
    uintptr_t beyond = (uintptr_t)scratch % sizeof(void *);
    return (int8_t *)scratch + (beyond ? sizeof(void *) - beyond : 0);
}

/* The part of a convolution's window that is copied and multiplied at once: kernel rows, bytes of
   each, and room for both in whole vectors. */
enum { WICK_MVE_CHUNK = 576 }; /* 3x3x64 */
typedef struct wick_mve_part {
    uint32_t rows, width, bytes;
} wick_mve_part;

static inline wick_mve_part wick_mve_chunk(const wick_layer *layer) {
    uint32_t row = (uint32_t)layer->k_w * layer->in_c;
    wick_mve_part part = {1, row, 0};
    if (row > WICK_MVE_CHUNK)
        part.width = WICK_MVE_CHUNK;
    else
        part.rows = WICK_MVE_CHUNK / row;
    if (part.rows > layer->k_h)
        part.rows = layer->k_h;
    part.bytes = wick_mve_round_up(part.rows * part.width, 16);
    return part;
}

/* Sums of groups of four outputs, and what to add to them. For one pixel acc is [group][4], for two
   it is [group][2][4]. The order of the fields is that of the registers they are loaded into. */
typedef struct wick_mve_one {
    const uint32_t *weights;
    const int8_t *x;
    uint32_t n; /* inputs, > 0 */
    int32_t *acc, *end;
} wick_mve_one;

typedef struct wick_mve_two {
    const int8_t *x0, *x1;
    uint32_t steps; /* vectors of 16 inputs, > 0; another vector behind each pixel is read too */
    int32_t *end;
    const uint32_t *weights; /* another vector behind the last group is read too */
    int32_t *acc;
} wick_mve_two;

/* From sums to outputs: see wick_mve_finish_one(). */
typedef struct wick_mve_outputs {
    const int32_t *acc, *mult;
    const uint8_t *shift;
    int8_t *dst0, *dst1;
    uint32_t n;
    int32_t zero_point, low, high;
} wick_mve_outputs;

#if WICK_HAVE_MVE

/* rows > 0 times n bytes, in dst and in src so far apart as their pitch says. */
static inline void wick_mve_copy_rows(int8_t *dst, uint32_t dst_pitch, const int8_t *src,
                                      uint32_t src_pitch, uint32_t n, uint32_t rows) {
    uint32_t moved = wick_mve_round_up(n, 16);
    dst_pitch -= moved;
    src_pitch -= moved;
    __asm__ volatile("1: wlstp.8 lr, %[n], 3f\n"
                     "2: vldrb.u8 q0, [%[src]], #16\n"
                     "   vstrb.8 q0, [%[dst]], #16\n"
                     "   letp lr, 2b\n"
                     "3: add %[src], %[src_skip]\n"
                     "   add %[dst], %[dst_skip]\n"
                     "   subs %[rows], #1\n"
                     "   bne 1b\n"
                     : [dst] "+r"(dst), [src] "+r"(src), [rows] "+r"(rows)
                     : [n] "r"(n), [src_skip] "r"(src_pitch), [dst_skip] "r"(dst_pitch)
                     : "lr", "q0", "cc", "memory");
}

static inline void wick_mve_fill(int8_t *dst, int8_t value, uint32_t n) {
    __asm__ volatile("   vdup.8 q0, %[value]\n"
                     "   wlstp.8 lr, %[n], 2f\n"
                     "1: vstrb.8 q0, [%[dst]], #16\n"
                     "   letp lr, 1b\n"
                     "2:\n"
                     : [dst] "+r"(dst)
                     : [n] "r"(n), [value] "r"(value)
                     : "lr", "q0", "cc", "memory");
}

/* acc of two pixels = n > 0 values of bias. */
static inline void wick_mve_start_two(int32_t *acc, const int32_t *bias, uint32_t n) {
    __asm__ volatile("   dlstp.32 lr, %[n]\n"
                     "1: vldrw.u32 q0, [%[bias]], #16\n"
                     "   vstrw.32 q0, [%[acc]], #16\n"
                     "   vstrw.32 q0, [%[acc]], #16\n"
                     "   letp lr, 1b\n"
                     : [acc] "+r"(acc), [bias] "+r"(bias)
                     : [n] "r"(n)
                     : "lr", "q0", "cc", "memory");
}

/* acc += weights times x; x has any alignment, nothing behind its n bytes is read. */
WICK_MVE_SUBROUTINE void wick_mve_dot_one(const wick_mve_one *dots) {
    register const wick_mve_one *args __asm__("r1") = dots;
    __asm__ volatile("   ldm r1, {r5, r8, r9, r10, r12}\n"
                     "   lsr r11, r9, #5\n"
                     "   and r9, #31\n"
                     "1: ldm r10, {r0, r2, r4, r6}\n"
                     "   mov r3, r8\n"
                     "   wls lr, r11, 3f\n"
                     "2: .rept 2\n"
                     "   vldrb.u8 q0, [r3], #16\n"
                     "   vldrw.u32 q1, [r5], #16\n"
                     "   vmladava.s8 r0, q0, q1\n"
                     "   vldrw.u32 q2, [r5], #16\n"
                     "   vmladava.s8 r2, q0, q2\n"
                     "   vldrw.u32 q3, [r5], #16\n"
                     "   vmladava.s8 r4, q0, q3\n"
                     "   vldrw.u32 q1, [r5], #16\n"
                     "   vmladava.s8 r6, q0, q1\n"
                     "   .endr\n"
                     "   le lr, 2b\n"
                     "3: wlstp.8 lr, r9, 5f\n"
                     "4:\n"
                     "   vldrb.u8 q0, [r3], #16\n"
                     "   vldrw.u32 q1, [r5], #16\n"
                     "   vmladava.s8 r0, q0, q1\n"
                     "   vldrw.u32 q2, [r5], #16\n"
                     "   vmladava.s8 r2, q0, q2\n"
                     "   vldrw.u32 q3, [r5], #16\n"
                     "   vmladava.s8 r4, q0, q3\n"
                     "   vldrw.u32 q1, [r5], #16\n"
                     "   vmladava.s8 r6, q0, q1\n"
                     "   letp lr, 4b\n"
                     "5: stm r10!, {r0, r2, r4, r6}\n"
                     "   cmp r10, r12\n"
                     "   bne 1b\n"
                     : "+r"(args)
                     :
                     : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr",
                       "q0", "q1", "q2", "q3", "cc", "memory");
}

/* The same for two pixels, both aligned to 4. Where each group begins again waits in d8, d9. */
WICK_MVE_SUBROUTINE void wick_mve_dot_two(const wick_mve_two *dots) {
    register const wick_mve_two *args __asm__("r1") = dots;
    __asm__ volatile("   ldm r1, {r0, r2, r4, r6, r8, r11}\n"
                     "   mov r5, r8\n"
                     "   adds r4, #1\n"
                     "   vmov d8, r0, r2\n"
                     "   vmov d9, r4, r6\n"
                     "   vldrw.u32 q2, [r5]\n"
                     "1: vmov r1, r3, d8\n"
                     "   vmov r9, s18\n"
                     "   ldm r11, {r0, r2, r4, r6, r8, r10, r12, lr}\n"
                     "   vldrw.u32 q0, [r1], #16\n"
                     "   vldrw.u32 q1, [r3], #16\n"
                     "   lsrs r9, #1\n" /* an odd number of steps begins at the second half */
                     "   bcc 3f\n"
                     "2:\n"
                     "   .rept 2\n"
                     "   vmladava.s8 r0, q0, q2\n"
                     "   vldrw.u32 q3, [r5, #16]\n"
                     "   vmladava.s8 r8, q1, q2\n"
                     "   vmladava.s8 r2, q0, q3\n"
                     "   vldrw.u32 q2, [r5, #32]\n"
                     "   vmladava.s8 r10, q1, q3\n"
                     "   vmladava.s8 r4, q0, q2\n"
                     "   vldrw.u32 q3, [r5, #48]\n"
                     "   vmladava.s8 r12, q1, q2\n"
                     "   vldrw.u32 q2, [r5, #64]!\n"
                     "   vmladava.s8 r6, q0, q3\n"
                     "   vldrw.u32 q0, [r1], #16\n"
                     "   vmladava.s8 lr, q1, q3\n"
                     "   vldrw.u32 q1, [r3], #16\n"
                     "3:\n"
                     "   .endr\n"
                     "   subs r9, #1\n"
                     "   bne 2b\n"
                     "   stm r11!, {r0, r2, r4, r6, r8, r10, r12, lr}\n"
                     "   vmov r9, s19\n"
                     "   cmp r11, r9\n"
                     "   bne 1b\n"
                     : "+r"(args)
                     :
                     : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr",
                       "q0", "q1", "q2", "q3", "q4", "cc", "memory");
}

/* n > 0 outputs of one pixel to dst0. VRMULH is the rounding rule. */
WICK_MVE_SUBROUTINE void wick_mve_finish_one(const wick_mve_outputs *outputs) {
    register const wick_mve_outputs *args __asm__("r1") = outputs;
    __asm__ volatile("   ldm r1, {r0, r2, r3, r4, r5, r6, r8, r9, r10}\n"
                     "   vdup.32 q2, r9\n"
                     "   vdup.32 q3, r10\n"
                     "   dlstp.32 lr, r6\n"
                     "1: vldrw.u32 q0, [r0], #16\n"
                     "   vldrb.u32 q1, [r3], #4\n"
                     "   vldrw.u32 q4, [r2], #16\n"
                     "   vshl.s32 q0, q0, q1\n"
                     "   vrmulh.s32 q0, q0, q4\n"
                     "   vadd.i32 q0, q0, r8\n"
                     "   vmax.s32 q0, q0, q2\n"
                     "   vmin.s32 q0, q0, q3\n"
                     "   vstrb.32 q0, [r4], #4\n"
                     "   letp lr, 1b\n"
                     : "+r"(args)
                     :
                     : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "lr", "q0", "q1",
                       "q2", "q3", "q4", "cc", "memory");
}

/* The same of two pixels. */
WICK_MVE_SUBROUTINE void wick_mve_finish_two(const wick_mve_outputs *outputs) {
    register const wick_mve_outputs *args __asm__("r1") = outputs;
    __asm__ volatile("   ldm r1, {r0, r2, r3, r4, r5, r6, r8, r9, r10}\n"
                     "   vdup.32 q2, r9\n"
                     "   vdup.32 q3, r10\n"
                     "   dlstp.32 lr, r6\n"
                     "1: vldrw.u32 q0, [r0], #16\n"
                     "   vldrb.u32 q4, [r3], #4\n"
                     "   vldrw.u32 q1, [r0], #16\n"
                     "   vshl.s32 q0, q0, q4\n"
                     "   vshl.s32 q1, q1, q4\n"
                     "   vldrw.u32 q4, [r2], #16\n"
                     "   vrmulh.s32 q0, q0, q4\n"
                     "   vadd.i32 q0, q0, r8\n"
                     "   vrmulh.s32 q1, q1, q4\n"
                     "   vmax.s32 q0, q0, q2\n"
                     "   vadd.i32 q1, q1, r8\n"
                     "   vmin.s32 q0, q0, q3\n"
                     "   vstrb.32 q0, [r4], #4\n"
                     "   vmax.s32 q1, q1, q2\n"
                     "   vmin.s32 q1, q1, q3\n"
                     "   vstrb.32 q1, [r5], #4\n"
                     "   letp lr, 1b\n"
                     : "+r"(args)
                     :
                     : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "lr", "q0", "q1",
                       "q2", "q3", "q4", "cc", "memory");
}

#else

static inline void wick_mve_copy_rows(int8_t *dst, uint32_t dst_pitch, const int8_t *src,
                                      uint32_t src_pitch, uint32_t n, uint32_t rows) {
    for (uint32_t y = 0; y < rows; y++)
        memcpy(dst + y * dst_pitch, src + y * src_pitch, (size_t)n);
}

static inline void wick_mve_fill(int8_t *dst, int8_t value, uint32_t n) {
    memset(dst, value, (size_t)n);
}

static inline void wick_mve_start_two(int32_t *acc, const int32_t *bias, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        acc[i / 4 * 8 + i % 4] = acc[i / 4 * 8 + 4 + i % 4] = bias[i];
}

/* n <= 16 products. */
static inline int32_t wick_mve_dot(const int8_t *x, const uint32_t *weights, uint32_t n) {
    int32_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += x[i] * (int8_t)(uint8_t)(weights[i / 4] >> 8 * (i % 4));
    return sum;
}

WICK_MVE_SUBROUTINE void wick_mve_dot_one(const wick_mve_one *dots) {
    const uint32_t *weights = dots->weights;
    for (int32_t *acc = dots->acc; acc != dots->end; acc += 4)
        for (uint32_t i = 0; i < dots->n; i += 16)
            for (uint32_t c = 0; c < 4; c++, weights += 4)
                acc[c] += wick_mve_dot(dots->x + i, weights, dots->n - i < 16 ? dots->n - i : 16);
}

WICK_MVE_SUBROUTINE void wick_mve_dot_two(const wick_mve_two *dots) {
    const uint32_t *weights = dots->weights;
    for (int32_t *acc = dots->acc; acc != dots->end; acc += 8)
        for (uint32_t i = 0; i < dots->steps; i++)
            for (uint32_t c = 0; c < 4; c++, weights += 4) {
                acc[c] += wick_mve_dot(dots->x0 + i * 16, weights, 16);
                acc[4 + c] += wick_mve_dot(dots->x1 + i * 16, weights, 16);
            }
}

static inline int8_t wick_mve_finish(const wick_mve_outputs *outputs, int32_t acc, uint32_t i) {
    int32_t y = outputs->zero_point + wick_requantize(acc, outputs->mult[i], outputs->shift[i]);
    return wick_clamp_s8(y, outputs->low, outputs->high);
}

WICK_MVE_SUBROUTINE void wick_mve_finish_one(const wick_mve_outputs *outputs) {
    for (uint32_t i = 0; i < outputs->n; i++)
        outputs->dst0[i] = wick_mve_finish(outputs, outputs->acc[i], i);
}

WICK_MVE_SUBROUTINE void wick_mve_finish_two(const wick_mve_outputs *outputs) {
    for (uint32_t i = 0; i < outputs->n; i++) {
        const int32_t *acc = outputs->acc + i / 4 * 8 + i % 4;
        outputs->dst0[i] = wick_mve_finish(outputs, acc[0], i);
        outputs->dst1[i] = wick_mve_finish(outputs, acc[4], i);
    }
}

#endif

/* The sums' start: n > 0 values of bias, or 0 where it is NULL, for one or two pixels. */
static inline void wick_mve_start(int32_t *acc, const int32_t *bias, uint32_t n, uint32_t pixels) {
    if (!bias)
        wick_mve_fill((int8_t *)acc, 0, 4 * pixels * wick_mve_round_up(n, 4));
    else if (pixels == 2)
        wick_mve_start_two(acc, bias, n);
    else
        wick_mve_copy_rows((int8_t *)acc, 0, (const int8_t *)bias, 0, 4 * n, 1);
}

#endif
