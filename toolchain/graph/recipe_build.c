/* The builder under the layers of a recipe: names, nodes, constants, fields. */
#include "graph/infer.h"
#include "graph/recipe.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Recipes are user input: these keep a typing error from asking for terabytes. */
enum { MAX_NODES = 4096, MAX_CHANNELS = 1 << 16 };
static const int64_t MAX_PARAMETERS = 1 << 29;

void wick_builder_part(wick_builder *builder, const char *prefix, int x) {
    builder->prefix = prefix;
    builder->x = x;
    memset(builder->counters, 0, sizeof builder->counters);
}

char *wick_builder_name(wick_builder *builder, const char *kind) {
    for (size_t i = 0; i < WICK_LEN(builder->counters); i++) {
        if (builder->counters[i].kind && strcmp(builder->counters[i].kind, kind) != 0)
            continue;
        builder->counters[i].kind = kind;
        return wick_arena_printf(builder->graph->arena, "%s%s%d", builder->prefix, kind,
                                 ++builder->counters[i].used);
    }
    assert(!"more kinds of nodes than counters");
    return NULL;
}

wick_status wick_builder_node(wick_builder *builder, wick_json_at at, const char *name, wick_op op,
                              const int *inputs, int n_inputs, const wick_attrs *attrs) {
    wick_graph *graph = builder->graph;
    if (graph->n_nodes >= MAX_NODES)
        return wick_json_fail(at, WICK_RANGE, "repeat less", "the network has more than %d nodes",
                              MAX_NODES);
    builder->x = wick_graph_node(graph, name, op, inputs, n_inputs, name, attrs);
    wick_diag inner = {0};
    wick_status status = wick_node_infer(graph, graph->n_nodes - 1, &inner);
    if (status != WICK_OK)
        wick_json_fail(at, status, inner.items[0].hint, "%s: %s", name, inner.items[0].reason);
    wick_diag_free(&inner);
    return status;
}

wick_status wick_builder_constant(wick_builder *builder, wick_json_at at, const char *node,
                                  const char *field, wick_shape shape, int *tensor) {
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++)
        if (__builtin_mul_overflow(count, shape.dim[i], &count) ||
            count > MAX_PARAMETERS - builder->parameters)
            return wick_json_fail(at, WICK_RANGE, "use a smaller width, input or layer",
                                  "the network has more than %lld parameters",
                                  (long long)MAX_PARAMETERS);
    builder->parameters += count;
    wick_graph *graph = builder->graph;
    *tensor = wick_graph_tensor(graph, wick_arena_printf(graph->arena, "%s.%s", node, field),
                                WICK_F32, shape, NULL);
    return WICK_OK;
}

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
            return wick_json_fail(rule, WICK_UNKNOWN,
                                  "write it as {\"default\": 1, \"64\": 2}: 2 from 64 pixels on",
                                  "'%.40s' is not an input size", key);
        if (from <= side && from > best_side) {
            best = key;
            best_side = from;
        }
    }
    return wick_json_get(rule, best, picked);
}

static wick_status whole_number(wick_json_at at, int64_t min, int64_t max, int *out) {
    if (!json_is_integer(at.value))
        return wick_json_fail(at, WICK_SYNTAX, NULL, "must be a whole number");
    json_int_t number = json_integer_value(at.value);
    if (number < min || number > max)
        return wick_json_fail(at, WICK_RANGE, NULL, "%lld is not within %lld to %lld",
                              (long long)number, (long long)min, (long long)max);
    *out = (int)number;
    return WICK_OK;
}

wick_status wick_recipe_pair(const wick_builder *builder, wick_json_at layer, const char *key,
                             int64_t min, int64_t max, int out[2]) {
    if (!wick_json_has(layer, key))
        return WICK_OK;
    wick_json_at at;
    WICK_TRY(wick_json_get(layer, key, &at));
    if (json_is_object(at.value))
        WICK_TRY(pick_by_input(builder, at, &at));
    if (!json_is_array(at.value)) {
        WICK_TRY(whole_number(at, min, max, &out[0]));
        out[1] = out[0];
        return WICK_OK;
    }
    if (json_array_size(at.value) != 2)
        return wick_json_fail(at, WICK_SYNTAX, NULL, "must be one number, or [height, width]");
    for (size_t i = 0; i < 2; i++)
        WICK_TRY(whole_number(wick_json_index(at, i), min, max, &out[i]));
    return WICK_OK;
}

static wick_status out_by_name(const wick_builder *builder, wick_json_at at, int64_t channels,
                               int64_t *out) {
    const char *name = json_string_value(at.value);
    if (strcmp(name, "classes") == 0)
        *out = builder->options->classes;
    else if (strcmp(name, "same") == 0)
        *out = channels;
    else
        return wick_json_fail(at, WICK_UNKNOWN,
                              "a number, \"classes\", \"same\" or {\"times\": factor}",
                              "'%.40s' is not a number of channels", name);
    return WICK_OK;
}

wick_status wick_recipe_out(const wick_builder *builder, wick_json_at layer, int64_t *out) {
    wick_json_at at;
    WICK_TRY(wick_json_get(layer, "out", &at));
    int64_t channels = builder->graph->tensors[builder->x].shape.dim[1];
    double scaled;
    if (json_is_string(at.value))
        return out_by_name(builder, at, channels, out);
    if (json_is_object(at.value)) {
        static const char *const known[] = {"times", NULL};
        WICK_TRY(wick_json_only(at, known));
        WICK_TRY(wick_json_number(at, "times", 1e-3, 1e3, &scaled));
        scaled *= (double)channels;
    } else {
        int number = 0;
        WICK_TRY(whole_number(at, 1, MAX_CHANNELS, &number));
        scaled = number * builder->options->width;
    }
    *out = (int64_t)fmax(1, floor(scaled + 0.5));
    if (*out > MAX_CHANNELS)
        return wick_json_fail(at, WICK_RANGE, "use a smaller width", "%lld channels are too many",
                              (long long)*out);
    return WICK_OK;
}

wick_status wick_recipe_flag(wick_json_at layer, const char *key, bool fallback, bool *out) {
    int value = fallback;
    if (wick_json_has(layer, key))
        WICK_TRY(wick_json_bool(layer, key, &value));
    *out = value != 0;
    return WICK_OK;
}
