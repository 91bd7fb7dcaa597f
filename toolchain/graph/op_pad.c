/* Operators that add elements around a tensor. */
#include "graph/ops.h"

#include <string.h>

static wick_status infer_pad(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    wick_shape out = x->shape;
    if (out.rank != 4)
        WICK_REJECT(c, NULL, "its input %s needs 4 dimensions", wick_infer_text(c, out));
    if (c->node->attrs.pad_channels < 0 || c->node->attrs.pad_channels > WICK_MAX_EXTENT)
        WICK_REJECT(c, NULL, "a padding of %d channels must be within 0 to %d",
                    c->node->attrs.pad_channels, WICK_MAX_EXTENT);
    out.dim[1] += c->node->attrs.pad_channels;
    return wick_infer_finish(c, WICK_F32, out);
}

/* x [N,C,H,W], then zero channels, which the output already holds. */
static void eval_pad(const wick_operands *o) {
    int64_t images = o->output->shape.dim[0];
    int64_t from = wick_shape_count(o->inputs[0]->shape) / images;
    int64_t to = wick_shape_count(o->output->shape) / images;
    for (int64_t i = 0; i < images; i++)
        memcpy((float *)o->dst + i * to, (const float *)o->src[0] + i * from,
               (size_t)from * sizeof(float));
}

const wick_op_rule wick_rule_pad = {1, 1, true, true, WICK_DEVICE_LAYER, infer_pad, eval_pad};

static wick_status infer_border(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    const wick_attrs *a = &c->node->attrs;
    wick_shape out = x->shape;
    for (int d = 0; d < out.rank; d++) {
        int64_t size = out.dim[d];
        /* A reflection has size - 1 elements to take. */
        int64_t most = a->pad_mode == WICK_PAD_REFLECT ? size - 1 : WICK_MAX_EXTENT;
        if (a->begin[d] < -size || a->begin[d] > most || a->end[d] < -size || a->end[d] > most)
            WICK_REJECT(c, NULL, "a padding of %lld and %lld does not fit %s",
                        (long long)a->begin[d], (long long)a->end[d], wick_infer_text(c, x->shape));
        out.dim[d] += a->begin[d] + a->end[d];
    }
    return wick_infer_finish(c, WICK_F32, out);
}

/* The element of a dimension of `size` that place `at` shows; -1 = the constant. */
static int64_t shown(wick_pad_mode mode, int64_t at, int64_t size) {
    if (at >= 0 && at < size)
        return at;
    if (mode == WICK_PAD_CONSTANT)
        return -1;
    if (mode == WICK_PAD_EDGE)
        return at < 0 ? 0 : size - 1;
    return at < 0 ? -at : 2 * (size - 1) - at;
}

static void eval_border(const wick_operands *o) {
    wick_shape in = o->inputs[0]->shape, out = o->output->shape;
    const wick_attrs *a = o->attrs;
    const float *x = o->src[0];
    float *y = o->dst;
    int64_t strides[WICK_MAX_RANK], index[WICK_MAX_RANK] = {0};
    wick_strides(in, strides);
    for (int64_t i = 0, count = wick_shape_count(out); i < count; i++) {
        int64_t from = 0;
        bool constant = false;
        for (int d = 0; d < out.rank; d++) {
            int64_t at = shown(a->pad_mode, index[d] - a->begin[d], in.dim[d]);
            constant = constant || at < 0;
            from += at * strides[d];
        }
        y[i] = constant ? a->pad_value : x[from];
        wick_next_index(out, index);
    }
}

const wick_op_rule wick_rule_border = {1,          1, true, true, WICK_DEVICE_LAYER, infer_border,
                                       eval_border};
