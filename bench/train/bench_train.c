/* Training steps of one network through the training program, for bench_train.py: reads lines of
   standard input and answers each on standard output.
     run N      N steps; wall and processor time of each in ms, as "wall/cpu", separated by blanks
     describe   one line for each step of the program with its ms, then an empty line
     end        one line of JSON: versions and peak memory
   A step is what `wick train` does with a batch: forward, loss, backward, update. */
#include "train/batches.h"
#include "train/optimiser.h"
#include "train/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 128, CLASSES = 10, INPUT = 3 * 32 * 32, MAX_STEPS = 10000 };

typedef struct bench {
    wick_stage *stage;
    wick_train_options options;
    uint16_t labels[BATCH];
    int64_t steps;
    double loss;
    wick_diag diag;
} bench;

static wick_status open_bench(bench *b, const char *recipe, const char *threads) {
    wick_recipe_options recipe_options = wick_recipe_defaults();
    b->options = wick_train_defaults();
    b->options.strategy = WICK_STRATEGY_UNIFIED;
    b->options.batch = BATCH;
    b->options.clip_norm = b->options.weight_decay = 0; /* as the twin */
    wick_set_threads(atoi(threads));
    wick_stage_spec specs[2];
    wick_strategy_stages(WICK_STRATEGY_UNIFIED, 1, specs);
    wick_graph *family;
    WICK_TRY(wick_recipe_build(recipe, &recipe_options, &family, &b->diag));
    wick_status status = wick_stage_build(family, &b->options, &specs[0], &b->stage, &b->diag);
    wick_graph_free(family);
    WICK_TRY(status);
    wick_rng rng = wick_rng_seed(1, 0);
    float *input = wick_program_input(b->stage->program);
    for (int i = 0; i < BATCH * INPUT; i++)
        input[i] = wick_rng_normal(&rng);
    for (int i = 0; i < BATCH; i++)
        b->labels[i] = (uint16_t)(i % CLASSES);
    return WICK_OK;
}

static wick_status take_step(bench *b) {
    WICK_TRY(wick_program_forward(b->stage->program, &b->diag));
    wick_targets targets = {.labels = b->labels, .lambda = 1};
    b->loss = wick_stage_loss(b->stage, &b->options, &targets, false, -1).total;
    WICK_TRY(wick_program_backward(b->stage->program, &b->diag));
    wick_stage_update(b->stage, &b->options, 0.005, ++b->steps);
    return WICK_OK;
}

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static wick_status run(bench *b, int n) {
    for (int i = 0; i < n; i++) {
        double start = wick_now_s(), cpu_start = cpu_s();
        WICK_TRY(take_step(b));
        printf("%s%.3f/%.3f", i ? " " : "", 1e3 * (wick_now_s() - start),
               1e3 * (cpu_s() - cpu_start));
    }
    printf("\n");
    return WICK_OK;
}

static wick_status describe(bench *b) {
    enum { STEPS = 10 };
    wick_program_profile(b->stage->program);
    for (int i = 0; i < STEPS; i++)
        WICK_TRY(take_step(b));
    wick_buf text = {0};
    wick_program_describe(b->stage->program, &text);
    printf("%s\n", text.data);
    wick_buf_free(&text);
    return WICK_OK;
}

static void end(const bench *b) {
    printf("{\"version\": \"%s\", \"peak_mb\": %.1f, \"loss\": %.6f}\n", wick_backend_version(),
           (double)wick_peak_bytes() / 1e6, b->loss);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: bench_train RECIPE THREADS <commands\n");
        return 2;
    }
    bench b = {0};
    char line[64];
    wick_status status = open_bench(&b, argv[1], argv[2]);
    while (status == WICK_OK && fgets(line, sizeof line, stdin)) {
        int n;
        if (!strcmp(line, "end\n"))
            end(&b);
        else if (!strcmp(line, "describe\n"))
            status = describe(&b);
        else if (sscanf(line, "run %d\n", &n) == 1 && n >= 1 && n <= MAX_STEPS)
            status = run(&b, n);
        fflush(stdout);
    }
    if (status != WICK_OK)
        wick_diag_print(&b.diag, stderr);
    wick_stage_free(b.stage);
    return status == WICK_OK ? 0 : 4;
}
