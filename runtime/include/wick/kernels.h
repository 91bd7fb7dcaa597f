/* SPDX-License-Identifier: 0BSD */
/* Kernels: the portable ones are the bit-exact reference of every faster variant. */
#ifndef WICK_KERNELS_H
#define WICK_KERNELS_H

#include <wick/intrinsics.h>
#include <wick/model.h>

/* The one rounding rule; see model.h. 0 <= shift <= 31, 0 <= mult < 2^31, acc << shift must fit 32
   bits: then a 32-bit shift is exact, and the rest is one SMMULR on the cores that have it. */
static inline int32_t wick_requantize(int32_t acc, int32_t mult, uint8_t shift) {
    return wick_mulhr((int32_t)((uint32_t)acc << shift), mult);
}

/* Some tensor of the layer has 16 bits: kernels of WICK_WIDE_KERNEL_TABLE compute it. */
static inline int wick_is_wide(const wick_layer *layer) {
    int wide = layer->wide;
    for (uint32_t i = 0; i < layer->n_operands; i++)
        wide |= layer->operands[i].wide;
    return wide;
}

/* Bytes of one output element. */
static inline uint32_t wick_out_size(const wick_layer *layer) {
    return layer->wide ? 2u : 1u;
}

/* Output elements in a write unit of so many bytes (a power of two, or 0), at least 1. */
static inline uint32_t wick_unit_outputs(const wick_layer *layer, uint32_t unit) {
    uint32_t n = unit / wick_out_size(layer);
    return n ? n : 1u;
}

static inline int8_t wick_clamp_s8(int32_t value, int32_t low, int32_t high) {
    value = value < low ? low : value;
    value = value > high ? high : value;
    return (int8_t)value;
}

/* Which rows of the input the output elements [first, first + count) need.
   row0 is the first row (>= 0), rows their number; fc needs all, reported as rows = in_h. */
typedef struct wick_rows {
    uint16_t row0, rows;
} wick_rows;
wick_rows wick_layer_input_rows(const wick_layer *layer, uint32_t first, uint32_t count);

/* Bytes of one row of operand i. */
uint32_t wick_operand_row_bytes(const wick_layer *layer, uint32_t i);

/* SRAM that a step takes in the engine, the arena apart: each operand's rows, the step's output,
   and what the layer's kernel works in, each rounded up to 4 bytes. Tensors with a place in SRAM
   take none, unless `alone`: a step that runs without the arena. mapped: the port's NVM is loaded
   from directly, so operands take none. The planner sizes scratch_bytes with it and the engine
   checks against it. model->tensors may be NULL: no tensor has a place in SRAM. */
uint32_t wick_step_scratch_bytes(const wick_model *model, const wick_step *step, int mapped,
                                 int alone);
/* The same for a step of which so many rows of each operand are copied; 0 = mapped. */
uint32_t wick_rows_scratch_bytes(const wick_model *model, const wick_step *step, uint32_t rows,
                                 int alone);
/* The most that any step, with the arena or alone, or publishing a result, takes:
   wick_model.scratch_bytes. */
uint32_t wick_model_scratch_bytes(const wick_model *model, int mapped);
/* Bytes of a module's logits, segment 1 and up. */
uint32_t wick_logit_bytes(const wick_model *model, unsigned segment);

/* Every module begins with the extractor's steps (wick_segment). */
int wick_recomputes(const wick_model *model);
/* Steps of a chain are numbered from 0, the extractor's first: step s of the model, of a segment
   that has spans, is step s - wick_chain_base(model, segment) of its chain. */
unsigned wick_chain_base(const wick_model *model, unsigned segment);

/* Whether `kernel` can compute the layer: the one predicate that the planner chooses by, that the
   engine checks every layer with at boot, and that the kernels rely on. Looks at the geometry and
   the widths of the tensors only, not at weights or packed. WICK_KERNEL_PORTABLE fits every layer
   that is not wide. */
int wick_kernel_fits(const wick_layer *layer, uint8_t kernel);
/* SRAM in bytes, a multiple of 4, that layer->kernel works in for any range of outputs; 0 for the
   portable kernels. */
uint32_t wick_layer_scratch_bytes(const wick_layer *layer);

/* A kernel computes output elements [first, first + count) of `layer` (whole pixels, or channels
   within one pixel; any other range works too) into dst[0 .. count).
   src[i]  operand i's tensor, [H,W,C] int8, or int16 where it is wide; points at row `row0` of the
   tensor, rows before it are not there (row0 = 0 when the whole tensor is addressable). For concat,
   add and mul the same row0 holds for all operands. dst     count elements; must not overlap src;
   any alignment, as src, but of 2 bytes where wide. scratch wick_layer_scratch_bytes(layer) bytes,
   4-byte aligned; may be NULL when that is 0. Every kind but move clamps to [clamp_min, clamp_max],
   maxpool too. Pure: no state, no libc. All layer fields must be valid (the toolchain checks; the
   kernel does not). */
#define X(upper, lower)                                                                            \
    void wick_##lower##_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0,       \
                           uint32_t first, uint32_t count, int8_t *dst, void *scratch);
WICK_LAYER_TABLE(X)
#undef X

/* The fast kernels, their predicates and their scratch (for a layer that fits). */
#define X(NAME, name, KIND)                                                                        \
    void wick_##name(const wick_layer *layer, const int8_t *const *src, uint16_t row0,             \
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch);                  \
    int wick_##name##_fits(const wick_layer *layer);                                               \
    uint32_t wick_##name##_scratch_bytes(const wick_layer *layer);
WICK_KERNEL_TABLE(X)
#undef X

/* Calls layer->kernel. */
void wick_layer_run(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                    uint32_t first, uint32_t count, int8_t *dst, void *scratch);

#endif
