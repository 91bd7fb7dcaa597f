#include "design/shrink_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Shares of channels; shares by energy of what the budget leaves; densities are powers of
   DENSITY_STEP, down to 3 %; steps of the bytes between 4 bits everywhere and 8. */
static const double channel_shares[] = {1, 0.75, 0.5, 0.35, 0.25, 0.18, 0.125};
static const double energy_shares[] = {1, 0.85, 0.7, 0.5, 0.35, 0.25};
static const double DENSITY_STEP = 0.9;
enum { DENSITY_LEVELS = 34, MIXED_LEVELS = 16 };

static double density_at(int level) {
    return pow(DENSITY_STEP, level);
}

typedef enum precision { EIGHT, MIXED, FOUR, PRECISIONS } precision; /* from the mildest */

enum { SEPARATINGS = WICK_SEPARATED_SPATIAL + 1 };

typedef struct search {
    const wick_search_space *space;
    wick_candidate *fitting, *nearest;
    int *n;
    double least_excess;
    /* [by energy][separated]: some structure with more channels fits at density 1 */
    bool whole_fits[2][SEPARATINGS][PRECISIONS];
    wick_diag *diag;
} search;

static bool holds(const search *s, const wick_candidate *c) {
    return wick_budgets_hold(s->space->budgets, &c->figures);
}

static wick_status weigh(search *s, const wick_structure *structure, wick_candidate *c) {
    if (wick_stop_requested())
        return WICK_INTERRUPTED;
    const wick_material *m = s->space->material;
    WICK_TRY(wick_candidate_weigh(c, structure, m->device, m->plan, s->space->budgets, s->diag));
    double excess = wick_budgets_excess(s->space->budgets, &c->figures);
    if (!(excess > s->least_excess)) {
        s->least_excess = excess;
        *s->nearest = *c;
    }
    return WICK_OK;
}

static void keep(search *s, const wick_candidate *c) {
    if (*s->n < WICK_MAX_CANDIDATES)
        s->fitting[(*s->n)++] = *c;
}

/* A fits at no density; now the largest density below 1 that does, by halving: what fits at one
   density fits at every smaller one, since the planner stores each layer dense or sparse, whichever
   is better. */
static wick_status find_density(search *s, const wick_structure *structure, wick_candidate c) {
    int low = 0, high = DENSITY_LEVELS;
    wick_candidate at = c;
    at.density = density_at(high);
    WICK_TRY(weigh(s, structure, &at));
    if (!holds(s, &at))
        return WICK_OK;
    c = at;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        at.density = density_at(middle);
        WICK_TRY(weigh(s, structure, &at));
        if (holds(s, &at)) {
            high = middle;
            c = at;
        } else {
            low = middle;
        }
    }
    keep(s, &c);
    return WICK_OK;
}

/* 4 bits everywhere fit, 8 do not: the most bytes that fit, by halving. */
static wick_status find_mixture(search *s, wick_structure *structure, wick_candidate c,
                                bool *found) {
    WICK_TRY(wick_structure_measure(structure, s->space->material, s->diag));
    int64_t least = wick_structure_bytes(structure, true),
            most = wick_structure_bytes(structure, false);
    int low = 0, high = MIXED_LEVELS; /* bytes of `low` levels are known to fit */
    wick_candidate at = c;
    at.bits = WICK_BITS_MIXED;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        at.bits_bytes = least + (most - least) * middle / MIXED_LEVELS;
        WICK_TRY(weigh(s, structure, &at));
        if (holds(s, &at)) {
            low = middle;
            c = at;
        } else {
            high = middle;
        }
    }
    *found = low > 0;
    if (*found)
        keep(s, &c);
    return WICK_OK;
}

static bool is_by_energy(const wick_candidate *c) {
    return c->thinning == WICK_THIN_BY_ENERGY;
}

/* Either way of separating is milder in nothing than the other. */
static bool separates_no_more(wick_separating a, wick_separating b) {
    return a == WICK_WHOLE || a == b;
}

/* A milder one, in every respect, fits without zeros. */
static bool is_dominated(const search *s, const wick_candidate *c, precision p) {
    for (int sep = 0; sep < SEPARATINGS; sep++)
        for (int b = 0; b <= (int)p; b++)
            if (separates_no_more((wick_separating)sep, c->separated) &&
                s->whole_fits[is_by_energy(c)][sep][b])
                return true;
    return false;
}

static void note_fit(search *s, const wick_candidate *c, precision p) {
    s->whole_fits[is_by_energy(c)][c->separated][p] = true;
    if (!(c->channels < 1)) /* milder than channels by energy, too */
        s->whole_fits[true][c->separated][p] = true;
}

/* The other precisions and densities of a structure. */
static wick_status search_weights(search *s, wick_structure *structure, wick_candidate c) {
    bool fits[PRECISIONS] = {false}, found;
    for (int p = EIGHT; p <= FOUR; p += FOUR - EIGHT) {
        c.bits = p == EIGHT ? 8 : 4;
        if (is_dominated(s, &c, (precision)p)) {
            fits[p] = p == FOUR;
            continue;
        }
        WICK_TRY(weigh(s, structure, &c));
        fits[p] = holds(s, &c);
        if (fits[p]) {
            keep(s, &c);
            note_fit(s, &c, (precision)p);
            continue;
        }
        WICK_TRY(find_density(s, structure, c));
        c.block = WICK_BLOCK_ROWS;
        if (p == EIGHT)
            WICK_TRY(find_density(s, structure, c));
        c.block = 1;
    }
    if (fits[EIGHT] || !fits[FOUR] || is_dominated(s, &c, MIXED))
        return WICK_OK;
    WICK_TRY(find_mixture(s, structure, c, &found));
    if (found)
        note_fit(s, &c, MIXED);
    return WICK_OK;
}

static wick_status search_structure(search *s, const wick_candidate *c) {
    wick_structure structure;
    wick_diag refused = {0};
    if (is_dominated(s, c, EIGHT)) /* so it is with fewer bits */
        return WICK_OK;
    wick_status status = wick_structure_make(s->space->material, c, &structure, &refused);
    bool none = status == WICK_NO_FIT || (status == WICK_OK && c->separated && !structure.changed);
    if (status != WICK_OK && !none)
        wick_diag_move(s->diag, &refused);
    wick_diag_free(&refused);
    if (status == WICK_OK && !none)
        status = search_weights(s, &structure, *c);
    if (structure.graph)
        wick_structure_free(&structure);
    return none ? WICK_OK : status;
}

/* One share of channels, with every separation. */
static wick_status search_share(search *s, wick_candidate c, wick_progress *progress) {
    for (int sep = 0; sep < SEPARATINGS; sep++) {
        c.separated = (wick_separating)sep;
        WICK_TRY(search_structure(s, &c));
        wick_progress_update(progress, progress->done + 1);
    }
    return WICK_OK;
}

/* Shares of every layer, by the score that suits each. */
static wick_status search_evenly(search *s, wick_progress *progress) {
    for (size_t i = 0; i < WICK_LEN(channel_shares); i++) {
        wick_candidate c = {.channels = channel_shares[i], .density = 1, .block = 1};
        if (c.channels < 1 && !is_dominated(s, &c, EIGHT)) {
            wick_diag refused = {0};
            WICK_TRY(wick_material_score(s->space->material, s->diag));
            wick_status status =
                wick_material_thin(s->space->material, c.channels, &c.thinning, &refused);
            if (status != WICK_OK && status != WICK_NO_FIT) /* which every search of it finds */
                wick_diag_move(s->diag, &refused);
            wick_diag_free(&refused);
            if (status != WICK_OK && status != WICK_NO_FIT)
                return status;
        }
        WICK_TRY(search_share(s, c, progress));
    }
    return WICK_OK;
}

/* What the network as it is takes of the energy that there is, where memory is not short: dear
   kernels for little flash say nothing of its channels. 0: there is no such budget. */
static wick_status energy_needed(search *s, double *times) {
    const wick_material *m = s->space->material;
    const wick_budgets none = wick_budgets_none();
    const wick_budgets roomy = wick_budgets_within(&none, m->device, m->plan);
    wick_structure structure;
    wick_candidate c = {.channels = 1, .bits = 8, .density = 1, .block = 1};
    *times = 0;
    if (!isfinite(s->space->budgets->limit[WICK_BUDGET_ENERGY]))
        return WICK_OK;
    WICK_TRY(wick_structure_make(m, &c, &structure, s->diag));
    wick_status status = wick_candidate_weigh(&c, &structure, m->device, m->plan, &roomy, s->diag);
    *times = c.figures.value[WICK_BUDGET_ENERGY] / s->space->budgets->limit[WICK_BUDGET_ENERGY];
    wick_structure_free(&structure);
    return status;
}

/* Shares by energy: what fits as it is, and less. */
static wick_status search_by_energy(search *s, wick_progress *progress) {
    double times;
    const double last = energy_shares[WICK_LEN(energy_shares) - 1];
    WICK_TRY(energy_needed(s, &times));
    if (!(times > 1))
        return WICK_OK;
    if (!s->space->material->weighed)
        WICK_TRY(wick_material_weigh(s->space->material, last / times, s->diag));
    for (size_t i = 0; i < WICK_LEN(energy_shares) && s->space->material->weighed; i++) {
        wick_candidate c = {.thinning = WICK_THIN_BY_ENERGY,
                            .channels = energy_shares[i] / times,
                            .density = 1,
                            .block = 1};
        WICK_TRY(search_share(s, c, progress));
    }
    return WICK_OK;
}

/* a is at least as mild as b in every respect. */
static bool is_milder(const wick_candidate *a, const wick_candidate *b) {
    bool same = is_by_energy(a) == is_by_energy(b) || !(a->channels < 1);
    double width[2];
    for (int i = 0; i < 2; i++) {
        const wick_candidate *c = i ? b : a;
        width[i] = c->bits == WICK_BITS_MIXED ? 6 + 1e-12 * (double)c->bits_bytes : c->bits;
    }
    return same && a->channels >= b->channels && separates_no_more(a->separated, b->separated) &&
           width[0] >= width[1] && a->density >= b->density && a->block <= b->block;
}

/* What is milder in nothing than another one goes: a trial of it would tell nothing. */
static int drop_dominated(wick_candidate *list, int n) {
    int kept = 0;
    bool dominated[WICK_MAX_CANDIDATES];
    for (int i = 0; i < n; i++) {
        dominated[i] = false;
        for (int k = 0; k < n; k++) /* of equals the first stays */
            dominated[i] |= k != i && is_milder(&list[k], &list[i]) &&
                            (k < i || !is_milder(&list[i], &list[k]));
    }
    for (int i = 0; i < n; i++)
        if (!dominated[i])
            list[kept++] = list[i];
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
    wick_progress_begin(&progress, "planning", "structures",
                        SEPARATINGS * (WICK_LEN(channel_shares) + WICK_LEN(energy_shares)));
    status = search_evenly(&s, &progress);
    if (status == WICK_OK)
        status = search_by_energy(&s, &progress);
    wick_progress_end(&progress);
    *n = drop_dominated(fitting, *n);
    qsort(fitting, (size_t)*n, sizeof *fitting, by_loss);
    return status;
}

/* --- fragile layers ----------------------------------------------------------------------------*/

/* The largest density below 1 that fits with what `c` keeps denser; *fits is false where none
   does. */
static wick_status pay(search *s, const wick_structure *structure, wick_candidate *c, bool *fits) {
    *s->n = 0;
    WICK_TRY(find_density(s, structure, *c));
    *fits = *s->n > 0;
    if (*fits)
        *c = s->fitting[0];
    return WICK_OK;
}

wick_status wick_shrink_protect(const wick_search_space *space, wick_candidate *candidate,
                                wick_diag *diag) {
    wick_candidate nearest, paid[1], c = *candidate;
    wick_structure structure;
    int n = 0;
    bool more = true, fits = true;
    search s = {.space = space,
                .fitting = paid,
                .nearest = &nearest,
                .n = &n,
                .least_excess = (double)INFINITY,
                .diag = diag};
    if (!(c.density < 1) || !(space->material->fragile_points > 0))
        return WICK_OK;
    WICK_TRY(wick_structure_make(space->material, &c, &structure, diag));
    wick_status status = WICK_OK;
    while (more && fits && status == WICK_OK) {
        wick_fragile *known;
        int n_known;
        status = wick_candidate_find_fragile(&c, &structure, space->material, &known, &n_known,
                                             &more, diag);
        c.fragile = known;
        c.n_fragile = n_known;
        if (status == WICK_OK && more)
            status = pay(&s, &structure, &c, &fits);
    }
    wick_structure_free(&structure);
    if (status == WICK_OK && fits)
        *candidate = c;
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
    wick_status status = wick_structure_make(space->material, &c, &structure, NULL);
    if (status == WICK_NO_FIT)
        return WICK_OK;
    WICK_TRY(status);
    if (!c.separated || structure.changed) {
        status = wick_candidate_sketch(&c, &structure, &loss, &net, diag);
        if (status == WICK_OK)
            status = wick_demand_least(net, space->material->device, space->material->plan,
                                       space->budgets, arena, here, diag);
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
    for (int i = 0; i < 4 * SEPARATINGS; i++) {
        wick_candidate c = {.channels = shares[i & 1],
                            .separated = (wick_separating)(i / 4),
                            .bits = 4,
                            .density = densities[(i >> 1) & 1],
                            .block = 1};
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
