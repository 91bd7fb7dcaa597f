/* The layers of a recipe: one function each, found through the table at the end. */
#include "graph/recipe.h"

#include <string.h>

enum { MAX_DEPTH = 4, MAX_LAYERS = 512, MAX_REPEAT = 512, MAX_WINDOW = 1024 };
enum { MAX_READ = 1 << 16 }; /* of a whole recipe: nested repeats of nothing must end, too */

static wick_shape shape_now(const wick_builder *builder) {
    return builder->graph->tensors[builder->x].shape;
}

static wick_status add_relu(wick_builder *b, wick_json_at at, const char *name) {
    return wick_builder_node(b, at, name, WICK_OP_RELU, &b->x, 1, NULL);
}

static wick_status add_batch_norm(wick_builder *b, wick_json_at at, const char *name) {
    static const char *const fields[4] = {"scale", "bias", "mean", "var"};
    wick_shape shape = {1, {shape_now(b).dim[1]}};
    int inputs[5] = {b->x};
    for (int i = 0; i < 4; i++)
        WICK_TRY(wick_builder_constant(b, at, name, fields[i], shape, &inputs[i + 1]));
    return wick_builder_node(b, at, name, WICK_OP_BATCH_NORM, inputs, 5, NULL);
}

/* A convolution or fully connected layer with weights of `shape`. */
static wick_status add_linear(wick_builder *b, wick_json_at at, const char *name, wick_op op,
                              wick_shape shape, bool bias, const wick_attrs *attrs) {
    int inputs[3] = {b->x, -1, -1};
    WICK_TRY(wick_builder_constant(b, at, name, "weight", shape, &inputs[1]));
    if (bias)
        WICK_TRY(wick_builder_constant(b, at, name, "bias", (wick_shape){1, {shape.dim[0]}},
                                       &inputs[2]));
    return wick_builder_node(b, at, name, op, inputs, bias ? 3 : 2, attrs);
}

/* Weights, bias, batch norm and ReLU of a convolution whose attributes are known but for the fields
 * read here. */
static wick_status add_conv(wick_builder *b, wick_json_at layer, const char *name, int64_t out,
                            wick_attrs attrs) {
    bool bn, bias, relu;
    WICK_TRY(wick_recipe_flag(b, layer, "bn", b->batch_norm, &bn));
    WICK_TRY(wick_recipe_flag(b, layer, "bias", !bn, &bias));
    WICK_TRY(wick_recipe_flag(b, layer, "relu", true, &relu));
    int64_t channels = shape_now(b).dim[1];
    if (channels % attrs.groups != 0)
        return wick_json_fail(layer, WICK_SHAPE, NULL, "%lld channels cannot form %d groups",
                              (long long)channels, attrs.groups);
    wick_shape shape = {4, {out, channels / attrs.groups, attrs.kernel[0], attrs.kernel[1]}};
    WICK_TRY(add_linear(b, layer, name, WICK_OP_CONV, shape, bias, &attrs));
    wick_arena *arena = b->graph->arena;
    if (bn)
        WICK_TRY(add_batch_norm(b, layer, wick_arena_printf(arena, "%s.bn", name)));
    if (relu)
        WICK_TRY(add_relu(b, layer, wick_arena_printf(arena, "%s.relu", name)));
    return WICK_OK;
}

/* kernel, stride and pad; the default padding keeps the size at stride 1 and an odd kernel. */
static wick_status read_window(const wick_builder *b, wick_json_at layer, int kernel,
                               wick_attrs *attrs) {
    attrs->kernel[0] = attrs->kernel[1] = kernel;
    WICK_TRY(wick_recipe_pair(b, layer, "kernel", 1, MAX_WINDOW, attrs->kernel));
    WICK_TRY(wick_recipe_pair(b, layer, "stride", 1, MAX_WINDOW, attrs->stride));
    int pad[2] = {(attrs->kernel[0] - 1) / 2, (attrs->kernel[1] - 1) / 2};
    WICK_TRY(wick_recipe_pair(b, layer, "pad", 0, MAX_WINDOW, pad));
    attrs->pad[0] = attrs->pad[2] = pad[0];
    attrs->pad[1] = attrs->pad[3] = pad[1];
    return WICK_OK;
}

static wick_status build_conv(wick_builder *b, wick_json_at layer) {
    wick_attrs attrs = wick_attrs_default();
    int64_t out;
    WICK_TRY(wick_recipe_out(b, layer, &out));
    WICK_TRY(read_window(b, layer, 3, &attrs));
    WICK_TRY(wick_recipe_int(b, layer, "groups", 1, 1 << 16, &attrs.groups));
    return add_conv(b, layer, wick_builder_name(b, "conv"), out, attrs);
}

static wick_status build_dwconv(wick_builder *b, wick_json_at layer) {
    wick_attrs attrs = wick_attrs_default();
    int64_t channels = shape_now(b).dim[1];
    WICK_TRY(read_window(b, layer, 3, &attrs));
    if (shape_now(b).rank != 4)
        return wick_json_fail(layer, WICK_SHAPE, NULL, "it needs an image, not a list of numbers");
    attrs.groups = (int)channels;
    return add_conv(b, layer, wick_builder_name(b, "dwconv"), channels, attrs);
}

/* MobileNet's block (Howard et al. 2017): depthwise, then 1x1; each with batch norm and ReLU. */
static wick_status build_separable(wick_builder *b, wick_json_at layer) {
    WICK_TRY(build_dwconv(b, layer));
    int64_t out;
    WICK_TRY(wick_recipe_out(b, layer, &out));
    return add_conv(b, layer, wick_builder_name(b, "conv"), out, wick_attrs_default());
}

static wick_status build_bn(wick_builder *b, wick_json_at layer) {
    return add_batch_norm(b, layer, wick_builder_name(b, "bn"));
}

static wick_status build_relu(wick_builder *b, wick_json_at layer) {
    return add_relu(b, layer, wick_builder_name(b, "relu"));
}

/* "to": the window that makes the output just that large. Where the size is no multiple, windows
 * overlap. */
static wick_status window_to(wick_builder *b, wick_json_at layer, wick_attrs *attrs) {
    int to[2] = {1, 1};
    WICK_TRY(wick_recipe_pair(b, layer, "to", 1, MAX_WINDOW, to));
    for (int i = 0; i < 2; i++) {
        int64_t size = shape_now(b).dim[2 + i];
        if (size < to[i])
            return wick_json_fail(layer, WICK_SHAPE, "the input is too small for this network",
                                  "%lld pixels cannot be pooled to %d", (long long)size, to[i]);
        attrs->stride[i] = (int)(size / to[i]);
        attrs->kernel[i] = (int)(size - (int64_t)(to[i] - 1) * attrs->stride[i]);
    }
    return WICK_OK;
}

static wick_status add_pool(wick_builder *b, wick_json_at layer, const char *kind, wick_op op) {
    wick_attrs attrs = wick_attrs_default();
    if (shape_now(b).rank != 4)
        return wick_json_fail(layer, WICK_SHAPE, NULL, "it needs an image, not a list of numbers");
    if (wick_json_has(layer, "to")) {
        static const char *const known[] = {"type", "repeat", "to", NULL};
        WICK_TRY(wick_json_only(layer, known));
        WICK_TRY(window_to(b, layer, &attrs));
    } else {
        wick_json_at size;
        WICK_TRY(wick_json_get(layer, "size", &size));
        WICK_TRY(wick_recipe_pair(b, layer, "size", 1, MAX_WINDOW, attrs.kernel));
        attrs.stride[0] = attrs.kernel[0];
        attrs.stride[1] = attrs.kernel[1];
        WICK_TRY(wick_recipe_pair(b, layer, "stride", 1, MAX_WINDOW, attrs.stride));
        WICK_TRY(wick_recipe_pair(b, layer, "pad", 0, MAX_WINDOW, attrs.pad));
        attrs.pad[2] = attrs.pad[0];
        attrs.pad[3] = attrs.pad[1];
    }
    return wick_builder_node(b, layer, wick_builder_name(b, kind), op, &b->x, 1, &attrs);
}

static wick_status build_pool(wick_builder *b, wick_json_at layer) {
    return add_pool(b, layer, "pool", WICK_OP_MAX_POOL);
}

static wick_status build_avgpool(wick_builder *b, wick_json_at layer) {
    return add_pool(b, layer, "avgpool", WICK_OP_AVG_POOL);
}

static wick_status build_gap(wick_builder *b, wick_json_at layer) {
    return wick_builder_node(b, layer, wick_builder_name(b, "gap"), WICK_OP_GLOBAL_AVG_POOL, &b->x,
                             1, NULL);
}

static wick_status build_flatten(wick_builder *b, wick_json_at layer) {
    return wick_builder_node(b, layer, wick_builder_name(b, "flatten"), WICK_OP_FLATTEN, &b->x, 1,
                             NULL);
}

static wick_status build_fc(wick_builder *b, wick_json_at layer) {
    bool relu, bias;
    int64_t out;
    const char *name = wick_builder_name(b, "fc");
    wick_arena *arena = b->graph->arena;
    if (shape_now(b).rank != 2)
        WICK_TRY(wick_builder_node(b, layer, wick_arena_printf(arena, "%s.flatten", name),
                                   WICK_OP_FLATTEN, &b->x, 1, NULL));
    WICK_TRY(wick_recipe_out(b, layer, &out));
    /* What gives one number for each class is the logits: a ReLU there would cut them. */
    const json_t *text = json_object_get(layer.value, "out");
    bool logits = json_is_string(text) && strcmp(json_string_value(text), "classes") == 0;
    WICK_TRY(wick_recipe_flag(b, layer, "relu", !logits, &relu));
    WICK_TRY(wick_recipe_flag(b, layer, "bias", true, &bias));
    wick_shape shape = {2, {out, shape_now(b).dim[1]}};
    WICK_TRY(add_linear(b, layer, name, WICK_OP_GEMM, shape, bias, NULL));
    return relu ? add_relu(b, layer, wick_arena_printf(arena, "%s.relu", name)) : WICK_OK;
}

/* y = relu(layers(x) + shortcut(x)) (He et al. 2016). */
static wick_status build_residual(wick_builder *b, wick_json_at layer) {
    bool relu;
    int x = b->x, sum[2];
    WICK_TRY(wick_recipe_flag(b, layer, "relu", true, &relu));
    const char *name = wick_builder_name(b, "residual");
    WICK_TRY(wick_recipe_layers(b, layer, "layers", 1));
    sum[0] = b->x;
    b->x = x;
    if (wick_json_has(layer, "shortcut"))
        WICK_TRY(wick_recipe_layers(b, layer, "shortcut", 0));
    sum[1] = b->x;
    WICK_TRY(wick_builder_node(b, layer, name, WICK_OP_ADD, sum, 2, NULL));
    return relu ? add_relu(b, layer, wick_arena_printf(b->graph->arena, "%s.relu", name)) : WICK_OK;
}

/* y = [x, layers(x)] along the channels (Huang et al. 2017). */
static wick_status build_dense(wick_builder *b, wick_json_at layer) {
    int parts[2] = {b->x, -1};
    const char *name = wick_builder_name(b, "dense");
    WICK_TRY(wick_recipe_layers(b, layer, "layers", 1));
    parts[1] = b->x;
    return wick_builder_node(b, layer, name, WICK_OP_CONCAT, parts, 2, NULL);
}

/* Channels of zeros behind those that come in, so that there are `out`. */
static wick_status build_pad(wick_builder *b, wick_json_at layer) {
    wick_attrs attrs = wick_attrs_default();
    int64_t out, channels = shape_now(b).dim[1];
    WICK_TRY(wick_recipe_out(b, layer, &out));
    if (out < channels)
        return wick_json_fail(layer, WICK_RANGE, NULL, "%lld channels come in, more than its %lld",
                              (long long)channels, (long long)out);
    attrs.pad_channels = (int)(out - channels);
    return wick_builder_node(b, layer, wick_builder_name(b, "pad"), WICK_OP_PAD, &b->x, 1, &attrs);
}

/* Srivastava et al. 2014. Nothing at all where no number is dropped. */
static wick_status build_dropout(wick_builder *b, wick_json_at layer) {
    wick_attrs attrs = wick_attrs_default();
    wick_json_at at;
    int percent = 0;
    WICK_TRY(wick_json_get(layer, "percent", &at));
    WICK_TRY(wick_recipe_int(b, layer, "percent", 0, 99, &percent));
    attrs.alpha = (float)percent / 100.0f;
    if (percent == 0)
        return WICK_OK;
    return wick_builder_node(b, layer, wick_builder_name(b, "dropout"), WICK_OP_DROPOUT, &b->x, 1,
                             &attrs);
}

/* The recipe's own list of layers of that name. */
static wick_status build_block(wick_builder *b, wick_json_at layer) {
    const char *name, *known = "it has";
    wick_json_at blocks, at;
    WICK_TRY(wick_json_string(layer, "name", &name));
    WICK_TRY(wick_json_object(b->root, "blocks", &blocks));
    if (wick_json_has(blocks, name))
        return wick_recipe_layers(b, blocks, name, 1);
    json_t *value;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)blocks.value, key, value) known =
        wick_arena_printf(layer.arena, "%s %s", known, key);
    WICK_TRY(wick_json_get(layer, "name", &at));
    return wick_json_fail(at, WICK_UNKNOWN, known, "the recipe has no block '%.40s'", name);
}

#define COMMON "type", "repeat"
#define CONV "kernel", "stride", "pad", "bn", "bias", "relu"
#define POOL "size", "stride", "pad", "to"

static const struct {
    const char *name;
    wick_status (*build)(wick_builder *b, wick_json_at layer);
    const char *fields[12]; /* NULL-terminated */
} types[] = {
    {"conv", build_conv, {COMMON, CONV, "out", "groups"}},
    {"dwconv", build_dwconv, {COMMON, CONV}},
    {"separable", build_separable, {COMMON, CONV, "out"}},
    {"bn", build_bn, {COMMON}},
    {"relu", build_relu, {COMMON}},
    {"pool", build_pool, {COMMON, POOL}},
    {"avgpool", build_avgpool, {COMMON, POOL}},
    {"gap", build_gap, {COMMON}},
    {"flatten", build_flatten, {COMMON}},
    {"fc", build_fc, {COMMON, "out", "relu", "bias"}},
    {"residual", build_residual, {COMMON, "layers", "shortcut", "relu"}},
    {"dense", build_dense, {COMMON, "layers"}},
    {"pad", build_pad, {COMMON, "out"}},
    {"dropout", build_dropout, {COMMON, "percent"}},
    {"block", build_block, {COMMON, "name"}},
};

static wick_status unknown_type(wick_json_at layer, const char *type) {
    wick_json_at at;
    WICK_TRY(wick_json_get(layer, "type", &at));
    wick_buf hint = {0};
    wick_buf_puts(&hint, "known layers:");
    for (size_t i = 0; i < WICK_LEN(types); i++)
        wick_buf_printf(&hint, " %s", types[i].name);
    wick_status status =
        wick_json_fail(at, WICK_UNKNOWN, hint.data, "there is no layer '%.40s'", type);
    wick_buf_free(&hint);
    return status;
}

static wick_status build_layer(wick_builder *b, wick_json_at layer) {
    const char *name;
    int repeat = 1;
    if (++b->layers > MAX_READ)
        return wick_json_fail(layer, WICK_RANGE, "repeat less", "more than %d layers", MAX_READ);
    WICK_TRY(wick_json_string(layer, "type", &name));
    size_t type = 0;
    while (type < WICK_LEN(types) && strcmp(types[type].name, name) != 0)
        type++;
    if (type == WICK_LEN(types))
        return unknown_type(layer, name);
    WICK_TRY(wick_json_only(layer, types[type].fields));
    WICK_TRY(wick_recipe_int(b, layer, "repeat", 0, MAX_REPEAT, &repeat));
    for (int i = 0; i < repeat; i++)
        WICK_TRY(types[type].build(b, layer));
    return WICK_OK;
}

wick_status wick_recipe_layers(wick_builder *builder, wick_json_at at, const char *key,
                               size_t min_count) {
    wick_json_at list;
    WICK_TRY(wick_recipe_field(builder, at, key, &list));
    if (!json_is_array(list.value))
        return wick_json_fail(list, WICK_SYNTAX, NULL, "must be an array");
    size_t count = json_array_size(list.value);
    if (count < min_count || count > MAX_LAYERS)
        return wick_json_fail(list, WICK_RANGE, NULL, "%zu layers; %zu to %d are possible", count,
                              min_count, MAX_LAYERS);
    if (++builder->depth > MAX_DEPTH)
        return wick_json_fail(list, WICK_RANGE, NULL, "layers are nested more than %d deep",
                              MAX_DEPTH);
    for (size_t i = 0; i < count; i++)
        WICK_TRY(build_layer(builder, wick_json_index(list, i)));
    builder->depth--;
    return WICK_OK;
}
