/* Several processes (ranks) that train one family together, started by mpirun. A program that was
   started alone, or that never joins, is rank 0 of 1 and everything below costs it nothing: the
   message-passing library is a module that is loaded only under mpirun. Part of train.h.

   Every rank runs the same calls in the same order. The functions that combine values are
   collective: all ranks call them or none. A rank that cannot go on while others wait for it ends
   the whole job (wick_parallel_leave). */
#ifndef WICK_PARALLEL_H
#define WICK_PARALLEL_H

#include "base/base.h"

/* Becomes one rank of the job where mpirun's environment says that there is one (OMPI_COMM_WORLD_
   SIZE or PMI_SIZE above 1), else does nothing. Processors are shared out between the ranks of a
   host unless mpirun bound them or OMP_NUM_THREADS is set. From then on SIGTERM, which mpirun sends
   to what is left of a job, ends a rank at once; rank 0 writes `last_words` to stderr first (kept
   by the callee; static or until wick_parallel_leave). UNSUPPORTED: the module is not there, or
   another MPI started the job. */
wick_status wick_parallel_join(const char *last_words, wick_diag *diag);
/* 0-based number of this process, and how many there are. */
int wick_rank(void);
int wick_ranks(void);
/* At the very end. With a failure that was not agreed upon, others may wait for this rank forever:
   then diagnostics are printed, the whole job ends with the failure's exit status, and this does
   not return. Otherwise waits for the others. True when this rank is the one to report `status`:
   rank 0, or the first that failed. */
bool wick_parallel_leave(wick_status status, wick_diag *diag);

/* Collective. OK when all ranks bring OK. Else every rank gets a failure: its own, or the first
   failing rank's status; only that rank keeps its diagnostics. */
wick_status wick_parallel_agree(wick_status status, wick_diag *diag);
/* Collective, at once: values[i] = sum over the ranks, the same bits on each. */
void wick_parallel_sum(double *values, int n);
/* Collective: `bytes` of data from rank 0 to all. */
void wick_parallel_broadcast(void *data, size_t bytes);
/* Collective: `bytes` from rank 0, in `arena` on the others, whose `bytes` stay as they are when
   there are none. */
void wick_parallel_broadcast_bytes(wick_arena *arena, wick_bytes *bytes);
/* Collective, in the background: begins to sum up `values` in place, which are not touched until
   wick_parallel_sum_finish has returned. Other collective calls may come between. */
void wick_parallel_sum_begin(float *values, int n);
/* Lets what was begun move on: the library works only while it is called. */
void wick_parallel_poke(void);
void wick_parallel_sum_finish(void);

#endif
