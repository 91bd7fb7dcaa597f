/* Sums of products: convolutions, fully connected layers, matrix products. Sums are in double. */
#include "graph/ops.h"

static wick_status check_bias(const wick_infer *c, int i, int64_t channels) {
    const wick_tensor *b = wick_infer_input(c, i);
    if (b && (b->dtype != WICK_F32 || b->shape.rank != 1 || b->shape.dim[0] != channels))
        WICK_REJECT(c, NULL, "its bias '%s' is %s, not %lld numbers", b->name,
                    wick_infer_text(c, b->shape), (long long)channels);
    return WICK_OK;
}

static wick_status check_images(const wick_infer *c, const wick_tensor *x, const wick_tensor *w) {
    const wick_attrs *a = &c->node->attrs;
    if (x->shape.rank != 4 || w->shape.rank != 4)
        WICK_REJECT(c, "only two-dimensional convolutions are supported",
                    "its input is %s and its weights %s; both need 4 dimensions",
                    wick_infer_text(c, x->shape), wick_infer_text(c, w->shape));
    WICK_TRY(wick_infer_window(c, false));
    if (w->shape.dim[2] != a->kernel[0] || w->shape.dim[3] != a->kernel[1])
        WICK_REJECT(c, NULL, "its kernel is %dx%d but its weights are %s", a->kernel[0],
                    a->kernel[1], wick_infer_text(c, w->shape));
    return WICK_OK;
}

static wick_status misfit(const wick_infer *c, const wick_tensor *x, const wick_tensor *w) {
    WICK_REJECT(c, NULL, "weights %s in %d groups do not fit an input of %lld channels",
                wick_infer_text(c, w->shape), c->node->attrs.groups, (long long)x->shape.dim[1]);
}

/* --- convolution --- */

static wick_status infer_conv(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0), *w = wick_infer_input(c, 1);
    const wick_attrs *a = &c->node->attrs;
    WICK_TRY(check_images(c, x, w));
    int64_t out_channels = w->shape.dim[0];
    if (a->groups < 1 || out_channels % a->groups != 0 ||
        w->shape.dim[1] * a->groups != x->shape.dim[1])
        return misfit(c, x, w);
    WICK_TRY(check_bias(c, 2, out_channels));
    wick_shape out = {4,
                      {x->shape.dim[0], out_channels, wick_window_count(a, 0, x->shape.dim[2]),
                       wick_window_count(a, 1, x->shape.dim[3])}};
    return wick_infer_finish(c, WICK_F32, out);
}

/* x [N,C,H,W], w [O,C/g,kh,kw], b [O] -> y [N,O,H',W']. One output: the window over one group. */
static double conv_at(const wick_operands *o, const float *x, const float *w, int64_t row,
                      int64_t column) {
    const wick_attrs *a = o->attrs;
    const int64_t *size = o->inputs[0]->shape.dim;
    int64_t channels = o->inputs[1]->shape.dim[1];
    double sum = 0;
    for (int64_t c = 0; c < channels; c++)
        for (int ky = 0; ky < a->kernel[0]; ky++) {
            int64_t y = row * a->stride[0] - a->pad[0] + (int64_t)ky * a->dilation[0];
            if (y < 0 || y >= size[2])
                continue;
            for (int kx = 0; kx < a->kernel[1]; kx++) {
                int64_t z = column * a->stride[1] - a->pad[1] + (int64_t)kx * a->dilation[1];
                if (z < 0 || z >= size[3])
                    continue;
                sum += (double)x[(c * size[2] + y) * size[3] + z] *
                       (double)w[(c * a->kernel[0] + ky) * a->kernel[1] + kx];
            }
        }
    return sum;
}

static void eval_conv(const wick_operands *o) {
    const float *x = o->src[0], *w = o->src[1], *b = o->n_inputs > 2 ? o->src[2] : NULL;
    float *y = o->dst;
    const int64_t *in = o->inputs[0]->shape.dim, *out = o->output->shape.dim;
    int64_t taps = wick_shape_count(o->inputs[1]->shape) / out[1];
    int64_t group_in = in[1] / o->attrs->groups, group_out = out[1] / o->attrs->groups;
    for (int64_t n = 0; n < out[0]; n++)
        for (int64_t c = 0; c < out[1]; c++) {
            const float *group = x + (n * in[1] + c / group_out * group_in) * in[2] * in[3];
            double bias = b ? (double)b[c] : 0;
            for (int64_t row = 0; row < out[2]; row++)
                for (int64_t column = 0; column < out[3]; column++)
                    *y++ = (float)(bias + conv_at(o, group, w + c * taps, row, column));
        }
}

const wick_op_rule wick_rule_conv = {2, 3, true, true, WICK_DEVICE_LAYER, infer_conv, eval_conv};

/* --- transposed convolution --- */

static wick_status infer_conv_transpose(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0), *w = wick_infer_input(c, 1);
    const wick_attrs *a = &c->node->attrs;
    WICK_TRY(check_images(c, x, w));
    if (a->groups < 1 || x->shape.dim[1] != w->shape.dim[0] || w->shape.dim[0] % a->groups != 0)
        return misfit(c, x, w);
    wick_shape out = {4, {x->shape.dim[0]}};
    if (__builtin_mul_overflow(w->shape.dim[1], (int64_t)a->groups, &out.dim[1]))
        return misfit(c, x, w);
    WICK_TRY(check_bias(c, 2, out.dim[1]));
    for (int i = 0; i < 2; i++) {
        if (a->output_pad[i] < 0 || a->output_pad[i] > WICK_MAX_EXTENT)
            WICK_REJECT(c, NULL, "an output padding of %d", a->output_pad[i]);
        out.dim[2 + i] = (x->shape.dim[2 + i] - 1) * a->stride[i] +
                         (int64_t)a->dilation[i] * (a->kernel[i] - 1) + 1 + a->output_pad[i] -
                         a->pad[i] - a->pad[i + 2];
    }
    return wick_infer_finish(c, WICK_F32, out);
}

/* The input row (i = 0) or column that tap k spreads to output `at`, or -1. */
static int64_t spread_from(const wick_attrs *a, int i, int64_t size, int64_t at, int64_t k) {
    int64_t from = at + a->pad[i] - k * a->dilation[i];
    if (from < 0 || from % a->stride[i] != 0 || from / a->stride[i] >= size)
        return -1;
    return from / a->stride[i];
}

/* x [C/g,H,W] of one group, w from output channel m of it on: [C/g][M] kernels of kh x kw. */
static double spread_at(const wick_operands *o, const float *x, const float *w, int64_t row,
                        int64_t column) {
    const wick_attrs *a = o->attrs;
    const int64_t *in = o->inputs[0]->shape.dim, *ws = o->inputs[1]->shape.dim;
    double sum = 0;
    for (int64_t c = 0; c < in[1] / a->groups; c++)
        for (int64_t ky = 0; ky < ws[2]; ky++) {
            int64_t y = spread_from(a, 0, in[2], row, ky);
            for (int64_t kx = 0; y >= 0 && kx < ws[3]; kx++) {
                int64_t z = spread_from(a, 1, in[3], column, kx);
                if (z >= 0)
                    sum += (double)x[(c * in[2] + y) * in[3] + z] *
                           (double)w[(c * ws[1] * ws[2] + ky) * ws[3] + kx];
            }
        }
    return sum;
}

static void eval_conv_transpose(const wick_operands *o) {
    const float *x = o->src[0], *w = o->src[1], *b = o->n_inputs > 2 ? o->src[2] : NULL;
    float *y = o->dst;
    const int64_t *in = o->inputs[0]->shape.dim, *out = o->output->shape.dim;
    const int64_t *ws = o->inputs[1]->shape.dim;
    int64_t group_in = in[1] / o->attrs->groups;
    for (int64_t n = 0; n < out[0]; n++)
        for (int64_t m = 0; m < out[1]; m++) {
            int64_t group = m / ws[1], area = ws[2] * ws[3];
            const float *from = x + (n * in[1] + group * group_in) * in[2] * in[3];
            const float *taps = w + (group * group_in * ws[1] + m % ws[1]) * area;
            for (int64_t row = 0; row < out[2]; row++)
                for (int64_t column = 0; column < out[3]; column++)
                    *y++ = (float)((b ? (double)b[m] : 0) + spread_at(o, from, taps, row, column));
        }
}

const wick_op_rule wick_rule_conv_transpose = {
    2, 3, true, false, WICK_DEVICE_NO, infer_conv_transpose, eval_conv_transpose};

/* --- fully connected --- */

static wick_status infer_gemm(wick_infer *c) {
    const wick_tensor *x = wick_infer_input(c, 0), *w = wick_infer_input(c, 1);
    if (x->shape.rank != 2 || w->shape.rank != 2 || x->shape.dim[1] != w->shape.dim[1])
        WICK_REJECT(c, "a Flatten before it may be missing",
                    "an input of %s does not fit weights of %s", wick_infer_text(c, x->shape),
                    wick_infer_text(c, w->shape));
    WICK_TRY(check_bias(c, 2, w->shape.dim[0]));
    return wick_infer_finish(c, WICK_F32, (wick_shape){2, {x->shape.dim[0], w->shape.dim[0]}});
}

/* x [N,K], w [M,K], b [M] -> y [N,M]: y = x w^T + b. */
static void eval_gemm(const wick_operands *o) {
    const float *x = o->src[0], *w = o->src[1], *b = o->n_inputs > 2 ? o->src[2] : NULL;
    float *y = o->dst;
    int64_t rows = o->output->shape.dim[0], columns = o->output->shape.dim[1];
    int64_t depth = o->inputs[1]->shape.dim[1];
    for (int64_t n = 0; n < rows; n++)
        for (int64_t m = 0; m < columns; m++) {
            double sum = b ? (double)b[m] : 0;
            for (int64_t k = 0; k < depth; k++)
                sum += (double)x[n * depth + k] * (double)w[m * depth + k];
            *y++ = (float)sum;
        }
}

const wick_op_rule wick_rule_gemm = {2, 3, true, true, WICK_DEVICE_LAYER, infer_gemm, eval_gemm};

/* --- matrix product --- */

/* A vector as a row (first operand) or a column (second). */
static wick_shape as_matrix(wick_shape shape, bool row) {
    if (shape.rank != 1)
        return shape;
    return row ? (wick_shape){2, {1, shape.dim[0]}} : (wick_shape){2, {shape.dim[0], 1}};
}

static wick_status infer_matmul(wick_infer *c) {
    wick_shape x = wick_infer_input(c, 0)->shape, w = wick_infer_input(c, 1)->shape;
    wick_shape a = as_matrix(x, true), b = as_matrix(w, false), out = {0};
    bool fits = a.rank >= 2 && b.rank >= 2 && a.dim[a.rank - 1] == b.dim[b.rank - 2];
    out.rank = a.rank > b.rank ? a.rank : b.rank;
    for (int d = 0; fits && d < out.rank - 2; d++) {
        int da = d - (out.rank - a.rank), db = d - (out.rank - b.rank);
        int64_t na = da < 0 ? 1 : a.dim[da], nb = db < 0 ? 1 : b.dim[db];
        fits = na == nb || na == 1 || nb == 1;
        out.dim[d] = na > nb ? na : nb;
    }
    if (!fits)
        WICK_REJECT(c, NULL, "%s times %s is not defined", wick_infer_text(c, x),
                    wick_infer_text(c, w));
    out.dim[out.rank - 2] = a.dim[a.rank - 2];
    out.dim[out.rank - 1] = b.dim[b.rank - 1];
    if (x.rank == 1) { /* the row of a vector goes again */
        out.dim[out.rank - 2] = out.dim[out.rank - 1];
        out.rank--;
    }
    out.rank -= w.rank == 1;
    return wick_infer_finish(c, WICK_F32, out);
}

/* First element of the matrix that belongs to batch index `index` of `rank` - 2 dimensions. */
static int64_t matrix_at(wick_shape shape, int rank, const int64_t *index) {
    int64_t strides[WICK_MAX_RANK], at = 0;
    wick_strides(shape, strides);
    for (int d = 0; d < shape.rank - 2; d++)
        if (shape.dim[d] > 1)
            at += index[d + rank - shape.rank] * strides[d];
    return at;
}

/* a [..,R,K], b [..,K,M] -> y [..,R,M] */
static void eval_matmul(const wick_operands *o) {
    wick_shape a = as_matrix(o->inputs[0]->shape, true), b = as_matrix(o->inputs[1]->shape, false);
    int rank = a.rank > b.rank ? a.rank : b.rank;
    int64_t rows = a.dim[a.rank - 2], depth = a.dim[a.rank - 1], columns = b.dim[b.rank - 1];
    wick_shape batch = {.rank = rank - 2};
    for (int d = 0; d < rank - 2; d++) {
        int da = d - (rank - a.rank), db = d - (rank - b.rank);
        int64_t na = da < 0 ? 1 : a.dim[da], nb = db < 0 ? 1 : b.dim[db];
        batch.dim[d] = na > nb ? na : nb;
    }
    int64_t index[WICK_MAX_RANK] = {0}, matrices = wick_shape_count(batch);
    float *y = o->dst;
    for (int64_t i = 0; i < matrices; i++, wick_next_index(batch, index)) {
        const float *left = (const float *)o->src[0] + matrix_at(a, rank, index);
        const float *right = (const float *)o->src[1] + matrix_at(b, rank, index);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t m = 0; m < columns; m++) {
                double sum = 0;
                for (int64_t k = 0; k < depth; k++)
                    sum += (double)left[r * depth + k] * (double)right[k * columns + m];
                *y++ = (float)sum;
            }
    }
}

const wick_op_rule wick_rule_matmul = {2,          2, true, false, WICK_DEVICE_NO, infer_matmul,
                                       eval_matmul};
