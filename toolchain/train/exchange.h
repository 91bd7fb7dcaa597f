/* Gradients of several ranks become their mean, while the backward pass goes on: as soon as
   a bucket of them is complete its sum is begun. */
#ifndef WICK_EXCHANGE_H
#define WICK_EXCHANGE_H

#include "train/program.h"

typedef struct wick_exchange wick_exchange;

/* Listens to the backward passes of `program`, which outlives it; NULL when this rank is alone. */
wick_exchange *wick_exchange_new(wick_program *program);
void wick_exchange_free(wick_exchange *exchange);
/* Collective, after each backward pass: every gradient of the program is now the mean over the
   ranks, the same bits on each. Nothing for NULL. */
void wick_exchange_finish(wick_exchange *exchange);

#endif
