/* Accuracy of the integer network: images are shared out among threads. */
#include "shrink/shrink.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 256, CHUNK = 8 };

typedef struct evaluation {
    const wick_qnet *net;
    const wick_images *images;
    size_t image_bytes;
    int n;
    wick_answers answers; /* [n_modules][n] */
    uint16_t *margins;    /* likewise; NULL: not asked for */
    atomic_int next, done;
} evaluation;

static float confidence_of(const wick_qtensor *t, const int8_t *values) {
    double largest = wick_qtensor_real(t, values, (size_t)wick_qtensor_argmax(t, values)), sum = 0;
    for (int c = 0; c < t->c; c++)
        sum += exp(wick_qtensor_real(t, values, (size_t)c) - largest);
    return (float)(1 / sum);
}

static void run_image(evaluation *e, int image, int8_t **values) {
    const wick_qnet *net = e->net;
    wick_qnet_run(net, e->images->pixels + (size_t)image * e->image_bytes, UINT32_MAX, values);
    for (int k = 0; k < net->n_modules; k++) {
        size_t at = (size_t)k * (size_t)e->n + (size_t)image;
        const wick_qtensor *logits = &net->tensors[net->logits[k]];
        e->answers.labels[at] = (uint16_t)wick_qtensor_argmax(logits, values[net->logits[k]]);
        if (e->answers.confidence)
            e->answers.confidence[at] = confidence_of(logits, values[net->logits[k]]);
        if (e->margins)
            e->margins[at] = wick_qtensor_margin(logits, values[net->logits[k]]);
    }
}

static void *work(void *ctx) {
    evaluation *e = ctx;
    wick_arena *arena = wick_arena_new();
    int8_t **values = wick_qnet_buffers(e->net, arena);
    for (int first; (first = atomic_fetch_add(&e->next, CHUNK)) < e->n && !wick_stop_requested();) {
        int end = first + CHUNK < e->n ? first + CHUNK : e->n;
        for (int i = first; i < end; i++)
            run_image(e, i, values);
        atomic_fetch_add(&e->done, end - first);
    }
    wick_arena_free(arena);
    return NULL;
}

/* Works on this thread too, which also shows the progress. */
static void work_here(evaluation *e) {
    wick_arena *arena = wick_arena_new();
    int8_t **values = wick_qnet_buffers(e->net, arena);
    wick_progress progress;
    wick_progress_begin(&progress, "int8", "img", (uint64_t)e->n);
    for (int i; (i = atomic_fetch_add(&e->next, 1)) < e->n && !wick_stop_requested();) {
        run_image(e, i, values);
        wick_progress_update(&progress, (uint64_t)(atomic_fetch_add(&e->done, 1) + 1));
    }
    wick_progress_end(&progress);
    wick_arena_free(arena);
}

static int thread_count(int wanted) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int count = wanted > 0 ? wanted : processors > 2 ? (int)processors : 2;
    return count < MAX_THREADS ? count : MAX_THREADS;
}

/* A thread that cannot be started is no error: the others do its share. */
static void run_all(evaluation *e, int threads) {
    pthread_t helpers[MAX_THREADS];
    int started = 0;
    while (started < threads - 1 && pthread_create(&helpers[started], NULL, work, e) == 0)
        started++;
    work_here(e);
    for (int i = 0; i < started; i++)
        (void)pthread_join(helpers[i], NULL);
}

static wick_status evaluate(const wick_qnet *net, const wick_data *data, wick_split split,
                            int threads, int limit, int64_t *correct, wick_answers answers,
                            uint16_t *margins, wick_diag *diag) {
    const wick_qtensor *x = &net->tensors[net->input];
    if (x->h != data->height || x->w != data->width || x->c != data->channels ||
        net->n_classes != data->n_classes)
        return wick_fail(diag, WICK_SHAPE, NULL, data->spec,
                         "evaluate with the kind of data that the model was trained on",
                         "the model takes %dx%dx%d and has %d classes; the images are %dx%dx%d of "
                         "%d classes",
                         x->h, x->w, x->c, net->n_classes, data->height, data->width,
                         data->channels, data->n_classes);
    const wick_images *images = &data->split[split];
    evaluation e = {.net = net,
                    .images = images,
                    .image_bytes = (size_t)x->h * (size_t)x->w * (size_t)x->c,
                    .n = limit > 0 && limit < images->n ? limit : images->n,
                    .answers = answers,
                    .margins = margins};
    uint16_t *own = NULL;
    if (!answers.labels)
        e.answers.labels = own = wick_xalloc((size_t)net->n_modules * (size_t)e.n * sizeof *own);
    run_all(&e, thread_count(threads));
    for (int k = 0; k < net->n_modules; k++) {
        correct[k] = 0;
        for (int i = 0; i < e.n; i++)
            correct[k] +=
                e.answers.labels[(size_t)k * (size_t)e.n + (size_t)i] == images->labels[i];
    }
    free(own);
    if (wick_stop_requested())
        return wick_fail(diag, WICK_INTERRUPTED, NULL, NULL, NULL, "stopped after %d of %d images",
                         atomic_load(&e.done), e.n);
    return WICK_OK;
}

wick_status wick_eval_int8(const wick_qnet *net, const wick_data *data, wick_split split,
                           int threads, int limit, int64_t *correct, uint16_t *predictions,
                           uint16_t *margins, wick_diag *diag) {
    return evaluate(net, data, split, threads, limit, correct,
                    (wick_answers){.labels = predictions}, margins, diag);
}

wick_status wick_answers_int8(const wick_qnet *net, const wick_data *data, wick_split split,
                              int threads, wick_answers answers, wick_diag *diag) {
    int64_t correct[WICK_MAX_HEADS];
    return evaluate(net, data, split, threads, 0, correct, answers, NULL, diag);
}
