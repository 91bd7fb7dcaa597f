/* Parameters, "let", expressions, choices and blocks of a recipe. */
#include "helper_net.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-test-names-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

static wick_recipe_options with(const char *name, const char *value) {
    wick_recipe_options options = wick_recipe_defaults();
    options.height = options.width_px = 8;
    if (name)
        options.values[options.n_values++] = (wick_recipe_value){name, value};
    return options;
}

/* Fields of the recipe ("parameters", "let", "blocks"; each ends in a comma) and the layers of its
   one module before the last one; JSON with ' for ". */
static wick_status build(const char *fields, const char *layers, const wick_recipe_options *options,
                         wick_graph **graph, wick_diag *diag) {
    char path[128];
    snprintf(path, sizeof path, "%s/recipe.json", folder);
    wick_buf text = {0};
    wick_buf_printf(&text,
                    "{'name': 'x', %s 'extractor': [], 'heads': [{'name': 'A', 'layers': [%s%s"
                    "{'type': 'gap'}, {'type': 'fc', 'out': 'classes'}]}]}",
                    fields, layers, *layers ? ", " : "");
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\'')
            text.data[i] = '"';
    assert_int_equal(wick_file_write(path, text.data, text.len, NULL), WICK_OK);
    wick_buf_free(&text);
    return wick_recipe_build(path, options, graph, diag);
}

/* Channels of the tensor that A.gap1 reads. */
static int channels(const char *fields, const char *layers, const wick_recipe_options *options) {
    wick_diag diag = {0};
    wick_graph *g;
    if (build(fields, layers, options, &g, &diag) != WICK_OK)
        fail_msg("%s: %s: %s", layers, diag.items[0].place, diag.items[0].reason);
    const wick_node *gap = &g->nodes[g->tensors[wick_graph_find(g, "A.gap1")].producer];
    int count = (int)g->tensors[gap->inputs[0]].shape.dim[1];
    wick_graph_free(g);
    return count;
}

static void assert_refused(const char *fields, const char *layers,
                           const wick_recipe_options *options, wick_status status,
                           const char *place, const char *text) {
    wick_diag diag = {0};
    wick_graph *g;
    wick_status got = build(fields, layers, options, &g, &diag);
    if (got != status || diag.count != 1)
        fail_msg("%s %s: %s, %zu messages", fields, layers, wick_status_name(got), diag.count);
    assert_null(g);
    if (strcmp(diag.items[0].place, place) != 0 || !wick_diag_contains(&diag, text))
        fail_msg("%s %s: %s: %s (%s)", fields, layers, diag.items[0].place, diag.items[0].reason,
                 diag.items[0].hint ? diag.items[0].hint : "");
    wick_diag_free(&diag);
}

#define PARAMETERS                                                                                 \
    "'parameters': {'_why': 'a comment', 'depth': {'default': 20, 'min': 14, 'max': 44, 'step': "  \
    "6}, 'k': {'default': 3, 'min': 1, 'max': 9}, 'kind': {'default': 'a', 'values': ['a', "       \
    "'b-2']}},"

static int conv_of(const char *expression, const wick_recipe_options *options) {
    char layers[256];
    snprintf(layers, sizeof layers, "{'type': 'conv', 'kernel': 1, 'out': '%s'}", expression);
    return channels(PARAMETERS "'let': {'n': '(depth - 2) / 6', 'm': 'n * n'},", layers, options);
}

static void expressions_compute(void **state) {
    (void)state;
    wick_recipe_options options = with(NULL, NULL);
    static const struct {
        const char *text;
        int value;
    } cases[] = {
        {"7", 7},
        {" 7 ", 7},
        {"k", 3},
        {"2 + 3 * 4", 14},
        {"2*3+4", 10},
        {"(2 + 3) * 4", 20},
        {"20 - 3 - 2", 15},
        {"20 / 2 / 5", 2},
        {"((k))", 3},
        {"20 // 3", 6},
        {"1 - 7 // 2 + 9", 7},
        {"20 - (1 - 8) // 2", 24},
        {"n", 3},
        {"m + n", 12},
        {"(depth - 2) / 6 * k", 9},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        int got = conv_of(cases[i].text, &options);
        if (got != cases[i].value)
            fail_msg("%s is %d, not %d", cases[i].text, got, cases[i].value);
    }
    /* The width multiplies what comes out, once. */
    options.width = 2;
    assert_int_equal(conv_of("2 + k", &options), 10);
}

static void values_are_given_by_name(void **state) {
    (void)state;
    wick_recipe_options options = with("depth", "38");
    assert_int_equal(conv_of("depth", &options), 38);
    assert_int_equal(conv_of("m", &options), 36);
    options.values[options.n_values++] = (wick_recipe_value){"depth", "26"}; /* the last counts */
    options.values[options.n_values++] = (wick_recipe_value){"k", "9"};
    assert_int_equal(conv_of("depth + k", &options), 35);
    wick_graph *g;
    assert_int_equal(build(PARAMETERS, "", &options, &g, NULL), WICK_OK);
    assert_string_equal(g->family.recipe, "x depth=26 k=9 kind=a");
    wick_graph_free(g);
}

static void wrong_values_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
        wick_status status;
        const char *place, *text;
    } cases[] = {
        {"depth", "21", WICK_RANGE, "parameters.depth", "21 is not possible: 14 to 44 in steps"},
        {"depth", "8", WICK_RANGE, "parameters.depth", "(14, 20, 26, ...)"},
        {"depth", "50", WICK_RANGE, "parameters.depth", "50 is not"},
        {"depth", "20.0", WICK_RANGE, "parameters.depth", "20.0 is not"},
        {"depth", "-20", WICK_RANGE, "parameters.depth", "-20 is not"},
        {"depth", "", WICK_RANGE, "parameters.depth", "is not possible"},
        {"depth", "99999999999999999999", WICK_RANGE, "parameters.depth", "is not possible"},
        {"k", "10", WICK_RANGE, "parameters.k", "10 is not possible: 1 to 9"},
        {"kind", "c", WICK_RANGE, "parameters.kind", "it can be a, b-2"},
        {"kind", "", WICK_RANGE, "parameters.kind", "it can be"},
        {"dept", "20", WICK_UNKNOWN, "parameters", "it has depth, k, kind"},
        {"n", "20", WICK_UNKNOWN, "parameters", "no parameter 'n'"},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++) {
        wick_recipe_options options = with(cases[i].name, cases[i].value);
        assert_refused(PARAMETERS, "", &options, cases[i].status, cases[i].place, cases[i].text);
    }
    wick_recipe_options options = with("depth", "20"); /* a recipe without any */
    assert_refused("", "", &options, WICK_UNKNOWN, "parameters", "no parameter 'depth'");
}

#define CONV(out) "{'type': 'conv', 'kernel': 1, 'out': " out "}"
#define OUT "heads[0].layers[0].out"

static void wrong_expressions_are_refused(void **state) {
    (void)state;
    wick_recipe_options options = with(NULL, NULL);
    static const struct {
        const char *layers;
        wick_status status;
        const char *place, *text;
    } cases[] = {
        {CONV("''"), WICK_SYNTAX, OUT, "ends too early"},
        {CONV("'2 +'"), WICK_SYNTAX, OUT, "ends too early"},
        {CONV("'(2'"), WICK_SYNTAX, OUT, "ends too early"},
        {CONV("'2)'"), WICK_SYNTAX, OUT, "')' is not part"},
        {CONV("'2 k'"), WICK_SYNTAX, OUT, "'k' is not part"},
        {CONV("'-2'"), WICK_SYNTAX, OUT, "'-2' is not part"},
        {CONV("'2 % 3'"), WICK_SYNTAX, OUT, "'% 3' is not part"},
        {CONV("'1.5'"), WICK_SYNTAX, OUT, "'.5' is not part"},
        {CONV("'20 / 3'"), WICK_RANGE, OUT, "20 / 3 is no whole number"},
        {CONV("'20 / (3 - k)'"), WICK_RANGE, OUT, "20 / 0"},
        {CONV("'20 // (3 - k)'"), WICK_RANGE, OUT, "20 / 0"},
        {CONV("'k - 3'"), WICK_RANGE, OUT, "0 is not within 1"},
        {CONV("'kk'"), WICK_UNKNOWN, OUT, "no parameter 'kk'"},
        {CONV("'kind'"), WICK_SYNTAX, OUT, "kind is no number"},
        {CONV("'1000000000'"), WICK_RANGE, OUT, "more than 9 digits"},
        {CONV("'999999999 * 999999999'"), WICK_RANGE, OUT, "beyond"},
        {CONV("'((((((((((((((((((1))))))))))))))))))'"), WICK_SYNTAX, OUT, "'((1"},
        {"{'type': 'relu', 'repeat': 'k * 1000'}", WICK_RANGE, "heads[0].layers[0].repeat",
         "3000 is not within 0 to 512"},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++)
        assert_refused(PARAMETERS, cases[i].layers, &options, cases[i].status, cases[i].place,
                       cases[i].text);
}

#define ONE(value) "'parameters': {'p': " value "},"

static void wrong_declarations_are_refused(void **state) {
    (void)state;
    wick_recipe_options options = with(NULL, NULL);
    static const struct {
        const char *fields;
        wick_status status;
        const char *place, *text;
    } cases[] = {
        {"'parameters': [],", WICK_SYNTAX, "parameters", "object"},
        {ONE("3"), WICK_SYNTAX, "parameters.p", "object"},
        {ONE("{'default': 3, 'min': 1}"), WICK_MISSING, "parameters.p.max", "missing"},
        {ONE("{'default': 3, 'min': 4, 'max': 8}"), WICK_RANGE, "parameters.p.default", "4 to 8"},
        {ONE("{'default': 5, 'min': 4, 'max': 8, 'step': 2}"), WICK_RANGE, "parameters.p",
         "the default is not possible"},
        {ONE("{'default': 4, 'min': 4, 'max': 8, 'steps': 2}"), WICK_UNKNOWN, "parameters.p.steps",
         "known fields: default min max step"},
        {ONE("{'default': 'x', 'values': ['a']}"), WICK_RANGE, "parameters.p", "it can be a"},
        {ONE("{'default': 'x', 'values': [1]}"), WICK_SYNTAX, "parameters.p.values[0]", "string"},
        {"'parameters': {'1st': {'default': 1, 'min': 1, 'max': 1}},", WICK_SYNTAX,
         "parameters.1st", "a name is"},
        {"'parameters': {'same': {'default': 1, 'min': 1, 'max': 1}},", WICK_SYNTAX,
         "parameters.same", "taken"},
        {PARAMETERS "'let': {'k': 1},", WICK_SYNTAX, "let.k", "taken"},
        {"'let': {'n': 'n + 1'},", WICK_UNKNOWN, "let.n", "'n'"},
        {"'let': {'n': '1 - 2'},", WICK_RANGE, "let.n", "-1"},
        {"'let': {'n': true},", WICK_SYNTAX, "let.n", "whole number"},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++)
        assert_refused(cases[i].fields, "", &options, cases[i].status, cases[i].place,
                       cases[i].text);
}

static void fields_can_depend_on_a_parameter(void **state) {
    (void)state;
    static const char layers[] = "{'type': 'conv', 'kernel': 1, 'out': {'by': 'kind', 'a': 5, "
                                 "'b-2': {'default': '2 * k', '8': 7}}, 'repeat': {'by': 'k', "
                                 "'_': 'a comment', '3': 1, 'default': 0}}";
    wick_recipe_options options = with("kind", "b-2");
    assert_int_equal(channels(PARAMETERS, layers, &options), 7); /* by the input: 8 pixels */
    options.height = 7;
    assert_int_equal(channels(PARAMETERS, layers, &options), 6);
    options = with(NULL, NULL);
    assert_int_equal(channels(PARAMETERS, layers, &options), 5);
    options = with("k", "4"); /* repeat 0: no layer, the image itself */
    assert_int_equal(channels(PARAMETERS, layers, &options), 3);
    /* Lists and flags, too. */
    static const char list[] = "{'type': 'dense', 'layers': {'by': 'kind', 'a': [" CONV(
        "2") "], 'b-2': [" CONV("4") ", " CONV("6") "]}}, {'type': 'conv', 'out': 2, 'bias': "
                                                    "{'by': 'kind', 'a': true, 'b-2': false}}";
    static const char *const kinds[2] = {"a", "b-2"};
    for (int i = 0; i < 2; i++) {
        wick_graph *g;
        options = with("kind", kinds[i]);
        assert_int_equal(build(PARAMETERS, list, &options, &g, NULL), WICK_OK);
        assert_int_equal(g->tensors[wick_graph_find(g, "A.dense1")].shape.dim[1], i ? 9 : 5);
        assert_int_equal(wick_graph_find(g, i ? "A.conv3.bias" : "A.conv2.bias") >= 0, i == 0);
        wick_graph_free(g);
    }
    options = with(NULL, NULL);
    assert_refused(PARAMETERS, CONV("{'by': 'kind', 'b-2': 4}"), &options, WICK_MISSING, OUT ".a",
                   "missing");
    assert_refused(PARAMETERS, CONV("{'by': 'kind', 'a': 4, 'c': 5}"), &options, WICK_UNKNOWN, OUT,
                   "kind is never 'c'");
    assert_refused(PARAMETERS, CONV("{'by': 'k', 'three': 4}"), &options, WICK_UNKNOWN, OUT,
                   "k is never 'three'");
    assert_refused(PARAMETERS, CONV("{'by': 'size', 'a': 4}"), &options, WICK_UNKNOWN, OUT ".by",
                   "no parameter 'size'");
    assert_refused(PARAMETERS, CONV("{'by': 3}"), &options, WICK_SYNTAX, OUT ".by", "string");
}

#define BLOCKS                                                                                     \
    "'blocks': {'two': [" CONV("4") ", " CONV(                                                     \
        "'same'") "], 'four': [{'type': 'block', 'name': "                                         \
                  "'two', 'repeat': 2}], 'endless': [{'type': 'block', 'name': 'endless'}]},"
#define BLOCK(name) "{'type': 'block', 'name': '" name "'}"

static void blocks_stand_for_their_layers(void **state) {
    (void)state;
    wick_recipe_options options = with(NULL, NULL);
    wick_graph *g;
    assert_int_equal(build(BLOCKS, BLOCK("two") ", " BLOCK("four"), &options, &g, NULL), WICK_OK);
    assert_true(wick_graph_find(g, "A.conv6") >= 0); /* names go on counting */
    assert_int_equal(wick_graph_find(g, "A.conv7"), -1);
    wick_graph_free(g);
    assert_refused(BLOCKS, BLOCK("three"), &options, WICK_UNKNOWN, "heads[0].layers[0].name",
                   "it has two four endless");
    assert_refused("", BLOCK("two"), &options, WICK_MISSING, "blocks", "missing");
    assert_refused(BLOCKS, "{'type': 'block'}", &options, WICK_MISSING, "heads[0].layers[0].name",
                   "missing");
    assert_refused(BLOCKS, BLOCK("endless"), &options, WICK_RANGE, "blocks.endless", "nested");
    /* Nothing, many times over: it ends. */
    assert_refused(
        "'blocks': {'a': [{'type': 'relu', 'repeat': 0}], 'b': [{'type': 'block', 'name': "
        "'a', 'repeat': 512}], 'c': [{'type': 'block', 'name': 'b', 'repeat': 512}]},",
        "{'type': 'block', 'name': 'c', 'repeat': 512}", &options, WICK_RANGE, "blocks.a[0]",
        "more than 65536 layers");
    assert_refused("'blocks': {'none': []},", BLOCK("none"), &options, WICK_RANGE, "blocks.none",
                   "0 layers");
}

static void padding_adds_channels(void **state) {
    (void)state;
    wick_recipe_options options = with(NULL, NULL);
    options.width = 2;
    assert_int_equal(channels("", "{'type': 'pad', 'out': 4}", &options), 8);
    assert_int_equal(channels("", "{'type': 'pad', 'out': {'times': 3}}", &options), 9);
    assert_int_equal(channels("", "{'type': 'pad', 'out': 'same'}", &options), 3);
    assert_refused("", "{'type': 'pad', 'out': 1}", &options, WICK_RANGE, "heads[0].layers[0]",
                   "3 channels come in, more than its 2");
    assert_refused("", "{'type': 'flatten'}, {'type': 'pad', 'out': 600}", &options, WICK_SHAPE,
                   "heads[0].layers[1]", "4 dimensions");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_compute),
        cmocka_unit_test(values_are_given_by_name),
        cmocka_unit_test(wrong_values_are_refused),
        cmocka_unit_test(wrong_expressions_are_refused),
        cmocka_unit_test(wrong_declarations_are_refused),
        cmocka_unit_test(fields_can_depend_on_a_parameter),
        cmocka_unit_test(blocks_stand_for_their_layers),
        cmocka_unit_test(padding_adds_channels),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
