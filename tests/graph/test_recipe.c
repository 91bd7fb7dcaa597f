/* What a recipe may say, and what is refused. */
#include "helper_net.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[] = "/tmp/wick-test-recipe-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

static wick_graph *build(const char *name, const wick_recipe_options *options) {
    wick_diag diag = {0};
    wick_graph *graph = NULL;
    if (wick_recipe_build(name, options, &graph, &diag) != WICK_OK)
        fail_msg("%s: %s", diag.items[0].place, diag.items[0].reason);
    wick_diag_free(&diag);
    return graph;
}

static wick_recipe_options square(int pixels) {
    wick_recipe_options options = wick_recipe_defaults();
    options.height = options.width_px = pixels;
    return options;
}

static char *write_recipe(const char *file, const char *text) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    assert_int_equal(wick_file_write(path, text, strlen(text), NULL), WICK_OK);
    return path;
}

static const wick_node *producer(const wick_graph *g, int t) {
    return &g->nodes[g->tensors[t].producer];
}

/* A dropout of 0 % is no node, so that a parameter can turn it off. */
static void dropout_is_a_percentage(void **state) {
    (void)state;
    wick_recipe_options options = square(32);
    static const char *const texts[] = {"vgg16", "vgg16 dropout=40"};
    int nodes[2], found = 0;
    for (int on = 0; on < 2; on++) {
        options.values[0] = (wick_recipe_value){"dropout", on ? "40" : "0"};
        options.n_values = 1;
        wick_graph *g = build("vgg16", &options);
        nodes[on] = g->n_nodes;
        assert_string_equal(g->family.recipe, texts[on]);
        for (int n = 0; n < g->n_nodes; n++)
            if (g->nodes[n].op == WICK_OP_DROPOUT) {
                assert_true(fabsf(g->nodes[n].attrs.alpha - 0.4f) < 1e-6f);
                found++;
            }
        assert_int_equal(found, on ? 5 : 0);
        wick_graph_free(g);
    }
    assert_int_equal(nodes[1], nodes[0] + 5);
}

/* Composite layers: a small residual and a small dense network. */
static void residual_and_dense_blocks(void **state) {
    (void)state;
    static const char text[] =
        "{\"name\": \"mixed\", \"_note\": \"comments are allowed\", \"batch_norm\": true,"
        " \"extractor\": [{\"type\": \"conv\", \"out\": 8}],"
        " \"heads\": [{\"name\": \"R\", \"layers\": ["
        "   {\"type\": \"residual\", \"repeat\": 2, \"layers\": [{\"type\": \"conv\", \"out\": 8},"
        "     {\"type\": \"conv\", \"out\": 8, \"relu\": false}]},"
        "   {\"type\": \"residual\", \"layers\": [{\"type\": \"conv\", \"out\": 16, \"stride\": 2},"
        "     {\"type\": \"conv\", \"out\": 16, \"relu\": false}],"
        "     \"shortcut\": [{\"type\": \"conv\", \"out\": 16, \"kernel\": 1, \"stride\": 2, "
        "\"relu\": false}]},"
        "   {\"type\": \"avgpool\", \"size\": 3, \"stride\": 1, \"pad\": 1}, {\"type\": \"gap\"},"
        "   {\"type\": \"fc\", \"out\": \"classes\", \"bias\": false}]},"
        " {\"name\": \"D\", \"layers\": ["
        "   {\"type\": \"dense\", \"repeat\": 3, \"layers\": [{\"type\": \"bn\"}, {\"type\": "
        "\"relu\"}, {\"type\": \"conv\", \"out\": 4, \"bn\": false, \"bias\": false, \"relu\": "
        "false}]},"
        "   {\"type\": \"conv\", \"out\": {\"times\": 0.5}, \"kernel\": [1, 3], \"groups\": 2},"
        "   {\"type\": \"dwconv\"}, {\"type\": \"conv\", \"out\": \"same\", \"kernel\": 1},"
        "   {\"type\": \"pool\", \"to\": [1, 2]}, {\"type\": \"flatten\"},"
        "   {\"type\": \"fc\", \"out\": \"classes\"}]}]}";
    wick_recipe_options options = square(8);
    wick_graph *g = build(write_recipe("mixed.json", text), &options);
    /* R: 2 x 2 convs 8x8x9 + bn, then 8->16, 16->16, 1x1 shortcut, fc without bias. */
    int64_t r = 4 * (576 + 16) + (1152 + 32) + (2304 + 32) + (128 + 32) + 160;
    assert_int_equal(wick_graph_counts(g, 1).parameters, r);
    /* D: bn and conv on 8, 12, 16 channels; 20 -> 10 in two groups of 1x3; dw; 1x1; fc 20 -> 10. */
    int64_t d = 2 * (8 + 12 + 16) + 36 * (8 + 12 + 16) + (10 * 10 * 3 + 20) + (90 + 20) +
                (100 + 20) + (200 + 10);
    assert_int_equal(wick_graph_counts(g, 2).parameters, d);
    const wick_node *sum = producer(g, wick_graph_find(g, "R.residual3"));
    assert_int_equal(sum->op, WICK_OP_ADD);
    assert_true(wick_shape_equal(g->tensors[sum->output].shape, NET_SHAPE(1, 16, 4, 4)));
    /* The identity shortcut is the block's input. */
    sum = producer(g, wick_graph_find(g, "R.residual1"));
    assert_int_equal(sum->inputs[1], g->family.features);
    const wick_node *join = producer(g, wick_graph_find(g, "D.dense3"));
    assert_int_equal(g->tensors[join->output].shape.dim[1], 20);
    assert_string_equal(g->tensors[join->inputs[0]].name, "D.dense2");
    assert_true(net_difference(g, g, 1) == 0); /* it can be evaluated */
    wick_graph_free(g);
}

static void values_can_depend_on_the_input_size(void **state) {
    (void)state;
    static const char text[] =
        "{\"name\": \"sized\", \"extractor\": [{\"type\": \"conv\", \"out\": 4, "
        "\"stride\": {\"default\": 1, \"64\": [2, 4], \"32\": 2}}], \"heads\": [{\"name\": \"A\", "
        "\"layers\": [{\"type\": \"gap\"}, {\"type\": \"fc\", \"out\": \"classes\"}]}]}";
    char *path = write_recipe("sized.json", text);
    const int sides[4] = {31, 32, 63, 64}, strides[4][2] = {{1, 1}, {2, 2}, {2, 2}, {2, 4}};
    for (int i = 0; i < 4; i++) {
        wick_recipe_options options = square(100);
        options.height = sides[i]; /* the smaller side decides */
        wick_graph *g = build(path, &options);
        assert_int_equal(g->nodes[0].attrs.stride[0], strides[i][0]);
        assert_int_equal(g->nodes[0].attrs.stride[1], strides[i][1]);
        wick_graph_free(g);
    }
}

/* `layers` are the second head's. */
static void assert_refused(const char *layers, wick_status status, const char *place,
                           const char *text) {
    wick_buf buf = {0};
    wick_buf_printf(&buf,
                    "{\"name\": \"bad\", \"extractor\": [{\"type\": \"conv\", \"out\": 8}], "
                    "\"heads\": [{\"name\": \"A\", \"layers\": [{\"type\": \"fc\", \"out\": "
                    "\"classes\"}]}, {\"name\": \"B\", \"layers\": [%s]}]}",
                    layers);
    char *path = write_recipe("bad.json", buf.data);
    wick_diag diag = {0};
    wick_graph *graph = NULL;
    wick_recipe_options options = square(8);
    wick_status got = wick_recipe_build(path, &options, &graph, &diag);
    if (got != status || diag.count != 1)
        fail_msg("%s: %s, %zu messages", layers, wick_status_name(got), diag.count);
    assert_null(graph);
    assert_string_equal(diag.items[0].file, path);
    assert_string_equal(diag.items[0].place, place);
    if (!wick_diag_contains(&diag, text))
        fail_msg("'%s' does not say '%s'", diag.items[0].reason, text);
    wick_diag_free(&diag);
    wick_buf_free(&buf);
}

#define FC ", {\"type\": \"fc\", \"out\": \"classes\"}"

static void wrong_layers_name_their_field(void **state) {
    (void)state;
    static const struct {
        const char *layers;
        wick_status status;
        const char *place, *text;
    } cases[] = {
        {"{\"type\": \"relu\"}, {\"type\": \"convv\", \"out\": 8}" FC, WICK_UNKNOWN,
         "heads[1].layers[1].type", "known layers: conv dwconv"},
        {"{\"type\": \"conv\"}" FC, WICK_MISSING, "heads[1].layers[0].out", "missing"},
        {"{\"out\": 8}" FC, WICK_MISSING, "heads[1].layers[0].type", "missing"},
        {"{\"type\": \"conv\", \"out\": 8, \"kernal\": 5}" FC, WICK_UNKNOWN,
         "heads[1].layers[0].kernal", "known fields: type repeat kernel"},
        {"{\"type\": \"conv\", \"out\": -8}" FC, WICK_RANGE, "heads[1].layers[0].out", "-8"},
        {"{\"type\": \"conv\", \"out\": 1.5}" FC, WICK_SYNTAX, "heads[1].layers[0].out", "whole"},
        {"{\"type\": \"conv\", \"out\": 70000}" FC, WICK_RANGE, "heads[1].layers[0].out", "70000"},
        {"{\"type\": \"conv\", \"out\": \"all\"}" FC, WICK_UNKNOWN, "heads[1].layers[0].out",
         "'all'"},
        {"{\"type\": \"conv\", \"out\": {\"times\": 100000}}" FC, WICK_RANGE,
         "heads[1].layers[0].out.times", "1000"},
        {"{\"type\": \"dropout\", \"percent\": 100}" FC, WICK_RANGE, "heads[1].layers[0].percent",
         "99"},
        {"{\"type\": \"dropout\"}" FC, WICK_MISSING, "heads[1].layers[0].percent", "missing"},
        {"{\"type\": \"conv\", \"out\": 8, \"stride\": 0}" FC, WICK_RANGE,
         "heads[1].layers[0].stride", "within 1"},
        {"{\"type\": \"conv\", \"out\": 8, \"kernel\": [3]}" FC, WICK_SYNTAX,
         "heads[1].layers[0].kernel", "[height, width]"},
        {"{\"type\": \"conv\", \"out\": 8, \"kernel\": [3, 0]}" FC, WICK_RANGE,
         "heads[1].layers[0].kernel[1]", "within 1"},
        {"{\"type\": \"conv\", \"out\": 8, \"stride\": {\"64\": 2}}" FC, WICK_MISSING,
         "heads[1].layers[0].stride.default", "missing"},
        {"{\"type\": \"conv\", \"out\": 8, \"stride\": {\"big\": 2}}" FC, WICK_UNKNOWN,
         "heads[1].layers[0].stride", "'big'"},
        {"{\"type\": \"conv\", \"out\": 8, \"groups\": 3}" FC, WICK_SHAPE, "heads[1].layers[0]",
         "3 groups"},
        {"{\"type\": \"conv\", \"out\": 8, \"relu\": 1}" FC, WICK_SYNTAX, "heads[1].layers[0].relu",
         "true or false"},
        {"{\"type\": \"relu\", \"repeat\": 100000}" FC, WICK_RANGE, "heads[1].layers[0].repeat",
         "within"},
        {"{\"type\": \"pool\"}" FC, WICK_MISSING, "heads[1].layers[0].size", "missing"},
        {"{\"type\": \"pool\", \"to\": 2, \"size\": 2}" FC, WICK_UNKNOWN, "heads[1].layers[0].size",
         "not known"},
        {"{\"type\": \"pool\", \"to\": 9}" FC, WICK_SHAPE, "heads[1].layers[0]",
         "8 pixels cannot be pooled to 9"},
        {"{\"type\": \"pool\", \"size\": 9}" FC, WICK_SHAPE, "heads[1].layers[0]", "B.pool1"},
        {"{\"type\": \"flatten\"}, {\"type\": \"conv\", \"out\": 8}" FC, WICK_SHAPE,
         "heads[1].layers[1]", "4 dimensions"},
        {"{\"type\": \"flatten\"}, {\"type\": \"dwconv\"}" FC, WICK_SHAPE, "heads[1].layers[1]",
         "image"},
        {"{\"type\": \"flatten\"}, {\"type\": \"pool\", \"to\": 1}" FC, WICK_SHAPE,
         "heads[1].layers[1]", "image"},
        {"{\"type\": \"fc\", \"out\": 11}", WICK_SHAPE, "heads[1]", "one number for each class"},
        {"", WICK_RANGE, "heads[1].layers", "0 layers"},
        {"7", WICK_SYNTAX, "heads[1].layers[0]", "must be an object"},
        {"{\"type\": \"residual\", \"layers\": [{\"type\": \"conv\", \"out\": 9}]}" FC, WICK_SHAPE,
         "heads[1].layers[0]", "cannot be added"},
        {"{\"type\": \"residual\", \"layers\": [{\"type\": \"cnov\", \"out\": 9}]}" FC,
         WICK_UNKNOWN, "heads[1].layers[0].layers[0].type", "cnov"},
        {"{\"type\": \"dense\", \"layers\": []}" FC, WICK_RANGE, "heads[1].layers[0].layers",
         "0 layers"},
    };
    for (size_t i = 0; i < WICK_LEN(cases); i++)
        assert_refused(cases[i].layers, cases[i].status, cases[i].place, cases[i].text);
}

static void huge_recipes_are_refused(void **state) {
    (void)state;
    assert_refused("{\"type\": \"fc\", \"out\": 65536, \"repeat\": 2}" FC, WICK_RANGE,
                   "heads[1].layers[0]", "parameters");
    /* Each is allowed, all together are not; nothing is allocated before that is known. */
    assert_refused("{\"type\": \"fc\", \"out\": 16384, \"repeat\": 4}" FC, WICK_RANGE,
                   "heads[1].layers[0]", "parameters");
    assert_refused("{\"type\": \"fc\", \"out\": 100}, {\"type\": \"fc\", \"out\": {\"times\": "
                   "1000}}" FC,
                   WICK_RANGE, "heads[1].layers[1].out", "100000 channels are too many");
    assert_refused("{\"type\": \"residual\", \"repeat\": 512, \"layers\": [{\"type\": \"relu\", "
                   "\"repeat\": 512}]}" FC,
                   WICK_RANGE, "heads[1].layers[0].layers[0]", "4096 nodes");
    wick_buf deep = {0};
    for (int i = 0; i < 5; i++)
        wick_buf_puts(&deep, "{\"type\": \"dense\", \"layers\": [");
    wick_buf_puts(&deep, "{\"type\": \"relu\"}");
    for (int i = 0; i < 5; i++)
        wick_buf_puts(&deep, "]}");
    wick_buf_puts(&deep, FC);
    assert_refused(deep.data, WICK_RANGE, "heads[1].layers[0].layers[0].layers[0].layers[0].layers",
                   "nested");
    wick_buf_free(&deep);
}

static void assert_text_refused(const char *text, wick_status status, const char *place) {
    char *path = write_recipe("whole.json", text);
    wick_diag diag = {0};
    wick_graph *graph;
    wick_recipe_options options = square(8);
    assert_int_equal(wick_recipe_build(path, &options, &graph, &diag), status);
    assert_int_equal(diag.count, 1);
    assert_string_equal(diag.items[0].file, path);
    assert_string_equal(diag.items[0].place, place);
    wick_diag_free(&diag);
}

#define HEAD(name)                                                                                 \
    "{\"name\": \"" name "\", \"layers\": [{\"type\": \"fc\", \"out\": \"classes\"}]}"

static void wrong_documents_are_refused(void **state) {
    (void)state;
    assert_text_refused("[]", WICK_SYNTAX, "");
    assert_text_refused("{\"name\": \"x\", \"heads\": []}", WICK_MISSING, "extractor");
    assert_text_refused("{\"name\": \"x\", \"extractor\": []}", WICK_MISSING, "heads");
    assert_text_refused("{\"name\": \"x\", \"extractor\": [], \"heads\": []}", WICK_RANGE, "heads");
    assert_text_refused("{\"name\": \"../x\", \"extractor\": []}", WICK_SYNTAX, "name");
    assert_text_refused("{\"name\": \"x-y\", \"extractor\": []}", WICK_SYNTAX, "name");
    assert_text_refused("{\"name\": \"x\", \"extracter\": []}", WICK_UNKNOWN, "extracter");
    assert_text_refused(
        "{\"name\": \"x\", \"extractor\": [], \"heads\": [" HEAD("A") ", " HEAD("A") "]}",
        WICK_SYNTAX, "heads[1].name");
    assert_text_refused("{\"name\": \"x\", \"extractor\": [], \"heads\": [" HEAD("fe") "]}",
                        WICK_SYNTAX, "heads[0].name");
    assert_text_refused("{\"name\": \"x\", \"extractor\": [], \"heads\": [", WICK_SYNTAX,
                        "line 1, column 41");
}

static void an_empty_extractor_makes_the_input_the_features(void **state) {
    (void)state;
    wick_recipe_options options = square(8);
    char *path = write_recipe("empty.json",
                              "{\"name\": \"x\", \"extractor\": [], \"heads\": [" HEAD("A") "]}");
    wick_graph *g = build(path, &options);
    assert_int_equal(g->family.features, g->input);
    assert_int_equal(g->nodes[0].segment, 1);
    wick_graph_free(g);
}

static void options_out_of_range_are_refused(void **state) {
    (void)state;
    for (int i = 0; i < 8; i++) {
        wick_recipe_options o = square(32);
        o.width = i == 0 ? 0 : i == 1 ? 8.5 : i == 2 ? (double)NAN : 0.1;
        o.classes = i == 3 ? 1 : 10;
        o.height = i == 4 ? 0 : 32;
        o.width_px = i == 5 ? 5000 : 32;
        o.channels = i == 6 ? 17 : 3;
        o.batch_norm = i == 7 ? 2 : -1;
        wick_diag diag = {0};
        wick_graph *g;
        assert_int_equal(wick_recipe_build("vgg16", &o, &g, &diag), WICK_RANGE);
        assert_int_equal(diag.count, 1);
        wick_diag_free(&diag);
    }
    wick_recipe_options o = square(32);
    wick_diag diag = {0};
    wick_graph *g;
    assert_int_equal(wick_recipe_build("vgg17", &o, &g, &diag), WICK_NOT_FOUND);
    assert_true(wick_diag_contains(&diag, "densenet mobilenetv1 resnet sensor vgg16"));
    wick_diag_free(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropout_is_a_percentage),
        cmocka_unit_test(residual_and_dense_blocks),
        cmocka_unit_test(values_can_depend_on_the_input_size),
        cmocka_unit_test(wrong_layers_name_their_field),
        cmocka_unit_test(huge_recipes_are_refused),
        cmocka_unit_test(wrong_documents_are_refused),
        cmocka_unit_test(an_empty_extractor_makes_the_input_the_features),
        cmocka_unit_test(options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
