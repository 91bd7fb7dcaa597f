/* Constants as tensors of the graph, and as numbers that stand for attributes. */
#include "onnx_import.h"

#include <math.h>
#include <string.h>

/* Weights only: at least one element, no infinity, no NaN. What fails once is not tried again. */
static wick_status read_weights(wick_onnx_import *im, wick_onnx_value *value, wick_arena *arena,
                                wick_onnx_const *out) {
    value->broken = true;
    WICK_TRY(wick_onnx_const_read(im, value, INT32_MAX, arena, out));
    if (out->count == 0)
        return wick_fail(im->diag, WICK_SHAPE, im->file, value->name, NULL,
                         "the constant %s has no elements",
                         wick_shape_text(im->scratch, out->shape));
    const float *numbers = out->data;
    for (int64_t i = 0; out->dtype == WICK_F32 && i < out->count; i++)
        if (!isfinite(numbers[i]))
            return wick_fail(im->diag, WICK_RANGE, im->file, value->name,
                             "the training diverged, or the file is damaged: take an earlier "
                             "checkpoint, or train again with a lower learning rate",
                             "element %lld is %s", (long long)i,
                             isnan(numbers[i]) ? "not a number" : "infinite");
    value->broken = false;
    return WICK_OK;
}

/* The data lies in the graph's arena already. */
static int add_constant(wick_onnx_import *im, const char *name, const wick_onnx_const *constant) {
    int t = wick_graph_tensor(im->graph, name, constant->dtype, constant->shape, NULL);
    im->graph->tensors[t].data = constant->data;
    return t;
}

wick_status wick_onnx_tensor_of(wick_onnx_import *im, wick_onnx_value *value, int *tensor) {
    if (value->tensor < 0) {
        if (!value->constant) /* its node was not converted, which was said */
            return WICK_SHAPE;
        wick_onnx_const constant;
        WICK_TRY(read_weights(im, value, im->graph->arena, &constant));
        value->tensor = add_constant(im, value->name, &constant);
    }
    *tensor = value->tensor;
    return WICK_OK;
}

wick_status wick_onnx_transposed(wick_onnx_import *im, wick_onnx_value *value, int *tensor) {
    if (value->transposed < 0) {
        wick_onnx_const c;
        WICK_TRY(read_weights(im, value, im->scratch, &c));
        if (c.shape.rank != 2 || c.dtype != WICK_F32)
            return wick_onnx_unsupported(im, NULL, "its weights '%s' are not a float matrix",
                                         value->name);
        WICK_TRY(wick_onnx_afford(im, 2 * c.count, sizeof(float)));
        int64_t rows = c.shape.dim[0], columns = c.shape.dim[1];
        float *turned = wick_new(im->graph->arena, float, c.count);
        for (int64_t r = 0; r < rows; r++)
            for (int64_t k = 0; k < columns; k++)
                turned[k * rows + r] = ((const float *)c.data)[r * columns + k];
        c.shape = (wick_shape){2, {columns, rows}};
        c.data = turned;
        value->transposed = add_constant(im, wick_onnx_fresh(im, value->name, ".T"), &c);
    }
    *tensor = value->transposed;
    return WICK_OK;
}

wick_status wick_onnx_vector(wick_onnx_import *im, wick_onnx_value *value, int *tensor) {
    if (value->vector < 0) {
        wick_onnx_const c;
        int whole;
        WICK_TRY(wick_onnx_tensor_of(im, value, &whole));
        if (im->graph->tensors[whole].shape.rank == 1) {
            value->vector = *tensor = whole;
            return WICK_OK;
        }
        WICK_TRY(wick_onnx_afford(im, wick_shape_count(im->graph->tensors[whole].shape), 4));
        WICK_TRY(wick_onnx_const_read(im, value, INT32_MAX, im->graph->arena, &c));
        c.shape = (wick_shape){1, {c.count}};
        value->vector = add_constant(im, wick_onnx_fresh(im, value->name, ".flat"), &c);
    }
    *tensor = value->vector;
    return WICK_OK;
}

enum { MAX_LIST = 1024 }; /* numbers that stand for attributes */

bool wick_onnx_is_constant(const wick_onnx_import *im, const wick_onnx_value *value) {
    return value->constant || (value->tensor >= 0 && im->graph->tensors[value->tensor].data);
}

static wick_status read_list(wick_onnx_import *im, int i, wick_onnx_const *c) {
    const wick_onnx_value *value = wick_onnx_input(im, i);
    if (!value || !wick_onnx_is_constant(im, value))
        return wick_onnx_unsupported(im, "export the model with a fixed input size",
                                     "its input %d is not a constant", i);
    return wick_onnx_const_read(im, value, MAX_LIST, im->scratch, c);
}

wick_status wick_onnx_const_ints(wick_onnx_import *im, int i, int64_t **values, int64_t *count) {
    wick_onnx_const c;
    WICK_TRY(read_list(im, i, &c));
    if (c.dtype != WICK_S64 && c.dtype != WICK_S32)
        return wick_onnx_unsupported(im, NULL, "its input %d is not a list of integers", i);
    *count = c.count;
    *values = wick_new(im->scratch, int64_t, c.count);
    for (int64_t k = 0; k < c.count; k++)
        (*values)[k] =
            c.dtype == WICK_S64 ? ((const int64_t *)c.data)[k] : ((const int32_t *)c.data)[k];
    return WICK_OK;
}

wick_status wick_onnx_const_floats(wick_onnx_import *im, int i, float **values, int64_t *count) {
    wick_onnx_const c;
    *count = 0;
    *values = NULL;
    if (!wick_onnx_input(im, i))
        return WICK_OK;
    WICK_TRY(read_list(im, i, &c));
    if (c.dtype != WICK_F32)
        return wick_onnx_unsupported(im, NULL, "its input %d is not a list of float numbers", i);
    *count = c.count;
    *values = c.data;
    return WICK_OK;
}

wick_status wick_onnx_const_scalar(wick_onnx_import *im, int i, float *out) {
    float *values;
    int64_t count;
    if (!wick_onnx_input(im, i))
        return WICK_OK;
    WICK_TRY(wick_onnx_const_floats(im, i, &values, &count));
    if (count != 1)
        return wick_onnx_unsupported(im, NULL, "its input %d is not one float number", i);
    *out = values[0];
    return WICK_OK;
}

bool wick_onnx_spend(wick_onnx_import *im, int64_t count, size_t size) {
    int64_t bytes;
    if (__builtin_mul_overflow(count, (int64_t)size, &bytes) || bytes > im->memory_budget)
        return false;
    im->memory_budget -= bytes;
    return true;
}

wick_status wick_onnx_afford(wick_onnx_import *im, int64_t count, size_t size) {
    if (wick_onnx_spend(im, count, size))
        return WICK_OK;
    return wick_onnx_unsupported(im, "the file would take far more memory than its size",
                                 "%lld elements that the file does not hold", (long long)count);
}

int wick_onnx_new_const(wick_onnx_import *im, const char *suffix, wick_dtype dtype,
                        wick_shape shape, const void *data) {
    return wick_graph_tensor(im->graph, wick_onnx_fresh(im, im->node->output[0], suffix), dtype,
                             shape, data);
}
