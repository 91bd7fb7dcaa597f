/* A ring of ahead + 1 slots: the thread fills the free ones in turn, the step holds one. Which
   batch is made does not depend on when, since every draw comes from (seed, epoch, step or image).
 */
#include "train/loader.h"
#include "train/mixing.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t MIXUP_STREAM = 0x6d69787570;

typedef struct slot {
    float *inputs[WICK_LOADER_INPUTS];
    uint16_t *labels, *others; /* of the whole batch */
    wick_loaded loaded;
} slot;

struct wick_loader {
    wick_loader_spec spec;
    int steps, n_slots;
    slot *slots;
    uint32_t *indices; /* [batch], of whoever makes batches; partners likewise */
    uint32_t *partners;
    float *scratch; /* for mixing: one input */
    size_t per_image;
    double waited_s;

    bool threaded;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t made_one, took_one;
    /* Under the lock where there is a thread: */
    int made, taken; /* batches so far; the step holds batch taken - 1 */
    bool stop;
};

/* The next images of the order, around its end back to its start: every image once, and the last
   batch filled up with the first images again. Returns by how much the batch is mixed: image i with
   image i + shift, 0 = not mixed. */
static int choose_images(wick_loader *l, int step, slot *s) {
    const wick_train_options *options = l->spec.options;
    int size = options->batch, shift = 0;
    s->loaded.lambda = 1;
    s->loaded.step_of_all = (uint64_t)l->spec.epoch_of_all << 32 | (uint32_t)step;
    if (options->mixup > 0 && size > 1) {
        wick_rng rng = wick_rng_seed(options->seed ^ MIXUP_STREAM, s->loaded.step_of_all);
        s->loaded.lambda = wick_mixup_lambda(&rng, options->mixup);
        shift = 1 + (int)wick_rng_below(&rng, (uint32_t)size - 1);
    }
    for (int i = 0; i < size; i++) {
        size_t at = ((size_t)step * (size_t)size + (size_t)i) % (size_t)l->spec.n;
        l->indices[i] = l->spec.order[at];
        s->labels[i] = l->spec.data->split[WICK_TRAIN].labels[l->indices[i]];
    }
    for (int i = 0; i < size; i++)
        s->others[i] = s->labels[(i + shift) % size];
    s->loaded.labels = s->labels + l->spec.first;
    s->loaded.others = shift ? s->others + l->spec.first : NULL;
    return shift;
}

static void load_images(const wick_loader *l, const uint32_t *indices, wick_normalise normalise,
                        float *dst) {
    const wick_train_options *options = l->spec.options;
    wick_data_batch(l->spec.data, WICK_TRAIN, indices, l->spec.count, &options->augment,
                    options->seed, l->spec.epoch_of_all, normalise.mean, normalise.std, dst);
}

/* The wanted images, augmented and mixed. Where others have part of the batch, the images to mix
   with may be theirs: they are made here once more. */
static void fill_input(wick_loader *l, const slot *s, int shift, wick_normalise normalise,
                       float *input) {
    int size = l->spec.options->batch, first = l->spec.first, count = l->spec.count;
    load_images(l, l->indices + first, normalise, input);
    if (shift && count < size) {
        for (int i = 0; i < count; i++)
            l->partners[i] = l->indices[(first + i + shift) % size];
        load_images(l, l->partners, normalise, l->scratch);
        wick_mixup_blend(input, l->scratch, (size_t)count * l->per_image, s->loaded.lambda);
    } else if (shift) {
        wick_mixup_images(input, count, l->per_image, shift, s->loaded.lambda, l->scratch);
    }
}

static void make(wick_loader *l, int step) {
    slot *s = &l->slots[step % l->n_slots];
    int shift = choose_images(l, step, s);
    for (int i = 0; i < l->spec.n_inputs; i++)
        fill_input(l, s, shift, l->spec.normalise[i], s->inputs[i]);
}

/* Batch `made` may overwrite the slot of batch made - n_slots as soon as the step holds a later
   one. */
static void *run(void *argument) {
    wick_loader *l = argument;
    pthread_mutex_lock(&l->lock);
    while (!l->stop && l->made < l->steps) {
        if (l->made - l->n_slots >= l->taken - 1) {
            pthread_cond_wait(&l->took_one, &l->lock);
            continue;
        }
        int step = l->made;
        pthread_mutex_unlock(&l->lock);
        make(l, step);
        pthread_mutex_lock(&l->lock);
        l->made++;
        pthread_cond_signal(&l->made_one);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

const wick_loaded *wick_loader_next(wick_loader *l) {
    double start_s = wick_now_s();
    int step = l->taken;
    if (l->threaded) {
        pthread_mutex_lock(&l->lock);
        l->taken++; /* the batch held so far is given back */
        pthread_cond_signal(&l->took_one);
        while (l->made <= step)
            pthread_cond_wait(&l->made_one, &l->lock);
        pthread_mutex_unlock(&l->lock);
    } else {
        l->taken++;
        make(l, step);
    }
    l->waited_s += wick_now_s() - start_s;
    return &l->slots[step % l->n_slots].loaded;
}

double wick_loader_waited_s(const wick_loader *l) {
    return l->waited_s;
}

static bool allocate(wick_loader *l) {
    const wick_loader_spec *spec = &l->spec;
    size_t batch = (size_t)spec->options->batch, count = (size_t)spec->count;
    size_t bytes = wick_size_mul(wick_size_mul(count, l->per_image), sizeof(float));
    l->indices = wick_xalloc(batch * sizeof *l->indices);
    l->partners = wick_xalloc(count * sizeof *l->partners);
    if (spec->options->mixup > 0 && !(l->scratch = wick_try_alloc(bytes)))
        return false;
    for (int k = 0; k < l->n_slots; k++) {
        slot *s = &l->slots[k];
        s->labels = wick_xalloc(batch * sizeof *s->labels);
        s->others = wick_xalloc(batch * sizeof *s->others);
        for (int i = 0; i < spec->n_inputs; i++) {
            if (!(s->inputs[i] = wick_try_alloc(bytes)))
                return false;
            s->loaded.inputs[i] = s->inputs[i];
        }
    }
    return true;
}

wick_status wick_loader_start(const wick_loader_spec *spec, wick_loader **out, wick_diag *diag) {
    *out = NULL;
    const wick_data *data = spec->data;
    int batch = spec->options->batch;
    wick_loader *l = wick_xalloc(sizeof *l);
    l->spec = *spec;
    l->per_image = (size_t)data->channels * (size_t)data->height * (size_t)data->width;
    l->steps = (spec->n + batch - 1) / batch;
    l->n_slots = spec->options->ahead + 1;
    l->slots = wick_xalloc((size_t)l->n_slots * sizeof *l->slots);
    if (!allocate(l)) {
        wick_loader_free(l);
        return wick_fail(diag, WICK_MEMORY, NULL, "batches prepared ahead",
                         "take smaller batches (--batch) or fewer (--ahead)",
                         "there is no memory for %d batches of %d images", spec->options->ahead + 1,
                         spec->count);
    }
    if (spec->options->ahead > 0) {
        pthread_mutex_init(&l->lock, NULL);
        pthread_cond_init(&l->made_one, NULL);
        pthread_cond_init(&l->took_one, NULL);
        l->threaded = pthread_create(&l->thread, NULL, run, l) == 0;
        if (!l->threaded) {
            pthread_mutex_destroy(&l->lock);
            pthread_cond_destroy(&l->made_one);
            pthread_cond_destroy(&l->took_one);
        }
    }
    *out = l;
    return WICK_OK;
}

void wick_loader_free(wick_loader *l) {
    if (!l)
        return;
    if (l->threaded) {
        pthread_mutex_lock(&l->lock);
        l->stop = true;
        pthread_cond_signal(&l->took_one);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->thread, NULL);
        pthread_mutex_destroy(&l->lock);
        pthread_cond_destroy(&l->made_one);
        pthread_cond_destroy(&l->took_one);
    }
    for (int k = 0; k < l->n_slots; k++) {
        for (int i = 0; i < WICK_LOADER_INPUTS; i++)
            free(l->slots[k].inputs[i]);
        free(l->slots[k].labels);
        free(l->slots[k].others);
    }
    free(l->slots);
    free(l->indices);
    free(l->partners);
    free(l->scratch);
    free(l);
}
