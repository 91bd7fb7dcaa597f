/* What must not happen in the field, and happens: another model's memory, memory that is cut short,
   flipped bits, words that cannot be read, writes that keep failing, a stuck voltage sensor, a
   clock that goes back. Each has a defined outcome, the same whether every span commits or spans
   are joined at random, and with checksums under the engine (wick/guard.h). */
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

enum { BLOCK = 32, MOST_WAITS = 1000 };

static int lazy, checked; /* of this group of tests */

static device d;
static tiny_model tiny;
static wick_engine engine;
static _Alignas(16) int8_t scratch[TINY_SCRATCH];
static wick_policy policy;
static uint8_t app[TINY_APP];
static wick_guard guard;
static wick_port port;  /* the engine's */
static wick_port sound; /* the device's own */

static int make(void **state) {
    (void)state;
    static const tiny_options usual = {.outputs_per_step = 24, .steps_per_span = 2},
                              in_blocks = {.outputs_per_step = BLOCK, .steps_per_span = 2};
    device_make(&d, 4, 0, 0, 5);
    d.mv_wavers = lazy;
    tiny_make(&tiny, checked ? in_blocks : usual);
    memset(&engine, 0, sizeof engine);
    memset(app, 0, sizeof app);
    engine.app = app;
    sound = port = d.port;
    if (checked) {
        tiny_place_in_blocks(&tiny, BLOCK);
        assert_int_equal(wick_guard_make(&guard, &d.port, BLOCK, d.unit, &port), WICK_RT_OK);
        assert_int_equal(wick_guard_clear(&guard, tiny.model.nvm_bytes), WICK_RT_OK);
    }
    policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
    return 0;
}

static uint32_t memory_bytes(void) {
    return checked ? wick_guard_bytes(BLOCK, d.unit, tiny.model.nvm_bytes) : tiny.model.nvm_bytes;
}

static wick_rt_status boot(void) {
    memset(scratch, 0x5A, sizeof scratch);
    return wick_engine_boot(&engine, &tiny.model, &port, &policy, scratch,
                            tiny.model.scratch_bytes);
}

/* The main loop of a device that waits for charge. */
static wick_rt_status step(void) {
    wick_rt_status status = WICK_RT_WAIT;
    for (int waits = 0; status == WICK_RT_WAIT && waits < MOST_WAITS; waits++)
        status = wick_engine_step(&engine);
    return status;
}

static wick_rt_status run(void) {
    wick_rt_status status = WICK_RT_WAIT;
    for (int waits = 0; status == WICK_RT_WAIT && waits < MOST_WAITS; waits++)
        status = wick_engine_run(&engine);
    return status;
}

static wick_rt_status submit(uint32_t content) {
    int8_t input[TINY_INPUT];
    tiny_input(content, input);
    return wick_engine_submit(&engine, input, TINY_INPUT, NULL);
}

static int right_results(uint32_t content) {
    int8_t expected[TINY_CLASSES];
    tiny_expected(&tiny, content, 1, expected);
    for (uint32_t i = 0; i < d.n_results; i++)
        if (d.results[i].module != 1 || memcmp(expected, d.results[i].logits, TINY_CLASSES) != 0)
            return 0;
    return 1;
}

/* An input, worked on for `steps` commits. */
static void work(int steps) {
    assert_int_equal(boot(), WICK_RT_FRESH);
    assert_int_equal(submit(1), WICK_RT_OK);
    while (steps-- > 0)
        assert_int_equal(step(), WICK_RT_BUSY);
}

static uint32_t first_bad, end_bad; /* bytes of memory that are not there */

static int touches(uint32_t offset, uint32_t bytes) {
    return offset < end_bad && offset + bytes > first_bad;
}

static int short_read(void *ctx, uint32_t offset, void *dst, uint32_t bytes) {
    if (!touches(offset, bytes))
        return sound.nvm_read(ctx, offset, dst, bytes);
    memset(dst, 0x77, bytes);
    return -1;
}

static int short_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    return touches(offset, bytes) ? -1 : sound.nvm_write(ctx, offset, src, bytes);
}

/* Goes on from a memory of which some bytes are missing: an error, or the right answer where
   nothing that counts is missing. Never another one, never an end without one. 1 = an answer. */
static int goes_on(const device *worked, int unwritable) {
    make(NULL);
    memcpy(&d, worked, sizeof d);
    d.port.nvm_read = short_read;
    if (unwritable)
        d.port.nvm_write = short_write;
    if (!checked)
        port = d.port;
    wick_rt_status status = boot();
    if (status >= 0)
        status = run();
    assert_true(right_results(1));
    if (status < 0)
        assert_true(status == WICK_RT_NVM || status == WICK_RT_CORRUPT);
    else /* without the record of its submission the input is not there: submit it again */
        assert_int_equal(d.n_results, engine.record.epoch != 0);
    return status >= 0;
}

static void a_truncated_image_is_an_error(void **state) {
    (void)state;
    static device worked;
    int answers = 0;
    work(2);
    memcpy(&worked, &d, sizeof d);
    end_bad = UINT32_MAX;
    for (first_bad = 0; first_bad <= memory_bytes(); first_bad++)
        answers += goes_on(&worked, 1);
    assert_in_range(answers, 1, 100);
}

/* One word anywhere whose reads fail for ever (ECC), with the rest sound. */
static void a_word_that_cannot_be_read(void **state) {
    (void)state;
    static device worked;
    int answers = 0, errors = 0;
    for (int steps = 0; steps < 5; steps++) {
        make(NULL);
        work(steps);
        memcpy(&worked, &d, sizeof d);
        for (first_bad = 0; first_bad < memory_bytes(); first_bad += 8) {
            end_bad = first_bad + 8;
            int answer = goes_on(&worked, 0);
            answers += answer;
            errors += !answer;
        }
    }
    assert_true(answers > 20 && errors > 100);
}

static int holds_tensor(uint32_t offset) {
    for (uint32_t t = 0; t < tiny.model.n_tensors; t++) {
        const wick_place *place = &tiny.places[t];
        for (uint32_t copy = 0; copy < (place->stride ? 2u : 1u); copy++)
            if (offset - (place->offset + copy * place->stride) < place->bytes)
                return 1;
    }
    return 0;
}

/* A bit has been flipped; plain memory. */
static void goes_on_flipped(uint32_t bit) {
    assert_int_equal(boot(), WICK_RT_RESUMED);
    assert_int_equal(run(), WICK_RT_IDLE);
    assert_int_equal(d.n_results, 1);
    assert_int_equal(d.results[0].module, 1);
    if (!holds_tensor(bit / 8) && !right_results(1))
        fail_msg("bit %u of byte %u", bit % 8, bit / 8);
}

/* Every bit of the image flips in mid-run. What the engine itself keeps is noticed or does not
   count: the answer is right. A tensor bears no checksum without wick/guard.h: an answer comes, and
   nothing else is hurt. With it, there is never another answer than the right one. */
static void a_flipped_bit_is_noticed_or_does_not_count(void **state) {
    static device worked;
    uint32_t faults = 0, answers = 0, refusals = 0;
    work(2);
    memcpy(&worked, &d, sizeof d);
    for (uint32_t bit = 0; bit < 8 * memory_bytes(); bit++) {
        make(state);
        memcpy(&d, &worked, sizeof d);
        d.current[bit / 8] = (int8_t)(d.current[bit / 8] ^ (1 << bit % 8));
        if (!checked) {
            goes_on_flipped(bit);
        } else {
            wick_rt_status status = boot();
            if (status >= 0)
                status = run();
            assert_true(right_results(1));
            assert_true(status == WICK_RT_IDLE ? d.n_results == 1 : status == WICK_RT_NVM);
            answers += status == WICK_RT_IDLE;
            refusals += guard.refused > 0;
        }
        faults += engine.counters.faults;
    }
    if (checked) /* most of the memory is not read again; what is, and is flipped, is refused */
        assert_true(answers > 1000 && refusals > 1000);
    else /* one copy of the variables, a stamp */
        assert_true(faults >= 8u * (WICK_VARS_BYTES + TINY_APP));
}

/* One or two flipped bits of the tally, or erased memory: its checksum notices, spans stay whole.
 */
static void a_damaged_tally_is_noticed(void **state) {
    (void)state;
    const wick_tally tally = {4711, 3, 1, 7};
    wick_tally found;
    assert_int_equal(wick_tally_store(&tiny.model, &d.port, &tally), WICK_RT_OK);
    assert_int_equal(wick_tally_load(&tiny.model, &d.port, &found), WICK_RT_OK);
    assert_true(found.sequence == 4711 && found.split == 3 && found.tries == 1 && found.calm == 7);
    int8_t *bytes = d.current + tiny.model.tally_offset;
    for (int value = -1; value <= 0; value++) {
        memset(d.current + tiny.model.tally_offset, value, WICK_TALLY_BYTES);
        assert_int_equal(wick_tally_load(&tiny.model, &d.port, &found), WICK_RT_CORRUPT);
    }
    assert_int_equal(wick_tally_store(&tiny.model, &d.port, &tally), WICK_RT_OK);
    for (int a = 0; a < 8 * WICK_TALLY_BYTES; a++)
        for (int b = 0; b <= a; b++) {
            bytes[a / 8] = (int8_t)(bytes[a / 8] ^ (1 << a % 8));
            if (b < a)
                bytes[b / 8] = (int8_t)(bytes[b / 8] ^ (1 << b % 8));
            assert_int_equal(wick_tally_load(&tiny.model, &d.port, &found), WICK_RT_CORRUPT);
            bytes[a / 8] = (int8_t)(bytes[a / 8] ^ (1 << a % 8));
            if (b < a)
                bytes[b / 8] = (int8_t)(bytes[b / 8] ^ (1 << b % 8));
        }
}

static uint32_t writes_left;

static int dying_write(void *ctx, uint32_t offset, const void *src, uint32_t bytes) {
    if (writes_left == 0)
        return -1;
    writes_left--;
    return sound.nvm_write(ctx, offset, src, bytes);
}

/* From one write on all fail: an error at once and at each repetition, nothing is delivered that is
   not committed, and the state of the last commit stands. When the memory works again so does the
   engine, with or without a boot. */
static void writes_that_keep_failing(void **state) {
    uint32_t n = 0;
    for (int again = 0; again < 2; again++)
        for (n = 0;; n++) {
            make(state);
            work(0);
            d.port.nvm_write = dying_write; /* under the checksums */
            if (!checked)
                port.nvm_write = dying_write;
            writes_left = n;
            wick_rt_status status = run();
            if (status == WICK_RT_IDLE)
                break;
            assert_int_equal(status, WICK_RT_NVM);
            uint32_t sequence = engine.record.sequence, results = d.n_results;
            for (int i = 0; i < 3; i++)
                assert_int_equal(run(), WICK_RT_NVM);
            assert_int_equal(submit(2), WICK_RT_NVM);
            assert_true(d.n_results <= results + 3);
            assert_true(right_results(1));
            d.port.nvm_write = sound.nvm_write;
            if (!checked)
                port.nvm_write = sound.nvm_write;
            if (again)
                assert_int_equal(boot(), WICK_RT_RESUMED);
            assert_int_equal(engine.record.sequence, sequence);
            assert_int_equal(run(), WICK_RT_IDLE);
            assert_true(d.n_results >= 1 && right_results(1));
            assert_int_equal(d.results[d.n_results - 1].epoch, 1);
        }
    assert_true(n > 20);
}

/* The clock goes back between the boots, and on from there: the age is unknown, so too old unless
   the application says otherwise; and the policy never sees more time than the window. */
static wick_situation told;
static wick_situation ask(void *ctx) {
    (void)ctx;
    return told;
}

static void a_clock_that_jumps_back(void **state) {
    for (int trust = 0; trust < 2; trust++) {
        make(state);
        d.has_clock = 1;
        d.clock_ms = 100000;
        engine.window_ms = 5000;
        engine.wait_ms =
            300; /* so that waiting for charge takes the clock past the submission again */
        engine.trust_unknown = (uint8_t)trust;
        engine.situation = ask;
        told = (wick_situation){.charge_uj = UINT32_MAX,
                                .full_uj = UINT32_MAX,
                                .harvest_uw = UINT32_MAX,
                                .time_left_ms = 700};
        work(1);
        d.clock_ms = 99000;
        assert_int_equal(boot(), WICK_RT_RESUMED);
        assert_int_equal(wick_engine_age_ms(&engine), UINT32_MAX);
        assert_int_equal(run(), trust ? WICK_RT_IDLE : WICK_RT_DROPPED);
        assert_int_equal(d.n_results, trust);
        assert_int_equal(engine.counters.dropped, !trust);
        if (trust) {
            assert_int_equal(d.results[0].age_ms, UINT32_MAX);
            assert_true(right_results(1));
        }
        /* The next input has the clock as it now is. */
        d.n_results = 0;
        uint32_t taken_ms = d.clock_ms;
        assert_int_equal(submit(1), WICK_RT_OK);
        d.clock_ms += 40;
        assert_int_equal(boot(), WICK_RT_RESUMED);
        assert_int_equal(run(), WICK_RT_IDLE);
        assert_int_equal(d.results[0].age_ms,
                         d.clock_ms - taken_ms); /* it may have waited for charge */
        assert_in_range(d.results[0].age_ms, 40, lazy ? 5000 : 40);
        assert_int_equal(d.results[0].epoch, 2);
    }
}

/* In mid-run, under a model that is another one by its identity. */
static void another_models_memory(void **state) {
    for (int steps = 0; steps < 4; steps++) {
        make(state);
        work(steps);
        tiny.model.id[0] ^= 1u;
        assert_int_equal(boot(), WICK_RT_FOREIGN);
        assert_int_equal(boot(), WICK_RT_IDLE); /* formatted for good */
        assert_int_equal(engine.record.epoch, 0);
        assert_int_equal(d.n_results, 0);
        assert_int_equal(submit(1), WICK_RT_OK);
        assert_int_equal(run(), WICK_RT_IDLE);
        assert_int_equal(d.n_results, 1);
        assert_true(right_results(1));
    }
}

/* Unit writes of one boot that surely complete something: of a boot and the dearest commit of a
   span, when each span commits. */
static uint64_t writes_of_a_span(int *commits) {
    make(NULL);
    d.mv = 0;
    d.mv_wavers = 0;
    tiny.model.tally_offset = 0;
    work(0);
    uint64_t most = 0, before = d.writes;
    assert_int_equal(boot(), WICK_RT_RESUMED);
    uint64_t booting = d.writes - before;
    wick_rt_status status = WICK_RT_BUSY;
    for (*commits = 0; status != WICK_RT_IDLE; ++*commits) {
        before = d.writes;
        status = step();
        assert_true(status >= 0);
        most = d.writes - before > most ? d.writes - before : most;
    }
    return booting + most;
}

static void patient_sleep(void *ctx, uint32_t ms) {
    if (d.sleeps == 10000)
        fail_msg("it waits for ever");
    sound.sleep(ctx, ms);
}

/* Boots of so many writes each, until there is an answer; `most_boots`: there was none. */
static int boots_to_answer(uint64_t writes_of_a_boot, int most_boots) {
    static jmp_buf power;
    static uint64_t writes; /* static: these survive the longjmp */
    static int most, boots;
    writes = writes_of_a_boot;
    most = most_boots;
    d.power = &power;
    for (boots = 1; boots < most; boots++) {
        if (setjmp(power) == 0) {
            d.cut_at = d.writes + writes + 1;
            assert_true(boot() >= 0);
            if (run() == WICK_RT_IDLE)
                return boots;
            return most;
        }
        device_power_cycle(&d);
    }
    return most;
}

/* Each boot carries one span with its commit. Stuck high: the engine would join spans for ever;
   stuck low: it would wait for ever. Neither costs an answer, nor more boots than every span has
   commits, and two. */
static void a_voltage_sensor_that_is_stuck(void **state) {
    static const uint32_t stuck[] = {1, 60000};
    int commits;
    uint64_t writes = writes_of_a_span(&commits);
    for (int i = 0; i < 2; i++) {
        make(state);
        d.mv = stuck[i];
        d.mv_wavers = 0;
        work(0);
        tiny.model.tally_offset =
            0; /* without it nothing else stops joining: spans are not divided */
        port.sleep = patient_sleep;
        int most = commits + 3, boots = boots_to_answer(writes, most);
        if (boots >= most)
            fail_msg("stuck at %u mV: no answer after %d boots of %u writes", stuck[i], boots,
                     (unsigned)writes);
        assert_true(boots > 2);
        assert_true(d.n_results >= 1 && right_results(1));
    }
}

static int run_group(void) {
    static const char *const names[] = {"every span commits", "spans are joined",
                                        "every span commits, checksums",
                                        "spans are joined, checksums"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(another_models_memory, make),
        cmocka_unit_test_setup(a_truncated_image_is_an_error, make),
        cmocka_unit_test_setup(a_word_that_cannot_be_read, make),
        cmocka_unit_test_setup(a_flipped_bit_is_noticed_or_does_not_count, make),
        cmocka_unit_test_setup(writes_that_keep_failing, make),
        cmocka_unit_test_setup(a_voltage_sensor_that_is_stuck, make),
        cmocka_unit_test_setup(a_clock_that_jumps_back, make),
    };
    return cmocka_run_group_tests_name(names[2 * checked + lazy], tests, NULL, NULL);
}

int main(void) {
    const struct CMUnitTest of_the_tally[] = {
        cmocka_unit_test_setup(a_damaged_tally_is_noticed, make)};
    int failed = cmocka_run_group_tests_name("tally", of_the_tally, NULL, NULL);
    for (checked = 0; checked < 2; checked++)
        for (lazy = 0; lazy < 2; lazy++)
            failed += run_group();
    return failed;
}
