/* The graph as a data structure: building, copying, looking up. */
#include "graph/graph.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

size_t wick_dtype_bytes(wick_dtype dtype) {
    switch (dtype) {
    case WICK_S8:
    case WICK_U8:
        return 1;
    case WICK_S16:
        return 2;
    case WICK_F32:
    case WICK_S32:
        return 4;
    case WICK_S64:
        return 8;
    }
    assert(!"unknown dtype");
    return 0;
}

int64_t wick_shape_count(wick_shape shape) {
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++)
        count *= shape.dim[i];
    return count;
}

bool wick_shape_equal(wick_shape a, wick_shape b) {
    if (a.rank != b.rank)
        return false;
    for (int i = 0; i < a.rank; i++)
        if (a.dim[i] != b.dim[i])
            return false;
    return true;
}

wick_shape wick_image_shape(wick_shape shape) {
    if (shape.rank == 3)
        return (wick_shape){4, {shape.dim[0], 1, shape.dim[1], shape.dim[2]}};
    if (shape.rank == 2)
        return (wick_shape){4, {shape.dim[0], 1, 1, shape.dim[1]}};
    return shape;
}

char *wick_shape_text(wick_arena *arena, wick_shape shape) {
    wick_buf buf = {0};
    wick_buf_puts(&buf, "[");
    for (int i = 0; i < shape.rank; i++)
        wick_buf_printf(&buf, "%s%lld", i ? "," : "", (long long)shape.dim[i]);
    wick_buf_puts(&buf, "]");
    char *text = wick_arena_strdup(arena, buf.data);
    wick_buf_free(&buf);
    return text;
}

const char *wick_op_name(wick_op op) {
    static const char *const names[WICK_OP_COUNT] = {
#define X(upper, rule, onnx) onnx,
        WICK_OP_TABLE(X)
#undef X
    };
    assert(op < WICK_OP_COUNT);
    return names[op];
}

wick_attrs wick_attrs_default(void) {
    return (wick_attrs){.kernel = {1, 1},
                        .stride = {1, 1},
                        .dilation = {1, 1},
                        .step = {1, 1, 1, 1, 1, 1},
                        .groups = 1,
                        .axis = 1,
                        .epsilon = 1e-5f,
                        .momentum = 0.9f};
}

wick_graph *wick_graph_new(const char *name) {
    wick_arena *arena = wick_arena_new();
    wick_graph *graph = wick_new(arena, wick_graph, 1);
    graph->arena = arena;
    graph->name = wick_arena_strdup(arena, name ? name : "");
    graph->input = -1;
    graph->family.features = -1;
    for (int k = 0; k < WICK_MAX_HEADS; k++) {
        graph->family.heads[k] = -1;
        graph->family.head_names[k] = "";
        graph->family.accuracy[k] = graph->family.validation[k] = (double)NAN;
    }
    graph->family.recipe = graph->family.strategy = graph->family.data = "";
    return graph;
}

void wick_graph_free(wick_graph *graph) {
    if (graph)
        wick_arena_free(graph->arena);
}

/* FNV-1a: graphs from files have thousands of names to compare. */
static uint32_t hash_of(const char *name) {
    uint32_t hash = 2166136261u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    return hash;
}

int wick_graph_find(const wick_graph *graph, const char *name) {
    uint32_t hash = hash_of(name);
    for (int t = 0; t < graph->n_tensors; t++)
        if (graph->tensors[t].name_hash == hash && !strcmp(graph->tensors[t].name, name))
            return t;
    return -1;
}

void wick_graph_rename(wick_graph *graph, int tensor, const char *name) {
    assert(wick_graph_find(graph, name) < 0);
    graph->tensors[tensor].name = wick_arena_strdup(graph->arena, name);
    graph->tensors[tensor].name_hash = hash_of(name);
}

/* Arrays grow by doubling; the old one stays in the arena, which costs at most as much again. */
static void *grow(wick_arena *arena, const void *old, int used, int *cap, size_t element_bytes) {
    int fresh_cap = *cap ? 2 * *cap : 32;
    void *fresh = wick_arena_alloc(arena, wick_size_mul((size_t)fresh_cap, element_bytes));
    if (used)
        memcpy(fresh, old, (size_t)used * element_bytes);
    *cap = fresh_cap;
    return fresh;
}

int wick_graph_tensor(wick_graph *graph, const char *name, wick_dtype dtype, wick_shape shape,
                      const void *data) {
    assert(name && wick_graph_find(graph, name) < 0);
    assert(shape.rank >= 0 && shape.rank <= WICK_MAX_RANK);
    if (graph->n_tensors == graph->cap_tensors)
        graph->tensors = grow(graph->arena, graph->tensors, graph->n_tensors, &graph->cap_tensors,
                              sizeof *graph->tensors);
    wick_tensor *tensor = &graph->tensors[graph->n_tensors];
    *tensor = (wick_tensor){.name = wick_arena_strdup(graph->arena, name),
                            .name_hash = hash_of(name),
                            .dtype = dtype,
                            .shape = shape,
                            .producer = -1};
    if (data) {
        size_t bytes = wick_size_mul((size_t)wick_shape_count(shape), wick_dtype_bytes(dtype));
        tensor->data = wick_arena_alloc(graph->arena, bytes);
        memcpy(tensor->data, data, bytes);
    }
    return graph->n_tensors++;
}

int wick_graph_node(wick_graph *graph, const char *name, wick_op op, const int *inputs,
                    int n_inputs, const char *output_name, const wick_attrs *attrs) {
    assert(op < WICK_OP_COUNT && n_inputs >= 0);
    for (int i = 0; i < n_inputs; i++)
        assert(inputs[i] >= -1 && inputs[i] < graph->n_tensors);
    int output = wick_graph_tensor(graph, output_name, WICK_F32, (wick_shape){0}, NULL);
    if (graph->n_nodes == graph->cap_nodes)
        graph->nodes = grow(graph->arena, graph->nodes, graph->n_nodes, &graph->cap_nodes,
                            sizeof *graph->nodes);
    wick_node *node = &graph->nodes[graph->n_nodes];
    *node = (wick_node){.name = wick_arena_strdup(graph->arena, name ? name : ""),
                        .op = op,
                        .n_inputs = n_inputs,
                        .inputs = wick_new(graph->arena, int, n_inputs),
                        .output = output,
                        .attrs = attrs ? *attrs : wick_attrs_default()};
    if (n_inputs)
        memcpy(node->inputs, inputs, (size_t)n_inputs * sizeof *inputs);
    graph->tensors[output].producer = graph->n_nodes++;
    return output;
}

static void copy_family(wick_graph *copy, const wick_family *from) {
    wick_arena *arena = copy->arena;
    wick_family *family = &copy->family;
    *family = *from;
    for (int k = 0; k < WICK_MAX_HEADS; k++)
        family->head_names[k] = wick_arena_strdup(arena, from->head_names[k]);
    family->labels = NULL;
    if (from->n_labels)
        family->labels = wick_new(arena, const char *, from->n_labels);
    for (int i = 0; i < from->n_labels; i++)
        family->labels[i] = wick_arena_strdup(arena, from->labels[i]);
    family->recipe = wick_arena_strdup(arena, from->recipe);
    family->strategy = wick_arena_strdup(arena, from->strategy);
    family->data = wick_arena_strdup(arena, from->data);
}

wick_graph *wick_graph_clone(const wick_graph *graph) {
    wick_graph *copy = wick_graph_new(graph->name);
    wick_arena *arena = copy->arena;
    copy->input = graph->input;
    copy->n_tensors = copy->cap_tensors = graph->n_tensors;
    copy->tensors = wick_new(arena, wick_tensor, graph->n_tensors);
    for (int t = 0; t < graph->n_tensors; t++) {
        const wick_tensor *from = &graph->tensors[t];
        wick_tensor *to = &copy->tensors[t];
        *to = *from;
        to->name = wick_arena_strdup(arena, from->name);
        if (!from->data)
            continue;
        size_t bytes = (size_t)wick_shape_count(from->shape) * wick_dtype_bytes(from->dtype);
        to->data = wick_arena_alloc(arena, bytes);
        memcpy(to->data, from->data, bytes);
    }
    copy->n_nodes = copy->cap_nodes = graph->n_nodes;
    copy->nodes = wick_new(arena, wick_node, graph->n_nodes);
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *from = &graph->nodes[n];
        wick_node *to = &copy->nodes[n];
        *to = *from;
        to->name = wick_arena_strdup(arena, from->name);
        to->inputs = wick_new(arena, int, from->n_inputs);
        if (from->n_inputs)
            memcpy(to->inputs, from->inputs, (size_t)from->n_inputs * sizeof *to->inputs);
    }
    copy_family(copy, &graph->family);
    return copy;
}

int wick_graph_readers(const wick_graph *graph, int t) {
    int count = t == graph->family.features;
    for (int k = 0; k < graph->family.n_heads; k++)
        count += graph->family.heads[k] == t;
    for (int n = 0; n < graph->n_nodes; n++)
        for (int i = 0; i < graph->nodes[n].n_inputs; i++)
            count += graph->nodes[n].inputs[i] == t;
    return count;
}

char *wick_graph_fresh_name(wick_graph *graph, const char *base, const char *suffix) {
    char *name = wick_arena_printf(graph->arena, "%s%s", base, suffix);
    while (wick_graph_find(graph, name) >= 0)
        name = wick_arena_printf(graph->arena, "%s_", name);
    return name;
}
