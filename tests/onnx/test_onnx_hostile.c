/* Files that are cut off, damaged or made to hurt: a clean error every time. */
#include "helper_onnx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static wick_status read_and_free(const wick_buf *bytes, wick_diag *diag) {
    wick_graph *graph;
    wick_status status = helper_read(bytes, &graph, diag);
    assert_int_equal(graph == NULL, status != WICK_OK);
    wick_graph_free(graph);
    return status;
}

static void expect(wick_buf *bytes, wick_status want, const char *text) {
    wick_diag diag = {0};
    assert_int_equal(read_and_free(bytes, &diag), want);
    assert_true(wick_diag_contains(&diag, text));
    wick_diag_free(&diag);
    wick_buf_free(bytes);
}

/* Every prefix of what wick writes is called cut off, with the byte. */
static void every_truncation_is_noticed(void **state) {
    (void)state;
    wick_graph *graph = helper_all_operators();
    wick_buf bytes = helper_bytes(graph);
    for (size_t len = 0; len < bytes.len; len++) {
        wick_buf cut = {.data = bytes.data, .len = len};
        wick_diag diag = {0};
        char place[32];
        snprintf(place, sizeof place, "byte %zu", len);
        assert_int_equal(read_and_free(&cut, &diag), WICK_TRUNCATED);
        assert_int_equal(diag.count, 1);
        assert_true(wick_diag_contains(&diag, place) || wick_diag_contains(&diag, "wick."));
        wick_diag_free(&diag);
    }
    assert_int_equal(read_and_free(&bytes, NULL), WICK_OK);
    wick_buf_free(&bytes);
    wick_graph_free(graph);
}

static void other_files_are_not_models(void **state) {
    (void)state;
    static const char *const files[] = {
        "hello world, this is a text\n", "{\"json\": true}",    "\x89PNG\r\n\x1a\n1234567890",
        "\x1f\x8b\x08 compressed",       "#!/bin/sh\nexit 0\n", "\xff\xff\xff\xff\xff\xff"};
    for (size_t i = 0; i < WICK_LEN(files); i++) {
        wick_buf bytes = {0};
        wick_buf_puts(&bytes, files[i]);
        expect(&bytes, WICK_SYNTAX, "byte 0");
    }
}

/* attribute.graph.node.attribute.graph ... */
static void deep_nesting_is_rejected(void **state) {
    (void)state;
    wick_buf inner = {0};
    for (int level = 0; level <= 10000; level++) {
        static const int fields[3] = {5, 1,
                                      6}; /* attribute of node, node of graph, g of attribute */
        wick_buf outer = {0};
        pb_message(&outer, fields[level % 3], &inner);
        inner = outer;
    }
    wick_buf bytes = {0};
    pb_int(&bytes, 1, 8);
    pb_message(&bytes, 7, &inner);
    expect(&bytes, WICK_SYNTAX, "nested too deeply");
}

static void lengths_are_checked(void **state) {
    (void)state;
    wick_buf bytes = {0}, inner = {0};
    pb_int(&bytes, 1, 8);
    pb_varint(&bytes, 7 << 3 | 2);
    pb_varint(&bytes, 0x7fffffff); /* a graph of 2 GiB - 1 */
    wick_buf_puts(&bytes, "abc");
    expect(&bytes, WICK_TRUNCATED, "begins at byte 2");
    pb_int(&bytes, 1, 8);
    pb_varint(&bytes, 7 << 3 | 2);
    pb_varint(&bytes, UINT64_MAX);
    expect(&bytes, WICK_SYNTAX, "2 GiB");
    pb_int(&bytes, 1, 8);
    pb_varint(&inner, 1 << 3 | 2);
    pb_varint(&inner, 0x7fffffff); /* a node longer than its graph */
    pb_message(&bytes, 7, &inner);
    expect(&bytes, WICK_SYNTAX, "beyond the message around it");
    pb_int(&bytes, 1, 8);
    pb_varint(&inner, 1 << 3 | 2);
    pb_varint(&inner, 3); /* the same, but within the file */
    pb_message(&bytes, 7, &inner);
    pb_text(&bytes, 2, "test");
    expect(&bytes, WICK_SYNTAX, "beyond the message around it");
    pb_varint(&bytes, 1 << 3);
    wick_buf_puts(&bytes, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    expect(&bytes, WICK_SYNTAX, "too long");
}

static void odd_encodings_are_rejected(void **state) {
    (void)state;
    wick_buf bytes = {0}, graph = {0};
    pb_int(&bytes, 1, 8);
    pb_int(&bytes, 1, 8);
    expect(&bytes, WICK_SYNTAX, "occurs twice");
    pb_int(&bytes, 2, 8); /* producer_name is a text */
    expect(&bytes, WICK_SYNTAX, "wrong kind");
    pb_text(&bytes, 2, "\xc3\x28");
    expect(&bytes, WICK_SYNTAX, "UTF-8");
    pb_bytes(&bytes, 2, "a\0b", 3);
    expect(&bytes, WICK_SYNTAX, "UTF-8");
    pb_int(&bytes, 1, 8);
    pb_varint(&bytes, 9 << 3 | 3); /* a group */
    expect(&bytes, WICK_SYNTAX, "unknown kind");
    pb_int(&bytes, 1, 8);
    pb_varint(&bytes, 0);
    expect(&bytes, WICK_SYNTAX, "legal number");
    wick_buf tensor = {0};
    pb_bytes(&tensor, 4, "abcde", 5); /* one and a quarter floats */
    pb_int(&bytes, 1, 8);
    pb_message(&graph, 5, &tensor);
    pb_message(&bytes, 7, &graph);
    expect(&bytes, WICK_SYNTAX, "within a number");
    pb_bytes(&tensor, 7, "\x01\x80", 2);
    pb_int(&bytes, 1, 8);
    pb_message(&graph, 5, &tensor);
    pb_message(&bytes, 7, &graph);
    expect(&bytes, WICK_SYNTAX, "does not end");
}

/* Fields of later versions of the format are skipped. */
static void unknown_fields_are_skipped(void **state) {
    (void)state;
    wick_graph *graph = helper_all_operators();
    wick_buf bytes = helper_bytes(graph);
    pb_text(&bytes, 99, "from the future");
    pb_int(&bytes, 100, 7);
    pb_float(&bytes, 101, 1);
    assert_int_equal(read_and_free(&bytes, NULL), WICK_OK);
    wick_buf_free(&bytes);
    wick_graph_free(graph);
}

/* Two bytes in the file, a hundred in memory: too many messages, then too much memory. */
static void memory_stays_bounded(void **state) {
    (void)state;
    wick_buf graph = {0}, bytes;
    for (int i = 0; i < 1 << 20; i++)
        wick_buf_append(&graph, "\x0a\x00", 2);
    bytes = onnx_model(&graph, 17);
    expect(&bytes, WICK_UNSUPPORTED, "messages");
    wick_buf attribute = {0}, node = {0};
    for (int i = 0; i < 1 << 21; i++)
        wick_buf_append(&attribute, "\x40\x01", 2); /* ints: 1, not packed */
    pb_message(&node, 5, &attribute);
    pb_message(&graph, 1, &node);
    bytes = onnx_model(&graph, 17);
    expect(&bytes, WICK_UNSUPPORTED, "memory");
}

static void counts_are_bounded(void **state) {
    (void)state;
    wick_buf graph = onnx_small_graph();
    for (int i = 0; i <= 1 << 14; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        onnx_node(&graph, name, "Relu", "x", name, NULL);
    }
    wick_buf bytes = onnx_model(&graph, 17);
    expect(&bytes, WICK_UNSUPPORTED, "16385 nodes");
}

/* Small files that ask for much: constants of any size, from nodes of a few bytes. */
static void made_up_constants_are_bounded(void **state) {
    (void)state;
    int64_t wide[2] = {1 << 9, 1 << 9}, huge[2] = {INT64_C(1) << 40, 1}, two[1] = {2};
    for (int kind = 0; kind < 2; kind++) {
        wick_buf graph = onnx_small_graph();
        wick_buf tensor = onnx_tensor("shape", 7, 1, two, kind ? huge : wide, sizeof wide);
        pb_message(&graph, 5, &tensor);
        for (int i = 0; i < 1000; i++) { /* a megabyte each */
            char name[16];
            snprintf(name, sizeof name, "c%d", i);
            onnx_node(&graph, name, "ConstantOfShape", "shape", name, NULL);
        }
        wick_buf all = {0};
        for (int i = 0; i < 1000; i++)
            wick_buf_printf(&all, "%sc%d", i ? "," : "", i);
        onnx_node(&graph, "sum", "Sum", all.data, "s", NULL);
        onnx_node(&graph, "flat", "Flatten", "x", "f", NULL);
        onnx_node(&graph, "last", "MatMul", "f,s", "y", NULL);
        wick_buf_free(&all);
        wick_buf bytes = onnx_model(&graph, 17);
        expect(&bytes, WICK_UNSUPPORTED,
               kind ? "more than" : "elements that the file does not hold");
    }
}

/* --- mutation --- */

static void mutate(wick_rng *rng, wick_buf *bytes) {
    uint32_t kind = wick_rng_below(rng, 5), len = (uint32_t)bytes->len;
    uint32_t at = wick_rng_below(rng, len), from = wick_rng_below(rng, len);
    uint32_t span = 1 + wick_rng_below(rng, 16);
    uint8_t *data = (uint8_t *)bytes->data;
    if (span > len - at)
        span = len - at;
    if (span > len - from)
        span = len - from;
    switch (kind) {
    case 0:
        data[at] ^= (uint8_t)(1u << wick_rng_below(rng, 8));
        break;
    case 1:
        data[at] = (uint8_t)wick_rng_next(rng);
        break;
    case 2: /* extremes: lengths, varints, NaN */
        memset(data + at, (int[]){0xff, 0x00, 0x7f, 0x80}[wick_rng_below(rng, 4)], span);
        break;
    case 3: /* splice */
        memmove(data + at, data + from, span);
        break;
    default: /* delete */
        memmove(data + at, data + at + span, len - at - span);
        bytes->len -= span;
        break;
    }
}

static int64_t work(const wick_graph *graph) {
    int64_t sum = 0;
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        wick_counts counts = wick_node_counts(graph, n);
        int64_t out = wick_shape_count(graph->tensors[node->output].shape);
        if (counts.macs > 1 << 22 || out > 1 << 18)
            return INT64_MAX;
        sum += counts.macs + out * node->attrs.kernel[0] * node->attrs.kernel[1];
    }
    return sum;
}

/* What is read after all is sound: it can be evaluated, written and read, to the same bytes. */
static void check_survivor(const wick_graph *graph) {
    size_t elements = (size_t)wick_shape_count(graph->tensors[graph->input].shape), count;
    if (elements < 1 << 18 && work(graph) < 1 << 22) {
        float *image = wick_xalloc(elements * sizeof *image);
        free(helper_logits(graph, image, &count));
        free(image);
    }
    wick_buf first = helper_bytes(graph);
    wick_graph *again;
    assert_int_equal(helper_read(&first, &again, NULL), WICK_OK);
    wick_buf second = helper_bytes(again);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    wick_buf_free(&first);
    wick_buf_free(&second);
    wick_graph_free(again);
}

static void fuzz(const wick_buf *original, uint64_t seed, int rounds) {
    wick_rng rng = wick_rng_seed(seed, 0);
    int survivors = 0, failures = 0;
    for (int round = 0; round < rounds; round++) {
        wick_buf bytes = {0};
        wick_buf_append(&bytes, original->data, original->len);
        for (uint32_t k = 1 + wick_rng_below(&rng, 3); k > 0 && bytes.len > 0; k--)
            mutate(&rng, &bytes);
        wick_diag diag = {0};
        wick_graph *graph;
        wick_status status = helper_read(&bytes, &graph, &diag);
        assert_int_equal(graph == NULL, status != WICK_OK);
        assert_int_equal(diag.count > 0, status != WICK_OK);
        assert_int_equal(wick_status_exit(status), status == WICK_OK ? 0 : 3);
        if (graph)
            check_survivor(graph);
        survivors += graph != NULL;
        failures += graph == NULL;
        wick_graph_free(graph);
        wick_diag_free(&diag);
        wick_buf_free(&bytes);
    }
    /* Both ways were taken often, or this tested nothing. */
    print_message("%d read, %d refused\n", survivors, failures);
    assert_true(survivors > rounds / 40 && failures > rounds / 40);
}

static void mutations_of_written_files(void **state) {
    (void)state;
    wick_graph *graphs[] = {helper_all_operators(), helper_other_operators()};
    for (size_t i = 0; i < WICK_LEN(graphs); i++) {
        wick_buf bytes = helper_bytes(graphs[i]);
        fuzz(&bytes, 1 + 10 * i, 3000);
        wick_buf_free(&bytes);
        wick_graph_free(graphs[i]);
    }
}

static void mutations_of_foreign_files(void **state) {
    (void)state;
    static const char *const files[] = {"/family.onnx", "/foreign_12.onnx", "/foreign_18.onnx",
                                        "/quantized.onnx", "/functions.onnx"};
    for (size_t i = 0; i < WICK_LEN(files); i++) {
        wick_arena *arena = wick_arena_new();
        wick_bytes file;
        char *path = wick_arena_printf(arena, "%s%s", WICK_TEST_DATA, files[i]);
        assert_int_equal(wick_file_read(arena, path, 1 << 20, &file, NULL), WICK_OK);
        wick_buf bytes = {.data = (char *)file.data, .len = file.len};
        fuzz(&bytes, 2 + i, 1500);
        wick_arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_truncation_is_noticed),
        cmocka_unit_test(other_files_are_not_models),
        cmocka_unit_test(deep_nesting_is_rejected),
        cmocka_unit_test(lengths_are_checked),
        cmocka_unit_test(odd_encodings_are_rejected),
        cmocka_unit_test(unknown_fields_are_skipped),
        cmocka_unit_test(memory_stays_bounded),
        cmocka_unit_test(counts_are_bounded),
        cmocka_unit_test(made_up_constants_are_bounded),
        cmocka_unit_test(mutations_of_written_files),
        cmocka_unit_test(mutations_of_foreign_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
