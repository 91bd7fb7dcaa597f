/* Operators that put elements elsewhere, of any type. */
#include "graph/ops.h"

#include <string.h>

/* --- the same elements in the same order --- */

static wick_status infer_identity(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    return wick_infer_finish(c, x->dtype, x->shape);
}

const wick_op_rule wick_rule_identity = {
    1, 1, false, true, WICK_DEVICE_FREE, infer_identity, wick_eval_copy};

static wick_status infer_dropout(wick_infer *c) {
    float share = c->node->attrs.alpha;
    if (!(share >= 0 && share < 1))
        WICK_REJECT(c, NULL, "the share %g of numbers to drop is not within 0 and 1",
                    (double)share);
    return infer_identity(c);
}

/* In inference, which this is, it passes its input on. */
const wick_op_rule wick_rule_dropout = {
    1, 1, true, true, WICK_DEVICE_FREE, infer_dropout, wick_eval_copy};

static wick_status infer_flatten(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    int rank = x->shape.rank, axis = c->node->attrs.axis;
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis > rank)
        WICK_REJECT(c, NULL, "axis %d does not exist in %s", c->node->attrs.axis,
                    wick_infer_text(c, x->shape));
    wick_shape out = {2, {1, 1}};
    for (int i = 0; i < rank; i++)
        out.dim[i >= axis] *= x->shape.dim[i];
    return wick_infer_finish(c, x->dtype, out);
}

const wick_op_rule wick_rule_flatten = {
    1, 1, false, true, WICK_DEVICE_FREE, infer_flatten, wick_eval_copy};

static wick_status infer_reshape(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    const wick_attrs *a = &c->node->attrs;
    wick_shape out = {.rank = a->rank};
    if (a->rank < 0 || a->rank > WICK_MAX_RANK)
        WICK_REJECT(c, NULL, "%d dimensions", a->rank);
    int64_t count = 1;
    for (int d = 0; d < a->rank; d++) {
        out.dim[d] = d == 0 && a->dims[0] == 0 && x->shape.rank > 0 ? x->shape.dim[0] : a->dims[d];
        if (out.dim[d] < 1 || __builtin_mul_overflow(count, out.dim[d], &count))
            WICK_REJECT(c, NULL, "dimension %d of the shape is %lld", d, (long long)out.dim[d]);
    }
    if (count != wick_shape_count(x->shape))
        WICK_REJECT(c, NULL, "%s cannot become %s", wick_infer_text(c, x->shape),
                    wick_infer_text(c, out));
    return wick_infer_finish(c, x->dtype, out);
}

const wick_op_rule wick_rule_reshape = {
    1, 1, false, true, WICK_DEVICE_FREE, infer_reshape, wick_eval_copy};

/* --- parts --- */

static wick_status infer_concat(wick_infer *c) {
    const wick_tensor *first = wick_infer_input(c, 0);
    wick_shape out = first->shape;
    int axis = wick_axis_of(c->node->attrs.axis, out.rank);
    if (axis < 0)
        WICK_REJECT(c, NULL, "axis %d does not exist in %s", c->node->attrs.axis,
                    wick_infer_text(c, out));
    for (int i = 1; i < c->node->n_inputs; i++) {
        const wick_tensor *input = wick_infer_input(c, i);
        wick_shape part = input->shape, like = part;
        if (part.rank == out.rank)
            like.dim[axis] = out.dim[axis];
        if (!wick_shape_equal(like, out) || input->dtype != first->dtype)
            WICK_REJECT(c, NULL, "%s and %s cannot be joined along axis %d",
                        wick_infer_text(c, first->shape), wick_infer_text(c, part), axis);
        if (__builtin_add_overflow(out.dim[axis], part.dim[axis], &out.dim[axis]))
            WICK_REJECT(c, NULL, "its output is too large");
    }
    return wick_infer_finish(c, first->dtype, out);
}

static void eval_concat(const wick_operands *o) {
    int rank = o->output->shape.rank, axis = wick_axis_of(o->attrs->axis, rank);
    int64_t outer = wick_extent(o->output->shape, 0, axis);
    size_t size = wick_dtype_bytes(o->output->dtype);
    uint8_t *y = o->dst;
    for (int64_t i = 0; i < outer; i++)
        for (int k = 0; k < o->n_inputs; k++) {
            size_t run = (size_t)wick_extent(o->inputs[k]->shape, axis, rank) * size;
            memcpy(y, (const uint8_t *)o->src[k] + (size_t)i * run, run);
            y += run;
        }
}

const wick_op_rule wick_rule_concat = {
    1, 1 << 16, false, true, WICK_DEVICE_LAYER, infer_concat, eval_concat};

/* How many elements a slice takes of a dimension of `size`. */
static int64_t slice_count(const wick_attrs *a, int d, int64_t size) {
    int64_t begin = a->begin[d], step = a->step[d], end = a->end[d] < size ? a->end[d] : size;
    if (step > 0)
        return end > begin ? (end - begin - 1) / step + 1 : 0;
    return begin > end ? (begin - end - 1) / -step + 1 : 0;
}

static wick_status infer_slice(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    const wick_attrs *a = &c->node->attrs;
    wick_shape out = x->shape;
    for (int d = 0; d < out.rank; d++) {
        int64_t size = out.dim[d];
        if (a->step[d] == 0 || a->step[d] < -INT32_MAX || a->begin[d] < 0 || a->end[d] < -1 ||
            a->begin[d] >= size)
            WICK_REJECT(c, NULL, "dimension %d is cut from %lld to %lld in steps of %lld", d,
                        (long long)a->begin[d], (long long)a->end[d], (long long)a->step[d]);
        out.dim[d] = slice_count(a, d, size);
    }
    return wick_infer_finish(c, x->dtype, out);
}

/* y[i] = x[begin + i * step] in every dimension; source strides, signed, do the rest. */
static void copy_strided(const wick_operands *o, int64_t from, const int64_t *strides) {
    wick_shape out = o->output->shape;
    size_t size = wick_dtype_bytes(o->output->dtype);
    int64_t index[WICK_MAX_RANK] = {0};
    for (int64_t i = 0, count = wick_shape_count(out); i < count; i++) {
        int64_t at = from;
        for (int d = 0; d < out.rank; d++)
            at += index[d] * strides[d];
        memcpy((uint8_t *)o->dst + (size_t)i * size, (const uint8_t *)o->src[0] + (size_t)at * size,
               size);
        wick_next_index(out, index);
    }
}

static void eval_slice(const wick_operands *o) {
    int64_t strides[WICK_MAX_RANK], from = 0;
    wick_strides(o->inputs[0]->shape, strides);
    for (int d = 0; d < o->output->shape.rank; d++) {
        from += o->attrs->begin[d] * strides[d];
        strides[d] *= o->attrs->step[d];
    }
    copy_strided(o, from, strides);
}

const wick_op_rule wick_rule_slice = {1,           1,         false, true, WICK_DEVICE_LAYER,
                                      infer_slice, eval_slice};

static wick_status infer_gather(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0), *indices = wick_infer_input(c, 1);
    int axis = wick_axis_of(c->node->attrs.axis, x->shape.rank);
    wick_shape out = {.rank = x->shape.rank - 1 + indices->shape.rank};
    if (axis < 0)
        WICK_REJECT(c, NULL, "axis %d does not exist in %s", c->node->attrs.axis,
                    wick_infer_text(c, x->shape));
    if (indices->dtype != WICK_S64 || out.rank > WICK_MAX_RANK)
        WICK_REJECT(c, NULL, "its indices '%s' %s are not int64, or too many dimensions",
                    indices->name, wick_infer_text(c, indices->shape));
    int n = 0;
    for (int d = 0; d < axis; d++)
        out.dim[n++] = x->shape.dim[d];
    for (int d = 0; d < indices->shape.rank; d++)
        out.dim[n++] = indices->shape.dim[d];
    for (int d = axis + 1; d < x->shape.rank; d++)
        out.dim[n++] = x->shape.dim[d];
    int64_t size = x->shape.dim[axis], count = wick_shape_count(indices->shape);
    const int64_t *data = indices->data;
    for (int64_t i = 0; data && i < count; i++)
        if (data[i] < -size || data[i] >= size)
            WICK_REJECT(c, NULL, "index %lld is not within %lld", (long long)data[i],
                        (long long)size);
    return wick_infer_finish(c, x->dtype, out);
}

/* An index that a network computes and that lies outside takes the nearest element. */
static int64_t inside(int64_t index, int64_t size) {
    index = index < 0 ? index + size : index;
    return index < 0 ? 0 : index >= size ? size - 1 : index;
}

static void eval_gather(const wick_operands *o) {
    wick_shape x = o->inputs[0]->shape;
    int axis = wick_axis_of(o->attrs->axis, x.rank);
    int64_t outer = wick_extent(x, 0, axis), count = wick_shape_count(o->inputs[1]->shape);
    size_t run = (size_t)wick_extent(x, axis + 1, x.rank) * wick_dtype_bytes(o->output->dtype);
    const int64_t *indices = o->src[1];
    uint8_t *y = o->dst;
    for (int64_t i = 0; i < outer; i++)
        for (int64_t k = 0; k < count; k++, y += run)
            memcpy(y,
                   (const uint8_t *)o->src[0] +
                       (size_t)(i * x.dim[axis] + inside(indices[k], x.dim[axis])) * run,
                   run);
}

const wick_op_rule wick_rule_gather = {2,          2, false, true, WICK_DEVICE_LAYER, infer_gather,
                                       eval_gather};

/* --- another order --- */

static wick_status infer_transpose(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    const wick_attrs *a = &c->node->attrs;
    wick_shape out = {.rank = x->shape.rank};
    unsigned seen = 0;
    for (int d = 0; d < out.rank && a->rank == out.rank; d++)
        if (a->dims[d] >= 0 && a->dims[d] < out.rank) {
            seen |= 1u << a->dims[d];
            out.dim[d] = x->shape.dim[a->dims[d]];
        }
    if (seen != (1u << out.rank) - 1)
        WICK_REJECT(c, NULL, "its %d numbers are not an order of the dimensions of %s", a->rank,
                    wick_infer_text(c, x->shape));
    return wick_infer_finish(c, x->dtype, out);
}

static void eval_transpose(const wick_operands *o) {
    int64_t strides[WICK_MAX_RANK], from[WICK_MAX_RANK] = {0};
    wick_strides(o->inputs[0]->shape, strides);
    for (int d = 0; d < o->output->shape.rank; d++)
        from[d] = strides[o->attrs->dims[d]];
    copy_strided(o, 0, from);
}

const wick_op_rule wick_rule_transpose = {
    1, 1, false, true, WICK_DEVICE_LAYER, infer_transpose, eval_transpose};

/* --- larger images --- */

static wick_status infer_resize(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0);
    wick_shape out = x->shape;
    if (out.rank != 4)
        WICK_REJECT(c, NULL, "its input %s needs 4 dimensions", wick_infer_text(c, out));
    for (int i = 0; i < 2; i++) {
        int times = c->node->attrs.kernel[i];
        if (times < 1 || times > WICK_MAX_EXTENT)
            WICK_REJECT(c, NULL, "every pixel %d times", times);
        if (__builtin_mul_overflow(out.dim[2 + i], (int64_t)times, &out.dim[2 + i]))
            WICK_REJECT(c, NULL, "its output is too large");
    }
    return wick_infer_finish(c, x->dtype, out);
}

/* x [N,C,H,W] -> y [N,C,H*kh,W*kw]: the nearest pixel to the upper left. */
static void eval_resize(const wick_operands *o) {
    const int64_t *in = o->inputs[0]->shape.dim, *out = o->output->shape.dim;
    size_t size = wick_dtype_bytes(o->output->dtype);
    uint8_t *y = o->dst;
    for (int64_t plane = 0; plane < out[0] * out[1]; plane++)
        for (int64_t row = 0; row < out[2]; row++)
            for (int64_t column = 0; column < out[3]; column++, y += size) {
                int64_t at = (plane * in[2] + row / o->attrs->kernel[0]) * in[3] +
                             column / o->attrs->kernel[1];
                memcpy(y, (const uint8_t *)o->src[0] + (size_t)at * size, size);
            }
}

const wick_op_rule wick_rule_resize = {1,          1, false, true, WICK_DEVICE_LAYER, infer_resize,
                                       eval_resize};
