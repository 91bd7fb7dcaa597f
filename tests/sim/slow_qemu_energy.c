/* A third opinion: the emitted firmware as Thumb code on QEMU's Cortex-M4, its process killed at
   the instruction where the energy ends, its memory kept in a file. Beside the simulator on the
   same harvest and capacitor: the same modules, the same answers bit for bit, and before each
   answer as many power failures as the simulator says for costs that are DEVIATION lower to
   DEVIATION higher. What an instruction costs is calibrated once for each module: the modelled
   energy and time of an undisturbed answer, spread evenly over its counted instructions; so what
   can differ is how the cost model spreads them over layers and commits. */
#include "emit/emit.h"
#include "helper_net_plan.h"
#include "sim/store.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { INPUTS = 9, MEMORY_MB = 16 };
static const double DEVIATION = 0.15;

typedef struct rig {
    net_plan net;
    char folder[64];
    const char *guest, *plugin, *nvm, *count;
    const char *inputs[NET_SAMPLES]; /* files */
    char logits[NET_SAMPLES][WICK_MAX_HEADS][256];
} rig;

/* What happened until each input was answered. */
typedef struct story {
    int failures[INPUTS], module[INPUTS], answers;
} story;

static int module_of(const rig *r, int input) {
    return 1 + input % r->net.plan->model.n_modules;
}

static void shell(const char *command) {
    if (system(command) != 0)
        fail_msg("%s", command);
}

static void write_inputs(rig *r) {
    const wick_qnet *net = r->net.net;
    const wick_qtensor *in = &net->tensors[net->input];
    size_t bytes = (size_t)(in->h * in->w * in->c);
    int8_t **values = wick_qnet_buffers(net, r->net.arena);
    for (int s = 0; s < NET_SAMPLES; s++) {
        const int8_t *input = r->net.inputs + (size_t)s * bytes;
        r->inputs[s] = wick_arena_printf(r->net.arena, "%s/input%d", r->folder, s);
        assert_int_equal(wick_file_write(r->inputs[s], input, bytes, NULL), WICK_OK);
        memcpy(values[net->input], input, bytes);
        wick_qnet_run_layers(net, UINT32_MAX, values);
        for (int k = 0; k < net->n_modules; k++) {
            char *text = r->logits[s][k];
            int len = sprintf(text, "LOGITS");
            for (int c = 0; c < net->n_classes; c++)
                len += sprintf(text + len, " %d", values[net->logits[k]][c]);
            sprintf(text + len, "\n");
        }
    }
}

static void make_rig(rig *r, double uf) {
    net_plan_make(&r->net, 7, "m4-fram", uf, 100);
    strcpy(r->folder, "/tmp/wick-qemu-energy-XXXXXX");
    assert_non_null(mkdtemp(r->folder));
    wick_arena *arena = r->net.arena;
    const char *fw = wick_arena_printf(arena, "%s/fw", r->folder), *share = wick_share_dir();
    r->guest = wick_arena_printf(arena, "%s/guest.elf", r->folder);
    r->plugin = wick_arena_printf(arena, "%s/kill.so", r->folder);
    r->nvm = wick_arena_printf(arena, "%s/nvm", r->folder);
    r->count = wick_arena_printf(arena, "%s/count", r->folder);
    wick_emit_options options = wick_emit_defaults();
    assert_int_equal(wick_emit_write(r->net.plan, NULL, &options, fw, NULL), WICK_OK);
    shell(
        wick_arena_printf(arena,
                          "cd '%s' && arm-none-eabi-gcc @%s/boards/mps2-an386/an386.flags "
                          "-std=gnu99 -O2 -ffreestanding -T %s/boards/common/mps.ld -I. -Iinclude "
                          "-I%s/boards/common %s/boards/common/mps_start.c "
                          "%s/boards/common/semihost.c %s/boards/common/kill_guest.c "
                          "$(find . -name '*.c' ! -name 'port_*' ! -name selftest.c) -o %s",
                          fw, share, share, share, share, share, share, r->guest));
    shell(wick_arena_printf(arena, "cc -shared -fPIC -O2 %s/boards/common/kill_plugin.c -o %s",
                            share, r->plugin));
    write_inputs(r);
}

static void free_rig(rig *r) {
    wick_path_remove(r->folder);
    net_plan_free(&r->net);
}

static void blank_memory(const rig *r) {
    unlink(r->nvm);
    shell(wick_arena_printf(r->net.arena, "truncate -s %dM '%s'", MEMORY_MB, r->nvm));
}

/* A process for input `input`, killed before instruction `at` (0 never). True: the input is
   answered, *instructions were executed and the logits are right. */
static bool live(const rig *r, int input, uint64_t at, uint64_t *instructions) {
    wick_arena *arena = r->net.arena;
    int sample = input % NET_SAMPLES, module = module_of(r, input);
    const char *argv[] = {
        "qemu-system-arm",
        "-M",
        "mps2-an386,memory-backend=nvm",
        "-object",
        wick_arena_printf(arena, "memory-backend-file,id=nvm,size=%dM,mem-path=%s,share=on",
                          MEMORY_MB, r->nvm),
        "-plugin",
        wick_arena_printf(arena, "%s,at=%llu,out=%s", r->plugin, (unsigned long long)at, r->count),
        "-nographic",
        "-serial",
        "none",
        "-monitor",
        "none",
        "-semihosting-config",
        wick_arena_printf(arena, "enable=on,target=native,arg=guest,arg=%s,arg=%d,arg=%d,arg=%d",
                          r->inputs[sample], module, r->net.device->nvm.mapped ? 1 : 0, input + 1),
        "-kernel",
        r->guest,
        NULL};
    wick_process process = {.argv = argv, .timeout_s = 300};
    assert_int_equal(wick_process_run(&process, 1, 1, NULL, NULL, NULL), WICK_OK);
    if (process.exit_status != 0 && process.exit_status != 137)
        fail_msg("the emulator ended with status %d: %s", process.exit_status,
                 process.errors.data ? process.errors.data : "");
    bool done = process.exit_status == 0;
    const char *text = process.errors.data ? process.errors.data : "";
    const char *found = strstr(text, "LOGITS");
    if (!found && process.output.data)
        found = strstr(process.output.data, "LOGITS");
    if (found && done) {
        const char *want = r->logits[sample][module - 1];
        if (strncmp(found, want, strlen(want)) != 0)
            fail_msg("input %d, module %d: %s instead of %s", input, module, found, want);
    }
    wick_process_free(&process);
    if (done) {
        wick_bytes count;
        assert_int_equal(wick_file_read(arena, r->count, 64, &count, NULL), WICK_OK);
        *instructions = strtoull((const char *)count.data, NULL, 10);
        assert_true(*instructions > 100);
    }
    return done;
}

/* ---- the simulator ---- */

/* Each input its module, then the next input. */
static wick_sim_action one_module(void *context, const wick_sim_state *state) {
    const rig *r = context;
    wick_sim_action action = {.kind = WICK_SIM_GO_ON};
    if (state->input >= 0 && !state->answered) {
        action.kind = WICK_SIM_MODULE;
        action.module = module_of(r, state->input);
    }
    return action;
}

static void scale(wick_cost *cost, double factor) {
    cost->time_us *= factor;
    cost->compute_uj *= factor;
    cost->nvm_uj *= factor;
    cost->energy_uj *= factor;
}

/* Costs times `factor`; boots stay. */
static wick_plan dearer(const rig *r, double factor) {
    wick_plan plan = *r->net.plan;
    int steps = plan.model.n_steps;
    plan.step_cost = wick_new(r->net.arena, wick_cost, steps);
    plan.stores = wick_new(r->net.arena, wick_plan_store, steps);
    plan.reloads = wick_new(r->net.arena, wick_plan_reload, plan.n_reloads);
    for (int k = 0; k < steps; k++) {
        plan.step_cost[k] = r->net.plan->step_cost[k];
        scale(&plan.step_cost[k], factor);
        plan.stores[k] = r->net.plan->stores[k];
        scale(&plan.stores[k].cost, factor);
    }
    for (int k = 0; k < plan.n_reloads; k++) {
        plan.reloads[k] = r->net.plan->reloads[k];
        scale(&plan.reloads[k].cost, factor);
    }
    scale(&plan.commit, factor);
    scale(&plan.take, factor);
    scale(&plan.send, factor);
    return plan;
}

static wick_sim_options simulation(const wick_sim_control *control, const double *times, int n) {
    wick_sim_options o = wick_sim_defaults();
    o.workload.arrivals = WICK_ARRIVALS_LISTED;
    o.workload.times_s = times;
    o.workload.n_times = n;
    o.workload.deadline_s = 1e6;
    o.workload.rule = WICK_INPUT_DROP_NEW;
    o.workload.max_waiting = INPUTS;
    o.duration_s = 5e4;
    o.control = control;
    o.no_voltage = true; /* the guest has no voltage reading: every span commits */
    o.record = true;
    return o;
}

static wick_sim_result run_sim(rig *r, const wick_plan *plan, double harvest_uw, int inputs,
                               double start_v) {
    static double times[INPUTS], seconds[2] = {0, 1}, powers[2];
    for (int i = 0; i < inputs; i++)
        times[i] = 1e-9 * i;
    powers[0] = powers[1] = harvest_uw;
    wick_trace trace = {
        .n = 2, .time_s = seconds, .power_uw = powers, .end_s = 2, .path = "steady"};
    wick_sim_control control = {.act = one_module, .ctx = r};
    wick_sim_options o = simulation(&control, times, inputs);
    o.start_v = start_v;
    wick_sim_result result;
    assert_int_equal(wick_sim_run(plan, &trace, &o, r->net.correct, NET_SAMPLES, &result, NULL),
                     WICK_OK);
    return result;
}

static story simulate(rig *r, double harvest_uw, double factor) {
    wick_plan plan = dearer(r, factor);
    wick_sim_result result = run_sim(r, &plan, harvest_uw, INPUTS, -1);
    story s = {0};
    int failures = 0;
    for (int i = 0; i < result.n_events; i++) {
        const wick_event *e = &result.events[i];
        failures += e->kind == WICK_EVENT_FAIL;
        if (e->kind == WICK_EVENT_ANSWER && s.answers < INPUTS) {
            assert_int_equal(e->input, s.answers);
            s.module[s.answers] = e->module;
            s.failures[s.answers++] = failures;
        }
    }
    wick_sim_free(&result);
    return s;
}

/* ---- the emulator ---- */

/* Of one answer by a module, undisturbed. */
typedef struct cost {
    double energy_uj, time_s, instructions; /* modelled, modelled, counted */
    double boot_instructions;               /* before the first of them */
} cost;

/* Modelled by the simulator with a capacitor that is never empty; counted by the emulator. */
static cost calibrate(rig *r, int input) {
    wick_plan plan = *r->net.plan;
    wick_device large = *plan.device;
    large.capacitor.uf = plan.options.capacitor_uf = 1e6;
    plan.device = &large;
    wick_sim_result result = run_sim(r, &plan, 0, input + 1, large.capacitor.max_v);
    cost c = {0};
    double before_s = 0, at_s = 0;
    for (int i = 0; i < result.n_events; i++)
        if (result.events[i].kind == WICK_EVENT_ANSWER ||
            result.events[i].kind == WICK_EVENT_BOOT) {
            before_s = at_s;
            at_s = result.events[i].time_s;
        }
    assert_int_equal(result.answers, input + 1);
    const wick_energy *e = &result.energy;
    double all_uj = e->compute_uj + e->nvm_uj + e->commit_uj + e->sense_uj;
    wick_sim_free(&result);
    if (input > 0) {
        result = run_sim(r, &plan, 0, input, large.capacitor.max_v);
        e = &result.energy;
        all_uj -= e->compute_uj + e->nvm_uj + e->commit_uj + e->sense_uj;
        wick_sim_free(&result);
        c.time_s = at_s - before_s;
    } else {
        c.time_s = at_s - before_s - large.boot_us * 1e-6;
    }
    c.energy_uj = all_uj;
    uint64_t whole, again;
    assert_true(live(r, input, 0, &whole));
    assert_true(live(r, input, 0, &again)); /* nothing is left to do: start-up alone */
    c.boot_instructions = (double)again;
    c.instructions = (double)whole - (double)again;
    return c;
}

static story emulate(rig *r, const cost *costs, double harvest_uw) {
    const wick_device *d = r->net.plan->device;
    store s = store_make(d, 0, d->capacitor.off_v);
    store_input in = {.uw = harvest_uw * d->capacitor.input_efficiency};
    story told = {0};
    bool on = false;
    blank_memory(r);
    for (int i = 0, failures = 0; i < INPUTS;) {
        const cost *c = &costs[i % r->net.plan->model.n_modules];
        double draw_uw = c->energy_uj / c->time_s / d->capacitor.efficiency;
        if (!on) {
            s.energy_uj = s.on_uj; /* however long that takes */
            store_advance(&s, in, d->boot_uj / d->boot_us * 1e6 / d->capacitor.efficiency,
                          d->boot_us * 1e-6);
            on = true;
        }
        double left_s = store_time_to(&s, in, draw_uw, s.off_uj);
        double rate = c->instructions / c->time_s;
        double at = c->boot_instructions + left_s * rate;
        uint64_t executed;
        if (live(r, i, isfinite(at) ? (uint64_t)at + 1 : 0, &executed)) {
            store_advance(&s, in, draw_uw, ((double)executed - c->boot_instructions) / rate);
            told.module[i] = module_of(r, i);
            told.failures[i] = failures;
            told.answers = ++i;
        } else {
            on = false;
            assert_true(++failures < 400);
        }
    }
    return told;
}

static void compare(rig *r, const cost *costs, double harvest_uw, int *same, int *all) {
    story real = emulate(r, costs, harvest_uw), says = simulate(r, harvest_uw, 1);
    story least = simulate(r, harvest_uw, 1 - DEVIATION),
          most = simulate(r, harvest_uw, 1 + DEVIATION);
    assert_int_equal(says.answers, INPUTS);
    for (int i = 0; i < INPUTS; i++) {
        print_message("input %d, TM%d: %d failures before it, simulated %d (%d to %d)\n", i,
                      real.module[i], real.failures[i], says.failures[i], least.failures[i],
                      most.failures[i]);
        assert_int_equal(real.module[i], says.module[i]);
        assert_true(least.failures[i] <= real.failures[i] && real.failures[i] <= most.failures[i]);
        *same += real.failures[i] == says.failures[i];
        ++*all;
    }
}

static void energy_ends_where_it_was_simulated(void **state) {
    (void)state;
    if (!wick_process_exists("qemu-system-arm") || !wick_process_exists("arm-none-eabi-gcc")) {
        print_message("skipped: qemu-system-arm or arm-none-eabi-gcc is not installed\n");
        skip();
    }
    if (system("qemu-system-arm -help | grep -qe '^-plugin'") != 0) {
        print_message("skipped: this QEMU has no plugins\n");
        skip();
    }
    static rig r;
    cost costs[WICK_MAX_HEADS];
    make_rig(&r, 15);
    blank_memory(&r);
    for (int k = 0; k < r.net.plan->model.n_modules; k++) {
        costs[k] = calibrate(&r, k);
        print_message("TM%d: %.1f uJ, %.2f ms, %.0f instructions, %.0f of start-up\n", k + 1,
                      costs[k].energy_uj, 1e3 * costs[k].time_s, costs[k].instructions,
                      costs[k].boot_instructions);
    }
    double need_uw = costs[0].energy_uj / costs[0].time_s;
    int same = 0, all = 0;
    static const double harvests[] = {0.001, 0.2, 0.5};
    for (size_t i = 0; i < WICK_LEN(harvests); i++)
        compare(&r, costs, harvests[i] * need_uw, &same, &all);
    print_message("%d of %d exactly as simulated\n", same, all);
    free_rig(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(energy_ends_where_it_was_simulated)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
