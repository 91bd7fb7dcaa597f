/* One epoch: order, batches, steps, progress; and the validation after it. */
#include "train/optimiser.h"
#include "train/parallel.h"
#include "train/session.h"
#include "train/teacher.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t MIXUP_STREAM = 0x6d69787570;

/* Streams of wick_rng_seed(seed, stream): the order of epoch e of stage s has number (s << 32) + e
   + 1; augmentation takes its own from (seed, image, epoch counted over all stages). */
static void order_of_epoch(const wick_session *session, int epoch, uint32_t *order, int n) {
    for (int i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    uint64_t stream = ((uint64_t)session->position.stage << 32) + (uint64_t)epoch + 1;
    wick_rng rng = wick_rng_seed(session->options->seed, stream);
    wick_rng_shuffle(&rng, order, (size_t)n);
}

/* One batch: which images, how they are mixed, what they should be answered with. */
typedef struct minibatch {
    uint32_t *indices; /* of the whole batch, as are labels and others */
    uint16_t *labels, *others;
    float *scratch; /* for mixing: one input of this rank's programs */
    uint32_t epoch_of_all;
    uint64_t step_of_all; /* another number for every step of the training */
    int shift;            /* image i is mixed with image i + shift; 0 = not mixed */
    double lambda;
} minibatch;

static size_t input_count(const wick_session *session) {
    const wick_data *data = session->data;
    return (size_t)data->channels * (size_t)data->height * (size_t)data->width;
}

static minibatch minibatch_new(const wick_session *session, int epoch) {
    size_t n = (size_t)session->options->batch;
    minibatch batch = {.indices = wick_xalloc(n * sizeof *batch.indices),
                       .labels = wick_xalloc(n * sizeof *batch.labels),
                       .others = wick_xalloc(n * sizeof *batch.others),
                       .epoch_of_all =
                           (uint32_t)(session->position.stage * session->options->epochs + epoch)};
    if (session->options->mixup > 0)
        batch.scratch = wick_xalloc(wick_size_mul(n * sizeof *batch.scratch, input_count(session)));
    return batch;
}

static void minibatch_free(minibatch *batch) {
    free(batch->indices);
    free(batch->labels);
    free(batch->others);
    free(batch->scratch);
}

/* The next images of the order, around its end back to its start: every image once, and the last
   batch filled up with the first images again. */
static void choose_images(wick_session *session, const uint32_t *order, int n, int step,
                          minibatch *batch) {
    const wick_train_options *options = session->options;
    int size = options->batch;
    batch->shift = 0;
    batch->step_of_all = (uint64_t)batch->epoch_of_all << 32 | (uint32_t)step;
    if (options->mixup > 0 && size > 1) {
        wick_rng rng = wick_rng_seed(options->seed ^ MIXUP_STREAM, batch->step_of_all);
        batch->lambda = wick_mixup_lambda(&rng, options->mixup);
        batch->shift = 1 + (int)wick_rng_below(&rng, (uint32_t)size - 1);
    }
    for (int i = 0; i < size; i++) {
        size_t at = ((size_t)step * (size_t)size + (size_t)i) % (size_t)n;
        batch->indices[i] = order[at];
        batch->labels[i] = session->data->split[WICK_TRAIN].labels[order[at]];
    }
    for (int i = 0; i < size; i++)
        batch->others[i] = batch->labels[(i + batch->shift) % size];
}

/* Where this rank's part of the batch begins. */
static int first_image(const wick_session *session) {
    return wick_rank() * session->stage->batch;
}

static void load_images(const wick_session *session, const minibatch *batch,
                        const uint32_t *indices, wick_normalise normalise, float *dst) {
    const wick_train_options *options = session->options;
    wick_data_batch(session->data, WICK_TRAIN, indices, session->stage->batch, &options->augment,
                    options->seed, batch->epoch_of_all, normalise.mean, normalise.std, dst);
}

/* Mixes with images that other ranks have in their part: they are made here once more. */
static void mix_over_ranks(const wick_session *session, const minibatch *batch,
                           wick_normalise normalise, float *input) {
    int size = session->options->batch, here = session->stage->batch;
    uint32_t *partners = wick_xalloc((size_t)here * sizeof *partners);
    for (int i = 0; i < here; i++)
        partners[i] = batch->indices[(first_image(session) + i + batch->shift) % size];
    load_images(session, batch, partners, normalise, batch->scratch);
    wick_mixup_blend(input, batch->scratch, (size_t)here * input_count(session), batch->lambda);
    free(partners);
}

/* This rank's images of the batch, augmented and mixed, into a program's input. */
static void fill_input(wick_session *session, const minibatch *batch, wick_normalise normalise,
                       wick_program *program) {
    float *input = wick_program_input(program);
    load_images(session, batch, batch->indices + first_image(session), normalise, input);
    if (batch->shift && wick_ranks() > 1)
        mix_over_ranks(session, batch, normalise, input);
    else if (batch->shift)
        wick_mixup_images(input, session->stage->batch, input_count(session), batch->shift,
                          batch->lambda, batch->scratch);
}

static wick_status fill_batch(wick_session *session, const minibatch *batch) {
    wick_stage *stage = session->stage;
    fill_input(session, batch, session->normalise,
               stage->spec.frozen ? stage->frozen_program : stage->program);
    if (!stage->teacher_program)
        return WICK_OK;
    fill_input(session, batch, wick_teacher_normalise(stage), stage->teacher_program);
    return wick_program_forward(stage->teacher_program, session->diag);
}

static wick_status take_step(wick_session *session, const minibatch *batch, bool distil,
                             double rate, int64_t number, wick_batch_loss *loss) {
    wick_stage *stage = session->stage;
    int first = first_image(session);
    wick_targets targets = {.labels = batch->labels + first,
                            .others = batch->shift ? batch->others + first : NULL,
                            .lambda = batch->lambda,
                            .smoothing = session->options->label_smoothing};
    if (stage->spec.frozen) {
        WICK_TRY(wick_program_forward(stage->frozen_program, session->diag));
        memcpy(wick_program_input(stage->program), wick_program_output(stage->frozen_program, 0),
               wick_program_output_count(stage->frozen_program, 0) * sizeof(float));
    }
    wick_program_draw(stage->program, session->options->seed, batch->step_of_all, first);
    WICK_TRY(wick_program_forward(stage->program, session->diag));
    *loss = wick_stage_loss(stage, session->options, &targets, distil);
    WICK_TRY(wick_program_backward(stage->program, session->diag));
    wick_exchange_finish(stage->exchange);
    wick_stage_whole_loss(stage, loss);
    if (!isfinite(loss->total))
        return wick_parallel_agree(
            wick_fail(session->diag, WICK_RANGE, NULL, NULL,
                      "lower the learning rate (--lr) or clip the gradients (--clip-norm)",
                      "the loss is no longer a number: the training has diverged"),
            session->diag);
    wick_stage_update(stage, session->options, rate, number);
    return WICK_OK;
}

static void add_loss(const wick_session *session, const wick_batch_loss *loss,
                     wick_run_point *sum) {
    const wick_stage *stage = session->stage;
    sum->loss += loss->total;
    for (int i = 0; i < stage->spec.n_heads; i++) {
        int k = stage->spec.heads[i];
        sum->train_loss[k] += loss->ce[i];
        sum->train_accuracy[k] += (double)loss->correct[i] / session->options->batch;
        sum->kd_loss[k] += loss->kd[i];
    }
}

/* Sums over `steps` batches become means. */
static void take_means(const wick_stage *stage, int steps, wick_run_point *sum) {
    sum->loss /= steps;
    for (int i = 0; i < stage->spec.n_heads; i++) {
        int k = stage->spec.heads[i];
        sum->train_loss[k] /= steps;
        sum->train_accuracy[k] /= steps;
        sum->kd_loss[k] /= steps;
    }
}

static void clear_point(const wick_stage *stage, wick_run_point *point) {
    point->loss = 0;
    for (int k = 0; k < WICK_MAX_HEADS; k++)
        point->train_loss[k] = point->train_accuracy[k] = point->kd_loss[k] = point->validation[k] =
            (double)NAN;
    for (int i = 0; i < stage->spec.n_heads; i++) {
        int k = stage->spec.heads[i];
        point->train_loss[k] = point->train_accuracy[k] = point->kd_loss[k] = 0;
    }
}

static void note_progress(wick_progress *progress, const wick_session *session,
                          const wick_run_point *sum, int steps, uint64_t images) {
    char text[sizeof progress->note];
    int len = snprintf(text, sizeof text, "loss %.3f ", sum->loss / steps);
    for (int i = 0; i < session->stage->spec.n_heads && len < (int)sizeof text; i++) {
        int k = session->stage->spec.heads[i];
        len +=
            snprintf(text + len, sizeof text - (size_t)len, " %s %.0f%%",
                     session->family->family.head_names[k], 100 * sum->train_accuracy[k] / steps);
    }
    wick_progress_note(progress, "%s", text);
    wick_progress_update(progress, images);
}

/* On all ranks when one was asked to stop. */
static bool stop_requested(void) {
    double asked = wick_stop_requested();
    wick_parallel_sum(&asked, 1);
    return asked > 0;
}

static wick_status run_steps(wick_session *session, int epoch, const uint32_t *order, int n,
                             wick_progress *progress, wick_run_point *point) {
    const wick_train_options *options = session->options;
    wick_stage *stage = session->stage;
    minibatch batch = minibatch_new(session, epoch);
    int steps = (n + options->batch - 1) / options->batch;
    bool distil = epoch >= wick_schedule_kd_epoch(options);
    wick_status status = WICK_OK;
    for (int step = 0; step < steps && status == WICK_OK; step++) {
        if (stop_requested()) {
            status = WICK_INTERRUPTED;
            break;
        }
        wick_batch_loss loss = {0};
        point->learning_rate = wick_schedule_rate(options, epoch, step, steps);
        choose_images(session, order, n, step, &batch);
        status = fill_batch(session, &batch);
        if (status == WICK_OK)
            status = take_step(session, &batch, distil, point->learning_rate,
                               (int64_t)epoch * steps + step + 1, &loss);
        add_loss(session, &loss, point);
        if (progress)
            note_progress(progress, session, point, step + 1,
                          (uint64_t)(step + 1) * (uint64_t)options->batch);
    }
    take_means(stage, steps, point);
    minibatch_free(&batch);
    return status;
}

wick_status wick_session_epoch(wick_session *session, int epoch, wick_run_point *point) {
    int n = session->data->split[WICK_TRAIN].n;
    uint32_t *order = wick_xalloc((size_t)n * sizeof *order);
    order_of_epoch(session, epoch, order, n);
    clear_point(session->stage, point);
    char label[64];
    if (session->n_stages > 1)
        snprintf(label, sizeof label, "stage %d/%d epoch %d/%d", session->position.stage + 1,
                 session->n_stages, epoch + 1, session->options->epochs);
    else
        snprintf(label, sizeof label, "epoch %d/%d", epoch + 1, session->options->epochs);
    wick_progress progress;
    wick_progress_begin(&progress, label, "img", (uint64_t)n);
    wick_status status =
        run_steps(session, epoch, order, n, session->options->quiet ? NULL : &progress, point);
    wick_progress_end(&progress);
    free(order);
    return status;
}

wick_status wick_session_validate(wick_session *session, wick_run_point *point) {
    wick_stage *stage = session->stage;
    int64_t correct[WICK_MAX_HEADS];
    wick_inference run = wick_inference_of(stage->check_program);
    wick_constants_copy(wick_stage_weights(stage), stage->check_graph);
    WICK_TRY(wick_folded_import(stage->check_program, stage->check_graph, session->diag));
    WICK_TRY(wick_count_correct(&run, stage->batch, stage->spec.n_heads, stage->classes,
                                session->data, WICK_VALIDATION, session->normalise, false, correct,
                                (wick_answers){0}, session->diag));
    for (int i = 0; i < stage->spec.n_heads; i++)
        point->validation[stage->spec.heads[i]] =
            (double)correct[i] / session->data->split[WICK_VALIDATION].n;
    return WICK_OK;
}
