/* An emitted model on the simulated MSP430: planned by its profile, with the kernels of 16-bit
   cores, no larger than the plan says, and cut by power failures between instructions
   (boards/msp430/simulate.sh). */
#include "emit/emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../plan/tiny_qnet.h"
#include "weights/weights.h"

static char folder[] = "/tmp/wick-emit-msp430-XXXXXX";

static void computes_and_resumes_on_the_simulated_core(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_device *device;
    wick_plan *plan;
    wick_plan_options options = wick_plan_defaults();
    wick_emit_options emit_options = wick_emit_defaults();
    wick_diag diag = {0};
    wick_qnet *net = tiny_family(3, 8, 5);
    assert_int_equal(wick_device_load(arena, "msp430-fram", &device, &diag), WICK_OK);
    wick_status planned = wick_plan_make(net, device, &options, NULL, &plan, &diag);
    if (planned != WICK_OK)
        wick_diag_print(&diag, stderr);
    assert_int_equal(planned, WICK_OK);
    int packed = 0;
    for (int l = 0; l < net->n_layers; l++) {
        const char *kernel = wick_kernel_name(plan->layers[l].kind, plan->layers[l].kernel);
        packed += strstr(kernel, "_s8_w16") || strstr(kernel, "_s8_w8");
    }
    assert_true(packed > 2);
    emit_options.command = "wick emit plan.json";
    const char *dir = wick_arena_printf(arena, "%s/fw", folder);
    assert_int_equal(wick_emit_write(plan, NULL, &emit_options, dir, &diag), WICK_OK);
    /* Beside what the plan counts: start-up, the board's port, and what clang calls. */
    long long most = plan->totals.flash_bytes + 2048;
    int status =
        system(wick_arena_printf(arena, "bash '%s/boards/msp430/simulate.sh' '%s' 200 1 %lld",
                                 getenv("WICK_SHARE"), dir, most));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
    wick_plan_free(plan);
    tiny_free(net);
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_and_resumes_on_the_simulated_core),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return wick_path_remove(folder) ? failed : 1;
}
