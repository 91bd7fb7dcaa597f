#include "size_target.h"

#include "outputs.h"
#include "sim_notes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEY_TARGET = 1024,
    KEY_CAPACITORS,
    KEY_PANELS,
    KEY_WAKE,
    KEY_BROWN_OUT,
    KEY_PRICE,
    KEY_LEAKAGE,
    KEY_PLOT
};

static const struct argp_option option_table[] = {
    {0, 0, 0, 0, "Sizing:", 1},
    {"target", KEY_TARGET, "GOALS", 0,
     "instead of the memory: the capacitors, panels and thresholds that reach this, such as "
     "\"accuracy>=80%,answers>=95%\"; figures: accuracy (the expected one: an answer counts with its "
     "module's share of right ones among the --samples images; wick sim counts the images that "
     "came), answers, latency (5ms), failures (3/day), wasted, leakage, commits, repeats, drawn (an "
     "input: 1mJ)",
     0},
    {"policy", 'p', "POLICY", 0, "as for wick sim (default greedy)", 0},
    {"capacitors", KEY_CAPACITORS, "UF,...", 0,
     "capacitors to try (default: 14 from the smallest that carries a span, and the plan's)", 0},
    {"panels", KEY_PANELS, "F,...", 0,
     "factors on the harvest, as a panel of so many times the area gives (default: 1/4 to 4)", 0},
    {"wake", KEY_WAKE, "V,...", 0,
     "wake voltages to try (default: three below the full capacitor's, and the device's)", 0},
    {"brown-out", KEY_BROWN_OUT, "V,...", 0,
     "brown-out voltages to try, none below the one at which the part resets (default: the "
     "device's)",
     0},
    {"price", KEY_PRICE, "UF,PANEL", 0,
     "what a uF costs and what a panel of factor 1 costs, in any currency: decides which is "
     "cheapest (default: the smallest panel, then the smallest capacitor)",
     0},
    {"leakage", KEY_LEAKAGE, "UA", 0,
     "what a capacitor leaks more, at the clamp voltage, for each uF that it is larger than the "
     "plan's (default 0: all leak alike)",
     0},
    {"plot", KEY_PLOT, "FILE", 0, "draw the feasible region, .svg or .png", 0},
    {0}};

static void numbers(struct argp_state *state, const char *option, const char *example,
                    const char *text, wick_size_axis *axis) {
    for (const char *at = text; *at;) {
        char *end;
        double value = wick_strtod(at, &end);
        if (end == at || !(value > 0) || !isfinite(value) || (*end && *end != ',') ||
            axis->n == WICK_SIZING_AXIS || (axis->n && value <= axis->value[axis->n - 1]))
            argp_error(state, "--%s takes up to %d numbers above 0, from small to large: %s",
                       option, WICK_SIZING_AXIS, example);
        axis->value[axis->n++] = value;
        at = *end ? end + 1 : end;
    }
}

/* Options of the simulation, on which the memory does not depend; those of the world are said
   (sim_args). */
static error_t parse_sim(int key, char *text, struct argp_state *state) {
    size_target_args *a = state->input;
    a->needs_target = a->needs_target || (key > 0 && key < ARGP_KEY_END); /* argp's are above */
    state->input = &a->sim;
    error_t error = sim_argp.parser(key, text, state);
    state->input = a;
    return error;
}

static error_t parse(int key, char *text, struct argp_state *state) {
    size_target_args *a = state->input;
    a->needs_target = a->needs_target || key == 'p' || (key > KEY_TARGET && key <= KEY_PLOT);
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = a;
        break;
    case KEY_TARGET:
        a->target = text;
        break;
    case 'p':
        a->policy = text;
        break;
    case KEY_CAPACITORS:
        numbers(state, "capacitors", "47,100,220", text, &a->options.capacitor_uf);
        break;
    case KEY_PANELS:
        numbers(state, "panels", "0.5,1,2", text, &a->options.panel);
        break;
    case KEY_WAKE:
        numbers(state, "wake", "3,3.5,4", text, &a->options.on_v);
        break;
    case KEY_BROWN_OUT:
        numbers(state, "brown-out", "2,2.2,2.5", text, &a->options.off_v);
        break;
    case KEY_PRICE: {
        double prices[2];
        if (!wick_parse_numbers(text, 2, prices) || !(prices[0] >= 0) || !(prices[1] >= 0) ||
            isinf(prices[0] + prices[1]))
            argp_error(state, "--price takes two prices, such as 0.004,3.5");
        a->options.price_per_uf = prices[0];
        a->options.price_per_panel = prices[1];
        break;
    }
    case KEY_LEAKAGE:
        a->options.leakage_ua_per_uf = cli_number(state, "leakage", text, 0, 1e6);
        break;
    case KEY_PLOT:
        a->plot = text;
        if (!wick_gnuplot_draws(text))
            argp_error(state, "--plot draws .svg or .png");
        break;
    case ARGP_KEY_END:
        if (a->target && (a->sim.n_traces != 1 || !a->sim.data))
            argp_error(state, "--target needs one --trace and --data");
        if (!a->target && (a->needs_target || a->sim.n_said))
            argp_error(state, "say what it is for: --target \"accuracy>=80%%,answers>=95%%\"");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static struct argp sim_with_target; /* sim_argp behind parse_sim */
static const struct argp_child children[] = {
    {&sim_with_target, 0, "Simulation (with --target):", 2}, {0}};
const struct argp size_target_argp = {option_table, parse, 0, 0, children, 0, 0};

size_target_args size_target_defaults(void) {
    sim_with_target = sim_argp;
    sim_with_target.parser = parse_sim;
    return (size_target_args){.sim = sim_args_defaults(), .policy = "greedy"};
}

/* ---- results ---- */

static const wick_figure shown[] = {WICK_FIGURE_ACCURACY, WICK_FIGURE_ANSWERS, WICK_FIGURE_LATENCY,
                                    WICK_FIGURE_FAILURES, WICK_FIGURE_WASTED,  WICK_FIGURE_COMMITS};
enum { SHOWN = 6, COLUMNS = 4 + SHOWN };

/* Two decimals, or as many more, up to four, as it has: 3.00, 2.625. */
static const char *volts(wick_arena *arena, double v) {
    int decimals = 2;
    while (decimals < 4 && fabs(v * pow(10, decimals) - round(v * pow(10, decimals))) > 1e-6)
        decimals++;
    return wick_arena_printf(arena, "%.*f", decimals, v);
}

static void fill_row(wick_arena *arena, const char *name, const wick_sizing_point *p,
                     const char **row) {
    row[0] = name;
    row[1] = wick_arena_printf(arena, "%.6g", p->capacitor_uf);
    row[2] = wick_arena_printf(arena, "%.3g", p->panel);
    row[3] = wick_arena_printf(arena, "%s, %s", volts(arena, p->on_v), volts(arena, p->off_v));
    for (int i = 0; i < SHOWN; i++)
        row[4 + i] = wick_figure_text(arena, shown[i], p->figures[shown[i]]);
}

/* The plan as it is, and the smallest panel for each capacitor. */
static void print_front(const wick_sizing *s, wick_arena *arena) {
    static const char *const header[4] = {"", "capacitor µF", "panel", "wake, brown-out V"};
    const char **cells = wick_new(arena, const char *, COLUMNS *(s->capacitor_uf.n + 2));
    int *front = wick_new(arena, int, s->capacitor_uf.n), rows = 2;
    wick_sizing_front(s, front);
    memcpy(cells, header, sizeof header);
    for (int i = 0; i < SHOWN; i++)
        cells[4 + i] =
            shown[i] == WICK_FIGURE_FAILURES ? "power failures" : wick_figure_name(shown[i]);
    fill_row(arena, "as planned", &s->own, cells + COLUMNS);
    for (int c = 0; c < s->capacitor_uf.n; c++)
        if (front[c] >= 0)
            fill_row(arena, front[c] == s->best ? "cheapest" : "feasible", &s->points[front[c]],
                     cells + COLUMNS * rows++);
    cli_print_table(cells, rows, COLUMNS);
}

/* The questions of every developer of such a device, for the plan as it is. */
static void print_answers(const wick_sizing *s, wick_arena *arena) {
    const double *f = s->own.figures;
    if (!s->own.fits) {
        printf("\nAs planned the device cannot run: see wick sim.\n");
        return;
    }
    double commits_uj = f[WICK_FIGURE_COMMITS] * f[WICK_FIGURE_DRAWN];
    printf("\ncommits      %s of the device's energy, %s an input; boots and repeated work %s\n",
           wick_figure_text(arena, WICK_FIGURE_COMMITS, f[WICK_FIGURE_COMMITS]),
           isnan(commits_uj) ? "-" : wick_text_energy(arena, commits_uj),
           wick_figure_text(arena, WICK_FIGURE_REPEATS, f[WICK_FIGURE_REPEATS]));
    printf("full         %s of the harvest is thrown away at a full capacitor, %s leaks away\n",
           wick_figure_text(arena, WICK_FIGURE_WASTED, f[WICK_FIGURE_WASTED]),
           wick_figure_text(arena, WICK_FIGURE_LEAKAGE, f[WICK_FIGURE_LEAKAGE]));
    if (s->other < 0) {
        printf("capacitor    not compared: the panel 1 and the device's thresholds are not among "
               "those tried\n");
        return;
    }
    const wick_sizing_point *p = &s->points[s->other];
    double gain = 100 * (p->figures[WICK_FIGURE_ACCURACY] - f[WICK_FIGURE_ACCURACY]);
    if (gain > 0.1)
        printf(
            "capacitor    another one would help: %.6g µF gives %.1f %% accuracy, %+.1f points\n",
            p->capacitor_uf, 100 * p->figures[WICK_FIGURE_ACCURACY], gain);
    else if (p->capacitor_uf < 0.99 * s->own_uf)
        printf("capacitor    none is better; %.6g µF would do as well (%.1f %%)\n", p->capacitor_uf,
               100 * p->figures[WICK_FIGURE_ACCURACY]);
    else
        printf("capacitor    none of those tried is better\n");
}

static void print_choice(const wick_sizing *s, const size_target_args *a, wick_arena *arena) {
    const char *target = wick_target_text(arena, &s->target);
    if (s->best < 0)
        return;
    int feasible = 0, fits = 0;
    for (int i = 0; i < s->n; i++) {
        feasible += s->points[i].feasible;
        fits += s->points[i].fits;
    }
    printf("\n%d of %d combinations reach %s", feasible, s->n, target);
    if (fits < s->n)
        printf(" (%d do not fit)", s->n - fits);
    printf("\n");
    const wick_sizing_point *p = &s->points[s->best];
    printf("cheapest     %.6g µF, panel %.3g, wakes at %s V, browns out at %s V", p->capacitor_uf,
           p->panel, volts(arena, p->on_v), volts(arena, p->off_v));
    if (a->options.price_per_uf > 0 || a->options.price_per_panel > 0)
        printf(": costs %.4g\n",
               a->options.price_per_uf * p->capacitor_uf + a->options.price_per_panel * p->panel);
    else
        printf(" (smallest panel, then smallest capacitor; --price decides otherwise)\n");
}

/* How often the best of the modules is right, on the inputs at hand. */
static double best_accuracy(const sim_world *w) {
    double best = 0;
    for (int k = 0; k < w->plan->model.n_modules; k++) {
        int right = 0;
        for (int s = 0; s < w->inputs.n; s++)
            right += w->inputs.correct[k * w->inputs.n + s] != 0;
        best = fmax(best, (double)right / w->inputs.n);
    }
    return best;
}

/* The goal that no combination reaches even by itself, and how near the nearest comes; -1: each is
   reached by some. */
static int hopeless(const wick_sizing *s, double *nearest) {
    for (int g = 0; g < s->target.n; g++) {
        bool at_least = s->target.goal[g].at_least;
        *nearest = NAN;
        for (int i = 0; i < s->n; i++) {
            double value = s->points[i].figures[s->target.goal[g].figure];
            *nearest = at_least ? fmax(*nearest, value) : fmin(*nearest, value); /* passes NaN */
        }
        if (!(at_least ? *nearest >= s->target.goal[g].value : *nearest <= s->target.goal[g].value))
            return g;
    }
    return -1;
}

/* What moves a figure towards its goal. */
static const char *remedy(wick_figure figure, bool at_least) {
    if (at_least)
        return "try larger --panels or --capacitors, longer deadlines, or ask for less";
    switch (figure) {
    case WICK_FIGURE_DRAWN:
        return "try smaller --panels, a --policy that takes smaller modules, or a network that "
               "takes less energy, or allow more";
    case WICK_FIGURE_WASTED:
        return "try smaller --panels or larger --capacitors, or allow more";
    case WICK_FIGURE_LEAKAGE:
        return "try smaller --capacitors, larger --panels or a lower --wake, or allow more";
    case WICK_FIGURE_COMMITS:
        return "try larger --capacitors, whose spans are longer, or allow more";
    default:
        return "try larger --panels or --capacitors, or allow more";
    }
}

/* Nothing that was tried wakes, as far as it fits. */
static bool none_wakes(const wick_sizing *s) {
    for (int i = 0; i < s->n; i++)
        if (s->points[i].fits && !sim_never_wakes(s->points[i].figures))
            return false;
    return true;
}

static const char *wake_remedy(const wick_sizing *s, const sim_world *w,
                               const wick_sim_options *options, wick_arena *arena) {
    wick_sim_charge charge;
    if (wick_sim_charge_alone(w->plan, w->traces[0], options, &charge, NULL) == WICK_OK &&
        charge.limit_v < s->on_v.value[0])
        return wick_arena_printf(arena,
                                 "none of these devices wakes: behind the diode this source "
                                 "charges to %.4g V at most: try a lower --wake",
                                 fmax(0, charge.limit_v));
    return "none of these devices wakes: try larger --panels, a lower --wake, or more harvest "
           "(--scale)";
}

/* Nothing reaches the target: why, and what would help. */
static wick_status none_does(const wick_sizing *s, const sim_world *w,
                             const wick_sim_options *options, wick_arena *arena, wick_diag *diag) {
    const char *hint = "each part is reached by some combination, but no one reaches all: ask for "
                       "less of one, or try more values between";
    double best = best_accuracy(w), nearest = NAN;
    int fits = 0, part = hopeless(s, &nearest);
    for (int i = 0; i < s->n; i++)
        fits += s->points[i].fits;
    if (!fits)
        hint = "none carries a span: try larger --capacitors";
    else if (none_wakes(s))
        hint = wake_remedy(s, w, options, arena);
    else if (part >= 0 && s->target.goal[part].figure == WICK_FIGURE_ACCURACY &&
             s->target.goal[part].at_least && s->target.goal[part].value > best)
        hint = wick_arena_printf(arena,
                                 "no module is right more often than %.1f %% on these inputs: "
                                 "train longer or wider, or ask for less; no capacitor helps",
                                 100 * best);
    else if (part >= 0)
        hint = wick_arena_printf(
            arena, "%s is %s at best: %s", wick_figure_name(s->target.goal[part].figure),
            wick_figure_text(arena, s->target.goal[part].figure, nearest),
            remedy(s->target.goal[part].figure, s->target.goal[part].at_least));
    return wick_fail(diag, WICK_NO_FIT, "--target", wick_target_text(arena, &s->target), hint,
                     "none of %d combinations reaches it (%d do not fit)", s->n, s->n - fits);
}

/* Without any input these are no numbers. */
static bool needs_inputs(wick_figure figure) {
    return figure == WICK_FIGURE_ACCURACY || figure == WICK_FIGURE_ANSWERS ||
           figure == WICK_FIGURE_LATENCY || figure == WICK_FIGURE_DRAWN;
}

/* No combination could reach such a target. */
static wick_status check_inputs(const size_target_args *a, const sim_world *w, wick_arena *arena,
                                wick_diag *diag) {
    const wick_sim_options *o = &a->sim.options;
    const wick_target *target = &a->options.target;
    double duration_s = wick_sim_duration_s(o, w->traces[0]);
    bool needs = false;
    for (int i = 0; i < target->n; i++)
        needs = needs || needs_inputs(target->goal[i].figure);
    if (!needs || wick_workload_inputs(&o->workload, o->seed, duration_s) > 0)
        return WICK_OK;
    bool listed = o->workload.arrivals == WICK_ARRIVALS_LISTED;
    const char *hint =
        listed ? wick_arena_printf(arena, "give --arrivals before %.10g s, or a longer --duration",
                                   duration_s)
               : wick_arena_printf(arena,
                                   "give a --phase below %.10g s, a longer --duration or a shorter "
                                   "--period",
                                   duration_s);
    const char *when = listed ? ""
                              : wick_arena_printf(arena, " (period %.10g s, phase %.10g s)",
                                                  o->workload.period_s, o->workload.phase_s);
    return wick_fail(diag, WICK_RANGE, "--target", wick_target_text(arena, target), hint,
                     "no input comes within the run of %.10g s%s", duration_s, when);
}

static wick_status draw(const wick_sizing *s, const char *path, wick_diag *diag) {
    wick_buf script = {0};
    int columns, rows;
    wick_sizing_maps(s, &columns, &rows);
    wick_gnuplot_begin(&script, path, 560 * columns, 380 * rows);
    wick_sizing_script(s, &script);
    wick_status status = wick_gnuplot_run(&script, path, diag);
    wick_buf_free(&script);
    return status;
}

static wick_status output(const size_target_args *a, const sim_world *w, const wick_sizing *s,
                          wick_arena *arena) {
    double duration_s = wick_sim_duration_s(&a->sim.options, w->traces[0]);
    if (a->json) {
        json_t *root = wick_sizing_json(s);
        json_object_set_new(root, "plan_sha256", json_string(w->plan->hash.hex));
        json_object_set_new(root, "policy", json_string(a->policy));
        json_object_set_new(root, "duration_s", json_real(duration_s));
        json_object_set_new(root, "scale", json_real(a->sim.trace_options.scale));
        json_object_set_new(root, "leakage_ua_per_uf", json_real(a->options.leakage_ua_per_uf));
        return cli_print_json(root) ? WICK_OK : WICK_OUTPUT;
    }
    printf("%d input%s in each run of %g s\n\n", s->inputs, s->inputs == 1 ? "" : "s", duration_s);
    print_front(s, arena);
    print_answers(s, arena);
    print_choice(s, a, arena);
    printf("\nTrace %s, scaled by %g; policy %s; modelled for %s, planned anew for each capacitor "
           "and wake voltage.\n",
           s->trace, a->sim.trace_options.scale, a->policy, s->device);
    return WICK_OK;
}

wick_status size_target(size_target_args *a, const char *plan, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    sim_world w = {0};
    wick_sizing sizing;
    cli_outputs o = {.diag = diag};
    cli_writes(&o, "--plot", a->plot);
    cli_reads_sim(&o, &a->sim, plan, a->policy);
    wick_status status = o.status;
    if (wick_target_parse(a->target, &a->options.target, diag) != WICK_OK) {
        cli_name_file(diag, "--target");
        status = WICK_USAGE; /* as any other bad value of an option */
    }
    if (status == WICK_OK && a->plot)
        status = wick_gnuplot_check(a->plot, diag);
    if (status == WICK_OK)
        status = sim_world_open(&a->sim, plan, arena, &w, diag);
    if (status == WICK_OK)
        status = sim_policy(a->policy, w.plan, arena, &a->sim.options.policy, diag);
    if (status == WICK_OK)
        status = check_inputs(a, &w, arena, diag);
    if (status == WICK_OK)
        status = wick_sizing_run(arena, w.plan, w.traces[0], &a->sim.options, w.inputs.correct,
                                 w.inputs.n, &a->options, &sizing, diag);
    if (status == WICK_OK && a->plot)
        status = draw(&sizing, a->plot, diag);
    if (status == WICK_OK) {
        sim_note_inputs(sizing.inputs, "each run", &sizing.target);
        if (sizing.own.fits && sim_never_wakes(sizing.own.figures))
            status =
                sim_note_sleep("the device as planned", w.plan, w.traces[0], &a->sim.options, diag);
        if (status == WICK_OK)
            status = output(a, &w, &sizing, arena);
        if (status == WICK_OK && sizing.best < 0)
            status = none_does(&sizing, &w, &a->sim.options, arena, diag);
    }
    sim_world_close(&w);
    wick_arena_free(arena);
    return status;
}
