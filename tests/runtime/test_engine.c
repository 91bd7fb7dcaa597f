/* The engine's life without power cuts (test_powercut.c has those): statuses, arguments, port
   errors, foreign and damaged memory, choices, wrap-around. */
#include "helper_device.h"
#include "helper_model.h"
#include "helper_reference.h"

#include <setjmp.h>
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
static int8_t input[TINY_INPUT];
static uint8_t app[TINY_APP];
static const tiny_options usual = {.outputs_per_step = 24, .steps_per_span = 3};

static int make(void **state) {
    (void)state;
    device_make(&d, 4, 0, 0, 5);
    tiny_make(&tiny, usual);
    memset(&engine, 0, sizeof engine);
    memset(app, 0, sizeof app);
    engine.app = app;
    policy = (wick_policy){.kind = WICK_POLICY_FIXED, .module = 1};
    return 0;
}

static wick_rt_status boot(void) {
    memset(scratch, 0x5A, sizeof scratch);
    return wick_engine_boot(&engine, &tiny.model, &d.port, &policy, scratch,
                            tiny.model.scratch_bytes);
}

static wick_rt_status submit(uint32_t content) {
    tiny_input(content, input);
    return wick_engine_submit(&engine, input, TINY_INPUT, NULL);
}

static int is_answer(const device_result *result, uint32_t content) {
    int8_t expected[TINY_CLASSES];
    tiny_expected(&tiny, content, result->module, expected);
    return memcmp(expected, result->logits, TINY_CLASSES) == 0;
}

static void boot_says_what_it_found(void **state) {
    (void)state;
    assert_int_equal(boot(), WICK_RT_FRESH);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_IDLE);
    assert_int_equal(boot(), WICK_RT_IDLE);
    assert_int_equal(submit(1), WICK_RT_OK);
    assert_int_equal(boot(), WICK_RT_RESUMED);
    int busy = 0, results = 0;
    wick_rt_status status;
    while ((status = wick_engine_step(&engine)) != WICK_RT_IDLE) {
        assert_int_equal(boot(), WICK_RT_RESUMED);
        assert_true(busy < 1000);
        busy += status == WICK_RT_BUSY;
        results += status == WICK_RT_RESULT;
    }
    /* One commit for each span of the extractor and module 1, and for the decision. */
    assert_int_equal(busy, tiny.segments[0].n_spans + tiny.segments[1].n_spans + 1);
    assert_int_equal(results, 1);
    assert_int_equal(boot(), WICK_RT_IDLE);
    assert_int_equal(engine.record.modules_done, 1);
    assert_int_equal(engine.record.modules_sent, 1);
    assert_int_equal(d.n_results, 1);
    assert_true(is_answer(&d.results[0], 1));
}

/* Only the first of a format's two records is there: the boot writes the second, so that this run
   commits as often as any other. */
static void a_cut_format_is_finished(void **state) {
    (void)state;
    assert_int_equal(boot(), WICK_RT_FRESH);
    assert_int_equal(engine.record.sequence, 2);
    uint32_t second = tiny.model.record_offset[engine.copy];
    memset(d.current + second, 0, WICK_RECORD_BYTES);
    memset(d.durable + second, 0, WICK_RECORD_BYTES);
    assert_int_equal(boot(), WICK_RT_IDLE);
    assert_int_equal(engine.record.sequence, 2);
    assert_int_equal(tiny.model.record_offset[engine.copy], second);
    assert_int_equal(boot(), WICK_RT_IDLE);
    assert_int_equal(engine.record.sequence, 2);
}

static void wrong_arguments_change_nothing(void **state) {
    (void)state;
    uint32_t need = tiny.model.scratch_bytes;
    wick_model other = tiny.model;
    other.format++;
    assert_int_equal(wick_engine_boot(&engine, &other, &d.port, &policy, scratch, need),
                     WICK_RT_ARGUMENT);
    assert_int_equal(wick_engine_boot(&engine, &tiny.model, &d.port, &policy, scratch, need - 1),
                     WICK_RT_ARGUMENT);
    assert_int_equal(wick_engine_boot(&engine, &tiny.model, &d.port, &policy, NULL, need),
                     WICK_RT_ARGUMENT);
    assert_int_equal(wick_engine_boot(&engine, &tiny.model, &d.port, &policy, scratch + 2, need),
                     WICK_RT_ARGUMENT);
    /* The model asks for less than its steps need. */
    other = tiny.model;
    other.scratch_bytes = 8;
    assert_int_equal(wick_engine_boot(&engine, &other, &d.port, &policy, scratch, 8),
                     WICK_RT_ARGUMENT);
    assert_int_equal(d.writes, 0);
    assert_int_equal(boot(), WICK_RT_FRESH);
    uint64_t writes = d.writes;
    assert_int_equal(wick_engine_submit(&engine, input, TINY_INPUT - 1, NULL), WICK_RT_ARGUMENT);
    assert_int_equal(d.writes, writes);
}

/* A scratch that is enough for a mapped port is not overrun by one that copies. */
static void a_step_checks_its_scratch(void **state) {
    (void)state;
    assert_int_equal(boot(), WICK_RT_FRESH);
    assert_int_equal(submit(1), WICK_RT_OK);
    tiny.model.scratch_bytes = wick_model_scratch_bytes(&tiny.model, 1);
    memset(scratch, 0x5A, sizeof scratch);
    assert_int_equal(boot(), WICK_RT_RESUMED);
    uint64_t writes = d.writes;
    assert_int_equal(wick_engine_step(&engine), WICK_RT_ARGUMENT);
    assert_int_equal(d.writes, writes);
    for (uint32_t i = tiny.model.scratch_bytes; i < sizeof scratch; i++)
        assert_int_equal(scratch[i], 0x5A);
}

/* Nothing beyond scratch_bytes is touched, mapped or not. */
static void scratch_bytes_is_enough(void **state) {
    (void)state;
    for (int mapped = 0; mapped < 2; mapped++)
        for (uint8_t module = 1; module <= 2; module++) {
            make(NULL);
            device_make(&d, 4, 0, mapped, 5);
            policy.module = module;
            tiny.model.scratch_bytes = wick_model_scratch_bytes(&tiny.model, mapped);
            assert_int_equal(boot(), WICK_RT_FRESH);
            assert_int_equal(submit(1), WICK_RT_OK);
            assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
            for (uint32_t i = tiny.model.scratch_bytes; i < sizeof scratch; i++)
                assert_int_equal(scratch[i], 0x5A);
            assert_true(is_answer(&d.results[0], 1));
        }
}

#define BROKEN(statement)                                                                          \
    do {                                                                                           \
        tiny_make(&tiny, usual);                                                                   \
        wick_model *m = &tiny.model;                                                               \
        statement;                                                                                 \
        assert_int_equal(wick_model_check(m, 0, TINY_SCRATCH), WICK_RT_ARGUMENT);                  \
    } while (0)

static void a_broken_model_is_refused(void **state) {
    (void)state;
    assert_int_equal(wick_model_check(&tiny.model, 0, tiny.model.scratch_bytes), WICK_RT_OK);
    assert_int_equal(wick_model_check(&tiny.model, 0, tiny.model.scratch_bytes - 1),
                     WICK_RT_ARGUMENT);
    BROKEN(m->format++);
    BROKEN(m->n_modules = 0);
    BROKEN(m->n_modules = WICK_MAX_MODULES + 1);
    BROKEN(m->n_classes = 0);
    BROKEN(m->input_tensor = m->n_tensors);
    BROKEN(m->record_bytes = WICK_RECORD_BYTES - 1);
    BROKEN(m->record_offset[1] = m->record_offset[0] + 31);
    BROKEN(m->record_offset[1] = m->nvm_bytes - 31);
    BROKEN(m->record_offset[0] = tiny.places[2].offset);
    BROKEN(m->record_offset[0] = UINT32_MAX - 3);
    BROKEN(m->nvm_bytes = 100);
    BROKEN(tiny.places[0].stride = tiny.places[0].bytes - 1);
    BROKEN(tiny.places[0].stride = UINT32_MAX);
    BROKEN(tiny.places[1].stride = 4);
    BROKEN(tiny.places[3].offset = m->nvm_bytes - 1);
    BROKEN(tiny.places[3].bytes = UINT32_MAX);
    BROKEN(tiny.places[1].bytes--);
    BROKEN(tiny.places[0].bytes--);
    BROKEN(tiny.layers[1].kind = WICK_LAYER_KINDS);
    BROKEN(tiny.layers[1].n_operands = 0);
    BROKEN(tiny.layers[1].n_operands = WICK_MAX_OPERANDS + 1);
    BROKEN(tiny.layers[1].dst = m->n_tensors);
    BROKEN(tiny.layers[5].dst = m->input_tensor);
    BROKEN(tiny.operands[1].tensor = m->n_tensors);
    BROKEN(tiny.steps[2].layer = m->n_layers);
    BROKEN(tiny.steps[2].count = 0);
    BROKEN(tiny.steps[2].first = 144);
    BROKEN(tiny.steps[2].count = 145);
    BROKEN(tiny.spans[1].first_step = m->n_steps);
    BROKEN(tiny.segments[1].n_spans = 0);
    BROKEN(tiny.segments[2].first_span++);
    BROKEN(tiny.segments[2].result = m->n_tensors);
    BROKEN(tiny.segments[2].result = 7); /* 4 bytes, but 5 classes */
    tiny_make(&tiny, (tiny_options){.outputs_per_step = 24, .steps_per_span = 3, .independent = 1});
    assert_int_equal(wick_model_check(&tiny.model, 0, TINY_SCRATCH), WICK_RT_OK);
}

/* Module 1's logits become int16, behind everything else in NVM, of the same sums. */
static void widen_logits(tiny_model *t) {
    wick_segment *segment = &t->segments[1];
    wick_place *place = &t->places[segment->result];
    for (uint32_t l = 0; l < t->model.n_layers; l++)
        if (t->layers[l].dst == segment->result) {
            t->layers[l].wide = 1;
            t->layers[l].kernel = WICK_KERNEL_FC_S16;
            t->layers[l].clamp_min = INT16_MIN;
            t->layers[l].clamp_max = INT16_MAX;
        }
    segment->wide = 1;
    place->offset = (t->model.nvm_bytes + 3u) & ~3u;
    place->bytes = 2 * TINY_CLASSES;
    t->model.nvm_bytes = place->offset + 2 * TINY_CLASSES;
    t->model.scratch_bytes = wick_model_scratch_bytes(&t->model, 0);
}

/* No zero point, and steps so fine that 8 bits would not do. */
static void enlarge_logits(tiny_model *t) {
    for (uint32_t l = 0; l < t->model.n_layers; l++)
        if (t->layers[l].dst == t->segments[1].result) {
            t->layers[l].out_zp = 0;
            t->layers[l].clamp_min = INT8_MIN;
            for (int c = 0; c < TINY_CLASSES; c++)
                *(int32_t *)(uintptr_t)&t->layers[l].mult[c] = INT32_MAX / 16;
        }
}

static void logits_may_have_16_bits(void **state) {
    (void)state;
    int beyond = 0;
    for (int mapped = 0; mapped < 2; mapped++)
        for (uint32_t content = 1; content <= 20; content++) {
            int8_t narrow[TINY_CLASSES];
            device_make(&d, 4, 0, mapped, 5);
            tiny_make(&tiny, usual);
            enlarge_logits(&tiny);
            tiny_expected(&tiny, content, 1, narrow);
            widen_logits(&tiny);
            assert_int_equal(boot(), WICK_RT_FRESH);
            assert_int_equal(submit(content), WICK_RT_OK);
            assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
            const device_result *r = &d.results[0];
            assert_true(d.n_results == 1 && r->wide);
            for (int c = 0; c < TINY_CLASSES; c++) {
                int y = r->wide_logits[c], best = r->wide_logits[r->label];
                assert_int_equal(y < -128 ? -128 : y > 127 ? 127 : y, narrow[c]);
                assert_true(c < r->label ? y < best : y <= best);
                beyond += y < -128 || y > 127;
            }
            policy.module = 2; /* whose logits are as before */
            assert_int_equal(submit(content), WICK_RT_OK);
            assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
            assert_false(d.results[1].wide);
            assert_true(is_answer(&d.results[1], content));
            policy.module = 1;
        }
    assert_true(beyond > 20);
    BROKEN(widen_logits(&tiny); tiny.places[tiny.segments[1].result].bytes--);
    BROKEN(widen_logits(&tiny); tiny.places[tiny.segments[1].result].offset++; m->nvm_bytes++);
    BROKEN(widen_logits(&tiny); tiny.segments[2].wide = 1); /* 5 bytes */
}

static uint32_t charge_uj;
static int asked;

static wick_situation situation(void *ctx) {
    (void)ctx;
    asked++;
    return (wick_situation){.charge_uj = charge_uj,
                            .full_uj = 100,
                            .harvest_uw = UINT32_MAX,
                            .time_left_ms = UINT32_MAX,
                            .modules_done = 0xff};
}

/* The choice is in NVM, and nothing else is, before any of its work. */
static void a_choice_is_committed_before_it_is_acted_on(void **state) {
    (void)state;
    policy.kind = WICK_POLICY_GREEDY;
    assert_int_equal(boot(), WICK_RT_FRESH);
    engine.situation = situation;
    charge_uj = 50; /* carries module 1 (16 uJ) and module 2 (4 uJ) */
    assert_int_equal(submit(1), WICK_RT_OK);
    while (engine.record.phase != WICK_PHASE_DECIDE)
        assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    static int8_t before[DEVICE_BYTES];
    memcpy(before, d.current, DEVICE_BYTES);
    assert_int_equal(asked, 0);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    assert_int_equal(asked, 1);
    assert_memory_equal(before + TINY_TENSORS_AT, d.current + TINY_TENSORS_AT,
                        DEVICE_BYTES - TINY_TENSORS_AT);
    wick_record record;
    uint8_t copy;
    assert_int_equal(wick_record_load(&tiny.model, &d.port, &record, &copy), WICK_RT_OK);
    assert_int_equal(record.phase, WICK_PHASE_RUN);
    assert_int_equal(record.segment, 1);
    /* After a failure there is no charge left, but the choice stands. */
    charge_uj = 1;
    assert_int_equal(boot(), WICK_RT_RESUMED);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_int_equal(d.n_results, 1);
    assert_int_equal(d.results[0].module, 1);
    assert_int_equal(asked, 2);
    /* Without a voltage the smallest. */
    engine.situation = NULL;
    assert_int_equal(submit(2), WICK_RT_OK);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_int_equal(d.results[1].module, 2);
}

/* Every port call of a life fails once, before or after it has done its work; each failed engine
   call is repeated. */
/* Every call of the port fails once, at once or after the fact. */
static int retry_port_errors(tiny_options options) {
    int errors = 0;
    for (int late = 0; late < 2; late++)
        for (uint64_t call = 1, done = 0; !done; call++) {
            make(NULL);
            tiny_make(&tiny, options);
            d.fail_at = call;
            d.fail_late = late;
            wick_rt_status status = boot();
            while (status < 0) {
                errors++;
                status = boot();
            }
            uint32_t epoch = 0;
            for (uint32_t content = 1; content <= 2; content++) {
                tiny_input(content, input);
                for (;;) {
                    status = wick_engine_submit(&engine, input, TINY_INPUT, &epoch);
                    if (status == WICK_RT_OK)
                        break;
                    assert_true(status == WICK_RT_NVM);
                    errors++;
                }
                assert_true(epoch == content || epoch == content + 1);
                while ((status = wick_engine_run(&engine)) != WICK_RT_IDLE) {
                    assert_true(status == WICK_RT_NVM || status == WICK_RT_PORT);
                    errors++;
                }
                device_result *last = &d.results[d.n_results - 1];
                assert_int_equal(last->epoch, epoch);
                assert_true(is_answer(last, content));
            }
            assert_in_range(d.n_results, 2, 3);
            done = d.calls < call;
        }
    return errors;
}

static const tiny_options in_sram = {.outputs_per_step = 1000, .steps_per_span = 2, .resident = 1},
                          begins = {.outputs_per_step = 1000,
                                    .steps_per_span = 3,
                                    .independent = 1,
                                    .again = 1,
                                    .resident = 1};

static void port_errors_can_be_retried(void **state) {
    (void)state;
    assert_in_range(retry_port_errors(usual), 100, 1000);
    assert_in_range(retry_port_errors(in_sram), 50, 1000);
    assert_in_range(retry_port_errors(begins), 40, 1000);
}

/* Makes the policy choose once more for the same input. */
static void ask_again(uint8_t module) {
    assert_int_equal(engine.record.phase, WICK_PHASE_DECIDE);
    engine.record.modules_done = 0;
    policy.module = module;
}

/* Modules that begin with the extractor: the second one of a boot goes on from what the first has
   left in SRAM, so that the input is not even looked at; after a boot it computes it again. */
static void the_extractor_is_computed_once_a_boot(void **state) {
    (void)state;
    for (int reboots = 0; reboots < 2; reboots++) {
        make(NULL);
        tiny_make(&tiny, begins);
        assert_int_equal(wick_model_check(&tiny.model, 0, tiny.model.scratch_bytes), WICK_RT_OK);
        assert_true(wick_recomputes(&tiny.model));
        assert_int_equal(boot(), WICK_RT_FRESH);
        assert_int_equal(submit(1), WICK_RT_OK);
        while (d.n_results == 0)
            assert_true(wick_engine_step(&engine) >= 0);
        if (reboots)
            assert_int_equal(boot(), WICK_RT_RESUMED);
        ask_again(2);
        const wick_place *place = &tiny.places[tiny.model.input_tensor];
        if (!reboots)
            memset(d.current + place->offset, 0x77, place->bytes + place->stride);
        while (d.n_results == 1)
            assert_true(wick_engine_step(&engine) >= 0);
        assert_int_equal(d.results[1].module, 2);
        assert_true(is_answer(&d.results[0], 1) && is_answer(&d.results[1], 1));
    }
}

/* A submit whose commit reached the memory although it failed: repeating it must not write into the
   input that is current now, so a cut finds one of the two, whole. */
static void a_repeated_submit_never_mixes_inputs(void **state) {
    (void)state;
    static jmp_buf power;
    for (volatile uint64_t call = 1; call <= 4; call++)
        for (volatile uint64_t cut = 1; cut <= 60; cut++) {
            make(NULL);
            d.power = &power;
            assert_int_equal(boot(), WICK_RT_FRESH);
            assert_int_equal(submit(3), WICK_RT_OK);
            d.calls = 0;
            d.fail_at = call; /* write, barrier, write, barrier */
            d.fail_late = 1;
            assert_int_equal(submit(1), WICK_RT_NVM);
            d.cut_at = d.writes + cut;
            if (setjmp(power) == 0)
                assert_int_equal(submit(2), WICK_RT_OK);
            d.cut_at = 0;
            device_power_cycle(&d);
            assert_int_equal(boot(), WICK_RT_RESUMED);
            assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
            assert_int_equal(d.n_results, 1);
            assert_true(is_answer(&d.results[0], 1) || is_answer(&d.results[0], 2) ||
                        is_answer(&d.results[0], 3));
        }
}

static void format_forgets_everything(void **state) {
    (void)state;
    assert_int_equal(boot(), WICK_RT_FRESH);
    assert_int_equal(submit(1), WICK_RT_OK);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    assert_int_equal(wick_engine_format(&engine), WICK_RT_OK);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_IDLE);
    assert_int_equal(boot(), WICK_RT_IDLE);
    assert_int_equal(engine.record.epoch, 0);
    /* Neither copy leads back, even if the other one is lost. */
    for (int at = 0; at < 128; at += 64) {
        d.current[at + 13] ^= 1;
        assert_int_equal(boot(), WICK_RT_IDLE);
        assert_int_equal(engine.record.epoch, 0);
        assert_int_equal(wick_engine_format(&engine), WICK_RT_OK);
    }
    assert_int_equal(submit(2), WICK_RT_OK);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_true(is_answer(&d.results[0], 2));
}

static void damage_is_reported_and_waits_for_format(void **state) {
    (void)state;
    assert_int_equal(boot(), WICK_RT_FRESH);
    assert_int_equal(submit(1), WICK_RT_OK);
    d.current[20] ^= 4;
    d.current[64 + 24] ^= 1;
    uint64_t writes = d.writes;
    assert_int_equal(boot(), WICK_RT_CORRUPT);
    assert_int_equal(wick_engine_step(&engine), WICK_RT_CORRUPT);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_CORRUPT);
    assert_int_equal(submit(2), WICK_RT_CORRUPT);
    assert_int_equal(d.writes, writes);
    assert_int_equal(wick_engine_format(&engine), WICK_RT_OK);
    assert_int_equal(boot(), WICK_RT_IDLE);
}

/* Intact, ours, and yet impossible. */
static void an_impossible_record_is_corrupt(void **state) {
    (void)state;
    const struct {
        uint8_t segment, phase;
        uint16_t span;
    } bad[] = {{3, WICK_PHASE_RUN, 0},
               {0, WICK_PHASE_PUBLISH + 1, 0},
               {0, WICK_PHASE_RUN, tiny.segments[0].n_spans},
               {2, WICK_PHASE_RUN, 500},
               {0, WICK_PHASE_PUBLISH, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(boot() >= 0 || wick_engine_format(&engine) == WICK_RT_OK);
        wick_record record = engine.record;
        record.segment = bad[i].segment;
        record.phase = bad[i].phase;
        record.span = bad[i].span;
        assert_int_equal(wick_record_commit(&tiny.model, &d.port, &record, &engine.copy),
                         WICK_RT_OK);
        assert_int_equal(boot(), WICK_RT_CORRUPT);
    }
}

/* G5: firmware B boots on A's memory, power fails at every write of its formatting, then A or B
   comes back. A either goes on from its newest record, untouched, or begins afresh. */
static void foreign_memory_is_never_resumed(void **state) {
    (void)state;
    static jmp_buf power;
    static device worked;
    static tiny_model other;
    tiny_make(&other, usual);
    other.model.id[1] ^= 1;
    make(NULL);
    assert_int_equal(boot(), WICK_RT_FRESH);
    assert_int_equal(submit(1), WICK_RT_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(wick_engine_step(&engine), WICK_RT_BUSY);
    memcpy(&worked, &d, sizeof d);
    wick_record newest = engine.record;
    int resumed = 0, foreign = 0;
    for (volatile uint64_t cut = 1; cut <= 30; cut++)
        for (volatile int again = 0; again < 2; again++) {
            memcpy(&d, &worked, sizeof d);
            d.power = &power;
            d.cut_at = d.writes + cut;
            d.random += cut * 2;
            if (setjmp(power) == 0)
                assert_int_equal(wick_engine_boot(&engine, &other.model, &d.port, &policy, scratch,
                                                  tiny.model.scratch_bytes),
                                 WICK_RT_FOREIGN);
            d.cut_at = 0;
            device_power_cycle(&d);
            if (again) {
                wick_rt_status status = wick_engine_boot(&engine, &other.model, &d.port, &policy,
                                                         scratch, tiny.model.scratch_bytes);
                assert_true(status == WICK_RT_FOREIGN || status == WICK_RT_IDLE);
                assert_int_equal(engine.record.epoch, 0);
                assert_int_equal(boot(), WICK_RT_FOREIGN);
                assert_int_equal(boot(), WICK_RT_IDLE);
                continue;
            }
            wick_rt_status status = boot();
            if (status == WICK_RT_RESUMED) {
                /* padding apart */
                assert_memory_equal(&engine.record, &newest, offsetof(wick_record, reserved));
                resumed++;
            } else {
                assert_int_equal(status, WICK_RT_FOREIGN);
                assert_int_equal(engine.record.epoch, 0);
                foreign++;
            }
        }
    assert_true(resumed > 5 && foreign > 5);
}

/* Sequence and epoch pass 2^32; the input's two places still alternate. */
static void counters_wrap(void **state) {
    (void)state;
    assert_int_equal(boot(), WICK_RT_FRESH);
    wick_record record = engine.record;
    record.sequence = UINT32_MAX - 4;
    record.epoch = UINT32_MAX - 1;
    /* Both copies, or the older one would be ahead modulo 2^32. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(wick_record_commit(&tiny.model, &d.port, &record, &engine.copy),
                         WICK_RT_OK);
    assert_int_equal(boot(), WICK_RT_IDLE);
    static const uint32_t expected[] = {UINT32_MAX, 2, 3};
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t epoch;
        tiny_input(i + 1, input);
        assert_int_equal(wick_engine_submit(&engine, input, TINY_INPUT, &epoch), WICK_RT_OK);
        assert_int_equal(epoch, expected[i]);
        const wick_place *place = &tiny.places[0];
        assert_memory_equal(d.current + place->offset + epoch % 2 * place->stride, input,
                            TINY_INPUT);
        for (int steps = 0; wick_engine_step(&engine) != WICK_RT_IDLE; steps++) {
            assert_true(steps < 1000);
            boot();
        }
        assert_int_equal(d.results[i].epoch, epoch);
        assert_true(is_answer(&d.results[i], i + 1));
    }
    assert_true(engine.record.sequence < 100);
}

/* Logits with equal largest values: the first label. */
static void the_first_of_equal_logits_wins(void **state) {
    (void)state;
    memset(tiny.weights, 0, sizeof tiny.weights);
    memset(tiny.bias, 0, sizeof tiny.bias);
    assert_int_equal(boot(), WICK_RT_FRESH);
    assert_int_equal(submit(1), WICK_RT_OK);
    assert_int_equal(wick_engine_run(&engine), WICK_RT_IDLE);
    assert_int_equal(d.results[0].label, 0);
}

static uint16_t margin(const int16_t *logits, uint16_t n) {
    const wick_result wide = {.n_classes = n, .wide_logits = logits};
    return wick_result_margin(&wide);
}

static void margins_of_logits(void **state) {
    (void)state;
    const int8_t narrow[4] = {-128, 3, 127, 100};
    const wick_result result = {.n_classes = 4, .logits = narrow};
    assert_int_equal(wick_result_margin(&result), 27);
    assert_int_equal(margin((const int16_t[]){5, 9, 9}, 3), 0);
    assert_int_equal(margin((const int16_t[]){INT16_MIN, INT16_MAX, INT16_MIN}, 3), 65535);
    assert_int_equal(margin((const int16_t[]){-7, -9, -20}, 3), 2);
    assert_int_equal(margin((const int16_t[]){9, 5, 6}, 3), 3);
    assert_int_equal(margin((const int16_t[]){-7}, 1), UINT16_MAX);
    const wick_policy some = {.sure = {0, 12}};
    assert_false(wick_policy_sure(&some, 1, UINT16_MAX));
    assert_false(wick_policy_sure(&some, 2, 11));
    assert_true(wick_policy_sure(&some, 2, 12));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(boot_says_what_it_found, make),
        cmocka_unit_test_setup(wrong_arguments_change_nothing, make),
        cmocka_unit_test_setup(a_step_checks_its_scratch, make),
        cmocka_unit_test_setup(scratch_bytes_is_enough, make),
        cmocka_unit_test_setup(a_broken_model_is_refused, make),
        cmocka_unit_test_setup(logits_may_have_16_bits, make),
        cmocka_unit_test_setup(a_choice_is_committed_before_it_is_acted_on, make),
        cmocka_unit_test_setup(port_errors_can_be_retried, make),
        cmocka_unit_test_setup(the_extractor_is_computed_once_a_boot, make),
        cmocka_unit_test_setup(a_repeated_submit_never_mixes_inputs, make),
        cmocka_unit_test_setup(a_cut_format_is_finished, make),
        cmocka_unit_test_setup(format_forgets_everything, make),
        cmocka_unit_test_setup(damage_is_reported_and_waits_for_format, make),
        cmocka_unit_test_setup(an_impossible_record_is_corrupt, make),
        cmocka_unit_test_setup(foreign_memory_is_never_resumed, make),
        cmocka_unit_test_setup(counters_wrap, make),
        cmocka_unit_test_setup(the_first_of_equal_logits_wins, make),
        cmocka_unit_test(margins_of_logits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
