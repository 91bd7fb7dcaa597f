#include "sim/fleet_file.h"
#include "train/train.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

wick_fleet_options wick_fleet_defaults(void) {
    return (wick_fleet_options){.n = 1000,
                                .seed = 1,
                                .capacitor_tolerance = 0.2,
                                .panel_tolerance = 0.1,
                                .threshold_tolerance = 0.02,
                                .leakage_factor = 3};
}

/* ---- drawing ---- */

static double within(wick_rng *rng, double tolerance) {
    return 1 + tolerance * (2 * wick_rng_uniform_double(rng) - 1);
}

wick_fleet_device wick_fleet_draw(const wick_plan *plan, const wick_trace *const *traces,
                                  int n_traces, const wick_fleet_options *o, int id) {
    const wick_device *d = plan->device;
    wick_rng rng = wick_rng_seed(o->seed, (uint64_t)id);
    wick_fleet_device x = {.trace = (int)wick_rng_below(&rng, (uint32_t)n_traces)};
    x.start_s = traces[x.trace]->end_s * wick_rng_uniform_double(&rng);
    x.seed = wick_rng_next(&rng);
    x.years = o->years * wick_rng_uniform_double(&rng);
    x.capacitor_uf = d->capacitor.uf * within(&rng, o->capacitor_tolerance) *
                     pow(1 - o->capacitor_fade, x.years);
    x.panel = within(&rng, o->panel_tolerance) * pow(1 - o->panel_fade, x.years);
    x.max_v = d->capacitor.max_v * within(&rng, o->threshold_tolerance);
    x.on_v = fmin(x.max_v, d->capacitor.on_v * within(&rng, o->threshold_tolerance));
    x.off_v = fmax(d->nvm.reset_v, d->capacitor.off_v * within(&rng, o->threshold_tolerance));
    x.leakage_ua = d->capacitor.leakage_ua *
                   pow(o->leakage_factor, 2 * wick_rng_uniform_double(&rng) - 1) *
                   pow(1 + o->leakage_growth, x.years);
    return x;
}

static bool share(double value) {
    return value >= 0 && value < 1;
}

static wick_status check(const wick_plan *plan, const wick_fleet_options *o, int n_traces,
                         wick_diag *diag) {
    if (o->n < 1 || o->n > WICK_FLEET_MAX || n_traces < 1)
        return wick_fail(diag, WICK_RANGE, NULL, "fleet", "1 to 1000000 devices, a trace at least",
                         "%d devices, %d traces", o->n, n_traces);
    if (!share(o->capacitor_tolerance) || !share(o->panel_tolerance) ||
        !share(o->threshold_tolerance) || !share(o->capacitor_fade) || !share(o->panel_fade))
        return wick_fail(
            diag, WICK_RANGE, NULL, "fleet", "tolerances and yearly losses: 0 or more, below 1",
            "tolerances %g, %g, %g, yearly losses %g, %g", o->capacitor_tolerance,
            o->panel_tolerance, o->threshold_tolerance, o->capacitor_fade, o->panel_fade);
    double leakage = o->leakage_factor * pow(1 + o->leakage_growth, o->years);
    if (!(o->leakage_factor >= 1 && o->leakage_factor <= 1e6) || !(leakage <= 1e12) ||
        !(o->leakage_growth >= 0 && o->leakage_growth <= 1e3) ||
        !(o->years >= 0 && o->years <= 1000))
        return wick_fail(
            diag, WICK_RANGE, NULL, "fleet",
            "leakage factor at least 1, growth and years not negative; together at most "
            "1e12 times the leakage",
            "leakage factor %g, growth %g, %g years", o->leakage_factor, o->leakage_growth,
            o->years);
    double off_v = fmax(plan->device->nvm.reset_v,
                        plan->device->capacitor.off_v * (1 + o->threshold_tolerance));
    double on_v = plan->device->capacitor.on_v * (1 - o->threshold_tolerance);
    if (off_v >= on_v)
        return wick_fail(diag, WICK_RANGE, plan->device->path, "thresholds",
                         "give closer --threshold-tolerance, or voltages that lie further apart",
                         "within %g %% a device may brown out at %.3f V and wake at %.3f V",
                         100 * o->threshold_tolerance, off_v, on_v);
    return WICK_OK;
}

/* ---- running ---- */

typedef struct fleet_run {
    const wick_plan *plan;
    const wick_trace *const *traces;
    const wick_sim_options *simulation;
    const uint8_t *correct;
    int n_samples;
    const wick_fleet_options *options;
    wick_hash stamp;
    wick_fleet_device *devices;
} fleet_run;

static wick_status run_device(const fleet_run *run, wick_fleet_device *x, wick_diag *diag) {
    wick_arena *arena = wick_arena_new();
    wick_device device = *run->plan->device;
    wick_plan plan = *run->plan;
    wick_sim_options options = *run->simulation;
    wick_sim_result result;
    device.capacitor.uf = plan.options.capacitor_uf = x->capacitor_uf;
    device.capacitor.on_v = x->on_v;
    device.capacitor.off_v = x->off_v;
    device.capacitor.max_v = x->max_v;
    device.capacitor.leakage_ua = x->leakage_ua;
    plan.device = &device;
    options.seed = x->seed;
    options.trace_start_s = x->start_s;
    options.quiet = true;
    wick_trace *trace = wick_trace_scaled(arena, run->traces[x->trace], x->panel);
    wick_status status =
        wick_sim_run(&plan, trace, &options, run->correct, run->n_samples, &result, diag);
    x->works = status == WICK_OK;
    if (status == WICK_OK) {
        wick_figures_of(&result, x->figures);
        wick_sim_free(&result);
    } else if (status == WICK_NO_FIT) {
        for (int f = 0; f < WICK_FIGURES; f++)
            x->figures[f] = NAN;
        x->figures[WICK_FIGURE_ACCURACY] = x->figures[WICK_FIGURE_ANSWERS] = 0;
        wick_diag_free(diag);
        status = WICK_OK;
    }
    wick_arena_free(arena);
    return status;
}

/* This rank's share of devices [first, end). */
static wick_status run_share(const fleet_run *run, int first, int end, wick_diag *diag) {
    wick_status status = WICK_OK;
    int failed = end, rank = wick_rank(), ranks = wick_ranks();
#pragma omp parallel for schedule(dynamic)
    for (int i = first; i < end; i++) {
        if (i % ranks != rank)
            continue;
        wick_diag own = {0};
        wick_status got =
            wick_stop_requested()
                ? wick_fail(&own, WICK_INTERRUPTED, NULL, NULL,
                            run->options->file ? "the same command goes on" : NULL, "interrupted")
                : run_device(run, &run->devices[i], &own);
#pragma omp critical(fleet)
        {
            if (got != WICK_OK && i < failed) { /* whoever comes first in order is told */
                failed = i;
                status = got;
                if (diag) {
                    wick_diag_free(diag);
                    wick_diag_move(diag, &own);
                }
            }
            wick_diag_free(&own);
        }
    }
    return status;
}

/* Every rank learns what the others found: sums in which all other terms are 0 are exact. */
static void exchange(fleet_run *run, int first, int end) {
    enum { WIDTH = WICK_FIGURES + 1 };
    int rank = wick_rank(), ranks = wick_ranks();
    if (ranks == 1)
        return;
    wick_arena *arena = wick_arena_new();
    double *values = wick_new(arena, double, (end - first) * WIDTH);
    memset(values, 0, (size_t)(end - first) * WIDTH * sizeof *values);
    for (int i = first; i < end; i++)
        if (i % ranks == rank) {
            double *to = values + (i - first) * WIDTH;
            memcpy(to, run->devices[i].figures, WICK_FIGURES * sizeof *to);
            to[WICK_FIGURES] = run->devices[i].works;
        }
    wick_parallel_sum(values, (end - first) * WIDTH);
    for (int i = first; i < end; i++) {
        const double *from = values + (i - first) * WIDTH;
        memcpy(run->devices[i].figures, from, WICK_FIGURES * sizeof *from);
        run->devices[i].works = from[WICK_FIGURES] > 0;
    }
    wick_arena_free(arena);
}

/* Blocks of about a second, so that stops and savings come soon; all ranks take rank 0's size. */
static int next_block(int block, double took_s) {
    int wanted = took_s < 0.5 ? 2 * block : took_s > 2 ? block / 2 : block;
    wanted = wanted < wick_ranks() ? wick_ranks() : wanted > 65536 ? 65536 : wanted;
    wick_parallel_broadcast(&wanted, sizeof wanted);
    return wanted;
}

static wick_status save(const fleet_run *run, int done, wick_diag *diag) {
    wick_status status = WICK_OK;
    if (run->options->file && wick_rank() == 0)
        status = fleet_save(run->options->file, &run->stamp, run->devices, done, diag);
    return wick_parallel_agree(status, diag);
}

static wick_status run_all(fleet_run *run, int done, wick_diag *diag) {
    enum { SAVE_S = 5 };
    int n = run->options->n, block = wick_ranks() * omp_get_max_threads(), saved = done;
    double saved_s = wick_now_s();
    wick_status status = WICK_OK;
    wick_progress progress;
    wick_progress_begin(&progress, "fleet", "devices", (uint64_t)n);
    progress.enabled = progress.enabled && !run->options->quiet && wick_rank() == 0;
    while (done < n && status == WICK_OK) {
        double begin_s = wick_now_s();
        int end = block < n - done ? done + block : n;
        status = wick_parallel_agree(run_share(run, done, end, diag), diag);
        if (status != WICK_OK)
            break;
        exchange(run, done, end);
        done = end;
        wick_progress_update(&progress, (uint64_t)done);
        block = next_block(block, wick_now_s() - begin_s);
        int due = wick_now_s() - saved_s > SAVE_S;
        wick_parallel_broadcast(&due, sizeof due);
        if (due || done == n) {
            status = save(run, done, diag);
            saved = done;
            saved_s = wick_now_s();
        }
    }
    wick_progress_end(&progress);
    if (status == WICK_INTERRUPTED && saved < done && save(run, done, diag) != WICK_OK)
        return WICK_OUTPUT;
    return status;
}

static wick_status resume(fleet_run *run, int *done, wick_diag *diag) {
    wick_status status = WICK_OK;
    *done = 0;
    if (run->options->file && wick_rank() == 0) {
        *done = run->options->n;
        status = fleet_load(run->options->file, &run->stamp, run->devices, done, diag);
        if (status == WICK_OK && *done == 0)
            status = wick_file_check_output(run->options->file, diag);
    }
    WICK_TRY(wick_parallel_agree(status, diag));
    wick_parallel_broadcast(done, sizeof *done);
    wick_parallel_broadcast(run->devices, (size_t)*done * sizeof *run->devices);
    return WICK_OK;
}

/* The file does not hold them. */
static void count_inputs(fleet_run *run) {
    for (int i = 0; i < run->options->n; i++) {
        wick_fleet_device *x = &run->devices[i];
        double duration_s = wick_sim_duration_s(run->simulation, run->traces[x->trace]);
        x->inputs = wick_workload_inputs(&run->simulation->workload, x->seed, duration_s);
    }
}

/* The same on all ranks? Else figures of different fleets would be mixed. */
static wick_status same_everywhere(const wick_hash *stamp, wick_diag *diag) {
    wick_hash first = *stamp;
    wick_parallel_broadcast(&first, sizeof first);
    wick_status status = WICK_OK;
    if (memcmp(first.bytes, stamp->bytes, sizeof first.bytes) != 0)
        status = wick_fail(diag, WICK_MISMATCH, NULL, "mpirun",
                           "give every machine the same plan, traces and data",
                           "process %d has another fleet than process 0", wick_rank());
    return wick_parallel_agree(status, diag);
}

wick_status wick_fleet_run(wick_arena *arena, const wick_plan *plan,
                           const wick_trace *const *traces, int n_traces,
                           const wick_sim_options *simulation, const uint8_t *correct,
                           int n_samples, const wick_fleet_options *options, wick_fleet *out,
                           wick_diag *diag) {
    WICK_TRY(wick_parallel_agree(check(plan, options, n_traces, diag), diag));
    fleet_run run = {.plan = plan,
                     .traces = traces,
                     .simulation = simulation,
                     .correct = correct,
                     .n_samples = n_samples,
                     .options = options,
                     .devices = wick_new(arena, wick_fleet_device, options->n)};
    run.stamp = fleet_stamp(plan, traces, n_traces, simulation, correct, n_samples, options);
    WICK_TRY(same_everywhere(&run.stamp, diag));
    for (int i = 0; i < options->n; i++)
        run.devices[i] = wick_fleet_draw(plan, traces, n_traces, options, i);
    *out = (wick_fleet){.n = options->n, .devices = run.devices};
    WICK_TRY(resume(&run, &out->resumed, diag));
    WICK_TRY(run_all(&run, out->resumed, diag));
    count_inputs(&run); /* of a workload that is none the runs have told */
    return WICK_OK;
}

/* ---- quantiles ---- */

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void wick_fleet_quantiles(const wick_fleet *fleet, wick_figure figure, const double *share_of,
                          int n, double *out) {
    wick_arena *arena = wick_arena_new();
    double *values = wick_new(arena, double, fleet->n);
    int known = 0;
    for (int i = 0; i < fleet->n; i++)
        if (!isnan(fleet->devices[i].figures[figure]))
            values[known++] = fleet->devices[i].figures[figure];
    qsort(values, (size_t)known, sizeof *values, ascending);
    for (int i = 0; i < n; i++) {
        double at = share_of[i] * (known - 1);
        int low = known ? (int)at : 0, high = low + 1 < known ? low + 1 : low;
        out[i] = known ? values[low] + (at - low) * (values[high] - values[low]) : NAN;
    }
    wick_arena_free(arena);
}
