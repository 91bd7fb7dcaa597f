/* Jumps: bounds that are cheap to look up show that neither a threshold nor the clamp can be
   reached before some time, and one evaluation of the closed form goes there. upper bound of the
   store:  E + gain (nothing drawn, nothing leaked), or E itself when the block's largest harvest is
   below the smallest draw lower bound:               E - drawn - lambda * max(E) * dt (nothing
   harvested) Where a bound fails for the whole way, the farthest sample or item at which it holds
   is found by bisection; the rest is walked event by event. */
#include "sim/world.h"

#include <math.h>

typedef enum leap_target { AT_TIME, AT_UNTIL, AT_SAMPLE, AT_ITEM } leap_target;

typedef struct leap {
    world *w;
    const world_load *load;
    supply_regime regime;
    int block;          /* of samples */
    double start_s;     /* in the trace */
    supply_sums before; /* at start_s */
    int sequence, end;  /* of items; end -1: none */
    double into_s;      /* of the item at hand */
    leap_target target;
    double dt_s;
    int sample; /* that holds start_s + dt_s; AT_SAMPLE: begins there */
    int item;   /* AT_ITEM: begins there */
    supply_sums after;
    bool full; /* stays at the clamp */
} leap;

static double drawn_uj(const leap *l, int item) {
    const work_sums *here = work_before(&l->w->work, l->sequence, l->w->item);
    return work_before(&l->w->work, l->sequence, item)->drawn_uj - here->drawn_uj -
           l->into_s * l->load->draw_uw;
}

static double time_to_item(const leap *l, int item) {
    const work_sums *here = work_before(&l->w->work, l->sequence, l->w->item);
    return work_before(&l->w->work, l->sequence, item)->time_s - here->time_s - l->into_s;
}

static void aim(leap *l, double dt_s, leap_target target) {
    const supply *s = &l->w->supply;
    double t = l->start_s + dt_s;
    l->dt_s = dt_s;
    l->target = target;
    l->sample = wick_trace_sample_at(s->trace, l->w->sample, t);
    int last = supply_block_end(s, l->w->sample) - 1;
    l->sample = l->sample < last ? l->sample : last;
    l->after = supply_sums_at(s, l->regime, l->sample, t);
}

static void aim_at_sample(leap *l, int sample) {
    const supply *s = &l->w->supply;
    double t = supply_end_s(s, sample - 1);
    l->dt_s = t - l->start_s;
    l->sample = sample;
    l->target = AT_SAMPLE;
    l->after = supply_sums_at(s, l->regime, sample - 1, t);
}

/* Largest and smallest harvest on the way: of the block, or looked up where few samples lie on it.
 */
static void extremes(const leap *l, double *peak_uw, double *low_uw) {
    enum { FEW = 8 };
    const supply *s = &l->w->supply;
    int first = l->w->sample, last = l->target == AT_SAMPLE ? l->sample - 1 : l->sample;
    *peak_uw = s->peak_uw[l->regime][l->block];
    *low_uw = s->low_uw[l->regime][l->block];
    if (last - first >= FEW)
        return;
    const double *arrives_uw = s->arrives_uw[l->regime];
    *peak_uw = *low_uw = arrives_uw[first];
    for (int i = first + 1; i <= last; i++) {
        *peak_uw = greater(*peak_uw, arrives_uw[i]);
        *low_uw = lesser(*low_uw, arrives_uw[i]);
    }
}

/* Below the ceiling all the way? Else the last sample's start up to which that is sure. */
static bool stay_below(leap *l) {
    const world *w = l->w;
    const supply *s = &w->supply;
    double energy_uj = w->store.energy_uj;
    double ceiling_uj = lesser(l->load->wake_uj, w->store.max_uj);
    if (l->regime == SUPPLY_COLD)
        ceiling_uj = lesser(ceiling_uj, s->cold_uj);
    double peak_uw, low_uw;
    extremes(l, &peak_uw, &low_uw);
    if (energy_uj >= w->store.max_uj && isinf(l->load->wake_uj) &&
        low_uw >= l->load->max_uw + s->lambda_per_s * w->store.max_uj) {
        l->full = true;
        return true;
    }
    if (energy_uj + greater(0, peak_uw - l->load->min_uw) * l->dt_s < ceiling_uj ||
        peak_uw <= l->load->min_uw)
        return true;
    if (energy_uj + l->after.gain_uj - l->before.gain_uj < ceiling_uj)
        return true;
    const double *gain_uj = s->gain_uj[l->regime] + l->block;
    int low = w->sample + 1, high = l->sample + 1; /* sure at low? not at high */
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (energy_uj + gain_uj[middle] - l->before.gain_uj < ceiling_uj)
            low = middle;
        else
            high = middle;
    }
    if (low < w->sample + 2)
        return false;
    aim_at_sample(l, low);
    return true;
}

/* Above the floor all the way? Else up to the last item's start, or the time, up to which that is
   sure. */
static bool stay_above(leap *l) {
    const world *w = l->w;
    const work_items *work = &w->work;
    bool items = l->end >= 0;
    double floor_uj = items ? work->sequence[l->sequence].max_off_uj : l->load->off_uj;
    floor_uj = l->load->floor_uj > 0 ? greater(floor_uj, l->load->floor_uj) : floor_uj;
    if (l->regime == SUPPLY_WARM && w->supply.cold_uj > 0)
        floor_uj = greater(floor_uj, w->supply.cold_uj);
    if (floor_uj < 0)
        return true;
    double room_uj = w->store.energy_uj - floor_uj;
    double most_uj =
        lesser(w->store.max_uj, w->store.energy_uj + l->after.gain_uj - l->before.gain_uj);
    double leak_uw = w->supply.lambda_per_s * most_uj;
    if (!items) {
        double sure_s = room_uj / (l->load->draw_uw + leak_uw) * (1 - 1e-9);
        if (l->dt_s < sure_s)
            return true;
        if (l->start_s + sure_s <= supply_end_s(&w->supply, w->sample))
            return false;
        aim(l, sure_s, AT_TIME);
        return true;
    }
    /* The items up to the one in which the target lies, whole. */
    int low = w->item, high = l->end;
    if (drawn_uj(l, high) + leak_uw * l->dt_s < room_uj)
        return true;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (drawn_uj(l, middle) + leak_uw * time_to_item(l, middle) < room_uj)
            low = middle;
        else
            high = middle;
    }
    double sure_s = low > w->item ? time_to_item(l, low) : 0;
    if (sure_s >= l->dt_s)
        return true;
    if (low < w->item + 2)
        return false;
    aim(l, sure_s, AT_ITEM);
    l->item = low;
    return true;
}

/* The item that holds the time `into_s` after the sequence's start, and what is left of it. */
static void find_item(const leap *l) {
    world *w = l->w;
    if (l->target == AT_ITEM) {
        w->item = l->item;
        w->left_s = w->item < l->end ? w->work.items[w->item].time_s : 0;
        return;
    }
    double at_s = work_before(&w->work, l->sequence, w->item)->time_s + l->into_s + l->dt_s;
    int low = w->item, high = l->end;
    while (high - low > 1) {
        int middle = low + (high - low) / 2;
        if (work_before(&w->work, l->sequence, middle)->time_s <= at_s)
            low = middle;
        else
            high = middle;
    }
    w->item = low;
    w->left_s =
        w->work.items[low].time_s - (at_s - work_before(&w->work, l->sequence, low)->time_s);
}

static void land(leap *l, double until_s) {
    world *w = l->w;
    double energy_uj = w->store.energy_uj, lambda = w->supply.lambda_per_s, dt_s = l->dt_s;
    double decay = store_decay(lambda * dt_s);
    store_flow flow = {.in_uj = l->after.gain_uj - l->before.gain_uj};
    double response_uj =
        l->after.response_uj - l->before.response_uj + l->before.response_uj * decay;
    if (l->end >= 0) {
        int from = w->item;
        const work_sums *here = work_before(&w->work, l->sequence, from);
        double before_uj = work_response(&w->work, l->sequence, from, l->into_s);
        double drawn_before_uj = here->drawn_uj + l->into_s * l->load->draw_uw;
        find_item(l);
        const work_sums *there = work_before(&w->work, l->sequence, w->item);
        double part_s = w->item < l->end ? w->work.items[w->item].time_s - w->left_s : 0;
        double draw_uw = w->item < l->end ? w->work.items[w->item].draw_uw : 0;
        response_uj -=
            work_response(&w->work, l->sequence, w->item, part_s) - before_uj + before_uj * decay;
        flow.drawn_uj = there->drawn_uj + part_s * draw_uw - drawn_before_uj;
    } else {
        flow.drawn_uj = l->load->draw_uw * dt_s;
        response_uj -= lambda > 0 ? l->load->draw_uw / lambda * decay : flow.drawn_uj;
    }
    double after_uj = l->full ? w->store.max_uj : energy_uj - energy_uj * decay + response_uj;
    flow.leaked_uj = l->full ? lambda * w->store.max_uj * dt_s
                             : energy_uj + flow.in_uj - flow.drawn_uj - after_uj;
    if (l->full)
        flow.clamped_uj = flow.in_uj - flow.drawn_uj - flow.leaked_uj;
    w->store.energy_uj = after_uj;
    world_account(w, l->after.offered_uj - l->before.offered_uj, flow);
    if (l->target == AT_SAMPLE) {
        w->sample = l->sample - 1;
        w->now_s = w->trace_s + supply_end_s(&w->supply, w->sample);
        world_next_sample(w);
    } else {
        world_enter_sample(w, l->sample);
        w->now_s = l->target == AT_UNTIL ? until_s : w->now_s + dt_s;
    }
}

bool world_leap(world *w, const world_load *load, double until_s, int end) {
    const supply *s = &w->supply;
    if (w->walks || w->store.energy_uj == s->cold_uj)
        return false;
    double start_s = w->now_s - w->trace_s;
    double sample_s = supply_end_s(s, w->sample) - start_s, dt_s = until_s - w->now_s;
    if (end < 0 ? dt_s <= sample_s : w->item + 1 >= end && w->left_s <= sample_s)
        return false; /* nothing but the next event */
    leap l = {.w = w, .load = load, .end = end, .start_s = start_s};
    l.regime = w->store.energy_uj < s->cold_uj ? SUPPLY_COLD : SUPPLY_WARM;
    int last = supply_block_end(s, w->sample);
    double block_s = supply_end_s(s, last - 1) - l.start_s;
    double items_s = INFINITY;
    if (end >= 0) {
        l.sequence = w->work.sequence_of[w->item];
        l.into_s = w->work.items[w->item].time_s - w->left_s;
        items_s = time_to_item(&l, end);
    }
    double least_s = lesser(dt_s, lesser(block_s, items_s));
    if (least_s <= sample_s && (end < 0 || least_s <= w->left_s))
        return false;
    l.block = w->sample / SUPPLY_BLOCK;
    l.before = supply_sums_at(s, l.regime, w->sample, l.start_s);
    if (block_s <= dt_s && block_s <= items_s) {
        aim_at_sample(&l, last);
    } else {
        aim(&l, least_s, items_s <= dt_s ? AT_ITEM : AT_UNTIL);
        l.item = end;
    }
    if (!stay_below(&l) || (!l.full && !stay_above(&l)))
        return false;
    land(&l, until_s);
    return true;
}
