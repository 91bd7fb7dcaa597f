#include "graph/exits.h"

#include "graph/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    POOLED = 2,   /* rows and columns that the linear exits see */
    HIDDEN = 128, /* of WICK_EXITS_HEADS */
    COARSE = 3,   /* rows and columns behind the convolutions of WICK_EXITS_SMALL */
    FINE = 4,     /* the same of large maps */
    LARGE = 12,   /* rows from which a map is large */
    TAPS = 9,
    SHARES = 256, /* of a block's channels, in which those of A_k are counted */
    MAX_EXITS = WICK_MAX_HEADS - 1
};
static const float GLOBAL_DROPOUT = 0.4f;
static const double SMALL_BUDGET = 1.2; /* times the parameters of WICK_EXITS_GLOBAL */

static const char *const names[] = {
#define X(upper, name) name,
    WICK_EXITS_TABLE(X)
#undef X
};

const char *wick_exits_name(wick_exit_kind kind) {
    return names[kind];
}

wick_status wick_exits_find(const char *name, wick_exit_kind *kind, wick_diag *diag) {
    for (int k = 0; k < WICK_EXIT_KINDS; k++)
        if (!strcmp(names[k], name)) {
            *kind = (wick_exit_kind)k;
            return WICK_OK;
        }
    return wick_fail(diag, WICK_UNKNOWN, NULL, "exits", "global, small, heads or linear",
                     "there are no exits '%s'", name);
}

typedef struct builder {
    wick_graph *graph;
    uint64_t seed;
    int n, block[MAX_EXITS]; /* tensors that blocks end in */
    int64_t classes;
    wick_diag *diag;
} builder;

/* --- where blocks end --------------------------------------------------------------------------*/

/* Whether tensor `to` depends on the input by a way that leaves out tensor `without`. */
static bool reaches(const wick_graph *graph, int to, int without) {
    bool *reached = wick_xalloc((size_t)graph->n_tensors * sizeof *reached);
    reached[graph->input] = graph->input != without;
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        for (int i = 0; i < node->n_inputs && node->output != without; i++)
            if (node->inputs[i] >= 0 && reached[node->inputs[i]])
                reached[node->output] = true;
    }
    bool result = reached[to];
    free(reached);
    return result;
}

/* Whether tensor `to` is computed from tensor `from`. */
static bool depends(const wick_graph *graph, int to, int from) {
    bool *derived = wick_xalloc((size_t)graph->n_tensors * sizeof *derived);
    derived[from] = true;
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        for (int i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] >= 0 && derived[node->inputs[i]])
                derived[node->output] = true;
    }
    bool result = derived[to];
    free(derived);
    return result;
}

static wick_status add_block(builder *b, const wick_node *node) {
    const wick_graph *graph = b->graph;
    int t = node->output;
    if (graph->tensors[t].shape.rank != 4)
        return wick_fail(b->diag, WICK_SHAPE, NULL, node->name, NULL,
                         "its result is no image with channels, so no exit can follow it");
    if (t == graph->family.heads[0] || !depends(graph, graph->family.heads[0], t))
        return wick_fail(b->diag, WICK_SHAPE, NULL, node->name, NULL,
                         "the network's answer does not depend on it");
    if (b->n > 0 && (b->block[b->n - 1] == t || !depends(graph, t, b->block[b->n - 1])))
        return wick_fail(b->diag, WICK_SHAPE, NULL, node->name,
                         "name the nodes in the order in which they run",
                         "it does not follow the exit before it");
    if (b->n == MAX_EXITS)
        return wick_fail(b->diag, WICK_SHAPE, NULL, node->name,
                         "name those that shall be followed by an exit (--exit-after)",
                         "more than %d blocks", MAX_EXITS);
    b->block[b->n++] = t;
    return WICK_OK;
}

static const wick_node *find_node(const wick_graph *graph, const char *name, size_t len) {
    for (int n = 0; n < graph->n_nodes; n++)
        if (strlen(graph->nodes[n].name) == len && !memcmp(graph->nodes[n].name, name, len))
            return &graph->nodes[n];
    return NULL;
}

static wick_status named_blocks(builder *b, const char *after) {
    for (const char *name = after;;) {
        size_t len = strcspn(name, ",");
        const wick_node *node = find_node(b->graph, name, len);
        if (!node)
            return wick_fail(b->diag, WICK_UNKNOWN, NULL, after, "`wick describe` lists the nodes",
                             "there is no node '%.*s'", (int)len, name);
        WICK_TRY(add_block(b, node));
        if (!name[len])
            return WICK_OK;
        name += len + 1;
    }
}

static wick_status pooled_blocks(builder *b) {
    const wick_graph *graph = b->graph;
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        if ((node->op != WICK_OP_MAX_POOL && node->op != WICK_OP_AVG_POOL) ||
            reaches(graph, graph->family.heads[0], node->output))
            continue;
        WICK_TRY(add_block(b, node));
    }
    return b->n ? WICK_OK
                : wick_fail(b->diag, WICK_SHAPE, NULL, NULL,
                            "name the nodes that end its blocks (--exit-after)",
                            "the network has no pooling layer that could end a block");
}

/* --- building ----------------------------------------------------------------------------------*/

static const char *named(builder *b, int exit, const char *part) {
    return wick_arena_printf(b->graph->arena, WICK_EXITS_PREFIX "%d.%s", exit + 1, part);
}

/* A node with the name exit<k>.<kind> and a result of the same name; inferred. */
static wick_status node(builder *b, int exit, const char *kind, wick_op op, const int *inputs,
                        int n_inputs, const wick_attrs *attrs, int *x) {
    const char *name = named(b, exit, kind);
    *x = wick_graph_node(b->graph, name, op, inputs, n_inputs, name, attrs);
    return wick_node_infer(b->graph, b->graph->n_nodes - 1, b->diag);
}

static int weights(builder *b, const char *name, wick_shape shape) {
    int t = wick_graph_tensor(b->graph, name, WICK_F32, shape, NULL);
    wick_tensor *tensor = &b->graph->tensors[t];
    tensor->data = wick_new(b->graph->arena, float, wick_shape_count(shape));
    if (shape.rank > 1)
        wick_recipe_fill_normal(tensor, b->seed);
    return t;
}

/* A layer with weights of `shape`, outputs first, and (biased) as many biases. */
static wick_status layer(builder *b, int exit, const char *kind, wick_op op, wick_shape shape,
                         bool biased, const wick_attrs *attrs, int *x) {
    wick_arena *arena = b->graph->arena;
    const char *name = named(b, exit, kind);
    int inputs[3] = {*x, weights(b, wick_arena_printf(arena, "%s.weight", name), shape), -1};
    if (biased)
        inputs[2] =
            weights(b, wick_arena_printf(arena, "%s.bias", name), (wick_shape){1, {shape.dim[0]}});
    return node(b, exit, kind, op, inputs, biased ? 3 : 2, attrs, x);
}

/* Windows, which may overlap, that leave at most `to` rows and columns. */
static wick_status pool(builder *b, int exit, wick_op op, int to, int *x) {
    wick_attrs attrs = wick_attrs_default();
    wick_shape shape = b->graph->tensors[*x].shape;
    bool smaller = false;
    for (int i = 0; i < 2; i++) {
        int size = (int)shape.dim[2 + i], rows = size < to ? size : to;
        attrs.stride[i] = size / rows;
        attrs.kernel[i] = size - (rows - 1) * attrs.stride[i];
        smaller |= size > rows;
    }
    return smaller ? node(b, exit, "pool", op, x, 1, &attrs, x) : WICK_OK;
}

static wick_status flat(builder *b, int exit, int *x) {
    return node(b, exit, "flat", WICK_OP_FLATTEN, x, 1, NULL, x);
}

static wick_status fc(builder *b, int exit, const char *kind, int64_t outputs, bool biased,
                      int *x) {
    wick_shape shape = {2, {outputs, b->graph->tensors[*x].shape.dim[1]}};
    return layer(b, exit, kind, WICK_OP_GEMM, shape, biased, NULL, x);
}

static wick_status pooled(builder *b, int exit, int *x) {
    WICK_TRY(pool(b, exit, WICK_OP_MAX_POOL, POOLED, x));
    return flat(b, exit, x);
}

static wick_status linear(builder *b, int exit, int *x) {
    WICK_TRY(pooled(b, exit, x));
    return fc(b, exit, "fc", b->classes, true, x);
}

/* `before`: logits of the exit before this one, -1 of the first. */
static wick_status global(builder *b, int exit, int before, int *x) {
    wick_attrs attrs = wick_attrs_default();
    attrs.alpha = GLOBAL_DROPOUT;
    WICK_TRY(pooled(b, exit, x));
    WICK_TRY(node(b, exit, "dropout", WICK_OP_DROPOUT, x, 1, &attrs, x));
    WICK_TRY(fc(b, exit, "fc", b->classes, before < 0, x));
    return before < 0 ? WICK_OK
                      : node(b, exit, "sum", WICK_OP_ADD, (int[]){before, *x}, 2, NULL, x);
}

static wick_status heads(builder *b, int exit, int *x) {
    WICK_TRY(pooled(b, exit, x));
    WICK_TRY(fc(b, exit, "hidden", HIDDEN, true, x));
    WICK_TRY(node(b, exit, "relu", WICK_OP_RELU, x, 1, NULL, x));
    return fc(b, exit, "fc", b->classes, true, x);
}

static bool has_convolution(wick_shape shape) {
    return shape.dim[2] > POOLED && shape.dim[3] > POOLED;
}

static int windows(wick_shape shape) {
    return shape.dim[2] >= LARGE && shape.dim[3] >= LARGE ? FINE : COARSE;
}

static int64_t channels_of(wick_shape shape, int share) {
    int64_t channels = shape.dim[1] * share / SHARES;
    return channels < 1 ? 1 : channels;
}

static wick_status small(builder *b, int exit, int share, int *x) {
    wick_shape shape = b->graph->tensors[*x].shape;
    if (share < 1 || !has_convolution(shape))
        return linear(b, exit, x);
    int64_t c = shape.dim[1], channels = channels_of(shape, share);
    wick_attrs deep = wick_attrs_default(), point = wick_attrs_default();
    deep.groups = (int)c;
    for (int i = 0; i < 2; i++)
        deep.kernel[i] = 3, point.kernel[i] = 1;
    for (int i = 0; i < 4; i++)
        deep.pad[i] = 1;
    WICK_TRY(
        layer(b, exit, "dwconv", WICK_OP_CONV, (wick_shape){4, {c, 1, 3, 3}}, false, &deep, x));
    WICK_TRY(layer(b, exit, "conv", WICK_OP_CONV, (wick_shape){4, {channels, c, 1, 1}}, true,
                   &point, x));
    WICK_TRY(node(b, exit, "relu", WICK_OP_RELU, x, 1, NULL, x));
    WICK_TRY(pool(b, exit, WICK_OP_AVG_POOL, windows(shape), x));
    WICK_TRY(flat(b, exit, x));
    return fc(b, exit, "fc", b->classes, true, x);
}

/* --- sizes -------------------------------------------------------------------------------------*/

static int64_t at_most(int64_t size, int64_t to) {
    return size < to ? size : to;
}

static int64_t linear_parameters(const builder *b, wick_shape x) {
    return x.dim[1] * at_most(x.dim[2], POOLED) * at_most(x.dim[3], POOLED) * b->classes;
}

static int64_t small_parameters(const builder *b, wick_shape x, int share) {
    if (!has_convolution(x))
        return linear_parameters(b, x) + b->classes;
    int64_t to = windows(x), channels = channels_of(x, share);
    return TAPS * x.dim[1] + (x.dim[1] + 1) * channels + (to * to * channels + 1) * b->classes;
}

/* The largest share; 0: there is no room for convolutions, or no use. */
static int small_share(const builder *b) {
    int64_t global_parameters = b->classes;
    bool any = false;
    for (int k = 0; k < b->n; k++) {
        wick_shape x = b->graph->tensors[b->block[k]].shape;
        global_parameters += linear_parameters(b, x);
        any |= has_convolution(x);
    }
    for (int share = any; share > 0 && share <= SHARES; share++) {
        int64_t all = 0;
        for (int k = 0; k < b->n; k++)
            all += small_parameters(b, b->graph->tensors[b->block[k]].shape, share);
        if ((double)all > SMALL_BUDGET * (double)global_parameters)
            return share - 1;
    }
    return any ? SHARES : 0;
}

/* --- the family --------------------------------------------------------------------------------*/

static wick_status check_network(const wick_graph *graph, wick_diag *diag) {
    size_t len = strlen(WICK_EXITS_PREFIX);
    for (int t = 0; t < graph->n_tensors; t++)
        if (!strncmp(graph->tensors[t].name, WICK_EXITS_PREFIX, len))
            return wick_fail(diag, WICK_UNSUPPORTED, NULL, graph->tensors[t].name,
                             "take the model as it was before exits were added",
                             "names that begin with '%s' are those of exits", WICK_EXITS_PREFIX);
    if (graph->family.n_heads != 1)
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, NULL, "take a model of one module",
                         "the model has %d modules; exits are added to a network of one answer",
                         graph->family.n_heads);
    for (int n = 0; n < graph->n_nodes; n++)
        if (graph->nodes[n].op == WICK_OP_QUANTIZE)
            return wick_fail(diag, WICK_UNSUPPORTED, NULL, graph->nodes[n].name,
                             "add exits to the float model, and quantize what comes of it",
                             "the model is quantized");
    return WICK_OK;
}

static wick_status add_exits(builder *b, wick_exit_kind kind) {
    wick_family *family = &b->graph->family;
    int share = kind == WICK_EXITS_SMALL ? small_share(b) : 0, before = -1;
    for (int k = 0; k < b->n; k++) {
        int x = b->block[k], head = b->n - k;
        wick_status status = kind == WICK_EXITS_GLOBAL  ? global(b, k, before, &x)
                             : kind == WICK_EXITS_SMALL ? small(b, k, share, &x)
                             : kind == WICK_EXITS_HEADS ? heads(b, k, &x)
                                                        : linear(b, k, &x);
        WICK_TRY(status);
        family->heads[head] = before = x;
        family->head_names[head] =
            wick_arena_printf(b->graph->arena, WICK_EXITS_PREFIX "%d", k + 1);
        family->accuracy[head] = family->validation[head] = (double)NAN;
    }
    family->n_heads = 1 + b->n;
    family->features = -1;
    family->chain = true;
    if (!family->head_names[0][0])
        family->head_names[0] = "final";
    return wick_graph_segment(b->graph, b->diag);
}

wick_status wick_exits_add(const wick_graph *graph, const wick_exits_options *options,
                           wick_graph **out, wick_diag *diag) {
    *out = NULL;
    WICK_TRY(check_network(graph, diag));
    builder b = {.graph = wick_graph_clone(graph), .seed = options->seed, .diag = diag};
    wick_status status = wick_graph_set_batch(b.graph, 1, diag);
    b.classes = wick_shape_count(b.graph->tensors[b.graph->family.heads[0]].shape);
    if (status == WICK_OK)
        status = options->after ? named_blocks(&b, options->after) : pooled_blocks(&b);
    if (status == WICK_OK)
        status = add_exits(&b, options->kind);
    if (status == WICK_OK)
        *out = b.graph;
    else
        wick_graph_free(b.graph);
    return status;
}

int64_t wick_exits_parameters(const wick_graph *graph) {
    wick_graph *final = wick_graph_head(graph, 1);
    int64_t all = 0, own = 0;
    for (int k = 0; k <= graph->family.n_heads; k++)
        all += wick_graph_counts(graph, k).parameters;
    for (int k = 0; k <= final->family.n_heads; k++)
        own += wick_graph_counts(final, k).parameters;
    wick_graph_free(final);
    return all - own;
}
