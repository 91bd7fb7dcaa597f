/* SPDX-License-Identifier: 0BSD */
/* Runs the self-test vectors through the engine on any hosted C: memory stands in for the NVM,
   every module answers every vector, once in one go and once with a restart (and spoiled SRAM)
   after every commit. The logits must be those that the PC's int8 run gave, bit for bit. Prints
   PASS or FAIL; the exit status is 0 or 1. */
#include "model_vectors.h"

#include <stdio.h>
#include <string.h>

static int8_t region[MODEL_NVM_BYTES];
/* Words, so that it is aligned; the engine works on bytes. */
static uint32_t scratch[(MODEL_SCRATCH_BYTES + 3u) / 4u + 1u];
static int8_t input[MODEL_INPUT_BYTES];
static int results;
static wick_result last;
static int8_t last_logits[MODEL_CLASSES];

static int nvm_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    (void)ctx;
    if (offset > MODEL_NVM_BYTES || bytes > MODEL_NVM_BYTES - offset)
        return 1;
    memcpy(dst, region + offset, bytes);
    return 0;
}

static int nvm_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    (void)ctx;
    if (offset > MODEL_NVM_BYTES || bytes > MODEL_NVM_BYTES - offset)
        return 1;
    memcpy(region + offset, src, bytes);
    return 0;
}

static int nvm_barrier(void *ctx) {
    (void)ctx;
    return 0;
}

static int on_result(void *ctx, const wick_result *result) {
    (void)ctx;
    last = *result;
    memcpy(last_logits, result->logits, sizeof last_logits);
    results++;
    return 0;
}

static wick_rt_status boot(wick_engine *engine, const wick_port *port, const wick_policy *policy) {
    memset(scratch, 0xA5, sizeof scratch);
    memset(engine, 0, sizeof *engine);
    return wick_engine_boot(engine, &wick_model_data, port, policy, (int8_t *)scratch,
                            MODEL_SCRATCH_BYTES);
}

/* From blank memory to the answer; restart: a boot after every commit. Returns the last status. */
static wick_rt_status answer(const wick_port *port, int module, int restart) {
    wick_policy policy;
    wick_engine engine;
    memset(&policy, 0, sizeof policy);
    policy.kind = WICK_POLICY_FIXED;
    policy.module = (uint8_t)module;
    memset(region, 0xFF, sizeof region);
    results = 0;
    wick_rt_status status = boot(&engine, port, &policy);
    if (status < 0)
        return status;
    status = wick_engine_submit(&engine, input, MODEL_INPUT_BYTES, NULL);
    while (status >= 0 && status != WICK_RT_IDLE) {
        if (restart)
            status = boot(&engine, port, &policy);
        if (status >= 0)
            status = wick_engine_step(&engine);
    }
    return status;
}

static int check(int vector, int module, int restart, wick_rt_status status) {
    const int8_t *expected = model_vector_logits[vector][module - 1];
    int good = status == WICK_RT_IDLE && results == 1 && last.module == module &&
               memcmp(last_logits, expected, sizeof last_logits) == 0;
    printf("%s vector %d, %s%s: ", good ? "pass" : "FAIL", vector, wick_model_modules[module - 1],
           restart ? ", restarted after every commit" : "");
    if (results > 0)
        printf("%s\n", wick_model_labels[last.label]);
    else
        printf("no result, status %d\n", (int)status);
    for (int c = 0; !good && results > 0 && c < MODEL_CLASSES; c++)
        if (last_logits[c] != expected[c])
            printf("     class %d: %d instead of %d\n", c, last_logits[c], expected[c]);
    return good;
}

int main(void) {
    wick_port port;
    int failures = 0;
    memset(&port, 0, sizeof port);
    port.nvm_read = nvm_read;
    port.nvm_write = nvm_write;
    port.nvm_barrier = nvm_barrier;
    port.nvm_mapped = MODEL_NVM_MAPPED ? region : NULL;
    port.result = on_result;
    for (int vector = 0; vector < MODEL_VECTORS; vector++) {
        wick_model_quantize(model_vector_pixels[vector], input);
        for (int module = 1; module <= MODEL_MODULES; module++)
            for (int restart = 0; restart < 2; restart++)
                failures += !check(vector, module, restart, answer(&port, module, restart));
    }
    printf("%s: %d of %d runs differ\n", failures ? "FAIL" : "PASS", failures,
           2 * MODEL_VECTORS * MODEL_MODULES);
    return failures ? 1 : 0;
}
