/* Fields of a recipe's layers: values that depend on the input or on a parameter, numbers,
 * channels. */
#include "graph/recipe.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHANNELS = 1 << 16 };

/* A value that depends on the input's size: the member with the largest key that is not above the
   input's smaller side; "default" below all of them. */
static wick_status pick_by_input(const wick_builder *builder, wick_json_at rule,
                                 wick_json_at *picked) {
    int side = builder->options->height < builder->options->width_px ? builder->options->height
                                                                     : builder->options->width_px;
    const char *key, *best = "default";
    json_t *value;
    long best_side = -1;
    json_object_foreach((json_t *)(uintptr_t)rule.value, key, value) {
        char *end;
        long from = strtol(key, &end, 10);
        if (strcmp(key, "default") == 0)
            continue;
        if (!isdigit((unsigned char)key[0]) || *end || from > 1 << 20)
            return wick_json_fail(
                rule, WICK_UNKNOWN,
                "write it as {\"default\": 1, \"64\": 2}: 2 from 64 pixels on; or "
                "as {\"by\": \"parameter\", \"value\": 1, ...}",
                "'%.40s' is not an input size", key);
        if (from <= side && from > best_side) {
            best = key;
            best_side = from;
        }
    }
    return wick_json_get(rule, best, picked);
}

/* A value that depends on a parameter: the member that is called like the parameter's value, or
   "default". */
static wick_status pick_by_parameter(const wick_builder *builder, wick_json_at rule,
                                     wick_json_at *picked) {
    const char *name, *key;
    wick_json_at by;
    WICK_TRY(wick_json_string(rule, "by", &name));
    WICK_TRY(wick_json_get(rule, "by", &by));
    const wick_recipe_name *parameter = wick_recipe_find(builder, name);
    if (!parameter)
        return wick_recipe_unknown_name(builder, by, name);
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)rule.value, key, value) {
        bool known = key[0] == '_' || !strcmp(key, "by") || !strcmp(key, "default");
        if (!known && !wick_recipe_may_be(parameter, key))
            return wick_json_fail(rule, WICK_UNKNOWN, NULL, "%s is never '%.40s'", name, key);
    }
    bool named = json_object_get(rule.value, parameter->text) != NULL;
    bool fallback = json_object_get(rule.value, "default") != NULL;
    return wick_json_get(rule, named || !fallback ? parameter->text : "default", picked);
}

wick_status wick_recipe_field(const wick_builder *builder, wick_json_at layer, const char *key,
                              wick_json_at *at) {
    WICK_TRY(wick_json_get(layer, key, at));
    while (json_is_object(at->value) && !json_object_get(at->value, "times")) {
        bool by_parameter = json_object_get(at->value, "by") != NULL;
        WICK_TRY(by_parameter ? pick_by_parameter(builder, *at, at)
                              : pick_by_input(builder, *at, at));
    }
    return WICK_OK;
}

/* A number, or an expression that gives one. */
static wick_status whole_number(const wick_builder *builder, wick_json_at at, int64_t min,
                                int64_t max, int *out) {
    int64_t number;
    if (json_is_string(at.value))
        WICK_TRY(wick_recipe_expression(builder, at, json_string_value(at.value), &number));
    else if (json_is_integer(at.value))
        number = json_integer_value(at.value);
    else
        return wick_json_fail(at, WICK_SYNTAX, NULL, "must be a whole number");
    if (number < min || number > max)
        return wick_json_fail(at, WICK_RANGE, NULL, "%lld is not within %lld to %lld",
                              (long long)number, (long long)min, (long long)max);
    *out = (int)number;
    return WICK_OK;
}

wick_status wick_recipe_int(const wick_builder *builder, wick_json_at layer, const char *key,
                            int min, int max, int *out) {
    if (!wick_json_has(layer, key))
        return WICK_OK;
    wick_json_at at;
    WICK_TRY(wick_recipe_field(builder, layer, key, &at));
    return whole_number(builder, at, min, max, out);
}

wick_status wick_recipe_pair(const wick_builder *builder, wick_json_at layer, const char *key,
                             int64_t min, int64_t max, int out[2]) {
    if (!wick_json_has(layer, key))
        return WICK_OK;
    wick_json_at at;
    WICK_TRY(wick_recipe_field(builder, layer, key, &at));
    if (!json_is_array(at.value)) {
        WICK_TRY(whole_number(builder, at, min, max, &out[0]));
        out[1] = out[0];
        return WICK_OK;
    }
    if (json_array_size(at.value) != 2)
        return wick_json_fail(at, WICK_SYNTAX, NULL, "must be one number, or [height, width]");
    for (size_t i = 0; i < 2; i++)
        WICK_TRY(whole_number(builder, wick_json_index(at, i), min, max, &out[i]));
    return WICK_OK;
}

/* "classes", "same" or {"times": factor}; false when the field is a number. */
static bool out_by_name(const wick_builder *builder, wick_json_at at, int64_t channels,
                        int64_t *out) {
    const char *name = json_string_value(at.value);
    if (name && strcmp(name, "classes") == 0)
        *out = builder->options->classes;
    else if (name && strcmp(name, "same") == 0)
        *out = channels;
    else
        return false;
    return true;
}

wick_status wick_recipe_out(const wick_builder *builder, wick_json_at layer, int64_t *out) {
    wick_json_at at;
    WICK_TRY(wick_recipe_field(builder, layer, "out", &at));
    int64_t channels = builder->graph->tensors[builder->x].shape.dim[1];
    double scaled;
    if (out_by_name(builder, at, channels, out))
        return WICK_OK;
    if (json_is_object(at.value)) {
        static const char *const known[] = {"times", NULL};
        WICK_TRY(wick_json_only(at, known));
        WICK_TRY(wick_json_number(at, "times", 1e-3, 1e3, &scaled));
        scaled *= (double)channels;
    } else {
        int number = 0;
        WICK_TRY(whole_number(builder, at, 1, MAX_CHANNELS, &number));
        scaled = number * builder->options->width;
    }
    *out = (int64_t)fmax(1, floor(scaled + 0.5));
    if (*out > MAX_CHANNELS)
        return wick_json_fail(at, WICK_RANGE, "use a smaller width", "%lld channels are too many",
                              (long long)*out);
    return WICK_OK;
}

wick_status wick_recipe_flag(const wick_builder *builder, wick_json_at layer, const char *key,
                             bool fallback, bool *out) {
    *out = fallback;
    if (!wick_json_has(layer, key))
        return WICK_OK;
    wick_json_at at;
    WICK_TRY(wick_recipe_field(builder, layer, key, &at));
    if (!json_is_boolean(at.value))
        return wick_json_fail(at, WICK_SYNTAX, NULL, "must be true or false");
    *out = json_is_true(at.value);
    return WICK_OK;
}
