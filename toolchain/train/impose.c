/* What rules for sparsity and bits make of weights, without a step of training. */
#include "train/sparsity.h"
#include "train/train.h"
#include "train/weight_grid.h"

#include <fnmatch.h>
#include <stdlib.h>

int wick_train_weights(const wick_graph *graph, int *tensors) {
    int n = 0;
    for (int i = 0; i < graph->n_nodes; i++) {
        const wick_node *node = &graph->nodes[i];
        if (node->op != WICK_OP_CONV && node->op != WICK_OP_GEMM)
            continue;
        const wick_tensor *w = &graph->tensors[node->inputs[1]];
        bool seen = false;
        for (int k = 0; k < n; k++)
            seen |= tensors[k] == node->inputs[1];
        if (w->data && w->dtype == WICK_F32 && !seen)
            tensors[n++] = node->inputs[1];
    }
    return n;
}

static void impose(wick_tensor *w, double density, int bits) {
    size_t count = (size_t)wick_shape_count(w->shape), rows = (size_t)w->shape.dim[0];
    float *values = w->data;
    if (density < 1)
        wick_sparse_keep(values, count, wick_sparse_count(count, density));
    for (size_t r = 0; r < rows && bits; r++)
        wick_weight_to_grid(values + r * (count / rows), count / rows, bits);
}

void wick_train_impose(wick_graph *graph, const wick_train_options *options) {
    int *tensors = wick_xalloc(((size_t)graph->n_tensors + 1) * sizeof *tensors);
    int n = wick_train_weights(graph, tensors);
    for (int i = 0; i < n; i++) {
        wick_tensor *w = &graph->tensors[tensors[i]];
        double density = 1;
        int bits = 0;
        for (int r = 0; r < options->n_sparse; r++)
            if (fnmatch(options->sparse[r].pattern, w->name, 0) == 0)
                density = options->sparse[r].density;
        for (int r = 0; r < options->n_bits; r++)
            if (fnmatch(options->bits[r].pattern, w->name, 0) == 0)
                bits = options->bits[r].bits;
        impose(w, density, bits);
    }
    free(tensors);
}
