/* The training state: a run that is stopped and resumed ends in the same bits, and a state that
   belongs to something else or is damaged is refused. */
#include "helper_family.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-test-resume-XXXXXX";
static char state_path[64], runs_path[64];

static int make_folder(void **state) {
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(state_path, sizeof state_path, "%s/a.state", folder);
    snprintf(runs_path, sizeof runs_path, "%s/runs.db", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

/* The run without interruption, and the same cut after every `session` epochs. The two must agree
   in every bit of the weights and in what they report. Returns how many sessions the second took.
 */
static int compare_with_resumed(wick_strategy strategy, bool batch_norm, int session) {
    wick_data *data = tiny_data(1);
    wick_graph *whole = tiny_family(strategy != WICK_STRATEGY_BASELINE, batch_norm);
    wick_graph *first = wick_graph_clone(whole), *cut = NULL;
    wick_train_options options = tiny_options(strategy);
    options.epochs = 4;
    wick_train_result expected, result;
    assert_int_equal(wick_train_run(whole, data, &options, &expected, NULL), WICK_OK);
    options.checkpoint = state_path;
    options.session_epochs = session;
    wick_status status = WICK_INTERRUPTED;
    int sessions = 0;
    for (; status == WICK_INTERRUPTED && sessions < 20; sessions++) {
        wick_graph_free(cut);
        cut = wick_graph_clone(first); /* every session starts as the program does: from nothing */
        options.resume = sessions > 0;
        wick_diag diag = {0};
        status = wick_train_run(cut, data, &options, &result, &diag);
        assert_true(status == WICK_OK || wick_diag_contains(&diag, "--resume"));
        wick_diag_free(&diag);
    }
    assert_int_equal(status, WICK_OK);
    assert_true(same_weights(whole, cut));
    for (int k = 0; k < 3; k++) {
        assert_int_equal(result.best_epoch[k], expected.best_epoch[k]);
        assert_true(fabs(result.validation[k] - expected.validation[k]) < 1e-12);
    }
    assert_int_equal(unlink(state_path), 0);
    wick_graph_free(whole);
    wick_graph_free(first);
    wick_graph_free(cut);
    wick_data_free(data);
    return sessions;
}

static void every_strategy_resumes_bit_exactly(void **state) {
    (void)state;
    for (int s = 0; s < WICK_STRATEGY_COUNT; s++) {
        bool two_stages = s == WICK_STRATEGY_L2S || s == WICK_STRATEGY_S2L;
        assert_int_equal(compare_with_resumed((wick_strategy)s, s % 2 == 0, 1), two_stages ? 8 : 4);
    }
    assert_int_equal(compare_with_resumed(WICK_STRATEGY_UNIFIED_KD, true, 3), 2);
    assert_int_equal(compare_with_resumed(WICK_STRATEGY_L2S, true, 4), 2);
}

/* --- what is refused ---------------------------------------------------------------------------*/

static wick_status start(const wick_data *data, wick_train_options options, uint64_t weights,
                         const char *word) {
    wick_graph *graph = tiny_family(true, true);
    if (weights)
        ((float *)graph->tensors[wick_graph_find(graph, "TM1.fc1.weight")].data)[0] += 1e-7f;
    wick_train_result result;
    wick_diag diag = {0};
    wick_status status = wick_train_run(graph, data, &options, &result, &diag);
    if (word && !wick_diag_contains(&diag, word)) {
        wick_diag_print(&diag, stdout);
        fail_msg("no '%s'", word);
    }
    wick_diag_free(&diag);
    wick_graph_free(graph);
    return status;
}

static wick_train_options begun(const wick_data *data) {
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED_KD);
    options.checkpoint = state_path;
    options.session_epochs = 2;
    assert_int_equal(start(data, options, 0, NULL), WICK_INTERRUPTED);
    options.resume = true;
    return options;
}

static void states_of_other_runs_are_refused(void **state) {
    (void)state;
    wick_data *data = tiny_data(1), *other = tiny_data(2);
    wick_train_options options = begun(data), changed = options;
    changed.learning_rate *= 1.5;
    assert_int_equal(start(data, changed, 0, "other training options"), WICK_MISMATCH);
    changed = options;
    changed.threads = 2;
    assert_int_equal(start(data, changed, 0, "threads"), WICK_MISMATCH);
    assert_int_equal(start(other, options, 0, "other data"), WICK_MISMATCH);
    assert_int_equal(start(data, options, 1, "initial weights"), WICK_MISMATCH);
    assert_int_equal(start(data, options, 0, NULL), WICK_OK); /* the right one still goes on */
    unlink(state_path);
    wick_data_free(data);
    wick_data_free(other);
}

static void write_state(const uint8_t *bytes, size_t len) {
    assert_int_equal(wick_file_write(state_path, bytes, len, NULL), WICK_OK);
}

static void damaged_states_are_refused(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_data *data = tiny_data(1);
    wick_train_options options = begun(data);
    wick_bytes good;
    assert_int_equal(wick_file_read(arena, state_path, 1 << 24, &good, NULL), WICK_OK);
    const size_t lengths[] = {0, 1, 47, 48, good.len / 2, good.len - 1};
    for (size_t i = 0; i < WICK_LEN(lengths); i++) {
        write_state(good.data, lengths[i]);
        assert_int_equal(start(data, options, 0, lengths[i] < 48 ? "are there" : "cut off"),
                         WICK_TRUNCATED);
    }
    uint8_t *bytes = wick_arena_alloc(arena, good.len + 1);
    for (int i = 0; i < 24; i++) {
        size_t at = 16 + (good.len - 17) * (size_t)i / 23; /* to the last byte of the checksum */
        memcpy(bytes, good.data, good.len);
        bytes[at] ^= 0x10;
        write_state(bytes, good.len);
        assert_int_equal(start(data, options, 0, "damaged"), WICK_SYNTAX);
    }
    memcpy(bytes, good.data, good.len);
    write_state(bytes, good.len + 1);
    assert_int_equal(start(data, options, 0, "damaged"), WICK_SYNTAX);
    bytes[0] = 'w';
    write_state(bytes, good.len);
    assert_int_equal(start(data, options, 0, "not a training state"), WICK_SYNTAX);
    bytes[0] = 'W', bytes[7] = 77;
    write_state(bytes, good.len);
    assert_int_equal(start(data, options, 0, "version 77"), WICK_UNSUPPORTED);
    unlink(state_path);
    wick_data_free(data);
    wick_arena_free(arena);
}

/* A correct checksum over nonsense, as somebody could build it: bounds are checked all the same. */
static void forged_states_are_refused(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_data *data = tiny_data(1);
    wick_train_options options = begun(data);
    wick_bytes good;
    assert_int_equal(wick_file_read(arena, state_path, 1 << 24, &good, NULL), WICK_OK);
    uint8_t *bytes = wick_arena_alloc(arena, good.len);
    int refused = 0;
    for (int i = 0; i < 100; i++) {
        memcpy(bytes, good.data, good.len);
        /* Large values in the front, where counts and lengths stand, and in the last list. */
        size_t at = i < 70 ? 112 + 6 * (size_t)i : good.len - 40 - 16 * (size_t)(i - 70);
        memset(bytes + at, i % 2 ? 0xff : 0x7f, 6);
        wick_hash hash = wick_hash_bytes(bytes, good.len - 32);
        memcpy(bytes + good.len - 32, hash.bytes, 32);
        write_state(bytes, good.len);
        wick_status status = start(data, options, 0, NULL);
        refused += status != WICK_OK && status != WICK_INTERRUPTED;
    }
    assert_true(refused > 15); /* the others hit weights */
    unlink(state_path);
    wick_data_free(data);
    wick_arena_free(arena);
}

static void an_unwritable_state_stops_at_once(void **state) {
    (void)state;
    wick_data *data = tiny_data(1);
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED);
    options.checkpoint = "/nonexistent/a.state";
    assert_int_equal(start(data, options, 0, "/nonexistent/a.state"), WICK_OUTPUT);
    wick_data_free(data);
}

/* --- the database of a resumed run -------------------------------------------------------------*/

static void check_points(const wick_run_info *info, const wick_run_point *points, int n,
                         const wick_train_result *result) {
    assert_int_equal(n, 4);
    double best = -1;
    int best_epoch = 0;
    for (int i = 0; i < n; i++) {
        double mean = 0;
        assert_int_equal(points[i].stage, 1);
        assert_int_equal(points[i].epoch, i + 1);
        for (int k = 0; k < 3; k++) {
            assert_true(points[i].train_loss[k] > 0 && points[i].train_accuracy[k] > 0);
            assert_true(points[i].kd_loss[k] >= 0);
            mean += points[i].validation[k] / 3;
        }
        assert_true(isnan(points[i].train_loss[3]));
        assert_true((points[i].kd_loss[2] > 0) == (i > 0)); /* one epoch of warm-up */
        assert_true(points[i].seconds > 0);
        if (mean > best + 1e-12) {
            best = mean;
            best_epoch = i + 1;
        }
    }
    assert_true(fabs(points[0].learning_rate - 0.05) < 1e-12);
    assert_true(points[3].learning_rate < 1e-12);
    assert_true(best_epoch <= 2);
    for (int k = 0; k < 3; k++) {
        assert_int_equal(result->best_epoch[k], best_epoch); /* the first of equals */
        assert_true(fabs(info->modules[k].validation - points[best_epoch - 1].validation[k]) <
                    1e-12);
        assert_true(fabs(info->modules[k].validation - result->validation[k]) < 1e-12);
    }
}

static void a_resumed_run_is_one_run(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_data *data = tiny_data(1);
    wick_train_options options = tiny_options(WICK_STRATEGY_UNIFIED_KD);
    options.epochs = 4;
    options.lr_drop = 0.5;
    options.lr_decay = 1e-12; /* the second half changes nothing: its epochs are equals */
    options.checkpoint = state_path;
    options.runs_path = runs_path;
    options.run_name = "it's; \"quoted\"";
    options.session_epochs = 3;
    wick_train_result result;
    wick_run_info info;
    wick_run_point *points;
    int n;
    for (int session = 0; session < 2; session++) {
        wick_graph *graph = tiny_family(true, false);
        options.resume = session > 0;
        assert_int_equal(wick_train_run(graph, data, &options, &result, NULL),
                         session ? WICK_OK : WICK_INTERRUPTED);
        assert_int_equal(wick_runs_read(runs_path, 0, arena, &info, &points, &n, NULL), WICK_OK);
        assert_string_equal(info.status, session ? "done" : "interrupted");
        assert_int_equal(n, session ? 4 : 3);
        wick_graph_free(graph);
    }
    assert_int_equal(info.id, 1);
    assert_int_equal(result.run_id, 1);
    assert_string_equal(info.name, options.run_name);
    assert_string_equal(info.data_sha256, data->hash.hex);
    assert_int_equal(info.n_modules, 3);
    assert_string_equal(info.modules[1].name, "TM2");
    assert_true(info.modules[1].parameters > 0 && info.modules[1].macs > 0);
    check_points(&info, points, n, &result);
    unlink(state_path);
    wick_data_free(data);
    wick_arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strategy_resumes_bit_exactly),
        cmocka_unit_test(states_of_other_runs_are_refused),
        cmocka_unit_test(damaged_states_are_refused),
        cmocka_unit_test(forged_states_are_refused),
        cmocka_unit_test(an_unwritable_state_stops_at_once),
        cmocka_unit_test(a_resumed_run_is_one_run),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
