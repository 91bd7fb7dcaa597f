#include "design/fragile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double STEP = 0.9; /* between densities that are looked at */

uint32_t *wick_images_spread(wick_arena *arena, const wick_data *data, wick_split split, int most,
                             int *n) {
    int64_t total = data->split[split].n;
    *n = (int)(total < most ? total : most);
    uint32_t *indices = wick_new(arena, uint32_t, *n + 1);
    for (int64_t i = 0; i < *n; i++)
        indices[i] = (uint32_t)(i * total / *n);
    return indices;
}

typedef struct judging {
    const wick_graph *graph;
    const wick_data *data;
    const uint32_t *indices;
    int images;
    double before[WICK_MAX_HEADS]; /* right answers of the dense network */
} judging;

typedef struct counting {
    const judging *j;
    int seen[WICK_MAX_HEADS];
    double right[WICK_MAX_HEADS];
} counting;

static void count(void *ctx, int tensor, const float *values, int n, size_t classes) {
    counting *c = ctx;
    const wick_family *family = &c->j->graph->family;
    const uint16_t *labels = c->j->data->split[WICK_VALIDATION].labels;
    int k = 0;
    while (family->heads[k] != tensor)
        k++;
    for (int i = 0; i < n; i++) {
        const float *logits = values + (size_t)i * classes;
        size_t best = 0;
        for (size_t a = 1; a < classes; a++)
            if (logits[a] > logits[best])
                best = a;
        c->right[k] += best == labels[c->j->indices[c->seen[k]++]];
    }
}

static wick_status count_right(const judging *j, const wick_graph *graph, double *right,
                               wick_diag *diag) {
    counting c = {.j = j};
    const wick_family *family = &graph->family;
    WICK_TRY(wick_eval_tensors(graph, j->data, WICK_VALIDATION, j->indices, j->images,
                               family->heads, family->n_heads, count, &c, diag));
    memcpy(right, c.right, sizeof c.right);
    return WICK_OK;
}

/* Points that are lost by one rule alone, at this density. */
static wick_status drop_of(const judging *j, wick_sparse_rule rule, double density, double *drop,
                           wick_diag *diag) {
    wick_train_options alone = wick_train_defaults();
    double right[WICK_MAX_HEADS] = {0};
    if (wick_stop_requested())
        return WICK_INTERRUPTED;
    alone.n_sparse = 1;
    alone.sparse[0] = rule;
    alone.sparse[0].density = density;
    wick_graph *copy = wick_graph_clone(j->graph);
    wick_train_impose(copy, &alone);
    wick_status status = count_right(j, copy, right, diag);
    wick_graph_free(copy);
    *drop = -100;
    for (int k = 0; k < j->graph->family.n_heads; k++)
        *drop = fmax(*drop, 100 * (j->before[k] - right[k]) / j->images);
    return status;
}

/* By halving between what costs too much and density 1, which costs nothing. */
static wick_status find_least(const judging *j, wick_sparse_rule rule, double points, double *keeps,
                              wick_diag *diag) {
    int low = 0, high = (int)ceil(log(rule.density) / log(STEP));
    while (high - low > 1) {
        int middle = (low + high) / 2;
        double drop;
        WICK_TRY(drop_of(j, rule, pow(STEP, middle), &drop, diag));
        if (drop < points)
            low = middle;
        else
            high = middle;
    }
    *keeps = pow(STEP, low);
    return WICK_OK;
}

wick_status wick_fragile_find(const wick_graph *graph, const wick_data *data,
                              const wick_densities *densities, const wick_train_options *rules,
                              double points, wick_arena *arena, wick_fragile **fragile, int *n,
                              wick_diag *diag) {
    judging j = {.graph = graph, .data = data};
    j.indices = wick_images_spread(arena, data, WICK_VALIDATION, WICK_FRAGILE_IMAGES, &j.images);
    *fragile = wick_new(arena, wick_fragile, densities->n + 1);
    *n = 0;
    if (rules->n_sparse != densities->n)
        return WICK_OK;
    WICK_TRY(count_right(&j, graph, j.before, diag));
    for (int i = 0; i < rules->n_sparse; i++) {
        const wick_sparse_rule *rule = &rules->sparse[i];
        wick_fragile f = {.array = i, .density = rule->density};
        if (!(rule->density < 1))
            continue;
        WICK_TRY(drop_of(&j, *rule, rule->density, &f.drop, diag));
        if (f.drop < points)
            continue;
        WICK_TRY(find_least(&j, *rule, points, &f.keeps, diag));
        f.name = wick_arena_strdup(arena, densities->names[i]);
        (*fragile)[(*n)++] = f;
    }
    return WICK_OK;
}
