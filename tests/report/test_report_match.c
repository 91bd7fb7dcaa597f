/* What is of another family than the plan: refused where modules, classes or input tell, said where
   only MACs do; and nothing is said of the plan's own. */
#include "report/report_parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static wick_graph *build(const char *recipe, double width, int pixels, int classes) {
    wick_recipe_options options = wick_recipe_defaults();
    wick_graph *graph;
    options.width = width;
    options.height = options.width_px = pixels;
    options.classes = classes;
    assert_int_equal(wick_recipe_build(recipe, &options, &graph, NULL), WICK_OK);
    return graph;
}

/* A page of a plan for `own`, given `graph` (or NULL). */
typedef struct sheet {
    wick_graph *own;
    wick_qnet *net;
    wick_plan plan;
    wick_report_options options;
    wick_diag diag;
    page page;
} sheet;

static void open_sheet(sheet *s, wick_graph *own, const wick_graph *graph) {
    *s = (sheet){.own = own, .options = {.model = "family.onnx", .runs = "runs.sqlite"}};
    assert_int_equal(wick_qnet_sketch(own, &s->net, NULL), WICK_OK);
    s->plan.n_segments = 1 + s->net->n_modules;
    for (int k = 0; k < s->plan.n_segments; k++)
        s->plan.segments[k].name = k ? s->net->module_names[k - 1] : "extractor";
    s->page = (page){.arena = wick_arena_new(),
                     .options = &s->options,
                     .plan = &s->plan,
                     .net = s->net,
                     .graph = graph,
                     .diag = &s->diag};
}

static void close_sheet(sheet *s) {
    wick_buf_free(&s->page.html);
    wick_arena_free(s->page.arena);
    wick_diag_free(&s->diag);
    wick_qnet_free(s->net);
    wick_graph_free(s->own);
}

static bool written(const sheet *s, const char *text) {
    return s->page.html.len && strstr(s->page.html.data, text);
}

static wick_run_info run_of(const wick_graph *graph) {
    wick_run_info run = {.n_modules = graph->family.n_heads};
    for (int k = 0; k < run.n_modules; k++)
        run.modules[k] = (wick_run_module){.name = graph->family.head_names[k],
                                           .macs = wick_graph_counts(graph, k + 1).macs};
    return run;
}

static void the_own_family_and_run_are_silent(void **state) {
    (void)state;
    static const char *const recipes[] = {"vgg16", "mobilenetv1", "resnet", "densenet", "sensor"};
    for (size_t i = 0; i < WICK_LEN(recipes); i++)
        for (int given = 0; given < 2; given++) { /* without the family, the plan's MACs must do */
            sheet s;
            wick_graph *own = build(recipes[i], 0.25, 32, 10);
            wick_run_info run = run_of(own);
            open_sheet(&s, own, given ? own : NULL);
            if (given) {
                assert_int_equal(report_check_family(&s.page), WICK_OK);
                report_say_family_macs(&s.page);
            }
            assert_int_equal(report_check_run(&s.page, &run), WICK_OK);
            report_say_run_macs(&s.page, &run);
            if (s.page.html.len)
                fail_msg("%s: %s", recipes[i], s.page.html.data);
            close_sheet(&s);
        }
}

static void assert_refused(const wick_graph *other, const char *reason) {
    sheet s;
    open_sheet(&s, build("vgg16", 0.1, 32, 10), other);
    assert_int_equal(report_check_family(&s.page), WICK_MISMATCH);
    assert_true(wick_diag_contains(&s.diag, "another family"));
    assert_true(wick_diag_contains(&s.diag, reason));
    close_sheet(&s);
}

static void another_family_is_refused(void **state) {
    (void)state;
    wick_graph *fewer = build("sensor", 0.1, 32, 10), *classes = build("vgg16", 0.1, 32, 12);
    wick_graph *input = build("vgg16", 0.1, 64, 10), *names = build("vgg16", 0.1, 32, 10);
    names->family.head_names[1] = "TM9";
    assert_refused(fewer, "3 modules instead of 4");
    assert_refused(classes, "12 classes instead of 10");
    assert_refused(input, "12288 values instead of 32 x 32 x 3");
    assert_refused(names, "calls this module TM2");
    sheet s;
    wick_run_info run = run_of(fewer);
    open_sheet(&s, build("vgg16", 0.1, 32, 10), NULL);
    assert_int_equal(report_check_run(&s.page, &run), WICK_MISMATCH);
    assert_true(wick_diag_contains(&s.diag, "runs.sqlite"));
    assert_true(wick_diag_contains(&s.diag, "3 modules instead of 4"));
    close_sheet(&s);
    wick_graph_free(fewer);
    wick_graph_free(classes);
    wick_graph_free(input);
    wick_graph_free(names);
}

static void other_macs_are_said(void **state) {
    (void)state;
    wick_graph *wider = build("vgg16", 0.2, 32, 10);
    wick_run_info run = run_of(wider);
    sheet s;
    open_sheet(&s, build("vgg16", 0.1, 32, 10), wider);
    assert_int_equal(report_check_family(&s.page), WICK_OK);
    report_say_family_macs(&s.page);
    assert_true(written(&s, "does not match this plan: extractor has"));
    s.page.html.len = 0;
    report_say_run_macs(&s.page, &run); /* it is the run of the family that was given */
    assert_int_equal(s.page.html.len, 0);
    s.page.graph = s.own;
    report_say_run_macs(&s.page, &run);
    assert_true(written(&s, "This run does not match the float family: all its modules have"));
    s.page.html.len = 0;
    s.page.graph = NULL;
    report_say_run_macs(&s.page, &run);
    assert_true(written(&s, "This run does not match this plan: all its modules have"));
    close_sheet(&s);
    wick_graph_free(wider);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_own_family_and_run_are_silent),
        cmocka_unit_test(another_family_is_refused),
        cmocka_unit_test(other_macs_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
