/* A greedy choice whose savings come from plans. */
#include "design/channel_cost.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 4, /* output channels that kernels compute at once, or a divisor of that */
    SIZES = 2  /* one group, and as many as leave whole blocks */
};

wick_answer_cost wick_answer_cost_of(const wick_plan *plan) {
    const wick_model *m = &plan->model;
    wick_answer_cost cost = {.commits = m->n_spans};
    for (int s = 0; s < plan->n_segments; s++)
        cost.step_uj += plan->segments[s].cost.energy_uj;
    for (int s = 0; s < m->n_spans; s++) {
        const wick_span *span = &m->spans[s];
        int end = span->first_step + span->n_steps;
        cost.commit_uj += plan->commit.energy_uj;
        for (int i = span->first_step; i < end; i++) {
            const wick_step *step = &m->steps[i];
            bool carried = plan->stores[i].last_reader >= end;
            bool direct = m->tensors[plan->layers[step->layer].dst].sram == WICK_NO_SRAM;
            if (carried)
                cost.commit_uj += plan->stores[i].cost.energy_uj;
            if (carried || direct)
                cost.outputs += step->count;
        }
    }
    cost.step_uj -= cost.commit_uj;
    return cost;
}

static wick_answer_cost difference(wick_answer_cost a, wick_answer_cost b) {
    return (wick_answer_cost){a.step_uj - b.step_uj, a.commit_uj - b.commit_uj,
                              a.commits - b.commits, a.outputs - b.outputs};
}

static wick_answer_cost sum(wick_answer_cost a, wick_answer_cost b) {
    return (wick_answer_cost){a.step_uj + b.step_uj, a.commit_uj + b.commit_uj,
                              a.commits + b.commits, a.outputs + b.outputs};
}

/* One number of groups of one kind that might go next. */
typedef struct proposal {
    int n;                        /* groups; 0: none */
    double loss;                  /* sum of their scores */
    wick_answer_cost left, saved; /* without them, as of when `age` decisions had been made */
    int age;                      /* -1: unknown */
    bool hopeless;                /* saved nothing, or cannot go */
} proposal;

/* Groups of one layer that are alike in every tensor. */
typedef struct kind {
    int layer;
    struct kind_group {
        double score;
        int group;
    } * groups; /* [n] least scored first; the first `gone` went */
    int n, gone;
    proposal proposals[SIZES];
} kind;

typedef struct choice {
    const wick_graph *graph;
    const wick_channels *channels;
    const wick_device *device; /* with flash and NVM for everything */
    wick_plan_options options;
    wick_channel_worth worth;
    kind *kinds;
    int n_kinds, decisions;
    bool *remove, *trial; /* [n_groups] */
    int *decision;        /* as in wick_channel_cuts */
    double *way;          /* its worth */
    wick_answer_cost now; /* without what is marked */
    wick_arena *arena;
    wick_diag *diag;
} choice;

static double worth_of(const choice *c, wick_answer_cost cost) {
    return c->worth == WICK_WORTH_ENERGY ? cost.step_uj + cost.commit_uj : (double)cost.outputs;
}

/* --- kinds -------------------------------------------------------------------------------------*/

/* What each group has of every tensor, as a number: hashed in the order of tensors (FNV-1a). */
static uint64_t *signatures(const choice *c) {
    const wick_channels *channels = c->channels;
    uint64_t *of = wick_new(c->arena, uint64_t, channels->n_groups + 1);
    for (int t = 0; t < c->graph->n_tensors; t++) {
        if (!channels->group_of[t])
            continue;
        for (int64_t i = 0; i < c->graph->tensors[t].shape.dim[1]; i++) {
            uint64_t *s = &of[channels->group_of[t][i]];
            *s = (*s ^ (uint64_t)(t + 1)) * UINT64_C(0x100000001b3);
        }
    }
    return of;
}

static int smaller_first(const void *a, const void *b) {
    const struct kind_group *x = a, *y = b;
    if (x->score < y->score || x->score > y->score)
        return x->score < y->score ? -1 : 1;
    return (x->group > y->group) - (x->group < y->group);
}

/* The kind of each group, -1: cannot go. Groups of a layer are neighbours, or nearly. */
static int *kinds_of(choice *c) {
    const wick_channels *channels = c->channels;
    const uint64_t *signature = signatures(c);
    int *kind_of = wick_new(c->arena, int, channels->n_groups + 1);
    for (int g = 0; g < channels->n_groups; g++) {
        const wick_channel_group *group = &channels->groups[g];
        kind_of[g] = -1;
        if (group->fixed || !group->filters)
            continue;
        for (int other = g - 1; other >= 0 && kind_of[g] < 0; other--)
            if (kind_of[other] >= 0 && channels->groups[other].layer == group->layer &&
                signature[other] == signature[g])
                kind_of[g] = kind_of[other];
        if (kind_of[g] < 0)
            kind_of[g] = c->n_kinds++;
    }
    return kind_of;
}

static void find_kinds(choice *c) {
    const wick_channels *channels = c->channels;
    const int *kind_of = kinds_of(c);
    c->kinds = wick_new(c->arena, kind, c->n_kinds + 1);
    for (int g = 0; g < channels->n_groups; g++)
        if (kind_of[g] >= 0)
            c->kinds[kind_of[g]].n++;
    for (int k = 0; k < c->n_kinds; k++) {
        c->kinds[k].groups = wick_new(c->arena, struct kind_group, c->kinds[k].n);
        c->kinds[k].n = 0;
    }
    for (int g = 0; g < channels->n_groups; g++) {
        if (kind_of[g] < 0)
            continue;
        kind *k = &c->kinds[kind_of[g]];
        k->layer = channels->groups[g].layer;
        k->groups[k->n++] = (struct kind_group){channels->groups[g].score, g};
    }
    for (int k = 0; k < c->n_kinds; k++)
        qsort(c->kinds[k].groups, (size_t)c->kinds[k].n, sizeof *c->kinds[k].groups, smaller_first);
}

/* --- plans -------------------------------------------------------------------------------------*/

/* The whole network on the device, where memory is not what is asked about. */
static wick_device *roomy(const wick_device *device, wick_arena *arena) {
    wick_device *large = wick_new(arena, wick_device, 1);
    *large = *device;
    large->flash_bytes = large->nvm.bytes = (int64_t)1 << 40;
    return large;
}

/* Costs without the marked groups. */
static wick_status cost_without(const choice *c, const bool *remove, wick_answer_cost *out,
                                wick_diag *diag) {
    wick_graph *graph;
    wick_qnet *net = NULL;
    wick_plan *plan = NULL;
    WICK_TRY(wick_channels_remove(c->graph, c->channels, remove, &graph, diag));
    wick_status status = wick_qnet_sketch(graph, &net, diag);
    if (status == WICK_OK)
        status = wick_plan_make(net, c->device, &c->options, NULL, &plan, diag);
    if (status == WICK_OK)
        *out = wick_answer_cost_of(plan);
    wick_plan_free(plan);
    wick_qnet_free(net);
    wick_graph_free(graph);
    return status;
}

/* --- proposals ---------------------------------------------------------------------------------*/

/* As of now without its savings, which the next look at it finds. */
static void propose(kind *k, int size) {
    int left = k->n - k->gone, n = size == 0 ? 1 : left % BLOCK ? left % BLOCK : BLOCK;
    proposal *p = &k->proposals[size];
    *p = (proposal){.n = n, .age = -1};
    if (n > left || (size && n == 1)) /* none left, or the same as one group */
        *p = (proposal){.hopeless = true};
    for (int i = 0; i < p->n; i++)
        p->loss += k->groups[k->gone + i].score;
}

static wick_status renew(choice *c, const kind *k, proposal *p) {
    wick_diag refused = {0};
    size_t bytes = (size_t)c->channels->n_groups * sizeof *c->trial;
    if (wick_stop_requested())
        return WICK_INTERRUPTED;
    memcpy(c->trial, c->remove, bytes);
    for (int i = 0; i < p->n; i++)
        c->trial[k->groups[k->gone + i].group] = true;
    wick_status status = cost_without(c, c->trial, &p->left, &refused);
    p->saved = difference(c->now, p->left);
    p->age = c->decisions;
    p->hopeless = status != WICK_OK || !(worth_of(c, p->saved) > 0);
    if (status != WICK_OK && status != WICK_NO_FIT) /* NO_FIT: no channel would be left */
        wick_diag_move(c->diag, &refused);
    wick_diag_free(&refused);
    return status == WICK_NO_FIT ? WICK_OK : status;
}

/* What it costs to save one unit of worth; unknown savings come first. */
static double price(const choice *c, const proposal *p) {
    if (p->hopeless)
        return (double)INFINITY;
    return p->age < 0 ? -1 : p->loss / worth_of(c, p->saved);
}

/* The cheapest, of equals the one that saves more; NULL: nothing is left. */
static proposal *cheapest(const choice *c, kind **of) {
    proposal *best = NULL;
    for (int k = 0; k < c->n_kinds; k++)
        for (int size = 0; size < SIZES; size++) {
            proposal *p = &c->kinds[k].proposals[size];
            double now = price(c, p), before = best ? price(c, best) : (double)INFINITY;
            if (p->hopeless || (best && now > before) ||
                (best && !(now < before) && worth_of(c, p->saved) <= worth_of(c, best->saved)))
                continue;
            best = p;
            *of = &c->kinds[k];
        }
    return best;
}

static void take(choice *c, kind *k, const proposal *p, wick_channel_cut *cut) {
    c->decisions++;
    for (int i = 0; i < p->n; i++) {
        c->remove[k->groups[k->gone + i].group] = true;
        c->decision[k->groups[k->gone + i].group] = c->decisions;
    }
    c->now = p->left;
    c->way[c->decisions] = worth_of(c, c->now);
    cut->gone += p->n;
    cut->loss += p->loss;
    cut->saved = sum(cut->saved, p->saved);
    k->gone += p->n;
    for (int size = 0; size < SIZES; size++)
        propose(k, size);
}

/* What saved nothing may do so now that others are gone. */
static void hope_again(choice *c) {
    for (int k = 0; k < c->n_kinds; k++)
        for (int size = 0; size < SIZES; size++) {
            proposal *p = &c->kinds[k].proposals[size];
            if (p->hopeless && p->n)
                p->age = -1;
            p->hopeless = p->n == 0;
        }
}

/* --- the choice --------------------------------------------------------------------------------*/

static const char *name_of(const choice *c, int layer) {
    for (int n = 0; n < c->graph->n_nodes; n++) {
        const int *groups = c->channels->group_of[c->graph->nodes[n].output];
        if (groups && c->channels->groups[groups[0]].layer == layer)
            return wick_arena_strdup(c->arena, c->graph->nodes[n].name);
    }
    return "";
}

/* The rows of *cuts, by layer of channels; returns where each is. */
static wick_channel_cut **make_cuts(choice *c, wick_channel_cuts *cuts) {
    wick_channel_cut **of = wick_new(c->arena, wick_channel_cut *, c->channels->n_layers + 1);
    cuts->layers = wick_new(c->arena, wick_channel_cut, c->n_kinds + 1);
    for (int k = 0; k < c->n_kinds; k++) {
        int layer = c->kinds[k].layer;
        if (!of[layer]) {
            of[layer] = &cuts->layers[cuts->n++];
            of[layer]->name = name_of(c, layer);
        }
        of[layer]->before += c->kinds[k].n;
    }
    return of;
}

static wick_status go_on(choice *c, double target, wick_channel_cut **cut_of) {
    int hoped = 0; /* decisions when all had been looked at again */
    wick_progress progress;
    wick_status status = WICK_OK;
    double begin = worth_of(c, c->now), way = begin - target;
    wick_progress_begin(&progress, "choosing channels", "%", 100);
    while (status == WICK_OK && worth_of(c, c->now) > target) {
        kind *k = NULL;
        proposal *p = cheapest(c, &k);
        if (!p && hoped == c->decisions)
            break;
        if (!p) {
            hope_again(c);
            hoped = c->decisions;
        } else if (p->age == c->decisions)
            take(c, k, p, cut_of[k->layer]);
        else
            status = renew(c, k, p);
        wick_progress_update(&progress, (uint64_t)(100 * (begin - worth_of(c, c->now)) / way));
    }
    wick_progress_end(&progress);
    return status;
}

static wick_status refuse(const choice *c, const wick_channel_cuts *cuts, double keep) {
    return wick_fail(c->diag, WICK_NO_FIT, NULL, NULL,
                     "keep more, or make it smaller by other means too (--separate, --bits)",
                     "channels alone bring the %s of an answer to %.1f %% of the network's, not to "
                     "%.1f %%",
                     c->worth == WICK_WORTH_ENERGY ? "energy" : "preserved outputs",
                     100 * worth_of(c, cuts->after) / worth_of(c, cuts->before), 100 * keep);
}

void wick_channel_cuts_at(const wick_channel_cuts *cuts, double keep, bool *remove) {
    int last = 0;
    while (last < cuts->decisions && cuts->worth[last] > keep * cuts->worth[0])
        last++;
    for (int g = 0; g < cuts->n_groups; g++)
        remove[g] = cuts->decision[g] > 0 && cuts->decision[g] <= last;
}

wick_status wick_channels_choose_by_cost(const wick_graph *graph, const wick_channels *channels,
                                         const wick_device *device,
                                         const wick_plan_options *options, wick_channel_worth worth,
                                         double keep, wick_arena *arena, bool *remove,
                                         wick_channel_cuts *cuts, wick_diag *diag) {
    assert(keep > 0 && keep < 1);
    choice c = {.graph = graph,
                .channels = channels,
                .device = roomy(device, arena),
                .options = *options,
                .worth = worth,
                .remove = remove,
                .trial = wick_new(arena, bool, channels->n_groups + 1),
                .decision = wick_new(arena, int, channels->n_groups + 1),
                .way = wick_new(arena, double, channels->n_groups + 1),
                .arena = arena,
                .diag = diag};
    c.options.flash_bytes = c.options.nvm_bytes = 0;
    memset(remove, 0, (size_t)channels->n_groups * sizeof *remove);
    *cuts = (wick_channel_cuts){0};
    find_kinds(&c);
    wick_channel_cut **cut_of = make_cuts(&c, cuts);
    for (int k = 0; k < c.n_kinds; k++)
        for (int size = 0; size < SIZES; size++)
            propose(&c.kinds[k], size);
    WICK_TRY(cost_without(&c, remove, &c.now, diag));
    cuts->before = cuts->after = c.now;
    c.way[0] = worth_of(&c, c.now);
    double target = keep * c.way[0];
    wick_status status = go_on(&c, target, cut_of);
    cuts->after = c.now;
    cuts->n_groups = channels->n_groups;
    cuts->decisions = c.decisions;
    cuts->worth = c.way;
    cuts->decision = c.decision;
    if (status == WICK_OK && worth_of(&c, c.now) > target)
        status = refuse(&c, cuts, keep);
    return status;
}
