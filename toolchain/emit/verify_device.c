/* The emitted layers on an emulated core, one by one, against the PC's integer network
   (boards/common/layers_guest.c). */
#include "emit/verify_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Which board of QEMU has a device's core; the first that fits. */
static const struct board {
    const char *core, *machine;
    verify_core build;
    bool riscv;
} boards[] = {{"Cortex-M0",
               "mps2-an385",
               {.flags = "mps2-an385/an385.flags", .cpu = "-mcpu=cortex-m0plus"},
               false},
              {"Cortex-M33", "mps2-an505", {.flags = "mps2-an505/an505.flags"}, false},
              {"Cortex-M3", "mps2-an385", {.flags = "mps2-an385/an385.flags"}, false},
              {"Cortex-M4", "mps2-an386", {.flags = "mps2-an386/an386.flags"}, false},
              {"Cortex-M7", "mps2-an500", {.flags = "mps2-an500/an500.flags"}, false},
              {"Cortex-M55", "mps3-an547", {.flags = "mps3-an547/an547.flags"}, false},
              {"RV32",
               "virt",
               {.compiler = "riscv64-unknown-elf-gcc",
                .flags = "riscv-virt/riscv_virt.flags",
                .start = "riscv-virt/riscv_start.c",
                .linker = "riscv-virt/riscv_virt.ld"},
               true}};

typedef struct device_run {
    verify_session session;
    const struct board *board;
    const char *guest, *inputs, *outputs; /* files */
    int n;
    size_t input_bytes, tensor_bytes; /* of one input; of all tensors */
    size_t *at;                       /* [tensors] */
} device_run;

static const char *emulator(const device_run *run) {
    return run->board->riscv ? "qemu-system-riscv32" : "qemu-system-arm";
}

static wick_status find_board(device_run *run) {
    const char *core = run->session.plan->device->core;
    for (size_t i = 0; i < WICK_LEN(boards) && !run->board; i++)
        if (!strncmp(core, boards[i].core, strlen(boards[i].core)))
            run->board = &boards[i];
    if (!run->board)
        return wick_fail(run->session.diag, WICK_UNSUPPORTED, NULL, core,
                         "name a device with a Cortex-M or RV32, or --no-qemu",
                         "layers are compared on the cores that QEMU knows");
    const char *compiler = run->board->riscv ? run->board->build.compiler : "arm-none-eabi-gcc";
    if (!wick_process_exists(emulator(run)) || !wick_process_exists(compiler))
        return wick_fail(run->session.diag, WICK_NOT_FOUND, "QEMU", NULL, "make deps, or --no-qemu",
                         "%s or %s is not installed", emulator(run), compiler);
    return WICK_OK;
}

static wick_status emulate(device_run *run) {
    wick_arena *arena = run->session.arena;
    const char *argv[] = {
        emulator(run),
        "-M",
        run->board->machine,
        "-nographic",
        "-serial",
        "none",
        "-monitor",
        "none",
        "-semihosting-config",
        wick_arena_printf(arena, "enable=on,target=native,arg=guest,arg=%s,arg=%s,arg=%d",
                          run->inputs, run->outputs, run->n),
        "-kernel",
        run->guest,
        run->board->riscv ? "-bios" : NULL,
        "none",
        NULL};
    wick_process qemu = {.argv = argv, .timeout_s = 900};
    wick_status status = wick_process_run(&qemu, 1, 1, NULL, NULL, run->session.diag);
    const char *text = qemu.errors.data ? qemu.errors.data : "";
    if (status == WICK_OK && (qemu.exit_status != 0 || !strstr(text, "DONE")))
        status = wick_fail(run->session.diag, WICK_TOOL, run->session.dir, "QEMU", NULL,
                           "the layers did not run to the end (status %d): %.300s",
                           qemu.exit_status, text);
    wick_process_free(&qemu);
    return status;
}

static void lay_out(device_run *run) {
    const wick_plan *plan = run->session.plan;
    const wick_qtensor *input = &plan->net->tensors[plan->net->input];
    run->input_bytes = (size_t)input->h * (size_t)input->w * (size_t)input->c;
    run->at = wick_new(run->session.arena, size_t, plan->net->n_tensors);
    for (int t = 0; t < plan->net->n_tensors; t++) {
        run->at[t] = run->tensor_bytes;
        run->tensor_bytes += (plan->model.tensors[t].bytes + 1) / 2 * 2;
    }
}

/* The worst element of one layer of one input, where it is worse than what `out` has. */
static void compare_layer(const wick_qtensor *t, const int8_t *want, const int8_t *got, int image,
                          wick_device_layer *out) {
    size_t count = (size_t)t->h * (size_t)t->w * (size_t)t->c;
    for (size_t i = 0; i < count; i++) {
        int expected = wick_qtensor_at(t, want, i), found = wick_qtensor_at(t, got, i);
        int difference = abs(expected - found);
        out->differences += difference != 0;
        if (difference > abs(out->expected - out->got)) {
            out->input = image;
            out->y = (int)(i / (size_t)t->c) / t->w;
            out->x = (int)(i / (size_t)t->c) % t->w;
            out->channel = (int)(i % (size_t)t->c);
            out->expected = expected;
            out->got = found;
        }
    }
}

/* got: int16, whatever the logits' width. */
static bool same_answer(const wick_qnet *net, int module, int8_t **values, const int8_t *got) {
    const wick_qtensor *t = &net->tensors[net->logits[module]];
    for (int c = 0; c < net->n_classes; c++) {
        int16_t found;
        memcpy(&found, got + 2 * (size_t)c, sizeof found);
        if (found != wick_qtensor_at(t, values[net->logits[module]], (size_t)c))
            return false;
    }
    return true;
}

static wick_status compare(device_run *run, const int8_t *inputs, wick_device_result *result) {
    const wick_qnet *net = run->session.plan->net;
    size_t classes = (size_t)net->n_classes;
    size_t each = run->tensor_bytes + 2 * classes * (size_t)net->n_modules;
    wick_bytes file;
    WICK_TRY(wick_file_read(run->session.arena, run->outputs, each * (size_t)run->n, &file,
                            run->session.diag));
    if (file.len != each * (size_t)run->n)
        return wick_fail(run->session.diag, WICK_TOOL, run->session.dir, "QEMU", NULL,
                         "%zu bytes of tensors came back instead of %zu", file.len,
                         each * (size_t)run->n);
    int8_t **values = wick_qnet_buffers(net, run->session.arena);
    for (int i = 0; i < run->n; i++) {
        const int8_t *got = (const int8_t *)file.data + (size_t)i * each;
        memcpy(values[net->input], inputs + (size_t)i * run->input_bytes, run->input_bytes);
        wick_qnet_run_layers(net, UINT32_MAX, values);
        for (int l = 0; l < net->n_layers; l++) {
            int t = net->layers[l].dst;
            compare_layer(&net->tensors[t], values[t], got + run->at[t], i, &result->layers[l]);
        }
        for (int k = 0; k < net->n_modules; k++)
            result->wrong_answers +=
                !same_answer(net, k, values, got + run->tensor_bytes + 2 * (size_t)k * classes);
    }
    return WICK_OK;
}

static wick_status judge(const device_run *run, const wick_device_result *result) {
    const wick_plan *plan = run->session.plan;
    for (int l = 0; l < result->n_layers; l++) {
        const wick_device_layer *d = &result->layers[l];
        if (d->differences)
            return wick_fail(
                run->session.diag, WICK_DIFFERS, run->session.dir, plan->net->info[l].name,
                "all layers before it are equal: look at this one's kernel and constants",
                "is the first layer that differs on the %s: %lld elements; worst is row "
                "%d, column %d, channel %d of input %d with %d instead of %d",
                result->core, (long long)d->differences, d->y, d->x, d->channel, d->input, d->got,
                d->expected);
    }
    if (result->wrong_answers)
        return wick_fail(run->session.diag, WICK_DIFFERS, run->session.dir, "engine", NULL,
                         "all layers are equal, but %d of the engine's answers differ on the %s",
                         result->wrong_answers, result->core);
    return WICK_OK;
}

static wick_status run_all(device_run *run, const int8_t *inputs, wick_device_result *result) {
    verify_session *session = &run->session;
    WICK_TRY(verify_manifest(session));
    WICK_TRY(find_board(run));
    lay_out(run);
    result->core = run->board->core;
    result->n_layers = session->plan->net->n_layers;
    result->layers = wick_xalloc(sizeof *result->layers * (size_t)result->n_layers);
    for (int l = 0; l < result->n_layers; l++)
        result->layers[l] = (wick_device_layer){0};
    run->inputs = wick_path_join(session->arena, session->temporary, "inputs.bin");
    run->outputs = wick_path_join(session->arena, session->temporary, "outputs.bin");
    WICK_TRY(
        wick_file_write(run->inputs, inputs, (size_t)run->n * run->input_bytes, session->diag));
    run->guest = wick_path_join(run->session.arena, run->session.temporary, "guest.elf");
    WICK_TRY(
        verify_build_guest(&run->session, &run->board->build, "common/layers_guest.c", run->guest));
    WICK_TRY(emulate(run));
    WICK_TRY(compare(run, inputs, result));
    return judge(run, result);
}

wick_status wick_verify_device(const char *dir, const wick_plan *plan, const int8_t *inputs, int n,
                               wick_device_result *result, wick_diag *diag) {
    *result = (wick_device_result){0};
    char temporary[] = "/tmp/wick-verify-XXXXXX";
    if (!mkdtemp(temporary))
        return wick_fail(diag, WICK_OUTPUT, "/tmp", NULL, "free some space there",
                         "cannot make a folder for the builds");
    device_run run = {.session = {.arena = wick_arena_new(),
                                  .dir = dir,
                                  .temporary = temporary,
                                  .plan = plan,
                                  .diag = diag},
                      .n = n};
    wick_status status = run_all(&run, inputs, result);
    wick_path_remove(temporary);
    wick_arena_free(run.session.arena);
    return status;
}

void wick_device_result_free(wick_device_result *result) {
    free(result->layers);
    *result = (wick_device_result){0};
}
