/* Plans for flash behind wick/flash.h: random networks on random flashes. Everything that is
   written has blocks of its own, the log has room, wear and costs follow from what is written; what
   does not fit is told. */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_qnet.h"

#include <wick/nvm.h>

static wick_arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

static wick_device *flash(void) {
    wick_device *device;
    assert_int_equal(wick_device_load(arena, "m33-flash", &device, NULL), WICK_OK);
    return device;
}

/* Which blocks something writes: nothing else does. */
static void own_blocks(const wick_plan *plan, uint8_t *owner, uint32_t offset, int64_t bytes,
                       uint8_t who) {
    uint32_t block = plan->model.write_unit;
    assert_int_equal(offset % block, 0);
    for (uint32_t b = offset / block; bytes > 0; b++, bytes -= block) {
        assert_true(b < plan->model.nvm_bytes / block);
        assert_true(owner[b] == 0 || owner[b] == who);
        owner[b] = who;
    }
}

static void assert_blocks(const wick_plan *plan) {
    enum { TENSOR = 100 }; /* they may share blocks at other times: plan_check proves that */
    const wick_model *m = &plan->model;
    uint32_t block = m->write_unit, blocks = m->nvm_bytes / block;
    wick_flash_shape shape = wick_device_flash_shape(plan->device, blocks);
    assert_int_equal(block, shape.block_bytes);
    assert_int_equal(m->nvm_bytes % block, 0);
    assert_true(blocks <= wick_device_flash_blocks(plan->device));
    uint8_t *owner = calloc(blocks + 1, 1);
    for (int i = 0; i < 2; i++) {
        own_blocks(plan, owner, m->record_offset[i], WICK_RECORD_BYTES, (uint8_t)(1 + i));
        own_blocks(plan, owner, m->vars_offset[i], block + m->app_bytes, (uint8_t)(3 + i));
    }
    own_blocks(plan, owner, m->tally_offset, WICK_TALLY_BYTES, 5);
    for (int t = 0; t < m->n_tensors; t++) {
        const wick_place *place = &m->tensors[t];
        for (uint32_t i = 0; i <= (place->stride != 0); i++) {
            uint32_t at = place->offset + i * place->stride;
            uint8_t who = (uint8_t)(place->stride ? 6 + i : TENSOR);
            own_blocks(plan, owner, at, place->bytes, who);
            if (place->stride)
                own_blocks(plan, owner, at + m->stamp_offset, WICK_STAMP_BYTES, who);
        }
    }
    free(owner);
    for (int s = 0; s < m->n_steps; s++) {
        assert_int_equal(m->steps[s].first % block, 0);
    }
}

/* What the answer of a module writes when every span commits, followed by hand. */
static double pages_by_hand(const wick_plan *plan, int module) {
    const wick_model *m = &plan->model;
    const wick_device *d = plan->device;
    int64_t block = m->write_unit, bytes = 0, commits = 2 + 2;
    for (int k = 0; k <= module; k += module) {
        int base = (int)wick_chain_base(m, (uint32_t)k);
        for (int i = m->segments[k].first_span;
             i < m->segments[k].first_span + m->segments[k].n_spans; i++) {
            int end = m->spans[i].first_step + m->spans[i].n_steps;
            commits++;
            for (int s = m->spans[i].first_step; s < end; s++) {
                const wick_place *place = &m->tensors[plan->layers[m->steps[s].layer].dst];
                int64_t left = m->steps[s].count;
                if (place->sram != WICK_NO_SRAM && place->last_reader < end - base)
                    continue;
                for (; left > 0; left -= block)
                    bytes += ((left < block ? left : block) + 8 + 15) / 16 * 16;
            }
        }
    }
    int64_t input = m->tensors[m->input_tensor].bytes;
    for (; input > 0; input -= block)
        bytes += ((input < block ? input : block) + 8 + 15) / 16 * 16;
    bytes += commits * 48 + 32 + 2 * 32; /* records, stamp, counters */
    int64_t page = d->nvm.page_bytes, head = 16 + (page / 32 + 15) / 16 * 16;
    double used = (double)(page - head - page / 8 - (block + 16) + 16);
    return 1 + ceil((double)bytes / used - 1e-9);
}

static void random_networks_on_random_flashes(void **state) {
    (void)state;
    int planned = 0, divided = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        wick_rng rng = wick_rng_seed(seed, 3);
        wick_device device = *flash();
        device.nvm.page_bytes = 1024 << wick_rng_below(&rng, 4);
        device.nvm.bytes = device.nvm.page_bytes * (40 + wick_rng_below(&rng, 80));
        device.sram_bytes = 12000 + wick_rng_below(&rng, 60000);
        device.capacitor.uf = 150 + wick_rng_below(&rng, 900);
        wick_plan_options options = wick_plan_defaults();
        options.optimise = (wick_optimise)wick_rng_below(&rng, 3);
        options.max_span_outputs = wick_rng_below(&rng, 2) ? 0 : 4096;
        wick_qnet *net = wick_rng_below(&rng, 2)
                             ? tiny_family(seed, 8 + 4 * (int)wick_rng_below(&rng, 4), 8)
                             : tiny_independent(seed, 8 + 4 * (int)wick_rng_below(&rng, 4), 8);
        wick_plan *plan;
        wick_diag diag = {0};
        wick_status status = wick_plan_make(net, &device, &options, NULL, &plan, &diag);
        assert_true(status == WICK_OK || status == WICK_NO_FIT);
        if (status == WICK_OK) {
            planned++;
            divided += plan->model.n_spans > plan->n_segments;
            assert_blocks(plan);
            assert_true(wick_plan_prove(plan).holds);
            assert_true(wick_plan_flash_live(plan) <= wick_device_flash_live(&device));
            assert_true(plan->totals.memory_bytes == device.nvm.bytes);
            for (int m = 1; m < plan->n_segments && !net->chain; m++) {
                double pages = pages_by_hand(plan, m), most = (double)wick_plan_wear(plan, m);
                if (pages != most)
                    fail_msg("seed %d module %d: %g pages by hand, %g planned, page %lld",
                             (int)seed, m, pages, most, (long long)device.nvm.page_bytes);
                double turn = wick_device_flash_turn(&device, wick_plan_flash_live(plan));
                assert_true(turn >= (double)(device.nvm.bytes / device.nvm.page_bytes) / 4 - 3);
                assert_true(wick_plan_endurance_of(plan, m).answers <=
                            device.nvm.endurance_cycles * turn / pages);
            }
        }
        wick_diag_free(&diag);
        wick_plan_free(plan);
        tiny_free(net);
    }
    assert_true(planned > 30 && divided > 5);
}

static void what_does_not_fit_is_told(void **state) {
    (void)state;
    wick_plan_options options = wick_plan_defaults();
    wick_qnet *net = tiny_family(6, 24, 8);
    wick_plan *plan;
    wick_diag diag = {0};
    wick_device device = *flash();
    device.nvm.bytes = 4 * device.nvm.page_bytes; /* a page may be full of what is kept */
    assert_int_equal(wick_plan_make(net, &device, &options, NULL, &plan, &diag), WICK_NO_FIT);
    assert_true(wick_diag_contains(&diag, "of flash's log are needed"));
    wick_diag_free(&diag);
    device = *flash();
    device.nvm.page_bytes = 512; /* a table of 8 blocks */
    diag = (wick_diag){0};
    assert_int_equal(wick_plan_make(net, &device, &options, NULL, &plan, &diag), WICK_NO_FIT);
    assert_true(wick_diag_contains(&diag, "a page's table 8"));
    wick_diag_free(&diag);
    diag = (wick_diag){0};
    device = *flash();
    options.checksum_block = 32;
    assert_int_equal(wick_plan_make(net, &device, &options, NULL, &plan, &diag), WICK_UNSUPPORTED);
    wick_diag_free(&diag);
    tiny_free(net);
}

/* Erasing and the pages that a span opens in mid-boot are in what it asks of the capacitor. */
static void spans_ask_for_their_pages(void **state) {
    (void)state;
    wick_plan_options options = wick_plan_defaults();
    wick_qnet *net = tiny_family(6, 16, 8);
    wick_plan *cheap, *dear;
    wick_device device = *flash();
    options.max_span_outputs = 2048;
    assert_int_equal(wick_plan_make(net, &device, &options, NULL, &cheap, NULL), WICK_OK);
    device.nvm.erase_uj_per_page += 300;
    assert_int_equal(wick_plan_make(net, &device, &options, NULL, &dear, NULL), WICK_OK);
    assert_int_equal(cheap->model.n_spans, dear->model.n_spans);
    assert_true(dear->boot.energy_uj > cheap->boot.energy_uj + 299);
    assert_true(dear->worst_span_uj > cheap->worst_span_uj + 299);
    for (int i = 0; i < cheap->model.n_spans; i++) {
        double off = device.capacitor.off_v * 1e3, c = cheap->model.spans[i].need_mv;
        double d = dear->model.spans[i].need_mv, half = 0.5e-6 * device.capacitor.uf;
        double more_uj = half * (d * d - c * c) * options.margin * device.capacitor.efficiency;
        assert_true(c > off && more_uj > 295);
    }
    wick_plan_free(cheap);
    wick_plan_free(dear);
    tiny_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_networks_on_random_flashes),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(spans_ask_for_their_pages),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
