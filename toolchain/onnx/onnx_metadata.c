/* The metadata keys wick.* as texts and JSON. */
#include "onnx_export.h"

#include <math.h>
#include <stdlib.h>

/* Digits that bring back every bit of a float and of a double. */
enum { FLOAT_DIGITS = 9, DOUBLE_DIGITS = 17 };

static json_t *measured(double accuracy) {
    return isnan(accuracy) ? json_null() : json_real(accuracy);
}

static json_t *heads_json(const wick_graph *graph) {
    const wick_family *family = &graph->family;
    json_t *array = json_array();
    for (int k = 0; array && k < family->n_heads; k++) {
        json_t *head = json_object();
        int failed = json_object_set_new(head, "name", json_string(family->head_names[k])) |
                     json_object_set_new(head, "tensor",
                                         json_string(graph->tensors[family->heads[k]].name)) |
                     json_object_set_new(head, "accuracy", measured(family->accuracy[k])) |
                     json_object_set_new(head, "validation", measured(family->validation[k])) |
                     json_array_append_new(array, head);
        if (failed) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *numbers_json(const float *numbers, int count) {
    json_t *array = json_array();
    for (int i = 0; array && i < count; i++)
        if (json_array_append_new(array, json_real((double)numbers[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *labels_json(const wick_family *family) {
    json_t *array = json_array();
    for (int i = 0; array && i < family->n_labels; i++)
        if (json_array_append_new(array, json_string(family->labels[i])) != 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

/* The document as one line; NULL when `root` is, which means that a text was not UTF-8 or a number
   not finite. */
static char *dump(wick_onnx_export *ex, json_t *root, int digits) {
    char *text = NULL;
    if (root)
        text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION((size_t)digits));
    json_decref(root);
    char *copy = text ? wick_onnx_export_text(ex, text) : NULL;
    free(text);
    return copy;
}

/* protobuf texts are UTF-8, too. */
static char *checked_text(wick_onnx_export *ex, const char *text) {
    json_t *probe = json_string(text ? text : "");
    if (!probe)
        return NULL;
    json_decref(probe);
    return wick_onnx_export_text(ex, text);
}

/* Keys of sensors are left out for images. The version comes last: a file that was cut off between
   two keys lacks it. */
wick_status wick_onnx_export_family(wick_onnx_export *ex, Onnx__StringStringEntryProto **entries,
                                    size_t *n_entries) {
    const wick_family *f = &ex->graph->family;
    const char *z = f->features >= 0 && f->features != ex->graph->input
                        ? ex->graph->tensors[f->features].name
                        : "";
    bool ranged = f->ranged;
    *n_entries = 0;
    struct {
        const char *key;
        char *value;
        bool left_out;
    } pairs[WICK_ONNX_EXPORT_METADATA] = {
        {"wick.recipe", checked_text(ex, f->recipe), false},
        {"wick.strategy", checked_text(ex, f->strategy), false},
        {"wick.data", checked_text(ex, f->data), false},
        {"wick.features", checked_text(ex, z), false},
        {"wick.heads", dump(ex, heads_json(ex->graph), DOUBLE_DIGITS), false},
        {"wick.mean", dump(ex, numbers_json(f->mean, f->n_channels), FLOAT_DIGITS), false},
        {"wick.std", dump(ex, numbers_json(f->std, f->n_channels), FLOAT_DIGITS), false},
        {"wick.low", dump(ex, numbers_json(f->low, f->n_channels), FLOAT_DIGITS), !ranged},
        {"wick.high", dump(ex, numbers_json(f->high, f->n_channels), FLOAT_DIGITS), !ranged},
        {"wick.labels", dump(ex, labels_json(f), DOUBLE_DIGITS), false},
        {"wick.version", checked_text(ex, wick_version()), false},
    };
    for (int i = 0; i < WICK_ONNX_EXPORT_METADATA; i++) {
        if (pairs[i].left_out)
            continue;
        if (!pairs[i].value)
            return wick_fail(ex->diag, WICK_RANGE, ex->file, pairs[i].key,
                             "use plain names (UTF-8) and finite numbers",
                             "this metadata cannot be written");
        Onnx__StringStringEntryProto *entry = wick_new(ex->arena, Onnx__StringStringEntryProto, 1);
        onnx__string_string_entry_proto__init(entry);
        entry->key = wick_onnx_export_text(ex, pairs[i].key);
        entry->value = pairs[i].value;
        entries[(*n_entries)++] = entry;
    }
    return WICK_OK;
}
