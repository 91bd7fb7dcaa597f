/* SPDX-License-Identifier: 0BSD */
/* The policies fixed, greedy and threshold, and what holds for all. */
#include <wick/policy.h>

#define UNKNOWN UINT32_MAX

/* Without a deadline, what comes in is not counted: it might come too late. 1 uW for 1 ms is 1 nJ.
 */
uint64_t wick_policy_available_nj(const wick_situation *s) {
    uint64_t stored = (uint64_t)s->charge_uj * 1000u;
    if (s->harvest_uw == UNKNOWN || s->time_left_ms == UNKNOWN)
        return stored;
    return stored + (uint64_t)s->harvest_uw * s->time_left_ms;
}

uint64_t wick_policy_needed_nj(const wick_model *model, const wick_situation *s, uint8_t k,
                               uint64_t *time_us) {
    uint64_t energy_nj = 0;
    *time_us = model->segments[k].time_us;
    if (!model->chain)
        return model->segments[k].energy_nj;
    for (*time_us = 0; k <= model->n_modules; k++) {
        if (s->modules_done >> (k - 1u) & 1u)
            continue;
        if (model->segments[k].energy_nj == 0)
            return 0;
        energy_nj += model->segments[k].energy_nj;
        *time_us += model->segments[k].time_us;
    }
    return energy_nj;
}

static int carried(const wick_model *model, uint8_t k, const wick_situation *s,
                   uint64_t available_nj) {
    uint64_t time_us, needed_nj = wick_policy_needed_nj(model, s, k, &time_us);
    if (needed_nj == 0 || needed_nj > available_nj)
        return 0;
    return s->time_left_ms == UNKNOWN || time_us <= (uint64_t)s->time_left_ms * 1000u;
}

uint8_t wick_policy_greedy(const wick_model *model, const wick_situation *s) {
    uint8_t smallest = (uint8_t)model->n_modules;
    if (s->charge_uj == UNKNOWN)
        return smallest;
    uint64_t available_nj = wick_policy_available_nj(s);
    for (uint8_t k = 1; k < smallest; k++)
        if (carried(model, k, s, available_nj))
            return k;
    return smallest;
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
    if (s->urgent && choice > 1)
        choice--;
    return choice;
}

/* The smallest module that is accurate enough; 1 where none is. */
static uint8_t enough(const wick_model *model, const wick_situation *s) {
    uint8_t k = (uint8_t)model->n_modules;
    while (k > 1 && model->segments[k].accuracy_permille < s->min_accuracy_permille)
        k--;
    return k;
}

static uint8_t first(const wick_policy *policy, const wick_model *model, const wick_situation *s) {
    switch ((wick_policy_kind)policy->kind) {
    case WICK_POLICY_GREEDY:
        return wick_policy_greedy(model, s);
    case WICK_POLICY_THRESHOLD:
        return threshold(policy, model, s);
    case WICK_POLICY_EDF:
        return wick_policy_edf(policy, model, s);
    case WICK_POLICY_TABLE:
        return wick_policy_look_up(policy->table, model, s);
    case WICK_POLICY_FIXED:
        break;
    }
    return policy->module >= 1 && policy->module <= model->n_modules ? policy->module
                                                                     : (uint8_t)model->n_modules;
}

/* The next exit on the way to `target`; 0: that has answered. */
static uint8_t next_exit(const wick_model *model, const wick_situation *s, uint8_t target) {
    uint8_t k = (uint8_t)model->n_modules;
    while (k >= target && (s->modules_done >> (k - 1u) & 1u))
        k--;
    return k >= target ? k : 0;
}

int wick_policy_reviews(const wick_policy *policy) {
    return policy->kind >= WICK_POLICY_EDF; /* the last kinds */
}

int wick_policy_rests(const wick_policy *policy, const wick_situation *s) {
    return s->charge_uj < policy->rest_uj;
}

uint8_t wick_policy_choose(const wick_policy *policy, const wick_model *model,
                           const wick_situation *s) {
    int reviews = wick_policy_reviews(policy);
    if (!reviews && s->working)
        return s->working;
    if (model->n_modules == 0 || (!reviews && !model->chain && s->modules_done != 0))
        return 0;
    if (reviews && s->time_left_ms == 0)
        return 0; /* no answer would be in time */
    if (s->extracting && policy->kind != WICK_POLICY_TABLE)
        return 1;
    uint8_t choice = first(policy, model, s);
    if (choice == 0)
        return 0;
    if (s->min_accuracy_permille && policy->kind != WICK_POLICY_FIXED) {
        uint8_t most = enough(model, s);
        if (s->modules_done & ((2u << (most - 1u)) - 1u))
            return 0; /* as accurate an answer is out */
        choice = choice < most ? most : choice;
    }
    if (choice <= s->working)
        return s->working; /* what is in work is given up only for less */
    if (model->chain && choice < WICK_POLICY_OFF)
        return next_exit(model, s, choice);
    return s->modules_done >> (choice - 1u) & 1u ? 0 : choice;
}
