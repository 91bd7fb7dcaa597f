/* An emitted model on the simulated MSP430: planned by its profile, with the kernels of 16-bit
   cores, no larger than the plan says, and cut by power failures between instructions
   (boards/msp430/simulate.sh). */
#include "emit/emit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../plan/tiny_wide.h"
#include "weights/weights.h"

static char folder[] = "/tmp/wick-emit-msp430-XXXXXX";

/* Plans, emits, runs on the simulated core and on this machine, and cuts. Returns how many layers
   have a kernel whose name holds one of two texts; false where the tools are missing. */
static bool run(const wick_qnet *net, const char *name, const char *one, const char *other,
                int *found) {
    wick_arena *arena = wick_arena_new();
    wick_device *device;
    wick_plan *plan;
    wick_plan_options options = wick_plan_defaults();
    wick_emit_options emit_options = wick_emit_defaults();
    wick_diag diag = {0};
    assert_int_equal(wick_device_load(arena, "msp430-fram", &device, &diag), WICK_OK);
    wick_status planned = wick_plan_make(net, device, &options, NULL, &plan, &diag);
    if (planned != WICK_OK)
        wick_diag_print(&diag, stderr);
    assert_int_equal(planned, WICK_OK);
    *found = 0;
    for (int l = 0; l < net->n_layers; l++) {
        const char *kernel = wick_kernel_name(plan->layers[l].kind, plan->layers[l].kernel);
        *found += strstr(kernel, one) || strstr(kernel, other);
    }
    emit_options.command = "wick emit plan.json";
    const char *dir = wick_arena_printf(arena, "%s/%s", folder, name);
    assert_int_equal(wick_emit_write(plan, NULL, &emit_options, dir, &diag), WICK_OK);
    /* Beside what the plan counts: start-up, the board's port, and what clang calls. */
    long long most = plan->totals.flash_bytes + 2048;
    int status =
        system(wick_arena_printf(arena, "bash '%s/boards/msp430/simulate.sh' '%s' 200 1 %lld",
                                 getenv("WICK_SHARE"), dir, most));
    bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 77;
    wick_plan_free(plan);
    wick_arena_free(arena);
    assert_true(missing || status == 0);
    return !missing;
}

static void computes_and_resumes_on_the_simulated_core(void **state) {
    (void)state;
    int packed;
    wick_qnet *net = tiny_family(3, 8, 4);
    bool ran = run(net, "narrow", "_s8_w16", "_s8_w8", &packed);
    tiny_free(net);
    if (!ran)
        skip();
    assert_true(packed > 2);
}

/* All kinds of 16-bit kernels do not fit its memory: a convolution, a pool and a last layer do. */
static void with_activations_of_16_bits_too(void **state) {
    (void)state;
    int wide;
    tiny t = tiny_begin(5, 6, 3);
    int z = t.net->features = tiny_conv(&t, 0, 4, 3, 1);
    t.segment = 1;
    tiny_logits(&t, tiny_fc(&t, tiny_global_pool(&t, z), 4));
    wick_qnet *net = tiny_end(&t);
    tiny_widen(net);
    bool ran = run(net, "wide", "_s16", "_s16", &wide);
    tiny_free(net);
    if (!ran)
        skip();
    assert_int_equal(wide, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(computes_and_resumes_on_the_simulated_core),
        cmocka_unit_test(with_activations_of_16_bits_too),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return wick_path_remove(folder) ? failed : 1;
}
