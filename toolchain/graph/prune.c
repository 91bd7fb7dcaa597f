/* What each head needs: pruning, segments, the sub-graph of one head. */
#include "graph/graph.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Adds `bit` to the mask of every tensor that tensor `root` is computed from, itself included. The
   nodes are in topological order, so one pass backwards does it. */
static void mark_ancestors(const wick_graph *graph, int root, unsigned bit, unsigned *mask) {
    mask[root] |= bit;
    for (int n = graph->n_nodes - 1; n >= 0; n--) {
        const wick_node *node = &graph->nodes[n];
        if (!(mask[node->output] & bit))
            continue;
        for (int i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] >= 0)
                mask[node->inputs[i]] |= bit;
    }
}

static int renumbered(const int *map, int tensor) {
    return tensor < 0 ? -1 : map[tensor];
}

/* Closes the gaps in the tensor array; map[old] = new index, -1 for those that go. */
static void drop_tensors(wick_graph *graph, const unsigned *keep, int *map) {
    int n_tensors = 0;
    for (int t = 0; t < graph->n_tensors; t++) {
        map[t] = keep[t] ? n_tensors : -1;
        if (keep[t])
            graph->tensors[n_tensors++] = graph->tensors[t];
    }
    graph->n_tensors = n_tensors;
}

void wick_graph_prune(wick_graph *graph) {
    unsigned *keep = wick_xalloc((size_t)graph->n_tensors * sizeof *keep);
    int *map = wick_xalloc((size_t)graph->n_tensors * sizeof *map);
    wick_family *family = &graph->family;
    for (int k = 0; k < family->n_heads; k++)
        mark_ancestors(graph, family->heads[k], 1, keep);
    if (graph->input >= 0)
        keep[graph->input] = 1;
    int n_nodes = 0;
    for (int n = 0; n < graph->n_nodes; n++)
        if (keep[graph->nodes[n].output])
            graph->nodes[n_nodes++] = graph->nodes[n];
    graph->n_nodes = n_nodes;
    drop_tensors(graph, keep, map);
    for (int n = 0; n < n_nodes; n++) {
        wick_node *node = &graph->nodes[n];
        node->output = map[node->output];
        for (int i = 0; i < node->n_inputs; i++)
            node->inputs[i] = renumbered(map, node->inputs[i]);
        graph->tensors[node->output].producer = n;
    }
    graph->input = renumbered(map, graph->input);
    family->features = renumbered(map, family->features);
    for (int k = 0; k < family->n_heads; k++)
        family->heads[k] = map[family->heads[k]];
    free(keep);
    free(map);
}

#define EXTRACTOR (1u << 31)

static int lowest_head(unsigned heads) {
    int k = 0;
    while (!(heads >> k & 1u))
        k++;
    return k;
}

static int highest_head(unsigned heads) {
    int k = 0;
    while (heads >> (k + 1))
        k++;
    return k;
}

static wick_status shared_outside(const wick_graph *graph, const wick_node *node, unsigned heads,
                                  wick_diag *diag) {
    const wick_family *family = &graph->family;
    int first = lowest_head(heads), second = lowest_head(heads & ~(1u << first));
    return wick_fail(diag, WICK_SHAPE, NULL, node->name,
                     family->features >= 0
                         ? "modules may share nothing but what computes the features"
                         : "name the tensor that the modules share as wick.features",
                     "it serves both %s and %s but is not part of the extractor",
                     family->head_names[first], family->head_names[second]);
}

/* A module restarts from the stored features alone: it may read no other activation of the
 * extractor, and not the input. */
static wick_status check_reads(const wick_graph *graph, const wick_node *node, const unsigned *mask,
                               wick_diag *diag) {
    const wick_family *family = &graph->family;
    for (int i = 0; i < node->n_inputs; i++) {
        int t = node->inputs[i];
        if (t < 0 || t == family->features || graph->tensors[t].data)
            continue;
        if (t == graph->input || (mask[t] & EXTRACTOR))
            return wick_fail(diag, WICK_SHAPE, NULL, node->name,
                             "a module may read the extractor's result only",
                             "it reads '%s', which lies before the features '%s'",
                             graph->tensors[t].name, graph->tensors[family->features].name);
    }
    return WICK_OK;
}

wick_status wick_graph_segment(wick_graph *graph, wick_diag *diag) {
    const wick_family *family = &graph->family;
    unsigned *mask = wick_xalloc((size_t)graph->n_tensors * sizeof *mask);
    for (int k = 0; k < family->n_heads; k++)
        mark_ancestors(graph, family->heads[k], 1u << k, mask);
    if (family->features >= 0)
        mark_ancestors(graph, family->features, EXTRACTOR, mask);
    wick_status status = WICK_OK;
    for (int n = 0; n < graph->n_nodes && status == WICK_OK; n++) {
        wick_node *node = &graph->nodes[n];
        unsigned needed = mask[node->output], heads = needed & ~EXTRACTOR;
        node->segment = 0;
        if (needed & EXTRACTOR)
            continue;
        if (heads == 0)
            status = wick_fail(diag, WICK_SHAPE, NULL, node->name, NULL, "no module needs it");
        else if (family->chain)
            node->segment = 1 + highest_head(heads);
        else if (heads & (heads - 1))
            status = shared_outside(graph, node, heads, diag);
        else if (family->features >= 0)
            status = check_reads(graph, node, mask, diag);
        if (status == WICK_OK && !family->chain)
            node->segment = 1 + lowest_head(heads);
    }
    free(mask);
    return status;
}

wick_graph *wick_graph_head(const wick_graph *graph, int head) {
    assert(head >= 1 && head <= graph->family.n_heads);
    wick_graph *single = wick_graph_clone(graph);
    wick_family *family = &single->family;
    int k = head - 1;
    family->heads[0] = family->heads[k];
    family->head_names[0] = family->head_names[k];
    family->accuracy[0] = family->accuracy[k];
    family->validation[0] = family->validation[k];
    for (int i = 1; i < WICK_MAX_HEADS; i++) {
        family->heads[i] = -1;
        family->head_names[i] = "";
        family->accuracy[i] = family->validation[i] = (double)NAN;
    }
    family->n_heads = 1;
    family->chain = false;
    wick_graph_prune(single);
    for (int n = 0; n < single->n_nodes; n++)
        if (single->nodes[n].segment > 0)
            single->nodes[n].segment = 1;
    return single;
}
