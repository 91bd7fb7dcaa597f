/* What quantization does to each layer: the same images through the float and the quantized graph.
 */
#include "shrink/layer_noise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

char *wick_element_text(wick_arena *arena, wick_shape shape, int64_t element) {
    wick_shape at = {.rank = shape.rank};
    for (int d = shape.rank - 1; d >= 0; d--) {
        at.dim[d] = element % shape.dim[d];
        element /= shape.dim[d];
    }
    return wick_shape_text(arena, at);
}

wick_layer_noise layer_noise_of(const wick_tensor *named, int tensor) {
    return (wick_layer_noise){.name = named->name, .shape = named->shape, .tensor = tensor};
}

void layer_noise_add(wick_layer_noise *noise, const float *exact, const float *got, int64_t count,
                     int image) {
    for (int64_t i = 0; i < count; i++) {
        double x = (double)exact[i], difference = (double)got[i] - x;
        double worst = fabs(noise->worst_quantized - noise->worst_exact);
        noise->signal += x * x;
        noise->noise += difference * difference;
        if (!(fabs(difference) <= worst) && !isnan(worst)) {
            noise->worst_image = image;
            noise->worst_element = i;
            noise->worst_exact = x;
            noise->worst_quantized = (double)got[i];
        }
    }
}

/* What is no number is as wrong as can be. */
void layer_noise_finish(wick_layer_noise *noise, int n) {
    for (int i = 0; i < n; i++) {
        double ratio = noise[i].signal / noise[i].noise;
        noise[i].snr_db = noise[i].noise <= 0 ? (double)INFINITY
                          : isnan(ratio)      ? -(double)INFINITY
                                              : 10 * log10(ratio);
    }
}

typedef struct pair {
    int exact, quantized; /* tensors */
} pair;

/* Restored activations that the float graph has by name, in node order. */
static int find_pairs(const wick_graph *exact, const wick_graph *qdq, pair *pairs) {
    int n = 0;
    for (int i = 0; i < qdq->n_nodes; i++) {
        const wick_node *node = &qdq->nodes[i];
        if (node->op != WICK_OP_DEQUANTIZE || qdq->tensors[node->inputs[0]].data)
            continue;
        int t = wick_graph_find(exact, qdq->tensors[node->output].name);
        if (t >= 0 && !exact->tensors[t].data && exact->tensors[t].dtype == WICK_F32 &&
            wick_shape_equal(exact->tensors[t].shape, qdq->tensors[node->output].shape))
            pairs[n++] = (pair){.exact = t, .quantized = node->output};
    }
    return n;
}

/* [H,W,C] pixels -> [C,H,W] as the model wants them. */
static void normalise(const wick_graph *graph, const wick_data *data, int image, float *x) {
    const wick_family *family = &graph->family;
    size_t pixels = (size_t)data->height * (size_t)data->width, channels = (size_t)data->channels;
    const uint8_t *from = data->split[WICK_VALIDATION].pixels + (size_t)image * pixels * channels;
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < pixels; i++) {
            float value = (float)from[i * channels + c] / 255;
            x[c * pixels + i] =
                family->n_channels ? (value - family->mean[c]) / family->std[c] : value;
        }
}

wick_status wick_layer_noises(const wick_graph *exact, const wick_graph *qdq, const wick_data *data,
                              int images, wick_arena *arena, wick_layer_noise **out, int *n,
                              wick_diag *diag) {
    size_t count = (size_t)data->height * (size_t)data->width * (size_t)data->channels;
    pair *pairs = wick_new(arena, pair, qdq->n_nodes);
    *n = find_pairs(exact, qdq, pairs);
    *out = wick_new(arena, wick_layer_noise, *n);
    if ((size_t)wick_shape_count(exact->tensors[exact->input].shape) != count ||
        (size_t)wick_shape_count(qdq->tensors[qdq->input].shape) != count || *n == 0)
        return wick_fail(diag, WICK_SHAPE, NULL, data->spec,
                         "give the float model that the quantized one was made of, and its data",
                         *n ? "the images have %zu values, the models take others"
                            : "the images have %zu values, and no layer of the two models has the "
                              "same name and shape",
                         count);
    images = images < data->split[WICK_VALIDATION].n ? images : data->split[WICK_VALIDATION].n;
    for (int i = 0; i < *n; i++)
        (*out)[i] = layer_noise_of(&exact->tensors[pairs[i].exact], pairs[i].exact);
    float *x = wick_new(arena, float, count);
    wick_status status = WICK_OK;
    for (int image = 0; image < images && status == WICK_OK; image++) {
        void **a = NULL, **b = NULL;
        /* --mean and --std are in the quantized model alone. */
        normalise(exact->family.n_channels ? exact : qdq, data, image, x);
        status = wick_graph_eval(exact, x, &a, diag);
        normalise(qdq, data, image, x);
        if (status == WICK_OK)
            status = wick_graph_eval(qdq, x, &b, diag);
        for (int i = 0; i < *n && status == WICK_OK; i++)
            layer_noise_add(&(*out)[i], a[pairs[i].exact], b[pairs[i].quantized],
                            wick_shape_count((*out)[i].shape), image);
        wick_values_free(exact, a);
        wick_values_free(qdq, b);
    }
    layer_noise_finish(*out, *n);
    return status;
}
