/* The program as its callers see it: build, run, describe. */
#include "train/onednn/onednn_program.h"
#include "train/parallel.h"

#include <assert.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- what to build ---- */

/* Those of the operators that are rarely trained. */
static bool same_rest(const wick_attrs *x, const wick_attrs *y) {
    return !memcmp(&x->alpha, &y->alpha, sizeof x->alpha) &&
           !memcmp(&x->beta, &y->beta, sizeof x->beta) &&
           !memcmp(&x->pad_value, &y->pad_value, sizeof x->pad_value) &&
           x->pad_mode == y->pad_mode && !memcmp(x->dims, y->dims, sizeof x->dims) &&
           !memcmp(x->begin, y->begin, sizeof x->begin) && !memcmp(x->end, y->end, sizeof x->end) &&
           !memcmp(x->step, y->step, sizeof x->step);
}

static bool same_work(const wick_node *a, const wick_node *b) {
    const wick_attrs *x = &a->attrs, *y = &b->attrs;
    return a->op == b->op && a->op != WICK_OP_DROPOUT && a->n_inputs == b->n_inputs &&
           !memcmp(a->inputs, b->inputs, (size_t)a->n_inputs * sizeof *a->inputs) &&
           !memcmp(x->kernel, y->kernel, sizeof x->kernel) &&
           !memcmp(x->stride, y->stride, sizeof x->stride) &&
           !memcmp(x->dilation, y->dilation, sizeof x->dilation) &&
           !memcmp(x->pad, y->pad, sizeof x->pad) && x->axis == y->axis && x->groups == y->groups &&
           !(x->clip_min < y->clip_min) && !(x->clip_min > y->clip_min) &&
           !(x->clip_max < y->clip_max) && !(x->clip_max > y->clip_max) &&
           x->count_include_pad == y->count_include_pad && x->pad_channels == y->pad_channels &&
           same_rest(x, y);
}

/* Heads often begin alike, with the same pooling of z. Readers of the later of two equal nodes read
   the earlier instead, and the later is not needed any more. */
static void merge_equal(wick_program *p) {
    wick_graph *graph = p->graph;
    wick_arena *arena = wick_arena_new();
    int *alias = wick_new(arena, int, graph->n_tensors);
    for (int t = 0; t < graph->n_tensors; t++)
        alias[t] = t;
    for (int n = 0; n < graph->n_nodes; n++) {
        wick_node *node = &graph->nodes[n];
        for (int i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] >= 0)
                node->inputs[i] = alias[node->inputs[i]];
        for (int m = 0; m < n && alias[node->output] == node->output; m++)
            if (same_work(&graph->nodes[m], node))
                alias[node->output] = graph->nodes[m].output;
    }
    for (int i = 0; i < p->n_outputs; i++)
        p->outputs[i] = alias[p->outputs[i]];
    wick_arena_free(arena);
}

/* Which nodes the outputs depend on, and how often each tensor is read. */
static void mark_needed(wick_program *p) {
    const wick_graph *graph = p->graph;
    for (int i = 0; i < p->n_outputs; i++)
        p->consumers[p->outputs[i]]++;
    for (int n = graph->n_nodes - 1; n >= 0; n--) {
        const wick_node *node = &graph->nodes[n];
        p->work[n].needed = p->consumers[node->output] > 0;
        p->work[n].dst = node->output;
        for (int i = 0; i < node->n_inputs && p->work[n].needed; i++)
            if (node->inputs[i] >= 0)
                p->consumers[node->inputs[i]]++;
    }
}

/* A node that trains has a trainable parameter that is not frozen; gradients flow to the tensors
   behind such nodes. */
static void mark_gradients(wick_program *p) {
    const wick_graph *graph = p->graph;
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        bool upstream = false;
        for (int i = 0; i < node->n_inputs; i++) {
            int t = node->inputs[i];
            if (t < 0)
                continue;
            upstream = upstream || p->needs_gradient[t];
            if (p->param_of[t] < 0)
                continue;
            const wick_param *param = &p->params[p->param_of[t]];
            if (p->training && param->trainable && !param->frozen)
                p->work[n].trains = true;
        }
        p->needs_gradient[node->output] = upstream || p->work[n].trains;
    }
}

/* A ReLU that alone reads a batch norm or a convolution becomes part of it. */
static void mark_fused(wick_program *p) {
    const wick_graph *graph = p->graph;
    for (int n = 0; n < graph->n_nodes; n++) {
        const wick_node *node = &graph->nodes[n];
        if (node->op != WICK_OP_RELU || !p->work[n].needed || p->consumers[node->inputs[0]] != 1)
            continue;
        int before = graph->tensors[node->inputs[0]].producer;
        if (before < 0 || (graph->nodes[before].op != WICK_OP_BATCH_NORM &&
                           graph->nodes[before].op != WICK_OP_CONV))
            continue;
        p->work[n].fused = true;
        p->work[before].relu = true;
        p->work[before].dst = node->output;
    }
}

/* Parameters of nodes that no output needs keep the graph's layout. */
static void bind_unused(wick_program *p) {
    for (int i = 0; i < p->n_params && p->dn.status == WICK_OK; i++)
        if (!p->infos[i].md) {
            wick_dn_md plain = wick_dn_tensor_plain(p, p->params[i].tensor);
            wick_dn_param_bind(p, p->params[i].tensor, plain, plain);
        }
}

/* The backward step after which each parameter's gradient is complete. */
static void find_gradient_steps(wick_program *p) {
    p->gradient_step = wick_new(p->build, int, p->n_params);
    for (int k = 0; k < p->n_params; k++) {
        p->gradient_step[k] = -1;
        for (int i = p->n_forward; i < p->n_steps && p->params[k].gradient; i++)
            for (int a = 0; a < p->steps[i].n_args; a++)
                if (p->steps[i].slots[a]->buffer->data == p->params[k].gradient)
                    p->gradient_step[k] = i;
    }
}

/* Makes the lists anew; parameters, input and outputs stay. */
static void unbuild(wick_program *p) {
    wick_dn_release(&p->dn);
    wick_arena_free(p->build);
    free(p->memory);
    p->build = NULL;
    p->memory = NULL;
    p->n_steps = p->n_forward = p->n_slots = p->n_buffers = p->n_variants = 0;
    p->ready = false;
}

static wick_status rebuild(wick_program *p, wick_diag *diag) {
    unbuild(p);
    p->dn.diag = diag;
    p->dn.status = WICK_OK;
    p->build = wick_arena_new();
    size_t tensors = (size_t)p->graph->n_tensors;
    p->work = wick_new(p->build, wick_dn_work, p->graph->n_nodes);
    p->value = wick_new(p->build, wick_dn_slot *, tensors);
    p->gradient = wick_new(p->build, wick_dn_slot *, tensors);
    p->needs_gradient = wick_new(p->build, bool, tensors);
    p->consumers = wick_new(p->build, int, tensors);
    mark_needed(p);
    mark_gradients(p);
    mark_fused(p);
    wick_dn_build_forward(p);
    bind_unused(p);
    if (p->training)
        wick_dn_build_backward(p);
    WICK_TRY(p->dn.status);
    WICK_TRY(wick_dn_plan(p));
    find_gradient_steps(p);
    /* What no step writes any more must not keep an old gradient. */
    for (int i = 0; i < p->n_params; i++)
        if (p->params[i].gradient)
            memset(p->params[i].gradient, 0, p->params[i].count * sizeof(float));
    p->ready = true;
    return WICK_OK;
}

/* ---- build and free ---- */

static float *allocate_floats(wick_program *p, int tensor) {
    size_t count = (size_t)wick_shape_count(p->graph->tensors[tensor].shape);
    float *data = wick_try_alloc(wick_size_mul(count, sizeof(float)));
    if (!data && p->dn.status == WICK_OK)
        p->dn.status = wick_fail(p->dn.diag, WICK_MEMORY, NULL, p->graph->tensors[tensor].name,
                                 "use a smaller batch", "%zu numbers cannot be had", count);
    return data;
}

static wick_status prepare(wick_program *p, const wick_program_options *options, wick_diag *diag) {
    WICK_TRY(wick_graph_set_batch(p->graph, options->batch, diag));
    merge_equal(p);
    WICK_TRY(wick_dn_params_collect(p));
    p->input = allocate_floats(p, p->graph->input);
    p->output = wick_new(p->arena, float *, p->n_outputs);
    p->output_gradient = wick_new(p->arena, float *, p->n_outputs);
    for (int i = 0; i < p->n_outputs; i++) {
        const wick_tensor *tensor = &p->graph->tensors[p->outputs[i]];
        if (tensor->data || tensor->dtype != WICK_F32)
            return wick_fail(diag, WICK_UNSUPPORTED, NULL, tensor->name, NULL,
                             "it is no activation that can be an output");
        p->output[i] = allocate_floats(p, p->outputs[i]);
        if (p->training)
            p->output_gradient[i] = allocate_floats(p, p->outputs[i]);
    }
    WICK_TRY(p->dn.status);
    WICK_TRY(rebuild(p, diag));
    return wick_program_import(p, p->graph, diag);
}

wick_status wick_program_build(const wick_graph *graph, const wick_program_options *options,
                               wick_program **out, wick_diag *diag) {
    assert(options->batch >= 1 && options->n_outputs >= 1);
    *out = NULL;
    wick_arena *arena = wick_arena_new();
    wick_program *p = wick_new(arena, wick_program, 1);
    p->arena = arena;
    p->graph = wick_graph_clone(graph);
    p->batch = options->batch;
    p->training = options->training;
    p->winograd = options->winograd;
    p->shared_norm = options->shared_norm && options->training && wick_ranks() > 1;
    p->threads = omp_get_max_threads();
    p->n_outputs = options->n_outputs;
    p->outputs = wick_new(arena, int, p->n_outputs);
    for (int i = 0; i < p->n_outputs; i++) {
        assert(options->outputs[i] >= 0 && options->outputs[i] < graph->n_tensors);
        p->outputs[i] = options->outputs[i];
    }
    wick_dn_open(&p->dn, diag);
    wick_status status = p->dn.status;
    if (status == WICK_OK)
        status = prepare(p, options, diag);
    if (status != WICK_OK) {
        wick_program_free(p);
        return status;
    }
    *out = p;
    return WICK_OK;
}

void wick_program_free(wick_program *program) {
    if (!program)
        return;
    unbuild(program);
    wick_dn_params_free(program);
    wick_dn_free(&program->dn);
    free(program->input);
    for (int i = 0; i < program->n_outputs; i++) {
        free(program->output ? program->output[i] : NULL);
        free(program->output_gradient ? program->output_gradient[i] : NULL);
    }
    free(program->steps);
    free(program->slots);
    free(program->buffers);
    free(program->variants);
    wick_graph_free(program->graph);
    wick_arena_free(program->arena);
}

wick_status wick_program_refreeze(wick_program *program, wick_diag *diag) {
    return rebuild(program, diag);
}

/* ---- access ---- */

float *wick_program_input(wick_program *program) {
    return program->input;
}

const float *wick_program_output(wick_program *program, int i) {
    assert(i >= 0 && i < program->n_outputs);
    return program->output[i];
}

float *wick_program_output_gradient(wick_program *program, int i) {
    assert(i >= 0 && i < program->n_outputs && program->training);
    return program->output_gradient[i];
}

size_t wick_program_output_count(const wick_program *program, int i) {
    assert(i >= 0 && i < program->n_outputs);
    return (size_t)wick_shape_count(program->graph->tensors[program->outputs[i]].shape);
}

void wick_program_on_gradient(wick_program *program, wick_gradient_ready *ready, void *ctx) {
    program->on_gradient = ready;
    program->on_gradient_ctx = ctx;
}

int wick_program_param_count(const wick_program *program) {
    return program->n_params;
}

wick_param *wick_program_param(wick_program *program, int i) {
    assert(i >= 0 && i < program->n_params);
    return &program->params[i];
}

/* ---- run ---- */

static void run_add(const wick_dn_step *step) {
    float *dst = step->slots[0]->buffer->data;
    const float *a = step->slots[1]->buffer->data, *b = step->slots[2]->buffer->data;
    long count = (long)(wick_dn_bytes(step->slots[0]->md) / sizeof(float));
#pragma omp parallel for simd
    for (long i = 0; i < count; i++)
        dst[i] = a[i] + b[i];
}

static void run_pad(const wick_program *p, const wick_dn_step *step) {
    size_t from = wick_dn_bytes(step->slots[1]->md) / (size_t)p->batch;
    size_t to = wick_dn_bytes(step->slots[0]->md) / (size_t)p->batch;
    char *dst = step->slots[0]->buffer->data;
    const char *src = step->slots[1]->buffer->data;
#pragma omp parallel for
    for (int i = 0; i < p->batch; i++) {
        memcpy(dst + (size_t)i * to, src + (size_t)i * from, from);
        memset(dst + (size_t)i * to + from, 0, to - from);
    }
}

static void run_depthwise(const wick_dn_step *step) {
    float *bias = step->n_args > 3 ? step->slots[3]->buffer->data : NULL;
    wick_dn_depthwise_weights(step->depthwise, step->slots[1]->buffer->data,
                              step->slots[2]->buffer->data, step->slots[0]->buffer->data, bias);
}

static void run_statistics(const wick_dn_step *step) {
    float *mean = step->slots[0]->buffer->data, *variance = step->slots[1]->buffer->data;
    const float *batch_mean = step->slots[2]->buffer->data;
    const float *batch_variance = step->slots[3]->buffer->data;
    size_t count = wick_dn_bytes(step->slots[0]->md) / sizeof(float);
    float keep = step->momentum;
    for (size_t i = 0; i < count; i++) {
        mean[i] = keep * mean[i] + (1 - keep) * batch_mean[i];
        variance[i] = keep * variance[i] + (1 - keep) * step->unbias * batch_variance[i];
    }
}

static void tell_gradients(const wick_program *p, int step) {
    for (int k = 0; k < p->n_params; k++)
        if (p->gradient_step[k] == step)
            p->on_gradient(p->on_gradient_ctx, k);
}

static void run_step(wick_program *p, const wick_dn_step *step) {
    switch (step->kernel) {
    case WICK_DN_ONEDNN:
        wick_dn_check(
            &p->dn, dnnl_primitive_execute(step->primitive, p->dn.stream, step->n_args, step->args),
            step->kind);
        break;
    case WICK_DN_ADD:
        run_add(step);
        break;
    case WICK_DN_PAD:
        run_pad(p, step);
        break;
    case WICK_DN_DEPTHWISE:
        run_depthwise(step);
        break;
    case WICK_DN_STATISTICS:
        run_statistics(step);
        break;
    case WICK_DN_DROPOUT:
        wick_dn_run_dropout(p, step);
        break;
    case WICK_DN_UNARY:
        wick_dn_run_unary(step);
        break;
    case WICK_DN_UNARY_BACKWARD:
        wick_dn_run_unary_backward(step);
        break;
    case WICK_DN_BINARY:
        wick_dn_run_binary(p, step);
        break;
    case WICK_DN_BINARY_BACKWARD:
        wick_dn_run_binary_backward(p, step);
        break;
    case WICK_DN_MOVE:
        wick_dn_run_move(p, step);
        break;
    case WICK_DN_MOVE_BACKWARD:
        wick_dn_run_move_backward(p, step);
        break;
    case WICK_DN_NORM:
        wick_dn_run_norm(step);
        break;
    case WICK_DN_NORM_BACKWARD:
        wick_dn_run_norm_backward(step);
        break;
    case WICK_DN_SHARE_STATISTICS:
        wick_dn_run_share_statistics(step);
        break;
    case WICK_DN_SHARE_GRADIENTS:
        wick_dn_run_share_gradients(step);
        break;
    }
}

/* Of this thread: what other programs take from it does not count. */
static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static wick_status run(wick_program *p, int from, int to, wick_diag *diag) {
    assert(p->ready);
    p->dn.diag = diag;
    /* oneDNN sized the primitives' scratch memory and split their sums for this many threads. */
    int threads = omp_get_max_threads();
    if (threads != p->threads)
        omp_set_num_threads(p->threads);
    for (int i = from; i < to && p->dn.status == WICK_OK; i++) {
        wick_dn_step *step = &p->steps[i];
        p->dn.node = step->node;
        double start = p->profile ? cpu_s() : 0;
        run_step(p, step);
        if (p->profile) {
            step->seconds += cpu_s() - start;
            step->runs++;
        }
        if (p->on_gradient && i >= p->n_forward)
            tell_gradients(p, i);
    }
    wick_dn_check(&p->dn, dnnl_stream_wait(p->dn.stream), "finish");
    if (threads != p->threads)
        omp_set_num_threads(threads);
    return p->dn.status;
}

wick_status wick_program_forward(wick_program *program, wick_diag *diag) {
    return run(program, 0, program->n_forward, diag);
}

wick_status wick_program_backward(wick_program *program, wick_diag *diag) {
    assert(program->training);
    return run(program, program->n_forward, program->n_steps, diag);
}

/* ---- describe ---- */

void wick_program_describe(const wick_program *program, wick_buf *out) {
    for (int i = 0; i < program->n_steps; i++) {
        const wick_dn_step *step = &program->steps[i];
        wick_buf_printf(out, "%-26s %-28s %s", step->kind, step->node ? step->node : "",
                        step->impl);
        if (step->runs)
            wick_buf_printf(out, " %.3f", 1e3 * step->seconds / step->runs);
        wick_buf_printf(out, "\n");
    }
}

void wick_program_profile(wick_program *program) {
    program->profile = true;
    for (int i = 0; i < program->n_steps; i++) {
        program->steps[i].seconds = 0;
        program->steps[i].runs = 0;
    }
}

const char *wick_backend_version(void) {
    static char text[96];
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d, %d threads, %s", version->major, version->minor,
             version->patch, omp_get_max_threads(), wick_dn_isa());
    return text;
}
