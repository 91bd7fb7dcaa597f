/* Small random networks for the tests of training programs, and their float reference. */
#ifndef WICK_HELPER_PROGRAM_H
#define WICK_HELPER_PROGRAM_H

#include "train/program.h"

/* A graph that grows: every function adds a node that reads tensor x and returns its output tensor.
   Parameters are drawn from `rng`; weights have the variance of He initialisation, so values stay
   of order 1. */
typedef struct net {
    wick_graph *graph;
    wick_rng rng;
    int count; /* nodes so far: names are n0, n1, ... */
} net;

/* Input [1,C,H,W]. */
net net_new(uint64_t seed, int channels, int height, int width);
typedef struct net_conv {
    int out, kernel, stride, pad, groups /* 0 = 1 */, dilation /* 0 = 1 */;
    bool bias;
} net_conv_options;
int net_conv(net *n, int x, net_conv_options options);
int net_fc(net *n, int x, int out, bool bias);
int net_batch_norm(net *n, int x);
/* RELU, GLOBAL_AVG_POOL, FLATTEN, SOFTMAX, IDENTITY, CLIP (to [-0.5, 0.7]). */
int net_simple(net *n, int x, wick_op op);
int net_pool(net *n, int x, wick_op op, int kernel, int stride, int pad, bool count_pad);
/* Any operator; attrs NULL: the defaults. */
int net_node(net *n, wick_op op, const int *xs, int count, const wick_attrs *attrs);
/* A constant of normal numbers with this mean and deviation. */
int net_constant(net *n, wick_shape shape, float mean, float deviation);
int net_dropout(net *n, int x, float share);
int net_pad(net *n, int x, int channels);
int net_join(net *n, wick_op op, const int *xs, int count);

/* Fills with standard normal numbers. */
void net_random(wick_rng *rng, float *values, size_t count);
/* Builds a program for the graph with the given outputs; asserts success. */
wick_program *net_program(const net *n, int batch, bool training, bool winograd, const int *outputs,
                          int n_outputs);
/* Sum of output_gradient * output over all outputs. */
double net_loss(wick_program *program, int n_outputs);
void net_forward(wick_program *program);
void net_backward(wick_program *program);

#endif
