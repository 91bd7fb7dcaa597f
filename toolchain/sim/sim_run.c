/* The fast simulator's engine: what the runtime's would do, as runs of items of work. */
#include "sim/span_run.h"

#include <stdlib.h>

/* An input in the extractor's work; beside the numbers of modules. */
enum { GIVEN_UP = -1 };

wick_sim_options wick_sim_defaults(void) {
    return (wick_sim_options){
        .workload = {.period_s = 60, .deadline_s = 60, .clock_survives = true},
        .start_v = -1,
        .wait_s = 1,
        .policy = {.kind = WICK_POLICY_GREEDY},
        .seed = 1};
}

double wick_sim_duration_s(const wick_sim_options *options, const wick_trace *trace) {
    return options->duration_s > 0 ? options->duration_s : trace->end_s;
}

void wick_sim_free(wick_sim_result *result) {
    free(result->events);
    result->events = NULL;
    result->n_events = 0;
}

const char *wick_event_name(wick_event_kind kind) {
    static const char *const names[] = {"input",  "boot", "failure", "module",
                                        "answer", "miss", "voltage"};
    return names[kind];
}

/* Runs [first, end), under a control or a policy that reviews no further than the unit at hand;
   behind a unit it stops for an input that replaces this one. */
static world_outcome run_items(program *p, int first, int end) {
    world *w = &p->world;
    bool by_unit = w->options->control || wick_policy_reviews(&w->options->policy);
    if (by_unit && first < end && w->work.items[first].unit_end < end)
        end = w->work.items[first].unit_end;
    return world_run(w, first, end, w->options->workload.rule == WICK_INPUT_REPLACE);
}

static const wick_segment *segment_of(const program *p, int segment) {
    return &p->world.plan->model.segments[segment];
}

static int first_item(const program *p, int segment) {
    const wick_segment *s = segment_of(p, segment);
    return p->world.work.span_first[s->first_span + p->progress[segment]];
}

/* Taking the input; then, where every span commits, the extractor. */
static world_outcome run_extractor(program *p) {
    world *w = &p->world;
    const work_sequence *sequence = &w->work.sequence[0];
    int n_spans = segment_of(p, 0)->n_spans;
    int end = p->taken ? sequence->end : w->work.taken;
    world_outcome outcome = run_items(p, p->taken ? first_item(p, 0) : sequence->first, end);
    if (w->item < w->work.taken)
        return outcome;
    if (!p->taken)
        program_forget(p, true);
    p->taken = true;
    int before = p->progress[0];
    p->progress[0] = w->item < sequence->end ? w->work.items[w->item].span : n_spans;
    p->warm = p->warm || p->progress[0] > before;
    p->phase = p->progress[0] < n_spans ? WICK_PHASE_RUN : WICK_PHASE_DECIDE;
    return outcome;
}

/* A commit by itself. */
static world_outcome commit(program *p) {
    const work_sequence *sequence = &p->world.work.sequence[WORK_DECIDE];
    return world_run(&p->world, sequence->first, sequence->end, false);
}

static world_outcome commit_answer(program *p) {
    program_answer(p, p->segment);
    world_outcome outcome = commit(p);
    if (outcome == WORLD_DONE) {
        bool sure = p->sure && sure_scores_is_sure(p->sure, p->segment, p->now.sample);
        p->phase = sure ? WICK_PHASE_IDLE : WICK_PHASE_DECIDE;
    }
    return outcome;
}

/* A module's spans, and the delivery. */
static world_outcome run_module(program *p) {
    world *w = &p->world;
    int k = p->segment, n_spans = segment_of(p, k)->n_spans;
    int end = w->work.sequence[k].end;
    int begun = first_item(p, k);
    world_outcome outcome = run_items(p, begun, end);
    p->warm = p->warm || w->item > begun;
    if (w->item < w->work.send[k]) {
        p->progress[k] = w->work.items[w->item].span;
        span_passed(p);
        return outcome;
    }
    p->progress[k] = n_spans;
    span_passed(p);
    p->phase = WICK_PHASE_PUBLISH;
    return w->item == end && outcome == WORLD_DONE ? commit_answer(p) : outcome;
}

static world_outcome publish(program *p) {
    world *w = &p->world;
    int k = p->segment;
    world_outcome outcome = world_run(w, w->work.send[k], w->work.sequence[k].end, false);
    return outcome == WORLD_DONE ? commit_answer(p) : outcome;
}

/* What the policy says of the extractor or module in work; that goes on where the policy does not
   review. */
static int review(const program *p) {
    const world *w = &p->world;
    const wick_segment *segment = segment_of(p, p->segment);
    if (!wick_policy_reviews(&w->options->policy) || w->options->control)
        return p->segment;
    wick_situation s = program_situation(p);
    s.working = (uint8_t)p->segment;
    s.extracting = p->segment == 0;
    s.left_nj = segment->energy_nj / segment->n_spans *
                (uint32_t)(segment->n_spans - p->progress[p->segment]);
    int choice = wick_policy_choose(&w->options->policy, &w->plan->model, &s);
    if (choice == WICK_POLICY_WAIT || choice == WICK_POLICY_OFF)
        return choice;
    return p->segment ? choice : choice ? 0 : GIVEN_UP;
}

/* As the policy says: sleep, or commit the choice. */
static world_outcome follow(program *p, int choice) {
    world *w = &p->world;
    if (choice == WICK_POLICY_OFF && p->warm)
        return program_switch_off(p, w->now_s);
    if (choice == WICK_POLICY_WAIT || choice == WICK_POLICY_OFF)
        return world_sleep(w, w->now_s + w->options->wait_s);
    int module = choice == GIVEN_UP ? 0 : choice;
    world_outcome outcome = commit(p);
    if (outcome == WORLD_DONE)
        program_decided(p, module);
    return outcome;
}

static world_outcome decide(program *p) {
    world *w = &p->world;
    const wick_model *m = &w->plan->model;
    int module = p->wanted;
    if (module && (p->answered >> (module - 1) & 1))
        module = 0; /* it has nothing more to give */
    if (!w->options->control) {
        wick_situation s = program_situation(p);
        module = wick_policy_choose(&w->options->policy, m, &s);
    }
    return follow(p, module);
}

static world_outcome work(program *p) {
    /* A control changes modules between any two units. */
    if (p->wanted && p->taken && p->phase == WICK_PHASE_RUN && p->segment > 0 &&
        p->segment != p->wanted)
        return decide(p);
    if (p->taken && p->phase == WICK_PHASE_RUN) {
        int choice = review(p);
        if (choice != p->segment)
            return follow(p, choice);
    }
    if (p->taken && p->phase == WICK_PHASE_RUN && (p->world.work.lazy || span_differs(p)))
        return span_run(p);
    if (!p->taken || (p->phase == WICK_PHASE_RUN && p->segment == 0))
        return run_extractor(p);
    switch (p->phase) {
    case WICK_PHASE_RUN:
        return run_module(p);
    case WICK_PHASE_PUBLISH:
        return publish(p);
    case WICK_PHASE_DECIDE:
    case WICK_PHASE_IDLE:
        break;
    }
    return decide(p);
}

static bool rests(program *p) {
    const wick_situation s = world_situation(&p->world, p->world.now_s, 0);
    return p->warm && wick_policy_rests(&p->world.options->policy, &s);
}

const program_engine program_fast_engine = {.work = work, .rests = rests};

wick_status wick_sim_run(const wick_plan *plan, const wick_trace *trace,
                         const wick_sim_options *options, const uint8_t *correct, int n_samples,
                         wick_sim_result *result, wick_diag *diag) {
    program p;
    return program_run(&p, plan, trace, options, correct, n_samples, &program_fast_engine, result,
                       diag);
}
