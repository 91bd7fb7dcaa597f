/* Rewrites large layers as products of small ones; see separate.h. The old node becomes the last
   part, new nodes go before it. */
#include "shrink/separate.h"

#include "shrink/low_rank.h"
#include "shrink/qdq.h"

#include <assert.h>
#include <math.h>
#include <string.h>

wick_separate_options wick_separate_defaults(void) {
    return (wick_separate_options){.kernel = WICK_SEPARATE_TUCKER,
                                   .by = WICK_SEPARATE_BY_PARAMETERS,
                                   .limit_bytes = 80000,
                                   .fc_rank = 0.1};
}

enum { MAX_PARTS = 3 };

/* One part of a layer to be: its weights [out,in,kernel] in the order of the graph. */
typedef struct part {
    int out, in;
    double *weights;
    wick_attrs attrs;
} part;

typedef struct work {
    wick_graph *graph; /* the copy that is rewritten */
    const wick_separate_options *options;
    wick_arena *arena; /* lives for one layer */
    int *anchor;       /* of each new node: the old node that it stands before */
    int n_old;
    wick_diag *diag;
} work;

static bool can_be_separated(const wick_graph *graph, const wick_node *node) {
    if (node->op != WICK_OP_GEMM && !(node->op == WICK_OP_CONV && node->attrs.groups == 1))
        return false;
    const wick_tensor *w = &graph->tensors[node->inputs[1]];
    return w->data && w->dtype == WICK_F32 && wick_graph_readers(graph, node->inputs[1]) == 1;
}

static int64_t map_elements(const wick_graph *graph, int t) {
    wick_shape shape = graph->tensors[t].shape;
    return wick_shape_count(shape) / (shape.rank > 0 ? shape.dim[0] : 1);
}

static int64_t parameter_bytes(const wick_graph *graph, const wick_node *node) {
    int64_t count = wick_shape_count(graph->tensors[node->inputs[1]].shape);
    if (node->n_inputs > 2 && node->inputs[2] >= 0)
        count += wick_shape_count(graph->tensors[node->inputs[2]].shape);
    return 4 * count;
}

static int64_t layer_bytes(const work *w, const wick_node *node) {
    if (w->options->by == WICK_SEPARATE_BY_PARAMETERS)
        return parameter_bytes(w->graph, node);
    return 4 * (map_elements(w->graph, node->inputs[0]) + map_elements(w->graph, node->output));
}

/* Rows or columns behind a convolution: the graph's own rule. */
static int64_t swept(int64_t size, const wick_attrs *attrs, int axis, int pad_begin, int pad_end) {
    int64_t window = (int64_t)attrs->dilation[axis] * (attrs->kernel[axis] - 1) + 1;
    return (size + pad_begin + pad_end - window) / attrs->stride[axis] + 1;
}

/* Bytes of the parts, as layer_bytes counts those of the whole. */
static int64_t parts_bytes(const work *w, const wick_node *node, const part *parts, int n) {
    int64_t sum = parameter_bytes(w->graph, node) -
                  4 * wick_shape_count(w->graph->tensors[node->inputs[1]].shape);
    int64_t peak = 0, input = map_elements(w->graph, node->inputs[0]);
    wick_shape x = w->graph->tensors[node->inputs[0]].shape;
    int64_t high = x.rank == 4 ? x.dim[2] : 1, wide = x.rank == 4 ? x.dim[3] : 1;
    for (int i = 0; i < n; i++) {
        const wick_attrs *a = &parts[i].attrs;
        high = swept(high, a, 0, a->pad[0], a->pad[2]);
        wide = swept(wide, a, 1, a->pad[1], a->pad[3]);
        int64_t output = parts[i].out * high * wide;
        peak = input + output > peak ? input + output : peak;
        input = output;
        sum += 4 * (int64_t)parts[i].out * parts[i].in * a->kernel[0] * a->kernel[1];
    }
    return w->options->by == WICK_SEPARATE_BY_PARAMETERS ? sum : 4 * peak;
}

static double *weights_of(const work *w, const wick_node *node) {
    const wick_tensor *t = &w->graph->tensors[node->inputs[1]];
    int64_t count = wick_shape_count(t->shape);
    double *weights = wick_new(w->arena, double, count);
    for (int64_t i = 0; i < count; i++)
        weights[i] = (double)((const float *)t->data)[i];
    return weights;
}

/* Relative error from the squares of a matrix's singular values that a truncation leaves out. */
static double left_out(const wick_svd *svd, int rank) {
    double all = 0, rest = 0;
    for (int i = 0; i < svd->k; i++) {
        all += svd->s[i] * svd->s[i];
        if (i >= rank)
            rest += svd->s[i] * svd->s[i];
    }
    return all > 0 ? sqrt(rest / all) : 0;
}

/* w [out,in] = last [out,rank] first [rank,in]. rank 0: by EVBMF. */
static wick_status split_matrix(work *w, const double *weights, int out, int in, int rank,
                                const wick_attrs *attrs, part *parts, wick_separated *result) {
    wick_svd svd;
    WICK_TRY(wick_svd_of(weights, out, in, w->arena, &svd, w->diag));
    if (rank == 0)
        rank = wick_evbmf_rank(svd.s, out, in);
    rank = rank < 1 ? 1 : rank > svd.k ? svd.k : rank;
    parts[0] = (part){
        .out = rank, .in = in, .weights = wick_new(w->arena, double, (size_t)rank *(size_t)in)};
    parts[1] = (part){
        .out = out, .in = rank, .weights = wick_new(w->arena, double, (size_t)out *(size_t)rank)};
    for (int r = 0; r < rank; r++) {
        double root = sqrt(svd.s[r]);
        for (int i = 0; i < in; i++)
            parts[0].weights[(size_t)r * (size_t)in + (size_t)i] =
                root * svd.v[(size_t)i * (size_t)svd.k + (size_t)r];
        for (int o = 0; o < out; o++)
            parts[1].weights[(size_t)o * (size_t)rank + (size_t)r] =
                root * svd.u[(size_t)o * (size_t)svd.k + (size_t)r];
    }
    parts[0].attrs = *attrs;
    parts[1].attrs = wick_attrs_default();
    result->parts = 2;
    result->rank = rank;
    result->error = left_out(&svd, rank);
    return WICK_OK;
}

/* The factors are orthonormal, so |w - parts|^2 = |w|^2 - |core|^2. */
static double tucker_error(const double *w, const wick_tucker2 *t) {
    double all = 0, kept = 0;
    size_t taps = (size_t)t->taps, n = (size_t)t->out * (size_t)t->in * taps,
           n_core = (size_t)t->r_out * (size_t)t->r_in * taps;
    for (size_t i = 0; i < n; i++)
        all += w[i] * w[i];
    for (size_t i = 0; i < n_core; i++)
        kept += t->core[i] * t->core[i];
    return all > 0 ? sqrt(fmax(1 - kept / all, 0)) : 0;
}

static int clamp_rank(int rank, int most) {
    return rank < 1 ? 1 : rank > most ? most : rank;
}

static wick_status split_tucker(work *w, const double *weights, int out, int in,
                                const wick_attrs *attrs, part *parts, wick_separated *result) {
    int taps = attrs->kernel[0] * attrs->kernel[1];
    double *of_out, *of_in;
    WICK_TRY(wick_tucker2_spectra(weights, out, in, taps, w->arena, &of_out, &of_in, w->diag));
    int r_out = clamp_rank(wick_evbmf_rank(of_out, out, in * taps), out);
    int r_in = clamp_rank(wick_evbmf_rank(of_in, in, out * taps), in);
    wick_tucker2 t;
    WICK_TRY(wick_tucker2_of(weights, out, in, taps, r_out, r_in, w->arena, &t, w->diag));
    parts[0] = (part){t.r_in, in, t.first, wick_attrs_default()};
    parts[1] = (part){t.r_out, t.r_in, t.core, *attrs};
    parts[2] = (part){out, t.r_out, t.last, wick_attrs_default()};
    result->parts = 3;
    result->rank_in = t.r_in;
    result->rank = t.r_out;
    result->error = tucker_error(weights, &t);
    return WICK_OK;
}

/* The attributes of one direction (axis 0: rows), the other left alone. */
static wick_attrs along(const wick_attrs *attrs, int axis) {
    wick_attrs a = wick_attrs_default();
    a.kernel[axis] = attrs->kernel[axis];
    a.stride[axis] = attrs->stride[axis];
    a.dilation[axis] = attrs->dilation[axis];
    a.pad[axis] = attrs->pad[axis];
    a.pad[axis + 2] = attrs->pad[axis + 2];
    return a;
}

static wick_status split_spatial(work *w, const double *weights, int out, int in,
                                 const wick_attrs *attrs, part *parts, wick_separated *result) {
    int high = attrs->kernel[0], wide = attrs->kernel[1], rows = in * high, cols = out * wide;
    double *s;
    WICK_TRY(wick_spatial_spectrum(weights, out, in, high, wide, w->arena, &s, w->diag));
    int k = rows < cols ? rows : cols, rank = clamp_rank(wick_evbmf_rank(s, rows, cols), k);
    wick_spatial p;
    WICK_TRY(wick_spatial_of(weights, out, in, high, wide, rank, w->arena, &p, w->diag));
    parts[0] = (part){rank, in, p.column, along(attrs, 0)};
    parts[1] = (part){out, rank, p.row, along(attrs, 1)};
    wick_svd values = {.k = k, .s = s};
    result->parts = 2;
    result->rank = rank;
    result->error = left_out(&values, rank);
    return WICK_OK;
}

static wick_status split(work *w, const wick_node *node, part *parts, wick_separated *result) {
    wick_shape shape = w->graph->tensors[node->inputs[1]].shape;
    int out = (int)shape.dim[0], in = (int)shape.dim[1];
    double *weights = weights_of(w, node);
    if (node->op == WICK_OP_GEMM) {
        int rank = (int)lround(w->options->fc_rank * out);
        wick_attrs attrs = wick_attrs_default();
        return split_matrix(w, weights, out, in, rank < 1 ? 1 : rank, &attrs, parts, result);
    }
    if (node->attrs.kernel[0] * node->attrs.kernel[1] == 1)
        return split_matrix(w, weights, out, in, 0, &node->attrs, parts, result);
    if (w->options->kernel == WICK_SEPARATE_SPATIAL)
        return split_spatial(w, weights, out, in, &node->attrs, parts, result);
    return split_tucker(w, weights, out, in, &node->attrs, parts, result);
}

static int add_weights(wick_graph *graph, const char *name, wick_op op, const part *p) {
    wick_shape shape = {op == WICK_OP_GEMM ? 2 : 4,
                        {p->out, p->in, p->attrs.kernel[0], p->attrs.kernel[1]}};
    int t = wick_graph_tensor(graph, name, WICK_F32, shape, NULL);
    int64_t count = wick_shape_count(shape);
    float *data = wick_new(graph->arena, float, count);
    for (int64_t i = 0; i < count; i++)
        data[i] = (float)p->weights[i];
    graph->tensors[t].data = data;
    return t;
}

/* The node becomes the last part; the others are new nodes, anchored before it. */
static void replace(work *w, int n, const part *parts, int n_parts) {
    static const char *const names[MAX_PARTS - 1] = {".first", ".core"};
    wick_graph *graph = w->graph;
    const wick_op op = graph->nodes[n].op;
    const char *base = graph->nodes[n].name;
    int x = graph->nodes[n].inputs[0];
    for (int i = 0; i + 1 < n_parts; i++) {
        char *name = wick_graph_fresh_name(graph, base, names[i]);
        int weights =
            add_weights(graph, wick_graph_fresh_name(graph, name, ".weight"), op, &parts[i]);
        w->anchor[graph->n_nodes - w->n_old] = n;
        x = wick_graph_node(graph, name, op, (int[]){x, weights}, 2, name, &parts[i].attrs);
    }
    char *name = wick_graph_fresh_name(graph, base, ".last");
    int weights =
        add_weights(graph, wick_graph_fresh_name(graph, name, ".weight"), op, &parts[n_parts - 1]);
    wick_node *node = &graph->nodes[n];
    node->inputs[0] = x;
    node->inputs[1] = weights;
    node->attrs = parts[n_parts - 1].attrs;
}

/* New nodes, appended in order, move before the nodes that they are anchored at. */
static void put_in_order(work *w) {
    wick_graph *graph = w->graph;
    wick_node *nodes = wick_new(graph->arena, wick_node, graph->n_nodes);
    int count = 0;
    for (int n = 0, fresh = w->n_old; n < w->n_old; n++) {
        for (; fresh < graph->n_nodes && w->anchor[fresh - w->n_old] == n; fresh++)
            nodes[count++] = graph->nodes[fresh];
        nodes[count++] = graph->nodes[n];
    }
    assert(count == graph->n_nodes);
    graph->nodes = nodes;
    graph->cap_nodes = count;
    for (int n = 0; n < count; n++)
        graph->tensors[nodes[n].output].producer = n;
}

static wick_status separate_layer(work *w, int n, wick_separated *result) {
    part parts[MAX_PARTS];
    const wick_node *node = &w->graph->nodes[n];
    *result = (wick_separated){.name = wick_arena_strdup(w->graph->arena, node->name), .parts = 1};
    result->before = result->after = layer_bytes(w, node);
    wick_separated split_result = *result;
    wick_diag inner = {0};
    wick_diag *outer = w->diag;
    w->diag = &inner;
    wick_status status = split(w, node, parts, &split_result);
    w->diag = outer;
    if (status != WICK_OK) {
        status = wick_fail(outer, status, NULL, node->name, inner.items[0].hint,
                           "weights cannot be separated: %s", inner.items[0].reason);
        wick_diag_free(&inner);
        return status;
    }
    split_result.after = parts_bytes(w, node, parts, split_result.parts);
    if (split_result.after < result->before) {
        *result = split_result;
        replace(w, n, parts, result->parts);
    }
    return WICK_OK;
}

static wick_status separate_layers(work *w, wick_separation *separation) {
    for (int n = 0; n < w->n_old; n++) {
        const wick_node *node = &w->graph->nodes[n];
        if (!can_be_separated(w->graph, node) || layer_bytes(w, node) < w->options->limit_bytes)
            continue;
        w->arena = wick_arena_new();
        wick_status status = separate_layer(w, n, &separation->layers[separation->n++]);
        wick_arena_free(w->arena);
        WICK_TRY(status);
    }
    put_in_order(w);
    for (int k = 0; k < w->graph->family.n_heads; k++)
        w->graph->family.accuracy[k] = w->graph->family.validation[k] = (double)NAN;
    w->graph->family.recipe = "";
    wick_graph_prune(w->graph);
    WICK_TRY(wick_graph_infer(w->graph, w->diag));
    return wick_graph_segment(w->graph, w->diag);
}

wick_status wick_separate(const wick_graph *graph, const wick_separate_options *options,
                          wick_graph **out, wick_separation *separation, wick_diag *diag) {
    assert(options->limit_bytes > 0 && options->fc_rank > 0 && options->fc_rank <= 1);
    *out = NULL;
    if (wick_qdq_is_quantized(graph))
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, NULL, "give the float model",
                         "the model is quantized already");
    work w = {.graph = wick_graph_clone(graph),
              .options = options,
              .n_old = graph->n_nodes,
              .diag = diag};
    w.anchor = wick_new(w.graph->arena, int, (size_t)graph->n_nodes *(MAX_PARTS - 1));
    *separation =
        (wick_separation){.layers = wick_new(w.graph->arena, wick_separated, graph->n_nodes)};
    wick_status status = separate_layers(&w, separation);
    if (status != WICK_OK) {
        wick_graph_free(w.graph);
        return status;
    }
    *out = w.graph;
    return WICK_OK;
}
