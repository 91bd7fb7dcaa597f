#include "train/exchange.h"
#include "train/parallel.h"

#include <stdlib.h>
#include <string.h>

/* 1 MiB: large enough that the network's latency does not count, small enough that the first sum
   begins early. A larger gradient is a bucket of its own. */
enum { BUCKET_FLOATS = 1 << 18 };

struct wick_exchange {
    wick_program *program;
    float *sums; /* room for every gradient, in the order in which they are ready */
    int *order, n;
    size_t begun, filled; /* floats of `sums`: in buckets that are on their way, copied in */
};

static void begin_bucket(wick_exchange *exchange) {
    if (exchange->filled > exchange->begun)
        wick_parallel_sum_begin(exchange->sums + exchange->begun,
                                (int)(exchange->filled - exchange->begun));
    exchange->begun = exchange->filled;
}

static void on_ready(void *ctx, int param) {
    wick_exchange *exchange = ctx;
    const wick_param *p = wick_program_param(exchange->program, param);
    memcpy(exchange->sums + exchange->filled, p->gradient, p->count * sizeof(float));
    exchange->filled += p->count;
    exchange->order[exchange->n++] = param;
    if (exchange->filled - exchange->begun >= BUCKET_FLOATS)
        begin_bucket(exchange);
    wick_parallel_poke();
}

wick_exchange *wick_exchange_new(wick_program *program) {
    if (wick_ranks() == 1)
        return NULL;
    wick_exchange *exchange = wick_xalloc(sizeof *exchange);
    size_t total = 0;
    int n = wick_program_param_count(program);
    for (int i = 0; i < n; i++) {
        const wick_param *p = wick_program_param(program, i);
        total += p->gradient ? p->count : 0;
    }
    *exchange = (wick_exchange){.program = program,
                                .sums = wick_xalloc(wick_size_mul(total, sizeof(float))),
                                .order = wick_xalloc(wick_size_mul((size_t)n, sizeof(int)))};
    wick_program_on_gradient(program, on_ready, exchange);
    return exchange;
}

void wick_exchange_free(wick_exchange *exchange) {
    if (!exchange)
        return;
    wick_program_on_gradient(exchange->program, NULL, NULL);
    free(exchange->sums);
    free(exchange->order);
    free(exchange);
}

void wick_exchange_finish(wick_exchange *exchange) {
    if (!exchange)
        return;
    begin_bucket(exchange);
    wick_parallel_sum_finish();
    const float *from = exchange->sums;
    float share = 1.0f / (float)wick_ranks();
    for (int i = 0; i < exchange->n; i++) {
        const wick_param *p = wick_program_param(exchange->program, exchange->order[i]);
        for (size_t k = 0; k < p->count; k++)
            p->gradient[k] = share * from[k];
        from += p->count;
    }
    exchange->n = 0;
    exchange->begun = exchange->filled = 0;
}
