/* Two slots for a model image, and an update in mid-outage: the new weights arrive in pieces while
   an inference of the old model is interrupted, and power is cut before every write of all that. At
   every boot one whole image counts, the engine never resumes the old model's work with the new
   weights, and every result is that of the image that counts. */
#include "helper_device.h"
#include "helper_model.h"
#include "helper_reference.h"

#include <wick/image.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { PIECE = 64, SLOT_BYTES = 800, MODELS = 2 };

static const wick_image_places places = {.header_offset = {2048, 2112},
                                         .slot_offset = {2176, 2176 + SLOT_BYTES},
                                         .slot_bytes = SLOT_BYTES,
                                         .write_unit = 4};
static const wick_policy policy = {.kind = WICK_POLICY_FIXED, .module = 1};

typedef struct firmware {
    device d;
    tiny_model models[MODELS]; /* the old one, the new one: other weights, another layout */
    int8_t contents[MODELS][SLOT_BYTES];
    int8_t expected[MODELS][TINY_CLASSES];
    uint32_t bytes[MODELS], crc[MODELS];
    ptrdiff_t offsets[MODELS][8]; /* of each layer's weights in the image */
    int steps;                    /* of the old model's work before the update arrives */
    int boots, updated;
    wick_image image;
    wick_engine engine;
    uint8_t app[TINY_APP];
    _Alignas(16) int8_t scratch[TINY_SCRATCH];
    jmp_buf power;
} firmware;

static firmware f; /* static: automatic variables would not survive longjmp */
static firmware pristine;

static wick_rt_status update(int k) {
    wick_rt_status status =
        wick_image_begin(&places, &f.d.port, &f.image, f.models[k].model.id, f.bytes[k], f.crc[k]);
    while (status == WICK_RT_OK && f.image.written < f.bytes[k]) {
        uint32_t left = f.bytes[k] - f.image.written;
        status = wick_image_append(&places, &f.d.port, &f.image, f.contents[k] + f.image.written,
                                   left < PIECE ? left : PIECE);
    }
    return status == WICK_RT_OK ? wick_image_finish(&places, &f.d.port, &f.image) : status;
}

static void prepare(uint32_t unit, int reorder, int steps) {
    memset(&f, 0, sizeof f);
    device_make(&f.d, unit, reorder, 1, 3);
    f.steps = steps;
    for (int k = 0; k < MODELS; k++) {
        tiny_model *t = &f.models[k];
        tiny_make(t, (tiny_options){.outputs_per_step = 24, .steps_per_span = 2});
        t->model.id[1] += (uint32_t)k;
        for (uint32_t i = 0; k && i < t->used_weights; i++)
            t->weights[i] = (int8_t)~t->weights[i];
        tiny_expected(t, 1, 1, f.expected[k]);
        for (int l = 0; l < t->model.n_layers; l++)
            if (t->layers[l].weights != NULL)
                f.offsets[k][l] = t->layers[l].weights - t->weights;
        f.bytes[k] = t->used_weights;
        assert_in_range(f.bytes[k], 4 * PIECE, SLOT_BYTES);
        memcpy(f.contents[k], t->weights, f.bytes[k]);
        f.crc[k] = wick_crc32(0, f.contents[k], f.bytes[k]);
        memset(t->weights, 0, sizeof t->weights); /* from now on they are in NVM alone */
    }
    assert_memory_not_equal(f.expected[0], f.expected[1], TINY_CLASSES);
    assert_int_equal(wick_image_load(&places, &f.d.port, &f.image), WICK_RT_FRESH);
    assert_int_equal(wick_image_check(&places, &f.d.port, &f.image), WICK_RT_FRESH);
    assert_int_equal(update(0), WICK_RT_OK);
    memcpy(&pristine, &f, sizeof f);
}

/* The model of the image that counts, its constants in the slot. */
static int find_model(void) {
    assert_int_equal(wick_image_load(&places, &f.d.port, &f.image), WICK_RT_OK);
    assert_int_equal(wick_image_check(&places, &f.d.port, &f.image), WICK_RT_OK);
    int k = f.image.layout[1] == f.models[1].model.id[1];
    assert_memory_equal(f.image.layout, f.models[k].model.id, sizeof f.image.layout);
    assert_true(k >= f.updated); /* never back to the old one */
    tiny_model *t = &f.models[k];
    const int8_t *slot = f.d.port.nvm_mapped + places.slot_offset[f.image.slot];
    for (int l = 0; l < t->model.n_layers; l++)
        if (t->layers[l].weights != NULL)
            t->layers[l].weights = slot + f.offsets[k][l];
    return k;
}

static void submit_first(void) {
    int8_t input[TINY_INPUT];
    tiny_input(1, input);
    assert_int_equal(wick_engine_submit(&f.engine, input, TINY_INPUT, NULL), WICK_RT_OK);
}

/* One boot. Returns 0 when the new model has answered. */
static int live(void) {
    int k = find_model();
    f.boots++;
    memset(&f.engine, 0, sizeof f.engine);
    f.engine.app = f.app;
    memset(f.scratch, 0x5A, sizeof f.scratch);
    uint32_t results = f.d.n_results;
    wick_rt_status status = wick_engine_boot(&f.engine, &f.models[k].model, &f.d.port, &policy,
                                             f.scratch, TINY_SCRATCH);
    assert_true(status >= 0);
    if (f.engine.record.epoch == 0)
        submit_first();
    for (int i = 0; (k || i < f.steps) && f.engine.record.phase != WICK_PHASE_IDLE; i++)
        assert_true(wick_engine_step(&f.engine) >= 0);
    for (uint32_t i = results; i < f.d.n_results; i++)
        assert_memory_equal(f.d.results[i].logits, f.expected[k], TINY_CLASSES);
    if (k)
        return 0;
    assert_int_equal(update(1), WICK_RT_OK);
    f.updated = 1;
    return 1;
}

static void whole_life(uint64_t cut, uint64_t again) {
    f.d.power = &f.power;
    f.d.cut_at = cut;
    if (setjmp(f.power) != 0) {
        device_power_cycle(&f.d);
        f.d.cut_at = 0;
        if (again && random_u32(&f.d.random) % 4)
            f.d.cut_at = f.d.writes + 1 + random_u32(&f.d.random) % again;
    }
    while (live())
        continue;
    assert_int_equal(f.image.slot, 0);
    assert_true(f.d.n_results >= 1);
    assert_memory_equal(f.d.results[f.d.n_results - 1].logits, f.expected[1], TINY_CLASSES);
}

static void every_write_of_an_update(void **state) {
    (void)state;
    for (int variant = 0; variant < 6; variant++) {
        prepare(variant % 2 ? 1 : 4, variant == 2 || variant == 3, variant < 4 ? 3 : 100);
        f.d.writes = 0;
        memcpy(&pristine, &f, sizeof f);
        whole_life(0, 0);
        uint64_t writes = f.d.writes;
        assert_true(writes > 300);
        for (uint64_t cut = 1; cut <= writes; cut++) {
            memcpy(&f, &pristine, sizeof f);
            f.d.random += cut * 2;
            whole_life(cut, variant == 4 ? 100 : 0);
        }
    }
}

/* What arrives damaged never counts, and the update can be sent again. */
static void a_damaged_image_is_refused(void **state) {
    (void)state;
    prepare(4, 0, 0);
    uint32_t before = f.image.slot;
    f.contents[1][77] ^= 4;
    assert_int_equal(update(1), WICK_RT_CORRUPT);
    assert_int_equal(f.image.slot, before);
    assert_int_equal(f.image.written, 0);
    assert_int_equal(wick_image_check(&places, &f.d.port, &f.image), WICK_RT_OK);
    f.contents[1][77] ^= 4;
    assert_int_equal(update(1), WICK_RT_OK);
    assert_int_equal(f.image.slot, before ^ 1u);
    assert_int_equal(wick_image_check(&places, &f.d.port, &f.image), WICK_RT_OK);
    f.d.current[places.slot_offset[f.image.slot] + 5] ^= 1;
    assert_int_equal(wick_image_check(&places, &f.d.port, &f.image), WICK_RT_CORRUPT);
}

static void wrong_arguments(void **state) {
    (void)state;
    prepare(4, 0, 0);
    const uint32_t *id = f.models[1].model.id;
    uint64_t writes = f.d.writes;
    assert_int_equal(wick_image_begin(&places, &f.d.port, &f.image, id, 0, 0), WICK_RT_ARGUMENT);
    assert_int_equal(wick_image_begin(&places, &f.d.port, &f.image, id, SLOT_BYTES + 1, 0),
                     WICK_RT_ARGUMENT);
    assert_int_equal(wick_image_append(&places, &f.d.port, &f.image, f.contents[1], 4),
                     WICK_RT_ARGUMENT); /* no update */
    assert_int_equal(wick_image_finish(&places, &f.d.port, &f.image), WICK_RT_ARGUMENT);
    assert_int_equal(f.d.writes, writes);
    assert_int_equal(wick_image_begin(&places, &f.d.port, &f.image, id, 10, 0), WICK_RT_OK);
    assert_int_equal(wick_image_append(&places, &f.d.port, &f.image, f.contents[1], 3),
                     WICK_RT_ARGUMENT); /* no write unit */
    assert_int_equal(wick_image_append(&places, &f.d.port, &f.image, f.contents[1], 12),
                     WICK_RT_ARGUMENT); /* too much */
    assert_int_equal(wick_image_append(&places, &f.d.port, &f.image, f.contents[1], 8), WICK_RT_OK);
    assert_int_equal(wick_image_finish(&places, &f.d.port, &f.image), WICK_RT_ARGUMENT);
    /* Another update starts over. */
    assert_int_equal(wick_image_begin(&places, &f.d.port, &f.image, id, 12, 0), WICK_RT_OK);
    assert_int_equal(f.image.written, 0);
    assert_int_equal(wick_image_append(&places, &f.d.port, &f.image, f.contents[1], 8), WICK_RT_OK);
    assert_int_equal(wick_image_begin(&places, &f.d.port, &f.image, id, 12, 0), WICK_RT_OK);
    assert_int_equal(f.image.written, 8); /* the same one goes on */
    assert_int_equal(wick_image_begin(&places, &f.d.port, &f.image, id, 12, 1), WICK_RT_OK);
    assert_int_equal(f.image.written, 0);
}

/* Every bit of either header copy: the other one counts. Both: reported. */
static void damaged_headers(void **state) {
    (void)state;
    prepare(4, 0, 0);
    assert_int_equal(wick_image_begin(&places, &f.d.port, &f.image, f.models[1].model.id, 100, 7),
                     WICK_RT_OK);
    wick_image found, newest = f.image;
    for (int copy = 0; copy < 2; copy++)
        for (uint32_t bit = 0; bit < 8 * WICK_IMAGE_HEADER_BYTES; bit++) {
            int8_t *byte = &f.d.current[places.header_offset[copy] + bit / 8];
            *byte = (int8_t)(*byte ^ (1 << bit % 8));
            assert_int_equal(wick_image_load(&places, &f.d.port, &found), WICK_RT_OK);
            assert_int_equal(found.sequence, newest.sequence - (copy == newest.copy));
            assert_int_equal(wick_image_check(&places, &f.d.port, &found), WICK_RT_OK);
            *byte = (int8_t)(*byte ^ (1 << bit % 8));
        }
    f.d.current[places.header_offset[0] + 9] ^= 1;
    f.d.current[places.header_offset[1] + 9] ^= 1;
    assert_int_equal(wick_image_load(&places, &f.d.port, &found), WICK_RT_CORRUPT);
}

/* Each port call of an update fails once, before or after it has done its work: the call is
 * repeated. */
static void port_errors_can_be_repeated(void **state) {
    (void)state;
    int errors = 0;
    for (int late = 0; late < 2; late++)
        for (uint64_t call = 1, done = 0; !done; call++) {
            prepare(4, 0, 0);
            f.d.calls = 0;
            f.d.fail_at = call;
            f.d.fail_late = late;
            wick_rt_status status;
            while ((status = update(1)) != WICK_RT_OK) {
                assert_int_equal(status, WICK_RT_NVM);
                errors++;
            }
            done = f.d.calls < call;
            f.d.fail_at = 0;
            assert_int_equal(wick_image_load(&places, &f.d.port, &f.image), WICK_RT_OK);
            assert_int_equal(f.image.slot, 0);
            assert_int_equal(wick_image_check(&places, &f.d.port, &f.image), WICK_RT_OK);
        }
    assert_true(errors > 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_write_of_an_update),
        cmocka_unit_test(a_damaged_image_is_refused),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(damaged_headers),
        cmocka_unit_test(port_errors_can_be_repeated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
