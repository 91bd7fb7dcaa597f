#include "design/shrink_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Shares of channels; densities are powers of DENSITY_STEP, down to 3 %. */
static const double channel_shares[] = {1, 0.75, 0.5, 0.35, 0.25, 0.18, 0.125};
static const int bit_counts[] = {8, 4};
static const double DENSITY_STEP = 0.9;
enum { DENSITY_LEVELS = 34 };

static double density_at(int level) {
    return pow(DENSITY_STEP, level);
}

typedef struct search {
    const wick_search_space *space;
    wick_candidate *fitting, *nearest;
    int *n;
    double least_excess;
    bool whole_fits[2][WICK_LEN(bit_counts)]; /* [separated][bits]: at density 1, with more channels
                                               */
    wick_diag *diag;
} search;

static wick_status weigh(search *s, const wick_structure *structure, wick_candidate *c) {
    if (wick_stop_requested())
        return WICK_INTERRUPTED;
    WICK_TRY(wick_candidate_weigh(c, structure, s->space->device, &s->space->options->plan,
                                  s->space->budgets, s->diag));
    double excess = wick_budgets_excess(s->space->budgets, &c->figures);
    if (!(excess > s->least_excess)) {
        s->least_excess = excess;
        *s->nearest = *c;
    }
    return WICK_OK;
}

/* The largest density that fits, by halving: what fits at one density fits at every smaller one,
   since the planner stores each layer dense or sparse, whichever is better. */
static wick_status find_density(search *s, const wick_structure *structure, wick_candidate *c,
                                bool *found) {
    int low = 0, high = DENSITY_LEVELS;
    wick_candidate at = *c;
    WICK_TRY(weigh(s, structure, c));
    *found = wick_budgets_hold(s->space->budgets, &c->figures);
    if (*found)
        return WICK_OK;
    at.density = density_at(high);
    WICK_TRY(weigh(s, structure, &at));
    *found = wick_budgets_hold(s->space->budgets, &at.figures);
    *c = at;
    while (*found && high - low > 1) {
        int middle = (low + high) / 2;
        at.density = density_at(middle);
        WICK_TRY(weigh(s, structure, &at));
        if (wick_budgets_hold(s->space->budgets, &at.figures)) {
            high = middle;
            *c = at;
        } else {
            low = middle;
        }
    }
    return WICK_OK;
}

/* A milder one, in every respect, fits without zeros. */
static bool is_dominated(const search *s, bool separated, size_t bits) {
    for (int sep = 0; sep <= separated; sep++)
        for (size_t b = 0; b <= bits; b++)
            if (s->whole_fits[sep][b])
                return true;
    return false;
}

static wick_status search_structure(search *s, double channels, bool separated) {
    wick_structure structure;
    wick_diag refused = {0};
    wick_status status =
        wick_structure_make(s->space->network, channels,
                            separated ? &s->space->options->separate : NULL, &structure, &refused);
    bool none = status == WICK_NO_FIT || (status == WICK_OK && separated && !structure.changed);
    if (status != WICK_OK && !none)
        wick_diag_move(s->diag, &refused);
    wick_diag_free(&refused);
    for (size_t b = 0; b < WICK_LEN(bit_counts) && status == WICK_OK && !none; b++) {
        wick_candidate c = {
            .channels = channels, .separated = separated, .bits = bit_counts[b], .density = 1};
        bool found;
        if (is_dominated(s, separated, b))
            continue;
        status = find_density(s, &structure, &c, &found);
        if (status != WICK_OK || !found)
            continue;
        s->fitting[(*s->n)++] = c;
        if (!(c.density < 1))
            s->whole_fits[separated][b] = true;
    }
    if (structure.graph)
        wick_structure_free(&structure);
    return none ? WICK_OK : status;
}

/* a is at least as mild as b in every respect. */
static bool is_milder(const wick_candidate *a, const wick_candidate *b) {
    return a->channels >= b->channels && a->separated <= b->separated && a->bits >= b->bits &&
           a->density >= b->density;
}

/* What is milder in nothing than another one goes: a trial of it would tell nothing. */
static int drop_dominated(wick_candidate *list, int n) {
    int kept = 0;
    for (int i = 0; i < n; i++) {
        bool dominated = false;
        for (int k = 0; k < kept; k++) /* the milder ones come first */
            dominated |= is_milder(&list[k], &list[i]);
        if (!dominated)
            list[kept++] = list[i];
    }
    return kept;
}

static int by_loss(const void *a, const void *b) {
    const wick_candidate *x = a, *y = b;
    return (x->loss > y->loss) - (x->loss < y->loss);
}

wick_status wick_shrink_search(const wick_search_space *space, wick_candidate *fitting, int *n,
                               wick_candidate *nearest, wick_diag *diag) {
    search s = {.space = space,
                .fitting = fitting,
                .nearest = nearest,
                .n = n,
                .least_excess = (double)INFINITY,
                .diag = diag};
    wick_status status = WICK_OK;
    wick_progress progress;
    *n = 0;
    wick_progress_begin(&progress, "planning", "structures", 2 * WICK_LEN(channel_shares));
    for (size_t i = 0; i < 2 * WICK_LEN(channel_shares) && status == WICK_OK; i++) {
        status = search_structure(&s, channel_shares[i / 2], i % 2);
        wick_progress_update(&progress, i + 1);
    }
    wick_progress_end(&progress);
    *n = drop_dominated(fitting, *n);
    qsort(fitting, (size_t)*n, sizeof *fitting, by_loss);
    return status;
}

/* --- the least ---------------------------------------------------------------------------------*/

static wick_status refuse(const wick_search_space *space, wick_budget kind, const wick_least *least,
                          wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    double limit = space->budgets->limit[kind];
    const char *code = "", *layer = "";
    if (least->code_bytes > 0)
        code = wick_arena_printf(arena, "; %s of it is code",
                                 wick_budget_value(arena, kind, least->code_bytes));
    if (least->layer[0])
        layer = wick_arena_printf(arena, "; of the layers '%s' takes most", least->layer);
    wick_status status = wick_fail(
        diag, WICK_NO_FIT, NULL, wick_budget_option(kind),
        "raise this budget, take another device, or begin with a smaller network",
        "%s of %s is the least that any combination of means takes, the budget is %s: %s short%s%s",
        wick_budget_value(arena, kind, least->value), wick_budget_text(kind),
        wick_budget_value(arena, kind, limit), wick_budget_value(arena, kind, least->value - limit),
        code, layer);
    wick_arena_free(arena);
    return status;
}

/* What one of the hardest combinations takes, where that is less. */
static wick_status lower_least(const wick_search_space *space, wick_candidate c, wick_arena *arena,
                               wick_least least[WICK_BUDGETS], wick_diag *diag) {
    wick_structure structure;
    wick_least here[WICK_BUDGETS];
    wick_qnet *net = NULL;
    double loss;
    const wick_separate_options *separate = c.separated ? &space->options->separate : NULL;
    wick_status status =
        wick_structure_make(space->network, c.channels, separate, &structure, NULL);
    if (status == WICK_NO_FIT)
        return WICK_OK;
    WICK_TRY(status);
    if (!c.separated || structure.changed) {
        status = wick_candidate_sketch(&c, &structure, &loss, &net, diag);
        if (status == WICK_OK)
            status = wick_demand_least(net, space->device, &space->options->plan, space->budgets,
                                       arena, here, diag);
        for (int k = 0; k < WICK_BUDGETS && status == WICK_OK; k++)
            if (here[k].value < least[k].value)
                least[k] = here[k];
    }
    wick_qnet_free(net);
    wick_structure_free(&structure);
    return status;
}

/* The least of each budget among the hardest combinations. */
static wick_status find_least(const wick_search_space *space, wick_arena *arena,
                              wick_least least[WICK_BUDGETS], wick_diag *diag) {
    double shares[] = {channel_shares[WICK_LEN(channel_shares) - 1], 1};
    double densities[] = {density_at(DENSITY_LEVELS), 1};
    for (int k = 0; k < WICK_BUDGETS; k++)
        least[k] = (wick_least){(double)INFINITY, "", 0};
    for (int i = 0; i < 8; i++) {
        wick_candidate c = {
            .channels = shares[i & 1], .separated = i & 2, .bits = 4, .density = densities[i >> 2]};
        if (wick_stop_requested())
            return WICK_INTERRUPTED;
        bool enough = true;
        for (int k = 0; k < WICK_BUDGET_DROP; k++)
            enough &= !(least[k].value > space->budgets->limit[k]);
        if (!enough)
            WICK_TRY(lower_least(space, c, arena, least, diag));
    }
    return WICK_OK;
}

wick_status wick_shrink_possible(const wick_search_space *space, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_least least[WICK_BUDGETS];
    wick_status status = find_least(space, arena, least, diag);
    for (int k = 0; k < WICK_BUDGET_DROP && status != WICK_INTERRUPTED; k++)
        if (status == WICK_OK || status == WICK_NO_FIT)
            if (isfinite(least[k].value) && least[k].value > space->budgets->limit[k])
                status = refuse(space, (wick_budget)k, &least[k], diag);
    wick_arena_free(arena);
    return status;
}
