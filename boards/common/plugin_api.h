/* The part of QEMU's TCG plugin interface that count_plugin.c uses, declared here because the
   distributions ship no header for it. Versions of the interface: 1 is QEMU 4.2 to 8, 2 is 9.0, 3
   is 9.1, 4 is 9.2 and 10.0, 5 is 10.1 and later. Of what is used here only qemu_plugin_insn_data
   differs: from version 3 on it copies. */
#ifndef PLUGIN_API_H
#define PLUGIN_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

typedef struct qemu_info_t {
    const char *target_name; /* "arm", "riscv32" */
    struct {
        int min, cur;
    } version; /* of the interface */
    bool system_emulation;
    struct {
        int smp_vcpus, max_vcpus;
    } system;
} qemu_info_t;

/* What a plugin exports. */
extern PLUGIN_EXPORT int qemu_plugin_version;
PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                      char **argv);

enum { QEMU_PLUGIN_CB_NO_REGS = 0, QEMU_PLUGIN_MEM_RW = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*translated)(qemu_plugin_id_t,
                                                              struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
                                          void (*executed)(unsigned, void *), int flags,
                                          void *context);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
                                      void (*accessed)(unsigned, qemu_plugin_meminfo_t, uint64_t,
                                                       void *),
                                      int flags, int read_write, void *context);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*ended)(qemu_plugin_id_t, void *),
                                    void *context);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);

/* Declared without its type, which depends on the version. */
void qemu_plugin_insn_data(void);

/* Only looked for, never called: which of them exists tells the version before QEMU asks for it. */
__attribute__((weak)) void qemu_plugin_scoreboard_new(void);                /* 2 */
__attribute__((weak)) void qemu_plugin_register_vcpu_tb_exec_cond_cb(void); /* 3 */
__attribute__((weak)) void qemu_plugin_read_memory_vaddr(void);             /* 4 */
__attribute__((weak)) void qemu_plugin_write_register(void);                /* 5 */

#endif
