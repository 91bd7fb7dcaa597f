/* A QEMU plugin that kills the process before instruction number `at` (at=0: counts and prints them
   to the file out=). */
#include "plugin_api.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

PLUGIN_EXPORT int qemu_plugin_version = 1;

void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*executed)(unsigned, void *), int flags,
                                            void *context);

static uint64_t executed, kill_at;
static FILE *out;

static void on_instruction(unsigned cpu, void *context) {
    (void)cpu;
    (void)context;
    if (++executed == kill_at)
        kill(getpid(), SIGKILL);
}

static void on_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
        qemu_plugin_register_vcpu_insn_exec_cb(qemu_plugin_tb_get_insn(tb, i), on_instruction,
                                               QEMU_PLUGIN_CB_NO_REGS, NULL);
}

static void on_end(qemu_plugin_id_t id, void *context) {
    (void)id;
    (void)context;
    if (out) {
        fprintf(out, "%llu\n", (unsigned long long)executed);
        fclose(out);
    }
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                      char **argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "at=", 3))
            kill_at = strtoull(argv[i] + 3, NULL, 10);
        if (!strncmp(argv[i], "out=", 4))
            out = fopen(argv[i] + 4, "w");
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    qemu_plugin_register_atexit_cb(id, on_end, NULL);
    return 0;
}
