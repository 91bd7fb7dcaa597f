/* Shape inference: every activation's dtype and shape from the input's. Attributes may come from an
   untrusted file, so they are checked here, once, and everything later can rely on them. */
#include "graph/infer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_EXTENT = 1 << 20 }; /* kernels, strides, dilations and paddings of sane models */

typedef struct context {
    wick_graph *graph;
    const wick_node *node;
    wick_diag *diag;
    wick_arena *scratch; /* texts of messages */
} context;

#define REJECT(c, hint, ...)                                                                       \
    return wick_fail((c)->diag, WICK_SHAPE, NULL, (c)->node->name, hint, __VA_ARGS__)

static const wick_tensor *input(const context *c, int i) {
    if (i >= c->node->n_inputs || c->node->inputs[i] < 0)
        return NULL;
    return &c->graph->tensors[c->node->inputs[i]];
}

static const char *text(const context *c, wick_shape shape) {
    return wick_shape_text(c->scratch, shape);
}

static wick_status finish(context *c, wick_dtype dtype, wick_shape shape) {
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++) {
        if (shape.dim[i] < 1)
            REJECT(c, "the input is too small for this network", "its output would be %s",
                   text(c, shape));
        if (__builtin_mul_overflow(count, shape.dim[i], &count) || count > INT32_MAX)
            REJECT(c, NULL, "its output %s has more than 2^31 - 1 elements", text(c, shape));
    }
    wick_tensor *out = &c->graph->tensors[c->node->output];
    out->dtype = dtype;
    out->shape = shape;
    return WICK_OK;
}

static wick_status check_window(const context *c, bool pool) {
    const wick_attrs *a = &c->node->attrs;
    for (int i = 0; i < 2; i++) {
        if (a->kernel[i] < 1 || a->kernel[i] > MAX_EXTENT || a->stride[i] < 1 ||
            a->stride[i] > MAX_EXTENT || a->dilation[i] < 1 || a->dilation[i] > MAX_EXTENT)
            REJECT(c, NULL, "kernel %d, stride %d, dilation %d: each must be within 1 to %d",
                   a->kernel[i], a->stride[i], a->dilation[i], MAX_EXTENT);
        for (int side = i; side < 4; side += 2) {
            if (a->pad[side] < 0 || a->pad[side] > MAX_EXTENT)
                REJECT(c, NULL, "a padding of %d must be within 0 to %d", a->pad[side], MAX_EXTENT);
            /* A window of nothing but padding has no maximum and no mean. */
            if (pool && a->pad[side] >= a->kernel[i])
                REJECT(c, NULL, "a padding of %d must be smaller than the pool's %d", a->pad[side],
                       a->kernel[i]);
        }
    }
    return WICK_OK;
}

/* Output height (i = 0) or width (i = 1); below 1 when the window does not fit. */
static int64_t window_count(const wick_attrs *a, int i, int64_t size) {
    int64_t extent = (int64_t)a->dilation[i] * (a->kernel[i] - 1) + 1;
    int64_t free_space = size + a->pad[i] + a->pad[i + 2] - extent;
    return free_space < 0 ? 0 : free_space / a->stride[i] + 1;
}

static wick_status check_bias(const context *c, int i, int64_t channels) {
    const wick_tensor *b = input(c, i);
    if (b && (b->dtype != WICK_F32 || b->shape.rank != 1 || b->shape.dim[0] != channels))
        REJECT(c, NULL, "its bias '%s' is %s, not %lld numbers", b->name, text(c, b->shape),
               (long long)channels);
    return WICK_OK;
}

static wick_status infer_conv(context *c) {
    const wick_tensor *x = input(c, 0), *w = input(c, 1);
    const wick_attrs *a = &c->node->attrs;
    if (x->shape.rank != 4 || w->shape.rank != 4)
        REJECT(c, "only two-dimensional convolutions are supported",
               "its input is %s and its weights %s; both need 4 dimensions", text(c, x->shape),
               text(c, w->shape));
    WICK_TRY(check_window(c, false));
    int64_t out_channels = w->shape.dim[0];
    if (w->shape.dim[2] != a->kernel[0] || w->shape.dim[3] != a->kernel[1])
        REJECT(c, NULL, "its kernel is %dx%d but its weights are %s", a->kernel[0], a->kernel[1],
               text(c, w->shape));
    if (a->groups < 1 || out_channels % a->groups != 0 ||
        w->shape.dim[1] * a->groups != x->shape.dim[1])
        REJECT(c, NULL, "weights %s in %d groups do not fit an input of %lld channels",
               text(c, w->shape), a->groups, (long long)x->shape.dim[1]);
    WICK_TRY(check_bias(c, 2, out_channels));
    wick_shape out = {4,
                      {x->shape.dim[0], out_channels, window_count(a, 0, x->shape.dim[2]),
                       window_count(a, 1, x->shape.dim[3])}};
    return finish(c, WICK_F32, out);
}

static wick_status infer_gemm(context *c) {
    const wick_tensor *x = input(c, 0), *w = input(c, 1);
    if (x->shape.rank != 2 || w->shape.rank != 2 || x->shape.dim[1] != w->shape.dim[1])
        REJECT(c, "a Flatten before it may be missing", "an input of %s does not fit weights of %s",
               text(c, x->shape), text(c, w->shape));
    WICK_TRY(check_bias(c, 2, w->shape.dim[0]));
    return finish(c, WICK_F32, (wick_shape){2, {x->shape.dim[0], w->shape.dim[0]}});
}

static wick_status infer_batch_norm(context *c) {
    const wick_tensor *x = input(c, 0);
    if (x->shape.rank < 2)
        REJECT(c, NULL, "its input %s has no channels", text(c, x->shape));
    for (int i = 1; i < 5; i++) {
        const wick_tensor *p = input(c, i);
        if (p->shape.rank != 1 || p->shape.dim[0] != x->shape.dim[1])
            REJECT(c, NULL, "'%s' is %s but the input has %lld channels", p->name,
                   text(c, p->shape), (long long)x->shape.dim[1]);
    }
    if (!(c->node->attrs.epsilon >= 0))
        REJECT(c, NULL, "epsilon must not be negative");
    return finish(c, WICK_F32, x->shape);
}

static wick_status infer_pool(context *c) {
    const wick_tensor *x = input(c, 0);
    const wick_attrs *a = &c->node->attrs;
    if (x->shape.rank != 4)
        REJECT(c, NULL, "its input %s needs 4 dimensions", text(c, x->shape));
    wick_shape out = x->shape;
    if (c->node->op == WICK_OP_GLOBAL_AVG_POOL) {
        out.dim[2] = out.dim[3] = 1;
        return finish(c, WICK_F32, out);
    }
    WICK_TRY(check_window(c, true));
    if (c->node->op == WICK_OP_AVG_POOL && (a->dilation[0] != 1 || a->dilation[1] != 1))
        REJECT(c, NULL, "a dilated average pool is not supported");
    out.dim[2] = window_count(a, 0, x->shape.dim[2]);
    out.dim[3] = window_count(a, 1, x->shape.dim[3]);
    return finish(c, WICK_F32, out);
}

static wick_status infer_add(context *c) {
    const wick_tensor *a = input(c, 0), *b = input(c, 1);
    if (!wick_shape_equal(a->shape, b->shape))
        REJECT(c, "broadcasting is not supported", "%s and %s cannot be added", text(c, a->shape),
               text(c, b->shape));
    return finish(c, WICK_F32, a->shape);
}

/* Resolves an axis that may count from the end; -1 when it is none. */
static int axis_of(int axis, int rank) {
    int resolved = axis < 0 ? axis + rank : axis;
    return resolved >= 0 && resolved < rank ? resolved : -1;
}

static wick_status infer_concat(context *c) {
    const wick_tensor *first = input(c, 0);
    wick_shape out = first->shape;
    int axis = axis_of(c->node->attrs.axis, out.rank);
    if (axis < 0)
        REJECT(c, NULL, "axis %d does not exist in %s", c->node->attrs.axis, text(c, out));
    for (int i = 1; i < c->node->n_inputs; i++) {
        wick_shape part = input(c, i)->shape, like = part;
        if (part.rank == out.rank)
            like.dim[axis] = out.dim[axis];
        if (!wick_shape_equal(like, out))
            REJECT(c, NULL, "%s and %s cannot be joined along axis %d", text(c, first->shape),
                   text(c, part), axis);
        if (__builtin_add_overflow(out.dim[axis], part.dim[axis], &out.dim[axis]))
            REJECT(c, NULL, "its output is too large");
    }
    return finish(c, WICK_F32, out);
}

static wick_status infer_pad(context *c) {
    const wick_tensor *x = input(c, 0);
    wick_shape out = x->shape;
    if (out.rank != 4)
        REJECT(c, NULL, "its input %s needs 4 dimensions", text(c, out));
    if (c->node->attrs.pad_channels < 0 || c->node->attrs.pad_channels > MAX_EXTENT)
        REJECT(c, NULL, "a padding of %d channels must be within 0 to %d",
               c->node->attrs.pad_channels, MAX_EXTENT);
    out.dim[1] += c->node->attrs.pad_channels;
    return finish(c, WICK_F32, out);
}

static wick_status infer_flatten(context *c) {
    const wick_tensor *x = input(c, 0);
    int rank = x->shape.rank, axis = c->node->attrs.axis;
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis > rank)
        REJECT(c, NULL, "axis %d does not exist in %s", c->node->attrs.axis, text(c, x->shape));
    wick_shape out = {2, {1, 1}};
    for (int i = 0; i < rank; i++)
        out.dim[i >= axis] *= x->shape.dim[i];
    return finish(c, x->dtype, out);
}

static wick_status infer_elementwise(context *c) {
    const wick_tensor *x = input(c, 0);
    const wick_attrs *a = &c->node->attrs;
    if (c->node->op == WICK_OP_CLIP && !(a->clip_min <= a->clip_max))
        REJECT(c, NULL, "the lower limit %g is above the upper %g", (double)a->clip_min,
               (double)a->clip_max);
    if (c->node->op == WICK_OP_SOFTMAX && axis_of(a->axis, x->shape.rank) < 0)
        REJECT(c, NULL, "axis %d does not exist in %s", a->axis, text(c, x->shape));
    return finish(c, x->dtype, x->shape);
}

/* QUANTIZE and DEQUANTIZE: scale and zero point are one number, or one for each index of the axis.
 */
static wick_status infer_scale(context *c) {
    const wick_tensor *x = input(c, 0), *scale = input(c, 1), *zero = input(c, 2);
    bool quantize = c->node->op == WICK_OP_QUANTIZE;
    int axis = c->node->attrs.axis;
    int64_t count = wick_shape_count(scale->shape);
    if (scale->dtype != WICK_F32 || scale->shape.rank > 1 ||
        (zero && wick_shape_count(zero->shape) != count))
        REJECT(c, NULL, "scale '%s' %s must be float numbers, as many as zero points", scale->name,
               text(c, scale->shape));
    if (count != 1 &&
        (axis < 0 || axis >= x->shape.rank || x->shape.dim[axis < 0 ? 0 : axis] != count))
        REJECT(c, NULL, "%lld scales do not fit axis %d of %s", (long long)count, axis,
               text(c, x->shape));
    wick_dtype integer = quantize ? (zero ? zero->dtype : WICK_U8) : x->dtype;
    if (integer != WICK_S8 && integer != WICK_U8 && integer != WICK_S32)
        REJECT(c, NULL, "only int8, uint8 and int32 can be scaled");
    if (!quantize && zero && zero->dtype != x->dtype)
        REJECT(c, NULL, "zero point '%s' has another type than '%s'", zero->name, x->name);
    if (quantize && x->dtype != WICK_F32)
        REJECT(c, NULL, "its input '%s' is not float", x->name);
    return finish(c, quantize ? integer : WICK_F32, x->shape);
}

typedef struct rule {
    int min_inputs, max_inputs; /* the first min_inputs must be there */
    bool float_only;            /* every input is F32 */
    wick_status (*infer)(context *c);
} rule;

static const rule rules[WICK_OP_COUNT] = {
    [WICK_OP_CONV] = {2, 3, true, infer_conv},
    [WICK_OP_GEMM] = {2, 3, true, infer_gemm},
    [WICK_OP_BATCH_NORM] = {5, 5, true, infer_batch_norm},
    [WICK_OP_RELU] = {1, 1, true, infer_elementwise},
    [WICK_OP_CLIP] = {1, 1, true, infer_elementwise},
    [WICK_OP_MAX_POOL] = {1, 1, true, infer_pool},
    [WICK_OP_AVG_POOL] = {1, 1, true, infer_pool},
    [WICK_OP_GLOBAL_AVG_POOL] = {1, 1, true, infer_pool},
    [WICK_OP_ADD] = {2, 2, true, infer_add},
    [WICK_OP_CONCAT] = {1, 1 << 16, true, infer_concat},
    [WICK_OP_PAD] = {1, 1, true, infer_pad},
    [WICK_OP_FLATTEN] = {1, 1, false, infer_flatten},
    [WICK_OP_SOFTMAX] = {1, 1, true, infer_elementwise},
    [WICK_OP_IDENTITY] = {1, 1, false, infer_elementwise},
    [WICK_OP_QUANTIZE] = {2, 3, false, infer_scale},
    [WICK_OP_DEQUANTIZE] = {2, 3, false, infer_scale},
};

static wick_status infer_node(context *c) {
    const wick_node *node = c->node;
    const rule *r = &rules[node->op];
    if (node->n_inputs < r->min_inputs || node->n_inputs > r->max_inputs)
        REJECT(c, NULL, "%s with %d inputs; it takes %d to %d", wick_op_name(node->op),
               node->n_inputs, r->min_inputs, r->max_inputs);
    for (int i = 0; i < node->n_inputs; i++) {
        const wick_tensor *x = input(c, i);
        if (!x && (i < r->min_inputs || node->op == WICK_OP_CONCAT))
            REJECT(c, NULL, "%s lacks its input %d", wick_op_name(node->op), i);
        if (x && r->float_only && x->dtype != WICK_F32)
            REJECT(c, "put a DequantizeLinear before it", "its input '%s' is not float", x->name);
        assert(!x || x->producer < (int)(node - c->graph->nodes));
    }
    return r->infer(c);
}

wick_status wick_node_infer(wick_graph *graph, int n, wick_diag *diag) {
    context c = {
        .graph = graph, .node = &graph->nodes[n], .diag = diag, .scratch = wick_arena_new()};
    wick_status status = infer_node(&c);
    wick_arena_free(c.scratch);
    return status;
}

wick_status wick_graph_infer(wick_graph *graph, wick_diag *diag) {
    for (int n = 0; n < graph->n_nodes; n++)
        WICK_TRY(wick_node_infer(graph, n, diag));
    return WICK_OK;
}

wick_status wick_graph_set_batch(wick_graph *graph, int batch, wick_diag *diag) {
    assert(batch >= 1 && graph->input >= 0);
    wick_tensor *x = &graph->tensors[graph->input];
    if (x->shape.rank < 1)
        return wick_fail(diag, WICK_SHAPE, NULL, x->name, NULL,
                         "the graph's input has no batch dimension");
    x->shape.dim[0] = batch;
    return wick_graph_infer(graph, diag);
}
