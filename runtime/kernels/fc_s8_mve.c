/* SPDX-License-Identifier: 0BSD */
/* Fully connected for Helium: the input where it is, four outputs at a time, see wick/mve.h for the
   layout of the weights. Scratch: the sums of a block of outputs. */
#include <wick/mve.h>

enum { BLOCK = 64 };

int wick_fc_s8_mve_fits(const wick_layer *layer) {
    (void)layer;
    return 1;
}

uint32_t wick_fc_s8_mve_scratch_bytes(const wick_layer *layer) {
    return 4 * wick_mve_round_up(layer->out_c < BLOCK ? layer->out_c : BLOCK, 4);
}

void wick_fc_s8_mve(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                    uint32_t first, uint32_t count, int8_t *dst, void *scratch) {
    (void)row0; /* all rows are needed, so it is 0 */
    uint32_t n = (uint32_t)layer->in_h * layer->in_w * layer->in_c;
    uint32_t lead = first % 4; /* outputs of the first group that are not asked for */
    int32_t *acc = scratch;
    while (count) {
        uint32_t take = lead + count < BLOCK ? count : BLOCK - lead;
        wick_mve_one dots = {layer->packed + first / 4 * wick_mve_group_words(n), src[0], n, acc,
                             acc + wick_mve_round_up(lead + take, 4)};
        wick_mve_outputs outputs = {
            acc + lead,    layer->mult + first, layer->shift + first, dst, NULL, take,
            layer->out_zp, layer->clamp_min,    layer->clamp_max};
        wick_mve_start(acc, layer->bias ? layer->bias + (first - lead) : NULL, lead + take, 1);
        wick_mve_dot_one(&dots);
        wick_mve_finish_one(&outputs);
        first += take;
        dst += take;
        count -= take;
        lead = 0;
    }
}
