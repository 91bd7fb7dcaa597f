/* SPDX-License-Identifier: 0BSD */
/* What the energy at hand carries. */
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
