/* Batch norm over the batches of all ranks, from the primitives that there are, in any layout. With
   M numbers of a channel in all batches, r = 1 / sqrt(variance + epsilon), as in one process
   (Ioffe and Szegedy, Batch normalization, ICML 2015):
     forward   mean = mean over the ranks of their means,
               variance = mean over the ranks of (their variance + mean^2) - mean^2,
               then the forward pass for given statistics
     backward  the backward pass for given statistics leaves dx = scale r dy, dscale and dbias of
               this rank; with their sums S and B over the ranks
               dx += -scale r / M (B + S (x - mean) r),
               whose right side is the forward pass for given statistics with -scale r S / M as
               scale and -scale r B / M as bias
   All dy are those of the ranks' own mean losses, and so are dx and the parameters' gradients. */
#include "train/onednn/onednn_program.h"
#include "train/parallel.h"

#include <math.h>
#include <stdlib.h>

static size_t channels_of(const wick_dn_slot *slot) {
    return wick_dn_bytes(slot->md) / sizeof(float);
}

static float *floats(const wick_dn_step *step, int i) {
    return step->slots[i]->buffer->data;
}

/* args of SHARE_STATISTICS: mean, variance; of this rank before, of all after. */
void wick_dn_shared_statistics(wick_program *p, const wick_node *node, wick_dn_slot *x,
                               wick_dn_slot *mean, wick_dn_slot *variance) {
    wick_dn_pd pd = wick_dn_norm_forward(&p->dn, true, x->md, node->attrs.epsilon,
                                         dnnl_use_scale | dnnl_use_shift);
    wick_dn_slot *unused = wick_dn_slot_new(p, x->md, NULL);
    wick_dn_step_new(p, "batch-norm own statistics", pd);
    wick_dn_arg(p, DNNL_ARG_SRC, x);
    wick_dn_arg(p, DNNL_ARG_SCALE, wick_dn_param_of(p, node->inputs[1])->value);
    wick_dn_arg(p, DNNL_ARG_SHIFT, wick_dn_param_of(p, node->inputs[2])->value);
    wick_dn_arg(p, DNNL_ARG_MEAN, mean);
    wick_dn_arg(p, DNNL_ARG_VARIANCE, variance);
    wick_dn_arg(p, DNNL_ARG_DST, unused);
    wick_dn_step_new(p, "batch-norm shared statistics", NULL)->kernel = WICK_DN_SHARE_STATISTICS;
    wick_dn_arg(p, 0, mean);
    wick_dn_arg(p, 1, variance);
}

void wick_dn_run_share_statistics(const wick_dn_step *step) {
    size_t n = channels_of(step->slots[0]);
    float *mean = floats(step, 0), *variance = floats(step, 1);
    double *sums = wick_xalloc(wick_size_mul(2 * n, sizeof *sums));
    for (size_t c = 0; c < n; c++) {
        sums[c] = (double)mean[c];
        sums[n + c] = (double)variance[c] + (double)mean[c] * (double)mean[c];
    }
    wick_parallel_sum(sums, (int)(2 * n));
    for (size_t c = 0; c < n; c++) {
        double m = sums[c] / wick_ranks(), v = sums[n + c] / wick_ranks() - m * m;
        mean[c] = (float)m;
        variance[c] = (float)(v > 0 ? v : 0);
    }
    free(sums);
}

/* args of SHARE_GRADIENTS: the scale and the bias that the correction is made with, then scale,
   variance, dscale, dbias. */
void wick_dn_shared_gradients(wick_program *p, const wick_node *node, const wick_dn_work *work,
                              wick_dn_slot *dx) {
    wick_shape shape = p->graph->tensors[node->inputs[0]].shape;
    wick_dn_param *scale = wick_dn_param_of(p, node->inputs[1]);
    wick_dn_param *bias = wick_dn_param_of(p, node->inputs[2]);
    wick_dn_slot *s = wick_dn_slot_new(p, scale->md, NULL),
                 *b = wick_dn_slot_new(p, bias->md, NULL);
    wick_dn_step *step = wick_dn_step_new(p, "batch-norm shared gradients", NULL);
    step->kernel = WICK_DN_SHARE_GRADIENTS;
    step->epsilon = (double)node->attrs.epsilon;
    step->count = (double)wick_shape_count(shape) / (double)shape.dim[1] * wick_ranks();
    wick_dn_arg(p, 0, s);
    wick_dn_arg(p, 1, b);
    wick_dn_arg(p, 2, scale->value);
    wick_dn_arg(p, 3, work->variance);
    wick_dn_arg(p, 4, scale->gradient);
    wick_dn_arg(p, 5, bias->gradient);
    wick_dn_slot *correction = wick_dn_slot_new(p, dx->md, NULL);
    wick_dn_step_new(p, "batch-norm correction",
                     wick_dn_norm_forward(&p->dn, false, work->src->md, node->attrs.epsilon,
                                          dnnl_use_scale | dnnl_use_shift | dnnl_use_global_stats));
    wick_dn_arg(p, DNNL_ARG_SRC, work->src);
    wick_dn_arg(p, DNNL_ARG_SCALE, s);
    wick_dn_arg(p, DNNL_ARG_SHIFT, b);
    wick_dn_arg(p, DNNL_ARG_MEAN, work->mean);
    wick_dn_arg(p, DNNL_ARG_VARIANCE, work->variance);
    wick_dn_arg(p, DNNL_ARG_DST, correction);
    wick_dn_step_new(p, "add correction", NULL)->kernel = WICK_DN_ADD;
    wick_dn_arg(p, 0, dx);
    wick_dn_arg(p, 1, dx);
    wick_dn_arg(p, 2, correction);
}

void wick_dn_run_share_gradients(const wick_dn_step *step) {
    size_t n = channels_of(step->slots[0]);
    float *s = floats(step, 0), *b = floats(step, 1);
    const float *scale = floats(step, 2), *variance = floats(step, 3);
    const float *dscale = floats(step, 4), *dbias = floats(step, 5);
    double *sums = wick_xalloc(wick_size_mul(2 * n, sizeof *sums));
    for (size_t c = 0; c < n; c++) {
        sums[c] = (double)dscale[c];
        sums[n + c] = (double)dbias[c];
    }
    wick_parallel_sum(sums, (int)(2 * n));
    for (size_t c = 0; c < n; c++) {
        double k = -(double)scale[c] / sqrt((double)variance[c] + step->epsilon) / step->count;
        s[c] = (float)(k * sums[c]);
        b[c] = (float)(k * sums[n + c]);
    }
    free(sums);
}
