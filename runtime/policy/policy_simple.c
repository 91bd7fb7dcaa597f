/* SPDX-License-Identifier: 0BSD */
/* The policies that decide once: greedy and threshold. */
#include <wick/policy.h>

#define UNKNOWN UINT32_MAX

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
