/* Running external programs: output, input, exit statuses, time-outs, missing programs. */
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void output_and_status_come_back(void **state) {
    (void)state;
    static const char *const argv[] = {"sh", "-c", "cat; echo oops >&2; exit 7", NULL};
    wick_process p = {.argv = argv, .input = "hello"};
    assert_int_equal(wick_process_run(&p, 1, 1, NULL, NULL, NULL), WICK_OK);
    assert_int_equal(p.exit_status, 7);
    assert_string_equal(p.output.data, "hello");
    assert_string_equal(p.errors.data, "oops\n");
    wick_process_free(&p);
}

static void large_output_does_not_block(void **state) {
    (void)state;
    static const char *const argv[] = {
        "sh", "-c", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2", NULL};
    wick_process p = {.argv = argv};
    assert_int_equal(wick_process_run(&p, 1, 1, NULL, NULL, NULL), WICK_OK);
    assert_int_equal(p.output.len, 3000000);
    assert_int_equal(p.errors.len, 3000000);
    wick_process_free(&p);
}

static void count_done(void *ctx, int finished) {
    *(int *)ctx = finished;
}

static void many_run_some_at_once(void **state) {
    (void)state;
    enum { N = 20 };
    static const char *const argv[] = {"sh", "-c", "echo x; kill -9 $$", NULL};
    wick_process p[N];
    memset(p, 0, sizeof p);
    for (int i = 0; i < N; i++)
        p[i].argv = argv;
    int done = 0;
    assert_int_equal(wick_process_run(p, N, 3, count_done, &done, NULL), WICK_OK);
    assert_int_equal(done, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(p[i].exit_status, 128 + 9);
        assert_string_equal(p[i].output.data, "x\n");
        wick_process_free(&p[i]);
    }
}

static void a_time_out_ends_the_program(void **state) {
    (void)state;
    static const char *const argv[] = {"sleep", "1000", NULL};
    wick_process p = {.argv = argv, .timeout_s = 0.2};
    assert_int_equal(wick_process_run(&p, 1, 1, NULL, NULL, NULL), WICK_OK);
    assert_int_equal(p.exit_status, -1);
    wick_process_free(&p);
}

static void a_missing_program_is_named(void **state) {
    (void)state;
    static const char *const argv[] = {"no-such-program-at-all", NULL};
    wick_process p = {.argv = argv};
    wick_diag diag = {0};
    assert_int_equal(wick_process_run(&p, 1, 1, NULL, NULL, &diag), WICK_NOT_FOUND);
    assert_true(wick_diag_contains(&diag, "no-such-program-at-all"));
    assert_false(wick_process_exists("no-such-program-at-all"));
    assert_true(wick_process_exists("sh"));
    wick_diag_free(&diag);
}

static void assert_ended(const char *format, const char *machine, const char *boot, long pid,
                         unsigned long long start, bool ended) {
    wick_arena *arena = wick_arena_new();
    char names[80] = "";
    assert_int_equal(sscanf(wick_process_self(arena), "%*s %*s %79s", names), 1);
    assert_int_equal(
        wick_process_ended(wick_arena_printf(arena, format, machine, boot, names, pid, start)),
        ended);
    wick_arena_free(arena);
}

static void who_has_ended_is_known(void **state) {
    (void)state;
    char machine[80], boot[80];
    long pid;
    unsigned long long start;
    wick_arena *arena = wick_arena_new();
    const char *self = wick_process_self(arena), *line = "%s %s %s %ld %llu";
    assert_int_equal(sscanf(self, "%79s %79s %*s %ld %llu", machine, boot, &pid, &start), 4);
    assert_false(wick_process_ended(self));
    if (start == 0 || !strcmp(boot, "-"))
        skip(); /* a system without Linux' /proc tells nothing, then nobody has ended */
    assert_ended(line, machine, boot, pid, start + 1, true); /* its number was given again */
    assert_ended(line, machine, boot, 0x7ffffff0, start, true);
    assert_ended(line, "other", "other", pid, start + 1, false);
    assert_ended(line, machine, "other", pid, start, strcmp(machine, "-") != 0);
    assert_ended(line, machine, "-", pid, start + 1, false);
    assert_false(wick_process_ended(""));
    assert_false(wick_process_ended("a b c d e"));
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_and_status_come_back),
        cmocka_unit_test(large_output_does_not_block),
        cmocka_unit_test(many_run_some_at_once),
        cmocka_unit_test(a_time_out_ends_the_program),
        cmocka_unit_test(a_missing_program_is_named),
        cmocka_unit_test(who_has_ended_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
