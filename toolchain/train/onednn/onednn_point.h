/* Steps of our own for operators that oneDNN does not have forward and backward: functions of one
   tensor or two, number by number, and operators that only move numbers. */
#ifndef WICK_ONEDNN_POINT_H
#define WICK_ONEDNN_POINT_H

#include "graph/graph.h"

/* A function of one tensor, or of two with numpy's broadcasting: out [images, dims...]. */
typedef struct wick_dn_point {
    wick_op op;
    float alpha, beta;
    int rank; /* of one image */
    int64_t dims[WICK_MAX_RANK], count /* of one image of the output */;
    int64_t stride[2][WICK_MAX_RANK]; /* of each operand, 0 = broadcast */
    int64_t image[2]; /* elements of one image of an operand; 0: a constant, the same for all */
    const float *constant[2]; /* row-major; NULL for activations */
    int side;                 /* backward: the operand whose gradient it is */
} wick_dn_point;

/* y[i] = x[from[i]] in every image, or `fill` where from[i] < 0. */
typedef struct wick_dn_move {
    const int32_t *from; /* [out_count] */
    int64_t in_count, out_count /* of one image */;
    float fill;
} wick_dn_move;

#endif
