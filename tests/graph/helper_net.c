#include "helper_net.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

wick_graph *net_new(wick_shape input) {
    wick_graph *graph = wick_graph_new("net");
    graph->input = wick_graph_tensor(graph, "x", WICK_F32, input, NULL);
    return graph;
}

int net_const(wick_graph *graph, const char *name, wick_shape shape, const float *values) {
    return wick_graph_tensor(graph, name, WICK_F32, shape, values);
}

int net_node(wick_graph *graph, wick_op op, const char *name, const wick_attrs *attrs, int a, int b,
             int c) {
    int inputs[3] = {a, b, c};
    return wick_graph_node(graph, name, op, inputs, c >= 0 ? 3 : b >= 0 ? 2 : 1, name, attrs);
}

int net_batch_norm(wick_graph *graph, const char *name, int x, int64_t channels, const float *scale,
                   const float *bias, const float *mean, const float *var) {
    static const char *const fields[4] = {"scale", "bias", "mean", "var"};
    const float *values[4] = {scale, bias, mean, var};
    int inputs[5] = {x};
    for (int i = 0; i < 4; i++)
        inputs[i + 1] = net_const(graph, wick_arena_printf(graph->arena, "%s.%s", name, fields[i]),
                                  NET_SHAPE(channels), values[i]);
    return wick_graph_node(graph, name, WICK_OP_BATCH_NORM, inputs, 5, name, NULL);
}

void net_head(wick_graph *graph, const char *name, int t) {
    wick_family *family = &graph->family;
    family->heads[family->n_heads] = t;
    family->head_names[family->n_heads++] = name;
}

wick_attrs net_window(int kernel, int stride, int pad) {
    wick_attrs attrs = wick_attrs_default();
    attrs.kernel[0] = attrs.kernel[1] = kernel;
    attrs.stride[0] = attrs.stride[1] = stride;
    for (int i = 0; i < 4; i++)
        attrs.pad[i] = pad;
    return attrs;
}

static void fill(wick_rng *rng, const wick_tensor *tensor, float low, float high) {
    float *data = tensor->data;
    for (int64_t i = 0; i < wick_shape_count(tensor->shape); i++)
        data[i] = low + (high - low) * wick_rng_uniform(rng);
}

void net_random_batch_norm(wick_graph *graph, uint64_t seed) {
    wick_rng rng = wick_rng_seed(seed, 0);
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        if (node->op != WICK_OP_BATCH_NORM)
            continue;
        fill(&rng, &graph->tensors[node->inputs[1]], 0.5f, 1.5f);
        fill(&rng, &graph->tensors[node->inputs[2]], -0.5f, 0.5f);
        fill(&rng, &graph->tensors[node->inputs[3]], -0.5f, 0.5f);
        fill(&rng, &graph->tensors[node->inputs[4]], 0.5f, 2.0f);
    }
}

double net_difference(const wick_graph *a, const wick_graph *b, uint64_t seed) {
    int64_t count = wick_shape_count(a->tensors[a->input].shape);
    float *input = wick_xalloc((size_t)count * sizeof *input);
    wick_rng rng = wick_rng_seed(seed, 1);
    for (int64_t i = 0; i < count; i++)
        input[i] = wick_rng_normal(&rng);
    void **va, **vb;
    wick_status sa = wick_graph_eval(a, input, &va, NULL);
    wick_status sb = wick_graph_eval(b, input, &vb, NULL);
    assert(sa == WICK_OK && sb == WICK_OK && a->family.n_heads == b->family.n_heads);
    double worst = 0;
    for (int k = 0; k < a->family.n_heads; k++) {
        const float *ya = va[a->family.heads[k]], *yb = vb[b->family.heads[k]];
        for (int64_t i = 0; i < wick_shape_count(a->tensors[a->family.heads[k]].shape); i++) {
            double difference = fabs((double)ya[i] - (double)yb[i]);
            worst = fmax(worst, difference / fmax(1, fabs((double)ya[i])));
        }
    }
    wick_values_free(a, va);
    wick_values_free(b, vb);
    free(input);
    return sa == WICK_OK && sb == WICK_OK ? worst : (double)INFINITY;
}
