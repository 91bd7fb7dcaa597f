#include "helper_brute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int main(void) {
    const struct CMUnitTest tests[] = {
        {"no_schedule_beats_it", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_PLAIN, 110, 0.2, 0.8, 0.9, false}},
        {"nor_where_spans_wait_for_charge", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_WAITING, 110, 0.2, 0.65, 0.8, false}},
        {"nor_where_the_engine_tires_of_waiting", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_IMPATIENT, 110, 0, 0, 0, false}},
        {"nor_where_modules_begin_with_the_extractor", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_RECOMPUTING, 110, 0.2, 0.8, 0.8, false}},
        {"nor_behind_a_diode", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_PLAIN, 60, 0.2, 0.6, 0.75, true}},
        {"nor_where_spans_wait_behind_one", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_WAITING, 60, 0.2, 0.5, 0.65, true}},
        {"nor_where_the_engine_tires_behind_one", brute_try, NULL, NULL,
         &(brute_worlds){BRUTE_IMPATIENT, 60, 0, 0, 0, true}},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
