/* Short ways to build the small graphs of these tests. */
#ifndef HELPER_NET_H
#define HELPER_NET_H

#include "graph/graph.h"

/* NET_SHAPE(1, 3, 4, 4) */
#define NET_SHAPE(...)                                                                             \
    ((wick_shape){(int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}})
#define NET_FLOATS(...) ((const float[]){__VA_ARGS__})

/* A graph with its input "x". */
wick_graph *net_new(wick_shape input);
/* A float constant. */
int net_const(wick_graph *graph, const char *name, wick_shape shape, const float *values);
/* A node called `name` whose output tensor has the same name; inputs b and c may be -1 (absent). */
int net_node(wick_graph *graph, wick_op op, const char *name, const wick_attrs *attrs, int a, int b,
             int c);
/* BatchNormalization with its four constants. */
int net_batch_norm(wick_graph *graph, const char *name, int x, int64_t channels, const float *scale,
                   const float *bias, const float *mean, const float *var);
/* Names tensor t as the next head. */
void net_head(wick_graph *graph, const char *name, int t);
/* Attributes of a square window. */
wick_attrs net_window(int kernel, int stride, int pad);
/* Fills every batch norm of the graph with random but sane numbers. */
void net_random_batch_norm(wick_graph *graph, uint64_t seed);
/* Largest |a - b| / max(1, |a|) over the heads of two graphs for one random input; asserts on
 * failure. */
double net_difference(const wick_graph *a, const wick_graph *b, uint64_t seed);

#endif
