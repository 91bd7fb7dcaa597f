/* A network by hand whose activations have 16 bits, but for input and logits. */
#ifndef TINY_WIDE_H
#define TINY_WIDE_H

#include "tiny_qnet.h"

static inline bool tiny_is_logits(const wick_qnet *net, int tensor) {
    for (int m = 0; m < net->n_modules; m++)
        if (net->logits[m] == tensor)
            return true;
    return false;
}

/* Every tensor between input and logits becomes int16; results keep using most of their range. */
static inline void tiny_widen(wick_qnet *net) {
    static const uint8_t kernels[WICK_LAYER_KINDS] = {
#define X(NAME, name, KIND) [WICK_LAYER_##KIND] = WICK_KERNEL_##NAME,
        WICK_WIDE_KERNEL_TABLE(X)
#undef X
    };
    for (int t = 0; t < net->n_tensors; t++)
        if (t != net->input && !tiny_is_logits(net, t)) {
            net->tensors[t].wide = true;
            net->tensors[t].zero_point = 0;
        }
    for (int l = 0; l < net->n_layers; l++) {
        wick_layer *layer = &net->layers[l];
        wick_operand *operands = (wick_operand *)(uintptr_t)layer->operands;
        uint8_t *shift = (uint8_t *)(uintptr_t)layer->shift;
        bool from = false;
        for (int i = 0; i < layer->n_operands; i++) {
            operands[i].wide = net->tensors[operands[i].tensor].wide;
            operands[i].zero_point = net->tensors[operands[i].tensor].zero_point;
            from |= operands[i].wide;
        }
        layer->kernel = kernels[layer->kind];
        layer->wide = net->tensors[layer->dst].wide;
        if (layer->wide) {
            layer->out_zp = 0;
            layer->clamp_min = layer->clamp_min > -128 ? 0 : INT16_MIN;
            layer->clamp_max = INT16_MAX;
        }
        for (int i = 0; layer->kind == WICK_LAYER_CONCAT && i < layer->n_operands; i++) {
            operands[i].mult <<= 18; /* the same factor with room for 16 bits */
            operands[i].shift = 2;
        }
        /* The same factor M, for a result of 8 bits a 256th, or 256 M for one of 16 from 8. */
        int j = layer->kind == WICK_LAYER_ADD ? 6 : layer->wide ? 1 : 4;
        for (int c = 0; shift && c < (layer->kind <= WICK_LAYER_FC ? layer->out_c : 1); c++) {
            int32_t *mult = (int32_t *)(uintptr_t)layer->mult;
            if (from)
                mult[c] = (int32_t)ldexp((double)mult[c], shift[c] + j - (layer->wide ? 0 : 8));
            shift[c] = (uint8_t)(from ? 31 + j : shift[c] + 8);
        }
    }
}

#endif
