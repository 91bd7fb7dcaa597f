/* What is emitted for each profile compiles for its core, runs there with the PC's logits, and its
   code is no larger than the plan said (run_on_core.sh). The MSP430 has slow_emit_msp430. */
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

static char folder[] = "/tmp/wick-emit-cores-XXXXXX";

typedef struct core_case {
    const char *profile, *core; /* as emulate.sh calls it */
} core_case;

static const core_case cases[] = {
    {"m0plus-fram", "m0"}, {"m3-fram", "m3"},     {"m4-fram", "m4"},
    {"m4-mram", "m4"},     {"m4-mram-ecc", "m4"}, {"m7-mram", "m7"},
    {"m33-fram", "m33"},   {"m55-mram", "m55"},   {"rv32-fram", "rv32"},
};

static void runs_on_its_core(void **state) {
    (void)state;
    int ran = 0;
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_arena *arena = wick_arena_new();
        wick_device *device;
        wick_plan *plan;
        wick_plan_options options = wick_plan_defaults();
        wick_emit_options emit_options = wick_emit_defaults();
        wick_diag diag = {0};
        wick_qnet *net = tiny_family(20 + i, 13, 12);
        assert_int_equal(wick_device_load(arena, cases[i].profile, &device, &diag), WICK_OK);
        assert_int_equal(wick_plan_make(net, device, &options, NULL, &plan, &diag), WICK_OK);
        emit_options.command = "wick emit plan.json";
        const char *dir = wick_arena_printf(arena, "%s/%s", folder, cases[i].profile);
        assert_int_equal(wick_emit_write(plan, NULL, &emit_options, dir, &diag), WICK_OK);
        fflush(stdout);
        int status = system(wick_arena_printf(
            arena, "bash '%s/tests/emit/run_on_core.sh' %s '%s' %lld", getenv("WICK_SHARE"),
            cases[i].core, dir, (long long)plan->totals.code_bytes));
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) != 77)
            assert_int_equal(WEXITSTATUS(status), 0);
        ran += WEXITSTATUS(status) == 0;
        wick_plan_free(plan);
        tiny_free(net);
        wick_arena_free(arena);
    }
    if (!ran)
        skip();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_on_its_core),
    };
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return wick_path_remove(folder) ? failed : 1;
}
