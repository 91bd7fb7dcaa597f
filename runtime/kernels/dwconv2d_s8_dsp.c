/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution for the ARM DSP extension (Cortex-M4, M7, M33), any kernel of up to 256
   taps; plain C elsewhere.

   For each output pixel a list of its taps is made: where channel 0 of each is in the input, or in
   a pixel full of zero points for taps outside. So the inner loop knows no borders, strides or
   kernel sizes: it takes four channels of a tap as a word, makes two pairs of halves of it with
   SXTB16, and multiplies each half with its own weight. Weights are packed as int16 in blocks of
   four channels: for each block and tap the words (w0, w2) and (w1, w3), 0 for channels that are
   not there. Channels beside whole blocks are computed one by one. */
#include <string.h>

#include <wick/kernels.h>

enum {
    MAX_TAPS = 256,
    STATE_BYTES = 36 /* of the assembly, behind the list */
};

/* Scratch: the list of taps, the assembly's state, a pixel of padding. */
typedef struct pixel {
    const wick_layer *layer;
    const int8_t *src;
    uint32_t n_taps, *taps;
    int8_t *padding; /* [in_c] */
} pixel;

int wick_dwconv2d_s8_dsp_fits(const wick_layer *layer) {
    return layer->in_c == layer->out_c && (uint32_t)layer->k_h * layer->k_w <= MAX_TAPS;
}

uint32_t wick_dwconv2d_s8_dsp_scratch_bytes(const wick_layer *layer) {
    uint32_t taps = (uint32_t)layer->k_h * layer->k_w;
    return 4 * taps + STATE_BYTES + (((uint32_t)layer->in_c + 3) & ~(uint32_t)3);
}

/* A tap in one word: its address where that fits, or else its offset in src. */
#if WICK_DSP_ASM
#define TAP_AT(p, offset) ((uint32_t)(uintptr_t)((p)->src + (offset)))
#define TAP_OUTSIDE(p) ((uint32_t)(uintptr_t)(p)->padding)
#define TAP_VALUES(p, tap) ((const int8_t *)(uintptr_t)(tap))
#else
#define TAP_AT(p, offset) ((uint32_t)(offset))
#define TAP_OUTSIDE(p) UINT32_MAX
#define TAP_VALUES(p, tap) ((tap) == UINT32_MAX ? (p)->padding : (p)->src + (tap))
#endif

/* Lists the taps of output pixel (oy, ox). */
static WICK_NOINLINE void list_taps(const pixel *p, int32_t row0, uint32_t oy, uint32_t ox) {
    const wick_layer *layer = p->layer;
    int32_t in_w = layer->in_w, in_c = layer->in_c, k_w = layer->k_w;
    int32_t x = (int32_t)(ox * layer->stride_w) - layer->pad_left;
    int32_t y = (int32_t)(oy * layer->stride_h) - layer->pad_top, end = y + layer->k_h;
    int32_t left = x < 0 ? -x : 0, right = in_w - x < k_w ? in_w - x : k_w; /* inside: between */
    int32_t row = ((y - row0) * in_w + x + left) * in_c;
    for (uint32_t *tap = p->taps; y < end; y++, row += in_w * in_c, tap += k_w) {
        int inside = y >= 0 && y < layer->in_h;
        if (!inside || left > 0 || right < k_w)
            for (int32_t kx = 0; kx < k_w; kx++)
                tap[kx] = TAP_OUTSIDE(p);
        int32_t at = row;
        if (inside)
            for (int32_t kx = left; kx < right; kx++, at += in_c)
                tap[kx] = TAP_AT(p, at);
    }
}

static int8_t one_channel(const pixel *p, uint32_t c) {
    const wick_layer *layer = p->layer;
    const uint32_t *w = layer->packed + c / 4 * (2 * p->n_taps) + c % 2;
    int32_t sum = layer->bias ? layer->bias[c] : 0;
    uint32_t half = c / 2 % 2 * 16;
    for (uint32_t i = 0; i < p->n_taps; i++, w += 2)
        sum += TAP_VALUES(p, p->taps[i])[c] * (int16_t)(uint16_t)(*w >> half);
    int32_t y = layer->out_zp + wick_requantize(sum, layer->mult[c], layer->shift[c]);
    return wick_clamp_s8(y, layer->clamp_min, layer->clamp_max);
}

/* Whole blocks: channels [c, end). */
#if WICK_DSP_ASM
#define TAP(x)                                                                                     \
    "ldrd r11, r12, [r1], #8\n\t"                                                                  \
    "sxtb16 lr, " x "\n\t"                                                                         \
    "smlabb r4, lr, r11, r4\n\t"                                                                   \
    "smlatt r6, lr, r11, r6\n\t"                                                                   \
    "sxtb16 lr, " x ", ror #8\n\t"                                                                 \
    "smlabb r5, lr, r12, r5\n\t"                                                                   \
    "smlatt r8, lr, r12, r8\n\t"

static WICK_NOINLINE void blocks(const pixel *p, uint32_t c, uint32_t end, int8_t *dst) {
    const wick_layer *layer = p->layer;
    uint32_t *state = p->taps + p->n_taps;
    state[0] = (uint32_t)(uintptr_t)p->taps;
    state[1] = (uint32_t)(uintptr_t)layer->bias;
    state[2] = (uint32_t)(uintptr_t)layer->mult;
    state[3] = (uint32_t)(int32_t)layer->out_zp;
    state[4] = (uint32_t)(uintptr_t)layer->shift;
    state[5] = wick_splat4((int8_t)layer->clamp_min);
    state[6] = wick_splat4((int8_t)layer->clamp_max);
    state[7] = (uint32_t)(uintptr_t)dst - c;
    state[8] = end;
    register const uint32_t *w_ __asm__("r1") = layer->packed + c / 4 * (2 * p->n_taps);
    register const uint32_t *state_ __asm__("r2") = state;
    register uint32_t c_ __asm__("r3") = c;
    /* r0 goes through the list up to r2; r4, r5, r6, r8 are the sums of channels r3 to r3 + 3. */
    __asm__ volatile(
        "1:\n\t"
        "ldrd r0, r9, [r2]\n\t"
        "cmp r9, #0\n\t"
        "beq 6f\n\t"
        "add r9, r9, r3, lsl #2\n\t"
        "ldm r9, {r4, r5, r6, r8}\n"
        "2:\n\t"
        "sub r9, r2, r0\n\t"
        "lsls r9, r9, #29\n\t" /* an odd number begins with a single tap */
        "bpl 3f\n\t"
        "ldr r9, [r0], #4\n\t"
        "ldr r9, [r9, r3]\n\t" TAP(
            "r9") "cmp r0, r2\n\t"
                  "bhs 4f\n"
                  "3:\n\t"
                  "ldrd r9, r10, [r0], #8\n\t"
                  "ldr r9, [r9, r3]\n\t"
                  "ldr r10, [r10, r3]\n\t" TAP("r9")
                      TAP("r10") "cmp r0, r2\n\t"
                                 "blo 3b\n"
                                 "4:\n\t"
                                 "ldr r9, [r2, #16]\n\t"
                                 "ldr r9, [r9, r3]\n\t"
                                 "cmp r9, #0\n\t"
                                 "bne 7f\n"
                                 "5:\n\t"
                                 "ldrd r9, lr, [r2, #8]\n\t"
                                 "add r9, r9, r3, lsl #2\n\t"
                                 "ldm r9, {r9, r10, r11, r12}\n\t"
                                 "smmlar r4, r4, r9, lr\n\t"
                                 "smmlar r5, r5, r10, lr\n\t"
                                 "smmlar r6, r6, r11, lr\n\t"
                                 "smmlar r8, r8, r12, lr\n\t"
                                 "ssat r4, #8, r4\n\t"
                                 "ssat r5, #8, r5\n\t"
                                 "ssat r6, #8, r6\n\t"
                                 "ssat r8, #8, r8\n\t"
                                 "bfi r4, r5, #8, #8\n\t"
                                 "bfi r6, r8, #8, #8\n\t"
                                 "pkhbt r4, r4, r6, lsl #16\n\t"
                                 "ldrd r9, r10, [r2, #20]\n\t"
                                 "ssub8 r5, r4, r9\n\t" /* the larger of r4, r9, byte by byte */
                                 "sel r4, r4, r9\n\t"
                                 "ssub8 r5, r4, r10\n\t" /* the smaller of r4, r10 */
                                 "sel r4, r10, r4\n\t"
                                 "ldrd r9, r10, [r2, #28]\n\t"
                                 "str r4, [r9, r3]\n\t"
                                 "adds r3, #4\n\t"
                                 "cmp r3, r10\n\t"
                                 "blo 1b\n\t"
                                 "b 8f\n"
                                 "6:\n\t" /* no bias */
                                 "movs r4, #0\n\t"
                                 "movs r5, #0\n\t"
                                 "movs r6, #0\n\t"
                                 "mov r8, #0\n\t"
                                 "b 2b\n"
                                 "7:\n\t" /* r9: four shifts; LSL looks at the lowest byte */
                                 "lsl r4, r4, r9\n\t"
                                 "lsr r9, r9, #8\n\t"
                                 "lsl r5, r5, r9\n\t"
                                 "lsr r9, r9, #8\n\t"
                                 "lsl r6, r6, r9\n\t"
                                 "lsr r9, r9, #8\n\t"
                                 "lsl r8, r8, r9\n\t"
                                 "b 5b\n"
                                 "8:"
        : "+r"(w_), "+r"(c_)
        : "r"(state_)
        : "r0", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "cc", "memory");
}
#else
static void blocks(const pixel *p, uint32_t c, uint32_t end, int8_t *dst) {
    for (; c < end; c++)
        *dst++ = one_channel(p, c);
}
#endif

void wick_dwconv2d_s8_dsp(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                          uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    uint32_t channels = layer->out_c, c = first % channels, at = first / channels;
    uint32_t oy = at / layer->out_w, ox = at % layer->out_w;
    pixel p;
    p.layer = layer;
    p.src = src[0];
    p.n_taps = (uint32_t)layer->k_h * layer->k_w;
    p.taps = scratch;
    p.padding = (int8_t *)scratch + 4 * p.n_taps + STATE_BYTES;
    memset(p.padding, layer->operands[0].zero_point, (size_t)channels);
    for (; count; c = 0) {
        uint32_t end = channels - c < count ? channels : c + count;
        count -= end - c;
        list_taps(&p, row0, oy, ox);
        for (; c < end && c % 4; c++)
            *dst++ = one_channel(&p, c);
        uint32_t whole = (end - c) & ~(uint32_t)3;
        if (whole)
            blocks(&p, c, c + whole, dst);
        for (c += whole, dst += whole; c < end; c++)
            *dst++ = one_channel(&p, c);
        if (++ox == layer->out_w) {
            ox = 0;
            oy++;
        }
    }
}
