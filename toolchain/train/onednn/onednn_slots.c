/* Slots, steps and the memory plan. */
#include "train/onednn/onednn_program.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, HUGE_PAGE = 2 << 20 };

/* Room for one more element; arrays live on the heap because they are rebuilt. */
static void *room(void *array, int used, int *cap, size_t element_bytes) {
    if (used < *cap)
        return array;
    *cap = *cap ? 2 * *cap : 64;
    return wick_xrealloc(array, wick_size_mul((size_t)*cap, element_bytes));
}

static wick_dn_slot *slot_in(wick_program *p, wick_dn_md md, wick_dn_buffer *buffer) {
    wick_dn_slot *slot = wick_new(p->build, wick_dn_slot, 1);
    slot->md = md;
    slot->memory = wick_dn_memory(&p->dn, md);
    slot->buffer = buffer;
    p->slots = room(p->slots, p->n_slots, &p->cap_slots, sizeof(wick_dn_slot *));
    return p->slots[p->n_slots++] = slot;
}

wick_dn_slot *wick_dn_slot_new(wick_program *p, wick_dn_md md, void *data) {
    wick_dn_buffer *buffer = wick_new(p->build, wick_dn_buffer, 1);
    *buffer =
        (wick_dn_buffer){.bytes = wick_dn_bytes(md), .first = INT_MAX, .last = -1, .data = data};
    p->buffers = room(p->buffers, p->n_buffers, &p->cap_buffers, sizeof(wick_dn_buffer *));
    p->buffers[p->n_buffers++] = buffer;
    return slot_in(p, md, buffer);
}

wick_dn_slot *wick_dn_slot_view(wick_program *p, wick_dn_md md, wick_dn_slot *other) {
    assert(p->dn.status != WICK_OK || wick_dn_bytes(md) <= other->buffer->bytes);
    return slot_in(p, md, other->buffer);
}

wick_dn_step *wick_dn_step_new(wick_program *p, const char *kind, wick_dn_pd pd) {
    p->steps = room(p->steps, p->n_steps, &p->cap_steps, sizeof *p->steps);
    wick_dn_step *step = &p->steps[p->n_steps++];
    *step = (wick_dn_step){.kind = kind,
                           .node = p->dn.node,
                           .impl = pd ? wick_dn_impl(pd) : "own",
                           .primitive = wick_dn_primitive(&p->dn, pd)};
    return step;
}

void wick_dn_arg(wick_program *p, int index, wick_dn_slot *slot) {
    if (!slot)
        return;
    int now = p->n_steps - 1;
    wick_dn_step *step = &p->steps[now];
    assert(step->n_args < WICK_DN_MAX_ARGS);
    step->slots[step->n_args] = slot;
    step->args[step->n_args++] = (dnnl_exec_arg_t){index, slot->memory};
    wick_dn_buffer *buffer = slot->buffer;
    buffer->first = now < buffer->first ? now : buffer->first;
    buffer->last = now > buffer->last ? now : buffer->last;
}

void wick_dn_copy(wick_program *p, wick_dn_slot *src, wick_dn_slot *dst) {
    wick_dn_step_new(p, "reorder", wick_dn_reorder(&p->dn, src->md, dst->md));
    wick_dn_arg(p, DNNL_ARG_FROM, src);
    wick_dn_arg(p, DNNL_ARG_TO, dst);
}

wick_dn_slot *wick_dn_as(wick_program *p, wick_dn_slot *slot, wick_dn_md md) {
    if (p->dn.status != WICK_OK || wick_dn_same(slot->md, md))
        return slot;
    for (int i = 0; i < p->n_variants; i++)
        if (p->variants[i].of == slot && wick_dn_same(p->variants[i].copy->md, md))
            return p->variants[i].copy;
    wick_dn_slot *copy = wick_dn_slot_new(p, md, NULL);
    wick_dn_copy(p, slot, copy);
    p->variants = room(p->variants, p->n_variants, &p->cap_variants, sizeof *p->variants);
    p->variants[p->n_variants++] = (wick_dn_variant){slot, copy};
    return copy;
}

wick_dn_md wick_dn_tensor_plain(wick_program *p, int tensor) {
    wick_shape shape = p->graph->tensors[tensor].shape;
    return wick_dn_plain(&p->dn, shape.rank, shape.dim);
}

wick_dn_md wick_dn_tensor_any(wick_program *p, int tensor) {
    wick_shape shape = p->graph->tensors[tensor].shape;
    return wick_dn_any(&p->dn, shape.rank, shape.dim);
}

/* ---- memory ---- */

static int by_size(const void *a, const void *b) {
    const wick_dn_buffer *x = *(wick_dn_buffer *const *)a, *y = *(wick_dn_buffer *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static int by_offset(const void *a, const void *b) {
    const wick_dn_buffer *x = *(wick_dn_buffer *const *)a, *y = *(wick_dn_buffer *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Lowest offset at which `buffer` meets none of the `n` placed buffers that live when it lives. */
static size_t lowest_gap(const wick_dn_buffer *buffer, wick_dn_buffer *const *placed, int n,
                         wick_dn_buffer **conflicts) {
    int n_conflicts = 0;
    for (int i = 0; i < n; i++)
        if (placed[i]->first <= buffer->last && buffer->first <= placed[i]->last)
            conflicts[n_conflicts++] = placed[i];
    if (n_conflicts)
        qsort(conflicts, (size_t)n_conflicts, sizeof *conflicts, by_offset);
    size_t offset = 0;
    for (int i = 0; i < n_conflicts; i++) {
        if (conflicts[i]->offset >= offset + buffer->bytes)
            break;
        size_t end = conflicts[i]->offset + conflicts[i]->bytes;
        offset = end > offset ? end : offset;
    }
    return offset;
}

/* Greedy by size: the largest buffers first, each at the lowest place that is free for its life. */
static size_t place(wick_program *p) {
    wick_dn_buffer **planned = wick_new(p->build, wick_dn_buffer *, p->n_buffers);
    wick_dn_buffer **conflicts = wick_new(p->build, wick_dn_buffer *, p->n_buffers);
    int n = 0;
    for (int i = 0; i < p->n_buffers; i++) {
        wick_dn_buffer *buffer = p->buffers[i];
        buffer->bytes = (buffer->bytes + ALIGN - 1) / ALIGN * ALIGN;
        if (!buffer->data && buffer->last >= 0)
            planned[n++] = buffer;
    }
    if (n)
        qsort(planned, (size_t)n, sizeof(wick_dn_buffer *), by_size);
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        planned[i]->offset = lowest_gap(planned[i], planned, i, conflicts);
        size_t end = planned[i]->offset + planned[i]->bytes;
        total = end > total ? end : total;
    }
    return total;
}

/* Zeroed memory in huge pages where the system gives them on request: 7 % of a training step. */
static void *allocate(size_t bytes) {
    void *memory;
    if (posix_memalign(&memory, HUGE_PAGE, bytes) != 0)
        return NULL;
#ifdef MADV_HUGEPAGE
    (void)madvise(memory, bytes, MADV_HUGEPAGE); /* advice: a refusal changes nothing */
#endif
    return memset(memory, 0, bytes);
}

wick_status wick_dn_plan(wick_program *p) {
    p->memory_bytes = place(p);
    p->memory = allocate(p->memory_bytes + ALIGN);
    if (!p->memory)
        return wick_fail(p->dn.diag, WICK_MEMORY, NULL, NULL, "use a smaller batch",
                         "%zu MB for the activations cannot be had", p->memory_bytes >> 20);
    for (int i = 0; i < p->n_buffers; i++)
        if (!p->buffers[i]->data)
            p->buffers[i]->data = (char *)p->memory + p->buffers[i]->offset;
    for (int i = 0; i < p->n_slots; i++)
        wick_dn_check(&p->dn,
                      dnnl_memory_set_data_handle(p->slots[i]->memory, p->slots[i]->buffer->data),
                      "place a tensor");
    return p->dn.status;
}
