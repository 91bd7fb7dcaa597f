#include "plan/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tiny_qnet.h"

#include <wick/engine.h>

static wick_arena *arena;
static wick_device *fram, *mram;

static int set_up(void **state) {
    (void)state;
    arena = wick_arena_new();
    return wick_device_load(arena, "m4-fram", &fram, NULL) == WICK_OK &&
                   wick_device_load(arena, "m4-mram", &mram, NULL) == WICK_OK
               ? 0
               : -1;
}

static int tear_down(void **state) {
    (void)state;
    wick_arena_free(arena);
    return 0;
}

static wick_plan *plan_with(const wick_qnet *net, const wick_device *device, double uf,
                            int max_span_outputs) {
    wick_plan_options options = wick_plan_defaults();
    options.capacitor_uf = uf;
    options.max_span_outputs = max_span_outputs;
    wick_plan *plan;
    wick_diag diag = {0};
    wick_status status = wick_plan_make(net, device, &options, NULL, &plan, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    assert_int_equal(diag.count, 0);
    return plan;
}

/* What a plan promises, looked at without the planner's own check. */
static void assert_invariants(const wick_plan *plan) {
    const wick_model *m = &plan->model;
    int64_t unit = plan->device->nvm.write_unit_bytes;
    double total = 0;
    for (int s = 0; s < m->n_spans; s++) {
        assert_true(plan->span_cost[s].energy_uj + plan->boot.energy_uj <=
                    plan->options.margin * plan->charge_uj * (1 + 1e-9));
        assert_true(plan->span_cost[s].energy_uj + plan->boot.energy_uj <=
                    plan->worst_span_uj * (1 + 1e-9));
        assert_in_range(m->spans[s].energy_nj, 1, (uint64_t)(plan->worst_span_uj * 1e3) + 1);
        total += plan->span_cost[s].energy_uj;
    }
    double segments = 0;
    for (int s = 0; s < plan->n_segments; s++)
        segments += plan->segments[s].cost.energy_uj;
    assert_true(fabs(total - segments) < 1e-9 * total);
    int64_t outputs = 0, expected = 0;
    for (int s = 0; s < m->n_steps; s++) {
        outputs += m->steps[s].count;
        assert_int_equal(m->steps[s].first % unit, 0);
    }
    for (int l = 0; l < m->n_layers; l++)
        expected += (int64_t)m->layers[l].out_h * m->layers[l].out_w * m->layers[l].out_c;
    assert_int_equal(outputs, expected);
    assert_true(plan->totals.ram_bytes <= plan->device->sram_bytes);
    assert_true(m->nvm_bytes <= plan->device->nvm.bytes);
    assert_int_equal(m->scratch_bytes % 4, 0);
    assert_true(m->record_offset[1] >= 32 && m->record_offset[1] % unit == 0);
    assert_true(plan->expected_uj >= total);
    assert_int_equal(wick_model_check(m, plan->device->nvm.mapped, m->scratch_bytes), WICK_RT_OK);
    assert_true(plan->min_wake_v <= plan->device->capacitor.on_v * (1 + 1e-9));
}

static void plans_hold_for_many_networks_and_capacitors(void **state) {
    (void)state;
    static const int sizes[][2] = {{8, 4}, {12, 8}, {16, 16}, {7, 6}};
    static const double capacitors[] = {0, 30, 60, 150, 4000};
    for (size_t i = 0; i < WICK_LEN(sizes); i++) {
        for (size_t c = 0; c < 2 * WICK_LEN(capacitors); c++) {
            const wick_device *device = c % 2 ? mram : fram;
            wick_qnet *net = c % 3 ? tiny_family(i, sizes[i][0], sizes[i][1])
                                   : tiny_independent(i, sizes[i][0], sizes[i][1]);
            wick_plan *plan = plan_with(net, device, capacitors[c / 2], 0);
            assert_invariants(plan);
            wick_plan_free(plan);
            tiny_free(net);
        }
    }
}

static void smaller_charges_make_more_spans(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(3, 16, 16);
    int last = 0;
    for (double uf = 4000; uf > 15; uf /= 4) {
        wick_plan *plan = plan_with(net, fram, uf, 0);
        assert_true(plan->model.n_spans >= last);
        last = plan->model.n_spans;
        wick_plan_free(plan);
    }
    assert_true(last > 20);
    tiny_free(net);
}

static void the_output_limit_makes_small_spans(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(4, 8, 6);
    wick_plan *whole = plan_with(net, fram, 0, 0), *small = plan_with(net, fram, 0, 13);
    assert_true(small->model.n_spans > 4 * whole->model.n_spans);
    for (int s = 0; s < small->model.n_spans; s++) {
        uint32_t outputs = 0;
        const wick_span *span = &small->model.spans[s];
        for (int i = 0; i < span->n_steps; i++)
            outputs += small->model.steps[span->first_step + i].count;
        assert_in_range(outputs, 1, 13);
    }
    wick_plan_free(whole);
    wick_plan_free(small);
    tiny_free(net);
}

static wick_status try_plan(const wick_qnet *net, const wick_device *device, double uf,
                            wick_diag *diag) {
    wick_plan_options options = wick_plan_defaults();
    options.capacitor_uf = uf;
    wick_plan *plan;
    wick_status status = wick_plan_make(net, device, &options, "m.onnx", &plan, diag);
    assert_true((status == WICK_OK) == (plan != NULL));
    wick_plan_free(plan);
    return status;
}

/* 24 channels and 16-byte write units: only pairs of pixels end on a unit. */
static wick_qnet *unaligned_net(void) {
    tiny t = tiny_begin(7, 8, 3);
    t.segment = 1;
    int a = tiny_conv(&t, tiny_conv(&t, 0, 24, 3, 1), 24, 3, 1);
    tiny_logits(&t, tiny_fc(&t, tiny_global_pool(&t, a), 10));
    return tiny_end(&t);
}

static void the_smallest_capacitor_does_and_less_does_not(void **state) {
    (void)state;
    for (int i = 0; i < 7; i++) {
        const wick_device *device = i % 2 || i == 6 ? mram : fram;
        wick_qnet *net = i < 4   ? tiny_family(5, 8 + 2 * i, 8)
                         : i < 6 ? tiny_independent(6, 10, 8)
                                 : unaligned_net();
        wick_plan *plan = plan_with(net, device, 0, 0);
        double uf = plan->min_capacitor_uf;
        wick_plan_free(plan);
        assert_true(uf > 0 && uf < device->capacitor.uf);
        plan = plan_with(net, device, uf, 0);
        assert_invariants(plan);
        assert_true(fabs(plan->min_capacitor_uf - uf) < 1e-6 * uf);
        wick_plan_free(plan);
        wick_diag diag = {0};
        assert_int_equal(try_plan(net, device, 0.9 * uf, &diag), WICK_NO_FIT);
        char number[32];
        snprintf(number, sizeof number, "would do is %g uF", uf);
        assert_true(wick_diag_contains(&diag, number));
        assert_true(wick_diag_contains(&diag, "m.onnx"));
        wick_diag_free(&diag);
        tiny_free(net);
    }
}

static void the_wake_voltage_is_exact(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 12, 8);
    wick_plan *plan = plan_with(net, fram, 40, 0);
    double usable = wick_device_usable_uj(plan->device, plan->min_wake_v, fram->capacitor.off_v);
    assert_true(fabs(usable * plan->options.margin - plan->worst_span_uj) < 1e-6);
    wick_plan_free(plan);
    tiny_free(net);
}

/* Where NVM is short, buffers are reused within a segment. */
static void little_nvm_is_reused(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 16, 16);
    wick_device device = *fram;
    wick_plan *roomy = plan_with(net, fram, 0, 300);
    device.nvm.bytes = roomy->totals.nvm_bytes - 1;
    wick_plan *plan = plan_with(net, &device, 0, 300);
    assert_true(plan->totals.nvm_bytes < roomy->totals.nvm_bytes);
    wick_plan_free(plan);
    wick_plan_free(roomy);
    tiny_free(net);
}

/* Every shortage at once, each with its numbers. */
static void all_shortages_are_told(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 16, 16);
    wick_plan *plan = plan_with(net, fram, 0, 0);
    int64_t nvm = plan->totals.nvm_bytes, flash = plan->totals.flash_bytes;
    wick_plan_free(plan);
    wick_device device = *fram;
    wick_diag diag = {0};
    char text[96];
    device.nvm.bytes = nvm - 1;
    assert_int_equal(try_plan(net, &device, 0, &diag), WICK_NO_FIT);
    snprintf(text, sizeof text, "%lld bytes of NVM are needed, the device has %lld: 1 short",
             (long long)nvm, (long long)nvm - 1);
    assert_true(wick_diag_contains(&diag, text));
    wick_diag_free(&diag);
    device.nvm.bytes = nvm;
    assert_int_equal(try_plan(net, &device, 0, &diag), WICK_OK);
    device.flash_bytes = flash / 4; /* not even with the smallest kernels */
    device.sram_bytes = 1500;
    device.capacitor.uf = 0.5;
    assert_int_equal(try_plan(net, &device, 0, &diag), WICK_NO_FIT);
    assert_true(wick_diag_contains(&diag, "of SRAM are needed, the device has 1500"));
    assert_true(wick_diag_contains(&diag, "of flash are needed"));
    assert_true(wick_diag_contains(&diag, "one charge gives"));
    assert_true(wick_diag_contains(&diag, "smallest capacitor that would do"));
    assert_true(diag.count >= 3);
    wick_diag_free(&diag);
    tiny_free(net);
}

static void little_sram_means_smaller_steps(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 16, 16);
    wick_plan *plan = plan_with(net, fram, 0, 0);
    int64_t fixed = plan->totals.ram_bytes - plan->totals.scratch_bytes;
    int steps = plan->model.n_steps;
    wick_plan_free(plan);
    wick_device device = *fram;
    device.sram_bytes = fixed + 2048;
    plan = plan_with(net, &device, 0, 0);
    assert_true(plan->model.scratch_bytes <= 2048);
    assert_true(plan->model.n_steps > steps);
    assert_invariants(plan);
    wick_plan_free(plan);
    tiny_free(net);
}

static double write_uj(double bytes) {
    return bytes * fram->nvm.write_nj_per_byte / 1e3 +
           fram->active_mw * (bytes * fram->nvm.write_ns_per_byte + fram->nvm.write_ns_per_access) /
               1e6;
}

static void layers_are_accounted_for(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(8, 16, 16);
    wick_plan *plan = plan_with(net, fram, 100, 0);
    int steps = 0;
    double uj = 0, spans = 0;
    int64_t scratch = 0;
    for (int l = 0; l < net->n_layers; l++) {
        wick_plan_layer row = wick_plan_layer_of(plan, l);
        steps += row.steps;
        uj += row.cost.energy_uj;
        scratch = row.scratch_bytes > scratch ? row.scratch_bytes : scratch;
        assert_in_range(row.spans, 1, row.steps);
        assert_in_range(row.live_bytes, 2 * 16 * 16 * 3, plan->totals.nvm_bytes);
    }
    const wick_model *m = &plan->model;
    double commits = 0;
    int stores = 0;
    for (int s = 0; s < m->n_spans; s++) {
        /* Layers do not have the commit, 40 bytes, and what it takes from SRAM to NVM. */
        int end = m->spans[s].first_step + m->spans[s].n_steps;
        spans += plan->span_cost[s].energy_uj;
        commits += write_uj(40);
        for (int i = m->spans[s].first_step; i < end; i++) {
            const wick_place *place = &m->tensors[net->layers[m->steps[i].layer].dst];
            if (place->sram == WICK_NO_SRAM || place->last_reader < end)
                continue;
            commits += write_uj(place->bytes);
            stores++;
        }
    }
    assert_true(stores >= 4 && stores < m->n_steps);
    assert_int_equal(steps, m->n_steps);
    assert_in_range(scratch + m->arena_bytes, 1, m->scratch_bytes);
    assert_true(fabs(spans - uj - commits) < 1e-6 * spans);
    wick_plan_free(plan);
    tiny_free(net);
}

/* A plan whose arrays can be damaged. */
static wick_plan *damaged(wick_qnet *net) {
    return plan_with(net, fram, 18, 300);
}

static void assert_caught(wick_plan *plan, const char *says) {
    wick_diag diag = {0};
    assert_int_equal(wick_plan_check(plan, &diag), WICK_RANGE);
    assert_int_equal(diag.count, 1);
    if (!wick_diag_contains(&diag, says))
        wick_diag_print(&diag, stderr);
    assert_true(wick_diag_contains(&diag, says));
    wick_diag_free(&diag);
}

static void planted_faults_are_caught(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(9, 12, 8);
    wick_plan *plan = damaged(net);
    wick_model *m = &plan->model;
    wick_step *steps = (wick_step *)(uintptr_t)m->steps;
    wick_span *spans = (wick_span *)(uintptr_t)m->spans;
    wick_place *places = (wick_place *)(uintptr_t)m->tensors;
    wick_segment *segments = (wick_segment *)(uintptr_t)m->segments;
    assert_true(m->n_spans > 5 && m->n_steps > 5);

    wick_step kept = steps[2];
    steps[2].count -= 1;
    assert_caught(plan, "neither whole pixels nor channels");
    steps[2] = kept, steps[2].first += 8;
    assert_caught(plan, "do not continue");
    steps[2] = kept, steps[2].layer = (uint16_t)(m->n_layers - 1);
    assert_caught(plan, "");
    steps[2] = kept;
    uint16_t n_steps = spans[0].n_steps;
    spans[0].n_steps = 0;
    assert_caught(plan, "is empty");
    spans[0].n_steps = n_steps;

    wick_place place = places[net->features];
    places[net->features].offset = 32;
    assert_caught(plan, "lies on the records");
    places[net->features].offset = m->nvm_bytes - 4;
    assert_caught(plan, "outside the region");
    places[net->features].offset = places[net->input].offset + 4;
    assert_caught(plan, "must survive");
    places[net->features] = place;
    /* z where a module's first output goes: overwritten while modules still need it. */
    int module = 0;
    while (net->info[module].segment == 0)
        module++;
    place = places[net->layers[module].dst];
    places[net->layers[module].dst].offset = places[net->features].offset;
    assert_caught(plan, "");
    places[net->layers[module].dst] = place;
    /* Another module's logits. */
    place = places[net->logits[1]];
    places[net->logits[1]].offset = places[net->logits[0]].offset;
    assert_caught(plan, "must survive");
    places[net->logits[1]] = place;

    /* Nobody reads them later in the order of the simulation; a device may. */
    int third = 0;
    while (net->info[third].segment < 3)
        third++;
    place = places[net->layers[third].dst];
    places[net->layers[third].dst].offset = places[net->logits[0]].offset;
    assert_caught(plan, "must survive");
    places[net->layers[third].dst] = place;
    /* Layer 2's output on layer 0's, which layer 3 still adds. */
    place = places[net->layers[2].dst];
    places[net->layers[2].dst].offset = places[net->layers[0].dst].offset;
    assert_caught(plan, "write after read");
    for (int s = 0; s < m->n_spans; s++)
        spans[s].mandatory = 1;
    assert_caught(plan, "which holds");
    places[net->layers[2].dst] = place;

    m->record_offset[1] = 16;
    assert_caught(plan, "records overlap");
    m->record_offset[1] = 40;
    m->vars_offset[1] -= 4;
    assert_caught(plan, "variables and tally overlap");
    m->vars_offset[1] += 4;
    m->stamp_offset -= 4;
    assert_caught(plan, "lies on the input");
    m->stamp_offset += 4;
    m->scratch_bytes -= 4;
    assert_caught(plan, "bytes of scratch");
    m->scratch_bytes += 4;
    double uj = plan->step_cost[spans[3].first_step].energy_uj;
    plan->step_cost[spans[3].first_step].energy_uj = plan->charge_uj;
    assert_caught(plan, "the budget is");
    plan->step_cost[spans[3].first_step].energy_uj = uj;
    spans[3].n_steps++;
    assert_caught(plan, "does not follow");
    spans[3].n_steps--;
    segments[1].n_spans--;
    assert_caught(plan, "does not follow");
    segments[1].n_spans++;
    assert_int_equal(wick_plan_check(plan, NULL), WICK_OK);
    wick_plan_free(plan);
    tiny_free(net);
}

/* With room, no commit within a segment is mandatory; where buffers are reused, some are, and with
   them the plan is sound, without one of them it is not. */
static void reuse_makes_commits_mandatory(void **state) {
    (void)state;
    wick_qnet *net = tiny_family(5, 16, 16);
    for (int size = 0; size < 2; size++) {
        wick_plan_options options = wick_plan_defaults();
        options.max_span_outputs = 300;
        options.optimise = size ? WICK_OPTIMISE_SIZE : WICK_OPTIMISE_ENERGY;
        wick_plan *plan;
        assert_int_equal(wick_plan_make(net, fram, &options, "m.onnx", &plan, NULL), WICK_OK);
        int within = 0, margins = 0;
        wick_span *spans = (wick_span *)(uintptr_t)plan->model.spans;
        for (int s = 0; s < plan->n_segments; s++) {
            const wick_plan_segment *segment = &plan->segments[s];
            for (int i = segment->first_span; i < segment->first_span + segment->n_spans; i++) {
                int last = i == segment->first_span + segment->n_spans - 1;
                assert_true(spans[i].mandatory || !last);
                assert_in_range(spans[i].need_mv, fram->capacitor.off_v * 1000 + 1,
                                fram->capacitor.on_v * 1000);
                int waits_mv = spans[i].need_mv + 16 * spans[i].margin_16mv;
                assert_true(waits_mv <= fram->capacitor.on_v * 1000);
                assert_true(!last || spans[i].margin_16mv == 0);
                margins += spans[i].margin_16mv > 0;
                if (!spans[i].mandatory || last)
                    continue;
                within++;
                spans[i].mandatory = 0;
                assert_caught(plan, "write after read");
                spans[i].mandatory = 1;
            }
        }
        assert_true(size ? within > 0 : within == 0);
        assert_true(margins > plan->model.n_spans / 4);
        wick_plan_free(plan);
    }
    tiny_free(net);
}

/* The second layer reads a, the third overwrites it: legal with a mandatory commit between. */
static void write_after_read_is_caught(void **state) {
    (void)state;
    tiny t = tiny_begin(1, 6, 3);
    t.segment = 1;
    int a = tiny_conv(&t, 0, 4, 1, 1);
    int b = tiny_conv(&t, a, 4, 1, 1);
    int c = tiny_conv(&t, b, 4, 1, 1);
    tiny_logits(&t, tiny_fc(&t, c, 10));
    wick_qnet *net = tiny_end(&t);
    wick_plan *joined = plan_with(net, fram, 4000, 0);
    assert_int_equal(joined->model.n_spans, 1);
    assert_int_equal(joined->model.n_steps, 4);
    wick_place *places = (wick_place *)(uintptr_t)joined->model.tensors;
    assert_true(places[c].offset != places[a].offset);
    places[c].offset = places[a].offset;
    /* Within the span a is written before it is read, so a replay of the whole span would be safe;
       not one from a commit that divides it. */
    assert_caught(joined, "write after read");
    wick_span spans[3] = {joined->model.spans[0], joined->model.spans[0], {0}};
    wick_cost cost[2] = {joined->span_cost[0], joined->span_cost[0]};
    spans[0].n_steps = 1;
    spans[1].first_step = 1;
    spans[1].n_steps = 3;
    joined->model.spans = spans;
    joined->model.n_spans = 2;
    joined->span_cost = cost;
    ((wick_segment *)(uintptr_t)joined->model.segments)[1].n_spans = 2;
    assert_caught(joined, "write after read");
    /* A commit between read and write helps if it may not be left out. */
    wick_cost three[3] = {cost[0], cost[0], cost[0]};
    spans[1].n_steps = 1;
    spans[2] = spans[1];
    spans[2].first_step = 2;
    spans[2].n_steps = 2;
    joined->model.n_spans = 3;
    joined->span_cost = three;
    ((wick_segment *)(uintptr_t)joined->model.segments)[1].n_spans = 3;
    spans[1].mandatory = 0;
    assert_caught(joined, "write after read");
    spans[1].mandatory = 1;
    assert_int_equal(wick_plan_check(joined, NULL), WICK_OK);
    wick_plan_free(joined);
    tiny_free(net);
}

static void spans_split_write_units_only_in_bad_plans(void **state) {
    (void)state;
    wick_qnet *net = tiny_independent(2, 8, 6);
    wick_plan *plan = plan_with(net, mram, 0, 70);
    wick_step *steps = (wick_step *)(uintptr_t)plan->model.steps;
    /* 6 channels, 16-byte units: groups of 8 pixels; one pixel more is half a unit. */
    assert_int_equal(steps[0].count, 48);
    plan->model.scratch_bytes += 64;
    steps[0].count += 6;
    steps[1].first += 6;
    steps[1].count -= 6;
    assert_caught(plan, "within a write unit");
    wick_plan_free(plan);
    tiny_free(net);
}

/* Same network, same steps, another layout: the memory of one means nothing to the other. */
static void the_layout_is_a_part_of_the_identity(void **state) {
    (void)state;
    tiny t = tiny_begin(1, 6, 1);
    t.segment = 1;
    tiny_logits(&t, tiny_fc(&t, 0, 10));
    wick_qnet *net = tiny_end(&t);
    wick_device wide = *fram;
    wide.nvm.write_unit_bytes = 16;
    wick_plan *a = plan_with(net, fram, 0, 0), *b = plan_with(net, &wide, 0, 0);
    assert_int_equal(a->model.n_steps, b->model.n_steps);
    assert_memory_equal(a->model.steps, b->model.steps, sizeof *a->model.steps);
    assert_true(a->model.tensors[1].offset != b->model.tensors[1].offset);
    assert_true(a->model.id[0] != b->model.id[0]);
    wick_plan_free(a);
    wick_plan_free(b);
    tiny_free(net);
}

static void json_round_trip(void **state) {
    (void)state;
    char folder[] = "/tmp/wick-test-plan-XXXXXX";
    assert_non_null(mkdtemp(folder));
    wick_arena *local = wick_arena_new();
    char *path = wick_path_join(local, folder, "plan.json");
    wick_qnet *net = tiny_family(11, 12, 8);
    wick_plan *plan = plan_with(net, fram, 47.5, 0), *again;
    wick_diag diag = {0};
    assert_int_equal(wick_plan_save(plan, path, &diag), WICK_OK);
    wick_bytes first, second;
    assert_int_equal(wick_file_read(local, path, 1 << 22, &first, &diag), WICK_OK);
    wick_status status = wick_plan_load_with(path, net, fram, &again, &diag);
    if (status != WICK_OK)
        wick_diag_print(&diag, stderr);
    assert_int_equal(status, WICK_OK);
    assert_int_equal(wick_plan_save(again, path, &diag), WICK_OK);
    assert_int_equal(wick_file_read(local, path, 1 << 22, &second, &diag), WICK_OK);
    assert_int_equal(first.len, second.len);
    assert_memory_equal(first.data, second.data, first.len);
    assert_int_equal(again->model.id[0], plan->model.id[0]);
    assert_memory_equal(again->life, plan->life, (size_t)net->n_tensors * sizeof *plan->life);
    wick_plan_free(again);

    /* Another model, another profile. */
    wick_qnet *other = tiny_family(12, 12, 8);
    assert_int_equal(wick_plan_load_with(path, other, fram, &again, &diag), WICK_MISMATCH);
    assert_true(wick_diag_contains(&diag, "not the model that was planned"));
    assert_int_equal(wick_plan_load_with(path, net, mram, &again, &diag), WICK_MISMATCH);
    assert_true(wick_diag_contains(&diag, "profile was edited"));
    tiny_free(other);
    wick_diag_free(&diag);

    /* Any edited figure or decision. */
    static const char *const edits[][2] = {
        {"\"charge_uj\": ", "\"charge_uj\": 1"},
        {"\"offset\": 1", "\"offset\": 2"},
        {"\"optional\"", "\"mandatory\""},
        {"\"need_mv\": ", "\"need_mv\": 1"},
        {"\"tally_offset\": ", "\"tally_offset\": 1"},
        {"\"app_bytes\": ", "\"app_bytes\": 9"},
        {"\"0 0 ", "\"0 1 "},
        {"\"macs\": ", "\"macs\": 1"},
        {"\"steps\": [", "\"steps\": [\"x\","},
        {"\"steps\": [", "\"steps\": [], \"others\": ["},
        {"\"0 0 ", "\"999 0 "},
        {"\"energy_nj\": ", "\"energy_nj\": 1"},
        {"\"stride\": ", "\"stride\": 4"},
    };
    for (size_t i = 0; i < WICK_LEN(edits); i++) {
        const char *text = (const char *)first.data, *at = strstr(text, edits[i][0]);
        assert_non_null(at);
        wick_buf buf = {0};
        wick_buf_append(&buf, text, (size_t)(at - text));
        wick_buf_puts(&buf, edits[i][1]);
        wick_buf_puts(&buf, at + strlen(edits[i][0]));
        assert_int_equal(wick_file_write(path, buf.data, buf.len, &diag), WICK_OK);
        wick_buf_free(&buf);
        status = wick_plan_load_with(path, net, fram, &again, &diag);
        assert_int_equal(wick_status_exit(status), 3);
        assert_null(again);
        assert_int_equal(diag.count, 1);
        assert_true(wick_diag_contains(&diag, "plan"));
        wick_diag_free(&diag);
    }
    wick_plan_free(plan);
    tiny_free(net);
    wick_arena_free(local);
    assert_true(wick_path_remove(folder));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_hold_for_many_networks_and_capacitors),
        cmocka_unit_test(smaller_charges_make_more_spans),
        cmocka_unit_test(the_output_limit_makes_small_spans),
        cmocka_unit_test(the_smallest_capacitor_does_and_less_does_not),
        cmocka_unit_test(the_wake_voltage_is_exact),
        cmocka_unit_test(little_nvm_is_reused),
        cmocka_unit_test(all_shortages_are_told),
        cmocka_unit_test(little_sram_means_smaller_steps),
        cmocka_unit_test(layers_are_accounted_for),
        cmocka_unit_test(planted_faults_are_caught),
        cmocka_unit_test(reuse_makes_commits_mandatory),
        cmocka_unit_test(write_after_read_is_caught),
        cmocka_unit_test(spans_split_write_units_only_in_bad_plans),
        cmocka_unit_test(the_layout_is_a_part_of_the_identity),
        cmocka_unit_test(json_round_trip),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
