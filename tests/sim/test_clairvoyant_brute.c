/* Some worlds; slow_clairvoyant_brute.c has more. */
#include "helper_brute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int main(void) {
    const struct CMUnitTest tests[] = {
        {"no_schedule_beats_it", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_PLAIN, 10, 0.1, 0.5, 0.5, false}},
        {"nor_where_spans_wait_for_charge", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_WAITING, 10, 0.1, 0.5, 0.5, false}},
        {"nor_where_the_engine_tires_of_waiting", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_IMPATIENT, 10, 0, 0, 0, false}},
        {"nor_where_modules_begin_with_the_extractor", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_RECOMPUTING, 8, 0.1, 0.5, 0.5, false}},
        {"nor_behind_a_diode", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_PLAIN, 6, 0.1, 0.5, 0.5, true}},
        {"nor_where_spans_wait_behind_one", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_WAITING, 6, 0, 0, 0, true}},
        {"nor_one_that_turns_to_the_other_module", brute_turn, NULL, NULL, NULL},
        {"nor_an_engine_that_is_tired_for_good", brute_tire, NULL, NULL, NULL},
        {"what_leaks_counts", brute_leak, NULL, NULL, NULL},
        {"nor_a_boot_that_leaks_no_more", brute_boot, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
