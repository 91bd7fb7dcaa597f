#include "emit/verify.h"
#include "emit/verify_parts.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

wick_verify_options wick_verify_defaults(void) {
    return (wick_verify_options){.inputs = 1,
                                 .host = true,
                                 .exhaustive = true,
                                 .seeded = 1000,
                                 .pairs = 2000,
                                 .rounds = 1,
                                 .voltage = "unknown",
                                 .qemu = wick_process_exists("qemu-system-arm") &&
                                         wick_process_exists("arm-none-eabi-gcc"),
                                 .resets = 100,
                                 .thumb_cuts = 200,
                                 .kills = 20,
                                 .msp430_cuts = 100,
                                 .seed = 1,
                                 .compiler = "cc"};
}

void wick_verify_free(wick_verify_result *result) {
    free(result->cases);
    free(result->rigs);
    free(result->explanation);
    *result = (wick_verify_result){0};
}

/* The firmware is what lies in the folder itself and in wick/ (emit.h): a build folder that its
   user made beside them is none of it. */
static wick_status collect(verify_session *session, const char *dir, char ***files, int *n) {
    char **names;
    size_t count;
    WICK_TRY(wick_dir_list(session->arena, dir, &names, &count, session->diag));
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (len <= 2 || strcmp(names[i] + len - 2, ".c") != 0)
            continue;
        *files = wick_xrealloc(*files, (size_t)(*n + 1) * sizeof **files);
        (*files)[(*n)++] = wick_path_join(session->arena, dir, names[i]);
    }
    return WICK_OK;
}

wick_status verify_sources(verify_session *session, char ***files, int *n) {
    char **list = NULL;
    *n = 0;
    wick_status status = collect(session, session->dir, &list, n);
    if (status == WICK_OK)
        status = collect(session, wick_path_join(session->arena, session->dir, "wick"), &list, n);
    *files = wick_new(session->arena, char *, *n + 1);
    if (*n)
        memcpy(*files, list, (size_t)*n * sizeof *list);
    free(list);
    if (status == WICK_OK && *n == 0)
        status = wick_fail(session->diag, WICK_NOT_FOUND, session->dir, NULL,
                           "name a folder that `wick emit` made", "there are no C files");
    return status;
}

wick_status verify_compile(verify_session *session, const char *const *argv) {
    wick_process process = {.argv = argv, .timeout_s = 600};
    wick_status status = wick_process_run(&process, 1, 1, NULL, NULL, session->diag);
    if (status == WICK_OK && process.exit_status != 0) {
        wick_buf_append(&process.errors, "", 0);
        status = wick_fail(session->diag, WICK_TOOL, session->dir, argv[0],
                           "emit the folder again; if it stays, this is a fault of wick",
                           "the emitted C does not compile: %.700s", process.errors.data);
    }
    wick_process_free(&process);
    return status;
}

wick_status verify_build_guest(verify_session *session, const verify_core *core, const char *source,
                               const char *guest) {
    char **files;
    int n_files, n = 0;
    WICK_TRY(verify_sources(session, &files, &n_files));
    wick_arena *arena = session->arena;
    char *share = wick_path_join(arena, wick_share_dir(), "boards");
    const char **argv = wick_new(arena, const char *, n_files + 24);
    argv[n++] = core->compiler ? core->compiler : "arm-none-eabi-gcc";
    argv[n++] = wick_arena_printf(arena, "@%s/%s", share, core->flags);
    if (core->cpu)
        argv[n++] = core->cpu;
    argv[n++] = "-std=gnu99";
    argv[n++] = "-O2";
    argv[n++] = "-ffreestanding";
    argv[n++] = "-T";
    argv[n++] = wick_path_join(arena, share, core->linker ? core->linker : "common/mps.ld");
    argv[n++] = wick_arena_printf(arena, "-I%s", session->dir);
    argv[n++] = wick_arena_printf(arena, "-I%s/include", session->dir);
    argv[n++] = wick_arena_printf(arena, "-I%s/common", share);
    argv[n++] = wick_path_join(arena, share, core->start ? core->start : "common/mps_start.c");
    argv[n++] = wick_path_join(arena, share, "common/semihost.c");
    argv[n++] = wick_path_join(arena, share, source);
    for (int i = 0; i < n_files; i++)
        argv[n++] = files[i];
    argv[n++] = "-o";
    argv[n++] = guest;
    return verify_compile(session, argv);
}

/* Its manifest carries the model's and the plan's identity. */
wick_status verify_manifest(verify_session *session) {
    char *path = wick_path_join(session->arena, session->dir, "manifest.json");
    json_t *root;
    wick_status status = wick_json_load(path, &root, session->diag);
    if (status != WICK_OK)
        return wick_fail(session->diag, status, session->dir, NULL,
                         "name a folder that `wick emit` made", "it has no readable manifest");
    const char *id = "", *device = "";
    wick_json_at at = wick_json_root(root, path, session->arena, session->diag);
    status = wick_json_string(at, "id", &id);
    char *want = wick_arena_printf(session->arena, "%08x%08x", session->plan->model.id[0],
                                   session->plan->model.id[1]);
    if (status == WICK_OK && strcmp(id, want) != 0)
        status = wick_json_fail(at, WICK_MISMATCH, "emit it again from this plan",
                                "the folder holds %s, the plan is %s", id, want);
    /* The id says where memory lies, which may be the same on two devices; their kernels are not.
     */
    if (status == WICK_OK)
        status = wick_json_string(at, "device", &device);
    if (status == WICK_OK && strcmp(device, session->plan->device->name) != 0)
        status = wick_json_fail(at, WICK_MISMATCH, "name the folder's plan with --plan",
                                "the folder is for %s, the plan for %s", device,
                                session->plan->device->name);
    json_decref(root);
    return status;
}

/* Pixels of input i: an image of the validation split, or seeded noise. */
static void take_pixels(const verify_session *session, const wick_data *data, int i,
                        uint8_t *pixels, size_t bytes) {
    wick_rng rng = wick_rng_seed(session->options->seed, 0x766572 + (uint64_t)i);
    if (data && data->split[WICK_VALIDATION].n > 0) {
        const wick_images *images = &data->split[WICK_VALIDATION];
        size_t at = wick_rng_below(&rng, (uint32_t)images->n);
        memcpy(pixels, images->pixels + at * bytes, bytes);
        return;
    }
    for (size_t b = 0; b < bytes; b++)
        pixels[b] = (uint8_t)wick_rng_below(&rng, 256);
}

/* Runs the inputs on the PC and writes each quantized input to a file for the harnesses. */
static wick_status prepare_inputs(verify_session *session, const wick_data *data) {
    const wick_qnet *net = session->plan->net;
    const wick_qtensor *input = &net->tensors[net->input];
    size_t bytes = (size_t)input->h * (size_t)input->w * (size_t)input->c;
    if (data && (data->height != input->h || data->width != input->w || data->channels != input->c))
        return wick_fail(session->diag, WICK_SHAPE, data->spec, NULL,
                         "use the data the model was trained on",
                         "images are %dx%dx%d, the model takes %dx%dx%d", data->height, data->width,
                         data->channels, input->h, input->w, input->c);
    uint8_t *pixels = wick_new(session->arena, uint8_t, bytes);
    int8_t **values = wick_qnet_buffers(net, session->arena);
    session->inputs = wick_new(session->arena, char *, session->n_inputs);
    session->logits = wick_new(session->arena, int16_t *, session->n_inputs * net->n_modules);
    for (int i = 0; i < session->n_inputs; i++) {
        take_pixels(session, data, i, pixels, bytes);
        wick_qnet_run(net, pixels, (1u << net->n_modules) - 1, values);
        session->inputs[i] =
            wick_arena_printf(session->arena, "%s/input%d.bin", session->temporary, i);
        WICK_TRY(wick_file_write(session->inputs[i], values[net->input], bytes, session->diag));
        for (int k = 0; k < net->n_modules; k++) {
            int16_t *copy = wick_new(session->arena, int16_t, net->n_classes);
            for (int c = 0; c < net->n_classes; c++)
                copy[c] = (int16_t)wick_qtensor_at(&net->tensors[net->logits[k]],
                                                   values[net->logits[k]], (size_t)c);
            session->logits[i * net->n_modules + k] = copy;
        }
    }
    return WICK_OK;
}

static void make_cases(verify_session *session, wick_verify_result *result) {
    int modules = session->plan->net->n_modules;
    uint32_t wanted = session->options->modules ? session->options->modules : ~0u;
    result->cases = wick_xalloc(sizeof *result->cases * (size_t)(modules * session->n_inputs));
    for (int i = 0; i < session->n_inputs; i++)
        for (int k = 1; k <= modules; k++)
            if (wanted & (1u << (k - 1)))
                result->cases[result->n_cases++] = (wick_verify_case){.module = k, .input = i};
}

/* "<module>.<input>.<seed>.<case>": everything that a replay needs. */
static wick_status run_replay(verify_session *session, const wick_data *data,
                              wick_verify_result *result) {
    const char *id = session->options->replay;
    int module, input, used = 0;
    unsigned long long seed;
    if (sscanf(id, "%d.%d.%llu.%n", &module, &input, &seed, &used) < 3 || !used || module < 1 ||
        module > session->plan->net->n_modules || input < 0 || input > 1000 ||
        (input > 0 && !strncmp(id + used, "q:", 2)))
        return wick_fail(session->diag, WICK_SYNTAX, NULL, id,
                         "copy the id as `wick verify` printed it",
                         "this is not a replay id (module.input.seed.case)");
    wick_verify_options again = *session->options;
    again.seed = seed;
    session->options = &again;
    session->n_inputs = input + 1;
    wick_status status = prepare_inputs(session, data);
    if (status == WICK_OK && !strncmp(id + used, "q:", 2)) {
        again.resets = (int)strtol(id + used + 2, NULL, 10);
        again.modules = 1u << (module - 1);
        make_cases(session, result);
        return verify_qemu(session, result);
    }
    bool thumb = !strncmp(id + used, "u:", 2) || !strncmp(id + used, "i:", 2) ||
                 !strncmp(id + used, "r:", 2);
    if (status == WICK_OK && thumb)
        return verify_thumb_replay(session, module, input, id + used, result);
    if (status == WICK_OK)
        status = verify_host_replay(session, module, input, id + used, result);
    return status;
}

static wick_status run_session(verify_session *session, const wick_data *data,
                               wick_verify_result *result) {
    WICK_TRY(verify_manifest(session));
    if (session->options->replay)
        return run_replay(session, data, result);
    int modules = session->plan->net->n_modules;
    if (session->options->modules >> modules)
        return wick_fail(session->diag, WICK_RANGE, NULL, "modules", "1 is the largest module",
                         "the plan has only %d modules", modules);
    WICK_TRY(prepare_inputs(session, data));
    make_cases(session, result);
    if (session->options->host)
        WICK_TRY(verify_host(session, result));
    WICK_TRY(verify_other_rigs(session, result));
    if (session->plan->device->nvm.page_bytes)
        result->qemu_missing = "the plan is for flash, which the PC's rig and Unicorn's have";
    else if (session->options->qemu)
        return verify_qemu(session, result);
    else if (!session->options->rigs && !wick_verify_defaults().qemu)
        result->qemu_missing = "qemu-system-arm or arm-none-eabi-gcc is not installed (make deps)";
    return WICK_OK;
}

wick_status wick_verify_run(const char *dir, const wick_plan *plan, const wick_data *data,
                            const wick_verify_options *options, wick_verify_result *result,
                            wick_diag *diag) {
    *result = (wick_verify_result){0};
    char temporary[] = "/tmp/wick-verify-XXXXXX";
    if (!mkdtemp(temporary))
        return wick_fail(diag, WICK_OUTPUT, "/tmp", NULL, "free some space there",
                         "cannot make a folder for the builds");
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    verify_session session = {.arena = wick_arena_new(),
                              .dir = dir,
                              .temporary = temporary,
                              .plan = plan,
                              .options = options,
                              .n_inputs = options->inputs,
                              .jobs = options->jobs > 0 ? options->jobs
                                      : cores > 0       ? (int)cores
                                                        : 1,
                              .diag = diag};
    wick_status status = run_session(&session, data, result);
    wick_path_remove(temporary);
    wick_arena_free(session.arena);
    if (status == WICK_OK && result->differences > 0) {
        const char *replay = "";
        for (int i = 0; i < result->n_cases && !replay[0]; i++)
            replay = result->cases[i].replay;
        for (int i = 0; i < result->n_rigs && !replay[0]; i++)
            replay = result->rigs[i].replay;
        char *hint = replay[0] ? malloc(strlen(replay) + 80) : NULL;
        if (hint)
            sprintf(hint, "see it again with the same options and --replay %s", replay);
        status = wick_fail(diag, WICK_DIFFERS, dir, NULL, hint,
                           "%lld runs with power failures differ from the uninterrupted one",
                           (long long)result->differences);
        free(hint);
    }
    return status;
}
