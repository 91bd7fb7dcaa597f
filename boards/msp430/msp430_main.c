/* SPDX-License-Identifier: 0BSD */
/* An emitted model on the simulated MSP430 (simulate.sh): boots the engine over a region of FRAM,
   hands over one input and works until it is finished. A power failure may cut it anywhere; then
   start-up runs it again. What leaves the device is written to a word of the I/O space that the
   simulator traces. The same file built for the PC prints what is expected. */
#include "model.h"

#include <stddef.h>
#include <string.h>

#ifdef __MSP430__
enum { RESULT, LOGIT, COMMIT, FAILED };
static volatile uint16_t *const trace = (volatile uint16_t *)0x01a0;
static void report(unsigned what, unsigned value) {
    trace[what] = (uint16_t)value;
}
#define NVM __attribute__((section(".nvm")))
#else
#include <stdio.h>
enum { RESULT = 'r', LOGIT = 'l', COMMIT = 0, FAILED = 'f' };
static void report(unsigned what, unsigned value) {
    if (what != COMMIT)
        printf("%c %04x\n", (int)what, value & 0xffffu);
}
#define NVM
#endif

static int8_t region[MODEL_NVM_BYTES] NVM;
static uint8_t submitted NVM; /* from now on no power failure may lose the input */
/* On the MSP430 a uint32_t would be aligned to two bytes only. */
static int8_t scratch[MODEL_SCRATCH_BYTES] __attribute__((aligned(4)));
static int8_t input[MODEL_INPUT_BYTES];

static int nvm_read(void *context, uint32_t offset, void *dst, uint32_t bytes) {
    (void)context;
    memcpy(dst, region + offset, (size_t)bytes);
    return 0;
}

static int nvm_write(void *context, uint32_t offset, const void *src, uint32_t bytes) {
    (void)context;
    memcpy(region + offset, src, (size_t)bytes);
    return 0;
}

/* FRAM writes are complete when the next instruction begins. */
static int nvm_barrier(void *context) {
    (void)context;
    report(COMMIT, 0);
    return 0;
}

static int on_result(void *context, const wick_result *result) {
    (void)context;
    report(RESULT, result->module * 256u + result->label);
    for (uint16_t i = 0; i < result->n_classes; i++)
        report(LOGIT, (unsigned)(int)wick_result_logit(result, i));
    return 0;
}

int main(void) {
    static wick_engine engine;
    wick_policy policy = {0};
    wick_port port = {0};
    policy.kind = WICK_POLICY_FIXED;
    policy.module = 1;
    port.nvm_read = nvm_read;
    port.nvm_write = nvm_write;
    port.nvm_barrier = nvm_barrier;
    port.nvm_mapped = MODEL_NVM_MAPPED ? region : NULL;
    port.result = on_result;
    for (unsigned i = 0; i < MODEL_INPUT_BYTES; i++)
        input[i] = (int8_t)(uint8_t)(i * 37u + 11u + i / 7u * 29u);
    wick_rt_status status =
        wick_engine_boot(&engine, &wick_model_data, &port, &policy, scratch, MODEL_SCRATCH_BYTES);
    if (status == WICK_RT_CORRUPT && !submitted) /* the very first record was torn */
        status = wick_engine_format(&engine);
    if (status >= 0 && engine.record.epoch == 0) {
        status = submitted ? WICK_RT_CORRUPT
                           : wick_engine_submit(&engine, input, MODEL_INPUT_BYTES, NULL);
        submitted = status == WICK_RT_OK;
    }
    while (status >= 0 && engine.record.phase != WICK_PHASE_IDLE)
        status = wick_engine_step(&engine);
    if (status < 0)
        report(FAILED, (unsigned)(int)status);
    return status < 0;
}
