/* SPDX-License-Identifier: 0BSD */
/* The stages of a synthesised table. */
#include <wick/policy.h>

uint32_t wick_policy_stage(uint32_t n_modules, uint32_t best, uint32_t working, uint32_t level) {
    uint32_t stage = wick_policy_first_stage(n_modules, best);
    return working == 0 ? stage : stage + 1 + (working - 1) * WICK_TABLE_LEVELS + level;
}

uint32_t wick_policy_stages(uint32_t n_modules) {
    return n_modules < 2 ? WICK_TABLE_LEVELS + 1 : wick_policy_first_stage(n_modules, 1);
}
