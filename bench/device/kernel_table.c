/* What count_kernels.sh has counted, as tables, as JSON, and against the committed baseline.
     kernel_table FOLDER [--uses FILE] [--json FILE] [--quiet]
                         [--check BASELINE | --update BASELINE] [--markdown]
   Exit status: 0 done, 1 a figure is worse than the baseline, 4 failure, 77 nothing of what was
   measured is in the baseline. */
#include "base/base.h"
#include "core_timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RUNS = 1024, MOST_BYTES = 1 << 20, MOST_USES = 512 };

typedef struct run {
    char layer[64], kernel[64];
    double macs, outputs, of_outputs, scratch, weights, code, instructions, cycles, unaligned,
        refused, unknown;
} run;

/* One core's results. */
typedef struct results {
    const core_timing *core;
    char compiler[160]; /* with the optimisation level */
    run *runs;
    int n_runs;
} results;

typedef struct use {
    char family[32], module[32], layer[64];
} use;

static results all[CORE_COUNT];
static int n_all;
static use uses[MOST_USES];
static int n_uses;

static bool read_results(wick_arena *arena, const char *folder, const core_timing *core) {
    char *path = wick_path_join(arena, folder, wick_arena_printf(arena, "%s.txt", core->name));
    FILE *file = fopen(path, "r");
    if (!file)
        return true;
    results *r = &all[n_all++];
    char line[512];
    bool good = fgets(line, sizeof line, file) && !strncmp(line, "compiler ", 9);
    r->core = core;
    r->runs = wick_new(arena, run, MOST_RUNS);
    snprintf(r->compiler, sizeof r->compiler, "%.*s", (int)strcspn(line + 9, "\n"), line + 9);
    while (good && fgets(line, sizeof line, file)) {
        if (r->n_runs == MOST_RUNS)
            good = false;
        run *x = &r->runs[r->n_runs++];
        good = good && sscanf(line, "%63s %63s %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf %lf",
                              x->layer, x->kernel, &x->macs, &x->outputs, &x->of_outputs,
                              &x->scratch, &x->weights, &x->code, &x->instructions, &x->cycles,
                              &x->unaligned, &x->refused, &x->unknown) == 13;
    }
    fclose(file);
    if (!good)
        fprintf(stderr, "%s: not what count_kernels.sh writes\n", path);
    return good;
}

static bool read_uses(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) {
        perror(path);
        return false;
    }
    while (n_uses < MOST_USES && fscanf(file, "%31s %31s %63s", uses[n_uses].family,
                                        uses[n_uses].module, uses[n_uses].layer) == 3)
        n_uses++;
    fclose(file);
    return true;
}

static bool is_portable(const run *x) {
    size_t n = strlen(x->kernel);
    return n > 3 && !strcmp(x->kernel + n - 3, "_s8");
}

/* The layer's run by the naive code or the portable kernel; the guest runs both first. */
static const run *reference(const results *r, const char *layer, bool portable) {
    for (int i = 0; i < r->n_runs; i++)
        if (!strcmp(r->runs[i].layer, layer) &&
            (portable ? is_portable(&r->runs[i]) : !strcmp(r->runs[i].kernel, "naive")))
            return &r->runs[i];
    return NULL;
}

/* The kernel with the fewest estimated cycles. */
static const run *best(const results *r, const char *layer) {
    const run *least = NULL;
    for (int i = 0; i < r->n_runs; i++) {
        const run *x = &r->runs[i];
        if (!strcmp(x->layer, layer) && strcmp(x->kernel, "naive") != 0 &&
            (!least || x->cycles < least->cycles))
            least = x;
    }
    return least;
}

static void print_core(const results *r) {
    printf("\n%s, %s\nestimated cycles: %s\n", r->core->title, r->compiler, r->core->source);
    printf("%-27s %-22s %9s %9s %9s  %13s %13s %6s %7s %8s\n", "layer", "kernel", "MACs",
           "insns/MAC", "est.c/MAC", "naive i / c", "portable i / c", "code B", "scratch",
           "weights");
    const char *before = "";
    for (int i = 0; i < r->n_runs; i++) {
        const run *x = &r->runs[i], *naive = reference(r, x->layer, false);
        const run *portable = reference(r, x->layer, true);
        char by_naive[24] = "", by_portable[24] = "";
        if (naive && x != naive)
            snprintf(by_naive, sizeof by_naive, "%.2f / %.2f",
                     naive->instructions / x->instructions, naive->cycles / x->cycles);
        if (portable && x != portable && x != naive)
            snprintf(by_portable, sizeof by_portable, "%.2f / %.2f",
                     portable->instructions / x->instructions, portable->cycles / x->cycles);
        printf("%-27s %-22s %9.0f %9.3f %9.3f  %13s %13s %6.0f %7.0f %8.0f%s%s\n",
               strcmp(before, x->layer) ? x->layer : "", x->kernel, x->macs,
               x->instructions / x->macs, x->cycles / x->macs, by_naive, by_portable, x->code,
               x->scratch, x->weights, x->outputs < x->of_outputs ? " (cut)" : "",
               x->unknown > 0 ? " (instructions outside the timing table)" : "");
        before = x->layer;
    }
}

/* Whole modules: each layer by its best kernel. */
static void print_modules(const results *r) {
    bool first = true;
    for (int u = 0; u < n_uses; u++) {
        bool seen = false;
        for (int v = 0; v < u && !seen; v++)
            seen =
                !strcmp(uses[v].family, uses[u].family) && !strcmp(uses[v].module, uses[u].module);
        if (seen)
            continue;
        double macs = 0, sums[3][2] = {{0}};
        for (int v = u; v < n_uses; v++) {
            if (strcmp(uses[v].family, uses[u].family) || strcmp(uses[v].module, uses[u].module))
                continue;
            const run *kinds[3] = {reference(r, uses[v].layer, false),
                                   reference(r, uses[v].layer, true), best(r, uses[v].layer)};
            if (!kinds[0] || !kinds[1] || !kinds[2])
                return; /* the families were not run */
            double whole = kinds[0]->of_outputs / kinds[0]->outputs;
            macs += kinds[0]->macs * whole;
            for (int k = 0; k < 3; k++) {
                sums[k][0] += kinds[k]->instructions * whole;
                sums[k][1] += kinds[k]->cycles * whole;
            }
        }
        if (first)
            printf("\n%-24s %8s  %22s %22s %22s\n", "all layers, millions", "MACs",
                   "naive insns / est.c", "portable", "best kernels");
        first = false;
        printf("%-13s %-10s %8.3f", uses[u].family, uses[u].module, macs * 1e-6);
        for (int k = 0; k < 3; k++)
            printf("  %11.3f / %8.3f", sums[k][0] * 1e-6, sums[k][1] * 1e-6);
        printf("\n");
    }
}

/* A row of print_markdown: what the best kernels gain on plain C, instructions / cycles. */
static void print_gain(const results *r) {
    printf("|  | gain |");
    for (int l = 1; l <= 5; l++) {
        const char name[3] = {'L', (char)('0' + l), 0};
        const run *x = best(r, name), *naive = reference(r, name, false);
        if (x && naive)
            printf(" %.1f / %.1f |", naive->instructions / x->instructions,
                   naive->cycles / x->cycles);
        else
            printf(" |");
    }
    printf("\n");
}

/* Rows of docs/benchmarks.md: L1 to L5, instructions and estimated cycles for each MAC. */
static void print_markdown(void) {
    static const char *const rows[3] = {"plain C", "portable", "fastest"};
    printf("| core | code | L1 | L2 | L3 | L4 | L5 |\n|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < n_all; i++) {
        for (int k = 0; k < 3; k++) {
            bool differs = k < 2;
            for (int l = 1; l <= 5 && !differs; l++) {
                const char name[3] = {'L', (char)('0' + l), 0};
                differs = best(&all[i], name) != reference(&all[i], name, true);
            }
            if (!differs)
                continue;
            printf("| %s | %s |", k ? "" : all[i].core->title, rows[k]);
            for (int l = 1; l <= 5; l++) {
                const char name[3] = {'L', (char)('0' + l), 0};
                const run *x = k == 2 ? best(&all[i], name) : reference(&all[i], name, k == 1);
                if (x)
                    printf(" %.3f / %.2f |", x->instructions / x->macs, x->cycles / x->macs);
                else
                    printf(" |");
            }
            printf("\n");
        }
        print_gain(&all[i]);
    }
}

static json_t *core_json(const results *r) {
    json_t *runs = json_array();
    for (int i = 0; i < r->n_runs; i++) {
        const run *x = &r->runs[i];
        json_array_append_new(
            runs,
            json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "layer", x->layer,
                      "kernel", x->kernel, "macs", (json_int_t)x->macs, "outputs",
                      (json_int_t)x->outputs, "instructions", (json_int_t)x->instructions,
                      "estimated_cycles", (json_int_t)x->cycles, "unaligned_accesses",
                      (json_int_t)x->unaligned, "code_bytes", (json_int_t)x->code, "scratch_bytes",
                      (json_int_t)x->scratch, "weights_bytes", (json_int_t)x->weights));
    }
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "core", r->core->name, "title", r->core->title,
                     "compiler", r->compiler, "timing_source", r->core->source, "runs", runs);
}

/* What a baseline keeps of a run. */
enum { FIGURES = 4 };
static const char *const figure_names[FIGURES] = {"instructions", "estimated cycles",
                                                  "bytes of code", "bytes of scratch memory"};

static void figures_of(const run *x, double out[FIGURES]) {
    out[0] = x->instructions;
    out[1] = x->cycles;
    out[2] = x->code;
    out[3] = x->scratch;
}

/* In the baseline: every kernel on L1 to L5, and on the families' layers the one that was the
   fastest. Nobody looks after the naive code. */
static bool is_fixed_layer(const char *layer) {
    return layer[0] == 'L' && strlen(layer) == 2;
}

static bool is_guarded(const results *r, const run *x) {
    if (is_fixed_layer(x->layer))
        return strcmp(x->kernel, "naive") != 0;
    return x == best(r, x->layer);
}

/* A measured figure against its baseline; false when it is more than 1 % worse. */
static bool compare_figure(const results *r, const run *x, const char *what, double now,
                           double then) {
    if (now <= then * 1.01) {
        if (now < then * 0.99)
            printf("%s %s %s: %.0f %s, less than the baseline's %.0f\n", r->core->name, x->layer,
                   x->kernel, now, what, then);
        return true;
    }
    printf("FAIL: %s %s %s: %.0f %s, the baseline says %.0f (%+.1f %%)\n", r->core->name, x->layer,
           x->kernel, now, what, then, 100 * (now / then - 1));
    return false;
}

/* A run against its line in the baseline. */
static bool check_run(const results *r, const run *x, const json_t *figures) {
    double now[FIGURES];
    bool good = json_array_size(figures) == FIGURES;
    if (!good)
        printf("FAIL: %s %s %s: the baseline has other figures\n", r->core->name, x->layer,
               x->kernel);
    figures_of(x, now);
    for (int k = 0; good && k < FIGURES; k++)
        good = compare_figure(r, x, figure_names[k], now[k],
                              json_number_value(json_array_get(figures, (size_t)k)));
    return good;
}

/* All runs that the baseline has, and that it has all that it should: every kernel on a fixed
   layer, some on every other. */
static bool check_core(const results *r, json_t *core) {
    bool good = true;
    for (int i = 0; i < r->n_runs; i++) {
        const run *x = &r->runs[i];
        json_t *layer = json_object_get(core, x->layer), *figures;
        figures = json_object_get(layer, x->kernel);
        if (figures)
            good &= check_run(r, x, figures);
        else if (is_fixed_layer(x->layer) ? is_guarded(r, x) : !json_object_size(layer)) {
            printf("FAIL: %s %s %s is not in the baseline\n", r->core->name, x->layer, x->kernel);
            good = false;
        }
    }
    const char *layer, *kernel;
    json_t *kernels, *figures;
    json_object_foreach(core, layer, kernels) json_object_foreach(kernels, kernel, figures) {
        bool there = false;
        for (int i = 0; i < r->n_runs && !there; i++)
            there = !strcmp(r->runs[i].layer, layer) && !strcmp(r->runs[i].kernel, kernel);
        if (!there) {
            printf("FAIL: %s %s %s is in the baseline but does not run\n", r->core->name, layer,
                   kernel);
            good = false;
        }
    }
    return good;
}

static int check(const char *path, wick_diag *diag) {
    json_t *root;
    if (wick_json_load(path, &root, diag) != WICK_OK)
        return 4;
    bool good = true, some = false;
    for (int i = 0; i < n_all; i++) {
        json_t *compiler = json_object_get(json_object_get(root, "compilers"), all[i].compiler);
        json_t *core = json_object_get(compiler, all[i].core->name);
        if (!core) {
            printf("%s: skipped, the baseline has no figures of %s\n", all[i].core->name,
                   all[i].compiler);
            continue;
        }
        some = true;
        good &= check_core(&all[i], core);
    }
    json_decref(root);
    if (!good)
        printf("What is meant to change is written down by: make bench-kernels-baseline\n");
    return !good ? 1 : some ? 0 : 77;
}

/* The member, made if it is missing. */
static json_t *member(json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    if (!value) {
        value = json_object();
        json_object_set_new(object, key, value);
    }
    return value;
}

/* An object of objects, one line for each innermost one: merges of the baseline stay readable. */
static void write_object(wick_buf *buf, const json_t *object, int depth) {
    const char *key, *comma = "";
    json_t *value;
    wick_buf_printf(buf, "{");
    json_object_foreach((json_t *)object, key, value) {
        wick_buf_printf(buf, "%s\n%*s\"%s\": ", comma, 2 * depth, "", key);
        comma = ",";
        if (depth < 4 && json_is_object(value)) {
            write_object(buf, value, depth + 1);
        } else {
            char *text = json_dumps(value, JSON_ENCODE_ANY);
            wick_buf_printf(buf, "%s", text);
            free(text);
        }
    }
    wick_buf_printf(buf, "\n%*s}", 2 * depth - 2, "");
}

/* Replaces what was measured now; other compilers' figures stay. */
static int update(const char *path, wick_diag *diag) {
    json_t *root = NULL;
    if (wick_path_is_file(path) && wick_json_load(path, &root, diag) != WICK_OK)
        return 4;
    if (!root)
        root = json_pack("{s:s}", "_about",
                         "compiler > core > layer > kernel: [instructions, estimated cycles, bytes "
                         "of code, bytes of scratch memory] at -O2; every kernel on L1 to L5, the "
                         "fastest on the families' layers; written by make bench-kernels-baseline");
    json_t *compilers = member(root, "compilers");
    for (int i = 0; i < n_all; i++) {
        json_t *core = json_object();
        for (int k = 0; k < all[i].n_runs; k++) {
            const run *x = &all[i].runs[k];
            double now[FIGURES];
            figures_of(x, now);
            if (is_guarded(&all[i], x))
                json_object_set_new(member(core, x->layer), x->kernel,
                                    json_pack("[I, I, I, I]", (json_int_t)now[0],
                                              (json_int_t)now[1], (json_int_t)now[2],
                                              (json_int_t)now[3]));
        }
        json_object_set_new(member(compilers, all[i].compiler), all[i].core->name, core);
    }
    wick_buf buf = {0};
    write_object(&buf, root, 1);
    wick_buf_printf(&buf, "\n");
    wick_status status = wick_file_write(path, buf.data, buf.len, diag);
    wick_buf_free(&buf);
    json_decref(root);
    return status == WICK_OK ? 0 : 4;
}

static int write_json(const char *path, wick_diag *diag) {
    json_t *cores = json_array();
    for (int i = 0; i < n_all; i++)
        json_array_append_new(cores, core_json(&all[i]));
    json_t *root = json_pack("{s:o}", "cores", cores);
    wick_status status = wick_json_save(path, root, diag);
    json_decref(root);
    return status == WICK_OK ? 0 : 4;
}

/* Nothing that the real core would refuse, and every instruction is in the tables. */
static bool sane(const results *r) {
    bool good = r->n_runs > 0;
    for (int i = 0; i < r->n_runs; i++) {
        const run *x = &r->runs[i];
        if (x->refused > 0 || x->unknown > 0) {
            printf(
                "FAIL: %s %s %s: %.0f accesses at addresses that the core does not allow, %.0f unknown "
                "instructions\n",
                r->core->name, x->layer, x->kernel, x->refused, x->unknown);
            good = false;
        }
    }
    return good;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: kernel_table FOLDER [--uses FILE] [--json FILE] [--quiet] [--check "
                        "FILE | --update FILE]\n");
        return 2;
    }
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    const char *json = NULL, *against = NULL, *baseline = NULL;
    bool quiet = false, markdown = false;
    int status = 0;
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--quiet"))
            quiet = true;
        else if (!strcmp(argv[i], "--markdown"))
            markdown = quiet = true;
        else if (!strcmp(argv[i], "--uses") && i + 1 < argc && !read_uses(argv[++i]))
            return 4;
        else if (!strcmp(argv[i], "--json") && i + 1 < argc)
            json = argv[++i];
        else if (!strcmp(argv[i], "--check") && i + 1 < argc)
            against = argv[++i];
        else if (!strcmp(argv[i], "--update") && i + 1 < argc)
            baseline = argv[++i];
    }
    for (int i = 0; i < CORE_COUNT; i++)
        if (!read_results(arena, argv[1], &core_timings[i]))
            return 4;
    for (int i = 0; i < n_all; i++) {
        if (!sane(&all[i]))
            status = 1;
        if (!quiet) {
            print_core(&all[i]);
            print_modules(&all[i]);
        }
    }
    if (markdown)
        print_markdown();
    if (json && status == 0)
        status = write_json(json, &diag);
    if (baseline && status == 0)
        status = update(baseline, &diag);
    if (against && status == 0)
        status = check(against, &diag);
    wick_diag_print(&diag, stderr);
    wick_diag_free(&diag);
    wick_arena_free(arena);
    return status;
}
