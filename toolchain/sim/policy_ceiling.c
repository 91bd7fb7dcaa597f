#include "sim/policy_ceiling.h"

#include "sim/policy_process.h"

#include <math.h>

enum { OFF = MDP_OFF, ON = MDP_ON };

/* A drawn harvest. */
typedef struct world {
    harvest_chain known; /* one bin: the slot at hand */
    double *uj;          /* [slots] usable */
    int *bin;            /* [slots] of the chain, as each begins */
} world;

typedef struct ceiling {
    policy_mdp m; /* of the chain, may_switch_off as asked for */
    harvest_chain chain;
    int inputs, n_worlds;
    world worlds[WICK_CEILING_WORLDS];
} ceiling;

static void draw(ceiling *c, world *w, int slots, uint64_t seed, wick_arena *arena) {
    wick_rng rng = wick_rng_seed(seed, 0);
    w->known = (harvest_chain){.n = 1, .step_s = c->chain.step_s, .p = {{1}}};
    w->uj = wick_new(arena, double, slots);
    w->bin = wick_new(arena, int, slots);
    for (int i = 0, bin = 0; i < slots; i++) {
        int to = harvest_chain_next(&c->chain, bin, &rng);
        w->uj[i] = c->chain.uj[bin][to];
        w->bin[i] = bin;
        bin = to;
    }
}

static void show_slot(void *ctx, int slot) {
    world *w = ctx;
    w->known.uj[0][0] = w->uj[slot];
}

static double from_empty(const ceiling *c, const policy_mdp *m) {
    return (double)mdp_cell(m, OFF, 0, 0, 0)[0] / c->inputs;
}

/* The optimum on a drawn harvest, or (always > 0) one module all the time. */
static double hindsight(const ceiling *c, world *w, int always) {
    wick_arena *arena = wick_arena_new();
    policy_mdp m = c->m;
    m.chain = &w->known;
    m.always = always;
    m.may_switch_off = !always && m.may_switch_off;
    mdp_prepare(&m, arena);
    mdp_solve_run(&m, c->inputs, show_slot, w);
    double value = from_empty(c, &m);
    wick_arena_free(arena);
    return value;
}

/* ---- what the chain's optimum gets on drawn harvests ---- */

/* A state of a device that is on (or tired): behind answer `best`, module `working` (0: none) or,
   with best -1, the extractor at a level. */
typedef struct place {
    int power, stage, age, best, working, level;
} place;

enum { MOST_WAYS = 4 + WICK_MAX_HEADS };

/* The values of all that may be done there, in the order of mdp_sweep_age; their number. */
static int ways(const policy_mdp *m, const place *p, int bin, double uj, double *value) {
    int n = 0, larger = p->best > 0 ? p->best - 1 : m->n_modules;
    if (p->best < 0)
        value[n++] = mdp_extract(m, p->power, p->age, p->level, bin, uj);
    else if (p->working)
        value[n++] = mdp_go_on(m, p->power, p->age, p->best, p->working, p->level, bin, uj);
    if (p->best == 0 && p->working == m->n_modules && !m->may_switch_off)
        return n; /* the smallest is seen through */
    value[n++] = mdp_finish(m, p->age, bin, uj);
    for (int w = larger; w > p->working && p->best >= 0; w--)
        value[n++] = mdp_go_on(m, p->power, p->age, p->best, w, 0, bin, uj);
    value[n++] = mdp_wait(m, p->power, p->stage, p->age, bin, uj);
    if (mdp_may_go_off(m, uj))
        value[n++] = mdp_off(m, p->stage, p->age, bin, uj);
    return n;
}

/* What `on` would do, valued by `m`, of which all that this state leads to has its value. */
static void follow(const policy_mdp *on, int bin, const policy_mdp *m, const place *p) {
    for (int c = 0; c < MDP_CHARGES; c++) {
        double says[MOST_WAYS], gets[MOST_WAYS], uj = c * m->step_uj;
        int n = ways(on, p, bin, uj, says), best = 0;
        ways(m, p, 0, uj, gets);
        for (int i = 1; i < n; i++)
            best = says[i] > says[best] ? i : best;
        mdp_cell(m, p->power, p->stage, p->age, 0)[c] = (float)gets[best];
    }
}

static void follow_age(const policy_mdp *on, int bin, policy_mdp *m, int age) {
    place p = {.age = age};
    mdp_sweep_age(m, age); /* who is off chooses nothing */
    for (int i = 2; i <= m->n_modules + 1; i++) {
        p.best = i <= m->n_modules ? i : 0;
        for (p.working = p.best ? p.best - 1 : m->n_modules; p.working >= 0; p.working--)
            for (p.level = p.working ? m->levels[p.working] - 1 : 0; p.level >= 0; p.level--) {
                p.stage = m->stage_of[p.best][p.working] + p.level;
                for (p.power = ON; p.power <= (p.working ? MDP_TIRED : ON); p.power++)
                    follow(on, bin, m, &p);
            }
    }
    p.best = -1;
    for (p.level = m->levels[0] - 1; p.level >= 0; p.level--) {
        p.stage = p.level;
        for (p.power = ON; p.power <= MDP_TIRED; p.power++)
            follow(on, bin, m, &p);
    }
}

static void follow_idle(const policy_mdp *on, int bin, policy_mdp *m, int left) {
    mdp_sweep_idle(m, left);
    for (int c = 0; c < MDP_CHARGES && left; c++) {
        double uj = c * m->step_uj, stays, goes, gets[2];
        mdp_idle_values(on, left, bin, uj, &stays, &goes);
        mdp_idle_values(m, left, 0, uj, &gets[ON], &gets[OFF]);
        bool off = mdp_may_go_off(m, uj) && goes > stays;
        mdp_idle_cell(m, ON, left, 0)[c] = (float)gets[off ? OFF : ON];
    }
}

/* Long enough for what charge is worth later. */
enum { STEADY_PERIODS = 60 };

/* All drawn harvests beside one sweep of the chain; ends: which knows when the run does. */
static double follow_all(ceiling *c, bool ends) {
    wick_arena *arena = wick_arena_new();
    policy_mdp on = c->m, *m = wick_new(arena, policy_mdp, c->n_worlds);
    if (ends)
        mdp_prepare(&on, arena);
    else
        mdp_solve(&on, arena, STEADY_PERIODS);
    for (int w = 0; w < c->n_worlds; w++) {
        m[w] = c->m;
        m[w].chain = &c->worlds[w].known;
        mdp_prepare(&m[w], arena);
    }
    for (int input = c->inputs - 1; input >= 0; input--) {
        if (ends)
            mdp_pass_on(&on);
        for (int w = 0; w < c->n_worlds; w++)
            mdp_pass_on(&m[w]);
        for (int left = 0; left <= on.slots; left++) {
            int slot = (input + 1) * on.slots - left;
            if (ends)
                mdp_sweep_idle(&on, left);
            for (int w = 0; w < c->n_worlds; w++) {
                show_slot(&c->worlds[w], slot);
                follow_idle(&on, c->worlds[w].bin[slot], &m[w], left);
            }
        }
        for (int age = on.ages - 1; age >= 0; age--) {
            int slot = input * on.slots + age;
            if (ends)
                mdp_sweep_age(&on, age);
            for (int w = 0; w < c->n_worlds; w++) {
                show_slot(&c->worlds[w], slot);
                follow_age(&on, c->worlds[w].bin[slot], &m[w], age);
            }
        }
    }
    double sum = 0;
    for (int w = 0; w < c->n_worlds; w++)
        sum += from_empty(c, &m[w]);
    wick_arena_free(arena);
    return sum / c->n_worlds;
}

static wick_ceiling find(ceiling *c) {
    wick_arena *arena = wick_arena_new();
    int slots = (c->inputs + 1) * c->m.slots + c->m.ages;
    wick_ceiling out = {0};
    for (int i = 0; i < c->n_worlds; i++) {
        world *w = &c->worlds[i];
        double best = 0;
        draw(c, w, slots, (uint64_t)i + 1, arena);
        for (int k = 1; k <= c->m.n_modules; k++)
            best = fmax(best, hindsight(c, w, k));
        out.fixed += best / c->n_worlds;
        out.known += hindsight(c, w, 0) / c->n_worlds;
    }
    out.online = follow_all(c, true);
    out.steady = follow_all(c, false);
    wick_arena_free(arena);
    return out;
}

wick_status wick_policy_ceiling(const wick_judged *learnt, const wick_synth_options *options,
                                int inputs, int worlds, wick_ceiling *out, wick_diag *diag) {
    const wick_synth_options o = policy_process_options(learnt, options);
    wick_arena *arena = wick_arena_new();
    ceiling *c = wick_new(arena, ceiling, 1);
    c->inputs = inputs;
    c->n_worlds = worlds;
    *out = (wick_ceiling){0};
    wick_status status = WICK_OK;
    if (inputs < 1 || inputs > 1000 || worlds < 1 || worlds > WICK_CEILING_WORLDS)
        status = wick_fail(diag, WICK_RANGE, NULL, "inputs and worlds", "up to 1000, up to 64",
                           "%d inputs, %d worlds", inputs, worlds);
    else
        status = policy_process_fit(learnt->plan, learnt->traces, learnt->n_traces, &o, &c->chain,
                                    &c->m, diag);
    if (status == WICK_OK) {
        c->m.may_switch_off = options->may_switch_off;
        *out = find(c);
    }
    wick_arena_free(arena);
    return status;
}
