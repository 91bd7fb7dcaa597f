/* SPDX-License-Identifier: 0BSD */
/* Sum of two tensors of equal shape for the ARM DSP extension (Cortex-M4, M7, M33), four elements a
   round, clamps in a second pass where there are any. Zero points and the shift are folded into the
   factors beforehand: modulo 2^32 that changes nothing, and the shifted sum is known to fit. */
#include <wick/kernels.h>

int wick_add_s8_dsp_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_add_s8_dsp_scratch_bytes(const wick_layer *layer) {
    (void)layer;
    return 0;
}

static void clamp(int8_t *dst, uint32_t n, int8_t low, int8_t high) {
    uint32_t least = wick_splat4(low), most = wick_splat4(high);
    for (; n >= 4; n -= 4, dst += 4)
        wick_store4(dst, wick_min4(wick_max4(wick_load4(dst), least), most));
    for (; n; n--, dst++)
        *dst = wick_clamp_s8(*dst, low, high);
}

void wick_add_s8_dsp(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                     uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)scratch;
    uint32_t skipped = (uint32_t)row0 * layer->in_w * layer->in_c;
    const wick_operand *a = &layer->operands[0], *b = &layer->operands[1];
    const int8_t *p = src[0] + (first - skipped), *q = src[1] + (first - skipped);
    int32_t ma = (int32_t)((uint32_t)a->mult << layer->shift[0]);
    int32_t mb = (int32_t)((uint32_t)b->mult << layer->shift[0]);
    int32_t start = wick_mla(-b->zero_point, mb, wick_mla(-a->zero_point, ma, 0));
    int32_t mult = layer->mult[0], out_zp = layer->out_zp;
    uint32_t n = count & ~(uint32_t)3;
    int8_t *begin = dst;
#define SUM(i)                                                                                     \
    wick_ssat8(wick_mulhr_add(wick_mla(q[i], mb, wick_mla(p[i], ma, start)), mult, out_zp))
    for (const int8_t *end = dst + n; dst < end; p += 4, q += 4, dst += 4) {
        int32_t y0 = SUM(0), y1 = SUM(1), y2 = SUM(2), y3 = SUM(3);
        wick_store4(dst, wick_pack4(y0, y1, y2, y3));
    }
    for (uint32_t i = 0; i < count - n; i++)
        dst[i] = (int8_t)SUM(i);
    if (layer->clamp_min > -128 || layer->clamp_max < 127)
        clamp(begin, count, (int8_t)layer->clamp_min, (int8_t)layer->clamp_max);
}
