/* Copies of what is already C: the runtime, the self-test, the port template, the licence. */
#include "emit/emit_parts.h"

#include <stdio.h>
#include <string.h>

enum { MAX_SOURCE_BYTES = 1 << 20 };

static bool ends_with(const char *text, const char *end) {
    size_t a = strlen(text), b = strlen(end);
    return a >= b && !strcmp(text + a - b, end);
}

/* One file of the share folder, below a stamp that says where it is from. */
static wick_status copy_file(wick_emit *emit, const char *from, const char *to, bool comment) {
    wick_bytes bytes;
    WICK_TRY(wick_file_read(emit->arena, wick_path_join(emit->arena, wick_share_dir(), from),
                            MAX_SOURCE_BYTES, &bytes, emit->diag));
    wick_buf *buf = wick_emit_file_new(emit, to);
    if (comment)
        wick_buf_printf(buf, "/* %s of wick %s, unchanged below this line. */\n", from,
                        wick_version());
    wick_buf_append(buf, bytes.data, bytes.len);
    return WICK_OK;
}

/* Whether `name` is the file of a kernel: portable ones are kernel 0 of every kind. */
static bool is_kernel_file(const char *name, int kind, int kernel) {
    const char *stem = wick_kernel_name((uint8_t)kind, (uint8_t)kernel);
    size_t len = strlen(stem);
    return !strncmp(name, stem, len) && !strcmp(name + len, ".c");
}

/* The file of a kernel that no layer uses, or the general dispatcher. */
static bool is_left_out(const wick_emit *emit, const char *name) {
    const wick_plan *plan = emit->plan;
    bool flash = plan->device->nvm.page_bytes > 0;
    if (!strcmp(name, "dispatch.c") || (!flash && !strcmp(name, "nvm_flash.c")))
        return true;
    for (int l = 0; l < plan->net->n_layers; l++)
        if (is_kernel_file(name, plan->model.layers[l].kind, plan->model.layers[l].kernel))
            return false;
    for (int k = 0; k < WICK_LAYER_KINDS; k++)
        if (is_kernel_file(name, k, WICK_KERNEL_PORTABLE))
            return true;
    for (int k = 0; k < WICK_KERNELS; k++)
        if (is_kernel_file(name, 0, k))
            return true;
    return false;
}

static wick_status copy_folder(wick_emit *emit, const char *from, const char *to,
                               const char *extension) {
    char **names;
    size_t count;
    WICK_TRY(wick_dir_list(emit->arena, wick_path_join(emit->arena, wick_share_dir(), from), &names,
                           &count, emit->diag));
    for (size_t i = 0; i < count; i++)
        if (ends_with(names[i], extension) && !is_left_out(emit, names[i]))
            WICK_TRY(copy_file(emit, wick_path_join(emit->arena, from, names[i]),
                               wick_path_join(emit->arena, to, names[i]), true));
    return WICK_OK;
}

wick_status wick_emit_runtime(wick_emit *emit) {
    static const char *const folders[] = {"engine", "kernels", "nvm", "policy"};
    WICK_TRY(copy_folder(emit, "runtime/include/wick", "include/wick", ".h"));
    for (size_t i = 0; i < WICK_LEN(folders); i++)
        WICK_TRY(
            copy_folder(emit, wick_path_join(emit->arena, "runtime", folders[i]), "wick", ".c"));
    WICK_TRY(copy_file(emit, "boards/template/selftest.c", "host/selftest.c", true));
    WICK_TRY(copy_file(emit, "boards/template/port_template.c", "port/port_template.c", true));
    static const char *const slot[] = {"slot.h", "slot_head.c", "slot.ld"};
    /* A slot's header is written in place. */
    for (size_t i = 0; i < WICK_LEN(slot) && !emit->plan->device->nvm.page_bytes; i++)
        WICK_TRY(copy_file(emit, wick_path_join(emit->arena, "boards/template", slot[i]),
                           wick_path_join(emit->arena, "image", slot[i]), true));
    return copy_file(emit, "runtime/LICENSE.0BSD", "LICENSE", false);
}
