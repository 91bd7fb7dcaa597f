/* What a message-passing module offers; see parallel.h for the meaning. Loaded at run time, so that
   a program that is alone neither links nor loads the library. */
#ifndef WICK_PARALLEL_OPS_H
#define WICK_PARALLEL_OPS_H

#include <stdbool.h>
#include <stddef.h>

/* Changes with every change of the struct: a module of another build is not taken. */
#define WICK_PARALLEL_SYMBOL "wick_parallel_ops_1"

/* An error inside the library ends the whole job with its own message: no call returns it. */
typedef struct wick_parallel_ops {
    bool (*begin)(int *rank, int *ranks); /* false: the library cannot start */
    void (*end)(void);
    void (*abort)(int exit_status); /* ends all ranks */
    void (*sum)(double *values, int n);
    int (*lowest)(int value); /* the smallest of all ranks' values */
    void (*broadcast)(void *data, size_t bytes, int from);
    void (*sum_begin)(float *values, int n);
    void (*poke)(void);
    void (*sum_finish)(void);
} wick_parallel_ops;

#endif
