/* Units of memories: committed and in-flight bytes share no write unit, ECC word or cache line, and
   what that takes is paid for. */
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "helper_plan.h"
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

/* Starts of tensors and steps, by the memory's own numbers rather than the planner's function. */
static void assert_units(const wick_plan *plan) {
    const wick_model *m = &plan->model;
    const wick_device *d = plan->device;
    const int64_t units[] = {d->nvm.write_unit_bytes, d->nvm.ecc_bytes, d->cache.line_bytes};
    for (size_t u = 0; u < WICK_LEN(units); u++) {
        if (!units[u])
            continue;
        for (int t = 0; t < m->n_tensors; t++)
            assert_int_equal(m->tensors[t].offset % units[u], 0);
        for (int s = 0; s < m->n_steps; s++)
            assert_int_equal(m->steps[s].first % units[u], 0);
        for (int r = 0; r < 2; r++)
            assert_int_equal(m->record_offset[r] % units[u], 0);
    }
}

/* The same core and capacitor, with larger and larger units: places and borders follow. */
static void units_decide_the_layout(void **state) {
    (void)state;
    wick_device wide = *helper_device(arena, "m4-mram-ecc");
    wick_qnet *net = tiny_family(4, 12, 8);
    int64_t last = 0;
    for (int unit = 8; unit <= 128; unit *= 4) {
        wide.nvm.ecc_bytes = unit < 32 ? unit : 8;
        wide.cache.line_bytes = unit < 32 ? 0 : unit;
        assert_int_equal(wick_device_unit_bytes(&wide), unit);
        wick_plan *plan = helper_plan(net, &wide);
        assert_units(plan);
        assert_true(plan->totals.nvm_bytes > last);
        last = plan->totals.nvm_bytes;
        /* Half a unit off is refused. */
        wick_place *place = (wick_place *)(uintptr_t)&plan->model.tensors[net->logits[0]];
        place->offset += (uint32_t)unit / 2;
        wick_diag diag = {0};
        assert_int_equal(wick_plan_check(plan, &diag), WICK_RANGE);
        assert_true(wick_diag_contains(&diag, "does not start on a"));
        wick_diag_free(&diag);
        wick_plan_free(plan);
    }
    tiny_free(net);
}

/* Cleaning lines costs what the profile says: the same plan's commits, with and without. */
static void cleaning_the_cache_is_paid_for(void **state) {
    (void)state;
    const wick_device *m7 = helper_device(arena, "m7-mram");
    wick_device free_of_charge = *m7;
    free_of_charge.cache.clean_cycles = free_of_charge.cache.clean_cycles_per_line = 0;
    wick_qnet *net = tiny_family(5, 12, 8);
    wick_plan *plan = helper_plan(net, m7), *other = helper_plan(net, &free_of_charge);
    assert_int_equal(plan->model.n_steps, other->model.n_steps);
    int64_t lines = 0, spans = plan->model.n_spans;
    for (int s = 0; s < plan->model.n_spans; s++) {
        const wick_span *span = &plan->model.spans[s];
        uint32_t end = (uint32_t)span->first_step + span->n_steps;
        for (uint32_t i = span->first_step; i < end; i++) {
            /* What stays in SRAM is written only if the commit has to keep it. */
            int dst = net->layers[plan->model.steps[i].layer].dst;
            const wick_place *place = &plan->model.tensors[dst];
            if (place->sram == WICK_NO_SRAM || place->last_reader >= end)
                lines += (plan->model.steps[i].count + 31) / 32;
        }
    }
    /* A commit is a record between two barriers. */
    lines += spans * ((WICK_RECORD_BYTES + 31) / 32);
    double cycles = 12.0 * (double)lines + 2 * 40.0 * (double)spans, us = 0;
    for (int s = 0; s < plan->n_segments; s++)
        us += plan->segments[s].cost.time_us - other->segments[s].cost.time_us;
    assert_true(fabs(us - cycles / 216.0) < 1e-6 * us);
    wick_plan_free(plan);
    wick_plan_free(other);
    tiny_free(net);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_decide_the_layout),
        cmocka_unit_test(cleaning_the_cache_is_paid_for),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
