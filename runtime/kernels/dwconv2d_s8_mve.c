/* SPDX-License-Identifier: 0BSD */
/* Depthwise convolution, multiplier 1, for Helium. Multiplying channel by channel would need a
   multiplication, an addition and half a widening for each 8 products. Here one VMLADAV.S8 sums up
   to 16 taps of one channel at once. For that, a tile of the input is turned round in scratch: for
   16 channels, each column becomes 64 bytes, for each channel four kernel rows side by side (VST4
   does that). Then a gather load fetches four columns, a window of 4x4 taps, of one channel.
   Larger kernels take several such windows. A 3x3 kernel with stride 1 fits twice, one row apart:
   then two rows of outputs are computed from the same loads, channel by channel; else two pixels by
   four channels.

   Columns of a tile are stored by x modulo stride, so that neighbouring outputs are always one
   column apart. Taps outside the input are columns or rows of zero points.

   Weights: for each four channels, for each window (four kernel rows, in them four kernel columns),
   for each channel 16 bytes: column by column four rows; zero outside the kernel. Three more
   channels follow, which are loaded but not used. Scratch: 16 zero points, 16 zeros as biases,
   addresses of the windows, the tile. */
#include <wick/mve.h>

enum {
    CHANNELS = 16, /* in a tile */
    COLUMN = 4 * CHANNELS,
    BIAS_AT = 16,
    WINDOWS_AT = BIAS_AT + 4 * CHANNELS,
    FEW_COLUMNS = 24, /* a tile of more than 4 outputs does not take more, */
    MAX_COLUMNS = 40  /* and no tile does */
};

/* How a layer is cut into tiles. */
typedef struct shape {
    uint32_t row_windows, column_windows; /* of 4x4 taps, to cover the kernel */
    uint32_t phases;                      /* different x modulo stride that occur */
    uint32_t span;                        /* columns of one phase in a kernel */
    uint32_t strip;                       /* most outputs of one row */
} shape;

/* What one run over the channels of a tile needs. The assembly knows the order. Addresses of
   columns are those of two columns before. */
typedef struct run {
    int32_t bias, shift; /* of the channel at hand */
    int32_t zero_point;
    uint32_t step; /* in dst, two rows: to the next eight outputs; one row: to the next output */
    int8_t *dst;
    const uint32_t *weights;
    const int32_t *mult, *biases;
    const uint8_t *shifts;
    uint32_t channels, outputs; /* > 0 */
    uint32_t column_rewind, dst_rewind;
    uint32_t *windows, *windows_end; /* columns of further windows, four each, or NULL */
    uint32_t weights_skip;           /* bytes of four channels' weights after the first window */
    int32_t low, high;
    uint32_t saved[2];
    uint32_t window[4];  /* columns of the first window */
    uint16_t offsets[8]; /* two rows: of eight outputs, in dst; one row: low four times */
    int32_t high4[4], mult4[4], bias4[4], shift4[4];
} run;

/* Four rows of a tile's columns. */
typedef struct columns {
    const int8_t *src[4];
    uint32_t step[4]; /* to the next column */
    int8_t *dst;
    uint32_t n, channels; /* > 0 */
} columns;

/* A call's constants, the tile and the run. */
typedef struct state {
    const wick_layer *layer;
    const int8_t *src; /* row row0 of the input */
    int32_t row0;
    shape shape;
    int8_t *zeros, *tile;
    columns columns;
    run run;
} state;

/* Columns of one phase in a full tile. */
static uint32_t phase_columns(const shape *s) {
    return s->strip + s->span - 1;
}

static uint32_t tile_columns(const shape *s) {
    /* Outputs come in fours or pairs; those that are not there read whatever follows. */
    return s->row_windows * s->phases * phase_columns(s) + (0u - s->strip) % 4;
}

static void shape_of(const wick_layer *layer, shape *s) {
    uint32_t k_w = layer->k_w, stride = layer->stride_w;
    s->row_windows = (layer->k_h + 3u) / 4;
    s->column_windows = (k_w + 3) / 4;
    s->phases = stride < k_w ? stride : k_w;
    s->span = (k_w + stride - 1) / stride;
    s->strip = layer->out_w < 16 ? layer->out_w : 16;
    while (s->strip > 1 && tile_columns(s) > (s->strip > 4 ? FEW_COLUMNS : MAX_COLUMNS))
        s->strip--;
}

static uint32_t further_windows(const shape *s) {
    return s->row_windows * s->column_windows - 1;
}

int wick_dwconv2d_s8_mve_fits(const wick_layer *layer) {
    shape s;
    shape_of(layer, &s);
    return tile_columns(&s) <= MAX_COLUMNS;
}

uint32_t wick_dwconv2d_s8_mve_scratch_bytes(const wick_layer *layer) {
    shape s;
    shape_of(layer, &s);
    return WICK_MVE_STATE_BYTES(state) + WINDOWS_AT + 16 * further_windows(&s) +
           COLUMN * tile_columns(&s);
}

#if WICK_HAVE_MVE

/* What the gather loads take: addresses. */
static uint32_t address(const int8_t *tile) {
    return (uint32_t)(uintptr_t)tile;
}

WICK_MVE_SUBROUTINE void turn_columns(const columns *c) {
    register const columns *args __asm__("r1") = c;
    __asm__ volatile("   ldm r1, {r0, r2, r3, r4, r5, r6, r8, r9, r10, r11, r12}\n"
                     "   vctp.8 r12\n"
                     "   dls lr, r11\n"
                     "1: vpstttt\n"
                     "   vldrbt.u8 q0, [r0]\n"
                     "   vldrbt.u8 q1, [r2]\n"
                     "   vldrbt.u8 q2, [r3]\n"
                     "   vldrbt.u8 q3, [r4]\n"
                     "   add r0, r5\n"
                     "   add r2, r6\n"
                     "   vst40.8 {q0, q1, q2, q3}, [r10]\n"
                     "   add r3, r8\n"
                     "   vst41.8 {q0, q1, q2, q3}, [r10]\n"
                     "   add r4, r9\n"
                     "   vst42.8 {q0, q1, q2, q3}, [r10]\n"
                     "   vst43.8 {q0, q1, q2, q3}, [r10]!\n"
                     "   le lr, 1b\n"
                     : "+r"(args)
                     :
                     : "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr",
                       "q0", "q1", "q2", "q3", "cc", "memory");
}

/* From eight sums, even ones in r0 to r6, odd ones in r8 to lr, to outputs. */
#define FINISH_EIGHT                                                                               \
    "   vmov q0[2], q0[0], r0, r4\n"                                                               \
    "   vmov q0[3], q0[1], r2, r6\n"                                                               \
    "   vmov q1[2], q1[0], r8, r12\n"                                                              \
    "   vmov q1[3], q1[1], r10, lr\n"                                                              \
    "   ldm r1, {r0, r2, r4, r6}\n" /* bias, shift, zero point, step */                            \
    "   vadd.i32 q0, q0, r0\n"                                                                     \
    "   vadd.i32 q1, q1, r0\n"                                                                     \
    "   vshl.s32 q0, r2\n"                                                                         \
    "   vshl.s32 q1, r2\n"                                                                         \
    "   vrmulh.s32 q0, q0, q5\n"                                                                   \
    "   vrmulh.s32 q1, q1, q5\n"                                                                   \
    "   vqmovnb.s32 q0, q0\n"                                                                      \
    "   vqmovnt.s32 q0, q1\n"                                                                      \
    "   vldrh.u16 q1, [r1, #96]\n"                                                                 \
    "   vqadd.s16 q0, q0, r4\n"                                                                    \
    "   vmax.s16 q0, q0, q6\n"                                                                     \
    "   vmin.s16 q0, q0, q7\n"                                                                     \
    "   vctp.16 r3\n"                                                                              \
    "   vpst\n"                                                                                    \
    "   vstrbt.16 q0, [r5, q1]\n"                                                                  \
    "   add r5, r6\n"                                                                              \
    "   subs r3, #8\n"                                                                             \
    "   bgt 2b\n"

#define BEGIN_RUN                                                                                  \
    "   ldrd r5, r9, [r1, #16]\n"                                                                  \
    "   ldrd r0, r2, [r1, #64]\n"                                                                  \
    "   vdup.16 q6, r0\n"                                                                          \
    "   vdup.16 q7, r2\n"                                                                          \
    "   vldrw.u32 q4, [r1, #80]\n"                                                                 \
    "   mov r0, #64\n"                                                                             \
    "   vadd.i32 q4, q4, r0\n"

/* Bias and shift of the next channel, and the number of outputs. */
#define BEGIN_CHANNEL                                                                              \
    "   ldrd r0, r2, [r1, #28]\n"                                                                  \
    "   ldr r4, [r0], #4\n"                                                                        \
    "   ldrb r6, [r2], #1\n"                                                                       \
    "   strd r0, r2, [r1, #28]\n"                                                                  \
    "   strd r4, r6, [r1]\n"                                                                       \
    "   ldr r3, [r1, #40]\n"

#define NEXT_CHANNEL                                                                               \
    "   ldr r0, [r1, #36]\n"                                                                       \
    "   ldrd r2, r4, [r1, #44]\n"                                                                  \
    "   vsub.i32 q4, q4, r2\n"                                                                     \
    "   sub r5, r5, r4\n"                                                                          \
    "   subs r0, #1\n"                                                                             \
    "   str r0, [r1, #36]\n"                                                                       \
    "   bne 1b\n"

#define ALL_REGISTERS                                                                              \
    "r0", "r2", "r3", "r4", "r5", "r6", "r8", "r9", "r10", "r11", "r12", "lr", "q0", "q1", "q2",   \
        "q3", "q4", "q5", "q6", "q7", "cc", "memory"

/* Outputs of two rows by turns; the kernel is one window with an empty last row. */
#define FOUR_COLUMNS_OF_TWO_ROWS                                                                   \
    "   ldr r11, [r1, #24]\n"                                                                      \
    "1: vldrw.u32 q2, [r9], #16\n"                                                                 \
    "   ldr r0, [r11], #4\n"                                                                       \
    "   vshl.i32 q3, q2, #8\n"                                                                     \
    "   vdup.32 q5, r0\n" BEGIN_CHANNEL "2: vldrw.u32 q0, [q4, #64]\n"                             \
    "   vmladav.s8 r0, q0, q2\n"                                                                   \
    "   vldrw.u32 q1, [q4, #128]\n"                                                                \
    "   vmladav.s8 r8, q0, q3\n"                                                                   \
    "   vmladav.s8 r2, q1, q2\n"                                                                   \
    "   vldrw.u32 q0, [q4, #192]\n"                                                                \
    "   vmladav.s8 r10, q1, q3\n"                                                                  \
    "   vmladav.s8 r4, q0, q2\n"                                                                   \
    "   vldrw.u32 q1, [q4, #256]!\n"                                                               \
    "   vmladav.s8 r12, q0, q3\n"                                                                  \
    "   vmladav.s8 r6, q1, q2\n"                                                                   \
    "   vmladav.s8 lr, q1, q3\n"

WICK_MVE_SUBROUTINE void run_two_rows(run *r) {
    register run *args __asm__("r1") = r;
    __asm__ volatile(BEGIN_RUN FOUR_COLUMNS_OF_TWO_ROWS FINISH_EIGHT NEXT_CHANNEL
                     : "+r"(args)
                     :
                     : ALL_REGISTERS);
}

/* Outputs of one row, two pixels by four channels. */
#define BEGIN_FOUR_CHANNELS                                                                        \
    "   ldrd r0, r2, [r1, #64]\n"                                                                  \
    "   vdup.32 q0, r0\n"                                                                          \
    "   vdup.32 q1, r2\n"                                                                          \
    "   vstrw.32 q0, [r1, #96]\n"                                                                  \
    "   vstrw.32 q1, [r1, #112]\n"                                                                 \
    "   vldrw.u32 q4, [r1, #80]\n"                                                                 \
    "   ldr r5, [r1, #52]\n"                                                                       \
    "1: ldr r9, [r1, #20]\n"                                                                       \
    "   vldrw.u32 q2, [r9], #16\n"                                                                 \
    "   vldrw.u32 q3, [r9], #16\n"                                                                 \
    "   vldrw.u32 q5, [r9], #16\n"                                                                 \
    "   vldrw.u32 q6, [r9], #16\n"                                                                 \
    "   str r9, [r1, #20]\n"                                                                       \
    "   ldr r0, [r1, #24]\n"                                                                       \
    "   ldrd r2, r4, [r1, #28]\n"                                                                  \
    "   ldr r6, [r1, #36]\n"                                                                       \
    "   vctp.32 r6\n"                                                                              \
    "   vpsttt\n"                                                                                  \
    "   vldrwt.u32 q0, [r0], #16\n"                                                                \
    "   vldrwt.u32 q1, [r2], #16\n"                                                                \
    "   vldrbt.u32 q7, [r4], #4\n"                                                                 \
    "   str r0, [r1, #24]\n"                                                                       \
    "   strd r2, r4, [r1, #28]\n"                                                                  \
    "   vstrw.32 q0, [r1, #128]\n"                                                                 \
    "   vstrw.32 q1, [r1, #144]\n"                                                                 \
    "   vstrw.32 q7, [r1, #160]\n"                                                                 \
    "   ldr r3, [r1, #16]\n"                                                                       \
    "   ldr r11, [r1, #40]\n"

#define TWO_PIXELS                                                                                 \
    "2: vldrw.u32 q0, [q4, #128]!\n"                                                               \
    "   vldrw.u32 q1, [q4, #64]\n"                                                                 \
    "   vmladav.s8 r0, q0, q2\n"                                                                   \
    "   vldrw.u32 q0, [q4, #4]\n"                                                                  \
    "   vmladav.s8 r8, q1, q2\n"                                                                   \
    "   vldrw.u32 q1, [q4, #68]\n"                                                                 \
    "   vmladav.s8 r2, q0, q3\n"                                                                   \
    "   vldrw.u32 q0, [q4, #8]\n"                                                                  \
    "   vmladav.s8 r10, q1, q3\n"                                                                  \
    "   vldrw.u32 q1, [q4, #72]\n"                                                                 \
    "   vmladav.s8 r4, q0, q5\n"                                                                   \
    "   vldrw.u32 q0, [q4, #12]\n"                                                                 \
    "   vmladav.s8 r12, q1, q5\n"                                                                  \
    "   vldrw.u32 q1, [q4, #76]\n"                                                                 \
    "   vmladav.s8 r6, q0, q6\n"                                                                   \
    "   vmladav.s8 lr, q1, q6\n"

/* The same of further windows. */
#define MORE_WINDOWS                                                                               \
    "   cmp r5, #0\n"                                                                              \
    "   beq 4f\n"                                                                                  \
    "   strd r3, r11, [r1, #72]\n"                                                                 \
    "   mov r3, r5\n"                                                                              \
    "   ldr r11, [r1, #56]\n"                                                                      \
    "3: vldrw.u32 q1, [r3]\n"                                                                      \
    "   vldrw.u32 q7, [r9], #16\n"                                                                 \
    "   vldrw.u32 q0, [q1, #128]!\n"                                                               \
    "   vmladava.s8 r0, q0, q7\n"                                                                  \
    "   vldrw.u32 q0, [q1, #64]\n"                                                                 \
    "   vmladava.s8 r8, q0, q7\n"                                                                  \
    "   vldrw.u32 q7, [r9], #16\n"                                                                 \
    "   vldrw.u32 q0, [q1, #4]\n"                                                                  \
    "   vmladava.s8 r2, q0, q7\n"                                                                  \
    "   vldrw.u32 q0, [q1, #68]\n"                                                                 \
    "   vmladava.s8 r10, q0, q7\n"                                                                 \
    "   vldrw.u32 q7, [r9], #16\n"                                                                 \
    "   vldrw.u32 q0, [q1, #8]\n"                                                                  \
    "   vmladava.s8 r4, q0, q7\n"                                                                  \
    "   vldrw.u32 q0, [q1, #72]\n"                                                                 \
    "   vmladava.s8 r12, q0, q7\n"                                                                 \
    "   vldrw.u32 q7, [r9], #16\n"                                                                 \
    "   vldrw.u32 q0, [q1, #12]\n"                                                                 \
    "   vmladava.s8 r6, q0, q7\n"                                                                  \
    "   vldrw.u32 q0, [q1, #76]\n"                                                                 \
    "   vmladava.s8 lr, q0, q7\n"                                                                  \
    "   vstrw.32 q1, [r3], #16\n"                                                                  \
    "   cmp r3, r11\n"                                                                             \
    "   bne 3b\n"                                                                                  \
    "   ldrd r3, r11, [r1, #72]\n"                                                                 \
    "   ldr r9, [r1, #20]\n"                                                                       \
    "4:\n"

/* The second pixel of the last pair may not be there: it is stored first, where the other goes. */
#define FINISH_TWO_PIXELS                                                                          \
    "   vmov q0[2], q0[0], r0, r4\n"                                                               \
    "   vmov q0[3], q0[1], r2, r6\n"                                                               \
    "   vldrw.u32 q7, [r1, #144]\n"                                                                \
    "   vmov q1[2], q1[0], r8, r12\n"                                                              \
    "   vmov q1[3], q1[1], r10, lr\n"                                                              \
    "   ldrd r0, r2, [r1, #8]\n"                                                                   \
    "   vadd.i32 q0, q0, q7\n"                                                                     \
    "   vadd.i32 q1, q1, q7\n"                                                                     \
    "   vldrw.u32 q7, [r1, #160]\n"                                                                \
    "   vshl.s32 q0, q0, q7\n"                                                                     \
    "   vshl.s32 q1, q1, q7\n"                                                                     \
    "   vldrw.u32 q7, [r1, #128]\n"                                                                \
    "   vrmulh.s32 q0, q0, q7\n"                                                                   \
    "   vrmulh.s32 q1, q1, q7\n"                                                                   \
    "   vldrw.u32 q7, [r1, #96]\n"                                                                 \
    "   vadd.i32 q0, q0, r0\n"                                                                     \
    "   vadd.i32 q1, q1, r0\n"                                                                     \
    "   vmax.s32 q0, q0, q7\n"                                                                     \
    "   vmax.s32 q1, q1, q7\n"                                                                     \
    "   vldrw.u32 q7, [r1, #112]\n"                                                                \
    "   vmin.s32 q0, q0, q7\n"                                                                     \
    "   vmin.s32 q1, q1, q7\n"                                                                     \
    "   subs r11, #2\n"                                                                            \
    "   add r4, r3, r2\n"                                                                          \
    "   it mi\n"                                                                                   \
    "   movmi r4, r3\n"                                                                            \
    "   vpstt\n"                                                                                   \
    "   vstrbt.32 q1, [r4]\n"                                                                      \
    "   vstrbt.32 q0, [r3]\n"                                                                      \
    "   add r3, r3, r2, lsl #1\n"                                                                  \
    "   bgt 2b\n"

#define NEXT_FOUR_CHANNELS                                                                         \
    "   ldr r0, [r1, #44]\n"                                                                       \
    "   vsub.i32 q4, q4, r0\n"                                                                     \
    "   cmp r5, #0\n"                                                                              \
    "   beq 6f\n"                                                                                  \
    "   ldr r2, [r1, #60]\n"                                                                       \
    "   add r9, r2\n"                                                                              \
    "   str r9, [r1, #20]\n"                                                                       \
    "   mov r2, r5\n"                                                                              \
    "   ldr r4, [r1, #56]\n"                                                                       \
    "5: vldrw.u32 q0, [r2]\n"                                                                      \
    "   vsub.i32 q0, q0, r0\n"                                                                     \
    "   vstrw.32 q0, [r2], #16\n"                                                                  \
    "   cmp r2, r4\n"                                                                              \
    "   bne 5b\n"                                                                                  \
    "6: ldr r0, [r1, #16]\n"                                                                       \
    "   add r0, #4\n"                                                                              \
    "   str r0, [r1, #16]\n"                                                                       \
    "   ldr r0, [r1, #36]\n"                                                                       \
    "   subs r0, #4\n"                                                                             \
    "   str r0, [r1, #36]\n"                                                                       \
    "   bgt 1b\n"

WICK_MVE_SUBROUTINE void run_one_row(run *r) {
    register run *args __asm__("r1") = r;
    __asm__ volatile(
        BEGIN_FOUR_CHANNELS TWO_PIXELS MORE_WINDOWS FINISH_TWO_PIXELS NEXT_FOUR_CHANNELS
        : "+r"(args)
        :
        : ALL_REGISTERS);
}

static void run_channels(run *r, const int8_t *tile, uint32_t rows) {
    (void)tile;
    if (rows == 2)
        run_two_rows(r);
    else
        run_one_row(r);
}

#else

static uint32_t address(const int8_t *tile) {
    (void)tile;
    return 0;
}

static void turn_columns(const columns *c) {
    for (uint32_t x = 0; x < c->n; x++)
        for (uint32_t i = 0; i < c->channels; i++)
            for (uint32_t y = 0; y < 4; y++)
                c->dst[x * COLUMN + 4 * i + y] = c->src[y][x * c->step[y] + i];
}

/* Taps of one window; below the last row of the tile the weights are zero. */
static int32_t window_sum(const int8_t *tile, const uint32_t *at, const uint32_t *weights,
                          uint32_t offset, uint32_t rows) {
    int32_t sum = 0;
    for (uint32_t x = 0; x < 4; x++)
        for (uint32_t y = 0; y < rows; y++)
            sum += tile[at[x] + offset + y] * (int8_t)(uint8_t)(weights[x] >> 8 * y);
    return sum;
}

static void run_channels(run *r, const int8_t *tile, uint32_t rows) {
    for (uint32_t c = 0; c < r->channels; c++)
        for (uint32_t i = 0; i < r->outputs; i++) {
            const uint32_t *weights = r->weights + c / 4 * (16 + r->weights_skip / 4) + c % 4 * 4;
            uint32_t down = rows == 2 ? i % 2 : 0; /* the second row's window begins lower */
            uint32_t offset = COLUMN * (i / rows + 2) + 4 * c + down;
            uint32_t to = rows == 2 ? i / 8 * r->step + r->offsets[i % 8] : i * r->step;
            int32_t acc = r->biases[c] + window_sum(tile, r->window, weights, offset, 4 - down);
            for (const uint32_t *at = r->windows; at != r->windows_end; at += 4)
                acc += window_sum(tile, at, weights += 16, offset, 4);
            int32_t y = r->zero_point + wick_requantize(acc, r->mult[c], r->shifts[c]);
            r->dst[to + c] = wick_clamp_s8(y, r->low, r->high);
        }
}

#endif

/* Outputs to compute: of one or two rows the columns [ox, ox + n), of each some channels. */
typedef struct part {
    uint32_t oy, rows, ox, n, c, channels;
} part;

/* Addresses of four columns of a window; see run. */
static void window_columns(const state *s, uint32_t row_window, uint32_t kx, uint32_t *at) {
    uint32_t stride = s->layer->stride_w;
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t x = kx + i < s->layer->k_w ? kx + i : kx; /* any: their weights are zero */
        uint32_t phase = row_window * s->shape.phases + x % stride;
        uint32_t column = phase * phase_columns(&s->shape) + x / stride;
        at[i] = address(s->tile) + COLUMN * column - 2 * COLUMN;
    }
}

static void begin_call(state *s) {
    const wick_layer *layer = s->layer;
    uint32_t more = further_windows(&s->shape);
    uint32_t *windows = (uint32_t *)(void *)(s->zeros + WINDOWS_AT);
    s->tile = s->zeros + WINDOWS_AT + 16 * more;
    wick_mve_fill(s->zeros, layer->operands[0].zero_point, BIAS_AT);
    wick_mve_fill(s->zeros + BIAS_AT, 0, WINDOWS_AT - BIAS_AT);
    window_columns(s, 0, 0, s->run.window);
    s->run.windows = more ? windows : NULL;
    s->run.windows_end = more ? windows + 4 * more : NULL;
    s->run.weights_skip = 64 * more;
    s->run.zero_point = layer->out_zp;
    s->run.low = layer->clamp_min;
    s->run.high = layer->clamp_max;
}

static uint32_t clip(int32_t value, uint32_t high) {
    return value < 0 ? 0 : (uint32_t)value > high ? high : (uint32_t)value;
}

/* Columns x, x + stride, ... of four rows from y on, of which so many are needed. */
WICK_MVE_SUBROUTINE void turn_phase(state *s, const part *p, int32_t y, int32_t x, uint32_t rows,
                                    int8_t *dst) {
    const wick_layer *layer = s->layer;
    columns *c = &s->columns;
    int32_t stride = layer->stride_w, in_w = layer->in_w, in_c = layer->in_c;
    uint32_t n = p->n + s->shape.span - 1;
    uint32_t left = clip((stride - 1 - x) / stride, n);         /* columns left of the input */
    uint32_t right = clip((in_w - x + stride - 1) / stride, n); /* and right, from this one on */
    right = right > left ? right : left;
    c->dst = dst + COLUMN * left;
    c->n = right - left;
    c->channels = p->channels;
    int32_t at = ((y - s->row0) * in_w + x + (int32_t)left * stride) * in_c + (int32_t)p->c;
    for (uint32_t i = 0; i < 4; i++, y++, at += in_w * in_c) {
        int real = i < rows && y >= 0 && y < layer->in_h;
        c->src[i] = real ? s->src + at : s->zeros;
        c->step[i] = real ? (uint32_t)(stride * in_c) : 0;
    }
    if (c->n)
        turn_columns(c);
    wick_mve_fill(dst, *s->zeros, COLUMN * left);
    wick_mve_fill(dst + COLUMN * right, *s->zeros, COLUMN * (n - right));
}

static void turn_tile(state *s, const part *p) {
    const wick_layer *layer = s->layer;
    int32_t y = (int32_t)(p->oy * layer->stride_h) - layer->pad_top;
    int32_t x = (int32_t)(p->ox * layer->stride_w) - layer->pad_left;
    int8_t *dst = s->tile;
    for (uint32_t ky = 0; ky < layer->k_h; ky += 4)
        for (uint32_t phase = 0; phase < s->shape.phases; phase++) {
            turn_phase(s, p, y + (int32_t)ky, x + (int32_t)phase, layer->k_h + p->rows - 1 - ky,
                       dst);
            dst += COLUMN * phase_columns(&s->shape);
        }
}

/* The next channels of a tile that is all one phase. */
static void turn_next(columns *c, uint32_t channels) {
    for (uint32_t i = 0; i < 4; i++)
        c->src[i] += c->step[i] ? c->channels : 0;
    c->channels = channels;
    if (c->n)
        turn_columns(c);
}

/* What all tiles have in common that compute n columns of so many rows. */
WICK_MVE_SUBROUTINE void prepare_run(state *s, uint32_t rows, uint32_t n) {
    uint32_t pixel = s->layer->out_c;
    run *r = &s->run;
    r->outputs = n * rows;
    if (rows == 1) {
        r->step = pixel;
        r->column_rewind = (n + 1) / 2 * 2 * COLUMN - 16; /* behind pairs, to four channels on */
        return;
    }
    r->step = 4 * pixel;
    r->column_rewind = (n + 3) / 4 * 4 * COLUMN - 4;
    r->dst_rewind = (n + 3) / 4 * r->step - 1;
    for (uint32_t i = 0; i < 4; i++) {
        r->offsets[2 * i] = (uint16_t)(i * pixel);
        r->offsets[2 * i + 1] = (uint16_t)((i + s->layer->out_w) * pixel);
    }
}

WICK_MVE_SUBROUTINE void run_tile(state *s, const part *p) {
    const wick_layer *layer = s->layer;
    run *r = &s->run;
    uint32_t more = further_windows(&s->shape);
    r->weights = layer->packed + p->c / 4 * 16 * (1 + more) + p->c % 4 * 4;
    r->mult = layer->mult + p->c;
    r->biases = layer->bias ? layer->bias + p->c : (int32_t *)(void *)(s->zeros + BIAS_AT);
    r->shifts = layer->shift + p->c;
    r->channels = p->channels;
    for (uint32_t i = 1; i <= more; i++) /* the last run moved them on */
        window_columns(s, i / s->shape.column_windows, i % s->shape.column_windows * 4,
                       r->windows + 4 * (i - 1));
    run_channels(r, s->tile, p->rows);
}

/* Splits columns and channels into tiles; p is used up. */
static void tiles(state *s, part *p, int8_t *dst) {
    uint32_t end = p->ox + p->n, c = p->c, c_end = c + p->channels;
    int one_phase = s->shape.phases * s->shape.row_windows == 1;
    for (; p->ox < end; p->ox += p->n) {
        p->n = end - p->ox < s->shape.strip ? end - p->ox : s->shape.strip;
        prepare_run(s, p->rows, p->n);
        for (p->c = c; p->c < c_end; p->c += p->channels) {
            /* Whole fours of channels, but for the first and the last. */
            p->channels = p->c % 4 ? 4 - p->c % 4 : CHANNELS;
            p->channels = c_end - p->c < p->channels ? c_end - p->c : p->channels;
            if (one_phase && p->c > c)
                turn_next(&s->columns, p->channels);
            else
                turn_tile(s, p);
            s->run.dst = dst + (p->c - c);
            run_tile(s, p);
        }
        dst += p->n * s->layer->out_c;
    }
}

void wick_dwconv2d_s8_mve(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                          uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c, all = layer->out_c;
    uint32_t row = layer->out_w * all;
    int two_rows = layer->stride_h == 1 && layer->k_h <= 3 && layer->k_w <= 4 &&
                   row + 4 * all <= 65535; /* see run.offsets */
    state *s = wick_mve_state(scratch);
    s->layer = layer;
    s->src = src[0];
    s->row0 = row0;
    shape_of(layer, &s->shape);
    s->zeros = (int8_t *)scratch + WICK_MVE_STATE_BYTES(state);
    begin_call(s);
    while (count) {
        part p = {pixel / layer->out_w, 1, pixel % layer->out_w, 1, c, all - c};
        if (c || count < all) { /* some channels of one pixel */
            p.channels = p.channels < count ? p.channels : count;
        } else if (two_rows && p.ox == 0 && count >= 2 * row) {
            p.rows = 2;
            p.n = layer->out_w;
        } else {
            p.n = layer->out_w - p.ox < count / all ? layer->out_w - p.ox : count / all;
        }
        uint32_t done = p.channels * p.n * p.rows;
        pixel += p.n * p.rows;
        tiles(s, &p, dst);
        dst += done;
        count -= done;
        c = 0;
    }
}
