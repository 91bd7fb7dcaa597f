/* CRC-32, and what is made of every state that the two record copies can be in. */
#include "helper_device.h"
#include "helper_reference.h"

#include <wick/nvm.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static device d;
static wick_model model;
static const wick_model foreign_model = {.id = {5, 6}, .record_offset = {0, 64}};

static int make(void **state) {
    (void)state;
    device_make(&d, 1, 0, 0, 3);
    model = (wick_model){.id = {0x11223344, 0x55667788}, .record_offset = {0, 64}};
    return 0;
}

static wick_record record_of(const wick_model *owner, uint32_t sequence, uint32_t epoch) {
    return (wick_record){
        .model_id = {owner->id[0], owner->id[1]}, .sequence = sequence, .epoch = epoch};
}

/* Commits a record with this sequence number to a given copy. */
static void put(const wick_model *owner, uint8_t copy, uint32_t sequence, uint32_t epoch) {
    wick_record record = record_of(owner, sequence - 1, epoch);
    uint8_t newest = copy ^ 1;
    assert_int_equal(wick_record_commit(owner, &d.port, &record, &newest), WICK_RT_OK);
    assert_int_equal(newest, copy);
    assert_int_equal(record.sequence, sequence);
}

static wick_rt_status load(wick_record *record) {
    uint8_t copy;
    return wick_record_load(&model, &d.port, record, &copy);
}

static void crc32_has_its_check_value(void **state) {
    (void)state;
    assert_int_equal(wick_crc32(0, "123456789", 9), 0xCBF43926);
    assert_int_equal(wick_crc32(wick_crc32(0, "1234", 4), "56789", 5), 0xCBF43926);
    assert_int_equal(wick_crc32(0, "", 0), 0);
    assert_int_equal(wick_crc32(0, "a", 1), 0xE8B7BE43);
}

static void the_bytes_are_as_documented(void **state) {
    (void)state;
    wick_record record = {.model_id = {0x04030201, 0x08070605},
                          .sequence = 0x0c0b0a08,
                          .epoch = 0x100f0e0d,
                          .span = 0x1211,
                          .segment = 0x13,
                          .phase = 0x14,
                          .modules_done = 0x15,
                          .modules_sent = 0x16,
                          .flags = 0x17,
                          .step = 0x1918,
                          .outputs = 0x1d1c1b1a};
    wick_model owner = model;
    owner.id[0] = 0x04030201;
    owner.id[1] = 0x08070605;
    uint8_t copy = 1;
    assert_int_equal(wick_record_commit(&owner, &d.port, &record, &copy), WICK_RT_OK);
    static const uint8_t expected[36] = {'w',  'c',  'k',  5,    1,    2,    3,    4,    5,
                                         6,    7,    8,    0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e,
                                         0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
                                         0,    0x18, 0x19, 0,    0,    0x1a, 0x1b, 0x1c, 0x1d};
    assert_memory_equal(d.current, expected, 36);
    uint32_t crc = wick_crc32(0, expected, 36);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal((uint8_t)d.current[36 + i], (uint8_t)(crc >> 8 * i));
    wick_record again;
    assert_int_equal(wick_record_load(&owner, &d.port, &again, &copy), WICK_RT_OK);
    assert_memory_equal(&again, &record,
                        offsetof(wick_record, reserved) + 1); /* padding behind it */
}

static void never_written_memory_is_fresh(void **state) {
    (void)state;
    wick_record record;
    assert_int_equal(load(&record), WICK_RT_FRESH); /* garbage */
    for (int fill = 0; fill < 256; fill += 255) {
        memset(d.current, fill, DEVICE_BYTES);
        assert_int_equal(load(&record), WICK_RT_FRESH);
        /* A model whose id looks like erased memory makes no difference. */
        model.id[0] = model.id[1] = fill ? UINT32_MAX : 0;
        assert_int_equal(load(&record), WICK_RT_FRESH);
    }
}

static void a_cut_first_commit_is_fresh_or_complete(void **state) {
    (void)state;
    wick_record record;
    jmp_buf power;
    for (volatile uint64_t cut = 1; cut <= WICK_RECORD_BYTES + 2; cut++) {
        make(NULL);
        d.power = &power;
        d.cut_at = cut;
        if (setjmp(power) == 0)
            put(&model, 0, 1, 0);
        device_power_cycle(&d);
        wick_rt_status status = load(&record);
        /* The last byte's garbage may be right by chance. */
        assert_true(status == (cut == WICK_RECORD_BYTES + 2 ? WICK_RT_OK : WICK_RT_FRESH) ||
                    (cut == WICK_RECORD_BYTES + 1 && status == WICK_RT_OK));
    }
}

static void the_newer_copy_counts_modulo_2_to_the_32(void **state) {
    (void)state;
    static const uint32_t at[] = {1, 7, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff, 0};
    for (uint32_t i = 0; i < sizeof at / sizeof *at; i++)
        for (uint8_t newer = 0; newer < 2; newer++) {
            put(&model, newer, at[i] + 1, 77);
            put(&model, newer ^ 1, at[i], 76);
            wick_record record;
            uint8_t copy;
            assert_int_equal(wick_record_load(&model, &d.port, &record, &copy), WICK_RT_OK);
            assert_int_equal(copy, newer);
            assert_int_equal(record.epoch, 77);
        }
}

/* Every single-bit error in either copy, and in both. */
static void damage_is_noticed(void **state) {
    (void)state;
    wick_record record;
    for (uint32_t bit = 0; bit < 8 * WICK_RECORD_BYTES; bit++)
        for (uint8_t copy = 0; copy < 2; copy++) {
            put(&model, 0, 20, 3);
            put(&model, 1, 21, 4);
            d.current[64 * copy + bit / 8] ^= (int8_t)(1u << bit % 8);
            assert_int_equal(load(&record), WICK_RT_OK);
            assert_int_equal(record.epoch, copy == 0 ? 4 : 3);
            uint32_t other = bit * 37 % (8 * WICK_RECORD_BYTES);
            d.current[64 * (copy ^ 1) + other / 8] ^= (int8_t)(1u << other % 8);
            assert_int_equal(load(&record), WICK_RT_CORRUPT);
        }
}

static void another_models_record_is_foreign(void **state) {
    (void)state;
    wick_record record;
    uint8_t copy;
    put(&foreign_model, 0, 8, 1);
    put(&foreign_model, 1, 9, 1);
    assert_int_equal(wick_record_load(&model, &d.port, &record, &copy), WICK_RT_FOREIGN);
    assert_int_equal(copy, 1); /* its newest is spared until ours is complete */
    d.current[64] ^= 1;
    assert_int_equal(wick_record_load(&model, &d.port, &record, &copy), WICK_RT_FOREIGN);
    assert_int_equal(copy, 0);
    /* Only half of the id differs. */
    wick_model similar = model;
    similar.id[1]++;
    put(&similar, 0, 8, 1);
    put(&similar, 1, 9, 1);
    assert_int_equal(load(&record), WICK_RT_FOREIGN);
    /* Another format of ours: patched with a valid CRC. */
    put(&model, 0, 8, 1);
    put(&model, 1, 9, 1);
    for (int at = 0; at < 128; at += 64) {
        d.current[at + 3]++;
        uint32_t crc = wick_crc32(0, d.current + at, WICK_RECORD_BYTES - 4);
        for (uint32_t i = 0; i < 4; i++)
            d.current[at + WICK_RECORD_BYTES - 4 + (int)i] = (int8_t)(crc >> 8 * i);
    }
    assert_int_equal(load(&record), WICK_RT_FOREIGN);
}

static void ours_beside_a_foreign_one(void **state) {
    (void)state;
    wick_record record;
    uint8_t copy;
    for (uint8_t ours = 0; ours < 2; ours++) {
        put(&model, ours, 8, 1);
        put(&foreign_model, ours ^ 1, 2, 1);
        assert_int_equal(wick_record_load(&model, &d.port, &record, &copy), WICK_RT_FOREIGN);
        assert_int_equal(copy, ours ^ 1); /* ours may be the older one and goes first */
    }
}

static void a_copy_that_cannot_be_read_counts_as_damaged(void **state) {
    (void)state;
    wick_record record;
    put(&model, 0, 20, 3);
    put(&model, 1, 21, 4);
    /* Each is read once, the first one first. */
    d.calls = 0;
    d.fail_at = 2;
    assert_int_equal(load(&record), WICK_RT_OK);
    assert_int_equal(record.epoch, 3);
    d.calls = 0;
    d.fail_at = 1;
    assert_int_equal(load(&record), WICK_RT_OK);
    assert_int_equal(record.epoch, 4);
    d.calls = 0;
    d.current[64 + 20] ^= 1;
    assert_int_equal(load(&record), WICK_RT_CORRUPT);
    memset(d.current + 64, 0, 32);
    d.calls = 0;
    assert_int_equal(load(&record), WICK_RT_FRESH);
}

static int no_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    (void)ctx, (void)offset, (void)dst, (void)bytes;
    return -1;
}

static void unreadable_memory_is_a_fault(void **state) {
    (void)state;
    wick_record record;
    put(&model, 0, 20, 3);
    d.port.nvm_read = no_read;
    assert_int_equal(load(&record), WICK_RT_NVM);
}

/* A failing commit reports it, leaves the caller's record and never touches the newest copy. */
static void a_failed_commit_leaves_the_newest_copy(void **state) {
    (void)state;
    for (uint64_t call = 1; call <= 3; call++)
        for (int late = 0; late < 2; late++) {
            make(NULL);
            put(&model, 0, 20, 3);
            put(&model, 1, 21, 4);
            int8_t before[32];
            memcpy(before, d.current + 64, 32);
            wick_record record = record_of(&model, 21, 5);
            uint8_t copy = 1;
            d.calls = 0;
            d.fail_at = call;
            d.fail_late = late;
            assert_int_equal(wick_record_commit(&model, &d.port, &record, &copy), WICK_RT_NVM);
            assert_int_equal(copy, 1);
            assert_int_equal(record.sequence, 21);
            assert_memory_equal(d.current + 64, before, 32);
            assert_int_equal(load(&record), WICK_RT_OK);
            assert_in_range(record.epoch, 4, 5);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32_has_its_check_value),
        cmocka_unit_test_setup(the_bytes_are_as_documented, make),
        cmocka_unit_test_setup(never_written_memory_is_fresh, make),
        cmocka_unit_test_setup(a_cut_first_commit_is_fresh_or_complete, make),
        cmocka_unit_test_setup(the_newer_copy_counts_modulo_2_to_the_32, make),
        cmocka_unit_test_setup(damage_is_noticed, make),
        cmocka_unit_test_setup(another_models_record_is_foreign, make),
        cmocka_unit_test_setup(ours_beside_a_foreign_one, make),
        cmocka_unit_test_setup(a_copy_that_cannot_be_read_counts_as_damaged, make),
        cmocka_unit_test_setup(unreadable_memory_is_a_fault, make),
        cmocka_unit_test_setup(a_failed_commit_leaves_the_newest_copy, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
