/* An independent, per-element, 64-bit reference of every layer kind, and a random layer maker. */
#ifndef HELPER_REFERENCE_H
#define HELPER_REFERENCE_H

#include <wick/kernels.h>

/* xorshift64*: small and seeded, so a failing geometry can be named. */
uint32_t random_u32(uint64_t *state);
/* Uniform in [low, high]. */
int32_t random_in(uint64_t *state, int32_t low, int32_t high);

/* One output element by the definition. src[i]: operand i's whole tensor. */
int8_t reference_element(const wick_layer *layer, const int8_t *const *src, uint32_t index);
/* The rounding rule from the exact product, as floor((2 * acc * 2^k * m + 2^32) / 2^33). */
int64_t reference_requantize(int64_t acc, int64_t mult, int shift);

/* A layer with its constants and operand tensors in fixed arrays. Ends at a guard page's edge where
   the caller copies it; here only values. */
enum { MAX_TENSOR = 1 << 14, MAX_WEIGHTS = 1 << 15, MAX_CHANNELS = 128 };
typedef struct random_layer {
    wick_layer layer;
    wick_operand operands[4];
    int8_t src[4][MAX_TENSOR];
    int8_t weights[MAX_WEIGHTS];
    int32_t bias[256], mult[MAX_CHANNELS];
    uint8_t shift[MAX_CHANNELS];
} random_layer;
/* extreme: values at the ends of their ranges instead of uniform. */
void random_layer_make(random_layer *r, wick_layer_kind kind, uint64_t *state, int extreme);
uint32_t layer_outputs(const wick_layer *layer);

#endif
