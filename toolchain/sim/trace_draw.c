#include "sim/trace.h"

#include <math.h>

/* Of a drawn trace: the source's samples one by one. `out`: NULL to count them only. */
typedef struct drawing {
    const wick_trace *from;
    wick_trace *out;
    int n;
    double at_s;
} drawing;

/* The source from from_s on, and from its beginning where it ends. */
static void add_piece(drawing *d, double from_s, double length_s) {
    const wick_trace *t = d->from;
    const double least_s = 1e-9 * t->end_s; /* so that times increase */
    for (int i = wick_trace_sample_at(t, 0, from_s); length_s > least_s; i = (i + 1) % t->n) {
        double s = fmin(wick_trace_end_s(t, i) - from_s, length_s);
        from_s = i + 1 < t->n ? t->time_s[i + 1] : 0;
        if (s <= least_s)
            continue;
        if (d->out) {
            d->out->time_s[d->n] = d->at_s;
            d->out->power_uw[d->n] = t->power_uw[i];
            if (t->iv)
                d->out->iv[d->n] = t->iv[i];
        }
        d->n++;
        d->at_s += s;
        length_s -= s;
    }
}

static int draw(const wick_trace *t, double piece_s, wick_rng rng, wick_trace *out) {
    drawing d = {.from = t, .out = out};
    while (t->end_s - d.at_s > 1e-9 * t->end_s) {
        double from_s = t->end_s * wick_rng_uniform_double(&rng);
        double length_s = -piece_s * log(1 - wick_rng_uniform_double(&rng));
        add_piece(&d, from_s, fmin(length_s, t->end_s - d.at_s));
    }
    return d.n;
}

wick_trace *wick_trace_drawn(wick_arena *arena, const wick_trace *trace, double piece_s,
                             uint64_t seed, uint64_t stream) {
    const wick_rng rng = wick_rng_seed(seed, stream);
    wick_trace *out = wick_new(arena, wick_trace, 1);
    *out = *trace;
    out->n = draw(trace, piece_s, rng, NULL);
    out->time_s = wick_new(arena, double, out->n);
    out->power_uw = wick_new(arena, double, out->n);
    out->iv = trace->iv ? wick_new(arena, wick_iv, out->n) : NULL;
    draw(trace, piece_s, rng, out);
    return out;
}
