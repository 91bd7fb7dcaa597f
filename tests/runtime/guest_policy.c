/* Counted on an emulated core: decisions of a full table of four modules, each between the markers
   of count_plugin.c. Thresholds and situations are drawn; every search and stage is met. */
#include "markers.h"

#include "semihost.h"

#include <wick/policy.h>

enum { DECISIONS = 400 };

static uint32_t state = 1;
static uint32_t below(uint32_t n) { /* xorshift32 */
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

static uint8_t row_of[4096], rows[256 * 8];
/* Drawn beforehand: what draws them must not be counted. */
wick_situation situations[DECISIONS];

int main(void) {
    static const wick_segment segments[5] = {
        {.n_spans = 1, .energy_nj = 900000},
        {.n_spans = 9, .energy_nj = 4000000, .time_us = 260000},
        {.n_spans = 5, .energy_nj = 460000, .time_us = 28000},
        {.n_spans = 4, .energy_nj = 390000, .time_us = 23000},
        {.n_spans = 1, .energy_nj = 30000, .time_us = 1000}};
    const wick_model model = {.n_modules = 4, .segments = segments};
    wick_policy_table table = {
        .n_modules = 4, .n_charge = 16, .n_harvest = 8, .n_time = 10, .n_rows = 256};
    for (uint32_t i = 0; i < WICK_TABLE_BINS - 1; i++) {
        table.charge_uj[i] = 300 * (i + 1);
        table.harvest_uw[i] = i < 7 ? 100 * (i + 1) : UINT32_MAX;
        table.time_ms[i] = i < 9 ? 500 * (i + 1) : UINT32_MAX;
    }
    for (uint32_t i = 0; i < sizeof row_of; i++)
        row_of[i] = (uint8_t)below(256);
    for (uint32_t i = 0; i < sizeof rows; i++)
        rows[i] = (uint8_t)(below(8) ? below(5) | below(5) << 4
                                     : (i & 1u ? WICK_POLICY_WAIT : WICK_POLICY_OFF) * 17);
    table.row_of = row_of;
    table.rows = rows;
    const wick_policy policy = {.kind = WICK_POLICY_TABLE, .table = &table};
    for (int i = 0; i < DECISIONS; i++) {
        uint32_t done = below(3) ? 0 : 1u << below(4);
        situations[i] = (wick_situation){.charge_uj = below(6000),
                                         .harvest_uw = below(1000),
                                         .time_left_ms = 1 + below(6000),
                                         .modules_done = done,
                                         .working = (uint8_t)(below(2) ? 1 + below(3) : 0)};
        if (situations[i].working == 0 && done == 0)
            situations[i].extracting = (uint8_t)below(2);
        situations[i].left_nj = below(segments[situations[i].working].energy_nj + 1);
    }
    for (int i = 0; i < DECISIONS; i++) {
        marker_begin();
        uint8_t choice = wick_policy_choose(&policy, &model, &situations[i]);
        marker_end();
        if (choice > 4 && choice != WICK_POLICY_WAIT && choice != WICK_POLICY_OFF) {
            semihost_put("a module that is none\n");
            return 1;
        }
    }
    semihost_put("DONE\n");
    return 0;
}
