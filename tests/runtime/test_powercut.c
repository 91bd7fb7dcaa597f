/* Power is cut before every single unit write of whole lives of a device: boot, format, three
   inputs (one dropped half-way), every policy, both kinds of NVM access. What must hold: every
   delivered result is the right one for its input, no input's result is missing, and in the end all
   of NVM is as if nothing had happened. */
#include "helper_device.h"
#include "helper_model.h"
#include "helper_reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { EPOCHS = 3, DROPPED = 2, STEPS_BEFORE_DROP = 2 };

typedef struct rig {
    device device;
    tiny_model tiny;
    wick_policy policy;
    int boots, patient; /* patient: no input is dropped */
    int wavering;       /* the voltage reading changes at every question */
    uint64_t voltage_random;
    wick_engine engine;
    uint8_t app[TINY_APP];
    int8_t scratch[TINY_SCRATCH + 16];
    int8_t expected[EPOCHS + 1][3][TINY_CLASSES];
    jmp_buf power;
} rig;

static rig r;           /* static: automatic variables would not survive longjmp */
static rig pristine;    /* before the first boot */
static rig undisturbed; /* after the uninterrupted life */

static wick_situation situation(void *ctx) {
    rig *self = ctx;
    wick_situation s = {
        .charge_uj = 20, .full_uj = 100, .harvest_uw = UINT32_MAX, .time_left_ms = UINT32_MAX};
    if (self->wavering)
        s.charge_uj = random_u32(&self->voltage_random) % 40;
    return s;
}

static void prepare(tiny_options options, wick_policy policy, int wavering, uint32_t unit,
                    int reorder, int mapped) {
    memset(&r, 0, sizeof r);
    device_make(&r.device, unit, reorder, mapped, 1);
    tiny_make(&r.tiny, options);
    r.policy = policy;
    r.wavering = wavering;
    r.voltage_random = 99;
    for (uint32_t e = 1; e <= EPOCHS; e++)
        for (int k = 1; k <= 2; k++)
            tiny_expected(&r.tiny, e, k, r.expected[e][k]);
    memcpy(&pristine, &r, sizeof r);
}

/* One boot of the application until its work is done or power fails. Its only memory is the epoch
   in the record. */
static void application(void) {
    r.boots++;
    memset(&r.engine, 0xA5, sizeof r.engine);
    r.engine.situation = situation;
    r.engine.situation_ctx = &r;
    r.engine.power_off = NULL;
    r.engine.app = r.app;
    r.engine.window_ms = r.engine.wait_ms = 0;
    r.engine.eager = r.engine.trust_unknown = 0;
    memset(r.scratch, 0x5A, sizeof r.scratch);
    int8_t *scratch = r.scratch + (16 - (uintptr_t)r.scratch % 16) % 16;
    wick_rt_status status = wick_engine_boot(&r.engine, &r.tiny.model, &r.device.port, &r.policy,
                                             scratch, r.tiny.model.scratch_bytes);
    assert_true(status >= 0);
    int8_t input[TINY_INPUT];
    for (;;) {
        uint32_t epoch = r.engine.record.epoch;
        if (epoch == DROPPED && r.boots == 1 && !r.patient) {
            /* The next input arrives after a few steps. After a cut it comes late instead, and the
               answer must be the old input's, however far the new one was written. */
            for (int i = 0; i < STEPS_BEFORE_DROP; i++)
                assert_true(wick_engine_step(&r.engine) >= 0);
        } else if (epoch != 0) {
            assert_int_equal(wick_engine_run(&r.engine), WICK_RT_IDLE);
        }
        if (epoch == EPOCHS)
            return;
        uint32_t got = 0;
        tiny_input(epoch + 1, input);
        assert_int_equal(wick_engine_submit(&r.engine, input, TINY_INPUT, &got), WICK_RT_OK);
        assert_int_equal(got, epoch + 1);
        memset(input, 0x33, sizeof input);
    }
}

/* Boots until the work is done; the first cut is at write `cut`, further ones `again` writes later
   each (0 = none). */
static void live(uint64_t cut, uint64_t again) {
    r.device.power = &r.power;
    r.device.cut_at = cut;
    if (setjmp(r.power) != 0) {
        device_power_cycle(&r.device);
        r.device.cut_at = 0;
        if (again && random_u32(&r.device.random) % 4)
            r.device.cut_at = r.device.writes + 1 + random_u32(&r.device.random) % again;
    }
    application();
}

static int same_logits(const device_result *result) {
    return result->epoch >= 1 && result->epoch <= EPOCHS && result->module >= 1 &&
           result->module <= 2 &&
           memcmp(result->logits, r.expected[result->epoch][result->module], TINY_CLASSES) == 0;
}

static uint16_t margin_of(uint32_t epoch, int module) {
    const wick_result result = {.n_classes = TINY_CLASSES, .logits = r.expected[epoch][module]};
    return wick_result_margin(&result);
}

/* Of EDF with charge enough: the smaller module, and unless that is sure the larger one. */
static uint32_t wanted_answers(uint32_t epoch) {
    return wick_policy_sure(&r.policy, 2, margin_of(epoch, 2)) ? 2 : 3;
}

/* NULL, or what went wrong. */
static const char *verdict(void) {
    uint8_t modules[EPOCHS + 1] = {0};
    uint32_t answers[EPOCHS + 1] = {0};
    int edf = r.policy.kind == WICK_POLICY_EDF;
    uint32_t last = 0;
    for (uint32_t i = 0; i < r.device.n_results; i++) {
        const device_result *result = &r.device.results[i];
        if (!same_logits(result))
            return "a result is wrong";
        if (result->epoch < last)
            return "an old input's result came after a newer one's";
        last = result->epoch;
        if (!edf && modules[last] != 0 && modules[last] != result->module)
            return "two modules answered one input";
        if (answers[last] & 1 && result->module == 2)
            return "the smaller module answered behind the larger one";
        answers[last] |= 1u << (result->module - 1);
        modules[last] = result->module;
        for (uint16_t c = 0; c < TINY_CLASSES; c++)
            if (result->logits[c] > result->logits[result->label] ||
                (c < result->label && result->logits[c] == result->logits[result->label]))
                return "the label is not the argmax";
    }
    if (!modules[1] || !modules[EPOCHS])
        return "an input has no result";
    if (edf && (answers[1] != wanted_answers(1) || answers[EPOCHS] != wanted_answers(EPOCHS)))
        return "the wrong modules answered";
    return NULL;
}

/* The tensors' memory outside the records; what the dropped input left there depends on the time of
   the cut only inside its own buffers, which the last input overwrote. */
static const char *memory_verdict(void) {
    if (memcmp(r.device.durable + TINY_TENSORS_AT, undisturbed.device.durable + TINY_TENSORS_AT,
               DEVICE_BYTES - TINY_TENSORS_AT) != 0)
        return "NVM differs from the uninterrupted life's";
    return NULL;
}

/* All cuts (or every stride-th); returns how many failed and names the first. */
static uint64_t sweep(uint64_t stride, uint64_t again, int compare_memory, char *first_failure) {
    live(0, 0);
    memcpy(&undisturbed, &r, sizeof r);
    const char *wrong = verdict();
    if (wrong)
        fail_msg("without a cut: %s", wrong);
    uint64_t writes = r.device.writes, failures = 0;
    assert_true(writes > 150);
    for (uint64_t cut = 1; cut <= writes; cut += stride) {
        memcpy(&r, &pristine, sizeof r);
        r.device.random += cut * 2;
        r.voltage_random += cut;
        live(cut, again);
        wrong = verdict();
        if (!wrong && compare_memory)
            wrong = memory_verdict();
        if (wrong && failures++ == 0)
            snprintf(first_failure, 200, "cut at write %llu of %llu: %s", (unsigned long long)cut,
                     (unsigned long long)writes, wrong);
    }
    return failures;
}

static void expect_clean(uint64_t stride, uint64_t again, int compare_memory) {
    char first[200] = "";
    if (sweep(stride, again, compare_memory, first) != 0)
        fail_msg("%s", first);
}

static const wick_policy fixed1 = {.kind = WICK_POLICY_FIXED, .module = 1};
static const wick_policy fixed2 = {.kind = WICK_POLICY_FIXED, .module = 2};
static const wick_policy greedy = {.kind = WICK_POLICY_GREEDY};
static const wick_policy threshold = {.kind = WICK_POLICY_THRESHOLD,
                                      .harvest_low_uw = 5,
                                      .harvest_high_uw = 10,
                                      .charge_high_uj = 15};
static const tiny_options usual = {.outputs_per_step = 24, .steps_per_span = 3},
                          whole = {.outputs_per_step = 1000, .steps_per_span = 1},
                          fine = {.outputs_per_step = 3, .steps_per_span = 5},
                          alone = {.outputs_per_step = 24, .steps_per_span = 3, .independent = 1};

static void every_byte_write_fixed(void **state) {
    (void)state;
    prepare(usual, fixed1, 0, 1, 0, 0);
    expect_clean(1, 0, 1);
    prepare(usual, fixed2, 0, 1, 0, 1);
    expect_clean(1, 0, 1);
}

static void every_word_write_greedy_and_threshold(void **state) {
    (void)state;
    prepare(usual, greedy, 0, 4, 0, 0);
    expect_clean(1, 0, 1);
    prepare(usual, threshold, 0, 4, 0, 1);
    expect_clean(1, 0, 1);
}

static void every_write_with_other_spans(void **state) {
    (void)state;
    prepare(whole, fixed1, 0, 4, 0, 0);
    expect_clean(1, 0, 1);
    prepare(fine, fixed1, 0, 4, 0, 1);
    expect_clean(1, 0, 1);
    prepare(fine, fixed2, 0, 8, 0, 0);
    expect_clean(1, 0, 1);
}

static void every_write_of_independent_modules(void **state) {
    (void)state;
    prepare(alone, fixed1, 0, 4, 0, 0);
    expect_clean(1, 0, 1);
    prepare(alone, greedy, 1, 4, 0, 1);
    expect_clean(1, 0, 0);
}

/* The smaller module is sure of the first and the last input, or not: a quantum lies between. */
static void every_write_of_answers_that_may_be_sure(void **state) {
    (void)state;
    for (int mapped = 0; mapped < 2; mapped++)
        for (int unsure = 0; unsure < 2; unsure++) {
            prepare(usual, (wick_policy){.kind = WICK_POLICY_EDF}, 0, unsure ? 4 : 1, 0, mapped);
            uint16_t first = margin_of(1, 2), last = margin_of(EPOCHS, 2);
            uint16_t most = first > last ? first : last, least = first < last ? first : last;
            assert_true(least > 0);
            r.policy.sure[1] = (uint16_t)(unsure ? most + 1 : least);
            memcpy(&pristine, &r, sizeof r);
            assert_int_equal(wanted_answers(1), unsure ? 3 : 2);
            assert_int_equal(wanted_answers(EPOCHS), unsure ? 3 : 2);
            expect_clean(1, 0, 1);
            memcpy(&r, &pristine, sizeof r);
            expect_clean(1, 60, 1);
        }
}

/* Each reading differs, so a choice that was not committed before it was acted on would show as a
   second module's answer. */
static void every_write_while_the_voltage_wavers(void **state) {
    (void)state;
    prepare(usual, greedy, 1, 1, 0, 0);
    expect_clean(1, 0, 0);
    prepare(usual, threshold, 1, 4, 0, 0);
    expect_clean(1, 0, 0);
}

/* Writes between two barriers reach the memory in any order, or not at all. */
static void every_write_with_reordering(void **state) {
    (void)state;
    prepare(usual, fixed1, 0, 4, 1, 0);
    expect_clean(1, 0, 1);
    prepare(usual, fixed2, 0, 1, 1, 1);
    expect_clean(1, 0, 1);
    prepare(alone, greedy, 1, 8, 1, 0);
    expect_clean(1, 0, 0);
}

static void read_voltage(uint32_t mv, int wavers) {
    r.device.mv = mv;
    r.device.mv_wavers = wavers;
    memcpy(&pristine, &r, sizeof r);
}

static const tiny_options reuse = {.outputs_per_step = 12, .steps_per_span = 2, .reuse = 1};

/* Spans are joined by a reading that says yes, or now and then: all subsets of the optional
   commits. */
static void every_write_with_lazy_commits(void **state) {
    (void)state;
    for (int wavers = 0; wavers < 2; wavers++) {
        prepare(fine, fixed1, 0, 4, 0, 0);
        read_voltage(3000, wavers);
        expect_clean(1, 0, 1);
        prepare(reuse, fixed1, 0, 1, 0, 1);
        read_voltage(3000, wavers);
        expect_clean(1, 60, 1);
        prepare(reuse, fixed1, 0, 4, 1, 0);
        read_voltage(3000, wavers);
        expect_clean(1, 100, 1);
        prepare(alone, greedy, 1, 4, 0, 0);
        read_voltage(3000, wavers);
        expect_clean(1, 0, 0);
    }
}

static const tiny_options resident = {.outputs_per_step = 1000, .steps_per_span = 2, .resident = 1},
                          begins = {.outputs_per_step = 1000,
                                    .steps_per_span = 3,
                                    .independent = 1,
                                    .again = 1,
                                    .resident = 1},
                          partly = {.outputs_per_step = 36,
                                    .steps_per_span = 2,
                                    .reuse = 1,
                                    .resident = 1};

/* Tensors that stay in SRAM until a commit needs them: eager, lazy, and where a boot finds only
   what was committed. */
static void every_write_of_tensors_in_sram(void **state) {
    (void)state;
    for (int lazy = 0; lazy < 3; lazy++)
        for (int mapped = 0; mapped < 2; mapped++) {
            prepare(resident, fixed1, 0, 4, 0, mapped);
            read_voltage(lazy ? 3000 : 0, lazy == 2);
            assert_true(r.tiny.model.arena_bytes > 0);
            expect_clean(1, 0, 0);
            prepare(begins, fixed1, 0, 4, 0, mapped);
            read_voltage(lazy ? 3000 : 0, lazy == 2);
            expect_clean(1, 60, 0);
            prepare(partly, fixed1, 0, 1, 0, mapped);
            read_voltage(lazy ? 3000 : 0, lazy == 2);
            expect_clean(1, 40, 0);
            prepare(partly, greedy, 1, 4, 1, mapped);
            read_voltage(lazy ? 3000 : 0, lazy == 2);
            expect_clean(1, 80, 0);
        }
}

/* The test of that test: a mandatory commit that may be left out. */
static void a_skipped_mandatory_commit_is_caught(void **state) {
    (void)state;
    char first[200] = "";
    tiny_options skipped = reuse;
    skipped.skipped = 1;
    prepare(skipped, fixed1, 0, 4, 0, 0);
    read_voltage(3000, 1);
    assert_true(sweep(1, 60, 0, first) > 0);
    prepare(skipped, fixed1, 0, 4, 0, 0); /* eager: every span commits anyway */
    expect_clean(1, 60, 0);
}

static int is_running(void) {
    wick_record record;
    uint8_t copy;
    return wick_record_load(&r.tiny.model, &r.device.port, &record, &copy) == WICK_RT_OK &&
           record.phase == WICK_PHASE_RUN;
}

/* Every boot brings the same number of writes (or enough to take an input), until the life is over;
   returns the boots, 0 = no end after `most`. */
static int live_on(uint32_t writes, int most) {
    r.device.power = &r.power;
    r.patient = pristine.patient = 1;
    if (setjmp(r.power) != 0)
        device_power_cycle(&r.device);
    if (r.boots == most)
        return 0;
    r.device.cut_at = r.device.writes + (is_running() ? writes : 400);
    application();
    return r.boots;
}

/* The reading is stuck at a full capacitor, but the charge carries hardly more than one span: each
   boot achieves one. */
static void a_reading_stuck_high_does_not_stop_progress(void **state) {
    (void)state;
    prepare(fine, fixed1, 0, 1, 0, 0);
    read_voltage(3000, 0);
    int boots = live_on(290, 500);
    assert_in_range(boots, 4, 120);
    assert_null(verdict());
}

/* The charge carries less than a span of the plan: spans are divided until it does. Without the
   tally there is no end. */
static void a_charge_below_a_span_divides_it(void **state) {
    (void)state;
    /* A whole span needs 144 and what goes with a commit: 88. One row of pixels is 24 bytes. */
    static const uint32_t charges[] = {210, 150, 115};
    for (size_t i = 0; i < sizeof charges / sizeof *charges; i++) {
        for (int mapped = 0; mapped < 2; mapped++) {
            prepare(whole, fixed1, 0, 1, 0, mapped);
            assert_in_range(live_on(charges[i], 2000), 10, 400);
            assert_null(verdict());
        }
        prepare(whole, fixed1, 0, 1, 0, 0);
        r.tiny.model.tally_offset = 0;
        assert_int_equal(live_on(charges[i], 200), 0);
    }
}

/* Divided spans work without places in SRAM. */
static void a_charge_below_a_span_divides_tensors_in_sram(void **state) {
    (void)state;
    for (int mapped = 0; mapped < 2; mapped++) {
        prepare(resident, fixed1, 0, 1, 0, mapped);
        assert_in_range(live_on(150, 2000), 5, 400);
        assert_null(verdict());
        prepare(begins, fixed1, 0, 1, 0, mapped);
        assert_in_range(live_on(150, 2000), 5, 400);
        assert_null(verdict());
    }
}

/* Power fails again and again during recovery. */
static void cuts_during_recovery(void **state) {
    (void)state;
    for (uint64_t again = 10; again <= 250; again += 80) {
        prepare(usual, fixed1, 0, 4, 0, 0);
        expect_clean(1, again, 1);
        prepare(usual, greedy, 1, 4, 1, 1);
        expect_clean(1, again, 0);
    }
}

/* The test of the test: a span that overwrites what it reads must be caught, and only by some
   cuts. */
static void a_planted_write_after_read_is_caught(void **state) {
    (void)state;
    char first[200] = "";
    tiny_options planted = {.outputs_per_step = 1000, .steps_per_span = 1, .planted = 1};
    prepare(planted, fixed1, 0, 4, 0, 0);
    uint64_t failures = sweep(1, 0, 0, first);
    assert_true(failures > 0);
    assert_true(failures < r.device.writes / 4);
    planted = (tiny_options){.outputs_per_step = 24, .steps_per_span = 3, .planted = 1};
    prepare(planted, fixed1, 0, 1, 0, 1);
    assert_true(sweep(1, 0, 0, first) > 0);
    /* The smaller module does not run the planted layer. */
    prepare(planted, fixed2, 0, 4, 0, 0);
    expect_clean(1, 0, 0);
}

/* G3: after a cut, at most one span (or one input with its stamp) is written again, and the torn
   commit; and the boot's own notes: variables and tally. */
static void a_cut_costs_at_most_one_span(void **state) {
    (void)state;
    prepare(usual, fixed1, 0, 1, 0, 0);
    pristine.patient = r.patient = 1;
    live(0, 0);
    uint64_t writes = r.device.writes;
    int64_t most = 0;
    for (uint64_t cut = 1; cut <= writes; cut++) {
        memcpy(&r, &pristine, sizeof r);
        live(cut, 0);
        /* Less than 0 is possible: the last byte's garbage may be right and spare a barrier. */
        int64_t extra = (int64_t)r.device.writes - (int64_t)writes;
        most = extra > most ? extra : most;
    }
    assert_in_range(most, 1,
                    TINY_INPUT + WICK_STAMP_BYTES + WICK_RECORD_BYTES + WICK_VARS_BYTES + TINY_APP +
                        WICK_TALLY_BYTES + 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_write_fixed),
        cmocka_unit_test(every_word_write_greedy_and_threshold),
        cmocka_unit_test(every_write_with_other_spans),
        cmocka_unit_test(every_write_of_independent_modules),
        cmocka_unit_test(every_write_of_answers_that_may_be_sure),
        cmocka_unit_test(every_write_while_the_voltage_wavers),
        cmocka_unit_test(every_write_with_reordering),
        cmocka_unit_test(every_write_with_lazy_commits),
        cmocka_unit_test(every_write_of_tensors_in_sram),
        cmocka_unit_test(a_charge_below_a_span_divides_tensors_in_sram),
        cmocka_unit_test(a_skipped_mandatory_commit_is_caught),
        cmocka_unit_test(a_reading_stuck_high_does_not_stop_progress),
        cmocka_unit_test(a_charge_below_a_span_divides_it),
        cmocka_unit_test(cuts_during_recovery),
        cmocka_unit_test(a_planted_write_after_read_is_caught),
        cmocka_unit_test(a_cut_costs_at_most_one_span),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
