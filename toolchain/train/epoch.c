/* One epoch: order, batches, steps, progress; and the validation after it. */
#include "train/session.h"

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

/* The next images of the order, around its end back to its start: every image once, and the last
   batch filled up with the first images again. */
static void fill_batch(wick_session *session, int epoch, const uint32_t *order, int n, int step,
                       uint32_t *indices, uint16_t *labels) {
    wick_stage *stage = session->stage;
    const wick_train_options *options = session->options;
    for (int i = 0; i < stage->batch; i++) {
        size_t at = ((size_t)step * (size_t)stage->batch + (size_t)i) % (size_t)n;
        indices[i] = order[at];
        labels[i] = session->data->split[WICK_TRAIN].labels[indices[i]];
    }
    uint32_t epoch_of_all = (uint32_t)(session->position.stage * options->epochs + epoch);
    wick_program *first = stage->spec.frozen ? stage->frozen_program : stage->program;
    wick_data_batch(session->data, WICK_TRAIN, indices, stage->batch, &options->augment,
                    options->seed, epoch_of_all, session->normalise.mean, session->normalise.std,
                    wick_program_input(first));
}

static wick_status take_step(wick_session *session, const uint16_t *labels, bool distil,
                             double rate, wick_batch_loss *loss) {
    wick_stage *stage = session->stage;
    if (stage->spec.frozen) {
        WICK_TRY(wick_program_forward(stage->frozen_program, session->diag));
        memcpy(wick_program_input(stage->program), wick_program_output(stage->frozen_program, 0),
               wick_program_output_count(stage->frozen_program, 0) * sizeof(float));
    }
    WICK_TRY(wick_program_forward(stage->program, session->diag));
    *loss = wick_stage_loss(stage, session->options, labels, distil);
    if (!isfinite(loss->total))
        return wick_fail(session->diag, WICK_RANGE, NULL, NULL,
                         "lower the learning rate (--lr) or clip the gradients (--clip-norm)",
                         "the loss is no longer a number: the training has diverged");
    WICK_TRY(wick_program_backward(stage->program, session->diag));
    wick_stage_update(stage, session->options, rate);
    return WICK_OK;
}

static void add_loss(const wick_stage *stage, const wick_batch_loss *loss, wick_run_point *sum) {
    sum->loss += loss->total;
    for (int i = 0; i < stage->spec.n_heads; i++) {
        int k = stage->spec.heads[i];
        sum->train_loss[k] += loss->ce[i];
        sum->train_accuracy[k] += (double)loss->correct[i] / stage->batch;
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

static wick_status run_steps(wick_session *session, int epoch, const uint32_t *order, int n,
                             wick_progress *progress, wick_run_point *point) {
    const wick_train_options *options = session->options;
    wick_stage *stage = session->stage;
    uint32_t *indices = wick_xalloc((size_t)stage->batch * sizeof *indices);
    uint16_t *labels = wick_xalloc((size_t)stage->batch * sizeof *labels);
    int steps = (n + stage->batch - 1) / stage->batch;
    bool distil = epoch >= wick_schedule_kd_epoch(options);
    wick_status status = WICK_OK;
    for (int step = 0; step < steps && status == WICK_OK; step++) {
        if (wick_stop_requested()) {
            status = WICK_INTERRUPTED;
            break;
        }
        wick_batch_loss loss = {0};
        point->learning_rate = wick_schedule_rate(options, epoch, step, steps);
        fill_batch(session, epoch, order, n, step, indices, labels);
        status = take_step(session, labels, distil, point->learning_rate, &loss);
        add_loss(stage, &loss, point);
        if (progress)
            note_progress(progress, session, point, step + 1,
                          (uint64_t)(step + 1) * (uint64_t)stage->batch);
    }
    take_means(stage, steps, point);
    free(indices);
    free(labels);
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
    wick_constants_copy(stage->graph, stage->check_graph);
    WICK_TRY(wick_program_import(stage->check_program, stage->check_graph, session->diag));
    WICK_TRY(wick_count_correct(stage->check_program, stage->batch, stage->spec.n_heads,
                                stage->classes, session->data, WICK_VALIDATION, session->normalise,
                                false, correct, (wick_answers){0}, session->diag));
    for (int i = 0; i < stage->spec.n_heads; i++)
        point->validation[stage->spec.heads[i]] =
            (double)correct[i] / session->data->split[WICK_VALIDATION].n;
    return WICK_OK;
}
