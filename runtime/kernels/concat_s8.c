/* SPDX-License-Identifier: 0BSD */
/* Operands side by side along channels, each brought to the output's scale; or one by a table. */
#include <string.h>

#include <wick/kernels.h>

/* n channels of one pixel of one operand. */
static void part(const wick_layer *layer, const wick_operand *operand, const int8_t *src,
                 uint32_t n, int8_t *dst) {
    int32_t zero_point = operand->zero_point, mult = operand->mult;
    int32_t out_zp = layer->out_zp, low = layer->clamp_min, high = layer->clamp_max;
    uint8_t shift = operand->shift;
    if (shift >= 2 && mult == (int32_t)(UINT32_C(1) << (32 - shift)) && zero_point == out_zp &&
        low == -128 && high == 127) {
        memcpy(dst, src, (size_t)n); /* equal scales: requantization is the identity */
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        int32_t y = out_zp + wick_requantize(src[i] - zero_point, mult, shift);
        dst[i] = wick_clamp_s8(y, low, high);
    }
}

void wick_concat_s8(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                    uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    const int8_t *src0;
    (void)scratch;
    if (layer->weights) { /* one operand of out_c channels: the same places in src and dst */
        src0 = src[0] + (first - (uint32_t)row0 * layer->in_w * layer->out_c);
        for (uint32_t i = 0; i < count; i++)
            dst[i] = layer->weights[src0[i] + 128];
        return;
    }
    uint32_t pixel = first / layer->out_c - (uint32_t)row0 * layer->in_w, c = first % layer->out_c;
    while (count) {
        uint32_t end = layer->out_c - c < count ? layer->out_c : c + count;
        uint32_t begin = 0; /* the operand's first output channel */
        count -= end - c;
        for (uint32_t i = 0; i < layer->n_operands && c < end; i++) {
            const wick_operand *operand = &layer->operands[i];
            uint32_t next = begin + operand->channels;
            if (c < next) {
                uint32_t n = (next < end ? next : end) - c;
                part(layer, operand, src[i] + pixel * operand->channels + (c - begin), n, dst);
                dst += n;
                c += n;
            }
            begin = next;
        }
        c = 0;
        pixel++;
    }
}
