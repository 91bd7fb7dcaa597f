/* Writing: protobuf-c's structures over the graph's own memory, packed once. protobuf-c packs
   fields in the order of their numbers and nothing here depends on addresses or time, so the bytes
   are a function of the graph. */
#include "onnx_export.h"

#include "onnx/onnx.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* 16-bit activations need opset 21, which came with IR version 10. */
enum { IR_VERSION = 8, OPSET = 17, WIDE_IR_VERSION = 10, WIDE_OPSET = 21 };

#define DATA_TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name

static int32_t onnx_type(wick_dtype dtype) {
    static const int32_t types[] = {[WICK_F32] = DATA_TYPE(FLOAT), [WICK_S8] = DATA_TYPE(INT8),
                                    [WICK_U8] = DATA_TYPE(UINT8),  [WICK_S32] = DATA_TYPE(INT32),
                                    [WICK_S64] = DATA_TYPE(INT64), [WICK_S16] = DATA_TYPE(INT16)};
    return types[dtype];
}

char *wick_onnx_export_text(wick_onnx_export *ex, const char *text) {
    return wick_arena_strdup(ex->arena, text ? text : "");
}

/* --- initialisers --- */

/* raw_data is little-endian. */
static uint8_t *raw_bytes(wick_onnx_export *ex, const void *data, size_t bytes, size_t size) {
    const uint16_t one = 1;
    uint8_t *raw = wick_arena_alloc(ex->arena, bytes);
    if (bytes)
        memcpy(raw, data, bytes);
    if (*(const uint8_t *)&one == 1)
        return raw;
    for (size_t i = 0; i < bytes; i += size)
        for (size_t k = 0; k < size / 2; k++) {
            uint8_t first = raw[i + k];
            raw[i + k] = raw[i + size - 1 - k];
            raw[i + size - 1 - k] = first;
        }
    return raw;
}

void wick_onnx_export_initializer(wick_onnx_export *ex, const char *name, wick_dtype dtype,
                                  wick_shape shape, const void *data) {
    Onnx__TensorProto *t = wick_new(ex->arena, Onnx__TensorProto, 1);
    onnx__tensor_proto__init(t);
    t->n_dims = (size_t)shape.rank;
    t->dims = wick_new(ex->arena, int64_t, shape.rank);
    for (int i = 0; i < shape.rank; i++)
        t->dims[i] = shape.dim[i];
    t->has_data_type = 1;
    t->data_type = onnx_type(dtype);
    t->name = wick_onnx_export_text(ex, name);
    size_t size = wick_dtype_bytes(dtype);
    t->has_raw_data = 1;
    t->raw_data.len = wick_size_mul((size_t)wick_shape_count(shape), size);
    t->raw_data.data = raw_bytes(ex, data, t->raw_data.len, size);
    ex->initializers[ex->proto.n_initializer++] = t;
}

/* --- input, outputs --- */

/* May the batch have any size? Not when a node fixes it, or reduces or moves the first dimension.
 */
static bool batch_is_free(wick_onnx_export *ex) {
    const wick_graph *g = ex->graph;
    wick_graph twice = *g; /* inference writes nothing but the tensors */
    twice.tensors = wick_new(ex->arena, wick_tensor, g->n_tensors);
    memcpy(twice.tensors, g->tensors, (size_t)g->n_tensors * sizeof *twice.tensors);
    const wick_tensor *x = &g->tensors[g->input];
    if (x->shape.rank < 1 || wick_shape_count(x->shape) > INT32_MAX / 2 ||
        wick_graph_set_batch(&twice, 2 * (int)x->shape.dim[0], NULL) != WICK_OK)
        return false;
    for (int k = 0; k < g->family.n_heads; k++) {
        wick_shape one = g->tensors[g->family.heads[k]].shape;
        wick_shape both = twice.tensors[g->family.heads[k]].shape;
        int64_t first = one.rank ? one.dim[0] : 0;
        if (one.rank < 1 || both.rank != one.rank || both.dim[0] != 2 * first)
            return false;
        both.dim[0] = first;
        if (!wick_shape_equal(one, both))
            return false;
    }
    return true;
}

/* Name, type and shape with a symbolic batch where that is free. */
static Onnx__ValueInfoProto *make_value_info(wick_onnx_export *ex, int tensor) {
    const wick_tensor *t = &ex->graph->tensors[tensor];
    Onnx__ValueInfoProto *info = wick_new(ex->arena, Onnx__ValueInfoProto, 1);
    Onnx__TypeProto *type = wick_new(ex->arena, Onnx__TypeProto, 1);
    Onnx__TypeProto__Tensor *of = wick_new(ex->arena, Onnx__TypeProto__Tensor, 1);
    Onnx__TensorShapeProto *shape = wick_new(ex->arena, Onnx__TensorShapeProto, 1);
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(of);
    onnx__tensor_shape_proto__init(shape);
    info->name = wick_onnx_export_text(ex, t->name);
    info->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = of;
    of->has_elem_type = 1;
    of->elem_type = onnx_type(t->dtype);
    of->shape = shape;
    shape->n_dim = (size_t)t->shape.rank;
    shape->dim = wick_new(ex->arena, Onnx__TensorShapeProto__Dimension *, t->shape.rank);
    for (int i = 0; i < t->shape.rank; i++) {
        Onnx__TensorShapeProto__Dimension *d =
            wick_new(ex->arena, Onnx__TensorShapeProto__Dimension, 1);
        onnx__tensor_shape_proto__dimension__init(d);
        shape->dim[i] = d;
        bool symbol = i == 0 && ex->any_batch;
        d->value_case = symbol ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
                               : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (symbol)
            d->dim_param = wick_onnx_export_text(ex, "N");
        else
            d->dim_value = t->shape.dim[i];
    }
    return info;
}

static void make_graph(wick_onnx_export *ex) {
    const wick_graph *g = ex->graph;
    Onnx__GraphProto *proto = &ex->proto;
    onnx__graph_proto__init(proto);
    proto->name = wick_onnx_export_text(ex, g->name && g->name[0] ? g->name : "wick");
    ex->any_batch = batch_is_free(ex);
    ex->written = wick_new(ex->arena, bool, g->n_tensors);
    ex->initializers = wick_new(ex->arena, Onnx__TensorProto *,
                                g->n_tensors + WICK_ONNX_EXPORT_MAX_EXTRA * g->n_nodes);
    proto->initializer = ex->initializers;
    proto->n_node = (size_t)g->n_nodes;
    proto->node = wick_new(ex->arena, Onnx__NodeProto *, g->n_nodes);
    for (int n = 0; n < g->n_nodes; n++)
        proto->node[n] = wick_onnx_export_node(ex, &g->nodes[n]);
    proto->n_input = 1;
    proto->input = wick_new(ex->arena, Onnx__ValueInfoProto *, 1);
    proto->input[0] = make_value_info(ex, g->input);
    proto->n_output = (size_t)g->family.n_heads;
    proto->output = wick_new(ex->arena, Onnx__ValueInfoProto *, g->family.n_heads);
    for (int k = 0; k < g->family.n_heads; k++)
        proto->output[k] = make_value_info(ex, g->family.heads[k]);
}

static wick_status pack(wick_onnx_export *ex, const Onnx__ModelProto *model, wick_buf *out) {
    size_t len = onnx__model_proto__get_packed_size(model);
    if (len > INT_MAX)
        return wick_fail(ex->diag, WICK_RANGE, ex->file, NULL, NULL,
                         "%zu bytes are more than the 2 GiB that the format allows", len);
    uint8_t *packed = wick_xalloc(len);
    size_t put = onnx__model_proto__pack(model, packed);
    assert(put == len);
    wick_buf_append(out, packed, put);
    free(packed);
    return WICK_OK;
}

static bool has_wide(const wick_graph *g) {
    for (int t = 0; t < g->n_tensors; t++)
        if (g->tensors[t].dtype == WICK_S16)
            return true;
    return false;
}

static wick_status write_model(wick_onnx_export *ex, wick_buf *out) {
    Onnx__ModelProto model;
    Onnx__OperatorSetIdProto opset, *opsets[1] = {&opset};
    Onnx__StringStringEntryProto *metadata[WICK_ONNX_EXPORT_METADATA];
    onnx__model_proto__init(&model);
    onnx__operator_set_id_proto__init(&opset);
    model.has_ir_version = 1;
    model.ir_version = has_wide(ex->graph) ? WIDE_IR_VERSION : IR_VERSION;
    model.producer_name = wick_onnx_export_text(ex, "wick");
    model.producer_version = wick_onnx_export_text(ex, wick_version());
    opset.domain = wick_onnx_export_text(ex, "");
    opset.has_version = 1;
    opset.version = has_wide(ex->graph) ? WIDE_OPSET : OPSET;
    model.n_opset_import = 1;
    model.opset_import = opsets;
    make_graph(ex);
    model.graph = &ex->proto;
    model.metadata_props = metadata;
    WICK_TRY(wick_onnx_export_family(ex, metadata, &model.n_metadata_props));
    return pack(ex, &model, out);
}

wick_status wick_onnx_write_bytes(const wick_graph *graph, const char *name, wick_buf *out,
                                  wick_diag *diag) {
    assert(graph->input >= 0 && graph->family.n_heads >= 1);
    wick_onnx_export ex = {.graph = graph, .file = name, .diag = diag, .arena = wick_arena_new()};
    wick_status status = write_model(&ex, out);
    wick_arena_free(ex.arena);
    return status;
}

wick_status wick_onnx_write(const wick_graph *graph, const char *path, wick_diag *diag) {
    wick_buf bytes = {0};
    wick_status status = wick_onnx_write_bytes(graph, path, &bytes, diag);
    if (status == WICK_OK)
        status = wick_file_write(path, bytes.data, bytes.len, diag);
    wick_buf_free(&bytes);
    return status;
}
