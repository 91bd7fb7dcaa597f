/* A shrinking that ends after any of its steps and goes on in another process: the same bytes. */
#include "helper_goal.h"
#include "onnx/onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static wick_arena *arena;
static wick_device *device;
static char folder[] = "/tmp/wick-goal-XXXXXX";

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return wick_device_load(arena, "m4-fram", &device, NULL) == WICK_OK && mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_path_remove(folder);
    wick_arena_free(arena);
    return 0;
}

/* The process ends, as by a kill, once so many steps are done. */
static void end_here(void *ctx, const wick_goal_step *step) {
    (void)step;
    if (--*(int *)ctx == 0)
        _exit(77);
}

/* In a process of its own: exit status 77 when it was ended, else the model lies at `path`. */
static int run_apart(const char *path, int ends_after, double flash) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        wick_graph *graph = helper_network(10);
        wick_data *data = helper_images();
        wick_goal_options options = helper_brief();
        wick_goal_result result;
        wick_diag diag = {0};
        options.folder = wick_arena_printf(arena, "%s/work", folder);
        options.budgets.limit[WICK_BUDGET_FLASH] = flash;
        options.on_step = end_here;
        options.ctx = &ends_after;
        wick_status status = wick_goal_shrink(graph, data, device, &options, arena, &result, &diag);
        wick_diag_print(&diag, stdout);
        if (status == WICK_OK)
            status = wick_onnx_write(result.model, path, NULL);
        if (status == WICK_OK)
            wick_goal_forget(&options);
        fflush(stdout);
        _exit(status == WICK_MISMATCH ? 78 : status != WICK_OK);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void the_same_bytes_after_every_end(void **state) {
    (void)state;
    const double flash = 17500;
    const char *whole = wick_arena_printf(arena, "%s/whole.onnx", folder);
    const char *cut = wick_arena_printf(arena, "%s/cut.onnx", folder);
    const char *work = wick_arena_printf(arena, "%s/work", folder);
    assert_int_equal(run_apart(whole, 0, flash), 0);
    assert_false(wick_path_is_dir(work));
    int ended = 0;
    while (run_apart(cut, ++ended, flash) == 77) /* one step further each time */
        assert_true(wick_path_is_dir(work));
    assert_true(ended >= 5); /* float, 8 bits, two trials, and the long training */
    assert_false(wick_path_is_dir(work));
    wick_bytes a, b;
    assert_int_equal(wick_file_read(arena, whole, 1 << 24, &a, NULL), WICK_OK);
    assert_int_equal(wick_file_read(arena, cut, 1 << 24, &b, NULL), WICK_OK);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    /* Another command's work is left alone. */
    assert_int_equal(run_apart(cut, 2, flash), 77);
    assert_int_equal(run_apart(cut, 0, flash - 100), 78);
    assert_int_equal(run_apart(cut, 0, flash), 0);
    /* So is a folder of others. */
    assert_int_equal(wick_dir_make(work, NULL), WICK_OK);
    assert_int_equal(wick_file_write(wick_path_join(arena, work, "mine.onnx"), "x", 1, NULL), 0);
    assert_int_equal(run_apart(cut, 0, flash), 1);
    assert_true(wick_path_is_file(wick_path_join(arena, work, "mine.onnx")));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_bytes_after_every_end)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
