/* Random layers that are made on the emulated core itself, in 32-bit arithmetic. */
#ifndef GUEST_LAYERS_H
#define GUEST_LAYERS_H

#include <wick/kernels.h>

enum {
    GUEST_TENSOR = 12 << 10, /* bytes of an operand or the output, at most */
    GUEST_WEIGHTS = 24 << 10,
    GUEST_CHANNELS = 160,
    GUEST_MACS = 120000,
    GUEST_OPERANDS = 4
};

typedef struct guest_layer {
    wick_layer layer; /* points into this structure */
    wick_operand operands[GUEST_OPERANDS];
    int8_t src[GUEST_OPERANDS][GUEST_TENSOR];
    int8_t weights[GUEST_WEIGHTS];
    uint32_t weights_bytes; /* 0 for kinds without weights */
    uint32_t n_constants;   /* entries of bias, mult, shift */
    int32_t bias[256], mult[GUEST_CHANNELS];
    uint8_t shift[GUEST_CHANNELS];
} guest_layer;

uint32_t guest_random(uint32_t *state);
/* Uniform enough in [low, high]. */
int32_t guest_between(uint32_t *state, int32_t low, int32_t high);

/* Everything follows from the seed. */
void guest_layer_make(guest_layer *g, uint32_t seed);

#endif
