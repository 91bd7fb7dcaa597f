#include "sim/clairvoyant_moves.h"

#include <limits.h>
#include <math.h>

/* Works in an interval, with waits between, at most. */
enum { DEEPEST = 4 };

static const wick_sim_action DROP = {.kind = WICK_SIM_DROP};

static bool features(const program *p) {
    return p->taken && (p->segment > 0 || p->phase != WICK_PHASE_RUN);
}

static const wick_model *model_of(const search *s) {
    return &s->scene->problem->plan->model;
}

static bool answered(const program *p, int k) {
    return p->answered >> (k - 1) & 1;
}

static wick_sim_action sleep_until(double until_s) {
    return (wick_sim_action){.kind = WICK_SIM_SLEEP, .until_s = until_s};
}

/* ---- without work ---- */

static void stay_off(search *s, const device *from, double until_s) {
    device *d = search_copy(s, from);
    if (search_stay_off(s, d, until_s))
        search_arrive(s, d);
    else
        search_drop(s, d);
}

/* The rest of the interval asleep, and switched off. */
static void rest(search *s, const device *from, double until_s) {
    device *d = search_copy(s, from);
    if (search_turn(s, d, sleep_until(until_s)))
        search_arrive(s, d);
    else
        search_drop(s, d);
    d = search_copy(s, from);
    if (search_turn(s, d, (wick_sim_action){.kind = WICK_SIM_OFF, .until_s = INFINITY}))
        stay_off(s, d, until_s);
    search_drop(s, d);
}

/* ---- work ---- */

/* Spans done for the input in work: of exits, all of them. */
static int spans_done(const search *s, const program *p) {
    const wick_model *m = model_of(s);
    int sum = 0;
    if (!p->taken)
        return 0;
    if (!features(p))
        return p->progress[0];
    for (int k = 1; k <= m->n_modules; k++)
        sum += m->chain || k == p->segment ? p->progress[k] : 0;
    return m->segments[0].n_spans + sum;
}

/* All that lead to an answer of `module`. */
static int spans_to(const search *s, int module) {
    const wick_model *m = model_of(s);
    int sum = m->segments[0].n_spans;
    for (int k = m->n_modules; k >= module; k--)
        sum += m->chain || k == module ? m->segments[k].n_spans : 0;
    return sum;
}

/* Sleeps until the charge for the next unit is there. False: it is not, by until_s. */
static bool await(search *s, device *d, double enough_uj, double until_s) {
    double at_s = world_reaches_s(&d->program.world, enough_uj, until_s);
    return at_s < until_s && search_turn(s, d, sleep_until(at_s));
}

/* Works towards an answer of `module`, as far as the charge goes and at most so many spans; waits
   before the first unit only. True: something was done. */
static bool work_on(search *s, device *d, int module, int spans, double until_s) {
    program *p = &d->program;
    int first = spans_done(s, p), units = 0;
    for (;; units++) {
        program_look_around(p);
        int left = first + spans - spans_done(s, p);
        if (p->world.now_s >= until_s || p->now.id < 0 || !search_open(p) || left <= 0)
            return units > 0;
        wick_sim_state state = program_state(p);
        s->looks.target = module;
        double enough_uj = replay_enough_uj(&s->looks, &state);
        if (state.energy_uj < enough_uj) {
            if (units)
                return true;
            if (!await(s, d, enough_uj, until_s))
                return false;
        }
        wick_sim_action action = {.kind = WICK_SIM_MODULE, .module = module};
        action.spans = left < UINT16_MAX ? left : 0;
        if (!search_turn(s, d, action))
            return false;
        if (p->highest_mv) /* the engine found too little, and slept */
            return units > 0;
        if (p->now.id >= 0 && answered(p, module)) /* nothing more of this input */
            return search_turn(s, d, DROP);
    }
}

static void work(search *s, const device *from, double until_s, int depth);

/* Works, and what comes behind it. Returns how many spans were done; INT_MAX: all. */
static int work_some(search *s, const device *from, int module, int spans, double until_s,
                     int depth) {
    device *d = search_copy(s, from);
    const program *p = &d->program;
    int first = spans_done(s, p), id = p->now.id, done = 0;
    if (work_on(s, d, module, spans, until_s)) {
        done = p->now.id == id && id >= 0 ? spans_done(s, p) - first : INT_MAX;
        if (p->world.now_s >= until_s) {
            search_arrive(s, search_copy(s, d));
        } else {
            rest(s, d, until_s);
            if (search_open(p) && depth < DEEPEST)
                work(s, d, until_s, depth + 1);
        }
    }
    search_drop(s, d);
    return done;
}

/* As far as the charge goes. A device at an instant also stops some spans before: to be at the wake
   voltage again in time, or to leave charge where less of it leaks. */
static void work_module(search *s, const device *from, int module, double until_s, int depth) {
    int left = spans_to(s, module) - spans_done(s, &from->program);
    int done = work_some(s, from, module, INT_MAX / 2, until_s, depth);
    if (depth)
        return;
    done = done < left ? done : left;
    const int fewer[] = {done - 1, done - 2, done - 4, done / 2, 1};
    for (int i = 0, last = done; i < (int)WICK_LEN(fewer); i++)
        if (fewer[i] > 0 && fewer[i] < last) {
            last = fewer[i];
            work_some(s, from, module, last, until_s, DEEPEST);
        }
}

static void work(search *s, const device *from, double until_s, int depth) {
    const program *p = &from->program;
    if (p->now.id < 0)
        return;
    if (search_open(p) && features(p) && p->phase == WICK_PHASE_RUN && !model_of(s)->chain) {
        work_module(s, from, p->segment, until_s, depth);
        return;
    }
    for (int k = 1; k <= model_of(s)->n_modules; k++)
        if (!answered(p, k))
            work_module(s, from, k, until_s, depth);
}

/* ---- an interval ---- */

static void go_on(search *s, device *from, double until_s) {
    program *p = &from->program;
    program_look_around(p);
    while (p->now.id >= 0 && !search_open(p)) { /* it only keeps others out */
        if (!search_turn(s, from, DROP))
            return;
        program_look_around(p);
    }
    rest(s, from, until_s);
    work(s, from, until_s, 0);
    if (p->now.id >= 0 && p->world.arrivals.n_waiting) {
        device *d = search_copy(s, from);
        if (search_turn(s, d, DROP))
            go_on(s, d, until_s);
        search_drop(s, d);
    }
}

/* Off until at_s, or longer where the charge takes longer; then on. */
static void boot(search *s, const device *from, double at_s, double until_s) {
    device *d = search_copy(s, from);
    search_off_until(s, d, at_s);
    if (search_turn(s, d, (wick_sim_action){.kind = WICK_SIM_GO_ON})) {
        if (d->program.world.now_s < until_s)
            go_on(s, d, until_s);
        else
            search_arrive(s, search_copy(s, d));
    }
    search_drop(s, d);
}

/* So late that there is just time for an answer, or to be there for the next input. */
static void boot_late(search *s, const device *from, double until_s) {
    const program *p = &from->program;
    const bound *b = &s->scene->problem->bound;
    bool open = search_open(p);
    double before_s = p->world.now_s;
    if (p->world.options->workload.needs_power) {
        double at_s = plan_latest_s(b, until_s - b->boot_s, 0);
        if (at_s > before_s)
            boot(s, from, at_s, until_s);
    }
    if (!open && !p->world.arrivals.n_waiting)
        return;
    wick_sim_state state = program_state(p);
    for (int k = model_of(s)->n_modules; k > 0; k--) {
        int row = open ? replay_place(&s->looks, &state, k).row : 0;
        double rest_s = replay_rest_s(&s->looks, row, k);
        double at_s = plan_latest_s(b, until_s - b->boot_s, rest_s);
        if (at_s > p->world.now_s && at_s != before_s)
            boot(s, from, at_s, until_s);
        before_s = at_s;
    }
}

void search_moves(search *s, device *from, int j) {
    const bound *b = &s->scene->problem->bound;
    const world *w = &from->program.world;
    double until_s = fmin((j + 1) * b->dt_s, b->end_s);
    if (w->powered) {
        go_on(s, from, until_s);
        return;
    }
    stay_off(s, from, until_s);
    if (j == b->n || crest_uj(&b->intervals[j].crest[OFF], w->store.energy_uj) < w->store.on_uj)
        return;
    boot(s, from, w->now_s, until_s);
    boot_late(s, from, until_s);
}
