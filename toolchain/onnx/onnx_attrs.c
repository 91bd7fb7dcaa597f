/* The attributes of the node being converted. */
#include "onnx_import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

wick_status wick_onnx_unsupported(wick_onnx_import *im, const char *hint, const char *format, ...) {
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, im->place, hint, "%s: %s",
                     im->node->op_type, reason);
}

/* --- attributes --- */

static const Onnx__AttributeProto *find(const wick_onnx_import *im, const char *name) {
    for (size_t i = 0; i < im->node->n_attribute; i++) {
        const Onnx__AttributeProto *a = im->node->attribute[i];
        if (a->name && !strcmp(a->name, name))
            return a;
    }
    return NULL;
}

/* Is `name` one of the words of `list`? */
static bool listed(const char *list, const char *name) {
    size_t len = strlen(name);
    for (const char *word = list; *word;) {
        size_t word_len = strcspn(word, " ");
        if (word_len == len && !memcmp(word, name, len))
            return true;
        word += word_len + (word[word_len] == ' ');
    }
    return false;
}

wick_status wick_onnx_attrs_known(wick_onnx_import *im, const char *known) {
    wick_status status = WICK_OK;
    for (size_t i = 0; i < im->node->n_attribute; i++) {
        const Onnx__AttributeProto *a = im->node->attribute[i];
        if (!wick_onnx_legal_name(a->name))
            return wick_fail(im->diag, WICK_SYNTAX, im->file, im->place, NULL,
                             "an attribute has no legal name");
        if (find(im, a->name) != a)
            return wick_fail(im->diag, WICK_SYNTAX, im->file, im->place, NULL,
                             "its attribute '%s' occurs twice", a->name);
        if (a->ref_attr_name && a->ref_attr_name[0])
            status =
                wick_onnx_unsupported(im, NULL, "attribute '%s' refers to a function's", a->name);
        else if (!listed(known, a->name))
            status = wick_onnx_unsupported(im, "export without it", "attribute '%s'", a->name);
    }
    return status;
}

bool wick_onnx_attr_has(const wick_onnx_import *im, const char *name) {
    return find(im, name) != NULL;
}

static wick_status wrong_kind(wick_onnx_import *im, const char *name, const char *want) {
    return wick_fail(im->diag, WICK_SYNTAX, im->file, im->place, NULL,
                     "its attribute '%s' must be %s", name, want);
}

static bool kind_is(const Onnx__AttributeProto *a, Onnx__AttributeProto__AttributeType type) {
    return !a->has_type || a->type == type;
}

wick_status wick_onnx_attr_int(wick_onnx_import *im, const char *name, int64_t *out) {
    const Onnx__AttributeProto *a = find(im, name);
    if (!a)
        return WICK_OK;
    /* Some writers leave out a field that has its type's zero. */
    if (!kind_is(a, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT) || (!a->has_i && !a->has_type))
        return wrong_kind(im, name, "an integer");
    *out = a->i;
    return WICK_OK;
}

wick_status wick_onnx_attr_float(wick_onnx_import *im, const char *name, float *out) {
    const Onnx__AttributeProto *a = find(im, name);
    if (!a)
        return WICK_OK;
    if (!kind_is(a, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT) || (!a->has_f && !a->has_type))
        return wrong_kind(im, name, "a number");
    *out = a->f;
    return WICK_OK;
}

wick_status wick_onnx_attr_ints(wick_onnx_import *im, const char *name, const int64_t **values,
                                int64_t *count) {
    const Onnx__AttributeProto *a = find(im, name);
    *values = NULL;
    *count = 0;
    if (!a)
        return WICK_OK;
    if (!kind_is(a, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS))
        return wrong_kind(im, name, "a list of integers");
    *values = a->ints;
    *count = (int64_t)a->n_ints;
    return WICK_OK;
}

wick_status wick_onnx_attr_extents(wick_onnx_import *im, const char *name, int count, int *out) {
    const int64_t *values;
    int64_t have;
    WICK_TRY(wick_onnx_attr_ints(im, name, &values, &have));
    if (!find(im, name))
        return WICK_OK;
    if (have != count)
        return wick_onnx_unsupported(im, "only one- and two-dimensional windows are supported",
                                     "attribute '%s' has %lld numbers, not %d", name,
                                     (long long)have, count);
    for (int i = 0; i < count; i++) {
        if (values[i] < 0 || values[i] > INT32_MAX)
            return wick_onnx_unsupported(im, NULL, "attribute '%s' has the number %lld", name,
                                         (long long)values[i]);
        out[i] = (int)values[i];
    }
    return WICK_OK;
}

wick_status wick_onnx_attr_text(wick_onnx_import *im, const char *name, const char **out) {
    const Onnx__AttributeProto *a = find(im, name);
    *out = NULL;
    if (!a)
        return WICK_OK;
    if (!kind_is(a, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING) || !a->has_s || a->s.len > 64)
        return wrong_kind(im, name, "a short text");
    char *text = wick_arena_alloc(im->scratch, a->s.len + 1);
    if (a->s.len)
        memcpy(text, a->s.data, a->s.len);
    for (size_t i = 0; i < a->s.len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return wrong_kind(im, name, "a short text");
    *out = text;
    return WICK_OK;
}

wick_status wick_onnx_attr_constant(wick_onnx_import *im, const Onnx__TensorProto **out) {
    const Onnx__AttributeProto *a = im->node->n_attribute == 1 ? im->node->attribute[0] : NULL;
    if (!a || !a->name)
        return wick_onnx_unsupported(im, NULL, "it must have exactly one attribute");
    if (!strcmp(a->name, "value") && a->t) {
        *out = a->t;
        return WICK_OK;
    }
    Onnx__TensorProto *t = wick_new(im->scratch, Onnx__TensorProto, 1);
    onnx__tensor_proto__init(t);
    bool list = !strcmp(a->name, "value_floats") || !strcmp(a->name, "value_ints");
    bool real = !strcmp(a->name, "value_floats") || !strcmp(a->name, "value_float");
    if (!list && !real && strcmp(a->name, "value_int") != 0)
        return wick_onnx_unsupported(im, NULL, "attribute '%s'", a->name);
    Onnx__AttributeProto *owner = im->node->attribute[0];
    t->data_type =
        real ? ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT : ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    if (real) {
        t->n_float_data = list ? a->n_floats : 1;
        t->float_data = list ? owner->floats : &owner->f;
    } else {
        t->n_int64_data = list ? a->n_ints : 1;
        t->int64_data = list ? owner->ints : &owner->i;
    }
    if (list) {
        t->n_dims = 1;
        t->dims = wick_new(im->scratch, int64_t, 1);
        t->dims[0] = (int64_t)(real ? a->n_floats : a->n_ints);
    }
    *out = t;
    return WICK_OK;
}
