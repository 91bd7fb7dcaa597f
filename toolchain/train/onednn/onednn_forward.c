/* The forward half of the list. */
#include "train/onednn/onednn_program.h"

#include <assert.h>
#include <string.h>

static wick_dn_slot *value_of(wick_program *p, const wick_node *node, int i) {
    return p->value[node->inputs[i]];
}

static const wick_node *producer(const wick_program *p, int tensor) {
    int n = p->graph->tensors[tensor].producer;
    return n < 0 ? NULL : &p->graph->nodes[n];
}

static wick_dn_window window_of(const wick_attrs *a, dnnl_alg_kind_t algorithm) {
    wick_dn_window window = {.algorithm = algorithm};
    for (int i = 0; i < 2; i++) {
        window.kernel[i] = a->kernel[i];
        window.stride[i] = a->stride[i];
        window.dilation[i] = a->dilation[i] - 1;
        window.pad_begin[i] = a->pad[i];
        window.pad_end[i] = a->pad[i + 2];
    }
    return window;
}

/* Weights as oneDNN wants them dimensioned: groups become a dimension of their own. */
static int weight_dims(const wick_program *p, const wick_node *node, dnnl_dim_t *dims) {
    wick_shape shape = p->graph->tensors[node->inputs[1]].shape;
    if (node->op == WICK_OP_CONV && node->attrs.groups > 1) {
        dims[0] = node->attrs.groups;
        dims[1] = shape.dim[0] / node->attrs.groups;
        memcpy(dims + 2, shape.dim + 1, 3 * sizeof *dims);
        return 5;
    }
    memcpy(dims, shape.dim, (size_t)shape.rank * sizeof *dims);
    return shape.rank;
}

/* The bias descriptor of a CONV or GEMM, or NULL. */
static wick_dn_md bias_md(wick_program *p, const wick_node *node) {
    bool bias = node->n_inputs > 2 && node->inputs[2] >= 0;
    return bias ? wick_dn_tensor_plain(p, node->inputs[2]) : NULL;
}

/* Binds weights and bias in the layouts that `pd` chose. */
static void bind_weights(wick_program *p, const wick_node *node, wick_dn_pd pd, wick_dn_md bias) {
    dnnl_dims_t dims;
    int rank = weight_dims(p, node, dims);
    wick_dn_param_bind(p, node->inputs[1], wick_dn_query(&p->dn, pd, dnnl_query_weights_md),
                       wick_dn_plain(&p->dn, rank, dims));
    if (bias)
        wick_dn_param_bind(p, node->inputs[2], bias, bias);
}

static void weight_args(wick_program *p, const wick_node *node, wick_dn_md bias) {
    wick_dn_arg(p, DNNL_ARG_WEIGHTS, wick_dn_param_of(p, node->inputs[1])->value);
    if (bias)
        wick_dn_arg(p, DNNL_ARG_BIAS, wick_dn_param_of(p, node->inputs[2])->value);
}

/* Winograd's 4x4 tiles of outputs pay off from 32 channels on and where a tile is full (measured on
   AVX-512, batch 128: 30 to 50 % faster there, up to 3 times slower elsewhere). `auto` then decides
   whether the machine has it. */
static dnnl_alg_kind_t conv_algorithm(const wick_program *p, const wick_node *node) {
    enum { MIN_CHANNELS = 32, TILE = 4 };
    wick_shape w = p->graph->tensors[node->inputs[1]].shape;
    wick_shape y = p->graph->tensors[node->output].shape;
    bool pays = node->attrs.groups == 1 && w.dim[0] >= MIN_CHANNELS && w.dim[1] >= MIN_CHANNELS &&
                y.dim[2] >= TILE && y.dim[3] >= TILE;
    return p->winograd && pays ? dnnl_convolution_auto : dnnl_convolution_direct;
}

static void conv(wick_program *p, const wick_node *node, wick_dn_work *work) {
    dnnl_dims_t dims;
    int rank = weight_dims(p, node, dims);
    wick_dn_md fixed = wick_dn_param_of(p, node->inputs[1])->md, bias = bias_md(p, node);
    wick_dn_md weights = fixed ? fixed : wick_dn_any(&p->dn, rank, dims);
    wick_dn_slot *x = value_of(p, node, 0);
    work->window = window_of(&node->attrs, conv_algorithm(p, node));
    work->window.relu = work->relu;
    /* The first layer takes pixels as they come where that is implemented well; elsewhere `any`. */
    wick_dn_md src = wick_dn_tensor_any(p, node->inputs[0]);
    wick_dn_md dst = wick_dn_tensor_any(p, work->dst);
    work->pd = wick_dn_conv_forward(&p->dn, &work->window, src, weights, bias, dst);
    bind_weights(p, node, work->pd, bias);
    work->src = wick_dn_as(p, x, wick_dn_query(&p->dn, work->pd, dnnl_query_src_md));
    wick_dn_slot *y = wick_dn_slot_new(p, wick_dn_query(&p->dn, work->pd, dnnl_query_dst_md), NULL);
    wick_dn_step_new(p, work->relu ? "conv+relu forward" : "conv forward", work->pd);
    wick_dn_arg(p, DNNL_ARG_SRC, work->src);
    weight_args(p, node, bias);
    wick_dn_arg(p, DNNL_ARG_DST, y);
    p->value[work->dst] = y;
}

static void gemm(wick_program *p, const wick_node *node, wick_dn_work *work) {
    dnnl_dims_t dims;
    int rank = weight_dims(p, node, dims);
    wick_dn_md fixed = wick_dn_param_of(p, node->inputs[1])->md, bias = bias_md(p, node);
    wick_dn_md weights = fixed ? fixed : wick_dn_any(&p->dn, rank, dims);
    work->src = wick_dn_as(p, value_of(p, node, 0), wick_dn_tensor_plain(p, node->inputs[0]));
    wick_dn_md dst = wick_dn_tensor_plain(p, work->dst);
    work->pd = wick_dn_fc_forward(&p->dn, work->src->md, weights, bias, dst);
    bind_weights(p, node, work->pd, bias);
    wick_dn_slot *y = wick_dn_slot_new(p, dst, NULL);
    wick_dn_step_new(p, "fc forward", work->pd);
    wick_dn_arg(p, DNNL_ARG_SRC, work->src);
    weight_args(p, node, bias);
    wick_dn_arg(p, DNNL_ARG_DST, y);
    p->value[work->dst] = y;
}

/* May an activation overwrite its input? Only when nothing else reads it: no other consumer, not
   the caller, and not its own producer's backward half. */
static bool overwritable(const wick_program *p, int tensor) {
    const wick_node *node = producer(p, tensor);
    if (!node || p->consumers[tensor] != 1)
        return false;
    switch (node->op) {
    case WICK_OP_CONV:
    case WICK_OP_GEMM:
    case WICK_OP_BATCH_NORM:
    case WICK_OP_ADD:
    case WICK_OP_CONCAT:
    case WICK_OP_PAD:
        return true;
    default:
        return false;
    }
}

bool wick_dn_function_of(const wick_node *node, wick_dn_function *out) {
    const wick_attrs *a = &node->attrs;
    *out = (wick_dn_function){.algorithm = dnnl_eltwise_relu_use_dst_for_bwd};
    switch (node->op) {
    case WICK_OP_CLIP:
        *out = (wick_dn_function){dnnl_eltwise_clip_v2_use_dst_for_bwd, a->clip_min, a->clip_max};
        return true;
    case WICK_OP_LEAKY_RELU:
        out->alpha = a->alpha;
        return a->alpha >= 0; /* below 0 y does not tell the sign of x */
    case WICK_OP_ELU:
        *out = (wick_dn_function){dnnl_eltwise_elu_use_dst_for_bwd, a->alpha, 0};
        return a->alpha >= 0;
    case WICK_OP_SIGMOID:
        out->algorithm = dnnl_eltwise_logistic_use_dst_for_bwd;
        return true;
    case WICK_OP_TANH:
        out->algorithm = dnnl_eltwise_tanh_use_dst_for_bwd;
        return true;
    default:
        return !wick_dn_is_unary(node->op);
    }
}

const char *wick_dn_function_name(const wick_node *node, const char *clip, const char *relu,
                                  const char *other) {
    bool rectifier = node->op == WICK_OP_RELU || node->op == WICK_OP_CONV;
    return node->op == WICK_OP_CLIP ? clip : rectifier ? relu : other;
}

static void eltwise(wick_program *p, const wick_node *node, wick_dn_work *work) {
    wick_dn_function f;
    if (!wick_dn_function_of(node, &f)) {
        wick_dn_unary(p, node, work);
        return;
    }
    wick_dn_slot *x = value_of(p, node, 0);
    work->pd = wick_dn_eltwise_forward(&p->dn, f.algorithm, x->md, f.alpha, f.beta);
    wick_dn_slot *y = overwritable(p, node->inputs[0]) ? wick_dn_slot_view(p, x->md, x)
                                                       : wick_dn_slot_new(p, x->md, NULL);
    wick_dn_step_new(
        p, wick_dn_function_name(node, "clip forward", "relu forward", "function forward"),
        work->pd);
    wick_dn_arg(p, DNNL_ARG_SRC, x);
    wick_dn_arg(p, DNNL_ARG_DST, y);
    p->value[work->dst] = y;
}

static void pool(wick_program *p, const wick_node *node, wick_dn_work *work) {
    wick_dn_slot *x = value_of(p, node, 0);
    bool maximum = node->op == WICK_OP_MAX_POOL || node->op == WICK_OP_GLOBAL_MAX_POOL;
    if (node->op == WICK_OP_GLOBAL_AVG_POOL || node->op == WICK_OP_GLOBAL_MAX_POOL) {
        wick_shape shape = p->graph->tensors[node->inputs[0]].shape;
        work->window = (wick_dn_window){.algorithm = maximum ? dnnl_pooling_max
                                                             : dnnl_pooling_avg_exclude_padding,
                                        .kernel = {shape.dim[2], shape.dim[3]},
                                        .stride = {1, 1}};
    } else {
        dnnl_alg_kind_t average = node->attrs.count_include_pad ? dnnl_pooling_avg_include_padding
                                                                : dnnl_pooling_avg_exclude_padding;
        work->window = window_of(&node->attrs, maximum ? dnnl_pooling_max : average);
    }
    work->src = x;
    work->pd = wick_dn_pool_forward(&p->dn, p->training, &work->window, x->md,
                                    wick_dn_tensor_any(p, work->dst));
    wick_dn_md workspace = wick_dn_query(&p->dn, work->pd, dnnl_query_workspace_md);
    if (wick_dn_bytes(workspace))
        work->workspace = wick_dn_slot_new(p, workspace, NULL);
    wick_dn_slot *y = wick_dn_slot_new(p, wick_dn_query(&p->dn, work->pd, dnnl_query_dst_md), NULL);
    wick_dn_step_new(p, "pool forward", work->pd);
    wick_dn_arg(p, DNNL_ARG_SRC, x);
    wick_dn_arg(p, DNNL_ARG_DST, y);
    wick_dn_arg(p, DNNL_ARG_WORKSPACE, work->workspace);
    p->value[work->dst] = y;
}

bool wick_dn_alike(const wick_program *p, const wick_node *node) {
    const wick_tensor *a = &p->graph->tensors[node->inputs[0]];
    const wick_tensor *b = &p->graph->tensors[node->inputs[1]];
    return !a->data && !b->data && wick_shape_equal(a->shape, b->shape);
}

static void add(wick_program *p, const wick_node *node, wick_dn_work *work) {
    wick_dn_slot *a = value_of(p, node, 0), *b = wick_dn_as(p, value_of(p, node, 1), a->md);
    wick_dn_slot *y = wick_dn_slot_new(p, a->md, NULL);
    wick_dn_step_new(p, "add forward", NULL)->kernel = WICK_DN_ADD;
    wick_dn_arg(p, 0, y);
    wick_dn_arg(p, 0, a);
    wick_dn_arg(p, 0, b);
    p->value[work->dst] = y;
}

static void concat(wick_program *p, const wick_node *node, wick_dn_work *work) {
    int rank = p->graph->tensors[work->dst].shape.rank, axis = node->attrs.axis;
    wick_dn_md *srcs = wick_new(p->build, wick_dn_md, node->n_inputs);
    for (int i = 0; i < node->n_inputs; i++)
        srcs[i] = value_of(p, node, i)->md;
    work->pd = wick_dn_concat(&p->dn, axis < 0 ? axis + rank : axis, node->n_inputs, srcs,
                              wick_dn_tensor_any(p, work->dst));
    wick_dn_slot *y = wick_dn_slot_new(p, wick_dn_query(&p->dn, work->pd, dnnl_query_dst_md), NULL);
    wick_dn_step_new(p, "concat forward", work->pd);
    for (int i = 0; i < node->n_inputs; i++)
        wick_dn_arg(p, DNNL_ARG_MULTIPLE_SRC + i, value_of(p, node, i));
    wick_dn_arg(p, DNNL_ARG_DST, y);
    p->value[work->dst] = y;
}

static void pad(wick_program *p, const wick_node *node, wick_dn_work *work) {
    wick_dn_slot *x = wick_dn_as(p, value_of(p, node, 0), wick_dn_tensor_plain(p, node->inputs[0]));
    wick_dn_slot *y = wick_dn_slot_new(p, wick_dn_tensor_plain(p, work->dst), NULL);
    wick_dn_step_new(p, "pad forward", NULL)->kernel = WICK_DN_PAD;
    wick_dn_arg(p, 0, y);
    wick_dn_arg(p, 0, x);
    p->value[work->dst] = y;
}

static void softmax(wick_program *p, const wick_node *node, wick_dn_work *work) {
    int rank = p->graph->tensors[work->dst].shape.rank, axis = node->attrs.axis;
    wick_dn_slot *x = value_of(p, node, 0), *y = wick_dn_slot_new(p, x->md, NULL);
    work->pd = wick_dn_softmax_forward(&p->dn, x->md, axis < 0 ? axis + rank : axis);
    wick_dn_step_new(p, "softmax forward", work->pd);
    wick_dn_arg(p, DNNL_ARG_SRC, x);
    wick_dn_arg(p, DNNL_ARG_DST, y);
    p->value[work->dst] = y;
}

static void dropout(wick_program *p, const wick_node *node, wick_dn_work *work) {
    wick_dn_slot *x = value_of(p, node, 0);
    if (p->training) {
        x = wick_dn_as(p, x, wick_dn_tensor_plain(p, work->dst));
        x = wick_dn_dropout(p, node, "dropout forward", x, wick_dn_slot_new(p, x->md, NULL));
    }
    p->value[work->dst] = x;
}

/* Every activation must bring an image for an image. */
static const char *operands_misfit(const wick_program *p, const wick_node *node) {
    wick_shape out = p->graph->tensors[node->output].shape;
    for (int i = 0; i < node->n_inputs; i++) {
        const wick_tensor *t = &p->graph->tensors[node->inputs[i]];
        bool first = t->shape.rank == out.rank && out.rank > 0;
        if (t->data ? first && t->shape.dim[0] != 1 : !first || t->shape.dim[0] != p->batch)
            return "it works across the images of a batch";
    }
    return NULL;
}

/* What the graph allows and this backend does not: broadcasting, work across the images of a batch,
   other ranks than those of images and vectors. NULL when all is well. */
static const char *misfit(const wick_program *p, const wick_node *node) {
    const wick_tensor *tensors = p->graph->tensors;
    const wick_tensor *x = &tensors[node->inputs[0]];
    bool indices = node->op == WICK_OP_GATHER;
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] >= 0 && tensors[node->inputs[i]].dtype != WICK_F32 &&
            !(indices && i == 1))
            return "its input is not float";
    if (wick_dn_is_binary(node->op))
        return operands_misfit(p, node);
    if (wick_dn_is_move(node->op))
        return wick_dn_move_misfit(p, node);
    switch (node->op) {
    case WICK_OP_RESHAPE:
        return x->shape.dim[0] == p->batch && tensors[node->output].shape.dim[0] == p->batch
                   ? NULL
                   : "it works across the images of a batch";
    case WICK_OP_CONCAT:
    case WICK_OP_SOFTMAX:
        return node->attrs.axis == 0 || node->attrs.axis == -x->shape.rank
                   ? "it works across the images of a batch"
                   : NULL;
    case WICK_OP_GLOBAL_AVG_POOL:
    case WICK_OP_GLOBAL_MAX_POOL:
        return x->shape.rank == 4 ? NULL : "its input is no image";
    case WICK_OP_BATCH_NORM:
        return x->shape.rank == 4 || x->shape.rank == 2 ? NULL : "its input is no image";
    default:
        return NULL;
    }
}

static void build_node(wick_program *p, const wick_node *node, wick_dn_work *work) {
    const char *reason = wick_op_trains(node->op) ? misfit(p, node) : NULL;
    if (reason) {
        wick_dn_refuse(p, node, "%s", reason);
        return;
    }
    switch (node->op) {
    case WICK_OP_CONV:
        conv(p, node, work);
        break;
    case WICK_OP_GEMM:
        gemm(p, node, work);
        break;
    case WICK_OP_BATCH_NORM:
        wick_dn_batch_norm(p, node, work);
        break;
    case WICK_OP_RELU:
    case WICK_OP_CLIP:
    case WICK_OP_SIGMOID:
    case WICK_OP_TANH:
        eltwise(p, node, work);
        break;
    case WICK_OP_MAX_POOL:
    case WICK_OP_AVG_POOL:
    case WICK_OP_GLOBAL_AVG_POOL:
    case WICK_OP_GLOBAL_MAX_POOL:
        pool(p, node, work);
        break;
    case WICK_OP_ADD:
        if (wick_dn_alike(p, node))
            add(p, node, work);
        else
            wick_dn_binary(p, node, work);
        break;
    case WICK_OP_CONCAT:
        concat(p, node, work);
        break;
    case WICK_OP_PAD:
        pad(p, node, work);
        break;
    case WICK_OP_SOFTMAX:
        softmax(p, node, work);
        break;
    case WICK_OP_IDENTITY:
        p->value[work->dst] = value_of(p, node, 0);
        break;
    case WICK_OP_DROPOUT:
        dropout(p, node, work);
        break;
    case WICK_OP_RESHAPE:
    case WICK_OP_FLATTEN: {
        int x = node->inputs[0];
        wick_dn_slot *plain = wick_dn_as(p, p->value[x], wick_dn_tensor_plain(p, x));
        p->value[work->dst] = wick_dn_slot_view(p, wick_dn_tensor_plain(p, work->dst), plain);
        break;
    }
    default:
        if (wick_dn_is_unary(node->op))
            eltwise(p, node, work);
        else if (wick_dn_is_binary(node->op))
            wick_dn_binary(p, node, work);
        else if (wick_dn_is_move(node->op))
            wick_dn_move_forward(p, node, work);
        else
            wick_dn_refuse(p, node, "there is no gradient for this operator");
    }
}

/* Each output in a row-major array of the caller's: the value itself where its layout allows. */
static void deliver(wick_program *p, int i) {
    int t = p->outputs[i];
    wick_dn_slot *value = p->value[t];
    p->dn.node = p->graph->tensors[t].name;
    wick_dn_md plain = wick_dn_tensor_plain(p, t);
    if (wick_dn_same(value->md, plain) && !value->buffer->data) {
        value->buffer->data = p->output[i];
        return;
    }
    wick_dn_copy(p, value, wick_dn_slot_new(p, plain, p->output[i]));
}

void wick_dn_build_forward(wick_program *p) {
    const wick_graph *graph = p->graph;
    p->dn.node = graph->tensors[graph->input].name;
    p->value[graph->input] = wick_dn_slot_new(p, wick_dn_tensor_plain(p, graph->input), p->input);
    for (int n = 0; n < graph->n_nodes && p->dn.status == WICK_OK; n++) {
        wick_dn_work *work = &p->work[n];
        p->dn.node = graph->nodes[n].name;
        if (work->needed && !work->fused)
            build_node(p, &graph->nodes[n], work);
    }
    for (int i = 0; i < p->n_outputs && p->dn.status == WICK_OK; i++)
        deliver(p, i);
    p->n_forward = p->n_steps;
}
