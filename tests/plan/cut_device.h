/* A device whose power fails in the middle of a chosen write, and what it delivers; cut_run is one
   life of it. Static, because automatic variables would not survive longjmp. */
#ifndef CUT_DEVICE_H
#define CUT_DEVICE_H

#include "plan/plan.h"

#include <wick/engine.h>
#include <wick/kernels.h>

#include <setjmp.h>
#include <string.h>

enum { CUT_NVM = 1 << 17, CUT_CLASSES = 16 };

static struct {
    _Alignas(8) int8_t nvm[CUT_NVM];
    long writes, cut_at; /* 0: no failure */
    jmp_buf power_off;
    int deliveries[1 + WICK_MAX_MODULES]; /* by module */
    int8_t logits[1 + WICK_MAX_MODULES][CUT_CLASSES];
    int order[16], n_order; /* modules as they were delivered */
} cut;

static int cut_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    (void)ctx;
    memcpy(dst, cut.nvm + offset, bytes);
    return 0;
}

static int cut_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    (void)ctx;
    cut.writes++;
    if (cut.cut_at && cut.writes == cut.cut_at) {
        memcpy(cut.nvm + offset, src, bytes / 2);
        cut.cut_at = 0;
        longjmp(cut.power_off, 1);
    }
    memcpy(cut.nvm + offset, src, bytes);
    return 0;
}

static int cut_barrier(void *ctx) {
    (void)ctx;
    return 0;
}

static int cut_result(void *ctx, const wick_result *result) {
    (void)ctx;
    cut.deliveries[result->module]++;
    memcpy(cut.logits[result->module], result->logits, result->n_classes);
    cut.order[cut.n_order++ % 16] = result->module;
    return 0;
}

/* One input to its end, through one power failure in write `cut_at` (0: none); status of the last
   step. mapped: the engine reads the NVM in place. Scratch memory in `arena`. */
static wick_rt_status cut_run(const wick_plan *plan, const wick_policy *policy, int mapped,
                              const int8_t *input, long cut_at, wick_arena *arena) {
    static wick_engine engine;
    static int8_t *scratch;
    static uint32_t bytes;
    static wick_port port;
    bytes = wick_model_scratch_bytes(&plan->model, mapped);
    scratch = wick_arena_alloc(arena, bytes + 4);
    port = (wick_port){.nvm_mapped = mapped ? cut.nvm : NULL,
                       .nvm_read = cut_read,
                       .nvm_write = cut_write,
                       .nvm_barrier = cut_barrier,
                       .result = cut_result};
    memset(&cut, 0, sizeof cut);
    memset(cut.nvm, 0x3c, sizeof cut.nvm);
    cut.cut_at = cut_at;
    setjmp(cut.power_off);
    memset(scratch, 0x5a, bytes);
    memset(&engine, 0, sizeof engine);
    wick_rt_status status = wick_engine_boot(&engine, &plan->model, &port, policy, scratch, bytes);
    if (status == WICK_RT_CORRUPT)
        status = wick_engine_format(&engine);
    if (status >= 0 && engine.record.epoch == 0)
        status = wick_engine_submit(&engine, input,
                                    plan->model.tensors[plan->model.input_tensor].bytes, NULL);
    return status < 0 ? status : wick_engine_run(&engine);
}

#endif
