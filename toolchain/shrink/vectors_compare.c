/* Stored vectors against the float evaluation and the integer network on the PC. */
#include "shrink/layer_noise.h"
#include "shrink/shrink.h"

#include <string.h>

/* A tensor of any type as floats; its own array where it holds them. */
static const float *as_floats(const wick_tensor *t, const void *values, int64_t count, float *x) {
    for (int64_t i = 0; i < count && t->dtype != WICK_F32; i++)
        x[i] = t->dtype == WICK_S64   ? (float)((const int64_t *)values)[i]
               : t->dtype == WICK_S32 ? (float)((const int32_t *)values)[i]
               : t->dtype == WICK_S16 ? (float)((const int16_t *)values)[i]
               : t->dtype == WICK_S8  ? (float)((const int8_t *)values)[i]
                                      : (float)((const uint8_t *)values)[i];
    return t->dtype == WICK_F32 ? values : x;
}

wick_status wick_vectors_float(const wick_graph *graph, const wick_vectors *vectors,
                               wick_arena *arena, wick_layer_noise **out, int *n, wick_diag *diag) {
    int64_t each = wick_shape_count(graph->tensors[graph->input].shape);
    wick_layer_noise *list = *out = wick_new(arena, wick_layer_noise, vectors->n_expected);
    *n = 0;
    for (int k = 0; k < graph->n_nodes; k++) { /* in the order of the graph */
        int t = graph->nodes[k].output;
        if (wick_vectors_of(vectors, t))
            list[(*n)++] = layer_noise_of(&graph->tensors[t], t);
    }
    int64_t largest = 1;
    for (int i = 0; i < *n; i++)
        if (wick_shape_count(list[i].shape) > largest)
            largest = wick_shape_count(list[i].shape);
    float *x = wick_new(arena, float, largest);
    for (int image = 0; image < vectors->n; image++) {
        void **values;
        WICK_TRY(wick_graph_eval(graph, vectors->inputs + image * each, &values, diag));
        for (int i = 0; i < *n; i++) {
            int64_t count = wick_shape_count(list[i].shape);
            const float *want = wick_vectors_of(vectors, list[i].tensor) + image * count;
            const float *got =
                as_floats(&graph->tensors[list[i].tensor], values[list[i].tensor], count, x);
            layer_noise_add(&list[i], want, got, count, image);
        }
        wick_values_free(graph, values);
    }
    layer_noise_finish(list, *n);
    return WICK_OK;
}

/* A tensor of the device beside what it stands for. */
typedef struct match {
    int device;          /* tensor of the integer network */
    int exact;           /* of the float graph, -1 */
    const float *of;     /* in the vectors, or NULL */
    const float *answer; /* what the vectors have for a module's result, or NULL */
} match;

/* The float name of a device tensor: what the DequantizeLinear behind it restores. -1: none. */
static int restored(const wick_graph *qdq, const char *name) {
    int t = wick_graph_find(qdq, name);
    for (int k = 0; k < qdq->n_nodes && t >= 0; k++)
        if (qdq->nodes[k].op == WICK_OP_DEQUANTIZE && qdq->nodes[k].inputs[0] == t)
            return qdq->nodes[k].output;
    return -1;
}

/* Which module's result a tensor of the device is, or -1. */
static int head_of(const wick_qnet *net, int device) {
    for (int k = 0; k < net->n_modules; k++)
        if (net->logits[k] == device)
            return k;
    return -1;
}

/* Quantization leaves out a Softmax at the end: then the float model's result, and with it the
   vectors', is another tensor than the integer network's, but names the same class. */
static bool same_result(const wick_vectors_int8 *v, int head) {
    return !v->exact || head >= v->exact->family.n_heads ||
           !strcmp(v->exact->tensors[v->exact->family.heads[head]].name,
                   v->qdq->tensors[v->qdq->family.heads[head]].name);
}

static int64_t device_count(const wick_qtensor *t) {
    return (int64_t)t->h * t->w * t->c;
}

static int find_matches(const wick_vectors_int8 *v, match *matches, wick_layer_noise *noise) {
    int n = 0;
    for (int l = 0; l < v->net->n_layers; l++) {
        int device = v->net->layers[l].dst;
        int t = restored(v->qdq, v->net->tensors[device].name);
        if (t < 0 ||
            wick_shape_count(v->qdq->tensors[t].shape) != device_count(&v->net->tensors[device]))
            continue;
        match m = {.device = device, .exact = -1, .of = wick_vectors_of(v->vectors, t)};
        int head = head_of(v->net, device);
        if (head >= 0) {
            m.answer = wick_vectors_of(v->vectors, v->qdq->family.heads[head]);
            m.of = same_result(v, head) ? m.answer : NULL;
        }
        int exact = v->exact ? wick_graph_find(v->exact, v->qdq->tensors[t].name) : -1;
        if (exact >= 0 && !v->exact->tensors[exact].data &&
            v->exact->tensors[exact].dtype == WICK_F32 &&
            wick_shape_equal(v->exact->tensors[exact].shape, v->qdq->tensors[t].shape))
            m.exact = exact;
        if (!m.of && m.exact < 0)
            continue;
        noise[n] = layer_noise_of(&v->qdq->tensors[t], device);
        matches[n++] = m;
    }
    return n;
}

/* [H,W,C] of the device -> real values in the graph's order. */
static void restore(const wick_qtensor *t, const int8_t *q, float *x) {
    int64_t pixels = (int64_t)t->h * t->w;
    for (int64_t c = 0; c < t->c; c++)
        for (int64_t p = 0; p < pixels; p++)
            x[c * pixels + p] =
                t->scale * (float)(wick_qtensor_at(t, q, (size_t)(p * t->c + c)) - t->zero_point);
}

static int largest_of(const float *x, int64_t n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

static wick_status compare_image(const wick_vectors_int8 *v, int image, const match *matches,
                                 wick_int8_comparison *out, int8_t **device, float *x,
                                 wick_diag *diag) {
    int64_t each = wick_shape_count(v->qdq->tensors[v->qdq->input].shape);
    const float *input = v->vectors->inputs + image * each;
    void **exact = NULL;
    wick_qnet_take(v->net, input, device);
    wick_qnet_run_layers(v->net, UINT32_MAX, device);
    if (v->exact)
        WICK_TRY(wick_graph_eval(v->exact, input, &exact, diag));
    for (int i = 0; i < out->n; i++) {
        wick_layer_noise *noise = &out->tensors[i];
        int64_t count = wick_shape_count(noise->shape);
        const float *want = matches[i].of ? matches[i].of + image * count : exact[matches[i].exact];
        restore(&v->net->tensors[matches[i].device], device[matches[i].device], x);
        layer_noise_add(noise, want, x, count, image);
        if (matches[i].answer) {
            out->answers++;
            out->same_class +=
                largest_of(matches[i].answer + image * count, count) == largest_of(x, count);
        }
    }
    if (exact)
        wick_values_free(v->exact, exact);
    return WICK_OK;
}

wick_status wick_vectors_int8_run(const wick_vectors_int8 *v, wick_arena *arena,
                                  wick_int8_comparison *out, wick_diag *diag) {
    *out = (wick_int8_comparison){0};
    const wick_shape shape = v->qdq->tensors[v->qdq->input].shape;
    if (v->exact &&
        wick_shape_count(v->exact->tensors[v->exact->input].shape) != wick_shape_count(shape))
        return wick_fail(diag, WICK_SHAPE, NULL, v->exact->tensors[v->exact->input].name,
                         "give the float model that the quantized one was made of",
                         "the two models take different inputs");
    out->tensors = wick_new(arena, wick_layer_noise, v->net->n_layers);
    match *matches = wick_new(arena, match, v->net->n_layers);
    int64_t largest = 1;
    out->n = find_matches(v, matches, out->tensors);
    for (int i = 0; i < out->n; i++)
        if (wick_shape_count(out->tensors[i].shape) > largest)
            largest = wick_shape_count(out->tensors[i].shape);
    if (out->n == 0)
        return wick_fail(
            diag, WICK_SHAPE, NULL, NULL,
            "give the float model with --float, or what its tensors should be as NAME.npy",
            "no layer of the integer network has a value to compare with");
    int8_t **device = wick_qnet_buffers(v->net, arena);
    float *x = wick_new(arena, float, largest);
    for (int image = 0; image < v->vectors->n; image++)
        WICK_TRY(compare_image(v, image, matches, out, device, x, diag));
    layer_noise_finish(out->tensors, out->n);
    return WICK_OK;
}

int8_t *wick_vectors_inputs(const wick_qnet *net, const wick_vectors *vectors, wick_arena *arena) {
    int64_t each = device_count(&net->tensors[net->input]);
    int8_t **values = wick_qnet_buffers(net, arena);
    int8_t *out = wick_new(arena, int8_t, each * vectors->n);
    for (int i = 0; i < vectors->n; i++) {
        wick_qnet_take(net, vectors->inputs + i * each, values);
        memcpy(out + i * each, values[net->input], (size_t)each);
    }
    return out;
}
