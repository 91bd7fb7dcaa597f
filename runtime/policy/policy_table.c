/* SPDX-License-Identifier: 0BSD */
/* The synthesised policy: three searches and a look-up. */
#include <wick/policy.h>

static uint32_t bin(const uint32_t *thresholds, uint32_t value) {
    uint32_t i = 0;
    for (uint32_t half = WICK_TABLE_BINS / 2; half != 0; half /= 2)
        if (value >= thresholds[i + half - 1])
            i += half;
    return i;
}

/* Stages behind one best answer: none in work, and the modules that are larger than it but not the
   smallest. */
static uint32_t width(uint32_t n_modules, uint32_t best) {
    return 1 + WICK_TABLE_LEVELS * (best == 0 ? n_modules - 1 : best - 1);
}

uint32_t wick_policy_stage(uint32_t n_modules, uint32_t best, uint32_t working, uint32_t level) {
    uint32_t stage = 0;
    if (best != 0) {
        stage = width(n_modules, 0);
        for (uint32_t b = n_modules; b > best; b--)
            stage += width(n_modules, b);
    }
    return working == 0 ? stage : stage + 1 + (working - 1) * WICK_TABLE_LEVELS + level;
}

uint32_t wick_policy_stages(uint32_t n_modules) {
    return n_modules < 2 ? 1 : wick_policy_stage(n_modules, 2, 0, 0) + width(n_modules, 2);
}

uint8_t wick_policy_look_up(const wick_policy_table *table, const wick_model *model,
                            const wick_situation *s) {
    uint32_t n = model->n_modules, best = 0, level = 0;
    if (s->charge_uj == UINT32_MAX || s->harvest_uw == UINT32_MAX ||
        s->time_left_ms == UINT32_MAX || s->urgent || table == 0 || table->n_modules != n) {
        if (s->working != 0)
            return s->working;
        return s->modules_done ? 0 : wick_policy_greedy(model, s);
    }
    if (s->modules_done != 0)
        for (best = 1; !(s->modules_done >> (best - 1u) & 1u);)
            best++;
    if (best == 1)
        return 0;
    if (s->working != 0) {
        uint32_t energy_nj = model->segments[s->working].energy_nj;
        if (s->working == n || (best != 0 && s->working >= best))
            return s->working; /* nothing smaller to turn to */
        for (level = WICK_TABLE_LEVELS - 1; level > 0; level--)
            if (s->left_nj <= energy_nj / WICK_TABLE_LEVELS * (WICK_TABLE_LEVELS - level))
                break;
    }
    uint32_t charge = bin(table->charge_uj, s->charge_uj);
    uint32_t harvest = bin(table->harvest_uw, s->harvest_uw);
    uint32_t time = bin(table->time_ms, s->time_left_ms);
    uint32_t stage = wick_policy_stage(n, best, s->working, level);
    uint32_t row = table->row_of[(stage * table->n_time + time) * table->n_harvest + harvest];
    uint8_t pair = table->rows[row * ((table->n_charge + 1u) / 2u) + charge / 2];
    return charge & 1u ? pair >> 4 : pair & 15u;
}
