/* SPDX-License-Identifier: 0BSD */
/* Average over a window without padding, for Helium: 8 channels at a time. A row of at most 255
   taps is summed in 16 bits, rows in 32 bits; 1/area is part of mult[0]. */
#include <wick/mve.h>

/* A pixel's window. The assembly knows the order. */
typedef struct window {
    const int8_t *src;
    int8_t *dst;
    int32_t n;            /* channels */
    uint32_t rows, taps;  /* > 0 */
    uint32_t pitch, skip; /* bytes from tap to tap; from a row's last tap, and pitch, to the next */
    int32_t mult, low, high;
    int32_t start, shift, zero_point;
} window;

int wick_avgpool_s8_mve_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_avgpool_s8_mve_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

#if WICK_HAVE_MVE

WICK_MVE_SUBROUTINE void average(const window *w) {
    register const window *args __asm__("r1") = w;
    __asm__ volatile("   ldm r1!, {r0, r2, r3, r4, r5, r6, r8, r9, r10, r11}\n"
                     "   vdup.32 q4, r9\n"
                     "   vdup.16 q5, r10\n"
                     "   vdup.16 q6, r11\n"
                     "   mov r9, r3\n"
                     "1: vctp.16 r9\n"
                     "   vmov.i32 q0, #0\n"
                     "   vmov.i32 q1, #0\n"
                     "   mov r3, r0\n"
                     "   mov r11, r4\n"
                     "2: vmov.i32 q2, #0\n"
                     "   dls lr, r5\n"
                     "3: vpst\n"
                     "   vldrbt.s16 q3, [r3]\n"
                     "   add r3, r6\n"
                     "   vadd.i16 q2, q2, q3\n"
                     "   le lr, 3b\n"
                     "   vmovlb.s16 q3, q2\n"
                     "   vmovlt.s16 q2, q2\n"
                     "   vadd.i32 q0, q0, q3\n"
                     "   vadd.i32 q1, q1, q2\n"
                     "   add r3, r8\n"
                     "   subs r11, #1\n"
                     "   bne 2b\n"
                     "   ldm r1, {r10, r11, r12}\n"
                     "   vadd.i32 q0, q0, r10\n"
                     "   vadd.i32 q1, q1, r10\n"
                     "   vshl.s32 q0, r11\n"
                     "   vshl.s32 q1, r11\n"
                     "   vrmulh.s32 q0, q0, q4\n"
                     "   vrmulh.s32 q1, q1, q4\n"
                     "   vqmovnb.s32 q0, q0\n"
                     "   vqmovnt.s32 q0, q1\n"
                     "   vqadd.s16 q0, q0, r12\n"
                     "   vmax.s16 q0, q0, q5\n"
                     "   vmin.s16 q0, q0, q6\n"
                     "   vpst\n"
                     "   vstrbt.16 q0, [r2]\n"
                     "   add r0, #8\n"
                     "   add r2, #8\n"
                     "   subs r9, #8\n"
                     "   bgt 1b\n"
                     : "+r"(args)
                     :
                     : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr",
                       "q0", "q1", "q2", "q3", "q4", "q5", "q6", "cc", "memory");
}

#else

static void average(const window *w) {
    for (int32_t c = 0; c < w->n; c++) {
        const int8_t *tap = w->src + c;
        int32_t acc = w->start;
        for (uint32_t y = 0; y < w->rows; y++, tap += w->skip)
            for (uint32_t x = 0; x < w->taps; x++, tap += w->pitch)
                acc += *tap;
        int32_t y = w->zero_point + wick_requantize(acc, w->mult, (uint8_t)w->shift);
        w->dst[c] = wick_clamp_s8(y, w->low, w->high);
    }
}

#endif

void wick_avgpool_s8_mve(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                         uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c, n;
    window w;
    w.dst = dst;
    w.rows = layer->k_h;
    w.taps = layer->k_w;
    w.pitch = layer->in_c;
    w.skip = (uint32_t)(layer->in_w - layer->k_w) * w.pitch;
    w.mult = layer->mult[0];
    w.low = layer->clamp_min;
    w.high = layer->clamp_max;
    w.start = -(int32_t)layer->operands[0].zero_point * layer->k_h * layer->k_w;
    w.shift = layer->shift[0];
    w.zero_point = layer->out_zp;
    for (; count; count -= n, w.dst += n, c = 0, pixel++) {
        uint32_t y = pixel / layer->out_w * layer->stride_h - row0;
        uint32_t x = pixel % layer->out_w * layer->stride_w;
        n = layer->out_c - c < count ? layer->out_c - c : count;
        w.n = (int32_t)n;
        w.src = src[0] + (y * layer->in_w + x) * layer->in_c + c;
        average(&w);
    }
}
