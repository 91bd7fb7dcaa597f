/* Batch norm, forward beside backward: our own over the layouts it knows, oneDNN's elsewhere. */
#include "train/onednn/onednn_program.h"
#include "train/parallel.h"

#include <string.h>

/* Running statistics follow the batch's: unbiased variance, as PyTorch. */
static void statistics(wick_program *p, const wick_node *node, const wick_dn_work *work) {
    wick_shape shape = p->graph->tensors[node->inputs[0]].shape;
    double count = (double)wick_shape_count(shape) / (double)shape.dim[1];
    count *= work->shared ? wick_ranks() : 1;
    wick_dn_step *step = wick_dn_step_new(p, "batch-norm statistics", NULL);
    step->kernel = WICK_DN_STATISTICS;
    step->momentum = node->attrs.momentum;
    step->unbias = count > 1 ? (float)(count / (count - 1)) : 1.0f;
    wick_dn_arg(p, 0, wick_dn_param_of(p, node->inputs[3])->value);
    wick_dn_arg(p, 0, wick_dn_param_of(p, node->inputs[4])->value);
    wick_dn_arg(p, 0, work->mean);
    wick_dn_arg(p, 0, work->variance);
}

/* Batch norm reads [N,C] as [N,C,1,1]. */
static wick_dn_slot *as_image(wick_program *p, wick_dn_slot *slot, int tensor) {
    wick_shape shape = p->graph->tensors[tensor].shape;
    if (shape.rank == 4)
        return slot;
    dnnl_dims_t dims = {shape.dim[0], shape.dim[1], 1, 1};
    for (int i = 2; i < shape.rank; i++)
        dims[2] *= shape.dim[i];
    slot = wick_dn_as(p, slot, wick_dn_tensor_plain(p, tensor));
    return wick_dn_slot_view(p, wick_dn_plain(&p->dn, 4, dims), slot);
}

/* Row-major images (as a join leaves them) in the layout that convolutions choose here: batch norm
   has a fast implementation for that one only, which is worth the copy several times over. */
static wick_dn_slot *as_convolved(wick_program *p, wick_dn_slot *slot, int tensor) {
    wick_shape shape = p->graph->tensors[tensor].shape;
    if (shape.rank != 4 || !wick_dn_same(slot->md, wick_dn_tensor_plain(p, tensor)))
        return slot;
    wick_dn_window one = {.algorithm = dnnl_convolution_direct, .kernel = {1, 1}, .stride = {1, 1}};
    dnnl_dims_t weights = {shape.dim[1], shape.dim[1], 1, 1};
    wick_dn_md any = wick_dn_tensor_any(p, tensor);
    p->dn.quiet = true;
    wick_dn_pd pd =
        wick_dn_conv_forward(&p->dn, &one, any, wick_dn_any(&p->dn, 4, weights), NULL, any);
    p->dn.quiet = false;
    return pd ? wick_dn_as(p, slot, wick_dn_query(&p->dn, pd, dnnl_query_src_md)) : slot;
}

/* ---- our own ---- */

/* Channels of a block where `md` is blocked as our kernels want it, else 0. */
static int blocked_lanes(wick_program *p, wick_dn_md md, int tensor) {
    wick_shape shape = p->graph->tensors[tensor].shape;
    for (int lanes = WICK_DN_MAX_LANES; shape.rank == 4 && lanes >= 8; lanes /= 2)
        if (wick_dn_same(md, wick_dn_blocked(&p->dn, shape.dim, lanes)))
            return lanes;
    return 0;
}

/* The 2x2 maximum pool that alone reads `tensor`, or NULL. */
static wick_dn_work *pool_behind(wick_program *p, int tensor) {
    wick_shape shape = p->graph->tensors[tensor].shape;
    if (p->consumers[tensor] != 1 || shape.dim[2] % 2 || shape.dim[3] % 2)
        return NULL;
    for (int n = p->graph->tensors[tensor].producer + 1; n < p->graph->n_nodes; n++) {
        const wick_node *node = &p->graph->nodes[n];
        const wick_attrs *a = &node->attrs;
        if (node->op == WICK_OP_MAX_POOL && node->inputs[0] == tensor && p->work[n].needed)
            return a->kernel[0] == 2 && a->kernel[1] == 2 && a->stride[0] == 2 &&
                           a->stride[1] == 2 && !a->pad[0] && !a->pad[1] && !a->pad[2] &&
                           !a->pad[3] && a->dilation[0] == 1 && a->dilation[1] == 1
                       ? &p->work[n]
                       : NULL;
    }
    return NULL;
}

static wick_dn_norm *describe_norm(wick_program *p, const wick_node *node, wick_dn_work *work,
                                   int lanes) {
    wick_shape shape = p->graph->tensors[node->inputs[0]].shape;
    wick_dn_norm *norm = wick_new(p->build, wick_dn_norm, 1);
    const wick_dn_lanes *variants[WICK_DN_MAX_VARIANTS];
    wick_dn_lanes_variants(lanes, variants);
    *norm = (wick_dn_norm){.kernels = variants[0],
                           .batch = shape.dim[0],
                           .channels = shape.dim[1],
                           .height = shape.dim[2],
                           .width = shape.dim[3],
                           .epsilon = node->attrs.epsilon,
                           .relu = work->relu,
                           .batch_statistics = p->training && work->trains,
                           .trains = work->trains};
    wick_dn_work *pool = pool_behind(p, work->dst);
    if (pool) {
        norm->pool = pool->fused = true;
        work->dst = pool->dst;
    }
    norm->scratch = wick_new(p->build, double, wick_dn_norm_scratch(norm) / sizeof(double));
    return norm;
}

static void own_forward(wick_program *p, const wick_node *node, wick_dn_work *work, int lanes) {
    wick_dn_norm *norm = describe_norm(p, node, work, lanes);
    wick_dn_slot *y = wick_dn_slot_new(
        p, wick_dn_blocked(&p->dn, p->graph->tensors[work->dst].shape.dim, lanes), NULL);
    static const char *const kinds[2][2] = {
        {"batch-norm forward", "batch-norm+pool forward"},
        {"batch-norm+relu forward", "batch-norm+relu+pool forward"}};
    wick_dn_step *step = wick_dn_step_new(p, kinds[norm->relu][norm->pool], NULL);
    step->kernel = WICK_DN_NORM;
    step->norm = work->norm = norm;
    wick_dn_arg(p, 0, work->src);
    wick_dn_arg(p, 0, wick_dn_param_of(p, node->inputs[1])->value);
    wick_dn_arg(p, 0, wick_dn_param_of(p, node->inputs[2])->value);
    wick_dn_arg(p, 0, work->mean);
    wick_dn_arg(p, 0, work->variance);
    wick_dn_arg(p, 0, y);
    p->value[work->dst] = y;
}

static void own_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                         wick_dn_slot *dy) {
    dy = wick_dn_as(p, dy, p->value[work->dst]->md);
    wick_dn_slot *dx =
        work->norm->pool ? wick_dn_slot_new(p, work->src->md, NULL) : wick_dn_over(p, dy);
    static const char *const kinds[2][2] = {
        {"batch-norm backward", "batch-norm+pool backward"},
        {"batch-norm+relu backward", "batch-norm+relu+pool backward"}};
    wick_dn_step *step = wick_dn_step_new(p, kinds[work->relu][work->norm->pool], NULL);
    step->kernel = WICK_DN_NORM_BACKWARD;
    step->norm = work->norm;
    wick_dn_arg(p, 0, work->src);
    wick_dn_arg(p, 0, wick_dn_param_of(p, node->inputs[1])->value);
    wick_dn_arg(p, 0, wick_dn_param_of(p, node->inputs[2])->value);
    wick_dn_arg(p, 0, work->mean);
    wick_dn_arg(p, 0, work->variance);
    wick_dn_arg(p, 0, dy);
    wick_dn_arg(p, 0, dx);
    if (work->norm->trains) {
        wick_dn_arg(p, 0, wick_dn_param_of(p, node->inputs[1])->gradient);
        wick_dn_arg(p, 0, wick_dn_param_of(p, node->inputs[2])->gradient);
    }
    if (p->needs_gradient[node->inputs[0]])
        wick_dn_contribute(p, node->inputs[0], dx);
}

static void *data_of(const wick_dn_step *step, int i) {
    return i < step->n_args ? step->slots[i]->buffer->data : NULL;
}

void wick_dn_run_norm(const wick_dn_step *step) {
    wick_dn_norm_run(step->norm, data_of(step, 0), data_of(step, 1), data_of(step, 2),
                     data_of(step, 3), data_of(step, 4), data_of(step, 5));
}

void wick_dn_run_norm_backward(const wick_dn_step *step) {
    wick_dn_norm_run_backward(step->norm, data_of(step, 0), data_of(step, 1), data_of(step, 2),
                              data_of(step, 3), data_of(step, 4), data_of(step, 5),
                              data_of(step, 6), data_of(step, 7), data_of(step, 8));
}

/* ---- oneDNN's ---- */

static void onednn_forward(wick_program *p, const wick_node *node, wick_dn_work *work) {
    work->pd =
        wick_dn_norm_forward(&p->dn, p->training, work->src->md, node->attrs.epsilon, work->flags);
    wick_dn_md workspace = wick_dn_query(&p->dn, work->pd, dnnl_query_workspace_md);
    if (wick_dn_bytes(workspace))
        work->workspace = wick_dn_slot_new(p, workspace, NULL);
    wick_dn_slot *y = wick_dn_slot_new(p, work->src->md, NULL);
    wick_dn_step_new(p, work->relu ? "batch-norm+relu forward" : "batch-norm forward", work->pd);
    wick_dn_arg(p, DNNL_ARG_SRC, work->src);
    wick_dn_arg(p, DNNL_ARG_SCALE, wick_dn_param_of(p, node->inputs[1])->value);
    wick_dn_arg(p, DNNL_ARG_SHIFT, wick_dn_param_of(p, node->inputs[2])->value);
    wick_dn_arg(p, DNNL_ARG_MEAN, work->mean);
    wick_dn_arg(p, DNNL_ARG_VARIANCE, work->variance);
    wick_dn_arg(p, DNNL_ARG_WORKSPACE, work->workspace);
    wick_dn_arg(p, DNNL_ARG_DST, y);
    bool image = p->graph->tensors[work->dst].shape.rank == 4;
    p->value[work->dst] = image ? y : wick_dn_slot_view(p, wick_dn_tensor_plain(p, work->dst), y);
}

static void onednn_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                            wick_dn_slot *dy) {
    wick_dn *dn = &p->dn;
    int x = node->inputs[0];
    bool image = p->graph->tensors[x].shape.rank == 4;
    if (image)
        dy = wick_dn_as(p, dy, work->src->md);
    else
        dy = wick_dn_slot_view(p, work->src->md,
                               wick_dn_as(p, dy, wick_dn_tensor_plain(p, work->dst)));
    wick_dn_slot *dx = wick_dn_over(p, dy);
    wick_dn_step_new(p, work->relu ? "batch-norm+relu backward" : "batch-norm backward",
                     wick_dn_norm_backward(dn, work->trains, work->src->md, node->attrs.epsilon,
                                           work->flags, work->pd));
    wick_dn_arg(p, DNNL_ARG_SRC, work->src);
    wick_dn_arg(p, DNNL_ARG_MEAN, work->mean);
    wick_dn_arg(p, DNNL_ARG_VARIANCE, work->variance);
    wick_dn_arg(p, DNNL_ARG_SCALE, wick_dn_param_of(p, node->inputs[1])->value);
    if (wick_dn_norm_backward_takes_shift())
        wick_dn_arg(p, DNNL_ARG_SHIFT, wick_dn_param_of(p, node->inputs[2])->value);
    wick_dn_arg(p, DNNL_ARG_WORKSPACE, work->workspace);
    wick_dn_arg(p, DNNL_ARG_DIFF_DST, dy);
    wick_dn_arg(p, DNNL_ARG_DIFF_SRC, dx);
    if (work->trains) {
        wick_dn_arg(p, DNNL_ARG_DIFF_SCALE, wick_dn_param_of(p, node->inputs[1])->gradient);
        wick_dn_arg(p, DNNL_ARG_DIFF_SHIFT, wick_dn_param_of(p, node->inputs[2])->gradient);
    }
    if (work->shared)
        wick_dn_shared_gradients(p, node, work, dx);
    if (p->needs_gradient[x])
        wick_dn_contribute(p, x, image ? dx : wick_dn_slot_view(p, wick_dn_tensor_plain(p, x), dx));
}

/* ---- either ---- */

void wick_dn_batch_norm(wick_program *p, const wick_node *node, wick_dn_work *work) {
    /* A batch norm whose scale and bias are both frozen is finished: it uses its running statistics
       and does not change them. */
    bool batch_statistics = p->training && work->trains;
    work->flags = dnnl_use_scale | dnnl_use_shift;
    work->shared = batch_statistics && p->shared_norm;
    work->flags |= batch_statistics && !work->shared ? 0u : (unsigned)dnnl_use_global_stats;
    work->flags |= work->relu ? (unsigned)dnnl_fuse_norm_relu : 0u;
    work->src = as_image(p, p->value[node->inputs[0]], node->inputs[0]);
    work->src = as_convolved(p, work->src, node->inputs[0]);
    for (int i = 1; i < 5; i++) {
        wick_dn_md md = wick_dn_tensor_plain(p, node->inputs[i]);
        wick_dn_param_bind(p, node->inputs[i], md, md);
    }
    work->mean = wick_dn_param_of(p, node->inputs[3])->value;
    work->variance = wick_dn_param_of(p, node->inputs[4])->value;
    if (batch_statistics) {
        work->mean = wick_dn_slot_new(p, work->mean->md, NULL);
        work->variance = wick_dn_slot_new(p, work->variance->md, NULL);
    }
    if (work->shared)
        wick_dn_shared_statistics(p, node, work->src, work->mean, work->variance);
    int lanes = work->shared ? 0 : blocked_lanes(p, work->src->md, node->inputs[0]);
    if (lanes)
        own_forward(p, node, work, lanes);
    else
        onednn_forward(p, node, work);
    if (batch_statistics)
        statistics(p, node, work);
}

void wick_dn_batch_norm_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                                 wick_dn_slot *dy) {
    if (work->norm)
        own_backward(p, node, work, dy);
    else
        onednn_backward(p, node, work, dy);
}
