/* SPDX-License-Identifier: 0BSD */
/* The policies fixed, greedy and threshold. */
#include <wick/policy.h>

#define UNKNOWN UINT32_MAX

/* Energy that the device can spend on a module: what is stored and what comes in until the deadline
   (without one, what comes in is not counted: it might come too late). 1 uW for 1 ms is 1 nJ. */
static uint64_t available_nj(const wick_situation *s) {
    uint64_t stored = (uint64_t)s->charge_uj * 1000u;
    if (s->harvest_uw == UNKNOWN || s->time_left_ms == UNKNOWN)
        return stored;
    return stored + (uint64_t)s->harvest_uw * s->time_left_ms;
}

static int carried(const wick_segment *module, const wick_situation *s) {
    if (module->energy_nj == 0 || module->energy_nj > available_nj(s))
        return 0;
    return s->time_left_ms == UNKNOWN || module->time_us <= (uint64_t)s->time_left_ms * 1000u;
}

/* The largest module that is carried; with a demand on accuracy, the smallest one that is carried
   and meets it. None is carried: the smallest. */
static uint8_t greedy(const wick_model *model, const wick_situation *s) {
    uint8_t smallest = (uint8_t)model->n_modules, largest = 0;
    if (s->charge_uj == UNKNOWN)
        return smallest;
    for (uint8_t k = smallest; k >= 1; k--) {
        const wick_segment *module = &model->segments[k];
        if (!carried(module, s))
            continue;
        largest = k;
        if (s->min_accuracy_permille && module->accuracy_permille >= s->min_accuracy_permille)
            return k;
    }
    return largest ? largest : smallest;
}

/* The harvest picks a class: poor (below low) the smallest module, medium the one in the middle,
   rich (from high on) the largest; a charge from charge_high on lifts it by one module. Nothing
   known about one of the two adds nothing. */
static uint8_t threshold(const wick_policy *policy, const wick_model *model,
                         const wick_situation *s) {
    uint8_t smallest = (uint8_t)model->n_modules, choice = smallest;
    if (s->harvest_uw != UNKNOWN && s->harvest_uw >= policy->harvest_low_uw)
        choice = (uint8_t)(smallest / 2 + 1);
    if (s->harvest_uw != UNKNOWN && s->harvest_uw >= policy->harvest_high_uw)
        choice = 1;
    if (s->charge_uj != UNKNOWN && s->charge_uj >= policy->charge_high_uj && choice > 1)
        choice--;
    return choice;
}

uint8_t wick_policy_choose(const wick_policy *policy, const wick_model *model,
                           const wick_situation *situation) {
    if (situation->modules_done != 0 || model->n_modules == 0)
        return 0;
    switch ((wick_policy_kind)policy->kind) {
    case WICK_POLICY_FIXED:
        return policy->module >= 1 && policy->module <= model->n_modules
                   ? policy->module
                   : (uint8_t)model->n_modules;
    case WICK_POLICY_GREEDY:
        return greedy(model, situation);
    case WICK_POLICY_THRESHOLD:
        return threshold(policy, model, situation);
    }
    return (uint8_t)model->n_modules;
}
