/* What happens in a stage at every step: losses of eq. 8 and 9, and the update. */
#include "train/losses.h"
#include "train/stage.h"

#include <math.h>
#include <string.h>

/* Loss of the pair (teacher j, student k) of papers/0-rein eq. 10, times weight, and gradients. */
static double pair_loss(wick_stage *stage, const wick_train_options *options, int j, int k,
                        double weight) {
    wick_program *program = stage->program;
    float *d_teacher = options->kd_detach ? NULL : wick_program_output_gradient(program, j);
    double loss = wick_loss_outputs(wick_program_output(program, j),
                                    wick_program_output(program, k), stage->batch, stage->classes,
                                    options->kd_logits, options->kd_epsilon, weight, d_teacher,
                                    wick_program_output_gradient(program, k), stage->scratch);
    int projection = stage->projection_output[j][k], phi = stage->feature_output[j];
    if (projection >= 0)
        loss += wick_loss_distance(
            wick_program_output(program, phi), wick_program_output(program, projection),
            stage->batch, stage->feature_size[j], options->kd_epsilon, weight,
            options->kd_detach ? NULL : wick_program_output_gradient(program, phi),
            wick_program_output_gradient(program, projection));
    return weight * loss;
}

wick_batch_loss wick_stage_loss(wick_stage *stage, const wick_train_options *options,
                                const uint16_t *labels, bool distil) {
    wick_program *program = stage->program;
    wick_batch_loss loss = {0};
    for (int i = 0; i < stage->n_outputs; i++)
        memset(wick_program_output_gradient(program, i), 0,
               wick_program_output_count(program, i) * sizeof(float));
    for (int k = 0; k < stage->spec.n_heads; k++) {
        double alpha = stage->spec.separate || stage->spec.n_heads == 1
                           ? 1.0
                           : options->alpha[stage->spec.heads[k]];
        loss.ce[k] = wick_loss_cross_entropy(
            wick_program_output(program, k), labels, stage->batch, stage->classes, alpha,
            wick_program_output_gradient(program, k), &loss.correct[k]);
        loss.total += alpha * loss.ce[k];
        for (int j = 0; j < k && distil && stage->spec.distil; j++) {
            double beta = options->beta[stage->spec.heads[j]][stage->spec.heads[k]];
            if (beta > 0)
                loss.kd[k] += pair_loss(stage, options, j, k, beta);
        }
        loss.total += loss.kd[k];
    }
    return loss;
}

/* Factor that shortens each part's gradient to clip_norm. Each array is summed by one thread in
   order and the arrays in order: the result does not depend on the number of threads. */
static void clip_factors(const wick_stage *stage, double clip_norm, double factor[]) {
    double square[WICK_MAX_HEADS] = {0};
    for (int s = 0; s < stage->n_slots; s++) {
        const wick_param *param = stage->slots[s].param;
        if (!param->trainable)
            continue;
        double sum = 0;
        for (size_t i = 0; i < param->count; i++)
            sum += (double)param->gradient[i] * (double)param->gradient[i];
        square[stage->slots[s].part] += sum;
    }
    for (int p = 0; p < stage->n_parts; p++) {
        double norm = sqrt(square[p]);
        factor[p] = clip_norm > 0 && norm > clip_norm ? clip_norm / norm : 1.0;
    }
}

static void update_one(const wick_slot *slot, float scale, float decay, float momentum,
                       float rate) {
    float *restrict w = slot->param->value, *restrict v = slot->momentum;
    const float *restrict g = slot->param->gradient;
    long count = (long)slot->param->count;
#pragma omp parallel for schedule(static) if (count > 16384)
    for (long i = 0; i < count; i++) {
        v[i] = momentum * v[i] + (scale * g[i] + decay * w[i]);
        w[i] -= rate * v[i];
    }
}

void wick_stage_update(wick_stage *stage, const wick_train_options *options, double rate) {
    double factor[WICK_MAX_HEADS];
    for (int p = 0; p < stage->n_parts; p++)
        factor[p] = 1.0;
    if (options->clip_norm > 0)
        clip_factors(stage, options->clip_norm, factor);
    for (int s = 0; s < stage->n_slots; s++) {
        const wick_slot *slot = &stage->slots[s];
        if (slot->momentum)
            update_one(slot, (float)factor[slot->part],
                       slot->param->decay ? (float)options->weight_decay : 0.0f,
                       (float)options->momentum, (float)rate);
    }
}
