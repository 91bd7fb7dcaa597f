/* What the intermittent engine costs, modelled: energy, time and NVM bytes of one answer on every
   device, beside the same network without power failures in mind; and, on the published cost model,
   its overhead under power failures.
     bench_engine [--check] [--emit FOLDER] [--features stored] [DEVICE...]
   --features: as `wick plan --features`, to compare. --check: exit status 1 when a bar is missed.
   --emit: the firmware of each device into FOLDER/DEVICE-FAMILY-WIDTH, for count_engine.sh.
   Devices: only these, default all. */
#include "engine_cost.h"

#include "emit/emit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct family {
    const char *recipe;
    double width;
} family;

static const family families[] = {{"mobilenetv1", 0.25}, {"mobilenetv1", 0.5}, {"vgg16", 0.25}};

static const char *const devices[] = {"m0plus-fram", "m3-fram",    "m4-fram",  "m4-mram",
                                      "m4-mram-ecc", "m7-mram",    "m33-fram", "m55-mram",
                                      "rv32-fram",   "msp430-fram"};

typedef struct bench {
    wick_arena *arena;
    const char *emit; /* folder or NULL */
    int missed;       /* bars */
    char **only;      /* devices */
    wick_features features;
    int n_only;
    wick_diag diag;
} bench;

static void bar(bench *b, double value, double limit, const char *what, const char *where) {
    if (value <= limit)
        return;
    b->missed++;
    printf("MISSED: %s, %s: %.2f %%, the bar is %g %%\n", where, what, value, limit);
}

/* Steady power on a Cortex-M4 with MRAM, MobileNetV1 at 32x32. */
static void check_steady(bench *b, const char *device, const family *f, const char *name,
                         const engine_answer *eager, const engine_answer *lazy) {
    if (strcmp(device, "m4-mram") || strcmp(f->recipe, "mobilenetv1"))
        return;
    bar(b, engine_overhead(eager, false), 10, "eager", name);
    bar(b, engine_overhead(lazy, false), 5, "lazy", name);
}

static void print_answer(bench *b, const wick_plan *plan, const family *f, int module) {
    engine_answer eager, lazy;
    if (engine_answer_of(plan, ENGINE_EAGER, module, &eager, &b->diag) != WICK_OK ||
        engine_answer_of(plan, ENGINE_LAZY, module, &lazy, &b->diag) != WICK_OK) {
        b->missed++;
        return;
    }
    const char *name =
        wick_arena_printf(b->arena, "%s %g %s", f->recipe, f->width, plan->segments[module].name);
    printf("%-12s %-22s %9.1f %8.1f | %9.1f %6.2f %8.1f %7lld %3d | %9.1f %6.2f %8.1f %7lld %3d | "
           "%7.2f %6.2f %6.2f\n",
           plan->device->name, name, eager.reference.energy_uj, eager.reference.time_us / 1e3,
           eager.work.energy_uj, engine_overhead(&eager, false), eager.work.time_us / 1e3,
           (long long)eager.nvm_write_bytes, eager.commits, lazy.work.energy_uj,
           engine_overhead(&lazy, false), lazy.work.time_us / 1e3, (long long)lazy.nvm_write_bytes,
           lazy.commits, lazy.input.energy_uj, engine_overhead(&eager, true),
           engine_overhead(&lazy, true));
    check_steady(b, plan->device->name, f, name, &eager, &lazy);
}

static void print_device(bench *b, const wick_qnet *net, const family *f, const char *name) {
    wick_device *device;
    wick_plan *plan = NULL;
    wick_diag diag = {0};
    wick_plan_options options = wick_plan_defaults();
    options.features = b->features;
    wick_status status = wick_device_load(b->arena, name, &device, &diag);
    if (status == WICK_OK)
        status = wick_plan_make(net, device, &options, NULL, &plan, &diag);
    if (status == WICK_NO_FIT)
        printf("%-12s %s %g does not fit\n", name, f->recipe, f->width);
    else if (status != WICK_OK)
        b->missed++;
    if (status == WICK_OK && b->emit) {
        wick_emit_options emit_options = wick_emit_defaults();
        const char *dir =
            wick_arena_printf(b->arena, "%s/%s-%s-%g", b->emit, name, f->recipe, f->width);
        emit_options.command = "wick emit plan.json";
        if (wick_emit_write(plan, NULL, &emit_options, dir, &b->diag) != WICK_OK)
            b->missed++;
    }
    for (int m = 1; status == WICK_OK && m <= net->n_modules; m++)
        print_answer(b, plan, f, m);
    if (status != WICK_OK && status != WICK_NO_FIT)
        wick_diag_print(&diag, stderr);
    wick_diag_free(&diag);
    wick_plan_free(plan);
}

/* One answer on the published model: commits where the charge ends, as the engine does it. */
static void print_published(bench *b, const wick_qnet *net, const family *f, const char *name,
                            double margin, double limit) {
    wick_published *model;
    wick_published_plan *plan;
    if (wick_published_load(b->arena, name, &model, &b->diag) != WICK_OK)
        return;
    model->margin = margin;
    if (wick_published_plan_make(model, net, b->arena, &plan, &b->diag) != WICK_OK)
        return;
    for (int m = 1; m <= net->n_modules; m++) {
        wick_published_total searched = wick_published_answer(plan, m), joined;
        const char *row =
            wick_arena_printf(b->arena, "%s %g %s", f->recipe, f->width, net->module_names[m - 1]);
        if (!wick_published_joined(model, net, plan, m, &joined)) {
            printf("%-15s %-22s no piece fits a charge\n", name, row);
            continue;
        }
        double overhead = wick_published_overhead(&joined);
        double reboots = 100 * joined.reboots_s / joined.active_s;
        printf("%-15s %-22s %6.0f %8.4f %8.1f %8.1f %6.1f %6.1f | %6.0f %8.4f %6.1f\n", name, row,
               joined.power_cycles, joined.energy_j, joined.active_s, joined.end_to_end_s, overhead,
               reboots, searched.power_cycles, searched.energy_j,
               wick_published_overhead(&searched));
        if (joined.power_cycles < 10)
            continue;
        bar(b, overhead, limit, name, row);
        bar(b, overhead - reboots, 2, "beyond what reboots take", row);
    }
}

static bool is_wanted(const bench *b, const char *device) {
    bool wanted = b->n_only == 0;
    for (int i = 0; i < b->n_only; i++)
        wanted |= !strcmp(b->only[i], device);
    return wanted;
}

static wick_status sketch(const family *f, wick_graph **graph, wick_qnet **net, wick_diag *diag) {
    wick_recipe_options options = wick_recipe_defaults();
    options.width = f->width;
    WICK_TRY(wick_recipe_build(f->recipe, &options, graph, diag));
    return wick_qnet_sketch(*graph, net, diag);
}

static void print_all(bench *b) {
    wick_graph *graphs[WICK_LEN(families)] = {NULL};
    wick_qnet *nets[WICK_LEN(families)] = {NULL};
    wick_status status = WICK_OK;
    for (size_t i = 0; i < WICK_LEN(families) && status == WICK_OK; i++)
        status = sketch(&families[i], &graphs[i], &nets[i], &b->diag);
    printf(
        "Modelled, one answer on steady power. Reference: the same layers, whole, activations in "
        "SRAM without limit, no commit.\nWith input: storing it counts too.\n\n"
        "%-12s %-22s %9s %8s | %9s %6s %8s %7s %3s | %9s %6s %8s %7s %3s | %7s %6s %6s\n",
        "device", "answer", "ref. uJ", "ms", "eager uJ", "+%", "ms", "written", "com", "lazy uJ",
        "+%", "ms", "written", "com", "input", "eager%", "lazy%");
    for (size_t d = 0; d < WICK_LEN(devices) && status == WICK_OK; d++)
        for (size_t i = 0; i < WICK_LEN(families) && is_wanted(b, devices[d]); i++)
            print_device(b, nets[i], &families[i], devices[d]);
    printf(
        "\nOn the published cost model (a vendor's library on an MSP430FR5994, not code that wick "
        "emits), under power failures, 5 mF.\nBars, from 10 power cycles on: %s\n\n"
        "%-15s %-22s %6s %8s %8s %8s %6s %6s | %6s %8s %6s\n",
        "published-tinas 5 %, published-inas 17 %, both within 2 points of the reboots.", "model",
        "answer", "cycles", "J", "active s", "e2e s", "over%", "boots%", "search", "J", "over%");
    for (size_t i = 0; i < WICK_LEN(families) && status == WICK_OK; i++)
        print_published(b, nets[i], &families[i], "published-tinas", 0.6, 5);
    for (size_t i = 0; i < WICK_LEN(families) && status == WICK_OK; i++)
        print_published(b, nets[i], &families[i], "published-inas", 1, 17);
    for (size_t i = 0; i < WICK_LEN(families); i++) {
        wick_qnet_free(nets[i]);
        wick_graph_free(graphs[i]);
    }
    b->missed += status != WICK_OK;
}

int main(int argc, char **argv) {
    bench b = {.arena = wick_arena_new(), .only = argv};
    bool check = false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--check"))
            check = true;
        else if (!strcmp(argv[i], "--emit") && i + 1 < argc)
            b.emit = argv[++i];
        else if (!strcmp(argv[i], "--features") && i + 1 < argc)
            b.features = !strcmp(argv[++i], "stored") ? WICK_FEATURES_STORED : WICK_FEATURES_AUTO;
        else
            b.only[b.n_only++] = argv[i];
    }
    print_all(&b);
    if (b.diag.count)
        wick_diag_print(&b.diag, stderr);
    int failed = b.diag.count != 0;
    wick_diag_free(&b.diag);
    wick_arena_free(b.arena);
    return failed ? 4 : check && b.missed ? 1 : 0;
}
