/* What makes the graph a family: outputs and the metadata wick.* (the keys are listed in
   onnx.h). Everything is optional in a foreign file; a file that says it was written by wick has
   every key, so that one which was cut off between two fields is noticed. */
#include "onnx_import.h"

#include <math.h>
#include <string.h>

enum { MAX_LABELS = 1 << 16 };

/* Keys of which every family has one, and those of sensors behind them. */
enum { ALWAYS = 9 };
static const char *const keys[] = {"wick.version",  "wick.recipe", "wick.strategy", "wick.data",
                                   "wick.features", "wick.heads",  "wick.mean",     "wick.std",
                                   "wick.labels",   "wick.low",    "wick.high"};

static wick_status check_keys(wick_onnx_import *im) {
    const Onnx__ModelProto *model = im->model;
    for (size_t k = 0; k < WICK_LEN(keys); k++) {
        int count = 0;
        for (size_t i = 0; i < model->n_metadata_props; i++) {
            const char *key = model->metadata_props[i]->key;
            count += key && !strcmp(key, keys[k]);
        }
        if (count > 1)
            return wick_fail(im->diag, WICK_SYNTAX, im->file, keys[k], NULL,
                             "this metadata key occurs %d times", count);
    }
    if (!model->producer_name || strcmp(model->producer_name, "wick") != 0)
        return WICK_OK;
    for (size_t k = 0; k < ALWAYS; k++)
        if (!wick_onnx_metadata(model, keys[k]))
            return wick_fail(im->diag, WICK_TRUNCATED, im->file, keys[k],
                             "copy the file again, or keep all wick.* metadata when editing it",
                             "wick wrote this file but this metadata key is missing");
    return WICK_OK;
}

/* A key's JSON array of at most `max` elements; *array NULL (count 0) when there is no such key. */
static wick_status json_key(wick_onnx_import *im, const char *key, size_t max, json_t **array) {
    *array = NULL;
    const char *text = wick_onnx_metadata(im->model, key);
    if (!text || !text[0])
        return WICK_OK;
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return wick_fail(im->diag, WICK_SYNTAX, im->file, key, NULL,
                         "not JSON: line %d, column %d: %s", error.line, error.column, error.text);
    if (json_is_array(root) && json_array_size(root) <= max) {
        *array = root;
        return WICK_OK;
    }
    json_decref(root);
    return wick_fail(im->diag, WICK_SYNTAX, im->file, key, NULL,
                     "must be an array of at most %zu elements", max);
}

static wick_status read_numbers(wick_onnx_import *im, const char *key, double min, float *out,
                                int *count) {
    json_t *array, *element;
    WICK_TRY(json_key(im, key, WICK_MAX_CHANNELS_META, &array));
    *count = (int)json_array_size(array);
    wick_status status = WICK_OK;
    size_t i;
    json_array_foreach(array, i, element) {
        float value = (float)json_number_value(element);
        if (!json_is_number(element) || !isfinite(value) || (double)value < min)
            status = wick_fail(im->diag, WICK_RANGE, im->file, key, NULL,
                               "element %zu must be a number of at least %g", i, min);
        else
            out[i] = value;
    }
    json_decref(array);
    return status;
}

static wick_status read_normalisation(wick_onnx_import *im) {
    wick_family *family = &im->graph->family;
    int means, stds;
    WICK_TRY(read_numbers(im, "wick.mean", -HUGE_VAL, family->mean, &means));
    WICK_TRY(read_numbers(im, "wick.std", 1e-30, family->std, &stds));
    if (means != stds)
        return wick_fail(im->diag, WICK_SHAPE, im->file, "wick.std", NULL,
                         "%d numbers, but wick.mean has %d", stds, means);
    family->n_channels = means;
    return WICK_OK;
}

static wick_status read_ranges(wick_onnx_import *im) {
    wick_family *family = &im->graph->family;
    int lows, highs;
    WICK_TRY(read_numbers(im, "wick.low", -HUGE_VAL, family->low, &lows));
    WICK_TRY(read_numbers(im, "wick.high", -HUGE_VAL, family->high, &highs));
    if (lows == 0 && highs == 0)
        return WICK_OK;
    if (lows != highs || lows != family->n_channels)
        return wick_fail(
            im->diag, WICK_SHAPE, im->file, "wick.high", "give one number for each channel",
            "%d numbers, wick.low has %d, wick.mean %d", highs, lows, family->n_channels);
    for (int c = 0; c < lows; c++)
        if (family->low[c] > family->high[c])
            return wick_fail(im->diag, WICK_RANGE, im->file, "wick.high", NULL,
                             "element %d is %g, below wick.low's %g", c, (double)family->high[c],
                             (double)family->low[c]);
    family->ranged = true;
    return WICK_OK;
}

static wick_status read_labels(wick_onnx_import *im) {
    wick_family *family = &im->graph->family;
    json_t *array, *element;
    WICK_TRY(json_key(im, "wick.labels", MAX_LABELS, &array));
    family->n_labels = (int)json_array_size(array);
    family->labels =
        family->n_labels ? wick_new(im->graph->arena, const char *, family->n_labels) : NULL;
    wick_status status = WICK_OK;
    size_t i;
    json_array_foreach(array, i, element) {
        const char *label = json_string_value(element);
        if (!label || (label[0] && !wick_onnx_legal_name(label)))
            status = wick_fail(im->diag, WICK_SYNTAX, im->file, "wick.labels", NULL,
                               "element %zu must be a short text", i);
        else
            family->labels[i] = wick_arena_strdup(im->graph->arena, label);
    }
    json_decref(array);
    return status;
}

/* An accuracy: null or absent = not measured. */
static bool read_accuracy(const json_t *head, const char *field, double *out) {
    const json_t *value = json_object_get(head, field);
    *out = (double)NAN;
    if (!value || json_is_null(value))
        return true;
    *out = json_number_value(value);
    return json_is_number(value) && *out >= 0 && *out <= 1;
}

static wick_status read_head(wick_onnx_import *im, const json_t *head, int k, const char **tensor) {
    wick_family *family = &im->graph->family;
    const char *name = json_string_value(json_object_get(head, "name"));
    const char *of = json_string_value(json_object_get(head, "tensor"));
    if (!name || !of || (name[0] && !wick_onnx_legal_name(name)) ||
        !read_accuracy(head, "accuracy", &family->accuracy[k]) ||
        !read_accuracy(head, "validation", &family->validation[k]))
        return wick_fail(im->diag, WICK_SYNTAX, im->file, "wick.heads", NULL,
                         "element %d must be {\"name\": text, \"tensor\": text, \"accuracy\": 0 to "
                         "1 or null, \"validation\": 0 to 1 or null}",
                         k);
    family->head_names[k] = wick_arena_strdup(im->graph->arena, name);
    *tensor = wick_arena_strdup(im->scratch, of);
    return WICK_OK;
}

static wick_status read_heads(wick_onnx_import *im, const char **heads) {
    wick_family *family = &im->graph->family;
    json_t *array;
    WICK_TRY(json_key(im, "wick.heads", WICK_MAX_HEADS, &array));
    family->n_heads = (int)json_array_size(array);
    wick_status status = WICK_OK;
    for (int k = 0; k < family->n_heads && status == WICK_OK; k++)
        status = read_head(im, json_array_get(array, (size_t)k), k, &heads[k]);
    json_decref(array);
    return status;
}

static wick_status heads_from_outputs(wick_onnx_import *im, const char **heads) {
    wick_family *family = &im->graph->family;
    size_t n = im->proto->n_output;
    if (n == 0 || n > WICK_MAX_HEADS)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, "graph output", NULL,
                         "the model has %zu outputs; 1 to %d are supported", n, WICK_MAX_HEADS);
    family->n_heads = (int)n;
    for (size_t k = 0; k < n; k++) {
        const char *name = im->proto->output[k]->name;
        heads[k] = name ? name : "";
        family->head_names[k] = wick_arena_strdup(im->graph->arena, heads[k]);
    }
    return WICK_OK;
}

static wick_status check_exists(wick_onnx_import *im, const char *place, const char *name) {
    int v = wick_onnx_names_find(im->names, name);
    if (v < 0)
        return wick_fail(im->diag, WICK_SYNTAX, im->file, place, NULL,
                         "the tensor '%s' is defined nowhere", name);
    if (im->values[v].node < 0)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, place, NULL,
                         "the tensor '%s' is not computed by a node", name);
    return WICK_OK;
}

static wick_status text_key(wick_onnx_import *im, const char *key, const char **out) {
    const char *text = wick_onnx_metadata(im->model, key);
    if (text && text[0] && !wick_onnx_legal_name(text))
        return wick_fail(im->diag, WICK_SYNTAX, im->file, key, NULL, "must be a short text");
    *out = wick_arena_strdup(im->graph->arena, text ? text : "");
    return WICK_OK;
}

wick_status wick_onnx_family_read(wick_onnx_import *im, const char **heads, const char **features) {
    wick_family *family = &im->graph->family;
    WICK_TRY(check_keys(im));
    WICK_TRY(text_key(im, "wick.recipe", &family->recipe));
    WICK_TRY(text_key(im, "wick.strategy", &family->strategy));
    WICK_TRY(text_key(im, "wick.data", &family->data));
    WICK_TRY(read_normalisation(im));
    WICK_TRY(read_ranges(im));
    WICK_TRY(read_labels(im));
    WICK_TRY(read_heads(im, heads));
    if (family->n_heads == 0)
        WICK_TRY(heads_from_outputs(im, heads));
    for (int k = 0; k < family->n_heads; k++)
        WICK_TRY(check_exists(im, "graph output", heads[k]));
    const char *z = wick_onnx_metadata(im->model, "wick.features");
    *features = z && z[0] ? z : NULL;
    int v = *features ? wick_onnx_names_find(im->names, z) : -1;
    if (v >= 0 && im->values[v].node < 0 && !im->values[v].constant)
        *features = NULL; /* the input itself: there is no extractor */
    return *features ? check_exists(im, "wick.features", *features) : WICK_OK;
}
