/* SPDX-License-Identifier: 0BSD */
/* Operands side by side along channels, each brought to the output's scale, for Helium: all pixels
   of one operand, then of the next. */
#include <wick/mve.h>

/* The assembly knows the order. */
typedef struct part {
    int8_t *dst;
    const int8_t *src;
    uint32_t n, pixels;
    uint32_t dst_pitch, src_pitch;
    int32_t in_zp, shift, mult, zero_point, low, high;
} part;

int wick_concat_s8_mve_fits(const wick_layer *layer) {
    return !layer->weights; /* not for tables */
}

uint32_t wick_concat_s8_mve_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

#if WICK_HAVE_MVE

WICK_MVE_SUBROUTINE void rescale(const part *p) {
    register const part *args __asm__("r1") = p;
    __asm__ volatile("   ldm r1!, {r0, r2, r3, r4, r5, r6, r8, r9, r10}\n"
                     "   vdup.32 q1, r10\n"
                     "   ldm r1, {r10, r11, r12}\n"
                     "   vdup.32 q2, r11\n"
                     "   vdup.32 q3, r12\n"
                     "   add r11, r3, #3\n"
                     "   bic r11, #3\n"
                     "   sub r5, r11\n"
                     "   sub r6, r11\n"
                     "1: dlstp.32 lr, r3\n"
                     "2: vldrb.s32 q0, [r2], #4\n"
                     "   vsub.i32 q0, q0, r8\n"
                     "   vshl.s32 q0, r9\n"
                     "   vrmulh.s32 q0, q0, q1\n"
                     "   vadd.i32 q0, q0, r10\n"
                     "   vmax.s32 q0, q0, q2\n"
                     "   vmin.s32 q0, q0, q3\n"
                     "   vstrb.32 q0, [r0], #4\n"
                     "   letp lr, 2b\n"
                     "   add r0, r5\n"
                     "   add r2, r6\n"
                     "   subs r4, #1\n"
                     "   bne 1b\n"
                     : "+r"(args)
                     :
                     : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr",
                       "q0", "q1", "q2", "q3", "cc", "memory");
}

#else

static void rescale(const part *p) {
    for (uint32_t y = 0; y < p->pixels; y++)
        for (uint32_t i = 0; i < p->n; i++) {
            int32_t acc = p->src[y * p->src_pitch + i] - p->in_zp;
            int32_t q = p->zero_point + wick_requantize(acc, p->mult, (uint8_t)p->shift);
            p->dst[y * p->dst_pitch + i] = wick_clamp_s8(q, p->low, p->high);
        }
}

#endif

/* Output channels [c, c + n) of pixels > 0 pixels; pixel counts from src. */
static void join(const wick_layer *layer, const int8_t *const *src, uint32_t pixel, uint32_t pixels,
                 uint32_t c, uint32_t n, int8_t *dst) {
    part p;
    p.dst = dst;
    p.pixels = pixels;
    p.dst_pitch = layer->out_c;
    p.zero_point = layer->out_zp;
    p.low = layer->clamp_min;
    p.high = layer->clamp_max;
    uint32_t begin = 0, end = c + n; /* begin: the operand's first output channel */
    for (uint32_t i = 0; i < layer->n_operands && c < end; i++) {
        const wick_operand *operand = &layer->operands[i];
        uint32_t next = begin + operand->channels;
        if (c < next) {
            p.n = (next < end ? next : end) - c;
            p.src = src[i] + pixel * operand->channels + (c - begin);
            p.src_pitch = operand->channels;
            p.in_zp = operand->zero_point;
            p.shift = operand->shift;
            p.mult = operand->mult;
            if ((int64_t)p.mult * ((int64_t)1 << p.shift) == INT64_C(1) << 32 &&
                p.in_zp == p.zero_point && p.low == -128 && p.high == 127)
                wick_mve_copy_rows(p.dst, p.dst_pitch, p.src, p.src_pitch, p.n, pixels);
            else /* equal scales, otherwise: requantization is the identity */
                rescale(&p);
            p.dst += p.n;
            c += p.n;
        }
        begin = next;
    }
}

void wick_concat_s8_mve(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                        uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c - (uint32_t)row0 * layer->in_w, c = first % layer->out_c;
    while (count) {
        uint32_t n = layer->out_c - c, pixels = 1;
        if (c == 0 && count >= n)
            pixels = count / n;
        else if (count < n)
            n = count;
        join(layer, src, pixel, pixels, c, n, dst);
        pixel += pixels;
        dst += pixels * n;
        count -= pixels * n;
        c = 0;
    }
}
