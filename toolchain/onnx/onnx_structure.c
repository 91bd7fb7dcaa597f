/* The structure of the file's graph before any operator is looked at: every name is defined once
   and before its use, there is one input, and only what the results need is converted. */
#include "onnx_import.h"

#include <string.h>

enum { MAX_NAME_BYTES = 1024 };

/* Names end up in messages, generated files and reports: no control characters. */
bool wick_onnx_legal_name(const char *name) {
    size_t len = name ? strlen(name) : 0;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    return len > 0 && len <= MAX_NAME_BYTES;
}

static bool legal_or_absent(const char *name) {
    return !name || !name[0] || wick_onnx_legal_name(name);
}

const char *wick_onnx_node_place(wick_onnx_import *im, const Onnx__NodeProto *node) {
    if (node->name && node->name[0])
        return node->name;
    return wick_arena_printf(im->scratch, "unnamed %s node with output '%s'",
                             node->op_type ? node->op_type : "",
                             node->n_output ? node->output[0] : "");
}

static wick_status add_value(wick_onnx_import *im, const char *name, const char *place, int node,
                             const Onnx__TensorProto *constant) {
    if (!wick_onnx_legal_name(name))
        return wick_fail(im->diag, WICK_SYNTAX, im->file, place, NULL,
                         "a tensor name is empty, longer than %d bytes or has control characters",
                         MAX_NAME_BYTES);
    if (!wick_onnx_names_add(im->names, name, im->n_values))
        return wick_fail(im->diag, WICK_SYNTAX, im->file, place,
                         "every tensor must be defined exactly once",
                         "the tensor '%s' is defined a second time", name);
    im->values[im->n_values++] = (wick_onnx_value){.name = name,
                                                   .constant = constant,
                                                   .node = node,
                                                   .same_as = -1,
                                                   .tensor = -1,
                                                   .transposed = -1,
                                                   .vector = -1};
    return WICK_OK;
}

static wick_status check_sizes(wick_onnx_import *im, size_t *max_values) {
    const Onnx__GraphProto *g = im->proto;
    size_t values = g->n_initializer + g->n_input;
    for (size_t n = 0; n < g->n_node; n++)
        values += g->node[n]->n_output;
    if (g->n_node > WICK_ONNX_MAX_NODES || g->n_initializer > WICK_ONNX_MAX_INITIALIZERS ||
        values > WICK_ONNX_MAX_VALUES)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, NULL, NULL,
                         "%zu nodes, %zu initialisers and %zu tensors are more than the %d, %d and "
                         "%d that are read",
                         g->n_node, g->n_initializer, values, WICK_ONNX_MAX_NODES,
                         WICK_ONNX_MAX_INITIALIZERS, WICK_ONNX_MAX_VALUES);
    if (g->n_sparse_initializer)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, "sparse_initializer",
                         "export the weights dense, with their zeros",
                         "sparse initialisers are not supported");
    *max_values = values;
    return WICK_OK;
}

/* Before IR version 4 initialisers are listed among the inputs, too. */
static wick_status add_inputs(wick_onnx_import *im) {
    const Onnx__GraphProto *g = im->proto;
    int inputs = 0;
    for (size_t i = 0; i < g->n_initializer; i++)
        WICK_TRY(add_value(im, g->initializer[i]->name, "initializer", -1, g->initializer[i]));
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = g->input[i]->name;
        int known = name ? wick_onnx_names_find(im->names, name) : -1;
        if (known >= 0 && im->values[known].constant)
            continue;
        WICK_TRY(add_value(im, name, "graph input", -1, NULL));
        inputs++;
    }
    if (inputs != 1)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, "graph input",
                         "export a model with one image as its input",
                         "the model has %d inputs; one is supported", inputs);
    return WICK_OK;
}

static wick_status undefined(wick_onnx_import *im, const char *place, const char *name) {
    const Onnx__GraphProto *g = im->proto;
    for (size_t n = 0; n < g->n_node; n++)
        for (size_t o = 0; o < g->node[n]->n_output; o++)
            if (!strcmp(g->node[n]->output[o], name))
                return wick_fail(im->diag, WICK_SYNTAX, im->file, place,
                                 "nodes must be sorted so that producers come first",
                                 "its input '%s' is computed by '%s', which does not come before "
                                 "it: the nodes are unsorted or form a cycle",
                                 name, wick_onnx_node_place(im, g->node[n]));
    return wick_fail(im->diag, WICK_SYNTAX, im->file, place, "the file may have been edited",
                     "its input '%s' is defined nowhere", name);
}

static wick_status add_node(wick_onnx_import *im, int n) {
    const Onnx__NodeProto *node = im->proto->node[n];
    if (!legal_or_absent(node->name) || !wick_onnx_legal_name(node->op_type) ||
        !legal_or_absent(node->domain))
        return wick_fail(im->diag, WICK_SYNTAX, im->file, NULL, NULL,
                         "the name or operator of node %d is empty, longer than %d bytes or has "
                         "control characters",
                         n, MAX_NAME_BYTES);
    for (size_t i = 0; i < node->n_output; i++)
        if (node->output[i][0] && !wick_onnx_legal_name(node->output[i]))
            return add_value(im, node->output[i], "node output", n, NULL);
    const char *place = wick_onnx_node_place(im, node);
    for (size_t i = 0; i < node->n_input; i++)
        if (node->input[i][0] && wick_onnx_names_find(im->names, node->input[i]) < 0)
            return undefined(im, place, node->input[i]);
    for (size_t i = 0; i < node->n_output; i++) {
        if (!node->output[i][0])
            continue;
        WICK_TRY(add_value(im, node->output[i], place, n, NULL));
    }
    return WICK_OK;
}

wick_status wick_onnx_structure(wick_onnx_import *im) {
    size_t max_values = 0;
    WICK_TRY(check_sizes(im, &max_values));
    size_t nodes = im->proto->n_node;
    /* Conversion makes up names for steps and constants: a few for a node, or one for an input. */
    size_t inputs = 0;
    for (size_t n = 0; n < nodes; n++)
        inputs += im->proto->node[n]->n_input;
    im->names = wick_onnx_names_new(im->scratch, max_values + 20 * nodes + inputs + 4);
    im->values = wick_new(im->scratch, wick_onnx_value, max_values);
    im->live = wick_new(im->scratch, bool, nodes);
    WICK_TRY(add_inputs(im));
    for (size_t n = 0; n < nodes; n++)
        WICK_TRY(add_node(im, (int)n));
    return WICK_OK;
}

void wick_onnx_mark_live(wick_onnx_import *im, const char *const *names, int n) {
    for (int i = 0; i < n; i++) {
        wick_onnx_value *value = &im->values[wick_onnx_names_find(im->names, names[i])];
        value->readers++;
        if (value->node >= 0)
            im->live[value->node] = true;
    }
    for (size_t k = im->proto->n_node; k-- > 0;) {
        const Onnx__NodeProto *node = im->proto->node[k];
        for (size_t i = 0; im->live[k] && i < node->n_input; i++) {
            if (!node->input[i][0])
                continue;
            wick_onnx_value *value = &im->values[wick_onnx_names_find(im->names, node->input[i])];
            value->readers++;
            if (value->node >= 0)
                im->live[value->node] = true;
        }
    }
}

/* --- the input --- */

static const Onnx__ValueInfoProto *input_info(const wick_onnx_import *im) {
    for (size_t i = 0; i < im->proto->n_input; i++) {
        int v = wick_onnx_names_find(im->names, im->proto->input[i]->name);
        if (!im->values[v].constant)
            return im->proto->input[i];
    }
    return NULL;
}

static bool is_nhwc_transpose(const Onnx__NodeProto *node) {
    static const int64_t perm[4] = {0, 3, 1, 2};
    if (strcmp(node->op_type, "Transpose") != 0 || node->n_attribute != 1)
        return false;
    const Onnx__AttributeProto *a = node->attribute[0];
    return a->name && !strcmp(a->name, "perm") && a->n_ints == 4 &&
           !memcmp(a->ints, perm, sizeof perm);
}

/* TensorFlow's exporters keep [N,H,W,C] and transpose first: then the model's own input is
   [N,C,H,W]. */
static bool transposed_by_all(const wick_onnx_import *im, const char *input) {
    int readers = 0, transposes = 0;
    for (size_t n = 0; n < im->proto->n_node; n++) {
        const Onnx__NodeProto *node = im->proto->node[n];
        for (size_t i = 0; im->live[n] && i < node->n_input; i++) {
            if (strcmp(node->input[i], input) != 0)
                continue;
            readers++;
            transposes += is_nhwc_transpose(node);
        }
    }
    return readers > 0 && readers == transposes;
}

/* Float types are read as float32. */
static bool is_float(int32_t type) {
    return type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16 ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16 ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE;
}

static wick_status input_shape(wick_onnx_import *im, const Onnx__ValueInfoProto *info,
                               wick_shape *shape) {
    const Onnx__TypeProto *type = info->type;
    bool tensor = type && type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    if (!tensor || !is_float(type->tensor_type->elem_type))
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, info->name,
                         "export the model with a float32 image as its input",
                         "the input is not a float tensor");
    const Onnx__TensorShapeProto *dims = type->tensor_type->shape;
    if (!dims || dims->n_dim < 1 || dims->n_dim > WICK_MAX_RANK)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, info->name,
                         "export the model for an input of shape [N,C,H,W]",
                         "the input has %zu dimensions; 1 to %d are supported",
                         dims ? dims->n_dim : 0, WICK_MAX_RANK);
    int64_t count = 1;
    *shape = (wick_shape){.rank = (int)dims->n_dim};
    for (size_t i = 0; i < dims->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *d = dims->dim[i];
        bool fixed = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        int64_t size = fixed && d->dim_value > 0 ? d->dim_value : 0;
        if (i == 0) {
            im->file_batch = size;
            size = size > 0 && (im->keep_batch || shape->rank == 1) ? size : 1;
        }
        if (size == 0)
            return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, info->name,
                             "export the model for a fixed image size; only N may vary",
                             "dimension %zu of the input is not fixed", i);
        if (__builtin_mul_overflow(count, size, &count) || count > INT32_MAX)
            return wick_fail(im->diag, WICK_RANGE, im->file, info->name, NULL,
                             "the input has more than 2^31 - 1 elements");
        shape->dim[i] = size;
    }
    return WICK_OK;
}

wick_status wick_onnx_input_tensor(wick_onnx_import *im) {
    const Onnx__ValueInfoProto *info = input_info(im);
    wick_shape shape;
    WICK_TRY(input_shape(im, info, &shape));
    if (shape.rank == 4 && transposed_by_all(im, info->name)) {
        im->nhwc_input = true;
        shape = (wick_shape){4, {shape.dim[0], shape.dim[3], shape.dim[1], shape.dim[2]}};
    }
    wick_onnx_value *value = &im->values[wick_onnx_names_find(im->names, info->name)];
    value->tensor = wick_graph_tensor(im->graph, info->name, WICK_F32, shape, NULL);
    im->graph->input = value->tensor;
    return WICK_OK;
}
