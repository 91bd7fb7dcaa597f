/* SPDX-License-Identifier: 0BSD */
/* Sum of two tensors of equal shape, for Helium: four elements at a time,
   acc = (a * f_a + constant) + b * f_b, where the constant holds both zero points. */
#include <wick/mve.h>

/* The assembly knows the order. */
typedef struct sum {
    const int8_t *a, *b;
    int8_t *dst;
    uint32_t n;
    int32_t mult_a, mult_b, constant, shift, mult;
    int32_t zero_point, low, high;
} sum;

int wick_add_s8_mve_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_add_s8_mve_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

#if WICK_HAVE_MVE

WICK_MVE_SUBROUTINE void add(const sum *s) {
    register const sum *args __asm__("r1") = s;
    __asm__ volatile("   ldm r1!, {r0, r2, r3, r4, r5, r6, r8, r9, r10}\n"
                     "   vdup.32 q2, r5\n"
                     "   vdup.32 q3, r10\n"
                     "   ldm r1, {r5, r10, r11}\n"
                     "   vdup.32 q4, r10\n"
                     "   vdup.32 q5, r11\n"
                     "   wlstp.32 lr, r4, 2f\n"
                     "1: vldrb.s32 q0, [r0], #4\n"
                     "   vldrb.s32 q1, [r2], #4\n"
                     "   vmlas.s32 q0, q2, r8\n"
                     "   vmla.s32 q0, q1, r6\n"
                     "   vshl.s32 q0, r9\n"
                     "   vrmulh.s32 q0, q0, q3\n"
                     "   vadd.i32 q0, q0, r5\n"
                     "   vmax.s32 q0, q0, q4\n"
                     "   vmin.s32 q0, q0, q5\n"
                     "   vstrb.32 q0, [r3], #4\n"
                     "   letp lr, 1b\n"
                     "2:\n"
                     : "+r"(args)
                     :
                     : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "lr", "q0",
                       "q1", "q2", "q3", "q4", "q5", "cc", "memory");
}

#else

static void add(const sum *s) {
    for (uint32_t i = 0; i < s->n; i++) {
        int32_t acc = s->a[i] * s->mult_a + s->constant + s->b[i] * s->mult_b;
        int32_t y = s->zero_point + wick_requantize(acc, s->mult, (uint8_t)s->shift);
        s->dst[i] = wick_clamp_s8(y, s->low, s->high);
    }
}

#endif

void wick_add_s8_mve(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t skipped = (uint32_t)row0 * layer->in_w * layer->in_c;
    const wick_operand *a = &layer->operands[0], *b = &layer->operands[1];
    sum s;
    s.a = src[0] + (first - skipped);
    s.b = src[1] + (first - skipped);
    s.dst = dst;
    s.n = count;
    s.mult_a = a->mult;
    s.mult_b = b->mult;
    s.constant = -(a->zero_point * a->mult) - b->zero_point * b->mult;
    s.shift = layer->shift[0];
    s.mult = layer->mult[0];
    s.zero_point = layer->out_zp;
    s.low = layer->clamp_min;
    s.high = layer->clamp_max;
    add(&s);
}
