#include "sim/clairvoyant_search.h"

#include "sim/clairvoyant_moves.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Scores that differ by less are equal; and charges, in µJ. */
static const double SAME = 1e-6, SAME_UJ = 0.02;

/* ---- devices and what they are told ---- */

static void push(crowd *c, device *d) {
    if (c->n == c->room) {
        c->room = c->room ? 2 * c->room : 256;
        c->of = wick_xrealloc(c->of, (size_t)c->room * sizeof *c->of);
    }
    c->of[c->n++] = d;
}

device *search_copy(search *s, const device *from) {
    device *d = s->spare.n ? s->spare.of[--s->spare.n] : wick_xalloc(sizeof *d);
    *d = *from;
    d->program.world.result = &d->result;
    if (d->last >= 0)
        s->said[d->last].told++;
    return d;
}

/* A device, or a word, no longer comes behind this one. */
static void forget(search *s, int at) {
    while (at >= 0 && --s->said[at].told == 0) {
        int before = s->said[at].before;
        s->said[at].before = s->free_said;
        s->free_said = at;
        at = before;
    }
}

void search_drop(search *s, device *d) {
    forget(s, d->last);
    push(&s->spare, d);
}

/* The device's own place behind the word before goes over to the new one. */
static void say(search *s, device *d, wick_sim_action action) {
    int at = s->free_said;
    if (at >= 0) {
        s->free_said = s->said[at].before;
    } else {
        if (s->n_said == s->room_said) {
            s->room_said = s->room_said ? 2 * s->room_said : 4096;
            s->said = wick_xrealloc(s->said, (size_t)s->room_said * sizeof *s->said);
        }
        at = s->n_said++;
    }
    s->said[at] = (said){.until_s = action.until_s,
                         .before = d->last,
                         .told = 1,
                         .spans = (uint16_t)action.spans,
                         .kind = (uint8_t)action.kind,
                         .module = (uint8_t)action.module};
    d->last = at;
}

void search_off_until(search *s, device *d, double at_s) {
    d->program.off_until_s = at_s;
    int off = d->last; /* the word; who is off was on before, and was told to be off */
    assert(off >= 0 && s->said[off].kind == WICK_SIM_OFF);
    d->last = s->said[off].before;
    if (d->last >= 0)
        s->said[d->last].told++;
    forget(s, off);
    say(s, d, (wick_sim_action){.kind = WICK_SIM_OFF, .until_s = at_s});
}

/* ---- scores and values ---- */

static bool known(const search *s) {
    return s->scene->problem->grid.known;
}

static double final_score(const search *s, const device *d) {
    return known(s) ? d->result.correct_in_time : d->result.expected_in_time;
}

/* With the answer that the input in work has in time. */
static double score_of(const search *s, const device *d) {
    const program *p = &d->program;
    if (!p->in_time)
        return final_score(s, d);
    const uint8_t *right = p->correct + (p->in_time - 1) * p->n_samples;
    return final_score(s, d) + (known(s) ? right[p->now.sample] != 0 : p->accuracy[p->in_time]);
}

bool search_open(const program *p) {
    const wick_workload *load = &p->world.options->workload;
    bool replaced = load->rule == WICK_INPUT_REPLACE && p->world.arrivals.n_waiting;
    bool answered = p->world.plan->model.chain ? p->answered & 1 : p->answered;
    return p->now.id >= 0 && !answered && !replaced && p->world.now_s < program_deadline_s(p);
}

static uint64_t mix(uint64_t h, uint64_t x) {
    h = (h ^ x) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

/* What is in SRAM only saves some reads, and the engine's patience a µJ: neither counts. Part: of
   the interval that is over, in eighths; who has less time left does not beat who has more. */
static uint64_t key_of(const device *d, int part) {
    const program *p = &d->program;
    const arrivals *a = &p->world.arrivals;
    bool on = p->world.powered, begun = p->now.id >= 0;
    uint64_t flags = on + 2u * (on && p->warm) + 4u * (on && p->highest_mv) + 8u * begun;
    uint64_t h = mix(flags + 16u * (uint64_t)part, (uint64_t)a->n_waiting);
    for (int i = 0; i < a->n_waiting; i++)
        h = mix(h, (uint64_t)a->waiting[i].id);
    if (!search_open(p))
        return h;
    h = mix(h, 1 + (uint64_t)p->now.id);
    if (!p->taken)
        return h;
    h = mix(h, (uint64_t)p->phase);
    h = mix(h, (uint64_t)p->segment);
    h = mix(h, (uint64_t)p->progress[p->segment]);
    return mix(h, p->answered + 256u * (on && p->begun) + 512u * p->age_known);
}

/* Inputs that are outstanding before instant j, as in clairvoyant_queue.c. */
static int queue_before(const search *s, const wick_sim_state *state, int j) {
    const bound *b = &s->scene->problem->bound;
    const wick_workload *load = &s->scene->problem->options->workload;
    int newest = bound_arrived(b, j) - 1, queue = 0;
    for (int i = state->input < 0 ? 0 : -1; i < state->waiting; i++) {
        double arrival_s = i < 0 ? state->arrival_s : state->waiting_s[i];
        int at = newest - (int)lround(arrival_s / load->period_s);
        if (at >= 0 && at < b->most_open && state->now_s < arrival_s + load->deadline_s)
            queue |= 1 << at;
    }
    return queue;
}

/* What may come at most behind instant j, by the bound: of a device that was there then and has
   what this one has, but for what leaked and was slept since. */
static double value_of(const search *s, const device *d, int j) {
    const program *p = &d->program;
    const bound *b = &s->scene->problem->bound;
    wick_sim_state state = program_state(p);
    bool on = p->world.powered, open = search_open(p);
    double since_s = state.now_s - j * b->dt_s;
    if (!open)
        state.input = -1;
    else if (state.arrival_s > (j - 1e-6) * b->dt_s) /* it is none of the queue before */
        return INFINITY;
    int queue = queue_before(s, &state, j), first = !on ? OFF : b->cold && !p->warm ? COLD : ON;
    /* The value of a charge that is surely no lower: lattice_uj. */
    double uj = state.energy_uj * exp(b->lambda * since_s) + (b->gains ? 2 : 1) * b->step_uj;
    double most = 0;
    uj += on ? b->sleep_uw * fmax(0, since_s) * exp(b->lambda * fmax(0, since_s)) : 0;
    for (int k = 0; k <= (open ? b->n_modules : 0); k++) {
        bound_place at = open ? replay_place(&s->looks, &state, k) : (bound_place){0};
        double value = bound_value(s->scene->values, j, first, queue, at.row, uj + at.beyond_uj);
        most = fmax(most, value);
        if (on && b->tires)
            most = fmax(most,
                        bound_value(s->scene->values, j, TIRED, queue, at.row, uj + at.beyond_uj));
    }
    return most;
}

/* ---- instants ---- */

static int by_key(const void *a, const void *b) {
    const device *x = *(device *const *)a, *y = *(device *const *)b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    double e = x->program.world.store.energy_uj, f = y->program.world.store.energy_uj;
    return (e < f) - (e > f);
}

static int by_value(const void *a, const void *b) {
    const device *x = *(device *const *)a, *y = *(device *const *)b;
    if (x->value != y->value)
        return x->value > y->value ? -1 : 1;
    return by_key(a, b);
}

/* Only those stay that no other beats, that may still win, and that there is room for. */
static void thin(search *s, crowd *c) {
    if (c->n == 0)
        return;
    qsort(c->of, (size_t)c->n, sizeof *c->of, by_key);
    int n = 0;
    double most_uj = -1;
    uint64_t key = ~c->of[0]->key;
    for (int i = 0; i < c->n; i++) {
        device *d = c->of[i];
        double uj = d->program.world.store.energy_uj;
        if (d->key != key)
            most_uj = -1;
        key = d->key;
        if (uj > most_uj + SAME_UJ && d->value > s->score + SAME) {
            most_uj = uj;
            c->of[n++] = d;
        } else {
            search_drop(s, d);
        }
    }
    c->n = n;
    if (n <= s->widest)
        return;
    s->cut = true;
    qsort(c->of, (size_t)n, sizeof *c->of, by_value);
    while (c->n > s->widest)
        search_drop(s, c->of[--c->n]);
}

void search_arrive(search *s, device *d) {
    const bound *b = &s->scene->problem->bound;
    enum { AT_ONCE = 16 }; /* a crowd is thinned before it has so many times the room */
    int j = (int)floor(d->program.world.now_s / b->dt_s + 1e-9);
    j = j < b->n ? j : b->n;
    d->score = score_of(s, d);
    d->value = j > 0 ? d->score + value_of(s, d, j) : INFINITY;
    if (d->value <= s->score + SAME) {
        search_drop(s, d);
        return;
    }
    d->key = key_of(d, (int)(8 * (d->program.world.now_s / b->dt_s - j) + 1e-6));
    crowd *c = &s->at[j];
    push(c, d);
    if (c->n >= 1000 + AT_ONCE * s->widest)
        thin(s, c);
}

static void finish(search *s, device *d) {
    program_close(&d->program);
    double score = final_score(s, d);
    if (score <= s->score + SAME)
        return;
    s->score = score;
    forget(s, s->best);
    s->best = d->last;
    if (s->best >= 0)
        s->said[s->best].told++;
}

bool search_turn(search *s, device *d, wick_sim_action action) {
    s->next = action;
    s->turns++;
    if (d->program.world.powered)
        say(s, d, action);
    world_outcome outcome = program_turn(&d->program);
    if (outcome == WORLD_OVER)
        finish(s, d);
    return outcome == WORLD_DONE || outcome == WORLD_PAUSED;
}

bool search_stay_off(search *s, device *d, double until_s) {
    s->turns++;
    bool over = world_stay_off(&d->program.world, until_s) == WORLD_OVER;
    if (over)
        finish(s, d);
    return !over;
}

/* ---- a search ---- */

static wick_sim_action tell(void *ctx, const wick_sim_state *state) {
    (void)state;
    return ((const search *)ctx)->next;
}

wick_sim_action search_retell(void *ctx, const wick_sim_state *state) {
    (void)state;
    search_schedule *schedule = ctx;
    if (schedule->at == schedule->n)
        return (wick_sim_action){.kind = WICK_SIM_GO_ON};
    return schedule->actions[schedule->at++];
}

static void free_search(search *s, int n_instants) {
    for (int j = 0; j <= n_instants; j++) {
        for (int i = 0; i < s->at[j].n; i++)
            free(s->at[j].of[i]);
        free(s->at[j].of);
    }
    for (int i = 0; i < s->spare.n; i++)
        free(s->spare.of[i]);
    free(s->spare.of);
    free(s->said);
    free(s->looks.planner.ways);
}

static search_schedule schedule_of(wick_arena *arena, const search *s) {
    search_schedule out = {0};
    for (int i = s->best; i >= 0; i = s->said[i].before)
        out.n++;
    out.actions = wick_new(arena, wick_sim_action, out.n + 1);
    for (int i = s->best, k = out.n; i >= 0; i = s->said[i].before)
        out.actions[--k] = (wick_sim_action){.kind = s->said[i].kind,
                                             .module = s->said[i].module,
                                             .until_s = s->said[i].until_s,
                                             .spans = s->said[i].spans};
    return out;
}

/* All devices, instant by instant. */
static wick_status go_through(search *s, long most_turns, wick_diag *diag) {
    const bound *b = &s->scene->problem->bound;
    for (int j = 0; j <= b->n; j++) {
        crowd *c = &s->at[j];
        thin(s, c);
        while (c->n && s->turns < most_turns && !wick_stop_requested()) {
            device *d = c->of[--c->n];
            search_moves(s, d, j);
            search_drop(s, d);
        }
        s->cut = s->cut || c->n;
        wick_progress_update(s->scene->progress, s->scene->progress->done + 1);
        if (wick_stop_requested())
            return wick_fail(diag, WICK_INTERRUPTED, NULL, NULL, NULL, "interrupted");
    }
    return WICK_OK;
}

/* The first boot, which is not in a control's hand; it may fail. False: the time is over. */
static bool boot_first(search *s, device *d) {
    world_outcome outcome;
    do {
        outcome = program_turn(&d->program);
        s->turns++;
    } while (outcome == WORLD_FAILED);
    if (outcome == WORLD_OVER)
        finish(s, d);
    return outcome != WORLD_OVER;
}

wick_status search_run(wick_arena *arena, const search_scene *scene, int widest, long most_turns,
                       search_found *found, wick_diag *diag) {
    const bound_problem *p = scene->problem;
    wick_arena *own = wick_arena_new();
    search s = {
        .scene = scene, .score = found->score, .best = -1, .free_said = -1, .widest = widest};
    wick_sim_options options = *p->options;
    const wick_sim_control control = {.act = tell, .ctx = &s};
    options.control = &control;
    options.quiet = true;
    options.record = false;
    s.looks = (replay){.planner = {.problem = p, .values = scene->values}};
    s.at = wick_new(own, crowd, p->bound.n + 1);
    device *first = wick_xalloc(sizeof *first);
    *first = (device){.last = -1};
    wick_status status =
        program_begin(&first->program, own, p->plan, scene->trace, &options, scene->correct,
                      scene->n_samples, &program_fast_engine, &first->result, diag);
    if (status == WICK_OK && boot_first(&s, first))
        search_arrive(&s, search_copy(&s, first));
    free(first);
    if (status == WICK_OK)
        status = go_through(&s, most_turns, diag);
    *found = (search_found){.score = s.score, .turns = s.turns, .cut = s.cut};
    if (status == WICK_OK)
        found->schedule = schedule_of(arena, &s);
    free_search(&s, p->bound.n);
    wick_arena_free(own);
    return status;
}
