/* Every number of every shipped profile has a source, or is marked as an estimate: `value` stands
   beside `source`, and bare numbers only where the object above them names the one source of all of
   them (kernel tables). */
#include "device/device.h"

#include <dirent.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct tally {
    int numbers, estimates, files;
    char first[200]; /* number without a source */
} tally;

static bool names_a_source(const json_t *object) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        const char *end = strstr(key, "source");
        if (end && strlen(end) == strlen("source") && json_string_length(value) > 5)
            return true;
    }
    return false;
}

static void number(const char *file, const char *place, bool has_source, tally *t) {
    t->numbers++;
    if (!has_source && !t->first[0])
        snprintf(t->first, sizeof t->first, "%s: %s", file, place);
}

static void walk(const char *file, const char *place, const json_t *at, bool covered, tally *t) {
    if (json_is_number(at)) {
        number(file, place, covered, t);
    } else if (json_is_array(at)) {
        for (size_t i = 0; i < json_array_size(at); i++)
            walk(file, place, json_array_get(at, i), covered, t);
    } else if (json_is_object(at) && json_object_get(at, "value")) {
        const char *source = json_string_value(json_object_get(at, "source"));
        number(file, place, source && strlen(source) > 5, t);
        t->estimates += source && !strncmp(source, "estimate", strlen("estimate"));
    } else if (json_is_object(at)) {
        const char *key;
        json_t *value;
        bool below = covered || names_a_source(at);
        json_object_foreach((json_t *)(uintptr_t)at, key, value) walk(file, key, value, below, t);
    }
}

static void walk_folder(const char *folder, tally *t) {
    char path[600];
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".json") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        json_t *root = json_load_file(path, 0, NULL);
        assert_non_null(root);
        walk(entry->d_name, "", root, false, t);
        json_decref(root);
        t->files++;
    }
    closedir(dir);
}

static void every_number_has_one(void **state) {
    (void)state;
    tally t = {0};
    char folder[500];
    snprintf(folder, sizeof folder, "%s/profiles", wick_share_dir());
    walk_folder(folder, &t);
    snprintf(folder, sizeof folder, "%s/profiles/kernels", wick_share_dir());
    walk_folder(folder, &t);
    print_message("%d numbers in %d files, %d of them estimates\n", t.numbers, t.files,
                  t.estimates);
    if (t.first[0])
        fail_msg("%s has no source", t.first);
    assert_true(t.files >= 20 && t.numbers > 800 && t.estimates > 100);
}

static void a_number_without_one_is_found(void **state) {
    (void)state;
    static const char *const texts[] = {
        "{\"uf\": {\"value\": 3}}", "{\"uf\": {\"value\": 3, \"source\": \"\"}}",
        "{\"nvm\": {\"bytes\": 4}}", "{\"points\": [1, 2], \"source\": \"\"}"};
    for (size_t i = 0; i < WICK_LEN(texts); i++) {
        tally t = {0};
        json_t *root = json_loads(texts[i], 0, NULL);
        assert_non_null(root);
        walk("planted", "", root, false, &t);
        json_decref(root);
        assert_true(t.first[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_number_has_one),
                                       cmocka_unit_test(a_number_without_one_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
