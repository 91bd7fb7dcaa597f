/* Checksums over all of the memory: a flipped bit anywhere, tensors included, never gives another
   answer, and power cuts at every write leave what the engine can go on from. */
#include "helper_device.h"
#include "helper_model.h"
#include "helper_reference.h"

#include <wick/guard.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { BLOCK = 32 };

typedef struct guarded {
    device d;
    wick_guard guard;
    wick_port port;
    tiny_model tiny;
    wick_engine engine;
    wick_policy policy;
    uint8_t app[TINY_APP];
    _Alignas(16) int8_t scratch[TINY_SCRATCH];
    int8_t expected[TINY_CLASSES];
} guarded;

static guarded g; /* static: automatic variables would not survive longjmp */
static guarded worked;

static void prepare(uint32_t unit, int reorder) {
    memset(&g, 0, sizeof g);
    device_make(&g.d, unit, reorder, 0, 9);
    tiny_make(&g.tiny, (tiny_options){.outputs_per_step = BLOCK, .steps_per_span = 2});
    tiny_place_in_blocks(&g.tiny, BLOCK);
    assert_int_equal(wick_guard_make(&g.guard, &g.d.port, BLOCK, 4, &g.port), WICK_RT_OK);
    assert_true(wick_guard_bytes(BLOCK, 4, g.tiny.model.nvm_bytes) <= DEVICE_BYTES);
    assert_int_equal(wick_guard_clear(&g.guard, g.tiny.model.nvm_bytes), WICK_RT_OK);
    g.policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
    tiny_expected(&g.tiny, 1, 1, g.expected);
}

static wick_rt_status boot(void) {
    memset(&g.engine, 0, sizeof g.engine);
    memset(g.scratch, 0x5A, sizeof g.scratch);
    g.engine.app = g.app;
    return wick_engine_boot(&g.engine, &g.tiny.model, &g.port, &g.policy, g.scratch, TINY_SCRATCH);
}

static wick_rt_status submit(void) {
    int8_t input[TINY_INPUT];
    tiny_input(1, input);
    return wick_engine_submit(&g.engine, input, TINY_INPUT, NULL);
}

static int right_results(void) {
    for (uint32_t i = 0; i < g.d.n_results; i++)
        if (memcmp(g.d.results[i].logits, g.expected, TINY_CLASSES) != 0)
            return 0;
    return 1;
}

static void every_flipped_bit(void **state) {
    (void)state;
    int refused = 0, answers = 0;
    for (int steps = 0; steps < 8; steps++) {
        prepare(4, 0);
        assert_int_equal(boot(), WICK_RT_FRESH);
        assert_int_equal(submit(), WICK_RT_OK);
        for (int i = 0; i < steps; i++)
            assert_int_equal(wick_engine_step(&g.engine), WICK_RT_BUSY);
        memcpy(&worked, &g, sizeof g);
        uint32_t bits = 8 * wick_guard_bytes(BLOCK, 4, g.tiny.model.nvm_bytes);
        for (uint32_t bit = (uint32_t)steps; bit < bits; bit += 5) {
            memcpy(&g, &worked, sizeof g);
            g.d.current[bit / 8] = (int8_t)(g.d.current[bit / 8] ^ (1 << bit % 8));
            wick_rt_status status = boot();
            if (status >= 0)
                status = wick_engine_run(&g.engine);
            if (!right_results())
                fail_msg("after %d steps, bit %u of byte %u: a wrong answer", steps, bit % 8,
                         bit / 8);
            if (status < 0) {
                assert_int_equal(status, WICK_RT_NVM);
                assert_true(g.guard.refused > 0);
                refused++;
            } else {
                assert_int_equal(g.d.n_results, g.engine.record.epoch != 0);
                answers++;
            }
        }
    }
    assert_true(refused > 500 && answers > 500);
}

static void every_write_is_cut(void **state) {
    (void)state;
    static jmp_buf power;
    for (volatile int variant = 0; variant < 4; variant++) {
        volatile uint64_t writes = 1;
        for (volatile uint64_t cut = 0; cut <= writes; cut++) {
            prepare(variant % 2 ? 1 : 4, variant / 2);
            g.d.power = &power;
            uint64_t before = g.d.writes;
            g.d.cut_at = cut ? before + cut : 0;
            if (setjmp(power) != 0) {
                device_power_cycle(&g.d);
                g.d.cut_at = 0;
            }
            assert_true(boot() >= 0);
            if (g.engine.record.epoch == 0)
                assert_int_equal(submit(), WICK_RT_OK);
            assert_int_equal(wick_engine_run(&g.engine), WICK_RT_IDLE);
            assert_true(g.d.n_results >= 1 && right_results());
            if (cut == 0)
                writes = g.d.writes - before;
        }
        assert_true(writes > 100);
    }
}

static void reads_and_arguments(void **state) {
    (void)state;
    uint8_t bytes[100], back[100];
    wick_guard guard;
    wick_port port;
    prepare(4, 0);
    for (uint32_t block = 0; block <= 256; block++) {
        int good = block == 8 || block == 16 || block == 32 || block == 64;
        assert_int_equal(wick_guard_make(&guard, &g.d.port, block, 4, &port),
                         good ? WICK_RT_OK : WICK_RT_ARGUMENT);
    }
    assert_int_equal(wick_guard_bytes(32, 4, 0), 0);
    assert_int_equal(wick_guard_bytes(32, 4, 33), 72);
    assert_int_equal(wick_guard_bytes(32, 16, 33), 96); /* whole write units */
    static const uint32_t units[] = {0, 3, 32};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        assert_int_equal(wick_guard_make(&guard, &g.d.port, 32, units[i], &port), WICK_RT_ARGUMENT);
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + 1);
    assert_int_equal(g.port.nvm_write(g.port.ctx, 320, bytes, sizeof bytes), 0);
    for (uint32_t from = 0; from < sizeof bytes; from++)
        for (uint32_t n = 1; n <= sizeof bytes - from; n++) {
            assert_int_equal(g.port.nvm_read(g.port.ctx, 320 + from, back, n), 0);
            assert_memory_equal(back, bytes + from, n);
        }
    assert_int_equal(g.port.nvm_write(g.port.ctx, 324, bytes, 4), -1); /* within a block */
    /* A block in another one's place. */
    memcpy(g.d.current + 11 * 36, g.d.current + 10 * 36, 36);
    assert_int_equal(g.port.nvm_read(g.port.ctx, 352, back, 1), -1);
    assert_int_equal(g.guard.refused, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_bit),
        cmocka_unit_test(every_write_is_cut),
        cmocka_unit_test(reads_and_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
