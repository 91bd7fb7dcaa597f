/* One operator of the reference evaluation. Internal to toolchain/graph. */
#ifndef WICK_EVAL_H
#define WICK_EVAL_H

#include "graph/graph.h"

/* A node with its operands at hand. Shapes and types were checked by inference. */
typedef struct wick_operands {
    const wick_attrs *attrs;
    wick_op op;
    int n_inputs;
    const wick_tensor **inputs; /* NULL = left out */
    const void **src;           /* data of each input, row-major; NULL = left out */
    const wick_tensor *output;
    void *dst; /* zeroed, the output's size */
} wick_operands;

/* eval_linear.c: sums of products, in double. */
void wick_eval_conv(const wick_operands *o);
void wick_eval_gemm(const wick_operands *o);
/* eval_pool.c */
void wick_eval_max_pool(const wick_operands *o);
void wick_eval_avg_pool(const wick_operands *o);
void wick_eval_global_avg_pool(const wick_operands *o);
/* eval_point.c: element by element, and copies. */
void wick_eval_batch_norm(const wick_operands *o);
void wick_eval_relu(const wick_operands *o);
void wick_eval_clip(const wick_operands *o);
void wick_eval_add(const wick_operands *o);
void wick_eval_concat(const wick_operands *o);
void wick_eval_pad(const wick_operands *o);
void wick_eval_copy(const wick_operands *o);
void wick_eval_softmax(const wick_operands *o);
/* eval_scale.c */
void wick_eval_quantize(const wick_operands *o);
void wick_eval_dequantize(const wick_operands *o);

#endif
