/* A QEMU plugin that counts, between the two markers of markers.h, the instructions that a guest
   executes, and estimates from core_timing.c the cycles that they would take. Works block by block:
   what a block costs is known when it is translated; when it is executed, only the way into it and
   unaligned addresses are added. Where the timing is that of a pipeline, every instruction of an
   executed block goes through core_pipeline.c.
     -plugin count_plugin.so,core=m4,out=FILE
   One line for each pair of markers: number, instructions, estimated cycles, unaligned accesses,
   accesses that the real core would refuse although QEMU allows them, instructions that are not in
   the table. */
#include "core_pipeline.h"
#include "markers.h"
#include "plugin_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PLUGIN_EXPORT int qemu_plugin_version = 1;

typedef struct block {
    uint64_t start, end;
    uint32_t insns, cycles, unknown; /* cycles: as if entered by a branch */
    insn first, last;
    insn *all; /* for a pipeline only */
    enum { NO_MARKER, BEGINS, ENDS } marker;
} block;

static const core_timing *core;
static int api_version;
static union {
    void (*any)(void);
    const void *(*until_2)(const struct qemu_plugin_insn *insn);
    size_t (*since_3)(const struct qemu_plugin_insn *insn, void *dst, size_t bytes);
} insn_data = {qemu_plugin_insn_data};
static FILE *out;
static bool counting;
static const block *before; /* the block that was executed last */
static int runs;
static core_pipeline pipeline;
static uint64_t insns, cycles, unaligned, refused, unknown;

/* Runs when QEMU loads the plugin, before it compares the version. */
__attribute__((constructor)) static void choose_version(void) {
    if (qemu_plugin_scoreboard_new)
        qemu_plugin_version = 2;
    if (qemu_plugin_register_vcpu_tb_exec_cond_cb)
        qemu_plugin_version = 3;
    if (qemu_plugin_read_memory_vaddr)
        qemu_plugin_version = 4;
    if (qemu_plugin_write_register)
        qemu_plugin_version = 5;
}

static void insn_bytes(const struct qemu_plugin_insn *q, uint8_t dst[4]) {
    size_t size = qemu_plugin_insn_size(q) < 4 ? qemu_plugin_insn_size(q) : 4;
    memset(dst, 0, 4);
    if (api_version >= 3)
        insn_data.since_3(q, dst, size);
    else
        memcpy(dst, insn_data.until_2(q), size);
}

static bool is_unaligned(qemu_plugin_meminfo_t info, uint64_t address) {
    return (address & ((1u << qemu_plugin_mem_size_shift(info)) - 1)) != 0;
}

static void accessed(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address, void *context) {
    (void)cpu;
    (void)context;
    if (!is_unaligned(info, address))
        return;
    unaligned++;
    refused += !core->may_be_unaligned;
    cycles += core_unaligned(core, address, qemu_plugin_mem_size_shift(info));
}

/* Elements of a vector must be aligned everywhere. */
static void accessed_vector(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address,
                            void *context) {
    (void)cpu;
    (void)context;
    refused += is_unaligned(info, address);
}

static void add_cycles(const block *b) {
    if (before->end != b->start)
        cycles += core_refill(core, &before->last);
    else if (before->last.kind == INSN_LOOP_END)
        cycles += 1u + core->refill;
    if (core->in_order_pipeline) {
        uint64_t begin = pipeline.now;
        for (uint32_t k = 0; k < b->insns; k++)
            core_issue(&pipeline, core, &b->all[k]);
        cycles += pipeline.now - begin;
        return;
    }
    cycles += b->cycles;
    if (before->end == b->start && !insn_is_branch(&before->last))
        cycles = cycles + core_cycles(core, &before->last, &b->first) -
                 core_cycles(core, NULL, &b->first); /* a block that only ended at a page's end */
}

static void executed(unsigned cpu, void *context) {
    (void)cpu;
    const block *b = context;
    if (b->marker == BEGINS) {
        insns = cycles = unaligned = refused = unknown = 0;
        counting = true;
    } else if (b->marker == ENDS) {
        if (counting)
            fprintf(out, "%d %llu %llu %llu %llu %llu\n", runs++, (unsigned long long)insns,
                    (unsigned long long)cycles, (unsigned long long)unaligned,
                    (unsigned long long)refused, (unsigned long long)unknown);
        fflush(out);
        counting = false;
    } else if (counting) {
        insns += b->insns;
        unknown += b->unknown;
        add_cycles(b);
    }
    before = b;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    block *b = calloc(1, sizeof *b);
    if (!b)
        abort();
    size_t n = qemu_plugin_tb_n_insns(tb);
    b->all = core->in_order_pipeline ? calloc(n, sizeof *b->all) : NULL;
    if (core->in_order_pipeline && !b->all)
        abort();
    uint8_t head[8] = {0};
    size_t head_bytes = 0;
    insn last = {0};
    for (size_t k = 0; k < n; k++) {
        struct qemu_plugin_insn *q = qemu_plugin_tb_get_insn(tb, k);
        uint8_t bytes[4];
        insn_bytes(q, bytes);
        insn i = core->riscv ? insn_decode_riscv(bytes) : insn_decode_thumb(bytes);
        if (k == 0) {
            b->start = qemu_plugin_insn_vaddr(q);
            b->first = i;
        }
        /* Not qemu_plugin_insn_size: before a page's end QEMU 7 counts a look at the next one in.
         */
        b->end = qemu_plugin_insn_vaddr(q) + i.bytes;
        b->cycles += core_cycles(core, k ? &last : NULL, &i);
        b->unknown += i.kind == INSN_UNKNOWN;
        if (i.kind == INSN_LOAD || i.kind == INSN_STORE)
            qemu_plugin_register_vcpu_mem_cb(q, accessed, QEMU_PLUGIN_CB_NO_REGS,
                                             QEMU_PLUGIN_MEM_RW, NULL);
        if (i.kind == INSN_VECTOR_MEMORY || i.kind == INSN_VECTOR_GATHER)
            qemu_plugin_register_vcpu_mem_cb(q, accessed_vector, QEMU_PLUGIN_CB_NO_REGS,
                                             QEMU_PLUGIN_MEM_RW, NULL);
        if (head_bytes < 4) {
            memcpy(head + head_bytes, bytes, 4);
            head_bytes += i.bytes;
        }
        if (b->all)
            b->all[k] = i;
        last = i;
    }
    b->insns = (uint32_t)n;
    b->last = last;
    uint32_t mark = (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 |
                    (uint32_t)head[3] << 24;
    if (mark == (core->riscv ? MARKER_RISCV_BEGIN : MARKER_THUMB_BEGIN))
        b->marker = BEGINS;
    if (mark == (core->riscv ? MARKER_RISCV_END : MARKER_THUMB_END))
        b->marker = ENDS;
    qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, b);
}

PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
                                      char **argv) {
    static const block nothing;
    api_version = info->version.cur;
    before = &nothing;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "core=", 5))
            core = core_timing_find(argv[i] + 5);
        if (!strncmp(argv[i], "out=", 4))
            out = fopen(argv[i] + 4, "w");
    }
    if (!core || !out || info->version.min > 5 || !info->system_emulation) {
        fprintf(stderr,
                "count_plugin: needs core=NAME, out=FILE, and plugin interface 1 to 5; this "
                "QEMU's is %d to %d\n",
                info->version.min, info->version.cur);
        return 1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
