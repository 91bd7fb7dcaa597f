/* A device's memory, read back through the very functions that the device reads it with. */
#include "emit/inspect.h"

#include <math.h>
#include <string.h>

typedef struct memory_port {
    const uint8_t *memory;
    uint32_t bytes;
} memory_port;

static int read_memory(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    const memory_port *m = ctx;
    if (offset > m->bytes || bytes > m->bytes - offset)
        return -1;
    memcpy(dst, m->memory + offset, bytes);
    return 0;
}

/* One copy by itself: loaded as if the other were it too. */
static wick_copy_state copy_state(const wick_model *model, const wick_port *port, int copy,
                                  uint32_t *sequence) {
    wick_model alone = *model;
    wick_record record;
    uint8_t newest;
    alone.record_offset[0] = alone.record_offset[1] = model->record_offset[copy];
    switch (wick_record_load(&alone, port, &record, &newest)) {
    case WICK_RT_OK:
        *sequence = record.sequence;
        return WICK_COPY_INTACT;
    case WICK_RT_FOREIGN:
        return WICK_COPY_FOREIGN;
    case WICK_RT_FRESH:
        return WICK_COPY_BLANK;
    default:
        return WICK_COPY_DAMAGED;
    }
}

/* Argmax of a module's logits, the first of equal ones, as the engine does; -1: unreadable. */
static int label_of(const wick_plan *plan, const wick_port *port, wick_arena *arena, int module) {
    const uint16_t result = plan->model.segments[module].result;
    const wick_qtensor *tensor = &plan->net->tensors[result];
    uint32_t bytes = wick_logit_bytes(&plan->model, (unsigned)module);
    int8_t *logits = wick_new(arena, int8_t, bytes);
    if (port->nvm_read(port->ctx, plan->model.tensors[result].offset, logits, bytes) != 0)
        return -1;
    return wick_qtensor_argmax(tensor, logits);
}

static void inspect_state(const wick_plan *plan, const wick_port *port, wick_arena *arena,
                          wick_inspection *out) {
    const wick_model *m = &plan->model;
    const wick_record *record = &out->record;
    out->app = wick_new(arena, uint8_t, m->app_bytes + 1u);
    out->vars_whole = wick_vars_load(m, port, record->flags & WICK_FLAG_VARS_COPY, &out->counters,
                                     out->app) == WICK_RT_OK;
    out->tally_whole = wick_tally_load(m, port, &out->tally) == WICK_RT_OK;
    const wick_place *input = &m->tensors[m->input_tensor];
    uint32_t at = input->offset + (record->epoch & 1u) * input->stride + m->stamp_offset;
    out->stamp_whole = record->epoch != 0 && wick_stamp_load(port, at, &out->stamp) == WICK_RT_OK;
    for (int k = 1; k <= m->n_modules; k++)
        if (record->modules_done >> (k - 1) & 1)
            out->labels[k - 1] = label_of(plan, port, arena, k);
    out->record_writes = ceil(record->sequence / 2.0);
    if (plan->device->nvm.endurance_cycles > 0)
        out->record_wear = out->record_writes / plan->device->nvm.endurance_cycles;
}

/* The region as the engine sees it in a log on flash: *port, in arena. *opened: pages so far. What
   cannot be read fails as it does on the device. */
static wick_status open_log(const wick_plan *plan, const uint8_t *memory, const char *path,
                            wick_arena *arena, wick_port *port, uint32_t *opened, wick_diag *diag) {
    wick_flash_shape shape =
        wick_device_flash_shape(plan->device, plan->model.nvm_bytes / plan->model.write_unit);
    uint16_t *where = wick_new(arena, uint16_t, shape.blocks);
    wick_flash_page *pages = wick_new(arena, wick_flash_page, shape.pages);
    memory_port *ctx = wick_new(arena, memory_port, 1);
    wick_port *under = wick_new(arena, wick_port, 1);
    wick_flash *flash = wick_new(arena, wick_flash, 1);
    *ctx = (memory_port){memory, (uint32_t)plan->totals.memory_bytes};
    *under = (wick_port){.ctx = ctx, .nvm_read = read_memory};
    if (wick_flash_make(flash, under, NULL, &shape, where, pages, port) != WICK_RT_OK)
        return wick_fail(diag, WICK_RANGE, path, NULL, "plan again",
                         "the plan's flash cannot hold a log of %u blocks", shape.blocks);
    *opened = flash->sequence;
    return WICK_OK;
}

/* Every page that is opened is erased; at worst so many take turns. */
static void log_wear(const wick_plan *plan, uint32_t opened, wick_inspection *out) {
    double turn = wick_device_flash_turn(plan->device, wick_plan_flash_live(plan));
    out->record_writes = ceil(opened / turn);
    out->record_wear = out->record_writes / plan->device->nvm.endurance_cycles;
}

wick_status wick_inspect(const wick_plan *plan, const uint8_t *memory, size_t bytes,
                         const char *path, wick_arena *arena, wick_inspection *out,
                         wick_diag *diag) {
    const wick_model *m = &plan->model;
    *out = (wick_inspection){.record_wear = NAN};
    for (int k = 0; k < WICK_MAX_HEADS; k++)
        out->labels[k] = -1;
    bool flash = plan->device->nvm.page_bytes > 0;
    int64_t all = flash ? plan->totals.memory_bytes : m->nvm_bytes;
    if (bytes < (size_t)all)
        return wick_fail(diag, WICK_RANGE, path, NULL,
                         "read the whole region from its first byte on",
                         "%zu bytes, the plan's region has %lld", bytes, (long long)all);
    uint32_t opened = 0;
    memory_port ctx = {memory, m->nvm_bytes};
    wick_port port = {.ctx = &ctx, .nvm_read = read_memory};
    if (flash)
        WICK_TRY(open_log(plan, memory, path, arena, &port, &opened, diag));
    for (int copy = 0; copy < 2; copy++)
        out->copies[copy] = copy_state(m, &port, copy, &out->sequences[copy]);
    uint8_t newest;
    out->found = wick_record_load(m, &port, &out->record, &newest);
    if (out->found == WICK_RT_OK)
        inspect_state(plan, &port, arena, out);
    if (flash)
        log_wear(plan, opened, out);
    return WICK_OK;
}
