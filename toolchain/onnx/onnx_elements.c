/* The elements of an ONNX tensor, whatever their type and wherever they lie: every length is
   checked against the dimensions before anything is copied. */
#include "onnx_import.h"

#include <math.h>
#include <string.h>

#define TYPE(name) ONNX__TENSOR_PROTO__DATA_TYPE__##name

enum { TYPE_UINT4 = 21, TYPE_INT4 = 22 }; /* younger than the schema of some distributions */

/* How a type lies in a file and what it becomes. */
typedef struct layout {
    int32_t type;
    wick_dtype dtype;
    int raw_bits; /* of one element in raw data */
    enum {
        IN_FLOAT,
        IN_INT32,
        IN_INT64,
        IN_DOUBLE,
        IN_UINT64
    } list; /* where it lies, if not raw */
} layout;

static const layout layouts[] = {
    {TYPE(FLOAT), WICK_F32, 32, IN_FLOAT},    {TYPE(UINT8), WICK_U8, 8, IN_INT32},
    {TYPE(INT8), WICK_S8, 8, IN_INT32},       {TYPE(UINT16), WICK_S32, 16, IN_INT32},
    {TYPE(INT16), WICK_S16, 16, IN_INT32},    {TYPE(INT32), WICK_S32, 32, IN_INT32},
    {TYPE(INT64), WICK_S64, 64, IN_INT64},    {TYPE(BOOL), WICK_U8, 8, IN_INT32},
    {TYPE(FLOAT16), WICK_F32, 16, IN_INT32},  {TYPE(DOUBLE), WICK_F32, 64, IN_DOUBLE},
    {TYPE(UINT32), WICK_S64, 32, IN_UINT64},  {TYPE(UINT64), WICK_S64, 64, IN_UINT64},
    {TYPE(BFLOAT16), WICK_F32, 16, IN_INT32}, {TYPE_UINT4, WICK_U8, 4, IN_INT32},
    {TYPE_INT4, WICK_S8, 4, IN_INT32},
};

static const layout *layout_of(int32_t type) {
    for (size_t i = 0; i < WICK_LEN(layouts); i++)
        if (layouts[i].type == type)
            return &layouts[i];
    return NULL;
}

static wick_status read_dims(wick_onnx_import *im, const Onnx__TensorProto *proto, const char *name,
                             wick_onnx_const *out) {
    if (proto->n_dims > WICK_MAX_RANK)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, name, NULL,
                         "the constant has %zu dimensions; %d are supported", proto->n_dims,
                         WICK_MAX_RANK);
    int64_t count = 1;
    out->shape = (wick_shape){.rank = (int)proto->n_dims};
    for (size_t i = 0; i < proto->n_dims; i++) {
        int64_t d = proto->dims[i];
        if (d < 0 || d > INT32_MAX || __builtin_mul_overflow(count, d, &count) || count > INT32_MAX)
            return wick_fail(im->diag, WICK_RANGE, im->file, name, NULL,
                             "dimension %zu of the constant is %lld; all together may have at most "
                             "2^31 - 1 elements",
                             i, (long long)d);
        out->shape.dim[i] = d;
    }
    out->count = count;
    return WICK_OK;
}

/* --- one element --- */

/* IEEE 754 binary16. */
static double half(uint32_t bits) {
    int exponent = (int)(bits >> 10 & 31u), fraction = (int)(bits & 1023u);
    double value = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                   : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                  : ldexp(fraction, -24);
    return bits >> 15 & 1u ? -value : value;
}

static double real_of(int32_t type, uint64_t bits) {
    uint32_t low = (uint32_t)bits;
    float narrow;
    double wide;
    if (type == TYPE(FLOAT16))
        return half(low);
    if (type == TYPE(DOUBLE)) {
        memcpy(&wide, &bits, sizeof wide);
        return wide;
    }
    low = type == TYPE(BFLOAT16) ? low << 16 : low;
    memcpy(&narrow, &low, sizeof narrow);
    return (double)narrow;
}

/* The bits of a whole number as its value; false when it does not fit int64. */
static bool whole_of(int32_t type, uint64_t bits, int64_t *out) {
    switch (type) {
    case TYPE(INT8):
        *out = (int8_t)bits;
        return true;
    case TYPE(INT16):
        *out = (int16_t)bits;
        return true;
    case TYPE(INT32):
        *out = (int32_t)bits;
        return true;
    case TYPE_INT4:
        *out = (int64_t)(bits & 15u) - (bits & 8u ? 16 : 0);
        return true;
    case TYPE(BOOL):
        *out = bits != 0;
        return true;
    default:
        *out = (int64_t)bits;
        return type == TYPE(INT64) || *out >= 0;
    }
}

/* Where the elements come from: raw little-endian bytes, or one of the typed lists. */
typedef struct source {
    const Onnx__TensorProto *proto;
    const layout *how;
    const uint8_t *raw; /* NULL: typed */
} source;

static uint64_t raw_bits(const source *s, int64_t i) {
    int bits = s->how->raw_bits;
    if (bits == 4)
        return (unsigned)s->raw[i / 2] >> (i % 2 * 4) & 15u;
    uint64_t value = 0;
    for (int k = bits / 8 - 1; k >= 0; k--)
        value = value << 8 | s->raw[i * (bits / 8) + k];
    return value;
}

/* False when a typed element does not fit its type. */
static bool typed_bits(const source *s, int64_t i, uint64_t *out) {
    const Onnx__TensorProto *p = s->proto;
    int32_t v = 0;
    switch (s->how->list) {
    case IN_INT64:
        *out = (uint64_t)p->int64_data[i];
        return true;
    case IN_UINT64:
        *out = p->uint64_data[i];
        return s->how->raw_bits == 64 || *out <= UINT32_MAX;
    case IN_DOUBLE:
        memcpy(out, &p->double_data[i], sizeof *out);
        return true;
    case IN_FLOAT: {
        uint32_t bits;
        memcpy(&bits, &p->float_data[i], sizeof bits);
        *out = bits;
        return true;
    }
    case IN_INT32:
        if (s->how->raw_bits == 4) { /* two in one */
            *out = (uint64_t)p->int32_data[i / 2] >> (i % 2 * 4) & 15u;
            return true;
        }
        v = p->int32_data[i];
        break;
    }
    *out = (uint32_t)v;
    switch (s->proto->data_type) {
    case TYPE(INT8):
        return v >= INT8_MIN && v <= INT8_MAX;
    case TYPE(INT16):
        return v >= INT16_MIN && v <= INT16_MAX;
    case TYPE(UINT8):
    case TYPE(BOOL):
        return v >= 0 && v <= UINT8_MAX;
    case TYPE(INT32):
        return true;
    default: /* uint16, float16 and bfloat16 */
        return v >= 0 && v <= UINT16_MAX;
    }
}

/* The file's bytes are the elements: a type of the graph, and a little-endian machine. */
static bool is_direct(const source *s) {
    const uint16_t one = 1;
    uint8_t first;
    memcpy(&first, &one, 1);
    int32_t type = s->proto->data_type;
    return s->raw && first == 1 &&
           (type == TYPE(FLOAT) || type == TYPE(INT8) || type == TYPE(UINT8) ||
            type == TYPE(INT32) || type == TYPE(INT64));
}

static bool convert(const source *s, wick_onnx_const *out) {
    if (is_direct(s)) {
        memcpy(out->data, s->raw, (size_t)out->count * wick_dtype_bytes(out->dtype));
        return true;
    }
    for (int64_t i = 0; i < out->count; i++) {
        uint64_t bits;
        int64_t whole;
        if (s->raw)
            bits = raw_bits(s, i);
        else if (!typed_bits(s, i, &bits))
            return false;
        if (out->dtype == WICK_F32) {
            ((float *)out->data)[i] = (float)real_of(s->proto->data_type, bits);
            continue;
        }
        if (!whole_of(s->proto->data_type, bits, &whole))
            return false;
        if (out->dtype == WICK_S64)
            ((int64_t *)out->data)[i] = whole;
        else if (out->dtype == WICK_S32)
            ((int32_t *)out->data)[i] = (int32_t)whole;
        else if (out->dtype == WICK_S16)
            ((int16_t *)out->data)[i] = (int16_t)whole;
        else if (out->dtype == WICK_S8)
            ((int8_t *)out->data)[i] = (int8_t)whole;
        else
            ((uint8_t *)out->data)[i] = (uint8_t)whole;
    }
    return true;
}

/* --- all of them --- */

static size_t typed_count(const source *s) {
    const Onnx__TensorProto *p = s->proto;
    switch (s->how->list) {
    case IN_FLOAT:
        return p->n_float_data;
    case IN_INT64:
        return p->n_int64_data;
    case IN_DOUBLE:
        return p->n_double_data;
    case IN_UINT64:
        return p->n_uint64_data;
    default:
        return p->n_int32_data;
    }
}

static wick_status find_elements(wick_onnx_import *im, const char *name, source *s, bool external,
                                 const wick_onnx_const *c) {
    const Onnx__TensorProto *p = s->proto;
    size_t count = (size_t)c->count, bytes = (count * (size_t)s->how->raw_bits + 7) / 8;
    size_t typed = p->n_float_data + p->n_int32_data + p->n_int64_data + p->n_double_data +
                   p->n_uint64_data + p->n_string_data;
    bool raw = external || p->has_raw_data;
    size_t want = raw ? bytes : s->how->raw_bits == 4 ? (count + 1) / 2 : count;
    size_t unit = raw ? 1 : ((size_t)s->how->raw_bits + 7) / 8;
    size_t have = external ? bytes : raw ? p->raw_data.len : typed_count(s);
    if (have != want || typed != (raw ? 0 : have) || (external && p->raw_data.len))
        return wick_fail(im->diag, WICK_SHAPE, im->file, name, "the file is damaged",
                         "the constant %s holds %zu bytes instead of %zu",
                         wick_shape_text(im->scratch, c->shape), have * unit, want * unit);
    if (external)
        return wick_onnx_external_read(im, p, name, bytes, im->scratch, &s->raw);
    s->raw = raw ? p->raw_data.data : NULL;
    return WICK_OK;
}

static wick_status copy_of_tensor(wick_onnx_import *im, const wick_onnx_value *value,
                                  wick_arena *arena, wick_onnx_const *out) {
    const wick_tensor *t = &im->graph->tensors[value->tensor];
    *out = (wick_onnx_const){.dtype = t->dtype, .shape = t->shape};
    out->count = wick_shape_count(t->shape);
    size_t bytes = (size_t)out->count * wick_dtype_bytes(t->dtype);
    out->data = wick_arena_alloc(arena, bytes);
    memcpy(out->data, t->data, bytes);
    return WICK_OK;
}

wick_status wick_onnx_const_read(wick_onnx_import *im, const wick_onnx_value *value,
                                 int64_t max_count, wick_arena *arena, wick_onnx_const *out) {
    const Onnx__TensorProto *proto = value->constant;
    const char *name = value->name;
    *out = (wick_onnx_const){0};
    if (!proto) {
        int64_t count = wick_shape_count(im->graph->tensors[value->tensor].shape);
        if (count <= max_count)
            return copy_of_tensor(im, value, arena, out);
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, name, NULL,
                         "the constant has more than %lld elements", (long long)max_count);
    }
    bool external = proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    source s = {.proto = proto, .how = layout_of(proto->data_type)};
    if (!s.how)
        return wick_fail(
            im->diag, WICK_UNSUPPORTED, im->file, name, "export the model with float32 weights",
            "the constant has the ONNX type %d, which is not supported", proto->data_type);
    if (proto->segment)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, name, NULL,
                         "the constant is stored in segments");
    WICK_TRY(read_dims(im, proto, name, out));
    if (out->count > max_count)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, name, NULL,
                         "the constant %s has more than %lld elements",
                         wick_shape_text(im->scratch, out->shape), (long long)max_count);
    WICK_TRY(find_elements(im, name, &s, external, out));
    out->dtype = s.how->dtype;
    out->data = wick_arena_alloc(arena, (size_t)out->count * wick_dtype_bytes(out->dtype));
    if (convert(&s, out))
        return WICK_OK;
    return wick_fail(im->diag, WICK_RANGE, im->file, name, "the file is damaged",
                     "the constant has an element outside of its type");
}
