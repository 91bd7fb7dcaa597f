/* Maps of a policy's table: every one is a picture, of one bin too. */
#include "sim/sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MODULES = 2, CELLS = 4096 };

/* Numbers in a line. */
static int columns_of(const char *line) {
    int n = 0;
    for (const char *c = line; *c != '\n'; c++)
        n += *c != ' ' && (c == line || c[-1] == ' ');
    return n;
}

/* The least rows and columns of all maps; returns how many these are. */
static int maps_of(const char *script, int *rows, int *columns) {
    int maps = 0;
    *rows = *columns = 1000;
    for (const char *at = script; (at = strstr(at, "$map << EOD\n")); maps++) {
        int n = 0;
        for (at = strchr(at, '\n') + 1; strncmp(at, "EOD", 3) != 0; at = strchr(at, '\n') + 1, n++)
            *columns = columns_of(at) < *columns ? columns_of(at) : *columns;
        *rows = n < *rows ? n : *rows;
    }
    return maps;
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
            int n_rows, n_columns;
            wick_policy_script(&t, 8, &script);
            /* extractor, features, TM2 has answered, TM1 half done; the legend */
            assert_int_equal(maps_of(script.data, &n_rows, &n_columns), 5);
            assert_int_equal(n_rows, 2);
            assert_int_equal(n_columns, 2);
            assert_null(strstr(script.data, "tics ()")); /* gnuplot's own numbers */
            assert_true((strstr(script.data, "'700' 0.5") != NULL) == (charges == 2));
            assert_true((strstr(script.data, "'9' 0.5") != NULL) == (times == 2));
            assert_true((strstr(script.data, "any charge") != NULL) == (charges == 1));
            assert_true((strstr(script.data, "any time left") != NULL) == (times == 1));
            wick_buf_free(&script);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_bin_is_drawn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
