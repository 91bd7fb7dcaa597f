/* SPDX-License-Identifier: 0BSD */
/* Fully connected with 16-bit tensors: each output is one dot product with the whole input. */
#include <wick/wide.h>

/* Outputs [c, c + rows), rows = 1 or 4, known where it is called. */
WICK_INLINE void outputs(const wick_layer *layer, const int8_t *src, uint32_t c, uint32_t rows,
                         int8_t *dst, uint32_t to) {
    uint32_t n = (uint32_t)layer->in_h * layer->in_w * layer->in_c;
    int64_t acc[4] = {0, 0, 0, 0};
    for (uint32_t i = 0; i < rows && layer->bias; i++)
        acc[i] = layer->bias[c + i];
    wick_wide_dot(&layer->operands[0], src, 0, layer->weights + c * n, n, n, rows, acc);
    for (uint32_t i = 0; i < rows; i++)
        wick_wide_finish(layer, dst, to + i, acc[i], c + i);
}

void wick_fc_s16(const wick_layer *layer, const int8_t *const *src, uint16_t row0, uint32_t first,
                 uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    (void)row0; /* all rows are needed, so it is 0 */
    uint32_t to = 0;
    for (; count - to >= 4; to += 4)
        outputs(layer, src[0], first + to, 4, dst, to);
    for (; to < count; to++)
        outputs(layer, src[0], first + to, 1, dst, to);
}

int wick_fc_s16_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_fc_s16_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}
