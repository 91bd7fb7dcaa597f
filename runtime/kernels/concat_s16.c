/* SPDX-License-Identifier: 0BSD */
/* Operands side by side along channels, each brought to the output's scale and width; of one
   operand: a change of scale or of width. Differences to a zero point fit 16 bits, so lowering's
   proof leaves a shift of at most 15. No tables: these are for int8. */
#include <stddef.h>

#include <wick/wide.h>

/* n channels of one operand from element `at` on. */
static void part(const wick_layer *layer, const wick_operand *operand, const int8_t *src,
                 uint32_t at, uint32_t n, int8_t *dst, uint32_t to) {
    for (uint32_t i = 0; i < n; i++) {
        int32_t acc = wick_wide_at(operand, src, at + i) - operand->zero_point;
        wick_wide_put(layer, dst, to + i,
                      layer->out_zp + wick_requantize(acc, operand->mult, operand->shift));
    }
}

void wick_concat_s16(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t pixel = first / layer->out_c - (uint32_t)row0 * layer->in_w, c = first % layer->out_c;
    uint32_t to = 0;
    while (to < count) {
        uint32_t end = layer->out_c - c < count - to ? layer->out_c : c + count - to;
        uint32_t begin = 0; /* the operand's first output channel */
        for (uint32_t i = 0; i < layer->n_operands && c < end; i++) {
            const wick_operand *operand = &layer->operands[i];
            uint32_t next = begin + operand->channels;
            if (c < next) {
                uint32_t n = (next < end ? next : end) - c;
                part(layer, operand, src[i], pixel * operand->channels + (c - begin), n, dst, to);
                to += n;
                c += n;
            }
            begin = next;
        }
        c = 0;
        pixel++;
    }
}

int wick_concat_s16_fits(const wick_layer *layer) {
    return layer->weights == NULL;
}

uint32_t wick_concat_s16_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}
