#include "sim/lazy_run.h"

/* As in the engine: sleeps without a rise of the voltage before the reading is not believed. */
enum { PATIENCE = 64 };

static const wick_span *span_at(const program *p, int i) {
    const wick_model *m = &p->world.plan->model;
    return &m->spans[m->segments[p->segment].first_span + i];
}

static int n_spans(const program *p) {
    return p->world.plan->model.segments[p->segment].n_spans;
}

static bool must_wait(program *p, const wick_span *span) {
    uint32_t mv = world_capacitor_mv(&p->world);
    if (mv == 0 || mv >= span->need_mv) {
        p->patience = 0;
        p->highest_mv = 0;
        return false;
    }
    if (mv > p->highest_mv) {
        p->highest_mv = mv;
        p->patience = PATIENCE;
    }
    if (p->patience == 0)
        return false;
    p->patience--;
    return true;
}

/* May span i + 1 follow i without a commit, were the voltage high enough? */
static bool joinable(const program *p, int i) {
    return p->warm && i + 1 < n_spans(p) && !span_at(p, i)->mandatory &&
           span_at(p, i + 1)->need_mv > 0;
}

static int first_item(const program *p, int span) {
    const wick_segment *s = &p->world.plan->model.segments[p->segment];
    return p->world.work.span_first[s->first_span + span];
}

static int end_item(const program *p, int span) {
    int first = first_item(p, span);
    return p->world.work.items[first].unit_end;
}

/* The spans from i on that may join, and the store above which they surely do. */
static int farthest(const program *p, int i, double *floor_uj) {
    uint32_t need_mv = 0;
    for (; joinable(p, i); i++) {
        uint32_t next_mv = span_at(p, i + 1)->need_mv;
        need_mv = next_mv > need_mv ? next_mv : need_mv;
    }
    /* One more millivolt than needed: readings are rounded down. */
    *floor_uj = store_energy_at(&p->world.store, (need_mv + 1) * 1e-3);
    return end_item(p, i);
}

/* Spans from `span` on until one must commit; *span becomes that one. */
static world_outcome run_spans(program *p, int *span) {
    world *w = &p->world;
    int open = first_item(p, *span);
    for (;;) {
        double floor_uj;
        int far = farthest(p, *span, &floor_uj);
        world_outcome outcome =
            world_run_open(w, open, first_item(p, *span), end_item(p, *span), far, floor_uj);
        if (outcome != WORLD_DONE)
            return outcome;
        *span = w->work.items[w->item - 1].span;
        uint32_t mv = world_capacitor_mv(w);
        if (!joinable(p, *span) || mv == 0 || mv < span_at(p, *span + 1)->need_mv)
            return WORLD_DONE;
        ++*span;
    }
}

world_outcome lazy_run(program *p) {
    world *w = &p->world;
    int span = p->progress[p->segment], open = first_item(p, span);
    if (must_wait(p, span_at(p, span)))
        return world_sleep(w, w->now_s + PROGRAM_WAIT_S);
    world_outcome outcome = run_spans(p, &span);
    if (outcome != WORLD_DONE)
        return outcome;
    int end = w->item;
    const work_sequence *commit = &w->work.sequence[WORK_DECIDE];
    outcome = world_run(w, commit->first, commit->end, false);
    world_close(w, open, end, outcome != WORLD_FAILED);
    if (outcome != WORLD_DONE)
        return outcome;
    p->warm = true;
    p->progress[p->segment] = span + 1;
    if (span + 1 == n_spans(p))
        p->phase = p->segment ? WICK_PHASE_PUBLISH : WICK_PHASE_DECIDE;
    return WORLD_DONE;
}
