/* SPDX-License-Identifier: 0BSD */
/* Earliest deadline first with imprecise computation: a mandatory part, and optional ones while
   energy and time allow. */
#include <wick/policy.h>

uint32_t wick_policy_edf(const wick_policy *policy, const wick_model *model,
                         const wick_situation *s, uint32_t best) {
    if (best == 0)
        return model->n_modules;
    if (s->charge_uj == UINT32_MAX)
        return 0;
    if (s->working != 0)
        return s->left_nj <= wick_policy_available_nj(s) ? s->working : 0;
    return wick_policy_fitting(model, s, best, s->urgent ? 0 : policy->reserve_uj);
}
