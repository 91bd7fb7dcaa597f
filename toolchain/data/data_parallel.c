/* A loop over images on all processors. */
#include "data/data_parts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MAX_THREADS = 16, CHUNK = 32 };

typedef struct loop {
    size_t n;
    bool (*work)(void *context, size_t i);
    void *context;
    atomic_size_t next;
    atomic_size_t failed; /* smallest index that failed so far, n = none */
} loop;

static void *run(void *argument) {
    loop *l = argument;
    for (;;) {
        size_t begin = atomic_fetch_add(&l->next, CHUNK);
        if (begin >= l->n)
            return NULL;
        size_t end = l->n - begin > CHUNK ? begin + CHUNK : l->n;
        for (size_t i = begin; i < end; i++) {
            size_t failed = atomic_load(&l->failed);
            if (i > failed)
                return NULL;
            if (l->work(l->context, i))
                continue;
            while (i < failed && !atomic_compare_exchange_weak(&l->failed, &failed, i)) {
            }
            return NULL;
        }
    }
}

size_t data_parallel(size_t n, bool (*work)(void *context, size_t i), void *context) {
    loop l = {.n = n, .work = work, .context = context};
    atomic_init(&l.next, 0);
    atomic_init(&l.failed, n);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int helpers = processors > MAX_THREADS ? MAX_THREADS - 1 : (int)processors - 1, started = 0;
    pthread_t threads[MAX_THREADS];
    /* Too few threads to be had is no failure: those that there are do the work. */
    while (started < helpers && pthread_create(&threads[started], NULL, run, &l) == 0)
        started++;
    run(&l);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return atomic_load(&l.failed);
}
