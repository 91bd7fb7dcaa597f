/* SPDX-License-Identifier: 0BSD */
/* What holds for all policies; fixed; and the synthesised table, which is looked up here and not
   in a file of its own as a call would take a tenth of its instructions. */
#include <wick/policy.h>

#define UNKNOWN UINT32_MAX

/* How many of the 15 thresholds are not above the value; four comparisons, written out because the
   loop would take twice the instructions. */
static inline uint32_t bin_of(const uint32_t *thresholds, uint32_t value) {
    const uint32_t *at = thresholds;
    if (value >= at[7])
        at += 8;
    if (value >= at[3])
        at += 4;
    if (value >= at[1])
        at += 2;
    if (value >= at[0])
        at++;
    return (uint32_t)(at - thresholds);
}

/* How far the segment in work is, in quarters of its energy. */
static inline uint32_t level_of(const wick_model *model, const wick_situation *s) {
    uint32_t quarter_nj = model->segments[s->working].energy_nj / WICK_TABLE_LEVELS;
    if (s->left_nj <= 2 * quarter_nj)
        return 2u + (s->left_nj <= quarter_nj);
    return s->left_nj <= 3 * quarter_nj;
}

/* Three searches and a look-up; best: not 1. */
static inline uint32_t look_up(const wick_policy_table *table, const wick_model *model,
                               const wick_situation *s, uint32_t best) {
    uint32_t n = model->n_modules, stage = 0, working = s->working;
    if (s->charge_uj == UNKNOWN || s->harvest_uw == UNKNOWN || s->time_left_ms - 1 >= UNKNOWN - 1 ||
        s->urgent || table == 0 || table->n_modules != n) {
        if (s->time_left_ms == 0)
            return 0; /* no answer would be in time */
        if (working != 0)
            return s->working;
        return best ? 0 : wick_policy_greedy(model, s, 0);
    }
    if (s->extracting) {
        stage = level_of(model, s);
    } else {
        if (working >= (best ? best : n))
            return s->working; /* nothing smaller to turn to */
        stage = wick_policy_first_stage(n, best);
        if (working != 0)
            stage += 1u + (working - 1u) * WICK_TABLE_LEVELS + level_of(model, s);
    }
    uint32_t charge = bin_of(table->charge_uj, s->charge_uj);
    uint32_t harvest = bin_of(table->harvest_uw, s->harvest_uw);
    uint32_t time = bin_of(table->time_ms, s->time_left_ms);
    uint32_t row = table->row_of[(stage * table->n_time + time) * table->n_harvest + harvest];
    uint32_t pair = table->rows[row * ((table->n_charge + 1u) / 2u) + charge / 2];
    return pair >> (4u * charge & 4u) & 15u;
}

/* Exits answer in their order. 0: all have. */
static uint32_t next_exit(const wick_model *model, uint32_t best) {
    return best ? best - 1u : model->n_modules;
}

static uint32_t first(const wick_policy *policy, const wick_model *model, const wick_situation *s,
                      uint32_t best) {
    if (policy->kind == WICK_POLICY_TABLE)
        return look_up(policy->table, model, s, best);
    switch (policy->kind) {
    case WICK_POLICY_GREEDY:
        return wick_policy_greedy(model, s, best);
    case WICK_POLICY_THRESHOLD:
        return wick_policy_threshold(policy, model, s);
    case WICK_POLICY_EDF:
        return wick_policy_edf(policy, model, s, best);
    default:
        break;
    }
    return policy->module >= 1 && policy->module <= model->n_modules ? policy->module
                                                                     : model->n_modules;
}

/* The smallest module from `choice` on that is as accurate as is asked for; else the choice. By
   halves. */
static uint32_t smallest_as_asked(const wick_model *model, const wick_situation *s, uint32_t k) {
    const wick_segment *at = &model->segments[k];
    uint32_t n = model->n_modules, least = s->min_accuracy_permille;
    if (k + 4 <= n && at[4].accuracy_permille >= least) {
        k += 4;
        at += 4;
    }
    if (k + 2 <= n && at[2].accuracy_permille >= least) {
        k += 2;
        at += 2;
    }
    return k + (k < n && at[1].accuracy_permille >= least);
}

int wick_policy_reviews(const wick_policy *policy) {
    return policy->kind >= WICK_POLICY_EDF; /* the last kinds */
}

int wick_policy_rests(const wick_policy *policy, const wick_situation *s) {
    return s->charge_uj < policy->rest_uj;
}

/* What needs no choice, of all but TABLE, which keeps to it by itself; else -1. */
static int settled(const wick_policy *policy, const wick_model *model, const wick_situation *s) {
    int reviews = wick_policy_reviews(policy);
    if (!reviews && s->working)
        return s->working;
    if (model->n_modules == 0 || (!reviews && !model->chain && s->modules_done != 0))
        return 0;
    if (reviews && s->time_left_ms == 0)
        return 0; /* no answer would be in time */
    return s->extracting ? 1 : -1;
}

uint8_t wick_policy_choose(const wick_policy *policy, const wick_model *model,
                           const wick_situation *s) {
    if (policy->kind != WICK_POLICY_TABLE) {
        int at_once = settled(policy, model, s);
        if (at_once >= 0)
            return (uint8_t)at_once;
    }
    uint32_t best = wick_policy_answered(s), least = s->min_accuracy_permille;
    if (policy->kind == WICK_POLICY_FIXED)
        least = 0; /* it has nothing to choose */
    if (best == 1 || (best && least && model->segments[best].accuracy_permille >= least))
        return 0; /* as good an answer as can be, or as is asked for, is out */
    uint32_t choice = first(policy, model, s, best);
    if (choice == 0 || choice >= WICK_POLICY_OFF)
        return (uint8_t)choice;
    if (choice <= s->working)
        return s->working; /* what is in work is given up only for less */
    if (model->chain) {
        uint32_t next = next_exit(model, best);
        return next >= choice ? (uint8_t)next : 0;
    }
    if (least)
        choice = smallest_as_asked(model, s, choice);
    return best && choice >= best ? 0 : (uint8_t)choice;
}
