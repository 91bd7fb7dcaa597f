/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution for 16-bit cores without a fast multiplier, by squares (squares.h). A value
   meets one weight for each place of the window and no other channel, so it is not worth coding it
   beforehand: 2 x w + w^2 = (x + w)^2 - x^2 takes two look-ups in the table. The taps of a pixel
   are a list of addresses; those outside the input point at a run of zero points. Packed weights
   are in the order [k_h][k_w]; the last record of an odd number of channels holds the last two. */
#include <string.h>

#include <wick/squares_round.h>

/* Where a tap's channel 0 is: its address on the MSP430, elsewhere its offset from src. */
#if WICK_SQUARES_ASM
typedef uint16_t tap;
enum { END = 0 };
#else
typedef int32_t tap;
enum { END = -1, OUTSIDE = -2 };
#endif

/* What the outputs of a pixel need. Assembly knows the offsets. */
typedef struct window {
    const tap *taps;
    unsigned c; /* of the next output */
    const wick_squares_rounding *rounding;
    const int8_t *src;
    int8_t zero;
} window;

int wick_dwconv2d_s8_w16_fits(const wick_layer *layer) {
    return layer->k_h != 0 && layer->k_w != 0 && layer->out_c > 1 && layer->in_c == layer->out_c;
}

/* The list of taps with its end mark, the run of zero points. */
uint32_t wick_dwconv2d_s8_w16_scratch_bytes(const wick_layer *layer) {
    return 4u * ((uint32_t)layer->k_h * layer->k_w + 1u) + ((layer->in_c + 3u) & ~UINT32_C(3));
}

/* Lists the taps of the window at (iy, left), which are modulo the word where outside. */
static void list_taps(const wick_layer *layer, const int8_t *src, uint16_t row0, unsigned iy,
                      unsigned left, const int8_t *zeros, tap *taps) {
    unsigned pitch = layer->in_c, row = (unsigned)layer->in_w * pitch;
    unsigned offset = (iy - row0) * row + left * pitch;
    for (unsigned ky = layer->k_h; ky; ky--, iy++, offset += row) {
        unsigned ix = left, at = offset;
        for (unsigned kx = layer->k_w; kx; kx--, ix++, at += pitch) {
            int inside = iy < layer->in_h && ix < layer->in_w;
#if WICK_SQUARES_ASM
            *taps++ = (tap)(uintptr_t)(inside ? src + at : zeros);
#else
            (void)zeros;
            (void)src;
            *taps++ = inside ? (tap)at : OUTSIDE;
#endif
        }
    }
    *taps = END;
}

#if WICK_SQUARES_ASM
/* clang-format off */
/* r14 becomes the address of the square of x at p; that leaves the sum, the square of x + w enters.
   13 cycles. */
#define PRODUCT(p, low, high)                                                                      \
    "mov.b " p ", r14\n"                                                                           \
    "sxt r14\n"                                                                                    \
    "add r14, r14\n"                                                                               \
    "add r15, r14\n"                                                                               \
    "sub @r14, " low "\n"                                                                          \
    "sbc " high "\n"                                                                               \
    "add @r10+, r14\n"                                                                             \
    "add @r14, " low "\n"                                                                          \
    "adc " high "\n"

/* Outputs [dst, end) of one pixel, an even number, at least two; returns what follows their
   records. r4 is at, r5 dst, r10 the place in the records, r7:r6 and r9:r8 the sums, r12 in the
   list of taps, r11 the channel; end is on the stack. */
__attribute__((naked, noinline)) static const uint32_t *
outputs(window *at __attribute__((unused)), const uint32_t *words __attribute__((unused)),
        int8_t *dst __attribute__((unused)), const int8_t *end __attribute__((unused))) {
    __asm__ volatile(
        "push r4\n push r5\n push r6\n push r7\n push r8\n push r9\n push r10\n"
        "push r15\n"
        "mov r12, r4\n"
        "mov r14, r5\n"
        "mov r13, r10\n"
        "1: mov @r10+, r6\n"
        "mov @r10+, r7\n"
        "push r10\n"
        "add #12, r10\n"
        "mov @r10+, r8\n"
        "mov @r10+, r9\n"
        "add #12, r10\n"
        "mov @r4, r12\n"
        "mov 2(r4), r11\n"
        "mov #wick_squares+510, r15\n"
        "mov @r12+, r13\n"
        "2: add r11, r13\n"
        PRODUCT("@r13+", "r6", "r7")
        PRODUCT("@r13", "r8", "r9")
        "mov @r12+, r13\n"
        "tst r13\n"
        "jne 2b\n"
        "add #2, r11\n"
        "mov r11, 2(r4)\n"
        "mov r6, r12\n"
        "mov r7, r13\n"
        "rra r13\n"
        "rrc r12\n"
        "mov @r1, r14\n"
        "mov 4(r4), r15\n"
        "call %0\n"
        "mov.b r12, 0(r5)\n"
        "mov r8, r12\n"
        "mov r9, r13\n"
        "rra r13\n"
        "rrc r12\n"
        "pop r14\n"
        "add #16, r14\n"
        "mov 4(r4), r15\n"
        "call %0\n"
        "mov.b r12, 1(r5)\n"
        "add #2, r5\n"
        "cmp @r1, r5\n"
        "jne 1b\n"
        "mov r10, r12\n"
        "add #2, r1\n"
        "pop r10\n pop r9\n pop r8\n pop r7\n pop r6\n pop r5\n pop r4\n"
        "ret"
        :
        : "i"(wick_squares_finish)
        : "memory");
}
/* clang-format on */
#else
/* The product of channel c's tap with weight code i. */
static uint32_t product(const window *at, tap place, unsigned c, const uint32_t *codes,
                        unsigned i) {
    uint16_t x = wick_squares_code16(place == OUTSIDE ? at->zero : at->src[place + (tap)c]);
    return (uint32_t)wick_square_at((uint16_t)(x + wick_squares_w16(codes, i))) - wick_square_at(x);
}

static const uint32_t *outputs(window *at, const uint32_t *words, int8_t *dst, const int8_t *end) {
    for (; dst != end; words += at->rounding->record)
        for (unsigned k = 0; k < 2; k++, at->c++) {
            const uint32_t *own = words + k * WICK_SQUARES_WORDS;
            uint32_t a = own[0];
            for (unsigned i = 0; at->taps[i] != END; i++)
                a += product(at, at->taps[i], at->c, words + 2u * WICK_SQUARES_WORDS, 2 * i + k);
            *dst++ = (int8_t)wick_squares_finish(wick_half(a), own + 1, at->rounding);
        }
    return words;
}
#endif

/* Moves taps that are all inside to the right. */
static void move_taps(tap *taps, unsigned bytes) {
    for (; *taps != END; taps++)
        *taps = (tap)(*taps + (tap)bytes);
}

/* Output channels [c, c + n) of one pixel. Steps are whole pixels nearly always: then c is 0. */
static void one_pixel(const wick_layer *layer, window *at, unsigned c, unsigned n, int8_t *dst) {
    const uint32_t *words = layer->packed;
    int8_t both[2];
    at->c = c & ~1u;
    for (unsigned i = c; i > 1u; i -= 2u)
        words += at->rounding->record;
    if (c % 2u) {
        words = outputs(at, words, both, both + 2);
        *dst++ = both[1];
        n--;
    }
    if (n > 1u)
        words = outputs(at, words, dst, dst + (n & ~1u));
    if (n % 2u == 0)
        return;
    int last = at->c + 1u == layer->out_c; /* its record is of the channel before and itself */
    at->c -= (unsigned)last;
    outputs(at, words, both, both + 2);
    dst[n - 1u] = both[last];
}

void wick_dwconv2d_s8_w16(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                          uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    unsigned out_c = layer->out_c, area = (unsigned)layer->k_h * layer->k_w;
    unsigned left = (unsigned)count, pixel = (unsigned)first / out_c;
    unsigned c = (unsigned)first - pixel * out_c, step = (unsigned)layer->stride_w * out_c;
    unsigned oy = pixel / layer->out_w, ox = pixel - oy * layer->out_w;
    unsigned iy = oy * layer->stride_h - layer->pad_top;
    unsigned ix = ox * layer->stride_w - layer->pad_left;
    int inside = 0; /* all taps, of this pixel and the one before in its row */
    const wick_squares_rounding rounding =
        wick_squares_rounding_of(layer, wick_squares_record(area, 1), 2);
    tap *taps = scratch;
    int8_t *zeros = (int8_t *)scratch + 4u * (area + 1u);
    window at = {taps, 0, &rounding, src[0], layer->operands[0].zero_point};
    memset(zeros, at.zero, layer->in_c);
    while (left) {
        unsigned n = out_c - c < left ? out_c - c : left;
        int was_inside = inside;
        inside = iy < layer->in_h && ix < layer->in_w && layer->in_h - iy >= layer->k_h &&
                 layer->in_w - ix >= layer->k_w;
        if (inside && was_inside)
            move_taps(taps, step);
        else
            list_taps(layer, src[0], row0, iy, ix, zeros, taps);
        one_pixel(layer, &at, c, n, dst);
        dst += n;
        left -= n;
        c = 0;
        ix += layer->stride_w;
        if (++ox == layer->out_w) {
            ox = 0;
            ix = 0u - layer->pad_left;
            iy += layer->stride_h;
            inside = 0;
        }
    }
}
