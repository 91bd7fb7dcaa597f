/* Counted on an emulated core: decisions of every kind of policy, each between the markers of
   count_plugin.c; of four modules and of as many as there can be, apart and in a chain, with and
   without a required accuracy. Thresholds and situations are drawn; every search and stage is met.
 */
#include "markers.h"

#include "semihost.h"

#include <wick/policy.h>

enum { DECISIONS = 60, SMALLEST = 4 };

static uint32_t state = 1;
static uint32_t below(uint32_t n) { /* xorshift32 */
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

static uint8_t row_of[4 * (WICK_TABLE_LEVELS + 160) * 10 * 2], rows[256 * 8];
static wick_segment segments[WICK_MAX_MODULES + 1];
static wick_policy_table table;
/* Drawn beforehand: what draws them must not be counted. */
static wick_situation situations[DECISIONS];

static void draw_table(void) {
    table = (wick_policy_table){.n_charge = 16, .n_harvest = 8, .n_time = 5, .n_rows = 256};
    for (uint32_t i = 0; i < WICK_TABLE_BINS - 1; i++) {
        table.charge_uj[i] = 300 * (i + 1);
        table.harvest_uw[i] = i < 7 ? 100 * (i + 1) : UINT32_MAX;
        table.time_ms[i] = i < 4 ? 1000 * (i + 1) : UINT32_MAX;
    }
    for (uint32_t i = 0; i < sizeof row_of; i++)
        row_of[i] = (uint8_t)below(256);
    for (uint32_t i = 0; i < sizeof rows; i++)
        rows[i] = (uint8_t)(below(8) ? below(5) | below(5) << 4
                                     : (i & 1u ? WICK_POLICY_WAIT : WICK_POLICY_OFF) * 17);
    table.row_of = row_of;
    table.rows = rows;
}

/* From the largest module, of 4 mJ and 75 %, down. */
static void draw_segments(uint32_t n) {
    segments[0] = (wick_segment){.n_spans = 1, .energy_nj = 900000, .time_us = 50000};
    for (uint32_t k = 1; k <= n; k++)
        segments[k] = (wick_segment){.n_spans = 1,
                                     .energy_nj = 4000000 >> (k - 1),
                                     .time_us = 260000 >> (k - 1),
                                     .accuracy_permille = (uint16_t)(750 - 30 * k)};
}

static void draw_situations(uint32_t n, int chain) {
    for (int i = 0; i < DECISIONS; i++) {
        uint32_t best = below(3) ? 0 : 1 + below(n);
        wick_situation *s = &situations[i];
        *s = (wick_situation){.charge_uj = below(6000),
                              .harvest_uw = below(8) ? below(1000) : UINT32_MAX,
                              .time_left_ms = below(8) ? 1 + below(6000) : UINT32_MAX,
                              .modules_done = best ? 1u << (best - 1) : 0,
                              .working = (uint8_t)(below(2) ? 1 + below(n - 1) : 0),
                              .urgent = below(8) == 0};
        if (chain && best)
            s->modules_done = (1u << n) - (1u << (best - 1));
        if (s->working == 0 && best == 0)
            s->extracting = (uint8_t)below(2);
        s->left_nj = below(segments[s->working].energy_nj + 1);
    }
}

/* False: a choice that is none. */
static int decide(const wick_policy *policy, const wick_model *model) {
    static const uint16_t asked[] = {0, 1, 600, 700, 1000};
    for (uint32_t a = 0; a < sizeof asked / sizeof *asked; a++)
        for (int i = 0; i < DECISIONS; i++) {
            situations[i].min_accuracy_permille = asked[a];
            marker_begin();
            uint8_t choice = wick_policy_choose(policy, model, &situations[i]);
            marker_end();
            if (choice > model->n_modules && choice != WICK_POLICY_WAIT &&
                choice != WICK_POLICY_OFF)
                return 0;
        }
    return 1;
}

int main(void) {
    draw_table();
    for (uint32_t n = SMALLEST; n <= WICK_MAX_MODULES; n += WICK_MAX_MODULES - SMALLEST)
        for (uint8_t chain = 0; chain < 2; chain++) {
            const wick_model model = {
                .n_modules = (uint16_t)n, .chain = chain, .segments = segments};
            table.n_modules = (uint8_t)n;
            draw_segments(n);
            for (uint8_t kind = WICK_POLICY_FIXED; kind <= WICK_POLICY_TABLE; kind++) {
                const wick_policy policy = {.kind = kind,
                                            .module = 1,
                                            .harvest_low_uw = 300,
                                            .harvest_high_uw = 600,
                                            .charge_high_uj = 3000,
                                            .reserve_uj = 500,
                                            .table = &table};
                draw_situations(n, chain);
                if (!decide(&policy, &model)) {
                    semihost_put("a module that is none\n");
                    return 1;
                }
            }
        }
    semihost_put("DONE\n");
    return 0;
}
