#include "train/optimiser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double ADAM_BETA2 = 0.999, ADAM_EPSILON = 1e-8;
enum { WORTH_THREADS = 16384 };

static void to_grid(const wick_slot *slot) {
    float *scratch = wick_xalloc(slot->rows.count * sizeof *scratch);
    wick_weights_to_grid(slot->param->value, &slot->rows, slot->bits, scratch);
    free(scratch);
}

void wick_optimiser_begin(wick_stage *stage, const wick_train_options *options) {
    for (int s = 0; s < stage->n_slots; s++) {
        wick_slot *slot = &stage->slots[s];
        size_t count = slot->param->count;
        if (slot->param->trainable) {
            slot->momentum = wick_new(stage->arena, float, count);
            if (options->optimiser == WICK_OPTIMISER_ADAMW)
                slot->second = wick_new(stage->arena, float, count);
        }
        if (slot->bits) {
            slot->master = wick_new(stage->arena, float, count);
            memcpy(slot->master, slot->param->value, count * sizeof(float));
            to_grid(slot);
        }
        if (options->ema > 0) {
            slot->average = wick_new(stage->arena, float, count);
            memcpy(slot->average, slot->bits ? slot->master : slot->param->value,
                   count * sizeof(float));
        }
    }
    if (options->ema > 0)
        stage->average_graph = wick_graph_clone(stage->graph);
}

void wick_optimiser_resume(wick_stage *stage) {
    for (int s = 0; s < stage->n_slots; s++) {
        const wick_slot *slot = &stage->slots[s];
        if (!slot->bits)
            continue;
        memcpy(slot->param->value, slot->master, slot->param->count * sizeof(float));
        to_grid(slot);
    }
}

/* Factor that shortens each part's gradient to clip_norm. Each array is summed by one thread in
   order and the arrays in order: the result does not depend on the number of threads. */
static void clip_factors(const wick_stage *stage, double clip_norm, double factor[]) {
    double square[WICK_MAX_HEADS] = {0};
    for (int s = 0; s < stage->n_slots; s++) {
        const wick_param *param = stage->slots[s].param;
        if (!param->trainable || param->frozen)
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

static void update_sgd(const wick_slot *slot, float scale, float decay, float momentum, float rate,
                       bool nesterov) {
    float *restrict w = slot->param->value, *restrict v = slot->momentum;
    const float *restrict g = slot->param->gradient;
    long count = (long)slot->param->count;
    if (nesterov) {
#pragma omp parallel for schedule(static) if (count > WORTH_THREADS)
        for (long i = 0; i < count; i++) {
            float gradient = scale * g[i] + decay * w[i];
            v[i] = momentum * v[i] + gradient;
            w[i] -= rate * (gradient + momentum * v[i]);
        }
        return;
    }
#pragma omp parallel for schedule(static) if (count > WORTH_THREADS)
    for (long i = 0; i < count; i++) {
        v[i] = momentum * v[i] + (scale * g[i] + decay * w[i]);
        w[i] -= rate * v[i];
    }
}

static void update_adamw(const wick_slot *slot, float scale, float decay, double beta1, double rate,
                         int64_t t) {
    float *restrict w = slot->param->value, *restrict m = slot->momentum;
    float *restrict v = slot->second;
    const float *restrict g = slot->param->gradient;
    long count = (long)slot->param->count;
    const float b1 = (float)beta1, b2 = (float)ADAM_BETA2, epsilon = (float)ADAM_EPSILON;
    const float step = (float)(rate / (1 - pow(beta1, (double)t)));
    const float root = (float)(1 / sqrt(1 - pow(ADAM_BETA2, (double)t)));
    const float keep = 1.0f - (float)rate * decay;
#pragma omp parallel for schedule(static) if (count > WORTH_THREADS)
    for (long i = 0; i < count; i++) {
        float gradient = scale * g[i];
        m[i] = b1 * m[i] + (1.0f - b1) * gradient;
        v[i] = b2 * v[i] + (1.0f - b2) * gradient * gradient;
        w[i] = keep * w[i] - step * m[i] / (sqrtf(v[i]) * root + epsilon);
    }
}

static void update_average(const wick_slot *slot, double ema, int64_t t) {
    double young = (1.0 + (double)t) / (10.0 + (double)t);
    float d = (float)(young < ema ? young : ema), e = 1.0f - d;
    float *restrict a = slot->average;
    const float *restrict w = slot->param->value;
    long count = (long)slot->param->count;
#pragma omp parallel for schedule(static) if (count > WORTH_THREADS)
    for (long i = 0; i < count; i++)
        a[i] = d * a[i] + e * w[i];
}

void wick_stage_update(wick_stage *stage, const wick_train_options *options, double rate,
                       int64_t t) {
    double factor[WICK_MAX_HEADS];
    for (int p = 0; p < stage->n_parts; p++)
        factor[p] = 1.0;
    if (options->clip_norm > 0)
        clip_factors(stage, options->clip_norm, factor);
    for (int s = 0; s < stage->n_slots; s++) {
        const wick_slot *slot = &stage->slots[s];
        float scale = (float)factor[slot->part];
        float decay = slot->param->decay ? (float)options->weight_decay : 0.0f;
        if (slot->param->frozen)
            continue;
        if (slot->bits)
            memcpy(slot->param->value, slot->master, slot->param->count * sizeof(float));
        if (slot->momentum) {
            if (options->optimiser == WICK_OPTIMISER_ADAMW)
                update_adamw(slot, scale, decay, options->momentum, rate, t);
            else
                update_sgd(slot, scale, decay, (float)options->momentum, (float)rate,
                           options->nesterov);
            if (slot->sparse) {
                wick_sparse_array array = wick_slot_sparse(stage, slot, false);
                wick_sparse_impose(slot->param->value, &array, slot->sparse, stage->excess);
            }
        }
        if (slot->average) /* a frozen one's rounding would move it */
            update_average(slot, options->ema, t);
        if (slot->bits) {
            memcpy(slot->master, slot->param->value, slot->param->count * sizeof(float));
            to_grid(slot);
        }
    }
}

wick_status wick_optimiser_export_average(wick_stage *stage, wick_diag *diag) {
    if (!stage->average_graph)
        return WICK_OK;
    wick_constants_copy(stage->graph, stage->average_graph);
    for (int s = 0; s < stage->n_slots; s++) {
        const wick_slot *slot = &stage->slots[s];
        wick_tensor *plain = &stage->average_graph->tensors[slot->param->tensor];
        WICK_TRY(wick_program_plain(stage->program, s, slot->average, plain->data, diag));
        if (slot->sparse && !slot->param->frozen) {
            wick_sparse_array array = wick_slot_sparse(stage, slot, true);
            wick_sparse_impose(plain->data, &array, slot->sparse, stage->excess);
        }
        if (slot->bits) {
            float *w = plain->data;
            for (size_t r = 0; r < slot->rows.rows; r++)
                wick_weight_to_grid(w + r * slot->rows.count, slot->rows.count, slot->bits);
        }
    }
    return WICK_OK;
}
