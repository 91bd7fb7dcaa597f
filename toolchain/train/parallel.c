#include "train/parallel.h"
#include "train/parallel_ops.h"

#include <dlfcn.h>
#include <omp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const wick_parallel_ops *ops; /* NULL: alone */
static int this_rank, all_ranks = 1;
static bool agreed_failure;
static const char *words;

int wick_rank(void) {
    return this_rank;
}

int wick_ranks(void) {
    return all_ranks;
}

/* --- joining -----------------------------------------------------------------------------------*/

static int number_of(const char *variable) {
    const char *text = getenv(variable);
    long value = text ? strtol(text, NULL, 10) : 0;
    return value > 0 && value < 1000000 ? (int)value : 0;
}

/* What mpirun promises, before any library is asked; 0 without mpirun. */
static int promised_ranks(void) {
    int size = number_of("OMPI_COMM_WORLD_SIZE");
    return size ? size : number_of("PMI_SIZE");
}

/* The module lies beside the program (build tree) or where it was installed to. */
static void *load_module(wick_arena *arena) {
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len < 0)
        return NULL;
    self[len] = 0;
    static const char *const places[] = {"wick_mpi.so", WICK_MODULE_DIR "/wick_mpi.so"};
    for (size_t i = 0; i < WICK_LEN(places); i++) {
        const char *path = wick_path_join(arena, wick_path_dir(arena, self), places[i]);
        void *module = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
        if (module)
            return module;
    }
    return NULL;
}

static const wick_parallel_ops *load(wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    void *module = load_module(arena);
    const wick_parallel_ops *found = module ? dlsym(module, WICK_PARALLEL_SYMBOL) : NULL;
    if (!found) {
        const char *reason = dlerror();
        wick_fail(diag, WICK_UNSUPPORTED, "wick_mpi.so", NULL,
                  "install OpenMPI (scripts/install-deps.sh --all) and build again, or start wick "
                  "without mpirun",
                  "this wick cannot run as several processes: %s",
                  reason ? reason : "the module was not built");
    }
    wick_arena_free(arena);
    return found;
}

/* Ranks of one host that may all use all of its processors would get in each other's way. */
static void share_processors(void) {
    int here = number_of("OMPI_COMM_WORLD_LOCAL_SIZE");
    if (!here)
        here = number_of("MPI_LOCALNRANKS");
    bool bound = omp_get_num_procs() < (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (here > 1 && !bound && !getenv("OMP_NUM_THREADS"))
        omp_set_num_threads(omp_get_num_procs() / here > 1 ? omp_get_num_procs() / here : 1);
}

static void on_end(int number) {
    if (this_rank == 0 && write(STDERR_FILENO, words, strlen(words)) < 0)
        _exit(128 + number); /* nobody listens */
    _exit(128 + number);
}

wick_status wick_parallel_join(const char *last_words, wick_diag *diag) {
    int promised = promised_ranks();
    if (promised <= 1)
        return WICK_OK;
    const wick_parallel_ops *module = load(diag);
    if (!module)
        return WICK_UNSUPPORTED;
    if (!module->begin(&this_rank, &all_ranks))
        return wick_fail(diag, WICK_BACKEND, NULL, NULL, NULL, "MPI does not start");
    if (all_ranks != promised)
        return wick_fail(diag, WICK_UNSUPPORTED, NULL, NULL,
                         "use the mpirun of the MPI that wick was built with",
                         "mpirun started %d processes, of which the MPI library sees %d", promised,
                         all_ranks);
    ops = module;
    words = last_words;
    share_processors();
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_end;
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    return WICK_OK;
}

bool wick_parallel_leave(wick_status status, wick_diag *diag) {
    if (!ops)
        return true;
    if (status != WICK_OK && !agreed_failure) {
        fprintf(stderr, "wick: process %d of %d cannot go on\n", this_rank, all_ranks);
        wick_diag_print(diag, stderr);
        ops->abort(wick_status_exit(status));
    }
    signal(SIGTERM, SIG_DFL);
    ops->end();
    ops = NULL;
    if (status != WICK_OK && diag->count && this_rank > 0)
        fprintf(stderr, "wick: process %d of %d:\n", this_rank, all_ranks);
    return status == WICK_OK ? this_rank == 0 : diag->count > 0;
}

/* --- together ----------------------------------------------------------------------------------*/

wick_status wick_parallel_agree(wick_status status, wick_diag *diag) {
    if (!ops)
        return status;
    int first = ops->lowest(status == WICK_OK ? all_ranks : this_rank);
    if (first == all_ranks)
        return WICK_OK;
    int theirs = (int)status;
    ops->broadcast(&theirs, sizeof theirs, first);
    agreed_failure = true;
    if (first != this_rank)
        wick_diag_free(diag);
    return status != WICK_OK ? status : (wick_status)theirs;
}

void wick_parallel_sum(double *values, int n) {
    if (ops)
        ops->sum(values, n);
}

void wick_parallel_broadcast(void *data, size_t bytes) {
    if (ops)
        ops->broadcast(data, bytes, 0);
}

void wick_parallel_broadcast_bytes(wick_arena *arena, wick_bytes *bytes) {
    if (!ops)
        return;
    uint64_t len = bytes->len;
    ops->broadcast(&len, sizeof len, 0);
    if (len == 0)
        return;
    if (this_rank > 0) {
        bytes->len = (size_t)len;
        bytes->data = wick_arena_alloc(arena, bytes->len + 1);
        bytes->data[len] = 0;
    }
    ops->broadcast(bytes->data, bytes->len, 0);
}

void wick_parallel_sum_begin(float *values, int n) {
    if (ops)
        ops->sum_begin(values, n);
}

void wick_parallel_poke(void) {
    if (ops)
        ops->poke();
}

void wick_parallel_sum_finish(void) {
    if (ops)
        ops->sum_finish();
}
