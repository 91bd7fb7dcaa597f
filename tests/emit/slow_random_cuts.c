/* Random networks on random devices, flash most of all, from plan to power cuts: what is emitted
   gives the PC's answers however often the power fails, on the PC and, now and then, as Thumb code.
   The rig must see a fault that is planted. */
#include "emit/emit.h"
#include "emit/verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../plan/tiny_qnet.h"

enum { NETWORKS = 16 };

typedef struct drawn {
    wick_arena *arena;
    wick_device device;
    wick_qnet *net;
    wick_plan *plan;
    const char *dir;
} drawn;

static char folder[] = "/tmp/wick-random-XXXXXX";

static int set_up(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    return wick_path_remove(folder) ? 0 : -1;
}

/* Three of four are flash. Small pages, little memory and a dear core make several spans. */
static void draw_device(drawn *d, wick_rng *rng, bool flash) {
    static const char *const others[] = {"m4-mram", "m4-fram", "m4-mram-ecc"};
    wick_device *device;
    const char *name = flash ? "m33-flash" : others[wick_rng_below(rng, WICK_LEN(others))];
    assert_int_equal(wick_device_load(d->arena, name, &device, NULL), WICK_OK);
    d->device = *device;
    d->device.sram_bytes = 6000 + wick_rng_below(rng, 12000);
    d->device.active_mw *= 1 + wick_rng_below(rng, 4);
    if (!flash)
        return;
    d->device.nvm.page_bytes = 1024 << wick_rng_below(rng, 3);
    d->device.nvm.bytes = d->device.nvm.page_bytes * (40 + wick_rng_below(rng, 24));
    d->device.capacitor.uf = 150 + wick_rng_below(rng, 300);
}

/* Plans and emits network number `i`; false: it does not fit the device that was drawn. */
static bool draw(drawn *d, int i) {
    wick_rng rng = wick_rng_seed((uint64_t)i, 0x637574);
    bool flash = i % 4 != 3;
    *d = (drawn){.arena = wick_arena_new()};
    draw_device(d, &rng, flash);
    int size = 8 + 2 * (int)wick_rng_below(&rng, 4);
    d->net = wick_rng_below(&rng, 2) ? tiny_family(1000 + (uint64_t)i, size, 8)
                                     : tiny_independent(1000 + (uint64_t)i, size, 8);
    wick_plan_options options = wick_plan_defaults();
    options.optimise = (wick_optimise)wick_rng_below(&rng, 3);
    options.max_span_outputs = wick_rng_below(&rng, 2) ? 300 + (int)wick_rng_below(&rng, 600) : 0;
    wick_emit_options emit_options = wick_emit_defaults();
    emit_options.command = "wick emit plan.json";
    d->dir = wick_arena_printf(d->arena, "%s/fw%d", folder, i);
    wick_diag diag = {0};
    wick_status status = wick_plan_make(d->net, &d->device, &options, NULL, &d->plan, &diag);
    assert_true(status == WICK_OK || status == WICK_NO_FIT);
    if (status == WICK_OK)
        assert_int_equal(wick_emit_write(d->plan, NULL, &emit_options, d->dir, &diag), WICK_OK);
    wick_diag_free(&diag);
    return status == WICK_OK;
}

static void throw_away(drawn *d) {
    wick_plan_free(d->plan);
    tiny_free(d->net);
    wick_arena_free(d->arena);
}

static void cut(const drawn *d, int i, bool thumb, int64_t *experiments) {
    wick_verify_options options = wick_verify_defaults();
    wick_verify_result result;
    wick_diag diag = {0};
    options.qemu = false;
    options.seed = 7 + (uint64_t)i;
    options.seeded = 150;
    options.pairs = 300;
    options.thumb_cuts = 24;
    options.voltage = i % 3 == 1 ? "random" : "unknown";
    options.rigs = thumb ? WICK_RIG_UNICORN : 0;
    options.what_is_there = true;
    wick_status status = wick_verify_run(d->dir, d->plan, NULL, &options, &result, &diag);
    if (status != WICK_OK) {
        wick_diag_print(&diag, stderr);
        fail_msg("network %d on %s, %s", i, d->device.name, options.voltage);
    }
    for (int c = 0; c < result.n_cases; c++) {
        assert_true(result.cases[c].exhaustive_cuts >= 7 * result.cases[c].writes);
        assert_true(result.cases[c].most_writes <= result.cases[c].declared_writes);
    }
    *experiments += wick_verify_experiments(&result);
    wick_verify_free(&result);
    wick_diag_free(&diag);
}

static void random_networks_survive_cuts(void **state) {
    (void)state;
    int flash = 0, divided = 0;
    int64_t experiments = 0;
    for (int i = 0; i < NETWORKS; i++) {
        drawn d;
        if (draw(&d, i)) {
            flash += d.device.nvm.page_bytes != 0;
            divided += d.plan->model.n_spans > d.plan->n_segments;
            cut(&d, i, i % 5 == 0, &experiments);
        }
        throw_away(&d);
    }
    printf("%lld power failures, %d plans for flash, %d of several spans\n", (long long)experiments,
           flash, divided);
    assert_true(flash >= 6 && divided >= 5 && experiments > 100000);
}

static void a_planted_fault_is_seen(void **state) {
    (void)state;
    int found = 0;
    for (int i = 0; i < 3; i++) {
        drawn d;
        if (draw(&d, i)) {
            wick_verify_options options = wick_verify_defaults();
            wick_verify_result result;
            wick_diag diag = {0};
            options.qemu = false;
            options.seeded = 50;
            options.pairs = 100;
            options.plant_war = true;
            found += wick_verify_run(d.dir, d.plan, NULL, &options, &result, &diag) == WICK_DIFFERS;
            wick_verify_free(&result);
            wick_diag_free(&diag);
        }
        throw_away(&d);
    }
    assert_true(found >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_networks_survive_cuts),
        cmocka_unit_test(a_planted_fault_is_seen),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
