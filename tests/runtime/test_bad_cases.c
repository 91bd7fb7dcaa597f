/* What must not happen in the field, and happens: memory that is cut short, flipped bits, writes
   that keep failing, a clock that goes back. Each has a defined outcome. A stuck voltage sensor and
   power cuts are in test_powercut.c, another model's memory in test_engine.c, refused reads of
   records in test_record.c. */
#include "helper_device.h"
#include "helper_model.h"
#include "helper_reference.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static device d;
static tiny_model tiny;
static wick_engine engine;
static _Alignas(16) int8_t scratch[TINY_SCRATCH];
static wick_policy policy;
static uint8_t app[TINY_APP];
static wick_port sound; /* the device's own */

static int make(void **state) {
    (void)state;
    static const tiny_options usual = {.outputs_per_step = 24, .steps_per_span = 2};
    device_make(&d, 4, 0, 0, 5);
    tiny_make(&tiny, usual);
    memset(&engine, 0, sizeof engine);
    memset(app, 0, sizeof app);
    engine.app = app;
    sound = d.port;
    policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
    return 0;
}

static wick_rt_status boot(void) {
    memset(scratch, 0x5A, sizeof scratch);
    return wick_engine_boot(&engine, &tiny.model, &d.port, &policy, scratch,
                            tiny.model.scratch_bytes);
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
        assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
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
    wick_rt_status status = boot();
    if (status >= 0)
        status = wick_engine_run(&engine);
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
    for (first_bad = 0; first_bad <= tiny.model.nvm_bytes; first_bad++)
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
        for (first_bad = 0; first_bad < tiny.model.nvm_bytes; first_bad += 8) {
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

/* Every bit of the image flips in mid-run. What the engine itself keeps is noticed or does not
   count: the answer is right. A tensor bears no checksum here: an answer comes, and nothing else is
   hurt. */
static void a_flipped_bit_is_noticed_or_does_not_count(void **state) {
    static device worked;
    uint32_t faults = 0;
    work(4);
    memcpy(&worked, &d, sizeof d);
    for (uint32_t bit = 0; bit < 8 * tiny.model.nvm_bytes; bit++) {
        make(state);
        memcpy(&d, &worked, sizeof d);
        d.current[bit / 8] = (int8_t)(d.current[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(boot(), WICK_RT_RESUMED);
        faults += engine.counters.faults;
        assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
        assert_int_equal(d.n_results, 1);
        assert_int_equal(d.results[0].module, 1);
        if (!holds_tensor(bit / 8) && !right_results(1))
            fail_msg("bit %u of byte %u", bit % 8, bit / 8);
    }
    assert_true(faults >=
                8u * (WICK_VARS_BYTES + TINY_APP)); /* one copy of the variables, a stamp */
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
            d.port.nvm_write = dying_write;
            writes_left = n;
            wick_rt_status status = wick_engine_run(&engine);
            if (status == WICK_RT_IDLE)
                break;
            assert_int_equal(status, WICK_RT_NVM);
            uint32_t sequence = engine.record.sequence, results = d.n_results;
            for (int i = 0; i < 3; i++)
                assert_int_equal(wick_engine_run(&engine), WICK_RT_NVM);
            assert_int_equal(submit(2), WICK_RT_NVM);
            assert_true(d.n_results <= results + 3);
            assert_true(right_results(1));
            d.port.nvm_write = sound.nvm_write;
            if (again)
                assert_int_equal(boot(), WICK_RT_RESUMED);
            assert_int_equal(engine.record.sequence, sequence);
            assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
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
        engine.trust_unknown = (uint8_t)trust;
        engine.situation = ask;
        told = (wick_situation){UINT32_MAX, UINT32_MAX, UINT32_MAX, 700, 0, 0};
        work(1);
        d.clock_ms = 99000;
        assert_int_equal(boot(), WICK_RT_RESUMED);
        assert_int_equal(wick_engine_age_ms(&engine), UINT32_MAX);
        assert_int_equal(wick_engine_run(&engine), trust ? WICK_RT_IDLE : WICK_RT_DROPPED);
        assert_int_equal(d.n_results, trust);
        assert_int_equal(engine.counters.dropped, !trust);
        if (trust) {
            assert_int_equal(d.results[0].age_ms, UINT32_MAX);
            assert_true(right_results(1));
        }
        /* The next input has the clock as it now is. */
        d.n_results = 0;
        assert_int_equal(submit(1), WICK_RT_OK);
        d.clock_ms += 40;
        assert_int_equal(boot(), WICK_RT_RESUMED);
        assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
        assert_int_equal(d.results[0].age_ms, 40);
        assert_int_equal(d.results[0].epoch, 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_truncated_image_is_an_error, make),
        cmocka_unit_test_setup(a_word_that_cannot_be_read, make),
        cmocka_unit_test_setup(a_flipped_bit_is_noticed_or_does_not_count, make),
        cmocka_unit_test_setup(a_damaged_tally_is_noticed, make),
        cmocka_unit_test_setup(writes_that_keep_failing, make),
        cmocka_unit_test_setup(a_clock_that_jumps_back, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
