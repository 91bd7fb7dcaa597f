/* Maps of a policy's table: every one is a picture, of one bin too; boxes and signs are the
   decisions, and few. */
#include "helper_drawn.h"
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MODULES = 2, CELLS = 4096 };

/* Blocks of this name in a script; *lines: of the longest. */
static int blocks_of(const char *script, const char *name, int *lines) {
    char head[32];
    int blocks = 0;
    snprintf(head, sizeof head, "$%s << EOD\n", name);
    *lines = 0;
    for (const char *at = script; (at = strstr(at, head)); blocks++) {
        int n = 0;
        for (at = strchr(at, '\n') + 1; strncmp(at, "EOD", 3) != 0; at = strchr(at, '\n') + 1)
            n++;
        *lines = n > *lines ? n : *lines;
    }
    return blocks;
}

static void one_bin_is_drawn(void **state) {
    (void)state;
    static const uint8_t row_of[CELLS] = {0}, rows[] = {0x21};
    for (uint8_t charges = 1; charges <= 2; charges++)
        for (uint8_t times = 1; times <= 2; times++) {
            wick_policy_table t = {.n_modules = MODULES,
                                   .n_charge = charges,
                                   .n_harvest = 1,
                                   .n_time = times,
                                   .n_rows = 1,
                                   .row_of = row_of,
                                   .rows = rows,
                                   .charge_uj = {700},
                                   .time_ms = {9000}};
            wick_buf script = {0};
            int lines;
            wick_policy_script(&t, 8, &script);
            /* extractor, features, TM2 has answered, TM1 half done */
            assert_int_equal(blocks_of(script.data, "map", &lines), 4);
            assert_int_equal(lines, charges); /* rows of time are alike */
            assert_int_equal(blocks_of(script.data, "legend", &lines), 1);
            assert_int_equal(lines, MODULES + 4);
            assert_non_null(strstr(script.data, "\"module 2 (smallest)\""));
            assert_non_null(strstr(script.data, "\"wait for charge\""));
            assert_null(strstr(script.data, "tics ()")); /* gnuplot's own numbers */
            assert_true((strstr(script.data, "'700' 0.5") != NULL) == (charges == 2));
            assert_true((strstr(script.data, "'9' 0.5") != NULL) == (times == 2));
            assert_true((strstr(script.data, "any charge") != NULL) == (charges == 1));
            assert_true((strstr(script.data, "any time left") != NULL) == (times == 1));
            assert_drawn(&script, ".svg", 900, 900);
            wick_buf_free(&script);
        }
}

/* A table of drawn decisions, and of few kinds: regions of any form. */
typedef struct drawn {
    uint8_t row_of[CELLS], rows[256 * WICK_TABLE_BINS / 2];
    wick_policy_table table;
} drawn;

static void draw_table(drawn *d, uint64_t seed) {
    static const uint8_t decisions[] = {0, 1, 2, WICK_POLICY_WAIT, WICK_POLICY_OFF};
    wick_rng rng = wick_rng_seed(seed, 0);
    for (int i = 0; i < CELLS; i++)
        d->row_of[i] = (uint8_t)wick_rng_below(&rng, 3);
    for (size_t i = 0; i < sizeof d->rows; i++) {
        uint8_t low = decisions[wick_rng_below(&rng, 5)];
        uint8_t high = wick_rng_below(&rng, 2) ? low : decisions[wick_rng_below(&rng, 5)];
        d->rows[i] = (uint8_t)(low | high << 4);
    }
    d->table = (wick_policy_table){.n_modules = MODULES,
                                   .n_charge = (uint8_t)(1 + wick_rng_below(&rng, WICK_TABLE_BINS)),
                                   .n_harvest = 1,
                                   .n_time = (uint8_t)(1 + wick_rng_below(&rng, WICK_TABLE_BINS)),
                                   .n_rows = 3,
                                   .row_of = d->row_of,
                                   .rows = d->rows};
}

/* The second map of the script is what is decided where nothing was done for the input yet. */
static void assert_boxes(const wick_policy_table *t, const char *script) {
    static const char head[] = "$map << EOD\n";
    bool seen[WICK_TABLE_BINS][WICK_TABLE_BINS] = {{false}};
    const char *at = strstr(strstr(script, head) + 1, head) + sizeof head - 1;
    for (; strncmp(at, "EOD", 3) != 0; at = strchr(at, '\n') + 1) {
        double left, right, low, high;
        char sign;
        assert_int_equal(
            sscanf(at, "%*f %*f %lf %lf %lf %lf %*s %c", &left, &right, &low, &high, &sign), 5);
        for (int y = 0; y < t->n_time; y++)
            for (int x = 0; x < t->n_charge; x++) {
                int decided = wick_policy_first(t, y, 0, x);
                if (x < left || x > right || y < low || y > high)
                    continue;
                assert_false(seen[y][x]);
                seen[y][x] = true;
                assert_int_equal(sign, decided == WICK_POLICY_WAIT  ? 'w'
                                       : decided == WICK_POLICY_OFF ? 'o'
                                       : decided                    ? '0' + decided
                                                                    : '.');
            }
    }
    for (int y = 0; y < t->n_time; y++)
        for (int x = 0; x < t->n_charge; x++)
            assert_true(seen[y][x]);
}

static void every_cell_is_in_one_box_of_its_action(void **state) {
    (void)state;
    static drawn d;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        wick_buf script = {0};
        draw_table(&d, seed);
        wick_policy_maps_script(&d.table, 3, &script);
        assert_boxes(&d.table, script.data);
        if (seed == 1)
            assert_drawn(&script, ".svg", 900, 900);
        wick_buf_free(&script);
    }
}

/* Labels of the largest table keep apart: no more than fit beside each other. */
static void axes_of_many_bins_are_thinned(void **state) {
    (void)state;
    static const uint8_t row_of[CELLS] = {0}, rows[8] = {0};
    wick_policy_table t = {.n_modules = MODULES,
                           .n_charge = WICK_TABLE_BINS,
                           .n_harvest = 1,
                           .n_time = WICK_TABLE_BINS,
                           .n_rows = 1,
                           .row_of = row_of,
                           .rows = rows};
    wick_buf script = {0};
    int lines;
    for (int i = 0; i < WICK_TABLE_BINS - 1; i++)
        t.charge_uj[i] = t.time_ms[i] = 1000 * (uint32_t)(i + 1);
    wick_policy_script(&t, 8, &script);
    blocks_of(script.data, "map", &lines);
    assert_int_equal(lines, 1); /* all cells are alike */
    for (int axis = 0; axis < 2; axis++) {
        const char *at = strstr(script.data, axis ? "set ytics (" : "set xtics (");
        int labels = 0;
        assert_non_null(at);
        for (; *at != '\n'; at++)
            labels += *at == '\'';
        assert_in_range(labels / 2, 3, axis ? 6 : 4);
    }
    wick_buf_free(&script);
}

/* Each sign and colour means one thing. */
static void signs_differ(void **state) {
    (void)state;
    for (uint8_t modules = 1; modules <= WICK_MAX_HEADS; modules++) {
        wick_policy_table t = {.n_modules = modules};
        wick_policy_sign signs[WICK_POLICY_SIGNS];
        int n = wick_policy_legend(&t, signs);
        assert_int_equal(n, modules + 4);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < i; j++) {
                assert_string_not_equal(signs[i].sign, signs[j].sign);
                assert_string_not_equal(signs[i].colour, signs[j].colour);
                assert_string_not_equal(signs[i].meaning, signs[j].meaning);
            }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bin_is_drawn),
        cmocka_unit_test(every_cell_is_in_one_box_of_its_action),
        cmocka_unit_test(axes_of_many_bins_are_thinned),
        cmocka_unit_test(signs_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
