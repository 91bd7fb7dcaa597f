#include "design/candidate.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

char *wick_candidate_text(wick_arena *arena, const wick_candidate *c) {
    wick_buf text = {0};
    if (c->channels < 1)
        wick_buf_printf(&text, "%s %.3g%s, ",
                        c->thinning == WICK_THIN_BY_ENERGY ? "energy" : "channels", c->channels,
                        c->thinning == WICK_THIN_TAYLOR ? " by Taylor" : "");
    if (c->separated)
        wick_buf_printf(&text, "separated%s, ",
                        c->separated == WICK_SEPARATED_SPATIAL ? " spatially" : "");
    if (c->bits == WICK_BITS_MIXED)
        wick_buf_printf(&text, "8 and 4 bits (%s)", wick_text_bytes(arena, (double)c->bits_bytes));
    else
        wick_buf_printf(&text, "%d bits", c->bits);
    if (c->density < 1)
        wick_buf_printf(&text, ", density %.3g", c->density);
    if (c->density < 1 && c->block > 1)
        wick_buf_printf(&text, "/%d", c->block);
    if (c->n_fragile)
        wick_buf_printf(&text, ", %d fragile layer%s denser", c->n_fragile,
                        c->n_fragile == 1 ? "" : "s");
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

wick_status wick_material_score(wick_material *m, wick_diag *diag) {
    if (m->scored)
        return WICK_OK;
    WICK_TRY(wick_channels_find(m->network, m->arena, &m->channels, diag));
    WICK_TRY(wick_channels_taylor(m->network, m->data, m->quantize->images, m->quantize->seed,
                                  &m->channels, diag));
    m->scored = true;
    return WICK_OK;
}

wick_status wick_material_weigh(wick_material *m, double keep, wick_diag *diag) {
    wick_diag refused = {0};
    WICK_TRY(wick_material_score(m, diag));
    bool *remove = wick_new(m->arena, bool, m->channels.n_groups);
    wick_status status =
        wick_channels_choose_by_cost(m->network, &m->channels, m->device, m->plan,
                                     WICK_WORTH_ENERGY, keep, m->arena, remove, &m->cuts, &refused);
    m->weighed = status == WICK_OK || (status == WICK_NO_FIT && m->cuts.decisions > 0);
    if (!m->weighed && status != WICK_NO_FIT)
        wick_diag_move(diag, &refused);
    wick_diag_free(&refused);
    return m->weighed || status == WICK_NO_FIT ? WICK_OK : status;
}

static wick_status thin_scored(const wick_graph *network, const wick_channels *channels,
                               double keep, wick_graph **out, wick_diag *diag) {
    bool *remove = wick_xalloc(((size_t)channels->n_groups + 1) * sizeof *remove);
    wick_channels_choose(channels, keep, remove);
    wick_status status = wick_channels_remove(network, channels, remove, out, diag);
    free(remove);
    return status;
}

static wick_status thin_evenly(const wick_graph *network, double keep, wick_graph **out,
                               wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_channels channels = {0};
    wick_status status = wick_channels_find(network, arena, &channels, diag);
    if (status == WICK_OK)
        status = thin_scored(network, &channels, keep, out, diag);
    wick_arena_free(arena);
    return status;
}

static wick_status thin_by_energy(const wick_material *m, double keep, wick_graph **out,
                                  wick_diag *diag) {
    bool *remove = wick_xalloc(((size_t)m->channels.n_groups + 1) * sizeof *remove);
    assert(m->weighed);
    wick_channel_cuts_at(&m->cuts, keep, remove);
    wick_status status = wick_channels_remove(m->network, &m->channels, remove, out, diag);
    free(remove);
    return status;
}

/* The network with fewer channels; *loss is what its weights lost. */
static wick_status thin(const wick_material *m, const wick_candidate *c, wick_graph **out,
                        double *loss, wick_diag *diag) {
    wick_graph *evenly = NULL;
    wick_status status;
    *loss = 0;
    if (!(c->channels < 1)) {
        *out = wick_graph_clone(m->network);
        return WICK_OK;
    }
    if (c->thinning == WICK_THIN_BY_ENERGY) {
        status = thin_by_energy(m, c->channels, out, diag);
    } else {
        status = thin_evenly(m->network, c->channels, &evenly, diag);
        *out = evenly;
    }
    if (status == WICK_OK && c->thinning == WICK_THIN_TAYLOR) {
        assert(m->scored);
        status = thin_scored(m->network, &m->channels, c->channels, out, diag);
    }
    /* The same shapes whatever the score, so the same loss: scores were compared by what they do
       to the answers, and magnitude always leaves the largest weights. */
    if (status == WICK_OK)
        *loss = loss_between(m->network, evenly ? evenly : *out);
    if (evenly != *out)
        wick_graph_free(evenly);
    return status;
}

wick_status wick_material_thin(const wick_material *m, double channels, wick_thinning *thinning,
                               wick_diag *diag) {
    static const wick_thinning ways[] = {WICK_THIN_EVENLY, WICK_THIN_TAYLOR};
    double least = (double)INFINITY;
    wick_arena *arena = wick_arena_new();
    int images;
    const uint32_t *indices =
        wick_images_spread(arena, m->data, WICK_VALIDATION, m->quantize->images, &images);
    wick_status status = WICK_OK;
    *thinning = WICK_THIN_EVENLY;
    for (size_t i = 0; i < WICK_LEN(ways) && status == WICK_OK; i++) {
        wick_candidate c = {.thinning = ways[i], .channels = channels};
        wick_graph *graph = NULL;
        double loss = (double)INFINITY, lost;
        status = thin(m, &c, &graph, &lost, diag);
        if (status == WICK_OK)
            status = wick_eval_loss(graph, m->data, WICK_VALIDATION, indices, images, &loss, diag);
        wick_graph_free(graph);
        if (loss < least) {
            least = loss;
            *thinning = ways[i];
        }
    }
    wick_arena_free(arena);
    return status;
}

/* Tucker splits it in three, or not at all. */
static bool has_window(const wick_graph *graph, const char *name) {
    for (int n = 0; n < graph->n_nodes; n++)
        if (!strcmp(graph->nodes[n].name, name) && graph->nodes[n].op == WICK_OP_CONV)
            return graph->nodes[n].attrs.kernel[0] * graph->nodes[n].attrs.kernel[1] > 1;
    return false;
}

static wick_status split(wick_structure *s, const wick_candidate *c,
                         const wick_separate_options *limits, wick_diag *diag) {
    bool spatial = c->separated == WICK_SEPARATED_SPATIAL;
    wick_separate_options options = *limits;
    wick_separation done = {0};
    wick_graph *parts = NULL;
    options.kernel = spatial ? WICK_SEPARATE_SPATIAL : WICK_SEPARATE_TUCKER;
    WICK_TRY(wick_separate(s->graph, &options, &parts, &done, diag));
    for (int i = 0; i < done.n; i++) {
        double error = done.layers[i].error;
        if (done.layers[i].parts < 2)
            continue;
        s->changed |= !spatial || has_window(s->graph, done.layers[i].name);
        s->loss += loss_of(1 - error * error, 1);
    }
    wick_graph_free(s->graph);
    s->graph = parts;
    return WICK_OK;
}

wick_status wick_structure_make(const wick_material *material, const wick_candidate *candidate,
                                wick_structure *out, wick_diag *diag) {
    *out = (wick_structure){0};
    WICK_TRY(thin(material, candidate, &out->graph, &out->loss, diag));
    out->arena = wick_arena_new();
    wick_status status =
        candidate->separated ? split(out, candidate, material->separate, diag) : WICK_OK;
    if (status == WICK_OK)
        out->densities = wick_densities_of(out->graph);
    if (status == WICK_OK && candidate->bits == WICK_BITS_MIXED)
        status = wick_structure_measure(out, material, diag);
    if (status != WICK_OK)
        wick_structure_free(out);
    return status;
}

wick_status wick_structure_measure(wick_structure *structure, const wick_material *material,
                                   wick_diag *diag) {
    return wick_bits_measure(structure->graph, material->data, material->quantize->images,
                             material->quantize->seed, structure->arena, &structure->bits,
                             &structure->n_bits, diag);
}

int64_t wick_structure_bytes(const wick_structure *structure, bool narrow) {
    int64_t bytes = 0;
    for (int i = 0; i < structure->n_bits; i++)
        bytes += structure->bits[i].bytes[narrow];
    return bytes;
}

void wick_structure_free(wick_structure *structure) {
    wick_densities_free(structure->densities);
    wick_graph_free(structure->graph);
    wick_arena_free(structure->arena);
    *structure = (wick_structure){0};
}

/* 8 bits but where the knapsack says 4; more layers than there are rules get 4 bits throughout. */
static void mixed_rules(const wick_candidate *candidate, const wick_structure *structure,
                        wick_arena *arena, wick_train_options *options) {
    int n = structure->n_bits;
    wick_bits_layer *layers = wick_new(arena, wick_bits_layer, n + 1);
    memcpy(layers, structure->bits, (size_t)n * sizeof *layers);
    bool chosen =
        n < WICK_MAX_SPARSE && wick_bits_choose(layers, n, candidate->bits_bytes, NULL) == WICK_OK;
    options->n_bits = 1;
    options->bits[0] = (wick_bits_rule){"*", chosen ? 8 : 4};
    for (int i = 0; i < n && chosen; i++)
        if (layers[i].narrow)
            options->bits[options->n_bits++] =
                (wick_bits_rule){wick_pattern_of(layers[i].name, arena), 4};
}

void wick_candidate_rules(const wick_candidate *candidate, const wick_structure *structure,
                          wick_arena *arena, wick_train_options *options) {
    wick_densities_rules(structure->densities, candidate->density, arena, options);
    for (int i = 0; i < options->n_sparse; i++)
        options->sparse[i].block = candidate->block;
    for (int i = 0; i < candidate->n_fragile && options->n_sparse; i++) {
        const wick_fragile *f = &candidate->fragile[i];
        options->sparse[f->array].density = fmax(options->sparse[f->array].density, f->keeps);
    }
    if (candidate->bits == WICK_BITS_MIXED) {
        mixed_rules(candidate, structure, arena, options);
        return;
    }
    options->n_bits = 1;
    options->bits[0] = (wick_bits_rule){"*", candidate->bits};
}

wick_status wick_candidate_find_fragile(const wick_candidate *c, const wick_structure *structure,
                                        const wick_material *m, wick_fragile **known, int *n,
                                        bool *more, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_train_options rules = wick_train_defaults();
    wick_fragile *found;
    int n_found = 0;
    wick_candidate_rules(c, structure, arena, &rules);
    for (int i = 0; i < c->n_fragile && rules.n_sparse; i++) /* known: not to be found again */
        rules.sparse[c->fragile[i].array].density = 1;
    wick_status status = wick_fragile_find(structure->graph, m->data, structure->densities, &rules,
                                           m->fragile_points, m->arena, &found, &n_found, diag);
    *n = 0;
    *more = n_found > 0;
    *known = wick_new(m->arena, wick_fragile, structure->densities->n + 1);
    for (int i = 0; i < c->n_fragile && status == WICK_OK; i++)
        (*known)[(*n)++] = c->fragile[i];
    for (int i = 0; i < n_found && status == WICK_OK; i++)
        (*known)[(*n)++] = found[i];
    wick_arena_free(arena);
    return status;
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
