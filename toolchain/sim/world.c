#include "sim/world_stretch.h"

#include <math.h>
#include <stdlib.h>

void world_event(world *w, wick_event_kind kind, int module, int number) {
    if (!w->options->record)
        return;
    wick_sim_result *r = w->result;
    if (r->n_events == w->cap_events) {
        w->cap_events = w->cap_events ? 2 * w->cap_events : 1024;
        r->events = wick_xrealloc(r->events, (size_t)w->cap_events * sizeof *r->events);
    }
    r->events[r->n_events++] = (wick_event){.time_s = w->now_s,
                                            .voltage = store_voltage(&w->store),
                                            .kind = kind,
                                            .module = module,
                                            .input = number};
}

void world_missed(world *w, const input *in, int *reason) {
    w->result->missed++;
    if (reason)
        ++*reason;
    world_event(w, WICK_EVENT_MISS, 0, in->id);
}

/* ---- what is due now ---- */

static void receive(world *w) {
    input in = arrivals_next(&w->arrivals), pushed[WICK_MAX_WAITING + 1];
    w->result->inputs++;
    w->result->urgent += in.urgent;
    world_event(w, WICK_EVENT_INPUT, 0, in.id);
    if (w->options->workload.needs_power && !w->booted) {
        world_missed(w, &in, &w->result->dropped);
        return;
    }
    int n = arrivals_wait(&w->arrivals, in, w->in_work, pushed);
    for (int i = 0; i < n; i++)
        world_missed(w, &pushed[i], &w->result->dropped);
    w->arrived = true;
}

static void find_horizon(world *w) {
    w->horizon_s = lesser(lesser(w->end_s, w->arrivals.next_s), w->mark_s);
}

static bool look_closely(world *w) {
    if (w->now_s >= w->end_s)
        return true;
    while (w->now_s >= w->arrivals.next_s)
        receive(w);
    if (w->now_s >= w->mark_s) {
        world_event(w, WICK_EVENT_VOLTAGE, w->event_segment, w->event_input);
        while (w->now_s >= w->mark_s)
            w->mark_s += w->mark_step_s;
    }
    find_horizon(w);
    return false;
}

/* Inputs and marks that are due; true when the time is over. */
static inline bool look(world *w) {
    return w->now_s >= w->horizon_s && look_closely(w);
}

void world_enter_sample(world *w, int sample) {
    w->sample = sample;
    w->sample_end_s = w->trace_s + supply_end_s(&w->supply, sample);
    w->offered_uw = w->supply.trace->power_uw[sample];
    w->arrives_uw = w->supply.arrives_uw[SUPPLY_WARM][sample];
}

void world_next_sample(world *w) {
    int next = w->sample + 1;
    if (next == w->supply.trace->n) {
        double end_s = w->supply.trace->end_s;
        w->recent_start_uw = supply_recent_uw(&w->supply, w->sample, end_s, w->recent_start_uw);
        w->trace_s += end_s;
        next = 0;
    }
    world_enter_sample(w, next);
}

/* At most dt_s under one load inside a sample: up to the first border of the store. Returns how
   long that took. */
static double walk(world *w, const world_load *load, double dt_s) {
    supply_band band = supply_band_at(&w->supply, &w->store, w->sample, load->draw_uw);
    double target_uj = -1;
    /* The nearest energies on both sides at which something changes. */
    double slope = store_slope(&w->store, band.in, load->draw_uw, w->store.energy_uj);
    double border_uj =
        slope > 0 ? lesser(load->wake_uj, band.high_uj) : greater(load->off_uj, band.low_uj);
    if (border_uj >= 0 && border_uj <= w->store.max_uj && border_uj != w->store.energy_uj &&
        store_may_reach(&w->store, band.in, load->draw_uw, border_uj, dt_s)) {
        double at_s = store_time_to(&w->store, band.in, load->draw_uw, border_uj);
        if (at_s <= dt_s) {
            dt_s = at_s;
            target_uj = border_uj;
        }
    }
    store_flow flow = store_advance(&w->store, band.in, load->draw_uw, dt_s);
    world_account(w, w->offered_uw * dt_s, flow);
    if (target_uj >= 0)
        w->store.energy_uj = target_uj;
    return dt_s;
}

/* Up to one event: the end of a sample, of the item at hand, a threshold of the store, or until_s.
 */
static void turn(world *w, const world_load *load, double until_s, double left_s) {
    double next_s = lesser(until_s, w->sample_end_s);
    double most_s = greater(0, lesser(next_s - w->now_s, left_s)), dt_s = most_s;
    if (!world_glide(w, load->draw_uw, load->off_uj, load->wake_uj, dt_s))
        dt_s = walk(w, load, dt_s);
    w->left_s = left_s - dt_s;
    if (dt_s < most_s || left_s <= dt_s) {
        w->now_s += dt_s;
    } else {
        w->now_s = next_s;
        if (next_s == w->sample_end_s)
            world_next_sample(w);
    }
}

/* A jump, where more than the next event may lie on the way; or a turn. `end` as for world_leap. */
static void go_on(world *w, const world_load *load, double until_s, int end) {
    bool far = end < 0 ? until_s > w->sample_end_s
                       : w->item + 1 < end || w->now_s + w->left_s > w->sample_end_s;
    if (!far || !world_leap(w, load, until_s, end))
        turn(w, load, until_s, end < 0 ? INFINITY : w->left_s);
}

/* ---- items ---- */

static inline void add_sums(work_sums *to, const work_sums *more, double sign) {
    to->drawn_uj += sign * more->drawn_uj;
    to->load_uj += sign * more->load_uj;
    to->esr_uj += sign * more->esr_uj;
    for (int a = 0; a < WORK_ACCOUNTS; a++)
        to->account_uj[a] += sign * more->account_uj[a];
    to->commits += (int)sign * more->commits;
}

/* What was drawn from item `first`'s start to `part` of item `item`; the part counts as computing.
 */
static inline work_sums sums_between(const work_items *work, int first, int item, double part) {
    int q = work->sequence_of[first];
    const work_sums *from = work_before(work, q, first), *to = work_before(work, q, item);
    /* Field by field: a copy that is changed at once stalls. */
    work_sums sums;
    sums.time_s = to->time_s - from->time_s;
    sums.response_uj = 0;
    sums.drawn_uj = to->drawn_uj - from->drawn_uj;
    sums.load_uj = to->load_uj - from->load_uj;
    sums.esr_uj = to->esr_uj - from->esr_uj;
    for (int a = 0; a < WORK_ACCOUNTS; a++)
        sums.account_uj[a] = to->account_uj[a] - from->account_uj[a];
    sums.commits = to->commits - from->commits;
    if (part > 0) {
        const work_item *at = &work->items[item];
        sums.load_uj += at->load_uj * part;
        sums.esr_uj += at->esr_uj * part;
        sums.drawn_uj += at->draw_uw * at->time_s * part;
        sums.account_uj[q == WORK_BOOT_SEQUENCE ? WORK_BOOT : WORK_COMPUTE] += at->load_uj * part;
    }
    return sums;
}

static inline void book_sums(world *w, const work_sums *sums, bool useful) {
    wick_energy *e = &w->result->energy;
    e->esr_loss_uj += sums->esr_uj;
    e->converter_loss_uj += sums->drawn_uj - sums->esr_uj - sums->load_uj;
    e->boot_uj += sums->account_uj[WORK_BOOT];
    if (useful) {
        e->compute_uj += sums->account_uj[WORK_COMPUTE];
        e->nvm_uj += sums->account_uj[WORK_NVM];
        e->commit_uj += sums->account_uj[WORK_COMMIT];
        e->sense_uj += sums->account_uj[WORK_SENSE];
        w->result->commits += sums->commits;
    } else {
        e->reexecution_uj += sums->load_uj - sums->account_uj[WORK_BOOT];
    }
}

static void book(world *w, int first, int item, double part, bool useful) {
    work_sums sums = sums_between(&w->work, first, item, part);
    book_sums(w, &sums, useful);
}

/* The open work up to `part` of item `item`. */
static void book_open(world *w, int item, double part, bool useful) {
    work_sums sums = sums_between(&w->work, w->open_first, item, part);
    add_sums(&sums, &w->open_loose, 1);
    book_sums(w, &sums, useful);
}

static void power_fails(world *w) {
    w->powered = w->booted = false;
    w->result->power_failures++;
    world_event(w, WICK_EVENT_FAIL, w->event_segment, w->event_input);
}

/* Moves on over the items that are complete. */
static void next_items(world *w, int end) {
    while (w->item < end && w->left_s <= 0)
        w->left_s = ++w->item < end ? w->work.items[w->item].time_s : 0;
}

static world_load load_of(const work_item *item, const work_sequence *sequence) {
    return (world_load){.draw_uw = item->draw_uw,
                        .off_uj = item->off_uj,
                        .wake_uj = INFINITY,
                        .min_uw = sequence->min_uw,
                        .max_uw = sequence->max_uw};
}

/* The item at hand until the next event. */
static void work_on(world *w, const work_item *item, const work_sequence *sequence, int end) {
    world_load load = load_of(item, sequence);
    go_on(w, &load, w->horizon_s, end);
    next_items(w, end);
}

/* The first item of the unit in which `item` lies; behind the last item: of its unit if that is not
   complete with it, else the next one's. */
static int unit_begun(const work_items *work, int item, int last) {
    if (item < last)
        return work->items[item].unit_first;
    return work->items[last - 1].unit_end > last ? work->items[last - 1].unit_first : last;
}

world_outcome world_run(world *w, int first, int end, bool pause) {
    const work_items *work = &w->work;
    w->item = first;
    if (first >= end)
        return WORLD_DONE;
    const work_sequence *sequence = &work->sequence[work->sequence_of[first]];
    w->left_s = work->items[first].time_s;
    if (!(pause && w->arrived) && world_stride(w, first, end, 0))
        w->item = end;
    for (int unit = work->items[first].unit_first, last = end;;) {
        int start = unit_begun(work, w->item, last);
        if (start > unit)
            book(w, unit, start, 0, true);
        unit = start;
        if (w->item >= last)
            return last == end ? WORLD_DONE : WORLD_PAUSED;
        const work_item *item = &work->items[w->item];
        double part = 1 - w->left_s / item->time_s;
        if (look(w)) {
            book(w, unit, w->item, part, true);
            return WORLD_OVER;
        }
        if (w->store.energy_uj <= item->off_uj) {
            book(w, unit, w->item, part, false);
            power_fails(w);
            return WORLD_FAILED;
        }
        if (pause && w->arrived) {
            if (w->item == unit && part <= 0)
                return WORLD_PAUSED;
            last = item->unit_end < last ? item->unit_end : last;
        }
        work_on(w, item, sequence, last);
    }
}

void world_open(world *w, int first) {
    w->open_first = first;
    w->open_loose = (work_sums){0};
}

static world_outcome end_open(world *w, bool over) {
    if (!over)
        power_fails(w);
    return over ? WORLD_OVER : WORLD_FAILED;
}

world_outcome world_run_loose(world *w, int at, int index) {
    const work_items *work = &w->work;
    if (index < 0)
        return WORLD_DONE;
    const work_item *item = &work->items[index];
    if (world_stride(w, index, index + 1, 0)) {
        work_sums sums = sums_between(work, index, index + 1, 0);
        add_sums(&w->open_loose, &sums, 1);
        w->item = at;
        return WORLD_DONE;
    }
    w->item = index;
    w->left_s = item->time_s;
    for (;;) {
        bool done = w->item > index, over = !done && look(w);
        if (!done && !over && w->store.energy_uj > item->off_uj) {
            work_on(w, item, &work->sequence[WORK_LOOSE], index + 1);
            continue;
        }
        double part = done ? 0 : 1 - w->left_s / item->time_s;
        work_sums sums = sums_between(work, index, w->item, part);
        add_sums(&w->open_loose, &sums, 1);
        w->item = at;
        if (done)
            return WORLD_DONE;
        book_open(w, at, 0, over);
        return end_open(w, over);
    }
}

world_outcome world_run_open(world *w, int first, int end, int far, double floor_uj) {
    const work_items *work = &w->work;
    w->item = first;
    if (first >= end)
        return WORLD_DONE;
    const work_sequence *sequence = &work->sequence[work->sequence_of[first]];
    w->left_s = work->items[first].time_s;
    for (;;) {
        if (w->item >= end)
            return WORLD_DONE;
        const work_item *item = &work->items[w->item];
        bool on = far > end && w->store.energy_uj > floor_uj;
        if (w->left_s == item->time_s &&
            world_stride(w, w->item, on ? far : end, on ? floor_uj : 0)) {
            w->item = on ? far : end;
            return WORLD_DONE;
        }
        bool over = look(w);
        if (over || w->store.energy_uj <= item->off_uj) {
            book_open(w, w->item, 1 - w->left_s / item->time_s, over);
            return end_open(w, over);
        }
        world_load load = load_of(item, sequence);
        load.floor_uj = floor_uj;
        if (on && world_leap(w, &load, w->horizon_s, far)) {
            next_items(w, far);
            end = w->item < far ? work->items[w->item].unit_end : far;
            continue;
        }
        load.floor_uj = 0;
        go_on(w, &load, w->horizon_s, end);
        next_items(w, end);
    }
}

void world_close(world *w, int end, bool useful) {
    book_open(w, end, 0, useful);
}

/* ---- without work ---- */

static world_load sleeping(const world *w, double wake_uj) {
    return (world_load){.draw_uw = w->work.sleep_draw_uw,
                        .min_uw = w->work.sleep_draw_uw,
                        .max_uw = w->work.sleep_draw_uw,
                        .off_uj = w->work.sleep_off_uj,
                        .wake_uj = wake_uj};
}

double world_reaches_s(const world *from, double uj, double until_s) {
    wick_sim_result unused = {0};
    world w = *from;
    w.result = &unused;
    w.mark_s = INFINITY;
    world_load load = sleeping(&w, uj);
    while (!look(&w) && w.now_s < until_s && w.store.energy_uj > load.off_uj) {
        if (w.store.energy_uj >= uj)
            return w.now_s;
        go_on(&w, &load, lesser(w.horizon_s, until_s), -1);
    }
    return INFINITY;
}

world_outcome world_sleep(world *w, double until_s) {
    double since_s = w->now_s;
    world_load load = sleeping(w, INFINITY);
    world_outcome outcome = WORLD_DONE;
    for (;;) {
        if (look(w)) {
            outcome = WORLD_OVER;
            break;
        }
        if (w->store.energy_uj <= load.off_uj) {
            outcome = WORLD_FAILED;
            break;
        }
        if (w->arrived || w->now_s >= until_s)
            break;
        go_on(w, &load, lesser(w->horizon_s, until_s), -1);
    }
    world_book_sleep(w, w->now_s - since_s);
    if (outcome == WORLD_FAILED)
        power_fails(w);
    return outcome;
}

/* Off, until then or until the store has wake_uj. */
static world_outcome rest(world *w, double until_s, double wake_uj) {
    const world_load load = {.off_uj = -1, .wake_uj = wake_uj};
    for (;;) {
        if (look(w))
            return WORLD_OVER;
        if (w->now_s >= until_s || w->store.energy_uj >= wake_uj)
            return WORLD_DONE;
        go_on(w, &load, lesser(w->horizon_s, until_s), -1);
    }
}

world_outcome world_stay_off(world *w, double until_s) {
    return rest(w, until_s, INFINITY);
}

world_outcome world_charge(world *w, double not_before_s) {
    if (rest(w, not_before_s, INFINITY) == WORLD_OVER ||
        rest(w, INFINITY, w->store.on_uj) == WORLD_OVER)
        return WORLD_OVER;
    w->powered = true;
    w->result->boots++;
    world_event(w, WICK_EVENT_BOOT, w->event_segment, w->event_input);
    return WORLD_DONE;
}

/* ---- the policy's view, beginning and end ---- */

wick_situation world_situation(const world *w, double deadline_s, uint8_t modules_done) {
    double efficiency = w->plan->device->capacitor.efficiency;
    double recent_uw =
        supply_recent_uw(&w->supply, w->sample, w->now_s - w->trace_s, w->recent_start_uw);
    return (wick_situation){
        .charge_uj = world_clamp_u32((w->store.energy_uj - w->store.off_uj) * efficiency),
        .full_uj = world_clamp_u32((w->store.max_uj - w->store.off_uj) * efficiency),
        .harvest_uw = world_clamp_u32(recent_uw * efficiency),
        .time_left_ms = world_clamp_u32((deadline_s - w->now_s) * 1e3),
        .modules_done = modules_done,
        .min_accuracy_permille = w->options->min_accuracy_permille};
}

/* Enters the trace at trace_start_s, with nothing harvested before. */
static void enter_trace(world *w) {
    double end_s = w->supply.trace->end_s, start_s = fmod(w->options->trace_start_s, end_s);
    w->trace_s = -start_s;
    world_enter_sample(w, wick_trace_sample_at(w->supply.trace, 0, start_s));
    w->recent_start_uw =
        -supply_recent_uw(&w->supply, w->sample, start_s, 0) * exp(start_s / w->supply.memory_s);
    if (!isfinite(w->recent_start_uw)) /* so far in that nothing would be left of it */
        w->recent_start_uw = 0;
}

wick_status world_begin(world *w, wick_arena *arena, const wick_plan *plan, const wick_trace *trace,
                        const wick_sim_options *options, int n_samples, wick_sim_result *result,
                        wick_diag *diag) {
    const wick_device *d = plan->device;
    double start_v = options->start_v >= 0 ? options->start_v : d->capacitor.off_v;
    *w = (world){.plan = plan,
                 .options = options,
                 .result = result,
                 .store = store_make(d, plan->options.capacitor_uf, start_v),
                 .arrivals = arrivals_begin(&options->workload, n_samples, options->seed),
                 .walks = options->single_steps,
                 .end_s = options->duration_s > 0 ? options->duration_s : trace->end_s,
                 .mark_s = INFINITY,
                 .event_input = -1};
    wick_harvester *harvester = wick_new(arena, wick_harvester, 1);
    *harvester = options->harvester ? *options->harvester : wick_device_harvester(d);
    WICK_TRY(supply_make(arena, trace, harvester, &w->store, d->capacitor.on_v, &w->supply, diag));
    WICK_TRY(work_items_make(arena, plan, &options->workload, &w->store, !options->no_voltage,
                             &w->work, diag));
    w->walks = w->walks || w->supply.diode;
    if (options->policy.memory_ms)
        supply_remember(&w->supply, options->policy.memory_ms * 1e-3);
    enter_trace(w);
    if (options->record) {
        w->mark_step_s = w->end_s / 2000;
        w->mark_s = w->mark_step_s;
    }
    find_horizon(w);
    result->energy.stored_uj = -w->store.energy_uj;
    return WICK_OK;
}

void world_end(world *w) {
    w->result->energy.stored_uj += w->store.energy_uj;
    w->result->simulated_s = w->now_s;
}
