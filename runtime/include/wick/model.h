/* SPDX-License-Identifier: 0BSD */
/* The model as constant data: what the emitter writes, the engine walks and the kernels compute.
   Nothing here is changed at run time; all of it may live in flash. */
#ifndef WICK_MODEL_H
#define WICK_MODEL_H

#include <stdint.h>

enum {
    WICK_MODEL_FORMAT = 5, /* version of these structures and of the NVM layout */
    WICK_MAX_MODULES = 8,
    WICK_MAX_OPERANDS = 64
};

/* X(name) of the layer kinds; each is one kernel file kernels/<name>_s8.c, and all but softmax have
   one of WICK_WIDE_KERNEL_TABLE beside it. */
#define WICK_LAYER_TABLE(X)                                                                        \
    X(CONV2D, conv2d)     /* dense convolution, also 1x1; weights [out_c][k_h][k_w][in_c] */       \
    X(DWCONV2D, dwconv2d) /* depthwise, multiplier 1;     weights [k_h][k_w][out_c] */             \
    X(FC, fc)             /* fully connected;             weights [out_c][in_h*in_w*in_c] */       \
    X(MAXPOOL, maxpool)   /* padding never wins; output quantized as the input */                  \
    X(AVGPOOL, avgpool)   /* no padding; global pool = kernel of the input's size */               \
    X(ADD, add)           /* two operands of equal shape */                                        \
    X(CONCAT, concat)     /* operands side by side along channels; or one, by a table */           \
    X(MOVE, move)         /* elements elsewhere; offsets of rows, columns, channels in bias */     \
    X(MUL, mul)           /* product of two operands of equal shape */                             \
    X(SOFTMAX, softmax)   /* over a pixel's channels; exponentials in bias[256] */

typedef enum wick_layer_kind {
#define X(upper, lower) WICK_LAYER_##upper,
    WICK_LAYER_TABLE(X)
#undef X
        WICK_LAYER_KINDS
} wick_layer_kind;

/* Fast kernels beside the portable one of each kind: X(NAME, name, KIND). Each is one file
   kernels/<name>.c with
     wick_<name>()               the kernel, bit-equal to the portable kernel of KIND
     wick_<name>_fits()          whether it can compute a layer at all
     wick_<name>_scratch_bytes() the SRAM that it works in
   and, on the PC, toolchain/weights/weights_<name>.c: its layout of weights (none: weights_none.c).
 */
#define WICK_KERNEL_TABLE(X)                                                                       \
    X(CONV2D_S8_AVX2, conv2d_s8_avx2, CONV2D) /* x86-64: the PC's own runs */                      \
    X(CONV2D_S8_VNNI, conv2d_s8_vnni, CONV2D)                                                      \
    X(DWCONV2D_S8_AVX2, dwconv2d_s8_avx2, DWCONV2D)                                                \
    X(FC_S8_AVX2, fc_s8_avx2, FC)                                                                  \
    X(FC_S8_VNNI, fc_s8_vnni, FC)                                                                  \
    X(MAXPOOL_S8_AVX2, maxpool_s8_avx2, MAXPOOL)                                                   \
    X(AVGPOOL_S8_AVX2, avgpool_s8_avx2, AVGPOOL)                                                   \
    X(ADD_S8_AVX2, add_s8_avx2, ADD)                                                               \
    X(CONCAT_S8_AVX2, concat_s8_avx2, CONCAT)                                                      \
    X(CONV2D_S8_DSP, conv2d_s8_dsp, CONV2D)       /* ARM DSP extension */                          \
    X(DWCONV2D_S8_DSP, dwconv2d_s8_dsp, DWCONV2D) /* ARM DSP; any kernel, by lists of taps */      \
    X(DWCONV2D_3X3_S8_DSP, dwconv2d_3x3_s8_dsp, DWCONV2D) /* ARM DSP; stride 1 or 2 across */      \
    X(FC_S8_DSP, fc_s8_dsp, FC)                           /* ARM DSP */                            \
    X(MAXPOOL_S8_DSP, maxpool_s8_dsp, MAXPOOL)            /* ARM DSP */                            \
    X(AVGPOOL_S8_DSP, avgpool_s8_dsp, AVGPOOL)            /* ARM DSP */                            \
    X(ADD_S8_DSP, add_s8_dsp, ADD)                        /* ARM DSP */                            \
    X(CONV2D_S8_QUAD, conv2d_s8_quad, CONV2D) /* any core: four pixels, two by a multiplication */ \
    X(CONV2D_S8_WINOGRAD, conv2d_s8_winograd, CONV2D)         /* any core: 3x3, stride 1 */        \
    X(CONV2D_S8_WINOGRAD_DSP, conv2d_s8_winograd_dsp, CONV2D) /* the same with ARM DSP */          \
    X(DWCONV2D_S8_STRIP, dwconv2d_s8_strip, DWCONV2D)                                              \
    X(FC_S8_PAIR, fc_s8_pair, FC)                                                                  \
    X(CONV2D_S8_MVE, conv2d_s8_mve, CONV2D)         /* Helium (Cortex-M55) */                      \
    X(DWCONV2D_S8_MVE, dwconv2d_s8_mve, DWCONV2D)   /* Helium (Cortex-M55) */                      \
    X(FC_S8_MVE, fc_s8_mve, FC)                     /* Helium (Cortex-M55) */                      \
    X(MAXPOOL_S8_MVE, maxpool_s8_mve, MAXPOOL)      /* Helium (Cortex-M55) */                      \
    X(AVGPOOL_S8_MVE, avgpool_s8_mve, AVGPOOL)      /* Helium (Cortex-M55) */                      \
    X(ADD_S8_MVE, add_s8_mve, ADD)                  /* Helium (Cortex-M55) */                      \
    X(CONCAT_S8_MVE, concat_s8_mve, CONCAT)         /* Helium (Cortex-M55) */                      \
    X(CONV2D_S8_W16, conv2d_s8_w16, CONV2D)         /* 16-bit cores: squares, 16-bit weights */    \
    X(CONV2D_S8_W8, conv2d_s8_w8, CONV2D)           /* the same with 8-bit weights */              \
    X(DWCONV2D_S8_W16, dwconv2d_s8_w16, DWCONV2D)   /* 16-bit cores */                             \
    X(FC_S8_W16, fc_s8_w16, FC)                     /* as conv2d_s8_w16 */                         \
    X(FC_S8_W8, fc_s8_w8, FC)                       /* as conv2d_s8_w8 */                          \
    X(CONV2D_S8_SPARSE, conv2d_s8_sparse, CONV2D)   /* any core: only weights that are not 0 */    \
    X(CONV2D_S8_SPARSE4, conv2d_s8_sparse4, CONV2D) /* the same, of 4 bits */                      \
    X(CONV2D_S8_NIBBLE, conv2d_s8_nibble, CONV2D)   /* any core: weights of 4 bits */              \
    X(FC_S8_SPARSE, fc_s8_sparse, FC)                                                              \
    X(FC_S8_SPARSE4, fc_s8_sparse4, FC)                                                            \
    X(FC_S8_NIBBLE, fc_s8_nibble, FC)                                                              \
    X(CONV2D_S8_BLOCK, conv2d_s8_block, CONV2D) /* any core: few, the same of four channels */     \
    X(FC_S8_BLOCK, fc_s8_block, FC)                                                                \
    WICK_WIDE_KERNEL_TABLE(X)

/* The portable kernels of layers that read or write a tensor of 16 bits: the bit-exact reference of
   such layers, as WICK_KERNEL_PORTABLE is of the others. Behind all others in the table. */
#define WICK_WIDE_KERNEL_TABLE(X)                                                                  \
    X(CONV2D_S16, conv2d_s16, CONV2D)                                                              \
    X(DWCONV2D_S16, dwconv2d_s16, DWCONV2D)                                                        \
    X(FC_S16, fc_s16, FC)                                                                          \
    X(MAXPOOL_S16, maxpool_s16, MAXPOOL)                                                           \
    X(AVGPOOL_S16, avgpool_s16, AVGPOOL)                                                           \
    X(ADD_S16, add_s16, ADD)                                                                       \
    X(CONCAT_S16, concat_s16, CONCAT)                                                              \
    X(MOVE_S16, move_s16, MOVE)                                                                    \
    X(MUL_S16, mul_s16, MUL)

typedef enum wick_kernel {
    WICK_KERNEL_PORTABLE, /* kernels/<kind>_s8.c */
#define X(NAME, name, KIND) WICK_KERNEL_##NAME,
    WICK_KERNEL_TABLE(X)
#undef X
        WICK_KERNELS
} wick_kernel;

/* One input of a layer.
   conv2d, dwconv2d, fc: zero_point is the value that stands for 0.0 and that pads; mult and shift
   are unused (0). maxpool: all unused. avgpool: zero_point only. add: acc = sum_i (q_i -
   zero_point_i) * mult_i, |mult_i| <= 2^20 (2^28 where a tensor is wide), requantized with the
   layer's mult[0], shift[0].
   concat: each operand is requantized by its own mult and shift; mult 0 makes it zeros, whatever
   the tensor holds, of which it may then take fewer channels than there are. A concat of one
   operand may have weights: a table of 256 outputs, y = weights[q + 128], and then nothing of the
   operand but its tensor and channels counts, nor out_zp and the clamps.
   move: all unused. y[i][j][k] is element bias[i] + bias[out_h + j] + bias[out_h + out_w + k] of
   the operand, counted in [H,W,C] order, or out_zp where that is negative (WICK_NOWHERE is, in any
   sum); nothing is clamped. k_h = 1: row i of the output reads one row of the input at most,
   bias[i] / (in_w * in_c); k_h = 0: it may read any.
   mul: zero_point; acc = (q_0 - zero_point_0) * (q_1 - zero_point_1), requantized with mult[0],
   shift[0].
   softmax: all unused. bias[d] = 2^15 exp(-d * scale of the operand), to the nearest; acc = 2^16
   times a channel's share in the sum of bias[largest - q], to the nearest, requantized likewise.
   wide: the tensor is int16 (the core's byte order, its place 2-byte aligned) with zero_point 0. */
typedef struct wick_operand {
    uint16_t tensor;   /* index into wick_model.tensors */
    uint16_t channels; /* of this operand */
    int8_t zero_point;
    uint8_t shift;
    uint8_t wide; /* 1: int16, 0: int8 */
    int32_t mult;
} wick_operand;

/* One layer. Tensors are int8 or int16 (wide), [H,W,C] (channels last), batch 1; weights are int8.
   Requantization, the one rounding rule (docs/numbers.md), with k = shift, m = mult:
       y = clamp(out_zp + (((int64)(acc << k) * m + 2^31) >> 32), clamp_min, clamp_max),  0 <= k <=
   31, 0 < m < 2^31; the toolchain proves for each channel that acc << k does not overflow 32 bits.
   A layer with any wide tensor has 64-bit accumulators where 32 do not surely hold the sum; then
   shift is 31 + j, 0 < j <= 32, and the accumulator is first divided by 2^j, rounded half up:
       acc' = (acc + 2^(j-1)) >> j,   k = 0,   |acc'| < 2^31 proven likewise.
   The input of a model is int8. */
typedef struct wick_layer {
    uint8_t kind;   /* wick_layer_kind */
    uint8_t kernel; /* wick_kernel: what computes it, and with it the layout of its weights */
    uint8_t n_operands;
    uint8_t wide; /* 1: the output is int16, with out_zp 0; 0: int8 */
    uint16_t dst; /* tensor index */
    uint16_t in_h, in_w, in_c;
    uint16_t out_h, out_w, out_c;
    uint8_t k_h, k_w, stride_h, stride_w, pad_top, pad_left;
    int8_t out_zp;
    int16_t clamp_min, clamp_max; /* within int8 where the output is; clamp_min = out_zp where a
                                     ReLU is fused */
    const wick_operand *operands; /* [n_operands] */
    const int8_t *weights;        /* layout by kind; NULL where there are none, or packed */
    const uint32_t
        *packed;         /* weights in the kernel's own layout; NULL for kernels that have none */
    const int32_t *bias; /* [out_c], input zero point folded in; NULL where there are none; move,
                            softmax: see wick_operand */
    const int32_t
        *mult; /* [out_c] conv2d, dwconv2d, fc; [1] avgpool, add, mul, softmax; else NULL */
    const uint8_t *shift; /* as mult */
} wick_layer;

#define WICK_NOWHERE (-INT32_C(0x20000000)) /* in a move's bias: from nowhere, the zero point */

#define WICK_NO_SRAM UINT32_MAX /* wick_place.sram: never in SRAM */

/* Where a tensor lives. In non-volatile memory: the input has two places, `offset` for even epochs
   and `offset + stride` for odd ones; for every other tensor stride is 0. A tensor that one step
   computes as a whole may have a place in SRAM besides: there it stays until a commit needs it in
   NVM, which may be never. */
typedef struct wick_place {
    uint32_t offset; /* bytes from the start of the NVM region */
    uint32_t bytes;
    uint32_t stride;
    uint32_t sram;        /* bytes from the start of the scratch memory, 4-byte aligned; or
                             WICK_NO_SRAM */
    uint16_t producer;    /* with a place in SRAM: the step of the chain that computes it */
    uint16_t last_reader; /* the last step of the chain that reads it (where several modules do: the
                             farthest); UINT16_MAX: needed until the input is done */
} wick_place;

/* A step computes the output elements [first, first + count) of one layer in [H,W,C] order: whole
   pixels, or a range of channels within one pixel. So what a step writes is contiguous. */
typedef struct wick_step {
    uint16_t layer;
    uint32_t first, count;
} wick_step;

/* A span is what runs between two commits, or more: steps [first_step, first_step + n_steps). The
   commit at its end may be left out by the engine (lazy commits) unless it is mandatory; a
   segment's last one always is. From one mandatory commit to the next no step writes a byte that it
   or an earlier one has read (proven by the plan), so every subset of the optional commits, and a
   commit after any step or part of a step, leaves work that can be repeated. */
typedef struct wick_span {
    uint16_t first_step, n_steps;
    uint16_t need_mv;    /* capacitor voltage that surely carries span and commit; 0 = unknown */
    uint8_t mandatory;   /* the commit at its end */
    uint8_t margin_16mv; /* a device that had to wait for charge goes on at need_mv + 16 mV * this:
                            so much carries the rest of the segment, or is the wake voltage */
    uint32_t energy_nj;  /* modelled energy of the span with its commit; 0 = unknown */
} wick_span;

/* Segment 0 is the shared extractor; segments 1..n_modules are the modules, large to small. Segment
   0 has no spans where modules are independent, and where storing what the extractor computes would
   take more than computing it again: then every module begins with the extractor's steps, the first
   `extractor_steps` of its own, and leaves them out while an earlier module of the same boot has
   left what they compute in SRAM.
   The chain of a module is the extractor's steps and then its own; wick_chain_base (kernels.h)
   leads from one numbering to the other. */
typedef struct wick_segment {
    uint16_t first_span, n_spans;
    uint16_t result;            /* tensor index of the logits; segment 0: of the features */
    uint16_t accuracy_permille; /* measured, for policies; 0 = unknown */
    uint8_t wide;               /* 1: the logits are int16; 0: int8 */
    uint32_t energy_nj;         /* modelled, all spans; 0 = unknown */
    uint32_t time_us;           /* modelled; 0 = unknown */
} wick_segment;

/* NVM layout: record area at offset 0, then the tensors at their places. Nothing here shares a
   write unit with anything else. */
typedef struct wick_model {
    uint16_t format; /* WICK_MODEL_FORMAT */
    uint16_t n_layers, n_tensors, n_steps, n_spans, n_modules;
    uint16_t input_tensor, n_classes;
    uint32_t id[2];     /* first 64 bits of the SHA-256 over model and plan: foreign NVM is never
                           resumed (G5) */
    uint32_t nvm_bytes; /* size of the region */
    uint32_t record_offset[2], record_bytes; /* two alternating copies */
    uint32_t
        vars_offset[2];    /* two copies of counters and application variables (nvm.h); 0 = none */
    uint32_t app_bytes;    /* of the application's variables */
    uint32_t tally_offset; /* of the boot tally (nvm.h); 0 = none */
    uint32_t stamp_offset; /* of the input's time stamp (nvm.h), from the start of each of the
                              input's two places; 0 = none */
    uint16_t extractor_steps; /* of segment 0, or at the start of each module; 0 = no extractor */
    uint8_t chain; /* 1: the modules are exits of one network, without an extractor: module k goes
                      on from what k + 1 and those behind it have left in NVM, so they run in the
                      order n_modules, n_modules - 1 ... */
    uint32_t write_unit;    /* bytes; 0 = 1. Steps start on it */
    uint32_t arena_bytes;   /* of tensors in SRAM, at the start of scratch; a multiple of 4 */
    uint32_t scratch_bytes; /* SRAM that wick_engine_run needs, 4-byte aligned, arena included */
    const wick_layer *layers;
    const wick_place *tensors;
    const wick_step *steps;
    const wick_span *spans;
    const wick_segment *segments; /* [1 + n_modules] */
} wick_model;

#endif
