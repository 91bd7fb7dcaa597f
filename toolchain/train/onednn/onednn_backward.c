/* The backward half of the list: nodes in reverse, each turning the complete gradient of what it
   wrote into contributions to the gradients of what it read and of its parameters. */
#include "train/onednn/onednn_program.h"

#include <string.h>

/* Adds a contribution, in the gradient's layout, to the gradient of a tensor. Takes the slot over:
   later steps may write to it unless its buffer is read-only. */
static void accumulate(wick_program *p, int tensor, wick_dn_slot *slot) {
    wick_dn_slot *sum = p->gradient[tensor];
    if (!sum) {
        p->gradient[tensor] = slot;
        return;
    }
    wick_dn_slot *dst = !sum->buffer->read_only    ? sum
                        : !slot->buffer->read_only ? slot
                                                   : wick_dn_slot_new(p, slot->md, NULL);
    wick_dn_step_new(p, "add gradients", NULL)->kernel = WICK_DN_ADD;
    wick_dn_arg(p, 0, dst);
    wick_dn_arg(p, 0, sum);
    wick_dn_arg(p, 0, slot);
    p->gradient[tensor] = dst;
}

void wick_dn_contribute(wick_program *p, int tensor, wick_dn_slot *slot) {
    accumulate(p, tensor, wick_dn_as(p, slot, p->value[tensor]->md));
}

wick_dn_slot *wick_dn_over(wick_program *p, wick_dn_slot *dy) {
    return dy->buffer->read_only ? wick_dn_slot_new(p, dy->md, NULL) : dy;
}

/* dy of a function that wrote y -> dx, in y's layout. */
static wick_dn_slot *eltwise_backward(wick_program *p, const wick_node *node, wick_dn_slot *y,
                                      wick_dn_slot *dy) {
    wick_dn_function f;
    (void)wick_dn_function_of(node, &f); /* the forward half has asked */
    dy = wick_dn_as(p, dy, y->md);
    wick_dn_slot *dx = wick_dn_over(p, dy);
    wick_dn_pd hint = wick_dn_eltwise_forward(&p->dn, f.algorithm, y->md, f.alpha, f.beta);
    wick_dn_step_new(
        p, wick_dn_function_name(node, "clip backward", "relu backward", "function backward"),
        wick_dn_eltwise_backward(&p->dn, f.algorithm, y->md, f.alpha, f.beta, hint));
    wick_dn_arg(p, DNNL_ARG_DST, y);
    wick_dn_arg(p, DNNL_ARG_DIFF_DST, dy);
    wick_dn_arg(p, DNNL_ARG_DIFF_SRC, dx);
    return dx;
}

static void function_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                              wick_dn_slot *dy) {
    wick_dn_function f;
    if (wick_dn_function_of(node, &f))
        wick_dn_contribute(p, node->inputs[0], eltwise_backward(p, node, p->value[work->dst], dy));
    else
        wick_dn_unary_backward(p, node, work, dy);
}

/* No primitive, or the reference implementation, which is orders of magnitude slower. */
static bool slow(wick_dn_pd pd) {
    return !pd || !strncmp(wick_dn_impl(pd), "ref", 3);
}

/* The gradient of a parameter, in whatever layout the primitive writes. */
static void parameter_gradient(wick_program *p, int tensor, wick_dn_slot *written) {
    wick_dn_slot *gradient = wick_dn_param_of(p, tensor)->gradient;
    if (written != gradient)
        wick_dn_copy(p, written, gradient);
}

/* Slot for a parameter gradient of layout `md`: its own array where that has this layout. */
static wick_dn_slot *gradient_slot(wick_program *p, int tensor, wick_dn_md md) {
    wick_dn_param *info = wick_dn_param_of(p, tensor);
    return wick_dn_same(info->md, md) ? info->gradient : wick_dn_slot_new(p, md, NULL);
}

static int bias_of(const wick_node *node) {
    return node->n_inputs > 2 ? node->inputs[2] : -1;
}

/* Runs `pd` as backward-weights of a CONV or GEMM. */
static void weights_step(wick_program *p, const wick_node *node, const char *kind, wick_dn_pd pd,
                         wick_dn_slot *x, wick_dn_slot *dy) {
    int bias = bias_of(node);
    x = wick_dn_as(p, x, wick_dn_query(&p->dn, pd, dnnl_query_src_md));
    dy = wick_dn_as(p, dy, wick_dn_query(&p->dn, pd, dnnl_query_diff_dst_md));
    wick_dn_slot *dw =
        gradient_slot(p, node->inputs[1], wick_dn_query(&p->dn, pd, dnnl_query_diff_weights_md));
    wick_dn_step_new(p, kind, pd);
    wick_dn_arg(p, DNNL_ARG_SRC, x);
    wick_dn_arg(p, DNNL_ARG_DIFF_DST, dy);
    wick_dn_arg(p, DNNL_ARG_DIFF_WEIGHTS, dw);
    if (bias >= 0)
        wick_dn_arg(p, DNNL_ARG_DIFF_BIAS, wick_dn_param_of(p, bias)->gradient);
    parameter_gradient(p, node->inputs[1], dw);
}

static bool is_depthwise(const wick_program *p, const wick_node *node) {
    int64_t channels = p->graph->tensors[node->inputs[0]].shape.dim[1];
    return node->op == WICK_OP_CONV && node->attrs.groups > 1 && node->attrs.groups == channels;
}

/* Our own backward-weights of a depthwise convolution, on row-major copies. */
static void depthwise_step(wick_program *p, const wick_node *node, wick_dn_slot *x,
                           wick_dn_slot *dy) {
    wick_shape in = p->graph->tensors[node->inputs[0]].shape;
    wick_shape out = p->graph->tensors[node->output].shape;
    wick_dn_depthwise *d = wick_new(p->build, wick_dn_depthwise, 1);
    *d = (wick_dn_depthwise){.batch = in.dim[0],
                             .in_channels = in.dim[1],
                             .in_h = in.dim[2],
                             .in_w = in.dim[3],
                             .out_channels = out.dim[1],
                             .out_h = out.dim[2],
                             .out_w = out.dim[3]};
    for (int i = 0; i < 2; i++) {
        d->kernel[i] = node->attrs.kernel[i];
        d->stride[i] = node->attrs.stride[i];
        d->dilation[i] = node->attrs.dilation[i];
        d->pad[i] = node->attrs.pad[i];
    }
    x = wick_dn_as(p, x, wick_dn_tensor_plain(p, node->inputs[0]));
    dy = wick_dn_as(p, dy, wick_dn_tensor_plain(p, node->output));
    wick_dn_slot *dw =
        gradient_slot(p, node->inputs[1], wick_dn_param_of(p, node->inputs[1])->plain);
    wick_dn_step *step = wick_dn_step_new(p, "depthwise backward weights", NULL);
    step->kernel = WICK_DN_DEPTHWISE;
    step->depthwise = d;
    wick_dn_arg(p, 0, dw);
    wick_dn_arg(p, 0, x);
    wick_dn_arg(p, 0, dy);
    if (bias_of(node) >= 0)
        wick_dn_arg(p, 0, wick_dn_param_of(p, bias_of(node))->gradient);
    parameter_gradient(p, node->inputs[1], dw);
}

/* Runs `pd` as backward-data of a CONV or GEMM. */
static void data_step(wick_program *p, const wick_node *node, const char *kind, wick_dn_pd pd,
                      wick_dn_slot *dy) {
    wick_dn_slot *w = wick_dn_param_of(p, node->inputs[1])->value;
    w = wick_dn_as(p, w, wick_dn_query(&p->dn, pd, dnnl_query_weights_md));
    dy = wick_dn_as(p, dy, wick_dn_query(&p->dn, pd, dnnl_query_diff_dst_md));
    wick_dn_slot *dx = wick_dn_slot_new(p, wick_dn_query(&p->dn, pd, dnnl_query_diff_src_md), NULL);
    wick_dn_step_new(p, kind, pd);
    wick_dn_arg(p, DNNL_ARG_DIFF_DST, dy);
    wick_dn_arg(p, DNNL_ARG_WEIGHTS, w);
    wick_dn_arg(p, DNNL_ARG_DIFF_SRC, dx);
    wick_dn_contribute(p, node->inputs[0], dx);
}

/* Weights of any layout, dimensioned as the parameter's descriptor (groups apart). */
static wick_dn_md any_weights(wick_program *p, const wick_node *node) {
    wick_shape shape = p->graph->tensors[node->inputs[1]].shape;
    if (node->op == WICK_OP_GEMM || node->attrs.groups == 1)
        return wick_dn_any(&p->dn, shape.rank, shape.dim);
    dnnl_dims_t dims = {node->attrs.groups, shape.dim[0] / node->attrs.groups, shape.dim[1],
                        shape.dim[2], shape.dim[3]};
    return wick_dn_any(&p->dn, 5, dims);
}

/* Both convolution gradients first try the layouts that are already there; where those have only
   the reference implementation, the primitive chooses and reorders are inserted. */
static void conv(wick_program *p, const wick_node *node, const wick_dn_work *work,
                 wick_dn_slot *dy) {
    wick_dn *dn = &p->dn;
    const wick_dn_window *window = &work->window;
    wick_dn_md weights = any_weights(p, node), any_y = wick_dn_tensor_any(p, work->dst);
    wick_dn_md any_x = wick_dn_tensor_any(p, node->inputs[0]), bias = NULL;
    if (bias_of(node) >= 0)
        bias = wick_dn_tensor_plain(p, bias_of(node));
    if (work->trains) {
        dn->quiet = true;
        wick_dn_pd pd = wick_dn_conv_backward_weights(dn, window, work->src->md, weights, bias,
                                                      dy->md, work->pd);
        dn->quiet = false;
        if (slow(pd))
            pd = wick_dn_conv_backward_weights(dn, window, any_x, weights, bias, any_y, work->pd);
        if (is_depthwise(p, node) && (slow(pd) || strstr(wick_dn_impl(pd), "gemm")))
            depthwise_step(p, node, p->value[node->inputs[0]], dy);
        else
            weights_step(p, node, "conv backward weights", pd, work->src, dy);
    }
    if (p->needs_gradient[node->inputs[0]]) {
        dn->quiet = true;
        wick_dn_pd pd = wick_dn_conv_backward_data(dn, window, p->value[node->inputs[0]]->md,
                                                   weights, dy->md, work->pd);
        dn->quiet = false;
        if (slow(pd))
            pd = wick_dn_conv_backward_data(dn, window, any_x, weights, any_y, work->pd);
        data_step(p, node, "conv backward data", pd, dy);
    }
}

static void gemm(wick_program *p, const wick_node *node, const wick_dn_work *work,
                 wick_dn_slot *dy) {
    wick_dn *dn = &p->dn;
    wick_dn_md weights = any_weights(p, node), bias = NULL;
    if (bias_of(node) >= 0)
        bias = wick_dn_tensor_plain(p, bias_of(node));
    if (work->trains)
        weights_step(
            p, node, "fc backward weights",
            wick_dn_fc_backward_weights(dn, work->src->md, weights, bias, dy->md, work->pd),
            work->src, dy);
    if (p->needs_gradient[node->inputs[0]])
        data_step(p, node, "fc backward data",
                  wick_dn_fc_backward_data(dn, work->src->md, weights, dy->md, work->pd), dy);
}

static void pool(wick_program *p, const wick_node *node, const wick_dn_work *work,
                 wick_dn_slot *dy) {
    dy = wick_dn_as(p, dy, p->value[work->dst]->md);
    wick_dn_slot *dx = wick_dn_slot_new(p, work->src->md, NULL);
    wick_dn_step_new(p, "pool backward",
                     wick_dn_pool_backward(&p->dn, &work->window, work->src->md, dy->md, work->pd));
    wick_dn_arg(p, DNNL_ARG_DIFF_DST, dy);
    wick_dn_arg(p, DNNL_ARG_WORKSPACE, work->workspace);
    wick_dn_arg(p, DNNL_ARG_DIFF_SRC, dx);
    wick_dn_contribute(p, node->inputs[0], dx);
}

/* Both inputs share dy, which therefore becomes read-only. */
static void add(wick_program *p, const wick_node *node, wick_dn_slot *dy) {
    for (int i = 0; i < 2; i++) {
        int x = node->inputs[i];
        if (!p->needs_gradient[x])
            continue;
        wick_dn_slot *share = wick_dn_as(p, dy, p->value[x]->md);
        share->buffer->read_only = true;
        accumulate(p, x, share);
    }
}

/* The part of dy that belongs to input x of a join, from `offsets` on, becomes x's gradient. */
static void take_part(wick_program *p, int x, int joined, wick_dn_slot *dy,
                      const dnnl_dims_t offsets) {
    wick_shape shape = p->graph->tensors[x].shape;
    wick_dn_md part = wick_dn_part(&p->dn, dy->md, shape.dim, offsets);
    if (!part) { /* the cut falls within a block of channels */
        dy = wick_dn_as(p, dy, wick_dn_tensor_plain(p, joined));
        part = wick_dn_part(&p->dn, dy->md, shape.dim, offsets);
    }
    wick_dn_slot *dx = wick_dn_slot_new(p, p->value[x]->md, NULL);
    wick_dn_copy(p, wick_dn_slot_view(p, part, dy), dx);
    accumulate(p, x, dx);
}

static void concat(wick_program *p, const wick_node *node, const wick_dn_work *work,
                   wick_dn_slot *dy) {
    int rank = p->graph->tensors[work->dst].shape.rank;
    int axis = node->attrs.axis < 0 ? node->attrs.axis + rank : node->attrs.axis;
    dnnl_dims_t offsets = {0};
    for (int i = 0; i < node->n_inputs; i++) {
        int x = node->inputs[i];
        if (p->needs_gradient[x])
            take_part(p, x, work->dst, dy, offsets);
        offsets[axis] += p->graph->tensors[x].shape.dim[axis];
    }
}

static void softmax(wick_program *p, const wick_node *node, const wick_dn_work *work,
                    wick_dn_slot *dy) {
    int rank = p->graph->tensors[work->dst].shape.rank, axis = node->attrs.axis;
    wick_dn_slot *y = p->value[work->dst], *dx = wick_dn_slot_new(p, y->md, NULL);
    dy = wick_dn_as(p, dy, y->md);
    wick_dn_step_new(
        p, "softmax backward",
        wick_dn_softmax_backward(&p->dn, y->md, axis < 0 ? axis + rank : axis, work->pd));
    wick_dn_arg(p, DNNL_ARG_DST, y);
    wick_dn_arg(p, DNNL_ARG_DIFF_DST, dy);
    wick_dn_arg(p, DNNL_ARG_DIFF_SRC, dx);
    wick_dn_contribute(p, node->inputs[0], dx);
}

static void flatten(wick_program *p, const wick_node *node, const wick_dn_work *work,
                    wick_dn_slot *dy) {
    int x = node->inputs[0];
    dy = wick_dn_as(p, dy, wick_dn_tensor_plain(p, work->dst));
    wick_dn_contribute(p, x, wick_dn_slot_view(p, wick_dn_tensor_plain(p, x), dy));
}

/* `node` wrote work->dst, whose gradient is complete, and something upstream wants it. */
static void build_node(wick_program *p, const wick_node *node, const wick_dn_work *work) {
    wick_dn_slot *dy = p->gradient[work->dst];
    switch (node->op) {
    case WICK_OP_CONV:
        if (work->relu)
            dy = eltwise_backward(p, node, p->value[work->dst], dy);
        conv(p, node, work, dy);
        break;
    case WICK_OP_GEMM:
        gemm(p, node, work, dy);
        break;
    case WICK_OP_BATCH_NORM:
        wick_dn_batch_norm_backward(p, node, work, dy);
        break;
    case WICK_OP_RELU:
    case WICK_OP_CLIP:
    case WICK_OP_SIGMOID:
    case WICK_OP_TANH:
        wick_dn_contribute(p, node->inputs[0], eltwise_backward(p, node, p->value[work->dst], dy));
        break;
    case WICK_OP_MAX_POOL:
    case WICK_OP_AVG_POOL:
    case WICK_OP_GLOBAL_AVG_POOL:
    case WICK_OP_GLOBAL_MAX_POOL:
        pool(p, node, work, dy);
        break;
    case WICK_OP_ADD:
        if (wick_dn_alike(p, node))
            add(p, node, dy);
        else
            wick_dn_binary_backward(p, node, work, dy);
        break;
    case WICK_OP_CONCAT:
        concat(p, node, work, dy);
        break;
    case WICK_OP_PAD:
        take_part(p, node->inputs[0], work->dst, dy, (dnnl_dims_t){0});
        break;
    case WICK_OP_SOFTMAX:
        softmax(p, node, work, dy);
        break;
    case WICK_OP_IDENTITY:
        wick_dn_contribute(p, node->inputs[0], dy);
        break;
    case WICK_OP_DROPOUT:
        dy = wick_dn_as(p, dy, wick_dn_tensor_plain(p, work->dst));
        wick_dn_contribute(p, node->inputs[0],
                           wick_dn_dropout(p, node, "dropout backward", dy, wick_dn_over(p, dy)));
        break;
    case WICK_OP_RESHAPE:
    case WICK_OP_FLATTEN:
        flatten(p, node, work, dy);
        break;
    default: /* the forward half refused what is none of these */
        if (wick_dn_is_unary(node->op))
            function_backward(p, node, work, dy);
        else if (wick_dn_is_binary(node->op))
            wick_dn_binary_backward(p, node, work, dy);
        else
            wick_dn_move_backward(p, node, work, dy);
    }
}

void wick_dn_build_backward(wick_program *p) {
    for (int i = 0; i < p->n_outputs && p->dn.status == WICK_OK; i++) {
        int t = p->outputs[i];
        p->dn.node = p->graph->tensors[t].name;
        if (!p->needs_gradient[t])
            continue;
        wick_dn_slot *seed = wick_dn_slot_new(p, wick_dn_tensor_plain(p, t), p->output_gradient[i]);
        seed->buffer->read_only = true;
        wick_dn_contribute(p, t, seed);
    }
    for (int n = p->graph->n_nodes - 1; n >= 0 && p->dn.status == WICK_OK; n--) {
        const wick_dn_work *work = &p->work[n];
        p->dn.node = p->graph->nodes[n].name;
        if (work->needed && !work->fused && p->gradient[work->dst] && p->needs_gradient[work->dst])
            build_node(p, &p->graph->nodes[n], work);
    }
}
