#include "sim/policy_levels.h"

#include "sim/store.h"

#include <math.h>

/* Of a segment: what is asked for and drawn, span by span. */
typedef struct spans {
    const wick_plan *plan;
    const wick_segment *segment;
    store cap;
    double before_uj, behind_uj; /* beside the spans: of the first level, of the last one */
    double per_nj;               /* usable energy for each modelled one */
} spans;

static const wick_span *span_at(const spans *s, int i) {
    return &s->plan->model.spans[s->segment->first_span + i];
}

static double span_uj(const spans *s, int i) {
    return s->per_nj * span_at(s, i)->energy_nj;
}

/* Usable energy of a capacitor at which the port reads more than that. */
static double charge_uj(const spans *s, uint32_t mv) {
    return s->plan->device->capacitor.efficiency *
           (store_energy_at(&s->cap, (mv + 1) * 1e-3) - s->cap.off_uj);
}

int policy_quarter(const wick_segment *segment, int done) {
    uint32_t quarter_nj = segment->energy_nj / WICK_TABLE_LEVELS;
    uint32_t left_nj = segment->energy_nj / segment->n_spans * (uint32_t)(segment->n_spans - done);
    return (int)(left_nj <= 3 * quarter_nj) + (left_nj <= 2 * quarter_nj) + (left_nj <= quarter_nj);
}

/* The spans [first, end), none for what is beside them, as another level. False: no room. */
static bool add_level(policy_mdp *m, int k, const spans *s, int first, int end, double before_uj,
                      double behind_uj) {
    double uj = before_uj, whole_uj = 0;
    if (m->levels[k] == MDP_MOST_LEVELS)
        return false;
    int l = m->levels[k]++;
    for (int i = first; i < end; i++) {
        whole_uj = fmax(whole_uj, charge_uj(s, span_at(s, i)->need_mv) + uj);
        uj += span_uj(s, i);
    }
    m->need_uj[k][l] = m->enough_uj[k][l] = 0;
    m->quarter[k][l] = MDP_NO_QUARTER;
    if (end > first) {
        const wick_span *begin = span_at(s, first);
        m->need_uj[k][l] = charge_uj(s, begin->need_mv);
        m->enough_uj[k][l] = charge_uj(s, begin->need_mv + 16U * begin->margin_16mv);
        m->quarter[k][l] = (uint8_t)policy_quarter(s->segment, first);
    }
    m->level_uj[k][l] = uj + behind_uj;
    m->whole_uj[k][l] = fmax(whole_uj, m->level_uj[k][l]);
    m->first_span[k][l] = (uint16_t)first;
    return true;
}

/* Into levels of at least least_uj; what is beside the spans goes with them, or is a level if it is
   more than that. False: these are too many. */
static bool divide(policy_mdp *m, int k, const spans *s, double least_uj) {
    int n = s->segment->n_spans, first = 0;
    bool before = s->before_uj >= least_uj, behind = s->behind_uj >= least_uj, room = true;
    double uj = 0;
    m->levels[k] = 0;
    if (before)
        room = add_level(m, k, s, 0, 0, s->before_uj, 0);
    for (int i = 0; i < n && room; i++) {
        uj += span_uj(s, i);
        /* One that is large enough does not go with what comes before it. */
        if (uj < least_uj && i + 1 < n && span_uj(s, i + 1) < least_uj)
            continue;
        room = add_level(m, k, s, first, i + 1, first == 0 && !before ? s->before_uj : 0,
                         i + 1 == n && !behind ? s->behind_uj : 0);
        first = i + 1;
        uj = 0;
    }
    return room && (!behind || add_level(m, k, s, n, n, 0, s->behind_uj));
}

void policy_levels_set(policy_mdp *m, const wick_plan *plan, int k, double before_uj,
                       double behind_uj) {
    const wick_device *d = plan->device;
    spans s = {.plan = plan,
               .segment = &plan->model.segments[k],
               .cap = store_make(d, plan->options.capacitor_uf, d->capacitor.off_v),
               .before_uj = before_uj,
               .behind_uj = behind_uj};
    m->levels[k] = 0;
    if (s.segment->n_spans == 0)
        return;
    double all_nj = 0, level_uj = 0.1 * m->step_uj * (MDP_CHARGES - 1);
    if (m->time_slots[k] > 0)
        level_uj = fmin(level_uj, m->energy_uj[k] / m->time_slots[k]);
    for (int i = 0; i < s.segment->n_spans; i++)
        all_nj += span_at(&s, i)->energy_nj;
    s.per_nj = (m->energy_uj[k] - before_uj - behind_uj) / fmax(1, all_nj);
    while (!divide(m, k, &s, level_uj))
        level_uj *= 1.5;
}
