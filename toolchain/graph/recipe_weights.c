/* Initial values of a family's constants. */
#include "graph/recipe.h"

#include <math.h>
#include <string.h>

/* FNV-1a, 64 bits: turns a tensor's name into a random stream. */
static uint64_t stream_of(const char *name) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
    return hash;
}

/* Normal with standard deviation sqrt(2 / fan_in): He et al. 2015, eq. 10. Without it the plain
   VGG16 never leaves the loss of guessing. */
void wick_recipe_fill_normal(const wick_tensor *weight, uint64_t seed) {
    int64_t count = wick_shape_count(weight->shape);
    wick_rng rng = wick_rng_seed(seed, stream_of(weight->name));
    float *data = weight->data;
    float std = (float)sqrt(2.0 / (double)(count / weight->shape.dim[0]));
    for (int64_t i = 0; i < count; i++)
        data[i] = std * wick_rng_normal(&rng);
}

void wick_recipe_initialise(wick_graph *graph, uint64_t seed) {
    for (int t = 0; t < graph->n_tensors; t++) {
        wick_tensor *tensor = &graph->tensors[t];
        if (tensor->producer >= 0 || t == graph->input)
            continue;
        int64_t count = wick_shape_count(tensor->shape);
        float *data = tensor->data = wick_new(graph->arena, float, count);
        const char *field = strrchr(tensor->name, '.');
        if (!strcmp(field, ".weight"))
            wick_recipe_fill_normal(tensor, seed);
        else if (!strcmp(field, ".scale") || !strcmp(field, ".var"))
            for (int64_t i = 0; i < count; i++)
                data[i] = 1;
    }
}
