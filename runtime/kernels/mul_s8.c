/* SPDX-License-Identifier: 0BSD */
/* Product of two tensors of equal shape, requantized once. */
#include <wick/kernels.h>

void wick_mul_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0, uint32_t first,
                 uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t skipped = (uint32_t)row0 * layer->in_w * layer->in_c;
    const int8_t *p = src[0] + (first - skipped), *q = src[1] + (first - skipped);
    int32_t zp = layer->operands[0].zero_point, zq = layer->operands[1].zero_point;
    int32_t mult = layer->mult[0], out_zp = layer->out_zp;
    int32_t low = layer->clamp_min, high = layer->clamp_max;
    uint8_t shift = layer->shift[0];
    for (uint32_t i = 0; i < count; i++) {
        int32_t acc = (p[i] - zp) * (q[i] - zq);
        dst[i] = wick_clamp_s8(out_zp + wick_requantize(acc, mult, shift), low, high);
    }
}
