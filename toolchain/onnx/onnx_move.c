/* Operators that join, cut, pick and pad. */
#include "onnx_import.h"

#include <string.h>

wick_status wick_onnx_convert_concat(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    int64_t axis = 1;
    if (!wick_onnx_attr_has(im, "axis"))
        return wick_onnx_unsupported(im, NULL, "it has no axis");
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    if (im->blind)
        return WICK_OK;
    int n = (int)im->node->n_input;
    int *in = wick_new(im->scratch, int, n);
    for (int i = 0; i < n; i++)
        WICK_TRY(wick_onnx_operand(im, i, &in[i]));
    WICK_TRY(wick_onnx_axis(im, axis, im->graph->tensors[in[0]].shape.rank, &a.axis));
    return wick_onnx_emit(im, WICK_OP_CONCAT, in, n, &a);
}

/* --- Slice and Split --- */

static wick_attrs whole(void) {
    wick_attrs a = wick_attrs_default();
    for (int d = 0; d < WICK_MAX_RANK; d++)
        a.end[d] = INT64_MAX;
    return a;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

/* One dimension of Slice as ONNX and numpy have it: negative places count from the end, what lies
   outside is cut off. False when nothing is left. */
static bool cut(int64_t begin, int64_t end, int64_t step, int64_t size, wick_attrs *a, int d) {
    begin = begin < 0 ? begin + size : begin;
    end = end < -size - 1 ? -size - 1 : end;
    end = end < 0 ? end + size : end;
    bool back = step < 0;
    begin = clamp(begin, back ? -1 : 0, back ? size - 1 : size);
    end = clamp(end, -1, size);
    if (back ? begin <= end : begin >= end)
        return false;
    a->begin[d] = begin;
    a->end[d] = !back && end == size ? INT64_MAX : end;
    a->step[d] = clamp(step, -size, size);
    return true;
}

typedef struct cuts {
    int64_t count;
    const int64_t *begin, *end, *axes, *step; /* axes and step may be NULL */
} cuts;

static wick_status list_of(wick_onnx_import *im, int i, int64_t count, const int64_t **out) {
    int64_t have, *values;
    *out = NULL;
    if (!wick_onnx_input(im, i))
        return WICK_OK;
    WICK_TRY(wick_onnx_const_ints(im, i, &values, &have));
    if (have != count)
        return wick_onnx_unsupported(im, NULL, "its lists have %lld and %lld numbers",
                                     (long long)count, (long long)have);
    *out = values;
    return WICK_OK;
}

/* Attributes before opset 10, inputs since. */
static wick_status read_cuts(wick_onnx_import *im, cuts *c) {
    int64_t ends, axes, *values;
    *c = (cuts){0};
    WICK_TRY(wick_onnx_attr_ints(im, "starts", &c->begin, &c->count));
    WICK_TRY(wick_onnx_attr_ints(im, "ends", &c->end, &ends));
    WICK_TRY(wick_onnx_attr_ints(im, "axes", &c->axes, &axes));
    if (im->node->n_input < 2) {
        if (ends != c->count || (axes && axes != c->count))
            return wick_onnx_unsupported(im, NULL, "its lists have %lld and %lld numbers",
                                         (long long)c->count, (long long)ends);
        c->axes = axes ? c->axes : NULL;
        return WICK_OK;
    }
    WICK_TRY(wick_onnx_const_ints(im, 1, &values, &c->count));
    c->begin = values;
    WICK_TRY(list_of(im, 2, c->count, &c->end));
    WICK_TRY(list_of(im, 3, c->count, &c->axes));
    WICK_TRY(list_of(im, 4, c->count, &c->step));
    return c->end ? WICK_OK : wick_onnx_unsupported(im, NULL, "it has no ends");
}

wick_status wick_onnx_convert_slice(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape x;
    cuts c;
    wick_attrs a = whole();
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    WICK_TRY(read_cuts(im, &c));
    for (int64_t i = 0; i < c.count; i++) {
        int axis;
        int64_t step = c.step ? c.step[i] : 1;
        WICK_TRY(wick_onnx_axis(im, c.axes ? c.axes[i] : i, x.rank, &axis));
        if (step == 0 || !cut(c.begin[i], c.end[i], step, x.dim[axis], &a, axis))
            return wick_onnx_unsupported(im, NULL, "nothing is left of dimension %d of %s", axis,
                                         wick_shape_text(im->scratch, x));
    }
    return wick_onnx_emit(im, WICK_OP_SLICE, &in, 1, &a);
}

/* Sizes of the parts: an attribute, an input, or as equal as can be. */
static wick_status read_parts(wick_onnx_import *im, int64_t size, int n, const int64_t **out) {
    int64_t count, sum = 0, *equal = wick_new(im->scratch, int64_t, n);
    WICK_TRY(wick_onnx_attr_ints(im, "split", out, &count));
    if (count == 0 && wick_onnx_input(im, 1)) {
        int64_t *values;
        WICK_TRY(wick_onnx_const_ints(im, 1, &values, &count));
        *out = values;
    }
    if (count == 0) {
        int64_t each = (size + n - 1) / n;
        for (int i = 0; i < n; i++)
            equal[i] = i < n - 1 ? each : size - each * (n - 1);
        *out = equal;
        count = n;
    }
    bool fits = count == n;
    for (int64_t i = 0; fits && i < count; i++)
        fits = (*out)[i] > 0 && (*out)[i] <= size && (sum += (*out)[i]) <= size;
    if (!fits || sum != size)
        return wick_onnx_unsupported(im, NULL, "its %d parts are not %lld elements together", n,
                                     (long long)size);
    return WICK_OK;
}

wick_status wick_onnx_convert_split(wick_onnx_import *im) {
    int64_t axis = 0, outputs = 0;
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    WICK_TRY(wick_onnx_attr_int(im, "num_outputs", &outputs));
    if (im->blind)
        return WICK_OK;
    int in, d, n = (int)im->node->n_output;
    wick_shape x;
    const int64_t *parts;
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    WICK_TRY(wick_onnx_axis(im, axis, x.rank, &d));
    WICK_TRY(read_parts(im, x.dim[d], n, &parts));
    int64_t from = 0;
    for (int i = 0; i < n; from += parts[i++]) {
        wick_attrs a = whole();
        if (!im->node->output[i][0])
            continue;
        a.begin[d] = from;
        a.end[d] = from + parts[i] == x.dim[d] ? INT64_MAX : from + parts[i];
        WICK_TRY(wick_onnx_emit_output(im, i, WICK_OP_SLICE, &in, 1, &a));
    }
    return WICK_OK;
}

/* --- Gather --- */

wick_status wick_onnx_convert_gather(wick_onnx_import *im) {
    wick_attrs a = wick_attrs_default();
    int64_t axis = 0;
    WICK_TRY(wick_onnx_attr_int(im, "axis", &axis));
    if (im->blind)
        return WICK_OK;
    int in[2];
    wick_shape x, shape;
    WICK_TRY(wick_onnx_shaped(im, 0, &in[0], &x));
    WICK_TRY(wick_onnx_shaped(im, 1, &in[1], &shape));
    WICK_TRY(wick_onnx_axis(im, axis, x.rank, &a.axis));
    const wick_tensor *indices = &im->graph->tensors[in[1]];
    if (indices->dtype == WICK_S32 && indices->data) {
        int64_t count = wick_shape_count(shape), *wide = wick_new(im->scratch, int64_t, count);
        for (int64_t i = 0; i < count; i++)
            wide[i] = ((const int32_t *)indices->data)[i];
        in[1] = wick_onnx_new_const(im, ".indices", WICK_S64, shape, wide);
    }
    return wick_onnx_emit(im, WICK_OP_GATHER, in, 2, &a);
}

/* --- Pad --- */

/* The padding of each dimension: the attribute (opsets before 11), or input 1 for the axes of
   input 3 (since 18). */
static wick_status read_pads(wick_onnx_import *im, int rank, wick_attrs *a) {
    const int64_t *pads;
    int64_t count, *values, n_axes = rank, *axes = NULL;
    WICK_TRY(wick_onnx_attr_ints(im, "pads", &pads, &count));
    if (wick_onnx_input(im, 1)) {
        WICK_TRY(wick_onnx_const_ints(im, 1, &values, &count));
        pads = values;
    }
    if (wick_onnx_input(im, 3))
        WICK_TRY(wick_onnx_const_ints(im, 3, &axes, &n_axes));
    if (count != 2 * n_axes)
        return wick_onnx_unsupported(im, NULL, "it has %lld paddings for %lld dimensions",
                                     (long long)count, (long long)n_axes);
    for (int64_t i = 0; i < n_axes; i++) {
        int d;
        WICK_TRY(wick_onnx_axis(im, axes ? axes[i] : i, rank, &d));
        a->begin[d] = pads[i];
        a->end[d] = pads[n_axes + i];
    }
    return WICK_OK;
}

/* Only channels of zeros behind those that are there, as in residual networks whose shortcuts have
   no parameters? */
static bool adds_channels(const wick_attrs *a, int rank) {
    if (rank != 4 || a->pad_mode != WICK_PAD_CONSTANT || a->pad_value < 0 || a->pad_value > 0 ||
        a->end[1] < 0 || a->end[1] > INT32_MAX)
        return false;
    for (int d = 0; d < 4; d++)
        if (a->begin[d] != 0 || (d != 1 && a->end[d] != 0))
            return false;
    return true;
}

wick_status wick_onnx_convert_pad(wick_onnx_import *im) {
    static const char *const modes[] = {"constant", "edge", "reflect"};
    const char *mode;
    wick_attrs a = wick_attrs_default();
    WICK_TRY(wick_onnx_attr_text(im, "mode", &mode));
    WICK_TRY(wick_onnx_attr_float(im, "value", &a.pad_value));
    size_t m = 0;
    while (mode && m < WICK_LEN(modes) && strcmp(mode, modes[m]) != 0)
        m++;
    if (m == WICK_LEN(modes))
        return wick_onnx_unsupported(im, "pad with a constant, the edge or a reflection",
                                     "mode '%s'", mode);
    a.pad_mode = (wick_pad_mode)m;
    if (im->blind)
        return WICK_OK;
    int in;
    wick_shape x;
    WICK_TRY(wick_onnx_shaped(im, 0, &in, &x));
    WICK_TRY(wick_onnx_const_scalar(im, 2, &a.pad_value));
    WICK_TRY(read_pads(im, x.rank, &a));
    if (!adds_channels(&a, x.rank))
        return wick_onnx_emit(im, WICK_OP_BORDER, &in, 1, &a);
    wick_attrs channels = wick_attrs_default();
    channels.pad_channels = (int)a.end[1];
    return wick_onnx_emit(im, WICK_OP_PAD, &in, 1, &channels);
}

/* --- Expand --- */

enum { MAX_EXPANDED = 1 << 18 };

/* A product with ones of the wanted shape. */
wick_status wick_onnx_convert_expand(wick_onnx_import *im) {
    if (im->blind)
        return WICK_OK;
    int in[2];
    wick_shape x, to = {0};
    int64_t count, *want, elements = 1;
    WICK_TRY(wick_onnx_shaped(im, 0, &in[0], &x));
    WICK_TRY(wick_onnx_const_ints(im, 1, &want, &count));
    to.rank = count > WICK_MAX_RANK ? 0 : (int)count;
    for (int d = 0; d < to.rank; d++) {
        to.dim[d] = want[d];
        if (want[d] < 1 || __builtin_mul_overflow(elements, want[d], &elements) ||
            elements > MAX_EXPANDED)
            elements = MAX_EXPANDED + 1;
    }
    if (count > WICK_MAX_RANK || elements > MAX_EXPANDED ||
        im->graph->tensors[in[0]].dtype != WICK_F32)
        return wick_onnx_unsupported(im, NULL, "to %lld dimensions of more than %d elements",
                                     (long long)count, MAX_EXPANDED);
    WICK_TRY(wick_onnx_afford(im, 2 * elements, sizeof(float)));
    float *ones = wick_new(im->scratch, float, elements);
    for (int64_t i = 0; i < elements; i++)
        ones[i] = 1;
    in[1] = wick_onnx_new_const(im, ".ones", WICK_F32, to, ones);
    return wick_onnx_emit(im, WICK_OP_MUL, in, 2, NULL);
}
