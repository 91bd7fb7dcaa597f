#include "emit/emit.h"
#include "weights/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../plan/tiny_qnet.h"

static char folder[] = "/tmp/wick-test-emit-XXXXXX";
static wick_arena *arena;
static wick_qnet *net;
static wick_plan *plan;

static int set_up(void **state) {
    (void)state;
    wick_device *device;
    wick_plan_options options = wick_plan_defaults();
    arena = wick_arena_new();
    net = tiny_family(21, 12, 8);
    return mkdtemp(folder) && wick_device_load(arena, "m4-fram", &device, NULL) == WICK_OK &&
                   wick_plan_make(net, device, &options, "models/m-int8.onnx", &plan, NULL) ==
                       WICK_OK
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_plan_free(plan);
    tiny_free(net);
    wick_arena_free(arena);
    return wick_path_remove(folder) ? 0 : -1;
}

static const char *emit_to(const char *name, const char *command) {
    wick_diag diag = {0};
    wick_emit_options options = wick_emit_defaults();
    options.command = command;
    options.vectors = 2;
    char *dir = wick_path_join(arena, folder, name);
    wick_status status = wick_emit_write(plan, NULL, &options, dir, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    wick_diag_free(&diag);
    return dir;
}

static wick_bytes read(const char *dir, const char *name) {
    wick_bytes bytes;
    assert_int_equal(wick_file_read(arena, wick_path_join(arena, dir, name), 1 << 24, &bytes, NULL),
                     WICK_OK);
    return bytes;
}

/* The manifest lists every file with its hash: two equal manifests are two equal folders. */
static void the_manifest_is_true_and_complete(void **state) {
    (void)state;
    const char *dir = emit_to("manifest", "wick emit plan.json");
    json_t *root;
    assert_int_equal(wick_json_load(wick_path_join(arena, dir, "manifest.json"), &root, NULL),
                     WICK_OK);
    json_t *files = json_object_get(root, "files"), *file;
    size_t i, on_disk = 0;
    json_array_foreach(files, i, file) {
        wick_bytes bytes = read(dir, json_string_value(json_object_get(file, "name")));
        assert_int_equal(bytes.len, json_integer_value(json_object_get(file, "bytes")));
        assert_string_equal(wick_hash_bytes(bytes.data, bytes.len).hex,
                            json_string_value(json_object_get(file, "sha256")));
    }
    static const char *const folders[] = {"", "include/wick", "wick", "host", "port", "image"};
    for (size_t f = 0; f < WICK_LEN(folders); f++) {
        char **names;
        size_t count;
        const char *path = wick_path_join(arena, dir, folders[f]);
        assert_int_equal(wick_dir_list(arena, path, &names, &count, NULL), WICK_OK);
        for (size_t n = 0; n < count; n++)
            on_disk += wick_path_is_file(wick_path_join(arena, path, names[n]));
    }
    assert_int_equal(on_disk, json_array_size(files) + 1);
    char id[20];
    snprintf(id, sizeof id, "%08x%08x", plan->model.id[0], plan->model.id[1]);
    assert_string_equal(json_string_value(json_object_get(root, "id")), id);
    json_decref(root);
}

static void the_same_plan_gives_the_same_bytes(void **state) {
    (void)state;
    wick_bytes a = read(emit_to("first", "wick emit plan.json"), "manifest.json");
    wick_bytes b = read(emit_to("second", "wick emit plan.json"), "manifest.json");
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    /* Again into the same folder. */
    wick_bytes c = read(emit_to("first", "wick emit plan.json"), "manifest.json");
    assert_memory_equal(a.data, c.data, a.len);
    /* No trace of where it was made. */
    char **names;
    size_t count;
    const char *dir = wick_path_join(arena, folder, "first");
    assert_int_equal(wick_dir_list(arena, dir, &names, &count, NULL), WICK_OK);
    for (size_t i = 0; i < count; i++)
        if (wick_path_is_file(wick_path_join(arena, dir, names[i])))
            assert_null(strstr((const char *)read(dir, names[i]).data, folder));
}

static void every_generated_file_is_stamped(void **state) {
    (void)state;
    static const char *const made[] = {
        "model.h",         "model_data.c",         "model_dispatch.c",     "model_weights.h",
        "model_weights.c", "host/model_vectors.h", "host/model_vectors.c", "CMakeLists.txt",
        "README.md"};
    static const char *const ends[] = {"a*/b", "a/*b", "?\?/", "-->",
                                       "\r"}; /* of comments, lines */
    const char *dir = emit_to("stamps", "wick emit 'a*/b/*b-->?\?/\n\rb.json\\'");
    for (size_t i = 0; i < WICK_LEN(made); i++) {
        const char *text = (const char *)read(dir, made[i]).data;
        assert_non_null(strstr(text, "SPDX-License-Identifier: 0BSD"));
        assert_non_null(strstr(text, wick_version()));
        assert_non_null(strstr(text, net->hash.hex));
        assert_non_null(strstr(text, plan->hash.hex));
        assert_non_null(strstr(text, "wick emit"));
        for (size_t k = 0; k < WICK_LEN(ends); k++)
            assert_true(!strstr(text, ends[k]) || (k == 3 && i == 8)); /* a README's own end */
        assert_non_null(strstr(text, "'a* /b/ *b-- >? ?/  b.json\\'\n"));
    }
    assert_non_null(strstr((const char *)read(dir, "LICENSE").data, "Zero-Clause BSD"));
}

static void lines_are_readable(void **state) {
    (void)state;
    const char *dir = emit_to("lines", "");
    static const char *const made[] = {"model_weights.c", "model_data.c", "host/model_vectors.c"};
    for (size_t i = 0; i < WICK_LEN(made); i++) {
        const char *text = (const char *)read(dir, made[i]).data;
        for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
            assert_true(end - line <= 110);
    }
}

static void kernels_that_are_not_used_are_left_out(void **state) {
    (void)state;
    tiny t = tiny_begin(3, 6, 1);
    t.segment = 1;
    tiny_logits(&t, tiny_fc(&t, tiny_maxpool(&t, 0), 4));
    wick_qnet *small = tiny_end(&t);
    wick_plan_options options = wick_plan_defaults();
    wick_plan *small_plan;
    assert_int_equal(wick_plan_make(small, plan->device, &options, NULL, &small_plan, NULL),
                     WICK_OK);
    wick_emit_options emit_options = wick_emit_defaults();
    const char *dir = wick_path_join(arena, folder, "small");
    assert_int_equal(wick_emit_write(small_plan, NULL, &emit_options, dir, NULL), WICK_OK);
    for (int l = 0; l < small->n_layers; l++) {
        const wick_layer *layer = &small_plan->layers[l];
        assert_true(wick_path_is_file(wick_path_join(
            arena, dir,
            wick_arena_printf(arena, "wick/%s.c", wick_kernel_name(layer->kind, layer->kernel)))));
    }
    assert_true(wick_path_is_file(wick_path_join(arena, dir, "wick/rows.c")));
    assert_false(wick_path_is_file(wick_path_join(arena, dir, "wick/conv2d_s8.c")));
    assert_false(wick_path_is_file(wick_path_join(arena, dir, "wick/dispatch.c")));
    const char *text = (const char *)read(dir, "model_dispatch.c").data;
    assert_null(strstr(text, "wick_conv2d_s8"));
    assert_non_null(strstr(text, "wick_maxpool_s8"));
    wick_plan_free(small_plan);
    tiny_free(small);
}

/* G1 to G9 stand in the folder's README, and each test that it names is one of the suite's. */
static void the_guarantees_name_their_tests(void **state) {
    (void)state;
    wick_bytes readme = read(emit_to("table", "wick emit plan.json"), "README.md");
    static const char *const folders[] = {"proof", "runtime", "emit", "plan", "house", "sim"};
    static const char *const endings[] = {"c", "sh"};
    int named = 0;
    for (int g = 1; g <= 9; g++)
        assert_non_null(
            strstr((const char *)readme.data, wick_arena_printf(arena, "\n| G%d | ", g)));
    for (char *at = strstr((char *)readme.data, "\n| G1 | "); at && (at = strchr(at, '`'));) {
        char *end = strchr(++at, '`');
        assert_non_null(end);
        char *name = wick_arena_printf(arena, "%.*s", (int)(end - at), at);
        at = end + 1;
        if (strncmp(name, "test_", 5) && strncmp(name, "slow_", 5) && strncmp(name, "long_", 5))
            continue;
        bool found = false;
        for (size_t f = 0; f < WICK_LEN(folders); f++)
            for (size_t e = 0; e < WICK_LEN(endings); e++)
                found |= wick_path_is_file(wick_arena_printf(
                    arena, "%s/tests/%s/%s.%s", wick_share_dir(), folders[f], name, endings[e]));
        if (!found)
            fail_msg("there is no test %s", name);
        named++;
    }
    assert_true(named >= 20);
}

static void a_folder_of_somebody_else_stays(void **state) {
    (void)state;
    wick_diag diag = {0};
    wick_emit_options options = wick_emit_defaults();
    char *dir = wick_path_join(arena, folder, "theirs");
    char *file = wick_path_join(arena, dir, "thesis.tex");
    assert_int_equal(wick_dir_make(dir, NULL), WICK_OK);
    assert_int_equal(wick_file_write(file, "x", 1, NULL), WICK_OK);
    assert_int_equal(wick_emit_write(plan, NULL, &options, dir, &diag), WICK_OUTPUT);
    assert_true(wick_path_is_file(file));
    assert_int_equal(wick_emit_write(plan, NULL, &options, "/nonexistent/fw", &diag), WICK_OUTPUT);
    assert_true(wick_diag_contains(&diag, "/nonexistent/fw"));
    wick_diag_free(&diag);
}

static void images_of_another_size_are_refused(void **state) {
    (void)state;
    wick_diag diag = {0};
    wick_emit_options options = wick_emit_defaults();
    wick_data data = {.spec = "cats", .height = 9, .width = 12, .channels = 3};
    char *dir = wick_path_join(arena, folder, "cats");
    assert_int_equal(wick_emit_write(plan, &data, &options, dir, &diag), WICK_SHAPE);
    assert_true(wick_diag_contains(&diag, "9x12x3"));
    assert_false(wick_path_is_dir(dir));
    wick_diag_free(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_manifest_is_true_and_complete),
        cmocka_unit_test(the_same_plan_gives_the_same_bytes),
        cmocka_unit_test(every_generated_file_is_stamped),
        cmocka_unit_test(lines_are_readable),
        cmocka_unit_test(kernels_that_are_not_used_are_left_out),
        cmocka_unit_test(the_guarantees_name_their_tests),
        cmocka_unit_test(a_folder_of_somebody_else_stays),
        cmocka_unit_test(images_of_another_size_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
