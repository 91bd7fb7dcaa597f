/* What exporters leave behind, taken out. The nodes are walked in order until a walk changes
   nothing; a rule looks at one node and at the node that makes its first input:
   - skip: what changes nothing: a reshape to the same shape, a border of no width
   - merge: two reshapes, or two transposes, one behind the other
   - sink: a reshape moves behind an activation, a sum or product with a number for each channel,
     batch norm, and a window of a single row or column (which is turned), until it meets another
   - affine: a sum or product with a number for each channel goes into the layer before it (fold.c)
   - border: zeros around an image become the padding of the window that reads it
   - input: a reshape that every reader of the input asks for is the input's shape
   The results and the features are written by the last node of a chain, under their own names. */
#include "graph/passes.h"

#include <stdlib.h>

enum { MAX_WALKS = 16 };

typedef struct walk {
    wick_graph *graph;
    wick_diag *diag;
    int *readers;  /* [n_tensors] inputs of nodes, results and features that use it */
    int *alias;    /* [n_tensors] the tensor to read instead */
    int n_counted; /* tensors that these arrays know; younger ones are new constants */
    bool changed;
} walk;

static wick_shape shape_of(const walk *w, int tensor) {
    return w->graph->tensors[tensor].shape;
}

static bool is_result(const wick_graph *graph, int t) {
    bool result = t == graph->family.features;
    for (int k = 0; k < graph->family.n_heads; k++)
        result = result || t == graph->family.heads[k];
    return result;
}

/* The node that makes the first input, if this node is its only reader. */
static wick_node *only_feeder(const walk *w, const wick_node *node) {
    int t = node->inputs[0];
    int producer = t >= 0 ? w->graph->tensors[t].producer : -1;
    return producer >= 0 && t < w->n_counted && w->readers[t] == 1 ? &w->graph->nodes[producer]
                                                                   : NULL;
}

static bool reshapes(wick_op op) {
    return op == WICK_OP_RESHAPE || op == WICK_OP_FLATTEN;
}

/* --- skip --- */

static bool changes_nothing(const walk *w, const wick_node *node) {
    wick_shape x = shape_of(w, node->inputs[0]);
    bool still = true;
    switch (node->op) {
    case WICK_OP_IDENTITY:
    case WICK_OP_DROPOUT:
        return true;
    case WICK_OP_RESHAPE:
    case WICK_OP_FLATTEN:
        return wick_shape_equal(x, shape_of(w, node->output));
    case WICK_OP_TRANSPOSE:
        for (int d = 0; d < x.rank; d++)
            still = still && node->attrs.dims[d] == d;
        return still;
    case WICK_OP_BORDER:
        for (int d = 0; d < x.rank; d++)
            still = still && node->attrs.begin[d] == 0 && node->attrs.end[d] == 0;
        return still;
    case WICK_OP_SLICE:
        for (int d = 0; d < x.rank; d++)
            still = still && node->attrs.step[d] == 1;
        return still && wick_shape_equal(x, shape_of(w, node->output));
    default:
        return false;
    }
}

static bool skip(walk *w, const wick_node *node) {
    int x = node->inputs[0], y = node->output;
    if (!changes_nothing(w, node) || is_result(w->graph, y) || y == x)
        return false;
    w->alias[y] = x;
    w->readers[x] += w->readers[y] - 1;
    w->readers[y] = 0;
    return true;
}

/* --- merge --- */

static void set_shape(wick_node *node, wick_shape from, wick_shape to) {
    bool keeps = from.rank >= 1 && to.rank >= 1 && from.dim[0] == to.dim[0];
    node->attrs = wick_attrs_default();
    node->op = keeps && to.rank == 2 && from.rank >= 2 ? WICK_OP_FLATTEN : WICK_OP_RESHAPE;
    node->attrs.rank = node->op == WICK_OP_RESHAPE ? to.rank : 0;
    for (int d = 0; d < node->attrs.rank; d++)
        node->attrs.dims[d] = d == 0 && keeps ? 0 : to.dim[d];
}

/* A transpose that leaves the order of all dimensions but ones is a reshape. */
static bool is_reshape(wick_shape x, const wick_attrs *a) {
    int64_t last = -1;
    for (int d = 0; d < x.rank; d++) {
        if (x.dim[a->dims[d]] == 1)
            continue;
        if (a->dims[d] < last)
            return false;
        last = a->dims[d];
    }
    return true;
}

static bool merge(walk *w, wick_node *node) {
    int x = node->inputs[0], producer = x >= 0 ? w->graph->tensors[x].producer : -1;
    if (node->op == WICK_OP_TRANSPOSE && is_reshape(shape_of(w, x), &node->attrs)) {
        set_shape(node, shape_of(w, x), shape_of(w, node->output));
        return true;
    }
    const wick_node *before = producer >= 0 ? &w->graph->nodes[producer] : NULL;
    if (!before)
        return false;
    if (reshapes(node->op) && reshapes(before->op)) {
        set_shape(node, shape_of(w, before->inputs[0]), shape_of(w, node->output));
    } else if (node->op == WICK_OP_TRANSPOSE && before->op == WICK_OP_TRANSPOSE) {
        for (int d = 0; d < node->attrs.rank; d++)
            node->attrs.dims[d] = before->attrs.dims[node->attrs.dims[d]];
    } else {
        return false;
    }
    w->readers[x]--;
    node->inputs[0] = before->inputs[0];
    w->readers[node->inputs[0]]++;
    return true;
}

/* --- sink --- */

static bool is_pointwise(wick_op op) {
    return op >= WICK_OP_RELU && op <= WICK_OP_ROUND;
}

/* before (moves elements) and node (computes with them) change places: before's node computes on
   before's input, node's moves the result. Names stay with what they name. */
static wick_status swap(walk *w, wick_node *before, wick_node *node) {
    wick_node moves = *before, computes = *node;
    before->op = computes.op;
    before->attrs = computes.attrs;
    before->name = computes.name;
    before->n_inputs = computes.n_inputs;
    before->inputs = computes.inputs;
    before->inputs[0] = moves.inputs[0];
    node->op = moves.op;
    node->attrs = moves.attrs;
    node->name = moves.name;
    node->n_inputs = 1;
    node->inputs = moves.inputs;
    node->inputs[0] = before->output;
    int first = (int)(before - w->graph->nodes), second = (int)(node - w->graph->nodes);
    wick_shape to = shape_of(w, node->output);
    WICK_TRY(wick_node_infer(w->graph, first, w->diag));
    if (reshapes(node->op))
        set_shape(node, shape_of(w, before->output), to);
    w->changed = true;
    return wick_node_infer(w->graph, second, w->diag);
}

/* A constant with a number for each index of dimension 1 of `x`, or one for all; -1 in *channels
   when it is neither. */
static int64_t channels_of(wick_shape c, wick_shape x) {
    int64_t count = wick_shape_count(c);
    if (count == 1)
        return c.rank <= x.rank ? 1 : -1;
    int place = 1 - (x.rank - c.rank);
    return place >= 0 && place < c.rank && c.dim[place] == count && count == x.dim[1] ? count : -1;
}

static bool is_affine(wick_op op) {
    return op == WICK_OP_ADD || op == WICK_OP_SUB || op == WICK_OP_MUL || op == WICK_OP_DIV;
}

/* The constant second operand of a sum or product over channels, or -1; a sum or product may have
   it first, then the operands change places. */
static int affine_constant(const walk *w, wick_node *node, int64_t *channels) {
    if (!is_affine(node->op))
        return -1;
    const wick_tensor *tensors = w->graph->tensors;
    if (tensors[node->inputs[0]].data && !tensors[node->inputs[1]].data &&
        (node->op == WICK_OP_ADD || node->op == WICK_OP_MUL)) {
        int constant = node->inputs[0];
        node->inputs[0] = node->inputs[1];
        node->inputs[1] = constant;
    }
    const wick_tensor *x = &tensors[node->inputs[0]], *c = &tensors[node->inputs[1]];
    if (x->data || !c->data || c->dtype != WICK_F32 || x->shape.rank < 2 ||
        !wick_shape_equal(x->shape, tensors[node->output].shape))
        return -1;
    *channels = channels_of(c->shape, x->shape);
    return *channels > 0 ? node->inputs[1] : -1;
}

/* A copy of a constant in another shape. */
static wick_status reshaped_constant(walk *w, const wick_node *node, int constant, wick_shape shape,
                                     int *out) {
    const char *name =
        wick_arena_printf(w->graph->arena, "%s.turned", w->graph->tensors[node->output].name);
    while (wick_graph_find(w->graph, name) >= 0)
        name = wick_arena_printf(w->graph->arena, "%s_", name);
    /* Tensors are added behind those that the walk counts: it starts anew after a change. */
    *out = wick_graph_tensor(w->graph, name, WICK_F32, shape, w->graph->tensors[constant].data);
    return WICK_OK;
}

/* Whether a reshape leaves images and channels where they are. */
static bool keeps_channels(const walk *w, const wick_node *reshape) {
    wick_shape from = shape_of(w, reshape->inputs[0]), to = shape_of(w, reshape->output);
    return from.rank >= 2 && to.rank >= 2 && from.dim[0] == to.dim[0] && from.dim[1] == to.dim[1];
}

static wick_status sink_affine(walk *w, wick_node *before, wick_node *node, bool *done) {
    wick_shape from = shape_of(w, before->inputs[0]);
    int64_t channels = 0;
    int constant = affine_constant(w, node, &channels);
    if (constant < 0 || !keeps_channels(w, before))
        return WICK_OK;
    wick_shape shape = {.rank = from.rank};
    for (int d = 0; d < from.rank; d++)
        shape.dim[d] = d == 1 ? channels : 1;
    WICK_TRY(reshaped_constant(w, node, constant, shape, &node->inputs[1]));
    *done = true;
    return swap(w, before, node);
}

static void turn(int *pair) {
    int first = pair[0];
    pair[0] = pair[1];
    pair[1] = first;
}

/* [N,C,1,L] -> [N,C,L,1] or back, and then a window of one column (row). */
static wick_status sink_window(walk *w, wick_node *before, wick_node *node, bool *done) {
    wick_shape from = shape_of(w, before->inputs[0]), to = shape_of(w, node->inputs[0]);
    wick_attrs *a = &node->attrs;
    if (from.rank != 4 || to.rank != 4 || from.dim[0] != to.dim[0] || from.dim[1] != to.dim[1] ||
        from.dim[2] != to.dim[3] || from.dim[3] != to.dim[2])
        return WICK_OK;
    int thin = to.dim[3] == 1 ? 1 : 0; /* the side of length 1: width or height */
    if (to.dim[2 + thin] != 1 || a->kernel[thin] != 1 || a->stride[thin] != 1 || a->pad[thin] ||
        a->pad[thin + 2])
        return WICK_OK;
    if (node->op == WICK_OP_CONV) {
        const wick_tensor *weights = &w->graph->tensors[node->inputs[1]];
        if (!weights->data || weights->dtype != WICK_F32)
            return WICK_OK;
        wick_shape shape = weights->shape;
        shape.dim[2] = weights->shape.dim[3];
        shape.dim[3] = weights->shape.dim[2];
        WICK_TRY(reshaped_constant(w, node, node->inputs[1], shape, &node->inputs[1]));
    }
    turn(a->kernel);
    turn(a->stride);
    turn(a->dilation);
    turn(a->pad);
    turn(a->pad + 2);
    *done = true;
    return swap(w, before, node);
}

static wick_status sink(walk *w, wick_node *node, bool *done) {
    wick_node *before = only_feeder(w, node);
    if (!before || (before->op != WICK_OP_RESHAPE && before->op != WICK_OP_TRANSPOSE))
        return WICK_OK;
    if (is_pointwise(node->op)) {
        *done = true;
        return swap(w, before, node);
    }
    if (before->op == WICK_OP_TRANSPOSE)
        return WICK_OK;
    if (is_affine(node->op))
        return sink_affine(w, before, node, done);
    if (node->op == WICK_OP_BATCH_NORM && keeps_channels(w, before)) {
        *done = true;
        return swap(w, before, node);
    }
    if (node->op == WICK_OP_CONV || node->op == WICK_OP_MAX_POOL || node->op == WICK_OP_AVG_POOL)
        return sink_window(w, before, node, done);
    return WICK_OK;
}

/* --- affine --- */

/* y = layer(x) * gain + shift for each channel. */
static bool affine(walk *w, wick_node *node) {
    int64_t channels;
    int constant = affine_constant(w, node, &channels);
    wick_node *layer = constant >= 0 ? only_feeder(w, node) : NULL;
    if (!layer || !wick_fold_linear(w->graph, layer))
        return false;
    const float *c = w->graph->tensors[constant].data;
    int64_t rows = w->graph->tensors[layer->inputs[1]].shape.dim[0];
    double *gain = wick_xalloc((size_t)rows * sizeof *gain);
    double *shift = wick_xalloc((size_t)rows * sizeof *shift);
    for (int64_t o = 0; o < rows; o++) {
        double value = (double)c[channels == 1 ? 0 : o];
        gain[o] = node->op == WICK_OP_MUL ? value : node->op == WICK_OP_DIV ? 1 / value : 1;
        shift[o] = node->op == WICK_OP_ADD ? value : node->op == WICK_OP_SUB ? -value : 0;
    }
    bool folds = wick_fold_affine(w->graph, layer, node, gain, shift);
    free(gain);
    free(shift);
    return folds;
}

/* --- border --- */

/* Is what the tensor holds at least 0? */
static bool is_positive(const wick_graph *graph, int t) {
    int producer = graph->tensors[t].producer;
    const wick_node *node = producer >= 0 ? &graph->nodes[producer] : NULL;
    return node &&
           (node->op == WICK_OP_RELU || (node->op == WICK_OP_CLIP && node->attrs.clip_min >= 0));
}

static bool pads_image(const wick_node *node) {
    const wick_attrs *a = &node->attrs;
    bool fits = node->op == WICK_OP_BORDER && a->pad_mode == WICK_PAD_CONSTANT &&
                !(a->pad_value < 0 || a->pad_value > 0);
    for (int d = 0; d < 4; d++)
        fits = fits && a->begin[d] >= 0 && a->end[d] >= 0 && a->begin[d] < 1 << 16 &&
               a->end[d] < 1 << 16 && (d >= 2 || (a->begin[d] == 0 && a->end[d] == 0));
    return fits;
}

static bool border(walk *w, wick_node *node) {
    wick_node *before = only_feeder(w, node);
    if (!before || !pads_image(before) || shape_of(w, node->output).rank != 4)
        return false;
    bool max = node->op == WICK_OP_MAX_POOL, average = node->op == WICK_OP_AVG_POOL;
    if ((node->op != WICK_OP_CONV && !max && !average) ||
        (max && !is_positive(w->graph, before->inputs[0])))
        return false;
    wick_attrs a = node->attrs;
    bool padded = a.pad[0] || a.pad[1] || a.pad[2] || a.pad[3];
    if (average && padded && !a.count_include_pad)
        return false;
    a.count_include_pad = a.count_include_pad || average;
    for (int i = 0; i < 2; i++) {
        a.pad[i] += (int)before->attrs.begin[2 + i];
        a.pad[i + 2] += (int)before->attrs.end[2 + i];
        for (int side = i; side < 4; side += 2)
            if ((max || average) && a.pad[side] >= a.kernel[i])
                return false;
    }
    node->attrs = a;
    w->readers[node->inputs[0]]--;
    node->inputs[0] = before->inputs[0];
    w->readers[node->inputs[0]]++;
    return true;
}

/* --- input --- */

static bool reshape_input(walk *w) {
    wick_graph *g = w->graph;
    int reader = -1;
    if (is_result(g, g->input))
        return false;
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 0; i < g->nodes[n].n_inputs; i++) {
            if (g->nodes[n].inputs[i] != g->input)
                continue;
            const wick_node *node = &g->nodes[n];
            if (node->op != WICK_OP_RESHAPE ||
                (reader >= 0 && !wick_shape_equal(shape_of(w, node->output),
                                                  shape_of(w, g->nodes[reader].output))))
                return false;
            reader = n;
        }
    wick_shape from = shape_of(w, g->input);
    if (reader < 0 || shape_of(w, g->nodes[reader].output).rank != 4 || from.rank == 4 ||
        from.dim[0] != shape_of(w, g->nodes[reader].output).dim[0])
        return false;
    g->tensors[g->input].shape = shape_of(w, g->nodes[reader].output);
    return true;
}

/* --- the walk --- */

static void count_readers(walk *w) {
    const wick_graph *g = w->graph;
    for (int t = 0; t < g->n_tensors; t++) {
        w->readers[t] = is_result(g, t);
        w->alias[t] = t;
    }
    for (int n = 0; n < g->n_nodes; n++)
        for (int i = 0; i < g->nodes[n].n_inputs; i++)
            if (g->nodes[n].inputs[i] >= 0)
                w->readers[g->nodes[n].inputs[i]]++;
}

static wick_status visit(walk *w, wick_node *node) {
    bool done = false;
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0 && node->inputs[i] < w->n_counted)
            node->inputs[i] = w->alias[node->inputs[i]];
    if (node->n_inputs < 1 || node->inputs[0] < 0 || w->readers[node->output] == 0)
        return WICK_OK;
    w->changed = merge(w, node) || w->changed;
    w->changed = skip(w, node) || w->changed;
    if (w->readers[node->output] == 0)
        return WICK_OK;
    w->changed = border(w, node) || w->changed;
    if (affine(w, node)) {
        w->changed = true;
        return WICK_OK;
    }
    return sink(w, node, &done);
}

static wick_status walk_once(walk *w) {
    wick_graph *g = w->graph;
    w->changed = false;
    w->n_counted = g->n_tensors;
    w->readers = wick_xalloc((size_t)g->n_tensors * sizeof *w->readers);
    w->alias = wick_xalloc((size_t)g->n_tensors * sizeof *w->alias);
    count_readers(w);
    wick_status status = WICK_OK;
    for (int n = 0; n < g->n_nodes && status == WICK_OK; n++)
        status = visit(w, &g->nodes[n]);
    if (status == WICK_OK)
        w->changed = reshape_input(w) || w->changed;
    free(w->readers);
    free(w->alias);
    return status;
}

wick_status wick_graph_normalise(wick_graph *graph, wick_diag *diag) {
    walk w = {.graph = graph, .diag = diag, .changed = true};
    for (int i = 0; i < MAX_WALKS && w.changed; i++) {
        WICK_TRY(walk_once(&w));
        wick_graph_prune(graph);
        WICK_TRY(wick_graph_infer(graph, diag));
    }
    return WICK_OK;
}
