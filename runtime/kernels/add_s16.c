/* SPDX-License-Identifier: 0BSD */
/* Sum of two tensors of equal shape, some of 16 bits: both are brought to one fine scale by their
   integer factors, then the sum is requantized once. Values are at most 2^15 in size and factors
   2^28, so a term may need 44 bits: the sum has 64. */
#include <wick/wide.h>

void wick_add_s16(const wick_layer *layer, const int8_t *const *src, uint16_t row0, uint32_t first,
                  uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    const wick_operand *a = &layer->operands[0], *b = &layer->operands[1];
    uint32_t at = first - (uint32_t)row0 * layer->in_w * layer->in_c;
    for (uint32_t i = 0; i < count; i++) {
        int32_t p = wick_wide_at(a, src[0], at + i) - a->zero_point;
        int32_t q = wick_wide_at(b, src[1], at + i) - b->zero_point;
        wick_wide_finish(layer, dst, i, (int64_t)p * a->mult + (int64_t)q * b->mult, 0);
    }
}

int wick_add_s16_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_add_s16_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}
