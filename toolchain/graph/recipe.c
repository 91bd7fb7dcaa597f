/* Recipes: from a JSON description to a family with initialised weights. */
#include "graph/recipe.h"

#include <ctype.h>
#include <string.h>

wick_recipe_options wick_recipe_defaults(void) {
    return (wick_recipe_options){.width = 1,
                                 .height = 32,
                                 .width_px = 32,
                                 .channels = 3,
                                 .classes = 10,
                                 .batch_norm = -1,
                                 .shared = true,
                                 .seed = 1};
}

static wick_status check_options(const wick_recipe_options *o, const char *file, wick_diag *diag) {
    if (!(o->width > 0 && o->width <= 8))
        return wick_fail(diag, WICK_RANGE, file, "width", NULL, "%g is not above 0 and at most 8",
                         o->width);
    const struct {
        const char *name;
        int value, min, max;
    } limits[] = {
        {"input height", o->height, 1, 1024},
        {"input width", o->width_px, 1, 1024},
        {"input channels", o->channels, 1, WICK_MAX_CHANNELS_META},
        {"classes", o->classes, 2, 10000},
        {"batch_norm", o->batch_norm, -1, 1},
    };
    for (size_t i = 0; i < WICK_LEN(limits); i++)
        if (limits[i].value < limits[i].min || limits[i].value > limits[i].max)
            return wick_fail(diag, WICK_RANGE, file, limits[i].name, NULL,
                             "%d is not within %d to %d", limits[i].value, limits[i].min,
                             limits[i].max);
    return WICK_OK;
}

/* Names end up in C identifiers and file names. */
static wick_status read_name(wick_json_at at, const char *key, const char **out) {
    WICK_TRY(wick_json_string(at, key, out));
    wick_json_at name;
    WICK_TRY(wick_json_get(at, key, &name));
    size_t len = strlen(*out);
    bool good = len >= 1 && len <= 31 && isalpha((unsigned char)(*out)[0]);
    for (size_t i = 0; i < len; i++)
        good = good && (isalnum((unsigned char)(*out)[i]) || (*out)[i] == '_');
    if (!good)
        return wick_json_fail(name, WICK_SYNTAX, NULL,
                              "a name is a letter, then letters, digits and _, at most 31");
    return WICK_OK;
}

static wick_status read_head_name(const wick_graph *graph, wick_json_at head, const char **out) {
    WICK_TRY(read_name(head, "name", out));
    wick_json_at at;
    WICK_TRY(wick_json_get(head, "name", &at));
    bool taken = !strcmp(*out, "fe") || !strcmp(*out, "features") || !strcmp(*out, "input");
    for (int k = 0; k < graph->family.n_heads; k++)
        taken = taken || !strcmp(graph->family.head_names[k], *out);
    if (taken)
        return wick_json_fail(at, WICK_SYNTAX, "give every head a name of its own",
                              "the name '%s' is taken", *out);
    return WICK_OK;
}

/* Adds one head, with an extractor of its own where none is shared. */
static wick_status build_head(wick_builder *b, wick_json_at root, wick_json_at head) {
    static const char *const known[] = {"name", "layers", NULL};
    wick_graph *graph = b->graph;
    wick_family *family = &graph->family;
    const char *name;
    WICK_TRY(wick_json_only(head, known));
    WICK_TRY(read_head_name(graph, head, &name));
    name = wick_arena_strdup(graph->arena, name);
    int from = family->features;
    if (!b->options->shared) {
        wick_builder_part(b, wick_arena_printf(graph->arena, "%s.fe.", name), graph->input);
        WICK_TRY(wick_recipe_layers(b, root, "extractor", 0));
        from = b->x;
    }
    wick_builder_part(b, wick_arena_printf(graph->arena, "%s.", name), from);
    WICK_TRY(wick_recipe_layers(b, head, "layers", 1));
    const wick_shape expected = {2, {1, b->options->classes}};
    const wick_tensor *logits = &graph->tensors[b->x];
    if (!wick_shape_equal(logits->shape, expected))
        return wick_json_fail(
            head, WICK_SHAPE, "end its layers with {\"type\": \"fc\", \"out\": \"classes\"}",
            "it ends in %s, not in %s: one number for each class",
            wick_shape_text(head.arena, logits->shape), wick_shape_text(head.arena, expected));
    wick_graph_rename(graph, b->x, wick_arena_printf(graph->arena, "%s.logits", name));
    family->heads[family->n_heads] = b->x;
    family->head_names[family->n_heads++] = name;
    return WICK_OK;
}

static wick_status build_shared_extractor(wick_builder *b, wick_json_at root) {
    wick_graph *graph = b->graph;
    wick_builder_part(b, "fe.", graph->input);
    WICK_TRY(wick_recipe_layers(b, root, "extractor", 0));
    graph->family.features = b->x;
    if (b->x != graph->input)
        wick_graph_rename(graph, b->x, "features");
    return WICK_OK;
}

static wick_status build_heads(wick_builder *b, wick_json_at root) {
    wick_json_at heads;
    size_t count;
    WICK_TRY(wick_json_array(root, "heads", &heads, &count));
    if (count < 1 || count > WICK_MAX_HEADS)
        return wick_json_fail(heads, WICK_RANGE, NULL, "%zu heads; 1 to %d are possible", count,
                              WICK_MAX_HEADS);
    for (size_t i = 0; i < count; i++)
        WICK_TRY(build_head(b, root, wick_json_index(heads, i)));
    return WICK_OK;
}

/* Input tensor and normalisation: x = (pixel - 128) / 127.5, which int8 holds exactly. */
static void add_input(wick_graph *graph, const wick_recipe_options *o) {
    wick_shape shape = {4, {1, o->channels, o->height, o->width_px}};
    graph->input = wick_graph_tensor(graph, "input", WICK_F32, shape, NULL);
    graph->family.n_channels = o->channels;
    for (int c = 0; c < o->channels; c++) {
        graph->family.mean[c] = 128.0f / 255.0f;
        graph->family.std[c] = 0.5f;
    }
}

static wick_status build(wick_json_at root, const wick_recipe_options *options, wick_graph *graph) {
    static const char *const known[] = {"name",       "description", "source", "batch_norm",
                                        "parameters", "let",         "blocks", "extractor",
                                        "heads",      NULL};
    WICK_TRY(wick_json_only(root, known));
    const char *name;
    WICK_TRY(read_name(root, "name", &name));
    graph->name = wick_arena_strdup(graph->arena, name);
    wick_builder builder = {.graph = graph, .options = options, .root = root};
    WICK_TRY(wick_recipe_names(&builder, root));
    graph->family.recipe = wick_recipe_text(&builder, name);
    WICK_TRY(wick_recipe_flag(&builder, root, "batch_norm", false, &builder.batch_norm));
    if (options->batch_norm >= 0)
        builder.batch_norm = options->batch_norm == 1;
    add_input(graph, options);
    if (options->shared)
        WICK_TRY(build_shared_extractor(&builder, root));
    WICK_TRY(build_heads(&builder, root));
    wick_recipe_initialise(graph, options->seed);
    return wick_graph_segment(graph, root.diag);
}

wick_status wick_recipe_build(const char *name_or_path, const wick_recipe_options *options,
                              wick_graph **out, wick_diag *diag) {
    *out = NULL;
    wick_arena *scratch = wick_arena_new();
    wick_graph *graph = wick_graph_new("");
    char *path = NULL;
    json_t *root = NULL;
    wick_status status = wick_share_find(scratch, "recipes", name_or_path, &path, diag);
    if (status == WICK_OK)
        status = check_options(options, path, diag);
    if (status == WICK_OK)
        status = wick_json_load(path, &root, diag);
    if (status == WICK_OK)
        status = build(wick_json_root(root, path, scratch, diag), options, graph);
    if (status == WICK_OK)
        *out = graph;
    else
        wick_graph_free(graph);
    json_decref(root);
    wick_arena_free(scratch);
    return status;
}
