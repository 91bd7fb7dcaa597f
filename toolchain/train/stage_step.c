/* What happens in a stage at every step: losses of eq. 8 and 9, and the update. */
#include "train/losses.h"
#include "train/parallel.h"
#include "train/stage.h"

#include <stdlib.h>
#include <string.h>

/* The outputs' term: distance of eq. 10, or the response of Hinton et al. */
static double output_loss(wick_stage *stage, const wick_train_options *options,
                          const float *teacher, const float *student, double weight,
                          float *d_teacher, float *d_student) {
    if (options->kd_response)
        return wick_loss_response(teacher, student, stage->batch, stage->classes,
                                  options->kd_temperature, weight, d_teacher, d_student);
    return wick_loss_outputs(teacher, student, stage->batch, stage->classes, options->kd_logits,
                             options->kd_epsilon, weight, d_teacher, d_student, stage->scratch);
}

/* Loss of the pair (teacher j, student k) of papers/0-rein eq. 10, times weight, and gradients. */
static double pair_loss(wick_stage *stage, const wick_train_options *options, int j, int k,
                        double weight) {
    wick_program *program = stage->program;
    float *d_teacher = options->kd_detach ? NULL : wick_program_output_gradient(program, j);
    double loss = output_loss(stage, options, wick_program_output(program, j),
                              wick_program_output(program, k), weight, d_teacher,
                              wick_program_output_gradient(program, k));
    int projection = stage->projection_output[j][k], phi = stage->feature_output[j];
    if (projection >= 0)
        loss += wick_loss_distance(
            wick_program_output(program, phi), wick_program_output(program, projection),
            stage->batch, stage->feature_size[j], options->kd_epsilon, weight,
            options->kd_detach ? NULL : wick_program_output_gradient(program, phi),
            wick_program_output_gradient(program, projection));
    return weight * loss;
}

/* The same with the finished teacher, whose features are its program's second output. */
static double teacher_loss(wick_stage *stage, const wick_train_options *options, int k) {
    wick_program *program = stage->program, *teacher = stage->teacher_program;
    double weight = options->teacher_weight;
    double loss = output_loss(stage, options, wick_program_output(teacher, 0),
                              wick_program_output(program, k), weight, NULL,
                              wick_program_output_gradient(program, k));
    int projection = stage->teacher_projection[k];
    if (projection >= 0)
        loss += wick_loss_distance(wick_program_output(teacher, 1),
                                   wick_program_output(program, projection), stage->batch,
                                   stage->teacher_feature_size, options->kd_epsilon, weight, NULL,
                                   wick_program_output_gradient(program, projection));
    return weight * loss;
}

wick_batch_loss wick_stage_loss(wick_stage *stage, const wick_train_options *options,
                                const wick_targets *targets, bool distil, int only) {
    wick_program *program = stage->program;
    wick_batch_loss loss = {0};
    for (int i = 0; i < stage->n_outputs; i++)
        memset(wick_program_output_gradient(program, i), 0,
               wick_program_output_count(program, i) * sizeof(float));
    for (int k = 0; k < stage->spec.n_heads; k++) {
        bool trained = only < 0 || only == k;
        double alpha = stage->spec.separate || stage->spec.n_heads == 1
                           ? 1.0
                           : options->alpha[stage->spec.heads[k]] * trained;
        const float *logits = wick_program_output(program, k);
        float *d_logits = wick_program_output_gradient(program, k);
        loss.ce[k] = wick_loss_soft_cross_entropy(logits, targets, stage->batch, stage->classes,
                                                  alpha, d_logits, &loss.correct[k]);
        loss.total += alpha * loss.ce[k];
        for (int j = 0; j < k && trained && distil && stage->spec.distil; j++) {
            double beta = options->beta[stage->spec.heads[j]][stage->spec.heads[k]];
            if (beta > 0)
                loss.kd[k] += pair_loss(stage, options, j, k, beta);
        }
        if (trained && stage->teacher_program && options->teacher_weight > 0)
            loss.kd[k] += teacher_loss(stage, options, k);
        loss.total += loss.kd[k];
    }
    return loss;
}

void wick_stage_whole_loss(const wick_stage *stage, wick_batch_loss *loss) {
    if (wick_ranks() == 1)
        return;
    double values[1 + 3 * WICK_MAX_HEADS] = {loss->total};
    int n = stage->spec.n_heads, ranks = wick_ranks();
    for (int k = 0; k < n; k++) {
        values[1 + 3 * k] = loss->ce[k];
        values[2 + 3 * k] = loss->kd[k];
        values[3 + 3 * k] = loss->correct[k];
    }
    wick_parallel_sum(values, 1 + 3 * n);
    loss->total = values[0] / ranks;
    for (int k = 0; k < n; k++) {
        loss->ce[k] = values[1 + 3 * k] / ranks;
        loss->kd[k] = values[2 + 3 * k] / ranks;
        loss->correct[k] = (int)values[3 + 3 * k];
    }
}

/* In double, where the mean of equal floats is that float. */
static void mean_of_ranks(float *values, size_t count) {
    double *sums = wick_xalloc(wick_size_mul(count, sizeof *sums));
    for (size_t i = 0; i < count; i++)
        sums[i] = (double)values[i];
    wick_parallel_sum(sums, (int)count);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(sums[i] / wick_ranks());
    free(sums);
}

void wick_stage_mean_statistics(wick_stage *stage) {
    for (int s = 0; s < stage->n_slots && wick_ranks() > 1; s++) {
        wick_slot *slot = &stage->slots[s];
        if (slot->param->trainable)
            continue;
        mean_of_ranks(slot->param->value, slot->param->count);
        if (slot->average)
            mean_of_ranks(slot->average, slot->param->count);
    }
}
