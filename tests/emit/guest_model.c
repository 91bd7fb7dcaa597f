/* SPDX-License-Identifier: 0BSD */
/* An emitted model to the end of every module, on any core and on the PC: one line of logits for
   each. The input is the same everywhere. WITH_SEMIHOST: on an emulated board. */
#include "model.h"

#include <stddef.h>
#include <string.h>
#include <wick/engine.h>

#ifdef WITH_SEMIHOST
#include "semihost.h"
#define NVM __attribute__((section(".nvm"), aligned(64)))
#else
#include <stdio.h>
#define NVM __attribute__((aligned(64)))
static void semihost_put(const char *text) {
    fputs(text, stdout);
}
static void semihost_put_number(int32_t value) {
    printf("%d", (int)value);
}
#endif

static NVM int8_t region[MODEL_NVM_BYTES];
static int8_t scratch[MODEL_SCRATCH_BYTES] __attribute__((aligned(8)));
static int8_t input[MODEL_INPUT_BYTES];

static int nvm_read(void *context, uint32_t offset, void *dst, uint32_t bytes) {
    (void)context;
    memcpy(dst, region + offset, bytes);
    return 0;
}

static int nvm_write(void *context, uint32_t offset, const void *src, uint32_t bytes) {
    (void)context;
    memcpy(region + offset, src, bytes);
    return 0;
}

static int nvm_barrier(void *context) {
    (void)context;
    return 0;
}

static int on_result(void *context, const wick_result *result) {
    (void)context;
    semihost_put("LOGITS ");
    semihost_put_number(result->module);
    for (uint16_t i = 0; i < result->n_classes; i++) {
        semihost_put(" ");
        semihost_put_number(wick_result_logit(result, i));
    }
    semihost_put("\n");
    return 0;
}

int main(void) {
    static wick_engine engine;
    wick_rt_status status = WICK_RT_OK;
    for (unsigned i = 0; i < MODEL_INPUT_BYTES; i++)
        input[i] = (int8_t)(uint8_t)(i * 37u + 11u + i / 7u * 29u);
    for (int module = 1; module <= wick_model_data.n_modules && status >= 0; module++) {
        wick_policy policy = {0};
        wick_port port = {0};
        policy.kind = WICK_POLICY_FIXED;
        policy.module = (uint8_t)module;
        port.nvm_read = nvm_read;
        port.nvm_write = nvm_write;
        port.nvm_barrier = nvm_barrier;
        port.nvm_mapped = MODEL_NVM_MAPPED ? region : NULL;
        port.result = on_result;
        memset(region, 0, sizeof region);
        status = wick_engine_boot(&engine, &wick_model_data, &port, &policy, scratch,
                                  MODEL_SCRATCH_BYTES);
        if (status >= 0)
            status = wick_engine_submit(&engine, input, MODEL_INPUT_BYTES, NULL);
        while (status >= 0 && engine.record.phase != WICK_PHASE_IDLE)
            status = wick_engine_step(&engine);
    }
    semihost_put(status < 0 ? "FAILED\n" : "DONE\n");
    return status < 0;
}
