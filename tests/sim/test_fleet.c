/* Fleets: what is drawn, that a device's figures are those of its own run, that neither threads nor
   interruptions show, files, quantiles, and what is refused. */
#include "helper_net_plan.h"
#include "sim/fleet_file.h"

#include <math.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { SAMPLES = 400, TRACES = 2 };

typedef struct bench {
    net_plan net;
    wick_trace trace[TRACES];
    const wick_trace *traces[TRACES];
    double times[SAMPLES], powers[TRACES][SAMPLES];
    wick_sim_options simulation;
    wick_fleet_options options;
    char file[64];
} bench;

/* Two kinds of light, on average 0.7 times what the largest module takes in a period. */
static bench *make_bench(void) {
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    net_plan_make(&b->net, 5, "m4-fram", 22, 0);
    const wick_plan *p = b->net.plan;
    double need_uj = p->segments[0].cost.energy_uj + p->segments[1].cost.energy_uj;
    for (int i = 0; i < SAMPLES; i++) {
        b->times[i] = 0.25 * i;
        b->powers[0][i] = i % 40 < 8 ? 3.5 * need_uj : 0.1;
        b->powers[1][i] = i % 4 ? 0.7 * need_uj : 0.2 * need_uj;
    }
    for (int t = 0; t < TRACES; t++) {
        b->trace[t] = (wick_trace){.n = SAMPLES,
                                   .time_s = b->times,
                                   .power_uw = b->powers[t],
                                   .end_s = 0.25 * SAMPLES,
                                   .path = "light",
                                   .quantity = "power"};
        b->traces[t] = &b->trace[t];
    }
    b->simulation = wick_sim_defaults();
    b->simulation.workload.period_s = b->simulation.workload.deadline_s = 1;
    b->simulation.wait_s = 0.02;
    b->options = wick_fleet_defaults();
    b->options.n = 40;
    b->options.years = 8;
    b->options.capacitor_fade = 0.03;
    b->options.panel_fade = 0.01;
    b->options.leakage_growth = 0.1;
    snprintf(b->file, sizeof b->file, "/tmp/wick-fleet-%d.csv", (int)getpid());
    remove(b->file);
    return b;
}

static void free_bench(bench *b) {
    remove(b->file);
    net_plan_free(&b->net);
    free(b);
}

static wick_status run(bench *b, wick_fleet *fleet, wick_diag *diag) {
    return wick_fleet_run(b->net.arena, b->net.plan, b->traces, TRACES, &b->simulation,
                          b->net.correct, NET_SAMPLES, &b->options, fleet, diag);
}

static void same_fleet(const wick_fleet *a, const wick_fleet *b, int n) {
    for (int i = 0; i < n; i++) {
        assert_memory_equal(a->devices[i].figures, b->devices[i].figures,
                            sizeof a->devices[i].figures);
        assert_true(a->devices[i].works == b->devices[i].works);
    }
}

static char *read_file(bench *b, size_t *len) {
    wick_bytes bytes;
    assert_int_equal(wick_file_read(b->net.arena, b->file, 1 << 24, &bytes, NULL), WICK_OK);
    *len = bytes.len;
    return (char *)bytes.data;
}

static void devices_are_drawn_as_told(void **state) {
    (void)state;
    enum { N = 4000 };
    bench *b = make_bench();
    const wick_device *d = b->net.plan->device;
    double sum_uf = 0, sum_years = 0, sum_start = 0, sum_leak = 0, sum_panel = 0;
    double least_uf = INFINITY, most_uf = 0;
    int second = 0;
    for (int i = 0; i < N; i++) {
        wick_fleet_device x = wick_fleet_draw(b->net.plan, b->traces, TRACES, &b->options, i);
        double new_uf = x.capacitor_uf / pow(0.97, x.years) / d->capacitor.uf;
        double panel = x.panel / pow(0.99, x.years);
        double leak = log(x.leakage_ua / pow(1.1, x.years) / d->capacitor.leakage_ua) / log(3);
        assert_true(fabs(new_uf - 1) <= 0.2 + 1e-9 && fabs(panel - 1) <= 0.1 + 1e-9);
        assert_true(fabs(leak) <= 1 + 1e-9 && x.years >= 0 && x.years <= 8);
        assert_true(fabs(x.off_v / d->capacitor.off_v - 1) <= 0.02 + 1e-9);
        assert_true(x.on_v <= x.max_v && x.on_v > x.off_v);
        sum_uf += new_uf;
        sum_panel += panel;
        sum_leak += leak;
        sum_years += x.years;
        sum_start += x.start_s / b->trace[0].end_s;
        second += x.trace == 1;
        least_uf = fmin(least_uf, new_uf);
        most_uf = fmax(most_uf, new_uf);
    }
    assert_true(fabs(sum_uf / N - 1) < 0.01 && fabs(sum_panel / N - 1) < 0.005);
    assert_true(fabs(sum_leak / N) < 0.04 && fabs(sum_years / N - 4) < 0.2);
    assert_true(fabs(sum_start / N - 0.5) < 0.02 && abs(second - N / 2) < N / 20);
    assert_true(least_uf < 0.81 && most_uf > 1.19);
    b->options.seed = 2;
    wick_fleet_device other = wick_fleet_draw(b->net.plan, b->traces, TRACES, &b->options, 0);
    b->options.seed = 1;
    wick_fleet_device one = wick_fleet_draw(b->net.plan, b->traces, TRACES, &b->options, 0);
    assert_true(other.capacitor_uf != one.capacitor_uf);
    free_bench(b);
}

/* The same run put together by hand. */
static void a_device_is_its_own_run(void **state) {
    (void)state;
    bench *b = make_bench();
    b->simulation.workload.arrivals = WICK_ARRIVALS_POISSON; /* by the device's own seed */
    wick_fleet fleet;
    assert_int_equal(run(b, &fleet, NULL), WICK_OK);
    for (int i = 0; i < b->options.n; i++) {
        wick_fleet_device x = wick_fleet_draw(b->net.plan, b->traces, TRACES, &b->options, i);
        wick_device device = *b->net.plan->device;
        wick_plan plan = *b->net.plan;
        wick_sim_options options = b->simulation;
        device.capacitor.uf = plan.options.capacitor_uf = x.capacitor_uf;
        device.capacitor.on_v = x.on_v;
        device.capacitor.off_v = x.off_v;
        device.capacitor.max_v = x.max_v;
        device.capacitor.leakage_ua = x.leakage_ua;
        plan.device = &device;
        options.seed = x.seed;
        options.trace_start_s = x.start_s;
        wick_sim_result r;
        double figures[WICK_FIGURES];
        assert_int_equal(wick_sim_run(&plan,
                                      wick_trace_scaled(b->net.arena, b->traces[x.trace], x.panel),
                                      &options, b->net.correct, NET_SAMPLES, &r, NULL),
                         WICK_OK);
        wick_figures_of(&r, figures);
        assert_memory_equal(figures, fleet.devices[i].figures, sizeof figures);
        wick_sim_free(&r);
    }
    double share[] = {0, 0.5, 1}, q[3];
    wick_fleet_quantiles(&fleet, WICK_FIGURE_ACCURACY, share, 3, q);
    assert_true(q[0] < q[1] && q[1] < q[2]); /* the parts matter */
    free_bench(b);
}

static void threads_do_not_show(void **state) {
    (void)state;
    bench *b = make_bench();
    wick_fleet one, many;
    int threads = omp_get_max_threads();
    omp_set_num_threads(1);
    assert_int_equal(run(b, &one, NULL), WICK_OK);
    omp_set_num_threads(5);
    assert_int_equal(run(b, &many, NULL), WICK_OK);
    omp_set_num_threads(threads);
    same_fleet(&one, &many, b->options.n);
    free_bench(b);
}

/* A file that holds the beginning of a fleet is gone on with, to the same bytes. */
static void interruptions_do_not_show(void **state) {
    (void)state;
    bench *b = make_bench();
    wick_fleet whole, again;
    size_t len, len_again;
    b->options.file = b->file;
    assert_int_equal(run(b, &whole, NULL), WICK_OK);
    assert_int_equal(whole.resumed, 0);
    char *text = read_file(b, &len);
    char *line = text;
    for (int i = 0; i < 2 + 17; i++)
        line = strchr(line, '\n') + 1;
    assert_int_equal(wick_file_write(b->file, text, (size_t)(line - text), NULL), WICK_OK);
    assert_int_equal(run(b, &again, NULL), WICK_OK);
    assert_int_equal(again.resumed, 17);
    same_fleet(&whole, &again, b->options.n);
    char *text_again = read_file(b, &len_again);
    assert_int_equal(len, len_again);
    assert_memory_equal(text, text_again, len);
    b->options.n = 50; /* it grows */
    assert_int_equal(run(b, &again, NULL), WICK_OK);
    assert_int_equal(again.resumed, 40);
    same_fleet(&whole, &again, 40);
    b->options.n = 5; /* and a smaller one is its beginning */
    assert_int_equal(run(b, &again, NULL), WICK_OK);
    assert_int_equal(again.resumed, 5);
    same_fleet(&whole, &again, 5);
    free_bench(b);
}

static void other_files_are_refused(void **state) {
    (void)state;
    bench *b = make_bench();
    wick_fleet fleet;
    wick_diag diag = {0};
    b->options.file = b->file;
    b->options.n = 4;
    assert_int_equal(run(b, &fleet, NULL), WICK_OK);
    for (int what = 0; what < 6; what++) {
        bench changed = *b;
        changed.options.seed += what == 0;
        changed.options.years += what == 1;
        changed.simulation.workload.deadline_s -= what == 2 ? 0.1 : 0;
        changed.simulation.policy.kind =
            what == 3 ? WICK_POLICY_EDF : changed.simulation.policy.kind;
        changed.simulation.policy.rest_uj += what == 5;
        b->powers[1][7] += what == 4;
        assert_int_equal(run(&changed, &fleet, &diag), WICK_MISMATCH);
        assert_true(wick_diag_contains(&diag, "another fleet"));
        wick_diag_free(&diag);
        b->powers[1][7] -= what == 4;
    }
    assert_int_equal(wick_file_write(b->file, "a,b\n1,2\n", 8, NULL), WICK_OK);
    assert_int_equal(run(b, &fleet, &diag), WICK_MISMATCH);
    assert_true(wick_diag_contains(&diag, "not overwritten"));
    wick_diag_free(&diag);
    b->options.file = "/nonexistent/fleet.csv";
    assert_int_equal(run(b, &fleet, &diag), WICK_OUTPUT);
    wick_diag_free(&diag);
    free_bench(b);
}

/* Margins count where the policy looks at them; files of before that have the stamp they had. */
static void stamps_hold_margins_that_are_looked_at(void **state) {
    (void)state;
    static const char before[] = "98a8125f6257276f5c58bdddb6848a63ee7c5233f0fa8aca9e5ebd700784d497";
    wick_plan plan = {.model = {.n_modules = 2}, .hash = {.hex = "aa"}};
    wick_sim_options o = {.policy = {.kind = WICK_POLICY_GREEDY}, .wait_s = 1};
    wick_fleet_options fleet = {.seed = 1};
    const uint8_t correct[4] = {1, 1, 1, 0};
    uint16_t margins[4] = {40, 3, 12, 700};
    wick_hash stamp[5];
    assert_string_equal(fleet_stamp(&plan, NULL, 0, &o, correct, 2, &fleet).hex, before);
    o.margins = margins;
    assert_string_equal(fleet_stamp(&plan, NULL, 0, &o, correct, 2, &fleet).hex, before);
    for (int i = 0; i < 5; i++) {
        o.policy.sure[1] = i == 1 ? 6 : 5;
        o.policy.sure[0] = i == 2;
        margins[3] = i == 3 ? 701 : 700;
        o.margins = i == 4 ? NULL : margins;
        stamp[i] = fleet_stamp(&plan, NULL, 0, &o, correct, 2, &fleet);
        assert_string_not_equal(stamp[i].hex, before);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(stamp[i].hex, stamp[k].hex);
    }
}

/* ---- damaged files ---- */

/* The start of line `n`, from 1; the end of the text where there is none. */
static char *line_at(char *text, int n) {
    for (int i = 1; i < n && *text; i++)
        text += strcspn(text, "\n") + (text[strcspn(text, "\n")] == '\n');
    return text;
}

/* `text` with one cell of a line written otherwise; in the bench's arena. */
static char *with_cell(bench *b, char *text, int line, const char *column, const char *value) {
    char *name = line_at(text, 2), *cell = line_at(text, line);
    size_t length = strlen(column);
    while (strncmp(name, column, length) != 0 || !strchr(",\n", name[length])) {
        name = strchr(name, ',') + 1; /* a crash here: no such column */
        cell = strchr(cell, ',') + 1;
    }
    return wick_arena_printf(b->net.arena, "%.*s%s%s", (int)(cell - text), text, value,
                             cell + strcspn(cell, ",\n"));
}

/* The fleet does not go on with this, and leaves it as it is. */
static void damaged(bench *b, const char *text, int line, wick_status status, const char *says) {
    wick_fleet fleet;
    wick_diag diag = {0};
    size_t len;
    char place[32] = "";
    if (line)
        snprintf(place, sizeof place, "line %d", line);
    assert_int_equal(wick_file_write(b->file, text, strlen(text), NULL), WICK_OK);
    wick_status got = run(b, &fleet, &diag);
    if (got != status || diag.count != 1 || !strstr(diag.items[0].reason, says) ||
        strcmp(diag.items[0].place ? diag.items[0].place : "", place) != 0) {
        wick_diag_print(&diag, stderr);
        fail_msg("%s instead of %s at '%s' with: %s", wick_status_name(got),
                 wick_status_name(status), place, says);
    }
    assert_string_equal(diag.items[0].file, b->file);
    assert_non_null(strstr(diag.items[0].hint, "the same command"));
    wick_diag_free(&diag);
    char *after = read_file(b, &len);
    assert_true(len == strlen(text) && !memcmp(after, text, len));
}

/* The file of a fleet of twelve. */
static char *finished(bench *b) {
    wick_fleet fleet;
    size_t len;
    b->options.file = b->file;
    b->options.n = 12;
    assert_int_equal(run(b, &fleet, NULL), WICK_OK);
    return read_file(b, &len);
}

static void changed_rows_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *column, *value, *says;
        wick_status status;
    } cells[] = {
        {"device", "5.5", "device 5.5 stands where device 5 belongs", WICK_MISMATCH},
        {"device", "", "is '', not a number", WICK_SYNTAX},
        {"trace", "9", "trace is 9, but device 5 has", WICK_MISMATCH},
        {"start_s", "-1", "start_s is -1, but", WICK_MISMATCH},
        {"years", "xyz", "years is 'xyz', not a number", WICK_SYNTAX},
        {"capacitor_uf", "nan", "not a number", WICK_SYNTAX},
        {"capacitor_uf", "0x10", "not a number", WICK_SYNTAX},
        {"panel", "-5", "panel is -5, but device 5 has", WICK_MISMATCH},
        {"on_v", "4.4321", "on_v is 4.4321, but", WICK_MISMATCH},
        {"off_v", "0", "off_v is 0, but", WICK_MISMATCH},
        {"max_v", "", "max_v is ''", WICK_SYNTAX},
        {"leakage_ua", "1e9", "leakage_ua is 1e9, but", WICK_MISMATCH},
        {"answers", "7.5", "answers is 7.5, which is no value", WICK_RANGE},
        {"accuracy", "1", "accuracy 1 is above answers", WICK_MISMATCH},
        {"commits", "1.01", "commits is 1.01, which", WICK_RANGE},
        {"drawn", "-1", "drawn is -1, which", WICK_RANGE},
        {"latency", "inf", "latency is 'inf', not a number", WICK_SYNTAX},
        {"works", "0", "a device that does not work has figures", WICK_MISMATCH},
        {"works", "0.5", "works is 0.5, not 0 or 1", WICK_RANGE},
        {"works", "1,1", "21 values instead of 20", WICK_SHAPE},
        {"works", "", "20", WICK_SHAPE},
    };
    bench *b = make_bench();
    wick_fleet fleet;
    size_t len;
    char *text = finished(b);
    enum { FIFTH = 3 + 5 }; /* its line */
    for (size_t i = 0; i < WICK_LEN(cells); i++)
        damaged(b, with_cell(b, text, FIFTH, cells[i].column, cells[i].value), FIFTH,
                cells[i].status, cells[i].says);
    /* The way out: without that line and those below it goes on, to the same bytes. */
    char *line = line_at(text, FIFTH);
    assert_int_equal(wick_file_write(b->file, text, (size_t)(line - text), NULL), WICK_OK);
    assert_int_equal(run(b, &fleet, NULL), WICK_OK);
    assert_int_equal(fleet.resumed, 5);
    char *again = read_file(b, &len);
    assert_string_equal(text, again);
    /* Rewritten digits that are the same number are no change. */
    char *same = with_cell(b, text, FIFTH, "trace", fleet.devices[5].trace ? "2.0" : "1.0");
    assert_int_equal(wick_file_write(b->file, same, strlen(same), NULL), WICK_OK);
    assert_int_equal(run(b, &fleet, NULL), WICK_OK);
    assert_int_equal(fleet.resumed, 12);
    free_bench(b);
}

static void lost_and_doubled_rows_are_refused(void **state) {
    (void)state;
    bench *b = make_bench();
    wick_arena *arena = b->net.arena;
    wick_fleet fleet;
    char *text = finished(b);
    size_t len = strlen(text);
    char *first = line_at(text, 3), *at = line_at(text, 8), *below = line_at(text, 9);
    int above = (int)(at - text), row = (int)(below - at);
    damaged(b, wick_arena_printf(arena, "%.*s%s", above, text, below), 8, WICK_MISMATCH,
            "device 6 stands where device 5 belongs");
    damaged(b, wick_arena_printf(arena, "%.*s%.*s%s", above, text, row, at, at), 9, WICK_MISMATCH,
            "device 5 stands where device 6 belongs");
    damaged(b, wick_arena_printf(arena, "%s%.*s", text, row, at), 15, WICK_MISMATCH,
            "device 5 stands where device 12 belongs");
    b->options.n = 5; /* also behind those that are wanted */
    damaged(b, wick_arena_printf(arena, "%s%.*s", text, row, at), 15, WICK_MISMATCH,
            "device 5 stands where device 12 belongs");
    b->options.n = 12;
    /* Cut off: in the last row, in the header, behind the stamp. */
    for (size_t cut = 2; cut < strlen(line_at(text, 14)); cut += 7)
        damaged(b, wick_arena_printf(arena, "%.*s", (int)(len - cut), text), 14, WICK_TRUNCATED,
                "cut off in this line");
    damaged(b, wick_arena_printf(arena, "%.*s", (int)(first - text - 9), text), 2, WICK_TRUNCATED,
            "cut off in this line");
    damaged(b, wick_arena_printf(arena, "%.*s", (int)(line_at(text, 2) - text), text), 0,
            WICK_TRUNCATED, "holds no device");
    damaged(b, with_cell(b, text, 2, "panel", "power_uw"), 2, WICK_SYNTAX,
            "not the columns of a fleet");
    /* Only the last line end is lost: nothing is. */
    assert_int_equal(wick_file_write(b->file, text, len - 1, NULL), WICK_OK);
    assert_int_equal(run(b, &fleet, NULL), WICK_OK);
    assert_int_equal(fleet.resumed, 12);
    free_bench(b);
}

/* Where a brown-out voltage is drawn below the part's reset, the reset is what ends it. Nothing
   else is drawn otherwise for that, and the default tolerances draw none. */
static void a_part_ends_at_its_reset(void **state) {
    (void)state;
    enum { N = 400 };
    bench *b = make_bench();
    wick_device free_of_it = *b->net.plan->device, *d = &free_of_it;
    wick_plan plan = *b->net.plan;
    double reset_v = d->nvm.reset_v;
    plan.device = d;
    for (int wide = 0; wide < 2; wide++) {
        b->options.threshold_tolerance = wide ? 0.25 : wick_fleet_defaults().threshold_tolerance;
        int below = 0;
        for (int i = 0; i < N; i++) {
            wick_fleet_device x = wick_fleet_draw(b->net.plan, b->traces, TRACES, &b->options, i);
            d->nvm.reset_v = 0;
            wick_fleet_device other = wick_fleet_draw(&plan, b->traces, TRACES, &b->options, i);
            d->nvm.reset_v = reset_v;
            below += other.off_v < reset_v;
            assert_true(x.off_v == fmax(reset_v, other.off_v) && x.off_v < x.on_v);
            assert_true(x.on_v == other.on_v && x.leakage_ua == other.leakage_ua);
        }
        assert_true(wide ? below > N / 8 && below < N / 2 : below == 0);
    }
    /* One whose reset leaves too little of the charge does not work, and is counted so. */
    int works[2] = {0, 0};
    b->options.n = 20;
    b->options.threshold_tolerance = 0.2;
    d->capacitor.uf = plan.options.capacitor_uf = 11;
    for (int late = 0; late < 2; late++) {
        wick_fleet fleet;
        d->nvm.reset_v = late ? 0 : 3.19; /* none wakes below 3.2 V */
        assert_int_equal(wick_fleet_run(b->net.arena, &plan, b->traces, TRACES, &b->simulation,
                                        b->net.correct, NET_SAMPLES, &b->options, &fleet, NULL),
                         WICK_OK);
        for (int i = 0; i < b->options.n; i++)
            works[late] += fleet.devices[i].works;
    }
    assert_true(works[0] > 0 && works[0] < works[1]);
    d->nvm.reset_v = 3.3;
    wick_fleet fleet;
    wick_diag diag = {0};
    assert_int_equal(wick_fleet_run(b->net.arena, &plan, b->traces, TRACES, &b->simulation,
                                    b->net.correct, NET_SAMPLES, &b->options, &fleet, &diag),
                     WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "brown out at 3.300 V and wake at 3.200 V"));
    wick_diag_free(&diag);
    free_bench(b);
}

/* A capacitor that carries no span is a device that answers nothing, not a failure of the fleet. */
static void devices_that_cannot_run_are_counted(void **state) {
    (void)state;
    bench *b = make_bench();
    wick_fleet fleet, again;
    b->options.capacitor_tolerance = 0.99;
    b->options.capacitor_fade = 0.7;
    b->options.file = b->file;
    assert_int_equal(run(b, &fleet, NULL), WICK_OK);
    assert_int_equal(run(b, &again, NULL), WICK_OK);
    assert_int_equal(again.resumed, b->options.n);
    same_fleet(&fleet, &again, b->options.n);
    int dead = 0;
    for (int i = 0; i < b->options.n; i++)
        if (!fleet.devices[i].works) {
            dead++;
            assert_true(fleet.devices[i].figures[WICK_FIGURE_ACCURACY] == 0);
            assert_true(isnan(fleet.devices[i].figures[WICK_FIGURE_COMMITS]));
        }
    assert_true(dead > 0 && dead < b->options.n);
    free_bench(b);
}

static void quantiles_by_hand(void **state) {
    (void)state;
    wick_fleet_device devices[6];
    wick_fleet fleet = {.n = 6, .devices = devices};
    static const double values[6] = {40, 10, NAN, 30, 20, 50};
    for (int i = 0; i < 6; i++)
        devices[i].figures[WICK_FIGURE_LATENCY] = values[i];
    double share[] = {0, 0.1, 0.5, 0.9, 1}, q[5];
    wick_fleet_quantiles(&fleet, WICK_FIGURE_LATENCY, share, 5, q);
    static const double expected[] = {10, 14, 30, 46, 50};
    for (int i = 0; i < 5; i++)
        assert_true(fabs(q[i] - expected[i]) < 1e-9);
    for (int i = 0; i < 6; i++)
        devices[i].figures[WICK_FIGURE_LATENCY] = NAN;
    wick_fleet_quantiles(&fleet, WICK_FIGURE_LATENCY, share, 5, q);
    assert_true(isnan(q[0]) && isnan(q[4]));
}

static void impossible_spreads_are_refused(void **state) {
    (void)state;
    bench *b = make_bench();
    wick_fleet fleet;
    wick_diag diag = {0};
    b->options.threshold_tolerance = 0.5; /* 2 V and 4 V meet */
    assert_int_equal(run(b, &fleet, &diag), WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "brown out at"));
    wick_diag_free(&diag);
    b->options.threshold_tolerance = 0.01;
    b->options.leakage_factor = 0.5;
    assert_int_equal(run(b, &fleet, &diag), WICK_RANGE);
    wick_diag_free(&diag);
    b->options.leakage_factor = 1;
    double years = b->options.years;
    b->options.leakage_growth = b->options.years = 1000; /* more than a double holds */
    assert_int_equal(run(b, &fleet, &diag), WICK_RANGE);
    wick_diag_free(&diag);
    b->options.leakage_growth = 0;
    b->options.years = years;
    b->options.panel_fade = NAN;
    assert_int_equal(run(b, &fleet, &diag), WICK_RANGE);
    wick_diag_free(&diag);
    b->options.panel_fade = 0;
    b->options.n = 0;
    assert_int_equal(run(b, &fleet, &diag), WICK_RANGE);
    wick_diag_free(&diag);
    b->options.n = 3;
    b->simulation.workload.deadline_s = -1; /* every device fails: told once */
    assert_int_equal(run(b, &fleet, &diag), WICK_RANGE);
    assert_int_equal(diag.count, 1);
    wick_diag_free(&diag);
    free_bench(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_are_drawn_as_told),
        cmocka_unit_test(a_device_is_its_own_run),
        cmocka_unit_test(threads_do_not_show),
        cmocka_unit_test(interruptions_do_not_show),
        cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(stamps_hold_margins_that_are_looked_at),
        cmocka_unit_test(changed_rows_are_refused),
        cmocka_unit_test(lost_and_doubled_rows_are_refused),
        cmocka_unit_test(a_part_ends_at_its_reset),
        cmocka_unit_test(devices_that_cannot_run_are_counted),
        cmocka_unit_test(quantiles_by_hand),
        cmocka_unit_test(impossible_spreads_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
