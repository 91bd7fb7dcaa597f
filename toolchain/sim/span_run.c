#include "sim/span_run.h"

#include "sim/world_stretch.h"

#include <limits.h>

#include <wick/engine.h>
#include <wick/kernels.h>

static const wick_span *span_at(const program *p, int i) {
    const wick_model *m = &p->world.plan->model;
    return &m->spans[m->segments[p->segment].first_span + i];
}

static int n_spans(const program *p) {
    return p->world.plan->model.segments[p->segment].n_spans;
}

static bool must_wait(program *p, const wick_span *span) {
    if (!p->world.work.lazy)
        return false;
    uint32_t mv = world_capacitor_mv(&p->world), enough = span->need_mv;
    if (p->highest_mv)
        enough += 16u * span->margin_16mv;
    if (mv > p->highest_mv && mv < enough) {
        p->highest_mv = mv;
        p->patience = WICK_ENGINE_PATIENCE;
    }
    if (mv == 0 || mv >= enough || (p->patience == 0 && mv >= span->need_mv)) {
        p->patience = 0;
        p->highest_mv = 0;
        return false;
    }
    if (p->patience == 0)
        return false;
    p->patience--;
    return true;
}

/* Is the output of step `producer`, which the segment in work reads, in SRAM? */
static bool span_resident(const program *p, int producer) {
    const wick_model *m = &p->world.plan->model;
    int number = work_number(m, p->segment, producer);
    return number >= p->from[work_side(m, number)];
}

static int first_step(const program *p, int span) {
    return span_at(p, span)->first_step;
}

static int end_step(const program *p, int span) {
    return first_step(p, span) + span_at(p, span)->n_steps;
}

/* Behind the extractor, whose work is in SRAM, if a module's next step is one of the extractor's:
   moves *step there, and *span to where that is. */
static void skip_extractor(const program *p, int *span, int *step) {
    const wick_model *m = &p->world.plan->model;
    if (!p->extracted || p->segment == 0 || work_number(m, p->segment, *step) >= m->extractor_steps)
        return;
    *step += m->extractor_steps - work_number(m, p->segment, *step);
    while (end_step(p, *span) <= *step)
        ++*span;
}

/* Where modules begin with the extractor: which of its outputs are in SRAM when `number` begins. */
static void begin_extractor(program *p, int number) {
    if (!p->extracted) /* of a module that got less far, it is not known how far */
        p->from[0] = INT_MAX;
    if (number < p->world.plan->model.extractor_steps) {
        p->from[0] = number;
        p->from[1] = p->world.plan->model.extractor_steps;
    }
}

/* The last step of the segment that reads what is not there; the first work of a boot, or of a
   module, decides it. */
static void begin_segment(program *p, int step) {
    const wick_plan *plan = p->world.plan;
    const wick_model *m = &plan->model;
    if (p->begun)
        return;
    p->begun = true;
    int number = work_number(m, p->segment, step), side = work_side(m, number);
    if (wick_recomputes(m))
        begin_extractor(p, number);
    if (p->from[side] == INT_MAX)
        p->from[side] = number;
    const work_items *work = &p->world.work;
    int first = work->reload_first[step];
    int last = work->reload_first[end_step(p, n_spans(p) - 1)] - 1;
    p->reach = -1;
    if (first > last ||
        (work->reload_least[0][first] >= p->from[0] && work->reload_least[1][first] >= p->from[1]))
        return;
    while (span_resident(p, plan->reloads[last].producer))
        last--;
    p->reach = plan->reloads[last].step;
}

bool span_differs(program *p) {
    int span = p->progress[p->segment], first = first_step(p, span), step = first;
    skip_extractor(p, &span, &step);
    begin_segment(p, step);
    return step <= p->reach || step > first;
}

void span_passed(program *p) {
    const wick_model *m = &p->world.plan->model;
    int done = p->progress[p->segment];
    if (done > 0 && wick_recomputes(m) && p->from[0] == 0 &&
        work_number(m, p->segment, end_step(p, done - 1)) >= m->extractor_steps)
        p->extracted = true;
}

/* May span i + 1 follow i without a commit, were the voltage high enough? */
static bool joinable(const program *p, int i) {
    return p->world.work.lazy && p->warm && i + 1 < n_spans(p) && !span_at(p, i)->mandatory &&
           span_at(p, i + 1)->need_mv > 0 && i + 1 != p->span_end;
}

static int first_item(const program *p, int span) {
    return p->world.work.step_item[first_step(p, span)];
}

static int end_item(const program *p, int span) {
    return p->world.work.step_item[end_step(p, span) - 1] + 1;
}

/* The spans from i on that may join, and the store above which they surely do. */
static int farthest(const program *p, int i, double *floor_uj) {
    const world *w = &p->world;
    int first = w->plan->model.segments[p->segment].first_span;
    bool join = joinable(p, i);
    /* One more millivolt than needed: readings are rounded down. */
    *floor_uj = store_energy_at(&w->store, ((join ? w->work.join_mv[first + i] : 0) + 1) * 1e-3);
    int end = join ? w->work.join_end[first + i] - first : i;
    return end_item(p, p->span_end > i && p->span_end <= end ? p->span_end - 1 : end);
}

/* Reads the operands of a step that are not in SRAM. */
static world_outcome reload(program *p, int step) {
    world *w = &p->world;
    for (int r = w->work.reload_first[step]; r < w->work.reload_first[step + 1]; r++) {
        if (span_resident(p, w->plan->reloads[r].producer))
            continue;
        world_outcome outcome = world_run_loose(w, w->work.step_item[step], w->work.reload_item[r]);
        if (outcome != WORLD_DONE)
            return outcome;
    }
    return WORLD_DONE;
}

/* The steps of `span` from w->item on; of spans behind it too, where the charge surely lasts. */
static world_outcome run_steps(program *p, int span) {
    world *w = &p->world;
    int end = end_item(p, span);
    world_outcome outcome = WORLD_DONE;
    while (w->item < end && outcome == WORLD_DONE) {
        int step = w->work.items[w->item].step;
        double floor_uj = 0;
        if (step <= p->reach) {
            outcome = reload(p, step);
            if (outcome == WORLD_DONE)
                outcome = world_run_open(w, w->item, w->item + 1, w->item + 1, 0);
        } else {
            int far = farthest(p, span, &floor_uj);
            return world_run_open(w, w->item, end, far, floor_uj);
        }
    }
    return outcome;
}

/* Spans from *span, of that from w->item, on until one must commit; *span becomes that one. */
static world_outcome run_spans(program *p, int *span) {
    world *w = &p->world;
    for (;; w->item = first_item(p, *span)) {
        world_outcome outcome = run_steps(p, *span);
        if (outcome != WORLD_DONE)
            return outcome;
        *span = w->work.items[w->item - 1].span;
        uint32_t mv = world_capacitor_mv(w);
        if (!joinable(p, *span) || mv == 0 || mv < span_at(p, *span + 1)->need_mv)
            return WORLD_DONE;
        ++*span;
    }
}

/* Before a commit: what steps [first, end) left in SRAM and will be read again goes to NVM. */
static world_outcome write_back(program *p, int first, int end) {
    world *w = &p->world;
    for (int k = first; k < end; k++) {
        if (w->plan->stores[k].last_reader < end)
            continue;
        world_outcome outcome = world_run_loose(w, w->item, w->work.store_item[k]);
        if (outcome != WORLD_DONE)
            return outcome;
    }
    return WORLD_DONE;
}

/* Sleeps until the span may begin; one sleep at a time where somebody wants to be asked between
   them. */
static world_outcome wait_for_charge(program *p, const wick_span *span) {
    world *w = &p->world;
    bool asked = w->options->control || wick_policy_reviews(&w->options->policy);
    world_outcome outcome = WORLD_DONE;
    do
        if (!world_nap(w, w->options->wait_s))
            outcome = world_sleep(w, w->now_s + w->options->wait_s);
    while (outcome == WORLD_DONE && !asked && !w->arrived && must_wait(p, span));
    return outcome;
}

world_outcome span_run(program *p) {
    world *w = &p->world;
    int span = p->progress[p->segment], first = first_step(p, span), step = first;
    skip_extractor(p, &span, &step);
    if (must_wait(p, span_at(p, span)))
        return wait_for_charge(p, span_at(p, span));
    begin_segment(p, step);
    w->item = w->work.step_item[step];
    world_open(w, w->item);
    world_outcome outcome = run_spans(p, &span);
    if (outcome == WORLD_DONE)
        outcome = write_back(p, first, end_step(p, span));
    if (outcome != WORLD_DONE)
        return outcome;
    int end = w->item;
    const work_sequence *commit = &w->work.sequence[WORK_DECIDE];
    outcome = world_run(w, commit->first, commit->end, false);
    world_close(w, end, outcome != WORLD_FAILED);
    if (outcome != WORLD_DONE)
        return outcome;
    p->warm = true;
    p->progress[p->segment] = span + 1;
    span_passed(p);
    if (span + 1 == n_spans(p))
        p->phase = p->segment ? WICK_PHASE_PUBLISH : WICK_PHASE_DECIDE;
    return WORLD_DONE;
}
