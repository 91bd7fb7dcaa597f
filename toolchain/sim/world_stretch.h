/* Short ways inside one sample of the trace, where the power is constant. Most events lie there,
   far from every border (a threshold, the clamp, cold start); a straight line shows that none is
   reached, because leakage only flattens the way. False: not shown, nothing was moved, and the
   general way (walk in world.c, or world_leap.c) has to be gone. world.c and span_run.c include
   this. */
#ifndef WICK_WORLD_STRETCH_H
#define WICK_WORLD_STRETCH_H

#include "sim/world.h"

/* dt_s of one constant draw, 0 <= dt_s, inside the sample; time and item are the caller's. */
static inline bool world_glide(world *w, double draw_uw, double off_uj, double wake_uj,
                               double dt_s) {
    double energy_uj = w->store.energy_uj;
    if (w->walks || energy_uj <= w->supply.cold_uj)
        return false;
    double change_uj = (w->arrives_uw - draw_uw - w->store.lambda_per_s * energy_uj) * dt_s;
    double room_uj = change_uj > 0 ? lesser(wake_uj, w->store.max_uj) - energy_uj
                                   : energy_uj - greater(off_uj, w->supply.cold_uj);
    if (fabs(change_uj) >= room_uj * (1 - 1e-9))
        return false;
    world_account(w, w->offered_uw * dt_s,
                  store_advance_power(&w->store, w->arrives_uw, draw_uw, dt_s));
    return true;
}

/* Items [first, end) of one sequence, whole, if the store stays above floor_uj too. */
static inline bool world_stride(world *w, int first, int end, double floor_uj) {
    const work_items *work = &w->work;
    int q = work->sequence_of[first];
    const work_sequence *sequence = &work->sequence[q];
    const work_sums *from = work_before(work, q, first), *to = work_before(work, q, end);
    double dt_s = to->time_s - from->time_s, then_s = w->now_s + dt_s;
    if (w->walks || then_s >= w->horizon_s || then_s >= w->sample_end_s)
        return false;
    double energy_uj = w->store.energy_uj, lambda = w->store.lambda_per_s;
    store_flow flow = {.in_uj = w->arrives_uw * dt_s, .drawn_uj = to->drawn_uj - from->drawn_uj};
    double most_uj = energy_uj + greater(0, w->arrives_uw - sequence->min_uw) * dt_s;
    double least_uj = energy_uj - flow.drawn_uj - lambda * (energy_uj + flow.in_uj) * dt_s;
    floor_uj = greater(greater(floor_uj, sequence->max_off_uj), w->supply.cold_uj);
    if (most_uj >= w->store.max_uj || least_uj <= floor_uj)
        return false;
    double decay = store_decay(lambda * dt_s);
    double response_uj = lambda > 0 ? w->arrives_uw / lambda * decay : flow.in_uj;
    response_uj -= to->response_uj - from->response_uj + from->response_uj * decay;
    double after_uj = energy_uj - energy_uj * decay + response_uj;
    /* By difference, so that energy is conserved to rounding. */
    flow.leaked_uj = energy_uj + flow.in_uj - flow.drawn_uj - after_uj;
    w->store.energy_uj = after_uj;
    w->now_s = then_s;
    world_account(w, w->offered_uw * dt_s, flow);
    return true;
}

/* One sleep of dt_s, if it ends inside the sample before anything is due. */
static inline bool world_nap(world *w, double dt_s) {
    double until_s = w->now_s + dt_s;
    if (w->arrived || until_s >= w->horizon_s || until_s >= w->sample_end_s ||
        w->store.energy_uj <= w->work.sleep_off_uj)
        return false;
    dt_s = until_s - w->now_s;
    if (!world_glide(w, w->work.sleep_draw_uw, w->work.sleep_off_uj, INFINITY, dt_s))
        return false;
    w->now_s = until_s;
    world_book_sleep(w, dt_s);
    return true;
}

#endif
