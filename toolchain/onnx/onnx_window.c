/* Windows: Conv, ConvTranspose, MaxPool, AveragePool, global pools. A window of one dimension is
   one of two, one pixel high. Attributes are read first, so that they are judged even where an
   input could not be converted (`blind`). */
#include "onnx_import.h"

#include <string.h>

typedef struct window {
    const char *auto_pad;
    int64_t ceil_mode;
    bool has_kernel;
    int spatial; /* dimensions, 1 or 2 */
    int x;       /* the input as [N,C,H,W] */
    wick_shape shape;
} window;

/* A list of one or two numbers for each side, height first; one dimension is the width. */
static wick_status read_extents(wick_onnx_import *im, const char *name, int spatial, int sides,
                                int missing, int *out) {
    int values[4] = {missing, missing, missing, missing};
    WICK_TRY(wick_onnx_attr_extents(im, name, spatial * sides, values));
    for (int side = 0; side < sides; side++) {
        out[2 * side] = spatial == 2 ? values[2 * side] : missing;
        out[2 * side + 1] = spatial == 2 ? values[2 * side + 1] : values[side];
    }
    return WICK_OK;
}

static wick_status read_attributes(wick_onnx_import *im, wick_attrs *a, window *w) {
    w->has_kernel = wick_onnx_attr_has(im, "kernel_shape");
    WICK_TRY(read_extents(im, "kernel_shape", w->spatial, 1, 1, a->kernel));
    WICK_TRY(read_extents(im, "strides", w->spatial, 1, 1, a->stride));
    WICK_TRY(read_extents(im, "dilations", w->spatial, 1, 1, a->dilation));
    WICK_TRY(read_extents(im, "pads", w->spatial, 2, 0, a->pad));
    WICK_TRY(wick_onnx_attr_text(im, "auto_pad", &w->auto_pad));
    WICK_TRY(wick_onnx_attr_int(im, "ceil_mode", &w->ceil_mode));
    const char *pad = w->auto_pad ? w->auto_pad : "NOTSET";
    if (strcmp(pad, "NOTSET") && strcmp(pad, "VALID") && strcmp(pad, "SAME_UPPER") &&
        strcmp(pad, "SAME_LOWER"))
        return wick_onnx_unsupported(im, "export with explicit pads", "auto_pad '%s'", pad);
    bool padded = a->pad[0] || a->pad[1] || a->pad[2] || a->pad[3];
    if (strcmp(pad, "NOTSET") && padded)
        return wick_onnx_unsupported(im, "export with explicit pads", "both pads and auto_pad");
    return WICK_OK;
}

/* The window's attributes and, unless an input is broken, its input as an image. */
static wick_status read_window(wick_onnx_import *im, wick_attrs *a, window *w) {
    const int64_t *kernel;
    int64_t dimensions;
    *w = (window){.spatial = 2};
    *a = wick_attrs_default();
    WICK_TRY(wick_onnx_attr_ints(im, "kernel_shape", &kernel, &dimensions));
    if (im->blind) {
        w->spatial = dimensions == 1 ? 1 : 2;
        return read_attributes(im, a, w);
    }
    WICK_TRY(wick_onnx_shaped(im, 0, &w->x, &w->shape));
    w->spatial = w->shape.rank - 2;
    if (w->spatial != 1 && w->spatial != 2)
        return wick_onnx_unsupported(im, "only one- and two-dimensional windows are supported",
                                     "its input is %s", wick_shape_text(im->scratch, w->shape));
    WICK_TRY(read_attributes(im, a, w));
    if (w->spatial == 2)
        return WICK_OK;
    w->shape = (wick_shape){4, {w->shape.dim[0], w->shape.dim[1], 1, w->shape.dim[2]}};
    return wick_onnx_reshape_step(im, ".image", w->x, w->shape, &w->x);
}

/* SAME_*: as many outputs as ceil(size / stride); an odd padding goes to the end (UPPER) or the
   beginning (LOWER). ceil_mode: a last window that begins within the input or the padding before
   it counts, too: padding at the end makes room for it. ONNX operators, Conv and MaxPool. */
static wick_status resolve_padding(wick_onnx_import *im, wick_attrs *a, const window *w) {
    bool same = w->auto_pad && !strncmp(w->auto_pad, "SAME", 4);
    for (int i = 0; i < 2 && (same || w->ceil_mode); i++) {
        int64_t size = w->shape.dim[2 + i], stride = a->stride[i] > 0 ? a->stride[i] : 1;
        int64_t extent = (int64_t)a->dilation[i] * (a->kernel[i] - 1) + 1, more = 0;
        if (same) {
            int64_t total = ((size + stride - 1) / stride - 1) * stride + extent - size;
            total = total < 0 ? 0 : total;
            if (total > INT32_MAX)
                return wick_onnx_unsupported(im, NULL, "a window of %lld", (long long)extent);
            bool lower = !strcmp(w->auto_pad, "SAME_LOWER");
            a->pad[i] = (int)(lower ? total - total / 2 : total / 2);
            a->pad[i + 2] = (int)(total - a->pad[i]);
            continue;
        }
        int64_t room = size + a->pad[i] + a->pad[i + 2] - extent;
        if (room < 0)
            continue;
        int64_t windows = (room + stride - 1) / stride + 1;
        if ((windows - 1) * stride >= size + a->pad[i])
            windows--;
        more = (windows - 1) * stride - room;
        if (more > 0 && a->count_include_pad)
            return wick_onnx_unsupported(im, "export with ceil_mode off",
                                         "a mean over padding with ceil_mode");
        a->pad[i + 2] += more > 0 ? (int)more : 0;
    }
    return WICK_OK;
}

/* The result: as the node's output, or first of all as an image one pixel high. */
static wick_status emit_window(wick_onnx_import *im, wick_op op, const int *in, int n,
                               const wick_attrs *a, const window *w) {
    if (w->spatial == 2)
        return wick_onnx_emit(im, op, in, n, a);
    int y;
    WICK_TRY(wick_onnx_step(im, ".row", op, in, n, a, &y));
    wick_shape shape = im->graph->tensors[y].shape;
    if (shape.dim[2] != 1)
        return wick_onnx_unsupported(im, NULL, "a row became %lld rows", (long long)shape.dim[2]);
    return wick_onnx_reshape(im, y, (wick_shape){3, {shape.dim[0], shape.dim[1], shape.dim[3]}});
}

/* Weights of a convolution as [O,I,kh,kw], and its bias; *n counts them with the input. */
static wick_status read_weights(wick_onnx_import *im, wick_attrs *a, const window *w, int *in,
                                int *n) {
    wick_shape shape;
    in[0] = w->x;
    WICK_TRY(wick_onnx_weight(im, 1, &in[1]));
    WICK_TRY(wick_onnx_weight(im, 2, &in[2]));
    if (in[1] < 0)
        return wick_onnx_unsupported(im, NULL, "it has no weights");
    shape = im->graph->tensors[in[1]].shape;
    if (shape.rank != w->spatial + 2)
        return wick_onnx_unsupported(im, NULL, "its weights are %s for an input of %d dimensions",
                                     wick_shape_text(im->scratch, shape), w->spatial + 2);
    if (w->spatial == 1) {
        shape = (wick_shape){4, {shape.dim[0], shape.dim[1], 1, shape.dim[2]}};
        WICK_TRY(wick_onnx_reshape_step(im, ".weight", in[1], shape, &in[1]));
    }
    for (int i = 0; i < 2 && !w->has_kernel; i++)
        a->kernel[i] = (int)shape.dim[2 + i];
    *n = 2 + (in[2] >= 0);
    return WICK_OK;
}

static wick_status read_groups(wick_onnx_import *im, wick_attrs *a) {
    int64_t groups = 1;
    WICK_TRY(wick_onnx_attr_int(im, "group", &groups));
    if (groups < 1 || groups > INT32_MAX)
        return wick_onnx_unsupported(im, NULL, "%lld groups", (long long)groups);
    a->groups = (int)groups;
    return WICK_OK;
}

wick_status wick_onnx_convert_conv(wick_onnx_import *im) {
    wick_attrs a;
    window w;
    int in[3], n;
    WICK_TRY(read_window(im, &a, &w));
    WICK_TRY(read_groups(im, &a));
    if (im->blind)
        return WICK_OK;
    WICK_TRY(read_weights(im, &a, &w, in, &n));
    WICK_TRY(resolve_padding(im, &a, &w));
    return emit_window(im, WICK_OP_CONV, in, n, &a, &w);
}

enum { MAX_MEAN_WEIGHTS = 1 << 20 };

/* A dilated mean is a depthwise convolution with equal weights. */
static wick_status emit_dilated_mean(wick_onnx_import *im, wick_attrs *a, const window *w) {
    int64_t channels = w->shape.dim[1], area, count;
    bool padded = a->pad[0] || a->pad[1] || a->pad[2] || a->pad[3];
    if (__builtin_mul_overflow((int64_t)a->kernel[0], (int64_t)a->kernel[1], &area) ||
        __builtin_mul_overflow(area, channels, &count) || count < 1 || count > MAX_MEAN_WEIGHTS ||
        (padded && !a->count_include_pad))
        return wick_onnx_unsupported(im, "export with dilation 1", "a dilated mean %s",
                                     padded ? "that leaves out the padding" : "of a large window");
    WICK_TRY(wick_onnx_afford(im, 2 * count, sizeof(float)));
    float *weights = wick_new(im->scratch, float, count);
    for (int64_t i = 0; i < count; i++)
        weights[i] = 1 / (float)area;
    a->groups = (int)channels;
    a->count_include_pad = false;
    wick_shape shape = {4, {channels, 1, a->kernel[0], a->kernel[1]}};
    int in[2] = {w->x, wick_onnx_new_const(im, ".mean", WICK_F32, shape, weights)};
    return emit_window(im, WICK_OP_CONV, in, 2, a, w);
}

wick_status wick_onnx_convert_pool(wick_onnx_import *im) {
    wick_attrs a;
    window w;
    int64_t storage_order = 0, count_include_pad = 0;
    bool max = !strcmp(im->node->op_type, "MaxPool");
    WICK_TRY(read_window(im, &a, &w));
    WICK_TRY(wick_onnx_attr_int(im, "storage_order", &storage_order));
    WICK_TRY(wick_onnx_attr_int(im, "count_include_pad", &count_include_pad));
    a.count_include_pad = count_include_pad != 0;
    if (!w.has_kernel)
        return wick_onnx_unsupported(im, NULL, "it has no kernel_shape");
    if (storage_order != 0)
        return wick_onnx_unsupported(im, NULL, "column-major storage_order");
    if (im->blind)
        return WICK_OK;
    WICK_TRY(resolve_padding(im, &a, &w));
    if (!max && (a.dilation[0] != 1 || a.dilation[1] != 1))
        return emit_dilated_mean(im, &a, &w);
    return emit_window(im, max ? WICK_OP_MAX_POOL : WICK_OP_AVG_POOL, &w.x, 1, &a, &w);
}

/* --- transposed convolution --- */

/* Padding that gives the wanted size of the output: output_shape, or size * stride with auto_pad.
   ONNX operators, ConvTranspose: the larger half goes to the end with SAME_UPPER, else to the
   beginning. */
static wick_status padding_for_output(wick_onnx_import *im, wick_attrs *a, const window *w) {
    const int64_t *wanted;
    int64_t count;
    WICK_TRY(wick_onnx_attr_ints(im, "output_shape", &wanted, &count));
    bool same = w->auto_pad && !strncmp(w->auto_pad, "SAME", 4);
    if (count > 0 && count != w->spatial)
        return wick_onnx_unsupported(im, NULL, "an output_shape of %lld numbers", (long long)count);
    bool upper = w->auto_pad && !strcmp(w->auto_pad, "SAME_UPPER");
    for (int i = 2 - w->spatial; i < 2 && (count > 0 || same); i++) {
        int64_t stride = a->stride[i], in = w->shape.dim[2 + i];
        int64_t out = count > 0 ? wanted[i - (2 - w->spatial)] : in * stride;
        int64_t total = stride * (in - 1) + a->output_pad[i] +
                        (int64_t)a->dilation[i] * (a->kernel[i] - 1) + 1 - out;
        if (out < 1 || total > INT32_MAX || total < -INT32_MAX)
            return wick_onnx_unsupported(im, NULL, "an output_shape of %lld", (long long)out);
        if (total < 0) {
            a->output_pad[i] -= (int)total;
            total = 0;
        }
        a->pad[i] = (int)(upper ? total / 2 : total - total / 2);
        a->pad[i + 2] = (int)(total - a->pad[i]);
    }
    return WICK_OK;
}

wick_status wick_onnx_convert_conv_transpose(wick_onnx_import *im) {
    wick_attrs a;
    window w;
    int in[3], n;
    WICK_TRY(read_window(im, &a, &w));
    WICK_TRY(read_groups(im, &a));
    WICK_TRY(read_extents(im, "output_padding", w.spatial, 1, 0, a.output_pad));
    if (im->blind)
        return WICK_OK;
    WICK_TRY(read_weights(im, &a, &w, in, &n));
    WICK_TRY(padding_for_output(im, &a, &w));
    return emit_window(im, WICK_OP_CONV_TRANSPOSE, in, n, &a, &w);
}

/* The mean or the largest of each channel. */
wick_status wick_onnx_convert_global(wick_onnx_import *im) {
    bool mean = !strcmp(im->node->op_type, "GlobalAveragePool");
    wick_op op = mean ? WICK_OP_GLOBAL_AVG_POOL : WICK_OP_GLOBAL_MAX_POOL;
    wick_shape shape;
    int x;
    if (im->blind)
        return WICK_OK;
    WICK_TRY(wick_onnx_shaped(im, 0, &x, &shape));
    if (shape.rank != 3)
        return wick_onnx_emit(im, op, &x, 1, NULL);
    wick_shape image = {4, {shape.dim[0], shape.dim[1], 1, shape.dim[2]}};
    WICK_TRY(wick_onnx_reshape_step(im, ".image", x, image, &x));
    WICK_TRY(wick_onnx_step(im, ".row", op, &x, 1, NULL, &x));
    return wick_onnx_reshape(im, x, (wick_shape){3, {shape.dim[0], shape.dim[1], 1}});
}
