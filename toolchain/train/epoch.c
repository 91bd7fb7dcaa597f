/* One epoch: order, batches, steps, progress; and the validation after it. */
#include "train/loader.h"
#include "train/optimiser.h"
#include "train/parallel.h"
#include "train/session.h"
#include "train/teacher.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Streams of wick_rng_seed(seed, stream): the order of epoch e of stage s has number (s << 32) + e
   + 1; augmentation takes its own from (seed, image, epoch counted over all stages). */
static void order_of_epoch(const wick_session *session, int epoch, uint32_t *order, int n) {
    for (int i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    uint64_t stream = ((uint64_t)session->position.stage << 32) + (uint64_t)epoch + 1;
    wick_rng rng = wick_rng_seed(session->options->seed, stream);
    wick_rng_shuffle(&rng, order, (size_t)n);
}

/* Above the streams of epochs. */
enum { HEAD_STREAM = 0x68656164 };

static size_t input_count(const wick_data *data) {
    return (size_t)data->channels * (size_t)data->height * (size_t)data->width;
}

/* Runs what is not trained: the teacher on its own input, the finished extractor. */
static wick_status feed(wick_session *session, const wick_loaded *batch) {
    wick_stage *stage = session->stage;
    wick_program *first = stage->spec.frozen ? stage->frozen_program : stage->program;
    size_t bytes = (size_t)stage->batch * input_count(session->data) * sizeof(float);
    memcpy(wick_program_input(first), batch->inputs[0], bytes);
    if (stage->teacher_program) {
        memcpy(wick_program_input(stage->teacher_program), batch->inputs[1], bytes);
        WICK_TRY(wick_program_forward(stage->teacher_program, session->diag));
    }
    if (!stage->spec.frozen)
        return WICK_OK;
    WICK_TRY(wick_program_forward(stage->frozen_program, session->diag));
    memcpy(wick_program_input(stage->program), wick_program_output(stage->frozen_program, 0),
           wick_program_output_count(stage->frozen_program, 0) * sizeof(float));
    return WICK_OK;
}

/* The head that step number `step` of all trains alone, where one does: the same on every rank. */
static int drawn_head(const wick_session *session, uint64_t step) {
    const wick_stage *stage = session->stage;
    if (!session->options->one_head)
        return -1;
    wick_rng rng = wick_rng_seed(session->options->seed, ((uint64_t)HEAD_STREAM << 32) + step);
    int learns[WICK_MAX_HEADS], n = 0;
    for (int k = 0; k < stage->spec.n_heads; k++)
        if (stage->learns[k])
            learns[n++] = k;
    return n ? learns[wick_rng_below(&rng, (uint32_t)n)] : -1;
}

static wick_status take_step(wick_session *session, const wick_loaded *batch, bool distil,
                             double rate, int64_t number, wick_batch_loss *loss) {
    wick_stage *stage = session->stage;
    wick_targets targets = {.labels = batch->labels,
                            .others = batch->others,
                            .lambda = batch->lambda,
                            .smoothing = session->options->label_smoothing};
    WICK_TRY(feed(session, batch));
    wick_program_draw(stage->program, session->options->seed, batch->step_of_all,
                      wick_rank() * stage->batch);
    WICK_TRY(wick_program_forward(stage->program, session->diag));
    *loss = wick_stage_loss(stage, session->options, &targets, distil,
                            drawn_head(session, (uint64_t)batch->step_of_all));
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

static wick_status run_steps(wick_session *session, int epoch, wick_loader *loader, int steps,
                             wick_progress *progress, wick_run_point *point) {
    const wick_train_options *options = session->options;
    uint64_t before = progress ? progress->done : 0,
             n = (uint64_t)session->data->split[WICK_TRAIN].n;
    bool distil = epoch >= wick_schedule_kd_epoch(options);
    for (int step = 0; step < steps; step++) {
        if (stop_requested())
            return WICK_INTERRUPTED;
        wick_batch_loss loss = {0};
        point->learning_rate = wick_schedule_rate(options, epoch, step, steps);
        session->stage->excess = wick_schedule_excess(options, epoch, step, steps);
        WICK_TRY(take_step(session, wick_loader_next(loader), distil, point->learning_rate,
                           (int64_t)epoch * steps + step + 1, &loss));
        add_loss(session, &loss, point);
        uint64_t images = (uint64_t)(step + 1) * (uint64_t)options->batch;
        if (progress)
            note_progress(progress, session, point, step + 1, before + (images < n ? images : n));
    }
    take_means(session->stage, steps, point);
    return WICK_OK;
}

/* The loader of this rank's part of every batch. */
static wick_status start_loader(const wick_session *session, int epoch, const uint32_t *order,
                                wick_loader **loader) {
    const wick_stage *stage = session->stage;
    wick_loader_spec spec = {
        .data = session->data,
        .options = session->options,
        .order = order,
        .n = session->data->split[WICK_TRAIN].n,
        .epoch_of_all = (uint32_t)(session->position.stage * session->options->epochs + epoch),
        .first = wick_rank() * stage->batch,
        .count = stage->batch,
        .n_inputs = stage->teacher_program ? 2 : 1,
        .normalise = {session->normalise}};
    if (stage->teacher_program)
        spec.normalise[1] = wick_teacher_normalise(stage);
    return wick_parallel_agree(wick_loader_start(&spec, loader, session->diag), session->diag);
}

/* All steps of an epoch, with the loader beside them. */
static wick_status run_order(wick_session *session, int epoch, const uint32_t *order,
                             wick_progress *progress, wick_run_point *point) {
    double start_s = wick_now_s();
    int n = session->data->split[WICK_TRAIN].n, batch = session->options->batch;
    wick_loader *loader = NULL;
    wick_status status = start_loader(session, epoch, order, &loader);
    if (status == WICK_OK)
        status = run_steps(session, epoch, loader, (n + batch - 1) / batch, progress, point);
    if (loader)
        session->waited_s += wick_loader_waited_s(loader);
    wick_loader_free(loader);
    session->stepping_s += wick_now_s() - start_s;
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
    wick_progress own, *progress = session->options->progress;
    if (!progress)
        wick_progress_begin(progress = &own, label, "img", (uint64_t)n);
    wick_status status =
        run_order(session, epoch, order, session->options->quiet ? NULL : progress, point);
    wick_progress_end(progress);
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
