/* SPDX-License-Identifier: 0BSD */
/* Earliest deadline first with imprecise computation: a mandatory part, and optional ones while
   energy and time allow. */
#include <wick/policy.h>

uint8_t wick_policy_edf(const wick_policy *policy, const wick_model *model,
                        const wick_situation *s) {
    uint8_t mandatory = (uint8_t)model->n_modules;
    if (s->modules_done == 0)
        return mandatory;
    if (s->charge_uj == UINT32_MAX)
        return 0;
    uint64_t available_nj = wick_policy_available_nj(s), time_us = UINT64_MAX;
    if (s->time_left_ms != UINT32_MAX)
        time_us = (uint64_t)s->time_left_ms * 1000u;
    if (s->working != 0)
        return s->left_nj <= available_nj ? s->working : 0;
    uint64_t reserve_nj = s->urgent ? 0 : (uint64_t)policy->reserve_uj * 1000u;
    for (uint8_t k = 1; k < mandatory; k++) {
        if (s->modules_done >> (k - 1u) & 1u)
            return 0; /* a better answer than the smaller ones could give is out */
        uint64_t takes_us, needed_nj = wick_policy_needed_nj(model, s, k, &takes_us);
        if (needed_nj != 0 && needed_nj + reserve_nj <= available_nj && takes_us <= time_us)
            return k;
    }
    return 0;
}
