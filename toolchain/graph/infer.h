/* Shape inference of a single node, for those who build a graph step by step. Internal to
 * toolchain/graph. */
#ifndef WICK_INFER_H
#define WICK_INFER_H

#include "graph/graph.h"

/* Infers node n's output; the nodes before it are inferred already. */
wick_status wick_node_infer(wick_graph *graph, int n, wick_diag *diag);

#endif
