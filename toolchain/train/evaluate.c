#include "train/batches.h"
#include "train/inference.h"
#include "train/losses.h"
#include "train/train.h"

#include <assert.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { EVAL_BATCH = 64 };

/* Without metadata a network takes pixel / 255, as its quantized form does (docs/numbers.md). */
wick_normalise wick_family_normalise(const wick_family *family) {
    static const float zeros[WICK_MAX_CHANNELS_META],
        ones[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    _Static_assert(WICK_LEN(ones) == WICK_MAX_CHANNELS_META, "one for each channel");
    if (family->n_channels == 0)
        return (wick_normalise){.mean = zeros, .std = ones};
    return (wick_normalise){.mean = family->mean, .std = family->std};
}

wick_status wick_check_input(const wick_graph *graph, const wick_data *data, wick_diag *diag) {
    wick_shape shape = wick_image_shape(graph->tensors[graph->input].shape);
    if (shape.rank == 4 && shape.dim[1] == data->channels && shape.dim[2] == data->height &&
        shape.dim[3] == data->width &&
        (graph->family.n_channels == 0 || graph->family.n_channels == data->channels))
        return WICK_OK;
    wick_arena *arena = wick_arena_new();
    wick_status status =
        wick_fail(diag, WICK_SHAPE, data->spec, NULL,
                  "use data of the network's size, or build the network for the data (--input)",
                  "the images are %d x %d x %d (height, width, channels), the network takes %s",
                  data->height, data->width, data->channels, wick_shape_text(arena, shape));
    wick_arena_free(arena);
    return status;
}

wick_status wick_check_ranges(const wick_graph *graph, const wick_data *data, wick_diag *diag) {
    const wick_family *family = &graph->family;
    size_t bytes = (size_t)data->channels * sizeof(float);
    if (!family->ranged ||
        (data->low && family->n_channels == data->channels &&
         !memcmp(data->low, family->low, bytes) && !memcmp(data->high, family->high, bytes)))
        return WICK_OK;
    return wick_fail(diag, WICK_MISMATCH, data->spec, NULL,
                     "open the windows with the model's wick.low and wick.high",
                     "their 8 bits stand for other values than those the network was trained on");
}

int wick_set_threads(int threads) {
    /* What was there before anything was set, so that a later 0 still means all. */
    static int all;
    if (all == 0)
        all = omp_get_max_threads();
    omp_set_num_threads(threads > 0 ? threads : all);
    return threads > 0 ? threads : all;
}

/* indices[0..batch) = next images of the list; the last one is repeated. Returns how many count. */
static int next_batch(const uint32_t *list, int n, int from, int batch, uint32_t *indices) {
    int here = n - from < batch ? n - from : batch;
    for (int i = 0; i < batch; i++) {
        int at = from + (i < here ? i : here - 1);
        indices[i] = list ? list[at] : (uint32_t)at;
    }
    return here;
}

static void sum_correct(int64_t *correct, int n_heads) {
    double sums[WICK_MAX_HEADS]; /* exact */
    for (int k = 0; k < n_heads; k++)
        sums[k] = (double)correct[k];
    wick_parallel_sum(sums, n_heads);
    for (int k = 0; k < n_heads; k++)
        correct[k] = (int64_t)sums[k];
}

wick_status wick_count_correct(wick_inference *run, int batch, int n_heads, int classes,
                               const wick_data *data, wick_split split, wick_normalise normalise,
                               bool stoppable, int64_t *correct, wick_answers answers,
                               wick_diag *diag) {
    const wick_images *images = &data->split[split];
    uint32_t *indices = wick_xalloc((size_t)batch * sizeof *indices);
    memset(correct, 0, (size_t)n_heads * sizeof *correct);
    wick_status status = WICK_OK;
    assert(wick_ranks() == 1 || (!answers.labels && !answers.confidence));
    for (int from = wick_rank() * batch; from < images->n && status == WICK_OK;
         from += wick_ranks() * batch) {
        int here = next_batch(NULL, images->n, from, batch, indices);
        wick_data_batch(data, split, indices, batch, NULL, 0, 0, normalise.mean, normalise.std,
                        wick_inference_input(run));
        if (stoppable && wick_stop_requested())
            status = WICK_INTERRUPTED;
        else
            status = wick_inference_forward(run, diag);
        for (int k = 0; k < n_heads && status == WICK_OK; k++) {
            const float *logits = wick_inference_output(run, k);
            for (int i = 0; i < here; i++) {
                const float *row = logits + (size_t)i * (size_t)classes;
                size_t at = (size_t)k * (size_t)images->n + (size_t)(from + i);
                int label = wick_argmax(row, classes);
                correct[k] += label == images->labels[from + i];
                if (answers.labels)
                    answers.labels[at] = (uint16_t)label;
                if (answers.confidence)
                    answers.confidence[at] = wick_confidence(row, classes);
            }
        }
    }
    free(indices);
    WICK_TRY(wick_parallel_agree(status, diag));
    sum_correct(correct, n_heads);
    return WICK_OK;
}

/* Over all numbers of an image, not of a part of them or of several images. */
static bool is_softmax(const wick_graph *graph, const wick_node *node) {
    if (node->op != WICK_OP_SOFTMAX && node->op != WICK_OP_LOG_SOFTMAX)
        return false;
    wick_shape shape = graph->tensors[node->output].shape;
    int axis = node->attrs.axis < 0 ? node->attrs.axis + shape.rank : node->attrs.axis;
    return axis > 0 && axis < shape.rank &&
           shape.dim[0] * shape.dim[axis] == wick_shape_count(shape);
}

/* The place of the largest of all numbers of an image, the first of equals. */
static bool is_answer(const wick_graph *graph, const wick_node *node) {
    wick_shape shape = graph->tensors[node->inputs[0]].shape;
    int axis = node->attrs.axis < 0 ? node->attrs.axis + shape.rank : node->attrs.axis;
    return node->op == WICK_OP_ARG_MAX && !node->attrs.last_index && axis == 1 &&
           shape.dim[0] * shape.dim[1] == wick_shape_count(shape);
}

int wick_logits_of(const wick_graph *graph, int head) {
    for (;;) {
        int producer = graph->tensors[head].producer;
        if (producer < 0)
            return head;
        const wick_node *node = &graph->nodes[producer];
        if (node->op != WICK_OP_IDENTITY && !is_softmax(graph, node) && !is_answer(graph, node))
            return head;
        head = node->inputs[0];
    }
}

wick_status wick_folded_build(const wick_graph *graph, int batch, bool winograd, wick_program **out,
                              wick_diag *diag) {
    *out = NULL;
    wick_graph *folded = wick_graph_clone(graph);
    wick_graph_fold_batch_norm(folded);
    int outputs[WICK_MAX_HEADS];
    for (int k = 0; k < folded->family.n_heads; k++)
        outputs[k] = wick_logits_of(folded, folded->family.heads[k]);
    wick_program_options options = {.batch = batch,
                                    .winograd = winograd,
                                    .n_outputs = folded->family.n_heads,
                                    .outputs = outputs};
    wick_status status = wick_graph_set_batch(folded, batch, diag);
    if (status == WICK_OK)
        status = wick_program_build(folded, &options, out, diag);
    wick_graph_free(folded);
    return status;
}

wick_status wick_folded_import(wick_program *program, const wick_graph *graph, wick_diag *diag) {
    wick_graph *folded = wick_graph_clone(graph);
    wick_graph_fold_batch_norm(folded);
    wick_status status = wick_program_import(program, folded, diag);
    wick_graph_free(folded);
    return status;
}

/* The heads' logits, with folded batch norm where the backend has every operator: `run` is then
   around `program`, else it stands alone and `program` is NULL. */
static wick_status open_heads(const wick_graph *graph, const int *logits, wick_program **program,
                              wick_inference *run, wick_diag *diag) {
    wick_diag refused = {0}; /* the reference may do what the backend cannot */
    wick_status status = wick_folded_build(graph, EVAL_BATCH, true, program, &refused);
    wick_diag_free(&refused);
    *run = wick_inference_of(*program);
    if (status == WICK_OK)
        return WICK_OK;
    return wick_inference_open(graph, EVAL_BATCH, logits, graph->family.n_heads, run, diag);
}

static wick_status evaluate(const wick_graph *graph, const wick_data *data, wick_split split,
                            int threads, int64_t *correct, wick_answers answers, wick_diag *diag) {
    const wick_family *family = &graph->family;
    WICK_TRY(wick_check_input(graph, data, diag));
    WICK_TRY(wick_check_ranges(graph, data, diag));
    int classes = 0, logits_tensors[WICK_MAX_HEADS];
    for (int k = 0; k < family->n_heads; k++) {
        logits_tensors[k] = wick_logits_of(graph, family->heads[k]);
        wick_shape logits = graph->tensors[logits_tensors[k]].shape;
        classes = (int)(wick_shape_count(logits) / logits.dim[0]);
        if (classes != data->n_classes)
            return wick_fail(diag, WICK_SHAPE, data->spec, family->head_names[k], NULL,
                             "the data have %d classes, the module answers %d", data->n_classes,
                             classes);
    }
    wick_set_threads(threads);
    wick_inference run;
    wick_program *program = NULL;
    wick_status status = open_heads(graph, logits_tensors, &program, &run, diag);
    if (status == WICK_OK)
        status = wick_count_correct(&run, EVAL_BATCH, family->n_heads, classes, data, split,
                                    wick_family_normalise(family), true, correct, answers, diag);
    if (status == WICK_INTERRUPTED)
        wick_fail(diag, status, NULL, NULL, NULL, "stopped on request");
    if (!program)
        wick_inference_close(&run);
    wick_program_free(program);
    return status;
}

wick_status wick_eval_float(const wick_graph *graph, const wick_data *data, wick_split split,
                            int threads, int64_t *correct, uint16_t *predictions, wick_diag *diag) {
    return evaluate(graph, data, split, threads, correct, (wick_answers){.labels = predictions},
                    diag);
}

wick_status wick_answers_float(const wick_graph *graph, const wick_data *data, wick_split split,
                               int threads, wick_answers answers, wick_diag *diag) {
    int64_t correct[WICK_MAX_HEADS];
    return evaluate(graph, data, split, threads, correct, answers, diag);
}

/* The program's outputs: every wanted tensor but the graph's input, which is at hand. */
static int *outputs_of(const wick_graph *graph, const int *tensors, int n_tensors, int *n_outputs) {
    int *outputs = wick_xalloc((size_t)(n_tensors + 1) * sizeof *outputs);
    *n_outputs = 0;
    for (int i = 0; i < n_tensors; i++)
        if (tensors[i] != graph->input)
            outputs[(*n_outputs)++] = tensors[i];
    if (*n_outputs == 0) /* a program needs one */
        outputs[(*n_outputs)++] = graph->family.heads[0];
    return outputs;
}

static void visit_batch(const wick_inference *run, int batch, int here, const wick_graph *graph,
                        const int *tensors, int n_tensors, wick_visit *visit, void *ctx) {
    int output = 0;
    size_t input_size = (size_t)wick_shape_count(graph->tensors[graph->input].shape);
    for (int i = 0; i < n_tensors; i++) {
        if (tensors[i] == graph->input) {
            visit(ctx, tensors[i], wick_inference_input(run), here, input_size);
            continue;
        }
        size_t per_image = wick_inference_output_count(run, output) / (size_t)batch;
        visit(ctx, tensors[i], wick_inference_output(run, output++), here, per_image);
    }
}

wick_status wick_eval_tensors(const wick_graph *graph, const wick_data *data, wick_split split,
                              const uint32_t *indices, int n, const int *tensors, int n_tensors,
                              wick_visit *visit, void *ctx, wick_diag *diag) {
    WICK_TRY(wick_check_input(graph, data, diag));
    WICK_TRY(wick_check_ranges(graph, data, diag));
    wick_set_threads(0);
    int batch = n < EVAL_BATCH ? n : EVAL_BATCH, n_outputs;
    if (n < 1 || n_tensors < 1)
        return WICK_OK;
    int *outputs = outputs_of(graph, tensors, n_tensors, &n_outputs);
    uint32_t *here_indices = wick_xalloc((size_t)batch * sizeof *here_indices);
    wick_normalise normalise = wick_family_normalise(&graph->family);
    wick_inference run;
    wick_status status = wick_inference_open(graph, batch, outputs, n_outputs, &run, diag);
    for (int from = 0; from < n && status == WICK_OK; from += batch) {
        int here = next_batch(indices, n, from, batch, here_indices);
        wick_data_batch(data, split, here_indices, batch, NULL, 0, 0, normalise.mean, normalise.std,
                        wick_inference_input(&run));
        if (wick_stop_requested())
            status = wick_fail(diag, WICK_INTERRUPTED, NULL, NULL, NULL, "stopped on request");
        else
            status = wick_inference_forward(&run, diag);
        if (status == WICK_OK)
            visit_batch(&run, batch, here, graph, tensors, n_tensors, visit, ctx);
    }
    wick_inference_close(&run);
    free(here_indices);
    free(outputs);
    return status;
}
