/* SPDX-License-Identifier: 0BSD */
/* Average over a window without padding, with 16-bit tensors: the sum is requantized, 1/area is
   part of mult[0]. At most 255 by 255 values of 2^15 would overflow 32 bits: rows are summed in 32
   bits and added in 64. */
#include <wick/wide.h>

void wick_avgpool_s16(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                      uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    const wick_operand *x = &layer->operands[0];
    uint32_t pixel = first / layer->out_c, c = first % layer->out_c;
    uint32_t row = (uint32_t)layer->in_w * layer->in_c;
    int64_t zero = (int64_t)layer->k_h * layer->k_w * x->zero_point;
    for (uint32_t to = 0; to < count; to++) {
        uint32_t oy = pixel / layer->out_w, ox = pixel % layer->out_w;
        uint32_t at = (oy * layer->stride_h - row0) * row + ox * layer->stride_w * layer->in_c + c;
        int64_t acc = -zero;
        for (uint32_t ky = 0; ky < layer->k_h; ky++, at += row) {
            int32_t sum = 0;
            for (uint32_t kx = 0; kx < layer->k_w; kx++)
                sum += wick_wide_at(x, src[0], at + kx * layer->in_c);
            acc += sum;
        }
        wick_wide_finish(layer, dst, to, acc, 0);
        if (++c == layer->out_c) {
            c = 0;
            pixel++;
        }
    }
}

int wick_avgpool_s16_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_avgpool_s16_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}
