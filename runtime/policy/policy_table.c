/* SPDX-License-Identifier: 0BSD */
/* The synthesised policy: three searches and a look-up. */
#include <wick/policy.h>

/* How many of the 15 thresholds are not above the value; four comparisons, written out because the
   loop would take twice the instructions. */
static inline uint32_t bin(const uint32_t *thresholds, uint32_t value) {
    const uint32_t *at = thresholds;
    if (value >= at[7])
        at += 8;
    if (value >= at[3])
        at += 4;
    if (value >= at[1])
        at += 2;
    return (uint32_t)(at - thresholds) + (value >= at[0]);
}

/* The extractor's stages; then, behind best answer b stand 1 + LEVELS (b - 1), behind none
   1 + LEVELS (n - 1); the sum over the answers n, n - 1 ... best + 1 is in closed form. */
static inline uint32_t first_stage(uint32_t n, uint32_t best) {
    if (best == 0)
        return WICK_TABLE_LEVELS;
    return 2 * (n * (n + 1) - best * (best + 1)) + n + 3 * best - 3 + WICK_TABLE_LEVELS;
}

uint32_t wick_policy_stage(uint32_t n_modules, uint32_t best, uint32_t working, uint32_t level) {
    uint32_t stage = first_stage(n_modules, best);
    return working == 0 ? stage : stage + 1 + (working - 1) * WICK_TABLE_LEVELS + level;
}

uint32_t wick_policy_stages(uint32_t n_modules) {
    return n_modules < 2 ? WICK_TABLE_LEVELS + 1 : first_stage(n_modules, 1);
}

uint8_t wick_policy_look_up(const wick_policy_table *table, const wick_model *model,
                            const wick_situation *s) {
    uint32_t n = model->n_modules, stage = 0, working = s->working;
    if (s->charge_uj == UINT32_MAX || s->harvest_uw == UINT32_MAX ||
        s->time_left_ms == UINT32_MAX || s->urgent || table == 0 || table->n_modules != n) {
        if (working != 0)
            return s->working;
        return s->modules_done ? 0 : wick_policy_greedy(model, s);
    }
    if (!s->extracting) {
        uint32_t best = 0;
        if (s->modules_done != 0) {
            if (s->modules_done & 1u)
                return 0;
            for (best = 2; !(s->modules_done >> (best - 1u) & 1u);)
                best++;
        }
        if (working >= (best ? best : n))
            return s->working; /* nothing smaller to turn to */
        stage = first_stage(n, best);
        if (working != 0)
            stage += 1u + (working - 1u) * WICK_TABLE_LEVELS;
    }
    if (s->extracting || working != 0) {
        uint32_t quarter_nj = model->segments[working].energy_nj / WICK_TABLE_LEVELS;
        stage += (uint32_t)(s->left_nj <= 3 * quarter_nj) + (s->left_nj <= 2 * quarter_nj) +
                 (s->left_nj <= quarter_nj);
    }
    uint32_t charge = bin(table->charge_uj, s->charge_uj);
    uint32_t harvest = bin(table->harvest_uw, s->harvest_uw);
    uint32_t time = bin(table->time_ms, s->time_left_ms);
    uint32_t row = table->row_of[(stage * table->n_time + time) * table->n_harvest + harvest];
    uint8_t pair = table->rows[row * ((table->n_charge + 1u) / 2u) + charge / 2];
    return (uint8_t)((unsigned)pair >> (charge & 1u) * 4u & 15u);
}
