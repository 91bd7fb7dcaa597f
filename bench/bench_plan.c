/* What planning takes, one thread, processor time: networks of the recipes on every profile, and
   full VGG16 where the profile's memories are made large enough for it. Exit status 1: a median is
   above its bar. bench_plan [REPEATS [PROFILE]] */
#include "plan/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const profiles[] = {"m0plus-fram", "m3-fram",   "m4-fram",    "m4-mram",
                                       "m4-mram-ecc", "m7-mram",   "m33-fram",   "m33-flash",
                                       "m55-mram",    "rv32-fram", "msp430-fram"};

typedef struct subject {
    const char *recipe;
    double width;
    bool enlarge; /* flash, SRAM and NVM as it needs them */
    double most_s;
} subject;

static const subject subjects[] = {
    {"mobilenetv1", 0.125, false, 0.1}, {"mobilenetv1", 0.25, false, 0.1},
    {"mobilenetv1", 0.5, false, 0.1},   {"vgg16", 0.125, false, 0.1},
    {"vgg16", 0.25, false, 0.1},        {"vgg16", 1, true, 1}};

static double processor_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The recipe through the same quantization as any model; its weights are as initialised. */
static wick_qnet *quantized(const subject *s, wick_diag *diag) {
    wick_recipe_options options = wick_recipe_defaults();
    wick_data_options data_options = wick_data_defaults();
    wick_quantize_options quantize = wick_quantize_defaults();
    wick_graph *graph = NULL, *qdq = NULL;
    wick_data *data = NULL;
    wick_qnet *net = NULL;
    options.width = s->width;
    data_options.limit = 20;
    quantize.images = 1;
    wick_status status = wick_recipe_build(s->recipe, &options, &graph, diag);
    if (status == WICK_OK)
        status = wick_data_open("builtin:shapes10", &data_options, &data, diag);
    if (status == WICK_OK)
        status = wick_quantize(graph, data, &quantize, &qdq, diag);
    if (status == WICK_OK)
        status = wick_qnet_lower(qdq, &net, diag);
    wick_data_free(data);
    wick_graph_free(graph);
    wick_graph_free(qdq);
    return net;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* 0, or 1 when it takes longer than it may. */
static int run(const subject *s, const wick_qnet *net, const char *profile, int repeats) {
    wick_arena *arena = wick_arena_new();
    wick_diag diag = {0};
    wick_device *device;
    wick_plan *plan = NULL;
    wick_plan_options options = wick_plan_defaults();
    double *times = wick_new(arena, double, repeats);
    wick_status status = wick_device_load(arena, profile, &device, &diag);
    if (status == WICK_OK && s->enlarge) {
        device->flash_bytes = INT64_C(64) << 20;
        device->nvm.bytes = device->nvm.page_bytes ? device->nvm.bytes : INT64_C(1) << 20;
    }
    for (int r = 0; r < repeats && status == WICK_OK; r++) {
        double start = processor_s();
        status = wick_plan_make(net, device, &options, NULL, &plan, &diag);
        times[r] = processor_s() - start;
        if (r + 1 < repeats)
            wick_plan_free(plan);
    }
    int late = 0;
    if (status == WICK_OK) {
        qsort(times, (size_t)repeats, sizeof *times, compare);
        late = times[repeats / 2] > s->most_s;
        printf("%-12s %-12s %5g %6d %6d %9.4f%s\n", profile, s->recipe, s->width,
               plan->model.n_steps, plan->model.n_spans, times[repeats / 2],
               late ? "  LONGER THAN IT MAY" : "");
        wick_plan_free(plan);
    } else {
        printf("%-12s %-12s %5g      does not fit\n", profile, s->recipe, s->width);
    }
    fflush(stdout);
    wick_diag_free(&diag);
    wick_arena_free(arena);
    return late;
}

int main(int argc, char **argv) {
    int repeats = argc > 1 ? atoi(argv[1]) : 3, late = 0;
    if (repeats < 1) {
        fprintf(stderr, "usage: bench_plan [REPEATS [PROFILE]]\n");
        return 2;
    }
    printf("%-12s %-12s %5s %6s %6s %9s\n", "profile", "network", "width", "steps", "spans",
           "median s");
    for (size_t i = 0; i < WICK_LEN(subjects); i++) {
        wick_diag diag = {0};
        wick_qnet *net = quantized(&subjects[i], &diag);
        if (!net) {
            wick_diag_print(&diag, stderr);
            return 4;
        }
        for (size_t p = 0; p < WICK_LEN(profiles); p++)
            if (argc < 3 || !strcmp(argv[2], profiles[p]))
                late += run(&subjects[i], net, profiles[p], repeats);
        wick_qnet_free(net);
        wick_diag_free(&diag);
    }
    return late ? 1 : 0;
}
