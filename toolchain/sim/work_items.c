#include "sim/work_items.h"

#include <limits.h>
#include <math.h>

#include <wick/kernels.h>

typedef struct builder {
    work_items *w;
    const wick_plan *plan;
    const wick_workload *workload;
    const store *cap;
    int sequence, unit_first;
} builder;

double work_response(const work_items *w, int sequence, int i, double into_s) {
    double response = work_before(w, sequence, i)->response_uj;
    if (into_s <= 0)
        return response;
    double decay = store_decay(w->lambda_per_s * into_s), draw = w->items[i].draw_uw;
    return response - response * decay +
           (w->lambda_per_s > 0 ? draw / w->lambda_per_s * decay : draw * into_s);
}

/* What the work draws at the capacitor; its place among the others is the caller's. */
static work_item item_of(const builder *b, wick_cost cost) {
    const wick_device *d = b->plan->device;
    double time_s = cost.time_us * 1e-6, esr_ohm = d->capacitor.esr_ohm;
    double out_uw = cost.energy_uj / time_s / d->capacitor.efficiency;
    double esr_uw = esr_loss_uw(d->capacitor.off_v, out_uw, esr_ohm);
    return (work_item){.time_s = time_s,
                       .draw_uw = out_uw + esr_uw,
                       .load_uj = cost.energy_uj,
                       .esr_uj = esr_uw * time_s,
                       .off_uj =
                           store_energy_at(b->cap, esr_off_v(d->capacitor.off_v, out_uw, esr_ohm))};
}

/* Returns the item, -1 where there is nothing to do. */
static int add(builder *b, wick_cost cost, work_account account, int span) {
    if (cost.time_us <= 0 && cost.energy_uj <= 0)
        return -1;
    work_items *w = b->w;
    int i = w->n++, q = b->sequence;
    w->items[i] = item_of(b, cost);
    w->items[i].unit_first = b->unit_first;
    w->items[i].span = span;
    w->items[i].step = -1;
    double time_s = w->items[i].time_s;
    w->sequence_of[i] = q;
    w->sequence[q].min_uw = fmin(w->sequence[q].min_uw, w->items[i].draw_uw);
    w->sequence[q].max_uw = fmax(w->sequence[q].max_uw, w->items[i].draw_uw);
    w->sequence[q].max_off_uj = fmax(w->sequence[q].max_off_uj, w->items[i].off_uj);
    work_sums sums = *work_before(w, q, i);
    sums.response_uj = work_response(w, q, i, time_s);
    sums.time_s += time_s;
    sums.drawn_uj += w->items[i].draw_uw * time_s;
    sums.load_uj += cost.energy_uj;
    sums.esr_uj += w->items[i].esr_uj;
    if (account == WORK_COMPUTE) {
        sums.account_uj[WORK_COMPUTE] += cost.compute_uj;
        sums.account_uj[WORK_NVM] += cost.energy_uj - cost.compute_uj;
    } else {
        sums.account_uj[account] += cost.energy_uj;
    }
    w->before[i + 1 + q] = sums;
    return i;
}

static void end_unit(builder *b) {
    for (int i = b->unit_first; i < b->w->n; i++)
        b->w->items[i].unit_end = b->w->n;
    b->unit_first = b->w->n;
}

static void begin_sequence(builder *b, int q) {
    b->sequence = q;
    b->unit_first = b->w->n;
    b->w->sequence[q] = (work_sequence){.first = b->w->n, .min_uw = INFINITY};
    b->w->before[b->w->n + q] = (work_sums){0};
}

static void end_sequence(builder *b) {
    b->w->sequence[b->sequence].end = b->w->n;
}

static void add_commit(builder *b, int span) {
    int item = add(b, b->plan->commit, WORK_COMMIT, span);
    b->w->before[item + 1 + b->sequence].commits++;
}

/* What its commit writes, if it is the only span since the last one. */
static void add_stores(builder *b, const wick_span *span, int index) {
    int end = span->first_step + span->n_steps;
    for (int k = span->first_step; k < end; k++)
        if (b->plan->stores[k].last_reader >= end)
            add(b, b->plan->stores[k].cost, WORK_COMMIT, index);
}

static void add_spans(builder *b, int segment) {
    const wick_model *m = &b->plan->model;
    for (int s = 0; s < m->segments[segment].n_spans; s++) {
        const wick_span *span = &m->spans[m->segments[segment].first_span + s];
        b->w->span_first[m->segments[segment].first_span + s] = b->w->n;
        for (int k = span->first_step; k < span->first_step + span->n_steps; k++) {
            int item = add(b, b->plan->step_cost[k], WORK_COMPUTE, s);
            b->w->step_item[k] = item;
            b->w->items[item].step = k;
        }
        if (!b->w->lazy) {
            add_stores(b, span, s);
            add_commit(b, s);
        }
        end_unit(b);
    }
}

/* One unit each: they belong to whatever they are done for. */
static void add_loose(builder *b) {
    const wick_plan *plan = b->plan;
    int r = 0;
    for (int k = 0; k < plan->model.n_steps; k++) {
        b->w->reload_first[k] = r;
        for (; r < plan->n_reloads && plan->reloads[r].step == k; r++) {
            b->w->reload_item[r] = add(b, plan->reloads[r].cost, WORK_NVM, -1);
            end_unit(b);
        }
        b->w->store_item[k] =
            plan->stores[k].last_reader < 0 ? -1 : add(b, plan->stores[k].cost, WORK_COMMIT, -1);
        end_unit(b);
    }
    b->w->reload_first[plan->model.n_steps] = r;
}

int work_number(const wick_model *m, int segment, int step) {
    return wick_recomputes(m) ? step - (int)wick_chain_base(m, (unsigned)segment) : step;
}

int work_side(const wick_model *m, int number) {
    const wick_segment *extractor = &m->segments[0];
    if (!extractor->n_spans)
        return number >= m->extractor_steps;
    const wick_span *last = &m->spans[extractor->first_span + extractor->n_spans - 1];
    return number >= last->first_step + last->n_steps;
}

/* From each segment's end to its beginning. */
static void look_ahead(work_items *w, const wick_plan *plan) {
    const wick_model *m = &plan->model;
    for (int k = 0; k <= m->n_modules; k++) {
        const wick_segment *segment = &m->segments[k];
        int first = segment->first_span, last = first + segment->n_spans - 1;
        int least[2] = {INT_MAX, INT_MAX};
        if (last < first)
            continue;
        int end_step = m->spans[last].first_step + m->spans[last].n_steps;
        int r = w->reload_first[end_step] - 1;
        for (; r >= w->reload_first[m->spans[first].first_step]; r--) {
            int producer = work_number(m, k, plan->reloads[r].producer);
            int side = work_side(m, producer);
            least[side] = producer < least[side] ? producer : least[side];
            for (int i = 0; i < 2; i++)
                w->reload_least[i][r] = least[i];
        }
        for (int s = last; s >= first; s--) {
            bool joins = s < last && !m->spans[s].mandatory && m->spans[s + 1].need_mv > 0;
            uint16_t next_mv = joins ? m->spans[s + 1].need_mv : 0;
            w->join_end[s] = joins ? w->join_end[s + 1] : s;
            w->join_mv[s] = joins && w->join_mv[s + 1] > next_mv ? w->join_mv[s + 1] : next_mv;
        }
    }
}

static wick_cost plain(double energy_uj, double time_us) {
    return (wick_cost){.time_us = time_us, .compute_uj = energy_uj, .energy_uj = energy_uj};
}

static void add_all(builder *b) {
    const wick_plan *plan = b->plan;
    const wick_workload *load = b->workload;
    begin_sequence(b, 0);
    add(b, plain(load->sense_uj, load->sense_us), WORK_SENSE, -1);
    add(b, plan->take, WORK_COMPUTE, -1);
    add_commit(b, -1);
    end_unit(b);
    b->w->taken = b->w->n;
    add_spans(b, 0);
    end_sequence(b);
    for (int k = 1; k <= plan->model.n_modules; k++) {
        begin_sequence(b, k);
        add_spans(b, k);
        b->w->send[k] = b->w->n;
        add(b, wick_cost_add(plan->send, plain(load->send_uj, load->send_us)), WORK_COMPUTE, -1);
        end_unit(b);
        end_sequence(b);
    }
    begin_sequence(b, WORK_DECIDE);
    add_commit(b, -1);
    end_unit(b);
    end_sequence(b);
    begin_sequence(b, WORK_BOOT_SEQUENCE);
    add(b, plan->boot, WORK_BOOT, -1);
    end_unit(b);
    end_sequence(b);
    begin_sequence(b, WORK_LOOSE);
    add_loose(b);
    end_sequence(b);
}

/* "TM1, span 3 (conv4)" */
static const char *name_unit(wick_arena *arena, const wick_plan *plan, const work_items *w, int i) {
    int q = w->sequence_of[i], span = w->items[i].span;
    if (q == WORK_BOOT_SEQUENCE)
        return "boot";
    const char *segment = q < plan->n_segments ? plan->segments[q].name : NULL;
    if (!segment)
        segment = wick_arena_printf(arena, q == 0 ? "extractor" : "module %d", q);
    if (span < 0)
        return q == 0 ? "taking an input"
                      : wick_arena_printf(arena, "delivery or decision of %s", segment);
    const wick_model *m = &plan->model;
    const wick_span *at = &m->spans[m->segments[q].first_span + span];
    const char *layer =
        plan->net && at->n_steps ? plan->net->info[m->steps[at->first_step].layer].name : NULL;
    return layer ? wick_arena_printf(arena, "%s, span %d (layer %s)", segment, span + 1, layer)
                 : wick_arena_printf(arena, "%s, span %d", segment, span + 1);
}

/* What a span takes beside its items when it is the first one of a boot and commits, at the
   capacitor. */
static double besides_uj(const builder *b, const work_item *unit) {
    const wick_plan *plan = b->plan;
    const work_items *w = b->w;
    double uj = w->lazy ? plan->commit.energy_uj : 0;
    if (unit->step < 0)
        return 0;
    const wick_segment *segment = &plan->model.segments[w->sequence_of[unit - w->items]];
    const wick_span *span = &plan->model.spans[segment->first_span + unit->span];
    int end = span->first_step + span->n_steps;
    for (int k = span->first_step; k < end; k++) {
        if (w->lazy && plan->stores[k].last_reader >= end)
            uj += plan->stores[k].cost.energy_uj;
        for (int r = w->reload_first[k]; r < w->reload_first[k + 1]; r++)
            if (plan->reloads[r].producer < span->first_step)
                uj += plan->reloads[r].cost.energy_uj;
    }
    return uj / plan->device->capacitor.efficiency;
}

/* What a unit asks of a charge: energy, and what must be left so that the terminals stay above
   off_v. */
typedef struct needs {
    double drawn_uj, off_uj;
} needs;

static bool carried(const store *cap, needs n) {
    return n.off_uj < cap->on_uj && n.drawn_uj <= cap->max_uj - n.off_uj;
}

/* Of the unit that begins with item `first`, and a boot. */
static needs unit_needs(const builder *b, int first) {
    const work_items *w = b->w;
    const work_item *unit = &w->items[first];
    int q = w->sequence_of[first];
    needs n = {.drawn_uj = work_before(w, q, unit->unit_end)->drawn_uj -
                           work_before(w, q, first)->drawn_uj};
    for (int i = first; i < unit->unit_end; i++)
        n.off_uj = fmax(n.off_uj, w->items[i].off_uj);
    if (q != WORK_BOOT_SEQUENCE)
        n.drawn_uj +=
            work_before(w, WORK_BOOT_SEQUENCE, w->sequence[WORK_BOOT_SEQUENCE].end)->drawn_uj;
    n.drawn_uj += besides_uj(b, unit);
    return n;
}

static needs without_item(const builder *b, needs unit, int first, int item) {
    const work_item *items = b->w->items;
    needs n = {.drawn_uj = unit.drawn_uj - items[item].draw_uw * items[item].time_s};
    for (int i = first; i < items[first].unit_end; i++)
        if (i != item)
            n.off_uj = fmax(n.off_uj, items[i].off_uj);
    return n;
}

/* To four digits, up or down: a figure that a message names must do. */
static double four_digits(double value, bool up) {
    double digit = value > 0 ? pow(10, floor(log10(value)) - 3) : 1;
    return (up ? ceil(value / digit) : floor(value / digit)) * digit;
}

/* A step of the user's own that stands among the items. */
typedef struct own_step {
    const char *option, *name;
    wick_cost besides; /* what the plan adds to it in the same item */
    double uj, us;
    int item;
} own_step;

/* The one in the unit that begins with `first`; false: there is none. */
static bool find_own_step(const builder *b, int first, own_step *out) {
    const wick_workload *load = b->workload;
    int q = b->w->sequence_of[first];
    if (q == 0 && first < b->w->taken && load->sense_uj > 0) {
        *out = (own_step){.option = "--sense",
                          .name = "taking an input",
                          .uj = load->sense_uj,
                          .us = load->sense_us,
                          .item = first};
        return true;
    }
    if (q < 1 || q > b->plan->model.n_modules || first != b->w->send[q] || !(load->send_uj > 0))
        return false;
    *out = (own_step){.option = "--send",
                      .name = "sending an answer",
                      .besides = b->plan->send,
                      .uj = load->send_uj,
                      .us = load->send_us,
                      .item = first};
    return true;
}

static needs with_item(needs n, const work_item *item) {
    return (needs){n.drawn_uj + item->draw_uw * item->time_s, fmax(n.off_uj, item->off_uj)};
}

static bool carries_own(const builder *b, const own_step *own, needs others, double uj) {
    work_item item = item_of(b, wick_cost_add(own->besides, plain(uj, own->us)));
    return carried(b->cap, with_item(others, &item));
}

/* The most that the step may take in its time, µJ. Series resistance bends the way there. */
static double most_uj(const builder *b, const own_step *own, needs others) {
    enum { HALVINGS = 200 };
    double most = 0, much = own->uj;
    for (int i = 0; i < HALVINGS; i++) {
        double middle = (most + much) / 2;
        if (carries_own(b, own, others, middle))
            most = middle;
        else
            much = middle;
    }
    return most;
}

/* At the wake voltage the terminals are below off_v already, however large the capacitor. */
static wick_status refuse_resistance(const builder *b, const char *file, const char *place,
                                     needs unit, const char *hint, wick_diag *diag) {
    return wick_fail(diag, WICK_NO_FIT, file, place, hint,
                     "under this load the terminals stand at off_v while the capacitor still "
                     "has %.3f V, and the device wakes at %.3f V",
                     sqrt(2 * unit.off_uj / b->cap->farad_u),
                     sqrt(2 * b->cap->on_uj / b->cap->farad_u));
}

static wick_status refuse_own_step(wick_arena *arena, const builder *b, const own_step *own,
                                   needs others, needs unit, wick_diag *diag) {
    double most = four_digits(most_uj(b, own, others), false);
    if (unit.off_uj >= b->cap->on_uj)
        return refuse_resistance(
            b, NULL, own->option, unit,
            wick_arena_printf(arena, "at most %.10g uJ in that time would do, or more time for it",
                              most),
            diag);
    double whole_uj = b->cap->max_uj - unit.off_uj;
    double uf = four_digits(b->cap->farad_u * unit.drawn_uj / whole_uj, true);
    return wick_fail(diag, WICK_NO_FIT, NULL, own->option,
                     wick_arena_printf(arena,
                                       "at most %.10g uJ in that time would do, or a capacitor of "
                                       "at least %.10g uF (wick plan --capacitor %.10g)",
                                       most, uf, uf),
                     "with a boot, %s draws %.1f uJ without a commit, and a full capacitor of "
                     "%.4g uF gives %.1f uJ: it would start over for ever",
                     own->name, unit.drawn_uj, b->cap->farad_u, whole_uj);
}

static wick_status check_unit(wick_arena *arena, const builder *b, int first, wick_diag *diag) {
    const work_items *w = b->w;
    needs unit = unit_needs(b, first);
    if (carried(b->cap, unit))
        return WICK_OK;
    own_step own;
    if (find_own_step(b, first, &own)) {
        needs others = without_item(b, unit, first, own.item);
        if (carries_own(b, &own, others, 0))
            return refuse_own_step(arena, b, &own, others, unit, diag);
    }
    const char *file = b->plan->model_path, *place = name_unit(arena, b->plan, w, first);
    if (unit.off_uj >= b->cap->on_uj)
        return refuse_resistance(
            b, file, place, unit,
            "a capacitor with less series resistance, a higher on_v, or less power", diag);
    double whole_uj = b->cap->max_uj - unit.off_uj;
    double uf = four_digits(b->cap->farad_u * unit.drawn_uj / whole_uj, true);
    /* Only spans can be cut smaller by another plan. */
    const char *hint =
        w->items[first].step >= 0
            ? wick_arena_printf(arena,
                                "plan again for this capacitor (wick plan --capacitor %.4g), "
                                "or take one of at least %.10g uF",
                                b->cap->farad_u, uf)
            : wick_arena_printf(
                  arena, "take a capacitor of at least %.10g uF (wick plan --capacitor %.10g)", uf,
                  uf);
    return wick_fail(diag, WICK_NO_FIT, file, place, hint,
                     "with a boot it draws %.1f uJ without a commit, and a full capacitor of %.4g "
                     "uF gives %.1f uJ: it would start over for ever",
                     unit.drawn_uj, b->cap->farad_u, whole_uj);
}

static wick_status check_costs(const wick_workload *load, wick_diag *diag) {
    const struct {
        const char *name;
        double uj, us;
    } costs[] = {{"sensing", load->sense_uj, load->sense_us},
                 {"sending", load->send_uj, load->send_us}};
    for (size_t i = 0; i < WICK_LEN(costs); i++)
        if (!(costs[i].uj >= 0 && costs[i].uj <= 1e12 && costs[i].us >= 0 && costs[i].us <= 1e12) ||
            (costs[i].uj > 0) != (costs[i].us > 0))
            return wick_fail(diag, WICK_RANGE, NULL, costs[i].name,
                             "give both, or neither, within 0 to 1e12", "%g uJ in %g us",
                             costs[i].uj, costs[i].us);
    return WICK_OK;
}

wick_status work_items_make(wick_arena *arena, const wick_plan *plan, const wick_workload *workload,
                            const store *cap, bool lazy, work_items *out, wick_diag *diag) {
    const wick_device *d = plan->device;
    WICK_TRY(check_costs(workload, diag));
    int most = plan->model.n_steps + plan->model.n_spans + 2 * plan->model.n_modules + 5;
    most += 2 * plan->model.n_steps + plan->n_reloads;
    *out = (work_items){.lazy = lazy,
                        .items = wick_new(arena, work_item, most),
                        .before = wick_new(arena, work_sums, most + 1 + WORK_SEQUENCES),
                        .sequence_of = wick_new(arena, int, most),
                        .span_first = wick_new(arena, int, plan->model.n_spans),
                        .step_item = wick_new(arena, int, plan->model.n_steps),
                        .store_item = wick_new(arena, int, plan->model.n_steps),
                        .reload_item = wick_new(arena, int, plan->n_reloads),
                        .reload_first = wick_new(arena, int, plan->model.n_steps + 1),
                        .reload_least = {wick_new(arena, int, plan->n_reloads),
                                         wick_new(arena, int, plan->n_reloads)},
                        .join_end = wick_new(arena, int, plan->model.n_spans),
                        .join_mv = wick_new(arena, uint16_t, plan->model.n_spans),
                        .lambda_per_s = cap->lambda_per_s};
    builder b = {.w = out, .plan = plan, .workload = workload, .cap = cap};
    add_all(&b);
    look_ahead(out, plan);
    double sleep_uw = d->sleep_uw / d->capacitor.efficiency;
    out->sleep_load_uw = d->sleep_uw;
    out->sleep_esr_uw = esr_loss_uw(d->capacitor.off_v, sleep_uw, d->capacitor.esr_ohm);
    out->sleep_draw_uw = sleep_uw + out->sleep_esr_uw;
    out->sleep_off_uj =
        store_energy_at(cap, esr_off_v(d->capacitor.off_v, sleep_uw, d->capacitor.esr_ohm));
    for (int i = 0; i < out->sequence[WORK_LOOSE].first; i = out->items[i].unit_end)
        WICK_TRY(check_unit(arena, &b, i, diag));
    return WICK_OK;
}
