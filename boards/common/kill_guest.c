/* SPDX-License-Identifier: 0BSD */
/* The firmware for a machine whose process is killed at any instruction and started again with the
   same NVM file: boots, submits the input if there is none, goes on to the end, prints the logits.
   Arguments: INPUT-FILE MODULE MAPPED(0|1) [INPUTS]: ends when so many inputs are answered (default
   1). Exit status 0 = done. */
#include "model.h"
#include "semihost.h"

#include <stddef.h>
#include <string.h>
#include <wick/engine.h>

static __attribute__((section(".nvm"), aligned(64))) int8_t region[MODEL_NVM_BYTES];
static uint32_t scratch[(MODEL_SCRATCH_BYTES + 3u) / 4u + 1u];
static int8_t input[MODEL_INPUT_BYTES];
static int8_t app[MODEL_APP_BYTES + 1u];

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
    __asm__ volatile("dsb" ::: "memory");
    return 0;
}

static int on_result(void *context, const wick_result *result) {
    (void)context;
    semihost_put("LOGITS");
    for (uint16_t c = 0; c < result->n_classes; c++) {
        semihost_put(" ");
        semihost_put_number(wick_result_logit(result, c));
    }
    semihost_put("\n");
    return 0;
}

/* " 12" at the end of the command line; 1 where it is missing. */
static uint32_t wanted_inputs(const char *text) {
    uint32_t value = 0;
    if (*text != ' ')
        return 1;
    while (*++text >= '0' && *text <= '9')
        value = 10u * value + (uint32_t)(*text - '0');
    return value;
}

int main(void) {
    static char line[512];
    static wick_engine engine;
    static wick_policy policy;
    static wick_port port;
    if (semihost_command_line(line, sizeof line) != 0)
        return 2;
    char *path = strchr(line, ' ');
    char *rest = path ? strchr(path + 1, ' ') : NULL;
    if (rest == NULL || rest[1] < '1' || rest[2] != ' ' || rest[3] == '\0')
        return 2;
    *rest = '\0';
    if (semihost_read_file(path + 1, input, MODEL_INPUT_BYTES) != 0)
        return 2;
    uint32_t wanted = wanted_inputs(rest + 4);
    policy.kind = WICK_POLICY_FIXED;
    policy.module = (uint8_t)(rest[1] - '0');
    port.nvm_read = nvm_read;
    port.nvm_write = nvm_write;
    port.nvm_barrier = nvm_barrier;
    port.nvm_mapped = rest[3] == '1' ? region : NULL;
    port.result = on_result;
    engine.app = app;
    wick_rt_status status = wick_engine_boot(&engine, &wick_model_data, &port, &policy,
                                             (int8_t *)scratch, MODEL_SCRATCH_BYTES);
    if (status == WICK_RT_CORRUPT) /* only a torn very first record may do that: the logits tell */
        status = wick_engine_format(&engine);
    while (status >= 0 &&
           !(engine.record.phase == WICK_PHASE_IDLE && engine.record.epoch >= wanted))
        status = engine.record.phase == WICK_PHASE_IDLE
                     ? wick_engine_submit(&engine, input, MODEL_INPUT_BYTES, NULL)
                     : wick_engine_step(&engine);
    return status < 0 ? 3 : 0;
}
