/* Operators that only move numbers within an image: Transpose, Slice, Pad, Resize, Gather with
   constant indices. Where each number comes from is asked of the reference evaluation, once, with
   the numbers' own places as values. */
#include "train/onednn/onednn_program.h"

#include <stdlib.h>
#include <string.h>

bool wick_dn_is_move(wick_op op) {
    return op == WICK_OP_TRANSPOSE || op == WICK_OP_SLICE || op == WICK_OP_BORDER ||
           op == WICK_OP_RESIZE || op == WICK_OP_GATHER;
}

/* A graph of this node alone, for one image. */
static wick_graph *alone(const wick_program *p, const wick_node *node) {
    wick_graph *graph = wick_graph_new("move");
    const wick_tensor *x = &p->graph->tensors[node->inputs[0]];
    wick_shape shape = x->shape;
    shape.dim[0] = 1;
    wick_attrs attrs = node->attrs;
    attrs.pad_value = 0; /* the places begin with 1 */
    int inputs[2] = {wick_graph_tensor(graph, "x", WICK_F32, shape, NULL), -1};
    graph->input = inputs[0];
    if (node->n_inputs > 1) {
        const wick_tensor *t = &p->graph->tensors[node->inputs[1]];
        inputs[1] = wick_graph_tensor(graph, "indices", t->dtype, t->shape, t->data);
    }
    wick_graph_node(graph, "move", node->op, inputs, node->n_inputs, "y", &attrs);
    return graph;
}

const char *wick_dn_move_misfit(const wick_program *p, const wick_node *node) {
    const wick_tensor *tensors = p->graph->tensors;
    const wick_shape x = tensors[node->inputs[0]].shape, y = tensors[node->output].shape;
    if (node->n_inputs > 1 && !tensors[node->inputs[1]].data)
        return "its indices are computed";
    if (x.rank < 1 || y.rank < 1 || x.dim[0] != p->batch || y.dim[0] != p->batch ||
        (node->op == WICK_OP_TRANSPOSE && node->attrs.dims[0] != 0) ||
        (node->op == WICK_OP_GATHER && wick_shape_count(x) > 0 &&
         (node->attrs.axis == 0 || node->attrs.axis == -x.rank)))
        return "it works across the images of a batch";
    /* Places must be exact as floats. */
    return wick_shape_count(x) / p->batch < 1 << 24 ? NULL : "its image is too large";
}

static const int32_t *places(wick_program *p, const wick_node *node, int64_t in_count,
                             int64_t out_count) {
    int32_t *from = wick_new(p->build, int32_t, out_count);
    float *image = wick_xalloc((size_t)in_count * sizeof *image);
    for (int64_t i = 0; i < in_count; i++)
        image[i] = (float)(i + 1);
    wick_graph *graph = alone(p, node);
    void **values = NULL;
    wick_status status = wick_graph_infer(graph, p->dn.diag);
    if (status == WICK_OK)
        status = wick_graph_eval(graph, image, &values, p->dn.diag);
    if (status == WICK_OK) {
        const float *moved = values[graph->nodes[0].output];
        for (int64_t i = 0; i < out_count; i++)
            from[i] = (int32_t)moved[i] - 1;
        wick_values_free(graph, values);
    } else {
        p->dn.status = status;
    }
    wick_graph_free(graph);
    free(image);
    return from;
}

static wick_dn_step *move_step(wick_program *p, const wick_node *node, bool backward) {
    const wick_tensor *tensors = p->graph->tensors;
    wick_dn_move *move = wick_new(p->build, wick_dn_move, 1);
    move->in_count = wick_shape_count(tensors[node->inputs[0]].shape) / p->batch;
    move->out_count = wick_shape_count(tensors[node->output].shape) / p->batch;
    move->fill = node->attrs.pad_value;
    move->from = places(p, node, move->in_count, move->out_count);
    wick_dn_step *step = wick_dn_step_new(p, backward ? "move backward" : "move forward", NULL);
    step->kernel = backward ? WICK_DN_MOVE_BACKWARD : WICK_DN_MOVE;
    step->move = move;
    return step;
}

void wick_dn_move_forward(wick_program *p, const wick_node *node, wick_dn_work *work) {
    int t = node->inputs[0];
    wick_dn_slot *x = wick_dn_as(p, p->value[t], wick_dn_tensor_plain(p, t));
    wick_dn_slot *y = wick_dn_slot_new(p, wick_dn_tensor_plain(p, work->dst), NULL);
    move_step(p, node, false);
    wick_dn_arg(p, 0, y);
    wick_dn_arg(p, 0, x);
    p->value[work->dst] = y;
}

void wick_dn_move_backward(wick_program *p, const wick_node *node, const wick_dn_work *work,
                           wick_dn_slot *dy) {
    int t = node->inputs[0];
    dy = wick_dn_as(p, dy, wick_dn_tensor_plain(p, work->dst));
    wick_dn_slot *dx = wick_dn_slot_new(p, wick_dn_tensor_plain(p, t), NULL);
    move_step(p, node, true);
    wick_dn_arg(p, 0, dx);
    wick_dn_arg(p, 0, dy);
    wick_dn_contribute(p, t, dx);
}

void wick_dn_run_move(const wick_program *p, const wick_dn_step *step) {
    const wick_dn_move *move = step->move;
#pragma omp parallel for
    for (int n = 0; n < p->batch; n++) {
        float *y = (float *)step->slots[0]->buffer->data + n * move->out_count;
        const float *x = (const float *)step->slots[1]->buffer->data + n * move->in_count;
        for (int64_t i = 0; i < move->out_count; i++)
            y[i] = move->from[i] < 0 ? move->fill : x[move->from[i]];
    }
}

/* A number that went to several places, or to none, gets the sum. */
void wick_dn_run_move_backward(const wick_program *p, const wick_dn_step *step) {
    const wick_dn_move *move = step->move;
#pragma omp parallel for
    for (int n = 0; n < p->batch; n++) {
        float *dx = (float *)step->slots[0]->buffer->data + n * move->in_count;
        const float *dy = (const float *)step->slots[1]->buffer->data + n * move->out_count;
        memset(dx, 0, (size_t)move->in_count * sizeof *dx);
        for (int64_t i = 0; i < move->out_count; i++)
            if (move->from[i] >= 0)
                dx[move->from[i]] += dy[i];
    }
}
