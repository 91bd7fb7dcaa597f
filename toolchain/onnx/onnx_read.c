/* Reading, from the bytes to a segmented graph. */
#include "onnx_import.h"

#include <stdlib.h>
#include <string.h>

enum { MIN_IR_VERSION = 3, MIN_OPSET = 6, MAX_OPSET = 28 };
enum { FOLD_BUDGET = 1 << 28 }; /* element operations: well under a second */

static bool is_default_domain(const char *domain) {
    return !domain || !domain[0] || !strcmp(domain, "ai.onnx");
}

/* A file that was cut off between two fields is well-formed, but lacks what comes last. */
static wick_status check_model(wick_onnx_import *im, size_t len) {
    const Onnx__ModelProto *model = im->model;
    char place[40];
    snprintf(place, sizeof place, "byte %zu", len);
    for (size_t i = 0; i < model->n_opset_import; i++)
        if (is_default_domain(model->opset_import[i]->domain))
            im->opset = model->opset_import[i]->version;
    if (!model->graph || model->n_opset_import == 0)
        return wick_fail(im->diag, WICK_TRUNCATED, im->file, place, "copy or export the file again",
                         "the file ends without %s",
                         model->graph ? "the version of its operators" : "a graph");
    if (model->ir_version < MIN_IR_VERSION)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, "ir_version",
                         "convert it with onnx.version_converter",
                         "IR version %lld is older than %d", (long long)model->ir_version,
                         MIN_IR_VERSION);
    if (im->opset < MIN_OPSET || im->opset > MAX_OPSET)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, "opset_import",
                         "export with opset 17", "opset %lld is not within %d to %d",
                         (long long)im->opset, MIN_OPSET, MAX_OPSET);
    return WICK_OK;
}

/* --- nodes --- */

/* What can be said about a node without its inputs. */
static wick_status check_node(wick_onnx_import *im, const wick_onnx_rule *rule) {
    const Onnx__NodeProto *node = im->node;
    if (!is_default_domain(node->domain))
        return wick_onnx_unsupported(im, "export with standard ONNX operators",
                                     "an operator of the domain '%s'", node->domain);
    if (!rule) {
        const char *hint = im->listed ? "replace it by the supported operators listed above"
                                      : wick_onnx_rule_names(im);
        im->listed = true;
        return wick_onnx_unsupported(im, hint, "the operator is not supported");
    }
    WICK_TRY(wick_onnx_attrs_known(im, rule->attributes));
    int n = (int)node->n_input;
    if (n < rule->min_inputs || (rule->max_inputs >= 0 && n > rule->max_inputs))
        return wick_onnx_unsupported(im, NULL, "it has %d inputs", n);
    if (!node->output[0][0])
        return wick_onnx_unsupported(im, NULL, "its first output is left out");
    for (size_t i = 1; i < node->n_output && rule->convert != wick_onnx_convert_split; i++) {
        int v = node->output[i][0] ? wick_onnx_names_find(im->names, node->output[i]) : -1;
        if (v >= 0 && im->values[v].readers > 0)
            return wick_onnx_unsupported(im, "only first outputs may be used",
                                         "its output '%s' is used", node->output[i]);
    }
    return WICK_OK;
}

static wick_status convert_node(wick_onnx_import *im, int n) {
    im->node = im->proto->node[n];
    im->node_index = n;
    im->place = wick_onnx_node_place(im, im->node);
    im->blind = false;
    for (size_t i = 0; i < im->node->n_input; i++) {
        const wick_onnx_value *value = wick_onnx_input(im, (int)i);
        im->blind = im->blind || (value && value->broken);
    }
    const wick_onnx_rule *rule = wick_onnx_rule_of(im->node->op_type);
    WICK_TRY(check_node(im, rule));
    return rule->convert(im);
}

/* What a node should have made and did not. */
static void mark_broken(wick_onnx_import *im, bool all) {
    for (size_t i = 0; i < im->node->n_output; i++) {
        if (!im->node->output[i][0])
            continue;
        wick_onnx_value *value = &im->values[wick_onnx_names_find(im->names, im->node->output[i])];
        bool made = value->constant || value->tensor >= 0 || value->same_as >= 0;
        value->broken = all || !made;
    }
}

/* Converts every node that a result needs; all faults are reported, UNSUPPORTED wins. */
static wick_status convert_nodes(wick_onnx_import *im) {
    wick_status result = WICK_OK;
    for (size_t n = 0; n < im->proto->n_node; n++) {
        if (!im->live[n])
            continue;
        wick_status status = convert_node(im, (int)n);
        mark_broken(im, status != WICK_OK || im->blind);
        if (status != WICK_OK && result != WICK_UNSUPPORTED)
            result = result == WICK_OK || status == WICK_UNSUPPORTED ? status : result;
    }
    return result;
}

/* --- results --- */

/* Graph tensor of a promised result. */
static wick_status resolve(wick_onnx_import *im, const char *name, int *tensor) {
    const wick_onnx_value *value = &im->values[wick_onnx_names_find(im->names, name)];
    if (value->same_as >= 0)
        value = &im->values[value->same_as];
    if (value->tensor >= 0 && value->tensor == im->graph->input) {
        *tensor = wick_graph_node(im->graph, name, WICK_OP_IDENTITY, &value->tensor, 1, name, NULL);
        return WICK_OK;
    }
    if (wick_onnx_is_constant(im, value) || value->tensor < 0)
        return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, name, NULL,
                         "this result does not depend on the input through any layer");
    *tensor = value->tensor;
    return WICK_OK;
}

static wick_status check_heads(wick_onnx_import *im) {
    const wick_graph *g = im->graph;
    for (int k = 0; k < g->family.n_heads; k++) {
        const wick_tensor *logits = &g->tensors[g->family.heads[k]];
        for (int j = 0; j < k; j++)
            if (g->family.heads[j] == g->family.heads[k])
                return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, logits->name, NULL,
                                 "two modules have this one result");
        if (g->family.features == g->family.heads[k])
            return wick_fail(im->diag, WICK_UNSUPPORTED, im->file, logits->name, NULL,
                             "the features are the result of a module");
    }
    return WICK_OK;
}

static wick_status finish(wick_onnx_import *im, const char *const *heads, const char *features) {
    wick_graph *g = im->graph;
    for (int k = 0; k < g->family.n_heads; k++)
        WICK_TRY(resolve(im, heads[k], &g->family.heads[k]));
    if (features)
        WICK_TRY(resolve(im, features, &g->family.features));
    wick_graph_prune(g);
    if (features && g->family.features < 0)
        return wick_fail(im->diag, WICK_SHAPE, im->file, "wick.features", NULL,
                         "no module is computed from the features '%s'", features);
    WICK_TRY(wick_graph_infer(g, im->diag));
    WICK_TRY(check_heads(im));
    WICK_TRY(wick_graph_normalise(g, im->diag));
    return wick_graph_segment(g, im->diag);
}

static wick_status import(wick_onnx_import *im, size_t len) {
    const char *heads[WICK_MAX_HEADS] = {0}, *features;
    WICK_TRY(check_model(im, len));
    im->proto = im->model->graph;
    const char *name = im->proto->name;
    im->graph = wick_graph_new(wick_onnx_legal_name(name) ? name : "");
    WICK_TRY(wick_onnx_structure(im));
    WICK_TRY(wick_onnx_family_read(im, heads, &features));
    wick_onnx_mark_live(im, heads, im->graph->family.n_heads);
    if (features)
        wick_onnx_mark_live(im, &features, 1);
    WICK_TRY(wick_onnx_input_tensor(im));
    WICK_TRY(convert_nodes(im));
    return finish(im, heads, features);
}

/* Diagnostics of the graph's own passes do not know the file. */
static void name_file(wick_diag *diag, size_t first, const char *file) {
    for (size_t i = first; diag && i < diag->count; i++)
        if (!diag->items[i].file)
            diag->items[i].file = wick_xstrdup(file);
}

static wick_status read_model(const uint8_t *bytes, size_t len, const char *name,
                              const char *folder, const wick_onnx_options *options,
                              wick_graph **out, wick_diag *diag) {
    *out = NULL;
    size_t first = diag ? diag->count : 0;
    wick_onnx_pool pool;
    wick_onnx_pool_init(&pool, 0);
    Onnx__ModelProto *model;
    wick_status status = wick_onnx_unpack(bytes, len, name, &pool, &model, diag);
    if (status == WICK_OK) {
        wick_onnx_import im = {.file = name,
                               .folder = folder,
                               .diag = diag,
                               .scratch = wick_arena_new(),
                               .model = model,
                               .keep_batch = options && options->keep_batch,
                               .fold_budget = FOLD_BUDGET,
                               .memory_budget =
                                   WICK_ONNX_MEMORY + WICK_ONNX_MEMORY_PER_BYTE * (int64_t)len};
        status = import(&im, len);
        wick_arena_free(im.scratch);
        if (status == WICK_OK)
            *out = im.graph;
        else
            wick_graph_free(im.graph);
    }
    wick_onnx_pool_free(&pool);
    name_file(diag, first, name);
    return status;
}

wick_status wick_onnx_read_bytes(const uint8_t *bytes, size_t len, const char *name,
                                 const wick_onnx_options *options, wick_graph **out,
                                 wick_diag *diag) {
    return read_model(bytes, len, name, NULL, options, out, diag);
}

wick_status wick_onnx_read(const char *path, wick_graph **out, wick_diag *diag) {
    *out = NULL;
    wick_arena *arena = wick_arena_new();
    wick_bytes bytes;
    wick_status status = wick_file_read(arena, path, INT32_MAX, &bytes, diag);
    if (status == WICK_OK)
        status =
            read_model(bytes.data, bytes.len, path, wick_path_dir(arena, path), NULL, out, diag);
    wick_arena_free(arena);
    return status;
}
