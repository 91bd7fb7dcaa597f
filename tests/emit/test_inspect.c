/* What `wick inspect` says of memory that an engine has worked in, at every commit of a life, and
   of memory that is damaged, foreign, blank or cut off. */
#include "emit/inspect.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../plan/tiny_qnet.h"

enum { APP = 5 };

static wick_arena *arena;
static wick_qnet *net;
static wick_plan *plan;
static wick_engine engine;
static uint8_t *memory, app[APP] = {1, 2, 3, 4, 5};
static int8_t *scratch;
static wick_policy policy = {.kind = WICK_POLICY_FIXED, .module = 2};
static int delivered_label;

static int nvm_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    (void)ctx;
    memcpy(dst, memory + offset, bytes);
    return 0;
}

static int nvm_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    (void)ctx;
    memcpy(memory + offset, src, bytes);
    return 0;
}

static int nvm_barrier(void *ctx) {
    (void)ctx;
    return 0;
}

static int time_ms(void *ctx, uint32_t *ms) {
    (void)ctx;
    *ms = 4711;
    return 1;
}

static int result(void *ctx, const wick_result *r) {
    (void)ctx;
    delivered_label = r->label;
    return 0;
}

static wick_port port = {.nvm_read = nvm_read,
                         .nvm_write = nvm_write,
                         .nvm_barrier = nvm_barrier,
                         .time_ms = time_ms,
                         .result = result};

static int set_up(void **state) {
    (void)state;
    wick_device *device;
    wick_plan_options options = wick_plan_defaults();
    options.app_bytes = APP;
    options.max_span_outputs = 200;
    arena = wick_arena_new();
    net = tiny_family(21, 12, 8);
    if (wick_device_load(arena, "m4-fram", &device, NULL) != WICK_OK ||
        wick_plan_make(net, device, &options, NULL, &plan, NULL) != WICK_OK)
        return -1;
    memory = wick_new(arena, uint8_t, plan->model.nvm_bytes);
    scratch = (int8_t *)wick_new(arena, uint32_t, plan->model.scratch_bytes / 4 + 1);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wick_plan_free(plan);
    tiny_free(net);
    wick_arena_free(arena);
    return 0;
}

static wick_inspection inspect(void) {
    wick_inspection in;
    assert_int_equal(wick_inspect(plan, memory, plan->model.nvm_bytes, "nvm.bin", arena, &in, NULL),
                     WICK_OK);
    return in;
}

static void boot(void) {
    memset(&engine, 0, sizeof engine);
    engine.app = app;
    engine.window_ms = 99;
    assert_true(wick_engine_boot(&engine, &plan->model, &port, &policy, scratch,
                                 plan->model.scratch_bytes) >= 0);
}

static void every_commit_of_a_life(void **state) {
    (void)state;
    memset(memory, 0, plan->model.nvm_bytes);
    assert_int_equal(inspect().found, WICK_RT_FRESH);
    assert_int_equal(inspect().copies[0], WICK_COPY_BLANK);
    boot();
    const wick_place *input = &plan->model.tensors[net->input];
    int8_t *pixels = (int8_t *)wick_new(arena, uint8_t, input->bytes);
    for (uint32_t i = 0; i < input->bytes; i++)
        pixels[i] = (int8_t)(i * 37);
    assert_int_equal(wick_engine_submit(&engine, pixels, input->bytes, NULL), WICK_RT_OK);
    int commits = 0;
    wick_rt_status status;
    do {
        wick_inspection in = inspect();
        assert_int_equal(in.found, WICK_RT_OK);
        assert_memory_equal(&in.record, &engine.record,
                            offsetof(wick_record, reserved)); /* padding behind it */
        assert_true(in.vars_whole && in.stamp_whole && !in.tally_whole);
        assert_int_equal(in.counters.boots, 1);
        assert_memory_equal(in.app, app, APP);
        assert_int_equal(in.stamp.time_ms, 4711);
        assert_int_equal(in.stamp.window_ms, 99);
        assert_int_equal(in.labels[0], -1);
        assert_int_equal(in.labels[1] >= 0, engine.record.modules_done == 2);
        assert_true(in.record_writes == ceil(engine.record.sequence / 2.0));
        assert_true(in.record_wear > 0 && in.record_wear < 1e-6);
        status = wick_engine_step(&engine);
        commits++;
    } while (status != WICK_RT_IDLE);
    assert_true(commits > 5);
    assert_int_equal(inspect().labels[1], delivered_label);
}

static void damage_is_told(void **state) {
    (void)state;
    boot();
    assert_int_equal(wick_engine_sync(&engine), WICK_RT_OK);
    wick_inspection before = inspect();
    assert_int_equal(before.counters.boots, 2);
    uint32_t newest = plan->model.record_offset[engine.copy];
    memory[newest + 20] ^= 1;
    wick_inspection in = inspect();
    assert_int_equal(in.found, WICK_RT_OK); /* the older one counts */
    assert_int_equal(in.copies[engine.copy], WICK_COPY_DAMAGED);
    assert_int_equal(in.record.sequence, before.record.sequence - 1);
    memory[plan->model.record_offset[engine.copy ^ 1] + 8] ^= 1;
    assert_int_equal(inspect().found, WICK_RT_CORRUPT);
    memory[newest + 20] ^= 1;
    assert_int_equal(inspect().found, WICK_RT_OK);
    memory[plan->model.vars_offset[engine.record.flags & 1] + 2] ^= 1;
    assert_false(inspect().vars_whole);
}

static void another_plans_memory_is_foreign(void **state) {
    (void)state;
    memset(memory, 0, plan->model.nvm_bytes);
    boot();
    uint32_t id = plan->model.id[1];
    plan->model.id[1] ^= 1;
    assert_int_equal(inspect().found, WICK_RT_FOREIGN);
    assert_int_equal(inspect().copies[1], WICK_COPY_FOREIGN);
    plan->model.id[1] = id;
    assert_int_equal(inspect().found, WICK_RT_OK);
}

static void a_short_image_is_refused(void **state) {
    (void)state;
    wick_diag diag = {0};
    wick_inspection in;
    assert_int_equal(
        wick_inspect(plan, memory, plan->model.nvm_bytes - 1u, "nvm.bin", arena, &in, &diag),
        WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "nvm.bin"));
    wick_diag_free(&diag);
}

/* Nothing in the image is trusted: seeded garbage in the records' places, with valid checksums too.
 */
static void garbage_does_no_harm(void **state) {
    (void)state;
    uint64_t random = 7;
    for (int round = 0; round < 5000; round++) {
        for (int copy = 0; copy < 2; copy++) {
            uint8_t *at = memory + plan->model.record_offset[copy];
            for (int i = 16; i < WICK_RECORD_BYTES - 4; i++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                at[i] = (uint8_t)(random >> 56);
            }
            wick_put32(at + WICK_RECORD_BYTES - 4, wick_crc32(0, at, WICK_RECORD_BYTES - 4));
        }
        assert_int_equal(inspect().found, WICK_RT_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_commit_of_a_life),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(another_plans_memory_is_foreign),
        cmocka_unit_test(a_short_image_is_refused),
        cmocka_unit_test(garbage_does_no_harm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
