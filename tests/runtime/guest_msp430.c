/* The same program on the MSP430 and on the PC: random layers of every kind through the portable
   kernel and every fast kernel that fits, in random pieces; reports a checksum of each output with
   the guard bytes around it. The PC's list is the expectation (slow_kernels_msp430.sh). Each call
   of a kernel lies between two marks for the cycle counter.
   SEEDS random layers, which ones by FIRST; then the layers of BENCH, whole: {kind, height and
   width, channels in, channels out, kernel}, ... WIDE: layers with 16-bit tensors instead, 1: those
   with weights, 2: the others; in BENCH all tensors have 16 bits. */
#include <string.h>

#include <wick/kernels.h>
#include <wick/nvm.h>
#include <wick/squares_round.h>

#include "weights/weights.h"

#ifndef WIDE
#define WIDE 0
#endif

#ifdef __MSP430__
/* Words written here show up in the simulator's trace, with the clock cycle. */
static volatile uint16_t *const port = (volatile uint16_t *)0x01a0;
static void report(unsigned what, unsigned kernel, uint32_t value) {
    port[0] = (uint16_t)(what << 8 | kernel);
    port[1] = (uint16_t)(value >> 16);
    port[2] = (uint16_t)value;
}
static void mark(unsigned what) {
    port[3] = (uint16_t)what;
}
#define FAR __attribute__((section(".nvm")))
#else
#include <stdio.h>
static void report(unsigned what, unsigned kernel, uint32_t value) {
    printf("%02x%02x %08x\n", what & 255, kernel, (unsigned)value);
}
static void mark(unsigned what) {
    (void)what;
}
#define FAR
#endif

#ifndef BENCH
#define BENCH
#endif

/* The kernels of this core, with a dispatcher of its own, as emitted firmware has: all kernels do
   not fit its memory. */
#if WIDE == 1
#define KERNELS(X)                                                                                 \
    X(CONV2D_S16, conv2d_s16, CONV2D) X(DWCONV2D_S16, dwconv2d_s16, DWCONV2D) X(FC_S16, fc_s16, FC)
#elif WIDE == 2
#define KERNELS(X)                                                                                 \
    X(MAXPOOL_S16, maxpool_s16, MAXPOOL)                                                           \
    X(AVGPOOL_S16, avgpool_s16, AVGPOOL)                                                           \
    X(ADD_S16, add_s16, ADD)                                                                       \
    X(CONCAT_S16, concat_s16, CONCAT) X(MOVE_S16, move_s16, MOVE) X(MUL_S16, mul_s16, MUL)
#else
#define KERNELS(X)                                                                                 \
    X(CONV2D_S8_W16, conv2d_s8_w16, CONV2D)                                                        \
    X(CONV2D_S8_W8, conv2d_s8_w8, CONV2D)                                                          \
    X(DWCONV2D_S8_W16, dwconv2d_s8_w16, DWCONV2D)                                                  \
    X(FC_S8_W16, fc_s8_w16, FC)                                                                    \
    X(FC_S8_W8, fc_s8_w8, FC)
#endif

/* All kinds do not fit either: those that only portable code computes are a program of their own.
 */
#if WIDE == 1
enum { FIRST_KIND = 0, KINDS_HERE = WICK_LAYER_MAXPOOL };
#define KINDS(X)
#elif WIDE == 2
enum { FIRST_KIND = WICK_LAYER_MAXPOOL, KINDS_HERE = WICK_LAYER_SOFTMAX - WICK_LAYER_MAXPOOL };
#define KINDS(X)
#elif defined LATER_KINDS
enum { FIRST_KIND = WICK_LAYER_MOVE, KINDS_HERE = 2 };
#define KINDS(X) X(move, MOVE) X(mul, MUL)
#else
enum { FIRST_KIND = 0, KINDS_HERE = WICK_LAYER_MOVE };
#define KINDS(X)                                                                                   \
    X(conv2d, CONV2D)                                                                              \
    X(dwconv2d, DWCONV2D)                                                                          \
    X(fc, FC) X(maxpool, MAXPOOL) X(avgpool, AVGPOOL) X(add, ADD) X(concat, CONCAT)
#endif

enum { VALUES = 1024, WEIGHTS = 2048, PACKED = 1100, SCRATCH = 1536, CHANNELS = 48, GUARD = 8 };
#define EVEN __attribute__((aligned(2))) /* int16 tensors are read as such */
static int8_t src[2][VALUES] EVEN, dst[(WIDE ? 2 : 1) * VALUES + 2 * GUARD] EVEN;
static int8_t weights[WEIGHTS] FAR;
static int32_t bias[CHANNELS], mult[CHANNELS];
static uint8_t shift[CHANNELS];
static uint32_t scratch[SCRATCH / 4 + 2];
static uint32_t packed[PACKED] FAR;
static wick_operand operands[2];
static wick_layer layer;

static uint32_t state;

static uint16_t random_u16(void) {
    state = state * UINT32_C(1664525) + UINT32_C(1013904223);
    return (uint16_t)(state >> 16);
}

static unsigned random_below(unsigned n) {
    return random_u16() % n;
}

static int8_t random_s8(void) {
    return (int8_t)(random_u16() & 255u);
}

static void fill(int8_t *p, unsigned n) {
    while (n--)
        *p++ = random_s8();
}

/* Products of the layer's window, for which the multipliers are scaled. */
static uint32_t fan_in(void) {
    switch ((wick_layer_kind)layer.kind) {
    case WICK_LAYER_CONV2D:
        return (uint32_t)layer.k_h * layer.k_w * layer.in_c;
    case WICK_LAYER_FC:
        return (uint32_t)layer.in_h * layer.in_w * layer.in_c;
    case WICK_LAYER_DWCONV2D:
    case WICK_LAYER_AVGPOOL:
        return (uint32_t)layer.k_h * layer.k_w;
    default:
        return 1;
    }
}

/* Constants and values for the geometry that stands in `layer`. */
static void fill_layer(void) {
    uint32_t fan = fan_in();
    layer.operands = operands;
    layer.out_zp = random_s8();
    layer.clamp_min = random_below(3) ? -128 : layer.out_zp;
    layer.clamp_max = random_below(4) ? 127 : layer.clamp_min;
    for (unsigned i = 0; i < 2; i++) {
        fill(src[i], VALUES);
        operands[i].tensor = 0;
        operands[i].channels = layer.in_c;
        operands[i].zero_point = random_s8();
        operands[i].mult = 0;
        operands[i].shift = 0;
    }
    fill(weights, WEIGHTS);
    for (unsigned i = 0; i < WEIGHTS; i++)
        weights[i] = weights[i] == -128 ? -127 : weights[i];
    for (unsigned c = 0; c < CHANNELS; c++) {
        bias[c] = (int32_t)random_u16() - 32768;
        /* mult * 2^shift / 2^32 is around 1/64 to 1/4096 by the window's size, rarely far off. */
        uint32_t m = (UINT32_C(1) << 25) + ((uint32_t)random_u16() << 10);
        shift[c] = (uint8_t)(random_below(4) ? 0 : random_below(5));
        mult[c] = (int32_t)((m >> shift[c]) / (1 + fan / 8));
        if (random_below(16) == 0) {
            m = random_u16();
            mult[c] = (int32_t)(1 + (m << random_below(15)));
        }
    }
    layer.weights = layer.kind <= WICK_LAYER_FC ? weights : NULL;
    layer.bias = layer.kind <= WICK_LAYER_FC && random_below(5) ? bias : NULL;
    layer.mult = mult;
    layer.shift = shift;
    if (layer.kind == WICK_LAYER_AVGPOOL)
        mult[0] = (int32_t)((UINT32_C(1) << 30) / fan), shift[0] = (uint8_t)random_below(3);
    if (layer.kind == WICK_LAYER_ADD) {
        for (unsigned i = 0; i < 2; i++)
            operands[i].mult = (int32_t)((uint32_t)random_u16() << 4);
        mult[0] = 4096 + (int32_t)random_below(4096);
        shift[0] = 0;
    }
}

/* A geometry within the arrays. */
static void random_geometry(wick_layer_kind kind) {
    int windowed = kind == WICK_LAYER_CONV2D || kind == WICK_LAYER_DWCONV2D ||
                   kind == WICK_LAYER_MAXPOOL || kind == WICK_LAYER_AVGPOOL;
    memset(&layer, 0, sizeof layer);
    layer.kind = (uint8_t)kind;
    layer.n_operands =
        kind == WICK_LAYER_ADD || kind == WICK_LAYER_CONCAT || kind == WICK_LAYER_MUL ? 2 : 1;
    layer.in_h = (uint16_t)(1 + random_below(6));
    layer.in_w = (uint16_t)(1 + random_below(6));
    layer.in_c = (uint16_t)(1 + random_below(13));
    layer.out_h = layer.in_h;
    layer.out_w = layer.in_w;
    layer.out_c = layer.in_c;
    layer.k_h = layer.k_w = layer.stride_h = layer.stride_w = 1;
    if (kind == WICK_LAYER_FC) {
        layer.out_h = layer.out_w = 1;
        layer.out_c = (uint16_t)(1 + random_below(4));
    }
    if (kind == WICK_LAYER_CONV2D)
        layer.out_c = (uint16_t)(1 + random_below(9));
    if (windowed) {
        int pads = kind != WICK_LAYER_AVGPOOL;
        layer.k_h = (uint8_t)(1 + random_below(layer.in_h < 3 ? layer.in_h : 3));
        layer.k_w = (uint8_t)(1 + random_below(layer.in_w < 4 ? layer.in_w : 4));
        layer.stride_h = (uint8_t)(1 + random_below(2));
        layer.stride_w = (uint8_t)(1 + random_below(3));
        layer.pad_top = (uint8_t)(pads ? random_below(layer.k_h) : 0);
        layer.pad_left = (uint8_t)(pads ? random_below(layer.k_w) : 0);
        unsigned bottom = pads ? random_below(layer.k_h) : 0;
        unsigned right = pads ? random_below(layer.k_w) : 0;
        layer.out_h =
            (uint16_t)((layer.in_h + layer.pad_top + bottom - layer.k_h) / layer.stride_h + 1);
        layer.out_w =
            (uint16_t)((layer.in_w + layer.pad_left + right - layer.k_w) / layer.stride_w + 1);
    }
    fill_layer();
    if (kind == WICK_LAYER_CONCAT)
        for (unsigned i = 0; i < 2; i++) {
            uint8_t s = (uint8_t)random_below(8);
            operands[i].channels = (uint16_t)(1 + random_below(7));
            operands[i].shift = s;
            operands[i].mult = (int32_t)((UINT32_C(0x20000000) + random_u16()) >> (s < 4 ? 0 : s));
        }
    if (kind == WICK_LAYER_CONCAT)
        layer.in_c = layer.out_c = (uint16_t)(operands[0].channels + operands[1].channels);
    if (kind == WICK_LAYER_MOVE) { /* mirrored, one channel from nowhere */
        unsigned h = layer.in_h, w = layer.in_w, c = layer.in_c;
        for (unsigned i = 0; i < h + w; i++)
            bias[i] = i < h ? (int32_t)((h - 1 - i) * w * c) : (int32_t)((h + w - 1 - i) * c);
        for (unsigned i = 0; i < c; i++)
            bias[h + w + i] = (int32_t)i;
        bias[h + w + random_below((uint16_t)c)] = WICK_NOWHERE;
        layer.bias = bias;
    }
}

#if WIDE
/* Some tensors of the layer become int16; `all` of them. A kind whose output is quantized as its
   input has one width. */
static void widen(int all) {
    int same = layer.kind == WICK_LAYER_MAXPOOL || layer.kind == WICK_LAYER_MOVE;
    unsigned inputs = all || same ? 3 : 1 + random_below(3); /* bit i: operand i */
    for (unsigned i = 0; i < 2; i++) {
        operands[i].wide = inputs >> i & 1u;
        operands[i].zero_point = operands[i].wide ? 0 : operands[i].zero_point;
    }
    layer.wide = all || same || random_below(4) || (layer.n_operands == 1 && !operands[0].wide);
    if (layer.wide) {
        layer.out_zp = 0;
        layer.clamp_min = random_below(3) ? INT16_MIN : 0;
        layer.clamp_max = INT16_MAX;
    }
    if (layer.kind != WICK_LAYER_CONCAT && (operands[0].wide || layer.n_operands > 1))
        for (unsigned c = 0; c < CHANNELS; c++)
            shift[c] = (uint8_t)(31 + 8 + random_below(8));
}
#endif

static uint32_t outputs(void) {
    return (uint32_t)layer.out_h * layer.out_w * layer.out_c;
}

uint32_t wick_layer_scratch_bytes(const wick_layer *l) {
    switch (l->kernel) {
#define X(NAME, name, KIND)                                                                        \
    case WICK_KERNEL_##NAME:                                                                       \
        return wick_##name##_scratch_bytes(l);
        KERNELS(X)
#undef X
    }
    return 0;
}

static int fits(void) {
    switch (layer.kernel) {
#define X(NAME, name, KIND)                                                                        \
    case WICK_KERNEL_##NAME:                                                                       \
        return layer.kind == WICK_LAYER_##KIND && wick_##name##_fits(&layer);
        KERNELS(X)
#undef X
    }
    return !WIDE && layer.kernel == WICK_KERNEL_PORTABLE;
}

/* Words of packed weights, which are written to `packed` if they have room. */
static uint32_t pack(void) {
    uint32_t words = 0;
    switch (layer.kernel) {
#define X(NAME, name, KIND)                                                                        \
    case WICK_KERNEL_##NAME:                                                                       \
        words = wick_##name##_weights_words(&layer);                                               \
        if (words <= PACKED)                                                                       \
            wick_##name##_weights_pack(&layer, packed);                                            \
        break;
        KERNELS(X)
#undef X
    }
    return words;
}

void wick_layer_run(const wick_layer *l, const int8_t *const *from, uint16_t row0, uint32_t first,
                    uint32_t count, int8_t *to, void *room) {
    switch (l->kernel) {
#define X(NAME, name, KIND)                                                                        \
    case WICK_KERNEL_##NAME:                                                                       \
        wick_##name(l, from, row0, first, count, to, room);                                        \
        return;
        KERNELS(X)
#undef X
    }
    switch (l->kind) {
#define X(lower, upper)                                                                            \
    case WICK_LAYER_##upper:                                                                       \
        wick_##lower##_s8(l, from, row0, first, count, to, room);                                  \
        break;
        KINDS(X)
#undef X
    }
}

/* The whole layer in pieces. Returns a checksum over dst and what must stay around it. */
static uint32_t run_pieces(unsigned piece) {
    uint32_t total = outputs(), crc;
    memset(dst, 0x5a, sizeof dst);
    memset(scratch, 0xa5, sizeof scratch);
    for (uint32_t first = 0; first < total; first += piece) {
        uint32_t count = total - first < piece ? total - first : piece;
        wick_rows rows = wick_layer_input_rows(&layer, first, count);
        const int8_t *at[2];
        for (unsigned i = 0; i < 2; i++)
            at[i] =
                src[i] + (i < layer.n_operands ? rows.row0 * wick_operand_row_bytes(&layer, i) : 0);
        mark(layer.kernel);
        wick_layer_run(&layer, at, rows.row0, first, count,
                       dst + GUARD + first * wick_out_size(&layer), scratch);
        mark(255);
    }
    crc = wick_crc32(0, dst, GUARD + total * wick_out_size(&layer) + GUARD);
    for (uint32_t i = wick_layer_scratch_bytes(&layer) / 4; i < SCRATCH / 4 + 2; i++)
        crc ^= scratch[i] ^ UINT32_C(0xa5a5a5a5);
    return crc;
}

/* Layer number `what` through each kernel that fits, `piece` outputs at a time. */
static void run_kernels(unsigned what, unsigned piece) {
    static const uint8_t kernels[] = {WICK_KERNEL_PORTABLE,
#define X(NAME, name, KIND) WICK_KERNEL_##NAME,
                                      KERNELS(X)
#undef X
    };
    for (uint8_t kernel = 0; kernel < sizeof kernels; kernel++) {
        layer.kernel = kernels[kernel];
        if (!fits())
            continue;
        uint32_t words = pack();
        if (words > PACKED || wick_layer_scratch_bytes(&layer) > SCRATCH) {
            report(what, kernel, 0);
            continue;
        }
        layer.packed = words ? packed : NULL;
        layer.weights = words ? NULL : layer.weights;
        report(what, kernel, run_pieces(piece));
        layer.weights = layer.kind <= WICK_LAYER_FC ? weights : NULL;
    }
}

/* A layer of BENCH: stride 1, SAME padding; average pools have none, joins have two operands. */
static void geometry(const uint16_t *shape) {
    unsigned size = shape[1], k = shape[4];
    memset(&layer, 0, sizeof layer);
    layer.kind = (uint8_t)shape[0];
    layer.n_operands = shape[0] < WICK_LAYER_ADD ? 1 : 2;
    layer.in_h = layer.in_w = layer.out_h = layer.out_w = (uint16_t)size;
    layer.in_c = shape[2];
    layer.out_c = shape[3];
    layer.k_h = layer.k_w = (uint8_t)k;
    layer.stride_h = layer.stride_w = 1;
    layer.pad_top = layer.pad_left = (uint8_t)(k / 2);
    if (shape[0] == WICK_LAYER_AVGPOOL) {
        layer.pad_top = layer.pad_left = 0;
        layer.out_h = layer.out_w = (uint16_t)(size - k + 1);
    }
    fill_layer();
    if (shape[0] == WICK_LAYER_CONCAT)
        for (unsigned i = 0; i < 2; i++) {
            operands[i].channels = (uint16_t)(layer.out_c / 2u);
            operands[i].mult = INT32_C(0x30000000);
        }
}

#if !WIDE
/* The kernels' division around the steps between outputs, where it is hardest, and the product. */
static void round_numbers(unsigned what) {
    static int8_t weight = 1;
    int8_t y[32];
    uint32_t words[8], products = 0;
    random_geometry(WICK_LAYER_CONV2D);
    layer.in_c = layer.out_c = layer.k_h = layer.k_w = 1;
    layer.weights = &weight;
    uint32_t power = UINT32_C(1) << (12 + random_below(18));
    if (random_below(4))
        mult[0] = (int32_t)(power + random_u16());
    wick_conv2d_s8_w8_weights_pack(&layer, words);
    layer.packed = words;
    wick_squares_rounding rounding = wick_squares_rounding_of(&layer, wick_squares_record(1, 0), 1);
    uint64_t factor = (uint64_t)(uint32_t)mult[0] << shift[0];
    int32_t own = layer.bias ? layer.bias[0] : 0;
    for (unsigned i = 0; i < sizeof y; i++) {
        int twice = 2 * (int)random_below(258) - 257 - 2 * layer.out_zp;
        uint64_t steps = ((uint64_t)(twice < 0 ? -twice : twice) << 31) / factor;
        int32_t acc = steps >> 26 ? INT32_C(123456) : (int32_t)steps;
        acc = (twice < 0 ? -acc : acc) + (int32_t)random_below(5) - 2;
        y[i] = (int8_t)wick_squares_finish(acc - own, words + 1, &rounding);
        products ^= (uint32_t)wick_mulhr((int32_t)((uint32_t)acc << random_below(10)), mult[0]);
        products ^= (uint32_t)wick_mulhr(acc | 1, INT32_C(0x40000000)); /* a half */
        products = products << 1 | products >> 31;
    }
    report(what, 254, wick_crc32(0, y, sizeof y));
    report(what, 255, products);
}
#endif

int main(void) {
    static const uint16_t shapes[][5] = {BENCH{0}};
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        state = seed * UINT32_C(2654435761) + FIRST;
        random_geometry((wick_layer_kind)(FIRST_KIND + seed % KINDS_HERE));
#if WIDE
        widen(0);
#endif
        unsigned all = (unsigned)outputs();
        run_kernels(seed, random_below(3) ? 1 + random_below(all) : all);
    }
#if !WIDE
    for (unsigned seed = 0; seed < SEEDS; seed++)
        round_numbers(seed);
#endif
    for (unsigned i = 0; shapes[i][1]; i++) {
        state = i + 1;
        geometry(shapes[i]);
#if WIDE
        widen(1);
#endif
        run_kernels(i, (unsigned)outputs());
    }
    return 0;
}
