/* SPDX-License-Identifier: 0BSD */
/* An emitted model on an emulated core: what the engine executes beside the kernels. Linked with
   --wrap=wick_layer_run, so that counting stops while a kernel runs. Prints "run LABEL MODULE N":
   the next N pairs of markers, which count_plugin.c has counted, belong together. Labels:
     reference   the layers of one answer, whole, one after the other, in memory without limit
     submit      taking an input
     eager, lazy from there to the delivered and committed answer, kernels apart
     resume      from a boot that finds a module interrupted to the first instruction of a kernel,
                 or to the transfer of its input where the core cannot load from the memory */
#include "markers.h"
#include "model.h"
#include "semihost.h"

#include <string.h>
#include <wick/engine.h>
#include <wick/kernels.h>

enum { POOL_BYTES = 6 << 20 };
__attribute__((section(".nvm"), aligned(64))) static int8_t region[MODEL_NVM_BYTES];
__attribute__((section(".nvm"), aligned(64))) static int8_t pool[POOL_BYTES];
static int8_t scratch[MODEL_SCRATCH_BYTES] __attribute__((aligned(8)));
static int8_t input[MODEL_INPUT_BYTES];
static int pairs, counting, stop_at_kernel, results;
static uint32_t voltage;

void __real_wick_layer_run(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                           uint32_t first, uint32_t count, int8_t *dst, void *memory);
void __wrap_wick_layer_run(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                           uint32_t first, uint32_t count, int8_t *dst, void *memory);

static void begin(void) {
    counting = 1;
    marker_begin();
}

static void end(void) {
    marker_end();
    counting = 0;
    pairs++;
}

void __wrap_wick_layer_run(const wick_layer *layer, const int8_t *const *src, uint16_t row0,
                           uint32_t first, uint32_t count, int8_t *dst, void *memory) {
    int on = counting;
    if (on)
        end();
    __real_wick_layer_run(layer, src, row0, first, count, dst, memory);
    if (on && !stop_at_kernel)
        begin();
}

static void report(const char *label, int module) {
    semihost_put("run ");
    semihost_put(label);
    semihost_put(" ");
    semihost_put_number(module);
    semihost_put(" ");
    semihost_put_number(pairs);
    semihost_put("\n");
    pairs = 0;
}

#ifdef __riscv
/* Word by word: that core's library copies bytes, which would be most of what counts. */
static inline void transfer(void *dst, const void *src, uint32_t bytes) {
    uint32_t *to = dst;
    const uint32_t *from = src;
    if (((uintptr_t)dst | (uintptr_t)src) % 4 == 0)
        for (; bytes >= 4; bytes -= 4)
            *to++ = *from++;
    for (uint32_t i = 0; i < bytes; i++)
        ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
}
#else
static inline void transfer(void *dst, const void *src, uint32_t bytes) {
    memcpy(dst, src, bytes);
}
#endif

static int nvm_read(void *context, uint32_t offset, void *dst, uint32_t bytes) {
    (void)context;
    if (bytes > WICK_RECORD_BYTES && stop_at_kernel &&
        counting) /* not a place of the engine's own */
        end();
    transfer(dst, region + offset, bytes);
    return 0;
}

static int nvm_write(void *context, uint32_t offset, const void *src, uint32_t bytes) {
    (void)context;
    transfer(region + offset, src, bytes);
    return 0;
}

static int nvm_barrier(void *context) {
    (void)context;
    return 0;
}

static uint32_t capacitor_mv(void *context) {
    (void)context;
    return voltage;
}

static int on_result(void *context, const wick_result *result) {
    (void)context;
    (void)result;
    results++;
    return 0;
}

/* Layers of the extractor and of one module, in their order: those that the steps name. */
static int reference(int module) {
    static int8_t *place[4096];
    uint32_t at = 0, top = 0;
    const wick_model *m = &wick_model_data;
    for (uint32_t t = 0; t < m->n_tensors; t++, at += (top + 63u) & ~63u) {
        top = m->tensors[t].bytes;
        if (t >= 4096 || at + top > POOL_BYTES)
            return -1;
        place[t] = pool + at;
    }
    memcpy(place[m->input_tensor], input, MODEL_INPUT_BYTES);
    for (int k = 0; k <= module; k = k ? k + 1 : module) {
        const wick_segment *segment = &m->segments[k];
        if (segment->n_spans == 0)
            continue;
        const wick_span *last = &m->spans[segment->first_span + segment->n_spans - 1u];
        for (uint32_t s = m->spans[segment->first_span].first_step;
             s < (uint32_t)last->first_step + last->n_steps; s++) {
            const int8_t *src[WICK_MAX_OPERANDS];
            const wick_layer *layer = &m->layers[m->steps[s].layer];
            if (m->steps[s].first != 0)
                continue;
            begin();
            for (uint32_t o = 0; o < layer->n_operands; o++)
                src[o] = place[layer->operands[o].tensor];
            __real_wick_layer_run(layer, src, 0, 0,
                                  (uint32_t)layer->out_h * layer->out_w * layer->out_c,
                                  place[layer->dst], scratch);
            end();
        }
    }
    report("reference", module);
    return 0;
}

/* `work`: without the first answer of a boot, which stores its counters. */
static wick_rt_status answers(wick_engine *engine, int module, const char *work) {
    for (int i = 0; i < 2; i++) {
        int measured = i == 1;
        results = 0;
        if (measured)
            begin();
        wick_rt_status status = wick_engine_submit(engine, input, MODEL_INPUT_BYTES, NULL);
        if (measured) {
            end();
            report("submit", module);
            begin();
        }
        if (status >= 0)
            status = wick_engine_run(engine);
        if (measured) {
            end();
            report(work, module);
        }
        if (status < 0 || results != 1)
            return WICK_RT_PORT;
    }
    return WICK_RT_OK;
}

/* An input whose module has been chosen, and then a power failure. */
static wick_rt_status resume(wick_engine *engine, const wick_port *port,
                             const wick_policy *policy) {
    wick_rt_status status = wick_engine_submit(engine, input, MODEL_INPUT_BYTES, NULL);
    while (status >= 0 && engine->record.segment == 0)
        status = wick_engine_step(engine);
    if (status < 0)
        return status;
    memset(engine, 0, sizeof *engine); /* lazy: it reads the voltage first */
    stop_at_kernel = 1;
    begin();
    status = wick_engine_boot(engine, &wick_model_data, port, policy, scratch, MODEL_SCRATCH_BYTES);
    if (status >= 0)
        status = wick_engine_step(engine);
    stop_at_kernel = 0;
    report("resume", policy->module);
    return status;
}

int main(void) {
    static wick_engine engine;
    wick_port port = {0};
    wick_rt_status status = WICK_RT_OK;
    port.nvm_read = nvm_read;
    port.nvm_write = nvm_write;
    port.nvm_barrier = nvm_barrier;
    port.nvm_mapped = MODEL_NVM_MAPPED ? region : NULL;
    port.capacitor_mv = capacitor_mv;
    port.result = on_result;
    for (unsigned i = 0; i < MODEL_INPUT_BYTES; i++)
        input[i] = (int8_t)(uint8_t)(i * 37u + 11u + i / 7u * 29u);
    for (int module = 1; module <= MODEL_MODULES && status >= 0; module++) {
        wick_policy policy = {0};
        policy.kind = WICK_POLICY_FIXED;
        policy.module = (uint8_t)module;
        if (reference(module) != 0)
            return 1;
        for (int lazy = 0; lazy < 2 && status >= 0; lazy++) {
            memset(region, 0, sizeof region);
            memset(&engine, 0, sizeof engine);
            engine.eager = !lazy;
            voltage = UINT32_MAX;
            status = wick_engine_boot(&engine, &wick_model_data, &port, &policy, scratch,
                                      MODEL_SCRATCH_BYTES);
            if (status >= 0)
                status = answers(&engine, module, lazy ? "lazy" : "eager");
        }
        if (status >= 0)
            status = resume(&engine, &port, &policy);
    }
    semihost_put(status < 0 ? "FAILED\n" : "DONE\n");
    return status < 0;
}
