/* Some worlds; slow_clairvoyant_brute.c has more. */
#include "helper_brute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void no_schedule_beats_it(void **state) {
    (void)state;
    brute_try(&(brute_worlds){BRUTE_PLAIN, 10, 0.1, 0.5, 0.5});
}

static void nor_where_modules_begin_with_the_extractor(void **state) {
    (void)state;
    brute_try(&(brute_worlds){BRUTE_RECOMPUTING, 8, 0.1, 0.5, 0.5});
}

static void nor_where_spans_wait_for_charge(void **state) {
    (void)state;
    brute_try(&(brute_worlds){BRUTE_WAITING, 10, 0.1, 0.5, 0.5});
}

static void nor_where_the_engine_tires_of_waiting(void **state) {
    (void)state;
    brute_try(&(brute_worlds){BRUTE_IMPATIENT, 10, 0, 0, 0});
}

static void nor_one_that_turns_to_the_other_module(void **state) {
    (void)state;
    brute_turn();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_schedule_beats_it),
        cmocka_unit_test(nor_where_spans_wait_for_charge),
        cmocka_unit_test(nor_where_the_engine_tires_of_waiting),
        cmocka_unit_test(nor_where_modules_begin_with_the_extractor),
        cmocka_unit_test(nor_one_that_turns_to_the_other_module),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
