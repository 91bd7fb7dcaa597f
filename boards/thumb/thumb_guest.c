/* SPDX-License-Identifier: 0BSD */
/* The firmware as real Thumb code for the rig of thumbcut.c: boots, submits the input, runs to the
   end, and tells of every commit. */
#include "model.h"
#include "thumb_mailbox.h"
#include "thumb_memory.h"

#include <stddef.h>
#include <wick/engine.h>

static uint32_t scratch[(MODEL_SCRATCH_BYTES + 3u) / 4u + 1u];
static int8_t app[MODEL_APP_BYTES + 1u];
static uint32_t lazy;

#define BOX ((volatile mailbox *)MAILBOX_AT)

extern uint32_t _stack_top[], _bss_start[], _bss_end[], _data_start[], _data_end[], _data_load[];
void Reset_Handler(void);
int main(void);

static void fault_handler(void) {
    for (;;)
        continue;
}

/* The third entry is none of the core's on a Cortex-M0+ to M33 without NMI, and the ninth is
   reserved: the rig reads there how much SRAM has to be poisoned, and what flash is to be there. */
__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    _stack_top,
    (const void *)Reset_Handler,
    _bss_end,
    (const void *)fault_handler,
    (const void *)fault_handler,
    (const void *)fault_handler,
    (const void *)fault_handler,
    0,
    &thumb_flash,
    0,
    0,
    (const void *)fault_handler,
    (const void *)fault_handler,
    0,
    (const void *)fault_handler,
    (const void *)fault_handler};

static void tell(uint32_t what) {
    register uint32_t r0 __asm__("r0") = what;
    __asm__ volatile("bkpt 0xAB" : : "r"(r0) : "memory");
}

void Reset_Handler(void) {
    const uint32_t *from = _data_load;
    for (uint32_t *to = _data_start; to < _data_end; to++)
        *to = *from++;
    for (uint32_t *to = _bss_start; to < _bss_end; to++)
        *to = 0;
    main();
    for (;;)
        continue;
}

static uint32_t capacitor_mv(void *context) {
    (void)context;
    if (lazy == 0)
        return 0;
    lazy = lazy * 1664525u + 1013904223u;
    return lazy >> 31 ? UINT32_MAX : 0;
}

static int on_result(void *context, const wick_result *result) {
    (void)context;
    /* Of a chain the exits on the way: each is the module of a run of its own. */
    if (wick_model_data.chain && result->module > BOX->module)
        return 0;
    BOX->epoch = result->epoch;
    BOX->answered_by = result->module;
    BOX->label = result->label;
    for (uint16_t i = 0; i < result->n_classes && i < MAILBOX_CLASSES; i++)
        BOX->logits[i] = wick_result_logit(result, i);
    tell(GUEST_RESULT);
    return 0;
}

static void tell_where(const wick_engine *engine, wick_rt_status status, uint32_t what) {
    const wick_record *record = &engine->record;
    BOX->status = (uint32_t)status;
    BOX->sequence = record->sequence;
    BOX->at.epoch = record->epoch;
    BOX->at.segment = record->segment;
    BOX->at.span = record->span;
    BOX->at.step = record->step;
    BOX->at.outputs = record->outputs;
    BOX->at.phase = record->phase;
    BOX->at.done = record->modules_done;
    BOX->at.sent = record->modules_sent;
    tell(what);
}

static void keep(uint32_t offset, uint32_t bytes) {
    uint32_t n = BOX->n_kept++;
    if (n < MAILBOX_KEPT) {
        BOX->kept[n].offset = offset;
        BOX->kept[n].bytes = bytes;
    }
}

static void describe(void) {
    const wick_model *model = &wick_model_data;
    BOX->n_kept = 0;
    if (model->arena_bytes == 0)
        keep(0, model->nvm_bytes);
    for (uint32_t t = 0; t < model->n_tensors && model->arena_bytes != 0; t++) {
        const wick_place *place = &model->tensors[t];
        for (uint32_t copy = 0; copy < (place->stride ? 2u : 1u); copy++)
            if (place->last_reader == UINT16_MAX)
                keep(place->offset + copy * place->stride, place->bytes);
    }
    BOX->record_offset[0] = model->record_offset[0];
    BOX->record_offset[1] = model->record_offset[1];
    BOX->record_bytes = model->record_bytes;
    /* Variables and tally differ after a power failure. */
    BOX->beside_offset = model->vars_offset[0];
    BOX->beside_bytes =
        model->tally_offset ? model->tally_offset + WICK_TALLY_BYTES - model->vars_offset[0] : 0;
    BOX->nvm_bytes = model->nvm_bytes;
    BOX->n_classes = model->n_classes;
}

int main(void) {
    static wick_engine engine;
    static wick_policy policy;
    static wick_port port;
    policy.kind = WICK_POLICY_FIXED;
    policy.module = (uint8_t)BOX->module;
    port.capacitor_mv = capacitor_mv;
    port.result = on_result;
    lazy = BOX->lazy_seed;
    engine.app = app;
    describe();
    wick_rt_status status = thumb_memory(&port, BOX->mapped != 0);
    if (status >= 0)
        status = wick_engine_boot(&engine, &wick_model_data, &port, &policy, (int8_t *)scratch,
                                  MODEL_SCRATCH_BYTES);
    if (status == WICK_RT_CORRUPT && BOX->at.epoch == 0) /* the very first record was torn */
        status = wick_engine_format(&engine);
    /* A module that is committed stands: from now on the policy would choose another one. */
    if (status >= 0 && engine.record.segment != 0 && !wick_model_data.chain)
        policy.module = (uint8_t)(policy.module % wick_model_data.n_modules + 1u);
    if (status >= 0)
        tell_where(&engine, status, GUEST_BOOTED);
    while (status >= 0) {
        if (engine.record.phase == WICK_PHASE_IDLE && engine.record.epoch != 0)
            tell(GUEST_DONE);
        if (engine.record.phase == WICK_PHASE_IDLE)
            status = wick_engine_submit(&engine, (const int8_t *)INPUT_AT, MODEL_INPUT_BYTES, NULL);
        else
            status = wick_engine_step(&engine);
        if (status >= 0)
            tell_where(&engine, status, GUEST_COMMITTED);
    }
    tell_where(&engine, status, GUEST_BROKEN);
    return 0;
}
