/* Parameters: which arrays of the graph are trained, their layout, and their way in and out. */
#include "train/onednn/onednn_program.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The role of input i of an operator, or -1 for an activation. */
typedef struct role {
    bool trainable, decay;
} role;

static bool parameter_role(wick_op op, int i, role *out) {
    switch (op) {
    case WICK_OP_CONV:
    case WICK_OP_GEMM:
        *out = (role){true, i == 1};
        return i >= 1;
    case WICK_OP_BATCH_NORM:
        *out = (role){i <= 2, false};
        return i >= 1;
    default:
        return false;
    }
}

/* Constants that stay as they are. */
static bool takes_constant(wick_op op, int i) {
    return wick_dn_is_binary(op) || (op == WICK_OP_GATHER && i == 1);
}

wick_status wick_dn_refuse(wick_program *p, const wick_node *node, const char *format, ...) {
    char reason[200];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    bool scaled = node->op == WICK_OP_QUANTIZE || node->op == WICK_OP_DEQUANTIZE;
    return p->dn.status = wick_fail(p->dn.diag, WICK_UNSUPPORTED, NULL, node->name,
                                    scaled ? "train the float graph, then quantize"
                                           : "`wick check --operators` says what can be trained",
                                    "%s cannot be trained: %s", wick_op_name(node->op), reason);
}

static wick_status collect_input(wick_program *p, int n, int i) {
    const wick_node *node = &p->graph->nodes[n];
    int t = node->inputs[i];
    if (t < 0)
        return WICK_OK;
    const wick_tensor *tensor = &p->graph->tensors[t];
    role r;
    if (!parameter_role(node->op, i, &r)) {
        if (tensor->data && !takes_constant(node->op, i))
            return wick_op_trains(node->op)
                       ? wick_dn_refuse(p, node, "its input '%s' is a constant", tensor->name)
                       : wick_dn_refuse(p, node, "there is no gradient for this operator");
        return WICK_OK;
    }
    if (!tensor->data)
        return wick_dn_refuse(p, node, "its parameter '%s' is computed, not a constant",
                              tensor->name);
    if (p->param_of[t] >= 0)
        return wick_dn_refuse(p, node, "its parameter '%s' also belongs to '%s'", tensor->name,
                              p->graph->nodes[p->infos[p->param_of[t]].node].name);
    p->param_of[t] = p->n_params;
    p->infos[p->n_params].node = n;
    p->params[p->n_params++] =
        (wick_param){.name = tensor->name, .tensor = t, .trainable = r.trainable, .decay = r.decay};
    return WICK_OK;
}

wick_status wick_dn_params_collect(wick_program *p) {
    const wick_graph *graph = p->graph;
    int max = 0;
    for (int n = 0; n < graph->n_nodes; n++)
        max += graph->nodes[n].n_inputs;
    p->params = wick_new(p->arena, wick_param, max);
    p->infos = wick_new(p->arena, wick_dn_param, max);
    p->param_of = wick_new(p->arena, int, graph->n_tensors);
    for (int t = 0; t < graph->n_tensors; t++)
        p->param_of[t] = -1;
    for (int n = 0; n < graph->n_nodes; n++)
        for (int i = 0; i < graph->nodes[n].n_inputs; i++)
            WICK_TRY(collect_input(p, n, i));
    return WICK_OK;
}

wick_dn_param *wick_dn_param_of(wick_program *p, int tensor) {
    assert(p->param_of[tensor] >= 0);
    return &p->infos[p->param_of[tensor]];
}

static bool allocate(wick_program *p, wick_param *param, size_t bytes) {
    param->count = bytes / sizeof(float);
    param->value = wick_try_alloc(bytes);
    if (p->training && param->trainable)
        param->gradient = wick_try_alloc(bytes);
    if (param->value && (param->gradient || !p->training || !param->trainable))
        return true;
    p->dn.status = wick_fail(p->dn.diag, WICK_MEMORY, NULL, param->name, NULL,
                             "%zu bytes for a parameter cannot be had", bytes);
    return false;
}

void wick_dn_param_bind(wick_program *p, int tensor, wick_dn_md md, wick_dn_md plain) {
    wick_param *param = &p->params[p->param_of[tensor]];
    wick_dn_param *info = wick_dn_param_of(p, tensor);
    if (p->dn.status == WICK_OK && !info->md) {
        p->dn.keep = true;
        info->md = wick_dn_clone(&p->dn, md);
        info->plain = wick_dn_clone(&p->dn, plain);
        p->dn.keep = false;
        if (!allocate(p, param, wick_dn_bytes(info->md)))
            info->md = NULL;
    }
    info->value = wick_dn_slot_new(p, info->md, param->value);
    info->gradient = param->gradient ? wick_dn_slot_new(p, info->md, param->gradient) : NULL;
}

void wick_dn_params_free(wick_program *p) {
    for (int i = 0; i < p->n_params; i++) {
        free(p->params[i].value);
        free(p->params[i].gradient);
    }
}

/* ---- in and out ---- */

static wick_status convert(wick_program *p, const wick_param *param, wick_dn_md from_md,
                           const float *from, wick_dn_md to_md, float *to, wick_diag *diag) {
    wick_dn *dn = &p->dn;
    if (wick_dn_same(from_md, to_md)) {
        memcpy(to, from, wick_dn_bytes(to_md));
        return WICK_OK;
    }
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t src = NULL, dst = NULL;
    dn->diag = diag;
    dn->node = param->name;
    bool done =
        wick_dn_check(
            dn,
            dnnl_reorder_primitive_desc_create(&pd, from_md, dn->engine, to_md, dn->engine, NULL),
            "change a layout") &&
        wick_dn_check(dn, dnnl_primitive_create(&primitive, pd), "change a layout") &&
        /* The cast drops const for a memory that is only read. */
        wick_dn_check(dn, dnnl_memory_create(&src, from_md, dn->engine, (void *)(uintptr_t)from),
                      "change a layout") &&
        wick_dn_check(dn, dnnl_memory_create(&dst, to_md, dn->engine, to), "change a layout");
    if (done) {
        dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, src}, {DNNL_ARG_TO, dst}};
        done = wick_dn_check(dn, dnnl_primitive_execute(primitive, dn->stream, 2, args),
                             "change a layout") &&
               wick_dn_check(dn, dnnl_stream_wait(dn->stream), "change a layout");
    }
    if (src)
        dnnl_memory_destroy(src);
    if (dst)
        dnnl_memory_destroy(dst);
    if (primitive)
        dnnl_primitive_destroy(primitive);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    return done ? WICK_OK : dn->status;
}

wick_status wick_program_plain(wick_program *program, int param, const float *backend_layout,
                               float *plain, wick_diag *diag) {
    assert(param >= 0 && param < program->n_params);
    const wick_dn_param *info = &program->infos[param];
    return convert(program, &program->params[param], info->md, backend_layout, info->plain, plain,
                   diag);
}

wick_status wick_program_unplain(wick_program *program, int param, const float *plain,
                                 float *backend_layout, wick_diag *diag) {
    assert(param >= 0 && param < program->n_params);
    const wick_dn_param *info = &program->infos[param];
    return convert(program, &program->params[param], info->plain, plain, info->md, backend_layout,
                   diag);
}

/* The constant of `graph` that belongs to a parameter: the same index when names agree there, else
   found by name. */
static wick_status find(const wick_program *p, const wick_param *param, const wick_graph *graph,
                        float **data, wick_diag *diag) {
    int t = param->tensor;
    if (t >= graph->n_tensors || strcmp(graph->tensors[t].name, param->name))
        t = wick_graph_find(graph, param->name);
    if (t < 0 || !graph->tensors[t].data || graph->tensors[t].dtype != WICK_F32 ||
        !wick_shape_equal(graph->tensors[t].shape, p->graph->tensors[param->tensor].shape))
        return wick_fail(diag, WICK_MISMATCH, NULL, param->name, NULL,
                         "the graph has no float constant of this name and shape");
    *data = graph->tensors[t].data;
    return WICK_OK;
}

wick_status wick_program_export(wick_program *program, wick_graph *graph, wick_diag *diag) {
    float *data;
    for (int i = 0; i < program->n_params; i++)
        WICK_TRY(find(program, &program->params[i], graph, &data, diag));
    for (int i = 0; i < program->n_params; i++) {
        WICK_TRY(find(program, &program->params[i], graph, &data, diag));
        WICK_TRY(wick_program_plain(program, i, program->params[i].value, data, diag));
    }
    return WICK_OK;
}

wick_status wick_program_import(wick_program *program, const wick_graph *graph, wick_diag *diag) {
    float *data;
    for (int i = 0; i < program->n_params; i++)
        WICK_TRY(find(program, &program->params[i], graph, &data, diag));
    for (int i = 0; i < program->n_params; i++) {
        WICK_TRY(find(program, &program->params[i], graph, &data, diag));
        WICK_TRY(wick_program_unplain(program, i, data, program->params[i].value, diag));
    }
    return WICK_OK;
}
