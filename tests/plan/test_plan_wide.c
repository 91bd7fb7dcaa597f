/* Plans for activations of 16 bits: every size in bytes, steps on write units, and the engine's own
   answer through a power failure at every write. */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cut_device.h"
#include "tiny_wide.h"

#include <wick/engine.h>
enum { CLASSES = 10 };

static wick_arena *arena;
static wick_qnet *narrow, *wide;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    narrow = tiny_family(31, 8, 6);
    wide = tiny_family(31, 8, 6);
    tiny_widen(wide);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tiny_free(narrow);
    tiny_free(wide);
    wick_arena_free(arena);
    return 0;
}

static wick_plan *plan_of(const wick_qnet *net, const char *name, int max_span_outputs, double uf) {
    wick_plan_options options = wick_plan_defaults();
    wick_device *device;
    wick_plan *plan = NULL;
    wick_diag diag = {0};
    options.max_span_outputs = max_span_outputs;
    options.capacitor_uf = uf;
    assert_int_equal(wick_device_load(arena, name, &device, NULL), WICK_OK);
    wick_status status = wick_plan_make(net, device, &options, NULL, &plan, &diag);
    wick_diag_print(&diag, stderr);
    wick_diag_free(&diag);
    assert_int_equal(status, WICK_OK);
    return plan;
}

/* Twice the bytes of every tensor but input and logits, in NVM, in SRAM and on the way. */
static void bytes_are_counted_twice(void **state) {
    (void)state;
    static const char *const devices[] = {"m4-fram", "m4-mram", "m4-mram-ecc", "m33-flash"};
    for (size_t i = 0; i < WICK_LEN(devices); i++) {
        wick_plan *two = plan_of(wide, devices[i], 0, 0), *one = plan_of(narrow, devices[i], 0, 0);
        for (int t = 0; t < wide->n_tensors; t++) {
            assert_int_equal(two->model.tensors[t].bytes,
                             one->model.tensors[t].bytes * (wide->tensors[t].wide ? 2 : 1));
            assert_int_equal(two->model.tensors[t].offset % 2, 0);
        }
        assert_true(two->totals.ram_bytes > one->totals.ram_bytes);
        assert_true(two->model.nvm_bytes >= one->model.nvm_bytes);
        assert_true(two->expected_uj > one->expected_uj);
        assert_int_equal(wick_plan_check(two, NULL), WICK_OK);
        for (int l = 0; l < wide->n_layers; l++)
            assert_int_equal(wick_is_wide(&two->layers[l]), 1);
        wick_plan_free(one);
        wick_plan_free(two);
    }
}

/* A small capacitor divides layers: pieces begin on write units of bytes, not of outputs, and what
   a step reads and writes is priced by bytes. */
static void pieces_begin_on_units(void **state) {
    (void)state;
    wick_plan *plan = plan_of(wide, "m4-mram-ecc", 60, 0);
    const wick_model *m = &plan->model;
    int inside = 0;
    for (int s = 0; s < m->n_steps; s++) {
        const wick_layer *layer = &m->layers[m->steps[s].layer];
        uint32_t at = m->steps[s].first * wick_out_size(layer);
        assert_int_equal(at % m->write_unit, 0);
        inside += layer->wide && m->steps[s].first % m->write_unit != 0;
    }
    assert_true(inside > 0); /* four outputs, of eight bytes, end a unit */
    assert_int_equal(wick_plan_check(plan, NULL), WICK_OK);
    /* The check knows bytes: a place or a step that assumes one byte is refused. */
    wick_place *places = (wick_place *)(uintptr_t)m->tensors;
    int t = wide->layers[0].dst;
    places[t].bytes /= 2;
    assert_int_not_equal(wick_plan_check(plan, NULL), WICK_OK);
    wick_plan_free(plan);
}

/* --- power failures --------------------------------------------------------------------------*/

static void through_power_failures(const char *device, int max_span_outputs, int mapped) {
    wick_plan *plan = plan_of(wide, device, max_span_outputs, 0);
    assert_true(plan->model.nvm_bytes <= CUT_NVM);
    const wick_qtensor *x = &wide->tensors[wide->input];
    size_t n = (size_t)x->h * (size_t)x->w * (size_t)x->c;
    uint8_t *pixels = wick_new(arena, uint8_t, n);
    int8_t **values = wick_qnet_buffers(wide, arena);
    wick_rng rng = wick_rng_seed(3, 0);
    for (size_t i = 0; i < n; i++)
        pixels[i] = (uint8_t)wick_rng_below(&rng, 256);
    wick_qnet_run(wide, pixels, UINT32_MAX, values);
    for (int module = 1; module <= 3; module++) {
        const int8_t *want = values[wide->logits[module - 1]];
        int distinct = 0;
        for (int c = 1; c < CLASSES; c++)
            distinct += want[c] != want[0];
        if (distinct < 4)
            fail_msg("module %d: %d %d %d %d", module, want[0], want[1], want[2], want[3]);
        const wick_policy policy = {.kind = WICK_POLICY_FIXED, .module = (uint8_t)module};
        const int8_t *input = values[wide->input];
        assert_int_equal(cut_run(plan, &policy, mapped, input, 0, arena), WICK_RT_IDLE);
        long writes = cut.writes;
        assert_true(writes > 5);
        for (long at = 0; at <= writes; at++) {
            assert_int_equal(cut_run(plan, &policy, mapped, input, at, arena), WICK_RT_IDLE);
            assert_true(cut.deliveries[module] >= 1);
            assert_memory_equal(cut.logits[module], want, CLASSES);
        }
    }
    wick_plan_free(plan);
}

static void answers_survive_whole(void **state) {
    (void)state;
    through_power_failures("m4-fram", 0, 0);
    through_power_failures("m4-mram", 0, 1);
}

static void answers_survive_in_pieces(void **state) {
    (void)state;
    through_power_failures("m4-fram", 100, 0);
    through_power_failures("m4-mram-ecc", 60, 1);
}

/* A device whose table lacks the kernels is no device for such a network: said before planning. */
static void kernels_must_be_there(void **state) {
    (void)state;
    wick_device *device;
    wick_plan *plan;
    wick_plan_options options = wick_plan_defaults();
    wick_diag diag = {0};
    assert_int_equal(wick_device_load(arena, "m4-fram", &device, NULL), WICK_OK);
    device->fast[WICK_KERNEL_ADD_S16].offered = false;
    assert_int_equal(wick_plan_make(wide, device, &options, "m.onnx", &plan, &diag),
                     WICK_UNSUPPORTED);
    assert_null(plan);
    assert_int_equal(diag.count, 1);
    assert_non_null(strstr(diag.items[0].place, "add_"));
    assert_non_null(strstr(diag.items[0].reason, "add_s16"));
    assert_non_null(strstr(diag.items[0].hint, "8 bits"));
    wick_diag_free(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_counted_twice), cmocka_unit_test(pieces_begin_on_units),
        cmocka_unit_test(answers_survive_whole),   cmocka_unit_test(answers_survive_in_pieces),
        cmocka_unit_test(kernels_must_be_there),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
