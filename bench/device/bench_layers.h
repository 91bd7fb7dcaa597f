/* The layers that bench_guest.c runs. */
#ifndef BENCH_LAYERS_H
#define BENCH_LAYERS_H

#include <wick/model.h>

/* Geometry only; weights and values are random. */
typedef struct bench_layer {
    const char *name; /* no spaces */
    wick_layer_kind kind;
    uint16_t in_h, in_w, in_c, out_h, out_w, out_c;
    uint8_t k_h, k_w, stride_h, stride_w, pad_top, pad_left;
    uint8_t n_operands;
    uint16_t channels[4]; /* of each operand */
    uint16_t rows;        /* output rows that are computed: out_h, or fewer to save time */
} bench_layer;

extern const bench_layer bench_layers[];
extern const int bench_layer_count;

#endif
