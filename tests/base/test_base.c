#include "base/base.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-test-base-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

static void statuses_have_names_texts_and_exits(void **state) {
    (void)state;
    for (int s = 0; s < WICK_STATUS_COUNT; s++) {
        assert_true(strlen(wick_status_name((wick_status)s)) > 0);
        assert_true(strlen(wick_status_text((wick_status)s)) > 0);
        assert_in_range(wick_status_exit((wick_status)s), 0, 4);
    }
    assert_int_equal(wick_status_exit(WICK_NO_FIT), 1);
    assert_int_equal(wick_status_exit(WICK_OUTPUT), 3);
}

static void arena_memory_is_zero_aligned_and_separate(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    unsigned char *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        size_t bytes = i * 997;
        blocks[i] = wick_arena_alloc(arena, bytes);
        assert_int_equal((uintptr_t)blocks[i] % 64, 0);
        for (size_t b = 0; b < bytes; b++)
            assert_int_equal(blocks[i][b], 0);
        memset(blocks[i], (int)i, bytes);
    }
    for (size_t i = 1; i < 200; i++)
        for (size_t b = 0; b < i * 997; b += 101)
            assert_int_equal(blocks[i][b], (unsigned char)i);
    wick_arena_free(arena);
}

static void files_are_replaced_whole_or_not_at_all(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    char *path = wick_path_join(arena, folder, "a.bin");
    assert_int_equal(wick_file_write(path, "first", 5, &diag), WICK_OK);
    assert_int_equal(wick_file_write(path, "second", 6, &diag), WICK_OK);
    wick_bytes bytes;
    assert_int_equal(wick_file_read(arena, path, 100, &bytes, &diag), WICK_OK);
    assert_int_equal(bytes.len, 6);
    assert_memory_equal(bytes.data, "second", 7);
    assert_int_equal(wick_file_read(arena, path, 5, &bytes, &diag), WICK_RANGE);
    assert_int_equal(wick_file_write(folder, "x", 1, &diag), WICK_OUTPUT);
    assert_int_equal(wick_file_write("/nonexistent/x", "x", 1, &diag), WICK_OUTPUT);
    assert_true(wick_diag_contains(&diag, "/nonexistent/x"));
    char **names;
    size_t count;
    assert_int_equal(wick_dir_list(arena, folder, &names, &count, &diag), WICK_OK);
    assert_int_equal(count, 1);
    wick_diag_free(&diag);
    wick_arena_free(arena);
}

static void a_full_disk_leaves_the_old_file(void **state) {
    (void)state;
    wick_diag diag = {0};
    /* /dev/full accepts no byte. */
    assert_int_equal(wick_file_write("/dev/full", "x", 1, &diag), WICK_IO);
    assert_true(wick_diag_contains(&diag, "cannot write"));
    wick_diag_free(&diag);
}

static bool holds(const char *path, const char *text) {
    wick_arena *arena = wick_arena_new();
    wick_bytes bytes = {0};
    bool same = wick_file_read(arena, path, 100, &bytes, NULL) == WICK_OK &&
                !strcmp((const char *)bytes.data, text);
    wick_arena_free(arena);
    return same;
}

/* Once both files lie beside their places, which makes `entries` in the folder, puts a folder in
   the place of one, and only then reads the pipe that the writer waits for. */
static bool take_the_place(const char *dir, const char *of, const char *pipe, size_t entries) {
    wick_arena *arena = wick_arena_new();
    char **names, byte;
    size_t count = 0;
    alarm(60); /* instead of waiting for a writer that has given up */
    while (count < entries && wick_dir_list(arena, dir, &names, &count, NULL) == WICK_OK)
        usleep(1000);
    bool taken = mkdir(of, 0700) == 0;
    int fd = open(pipe, O_RDONLY);
    bool done = taken && fd >= 0 && read(fd, &byte, 1) == 1;
    wick_arena_free(arena);
    return done;
}

/* Whichever fails, and when: the disk at the second file, or the place of the second file once the
   first one is in its own. */
static void files_that_belong_together_change_together(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    const char *dir = wick_path_join(arena, folder, "pair"), *a = wick_path_join(arena, dir, "a"),
               *b = wick_path_join(arena, dir, "b"), *pipe = wick_path_join(arena, dir, "pipe");
    char **names;
    size_t count;
    assert_int_equal(wick_dir_make(dir, &diag), WICK_OK);
    assert_int_equal(wick_files_write((const wick_file[]){{a, "1", 1}, {b, "1", 1}}, 2, &diag),
                     WICK_OK);
    assert_int_equal(wick_files_write((const wick_file[]){{a, "2", 1}, {b, "2", 1}}, 2, &diag),
                     WICK_OK);
    assert_true(holds(a, "2") && holds(b, "2"));
    assert_int_equal(
        wick_files_write((const wick_file[]){{a, "3", 1}, {"/dev/full", "3", 1}}, 2, &diag),
        WICK_IO);
    assert_int_equal(
        wick_files_write((const wick_file[]){{a, "3", 1}, {"/nonexistent/b", "3", 1}}, 2, &diag),
        WICK_OUTPUT);
    assert_true(holds(a, "2"));
    for (int older = 0; older < 2; older++) {
        assert_true(unlink(b) == 0 && mkfifo(pipe, 0600) == 0);
        if (!older)
            assert_int_equal(unlink(a), 0);
        pid_t child = fork();
        if (child == 0)
            _exit(take_the_place(dir, b, pipe, older ? 4 : 3) ? 0 : 1);
        const wick_file files[] = {{a, "3", 1}, {b, "3", 1}, {pipe, "3", 1}};
        assert_int_equal(wick_files_write(files, 3, &diag), WICK_OUTPUT);
        int end;
        assert_true(waitpid(child, &end, 0) == child && WIFEXITED(end) && WEXITSTATUS(end) == 0);
        assert_true(older ? holds(a, "2") : !wick_path_is_file(a));
        assert_int_equal(wick_dir_list(arena, dir, &names, &count, &diag), WICK_OK);
        assert_int_equal(count, older ? 3 : 2); /* nothing else is left */
        assert_true(rmdir(b) == 0 && unlink(pipe) == 0);
        assert_int_equal(wick_files_write((const wick_file[]){{a, "2", 1}, {b, "2", 1}}, 2, &diag),
                         WICK_OK);
    }
    wick_diag_free(&diag);
    wick_arena_free(arena);
}

static void folders_appear_whole(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    char *path = wick_path_join(arena, folder, "out"), *temporary;
    for (int round = 0; round < 2; round++) {
        assert_int_equal(wick_dir_begin(path, "marker", &temporary, &diag), WICK_OK);
        char *file = wick_path_join(arena, temporary, "marker");
        assert_int_equal(wick_file_write(file, "m", 1, &diag), WICK_OK);
        assert_int_equal(wick_dir_commit(path, temporary, &diag), WICK_OK);
        assert_true(wick_path_is_file(wick_path_join(arena, path, "marker")));
    }
    /* A folder that somebody else made stays. */
    char *other = wick_path_join(arena, folder, "other");
    assert_int_equal(wick_dir_make(wick_path_join(arena, other, "deep"), &diag), WICK_OK);
    assert_int_equal(wick_dir_begin(other, "marker", &temporary, &diag), WICK_OUTPUT);
    assert_true(wick_path_is_dir(other));
    wick_diag_free(&diag);
    wick_arena_free(arena);
}

static void random_numbers_are_known_and_resumable(void **state) {
    (void)state;
    /* xoshiro256** from the state {1, 2, 3, 4}: the first values of the authors' reference code. */
    wick_rng known = {{1, 2, 3, 4}};
    assert_int_equal(wick_rng_next(&known), 11520);
    assert_int_equal(wick_rng_next(&known), 0);
    assert_int_equal(wick_rng_next(&known), 1509978240);
    wick_rng a = wick_rng_seed(1, 0), b = wick_rng_seed(1, 1);
    assert_true(wick_rng_next(&a) != wick_rng_next(&b));
    wick_rng saved = a;
    assert_int_equal(wick_rng_next(&a), wick_rng_next(&saved));
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++)
        counts[wick_rng_below(&a, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9500, 10500);
    double sum = 0, square = 0;
    for (int i = 0; i < 100000; i++) {
        double x = (double)wick_rng_normal(&a);
        sum += x;
        square += x * x;
    }
    assert_true(sum / 1e5 < 0.02 && sum / 1e5 > -0.02);
    assert_true(square / 1e5 < 1.03 && square / 1e5 > 0.97);
}

static void sha256_of_abc(void **state) {
    (void)state;
    assert_string_equal(wick_hash_bytes("abc", 3).hex,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void numbers_for_people(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    assert_string_equal(wick_text_bytes(arena, 1023), "1023 B");
    assert_string_equal(wick_text_bytes(arena, 1536), "1.5 KB");
    assert_string_equal(wick_text_bytes(arena, 3 * 1024 * 1024), "3.00 MB");
    assert_string_equal(wick_text_power(arena, 0.035), "35.0 nW");
    assert_string_equal(wick_text_power(arena, 1200), "1.20 mW");
    assert_string_equal(wick_text_time(arena, 0.0123), "12.3 ms");
    assert_string_equal(wick_text_time(arena, 750), "12.5 min");
    assert_string_equal(wick_text_time(arena, 31557600 * 3.2), "3.2 years");
    assert_string_equal(wick_text_energy(arena, 0.5), "500.0 nJ");
    assert_string_equal(wick_text_energy(arena, 12.34), "12.3 µJ");
    assert_string_equal(wick_text_energy(arena, 13490), "13.49 mJ");
    assert_string_equal(wick_text_energy(arena, -2e6), "-2.00 J");
    assert_string_equal(wick_text_count(arena, 999), "999");
    assert_string_equal(wick_text_count(arena, -1234567), "-1,234,567");
    assert_string_equal(wick_text_count(arena, 14675968), "14,675,968");
    wick_arena_free(arena);
}

static void checking_an_output_leaves_nothing(void **state) {
    (void)state;
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    char *place = wick_path_join(arena, folder, "checked");
    assert_int_equal(wick_dir_make(place, &diag), WICK_OK);
    assert_int_equal(wick_file_check_output(wick_path_join(arena, place, "x"), &diag), WICK_OK);
    assert_int_equal(wick_file_check_output(place, &diag), WICK_OUTPUT);
    assert_int_equal(wick_file_check_output("/nonexistent/x", &diag), WICK_OUTPUT);
    char **names;
    size_t count;
    assert_int_equal(wick_dir_list(arena, place, &names, &count, &diag), WICK_OK);
    assert_int_equal(count, 0);
    wick_diag_free(&diag);
    wick_arena_free(arena);
}

static wick_status read_number(const char *text, const char *key, double *out, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    json_t *root = json_loads(text, 0, NULL);
    wick_status status =
        wick_json_number(wick_json_root(root, "x.json", arena, diag), key, 0, 10, out);
    json_decref(root);
    wick_arena_free(arena);
    return status;
}

static void json_complaints_name_the_place(void **state) {
    (void)state;
    wick_diag diag = {0};
    double x = 0;
    assert_int_equal(read_number("{\"a\": {\"value\": 3, \"source\": \"s\"}}", "a", &x, &diag),
                     WICK_OK);
    assert_true(x > 2.99 && x < 3.01);
    assert_int_equal(read_number("{\"a\": -1}", "a", &x, &diag), WICK_RANGE);
    assert_int_equal(read_number("{}", "field_b", &x, &diag), WICK_MISSING);
    assert_int_equal(read_number("{\"a\": \"1\"}", "a", &x, &diag), WICK_SYNTAX);
    assert_true(wick_diag_contains(&diag, "field_b"));
    assert_true(wick_diag_contains(&diag, "-1 is not within 0 to 10"));
    for (size_t i = 0; i < diag.count; i++)
        assert_true(diag.items[i].hint || diag.items[i].status == WICK_MISSING);
    char path[128];
    snprintf(path, sizeof path, "%s/bad.json", folder);
    assert_int_equal(wick_file_write(path, "{\n \"a\": ]\n}", 11, &diag), WICK_OK);
    json_t *root;
    assert_int_equal(wick_json_load(path, &root, &diag), WICK_SYNTAX);
    assert_true(wick_diag_contains(&diag, "line 2"));
    wick_diag_free(&diag);
}

static void quantities_need_their_unit(void **state) {
    (void)state;
    double value = -1;
    static const char *const bad[] = {"",      "5",     "mW",   "5 mw",   "5mWs",
                                      "-1mW",  "nanmW", "infW", "5  mW",  "1e308W",
                                      "5mW 2", "30s",   "0x",   "0x10mW", "+0XAuW"};
    for (size_t i = 0; i < WICK_LEN(bad); i++)
        assert_false(wick_parse_power_uw(bad[i], &value));
    assert_true(value == -1);
    assert_true(wick_parse_power_uw("0.5mW", &value) && value == 500);
    assert_true(wick_parse_power_uw("20 µW", &value) && value == 20);
    assert_true(wick_parse_power_uw("20uW", &value) && value == 20);
    assert_true(wick_parse_energy_uj("2mJ", &value) && value == 2000);
    assert_true(wick_parse_energy_uj("350 µJ", &value) && value == 350);
    assert_false(wick_parse_energy_uj("0mJ", &value) || wick_parse_energy_uj("2", &value) ||
                 wick_parse_energy_uj("2mW", &value));
    int64_t bytes;
    assert_true(wick_parse_bytes("64K", &bytes) && bytes == 65536);
    assert_true(wick_parse_bytes("1.5 MB", &bytes) && bytes == 1572864);
    assert_true(wick_parse_bytes("9782", &bytes) && bytes == 9782);
    assert_false(wick_parse_bytes("0", &bytes) || wick_parse_bytes("-1K", &bytes) ||
                 wick_parse_bytes("64 apples", &bytes) || wick_parse_bytes("1e300", &bytes) ||
                 wick_parse_bytes("nan", &bytes));
    assert_true(wick_parse_power_uw("2W", &value) && value == 2e6);
    double list[2];
    assert_true(wick_parse_numbers("12, -2e3", 2, list) && list[0] == 12 && list[1] == -2000);
    static const char *const no_pairs[] = {"", "1", "1,", "1,2,", "1,2,3", "1;2", "0x1,2", "1,0x2"};
    for (size_t i = 0; i < WICK_LEN(no_pairs); i++)
        assert_false(wick_parse_numbers(no_pairs[i], 2, list));
    assert_true(wick_parse_power_uw("0 nW", &value) && value == 0);
    assert_true(wick_parse_time_s("1.5 min", &value) && value == 90);
    assert_true(wick_parse_time_s("250ms", &value) && value == 0.25);
    assert_true(wick_parse_time_s("1d", &value) && value == 86400);
    assert_false(wick_parse_time_s("30", &value));
    assert_false(wick_parse_time_s("30mW", &value));
    assert_true(wick_parse_rate_hz("30/min", &value) && value == 0.5);
    assert_true(wick_parse_rate_hz("86400 /d", &value) && fabs(value - 1) < 1e-12);
    assert_false(wick_parse_rate_hz("0/s", &value));
    assert_false(wick_parse_rate_hz("30min", &value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_have_names_texts_and_exits),
        cmocka_unit_test(arena_memory_is_zero_aligned_and_separate),
        cmocka_unit_test(files_are_replaced_whole_or_not_at_all),
        cmocka_unit_test(a_full_disk_leaves_the_old_file),
        cmocka_unit_test(files_that_belong_together_change_together),
        cmocka_unit_test(folders_appear_whole),
        cmocka_unit_test(random_numbers_are_known_and_resumable),
        cmocka_unit_test(sha256_of_abc),
        cmocka_unit_test(numbers_for_people),
        cmocka_unit_test(checking_an_output_leaves_nothing),
        cmocka_unit_test(json_complaints_name_the_place),
        cmocka_unit_test(quantities_need_their_unit),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
