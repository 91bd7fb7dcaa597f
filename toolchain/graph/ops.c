/* The table of rules, and what several rules share. */
#include "graph/ops.h"

#include <assert.h>
#include <string.h>

const wick_op_rule *wick_op_rule_of(wick_op op) {
    static const wick_op_rule *const rules[WICK_OP_COUNT] = {
#define X(upper, rule, onnx) &wick_rule_##rule,
        WICK_OP_TABLE(X)
#undef X
    };
    assert(op < WICK_OP_COUNT);
    return rules[op];
}

bool wick_op_trains(wick_op op) {
    return wick_op_rule_of(op)->trains;
}

wick_on_device wick_op_device(wick_op op) {
    return wick_op_rule_of(op)->device;
}

int wick_axis_of(int axis, int rank) {
    int resolved = axis < 0 ? axis + rank : axis;
    return resolved >= 0 && resolved < rank ? resolved : -1;
}

int64_t wick_extent(wick_shape shape, int begin, int end) {
    int64_t product = 1;
    for (int i = begin; i < end; i++)
        product *= shape.dim[i];
    return product;
}

void wick_strides(wick_shape shape, int64_t *strides) {
    int64_t stride = 1;
    for (int d = shape.rank - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= shape.dim[d];
    }
}

void wick_next_index(wick_shape shape, int64_t *index) {
    for (int d = shape.rank - 1; d >= 0; d--) {
        if (++index[d] < shape.dim[d])
            return;
        index[d] = 0;
    }
}

void wick_eval_copy(const wick_operands *o) {
    size_t count = (size_t)wick_shape_count(o->output->shape);
    memcpy(o->dst, o->src[0], count * wick_dtype_bytes(o->output->dtype));
}
