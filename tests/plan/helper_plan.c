#include "helper_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_done(wick_status status, wick_diag *diag) {
    if (status != WICK_OK)
        wick_diag_print(diag, stdout);
    assert_int_equal(status, WICK_OK);
}

wick_device *helper_device(wick_arena *arena, const char *name) {
    wick_device *device;
    wick_diag diag = {0};
    assert_done(wick_device_load(arena, name, &device, &diag), &diag);
    return device;
}

wick_plan *helper_plan(const wick_qnet *net, const wick_device *device) {
    wick_plan_options options = wick_plan_defaults();
    wick_plan *plan;
    wick_diag diag = {0};
    assert_done(wick_plan_make(net, device, &options, NULL, &plan, &diag), &diag);
    return plan;
}
