/* Weights in the layouts of the fast kernels. Plain C99 over the runtime's headers alone, so that
   the tests can compile it for an emulated core too. */
#ifndef WICK_WEIGHTS_H
#define WICK_WEIGHTS_H

#include <wick/kernels.h>

/* For each fast kernel, in weights_<name>.c or weights_none.c: the words that its layout of the
   layer's weights takes (0: it reads layer->weights as they are), and the packing itself from
   layer->weights (layout by kind) into dst. The layer must fit the kernel. */
#define X(NAME, name, KIND)                                                                        \
    uint32_t wick_##name##_weights_words(const wick_layer *layer);                                 \
    void wick_##name##_weights_pack(const wick_layer *layer, uint32_t *dst);
WICK_KERNEL_TABLE(X)
#undef X

/* The same by layer->kernel; 0 words for the portable kernels. */
uint32_t wick_weights_words(const wick_layer *layer);
void wick_weights_pack(const wick_layer *layer, uint32_t *dst);

/* Whether layer->kernel computes the layer's weights exactly. Kernels for weights of 4 bits take
   -8..7; some keep two products in a word, or look squares up, and have no room for a weight of
   -128; this toolchain never makes one, but quantized models of others have them. Beside
   wick_kernel_fits(), which knows the geometry only. layer->weights as for the packing. */
int wick_weights_fit(const wick_layer *layer);

/* Entries (pairs of them in blocks) that are left of the weights, the first word of the packing, of
   kernels that leave weights out; 0 for those that multiply by all. layer->weights or
   layer->packed, of which the functions below and wick_weights_words read that word alone. */
uint32_t wick_weights_left(const wick_layer *layer);

/* Products behind one output element, the mean of all channels, of kernels that leave weights out;
   -1 for those that multiply by all. layer->weights or layer->packed. */
double wick_weights_products(const wick_layer *layer);

/* "conv2d_s8" and so on: the name of layer->kernel. */
const char *wick_kernel_name(uint8_t kind, uint8_t kernel);

#endif
