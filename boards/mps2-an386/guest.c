/* SPDX-License-Identifier: 0BSD */
/* The firmware under real resets, on QEMU's Cortex-M4 with -icount shift=6 (an instruction takes 64
   ns of virtual time). Arguments: INPUT-FILE MODULE SEED RESETS MAPPED(0|1). First an uninterrupted
   run: its logits are printed and its longest stretch between two commits is measured. Then rounds
   from blank memory with a reset after a seeded number of instructions, uniform in [1, 2 x that
   stretch], until RESETS have happened; every delivered result must equal the first. SysTick
   counts, its handler requests the system reset. The guest's own notes stand in NVM beside wick's
   region and are changed only while the timer is off. */
#include "model.h"
#include "semihost.h"

#include <stddef.h>
#include <string.h>
#include <wick/engine.h>

#define NVM __attribute__((section(".nvm"), aligned(64)))
enum { MAX_NVM = 12 << 20, MAX_SCRATCH = 600 << 10, MAX_CLASSES = 4096 };

typedef struct notes {
    uint32_t magic, rounds, resets, boots, deliveries, wrong, longest_ticks, phase, have_logits;
    uint32_t module;    /* that must answer */
    uint32_t submitted; /* this round's input is committed: from now on no boot may have lost it */
    uint64_t random;
    int16_t logits[MAX_CLASSES];
} notes;

static NVM int8_t region[MAX_NVM];
static NVM notes n;
static int8_t scratch[MAX_SCRATCH] __attribute__((aligned(8)));
static int8_t input[256 << 10] __attribute__((aligned(8)));
static uint32_t wraps_left;

#define SYSTICK ((volatile uint32_t *)0xE000E010u) /* control, reload, value */

static void timer_start(uint32_t ticks) {
    SYSTICK[0] = 0;
    wraps_left = ticks >> 24;
    SYSTICK[1] = wraps_left ? 0xFFFFFFu : (ticks & 0xFFFFFFu) + 1u;
    SYSTICK[2] = 0;
    SYSTICK[0] = 7;
}

static void timer_stop(void) {
    SYSTICK[0] = 0;
}

void SysTick_Handler(void);
void SysTick_Handler(void) {
    if (wraps_left) {
        wraps_left--;
        return;
    }
    n.resets++;
    *(volatile uint32_t *)0xE000ED0Cu = 0x05FA0004u; /* AIRCR: SYSRESETREQ */
    for (;;)
        __asm__ volatile("dsb");
}

static uint32_t random_below(uint32_t limit) {
    uint64_t z = (n.random += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (uint32_t)(((z >> 32) * limit) >> 32);
}

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

static int is_expected(const wick_result *result) {
    for (uint16_t c = 0; c < result->n_classes; c++)
        if (wick_result_logit(result, c) != n.logits[c])
            return 0;
    return 1;
}

static int on_result(void *context, const wick_result *result) {
    (void)context;
    /* Of a chain the exits on the way: each is the module of a run of its own. */
    if (wick_model_data.chain && result->module > n.module)
        return 0;
    __asm__ volatile("cpsid i" ::: "memory");
    n.deliveries++;
    if (!n.have_logits) {
        for (uint16_t c = 0; c < result->n_classes; c++)
            n.logits[c] = wick_result_logit(result, c);
        n.have_logits = 1;
    }
    if (result->epoch != 1 || result->module != n.module || !is_expected(result))
        n.wrong++;
    __asm__ volatile("cpsie i" ::: "memory");
    return 0;
}

static uint32_t parse_number(const char **text) {
    uint32_t value = 0;
    while (**text == ' ')
        (*text)++;
    while (**text >= '0' && **text <= '9')
        value = value * 10 + (uint32_t)(*(*text)++ - '0');
    return value;
}

static void put_count(const char *key, uint32_t value) {
    semihost_put(key);
    semihost_put_number((int32_t)value);
}

static int broken(const char *what, int status) {
    timer_stop();
    semihost_put(what);
    put_count(" status=", (uint32_t)status);
    put_count(" boots=", n.boots);
    semihost_put("\n");
    return 1;
}

/* One boot's work: to the end of the input, or until the timer resets the board. Returns 0 when the
 * input is done. */
static int work(wick_engine *engine, uint32_t input_bytes) {
    while (engine->record.phase != WICK_PHASE_IDLE || engine->record.epoch == 0) {
        if (n.phase == 0) { /* free-running: how long is this stretch? */
            SYSTICK[0] = 0;
            SYSTICK[1] = 0xFFFFFFu;
            SYSTICK[2] = 0;
            SYSTICK[0] = 5;
        }
        wick_rt_status status = engine->record.phase == WICK_PHASE_IDLE
                                    ? wick_engine_submit(engine, input, input_bytes, NULL)
                                    : wick_engine_step(engine);
        if (n.phase == 0) {
            uint32_t ticks = 0xFFFFFFu - SYSTICK[2];
            if (SYSTICK[0] & (1u << 16))
                return broken("a stretch is longer than the timer counts", 0);
            if (ticks > n.longest_ticks)
                n.longest_ticks = ticks;
        }
        if (status < 0)
            return broken("the engine reports an error", (int)status);
        n.submitted = 1;
    }
    return 0;
}

static void new_round(void) {
    memset(region, 0, wick_model_data.nvm_bytes);
    n.deliveries = n.submitted = 0;
}

int main(void) {
    static char line[1024];
    static wick_engine engine;
    if (semihost_command_line(line, sizeof line) != 0)
        return broken("no command line", 0);
    char *path = line;
    while (*path && *path != ' ') /* the program's name */
        path++;
    while (*path == ' ')
        path++;
    char *rest = path;
    while (*rest && *rest != ' ')
        rest++;
    *rest = '\0';
    const char *numbers = rest + 1;
    uint32_t module = parse_number(&numbers), seed = parse_number(&numbers);
    uint32_t resets = parse_number(&numbers), mapped = parse_number(&numbers);
    uint32_t input_bytes = wick_model_data.tensors[wick_model_data.input_tensor].bytes;
    if (wick_model_data.nvm_bytes > sizeof region || input_bytes > sizeof input ||
        wick_model_data.scratch_bytes > sizeof scratch || wick_model_data.n_classes > MAX_CLASSES)
        return broken("the model is larger than this board", 0);
    if (n.magic != 0x5749434Bu) {
        memset(&n, 0, sizeof n);
        n.random = seed;
        n.module = module;
        new_round();
        n.magic = 0x5749434Bu;
    }
    n.boots++;
    if (semihost_read_file(path, input, input_bytes) != 0)
        return broken("the input file cannot be read", 0);
    wick_policy policy = {0};
    policy.kind = WICK_POLICY_FIXED;
    policy.module = (uint8_t)module;
    wick_port port = {0};
    port.nvm_read = nvm_read;
    port.nvm_write = nvm_write;
    port.nvm_barrier = nvm_barrier;
    port.nvm_mapped = mapped ? region : NULL;
    port.result = on_result;
    for (;;) {
        /* ticks = instructions x 64 ns / 40 ns */
        if (n.phase == 1 && n.resets < resets)
            timer_start(1u + random_below(2u * n.longest_ticks));
        wick_rt_status status = wick_engine_boot(&engine, &wick_model_data, &port, &policy, scratch,
                                                 wick_model_data.scratch_bytes);
        if (status == WICK_RT_CORRUPT && !n.submitted) /* the very first record was torn */
            status = wick_engine_format(&engine);
        engine.situation = NULL;
        if (status < 0)
            return broken("the boot fails", (int)status);
        if (n.submitted && engine.record.epoch == 0)
            return broken("the input is lost", (int)status);
        if (work(&engine, input_bytes) != 0)
            return 1;
        timer_stop();
        if (n.deliveries == 0)
            return broken("no result was delivered", 0);
        if (n.phase == 1) {
            n.rounds++;
            if (n.resets >= resets)
                break;
        }
        n.phase = 1;
        new_round();
    }
    semihost_put("LOGITS");
    for (uint32_t c = 0; c < wick_model_data.n_classes; c++) {
        semihost_put(" ");
        semihost_put_number(n.logits[c]);
    }
    put_count("\nDONE resets=", n.resets);
    put_count(" boots=", n.boots);
    put_count(" rounds=", n.rounds);
    put_count(" wrong=", n.wrong);
    put_count(" longest_insns=", n.longest_ticks / 8u * 5u);
    semihost_put("\n");
    n.magic = 0;
    return n.wrong ? 1 : 0;
}
