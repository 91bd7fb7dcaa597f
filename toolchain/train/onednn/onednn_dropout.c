/* Dropout (Srivastava et al., 2014), scaled in training so that inference has nothing to do:
   y = m x / (1 - r), m = 0 with probability r, else 1; dx = m dy / (1 - r). The backward pass draws
   the same m once more instead of storing it. */
#include "train/onednn/onednn_program.h"

void wick_program_draw(wick_program *program, uint64_t seed, uint64_t step, int first_image) {
    static const uint64_t DROPOUT_SEED = 0x64726f706f7574;
    wick_rng rng = wick_rng_seed(seed ^ DROPOUT_SEED, step);
    program->draw_seed = wick_rng_next(&rng);
    program->first_image = first_image;
}

wick_dn_slot *wick_dn_dropout(wick_program *p, const wick_node *node, const char *kind,
                              wick_dn_slot *src, wick_dn_slot *dst) {
    wick_dn_step *step = wick_dn_step_new(p, kind, NULL);
    step->kernel = WICK_DN_DROPOUT;
    step->drop = (double)node->attrs.alpha;
    step->stream = (uint64_t)(node - p->graph->nodes) << 32;
    wick_dn_arg(p, 0, dst);
    wick_dn_arg(p, 0, src);
    return dst;
}

/* Every image has a stream of its own: threads and ranks do not matter. */
void wick_dn_run_dropout(const wick_program *p, const wick_dn_step *step) {
    float *dst = step->slots[0]->buffer->data;
    const float *src = step->slots[1]->buffer->data;
    size_t count = wick_dn_bytes(step->slots[0]->md) / sizeof(float) / (size_t)p->batch;
    uint32_t limit = (uint32_t)(step->drop * 4294967296.0);
    float scale = (float)(1 / (1 - step->drop));
#pragma omp parallel for
    for (int image = 0; image < p->batch; image++) {
        wick_rng rng =
            wick_rng_seed(p->draw_seed, step->stream + (uint64_t)(p->first_image + image));
        size_t from = (size_t)image * count;
        for (size_t i = 0; i < count; i++) {
            bool keep = (uint32_t)(wick_rng_next(&rng) >> 32) >= limit;
            dst[from + i] = keep ? scale * src[from + i] : 0;
        }
    }
}
