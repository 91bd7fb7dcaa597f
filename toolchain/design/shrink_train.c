#include "design/shrink_train.h"
#include "design/shrink_state.h"

#include "onnx/onnx.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

int wick_goal_trial_epochs(const wick_goal_options *options) {
    return (int)ceil(options->train.epochs * options->trial_share * (1 - 1e-12));
}

/* The average reaches back over a tenth of the steps. */
static double average_decay(const wick_goal_run *run, int epochs) {
    double batch = run->options->train.batch, images = run->data->split[WICK_TRAIN].n;
    double steps = epochs * ceil(images / batch);
    return fmin(0.999, fmax(0, 1 - 10 / steps));
}

wick_train_options wick_goal_train_options(const wick_goal_run *run, int epochs) {
    wick_train_options o = run->options->train;
    o.epochs = epochs;
    o.lr_warmup = fmin(o.lr_warmup, 0.2 * epochs);
    o.ema = o.ema > 0 ? o.ema : average_decay(run, epochs);
    o.teacher = run->network;
    o.n_sparse = o.n_bits = 0;
    o.checkpoint = NULL;
    o.resume = false;
    o.session_epochs = 0;
    o.progress = NULL;
    return o;
}

/* What was trained under this name, or would have to be: its images leave the bar's total. */
static void skip(wick_goal_run *run, int epochs) {
    run->progress.total -= (uint64_t)epochs * (uint64_t)run->data->split[WICK_TRAIN].n;
}

static void announce(const wick_goal_run *run, const char *what, int epochs) {
    if (run->options->train.quiet)
        return;
    fprintf(stderr, "wick: %s: %d epoch%s", what, epochs, epochs == 1 ? "" : "s");
    double left = (double)(run->progress.total - run->progress.done);
    if (run->trained_images > 0) {
        wick_arena *arena = wick_arena_new();
        fprintf(stderr, "; about %s left in all",
                wick_text_time(arena, left * run->trained_s / run->trained_images));
        wick_arena_free(arena);
    }
    fputc('\n', stderr);
}

/* As a file has it. */
static wick_status through_onnx(wick_goal_run *run, const char *path, wick_graph **graph) {
    wick_buf bytes = {0};
    wick_graph *again = NULL;
    wick_status status = path ? wick_onnx_write(*graph, path, run->diag)
                              : wick_onnx_write_bytes(*graph, "the network", &bytes, run->diag);
    if (status == WICK_OK)
        status = path ? wick_onnx_read(path, &again, run->diag)
                      : wick_onnx_read_bytes((const uint8_t *)bytes.data, bytes.len, "the network",
                                             NULL, &again, run->diag);
    wick_buf_free(&bytes);
    if (status != WICK_OK)
        return status;
    wick_graph_free(*graph);
    *graph = again;
    return WICK_OK;
}

static wick_status train(wick_goal_run *run, wick_train_options *options, wick_graph *graph) {
    wick_train_result result;
    wick_diag told = {0};
    uint64_t before = run->progress.done;
    double start_s = wick_now_s();
    options->resume = options->checkpoint && wick_path_is_file(options->checkpoint);
    wick_status status = wick_train_run(graph, run->data, options, &result, &told);
    run->trained_s += wick_now_s() - start_s;
    run->trained_images += (double)(run->progress.done - before);
    if (status != WICK_INTERRUPTED) /* which is told by the driver */
        wick_diag_move(run->diag, &told);
    wick_diag_free(&told);
    return status;
}

wick_status wick_goal_train(wick_goal_run *run, const char *name, const char *what,
                            const wick_candidate *candidate, const wick_structure *structure,
                            int epochs, wick_graph **graph) {
    wick_arena *arena = wick_arena_new();
    wick_train_options options = wick_goal_train_options(run, epochs);
    const char *path = wick_goal_state_path(arena, run->options, name, ".onnx");
    wick_status status;
    options.checkpoint = wick_goal_state_path(arena, run->options, name, ".state");
    options.progress = &run->progress;
    wick_candidate_rules(candidate, structure, arena, &options);
    if (path && wick_path_is_file(path)) {
        skip(run, epochs);
        wick_graph_free(*graph);
        *graph = NULL;
        status = wick_onnx_read(path, graph, run->diag);
    } else {
        announce(run, what, epochs);
        status = train(run, &options, *graph);
        if (status == WICK_OK)
            status = through_onnx(run, path, graph);
    }
    if (status == WICK_OK && options.checkpoint)
        unlink(options.checkpoint); /* its work is in the file now */
    wick_arena_free(arena);
    return status;
}
