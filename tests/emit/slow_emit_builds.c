/* Emitted folders are products: they build without a warning everywhere, and their self-test
 * passes. */
#include "emit/emit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../plan/tiny_qnet.h"

#define STRICT "-std=c99 -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"

static char folder[] = "/tmp/wick-slow-emit-XXXXXX";
static wick_arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return wick_path_remove(folder) ? 0 : -1;
}

static bool have(const char *program) {
    return system(wick_arena_printf(arena, "command -v %s >/dev/null 2>&1", program)) == 0;
}

/* Runs a shell command in `dir`; its output is shown when it fails. */
static int run(const char *dir, const char *command) {
    int status = system(wick_arena_printf(arena, "cd '%s' && ( %s ) >log.txt 2>&1", dir, command));
    if (status != 0 && system(wick_arena_printf(arena, "tail -n 20 '%s/log.txt' >&2", dir)) != 0)
        fprintf(stderr, "%s: no log\n", dir);
    return status;
}

/* Every layer kind, shared and independent modules, both memories, a table for pixels. */
static const char *emit_case(int i, wick_plan **plan, wick_qnet **net) {
    wick_device *device;
    wick_plan_options options = wick_plan_defaults();
    wick_emit_options emit_options = wick_emit_defaults();
    static const char *const labels[10] = {"a", "b\"c", "\\", "?\?/", "\303\244",
                                           "",  "x*/",  "%d", "9",    "z"};
    assert_int_equal(wick_device_load(arena, i % 2 ? "m4-mram" : "m4-fram", &device, NULL),
                     WICK_OK);
    *net = i < 2 ? tiny_family((uint64_t)i, 12, 8) : tiny_independent((uint64_t)i, 9, 6);
    (*net)->labels = (const char **)(uintptr_t)labels;
    if (i == 1)
        for (int p = 0; p < 256; p++)
            (*net)->pixel_to_input[1][p] = (int8_t)(100 - p / 2);
    if (i == 3)
        for (int c = 0; c < 3; c++)
            for (int p = 0; p < 256; p++)
                (*net)->pixel_to_input[c][p] = (int8_t)(p / 3);
    options.capacitor_uf = i < 2 ? 40 : 0;
    options.max_span_outputs = i == 3 ? 100 : 0;
    wick_diag diag = {0};
    assert_int_equal(wick_plan_make(*net, device, &options, NULL, plan, &diag), WICK_OK);
    const char *dir = wick_arena_printf(arena, "%s/fw%d", folder, i);
    emit_options.command = "wick emit plan.json --vectors 4";
    assert_int_equal(wick_emit_write(*plan, NULL, &emit_options, dir, &diag), WICK_OK);
    return dir;
}

static void builds_and_passes_its_self_test(void **state) {
    (void)state;
    static const char *const compilers[] = {"cc", "clang"};
    for (int i = 0; i < 4; i++) {
        wick_plan *plan;
        wick_qnet *net;
        const char *dir = emit_case(i, &plan, &net);
        for (size_t c = 0; c < WICK_LEN(compilers); c++) {
            if (!have(compilers[c]))
                continue;
            const char *sources = "*.c wick/*.c host/*.c";
            assert_int_equal(
                run(dir, wick_arena_printf(arena, "%s " STRICT " -O1 -I. -Iinclude %s -o selftest",
                                           compilers[c], sources)),
                0);
            assert_int_equal(run(dir, "./selftest | grep '^PASS: 0 differences'"), 0);
            assert_int_equal(
                run(dir,
                    wick_arena_printf(arena, "%s " STRICT " -I. -Iinclude -c port/port_template.c",
                                      compilers[c])),
                0);
        }
        wick_plan_free(plan);
        tiny_free(net);
    }
}

/* Sparse weights of one layer, more of them than 16 bits count, after emission. */
static void builds_with_many_sparse_weights(void **state) {
    (void)state;
    tiny t = tiny_begin(6, 20, 1);
    t.segment = 1;
    tiny_logits(&t, tiny_fc(&t, tiny_fc(&t, 0, 400), 10));
    wick_qnet *net = tiny_end(&t);
    int8_t *weights = (int8_t *)(uintptr_t)net->layers[0].weights;
    for (int i = 0; i < 400 * 400; i++)
        if ((i + 7 * (i / 400)) % 20 < 11) /* each channel at taps of its own */
            weights[i] = 0;
    wick_device *device;
    wick_plan *plan;
    wick_plan_options options = wick_plan_defaults();
    wick_emit_options emit_options = wick_emit_defaults();
    options.optimise = WICK_OPTIMISE_SIZE;
    options.max_span_outputs = 20; /* spans that begin behind so many weights, too */
    assert_int_equal(wick_device_load(arena, "m4-fram", &device, NULL), WICK_OK);
    assert_int_equal(wick_plan_make(net, device, &options, NULL, &plan, NULL), WICK_OK);
    assert_int_equal(plan->layers[0].kernel, WICK_KERNEL_FC_S8_SPARSE);
    assert_true(plan->layers[0].packed[0] > UINT16_MAX); /* entries */
    const char *dir = wick_arena_printf(arena, "%s/many", folder);
    assert_int_equal(wick_emit_write(plan, NULL, &emit_options, dir, NULL), WICK_OK);
    assert_int_equal(run(dir,
                         "cc " STRICT " -O1 -I. -Iinclude *.c wick/*.c host/*.c -o selftest && "
                         "./selftest | grep '^PASS: 0 differences'"),
                     0);
    wick_plan_free(plan);
    tiny_free(net);
}

/* The self-test can fail: one weight changed. */
static void the_self_test_notices_a_changed_weight(void **state) {
    (void)state;
    wick_plan *plan;
    wick_qnet *net;
    const char *dir = emit_case(0, &plan, &net);
    const wick_layer *last = &net->layers[net->n_layers - 1];
    char *edit = wick_arena_printf(arena,
                                   "sed -i '/model_bias_%d\\[/{n;s/^-*[0-9]*,/99999,/}' "
                                   "model_weights.c && grep -q 99999 model_weights.c",
                                   (int)(last - net->layers));
    assert_int_equal(run(dir, edit), 0);
    assert_int_equal(run(dir, "cc -std=c99 -O1 -I. -Iinclude *.c wick/*.c host/*.c -o selftest"),
                     0);
    assert_int_equal(run(dir, "! ./selftest && ! ./selftest | grep '^PASS'"), 0);
    wick_plan_free(plan);
    tiny_free(net);
}

/* Nor does it only compute: an error in the commit protocol, found by its power cuts. */
static void the_self_test_notices_a_protocol_error(void **state) {
    (void)state;
    wick_plan *plan;
    wick_qnet *net;
    const char *dir = emit_case(0, &plan, &net);
    const char *build = "cc -std=c99 -O1 -I. -Iinclude *.c wick/*.c host/*.c -o selftest";
    assert_int_equal(run(dir, "sed -i 's/other = (uint8_t)(\\*copy ^ 1u)/other = *copy/' "
                              "wick/nvm_record.c && grep -q 'other = .copy;' wick/nvm_record.c"),
                     0);
    assert_int_equal(run(dir, build), 0);
    assert_int_equal(run(dir, "! ./selftest all && ./selftest | grep '^FAIL .*power cut'"), 0);
    wick_plan_free(plan);
    tiny_free(net);
}

static void builds_with_cmake(void **state) {
    (void)state;
    if (!have("cmake"))
        skip();
    wick_plan *plan;
    wick_qnet *net;
    const char *dir = emit_case(1, &plan, &net);
    assert_int_equal(run(dir, "cmake -B build -DCMAKE_C_FLAGS='-Wall -Wextra -Wpedantic "
                              "-Wconversion -Wshadow -Werror' && cmake --build build && cd build "
                              "&& ctest"),
                     0);
    wick_plan_free(plan);
    tiny_free(net);
}

/* The firmware for the real core; its code must not be larger than what the plan promised, nor its
   constants, names of classes and modules aside. */
static void builds_for_cortex_m4_within_the_promised_size(void **state) {
    (void)state;
    if (!have("arm-none-eabi-gcc") || !have("arm-none-eabi-size"))
        skip();
    wick_plan *plan;
    wick_qnet *net;
    const char *dir = emit_case(0, &plan, &net);
    assert_int_equal(run(dir, "for f in *.c wick/*.c port/*.c; do arm-none-eabi-gcc " STRICT
                              " -mcpu=cortex-m4 -mthumb -O2 -ffreestanding -I. -Iinclude -c $f -o "
                              "$(basename $f .c).o || exit 1; done"),
                     0);
    char *size = wick_arena_printf(
        arena,
        /* What updates model images or keeps checksums is linked only where it is called. */
        "code=$(for f in $(ls wick/*.c | grep -v 'nvm_image\\|nvm_guard'); do echo $(basename $f .c).o; done | xargs arm-none-eabi-size "
        "model_dispatch.o | awk 'NR>1{n+=$1}END{print n}'); echo $code of %lld; "
        "constants=$(arm-none-eabi-size model_data.o model_weights.o | awk "
        "'NR>1{n+=$1}END{print n}'); echo $constants of %lld; "
        "[ $code -le %lld ] && [ $constants -le $((%lld + 1024)) ]",
        (long long)plan->totals.code_bytes, (long long)plan->totals.constants_bytes,
        (long long)plan->totals.code_bytes, (long long)plan->totals.constants_bytes);
    assert_int_equal(run(dir, size), 0);
    wick_bytes log;
    assert_int_equal(
        wick_file_read(arena, wick_path_join(arena, dir, "log.txt"), 1 << 16, &log, NULL), WICK_OK);
    printf("%s", (const char *)log.data);
    wick_plan_free(plan);
    tiny_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_and_passes_its_self_test),
        cmocka_unit_test(builds_with_many_sparse_weights),
        cmocka_unit_test(the_self_test_notices_a_changed_weight),
        cmocka_unit_test(the_self_test_notices_a_protocol_error),
        cmocka_unit_test(builds_with_cmake),
        cmocka_unit_test(builds_for_cortex_m4_within_the_promised_size),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
