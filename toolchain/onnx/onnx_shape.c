/* Operators that change the shape, and those that put dimensions in another order. */
#include "onnx_import.h"

#include <string.h>

/* --- Reshape --- */

/* The wanted dimension d of x: 0 copies that of x, the file's own batch size is N, as long as x has
   its images in dimension 0. */
static int64_t wanted(const wick_onnx_import *im, wick_shape x, const int64_t *want, int d,
                      bool zero_copies) {
    if (want[d] == 0 && zero_copies && d < x.rank)
        return x.dim[d];
    int64_t n = im->graph->tensors[im->graph->input].shape.dim[0];
    if (d == 0 && want[0] > 0 && want[0] == im->file_batch && x.rank > 0 && x.dim[0] == n)
        return n;
    return want[d];
}

/* A file for 5 images that makes one row of them: not what it does for one image. */
static wick_status one_in_front(wick_onnx_import *im) {
    if (im->keep_batch || im->file_batch <= 1)
        return WICK_OK;
    return wick_onnx_unsupported(im, "export the model for one image",
                                 "it joins the %lld images of a batch", (long long)im->file_batch);
}

wick_status wick_onnx_convert_reshape(wick_onnx_import *im) {
    int64_t allow_zero = 0, count, *want, known = 1;
    WICK_TRY(wick_onnx_attr_int(im, "allowzero", &allow_zero));
    if (im->blind)
        return WICK_OK;
    int in, open = -1;
    wick_shape x, to = {0};
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    WICK_TRY(wick_onnx_const_ints(im, 1, &want, &count));
    if (count > WICK_MAX_RANK)
        return wick_onnx_unsupported(im, NULL, "a shape of %lld dimensions", (long long)count);
    to.rank = (int)count;
    if (count > 0 && want[0] == 1)
        WICK_TRY(one_in_front(im));
    for (int d = 0; d < to.rank; d++) {
        to.dim[d] = wanted(im, x, want, d, !allow_zero);
        if (to.dim[d] == -1 && open < 0)
            open = d;
        else if (to.dim[d] < 1 || __builtin_mul_overflow(known, to.dim[d], &known))
            return wick_onnx_unsupported(im, NULL, "dimension %d of its shape is %lld", d,
                                         (long long)to.dim[d]);
    }
    int64_t elements = wick_shape_count(x);
    if (open >= 0 && elements % known == 0)
        to.dim[open] = elements / known;
    if (open < 0 ? known != elements : elements % known != 0)
        return wick_onnx_unsupported(im, "the number of elements must stay the same",
                                     "%s cannot become a shape of %lld numbers with %lld elements",
                                     wick_shape_text(im->scratch, x), (long long)count,
                                     (long long)known);
    return wick_onnx_reshape(im, in, to);
}

wick_status wick_onnx_convert_flatten(wick_onnx_import *im) {
    int64_t axis = 1;
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape x, to = {2, {1, 1}};
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    axis = axis < 0 ? axis + x.rank : axis;
    if (axis < 0 || axis > x.rank)
        return wick_fail(im->diag, WICK_SHAPE, im->file, im->place, NULL,
                         "axis %lld does not exist in %s", (long long)axis,
                         wick_shape_text(im->scratch, x));
    for (int d = 0; d < x.rank; d++)
        to.dim[d >= axis] *= x.dim[d];
    return wick_onnx_reshape(im, in, to);
}

/* --- Squeeze, Unsqueeze --- */

wick_status wick_onnx_axes(wick_onnx_import *im, int rank, unsigned *axes, int64_t *count) {
    const int64_t *list;
    *axes = 0;
    WICK_TRY(wick_onnx_attr_ints(im, "axes", &list, count));
    if (*count == 0 && wick_onnx_input(im, 1)) {
        int64_t *values;
        WICK_TRY(wick_onnx_const_ints(im, 1, &values, count));
        list = values;
    }
    for (int64_t i = 0; i < *count; i++) {
        int axis;
        WICK_TRY(wick_onnx_axis(im, list[i], rank, &axis));
        if (*axes >> axis & 1u)
            return wick_onnx_unsupported(im, NULL, "axis %d is named twice", axis);
        *axes |= 1u << axis;
    }
    return WICK_OK;
}

wick_status wick_onnx_convert_squeeze(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    unsigned axes;
    int64_t count;
    int in;
    wick_shape x, to = {0};
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    WICK_TRY(wick_onnx_axes(im, x.rank, &axes, &count));
    for (int d = 0; d < x.rank; d++) {
        /* Without a list every 1 goes, but for a batch that may be larger. */
        bool gone = count > 0 ? axes >> d & 1u : x.dim[d] == 1 && (d > 0 || im->file_batch == 1);
        if (gone && x.dim[d] != 1)
            return wick_onnx_unsupported(im, NULL, "dimension %d of %s is not 1", d,
                                         wick_shape_text(im->scratch, x));
        if (!gone)
            to.dim[to.rank++] = x.dim[d];
    }
    return wick_onnx_reshape(im, in, to);
}

wick_status wick_onnx_convert_unsqueeze(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    const int64_t *list;
    int64_t count, *values;
    unsigned axes;
    int in;
    wick_shape x, to = {0};
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    WICK_TRY(wick_onnx_attr_ints(im, "axes", &list, &count));
    if (count == 0)
        WICK_TRY(wick_onnx_const_ints(im, 1, &values, &count));
    if (count < 1 || x.rank + count > WICK_MAX_RANK)
        return wick_onnx_unsupported(im, NULL, "%lld new dimensions for %s", (long long)count,
                                     wick_shape_text(im->scratch, x));
    to.rank = x.rank + (int)count;
    WICK_TRY(wick_onnx_axes(im, to.rank, &axes, &count));
    if (axes & 1u)
        WICK_TRY(one_in_front(im));
    for (int d = 0, from = 0; d < to.rank; d++)
        to.dim[d] = axes >> d & 1u ? 1 : x.dim[from++];
    return wick_onnx_reshape(im, in, to);
}

/* --- Transpose --- */

static bool is_order(const int64_t *perm, int64_t count, int rank) {
    unsigned seen = 0;
    for (int64_t i = 0; i < count; i++)
        if (perm[i] >= 0 && perm[i] < rank)
            seen |= 1u << perm[i];
    return count == rank && seen == (1u << rank) - 1;
}

wick_status wick_onnx_convert_transpose(wick_onnx_import *im) {
    const int64_t *perm;
    int64_t count;
    WICK_TRY(wick_onnx_attr_ints(im, "perm", &perm, &count));
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape x;
    wick_attrs a = wick_attrs_default();
    const wick_onnx_value *value = wick_onnx_input(im, 0);
    if (im->nhwc_input && value && value->tensor >= 0 && value->tensor == im->graph->input)
        return wick_onnx_alias(im, 0);
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    a.rank = x.rank;
    bool same = true;
    if (count > 0 && !is_order(perm, count, x.rank))
        return wick_onnx_unsupported(im, NULL, "perm is not an order of the %d dimensions", x.rank);
    for (int d = 0; d < x.rank; d++) {
        a.dims[d] = count > 0 ? perm[d] : x.rank - 1 - d;
        same = same && a.dims[d] == d;
    }
    return same ? wick_onnx_alias(im, 0) : wick_onnx_emit(im, WICK_OP_TRANSPOSE, &in, 1, &a);
}

/* --- DepthToSpace, SpaceToDepth --- */

/* Both are two reshapes around a transpose of six dimensions (ONNX operators, DepthToSpace). */
wick_status wick_onnx_convert_depth(wick_onnx_import *im) {
    int64_t block = 0;
    const char *mode;
    bool to_space = !strcmp(im->node->op_type, "DepthToSpace");
    WICK_TRY(wick_onnx_attr_int(im, "blocksize", &block));
    WICK_TRY(wick_onnx_attr_text(im, "mode", &mode));
    bool crd = mode && !strcmp(mode, "CRD");
    if (mode && !crd && strcmp(mode, "DCR") != 0)
        return wick_onnx_unsupported(im, NULL, "mode '%s'", mode);
    if (im->blind)
        return WICK_OK;
    int t;
    wick_shape x;
    WICK_TRY(wick_onnx_shaped(im, 0, &t, &x));
    const int64_t *s = x.dim, b = block;
    bool fits = x.rank == 4 && b >= 1 && b <= 1 << 10 &&
                (to_space ? s[1] % (b * b) == 0 : s[2] % b == 0 && s[3] % b == 0);
    if (!fits)
        return wick_onnx_unsupported(im, NULL, "blocks of %lld do not fit %s", (long long)b,
                                     wick_shape_text(im->scratch, x));
    static const int64_t perms[3][6] = {{0, 3, 4, 1, 5, 2}, {0, 1, 4, 2, 5, 3}, {0, 3, 5, 1, 2, 4}};
    wick_shape apart = {6, {s[0], s[1], s[2] / b, b, s[3] / b, b}};
    wick_shape to = {4, {s[0], s[1] * b * b, s[2] / b, s[3] / b}};
    if (to_space) {
        apart = crd ? (wick_shape){6, {s[0], s[1] / (b * b), b, b, s[2], s[3]}}
                    : (wick_shape){6, {s[0], b, b, s[1] / (b * b), s[2], s[3]}};
        to = (wick_shape){4, {s[0], s[1] / (b * b), s[2] * b, s[3] * b}};
    }
    wick_attrs a = wick_attrs_default();
    a.rank = 6;
    memcpy(a.dims, perms[to_space ? crd : 2], sizeof a.dims);
    WICK_TRY(wick_onnx_reshape_step(im, ".apart", t, apart, &t));
    WICK_TRY(wick_onnx_step(im, ".moved", WICK_OP_TRANSPOSE, &t, 1, &a, &t));
    return wick_onnx_reshape(im, t, to);
}
