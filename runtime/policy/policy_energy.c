/* SPDX-License-Identifier: 0BSD */
/* The policies that look at energy as it is now: greedy and threshold. */
#include <wick/policy.h>

#define UNKNOWN UINT32_MAX

/* 1 uW for 1 ms is 1 nJ. */
uint64_t wick_policy_available_nj(const wick_situation *s) {
    uint64_t stored = (uint64_t)s->charge_uj * 1000u;
    if (s->harvest_uw == UNKNOWN || s->time_left_ms == UNKNOWN)
        return stored;
    return stored + (uint64_t)s->harvest_uw * s->time_left_ms;
}

uint32_t wick_policy_fitting(const wick_model *model, const wick_situation *s, uint32_t best,
                             uint32_t reserve_uj) {
    uint64_t spare_nj = wick_policy_available_nj(s), reserve_nj = (uint64_t)reserve_uj * 1000u;
    if (spare_nj < reserve_nj)
        return 0;
    spare_nj -= reserve_nj;
    uint32_t most_nj = spare_nj >> 32 ? UINT32_MAX : (uint32_t)spare_nj, most_us = UINT32_MAX;
    if (s->time_left_ms < UINT32_MAX / 1000u)
        most_us = s->time_left_ms * 1000u;
    uint32_t k = 1, last = best ? best - 1u : model->n_modules;
    if (model->chain)
        k = last > 1 ? last : 1;
    const wick_segment *segment = &model->segments[k];
    for (; k <= last; k++, segment++)
        if (segment->energy_nj - 1u < most_nj && segment->time_us <= most_us) /* 0 is unknown */
            return k;
    return 0;
}

uint32_t wick_policy_greedy(const wick_model *model, const wick_situation *s, uint32_t best) {
    uint32_t fits = s->charge_uj == UNKNOWN ? 0 : wick_policy_fitting(model, s, best, 0);
    return fits ? fits : model->n_modules;
}

/* The harvest picks a class: poor (below low) the smallest module, medium the one in the middle,
   rich (from high on) the largest; a charge from charge_high on lifts it by one module. Nothing
   known about one of the two adds nothing. */
uint32_t wick_policy_threshold(const wick_policy *policy, const wick_model *model,
                               const wick_situation *s) {
    uint32_t smallest = model->n_modules, choice = smallest;
    if (s->harvest_uw != UNKNOWN && s->harvest_uw >= policy->harvest_low_uw)
        choice = smallest / 2 + 1;
    if (s->harvest_uw != UNKNOWN && s->harvest_uw >= policy->harvest_high_uw)
        choice = 1;
    if (s->charge_uj != UNKNOWN && s->charge_uj >= policy->charge_high_uj && choice > 1)
        choice--;
    if (s->urgent && choice > 1)
        choice--;
    return choice;
}
