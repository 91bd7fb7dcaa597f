/* What `wick inspect` says of a flash that an engine has worked in: whole, cut off, with
   half-erased pages and flipped bits. */
#include "emit/inspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../plan/tiny_qnet.h"

static wick_arena *arena;
static wick_qnet *net;
static wick_plan *plan;
static wick_flash flash;
static wick_engine engine;
static uint8_t *memory, *good;
static size_t bytes;

static int nvm_read(void *ctx, uint32_t offset, void *dst, uint32_t n) {
    (void)ctx;
    memcpy(dst, memory + offset, n);
    return 0;
}

static int nvm_write(void *ctx, uint32_t offset, const void *src, uint32_t n) {
    (void)ctx;
    memcpy(memory + offset, src, n);
    return 0;
}

static int nvm_barrier(void *ctx) {
    (void)ctx;
    return 0;
}

static int erase(void *ctx, uint32_t offset) {
    (void)ctx;
    memset(memory + offset, 0xFF, flash.shape.page_bytes);
    return 0;
}

static int result(void *ctx, const wick_result *r) {
    (void)ctx, (void)r;
    return 0;
}

static wick_inspection inspect(void) {
    wick_inspection in;
    assert_int_equal(wick_inspect(plan, memory, bytes, "nvm.bin", arena, &in, NULL), WICK_OK);
    return in;
}

/* Answers until the log has gone through several pages; every commit is inspected. */
static void every_commit_of_a_life(void **state) {
    (void)state;
    static const wick_policy policy = {.kind = WICK_POLICY_FIXED, .module = 2};
    static wick_port port;
    const wick_port under = {
        .nvm_read = nvm_read, .nvm_write = nvm_write, .nvm_barrier = nvm_barrier, .result = result};
    const wick_flash_shape shape =
        wick_device_flash_shape(plan->device, plan->model.nvm_bytes / plan->model.write_unit);
    uint16_t *where = wick_new(arena, uint16_t, shape.blocks);
    wick_flash_page *pages = wick_new(arena, wick_flash_page, shape.pages);
    int8_t *scratch = (int8_t *)wick_new(arena, uint32_t, plan->model.scratch_bytes / 4 + 1);
    uint32_t size = plan->model.tensors[net->input].bytes;
    int8_t *pixels = wick_new(arena, int8_t, size);
    assert_int_equal(inspect().found, WICK_RT_FRESH);
    assert_int_equal(wick_flash_make(&flash, &under, erase, &shape, where, pages, &port),
                     WICK_RT_OK);
    assert_int_equal(
        wick_engine_boot(&engine, &plan->model, &port, &policy, scratch, plan->model.scratch_bytes),
        WICK_RT_FRESH);
    for (int answer = 0; flash.opened < 6; answer++) {
        for (uint32_t i = 0; i < size; i++)
            pixels[i] = (int8_t)((uint32_t)answer * 5 + i * 37);
        assert_int_equal(wick_engine_submit(&engine, pixels, size, NULL), WICK_RT_OK);
        wick_rt_status status;
        do {
            wick_inspection in = inspect();
            assert_int_equal(in.found, WICK_RT_OK);
            assert_memory_equal(&in.record, &engine.record, offsetof(wick_record, reserved));
            assert_true(in.vars_whole && in.stamp_whole);
            assert_int_equal(in.labels[1] >= 0, engine.record.modules_done == 2);
            assert_true(in.record_wear > 0 && in.record_wear < 1e-3);
            status = wick_engine_step(&engine);
        } while (status != WICK_RT_IDLE && status >= 0);
        assert_int_equal(status, WICK_RT_IDLE);
    }
    memcpy(good, memory, bytes);
}

static void a_short_image_is_refused(void **state) {
    (void)state;
    wick_diag diag = {0};
    wick_inspection in;
    memcpy(memory, good, bytes);
    assert_int_equal(wick_inspect(plan, memory, bytes - 1, "nvm.bin", arena, &in, &diag),
                     WICK_RANGE);
    assert_true(wick_diag_contains(&diag, "nvm.bin") && wick_diag_contains(&diag, "bytes"));
    wick_diag_free(&diag);
}

/* The newest page without its first half: the state when it was opened. Without its second half, as
   of the last entry before that. Another page: what it held of the state is missing, no more. */
static void half_erased_pages(void **state) {
    (void)state;
    uint32_t page_bytes = flash.shape.page_bytes, newest = flash.head;
    memcpy(memory, good, bytes);
    wick_inspection before = inspect();
    memset(memory + newest * page_bytes, 0xFF, page_bytes / 2);
    wick_inspection in = inspect();
    assert_int_equal(in.found, WICK_RT_OK);
    assert_true(in.record.sequence < before.record.sequence);
    assert_true(in.record_writes <= before.record_writes);
    int untouched = 0;
    for (uint32_t page = 0; page < flash.shape.pages; page++) {
        memcpy(memory, good, bytes);
        memset(memory + page * page_bytes + page_bytes / 2, 0xFF, page_bytes / 2);
        in = inspect();
        assert_true(in.found == WICK_RT_OK || in.found == WICK_RT_NVM || in.found == WICK_RT_FRESH);
        assert_true(in.found != WICK_RT_OK || in.record.sequence <= before.record.sequence);
        untouched += in.found == WICK_RT_OK && in.record.sequence == before.record.sequence;
    }
    assert_true(untouched >= (int)flash.shape.pages - 2);
}

static uint32_t record_at(int copy) {
    uint32_t block = plan->model.record_offset[copy] / plan->model.write_unit;
    return flash.where[block] * flash.shape.unit_bytes;
}

/* An entry whose header is damaged cannot be read: it ends the newest page, or its copy counts as
   damaged; both copies in older pages, and no record is left to read. */
static void flipped_bits(void **state) {
    (void)state;
    memcpy(memory, good, bytes);
    wick_inspection before = inspect();
    uint32_t newest = record_at(engine.copy), other = record_at(engine.copy ^ 1);
    for (uint32_t bit = 0; bit < 8 * (WICK_FLASH_ENTRY_BYTES + WICK_RECORD_BYTES); bit++) {
        memcpy(memory, good, bytes);
        memory[newest + bit / 8] ^= (uint8_t)(1u << bit % 8);
        wick_inspection in = inspect();
        assert_int_equal(in.found, WICK_RT_OK); /* the older one counts */
        assert_int_equal(in.record.sequence, before.record.sequence - 1);
    }
    memcpy(memory, good, bytes);
    memory[newest + WICK_FLASH_ENTRY_BYTES + 20] ^= 1;
    memory[other + WICK_FLASH_ENTRY_BYTES + 20] ^= 1;
    assert_int_equal(inspect().found, WICK_RT_CORRUPT);
    uint64_t random = 11;
    int changed = 0;
    for (int round = 0; round < 3000; round++) {
        memcpy(memory, good, bytes);
        for (int i = 0; i < 4; i++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            uint32_t page = (uint32_t)(random >> 33) % 8, at = (uint32_t)(random >> 40) % 1024;
            memory[page * flash.shape.page_bytes + at] ^= (uint8_t)(1u << (random >> 61));
        }
        wick_inspection in = inspect();
        assert_true(in.found == WICK_RT_OK || in.found == WICK_RT_FRESH ||
                    in.found == WICK_RT_CORRUPT || in.found == WICK_RT_NVM);
        assert_true(in.found != WICK_RT_OK || in.record.sequence <= before.record.sequence);
        changed += in.found != WICK_RT_OK || in.record.sequence != before.record.sequence;
    }
    assert_true(changed > 50);
}

/* Opened in a page of which both records' entries are damaged: the device could read neither. */
static void unreadable_is_not_blank(void **state) {
    (void)state;
    memcpy(memory, good, bytes);
    uint32_t page_bytes = flash.shape.page_bytes, head = flash.head * page_bytes;
    for (int copy = 0; copy < 2; copy++) {
        /* The page's table names the entries as of its opening. */
        uint32_t block = plan->model.record_offset[copy] / plan->model.write_unit;
        uint8_t *two = memory + head + flash.shape.unit_bytes + 2 * block;
        uint32_t at = (uint32_t)(two[0] | two[1] << 8) * flash.shape.unit_bytes;
        assert_true(at != 0);
        memory[at + 4] ^= 1;
    }
    uint32_t first = wick_flash_head_bytes(flash.shape.blocks, flash.shape.unit_bytes);
    memory[head + first + 4] ^= 1; /* and no entry behind the table counts */
    wick_inspection in = inspect();
    assert_int_equal(in.found, WICK_RT_NVM);
    assert_int_equal(in.copies[0], WICK_COPY_DAMAGED);
    assert_int_equal(in.copies[1], WICK_COPY_DAMAGED);
}

static int set_up(void **state) {
    (void)state;
    wick_device *device;
    wick_plan_options options = wick_plan_defaults();
    arena = wick_arena_new();
    net = tiny_family(21, 12, 8);
    if (wick_device_load(arena, "m33-flash", &device, NULL) != WICK_OK ||
        wick_plan_make(net, device, &options, NULL, &plan, NULL) != WICK_OK)
        return -1;
    bytes = (size_t)plan->totals.memory_bytes;
    memory = wick_new(arena, uint8_t, bytes);
    good = wick_new(arena, uint8_t, bytes);
    memset(memory, 0xFF, bytes);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wick_plan_free(plan);
    tiny_free(net);
    wick_arena_free(arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_commit_of_a_life),  cmocka_unit_test(a_short_image_is_refused),
        cmocka_unit_test(half_erased_pages),       cmocka_unit_test(flipped_bits),
        cmocka_unit_test(unreadable_is_not_blank),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
