#include "design/density.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Squares become scores; ascending like them, since a larger square has fewer above it. */
static void score(const float *w, size_t count, float *scores) {
    for (size_t i = 0; i < count; i++)
        scores[i] = w[i] * w[i];
    qsort(scores, count, sizeof *scores, ascending);
    double above = 0;
    for (size_t i = count; i-- > 0;) {
        double square = (double)scores[i];
        above += square;
        scores[i] = above > 0 ? (float)(square / above) : 0;
    }
}

wick_densities *wick_densities_of(const wick_graph *graph) {
    wick_arena *arena = wick_arena_new();
    wick_densities *d = wick_new(arena, wick_densities, 1);
    int *tensors = wick_new(arena, int, graph->n_tensors);
    d->arena = arena;
    d->n = wick_train_weights(graph, tensors);
    d->names = wick_new(arena, const char *, d->n);
    d->counts = wick_new(arena, size_t, d->n);
    d->scores = wick_new(arena, float *, d->n);
    for (int i = 0; i < d->n; i++) {
        const wick_tensor *w = &graph->tensors[tensors[i]];
        d->names[i] = wick_arena_strdup(arena, w->name);
        d->counts[i] = (size_t)wick_shape_count(w->shape);
        d->scores[i] = wick_new(arena, float, d->counts[i]);
        score(w->data, d->counts[i], d->scores[i]);
        d->total += d->counts[i];
    }
    d->all = wick_new(arena, float, d->total);
    size_t at = 0;
    for (int i = 0; i < d->n; i++) {
        memcpy(d->all + at, d->scores[i], d->counts[i] * sizeof(float));
        at += d->counts[i];
    }
    qsort(d->all, d->total, sizeof *d->all, ascending);
    return d;
}

void wick_densities_free(wick_densities *densities) {
    if (densities)
        wick_arena_free(densities->arena);
}

/* How many of `count` ascending scores lie below `border`. */
static size_t below(const float *scores, size_t count, float border) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (scores[middle] < border)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t wick_densities_keep(const wick_densities *d, double density, int i) {
    size_t keep = (size_t)ceil((double)d->total * density * (1 - 1e-12));
    if (keep == 0 || keep >= d->total)
        return d->counts[i];
    size_t stay = d->counts[i] - below(d->scores[i], d->counts[i], d->all[d->total - keep]);
    return stay ? stay : d->counts[i] > 0;
}

const char *wick_pattern_of(const char *name, wick_arena *arena) {
    char *pattern = wick_arena_alloc(arena, 2 * strlen(name) + 1), *at = pattern;
    for (; *name; name++) {
        if (strchr("*?[\\", *name))
            *at++ = '\\';
        *at++ = *name;
    }
    return pattern;
}

void wick_densities_rules(const wick_densities *d, double density, wick_arena *arena,
                          wick_train_options *options) {
    options->n_sparse = 0;
    if (!(density < 1))
        return;
    if (d->n > WICK_MAX_SPARSE) {
        options->sparse[options->n_sparse++] =
            (wick_sparse_rule){.pattern = "*", .density = density};
        return;
    }
    for (int i = 0; i < d->n; i++) {
        size_t keep = wick_densities_keep(d, density, i);
        options->sparse[options->n_sparse++] =
            (wick_sparse_rule){.pattern = wick_pattern_of(d->names[i], arena),
                               .density = (double)keep / (double)d->counts[i]};
    }
}
