/* The builder under the layers of a recipe: names, nodes, constants. */
#include "graph/recipe.h"

#include <assert.h>
#include <string.h>

/* Recipes are user input: these keep a typing error from asking for terabytes. */
enum { MAX_NODES = 4096 };
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
