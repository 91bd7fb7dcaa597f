/* A small hand-made model that uses every layer kind but two, for the engine's tests.
     extractor  conv 3x3, 6x6x3 -> 6x6x4, max pool -> z 3x3x4
     module 1   conv 3x3 -> 3x3x4, add z, concat with z -> 3x3x8, fc -> 5 classes
     module 2   average pool -> 1x1x4, fc -> 5 classes
   Independent: segment 0 is empty and each module begins with the extractor's layers. */
#ifndef HELPER_MODEL_H
#define HELPER_MODEL_H

#include <wick/engine.h>
#include <wick/kernels.h>

enum {
    TINY_INPUT = 6 * 6 * 3,
    TINY_CLASSES = 5,
    TINY_SCRATCH = 1024,
    TINY_APP = 8, /* bytes of application variables */
    TINY_NEED_MV = 2500,
    TINY_TENSORS_AT = 256 /* records at 0 and 64, variables at 128 and 176, tally at 224 */
};

typedef struct tiny_options {
    uint32_t outputs_per_step; /* at most */
    uint32_t steps_per_span;
    int independent;
    int planted; /* the sum overwrites one of its own operands within its span */
    int reuse; /* the concat overwrites what the sum has read: spans end with layers, and the commit
                  after the sum is mandatory */
    int skipped; /* with reuse: that commit is not marked */
    int again;   /* independent, and said to begin with the same extractor: steps that are layers */
    int resident; /* tensors that one step computes as a whole stay in SRAM; needs large steps */
} tiny_options;

typedef struct tiny_model {
    wick_model model;
    wick_layer layers[8];
    wick_operand operands[10];
    wick_place places[10];
    wick_step steps[600];
    wick_span spans[600];
    wick_segment segments[3];
    int8_t weights[1024];
    int32_t bias[32], mult[32];
    uint8_t shift[32];
    uint32_t used_weights, used_channels, used_operands;
} tiny_model;

void tiny_make(tiny_model *t, tiny_options options);
/* The model in blocks of its own: what a plan does whose device has ECC words or checksums
 * (wick/guard.h) of `block` bytes. */
void tiny_place_in_blocks(tiny_model *t, uint32_t block);
/* Input number `epoch`, TINY_INPUT bytes, the same at each call. */
void tiny_input(uint32_t epoch, int8_t *input);
/* Module k's logits for that input, by the naive reference. */
void tiny_expected(const tiny_model *t, uint32_t epoch, int module, int8_t *logits);

#endif
