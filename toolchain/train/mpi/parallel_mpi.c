/* parallel_ops.h by MPI. Its default error handler stays: a failing call prints and ends the job.
 */
#include "train/parallel_ops.h"

#include <mpi.h>

/* Sums that were begun; when there is no room for one more, the oldest are waited for. */
enum { MAX_REQUESTS = 256 };
static MPI_Request requests[MAX_REQUESTS];
static int n_requests;

static bool begin(int *rank, int *ranks) {
    int provided;
    /* Other threads compute, this one alone calls MPI. */
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS)
        return false;
    MPI_Comm_rank(MPI_COMM_WORLD, rank);
    MPI_Comm_size(MPI_COMM_WORLD, ranks);
    return provided >= MPI_THREAD_FUNNELED;
}

static void end(void) {
    MPI_Finalize();
}

static void abort_all(int exit_status) {
    MPI_Abort(MPI_COMM_WORLD, exit_status);
}

static void sum(double *values, int n) {
    MPI_Allreduce(MPI_IN_PLACE, values, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

static int lowest(int value) {
    MPI_Allreduce(MPI_IN_PLACE, &value, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return value;
}

/* Counts are ints: in parts. */
static void broadcast(void *data, size_t bytes, int from) {
    const size_t part = (size_t)1 << 30;
    for (size_t at = 0; at < bytes; at += part)
        MPI_Bcast((char *)data + at, (int)(bytes - at < part ? bytes - at : part), MPI_BYTE, from,
                  MPI_COMM_WORLD);
}

static void sum_finish(void) {
    MPI_Waitall(n_requests, requests, MPI_STATUSES_IGNORE);
    n_requests = 0;
}

static void sum_begin(float *values, int n) {
    if (n_requests == MAX_REQUESTS)
        sum_finish();
    MPI_Iallreduce(MPI_IN_PLACE, values, n, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD,
                   &requests[n_requests++]);
}

static void poke(void) {
    int done;
    MPI_Testall(n_requests, requests, &done, MPI_STATUSES_IGNORE);
    if (done)
        n_requests = 0;
}

extern const wick_parallel_ops wick_parallel_ops_1;
const wick_parallel_ops wick_parallel_ops_1 = {.begin = begin,
                                               .end = end,
                                               .abort = abort_all,
                                               .sum = sum,
                                               .lowest = lowest,
                                               .broadcast = broadcast,
                                               .sum_begin = sum_begin,
                                               .poke = poke,
                                               .sum_finish = sum_finish};
