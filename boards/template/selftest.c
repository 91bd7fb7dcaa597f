/* SPDX-License-Identifier: 0BSD */
/* Runs the self-test vectors through the engine on any hosted C: memory stands in for the NVM,
   every module answers every vector, once in one go and once with a restart (and spoiled SRAM)
   after every commit; then the first vector with the power cut before one of the NVM writes, the
   word in flight garbage, and a restart: before MODEL_SELFTEST_CUTS of them, evenly spread, or with
   the argument `all` before every single one. Where the plan has checksums, single bits of the
   memory are flipped besides, after each commit: an answer may be refused, never wrong. Where the
   plan is for flash, a cut leaves a unit of garbage or a half-erased page, and no unit is
   programmed twice. The logits must be those that the PC's int8 run gave, bit for bit. Prints PASS
   or FAIL; the exit status is 0 or 1. */
#include "model_vectors.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <wick/flash.h>
#include <wick/guard.h>

#ifndef MODEL_SELFTEST_CUTS
#define MODEL_SELFTEST_CUTS 50
#endif

static int8_t region[MODEL_MEMORY_BYTES];
/* Words, so that it is aligned; the engine works on bytes. */
static uint32_t scratch[(MODEL_SCRATCH_BYTES + 3u) / 4u + 1u];
static int8_t input[MODEL_INPUT_BYTES];
static int results;
static wick_result last;
static int16_t last_logits[MODEL_CLASSES];

static jmp_buf power_off;
static unsigned long writes, cut_at; /* words written; the power fails at that one, 0 = never */

#if MODEL_FLASH_PAGES
/* Memory stands in for flash: pages are erased, units programmed once. */
static const wick_flash_shape flash_shape = MODEL_FLASH_SHAPE;
static uint8_t programmed[MODEL_MEMORY_BYTES / 8u]; /* by units */
static uint16_t flash_where[MODEL_FLASH_BLOCKS];
static wick_flash_page flash_pages[MODEL_FLASH_PAGES];
static wick_flash flash_log;
static wick_port flash_bare;
static int flash_misused; /* units that were programmed though they were not erased */

/* A power failure leaves every other unit of the page as it was. */
static int flash_erase(void *ctx, uint32_t offset) {
    uint32_t unit = flash_shape.unit_bytes, end = offset + flash_shape.page_bytes;
    int cut = ++writes == cut_at;
    (void)ctx;
    for (uint32_t at = offset; at < end; at += cut ? 2 * unit : unit)
        memset(region + at, 0xFF, unit);
    memset(programmed + offset / unit, cut, flash_shape.page_bytes / unit);
    if (cut)
        longjmp(power_off, 1);
    return 0;
}
#endif

static int nvm_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    (void)ctx;
    if (offset > MODEL_MEMORY_BYTES || bytes > MODEL_MEMORY_BYTES - offset)
        return 1;
    memcpy(dst, region + offset, bytes);
    return 0;
}

static int nvm_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    (void)ctx;
    if (offset > MODEL_MEMORY_BYTES || bytes > MODEL_MEMORY_BYTES - offset)
        return 1;
#if MODEL_FLASH_PAGES
    const uint32_t most = flash_shape.unit_bytes;
#else
    const uint32_t most = 4;
#endif
    for (uint32_t done = 0; done < bytes; done += most) {
        uint32_t word = bytes - done < most ? bytes - done : most;
#if MODEL_FLASH_PAGES
        flash_misused += word != most || programmed[(offset + done) / most] != 0;
        programmed[(offset + done) / most] = 1;
#endif
        if (++writes == cut_at) {
            memset(region + offset + done, 0x6B, word);
            longjmp(power_off, 1);
        }
        memcpy(region + offset + done, (const int8_t *)src + done, word);
    }
    return 0;
}

static int nvm_barrier(void *ctx) {
    (void)ctx;
    return 0;
}

static int on_result(void *ctx, const wick_result *result) {
    (void)ctx;
    last = *result;
    for (uint16_t c = 0; c < MODEL_CLASSES; c++)
        last_logits[c] = wick_result_logit(result, c);
    results++;
    return 0;
}

static void blank(void) {
    memset(region, 0xFF, sizeof region);
#if MODEL_FLASH_PAGES
    memset(programmed, 1, sizeof programmed); /* nobody has erased it */
#endif
}

static wick_rt_status boot(wick_engine *engine, const wick_port *port, const wick_policy *policy) {
    memset(scratch, 0xA5, sizeof scratch);
    memset(engine, 0, sizeof *engine);
#if MODEL_FLASH_PAGES
    static wick_port log_port;
    port = &log_port;
    if (wick_flash_make(&flash_log, &flash_bare, flash_erase, &flash_shape, flash_where,
                        flash_pages, &log_port) != WICK_RT_OK)
        return WICK_RT_ARGUMENT;
#endif
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
    blank();
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

/* The same with the power cut at write number `cut`; the application submits again what is not
   committed. */
static wick_rt_status answer_cut(const wick_port *port, int module, unsigned long cut) {
    static wick_policy policy; /* static: survive the longjmp */
    static wick_engine engine;
    static wick_rt_status status;
    static int submitted; /* what is committed must not be lost */
    submitted = 0;
    memset(&policy, 0, sizeof policy);
    policy.kind = WICK_POLICY_FIXED;
    policy.module = (uint8_t)module;
    blank();
    results = 0;
    writes = 0;
    cut_at = cut;
    if (setjmp(power_off) != 0)
        cut_at = 0;
    status = boot(&engine, port, &policy);
    if (submitted && (status < 0 || engine.record.epoch == 0))
        return WICK_RT_CORRUPT;
    if (status == WICK_RT_CORRUPT) /* the very first record was cut */
        status = wick_engine_format(&engine);
    if (status >= 0 && engine.record.epoch == 0)
        status = wick_engine_submit(&engine, input, MODEL_INPUT_BYTES, NULL);
    submitted = status >= 0;
    while (status >= 0 && engine.record.phase != WICK_PHASE_IDLE)
        status = wick_engine_step(&engine);
    cut_at = 0;
    return status;
}

/* Returns how many cuts gave another answer. A result may come twice, never another one. */
static int check_cuts(const wick_port *port, int module, int all) {
    unsigned long total, step, cuts = 0;
    int failures = 0;
    answer_cut(port, module, 0);
    total = writes;
    step = all || total <= MODEL_SELFTEST_CUTS ? 1 : total / MODEL_SELFTEST_CUTS;
    for (unsigned long cut = 1; cut <= total; cut += step, cuts++) {
        int good = answer_cut(port, module, cut) >= 0 && results >= 1 && last.module == module &&
                   !memcmp(last_logits, model_vector_logits[0][module - 1], sizeof last_logits);
        if (!good && failures++ == 0)
            printf("FAIL %s: power cut at write %lu of %lu\n", wick_model_modules[module - 1], cut,
                   total);
    }
    printf("%s %s: power cut at %lu of %lu writes\n", failures ? "FAIL" : "pass",
           wick_model_modules[module - 1], cuts, total);
    return failures;
}

#if MODEL_CHECKSUM_BLOCK
/* The first vector with one bit of the memory flipped behind commit number `commit`, and a restart.
   Returns 1 for the right answer, 0 for a reported error, -1 for a wrong or missing answer. */
static int answer_flipped(const wick_port *port, int module, unsigned long commit,
                          unsigned long bit) {
    wick_policy policy;
    wick_engine engine;
    memset(&policy, 0, sizeof policy);
    policy.kind = WICK_POLICY_FIXED;
    policy.module = (uint8_t)module;
    blank();
    results = 0;
    wick_rt_status status = boot(&engine, port, &policy);
    if (status >= 0)
        status = wick_engine_submit(&engine, input, MODEL_INPUT_BYTES, NULL);
    for (; status >= 0 && engine.record.phase != WICK_PHASE_IDLE; commit--) {
        if (commit == 0) {
            region[bit / 8] = (int8_t)(region[bit / 8] ^ (1 << bit % 8));
            status = boot(&engine, port, &policy);
        }
        if (status >= 0 && engine.record.phase != WICK_PHASE_IDLE)
            status = wick_engine_step(&engine);
    }
    if (results == 0)
        return status < 0 || engine.record.epoch == 0 ? 0 : -1;
    return memcmp(last_logits, model_vector_logits[0][module - 1], sizeof last_logits) == 0 ? 1
                                                                                            : -1;
}

/* Returns how many flips gave a wrong answer. */
static int check_flips(const wick_port *port, const wick_guard *guard, int module, int all) {
    unsigned long bits = 8ul * MODEL_MEMORY_BYTES, step = all ? 61 : bits / 200 + 1, flips = 0;
    uint32_t refused = guard->refused;
    int failures = 0, refusals = 0;
    for (unsigned long bit = 0; bit < bits; bit += step, flips++) {
        int outcome = answer_flipped(port, module, flips % 12, bit);
        refusals += outcome == 0;
        failures += outcome < 0;
    }
    failures += guard->refused == refused; /* none was met at all */
    printf("%s %s: %lu flipped bits, %lu reads refused, %d runs ended by it, 0 wrong expected\n",
           failures ? "FAIL" : "pass", wick_model_modules[module - 1], flips,
           (unsigned long)(guard->refused - refused), refusals);
    return failures;
}
#endif

static int check(int vector, int module, int restart, wick_rt_status status) {
    const int16_t *expected = model_vector_logits[vector][module - 1];
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

int main(int argc, char **argv) {
    wick_port port;
    int failures = 0, all = argc > 1 && !strcmp(argv[1], "all");
    memset(&port, 0, sizeof port);
    port.nvm_read = nvm_read;
    port.nvm_write = nvm_write;
    port.nvm_barrier = nvm_barrier;
    port.nvm_mapped = MODEL_NVM_MAPPED ? region : NULL;
    port.result = on_result;
#if MODEL_FLASH_PAGES
    flash_bare = port;
#endif
#if MODEL_CHECKSUM_BLOCK
    wick_guard guard;
    wick_port bare = port;
    if (wick_guard_make(&guard, &bare, MODEL_CHECKSUM_BLOCK, MODEL_CHECKSUM_UNIT, &port) !=
        WICK_RT_OK)
        return 2;
#endif
    for (int vector = 0; vector < MODEL_VECTORS; vector++) {
        wick_model_quantize(model_vector_pixels[vector], input);
        for (int module = 1; module <= MODEL_MODULES; module++)
            for (int restart = 0; restart < 2; restart++)
                failures += !check(vector, module, restart, answer(&port, module, restart));
    }
    wick_model_quantize(model_vector_pixels[0], input);
    for (int module = 1; module <= MODEL_MODULES; module++)
        failures += check_cuts(&port, module, all);
#if MODEL_CHECKSUM_BLOCK
    for (int module = 1; module <= MODEL_MODULES; module++)
        failures += check_flips(&port, &guard, module, all);
#endif
#if MODEL_FLASH_PAGES
    printf("%s flash: %d units were programmed without being erased\n",
           flash_misused ? "FAIL" : "pass", flash_misused);
    failures += flash_misused;
#endif
    printf("%s: %d differences in %d whole runs and the cut ones\n", failures ? "FAIL" : "PASS",
           failures, 2 * MODEL_VECTORS * MODEL_MODULES);
    return failures ? 1 : 0;
}
