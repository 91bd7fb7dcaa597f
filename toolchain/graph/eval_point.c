#include "graph/eval.h"

#include <math.h>
#include <string.h>

/* x [N,C,...], scale, bias, mean, var [C]; inference: running statistics. */
void wick_eval_batch_norm(const wick_operands *o) {
    const float *x = o->src[0], *scale = o->src[1], *bias = o->src[2];
    const float *mean = o->src[3], *var = o->src[4];
    float *y = o->dst;
    const wick_shape shape = o->output->shape;
    int64_t channels = shape.dim[1], count = wick_shape_count(shape);
    int64_t inner = count / (shape.dim[0] * channels);
    for (int64_t i = 0; i < count; i++) {
        int64_t c = i / inner % channels;
        double normal =
            ((double)x[i] - (double)mean[c]) / sqrt((double)var[c] + (double)o->attrs->epsilon);
        y[i] = (float)(normal * (double)scale[c] + (double)bias[c]);
    }
}

void wick_eval_relu(const wick_operands *o) {
    const float *x = o->src[0];
    float *y = o->dst;
    for (int64_t i = 0, count = wick_shape_count(o->output->shape); i < count; i++)
        y[i] = x[i] > 0 ? x[i] : 0;
}

void wick_eval_clip(const wick_operands *o) {
    const float *x = o->src[0];
    float *y = o->dst;
    for (int64_t i = 0, count = wick_shape_count(o->output->shape); i < count; i++)
        y[i] = fminf(fmaxf(x[i], o->attrs->clip_min), o->attrs->clip_max);
}

void wick_eval_add(const wick_operands *o) {
    const float *a = o->src[0], *b = o->src[1];
    float *y = o->dst;
    for (int64_t i = 0, count = wick_shape_count(o->output->shape); i < count; i++)
        y[i] = a[i] + b[i];
}

/* Product of the dimensions from `begin` up to but not including `end`. */
static int64_t extent(wick_shape shape, int begin, int end) {
    int64_t product = 1;
    for (int i = begin; i < end; i++)
        product *= shape.dim[i];
    return product;
}

static int axis_of(const wick_operands *o) {
    int axis = o->attrs->axis;
    return axis < 0 ? axis + o->output->shape.rank : axis;
}

void wick_eval_concat(const wick_operands *o) {
    int axis = axis_of(o), rank = o->output->shape.rank;
    int64_t outer = extent(o->output->shape, 0, axis);
    float *y = o->dst;
    for (int64_t i = 0; i < outer; i++)
        for (int k = 0; k < o->n_inputs; k++) {
            int64_t run = extent(o->inputs[k]->shape, axis, rank);
            memcpy(y, (const float *)o->src[k] + i * run, (size_t)run * sizeof *y);
            y += run;
        }
}

/* x [N,C,H,W], then zero channels, which the output already holds. */
void wick_eval_pad(const wick_operands *o) {
    int64_t images = o->output->shape.dim[0];
    int64_t from = wick_shape_count(o->inputs[0]->shape) / images;
    int64_t to = wick_shape_count(o->output->shape) / images;
    for (int64_t i = 0; i < images; i++)
        memcpy((float *)o->dst + i * to, (const float *)o->src[0] + i * from,
               (size_t)from * sizeof(float));
}

/* FLATTEN and IDENTITY: the same elements in the same order. */
void wick_eval_copy(const wick_operands *o) {
    size_t count = (size_t)wick_shape_count(o->output->shape);
    memcpy(o->dst, o->src[0], count * wick_dtype_bytes(o->output->dtype));
}

/* Over one axis; the maximum is taken off first so that exp stays finite. */
void wick_eval_softmax(const wick_operands *o) {
    const float *x = o->src[0];
    float *y = o->dst;
    int axis = axis_of(o);
    const wick_shape shape = o->output->shape;
    int64_t outer = extent(shape, 0, axis), inner = extent(shape, axis + 1, shape.rank);
    int64_t size = shape.dim[axis];
    for (int64_t i = 0; i < outer * inner; i++) {
        int64_t base = i / inner * size * inner + i % inner;
        double top = -(double)INFINITY, sum = 0;
        for (int64_t k = 0; k < size; k++)
            top = fmax(top, (double)x[base + k * inner]);
        for (int64_t k = 0; k < size; k++)
            sum += exp((double)x[base + k * inner] - top);
        for (int64_t k = 0; k < size; k++)
            y[base + k * inner] = (float)(exp((double)x[base + k * inner] - top) / sum);
    }
}
