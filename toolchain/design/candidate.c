#include "design/candidate.h"

#include <math.h>
#include <stdlib.h>

char *wick_candidate_text(wick_arena *arena, const wick_candidate *c) {
    wick_buf text = {0};
    if (c->channels < 1)
        wick_buf_printf(&text, "channels %g, ", c->channels);
    if (c->separated)
        wick_buf_puts(&text, "separated, ");
    wick_buf_printf(&text, "%d bits", c->bits);
    if (c->density < 1)
        wick_buf_printf(&text, ", density %.3g", c->density);
    char *copy = wick_arena_strdup(arena, text.data);
    wick_buf_free(&text);
    return copy;
}

static double square_sum(const wick_tensor *w) {
    const float *values = w->data;
    int64_t n = wick_shape_count(w->shape);
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)values[i] * (double)values[i];
    return sum;
}

/* A share of an array's energy as a loss; nothing left is a large one, not an infinite one. */
static double loss_of(double kept, double whole) {
    double share = whole > 0 ? kept / whole : 1;
    return -log(fmax(share, 1e-12));
}

/* What the arrays of `from` lost that have a namesake in `to`. */
static double loss_between(const wick_graph *from, const wick_graph *to) {
    int *tensors = wick_xalloc(((size_t)from->n_tensors + 1) * sizeof *tensors);
    int n = wick_train_weights(from, tensors);
    double loss = 0;
    for (int i = 0; i < n; i++) {
        const wick_tensor *w = &from->tensors[tensors[i]];
        int t = wick_graph_find(to, w->name);
        if (t >= 0 && to->tensors[t].data)
            loss += loss_of(square_sum(&to->tensors[t]), square_sum(w));
    }
    free(tensors);
    return loss;
}

static wick_status thin(const wick_graph *network, double keep, wick_graph **out, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_channels channels = {0};
    wick_status status = wick_channels_find(network, arena, &channels, diag);
    if (status == WICK_OK) {
        bool *remove = wick_new(arena, bool, channels.n_groups);
        wick_channels_choose(&channels, keep, remove);
        status = wick_channels_remove(network, &channels, remove, out, diag);
    }
    wick_arena_free(arena);
    return status;
}

static wick_status split(wick_structure *s, const wick_separate_options *options, wick_diag *diag) {
    wick_separation done = {0};
    wick_graph *parts = NULL;
    WICK_TRY(wick_separate(s->graph, options, &parts, &done, diag));
    for (int i = 0; i < done.n; i++) {
        double error = done.layers[i].error;
        if (done.layers[i].parts < 2)
            continue;
        s->changed = true;
        s->loss += loss_of(1 - error * error, 1);
    }
    wick_graph_free(s->graph);
    s->graph = parts;
    return WICK_OK;
}

wick_status wick_structure_make(const wick_graph *network, double channels,
                                const wick_separate_options *separate, wick_structure *out,
                                wick_diag *diag) {
    *out = (wick_structure){0};
    if (channels < 1)
        WICK_TRY(thin(network, channels, &out->graph, diag));
    else
        out->graph = wick_graph_clone(network);
    out->loss = loss_between(network, out->graph);
    wick_status status = separate ? split(out, separate, diag) : WICK_OK;
    if (status == WICK_OK)
        out->densities = wick_densities_of(out->graph);
    else
        wick_structure_free(out);
    return status;
}

void wick_structure_free(wick_structure *structure) {
    wick_densities_free(structure->densities);
    wick_graph_free(structure->graph);
    *structure = (wick_structure){0};
}

void wick_candidate_rules(const wick_candidate *candidate, const wick_structure *structure,
                          wick_arena *arena, wick_train_options *options) {
    wick_densities_rules(structure->densities, candidate->density, arena, options);
    options->n_bits = 1;
    options->bits[0] = (wick_bits_rule){"*", candidate->bits};
}

/* What imposing changed in each array: the energy of the difference counts as lost. */
static double loss_of_rules(const wick_graph *from, const wick_graph *to) {
    int *tensors = wick_xalloc(((size_t)from->n_tensors + 1) * sizeof *tensors);
    int n = wick_train_weights(from, tensors);
    double loss = 0;
    for (int i = 0; i < n; i++) {
        const wick_tensor *w = &from->tensors[tensors[i]];
        const float *a = w->data, *b = to->tensors[tensors[i]].data;
        int64_t count = wick_shape_count(w->shape);
        double lost = 0, whole = square_sum(w);
        for (int64_t k = 0; k < count; k++)
            lost += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
        loss += loss_of(whole - lost, whole);
    }
    free(tensors);
    return loss;
}

wick_status wick_candidate_sketch(const wick_candidate *candidate, const wick_structure *structure,
                                  double *loss, wick_qnet **out, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_train_options options = wick_train_defaults();
    wick_graph *copy = wick_graph_clone(structure->graph);
    wick_candidate_rules(candidate, structure, arena, &options);
    wick_train_impose(copy, &options);
    *loss = structure->loss + loss_of_rules(structure->graph, copy);
    wick_status status = wick_qnet_sketch(copy, out, diag);
    wick_graph_free(copy);
    wick_arena_free(arena);
    return status;
}

wick_status wick_candidate_weigh(wick_candidate *candidate, const wick_structure *structure,
                                 const wick_device *device, const wick_plan_options *options,
                                 const wick_budgets *budgets, wick_diag *diag) {
    wick_qnet *net;
    WICK_TRY(wick_candidate_sketch(candidate, structure, &candidate->loss, &net, diag));
    wick_status status = wick_demand_of(net, device, options, budgets, &candidate->figures, diag);
    wick_qnet_free(net);
    return status;
}
