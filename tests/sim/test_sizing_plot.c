/* The picture of a sizing: few labels, an outline, one box for each stretch of equal cells, colours
   from the data, and what it was asked. */
#include "helper_drawn.h"
#include "sim/sim.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct map {
    wick_sizing sizing;
    wick_sizing_point points[WICK_SIZING_AXIS * WICK_SIZING_AXIS];
    wick_buf script;
} map;

/* Accuracy 10 % to 25 %, feasible from 20 % on; the smallest capacitor never fits. */
static map *make(int capacitors, int panels) {
    map *m = calloc(1, sizeof *m);
    assert_non_null(m);
    wick_sizing *s = &m->sizing;
    *s = (wick_sizing){.trace = "/a/folder/of_traces/day's_light.csv",
                       .inputs = capacitors == 3 ? 25 : -1,
                       .on_v = {1, {3}},
                       .off_v = {1, {2}},
                       .n = capacitors * panels,
                       .points = m->points,
                       .best = -1,
                       .other = -1};
    s->capacitor_uf.n = capacitors;
    s->panel.n = panels;
    assert_int_equal(wick_target_parse("accuracy>=20%,answers>=50%", &s->target, NULL), WICK_OK);
    for (int i = 0; i < s->n; i++) {
        int x = i % capacitors, y = i / capacitors;
        double accuracy = 0.1 + 0.15 * (x + y) / fmax(1, capacitors + panels - 2);
        s->capacitor_uf.value[x] = 10 * (x + 1);
        s->panel.value[y] = 0.1 * (y + 1);
        m->points[i] = (wick_sizing_point){.on_v = 3, .off_v = 2, .fits = x > 0};
        m->points[i].figures[WICK_FIGURE_ACCURACY] = x > 0 ? accuracy : NAN;
        m->points[i].feasible = x > 0 && accuracy >= 0.2;
        if (m->points[i].feasible && s->best < 0)
            s->best = i;
    }
    wick_sizing_script(s, &m->script);
    return m;
}

static void discard(map *m) {
    wick_buf_free(&m->script);
    free(m);
}

static bool says(const map *m, const char *text) {
    return strstr(m->script.data, text) != NULL;
}

static int labels_of(const map *m, const char *axis) {
    const char *at = strstr(m->script.data, axis);
    int n = 0;
    assert_non_null(at);
    for (; *at != '\n'; at++)
        n += *at == '\'';
    return n / 2;
}

static void it_says_what_was_asked(void **state) {
    (void)state;
    map *m = make(3, 3);
    assert_true(says(m, "Target accuracy>=20%,answers>=50%"));
    assert_true(says(m, "Trace day''s_light.csv, 25 inputs'")); /* as gnuplot quotes it */
    map *old = make(2, 2); /* of a file of before inputs were written */
    assert_true(says(old, "Trace day''s_light.csv'"));
    discard(old);
    static const char *const legend[] = {"reaches the target", "cheapest", "does not fit"};
    for (size_t i = 0; i < WICK_LEN(legend); i++)
        assert_true(says(m, legend[i]));
    assert_drawn(&m->script, ".png", 560, 380);
    discard(m);
}

static void many_labels_are_thinned(void **state) {
    (void)state;
    map *few = make(5, 4), *many = make(WICK_SIZING_AXIS, WICK_SIZING_AXIS);
    assert_int_equal(labels_of(few, "set xtics ("), 5);
    assert_int_equal(labels_of(few, "set ytics ("), 4);
    assert_in_range(labels_of(many, "set xtics ("), 6, 12);
    assert_in_range(labels_of(many, "set ytics ("), 5, 9);
    assert_drawn(&many->script, ".png", 560, 380);
    discard(few);
    discard(many);
}

static void colours_span_the_data(void **state) {
    (void)state;
    map *m = make(16, 16), *one = make(1, 1);
    assert_true(says(m, "set cbrange [10:25]"));
    assert_true(says(one, "set cbrange [0:100]")); /* nothing fits */
    assert_drawn(&one->script, ".png", 560, 380);
    discard(m);
    discard(one);
}

/* Lines of the outline: as many as the region's cells have neighbours outside of it. */
static void the_region_is_outlined(void **state) {
    (void)state;
    for (int n = 2; n <= WICK_SIZING_AXIS; n += 31) {
        map *m = make(n, n);
        int want = 0, got = 0;
        for (int i = 0; i < n * n; i++) {
            if (!m->points[i].feasible)
                continue;
            want += i % n == 0 || !m->points[i - 1].feasible;
            want += i % n == n - 1 || !m->points[i + 1].feasible;
            want += i < n || !m->points[i - n].feasible;
            want += i >= n * (n - 1) || !m->points[i + n].feasible;
        }
        const char *at = strstr(m->script.data, "$outline << EOD\n");
        for (at = strchr(at, '\n') + 1; strncmp(at, "EOD", 3) != 0; at = strchr(at, '\n') + 1)
            got += *at == '\n'; /* behind each line */
        assert_true(want > 0);
        assert_int_equal(got, want);
        discard(m);
    }
}

/* Boxes of one accuracy cover the cells that fit, each once but for the seams, and no others. */
static void cells_that_fit_are_covered(void **state) {
    (void)state;
    enum { N = 24 };
    map *m = make(N, N);
    int boxes = 0, covered[N * N] = {0};
    for (int i = 0; i < N * N; i++) { /* stretches of the same */
        double accuracy = m->points[i].figures[WICK_FIGURE_ACCURACY];
        m->points[i].figures[WICK_FIGURE_ACCURACY] = floor(accuracy * 40) / 40;
    }
    m->points[N * 7 + 9].fits = false;
    wick_buf_free(&m->script);
    wick_sizing_script(&m->sizing, &m->script);
    const char *at = strstr(m->script.data, "$shaded << EOD\n");
    for (at = strchr(at, '\n') + 1; strncmp(at, "NaN", 3) != 0; at = strchr(at, '\n') + 1) {
        double left, right, low, high, accuracy;
        assert_int_equal(
            sscanf(at, "%*f %*f %lf %lf %lf %lf %lf", &left, &right, &low, &high, &accuracy), 5);
        boxes++;
        for (int i = 0; i < N * N; i++) {
            int x = i % N, y = i / N;
            if (x < left || x > right || y < low || y > high)
                continue;
            covered[i]++;
            assert_true(fabs(100 * m->points[i].figures[WICK_FIGURE_ACCURACY] - accuracy) < 0.01);
        }
    }
    for (int i = 0; i < N * N; i++)
        assert_int_equal(covered[i], m->points[i].fits);
    assert_in_range(boxes, N, 8 * N);
    discard(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_was_asked),     cmocka_unit_test(many_labels_are_thinned),
        cmocka_unit_test(colours_span_the_data),      cmocka_unit_test(the_region_is_outlined),
        cmocka_unit_test(cells_that_fit_are_covered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
