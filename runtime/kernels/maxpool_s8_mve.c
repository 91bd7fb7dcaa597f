/* SPDX-License-Identifier: 0BSD */
/* Maximum over the part of the window that lies inside the input, for Helium: 16 channels at a time
   stay in a register over all taps. The maximum starts at clamp_min: padding never wins, and one of
   the two clamps costs nothing. */
#include <wick/mve.h>

/* A pixel's window. The assembly knows the order. */
typedef struct window {
    const int8_t *src;
    int8_t *dst;
    uint32_t n;           /* channels */
    uint32_t rows, taps;  /* > 0 */
    uint32_t pitch, skip; /* bytes from tap to tap; from a row's last tap, and pitch, to the next */
    int32_t low, high;
} window;

int wick_maxpool_s8_mve_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_maxpool_s8_mve_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

#if WICK_HAVE_MVE

WICK_MVE_SUBROUTINE void maximum(const window *w) {
    register const window *args __asm__("r1") = w;
    __asm__ volatile("   ldm r1, {r0, r2, r3, r4, r5, r6, r8, r9, r10}\n"
                     "   vdup.8 q2, r9\n"
                     "   vdup.8 q3, r10\n"
                     "   dlstp.8 lr, r3\n"
                     "1: vmov q0, q2\n"
                     "   mov r3, r0\n"
                     "   mov r9, r4\n"
                     "2: mov r10, r5\n"
                     "3: vldrb.u8 q1, [r3]\n"
                     "   add r3, r6\n"
                     "   vmax.s8 q0, q0, q1\n"
                     "   subs r10, #1\n"
                     "   bne 3b\n"
                     "   add r3, r8\n"
                     "   subs r9, #1\n"
                     "   bne 2b\n"
                     "   vmin.s8 q0, q0, q3\n"
                     "   add r0, #16\n"
                     "   vstrb.8 q0, [r2], #16\n"
                     "   letp lr, 1b\n"
                     : "+r"(args)
                     :
                     : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "lr", "q0", "q1",
                       "q2", "q3", "cc", "memory");
}

#else

static void maximum(const window *w) {
    for (uint32_t c = 0; c < w->n; c++) {
        const int8_t *tap = w->src + c;
        int32_t most = w->low;
        for (uint32_t y = 0; y < w->rows; y++, tap += w->skip)
            for (uint32_t x = 0; x < w->taps; x++, tap += w->pitch)
                most = *tap > most ? *tap : most;
        w->dst[c] = (int8_t)(most > w->high ? w->high : most);
    }
}

#endif

void wick_maxpool_s8_mve(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                         uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    window w;
    w.dst = dst;
    w.pitch = layer->in_c;
    w.low = layer->clamp_min;
    w.high = layer->clamp_max;
    for (; count; count -= w.n, w.dst += w.n, c = 0, pixel++) {
        int32_t y0 = (int32_t)(pixel / layer->out_w * layer->stride_h) - layer->pad_top;
        int32_t x0 = (int32_t)(pixel % layer->out_w * layer->stride_w) - layer->pad_left;
        int32_t y1 = y0 + layer->k_h, x1 = x0 + layer->k_w;
        w.n = layer->out_c - c < count ? layer->out_c - c : count;
        y0 = y0 < 0 ? 0 : y0;
        x0 = x0 < 0 ? 0 : x0;
        y1 = y1 > layer->in_h ? layer->in_h : y1;
        x1 = x1 > layer->in_w ? layer->in_w : x1;
        if (y0 >= y1 || x0 >= x1) { /* all padding */
            wick_mve_fill(w.dst, (int8_t)layer->clamp_min, w.n);
            continue;
        }
        w.src = src[0] + ((y0 - row0) * layer->in_w + x0) * layer->in_c + c;
        w.rows = (uint32_t)(y1 - y0);
        w.taps = (uint32_t)(x1 - x0);
        w.skip = (layer->in_w - w.taps) * w.pitch;
        maximum(&w);
    }
}
